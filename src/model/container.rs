//! Containers: what was asked for, what was resolved, and what is true now.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    ContainerId, ContainerName, Endpoint, ImageId, Isolation, LogConfig, NetworkMode, Resources,
    Security, Timestamp, resources,
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

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum State {
    /// Made, never started.
    Created,
    /// Between the request to start and the first instruction of its program.
    Starting,
    /// Its first process lives.
    Running {
        /// Since when.
        started: Timestamp,
        /// Whether its processes are made to stand still.
        #[serde(default)]
        paused: bool,
    },
    /// Its first process has ended, or could not be started.
    Exited {
        /// When it began; `None` if its program never ran.
        started: Option<Timestamp>,
        /// When it ended.
        finished: Timestamp,
        /// How it ended.
        exit: Exit,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code; 128 plus the signal when a signal ended it; 125 to 127 when it could not be started.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the kernel killed something in the container for want of memory.
    pub oom: bool,
    /// Why it could not be started, or what Estiba could not find out about its end, give back, or write into its log.
    pub error: Option<String>,
}

/// What can be asked of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Let it begin.
    Start,
    /// Ask it to end, then make it end.
    Stop,
    /// Stop if need be, then start.
    Restart,
    /// Send a signal.
    Kill,
    /// Run a further program inside.
    Exec,
    /// Join its standard streams.
    Attach,
    /// Make its processes stand still.
    Pause,
    /// Let them go on.
    Unpause,
    /// List its processes.
    Top,
    /// Remove it without force.
    Remove,
}

impl State {
    /// Tells whether `verb` makes sense now: the one table that UI, command line and engine ask.
    pub const fn allows(&self, verb: Verb) -> bool {
        match verb {
            Verb::Start => matches!(self, Self::Created | Self::Exited { .. }),
            Verb::Stop | Verb::Kill | Verb::Top => matches!(self, Self::Running { .. }),
            Verb::Exec | Verb::Attach | Verb::Pause => {
                matches!(self, Self::Running { paused: false, .. })
            }
            Verb::Unpause => matches!(self, Self::Running { paused: true, .. }),
            Verb::Restart => !matches!(self, Self::Starting),
            Verb::Remove => matches!(self, Self::Created | Self::Exited { .. }),
        }
    }

    /// Tells whether processes of the container live or are about to.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Starting | Self::Running { .. })
    }

    /// Gives the one word for it: `created`, `starting`, `running`, `paused`, `exited`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Starting => "starting",
            Self::Running { paused: false, .. } => "running",
            Self::Running { paused: true, .. } => "paused",
            Self::Exited { .. } => "exited",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Exec => "exec in",
            Self::Attach => "attach to",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Top => "list the processes of",
            Self::Remove => "remove",
        })
    }
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
    /// Number of the signal that asks it to stop; the image's if `None`.
    pub stop_signal: Option<i32>,
    /// The platform that the image must be for, like `linux/amd64`.
    pub platform: Option<String>,
    /// Containers whose mounts it gets, and whether they refuse writes.
    pub volumes_from: Vec<(String, bool)>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_follow_the_state() {
        let running = State::Running { started: Timestamp::UNIX_EPOCH, paused: false };
        let paused = State::Running { started: Timestamp::UNIX_EPOCH, paused: true };
        let exited =
            State::Exited { started: None, finished: Timestamp::UNIX_EPOCH, exit: Exit::default() };
        for (state, verb, allowed) in [
            (&State::Created, Verb::Start, true),
            (&State::Created, Verb::Stop, false),
            (&State::Created, Verb::Remove, true),
            (&State::Starting, Verb::Start, false),
            (&State::Starting, Verb::Remove, false),
            (&State::Starting, Verb::Restart, false),
            (&running, Verb::Start, false),
            (&running, Verb::Exec, true),
            (&running, Verb::Kill, true),
            (&running, Verb::Remove, false),
            (&running, Verb::Pause, true),
            (&running, Verb::Unpause, false),
            (&paused, Verb::Unpause, true),
            (&paused, Verb::Stop, true),
            (&paused, Verb::Exec, false),
            (&exited, Verb::Pause, false),
            (&exited, Verb::Start, true),
            (&exited, Verb::Exec, false),
            (&exited, Verb::Remove, true),
        ] {
            assert_eq!(state.allows(verb), allowed, "{} {verb}", state.word());
        }
    }
}
