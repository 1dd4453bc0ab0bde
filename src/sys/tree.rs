//! A tree of files, walked by descriptor: links are never followed, and neither are mounts left out of sight.

use std::{
    ffi::{CStr, CString, OsString},
    fs::File,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::{Path, PathBuf},
};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, StatxFlags, fgetxattr, fstat, openat, readlinkat,
    statat, statx,
};

use super::{At as _, Result, SysError, attributes};

/// How many directories deep a walk goes.
const DEEPEST: usize = 1024;

/// How often something is looked at again that became something else meanwhile.
const SECOND_LOOKS: usize = 16;

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
    /// Extended attributes of a file or directory, if they were asked for: those that belong to the file and not to who looks at it.
    pub attributes: Vec<(CString, Vec<u8>)>,
    /// Whether it is a directory of a layer that hides what layers below have in it, if that was asked for.
    pub is_opaque: bool,
    /// Whether the overlay has kept only part of it here, if that was asked for.
    pub is_partial: bool,
}

impl Found {
    fn of(path: PathBuf, kind: Kind, status: &Stat) -> Self {
        Self {
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
            file: None,
            target: None,
            attributes: Vec::new(),
            is_opaque: false,
            is_partial: false,
        }
    }
}

/// What of a tree is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All but extended attributes.
    Plain,
    /// All of a tree that people see.
    Attributes,
    /// Of the topmost layer of an overlay: also which directories stand alone.
    Layer,
    /// Both, and what the overlay has kept of a file elsewhere.
    Whole,
}

/// What an overlay calls the mark of a directory that stands alone: root's, and that of a user namespace (overlayfs.rst).
const OPAQUE: [&CStr; 2] = [c"trusted.overlay.opaque", c"user.overlay.opaque"];

/// What an overlay notes on a directory that was renamed, and on a file of which it has copied no bytes (overlayfs.rst, `redirect_dir`, `metacopy`).
const PARTIAL: [&CStr; 4] = [
    c"trusted.overlay.redirect",
    c"user.overlay.redirect",
    c"trusted.overlay.metacopy",
    c"user.overlay.metacopy",
];

/// Shows everything below a directory to `visit`, each directory before what is in it, in the order of their names; what is mounted there by itself is shown, but not entered.
/// Something that vanishes meanwhile is left out.
///
/// # Errors
/// What the kernel says, with the path; what `visit` says.
pub fn walk<E: From<SysError>>(
    root: impl AsFd,
    depth: Depth,
    visit: Visit<'_, E>,
) -> std::result::Result<(), E> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(root, ".", flags, Mode::empty()).at("open", "a directory")?;
    let mount = mount_of(root.as_fd(), c"")?;
    Walk { depth, mount: Some(mount), visit }.descend(root.as_fd(), Path::new(""), DEEPEST)
}

/// Shows what has a name in an open directory, under that name, and everything below it, as [`walk`] does, and what is mounted there too.
///
/// # Errors
/// As [`walk`]; not found when nothing has the name.
pub fn walk_one<E: From<SysError>>(
    directory: impl AsFd,
    name: &CStr,
    visit: Visit<'_, E>,
) -> std::result::Result<(), E> {
    let path = PathBuf::from(OsString::from_vec(name.to_bytes().to_vec()));
    let mut walk = Walk { depth: Depth::Attributes, mount: None, visit };
    if walk.show(directory.as_fd(), name, &path, DEEPEST)? {
        return Ok(());
    }
    Err(SysError::new("find", path.display(), rustix::io::Errno::NOENT).into())
}

/// Shows an open file or directory under a name, and everything below it, as [`walk_one`] does.
///
/// # Errors
/// As [`walk`]; invalid when it is something else.
pub fn walk_open<E: From<SysError>>(
    file: OwnedFd,
    name: &Path,
    visit: Visit<'_, E>,
) -> std::result::Result<(), E> {
    let status = fstat(&file).at_path("stat", name)?;
    let kind = Kind::of(FileType::from_raw_mode(status.st_mode));
    let mut found = Found::of(name.to_owned(), kind, &status);
    found.attributes = attributes::of(file.as_fd()).at_path("read attributes of", name)?;
    let mut walk = Walk { depth: Depth::Attributes, mount: None, visit };
    match kind {
        Kind::Directory => {
            (walk.visit)(found)?;
            walk.descend(file.as_fd(), name, DEEPEST)
        }
        Kind::File => {
            found.file = Some(File::from(file));
            (walk.visit)(found)
        }
        _ => Err(SysError::new("read", name.display(), rustix::io::Errno::INVAL).into()),
    }
}

/// Who is shown what is found.
pub type Visit<'a, E> = &'a mut dyn FnMut(Found) -> std::result::Result<(), E>;

struct Walk<'a, E> {
    depth: Depth,
    /// The mount that is not left, if any is not.
    mount: Option<u64>,
    visit: Visit<'a, E>,
}

impl<E: From<SysError>> Walk<'_, E> {
    fn descend(
        &mut self,
        directory: BorrowedFd<'_>,
        path: &Path,
        left: usize,
    ) -> std::result::Result<(), E> {
        if left == 0 {
            let errno = rustix::io::Errno::NAMETOOLONG;
            return Err(SysError::new("walk", "directories that deep", errno).into());
        }
        for name in names(directory, path)? {
            let inner = path.join(OsString::from_vec(name.to_bytes().to_vec()));
            self.show(directory, &name, &inner, left)?;
        }
        Ok(())
    }

    /// Shows a name and what is below it; tells whether it was still there.
    fn show(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
        left: usize,
    ) -> std::result::Result<bool, E> {
        let Some((mut found, entered)) = look(directory, name, path)? else { return Ok(false) };
        if matches!(self.depth, Depth::Attributes | Depth::Whole) {
            let open = found.file.as_ref().map(AsFd::as_fd);
            if let Some(open) = open.or_else(|| entered.as_ref().map(AsFd::as_fd)) {
                found.attributes =
                    attributes::of(open).at_path("read attributes of", &found.path)?;
            }
        }
        if let (Depth::Layer | Depth::Whole, Some(directory)) = (self.depth, &entered) {
            let mut mark = [0];
            let is_y =
                |name: &&CStr| fgetxattr(directory, *name, &mut mark[..]) == Ok(1) && mark == *b"y";
            found.is_opaque = OPAQUE.iter().any(is_y);
        }
        if self.depth == Depth::Whole {
            let open = found.file.as_ref().map(AsFd::as_fd);
            let open = open.or_else(|| entered.as_ref().map(AsFd::as_fd));
            // It is too long for no room, or there, even where it is empty.
            let is_there = |name: &&CStr| {
                open.is_some_and(|open| {
                    matches!(
                        fgetxattr(open, *name, &mut [0; 1][..]),
                        Ok(_) | Err(rustix::io::Errno::RANGE)
                    )
                })
            };
            found.is_partial = PARTIAL.iter().any(is_there);
        }
        (self.visit)(found)?;
        if let Some(entered) = entered {
            let is_left = match self.mount {
                Some(mount) => mount_of(entered.as_fd(), c"")? != mount,
                None => false,
            };
            if !is_left {
                self.descend(entered.as_fd(), path, left - 1)?;
            }
        }
        Ok(true)
    }
}

fn names(directory: BorrowedFd<'_>, path: &Path) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    let mut list = || -> rustix::io::Result<()> {
        for entry in Dir::read_from(directory)? {
            let name = entry?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        Ok(())
    };
    match list() {
        // It was removed meanwhile, and so was all that was in it.
        Err(rustix::io::Errno::NOENT) => names.clear(),
        other => other.at_path("list", path)?,
    }
    names.sort();
    Ok(names)
}

/// What was found, and a directory open.
type Look = (Found, Option<OwnedFd>);

/// Looks at one name; `None` when it has vanished. What somebody puts something else in the place of meanwhile is looked at again.
fn look(directory: BorrowedFd<'_>, name: &CStr, path: &Path) -> Result<Option<Look>> {
    let mut left = SECOND_LOOKS;
    loop {
        let looked = look_once(directory, name, path);
        match looked.as_ref().err().and_then(SysError::errno) {
            Some(libc::ENOENT) => return Ok(None),
            // A link where a file or a directory was, something else where a link was.
            Some(libc::ELOOP | libc::ENOTDIR | libc::EINVAL) if left > 0 => left -= 1,
            _ => return looked.map(Some),
        }
    }
}

fn look_once(directory: BorrowedFd<'_>, name: &CStr, path: &Path) -> Result<Look> {
    let mut status = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).at_path("stat", path)?;
    let mut kind = Kind::of(FileType::from_raw_mode(status.st_mode));
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = |more| openat(directory, name, flags | more, Mode::empty());
    let (mut file, mut entered, mut target) = (None, None, None);
    match kind {
        Kind::Directory => {
            entered = Some(open(OFlags::RDONLY | OFlags::DIRECTORY).at_path("open", path)?);
        }
        Kind::File => {
            let opened = open(OFlags::RDONLY).at_path("open", path)?;
            // It may be another by now.
            status = fstat(&opened).at_path("stat", path)?;
            kind = Kind::of(FileType::from_raw_mode(status.st_mode));
            file = (kind == Kind::File).then(|| File::from(opened));
        }
        Kind::Link => {
            let text = readlinkat(directory, name, Vec::new()).at_path("read", path)?;
            target = Some(PathBuf::from(OsString::from_vec(text.into_bytes())));
        }
        _ => {}
    }
    let found = Found { file, target, ..Found::of(path.to_owned(), kind, &status) };
    Ok((found, entered))
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
        walk::<SysError>(files::pin(folder.path()).unwrap(), Depth::Attributes, &mut |found| {
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

    #[test]
    fn what_comes_and_goes_meanwhile_is_no_failure() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        files::write(&path("stays"), "").unwrap();
        let is_over = AtomicBool::new(false);
        let change = || {
            while !is_over.load(Ordering::Relaxed) {
                for number in 0..20 {
                    let name = path(&format!("a{number}"));
                    files::make_dir(&name.join("below/deeper")).unwrap();
                    files::write(&name.join("below/file"), "text").unwrap();
                    files::remove_tree(&name).unwrap();
                    files::write(&name, "text").unwrap();
                    files::remove_file(&name).unwrap();
                    std::os::unix::fs::symlink("stays", &name).unwrap();
                    files::remove_file(&name).unwrap();
                }
            }
        };
        std::thread::scope(|scope| {
            let changing = scope.spawn(change);
            let walks = (0..300).try_for_each(|_| {
                let mut seen = false;
                let root = files::pin(folder.path())?;
                walk::<SysError>(root, Depth::Attributes, &mut |found| {
                    seen |= found.path == Path::new("stays");
                    Ok(())
                })?;
                assert!(seen);
                Ok::<_, SysError>(())
            });
            is_over.store(true, Ordering::Relaxed);
            changing.join().unwrap();
            walks.unwrap();
        });
    }
}
