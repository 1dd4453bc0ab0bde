//! The one process that stays with each container.

use std::{
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Container, ContainerId, Endpoint, ExecRequest, Exit, Network, Timestamp},
    network::Place,
    store::Layout,
    sys::{SysError, process::ProcessId},
};

/// The name (`argv[0]`) under which the binary is a monitor.
pub const ROLE: &str = "estiba-monitor";

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

/// A monitor that listens on its socket and waits for its word to go.
#[derive(Debug)]
pub struct Launched {
    process: ProcessId,
}

/// Executes `program` as a monitor, hands it `launch`, and returns when its socket listens. It is nobody's child: it does not become a zombie of the caller.
///
/// # Errors
/// [`MonitorError::Kernel`].
pub fn launch(program: &Path, launch: &Launch) -> Result<Launched, MonitorError> {
    let _ = (program, launch);
    Err(MonitorError::Gone(launch.container.id))
}

impl Launched {
    /// Gives the monitor's process.
    pub const fn process(&self) -> ProcessId {
        self.process
    }
    /// Lets it start the container and returns the container's first process when the program has been executed.
    /// If this value is dropped before, the monitor undoes everything and ends.
    ///
    /// # Errors
    /// [`MonitorError::Start`].
    pub fn go(self) -> Result<ProcessId, MonitorError> {
        Err(MonitorError::Gone(ContainerId::from_bytes([0; 32])))
    }
}

/// A connection to a monitor.
#[derive(Debug)]
pub struct Client {
    id: ContainerId,
}

impl Client {
    /// Connects to the monitor of a container.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn connect(layout: &Layout, id: ContainerId) -> Result<Self, MonitorError> {
        let _ = layout;
        Err(MonitorError::Gone(id))
    }
    /// Sends a signal to the first process.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn signal(&mut self, number: i32) -> Result<(), MonitorError> {
        let _ = number;
        Err(MonitorError::Gone(self.id))
    }
    /// Waits until the container has ended and its record says so; `None` when `patience` ended first.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn wait(&mut self, patience: Option<Duration>) -> Result<Option<Exit>, MonitorError> {
        let _ = patience;
        Err(MonitorError::Gone(self.id))
    }
    /// Joins the standard streams.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn attach(self) -> Result<Session, MonitorError> {
        Err(MonitorError::Gone(self.id))
    }
    /// Runs a further program.
    ///
    /// # Errors
    /// [`MonitorError::Start`].
    pub fn exec(self, request: &ExecRequest) -> Result<Session, MonitorError> {
        let _ = request;
        Err(MonitorError::Gone(self.id))
    }
    /// Connects the running container to a network (`all` for the rules).
    ///
    /// # Errors
    /// [`MonitorError::Start`] with the reason.
    pub fn connect_network(
        &mut self,
        endpoint: &Endpoint,
        network: &Network,
        all: &[Network],
    ) -> Result<(), MonitorError> {
        let _ = (endpoint, network, all);
        Err(MonitorError::Gone(self.id))
    }
    /// Takes it out again.
    ///
    /// # Errors
    /// [`MonitorError::Start`] with the reason.
    pub fn disconnect_network(&mut self, endpoint: &Endpoint) -> Result<(), MonitorError> {
        let _ = endpoint;
        Err(MonitorError::Gone(self.id))
    }
}

/// The standard streams of a container or of a program executed in it, over the monitor's socket.
#[derive(Debug)]
pub struct Session {
    id: ContainerId,
}

/// How [`Session::drive`] came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// The program ended.
    Exited(Exit),
    /// The user typed the detach keys ctrl-p ctrl-q; the program runs on.
    Detached,
}

impl Session {
    /// Copies between descriptors of the caller and the program until the program ends or the user detaches (only with a terminal). With a terminal on both
    /// sides it keeps the sizes equal (SIGWINCH). The caller has put its own terminal into raw mode. Leaves no thread and no changed signal disposition behind.
    ///
    /// # Errors
    /// [`MonitorError::Gone`].
    pub fn drive(
        self,
        stdin: Option<BorrowedFd<'_>>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<SessionEnd, MonitorError> {
        let _ = (stdin, stdout, stderr);
        Err(MonitorError::Gone(self.id))
    }
}

/// The log of a container, Docker's json-file format: one object a line with `log`, `stream`, `time`.
pub mod log {
    use super::{Duration, Path, Timestamp};
    /// One entry of a log.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Entry {
        /** When it came. */
        pub time: Timestamp,
        /** Whether it came on standard error. */
        pub is_stderr: bool,
        /** The bytes, with line feed if there was one. */
        pub bytes: Vec<u8>,
    }
    /// A reader of a log file that may still grow.
    #[derive(Debug)]
    pub struct Reader {}
    impl Reader {
        /// Opens a log at its beginning, or so that the last `tail` lines remain (found from the end: a big log costs nothing). A missing file is an empty log.
        ///
        /// # Errors
        /// What the kernel says.
        pub fn open(path: &Path, tail: Option<usize>) -> crate::sys::Result<Self> {
            let _ = (path, tail);
            Ok(Self {})
        }
        /// Gives the next entry; waits for one at most `patience` (inotify, not polling).
        ///
        /// # Errors
        /// What the kernel says.
        pub fn next_entry(&mut self, patience: Duration) -> crate::sys::Result<Option<Entry>> {
            let _ = patience;
            Ok(None)
        }
    }
}

/// Is the monitor: called by `main` when `argv[0]` is [`ROLE`], before any thread exists.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
