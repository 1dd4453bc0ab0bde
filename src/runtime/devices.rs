//! `/dev` of a container: the host's own nodes, shown through mounts that forbid changing them, and the devices that the spec names.
//!
//! The engine's specs say `nodev` wherever a container can write, so the only devices it can open are the ones shown here, and a node made
//! with `mknod` never works: with control groups of version 1, of version 2, and without. Where a spec of others does not say so, its rules for
//! the control group decide.

use std::{
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use nix::errno::Errno;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};
use rustix::fs::FileType;

use super::{InitError, RuntimeError, error::Step as _};
use crate::sys::{
    self, SysError, files,
    mount::{Attributes, Mount},
    root::{self, Links, Make, Node, Root},
};

/// Name, major and minor number (`devices.txt` of the kernel).
const NODES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Name and target.
const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
    ("ptmx", "pts/ptmx"),
];

/// A device of the spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedDevice {
    /// The absolute path inside.
    path: String,
    node: Node,
    /// Whether the spec says its mode.
    has_mode: bool,
}

/// The mode of a device of which the spec says none.
const USUAL_MODE: u32 = 0o666;

/// Reads `linux.devices`. The host's `/dev/ptmx`, which privileged containers are given, is left out: it would open terminals of the host,
/// and a container has its own of that name (config-linux.md, "default devices").
pub(super) fn resolve(list: Option<&[LinuxDevice]>) -> Result<Vec<PlannedDevice>, RuntimeError> {
    let list = list.unwrap_or_default().iter();
    list.filter(|device| device.path().as_os_str() != "/dev/ptmx")
        .map(PlannedDevice::resolve)
        .collect()
}

impl PlannedDevice {
    fn resolve(spec: &LinuxDevice) -> Result<Self, RuntimeError> {
        let unfit = |reason: &str| {
            let path = spec.path().display();
            RuntimeError::unfit(format_args!("linux.devices: {path}: {reason}"))
        };
        let path = spec.path().to_str().filter(|path| path.starts_with('/') && path.len() > 1);
        let path = path.ok_or_else(|| unfit("its path is not absolute"))?;
        let kind = match spec.typ() {
            LinuxDeviceType::B => FileType::BlockDevice,
            LinuxDeviceType::C | LinuxDeviceType::U => FileType::CharacterDevice,
            LinuxDeviceType::P => FileType::Fifo,
            LinuxDeviceType::A => return Err(unfit("type a is not one of c, b, u and p")),
        };
        let number = |number: i64| match u32::try_from(number) {
            _ if kind == FileType::Fifo => Ok(0),
            other => other.map_err(|_negative| unfit("its number is not one of a device")),
        };
        let node = Node {
            kind,
            major: number(spec.major())?,
            minor: number(spec.minor())?,
            mode: spec.file_mode().unwrap_or(USUAL_MODE) & 0o7777,
            uid: spec.uid().unwrap_or(0),
            gid: spec.gid().unwrap_or(0),
        };
        Ok(Self { path: path.to_owned(), node, has_mode: spec.file_mode().is_some() })
    }

    /// Makes it, or shows that of the host where nodes cannot be made or do not work.
    pub(super) fn provide(&self, root: &Root) -> Result<(), InitError> {
        let failed = |cause| InitError::Device { name: self.path.clone(), cause };
        let links = if self.path.starts_with("/dev/") { Links::Refuse } else { Links::Follow };
        let made = root.make_node(&self.path, self.node, links);
        if self.node.kind == FileType::Fifo {
            return made.map(drop).step(failed);
        }
        match made {
            Ok(made) if !root::forbids_devices(&made).step(failed)? => Ok(()),
            Ok(made) => self.show(&made).step(failed),
            Err(error) if error.errno() == Some(Errno::EPERM as i32) => {
                let target = root.make(&self.path, Make::File, links).step(failed)?;
                self.show(&target).step(failed)
            }
            Err(error) => Err(error).step(failed),
        }
    }

    /// Mounts the host's node on `target`.
    fn show(&self, target: &OwnedFd) -> sys::Result<()> {
        let host = match root::pin_node(&self.path, self.node) {
            Ok(host) => host,
            Err(error) => {
                let path = self.path_of_host().ok_or(error)?;
                root::pin_node(&path.display().to_string(), self.node)?
            }
        };
        if self.has_mode && self.node.differs_in_mode(&host)? {
            let reason =
                "devices can only be shown here as the host has them, and its fileMode is another";
            return Err(SysError::new("show", &self.path, std::io::Error::other(reason)));
        }
        cut_off(Mount::copy(host, false)?)?.attach(target)
    }

    /// Finds where the host has the device (`sysfs(5)`).
    fn path_of_host(&self) -> Option<PathBuf> {
        let kind = if self.node.kind == FileType::BlockDevice { "block" } else { "char" };
        let path = format!("/sys/dev/{kind}/{}:{}/uevent", self.node.major, self.node.minor);
        let text = files::read_text(path.as_ref()).ok()?;
        let name = text.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
        Some(PathBuf::from("/dev").join(name))
    }
}

/// Fills `/dev`, leaving out what the spec gives its own way; gives its mounted `null`.
pub(super) fn populate(
    dev: BorrowedFd<'_>,
    given: &[PlannedDevice],
) -> Result<Option<OwnedFd>, InitError> {
    let mut null = None;
    let is_given = |name: &str| {
        given
            .iter()
            .any(|device| device.path.strip_prefix("/dev/").is_some_and(|rest| rest == name))
    };
    for (name, major, minor) in NODES.into_iter().filter(|(name, ..)| !is_given(name)) {
        let mount = provide(dev, name, major, minor)
            .step(|cause| InitError::Device { name: name.to_owned(), cause })?;
        if name == "null" {
            null = Some(mount.into_root());
        }
    }
    for (name, target) in LINKS {
        match root::link(target, dev, name) {
            // A /dev that the image brings may have it.
            Err(error) if error.errno() == Some(Errno::EEXIST as i32) => {}
            other => other.step(|cause| InitError::Device { name: name.to_owned(), cause })?,
        }
    }
    Ok(null)
}

/// Shows a terminal as `/dev/console`.
pub(super) fn show_console(dev: BorrowedFd<'_>, terminal: &OwnedFd) -> sys::Result<()> {
    let target = root::make_file_unless_there(dev, "console")?;
    Mount::copy(terminal.as_fd(), false)?.attach(target)
}

/// Copies the mount of a node of the host. Read-only means that its owner and mode cannot be changed; writing to the device itself still works.
pub(super) fn bind(path: &str, major: u32, minor: u32) -> sys::Result<Mount> {
    cut_off(Mount::copy(root::pin_device(path, major, minor)?, false)?)
}

fn cut_off(mount: Mount) -> sys::Result<Mount> {
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NOEXEC;
    mount.isolate(attributes, false)?;
    Ok(mount)
}

fn provide(dev: BorrowedFd<'_>, name: &str, major: u32, minor: u32) -> sys::Result<Mount> {
    let target = root::make_file_unless_there(dev, name)?;
    let mount = bind(&format!("/dev/{name}"), major, minor)?;
    mount.attach(target)?;
    Ok(mount)
}
