//! Why a container or a program in it did not start: what the first process tells before it ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::SysError;

/// What the kernel said, in a form that travels between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What was being done to what, and the reason.
    text: String,
    errno: Option<i32>,
}

impl Cause {
    /// Gives the kernel's error number, if it was the kernel that refused.
    pub const fn errno(&self) -> Option<i32> {
        self.errno
    }
}

impl From<SysError> for Cause {
    fn from(error: SysError) -> Self {
        Self { text: error.to_string(), errno: error.errno() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The step inside the container that failed, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum InitError {
    /// The monitor went away before it said to go on.
    #[error("the monitor has ended")]
    Abandoned,
    /// The first process was gone without a word, by a signal for instance.
    #[error("the first process of the container ended early with {0}")]
    Died(i32),
    /// A message between monitor and first process was not understood or not sent.
    #[error("the monitor and the first process do not understand each other: {0}")]
    Protocol(String),
    /// Joining the control group.
    #[error("cannot join the control group: {0}")]
    ControlGroup(Cause),
    /// Joining the class of service.
    #[error("cannot join the class of service (linux.intelRdt): {0}")]
    Class(Cause),
    /// Joining a namespace.
    #[error("cannot join namespace {name}: {cause}")]
    Namespace {
        /// Which.
        name: String,
        /// Why.
        cause: Cause,
    },
    /// Setting an attribute of the process in `/proc/self`.
    #[error("cannot set {name}: {cause}")]
    Attribute {
        /// Which.
        name: String,
        /// Why.
        cause: Cause,
    },
    /// The kernel knows no such profile of `AppArmor`.
    #[error(
        "process.apparmorProfile {0}: no such profile is loaded (aa-status lists those that are)"
    )]
    Profile(String),
    /// Setting host or domain name.
    #[error("cannot set the host name: {0}")]
    HostName(Cause),
    /// Cutting this mount namespace off the host's.
    #[error("cannot make the mounts private: {0}")]
    Propagation(Cause),
    /// Mounting the root file system.
    #[error("cannot mount the root file system on {at}: {cause}")]
    Root {
        /// Where.
        at: String,
        /// Why.
        cause: Cause,
    },
    /// Making the file or directory that something is mounted on.
    #[error("cannot make mount point {target}: {cause}")]
    MountPoint {
        /// The path inside.
        target: String,
        /// Why.
        cause: Cause,
    },
    /// The image has a link where part of the system is mounted (CVE-2026-41579).
    #[error("cannot mount on {target}: the image has a symbolic link there")]
    LinkInTheWay {
        /// The path inside.
        target: String,
    },
    /// A mount of the spec.
    #[error("cannot mount {source_name} on {target}: {cause}")]
    Mount {
        /// What is mounted.
        source_name: String,
        /// The path inside.
        target: String,
        /// Why.
        cause: Cause,
    },
    /// Something was to be mounted on `/proc`, which must stay as the kernel shows it (CVE-2019-19921).
    #[error("cannot mount {source_name} on {target}: it is inside of /proc")]
    OverProc {
        /// What was to be mounted.
        source_name: String,
        /// The path inside.
        target: String,
    },
    /// A device, or a link in `/dev`.
    #[error("cannot provide device {name}: {cause}")]
    Device {
        /// Which.
        name: String,
        /// Why.
        cause: Cause,
    },
    /// Hiding a path or making it read-only.
    #[error("cannot protect {path}: {cause}")]
    Protect {
        /// The path inside.
        path: String,
        /// Why.
        cause: Cause,
    },
    /// A kernel parameter of the spec.
    #[error("cannot set kernel parameter {name}: {cause}")]
    Sysctl {
        /// Which.
        name: String,
        /// Why.
        cause: Cause,
    },
    /// Making the root file system read-only.
    #[error("cannot make the root file system read-only: {0}")]
    ReadOnly(Cause),
    /// Making the new root the root.
    #[error("cannot change to the root file system: {0}")]
    Pivot(Cause),
    /// The terminal.
    #[error("cannot make a terminal: {0}")]
    Terminal(Cause),
    /// A hook that was run inside failed.
    #[error("hook {path}: {reason}")]
    Hook {
        /// Its path.
        path: String,
        /// What it said.
        reason: String,
    },
    /// The directory to start in.
    #[error("cannot start in directory '{path}': {cause}")]
    Directory {
        /// The path inside.
        path: String,
        /// Why.
        cause: Cause,
    },
    /// The user is not to be found or makes no sense.
    #[error("user '{user}': {reason}")]
    User {
        /// As asked for.
        user: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The user or group has a number that this user namespace does not have.
    #[error(
        "user '{user}' needs {kind} {id}, which is not available here: give yourself more ids in /etc/sub{kind}, or run as root"
    )]
    Unmapped {
        /// As asked for.
        user: String,
        /// `uid` or `gid`.
        kind: String,
        /// The number.
        id: u32,
    },
    /// Becoming the user.
    #[error("cannot become user '{user}': {cause}")]
    Credentials {
        /// As asked for.
        user: String,
        /// Why.
        cause: Cause,
    },
    /// A resource limit.
    #[error("cannot set a limit: {0}")]
    Limit(Cause),
    /// Capabilities and `no_new_privs`.
    #[error("cannot set the capabilities: {0}")]
    Capabilities(Cause),
    /// The system call filter.
    #[error("cannot filter system calls: {0}")]
    Seccomp(Cause),
    /// Session, standard streams, descriptors.
    #[error("cannot prepare the standard streams: {0}")]
    Streams(Cause),
}

/// Gives a failed call the name of the step it belongs to.
pub(super) trait Step<T> {
    /// Makes the step's error of the kernel's.
    fn step(self, name: impl FnOnce(Cause) -> InitError) -> Result<T, InitError>;
}

impl<T> Step<T> for crate::sys::Result<T> {
    fn step(self, name: impl FnOnce(Cause) -> InitError) -> Result<T, InitError> {
        self.map_err(|error| name(error.into()))
    }
}
