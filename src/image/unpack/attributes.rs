//! Owners, attributes and marks, as far as the namespace lets one set them.

use std::{ffi::OsStr, fs::File, path::Path};

use rustix::io::Errno;

use super::{super::Ownership, entry::Entry};
use crate::{
    model::EntryKind,
    sys::{
        SysError,
        beneath::{self, Directory},
    },
};

impl Ownership {
    /// Tells whether such a thing is on the disk: devices are only made for a machine's root.
    pub(in crate::image) fn is_made(self, kind: &EntryKind) -> bool {
        let is_device =
            matches!(kind, EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. });
        self == Self::Kept || !is_device
    }

    /// Marks a directory as one that hides what the layers below have in it.
    pub(super) fn mark_opaque(self, directory: &Directory) -> Result<(), SysError> {
        let mark = match self {
            Self::Kept => "trusted.overlay.opaque",
            Self::Mapped => "user.overlay.opaque",
        };
        let file = directory.open_self()?;
        beneath::set_attribute(&file, OsStr::new(mark), b"y", directory.path())
    }

    /// Sets owner and attributes of something open. Owner first: a change of it takes capabilities and set-user-id away (chown(2)).
    pub(super) fn own_and_mark(
        self,
        entry: &Entry,
        file: &File,
        path: &Path,
    ) -> Result<(), SysError> {
        self.owned(beneath::set_owner(file, entry.owner, path))?;
        entry.attributes.iter().try_for_each(|(key, value)| {
            self.marked(beneath::set_attribute(file, key, value, path))
        })
    }

    /// Sets owner, attributes and time of something that cannot be opened.
    pub(super) fn dress(
        self,
        entry: &Entry,
        parent: &Directory,
        name: &OsStr,
    ) -> Result<(), SysError> {
        self.owned(parent.set_owner(name, entry.owner))?;
        for (key, value) in &entry.attributes {
            self.marked(parent.set_attribute(name, key, value))?;
        }
        parent.set_time(name, entry.changed)
    }

    /// Takes it that the user namespace does not have an owner, who then is its root.
    fn owned(self, result: Result<(), SysError>) -> Result<(), SysError> {
        self.forgive(result, &[Errno::INVAL, Errno::PERM])
    }

    /// Takes it that the user namespace may not set an attribute.
    fn marked(self, result: Result<(), SysError>) -> Result<(), SysError> {
        self.forgive(result, &[Errno::NOTSUP, Errno::PERM])
    }

    fn forgive(self, result: Result<(), SysError>, errnos: &[Errno]) -> Result<(), SysError> {
        match result {
            Err(error) if self == Self::Mapped && is(&error, errnos) => Ok(()),
            other => other,
        }
    }
}

/// Tells whether the kernel refused with one of these numbers.
pub(super) fn is(error: &SysError, errnos: &[Errno]) -> bool {
    errnos.iter().any(|errno| error.errno() == Some(errno.raw_os_error()))
}
