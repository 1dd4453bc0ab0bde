//! Stopping all processes of a group at once, without their knowing (`freezer-subsystem.rst`, `cgroup-v2.rst`).

use std::time::Instant;

use nix::errno::Errno;

use super::{Cgroup, PATIENCE, group::Version};
use crate::sys::{Result, SysError};

impl Cgroup {
    /// Stops every process in the group, and returns when they stand still.
    ///
    /// # Errors
    /// What the kernel says; not found without a controller for it, timed out when they do not stop.
    pub fn freeze(&self) -> Result<()> {
        self.set_frozen(true)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// As [`Cgroup::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.set_frozen(false)
    }

    /// Tells whether they stand still.
    pub fn is_frozen(&self) -> bool {
        self.groups.iter().any(|group| match group.version {
            Version::One => group.text("freezer.state").is_some_and(|text| text == "FROZEN"),
            Version::Two => group.field("cgroup.events", "frozen") == Some(1),
        })
    }

    fn set_frozen(&self, frozen: bool) -> Result<()> {
        // Version 2 has it in every group, with no controller.
        let two = self.groups.iter().find(|group| group.version == Version::Two);
        let group = match self.having("freezer") {
            Ok(one) => one,
            Err(error) => two.ok_or(error)?,
        };
        let (file, text) = match (group.version, frozen) {
            (Version::One, true) => ("freezer.state", "FROZEN"),
            (Version::One, false) => ("freezer.state", "THAWED"),
            (Version::Two, true) => ("cgroup.freeze", "1"),
            (Version::Two, false) => ("cgroup.freeze", "0"),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            group.write(file, text)?;
            if self.is_frozen() == frozen {
                return Ok(());
            }
            if Instant::now() > deadline {
                // What is half frozen would never go on by itself.
                if frozen {
                    self.set_frozen(false)?;
                }
                return Err(SysError::new("freeze", group.path.display(), Errno::ETIMEDOUT));
            }
            group.pause();
        }
    }
}
