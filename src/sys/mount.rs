//! Mounts by descriptor: made detached, finished, and only then placed (`fsopen(2)`, `open_tree(2)`, `mount_setattr(2)`, `move_mount(2)`).

use std::{
    fmt,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

pub use rustix::mount::MountAttrFlags as Attributes;
use rustix::{
    fs::CWD,
    mount::{
        FsMountFlags, FsOpenFlags, FsPickFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
        OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_reconfigure, fsconfig_set_flag,
        fsconfig_set_string, fsmount, fsopen, fspick, mount, mount_change, move_mount, open_tree,
        unmount,
    },
};

use super::{At as _, Result, SysError};

/// A file system being configured.
#[derive(Debug)]
pub struct Filesystem {
    context: OwnedFd,
    kind: String,
}

impl Filesystem {
    /// Begins with one of a kind: `overlay`, `proc`, `tmpfs`.
    ///
    /// # Errors
    /// What the kernel says; no such device when it does not know the kind.
    pub fn open(kind: &str) -> Result<Self> {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).at("open file system", kind)?;
        Ok(Self { context, kind: kind.to_owned() })
    }

    /// Takes the one that is mounted at an open file, to be reconfigured.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn pick(at: impl AsFd, kind: &str) -> Result<Self> {
        let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
        let context = fspick(at, "", flags).at("reconfigure file system", kind)?;
        Ok(Self { context, kind: kind.to_owned() })
    }

    /// Carries out the options that were set on one that was picked.
    ///
    /// # Errors
    /// What the kernel says, with what it wrote about the reason.
    pub fn reconfigure(self) -> Result<()> {
        fsconfig_reconfigure(&self.context)
            .map_err(|errno| self.explain("reconfigure file system", "", errno))
    }

    /// Sets an option: `key=value`, or `key` alone when the value is empty.
    ///
    /// # Errors
    /// What the kernel says, with the option.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        let answer = if value.is_empty() {
            fsconfig_set_flag(&self.context, key)
        } else {
            fsconfig_set_string(&self.context, key, value)
        };
        answer.map_err(|errno| self.explain("set option of", format_args!("{key}={value}"), errno))
    }

    /// Makes it and mounts it nowhere yet.
    ///
    /// # Errors
    /// What the kernel says, with what it wrote about the reason.
    pub fn mount(self, attributes: Attributes) -> Result<Mount> {
        fsconfig_create(&self.context)
            .map_err(|errno| self.explain("make file system", "", errno))?;
        fsmount(&self.context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .at("mount", &self.kind)
            .map(Mount)
    }

    /// Adds what the kernel logged into the context, like `e overlay: ...`.
    fn explain(
        &self,
        operation: &'static str,
        what: impl fmt::Display,
        errno: rustix::io::Errno,
    ) -> SysError {
        let mut log = [0; 256];
        let length = rustix::io::read(&self.context, &mut log).unwrap_or(0);
        let log = String::from_utf8_lossy(log.get(..length).unwrap_or_default());
        let mut object = self.kind.clone();
        for part in [what.to_string().as_str(), log.trim()] {
            if !part.is_empty() {
                object = format!("{object} ({part})");
            }
        }
        SysError::new(operation, object, errno)
    }
}

/// A mount, detached until it is attached.
#[derive(Debug)]
pub struct Mount(OwnedFd);

impl Mount {
    /// Copies the mount at a path of the host, with those below it if `recursive`.
    ///
    /// # Errors
    /// What the kernel says, with the path.
    pub fn copy_path(path: &Path, recursive: bool) -> Result<Self> {
        open_tree(CWD, path, copy_flags(recursive)).at_path("copy the mount of", path).map(Self)
    }

    /// Takes the root of one that is attached.
    pub const fn of_root(root: OwnedFd) -> Self {
        Self(root)
    }

    /// Copies the mount at an open file.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn copy(of: impl AsFd, recursive: bool) -> Result<Self> {
        let flags = copy_flags(recursive) | OpenTreeFlags::AT_EMPTY_PATH;
        open_tree(of, "", flags).at("copy the mount of", "an open file").map(Self)
    }

    /// Changes attributes and cuts propagation to and from other mounts; `recursive` means the mounts below too.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn cut_off(&self, change: Change, recursive: bool) -> Result<()> {
        let private = Propagation::Private as u64;
        set_attributes(self.0.as_fd(), &change.request(private), recursive)
    }

    /// Shows its owners as a user namespace maps them (`MOUNT_ATTR_IDMAP`); it must not be attached yet.
    ///
    /// # Errors
    /// What the kernel says; invalid argument when its file system cannot do that.
    pub fn map_owners(&self, namespace: impl AsFd, recursive: bool) -> Result<()> {
        let descriptor = namespace.as_fd().as_raw_fd();
        let request = libc::mount_attr {
            attr_set: libc::MOUNT_ATTR_IDMAP,
            attr_clr: 0,
            propagation: 0,
            userns_fd: u64::from(descriptor.cast_unsigned()),
        };
        set_attributes(self.0.as_fd(), &request, recursive)
    }

    /// Adds attributes; `recursive` means the mounts below too. Clears none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn restrict(&self, attributes: Attributes, recursive: bool) -> Result<()> {
        restrict(&self.0, attributes, recursive)
    }

    /// Like [`Mount::restrict`], and cuts propagation to and from other mounts.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn isolate(&self, attributes: Attributes, recursive: bool) -> Result<()> {
        self.cut_off(Change::adding(attributes), recursive)
    }

    /// Places it on an open file or directory; the descriptor goes on to mean its root.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn attach(&self, target: impl AsFd) -> Result<()> {
        move_mount(
            &self.0,
            "",
            target,
            "",
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
        )
        .at("attach", "a mount")
    }

    /// Gives a descriptor of its root.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn root(&self) -> Result<OwnedFd> {
        self.0.try_clone().at("keep", "a mount")
    }

    /// Gives the descriptor of its root.
    pub fn into_root(self) -> OwnedFd {
        self.0
    }
}

impl AsFd for Mount {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Adds attributes to the mount that an open file is the root of; `recursive` means the mounts below too. Clears none.
///
/// # Errors
/// What the kernel says.
pub fn restrict(root: impl AsFd, attributes: Attributes, recursive: bool) -> Result<()> {
    change(root, Change::adding(attributes), recursive)
}

/// Changes attributes of the mount that an open file is the root of; `recursive` means the mounts below too.
///
/// # Errors
/// What the kernel says; not permitted when a user namespace may not take an attribute away.
pub fn change(root: impl AsFd, change: Change, recursive: bool) -> Result<()> {
    set_attributes(root.as_fd(), &change.request(0), recursive)
}

/// Sets how mounts made below this one travel; `recursive` means the mounts below too.
///
/// # Errors
/// What the kernel says.
pub fn propagate(root: impl AsFd, propagation: Propagation, recursive: bool) -> Result<()> {
    set_attributes(root.as_fd(), &Change::default().request(propagation as u64), recursive)
}

/// How mounts and unmounts travel between a mount and its copies (`mount_namespaces(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Propagation {
    /// Not at all.
    Private = libc::MS_PRIVATE,
    /// From the original only.
    Slave = libc::MS_SLAVE,
    /// Both ways.
    Shared = libc::MS_SHARED,
    /// Not at all, and it cannot be copied.
    Unbindable = libc::MS_UNBINDABLE,
}

/// What of a mount's attributes is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    set: Attributes,
    clear: Attributes,
}

impl Default for Change {
    fn default() -> Self {
        Self { set: Attributes::empty(), clear: Attributes::empty() }
    }
}

impl Change {
    /// Sets these attributes and clears none.
    pub fn adding(attributes: Attributes) -> Self {
        let mut change = Self::default();
        change.add(attributes);
        change
    }

    /// Sets attributes; takes back that they be cleared.
    pub fn add(&mut self, attributes: Attributes) {
        self.set |= attributes;
        self.clear &= !attributes;
    }

    /// Clears attributes; takes back that they be set.
    pub fn remove(&mut self, attributes: Attributes) {
        self.clear |= attributes;
        self.set &= !attributes;
    }

    /// Sets when times of access are written, which is one value in several bits.
    pub fn set_access_times(&mut self, mode: Attributes) {
        self.remove(ACCESS_TIMES);
        self.set |= mode;
    }

    /// Tells whether it says nothing about when times of access are written.
    pub fn access_times(&self) -> Option<Attributes> {
        self.clear.contains(ACCESS_TIMES).then(|| self.set & ACCESS_TIMES)
    }

    /// Gives what a new mount has after this change.
    pub const fn of_new(&self) -> Attributes {
        self.set
    }

    /// Gives this change followed by another.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.remove(next.clear);
        self.set |= next.set;
        // What is set again needs no clearing, unless it is a part of a value.
        self.clear &= !(next.set & !ACCESS_TIMES);
        self
    }

    /// Tells whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn request(self, propagation: u64) -> libc::mount_attr {
        libc::mount_attr {
            attr_set: u64::from(self.set.bits()),
            attr_clr: u64::from(self.clear.bits()),
            propagation,
            userns_fd: 0,
        }
    }
}

/// The bits of the mode of access times (`MOUNT_ATTR__ATIME`).
const ACCESS_TIMES: Attributes = Attributes::MOUNT_ATTR__ATIME;

/// Mounts an overlay the old way (before Linux 6.5 there is no `lowerdir+`): `options` up to one page.
///
/// # Errors
/// What the kernel says, with the path.
pub fn overlay_by_options(at: &Path, options: &str) -> Result<()> {
    let options = super::namespace::c_string(options)?;
    mount("overlay", at, "overlay", MountFlags::NODEV, &*options).at_path("mount overlay on", at)
}

/// Lets no mount made in this namespace travel to where the namespace was copied from.
///
/// # Errors
/// What the kernel says.
pub fn stop_propagation() -> Result<()> {
    let flags = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", flags).at("make a slave mount of", "/")
}

/// Makes a directory the root of this mount namespace and takes the old root away with all mounts below it (`pivot_root(2)`, "."). The
/// directory must be the root of a mount; it becomes the working directory.
///
/// # Errors
/// What the kernel says.
pub fn pivot_to(root: impl AsFd) -> Result<()> {
    rustix::process::fchdir(root).at("enter", "the new root")?;
    rustix::process::pivot_root(".", ".").at("pivot to", "the new root")?;
    unmount(".", UnmountFlags::DETACH).at("unmount", "the old root")?;
    rustix::process::chdir("/").at("enter", "/")
}

/// Makes a directory the root of this process alone (`chroot(2)`), and the working directory.
///
/// # Errors
/// What the kernel says.
pub fn change_root(root: impl AsFd) -> Result<()> {
    rustix::process::fchdir(root).at("enter", "the new root")?;
    rustix::process::chroot(".").at("change to", "the new root")?;
    rustix::process::chdir("/").at("enter", "/")
}

fn copy_flags(recursive: bool) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive { flags | OpenTreeFlags::AT_RECURSIVE } else { flags }
}

fn set_attributes(
    mount: BorrowedFd<'_>,
    request: &libc::mount_attr,
    recursive: bool,
) -> Result<()> {
    let recursive = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is empty and static, the request is a living structure of the size given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            std::ptr::from_ref(request),
            size_of::<libc::mount_attr>(),
        )
    };
    match answer {
        0 => Ok(()),
        _ => Err(SysError::last("set attributes of", "a mount")),
    }
}
