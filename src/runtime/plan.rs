//! The spec with every option resolved: what [`super::init`] does from top to bottom, asking nothing any more.

use nix::sched::CloneFlags;
use oci_spec::runtime::{Root, Spec};

use super::{
    Admission, Gate, Rootfs, RuntimeError, Setup, Tether, check,
    devices::{self, PlannedDevice},
    execution::Execution,
    hooks::InnerHooks,
    links::{self, Move},
    mounts::{self, Membership, PlannedMount, Surroundings},
    namespaces::Namespaces,
};
use crate::sys::{
    mount::{Attributes, Mount, Propagation},
    resctrl::Class,
};

/// A container to be made.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// Namespaces, made and joined.
    pub(super) namespaces: Namespaces,
    /// Whether this runs as root of a user namespace.
    pub(super) is_rootless: bool,
    /// Links of the host that become the container's; moved from outside.
    pub(super) links: Vec<Move>,
    /// Whether it waits for what it gets from outside.
    pub(super) awaits_outfit: bool,
    /// When it finds outside what it needs from there.
    pub(super) admission: Admission,
    /// The class of service that it joins.
    pub(super) class: Option<&'a Class>,
    /// Host name; empty to leave it.
    pub(super) host: String,
    /// Domain name; empty to leave it.
    pub(super) domain: String,
    /// The root file system.
    pub(super) root: PlannedRoot,
    /// What is mounted in it, in this order.
    pub(super) mounts: Vec<PlannedMount>,
    /// Devices that are made besides those of every container.
    pub(super) devices: Vec<PlannedDevice>,
    /// Kernel parameters: name below `/proc/sys` with slashes, value.
    pub(super) parameters: Vec<(String, String)>,
    /// Paths that are hidden.
    pub(super) masked: Vec<String>,
    /// Paths that refuse writes.
    pub(super) read_only: Vec<String>,
    /// Hooks that the first process runs.
    pub(super) hooks: Option<InnerHooks>,
    /// The program, and as whom.
    pub(super) execution: Execution<'a>,
    /// What it waits for.
    pub(super) gate: Gate,
}

/// A root file system to be mounted.
#[derive(Debug)]
pub(super) struct PlannedRoot {
    /// Where it comes from.
    pub(super) source: Rootfs,
    /// How mounts travel from and to it in the end, and whether that goes for the mounts below too.
    pub(super) propagation: Option<(Propagation, bool)>,
    /// Whether device nodes in it work.
    pub(super) has_devices: bool,
    /// Whether it refuses writes.
    pub(super) is_read_only: bool,
    /// A copy of the directory's mount, where it must be reached before a user namespace is entered.
    pub(super) ready: Option<Mount>,
}

impl PlannedRoot {
    fn resolve(spec: &Spec, source: Rootfs, has_group: bool) -> Result<Self, RuntimeError> {
        let linux = spec.linux().as_ref();
        let propagation = linux.and_then(|linux| linux.rootfs_propagation().as_deref());
        Ok(Self {
            propagation: propagation.map_or(Ok(None), mounts::root_propagation)?,
            // An overlay is the engine's, and holds only what the container may make. A directory is somebody else's bundle, whose device nodes
            // count; without a control group, or without rules for it in the engine's spec, nothing would say which of them.
            has_devices: has_group && (matches!(source, Rootfs::Directory(_)) || has_rules(spec)),
            is_read_only: spec.root().as_ref().and_then(Root::readonly).unwrap_or(false),
            ready: None,
            source,
        })
    }

    /// Gives the attributes of its mount.
    pub(super) const fn attributes(&self) -> Attributes {
        if self.has_devices { Attributes::empty() } else { Attributes::MOUNT_ATTR_NODEV }
    }

    fn opened_for(mut self, namespaces: &Namespaces) -> Result<Self, RuntimeError> {
        if let (Rootfs::Directory(path), true) = (&self.source, namespaces.enters_user()) {
            self.ready = mounts::copied_ahead(path, true)?;
        }
        Ok(self)
    }
}

impl<'a> Plan<'a> {
    /// Resolves everything that can be resolved outside of the container, and refuses what cannot be done.
    pub(super) fn resolve(setup: Setup<'a>) -> Result<Self, RuntimeError> {
        let spec = setup.spec;
        check::check(spec, setup.class)?;
        if spec.linux().as_ref().is_some_and(|linux| linux.seccomp().is_some())
            && setup.seccomp.is_none()
        {
            // It is the caller's to compile, once for all programs of the container.
            return Err(RuntimeError::unfit("linux.seccomp: it was not compiled"));
        }
        let process =
            spec.process().as_ref().ok_or_else(|| RuntimeError::unfit("it has no process"))?;
        let linux = spec.linux().as_ref();
        let namespaces = Namespaces::resolve(spec)?.admitted(setup.admission);
        let tether = match &setup.gate {
            Gate::Channel => Tether::Parent,
            Gate::Fifo(_) => Tether::None,
        };
        let links = links_of(spec, &namespaces, setup.rootless)?;
        let paths = |paths: Option<&Vec<String>>| paths.cloned().unwrap_or_default();
        Ok(Self {
            awaits_outfit: namespaces.ids.is_some() || !links.is_empty(),
            links,
            admission: setup.admission,
            class: setup.class,
            parameters: parameters(spec, namespaces.own()?)?,
            mounts: mounts::resolve(
                spec,
                Surroundings {
                    is_rootless: setup.rootless,
                    enters_user: namespaces.enters_user(),
                    ids: namespaces.ids.as_ref(),
                    label: linux
                        .and_then(|linux| linux.mount_label().as_deref())
                        .unwrap_or_default(),
                    membership: Membership {
                        group: setup.cgroup,
                        has_namespace: namespaces.has_own_cgroup()?,
                    },
                },
                setup.given,
            )?,
            hooks: InnerHooks::resolve(spec)?,
            devices: devices::resolve(linux.and_then(|linux| linux.devices().as_deref()))?,
            masked: paths(linux.and_then(|linux| linux.masked_paths().as_ref())),
            read_only: paths(linux.and_then(|linux| linux.readonly_paths().as_ref())),
            is_rootless: setup.rootless,
            host: spec.hostname().clone().unwrap_or_default(),
            domain: spec.domainname().clone().unwrap_or_default(),
            root: PlannedRoot::resolve(spec, setup.rootfs, setup.cgroup.is_some())?
                .opened_for(&namespaces)?,
            execution: Execution::resolve(process, process, setup.user, setup.stdio)?
                .of_container(linux)?
                .making_its_directory()
                .filtered(setup.seccomp)
                .left_to(tether, setup.preserved)
                .cared_for(setup.has_reaper),
            gate: setup.gate,
            namespaces,
        })
    }
}

/// Takes links of the host only where they can be moved.
fn links_of(
    spec: &Spec,
    namespaces: &Namespaces,
    is_rootless: bool,
) -> Result<Vec<Move>, RuntimeError> {
    let links = links::resolve(spec.linux().as_ref())?;
    if !links.is_empty() && (is_rootless || !namespaces.own()?.contains(CloneFlags::CLONE_NEWNET)) {
        let reason = "linux.netDevices: links move only for root, into a network namespace that is not the host's";
        return Err(RuntimeError::unfit(reason));
    }
    Ok(links)
}

/// Tells whether the control group is given rules for devices.
fn has_rules(spec: &Spec) -> bool {
    let resources = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
    resources.is_some_and(|resources| resources.devices().is_some())
}

/// Takes only parameters that belong to a namespace of the container: all others are the host's.
fn parameters(spec: &Spec, made: CloneFlags) -> Result<Vec<(String, String)>, RuntimeError> {
    let list = spec.linux().as_ref().and_then(|linux| linux.sysctl().as_ref());
    list.into_iter()
        .flatten()
        .map(|(name, value)| {
            let path = parameter_path(name);
            let is_odd = |part: &str| matches!(part, "" | "." | "..");
            if path.split('/').any(is_odd) || !made.contains(owner_of(&path)) {
                return Err(RuntimeError::unfit(format_args!(
                    "linux.sysctl: kernel parameter {name} belongs to the host"
                )));
            }
            Ok((path, value.clone()))
        })
        .collect()
}

/// Turns a name into a path below `/proc/sys`: where the first separator is a dot, a slash stands for a dot in a name (`sysctl(8)`).
fn parameter_path(name: &str) -> String {
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    match name.find(['.', '/']).and_then(|at| name.as_bytes().get(at)) {
        Some(b'/') => name.to_owned(),
        _ => name.chars().map(swap).collect(),
    }
}

/// Which namespace a parameter belongs to (`namespaces(7)`); all flags at once for none.
fn owner_of(path: &str) -> CloneFlags {
    const IPC: [&str; 8] = [
        "kernel/msgmax",
        "kernel/msgmnb",
        "kernel/msgmni",
        "kernel/sem",
        "kernel/shmall",
        "kernel/shmmax",
        "kernel/shmmni",
        "kernel/shm_rmid_forced",
    ];
    if path.starts_with("net/") {
        CloneFlags::CLONE_NEWNET
    } else if IPC.contains(&path) || path.starts_with("fs/mqueue/") {
        CloneFlags::CLONE_NEWIPC
    } else if matches!(path, "kernel/domainname" | "kernel/hostname") {
        CloneFlags::CLONE_NEWUTS
    } else {
        CloneFlags::all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_host_are_refused() {
        let all = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
        for (name, allowed) in [
            ("net/ipv4/ip_forward", true),
            ("kernel/shmmax", true),
            ("fs/mqueue/msg_max", true),
            ("kernel/core_pattern", false),
            ("kernel/sem+x", false),
            ("vm/overcommit_memory", false),
            ("fs/file-max", false),
        ] {
            assert_eq!(all.contains(owner_of(name)), allowed, "{name}");
        }
        assert!(!CloneFlags::CLONE_NEWNS.contains(owner_of("net/ipv4/ip_forward")));
        assert!(CloneFlags::CLONE_NEWUTS.contains(owner_of("kernel/domainname")));
    }

    /// CVE-2022-0811: nothing that is said about one parameter reaches another. Seen to fail without the test for `..`.
    #[test]
    fn cve_2022_0811_no_name_leads_to_another_parameter() {
        let refused = |name: &str| {
            let mut linux = oci_spec::runtime::Linux::default();
            linux.set_sysctl(Some([(name.to_owned(), "1".to_owned())].into()));
            let mut spec = Spec::default();
            spec.set_linux(Some(linux));
            parameters(&spec, CloneFlags::CLONE_NEWNET).is_err()
        };
        for name in [
            "net/../kernel/core_pattern",
            "net.../kernel",
            "net//x",
            "net.ipv4..x",
            "kernel.core_pattern",
            "net.ipv4.ip_forward+kernel.core_pattern=x/../../kernel/core_pattern",
        ] {
            let leaves = !parameter_path(name).starts_with("net/")
                || parameter_path(name).split('/').any(|part| part == ".." || part.is_empty());
            assert_eq!(refused(name), leaves, "{name} {}", parameter_path(name));
        }
        assert!(refused("net/../kernel/core_pattern") && !refused("net.ipv4.ip_forward"));
        assert_eq!(parameter_path("net.ipv4.conf.eth0/1.x"), "net/ipv4/conf/eth0.1/x");
        assert_eq!(parameter_path("net/ipv4/conf/eth0.1/x"), "net/ipv4/conf/eth0.1/x");
    }
}
