//! What the programs of a container may do, in Docker's words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What its programs may do, beyond or short of what those of every container may; what is empty is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// Whether they may do all that who starts the container may, with all devices of the host.
    pub privileged: bool,
    /// Capabilities they get besides, like `CAP_NET_ADMIN`, or `ALL`.
    pub cap_add: Vec<String>,
    /// Capabilities they do not get, or `ALL`.
    pub cap_drop: Vec<String>,
    /// Which system calls they may make.
    pub seccomp: Seccomp,
    /// The profile of `AppArmor` that confines them.
    pub apparmor: Option<String>,
    /// Further paths that are hidden.
    pub masked: Vec<String>,
    /// Paths that are neither hidden nor write-protected, though they usually are; `ALL` for all.
    pub unmasked: Vec<String>,
    /// Kernel parameters of its namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Rules for devices, like `c 1:3 rwm`.
    pub device_rules: Vec<String>,
    /// Further groups of its user, by name or number.
    pub groups: Vec<String>,
}

/// Which system calls programs may make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// Those of the default profile.
    #[default]
    Default,
    /// All.
    Unconfined,
    /// Those of a profile in Docker's form; its text.
    Profile(String),
}

/// A device of the host that is shown inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its path on the host, or that of a directory of devices.
    pub host: String,
    /// Its path inside.
    pub inside: String,
    /// Letters of `rwm`: read, write, make nodes.
    pub access: String,
}

impl Security {
    /// Tells whether nothing is asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
