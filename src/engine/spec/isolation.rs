//! From what a container shares to the namespaces of a spec.

use std::path::Path;

use oci_spec::runtime::{LinuxNamespaceType, Mount, Spec};

use super::{Around, bind, spec_mount};
use crate::{
    model::{Ipc, Isolation, NetworkMode, Sharing},
    sys::files,
};

/// Adds what is shared to a spec.
pub(super) fn add(spec: &mut Spec, asked: &Isolation, network: &NetworkMode, around: &Around<'_>) {
    match network {
        NetworkMode::Host => share(spec, LinuxNamespaceType::Network, None),
        NetworkMode::Container(_) => {
            share(spec, LinuxNamespaceType::Network, around.network_of.map(|pid| (pid, "net")));
        }
        NetworkMode::None | NetworkMode::Bridges(_) => {}
    }
    if asked.is_default() {
        return;
    }
    match asked.pid {
        Sharing::Own => {}
        Sharing::Host => {
            share(spec, LinuxNamespaceType::Pid, None);
            if around.is_rootless {
                // Only the owner of a process namespace may mount its procfs.
                replace(spec, "/proc", |_| {
                    bind_with("/proc", "/proc", &["nosuid", "noexec", "nodev"])
                });
            }
        }
        Sharing::Container(_) => {
            share(spec, LinuxNamespaceType::Pid, around.pid_of.map(|pid| (pid, "pid")));
        }
    }
    match &asked.ipc {
        Ipc::Private | Ipc::Shareable => {}
        Ipc::Container(_) => {
            share(spec, LinuxNamespaceType::Ipc, around.ipc_of.map(|pid| (pid, "ipc")));
            // The monitor opens it, in the mount namespace of the other.
            replace(spec, "/dev/shm", |_| {
                bind_with("/dev/shm", "/dev/shm", &["nosuid", "noexec", "nodev"])
            });
        }
        Ipc::None => retain_mounts(spec, |mount| mount.destination() != Path::new("/dev/shm")),
        Ipc::Host => {
            share(spec, LinuxNamespaceType::Ipc, None);
            for path in ["/dev/shm", "/dev/mqueue"].into_iter().filter(|path| is_there(path)) {
                replace(spec, path, |_| bind_with(path, path, &["nosuid", "noexec", "nodev"]));
            }
            if around.is_rootless && !is_there("/dev/mqueue") {
                // Only the owner of such a namespace may mount its queues.
                retain_mounts(spec, |mount| mount.destination() != Path::new("/dev/mqueue"));
            }
        }
    }
    if asked.uts_host {
        share(spec, LinuxNamespaceType::Uts, None);
        spec.set_hostname(None);
    } else if !asked.domainname.is_empty() {
        spec.set_domainname(Some(asked.domainname.clone()));
    }
    if asked.cgroupns_host {
        share(spec, LinuxNamespaceType::Cgroup, None);
    }
    if !asked.annotations.is_empty() {
        spec.set_annotations(Some(asked.annotations.clone().into_iter().collect()));
    }
}

fn is_there(path: &str) -> bool {
    files::exists(Path::new(path))
}

/// Takes a namespace away, so that the container is in the host's, or names that of a process.
fn share(spec: &mut Spec, kind: LinuxNamespaceType, of: Option<(i32, &str)>) {
    let Some(mut linux) = spec.linux().clone() else { return };
    let mut namespaces = linux.namespaces().clone().unwrap_or_default();
    match of {
        None => namespaces.retain(|namespace| namespace.typ() != kind),
        Some((pid, file)) => {
            for namespace in namespaces.iter_mut().filter(|namespace| namespace.typ() == kind) {
                namespace.set_path(Some(format!("/proc/{pid}/ns/{file}").into()));
            }
        }
    }
    linux.set_namespaces(Some(namespaces));
    spec.set_linux(Some(linux));
}

fn replace(spec: &mut Spec, path: &str, make: impl Fn(&Mount) -> Mount) {
    for mount in spec.mounts_mut().iter_mut().flatten() {
        if mount.destination() == Path::new(path) {
            *mount = make(mount);
        }
    }
}

fn retain_mounts(spec: &mut Spec, keep: impl Fn(&Mount) -> bool) {
    if let Some(mounts) = spec.mounts_mut() {
        mounts.retain(keep);
    }
}

fn bind_with(source: &str, target: &str, options: &[&str]) -> Mount {
    let options = ["rbind", "rprivate"].iter().chain(options).map(ToString::to_string).collect();
    spec_mount("bind", Path::new(source), target, options)
}

/// Shows the files of `/etc` that the monitor writes; those of another container with its network.
pub(super) fn etc(around: &Around<'_>, is_read_only: bool) -> Vec<Mount> {
    let files = ["hosts", "resolv.conf", "hostname"];
    let from = |file: &str| bind(&around.etc.join(file), &format!("/etc/{file}"), is_read_only);
    files.iter().map(|file| from(file)).collect()
}
