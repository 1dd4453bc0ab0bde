//! Owners, modes, times and extended attributes of what is in a tree.

use std::{
    ffi::OsStr,
    fs::File,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, Mode, Timespec, Timestamps, XattrFlags, chmodat, chownat, fchmod, fchown,
        fsetxattr, futimens, lsetxattr, utimensat,
    },
    process::{Gid, Uid},
};

use super::{
    super::{At as _, Result},
    Directory,
};

/// Whom something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's number; not the highest of 32 bits, which chown(2) takes as "leave it".
    pub uid: u32,
    /// The group's number, likewise.
    pub gid: u32,
}

/// When something was changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds beyond them.
    pub nanoseconds: u32,
}

impl Directory {
    /// Gives a name that is no file or directory to somebody; a link itself, not what it points at.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn set_owner(&self, name: &OsStr, owner: Owner) -> Result<()> {
        let (uid, gid) = numbers(owner);
        chownat(&self.fd, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .at("give away", self.at(name))
    }

    /// Sets the permission bits of a device or named pipe.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn set_mode(&self, name: &OsStr, mode: u32) -> Result<()> {
        chmodat(&self.fd, name, bits(mode), AtFlags::empty()).at("set the mode of", self.at(name))
    }

    /// Sets when a name was changed last; of a link itself, not of what it points at.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn set_time(&self, name: &OsStr, changed: Moment) -> Result<()> {
        utimensat(&self.fd, name, &times(changed), AtFlags::SYMLINK_NOFOLLOW)
            .at("set the time of", self.at(name))
    }

    /// Sets an extended attribute of a name that cannot be opened; of a link itself, not of what it points at.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn set_attribute(&self, name: &OsStr, key: &OsStr, value: &[u8]) -> Result<()> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd())).join(name);
        lsetxattr(&path, key, value, XattrFlags::empty()).at("set an attribute of", self.at(name))
    }
}

/// Gives an open file or directory to somebody.
///
/// # Errors
/// What the kernel says, with the path.
pub fn set_owner(file: &File, owner: Owner, path: &Path) -> Result<()> {
    let (uid, gid) = numbers(owner);
    fchown(file, Some(uid), Some(gid)).at_path("give away", path)
}

/// Sets the permission bits of an open file or directory.
///
/// # Errors
/// What the kernel says, with the path.
pub fn set_mode(file: &File, mode: u32, path: &Path) -> Result<()> {
    fchmod(file, bits(mode)).at_path("set the mode of", path)
}

/// Sets when an open file or directory was changed last.
///
/// # Errors
/// What the kernel says, with the path.
pub fn set_time(file: &File, changed: Moment, path: &Path) -> Result<()> {
    futimens(file, &times(changed)).at_path("set the time of", path)
}

/// Sets an extended attribute of an open file or directory.
///
/// # Errors
/// What the kernel says, with the path.
pub fn set_attribute(file: &File, key: &OsStr, value: &[u8], path: &Path) -> Result<()> {
    fsetxattr(file, key, value, XattrFlags::empty()).at_path("set an attribute of", path)
}

fn numbers(owner: Owner) -> (Uid, Gid) {
    (Uid::from_raw_unchecked(owner.uid), Gid::from_raw_unchecked(owner.gid))
}

fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o7777)
}

fn times(changed: Moment) -> Timestamps {
    let moment = Timespec { tv_sec: changed.seconds, tv_nsec: changed.nanoseconds.into() };
    Timestamps { last_access: moment, last_modification: moment }
}
