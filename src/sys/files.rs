//! Files of the host, by path, with errors that name the path.
//!
//! For files of Estiba's own directories and of `/proc` and `/sys`. Paths that come out of an image or a container never
//! enter here: they are resolved by descriptor.
#![expect(clippy::disallowed_methods, reason = "this file is what those methods are replaced by")]

mod lock;
mod size;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    os::unix::fs::{
        DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, chown,
    },
    path::{Path, PathBuf},
};

pub use lock::lock_whole;
pub use size::{size_if_there, tree_size};

use super::{At as _, Result};

/// Opens a file for reading.
///
/// # Errors
/// What the kernel says, with the path.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).at_path("open", path)
}

/// Pins a file or directory without opening it (`O_PATH`).
///
/// # Errors
/// What the kernel says, with the path.
pub fn pin(path: &Path) -> Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, open};
    open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at_path("open", path)
}

/// Gives a path by which the kernel finds an open file of this process again.
pub fn name_of(file: impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// Opens a file as `options` say.
///
/// # Errors
/// What the kernel says, with the path.
pub fn open_with(path: &Path, options: &OpenOptions) -> Result<File> {
    options.open(path).at_path("open", path)
}

/// Makes a file that must not exist yet, for its owner only (mode 0600).
///
/// # Errors
/// What the kernel says, with the path.
pub fn create_new(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .at_path("create", path)
}

/// Makes a file without a name in a directory: it is gone when its last descriptor is closed, however the program ends.
///
/// # Errors
/// What the kernel says, with the directory.
pub fn unnamed(dir: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE)
        .open(dir)
        .at_path("create a file in", dir)
}

/// Reads a whole file.
///
/// # Errors
/// What the kernel says, with the path.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).at_path("read", path)
}

/// Reads a whole file that must be UTF-8.
///
/// # Errors
/// What the kernel says, or that the file is not UTF-8, with the path.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).at_path("read", path)
}

/// Reads a whole file, or `None` when there is none.
///
/// # Errors
/// What the kernel says, with the path, unless the file is not there.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).at_path("read", path),
    }
}

/// Writes a whole file in place (for files of `/proc` and `/sys`, and for files that are bind-mounted and must stay the same inode).
///
/// # Errors
/// What the kernel says, with the path.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, bytes).at_path("write", path)
}

/// Reads where a link leads.
///
/// # Errors
/// What the kernel says, with the path.
pub fn target(path: &Path) -> Result<PathBuf> {
    fs::read_link(path).at_path("read", path)
}

/// Gives the path of what is there without links, absolute.
///
/// # Errors
/// What the kernel says, with the path.
pub fn resolved(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).at_path("find", path)
}

/// Replaces a whole file so that a reader sees the old or the new one, also after a power cut.
///
/// # Errors
/// What the kernel says, with the path.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("fresh");
    let mut file = File::create(&fresh).at_path("create", &fresh)?;
    file.write_all(bytes).at_path("write", &fresh)?;
    file.sync_all().at_path("sync", &fresh)?;
    rename(&fresh, path)
}

/// Replaces a whole file that holds secrets as [`replace`] does, for its owner only (mode 0600); a link stays, what it points at is replaced.
///
/// # Errors
/// What the kernel says, with the path.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_absent| path.to_owned());
    let fresh = path.with_extension("fresh");
    remove_file(&fresh)?;
    let mut file = create_new(&fresh)?;
    file.write_all(bytes).at_path("write", &fresh)?;
    file.sync_all().at_path("sync", &fresh)?;
    rename(&fresh, &path)
}

/// Makes a directory and its parents, for their owner only (mode 0700); it may exist already.
///
/// # Errors
/// What the kernel says, with the path.
pub fn make_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).at_path("create", path)
}

/// Makes a directory with mode 0755 and its parents; it may exist already.
///
/// # Errors
/// What the kernel says, with the path.
pub fn make_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path).at_path("create", path)
}

/// Lists the paths in a directory, in no order; an absent directory is empty.
///
/// # Errors
/// What the kernel says, with the path, unless the directory is not there.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .at_path("list", path),
    }
}

/// Renames a file or directory.
///
/// # Errors
/// What the kernel says, with the old path.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).at_path("rename", from)
}

/// Gives a file a further name.
///
/// # Errors
/// What the kernel says, with the path.
pub fn link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).at_path("link", from)
}

/// Removes a file; its absence is no failure.
///
/// # Errors
/// What the kernel says, with the path.
pub fn remove_file(path: &Path) -> Result<()> {
    ignore_absence(fs::remove_file(path)).at_path("remove", path)
}

/// Removes an empty directory; its absence is no failure.
///
/// # Errors
/// What the kernel says, with the path.
pub fn remove_dir(path: &Path) -> Result<()> {
    ignore_absence(fs::remove_dir(path)).at_path("remove", path)
}

/// Removes a directory with all that is in it, following no link; its absence is no failure.
///
/// # Errors
/// What the kernel says, with the path.
pub fn remove_tree(path: &Path) -> Result<()> {
    ignore_absence(fs::remove_dir_all(path)).at_path("remove", path)
}

/// Gives how many bytes the file system of an open file has room for (`statvfs(3)`; what only root may take is not counted).
///
/// # Errors
/// What the kernel says.
pub fn free(file: impl AsFd) -> Result<u64> {
    let room = rustix::fs::fstatvfs(file).at("measure", "the file system of an open file")?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Gives how many bytes the file system of a directory has room for, as [`free`] does.
///
/// # Errors
/// What the kernel says, with the path.
pub fn free_in(dir: &Path) -> Result<u64> {
    let room = rustix::fs::statvfs(dir).at_path("measure the disk of", dir)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Makes a file, for its owner only, that takes so many bytes of the disk (`fallocate(2)`).
///
/// # Errors
/// What the kernel says, with the path.
pub fn allocate(path: &Path, bytes: u64) -> Result<()> {
    let file = create_new(path)?;
    let flags = rustix::fs::FallocateFlags::empty();
    rustix::fs::fallocate(&file, flags, 0, bytes).at_path("allocate", path)
}

/// Writes everything that its file system still holds in memory to the disk (syncfs(2)).
///
/// # Errors
/// What the kernel says, with the path.
pub fn sync_file_system(path: &Path) -> Result<()> {
    rustix::fs::syncfs(open(path)?).at_path("sync", path)
}

/// Gives something the owner and permission bits that something else has.
///
/// # Errors
/// What the kernel says, with the path.
pub fn make_alike(path: &Path, model: &Path) -> Result<()> {
    let like = fs::metadata(model).at_path("look at", model)?;
    let own = fs::metadata(path).at_path("look at", path)?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        chown(path, Some(like.uid()), Some(like.gid())).at_path("give away", path)?;
    }
    fs::set_permissions(path, like.permissions()).at_path("set the mode of", path)
}

/// Waits until no other process has this file locked, and locks it until the descriptor is closed or this process ends; a child does
/// not inherit the lock (`fcntl_locking(2)`). The file is made when its directory is there; `None` when it was removed meanwhile.
///
/// # Errors
/// What the kernel says, with the path.
pub fn lock(path: &Path) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).at_path("open", path)?;
    let exclusively = rustix::fs::FlockOperation::LockExclusive;
    rustix::io::retry_on_intr(|| rustix::fs::fcntl_lock(&file, exclusively))
        .at_path("lock", path)?;
    let is_there = file.metadata().at_path("look at", path)?.nlink() > 0;
    Ok(is_there.then_some(file))
}

/// Tells whether another process has this file locked.
pub fn is_locked(path: &Path) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return false };
    let attempt = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::fcntl_lock(&file, attempt).is_err()
}

/// Makes a directory that must not exist yet, for its owner only (mode 0700).
///
/// # Errors
/// What the kernel says, with the path; already exists when something is there.
pub fn make_new_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path).at_path("create", path)
}

/// Makes sure that nobody but this user and root may write in a directory: what is read there is believed.
///
/// # Errors
/// What the kernel says, or who may write in it, with the path.
pub fn refuse_other_writers(path: &Path) -> Result<()> {
    let status = fs::metadata(path).at_path("look at", path)?;
    let refuse =
        |reason: String| Err(super::SysError::new("use", path.display(), io::Error::other(reason)));
    let (own, owner, mode) = (nix::unistd::geteuid().as_raw(), status.uid(), status.mode());
    if owner != own && owner != 0 {
        return refuse(format!("it belongs to user {owner}; use a directory of your own"));
    }
    if mode & 0o022 != 0 {
        let mode = mode & 0o7777;
        return refuse(format!(
            "others may write in it (mode {mode:o}); use a directory of your own, or chmod go-w it"
        ));
    }
    Ok(())
}

/// Tells which user owns a file or directory.
///
/// # Errors
/// What the kernel says, with the path.
pub fn owner(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path).at_path("look at", path)?.uid())
}

/// A device node of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceNode {
    /// Whether it is a block device, not a character device.
    pub is_block: bool,
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

/// Looks at a device node, links followed; `None` when it is something else.
///
/// # Errors
/// What the kernel says, with the path.
pub fn device_node(path: &Path) -> Result<Option<DeviceNode>> {
    let status = fs::metadata(path).at_path("look at", path)?;
    let kind = status.file_type();
    let (major, minor) = (rustix::fs::major(status.rdev()), rustix::fs::minor(status.rdev()));
    Ok((kind.is_block_device() || kind.is_char_device()).then(|| DeviceNode {
        is_block: kind.is_block_device(),
        major,
        minor,
        mode: status.mode() & 0o7777,
        uid: status.uid(),
        gid: status.gid(),
    }))
}

/// Tells whether a directory is there, links not followed.
pub fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|status| status.is_dir())
}

/// Tells whether something is a symbolic link.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|status| status.is_symlink())
}

/// Tells whether something is there, links followed.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

fn ignore_absence(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
