//! The OCI runtime: from a spec to a process in its own namespaces.
//!
//! [`create`] clones the first process and returns while it mounts its root file system; [`Created::start`] lets it execute its program, or
//! [`Created::ready`] and [`Ready::release`] leave it waiting behind a [`Gate::Fifo`], complete, for whoever opens that.
//! [`exec`] runs a further program inside. Both clone the calling process, so the caller has one thread; all that can fail inside comes back
//! as an [`InitError`] that names step and object, or as [`RuntimeError::Program`].
//!
//! What holds: nothing is mounted in the host's mount namespace. No path of a container is ever joined to one of the host: `sys::root` resolves
//! them by descriptor. Nothing but a few files that lxcfs emulates is placed over `/proc`. A mount refuses devices where its options say `nodev`,
//! which the engine's specs say everywhere; so does an overlay, and a directory for which there is no control group that could say which devices work.
//! Descriptors above 2 are closed by the program's execution, but for those that the caller was told to hand on. No part of this room reads or runs
//! anything of the image but `/etc/passwd`, `/etc/group`, the program itself and what `startContainer` names.
//!
//! | file | what it does |
//! |---|---|
//! | `check`, `plan`, `namespaces`, `mounts`, `execution`, `rights`, `schedule` | resolve the spec, refuse what cannot be done |
//! | `setup` | what a caller asks for |
//! | `resources`, `rdt` | what the spec gives to the control group, and to the class of service |
//! | `systemd` | a control group that systemd makes |
//! | `links` | links of the host that become the container's |
//! | `init`, `rootfs`, `devices` | the steps of the first process |
//! | `hooks` | programs of others on the way |
//! | `user`, `search` | who runs, and which file |
//! | `join` | a further program: enters the namespaces of the first |
//! | `protocol`, `error` | what both sides say to each other |
//! | `seccomp` | filters: of a spec, and the one of the engine |
//! | `defaults` | what a container gets when nothing is asked for |
//!
//! # The fields of the specification
//!
//! Versions 1.0 to 1.3; what cannot be honoured is [`RuntimeError::Spec`] with the field's name. *Caller*: not of this room, but of who calls it. Of the 179 fields
//! of the schema of 1.3 each is shown by a test (`tests/it/oci/fields/table.rs`) to have an effect, or to be an error that names it. What the types of this program
//! do not take of a config is told by who reads it (`oci`), and refused when the specification knows it.
//!
//! | field | honoured | refused by name |
//! |---|---|---|
//! | `ociVersion` | 1.0 to 1.3 | others: a newer one may ask for what would be passed over |
//! | `root.path`, `readonly` | *caller* gives [`Rootfs`]; yes | |
//! | `mounts` | every kind of file system with its options; `cgroup` and `cgroup2` show the container's own groups, and without one nothing writable; bind, rbind; attributes of one mount or (`r…`) of all below; `sync` … `lazytime`; `idmap`, `ridmap`, mappings; `tmpcopyup`; propagation; `remount`; in their order | options for a file system on a bind; options longer than 255 bytes (`lowerdir` may be longer); places inside of `/proc`; `silent`, `loud` change nothing; `mand` is the kernel's to take, which has had no such locks since 5.15 |
//! | `process.args`, `env`, `cwd`, `user` (`umask`, `additionalGids`) | yes | a `cwd` outside of the root |
//! | `process.terminal`, `consoleSize` | terminal; size: *caller* | |
//! | `process.capabilities` | all five sets; [`take_out_ungrantable`] for those that cannot be had | |
//! | `process.rlimits`, `noNewPrivileges`, `oomScoreAdj` | yes | the same limit twice; above what is held |
//! | `process.scheduler`, `ioPriority`, `execCPUAffinity` | yes (affinity for further programs, as specified) | `SCHED_ISO` |
//! | `process.apparmorProfile`, `selinuxLabel`, `linux.mountLabel` | profile and label, where the machine has the module; `mountLabel` as `context=` of new file systems (never tried: no machine of ours has `SELinux`) | without the module |
//! | `hostname`, `domainname` | yes | without a uts namespace |
//! | `hooks` | all six ([`hooks`]) | relative paths, timeouts not above zero |
//! | `linux.namespaces` | all eight, made and joined | twice the same; mounts, masks, devices … in a mount namespace of others |
//! | `linux.uidMappings`, `gidMappings`, `timeOffsets` | yes | without the namespace |
//! | `linux.devices` | made; shown from the host where nodes cannot be made or do not work | a `fileMode` that the host's has not, where it is shown |
//! | `linux.cgroupsPath`, `resources` | [`cgroup_name`], [`resources()`]: memory, cpu, pids, blockIO, hugepages, rdma, network, unified, devices, on both versions ([`Cgroup::apply`]); for systemd as a transient scope ([`systemd::Scope`]) | kernel memory; what the version or the machine does not have |
//! | `linux.sysctl` | those of the net, ipc and uts namespaces that are not the host's | all others |
//! | `linux.seccomp` | all operators, actions, flags; 64-bit, 32-bit, x32; listener ([`seccomp::Program::from_spec`]) | `SCMP_ACT_NOTIFY` by default or for `sendmsg`, `execve` |
//! | `linux.rootfsPropagation`, `maskedPaths`, `readonlyPaths`, `personality`, `memoryPolicy` | yes | flags of `personality` |
//! | `linux.intelRdt` | [`class_of_service`] makes or finds the class, all programs join it (tried on a plain directory only: no machine of ours has resctrl) | where resctrl is not mounted; a class that is there and is another |
//! | `linux.netDevices` | moved, renamed (also by template), with lasting addresses, up | rootless; into the host's namespace; a name that is not there, or taken |
//! | `annotations` | *caller*: they change nothing | |
//! | `solaris`, `windows`, `vm`, `zos`, `freebsd`, `process.commandLine` | no | always |
//! | `process.user.username` | *caller* tells that it changes nothing | |
//!
//! Not here: networks (the caller attaches them between `create` and `start`), checkpoints.

mod check;
mod defaults;
mod devices;
mod error;
mod execution;
pub mod hooks;
mod init;
mod join;
mod links;
mod mounts;
mod namespaces;
mod plan;
mod protocol;
mod rdt;
mod resources;
mod rights;
mod rootfs;
mod schedule;
mod search;
pub mod seccomp;
mod setup;
pub mod systemd;
mod unproven;
mod user;

use std::{
    fmt,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::PathBuf,
    time::Duration,
};

use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

pub use self::{
    check::take_out_ungrantable,
    defaults::default_spec,
    error::{Cause, InitError},
    join::exec,
    mounts::mount_options,
    rdt::{change_class, class_of_service},
    resources::{cgroup_name, resources, resources_of_new},
    setup::{Admission, ExecSetup, Gate, Rootfs, Setup, Stdio, Tether, User},
};
use self::{
    links::Move,
    plan::Plan,
    protocol::{Order, await_execution, say},
    unproven::Unproven,
};
use crate::sys::{
    SysError, cgroup::Cgroup, channel::Channel, clone, idmap::IdMaps, namespace, pidfd,
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
    /// Systemd did not do what it was asked for.
    #[error("systemd, unit {unit}: {reason}")]
    Systemd {
        /// The unit.
        unit: String,
        /// What it said.
        reason: String,
    },
    /// A hook failed.
    #[error("hook {path}: {reason}")]
    Hook {
        /// Its path.
        path: String,
        /// What it said.
        reason: String,
    },
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

/// A container whose namespaces exist and whose first process waits before it does anything else. Dropping it kills it.
#[derive(Debug)]
pub struct Created {
    process: ProcessId,
    child: Unproven,
    channel: Channel,
    network: OwnedFd,
    /// The filter, if somebody is to decide about calls.
    seccomp: Option<seccomp::Program>,
    /// Whether it waits for hooks to be run.
    owes_hooks: bool,
}

/// A container whose first process has done everything but execute its program, and waits to be let go by its parent. Dropping it kills it.
#[derive(Debug)]
pub struct Ready {
    /// Which process.
    pub process: ProcessId,
    /// The master side of its terminal.
    pub terminal: Option<OwnedFd>,
    child: Unproven,
    channel: Channel,
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
    /// When it had done what, if it told.
    pub progress: Option<Progress>,
}

/// When a process had done what before its program, by `sys::clock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Its mounts were made.
    pub mounted: Duration,
    /// It had the user, rights and limits of the program.
    pub armed: Duration,
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
    let seccomp = setup.seccomp.filter(|filter| filter.has_listener()).cloned();
    let mut plan = Plan::resolve(setup)?;
    let (channel, theirs) = Channel::pair()?;
    let target = group.and_then(Cgroup::clone_target);
    let group_fd = target.as_ref().map(OwnedFd::as_fd);
    let late = group.filter(|_| target.is_none());
    let owes_hooks = plan.hooks.is_some();
    let outfit = Outfit {
        ids: plan.namespaces.ids.clone(),
        links: std::mem::take(&mut plan.links),
        network: plan.namespaces.network_of_others()?,
    };
    let (before, made) = (plan.namespaces.take_before(), plan.namespaces.made);
    let body = move || init::run(plan, late, &theirs);
    let (child, channel) = if before.is_empty() {
        clone::spawn(made, group_fd, channel, body)?
    } else {
        let entries: Vec<_> = before.iter().map(|join| (join.file.as_fd(), join.kind)).collect();
        clone::spawn_among(&entries, made, group_fd, channel, body)?
    };
    let child = Unproven::new(child);
    let process = ProcessId::of(child.pid)?;
    let network = match outfit.give(child.pid, &channel) {
        Ok(network) => network,
        // It ended before its time, for it waits for the word to start.
        Err(cause) => return Err(what_it_said(&child, &channel).unwrap_or(cause)),
    };
    Ok(Created { process, child, channel, network, seccomp, owes_hooks })
}

/// What a process gets from outside, and waits for.
struct Outfit {
    /// The ids of its user namespace.
    ids: Option<IdMaps>,
    /// Links of the host.
    links: Vec<Move>,
    /// The network namespace of others that it enters later.
    network: Option<OwnedFd>,
}

impl Outfit {
    /// Gives it, and opens the network namespace while the process cannot have gone on and ended.
    fn give(self, pid: i32, channel: &Channel) -> Result<OwnedFd, RuntimeError> {
        if let Some(ids) = &self.ids {
            ids.write(pid)?;
        }
        let made = || namespace::open(&PathBuf::from(format!("/proc/{pid}/ns/net")));
        let network = self.network.map_or_else(made, Ok)?;
        links::hand_over(&self.links, network.as_fd())?;
        if self.ids.is_some() || !self.links.is_empty() {
            // If it has ended already, `start` hears why.
            drop(say(channel, &Order::Outfitted, None));
        }
        Ok(network)
    }
}

/// Ends a process with which something cannot be done, and gives the reason if it had told one itself.
fn what_it_said(child: &Unproven, channel: &Channel) -> Option<RuntimeError> {
    pidfd::kill_and_reap(&child.pidfd);
    match await_execution(channel, child.pidfd(), |_| Ok(())) {
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

    /// Gives its network namespace (for `network::attach`), which lives as long as this, even if the process has ended; not the one that [`Created::admit`] brings.
    pub fn network_namespace(&self) -> BorrowedFd<'_> {
        self.network.as_fd()
    }

    /// Runs the hooks of the creation, outside and inside, with the container's state (state.md; status `creating`, its `pid` is [`Created::process`]).
    /// Whoever creates from a spec that has some must call this before [`Created::start`].
    ///
    /// # Errors
    /// [`RuntimeError::Hook`], [`RuntimeError::Init`] with what failed inside; then this is to be dropped.
    pub fn run_hooks(
        &mut self,
        spec: &Spec,
        state: &serde_json::Value,
    ) -> Result<(), RuntimeError> {
        if self.owes_hooks {
            hooks::run_outside(&self.channel, spec, state)?;
            self.owes_hooks = false;
        }
        Ok(())
    }

    /// Lets it join its control group and `network`, and mount what is of the host, where it waits for that ([`Admission::Later`]).
    pub fn admit(&self, network: Option<BorrowedFd<'_>>) {
        // If it has ended already, `start` hears why.
        drop(say(&self.channel, &Order::Admitted, network));
    }

    /// Lets it go on to execute its program, and returns when it has been executed.
    ///
    /// # Errors
    /// [`RuntimeError::Init`] with the step that failed, [`RuntimeError::Program`].
    pub fn start(self) -> Result<Running, RuntimeError> {
        self.start_beside(|| ())
    }

    /// As [`Created::start`], and does `meanwhile` while it gets there.
    ///
    /// # Errors
    /// As [`Created::start`].
    pub fn start_beside(self, meanwhile: impl FnOnce()) -> Result<Running, RuntimeError> {
        if self.owes_hooks {
            return Err(RuntimeError::unfit("hooks: they were not run"));
        }
        // If it has ended already, the next line hears why.
        drop(say(&self.channel, &Order::Start, None));
        meanwhile();
        let (terminal, progress) = self.settled()?;
        Ok(Running { process: self.process, pidfd: self.child.keep()?, terminal, progress })
    }
}

impl Created {
    /// Waits until everything is done but the execution of the program, for a [`Gate::Fifo`].
    ///
    /// # Errors
    /// As [`Created::start`].
    pub fn ready(self) -> Result<Ready, RuntimeError> {
        let (terminal, _) = self.settled()?;
        let Self { process, child, channel, .. } = self;
        Ok(Ready { process, terminal, child, channel })
    }

    /// Waits until it has gone as far as it goes by itself, and hands on who is to decide about calls; gives its terminal.
    fn settled(&self) -> Result<(Option<OwnedFd>, Option<Progress>), RuntimeError> {
        await_execution(&self.channel, self.child.pidfd(), |listener: OwnedFd| {
            let filter = self.seccomp.as_ref();
            let delivered = filter.map(|filter| filter.deliver(listener.as_fd(), self.process.pid));
            delivered.unwrap_or(Ok(())).map_err(RuntimeError::from)
        })
    }
}

impl Ready {
    /// Gives its pidfd.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd()
    }

    /// Lets it wait at its gate alone, also when this process ends; gives its pidfd.
    ///
    /// # Errors
    /// When it has ended.
    pub fn release(self) -> Result<OwnedFd, RuntimeError> {
        say(&self.channel, &Order::Start, None)?;
        Ok(self.child.keep()?)
    }
}
