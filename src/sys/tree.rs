//! A tree of files, walked by descriptor: links are never followed, and neither are mounts left out of sight.

use std::{
    ffi::{CStr, OsString},
    fs::File,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, StatxFlags, fstat, openat, readlinkat, statat, statx,
};

use super::{At as _, Result, SysError};

/// How many directories deep a walk goes.
const DEEPEST: usize = 1024;

/// What something in a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    const fn of(kind: FileType) -> Self {
        match kind {
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            FileType::CharacterDevice => Self::Character,
            FileType::BlockDevice => Self::Block,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::RegularFile | FileType::Unknown => Self::File,
        }
    }
}

/// Something in a tree.
#[derive(Debug)]
pub struct Found {
    /// Its path in the tree.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// When it was changed, in seconds since 1970.
    pub changed: i64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// What tells further names of the same file: file system and inode, if it has any.
    pub identity: Option<(u64, u64)>,
    /// A regular file, open for reading.
    pub file: Option<File>,
    /// Where a link leads.
    pub target: Option<PathBuf>,
}

/// Shows everything below a directory to `visit`, each directory before what is in it, in the order of their names; what is mounted there by itself is shown, but not entered.
/// Something that vanishes meanwhile is left out.
///
/// # Errors
/// What the kernel says, with the path; what `visit` says.
pub fn walk<E: From<SysError>>(
    root: impl AsFd,
    visit: &mut dyn FnMut(Found) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(root, ".", flags, Mode::empty()).at("open", "a directory")?;
    let mount = mount_of(root.as_fd(), c"")?;
    descend(root.as_fd(), Path::new(""), mount, DEEPEST, visit)
}

fn descend<E: From<SysError>>(
    directory: BorrowedFd<'_>,
    path: &Path,
    mount: u64,
    depth: usize,
    visit: &mut dyn FnMut(Found) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    if depth == 0 {
        let errno = rustix::io::Errno::NAMETOOLONG;
        return Err(SysError::new("walk", "directories that deep", errno).into());
    }
    for name in names(directory, path)? {
        let inner = path.join(OsString::from_vec(name.to_bytes().to_vec()));
        let Some((found, entered)) = look(directory, &name, inner)? else { continue };
        let path = found.path.clone();
        visit(found)?;
        if let Some(entered) = entered
            && mount_of(entered.as_fd(), c"")? == mount
        {
            descend(entered.as_fd(), &path, mount, depth - 1, visit)?;
        }
    }
    Ok(())
}

fn names(directory: BorrowedFd<'_>, path: &Path) -> Result<Vec<std::ffi::CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).at_path("list", path)? {
        let name = entry.at_path("list", path)?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Looks at one name; `None` when it has vanished. Gives a directory open, too.
fn look(
    directory: BorrowedFd<'_>,
    name: &CStr,
    path: PathBuf,
) -> Result<Option<(Found, Option<OwnedFd>)>> {
    let status = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        other => other.at_path("stat", &path)?,
    };
    let mut kind = Kind::of(FileType::from_raw_mode(status.st_mode));
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = |more| openat(directory, name, flags | more, Mode::empty());
    let (mut file, mut entered, mut target) = (None, None, None);
    match kind {
        Kind::Directory => {
            entered = Some(open(OFlags::RDONLY | OFlags::DIRECTORY).at_path("open", &path)?);
        }
        Kind::File => {
            let opened = open(OFlags::RDONLY).at_path("open", &path)?;
            // It may be another by now.
            let now = fstat(&opened).at_path("stat", &path)?;
            kind = Kind::of(FileType::from_raw_mode(now.st_mode));
            file = (kind == Kind::File).then(|| File::from(opened));
        }
        Kind::Link => {
            let text = readlinkat(directory, name, Vec::new()).at_path("read", &path)?;
            target = Some(PathBuf::from(OsString::from_vec(text.into_bytes())));
        }
        _ => {}
    }
    let found = Found {
        path,
        kind,
        mode: status.st_mode & 0o7777,
        uid: status.st_uid,
        gid: status.st_gid,
        size: u64::try_from(status.st_size).unwrap_or(0),
        changed: status.st_mtime,
        device: (rustix::fs::major(status.st_rdev), rustix::fs::minor(status.st_rdev)),
        identity: (status.st_nlink > 1 && kind != Kind::Directory)
            .then_some((status.st_dev, status.st_ino)),
        file,
        target,
    };
    Ok(Some((found, entered)))
}

/// Tells on which mount an open file is.
fn mount_of(file: BorrowedFd<'_>, name: &CStr) -> Result<u64> {
    let status = statx(file, name, AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
    Ok(status.at("stat", "an open file")?.stx_mnt_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files;

    #[test]
    fn a_tree_is_shown_in_order_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        files::make_dir(&path("b/below")).unwrap();
        files::write(&path("b/below/file"), "text").unwrap();
        files::write(&path("a"), "").unwrap();
        std::os::unix::fs::symlink("b", path("link")).unwrap();
        let mut seen = Vec::new();
        walk::<SysError>(files::pin(folder.path()).unwrap(), &mut |found| {
            seen.push((found.path.display().to_string(), found.kind, found.size));
            Ok(())
        })
        .unwrap();
        let kinds: Vec<_> = seen.iter().map(|(path, kind, _)| (path.as_str(), *kind)).collect();
        assert_eq!(
            kinds,
            [
                ("a", Kind::File),
                ("b", Kind::Directory),
                ("b/below", Kind::Directory),
                ("b/below/file", Kind::File),
                ("link", Kind::Link),
            ]
        );
        assert_eq!(seen[3].2, 4);
    }
}
