//! `/dev` of a container: the host's own nodes, shown through mounts that forbid changing them.
//!
//! Nothing that a container can write to allows devices (`nodev`), so the only devices it can open are the ones shown here, and a node made
//! with `mknod` never works: with control groups of version 1, of version 2, and without.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use super::{InitError, error::Step as _};
use crate::sys::{
    self,
    mount::{Attributes, Mount},
    root,
};

/// Name, major and minor number (`devices.txt` of the kernel).
const NODES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Name and target.
const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
    ("ptmx", "pts/ptmx"),
];

/// Fills an empty `/dev`; gives its mounted `null`.
pub(super) fn populate(dev: BorrowedFd<'_>) -> Result<OwnedFd, InitError> {
    let mut null = None;
    for (name, major, minor) in NODES {
        let mount = provide(dev, name, major, minor)
            .step(|cause| InitError::Device { name: name.to_owned(), cause })?;
        null.get_or_insert(mount);
    }
    for (name, target) in LINKS {
        root::link(target, dev, name)
            .step(|cause| InitError::Device { name: name.to_owned(), cause })?;
    }
    null.map(Mount::into_root).ok_or_else(|| InitError::Protocol("no devices".to_owned()))
}

/// Shows a terminal as `/dev/console`.
pub(super) fn show_console(dev: BorrowedFd<'_>, terminal: &OwnedFd) -> sys::Result<()> {
    let target = root::make_file(dev, "console")?;
    Mount::copy(terminal.as_fd(), false)?.attach(target)
}

/// Copies the mount of a node of the host. Read-only means that its owner and mode cannot be changed; writing to the device itself still works.
pub(super) fn bind(path: &str, major: u32, minor: u32) -> sys::Result<Mount> {
    let mount = Mount::copy(root::pin_device(path, major, minor)?, false)?;
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NOEXEC;
    mount.isolate(attributes, false)?;
    Ok(mount)
}

fn provide(dev: BorrowedFd<'_>, name: &str, major: u32, minor: u32) -> sys::Result<Mount> {
    let target = root::make_file(dev, name)?;
    let mount = bind(&format!("/dev/{name}"), major, minor)?;
    mount.attach(target)?;
    Ok(mount)
}
