//! Ending everything in a group, also what is being made meanwhile.

use std::time::Instant;

use nix::errno::Errno;

use super::{
    Cgroup, PATIENCE,
    group::{Version, is_absent},
};
use crate::sys::{Result, SysError, pidfd, spawn};

impl Cgroup {
    /// Kills every process in the group and below it, and returns when none is left.
    ///
    /// # Errors
    /// What the kernel says; timed out when some do not die.
    pub fn kill_all(&self) -> Result<()> {
        let Some(group) = self.groups.first() else {
            return Ok(());
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.signal_all(libc::SIGKILL)?;
            if self.members().is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(SysError::new("empty", group.path.display(), Errno::ETIMEDOUT));
            }
            group.pause();
        }
    }

    /// Sends a signal to every process in the group and below it. They stand still while they are counted, so that none forks away (a fork
    /// bomb is faster than any reader of `cgroup.procs`); killing by `cgroup.kill` needs no counting.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn signal_all(&self, number: i32) -> Result<()> {
        let is_deadly = number == libc::SIGKILL;
        if is_deadly && self.is_killed_by_kernel()? {
            return Ok(());
        }
        let was_frozen = self.is_frozen();
        // Where nothing can be frozen, those that are there now get it; `kill_all` comes again.
        let is_held = was_frozen || self.freeze().is_ok();
        for pid in self.members() {
            // One that is gone meanwhile needs no signal.
            if let Ok(process) = pidfd::open(pid) {
                drop(spawn::send_signal(std::os::fd::AsFd::as_fd(&process), number));
            }
        }
        // In version 1 what stands still does not die.
        if is_held && (is_deadly || !was_frozen) { self.thaw() } else { Ok(()) }
    }

    /// Has the kernel kill all of it (version 2 since Linux 5.14); tells whether that holds for every process, because there is no other version.
    fn is_killed_by_kernel(&self) -> Result<bool> {
        for group in self.groups.iter().filter(|group| group.version == Version::Two) {
            match group.write("cgroup.kill", "1") {
                Err(error) if is_absent(&error) => return Ok(false),
                other => other?,
            }
        }
        Ok(self.groups.iter().all(|group| group.version == Version::Two))
    }
}
