//! The root file system: mounted, filled with the mounts of the spec, protected.

use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{FileType, OFlags};

use super::{
    InitError, Rootfs, devices,
    error::Step as _,
    mounts::{PlannedMount, Source},
    plan::Plan,
};
use crate::sys::{
    self, SysError,
    cgroup::Hierarchies,
    files,
    mount::{self, Attributes, Filesystem, Mount},
    root::{self, Links, Make, Root},
};

/// What `statfs(2)` says of a procfs.
const PROC_SUPER_MAGIC: u32 = 0x9fa0;

/// The longest string that `fsconfig(2)` takes.
const LONGEST_OPTION: usize = 255;

/// A root file system that is complete, but not yet the root of this process.
pub(super) struct Built {
    /// Its root.
    pub(super) root: Root,
    /// Its own `/dev`, if it has one.
    pub(super) dev: Option<Mount>,
}

/// Mounts everything of a plan.
pub(super) fn build(plan: &Plan<'_>) -> Result<Built, InitError> {
    mount::stop_propagation().step(InitError::Propagation)?;
    let mut tree = Tree { root: mount_root(plan)?, proc: None, null: None, empty: None };
    let mut dev = None;
    for planned in &plan.mounts {
        let mount = tree.place(planned, plan.is_rootless)?;
        match (&planned.source, planned.target.as_str()) {
            (Source::Filesystem { kind, .. }, "/proc") if kind == "proc" => {
                tree.proc = Some(Root::new(mount.into_root()));
            }
            (Source::Filesystem { kind, .. }, "/dev") if kind == "tmpfs" => dev = Some(mount),
            _ => {}
        }
    }
    if let Some(dev) = &dev {
        tree.null = Some(devices::populate(dev.as_fd())?);
    }
    tree.set_parameters(&plan.parameters)?;
    for path in &plan.masked {
        tree.mask(path)?;
    }
    for path in &plan.read_only {
        tree.write_protect(path)?;
    }
    Ok(Built { root: tree.root, dev })
}

fn mount_root(plan: &Plan<'_>) -> Result<Root, InitError> {
    let (at, mounted) = match &plan.rootfs {
        Rootfs::Directory(path) => (path, bind_root(path)),
        Rootfs::Overlay { lowers, upper, work, at, is_volatile } => {
            let (is_rootless, is_volatile) = (plan.is_rootless, *is_volatile);
            let overlay = Overlay { lowers, upper, work, at, is_rootless, is_volatile };
            (at, overlay.mount())
        }
    };
    mounted.map(Root::new).step(|cause| InitError::Root { at: at.display().to_string(), cause })
}

/// Mounts a directory on itself, because only the root of a mount can become the root.
fn bind_root(path: &std::path::Path) -> sys::Result<OwnedFd> {
    let mount = Mount::copy_path(path, true)?;
    mount.isolate(Attributes::MOUNT_ATTR_NODEV, true)?;
    mount.attach(files::pin(path)?)?;
    Ok(mount.into_root())
}

/// An overlay to be mounted.
struct Overlay<'a> {
    lowers: &'a [std::path::PathBuf],
    upper: &'a std::path::Path,
    work: &'a std::path::Path,
    at: &'a std::path::Path,
    is_rootless: bool,
    is_volatile: bool,
}

impl Overlay<'_> {
    fn mount(&self) -> sys::Result<OwnedFd> {
        match self.mount_by_layers() {
            // Before Linux 6.5 the option is unknown.
            Err(error) if is(&error, Errno::EINVAL) => {
                self.mount_by_options().map_err(|_same_again| error)
            }
            other => other,
        }
    }

    fn mount_by_layers(&self) -> sys::Result<OwnedFd> {
        let filesystem = Filesystem::open("overlay")?;
        // Held until the overlay holds them.
        let mut pins = Vec::new();
        for (key, path) in self.options("lowerdir+") {
            if let Some(text) = path.to_str().filter(|text| text.len() <= LONGEST_OPTION) {
                filesystem.set(key, text)?;
                continue;
            }
            let pin = files::pin(path)?;
            filesystem.set(key, &files::name_of(&pin))?;
            pins.push(pin);
        }
        for flag in self.flags() {
            filesystem.set(flag, "")?;
        }
        let mount = filesystem.mount(Attributes::MOUNT_ATTR_NODEV)?;
        drop(pins);
        mount.attach(files::pin(self.at)?)?;
        Ok(mount.into_root())
    }

    /// One string of at most a page: descriptors instead of paths keep it short and free of `:` and `,`.
    fn mount_by_options(&self) -> sys::Result<OwnedFd> {
        let mut pins = Vec::new();
        let mut options: Vec<(&str, String)> = Vec::new();
        for (key, path) in self.options("lowerdir") {
            let pin = files::pin(path)?;
            let name = files::name_of(&pin);
            match options.iter_mut().find(|(known, _)| *known == key) {
                Some((_, value)) => *value = format!("{value}:{name}"),
                None => options.push((key, name)),
            }
            pins.push(pin);
        }
        let mut text: Vec<String> =
            options.iter().map(|(key, value)| format!("{key}={value}")).collect();
        text.extend(self.flags().map(str::to_owned));
        mount::overlay_by_options(self.at, &text.join(","))?;
        files::pin(self.at)
    }

    /// Without `volatile` the end of an overlay syncs the whole file system that its changes are on, whoever wrote there: half a
    /// second beside a busy neighbour (kernel.org/doc/html/latest/filesystems/overlayfs.html#volatile-mount).
    fn flags(&self) -> impl Iterator<Item = &'static str> {
        [("userxattr", self.is_rootless), ("volatile", self.is_volatile)]
            .into_iter()
            .filter_map(|(flag, is_set)| is_set.then_some(flag))
    }

    fn options(
        &self,
        lower: &'static str,
    ) -> impl Iterator<Item = (&'static str, &std::path::Path)> {
        self.lowers
            .iter()
            .map(move |path| (lower, path.as_path()))
            .chain([("upperdir", self.upper), ("workdir", self.work)])
    }
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
}

impl Tree {
    fn place(&self, planned: &PlannedMount, is_rootless: bool) -> Result<Mount, InitError> {
        let failed = |cause| InitError::Mount {
            source_name: planned.source_name(),
            target: planned.target.clone(),
            cause,
        };
        let mount = make(planned, is_rootless).step(failed)?;
        let target = self.mount_point(planned, &mount)?;
        mount.attach(&target).step(failed)?;
        if let Source::Cgroup(Hierarchies::Separate(names)) = &planned.source {
            for name in names {
                mount_hierarchy(&mount, name).step(failed)?;
            }
            mount.restrict(Attributes::MOUNT_ATTR_RDONLY, false).step(failed)?;
        }
        Ok(mount)
    }

    fn mount_point(&self, planned: &PlannedMount, mount: &Mount) -> Result<OwnedFd, InitError> {
        let failed = |cause| InitError::MountPoint { target: planned.target.clone(), cause };
        let make = match root::kind(mount).step(failed)? {
            FileType::Directory => Make::Directory,
            _ => Make::File,
        };
        let is_of_system = planned.is_of_system();
        let links = if is_of_system { Links::Refuse } else { Links::Follow };
        let target = match self.root.make(&planned.target, make, links) {
            Err(error) if is(&error, Errno::ELOOP) => {
                return Err(InitError::LinkInTheWay { target: planned.target.clone() });
            }
            other => other.step(failed)?,
        };
        if !is_of_system && root::is_on(&target, PROC_SUPER_MAGIC).step(failed)? {
            return Err(InitError::OverProc {
                source_name: planned.source_name(),
                target: planned.target.clone(),
            });
        }
        Ok(target)
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
            None if is_directory => empty_directory(),
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

/// Makes a mount, attached nowhere yet.
fn make(planned: &PlannedMount, is_rootless: bool) -> sys::Result<Mount> {
    match &planned.source {
        Source::Bind { path, is_recursive, follows_host } => {
            let mount = Mount::copy_path(path, *is_recursive)?;
            if *follows_host {
                mount.restrict(planned.attributes, *is_recursive)?;
            } else {
                mount.isolate(planned.attributes, *is_recursive)?;
            }
            Ok(mount)
        }
        Source::Filesystem { kind, options } => {
            match make_filesystem(kind, options, planned.attributes) {
                // Only the owner of a network namespace may mount its sysfs; the host's, unwritable, shows as much.
                Err(_) if kind == "sysfs" && is_rootless => {
                    let mount = Mount::copy_path(std::path::Path::new("/sys"), true)?;
                    let attributes = planned.attributes | Attributes::MOUNT_ATTR_RDONLY;
                    mount.isolate(attributes, true)?;
                    Ok(mount)
                }
                other => other,
            }
        }
        Source::Cgroup(Hierarchies::Unified) => {
            make_filesystem("cgroup2", &[], planned.attributes | Attributes::MOUNT_ATTR_RDONLY)
        }
        Source::Cgroup(Hierarchies::Separate(_)) => make_filesystem(
            "tmpfs",
            &[("mode".to_owned(), "755".to_owned())],
            planned.attributes & !Attributes::MOUNT_ATTR_RDONLY,
        ),
    }
}

fn make_filesystem(
    kind: &str,
    options: &[(String, String)],
    attributes: Attributes,
) -> sys::Result<Mount> {
    let filesystem = Filesystem::open(kind)?;
    for (key, value) in options {
        filesystem.set(key, value)?;
    }
    filesystem.mount(attributes)
}

/// Mounts one hierarchy of version 1, read-only: the control group namespace shows the container's own group as its root (CVE-2022-0492).
fn mount_hierarchy(on: &Mount, name: &str) -> sys::Result<()> {
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    let controllers: Vec<(String, String)> =
        name.split(',').map(|controller| (controller.to_owned(), String::new())).collect();
    let mount = make_filesystem("cgroup", &controllers, attributes)?;
    mount.attach(root::make_directory(on, name)?)
}

fn empty_directory() -> sys::Result<Mount> {
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    make_filesystem("tmpfs", &[("mode".to_owned(), "755".to_owned())], attributes)
}
