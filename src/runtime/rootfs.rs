//! The root file system: mounted, filled with the mounts of the spec, protected.

mod base;
mod make;

use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{FileType, OFlags};

use super::{
    Admission, InitError, Rootfs, devices,
    error::Step as _,
    mounts::{self, Groups, PlannedMount, Source},
    plan::Plan,
};
use crate::sys::{
    self, SysError, copy, files,
    mount::{self, Attributes, Mount, Propagation},
    root::{self, Links, Make, Root},
};

/// What `statfs(2)` says of a procfs.
const PROC_SUPER_MAGIC: u32 = 0x9fa0;

/// A root file system that is complete, but not yet the root of this process.
pub(super) struct Built {
    /// Its root.
    pub(super) root: Root,
    /// Its own `/dev`, if it has one.
    pub(super) dev: Option<Mount>,
}

/// Finds the root file system in a mount namespace that others have made, where nothing is mounted.
pub(super) fn of_others(plan: &Plan<'_>) -> Result<Root, InitError> {
    let path = match &plan.root.source {
        Rootfs::Directory(path) => path,
        Rootfs::Overlay { at, .. } => at,
    };
    let failed = |cause| InitError::Root { at: path.display().to_string(), cause };
    files::pin(path).map(Root::new).step(failed)
}

/// Mounts everything of a plan. What needs nothing from outside comes before `admission`, if that comes later.
pub(super) fn build(
    plan: &mut Plan<'_>,
    admission: impl FnOnce(&Plan<'_>) -> Result<(), InitError>,
) -> Result<Built, InitError> {
    mount::stop_propagation().step(InitError::Propagation)?;
    let mut tree = Tree::new(base::mount_root(plan)?);
    let mut mounts = std::mem::take(&mut plan.mounts);
    let own = match plan.admission {
        Admission::Ready => 0,
        Admission::Later => mounts.iter().take_while(|mount| mount.is_own()).count(),
    };
    let has_dev = mounts.iter().any(|mount| mount.target == "/dev");
    let (own, others) = mounts.split_at_mut(own);
    for planned in own {
        tree.add(planned, plan.is_rootless)?;
    }
    let is_dev_filled = tree.dev.is_some();
    if is_dev_filled {
        tree.fill_dev(plan, has_dev)?;
    }
    let (in_proc, elsewhere) = protections(plan, tree.proc.is_some());
    tree.protect(&in_proc)?;
    admission(plan)?;
    for planned in others {
        tree.add(planned, plan.is_rootless)?;
    }
    if !is_dev_filled {
        tree.fill_dev(plan, has_dev)?;
    }
    for device in &plan.devices {
        device.provide(&tree.root)?;
    }
    tree.set_parameters(&plan.parameters)?;
    tree.protect(&elsewhere)?;
    Ok(Built { root: tree.root, dev: tree.dev })
}

/// What is done to a path that a container must not read or write.
#[derive(Debug, Clone, Copy)]
enum Protection<'a> {
    Mask(&'a str),
    WriteProtect(&'a str),
}

/// Lists what is to be protected: of the procfs, if that is there, and all the rest.
fn protections<'a>(
    plan: &'a Plan<'_>,
    has_proc: bool,
) -> (Vec<Protection<'a>>, Vec<Protection<'a>>) {
    let is_in_proc = |one: &Protection<'_>| {
        let (Protection::Mask(path) | Protection::WriteProtect(path)) = one;
        // A kernel parameter is set before it cannot be any more.
        has_proc && path.starts_with("/proc/") && plan.parameters.is_empty()
    };
    let masked = plan.masked.iter().map(|path| Protection::Mask(path));
    let read_only = plan.read_only.iter().map(|path| Protection::WriteProtect(path));
    masked.chain(read_only).partition(is_in_proc)
}

/// The root file system while it is being filled.
struct Tree {
    root: Root,
    /// The procfs, for kernel parameters.
    proc: Option<Root>,
    /// A mounted `/dev/null` to copy.
    null: Option<OwnedFd>,
    /// A mounted empty directory to copy.
    empty: Option<OwnedFd>,
    /// Its `/dev`, if that is a file system of its own.
    dev: Option<Mount>,
}

impl Tree {
    const fn new(root: Root) -> Self {
        Self { root, proc: None, null: None, empty: None, dev: None }
    }

    /// Mounts what a spec says, and keeps in mind what is needed of it.
    fn add(&mut self, planned: &mut PlannedMount, is_rootless: bool) -> Result<(), InitError> {
        let mount = self.place(planned, is_rootless)?;
        match (&planned.source, planned.target.as_str()) {
            _ if planned.is_proc() => self.proc = Some(Root::new(mount.into_root())),
            (Source::Filesystem { kind, .. }, "/dev") if kind == "tmpfs" => self.dev = Some(mount),
            _ => {}
        }
        Ok(())
    }

    /// Fills `/dev`, unless the spec mounts there itself what has what it has.
    fn fill_dev(&mut self, plan: &Plan<'_>, is_mounted: bool) -> Result<(), InitError> {
        match &self.dev {
            Some(dev) => self.null = devices::populate(dev.as_fd(), &plan.devices)?,
            None if is_mounted => {}
            None => {
                let own = self.root.make("/dev", Make::Directory, Links::Refuse);
                let own =
                    own.step(|cause| InitError::MountPoint { target: "/dev".to_owned(), cause })?;
                self.null = devices::populate(own.as_fd(), &plan.devices)?;
            }
        }
        Ok(())
    }

    fn protect(&mut self, list: &[Protection<'_>]) -> Result<(), InitError> {
        list.iter().try_for_each(|one| match one {
            Protection::Mask(path) => self.mask(path),
            Protection::WriteProtect(path) => self.write_protect(path),
        })
    }

    fn place(&self, planned: &mut PlannedMount, is_rootless: bool) -> Result<Mount, InitError> {
        let (source_name, target_name) = (planned.source_name(), planned.target.clone());
        let failed = |cause| InitError::Mount {
            source_name: source_name.clone(),
            target: target_name.clone(),
            cause,
        };
        if let Source::Remount { options } = &planned.source {
            let target = self.root.pin(&planned.target, Links::Refuse).step(failed)?;
            make::remount(planned, options, &target).step(failed)?;
            propagate(planned, &target).step(failed)?;
            return Ok(Mount::of_root(target));
        }
        let mount = make::make(planned, is_rootless).step(failed)?;
        let copies_up = matches!(planned.source, Source::Filesystem { copies_up: true, .. });
        let is_there = copies_up && self.root.pin(&planned.target, Links::Follow).is_ok();
        let target = self.mount_point(planned, &mount)?;
        if is_there {
            copy::contents(&target, &mount).step(failed)?;
        }
        if copies_up {
            make::finish(planned, &mount).step(failed)?;
        }
        mount.attach(&target).step(failed)?;
        propagate(planned, &mount).step(failed)?;
        let attributes = planned.attributes();
        if let Source::Cgroup(Groups::Each(each)) = &mut planned.source {
            make::fill_with_hierarchies(&mount, each, attributes).step(failed)?;
        }
        Ok(mount)
    }

    fn mount_point(&self, planned: &PlannedMount, mount: &Mount) -> Result<OwnedFd, InitError> {
        let failed = |cause| InitError::MountPoint { target: planned.target.clone(), cause };
        let make = match root::kind(mount).step(failed)? {
            FileType::Directory => Make::Directory,
            _ => Make::File,
        };
        let links = if planned.is_of_system() { Links::Refuse } else { Links::Follow };
        let target = match self.root.make(&planned.target, make, links) {
            Err(error) if is(&error, Errno::ELOOP) => {
                return Err(InitError::LinkInTheWay { target: planned.target.clone() });
            }
            other => other.step(failed)?,
        };
        let is_in_proc = root::is_on(&target, PROC_SUPER_MAGIC).step(failed)?;
        let is_allowed = if planned.target == "/proc" {
            // What stands in for it must be one (CVE-2019-16884).
            planned.is_proc() || root::is_on(mount, PROC_SUPER_MAGIC).step(failed)?
        } else {
            !is_in_proc || planned.may_be_in_proc()
        };
        if is_allowed {
            return Ok(target);
        }
        Err(InitError::OverProc {
            source_name: planned.source_name(),
            target: planned.target.clone(),
        })
    }

    fn set_parameters(&self, parameters: &[(String, String)]) -> Result<(), InitError> {
        for (name, value) in parameters {
            let written = match &self.proc {
                Some(proc) => proc.write(&format!("sys/{name}"), value.as_bytes()),
                None => Err(SysError::new("find", "/proc", rustix::io::Errno::NOENT)),
            };
            written.step(|cause| InitError::Sysctl { name: name.replace('/', "."), cause })?;
        }
        Ok(())
    }

    /// Hides a path: a file behind `/dev/null`, a directory behind an empty one.
    fn mask(&mut self, path: &str) -> Result<(), InitError> {
        let failed = |cause| InitError::Protect { path: path.to_owned(), cause };
        let Some(target) = self.find(path).step(failed)? else {
            return Ok(());
        };
        let is_directory = root::kind(&target).step(failed)? == FileType::Directory;
        let template = if is_directory { &mut self.empty } else { &mut self.null };
        let mount = match template {
            Some(template) => Mount::copy(&*template, false),
            None if is_directory => mounts::empty_directory(),
            None => devices::bind("/dev/null", 1, 3),
        }
        .step(failed)?;
        mount.attach(&target).step(failed)?;
        template.get_or_insert(mount.into_root());
        Ok(())
    }

    fn write_protect(&self, path: &str) -> Result<(), InitError> {
        let failed = |cause| InitError::Protect { path: path.to_owned(), cause };
        let Some(target) = self.find(path).step(failed)? else {
            return Ok(());
        };
        let mount = Mount::copy(&target, true).step(failed)?;
        mount.restrict(Attributes::MOUNT_ATTR_RDONLY, true).step(failed)?;
        mount.attach(&target).step(failed)
    }

    /// Pins what is at a path; `None` when this kernel has no such file.
    fn find(&self, path: &str) -> sys::Result<Option<OwnedFd>> {
        match self.root.open(path, OFlags::PATH, Links::Refuse) {
            Err(error) if error.is_not_found() || is(&error, Errno::ENOTDIR) => Ok(None),
            other => other.map(Some),
        }
    }
}

fn is(error: &SysError, errno: Errno) -> bool {
    error.errno() == Some(errno as i32)
}

/// Says how mounts travel, now that it is clear to where.
fn propagate(planned: &PlannedMount, mount: impl std::os::fd::AsFd) -> sys::Result<()> {
    // Whatever does not travel was made private.
    let is_new = !planned.travels() && !matches!(planned.source, Source::Remount { .. });
    for (kind, is_recursive) in &planned.propagation {
        if !is_new || *kind != Propagation::Private {
            mount::propagate(&mount, *kind, *is_recursive)?;
        }
    }
    Ok(())
}
