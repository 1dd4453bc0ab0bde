//! The spec with every option resolved: what [`super::init`] does from top to bottom, asking nothing any more.

use std::{os::fd::OwnedFd, path::PathBuf};

use nix::sched::CloneFlags;
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Spec};

use super::{Rootfs, RuntimeError, Setup, execution::Execution, mounts::PlannedMount, seccomp};
use crate::sys::namespace;

/// A container to be made.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// Namespaces made together with the process.
    pub(super) namespaces: CloneFlags,
    /// Namespaces of others that it joins.
    pub(super) joins: Vec<Join>,
    /// Whether it gets a control group namespace, once it is in its group.
    pub(super) has_cgroup_namespace: bool,
    /// Whether this runs as root of a user namespace.
    pub(super) is_rootless: bool,
    /// Host name; empty to leave it.
    pub(super) host: String,
    /// Domain name; empty to leave it.
    pub(super) domain: String,
    /// The root file system.
    pub(super) rootfs: Rootfs,
    /// What is mounted in it, in this order.
    pub(super) mounts: Vec<PlannedMount>,
    /// Kernel parameters: name below `/proc/sys` with slashes, value.
    pub(super) parameters: Vec<(String, String)>,
    /// Paths that are hidden.
    pub(super) masked: Vec<String>,
    /// Paths that refuse writes.
    pub(super) read_only: Vec<String>,
    /// Whether the root file system refuses writes.
    pub(super) is_root_read_only: bool,
    /// The program, and as whom.
    pub(super) execution: Execution<'a>,
}

/// A namespace of others.
#[derive(Debug)]
pub(super) struct Join {
    /// Its path, for messages.
    pub(super) path: PathBuf,
    /// Which kind.
    pub(super) kind: CloneFlags,
    /// Open.
    pub(super) file: OwnedFd,
}

impl<'a> Plan<'a> {
    /// Resolves everything that can be resolved outside of the container, and refuses what cannot be done.
    pub(super) fn resolve(setup: Setup<'a>) -> Result<Self, RuntimeError> {
        let spec = setup.spec;
        let process =
            spec.process().as_ref().ok_or_else(|| RuntimeError::unfit("it has no process"))?;
        let linux = spec.linux().as_ref();
        let namespaces =
            Namespaces::resolve(linux.and_then(|linux| linux.namespaces().as_deref()))?;
        if linux.is_some_and(|linux| linux.devices().as_ref().is_some_and(|list| !list.is_empty()))
        {
            return Err(RuntimeError::unfit("devices of the host cannot be given"));
        }
        let paths = |paths: Option<&Vec<String>>| paths.cloned().unwrap_or_default();
        Ok(Self {
            parameters: parameters(spec, namespaces.made)?,
            mounts: super::mounts::resolve(spec, setup.rootless)?,
            masked: paths(linux.and_then(|linux| linux.masked_paths().as_ref())),
            read_only: paths(linux.and_then(|linux| linux.readonly_paths().as_ref())),
            namespaces: namespaces.made,
            joins: namespaces.joined,
            has_cgroup_namespace: namespaces.has_cgroup,
            is_rootless: setup.rootless,
            host: spec.hostname().clone().unwrap_or_default(),
            domain: spec.domainname().clone().unwrap_or_default(),
            rootfs: setup.rootfs,
            is_root_read_only: spec
                .root()
                .as_ref()
                .and_then(oci_spec::runtime::Root::readonly)
                .unwrap_or(false),
            execution: Execution::resolve(process, process, setup.user, setup.stdio)?
                .filtered(setup.seccomp.map_or(&[], seccomp::Program::bytes)),
        })
    }
}

/// The namespaces of a spec, sorted by what is done with them.
#[derive(Debug)]
struct Namespaces {
    made: CloneFlags,
    joined: Vec<Join>,
    has_cgroup: bool,
}

impl Namespaces {
    fn resolve(list: Option<&[LinuxNamespace]>) -> Result<Self, RuntimeError> {
        let mut namespaces =
            Self { made: CloneFlags::empty(), joined: Vec::new(), has_cgroup: false };
        for namespace in list.unwrap_or_default() {
            namespaces.add(namespace)?;
        }
        if namespaces.made.contains(CloneFlags::CLONE_NEWNS) {
            return Ok(namespaces);
        }
        Err(RuntimeError::unfit("it has no mount namespace of its own"))
    }

    fn add(&mut self, namespace: &LinuxNamespace) -> Result<(), RuntimeError> {
        let kind = namespace.typ();
        let flag = flag(kind);
        match namespace.path() {
            None if kind == LinuxNamespaceType::Cgroup => self.has_cgroup = true,
            None if matches!(kind, LinuxNamespaceType::User | LinuxNamespaceType::Time) => {
                return Err(RuntimeError::unfit(format_args!(
                    "a new {kind} namespace cannot be made"
                )));
            }
            None => self.made |= flag,
            Some(path) if may_join(kind) => self.joined.push(Join {
                path: path.clone(),
                kind: flag,
                file: namespace::open(path)?,
            }),
            Some(_) => {
                return Err(RuntimeError::unfit(format_args!(
                    "the {kind} namespace of others cannot be joined"
                )));
            }
        }
        Ok(())
    }
}

/// The flag of `clone(2)`; the enumeration of the spec has the same numbers.
pub(super) const fn flag(kind: LinuxNamespaceType) -> CloneFlags {
    CloneFlags::from_bits_retain(kind as i32)
}

const fn may_join(kind: LinuxNamespaceType) -> bool {
    matches!(kind, LinuxNamespaceType::Network | LinuxNamespaceType::Ipc | LinuxNamespaceType::Uts)
}

/// Takes only parameters that belong to a namespace of the container: all others are the host's.
fn parameters(spec: &Spec, made: CloneFlags) -> Result<Vec<(String, String)>, RuntimeError> {
    let list = spec.linux().as_ref().and_then(|linux| linux.sysctl().as_ref());
    list.into_iter()
        .flatten()
        .map(|(name, value)| {
            let path = name.replace('.', "/");
            if path.split('/').any(str::is_empty) || !made.contains(owner_of(&path)) {
                return Err(RuntimeError::unfit(format_args!(
                    "kernel parameter {name} belongs to the host"
                )));
            }
            Ok((path, value.clone()))
        })
        .collect()
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
    }

    #[test]
    fn the_numbers_of_the_spec_are_those_of_clone() {
        assert_eq!(flag(LinuxNamespaceType::Mount), CloneFlags::CLONE_NEWNS);
        assert_eq!(flag(LinuxNamespaceType::Network), CloneFlags::CLONE_NEWNET);
        assert_eq!(flag(LinuxNamespaceType::Pid), CloneFlags::CLONE_NEWPID);
    }
}
