//! Containers: what was asked for, what was resolved, and what is true now.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    ContainerId, ContainerName, Endpoint, HealthCheck, ImageId, Isolation, LogConfig, NetworkMode,
    Resources, RestartPolicy, Security, State, Timestamp, resources,
};

/// A container as the records have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its identity, which never changes.
    pub id: ContainerId,
    /// Its name, unique among containers.
    pub name: ContainerName,
    /// The image it stands on, by id: re-tagging moves the name, not the container.
    pub image: ImageId,
    /// What the user called that image when the container was made.
    pub image_name: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it runs and how.
    pub config: ContainerConfig,
    /// What it is doing.
    pub state: State,
    /// Where it stands in networks; leases of a container that does not run are returned, so an address is there only while it runs.
    pub endpoints: Vec<Endpoint>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, in its words"
)]
/// What a container runs and how, with every default of its image filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerConfig {
    /// The program and its arguments: entry point, then command; never empty.
    pub args: Vec<String>,
    /// How many of them are the entry point.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub entrypoint: usize,
    /// The environment as `KEY=value`, image first, user's own over it.
    pub env: Vec<String>,
    /// The absolute directory the program starts in.
    pub workdir: String,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty means root.
    pub user: String,
    /// The host name inside.
    pub hostname: String,
    /// Labels, the image's and the user's.
    pub labels: BTreeMap<String, String>,
    /// Which networks it joins.
    pub network: NetworkMode,
    /// What is mounted into it beside its root file system.
    pub mounts: Vec<Mount>,
    /// Whether its root file system refuses writes.
    pub read_only: bool,
    /// Whether its standard streams are a terminal.
    pub tty: bool,
    /// Whether its standard input stays open.
    pub open_stdin: bool,
    /// Whether it is removed when it exits.
    pub auto_remove: bool,
    /// Whether programs inside can never gain privileges (`no_new_privs`, prctl(2)).
    pub no_new_privileges: bool,
    /// The number of the signal that asks it to stop; 15 unless the image says otherwise.
    pub stop_signal: i32,
    /// What it may use.
    #[serde(
        default,
        alias = "limits",
        deserialize_with = "resources::of_any_age",
        skip_serializing_if = "Resources::is_default"
    )]
    pub resources: Resources,
    /// What its programs may do.
    #[serde(default, skip_serializing_if = "Security::is_default")]
    pub security: Security,
    /// What it shares, and what stands around its program.
    #[serde(default, skip_serializing_if = "Isolation::is_default")]
    pub isolation: Isolation,
    /// Where what it writes is kept.
    #[serde(default, skip_serializing_if = "LogConfig::is_default")]
    pub log: LogConfig,
    /// Whether it is started again when it has ended.
    #[serde(default, skip_serializing_if = "RestartPolicy::is_default")]
    pub restart: RestartPolicy,
    /// How it is found out whether it is well.
    #[serde(default, skip_serializing_if = "HealthCheck::is_default")]
    pub health: HealthCheck,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Something mounted into a container beside its root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// The absolute path inside.
    pub target: String,
    /// Whether it refuses writes.
    pub read_only: bool,
}

/// What a [`Mount`] shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum MountKind {
    /// A file or directory of the host.
    Bind {
        /// The absolute path on the host.
        source: PathBuf,
        /// Whether a missing source is made as a directory (`-v` does, `--mount` does not).
        create: bool,
        /// How mounts travel, like `rshared`; `rprivate` if empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        propagation: String,
        /// Whether what is mounted below it is left out.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_flat: bool,
    },
    /// Memory that is gone with the container.
    Tmpfs {
        /// The most it may hold, in bytes.
        size: Option<u64>,
        /// Options of the mount, like `mode=700` or `noexec`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
    },
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, in its words"
)]
/// A request to make a container, as every front end words it. What is `None` or empty comes from the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateContainer {
    /// The wanted name; one is made up if `None`.
    pub name: Option<ContainerName>,
    /// The image: a reference, an id or the beginning of one.
    pub image: String,
    /// Arguments in place of the image's command.
    pub command: Vec<String>,
    /// Entry point in place of the image's; `Some` and empty clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Environment as `KEY=value`, over the image's.
    pub env: Vec<String>,
    /// Directory to start in.
    pub workdir: Option<String>,
    /// User to run as.
    pub user: Option<String>,
    /// Host name; the short id if `None`.
    pub hostname: Option<String>,
    /// Labels, over the image's.
    pub labels: BTreeMap<String, String>,
    /// Networks; the default bridge if `None`.
    pub network: Option<NetworkRequest>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// Whether its root file system refuses writes.
    pub read_only: bool,
    /// Whether its standard streams are a terminal.
    pub tty: bool,
    /// Whether its standard input stays open.
    pub open_stdin: bool,
    /// Whether it is removed when it exits.
    pub auto_remove: bool,
    /// Whether programs inside can never gain privileges.
    pub no_new_privileges: bool,
    /// What it may use.
    pub resources: Resources,
    /// What its programs may do.
    pub security: Security,
    /// What it shares, and what stands around its program.
    pub isolation: Isolation,
    /// Where what it writes is kept.
    pub log: LogConfig,
    /// Whether it is started again when it has ended.
    pub restart: RestartPolicy,
    /// How it is found out whether it is well; the image's word stands for what is not said.
    pub health: HealthCheck,
    /// Number of the signal that asks it to stop; the image's if `None`.
    pub stop_signal: Option<i32>,
    /// The platform that the image must be for, like `linux/amd64`.
    pub platform: Option<String>,
    /// Containers whose mounts it gets, and whether they refuse writes.
    pub volumes_from: Vec<(String, bool)>,
}

/// What is to be changed of a container; what is `None` or not said stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateContainer {
    /// What it may use.
    pub resources: Resources,
    /// Whether it is started again when it has ended.
    pub restart: Option<RestartPolicy>,
}

/// Which networks a new container joins, as the user named them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkRequest {
    /// `none`: only loopback.
    None,
    /// `host`: the host's own network.
    Host,
    /// That of another container, by name or id.
    Container(String),
    /// Networks by name or id.
    Named(Vec<String>),
}

/// A request to run a further program in a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Environment as `KEY=value`, over the container's.
    pub env: Vec<String>,
    /// Directory to start in; the container's if `None`.
    pub workdir: Option<String>,
    /// User to run as; the container's if `None`.
    pub user: Option<String>,
    /// Whether its standard streams are a terminal.
    pub tty: bool,
    /// Whether it reads standard input.
    pub open_stdin: bool,
}
