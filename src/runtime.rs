//! The OCI runtime: from a spec to a process in its own namespaces.
//!
//! [`create`] clones the first process and returns while it mounts its root file system; [`Created::start`] lets it execute its program.
//! [`exec`] runs a further program inside. Both clone the calling process, so the caller has one thread; all that can fail inside comes back
//! as an [`InitError`] that names step and object, or as [`RuntimeError::Program`].
//!
//! What holds: nothing is mounted in the host's mount namespace. No path of a container is ever joined to one of the host: `sys::root` resolves
//! them by descriptor. Every mount that a container can write refuses devices. Descriptors above 2 are closed by the program's execution.
//! No part of this room reads or runs anything of the image but `/etc/passwd`, `/etc/group` and the program itself.
//!
//! | file | what it does |
//! |---|---|
//! | `plan`, `mounts`, `execution` | resolve the spec, refuse what cannot be done |
//! | `init`, `rootfs`, `devices` | the steps of the first process |
//! | `user`, `search` | who runs, and which file |
//! | `join` | a further program: enters the namespaces of the first |
//! | `protocol`, `error` | what both sides say to each other |
//! | `defaults`, `seccomp` | what a container gets when nothing is asked for |
//!
//! Not here: networks (the caller attaches them between `create` and `start`), hooks, checkpoints, devices of the host.

mod defaults;
mod devices;
mod error;
mod execution;
mod init;
mod join;
mod mounts;
mod plan;
mod protocol;
mod rootfs;
mod search;
pub mod seccomp;
mod user;

use std::{
    fmt,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::PathBuf,
};

use oci_spec::runtime::{Process, Spec};

pub use self::{
    defaults::default_spec,
    error::{Cause, InitError},
    join::exec,
};
use self::{
    plan::Plan,
    protocol::{Order, await_execution, say},
};
use crate::sys::{
    SysError,
    cgroup::Cgroup,
    channel::Channel,
    clone::{self, Child},
    namespace, pidfd,
    process::ProcessId,
};

/// Why a container or a program in it did not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The kernel refused a step outside the container.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// A step inside the container failed.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The spec asks for what is not done here, or makes no sense.
    #[error("the container cannot be made: {0}")]
    Spec(String),
    /// The program is not there (127) or cannot be executed (126).
    #[error("exec: \"{program}\": {reason}")]
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
        /// Whether its changes need not outlive it: then nothing of them is ever synced.
        is_volatile: bool,
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
    child: Unproven,
    channel: Channel,
    network: OwnedFd,
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

impl RuntimeError {
    /// Says what of a spec cannot be done.
    fn unfit(reason: impl fmt::Display) -> Self {
        Self::Spec(reason.to_string())
    }
}

/// Clones the container's first process into its namespaces and control group, and returns while it prepares mounts side by side with the caller.
///
/// # Errors
/// [`RuntimeError::Kernel`], [`RuntimeError::Spec`].
pub fn create(setup: Setup<'_>) -> Result<Created, RuntimeError> {
    let group = setup.cgroup;
    let plan = Plan::resolve(setup)?;
    let namespaces = plan.namespaces;
    let (channel, theirs) = Channel::pair()?;
    let target = group.and_then(Cgroup::clone_target);
    let group_fd = target.as_ref().map(OwnedFd::as_fd);
    let late = group.filter(|_| target.is_none());
    let body = move || init::run(plan, late, &theirs);
    let joined = clone::spawn(namespaces, group_fd, channel, body)
        .map(|(child, channel)| (Unproven::new(child), channel))?;
    let (child, channel) = joined;
    let process = ProcessId::of(child.pid)?;
    let network = match namespace::open(&PathBuf::from(format!("/proc/{}/ns/net", child.pid))) {
        Ok(network) => network,
        // It ended before its time, for it waits for the word to start.
        Err(cause) => return Err(what_it_said(&child, &channel).unwrap_or_else(|| cause.into())),
    };
    Ok(Created { process, child, channel, network })
}

/// Ends a process with which something cannot be done, and gives the reason if it had told one itself.
fn what_it_said(child: &Unproven, channel: &Channel) -> Option<RuntimeError> {
    pidfd::kill_and_reap(&child.pidfd);
    match await_execution(channel, child.pidfd()) {
        Err(RuntimeError::Init(InitError::Died(_))) | Ok(_) => None,
        Err(error) => Some(error),
    }
}

impl Created {
    /// Gives the first process.
    pub const fn process(&self) -> ProcessId {
        self.process
    }

    /// Gives its pidfd.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd()
    }

    /// Gives its network namespace (for `network::attach`), which lives as long as this, even if the process has ended.
    pub fn network_namespace(&self) -> BorrowedFd<'_> {
        self.network.as_fd()
    }

    /// Lets it go on to execute its program, and returns when it has been executed.
    ///
    /// # Errors
    /// [`RuntimeError::Init`] with the step that failed, [`RuntimeError::Program`].
    pub fn start(self) -> Result<Running, RuntimeError> {
        // If it has ended already, the next line hears why.
        drop(say(&self.channel, &Order::Start, None));
        let terminal = await_execution(&self.channel, self.child.pidfd())?;
        Ok(Running { process: self.process, pidfd: self.child.keep()?, terminal })
    }
}

/// A child that is killed and reaped when this is dropped.
#[derive(Debug)]
struct Unproven {
    pid: i32,
    pidfd: OwnedFd,
    is_kept: bool,
}

impl Unproven {
    fn new(child: Child) -> Self {
        Self { pid: child.pid, pidfd: child.pidfd, is_kept: false }
    }

    fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Lets it live.
    fn keep(mut self) -> crate::sys::Result<OwnedFd> {
        use crate::sys::At as _;
        let pidfd = self.pidfd.try_clone().at("keep process", self.pid)?;
        self.is_kept = true;
        Ok(pidfd)
    }
}

impl Drop for Unproven {
    fn drop(&mut self) {
        if !self.is_kept {
            pidfd::kill_and_reap(&self.pidfd);
        }
    }
}
