//! Paths inside a foreign root: every name that comes from an image or a container is resolved here and only here.
//!
//! The kernel resolves them as if the directory were `/` (`openat2(2)`, `RESOLVE_IN_ROOT`), follows no magic link of `/proc`, and what
//! comes back is a descriptor, so that nothing can be exchanged between looking and using (CVE-2021-30465, CVE-2024-45310 and others).

use std::{
    io::Read as _,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, StatVfsMountFlags, Uid, chmodat,
        chownat, fstat, fstatvfs, makedev, mkdirat, mknodat, openat, openat2, readlinkat,
        symlinkat,
    },
    io::Errno,
};

use super::{At as _, Result, SysError};

/// How many dangling links a path to be made may lead through.
const MAX_LINKS: usize = 16;

/// How often a look-up is done again that a rename elsewhere has disturbed.
const MAX_RETRIES: usize = 1000;

/// Whether symbolic links on the way are followed (inside the root).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// They are.
    Follow,
    /// Any is an error (`ELOOP`).
    Refuse,
}

/// What the end of a path is made as, when it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// A directory, mode 0755.
    Directory,
    /// An empty file, mode 0644.
    File,
}

/// A device node or FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Character device, block device or FIFO.
    pub kind: FileType,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Node {
    fn device(&self) -> u64 {
        if self.kind == FileType::Fifo { 0 } else { makedev(self.major, self.minor) }
    }

    /// Tells whether an open file is this one, whatever its mode and owner.
    fn is(&self, file: impl AsFd) -> rustix::io::Result<bool> {
        let status = fstat(file)?;
        let is_kind = FileType::from_raw_mode(status.st_mode) == self.kind;
        Ok(is_kind && (self.kind == FileType::Fifo || status.st_rdev == self.device()))
    }

    /// Tells whether an open file of this kind has other permission bits.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn differs_in_mode(&self, file: impl AsFd) -> Result<bool> {
        let status = fstat(file).at("stat", "an open file")?;
        Ok(status.st_mode & 0o777 != self.mode & 0o777)
    }
}

/// A directory that is `/` for the paths resolved in it.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// Takes an open directory.
    pub const fn new(directory: OwnedFd) -> Self {
        Self(directory)
    }

    /// Gives the directory.
    pub fn into_directory(self) -> OwnedFd {
        self.0
    }

    /// Takes the root directory of this process.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn own() -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, "/", flags, Mode::empty()).at("open", "/").map(Self)
    }

    /// Opens what is at `path`.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn open(&self, path: &str, flags: OFlags, links: Links) -> Result<OwnedFd> {
        self.resolve(path, flags, links).at("open", path)
    }

    /// Pins what is at `path` without opening it (`O_PATH`).
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn pin(&self, path: &str, links: Links) -> Result<OwnedFd> {
        self.open(path, OFlags::PATH, links)
    }

    /// Pins what is at `path`, and makes it and the directories before it if they are not there.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn make(&self, path: &str, kind: Make, links: Links) -> Result<OwnedFd> {
        match self.resolve(path, OFlags::PATH, links) {
            Err(Errno::NOENT) => self.make_missing(path, kind, links, MAX_LINKS),
            other => other,
        }
        .at("make", path)
    }

    /// Makes a device node or FIFO, and the directories before it, or takes the very same that is there already; sets mode and owner.
    ///
    /// # Errors
    /// What the kernel says, with the path; exists when there is something else.
    pub fn make_node(&self, path: &str, node: Node, links: Links) -> Result<OwnedFd> {
        let (above, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
        let above = if above.is_empty() { "/" } else { above };
        let directory = self.make(above, Make::Directory, links)?;
        let mode = Mode::from_raw_mode(node.mode);
        match mknodat(&directory, name, node.kind, mode, node.device()) {
            Ok(()) | Err(Errno::EXIST) => {}
            other => other.at("make", path)?,
        }
        let file = open_entry(directory.as_fd(), name).at("open", path)?;
        if !node.is(&file).at("stat", path)? {
            return Err(SysError::new("make", path, Errno::EXIST));
        }
        let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
        chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            .at("change the owner of", path)?;
        // After the owner; a descriptor of this kind has no mode of its own to change.
        chmodat(CWD, super::files::name_of(&file), mode, AtFlags::empty())
            .at("change the mode of", path)?;
        Ok(file)
    }

    /// Reads a regular file of at most `limit` bytes; `None` when it is not there. A FIFO or a device is an error, not a wait.
    ///
    /// # Errors
    /// What the kernel says, or that it is too big or no regular file, with the path.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match self.resolve(path, flags, Links::Follow) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            other => other.at("open", path)?,
        };
        let status = fstat(&file).at("stat", path)?;
        let refuse = |reason: &str| SysError::new("read", path, std::io::Error::other(reason));
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(refuse("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        std::fs::File::from(file).take(limit + 1).read_to_end(&mut bytes).at("read", path)?;
        if bytes.len() as u64 > limit {
            return Err(refuse("it is too big"));
        }
        Ok(Some(bytes))
    }

    /// Writes into an existing file below this directory, which must be on the same mount all the way down (for `/proc/sys`).
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat2(&self.0, path, flags, Mode::empty(), resolve).at("open", path)?;
        rustix::io::write(file, bytes).at("write", path).map(drop)
    }

    fn resolve(&self, path: &str, flags: OFlags, links: Links) -> rustix::io::Result<OwnedFd> {
        let resolve = match links {
            Links::Follow => ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
            Links::Refuse => ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS,
        };
        for _ in 0..MAX_RETRIES {
            // `..` is answered EAGAIN when something was renamed anywhere meanwhile.
            match openat2(&self.0, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    fn make_missing(
        &self,
        path: &str,
        kind: Make,
        links: Links,
        patience: usize,
    ) -> rustix::io::Result<OwnedFd> {
        let path = path.trim_end_matches('/');
        let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
        if matches!(name, "" | "." | "..") {
            return Err(Errno::NOENT);
        }
        let parent_path = if parent_path.is_empty() { "/" } else { parent_path };
        let parent = match self.resolve(parent_path, OFlags::PATH | OFlags::DIRECTORY, links) {
            Err(Errno::NOENT) => {
                self.make_missing(parent_path, Make::Directory, links, patience)?
            }
            other => other?,
        };
        match make_entry(parent.as_fd(), name, kind) {
            Err(Errno::EXIST) => {}
            other => other?,
        }
        // Looked up again by its name in the directory it was made in: a link planted meanwhile is seen as one.
        match readlinkat(&parent, name, Vec::new()) {
            Ok(target) if links == Links::Follow && patience > 0 => {
                let target = target.to_str().map_err(|_not_utf8| Errno::ILSEQ)?;
                let target = match target.strip_prefix('/') {
                    Some(_) => target.to_owned(),
                    None => format!("{parent_path}/{target}"),
                };
                self.resolve(&target, OFlags::PATH, links)
                    .or_else(|_missing| self.make_missing(&target, kind, links, patience - 1))
            }
            Ok(_) => Err(Errno::LOOP),
            Err(_) => open_entry(parent.as_fd(), name),
        }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Makes a symbolic link in an open directory.
///
/// # Errors
/// What the kernel says, with the name.
pub fn link(target: &str, directory: impl AsFd, name: &str) -> Result<()> {
    symlinkat(target, directory, name).at("link", name)
}

/// Makes an empty file in an open directory of ours and pins it.
///
/// # Errors
/// What the kernel says, with the name.
pub fn make_file(directory: impl AsFd, name: &str) -> Result<OwnedFd> {
    make_entry(directory.as_fd(), name, Make::File)
        .and_then(|()| open_entry(directory.as_fd(), name))
        .at("make", name)
}

/// As [`make_file`], but what is there already, and is no directory or link, will do.
///
/// # Errors
/// As [`make_file`].
pub fn make_file_unless_there(directory: impl AsFd, name: &str) -> Result<OwnedFd> {
    match make_entry(directory.as_fd(), name, Make::File) {
        Ok(()) | Err(Errno::EXIST) => {}
        other => other.at("make", name)?,
    }
    let file = open_entry(directory.as_fd(), name).at("open", name)?;
    match kind(&file)? {
        FileType::Directory | FileType::Symlink => Err(SysError::new("make", name, Errno::EXIST)),
        _ => Ok(file),
    }
}

/// Tells whether device nodes do not work where an open file is (`nodev`).
///
/// # Errors
/// What the kernel says.
pub fn forbids_devices(file: impl AsFd) -> Result<bool> {
    let status = fstatvfs(file).at("stat the file system of", "an open file")?;
    Ok(status.f_flag.contains(StatVfsMountFlags::NODEV))
}

/// Makes an empty directory in an open directory of ours and pins it.
///
/// # Errors
/// What the kernel says, with the name.
pub fn make_directory(directory: impl AsFd, name: &str) -> Result<OwnedFd> {
    make_entry(directory.as_fd(), name, Make::Directory)
        .and_then(|()| open_entry(directory.as_fd(), name))
        .at("make", name)
}

/// Tells what an open file is.
///
/// # Errors
/// What the kernel says.
pub fn kind(file: impl AsFd) -> Result<FileType> {
    let status = fstat(file).at("stat", "an open file")?;
    Ok(FileType::from_raw_mode(status.st_mode))
}

/// Tells whether an open file is on a file system of the kind with this number (`statfs(2)`).
///
/// # Errors
/// What the kernel says.
pub fn is_on(file: impl AsFd, magic: u32) -> Result<bool> {
    let status = rustix::fs::fstatfs(file).at("stat the file system of", "an open file")?;
    Ok(u64::try_from(status.f_type).is_ok_and(|found| found == u64::from(magic)))
}

/// Pins the character device of the host with these numbers at `path`, and nothing else that may be there (CVE-2025-31133).
///
/// # Errors
/// What the kernel says, or that it is not that device.
pub fn pin_device(path: &str, major: u32, minor: u32) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).at("open", path)?;
    check_device(&file, path, major, minor)?;
    Ok(file)
}

/// Pins the node of the host at `path`, and nothing else that may be there (CVE-2025-31133).
///
/// # Errors
/// What the kernel says, or that it is another.
pub fn pin_node(path: &str, node: Node) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).at("open", path)?;
    if node.is(&file).at("stat", path)? {
        return Ok(file);
    }
    let reason = format!("it is not the device {}:{}", node.major, node.minor);
    Err(SysError::new("use", path, std::io::Error::other(reason)))
}

/// Makes sure that an open file is the character device with these numbers.
///
/// # Errors
/// What the kernel says, or that it is not that device.
pub fn check_device(file: impl AsFd, path: &str, major: u32, minor: u32) -> Result<()> {
    let status = fstat(file).at("stat", path)?;
    let is_character = FileType::from_raw_mode(status.st_mode) == FileType::CharacterDevice;
    if is_character && status.st_rdev == makedev(major, minor) {
        return Ok(());
    }
    let reason = format!("it is not the character device {major}:{minor}");
    Err(SysError::new("use", path, std::io::Error::other(reason)))
}

fn make_entry(directory: BorrowedFd<'_>, name: &str, kind: Make) -> rustix::io::Result<()> {
    match kind {
        Make::Directory => mkdirat(directory, name, Mode::from_raw_mode(0o755)),
        Make::File => {
            let flags =
                OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(directory, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        }
    }
}

fn open_entry(directory: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

/// Gives the owner of an open file to `uid`, the group stays.
///
/// # Errors
/// What the kernel says.
pub fn set_owner(file: impl AsFd, uid: u32) -> Result<()> {
    chownat(file, "", Some(Uid::from_raw(uid)), None, AtFlags::EMPTY_PATH)
        .at("change the owner of", "an open file")
}
