//! An overlay's layers as one tree, mounted nowhere (overlayfs.rst of the kernel).

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::sched::{CloneFlags, unshare};

use super::{
    At as _, Result, SysError, files,
    mount::{self, Attributes, Filesystem, Mount},
    visit,
};

/// The longest value of a mount option (`fsconfig(2)` takes 256 bytes with the zero at the end).
const LONGEST_OPTION: usize = 255;

/// What is laid over each other.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// Read-only directories, topmost first.
    pub lowers: &'a [PathBuf],
    /// Where changes go; nothing can be changed without.
    pub changes: Option<Changes<'a>>,
}

/// Where the changes of an overlay go.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// The topmost directory.
    pub upper: &'a Path,
    /// Where the kernel prepares them.
    pub work: &'a Path,
}

impl<'a> Layers<'a> {
    /// Gives the options, with this one for the directories below.
    pub fn options(self, lower: &'static str) -> impl Iterator<Item = (&'static str, &'a Path)> {
        let own = self.changes.map(|own| [("upperdir", own.upper), ("workdir", own.work)]);
        self.lowers.iter().map(move |path| (lower, path.as_path())).chain(own.into_iter().flatten())
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

    /// Does something with the root of the tree, for a look at a container that does not run. No device node in it works. The tree is mounted on the directory
    /// `at` in a mount namespace of its own, which root of a user namespace may make too, and in which `visit` may mount more; all of it goes in the end.
    ///
    /// # Errors
    /// As [`Layers::mount`]; what `visit` says.
    pub fn visit<T: Send, E: From<SysError> + Send>(
        self,
        at: &Path,
        is_rootless: bool,
        visit: impl FnOnce(OwnedFd) -> std::result::Result<T, E> + Send,
    ) -> std::result::Result<T, E> {
        visit::aside(move || {
            unshare(CloneFlags::CLONE_NEWNS).at("make", "a mount namespace")?;
            mount::stop_propagation()?;
            let flag = is_rootless.then_some("userxattr");
            let attributes = Attributes::MOUNT_ATTR_NODEV | Attributes::MOUNT_ATTR_NOSUID;
            let mount = self.mount(flag, attributes)?;
            mount.attach(files::pin(at)?)?;
            visit(mount.into_root())
        })
    }
}
