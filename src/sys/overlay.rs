//! An overlay's layers as one tree, mounted nowhere (overlayfs.rst of the kernel).

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::sched::{CloneFlags, unshare};

use super::{
    At as _, Result, files,
    mount::{Attributes, Filesystem, Mount},
    visit,
};

/// The longest value of a mount option (`fsconfig(2)` takes 256 bytes with the zero at the end).
const LONGEST_OPTION: usize = 255;

/// What is laid over each other.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// Read-only directories, topmost first.
    pub lowers: &'a [PathBuf],
    /// Where changes go.
    pub upper: &'a Path,
    /// Where the kernel prepares them.
    pub work: &'a Path,
}

impl<'a> Layers<'a> {
    /// Gives the options, with this one for the directories below.
    pub fn options(self, lower: &'static str) -> impl Iterator<Item = (&'static str, &'a Path)> {
        let own = [("upperdir", self.upper), ("workdir", self.work)];
        self.lowers.iter().map(move |path| (lower, path.as_path())).chain(own)
    }

    /// Makes the overlay, with flags like `userxattr`; attached nowhere.
    ///
    /// # Errors
    /// What the kernel says; invalid before Linux 6.5.
    pub fn mount(
        self,
        flags: impl IntoIterator<Item = &'static str>,
        attributes: Attributes,
    ) -> Result<Mount> {
        let filesystem = Filesystem::open("overlay")?;
        // Held until the overlay holds them.
        let mut pins = Vec::new();
        for (key, path) in self.options("lowerdir+") {
            if let Some(text) = path.to_str().filter(|text| text.len() <= LONGEST_OPTION) {
                filesystem.set(key, text)?;
                continue;
            }
            let pin = files::pin(path)?;
            filesystem.set(key, &files::name_of(&pin))?;
            pins.push(pin);
        }
        for flag in flags {
            filesystem.set(flag, "")?;
        }
        filesystem.mount(attributes)
    }

    /// Opens the root of the tree, for a look at a container that does not run. No device node in it works. The mount is made in a mount namespace of its own, which root
    /// of a user namespace may make, and goes with the descriptor.
    ///
    /// # Errors
    /// As [`Layers::mount`].
    pub fn open(self, is_rootless: bool) -> Result<OwnedFd> {
        visit::aside(move || {
            unshare(CloneFlags::CLONE_NEWNS).at("make", "a mount namespace")?;
            let flag = is_rootless.then_some("userxattr");
            let attributes = Attributes::MOUNT_ATTR_NODEV | Attributes::MOUNT_ATTR_NOSUID;
            self.mount(flag, attributes).map(Mount::into_root)
        })
    }
}
