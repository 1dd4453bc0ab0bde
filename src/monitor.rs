//! The one process that stays with each container.
//!
//! A monitor is this binary, executed under another name ([`ROLE`]) by [`spawn()`] or [`foresee()`] and handled in `main` before anything else. It has one thread and no
//! tokio, and it knows the container's start, streams, log and end; it outlives whoever started it. It makes the container and, when it gets its word to go, starts it,
//! copies the standard streams between the container, its log and the clients on its socket, and at the end gives back what it held, writes
//! down how the container ended, tells those who wait, and leaves.
//!
//! | file | what |
//! |---|---|
//! | `launch`, `client`, `session` | the callers' side: start a monitor, ask it, join streams |
//! | `protocol`, `channel`, `queue` | what they say to each other |
//! | `role`, `stay` | the monitor's life, step by step: up to the first run, and from there to the end of the last |
//! | `ahead` | what is made before it is known for which container |
//! | `start`, `connect`, `group`, `ward`, `held`, `kept`, `record` | a container's start, network, control group, care, belongings, spec and end |
//! | `restart` | what lies between two runs |
//! | `health` | whether the container is well |
//! | `watch`, `connection`, `streams` | the loop over descriptors, which knows no container |
//! | [`log`] | what a container writes, kept and read |
//! | `sampler`, [`ring`] | what the container uses, once a second, and the last hour of it |
//!
//! Not here: which container may start (`engine`), how a process gets into its namespaces (`runtime`).

mod ahead;
mod channel;
mod client;
mod connect;
mod connection;
mod group;
mod health;
mod held;
mod kept;
mod launch;
pub mod log;
mod protocol;
mod queue;
mod record;
mod restart;
pub mod ring;
mod role;
mod sampler;
mod session;
mod start;
mod stay;
mod streams;
mod ward;
mod watch;

use std::path::PathBuf;

use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

pub use self::{
    client::Client,
    launch::{Launched, Nascent, foresee, spawn},
    role::main,
    sampler::statistics,
    session::{Session, SessionEnd},
    ward::asks_to_end,
};
use crate::{
    model::{Container, ContainerId, Network, Timestamp},
    network::Place,
    store::Layout,
    sys::{SysError, process::ProcessId},
};

/// The name (`argv[0]`) under which the binary is a monitor.
pub const ROLE: &str = "estiba-monitor";

/// The name of its socket in [`Layout::container_run`].
const SOCKET: &str = "monitor.sock";

/// Why a monitor did not do something.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// The monitor is gone.
    #[error("the monitor of container {0} is gone")]
    Gone(ContainerId),
    /// The container could not be started.
    #[error("{}", .0.message)]
    Start(StartFailure),
}

/// Why a program did not start, as the monitor tells it through its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFailure {
    /// In the user's words.
    pub message: String,
    /// 125 when it is not the program's fault, 126 when it cannot be executed, 127 when it is not there.
    pub exit_code: i32,
}

/// Everything a monitor needs; sent through a pipe, never in arguments or environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Launch {
    /// The container as recorded, endpoints leased.
    pub container: Container,
    /// Its spec.
    pub spec: Spec,
    /// The first processes of those whose namespaces its spec names by their numbers.
    pub neighbours: Vec<ProcessId>,
    /// The layers' directories, topmost first.
    pub lowers: Vec<PathBuf>,
    /// The directory of its changes.
    pub upper: PathBuf,
    /// The kernel's directory beside it.
    pub work: PathBuf,
    /// Where everything lies.
    pub layout: Layout,
    /// Where the bridges stand.
    pub place: Place,
    /// All networks, for the rules; the container's own are among them.
    pub networks: Vec<Network>,
    /// The name of its control group.
    pub cgroup: String,
    /// Whether this is a user namespace.
    pub rootless: bool,
}
