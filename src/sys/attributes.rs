//! Extended attributes (`xattr(7)`) that belong to a file, and go with it into a copy or an archive.

use std::{
    ffi::{CStr, CString},
    os::fd::BorrowedFd,
};

use rustix::{
    fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr},
    io::{Errno, Result},
};

/// The most that the kernel keeps of names, and of one value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const LONGEST: usize = 64 << 10;
/// What most names take.
const USUAL: usize = 1 << 10;

/// Tells whether an attribute is the file's own: what users write, capabilities and access lists. Others are the system's (`SELinux`, integrity), or what an
/// overlay notes about its layers.
fn is_own(name: &CStr) -> bool {
    let name = name.to_bytes();
    let is_user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    is_user || name == b"security.capability" || name.starts_with(b"system.posix_acl_")
}

/// Tells whether an attribute gives nobody any rights.
pub(super) fn is_harmless(name: &CStr) -> bool {
    name.to_bytes().starts_with(b"user.")
}

/// Reads the attributes of an open file or directory that are its own; there are none where the file system has none.
pub(super) fn of(file: BorrowedFd<'_>) -> Result<Vec<(CString, Vec<u8>)>> {
    let mut names = vec![0_u8; USUAL];
    let length = match flistxattr(file, &mut names[..]) {
        Err(Errno::RANGE) => {
            names.resize(LONGEST, 0);
            flistxattr(file, &mut names[..])?
        }
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for name in names.get(..length).unwrap_or_default().split_inclusive(|&byte| byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if !is_own(name) {
            continue;
        }
        let mut value = vec![0_u8; LONGEST];
        match fgetxattr(file, name, &mut value[..]) {
            // It is gone by now.
            Err(Errno::NODATA) => continue,
            other => value.truncate(other?),
        }
        found.push((name.to_owned(), value));
    }
    found.sort();
    Ok(found)
}

/// Sets attributes, except where the file system has none.
pub(super) fn set(file: BorrowedFd<'_>, attributes: &[(CString, Vec<u8>)]) -> Result<()> {
    for (name, value) in attributes {
        match fsetxattr(file, name, value, XattrFlags::empty()) {
            Err(Errno::NOTSUP) => {}
            other => other?,
        }
    }
    Ok(())
}
