//! What a caller asks the runtime for.

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    path::PathBuf,
};

use oci_spec::runtime::{Process, Spec};

use super::seccomp;
use crate::sys::{cgroup::Cgroup, mount::Mount, process::ProcessId, resctrl::Class};

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
    /// Whether all of that is there, and what is mounted from the host.
    pub admission: Admission,
    /// Its class of service ([`class_of_service`](super::class_of_service)), if the spec wants one.
    pub class: Option<&'a Class>,
    /// The compiled seccomp filter, loaded last.
    pub seccomp: Option<&'a seccomp::Program>,
    /// Whether this runs as root of a user namespace.
    pub rootless: bool,
    /// Until when its first process waits.
    pub gate: Gate,
    /// Whether the first process stays to care for the others, with the program as its child.
    pub has_reaper: bool,
    /// How many descriptors after 2 the program gets.
    pub preserved: u32,
    /// Binds of the spec whose source the caller has opened already, by their place inside.
    pub given: Vec<(String, Mount)>,
}

/// When a first process finds outside what it needs from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// When it begins.
    Ready,
    /// With [`Created::admit`](super::Created::admit), which brings the network namespace too if the spec wants one made; until then it makes what needs nothing
    /// from outside. A control group of version 1 can be made meanwhile. Not for a user namespace that is made.
    Later,
}

/// What a first process waits for before it executes the program.
#[derive(Debug)]
pub enum Gate {
    /// [`Created::start`](super::Created::start). It dies with its parent.
    Channel,
    /// Somebody who opens this pipe (`sys::fifo`), once its parent has let it go with [`Ready::release`](super::Ready::release). It outlives its parent. Everything
    /// that can fail has been done before.
    Fifo(OwnedFd),
}

/// What becomes of a program when its parent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tether {
    /// It is killed.
    Parent,
    /// It lives on.
    None,
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
    /// Looked up in the container's own `/etc/passwd` and `/etc/group`. Sets HOME if the spec has none.
    Named {
        /// `user`, `uid`, `user:group` or `uid:gid`; empty is root.
        user: String,
        /// Further groups, by name or number.
        groups: Vec<String>,
    },
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
    /// A terminal made in the container's own devpts; its master comes back in [`Running::terminal`](super::Running::terminal).
    Terminal,
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
    /// The control group that it joins: the container's ([`Cgroup::beside`] its first process), or one below ([`Cgroup::below`]).
    pub cgroup: Option<&'a Cgroup>,
    /// The container's class of service.
    pub class: Option<&'a Class>,
    /// The filter.
    pub seccomp: Option<&'a seccomp::Program>,
    /// What becomes of it when the caller ends.
    pub tether: Tether,
    /// How many descriptors after 2 it gets.
    pub preserved: u32,
}
