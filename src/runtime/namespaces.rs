//! The namespaces of a spec: made, or joined by path (config-linux.md, "Namespaces").

use std::{fmt::Write as _, os::fd::OwnedFd, path::PathBuf};

use nix::sched::CloneFlags;
use oci_spec::runtime::{Linux, LinuxNamespace, LinuxNamespaceType, Spec};

use super::{Admission, InitError, RuntimeError, error::Step as _, mounts};
use crate::sys::{At as _, caps, idmap::IdMaps, namespace};

/// The namespaces of a spec, sorted by what is done with them.
#[derive(Debug)]
pub(super) struct Namespaces {
    /// Made together with the process.
    pub(super) made: CloneFlags,
    /// That the process is brought.
    brought: CloneFlags,
    /// Of others, that the process enters itself.
    joined: Vec<Join>,
    /// Of others, that are entered before the process is made.
    before: Vec<Join>,
    /// The kinds in `before`, also after they were taken.
    entered_before: CloneFlags,
    /// Whether it gets a control group namespace, once it is in its group.
    pub(super) has_cgroup: bool,
    /// The ids of the user namespace that is made.
    pub(super) ids: Option<IdMaps>,
    /// How the clocks of the time namespace that is made are set off.
    time: Option<String>,
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

impl Namespaces {
    /// Reads them, and refuses what contradicts itself.
    pub(super) fn resolve(spec: &Spec) -> Result<Self, RuntimeError> {
        let linux = spec.linux().as_ref();
        let list = linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
        let mut namespaces = Self {
            made: CloneFlags::empty(),
            brought: CloneFlags::empty(),
            joined: Vec::new(),
            before: Vec::new(),
            entered_before: CloneFlags::empty(),
            has_cgroup: false,
            ids: None,
            time: None,
        };
        let mut seen = CloneFlags::empty();
        for one in list {
            let kind = flag(one.typ());
            if seen.contains(kind) {
                return Err(unfit(format_args!("type {} is there twice", one.typ())));
            }
            seen |= kind;
            namespaces.add(one)?;
        }
        // A mount namespace of a user namespace can only be entered after it; of the rest, mounts come last because paths change with them.
        namespaces.before.sort_by_key(|join| join.kind != CloneFlags::CLONE_NEWUSER);
        namespaces.joined.sort_by_key(|join| join.kind == CloneFlags::CLONE_NEWNS);
        namespaces.entered_before = namespaces.before.iter().map(|join| join.kind).collect();
        namespaces.check(spec, linux, seen)?;
        Ok(namespaces)
    }

    fn add(&mut self, one: &LinuxNamespace) -> Result<(), RuntimeError> {
        let kind = flag(one.typ());
        let Some(path) = one.path().as_ref().filter(|path| !path.as_os_str().is_empty()) else {
            match one.typ() {
                LinuxNamespaceType::Cgroup => self.has_cgroup = true,
                LinuxNamespaceType::Time => self.time = Some(String::new()),
                _ => self.made |= kind,
            }
            return Ok(());
        };
        if !path.is_absolute() {
            return Err(unfit(format_args!("path {} is not absolute", path.display())));
        }
        let join = Join { path: path.clone(), kind, file: namespace::open(path)? };
        match one.typ() {
            // The kernel lets nobody enter the one it is in.
            LinuxNamespaceType::User if namespace::is_own(&join.file, "user")? => {}
            LinuxNamespaceType::User | LinuxNamespaceType::Pid => self.before.push(join),
            _ => self.joined.push(join),
        }
        Ok(())
    }

    fn check(
        &mut self,
        spec: &Spec,
        linux: Option<&Linux>,
        seen: CloneFlags,
    ) -> Result<(), RuntimeError> {
        let users = linux.and_then(|linux| linux.uid_mappings().as_deref());
        let groups = linux.and_then(|linux| linux.gid_mappings().as_deref());
        self.ids = mounts::id_maps(users, groups);
        let makes_user = self.made.contains(CloneFlags::CLONE_NEWUSER);
        match (&self.ids, makes_user) {
            (Some(_), false) => {
                let reason =
                    "linux.uidMappings and linux.gidMappings need a user namespace that is made";
                return Err(RuntimeError::unfit(reason));
            }
            (None, true) => {
                return Err(unfit("a user namespace needs uidMappings and gidMappings"));
            }
            _ => {}
        }
        let offsets = linux.and_then(|linux| linux.time_offsets().as_ref());
        if let Some(offsets) = offsets.filter(|offsets| !offsets.is_empty()) {
            let Some(time) = &mut self.time else {
                let reason = "linux.timeOffsets need a time namespace that is made";
                return Err(RuntimeError::unfit(reason));
            };
            for (clock, offset) in offsets {
                if !matches!(clock.as_str(), "monotonic" | "boottime") {
                    let reason = format_args!("linux.timeOffsets: {clock} is no clock of theirs");
                    return Err(RuntimeError::unfit(reason));
                }
                let (seconds, rest) = (offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0));
                // Writing into a string does not fail.
                let _infallible = writeln!(time, "{clock} {seconds} {rest}");
            }
        }
        if !seen.contains(CloneFlags::CLONE_NEWUTS) {
            for (field, value) in [("hostname", spec.hostname()), ("domainname", spec.domainname())]
            {
                if value.as_ref().is_some_and(|value| !value.is_empty()) {
                    let reason = format_args!("{field} needs a uts namespace");
                    return Err(RuntimeError::unfit(reason));
                }
            }
        }
        if self.joins_mounts() {
            return refuse_mounts(spec, linux);
        }
        if seen.contains(CloneFlags::CLONE_NEWNS) {
            return Ok(());
        }
        Err(RuntimeError::unfit("it has no mount namespace of its own"))
    }

    /// Has the network namespace brought in place of one that is made with the process, where that is admitted later.
    pub(super) fn admitted(mut self, admission: Admission) -> Self {
        if admission == Admission::Later {
            self.brought = self.made & CloneFlags::CLONE_NEWNET;
            self.made -= self.brought;
        }
        self
    }

    /// Enters what was brought.
    pub(super) fn enter_brought(&self, network: Option<OwnedFd>) -> Result<(), InitError> {
        if self.brought.is_empty() {
            return Ok(());
        }
        let missing = || InitError::Protocol("no network namespace was brought".to_owned());
        namespace::enter(network.ok_or_else(missing)?, self.brought)
            .step(|cause| InitError::Namespace { name: "net".to_owned(), cause })
    }

    /// Takes those that are entered before the process is made.
    pub(super) fn take_before(&mut self) -> Vec<Join> {
        std::mem::take(&mut self.before)
    }

    /// Gives the network namespace of others, which the process enters when it has begun.
    pub(super) fn network_of_others(&self) -> Result<Option<OwnedFd>, RuntimeError> {
        let mut joined = self.joined.iter();
        let network = joined.find(|join| join.kind == CloneFlags::CLONE_NEWNET);
        let copy = network.map(|join| join.file.try_clone().at_path("duplicate", &join.path));
        Ok(copy.transpose()?)
    }

    /// Gives the kinds that are not those of this process: made, or joined and another.
    pub(super) fn own(&self) -> Result<CloneFlags, RuntimeError> {
        let mut own = self.made | self.brought;
        for join in &self.joined {
            let name = match join.kind {
                CloneFlags::CLONE_NEWNET => "net",
                CloneFlags::CLONE_NEWIPC => "ipc",
                CloneFlags::CLONE_NEWUTS => "uts",
                _ => continue,
            };
            if !namespace::is_own(&join.file, name)? {
                own |= join.kind;
            }
        }
        Ok(own)
    }

    /// Tells whether its control group namespace is not that of this process.
    pub(super) fn has_own_cgroup(&self) -> Result<bool, RuntimeError> {
        let joined = self.joined.iter().find(|join| join.kind == CloneFlags::CLONE_NEWCGROUP);
        let own = joined.map(|join| namespace::is_own(&join.file, "cgroup")).transpose()?;
        Ok(self.has_cgroup || own == Some(false))
    }

    /// Tells whether the process is in another user namespace than this one.
    pub(super) fn enters_user(&self) -> bool {
        (self.made | self.entered_before).contains(CloneFlags::CLONE_NEWUSER)
    }

    /// Tells whether the mounts are those of others.
    pub(super) fn joins_mounts(&self) -> bool {
        self.joined.iter().any(|join| join.kind == CloneFlags::CLONE_NEWNS)
    }

    /// Enters those of others, and the time namespace.
    pub(super) fn enter(&self) -> Result<(), InitError> {
        if let Some(offsets) = &self.time {
            let name = "time".to_owned();
            namespace::make_time(offsets).step(|cause| InitError::Namespace { name, cause })?;
        }
        for join in &self.joined {
            namespace::enter(&join.file, join.kind).step(|cause| InitError::Namespace {
                name: join.path.display().to_string(),
                cause,
            })?;
        }
        Ok(())
    }

    /// Becomes user and group 0 of the user namespace, if it is another.
    pub(super) fn become_root(&self) -> Result<(), InitError> {
        if !self.enters_user() {
            return Ok(());
        }
        // Those of the host mean nothing here; where they cannot be dropped, they are not mapped either.
        drop(caps::set_groups(&[]));
        caps::set_gid(0)
            .and_then(|()| caps::set_uid(0))
            .step(|cause| InitError::Credentials { user: "0:0".to_owned(), cause })
    }
}

/// Refuses what would change the mounts of others.
fn refuse_mounts(spec: &Spec, linux: Option<&Linux>) -> Result<(), RuntimeError> {
    let has = |list: Option<&Vec<String>>| list.is_some_and(|list| !list.is_empty());
    let asked = [
        ("mounts", spec.mounts().as_ref().is_some_and(|list| !list.is_empty())),
        (
            "root.readonly",
            spec.root().as_ref().and_then(oci_spec::runtime::Root::readonly) == Some(true),
        ),
        ("linux.maskedPaths", has(linux.and_then(|linux| linux.masked_paths().as_ref()))),
        ("linux.readonlyPaths", has(linux.and_then(|linux| linux.readonly_paths().as_ref()))),
        (
            "linux.rootfsPropagation",
            linux.is_some_and(|linux| linux.rootfs_propagation().is_some()),
        ),
        (
            "linux.sysctl",
            linux.is_some_and(|linux| linux.sysctl().as_ref().is_some_and(|map| !map.is_empty())),
        ),
        (
            "linux.devices",
            linux
                .is_some_and(|linux| linux.devices().as_ref().is_some_and(|list| !list.is_empty())),
        ),
    ];
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((field, _)) => Err(RuntimeError::unfit(format_args!(
            "{field} would change the mount namespace of others, which the spec joins"
        ))),
        None => Ok(()),
    }
}

fn unfit(reason: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::unfit(format_args!("linux.namespaces: {reason}"))
}

/// The specification's kinds have the kernel's own numbers.
pub(super) const fn flag(kind: LinuxNamespaceType) -> CloneFlags {
    CloneFlags::from_bits_retain(kind as i32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(json: &serde_json::Value) -> Result<Namespaces, RuntimeError> {
        Namespaces::resolve(&serde_json::from_value(json.clone()).unwrap())
    }

    #[test]
    fn the_numbers_of_the_spec_are_those_of_clone() {
        assert_eq!(flag(LinuxNamespaceType::Mount), CloneFlags::CLONE_NEWNS);
        assert_eq!(flag(LinuxNamespaceType::Network), CloneFlags::CLONE_NEWNET);
        assert_eq!(flag(LinuxNamespaceType::Pid), CloneFlags::CLONE_NEWPID);
        assert_eq!(flag(LinuxNamespaceType::Time).bits(), libc::CLONE_NEWTIME);
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        let ids = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
        for (json, word) in [
            (json!({"linux": {}}), "mount namespace"),
            (json!({"linux": {"namespaces": [{"type": "mount"}, {"type": "mount"}]}}), "twice"),
            (
                json!({"linux": {"namespaces": [{"type": "mount"}, {"type": "user"}]}}),
                "uidMappings",
            ),
            (
                json!({"linux": {"namespaces": [{"type": "mount"}], "uidMappings": ids, "gidMappings": ids}}),
                "user namespace",
            ),
            (
                json!({"linux": {"namespaces": [{"type": "mount"}], "timeOffsets": {"boottime": {"secs": 1}}}}),
                "timeOffsets",
            ),
            (
                json!({"linux": {"namespaces": [{"type": "mount"}, {"type": "time"}], "timeOffsets": {"realtime": {"secs": 1}}}}),
                "realtime",
            ),
            (json!({"hostname": "x", "linux": {"namespaces": [{"type": "mount"}]}}), "hostname"),
            (
                json!({"linux": {"namespaces": [{"type": "mount"}, {"type": "ipc", "path": "relative"}]}}),
                "absolute",
            ),
            (
                json!({"linux": {"namespaces": [{"type": "mount", "path": "/proc/self/ns/mnt"}], "maskedPaths": ["/x"]}}),
                "maskedPaths",
            ),
        ] {
            let mut json = json;
            json["ociVersion"] = "1.2.0".into();
            let error = resolve(&json).unwrap_err().to_string();
            assert!(error.contains(word), "{json}: {error}");
        }
    }

    #[test]
    fn processes_are_entered_first_and_mounts_last() {
        let path = |kind: &str| json!({"type": kind, "path": format!("/proc/self/ns/{kind}")});
        let mut list = vec![json!({"type": "mount", "path": "/proc/self/ns/mnt"})];
        list.extend(["net", "pid", "uts", "user", "ipc", "cgroup"].map(path));
        list[1]["type"] = "network".into();
        let found =
            resolve(&json!({"ociVersion": "1.2.0", "linux": {"namespaces": list}})).unwrap();
        let before: Vec<CloneFlags> = found.before.iter().map(|join| join.kind).collect();
        // The one of users is this process's.
        assert_eq!(before, [CloneFlags::CLONE_NEWPID]);
        assert_eq!(found.joined.last().unwrap().kind, CloneFlags::CLONE_NEWNS);
        assert!(!found.enters_user() && found.joins_mounts());
        // They are those of this process.
        assert!(found.own().unwrap().is_empty());
    }
}
