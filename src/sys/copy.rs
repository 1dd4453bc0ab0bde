//! Copying files by descriptor: what is in a directory (for `tmpcopyup`), with owners, modes, times and extended attributes; and between the trees of host
//! and container, where no link leads out of its tree.

mod between;

use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chownat,
        fchmod, fchown, fgetxattr, flistxattr, fsetxattr, fstat, futimens, mkdirat, mknodat,
        openat, readlinkat, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

pub use self::between::{Place, between};
use super::{At as _, Result, SysError, attributes};

/// How many directories deep a copy goes.
const DEEPEST: usize = 128;

/// How often a name is freed that somebody takes again.
const PATIENCE: usize = 16;

/// How something is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Whether owners, set-user-id bits, capabilities and access lists are kept; else everything belongs to who copies. Attributes of users are kept anyway.
    pub keeps_owners: bool,
    /// Whether a link at the source is followed.
    pub follows_link: bool,
}

/// What the inside of a directory is copied like.
#[derive(Debug, Clone, Copy)]
struct Rules {
    keeps_owners: bool,
    /// Whether what is there is replaced, and device nodes are refused: the other side may be somebody else's.
    merges: bool,
    /// Whether directories that are there stay as they are, but for what is in them.
    keeps_directories: bool,
}

/// Copies all that is in `from` into the empty directory `to`, and makes `to` itself look like `from`; links are copied, not followed.
///
/// # Errors
/// What the kernel says, with the name.
pub fn contents(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let (from, to) = (reopen(from.as_fd())?, reopen(to.as_fd())?);
    let rules = Rules { keeps_owners: true, merges: false, keeps_directories: false };
    copy_into(from.as_fd(), to.as_fd(), DEEPEST, rules)
}

/// Copies all that is in `from` into the directory `to`, in place of what has the same names there; directories that are there stay as they are.
///
/// # Errors
/// What the kernel says, with the name; is-a-directory for a file over a directory.
pub fn into(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let (from, to) = (reopen(from.as_fd())?, reopen(to.as_fd())?);
    let rules = Rules { keeps_owners: true, merges: true, keeps_directories: true };
    copy_entries(from.as_fd(), to.as_fd(), DEEPEST, rules)
}

fn reopen(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    open(directory, c".", OFlags::RDONLY | OFlags::DIRECTORY)
}

fn open(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    openat(directory, name, flags, Mode::empty()).at("open", name.to_string_lossy())
}

fn copy_into(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize, rules: Rules) -> Result<()> {
    copy_entries(from, to, depth, rules)?;
    let status = fstat(from).at("stat", "a directory")?;
    copy_attributes(from, to, &status, rules).at("set the owner of", "a directory")
}

fn copy_entries(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    depth: usize,
    rules: Rules,
) -> Result<()> {
    if depth == 0 {
        return Err(SysError::new("copy", "directories that deep", Errno::NAMETOOLONG));
    }
    for entry in Dir::read_from(from).at("list", "a directory")? {
        let entry = entry.at("list", "a directory")?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            copy_entry((from, name), (to, name), depth, rules)?;
        }
    }
    Ok(())
}

/// A name in an open directory.
type Entry<'a> = (BorrowedFd<'a>, &'a CStr);

fn copy_entry(
    (from, name): Entry<'_>,
    target: Entry<'_>,
    depth: usize,
    rules: Rules,
) -> Result<()> {
    let shown = name.to_string_lossy();
    let status = statat(from, name, AtFlags::SYMLINK_NOFOLLOW).at("stat", &shown)?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Directory => {
            let source = open(from, name, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let (to, name) = target;
            let is_there =
                rules.keeps_directories && statat(to, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
            let inner = make_directory(target, rules)?;
            let copy = if is_there { copy_entries } else { copy_into };
            copy(source.as_fd(), inner.as_fd(), depth - 1, rules)
        }
        FileType::RegularFile => copy_file(open(from, name, OFlags::RDONLY)?, target, rules),
        FileType::Symlink => {
            let text = readlinkat(from, name, Vec::new()).at("read", &shown)?;
            let (to, name) = target;
            make(target, rules, || symlinkat(&text, to, name)).at("link", &shown)?;
            set_owner(target, &status, rules).at("set the owner of", &shown)
        }
        // It is nothing without its process.
        FileType::Socket if rules.merges => Ok(()),
        FileType::CharacterDevice | FileType::BlockDevice if rules.merges => {
            let reason = std::io::Error::other("it is a device");
            Err(SysError::new("copy", &shown, reason))
        }
        kind => {
            let (mode, (to, name)) = (Mode::from_raw_mode(status.st_mode), target);
            make(target, rules, || mknodat(to, name, kind, mode, status.st_rdev))
                .at("make", &shown)?;
            set_owner(target, &status, rules).at("set the owner of", &shown)
        }
    }
}

/// Copies an open regular file.
fn copy_file(source: OwnedFd, target: Entry<'_>, rules: Rules) -> Result<()> {
    let (to, name) = target;
    let shown = name.to_string_lossy();
    let status = fstat(&source).at("stat", &shown)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(SysError::new("copy", &shown, std::io::Error::other("it is no regular file")));
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = make(target, rules, || openat(to, name, flags, Mode::RUSR | Mode::WUSR));
    let (mut reader, made) =
        (std::fs::File::from(source), std::fs::File::from(made.at("make", &shown)?));
    std::io::copy(&mut reader, &mut &made).at("copy", &shown)?;
    copy_attributes(reader.as_fd(), made.as_fd(), &status, rules).at("set the owner of", &shown)
}

/// Makes a directory, or takes the one that is there where that is allowed.
fn make_directory((to, name): Entry<'_>, rules: Rules) -> Result<OwnedFd> {
    match mkdirat(to, name, Mode::RWXU) {
        Err(Errno::EXIST) if rules.merges => {}
        other => other.at("make", name.to_string_lossy())?,
    }
    open(to, name, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Makes something under a name, in place of what is there where that is allowed; never of a directory.
fn make<T>(
    (to, name): Entry<'_>,
    rules: Rules,
    make: impl Fn() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    for _ in 0..PATIENCE {
        match make() {
            Err(Errno::EXIST) if rules.merges => unlinkat(to, name, AtFlags::empty())?,
            other => return other,
        }
    }
    Err(Errno::EXIST)
}

fn owner(status: &Stat) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(status.st_uid)), Some(Gid::from_raw(status.st_gid)))
}

fn set_owner((to, name): Entry<'_>, status: &Stat, rules: Rules) -> rustix::io::Result<()> {
    if !rules.keeps_owners {
        return Ok(());
    }
    let (uid, gid) = owner(status);
    chownat(to, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
}

fn copy_attributes(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    status: &Stat,
    rules: Rules,
) -> rustix::io::Result<()> {
    let mut mode = Mode::from_raw_mode(status.st_mode);
    if rules.keeps_owners {
        let (uid, gid) = owner(status);
        fchown(to, uid, gid)?;
    } else {
        // They would give the rights of who copies.
        mode.remove(Mode::SUID | Mode::SGID);
    }
    // After the owner, whose change takes set-user-id bits and capabilities away.
    fchmod(to, mode)?;
    if rules.merges {
        let mut own = attributes::of(from)?;
        own.retain(|(name, _)| rules.keeps_owners || attributes::is_harmless(name));
        attributes::set(to, &own)?;
    } else {
        copy_extended(from, to)?;
    }
    let time = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec: i64::try_from(tv_nsec).unwrap_or(0) };
    futimens(
        to,
        &Timestamps {
            last_access: time(status.st_atime, status.st_atime_nsec),
            last_modification: time(status.st_mtime, status.st_mtime_nsec),
        },
    )
}

/// Copies all extended attributes, except where one of the file systems has none.
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
