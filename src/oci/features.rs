//! What this runtime can do, in the form that the specification has for it since 1.1.

use serde_json::{Value, json};

use super::{Failure, output};
use crate::{runtime::mount_options, sys::caps};

/// Kinds of namespaces that are made or joined.
const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];

/// Kinds of hooks that are run.
const HOOKS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

const OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

const FILTER_FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

const ARCHITECTURES: [&str; 3] = ["SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"];

const MEMORY_MODES: [&str; 7] = [
    "MPOL_DEFAULT",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_WEIGHTED_INTERLEAVE",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_LOCAL",
];

const MEMORY_FLAGS: [&str; 3] =
    ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"];

/// Prints it.
pub(super) fn print() -> Result<u8, Failure> {
    let text = serde_json::to_string_pretty(&features());
    output::line(&text.map_err(|error| Failure::new(error.to_string()))?);
    Ok(0)
}

/// Tells what this program knows, whatever this machine has.
fn features() -> Value {
    json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.3.0",
        "hooks": HOOKS,
        "mountOptions": mount_options(),
        "linux": {
            "namespaces": NAMESPACES,
            "capabilities": caps::names(),
            "cgroup": { "v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true },
            "seccomp": {
                "enabled": true,
                "actions": ACTIONS,
                "operators": OPERATORS,
                "archs": ARCHITECTURES,
                "knownFlags": FILTER_FLAGS,
                "supportedFlags": FILTER_FLAGS,
            },
            "apparmor": { "enabled": true },
            "selinux": { "enabled": true },
            "memoryPolicy": { "modes": MEMORY_MODES, "flags": MEMORY_FLAGS },
            "intelRdt": { "enabled": true, "schemata": true, "monitoring": true },
            "mountExtensions": { "idmap": { "enabled": true } },
            "netDevices": { "enabled": true },
        },
        "annotations": { "io.estiba.version": env!("CARGO_PKG_VERSION") },
    })
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::{Spec, VERSION};

    use super::*;
    use crate::runtime::default_spec;

    /// What is said to be known is understood where it is said, and nothing that is understood is left out of it.
    #[test]
    fn what_is_listed_is_understood() {
        let with = |linux: Value| {
            let whole = json!({ "ociVersion": VERSION, "linux": linux });
            serde_json::from_value::<Spec>(whole).is_ok()
        };
        for (known, wrap) in [
            (
                &ACTIONS[..],
                &(|name: &str| json!({"seccomp": {"defaultAction": name}}))
                    as &dyn Fn(&str) -> Value,
            ),
            (
                &FILTER_FLAGS,
                &|name| json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "flags": [name]}}),
            ),
            (
                &ARCHITECTURES,
                &|name| json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": [name]}}),
            ),
            (&OPERATORS, &|name| {
                let call = json!({"names": ["x"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": name}]});
                json!({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [call]}})
            }),
            (&MEMORY_MODES, &|name| json!({"memoryPolicy": {"mode": name}})),
            (
                &MEMORY_FLAGS,
                &|name| json!({"memoryPolicy": {"mode": "MPOL_BIND", "flags": [name]}}),
            ),
            (&NAMESPACES, &|name| json!({"namespaces": [{"type": name}]})),
        ] {
            assert!(known.iter().all(|name| with(wrap(name))), "{known:?}");
            assert!(!with(wrap("moon")));
        }
        let newest = features()["ociVersionMax"].as_str().unwrap().to_owned();
        assert_eq!(Some(newest.as_str()), default_spec(false).version().as_str().into());
    }
}
