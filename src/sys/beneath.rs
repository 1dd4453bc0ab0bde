//! A tree of files that is made beneath one directory and cannot reach outside it, whatever the paths say.
//!
//! Every path is resolved by openat2(2) with `RESOLVE_BENEATH`: a symbolic link on the way is followed as long as it stays beneath, and is
//! an error (`EXDEV`) when it would leave, as is every absolute one. The last component is never followed. Opened directories are kept
//! for a while, since archives list neighbours one after another.

mod attributes;

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStringExt as _},
    path::{Path, PathBuf},
    rc::Rc,
};

use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, ResolveFlags, fstatvfs, linkat, makedev, mkdirat, mknodat,
        openat, openat2, readlink, statat, symlinkat, unlinkat,
    },
    io::Errno,
};

pub use self::attributes::{Moment, Owner, set_attribute, set_mode, set_owner, set_time};
use super::{At as _, Result, SysError};

/// How many directories are kept open at most.
const KEPT_OPEN: usize = 64;

/// How often a resolution is tried again when a rename elsewhere disturbed it (openat2(2), `EAGAIN`).
const TRIES: usize = 16;

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// A directory beneath which files are made.
#[derive(Debug)]
pub struct Tree {
    root: Rc<Directory>,
    /// Where the root itself lies, as the kernel writes it.
    place: PathBuf,
    open: HashMap<PathBuf, Rc<Directory>>,
}

/// An open directory of a [`Tree`].
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

/// What a node is that holds no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A character device with its major and minor number.
    Char(u32, u32),
    /// A block device with its major and minor number.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

impl Tree {
    /// Opens the directory beneath which everything is made.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn open(root: &Path) -> Result<Self> {
        let fd = openat(rustix::fs::CWD, root, DIRECTORY, Mode::empty()).at_path("open", root)?;
        let place = place_of(&fd).at_path("find", root)?;
        let root = Rc::new(Directory { fd, path: PathBuf::new() });
        Ok(Self { root, place, open: HashMap::new() })
    }

    /// Gives the directory itself.
    pub fn root(&self) -> Rc<Directory> {
        Rc::clone(&self.root)
    }

    /// Tells how many bytes the file system can still take.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn room(&self) -> Result<u64> {
        let room = fstatvfs(&self.root.fd).at_path("measure", &self.place)?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }

    /// Opens a directory that is there.
    ///
    /// # Errors
    /// What the kernel says: not found, `ENOTDIR`, `EXDEV` or `ELOOP` when a link on the way leaves the tree.
    pub fn enter(&mut self, path: &Path) -> Result<Rc<Directory>> {
        if path.as_os_str().is_empty() {
            return Ok(self.root());
        }
        if let Some(known) = self.open.get(path) {
            return Ok(Rc::clone(known));
        }
        let directory = Rc::new(self.resolve(path)?);
        if self.open.len() >= KEPT_OPEN {
            self.open.clear();
        }
        self.open.insert(path.to_owned(), Rc::clone(&directory));
        Ok(directory)
    }

    /// Forgets which directories are open; to be called when one of them has been removed.
    pub fn forget(&mut self) {
        self.open.clear();
    }

    /// Resolves a path. Where symbolic links were followed, [`Directory::path`] is where they led.
    fn resolve(&self, path: &Path) -> Result<Directory> {
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let open = |more| {
            (0..TRIES)
                .map(|_| openat2(&self.root.fd, path, flags, Mode::empty(), beneath | more))
                .find(|result| !matches!(result, Err(Errno::AGAIN)))
                .unwrap_or(Err(Errno::AGAIN))
        };
        match open(ResolveFlags::NO_SYMLINKS) {
            Err(Errno::LOOP) => {
                let fd = open(ResolveFlags::empty()).at_path("enter", path)?;
                let place = place_of(&fd).at_path("enter", path)?;
                let path = place
                    .strip_prefix(&self.place)
                    .map_err(|_outside| SysError::new("enter", path.display(), Errno::XDEV))?;
                Ok(Directory { fd, path: path.to_owned() })
            }
            other => Ok(Directory { fd: other.at_path("enter", path)?, path: path.to_owned() }),
        }
    }
}

impl Directory {
    /// Gives its path beneath the tree's root, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells what lies under a name: `None` for nothing, `Some(true)` for a directory.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn look(&self, name: &OsStr) -> Result<Option<bool>> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            other => {
                let stat = other.at("look at", self.at(name))?;
                Ok(Some(FileType::from_raw_mode(stat.st_mode) == FileType::Directory))
            }
        }
    }

    /// Makes a directory with mode 0700.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn make_dir(&self, name: &OsStr) -> Result<()> {
        mkdirat(&self.fd, name, Mode::RWXU).at("create", self.at(name))
    }

    /// Makes a file with mode 0600, open for writing.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn make_file(&self, name: &OsStr) -> Result<File> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .at("create", self.at(name))
    }

    /// Makes a symbolic link that points wherever it likes.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn make_symlink(&self, name: &OsStr, target: &OsStr) -> Result<()> {
        symlinkat(target, &self.fd, name).at("create", self.at(name))
    }

    /// Makes a further name for something in the tree; a symbolic link gets the name itself.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn make_link(&self, name: &OsStr, other: &Self, other_name: &OsStr) -> Result<()> {
        linkat(&other.fd, other_name, &self.fd, name, AtFlags::empty()).at("create", self.at(name))
    }

    /// Makes a device or named pipe with mode 0600.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn make_node(&self, name: &OsStr, node: Node) -> Result<()> {
        let (kind, device) = match node {
            Node::Char(major, minor) => (FileType::CharacterDevice, makedev(major, minor)),
            Node::Block(major, minor) => (FileType::BlockDevice, makedev(major, minor)),
            Node::Fifo => (FileType::Fifo, 0),
        };
        mknodat(&self.fd, name, kind, Mode::RUSR | Mode::WUSR, device).at("create", self.at(name))
    }

    /// Opens a directory in this one for changing its attributes.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn open_dir(&self, name: &OsStr) -> Result<File> {
        openat(&self.fd, name, DIRECTORY, Mode::empty()).map(File::from).at("open", self.at(name))
    }

    /// Opens this directory itself for changing its attributes.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn open_self(&self) -> Result<File> {
        self.open_dir(OsStr::new("."))
    }

    /// Removes what lies under a name, with all that is in it.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn remove(&self, name: &OsStr) -> Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => self.remove_dir(name),
            other => other.at("remove", self.at(name)),
        }
    }

    fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn remove_dir(&self, name: &OsStr) -> Result<()> {
        let fd: OwnedFd = self.open_dir(name)?.into();
        let inner = Self { path: self.path.join(name), fd };
        // Listed first, so that one descriptor a level is held and not two.
        for child in inner.names().at("list", self.at(name))? {
            inner.remove(&child)?;
        }
        unlinkat(&self.fd, name, AtFlags::REMOVEDIR).at("remove", self.at(name))
    }

    fn at(&self, name: &OsStr) -> String {
        self.path.join(name).display().to_string()
    }
}

/// Asks the kernel where an open directory lies.
fn place_of(fd: &OwnedFd) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let place = readlink(link, Vec::new())?;
    Ok(PathBuf::from(OsString::from_vec(place.into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_beneath_and_refused_outside() {
        let root = tempfile::tempdir().unwrap();
        let mut tree = Tree::open(root.path()).unwrap();
        let top = tree.root();
        top.make_dir(OsStr::new("usr")).unwrap();
        for (name, target) in
            [("near", "usr"), ("absolute", "/usr"), ("outside", "../.."), ("loop", "loop")]
        {
            top.make_symlink(OsStr::new(name), OsStr::new(target)).unwrap();
        }
        assert_eq!(tree.enter(Path::new("near")).unwrap().path(), Path::new("usr"));
        for name in ["absolute", "outside", "usr/../.."] {
            let errno = tree.enter(Path::new(name)).unwrap_err().errno();
            assert_eq!(errno, Some(Errno::XDEV.raw_os_error()), "{name}");
        }
        let errno = tree.enter(Path::new("loop")).unwrap_err().errno();
        assert_eq!(errno, Some(Errno::LOOP.raw_os_error()));
        assert!(tree.enter(Path::new("absent")).unwrap_err().is_not_found());
    }

    #[test]
    fn a_tree_is_removed_without_following_links() {
        let root = tempfile::tempdir().unwrap();
        let mut tree = Tree::open(root.path()).unwrap();
        let top = tree.root();
        for name in ["kept", "gone"] {
            top.make_dir(OsStr::new(name)).unwrap();
        }
        tree.enter(Path::new("kept")).unwrap().make_file(OsStr::new("file")).unwrap();
        let gone = tree.enter(Path::new("gone")).unwrap();
        gone.make_symlink(OsStr::new("link"), OsStr::new("../kept")).unwrap();
        gone.make_dir(OsStr::new("deep")).unwrap();
        top.remove(OsStr::new("gone")).unwrap();
        tree.forget();
        assert_eq!(top.look(OsStr::new("gone")).unwrap(), None);
        let kept = tree.enter(Path::new("kept")).unwrap();
        assert_eq!(kept.look(OsStr::new("file")).unwrap(), Some(false));
    }
}
