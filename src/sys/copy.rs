//! Copying what is in a directory, by descriptor (for `tmpcopyup`): owners, modes, times and extended attributes included.

use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chownat,
        fchmod, fchown, fgetxattr, flistxattr, fsetxattr, fstat, futimens, mkdirat, mknodat,
        openat, readlinkat, statat, symlinkat,
    },
    io::Errno,
};

use super::{At as _, Result, SysError};

/// How many directories deep a copy goes.
const DEEPEST: usize = 128;

/// Copies all that is in `from` into the empty directory `to`, and makes `to` itself look like `from`; links are copied, not followed.
///
/// # Errors
/// What the kernel says, with the name.
pub fn contents(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let (from, to) = (reopen(from.as_fd())?, reopen(to.as_fd())?);
    copy_into(from.as_fd(), to.as_fd(), DEEPEST)
}

fn reopen(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    open(directory, c".", OFlags::RDONLY | OFlags::DIRECTORY)
}

fn open(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    openat(directory, name, flags, Mode::empty()).at("open", name.to_string_lossy())
}

fn copy_into(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize) -> Result<()> {
    if depth == 0 {
        return Err(SysError::new("copy", "directories that deep", Errno::NAMETOOLONG));
    }
    for entry in Dir::read_from(from).at("list", "a directory")? {
        let entry = entry.at("list", "a directory")?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            copy_entry(from, to, entry.file_name(), depth)?;
        }
    }
    let status = fstat(from).at("stat", "a directory")?;
    copy_attributes(from, to, &status).at("set the owner of", "a directory")
}

fn copy_entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<()> {
    let shown = name.to_string_lossy();
    let status = statat(from, name, AtFlags::SYMLINK_NOFOLLOW).at("stat", &shown)?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Directory => {
            mkdirat(to, name, Mode::RWXU).at("make", &shown)?;
            let source = open(from, name, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let target = open(to, name, OFlags::RDONLY | OFlags::DIRECTORY)?;
            copy_into(source.as_fd(), target.as_fd(), depth - 1)
        }
        FileType::RegularFile => {
            let source = open(from, name, OFlags::RDONLY)?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let target = openat(to, name, flags, Mode::RUSR | Mode::WUSR).at("make", &shown)?;
            let (mut reader, target) = (std::fs::File::from(source), std::fs::File::from(target));
            std::io::copy(&mut reader, &mut &target).at("copy", &shown)?;
            copy_attributes(reader.as_fd(), target.as_fd(), &status).at("set the owner of", &shown)
        }
        FileType::Symlink => {
            let target = readlinkat(from, name, Vec::new()).at("read", &shown)?;
            symlinkat(target, to, name).at("link", &shown)?;
            set_owner(to, name, &status).at("set the owner of", &shown)
        }
        kind => {
            let mode = Mode::from_raw_mode(status.st_mode);
            mknodat(to, name, kind, mode, status.st_rdev).at("make", &shown)?;
            set_owner(to, name, &status).at("set the owner of", &shown)
        }
    }
}

fn owner(status: &Stat) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(status.st_uid)), Some(Gid::from_raw(status.st_gid)))
}

fn set_owner(directory: BorrowedFd<'_>, name: &CStr, status: &Stat) -> rustix::io::Result<()> {
    let (uid, gid) = owner(status);
    chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
}

fn copy_attributes(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    status: &Stat,
) -> rustix::io::Result<()> {
    let (uid, gid) = owner(status);
    fchown(to, uid, gid)?;
    // After the owner, whose change takes set-user-id bits and capabilities away.
    fchmod(to, Mode::from_raw_mode(status.st_mode))?;
    copy_extended(from, to)?;
    let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec: i64::try_from(tv_nsec).unwrap_or(0) };
    futimens(
        to,
        &Timestamps {
            last_access: time(status.st_atime, status.st_atime_nsec),
            last_modification: time(status.st_mtime, status.st_mtime_nsec),
        },
    )
}

/// Copies extended attributes, except where one of the file systems has none.
fn copy_extended(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut names = vec![0_u8; 64 << 10];
    let length = match flistxattr(from, &mut names) {
        Err(Errno::NOTSUP) => return Ok(()),
        other => other?,
    };
    let mut value = vec![0_u8; 64 << 10];
    for name in names.get(..length).unwrap_or_default().split_inclusive(|&byte| byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let length = fgetxattr(from, name, &mut value)?;
        let value = value.get(..length).unwrap_or_default();
        match fsetxattr(to, name, value, rustix::fs::XattrFlags::empty()) {
            Err(Errno::NOTSUP) => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;
    use crate::sys::files;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test looks at its own files")]
    fn a_tree_is_copied_with_its_modes_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        files::make_dir(&path("from/below")).unwrap();
        files::make_dir(&path("to")).unwrap();
        files::write(&path("from/below/file"), "text").unwrap();
        symlink("below/file", path("from/link")).unwrap();
        let mode = |bits| std::fs::Permissions::from_mode(bits);
        std::fs::set_permissions(path("from/below/file"), mode(0o640)).unwrap();
        std::fs::set_permissions(path("from"), mode(0o1777)).unwrap();
        contents(files::pin(&path("from")).unwrap(), files::pin(&path("to")).unwrap()).unwrap();
        let (old, new) = (path("from/below/file"), path("to/below/file"));
        assert_eq!(files::read_text(&new).unwrap(), "text");
        let (old, new) = (std::fs::metadata(old).unwrap(), std::fs::metadata(new).unwrap());
        assert_eq!((new.mode(), new.mtime_nsec()), (old.mode(), old.mtime_nsec()));
        assert_eq!(std::fs::read_link(path("to/link")).unwrap().to_str(), Some("below/file"));
        assert_eq!(std::fs::metadata(path("to")).unwrap().mode() & 0o7777, 0o1777);
    }
}
