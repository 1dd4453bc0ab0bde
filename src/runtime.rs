//! The OCI runtime: from a spec to a process in its own namespaces.

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use oci_spec::runtime::{Process, Spec};

use crate::sys::{SysError, cgroup::Cgroup, process::ProcessId};

/// Why a container or a program in it did not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The kernel refused a step outside the container.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// A step inside the container failed.
    #[error("{0}")]
    Init(String),
    /// The program is not there (127) or cannot be executed (126).
    #[error("cannot execute '{program}': {reason}")]
    Program {
        /// What was to be executed.
        program: String,
        /// What the kernel says.
        reason: String,
        /// 126 or 127.
        exit_code: i32,
    },
}

/// Everything that makes a container.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Namespaces, mounts, process, capabilities, limits.
    pub spec: &'a Spec,
    /// Its root file system.
    pub rootfs: Rootfs,
    /// As whom the program runs.
    pub user: User,
    /// Its standard streams.
    pub stdio: Stdio,
    /// Its control group, made and limited by the caller.
    pub cgroup: Option<&'a Cgroup>,
    /// The compiled seccomp filter, loaded last.
    pub seccomp: Option<&'a seccomp::Program>,
    /// Whether this runs as root of a user namespace.
    pub rootless: bool,
}

/// Where a root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rootfs {
    /// A directory of the host.
    Directory(PathBuf),
    /// An overlay, mounted only inside the container's mount namespace.
    Overlay {
        /// Read-only directories, topmost first.
        lowers: Vec<PathBuf>,
        /// Where changes go.
        upper: PathBuf,
        /// Where the kernel prepares them.
        work: PathBuf,
        /// An empty directory of ours to mount it on.
        at: PathBuf,
    },
}

/// As whom a program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// The numbers in the spec.
    FromSpec,
    /// `user`, `uid`, `user:group`, `uid:gid`, looked up in the container's own `/etc/passwd` and `/etc/group`; empty is root. Sets HOME if the spec has none.
    Named(String),
}

/// Standard streams.
#[derive(Debug)]
pub enum Stdio {
    /// These descriptors.
    Pipes {
        /// 0.
        stdin: OwnedFd,
        /// 1.
        stdout: OwnedFd,
        /// 2.
        stderr: OwnedFd,
    },
    /// A terminal made in the container's own devpts; its master comes back in [`Running::terminal`].
    Terminal,
}

/// A container whose namespaces exist and whose first process waits before it does anything else. Dropping it kills it.
#[derive(Debug)]
pub struct Created {
    process: ProcessId,
    pidfd: OwnedFd,
}

/// A program that was executed.
#[derive(Debug)]
pub struct Running {
    /// Which process.
    pub process: ProcessId,
    /// Readable when it has ended (`pidfd_open(2)`).
    pub pidfd: OwnedFd,
    /// The master side of its terminal.
    pub terminal: Option<OwnedFd>,
}

/// What a further program in a container needs.
#[derive(Debug)]
pub struct ExecSetup<'a> {
    /// The container's first process.
    pub init: ProcessId,
    /// Its pidfd.
    pub pidfd: BorrowedFd<'a>,
    /// The container's spec, for capabilities and namespaces.
    pub spec: &'a Spec,
    /// Program, arguments, environment, directory, terminal.
    pub process: &'a Process,
    /// As whom it runs.
    pub user: User,
    /// Its standard streams.
    pub stdio: Stdio,
    /// The container's control group.
    pub cgroup: Option<&'a Cgroup>,
    /// The filter.
    pub seccomp: Option<&'a seccomp::Program>,
}

/// Clones the container's first process into its namespaces and control group, and returns while it prepares mounts side by side with the caller.
///
/// # Errors
/// [`RuntimeError::Kernel`].
pub fn create(setup: Setup<'_>) -> Result<Created, RuntimeError> {
    let _ = setup;
    Err(RuntimeError::Init(String::new()))
}

impl Created {
    /// Gives the first process.
    pub const fn process(&self) -> ProcessId {
        self.process
    }
    /// Gives its pidfd.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.pidfd.as_fd()
    }
    /// Opens its network namespace (for `network::attach`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn network_namespace(&self) -> Result<OwnedFd, RuntimeError> {
        Err(RuntimeError::Init(String::new()))
    }
    /// Lets it go on to execute its program, and returns when it has been executed.
    ///
    /// # Errors
    /// [`RuntimeError::Init`] with the step that failed, [`RuntimeError::Program`].
    pub fn start(self) -> Result<Running, RuntimeError> {
        Err(RuntimeError::Init(String::new()))
    }
}

/// Runs a further program in a container; it becomes a child of this process.
///
/// # Errors
/// As [`Created::start`].
pub fn exec(setup: ExecSetup<'_>) -> Result<Running, RuntimeError> {
    let _ = setup;
    Err(RuntimeError::Init(String::new()))
}

/// Makes the spec that a container gets when nothing is asked for: namespaces, mounts, masked and read-only paths, Docker's capabilities; process, host name and network are filled in by the caller.
pub fn default_spec(rootless: bool) -> Spec {
    let _ = rootless;
    Spec::default()
}

/// The system call filter.
pub mod seccomp {
    use super::Path;
    /// A compiled filter, ready for `seccomp(2)`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Program(Vec<u8>);
    impl Program {
        /// Gives the default profile (`assets/seccomp.json`) for `capabilities` (names like `CAP_SYS_ADMIN`), compiled once and kept in `cache`.
        ///
        /// # Errors
        /// When the cache cannot be written.
        pub fn default_for(capabilities: &[String], cache: &Path) -> crate::sys::Result<Self> {
            let _ = (capabilities, cache);
            Ok(Self(Vec::new()))
        }
    }
}
