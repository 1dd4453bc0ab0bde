//! What this runtime can do, in the form that the specification has for it since 1.1.

use serde_json::json;

use super::{Failure, output};

/// Options of mounts that are understood; others are handed to the file system.
const MOUNT_OPTIONS: [&str; 21] = [
    "bind",
    "defaults",
    "exec",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "nosuid",
    "private",
    "rbind",
    "relatime",
    "ro",
    "rprivate",
    "rro",
    "rslave",
    "rw",
    "slave",
    "strictatime",
    "suid",
    "mode",
    "size",
];

/// Kinds of namespaces that are made or joined.
const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];

/// Kinds of hooks that are run.
const HOOKS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// Prints it.
pub(super) fn print() -> Result<u8, Failure> {
    let capabilities: Vec<String> = crate::sys::caps::names();
    let features = json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.0",
        "hooks": HOOKS,
        "mountOptions": MOUNT_OPTIONS,
        "linux": {
            "namespaces": NAMESPACES,
            "capabilities": capabilities,
            "cgroup": { "v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false },
            "seccomp": { "enabled": true },
            "apparmor": { "enabled": false },
            "selinux": { "enabled": false },
            "intelRdt": { "enabled": false },
            "mountExtensions": { "idmap": { "enabled": true } },
            "netDevices": { "enabled": false },
        },
        "annotations": { "io.estiba.version": env!("CARGO_PKG_VERSION") },
    });
    let text = serde_json::to_string_pretty(&features);
    output::line(&text.map_err(|error| Failure::new(error.to_string()))?);
    Ok(0)
}
