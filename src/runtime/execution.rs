//! The program: which, as whom, with what rights; and the steps, the same for a container's first program and for further ones, that end in it.

mod takeover;

use std::{
    ffi::CString,
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use oci_spec::runtime::{Linux, Process};
use rustix::fs::{FileType, OFlags};

use super::{
    InitError, RuntimeError, Stdio, Tether, User, check,
    error::Step as _,
    hooks::AtStart,
    protocol::{Report, say},
    rights::{capability_sets, directory, resource_limits},
    schedule::{Affinity, Schedule},
    seccomp::Program,
    user::{self, Identity},
};
use crate::sys::{
    caps::{self, Capabilities},
    channel::Channel,
    clock,
    namespace::{self, c_string},
    program::{self, Resource},
    pty::{self, Terminal},
    root::{self, Links, Make, Root},
    seccomp,
};

/// Where a program starts.
#[derive(Debug)]
struct Directory {
    path: String,
    /// Whether it is made if it is not there.
    is_made: bool,
}

/// What is to be executed, every option resolved.
#[derive(Debug)]
pub(super) struct Execution<'a> {
    arguments: Vec<CString>,
    environment: Vec<CString>,
    search_path: String,
    has_home: bool,
    directory: Directory,
    user: User,
    numbers: Identity,
    capabilities: Capabilities,
    limits: Vec<(Resource, u64, u64)>,
    no_new_privileges: bool,
    umask: u32,
    streams: Stdio,
    filter: Option<&'a Program>,
    tether: Tether,
    preserved: u32,
    has_reaper: bool,
    /// What is written into files of `/proc/self`.
    pub(super) attributes: Vec<(&'static str, String)>,
    schedule: Schedule,
    /// The processors of a further program.
    pub(super) affinity: Affinity,
}

/// Where Docker searches when the environment does not say.
const DEFAULT_SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Permission bits that new files lack, unless the spec says otherwise.
const DEFAULT_UMASK: u32 = 0o022;

impl<'a> Execution<'a> {
    /// Resolves a process; what it does not say about capabilities, privileges and limits, `container` does.
    pub(super) fn resolve(
        process: &Process,
        container: &Process,
        user: User,
        streams: Stdio,
    ) -> Result<Self, RuntimeError> {
        let text = |texts: Option<&Vec<String>>| -> Result<Vec<CString>, RuntimeError> {
            let texts = texts.into_iter().flatten();
            Ok(texts.map(|text| c_string(text)).collect::<Result<_, _>>()?)
        };
        let arguments = text(process.args().as_ref())?;
        if arguments.is_empty() {
            return Err(RuntimeError::unfit("it has no command"));
        }
        let variable = |name: &str| {
            let variables = process.env().as_deref().unwrap_or_default();
            let mut values = variables.iter().filter_map(|text| {
                let (key, value) = text.split_once('=')?;
                (key == name).then_some(value)
            });
            values.next_back()
        };
        let numbers = process.user();
        let groups = numbers.additional_gids().as_deref().unwrap_or_default();
        let capabilities =
            process.capabilities().as_ref().or_else(|| container.capabilities().as_ref());
        let limits = process.rlimits().as_ref().or_else(|| container.rlimits().as_ref());
        Ok(Self {
            search_path: variable("PATH").unwrap_or(DEFAULT_SEARCH_PATH).to_owned(),
            has_home: variable("HOME").is_some(),
            environment: text(process.env().as_ref())?,
            arguments,
            directory: Directory { path: directory(process)?, is_made: false },
            user,
            numbers: Identity::from_numbers(numbers.uid(), numbers.gid(), groups),
            capabilities: capability_sets(capabilities)?,
            limits: resource_limits(limits.map(Vec::as_slice).unwrap_or_default())?,
            no_new_privileges: [process, container]
                .iter()
                .any(|process| process.no_new_privileges() == Some(true)),
            umask: numbers.umask().unwrap_or(DEFAULT_UMASK),
            streams,
            filter: None,
            tether: Tether::Parent,
            preserved: 0,
            has_reaper: false,
            attributes: process
                .oom_score_adj()
                .map(|score| ("oom_score_adj", score.to_string()))
                .into_iter()
                .chain(check::labels(process)?)
                .collect(),
            schedule: Schedule::resolve(process)?,
            affinity: Affinity::resolve(
                process
                    .exec_cpu_affinity()
                    .as_ref()
                    .or_else(|| container.exec_cpu_affinity().as_ref()),
            )?,
        })
    }

    /// Adds a system call filter.
    pub(super) const fn filtered(mut self, filter: Option<&'a Program>) -> Self {
        self.filter = filter;
        self
    }

    /// Adds what the spec says for all programs of the container.
    pub(super) fn of_container(mut self, linux: Option<&Linux>) -> Result<Self, RuntimeError> {
        self.schedule = self.schedule.of_container(linux)?;
        Ok(self)
    }

    /// Says what becomes of it when its parent ends, and how many descriptors after 2 it gets.
    pub(super) const fn left_to(mut self, tether: Tether, preserved: u32) -> Self {
        self.tether = tether;
        self.preserved = preserved;
        self
    }

    /// Says whether this process stays, as a parent that cares for the program.
    pub(super) const fn cared_for(mut self, has_reaper: bool) -> Self {
        self.has_reaper = has_reaper;
        self
    }

    /// Has its directory made, if it is not there.
    pub(super) const fn making_its_directory(mut self) -> Self {
        self.directory.is_made = true;
        self
    }

    /// Finds in the root file system who the user is, where the program starts and what its streams are; the terminal's master side goes to the parent.
    pub(super) fn prepare(self, root: &Root, channel: &Channel) -> Result<Prepared<'a>, InitError> {
        let identity = user::resolve(&self.user, &self.numbers, root)?;
        let directory = self.open_directory(root)?;
        let streams = match self.streams {
            Stdio::Pipes { stdin, stdout, stderr } => Streams::Pipes([stdin, stdout, stderr]),
            Stdio::Terminal => {
                let Terminal { master, slave } = Terminal::open(root).step(InitError::Terminal)?;
                say(channel, &Report::Terminal, Some(master.as_fd()))?;
                Streams::Terminal(slave)
            }
        };
        let mut environment = self.environment;
        if !self.has_home && !identity.home.is_empty() {
            let home = c_string(&format!("HOME={}", identity.home));
            environment.push(home.map_err(|error| InitError::User {
                user: identity.name.clone(),
                reason: error.to_string(),
            })?);
        }
        Ok(Prepared {
            arguments: self.arguments,
            environment,
            search_path: self.search_path,
            directory_name: self.directory.path,
            directory,
            identity,
            capabilities: self.capabilities,
            limits: self.limits,
            no_new_privileges: self.no_new_privileges,
            umask: self.umask,
            streams,
            filter: self.filter,
            schedule: self.schedule,
            tether: self.tether,
            preserved: self.preserved,
            mounted: clock::now(),
            has_reaper: self.has_reaper,
            hooks: AtStart::default(),
        })
    }

    /// Pins the directory to start in, which is made for the container's own program if it is not there; a link to outside, like
    /// `/proc/self/fd/7`, is followed nowhere (CVE-2024-21626).
    fn open_directory(&self, root: &Root) -> Result<OwnedFd, InitError> {
        let failed = |cause| InitError::Directory { path: self.directory.path.clone(), cause };
        if self.directory.is_made {
            root.make(&self.directory.path, Make::Directory, Links::Follow).step(failed)?;
        }
        root.open(&self.directory.path, OFlags::PATH | OFlags::DIRECTORY, Links::Follow)
            .step(failed)
    }
}

/// A program whose user, directory and streams are found.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    arguments: Vec<CString>,
    environment: Vec<CString>,
    search_path: String,
    directory_name: String,
    directory: OwnedFd,
    identity: Identity,
    capabilities: Capabilities,
    limits: Vec<(Resource, u64, u64)>,
    no_new_privileges: bool,
    umask: u32,
    streams: Streams,
    filter: Option<&'a Program>,
    schedule: Schedule,
    tether: Tether,
    preserved: u32,
    mounted: Duration,
    has_reaper: bool,
    hooks: AtStart,
}

/// Standard streams, open.
#[derive(Debug)]
enum Streams {
    Pipes([OwnedFd; 3]),
    Terminal(OwnedFd),
}

impl Prepared<'_> {
    /// Adds what is run before the program.
    pub(super) fn after(mut self, hooks: AtStart) -> Self {
        self.hooks = hooks;
        self
    }

    /// Runs the hooks, which are programs of the container: they may have what its program has, and must not look into this one (CVE-2019-5736).
    fn run_hooks(&self) -> Result<(), InitError> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        namespace::set_inspectable(false)
            .step(|cause| InitError::Attribute { name: "dumpable".to_owned(), cause })?;
        self.hooks.run()
    }

    /// Gives the terminal, if it has one.
    pub(super) const fn terminal(&self) -> Option<&OwnedFd> {
        match &self.streams {
            Streams::Terminal(slave) => Some(slave),
            Streams::Pipes(_) => None,
        }
    }

    /// Does everything that comes before the program, in the order in which rights are lost.
    fn arm(
        &self,
        channel: &Channel,
        wait: impl FnOnce() -> Result<(), InitError>,
    ) -> Result<(), InitError> {
        self.set_limits()?;
        self.schedule.apply()?;
        self.set_streams()?;
        self.filter_if(!self.no_new_privileges, channel)?;
        wait()?;
        self.become_user()?;
        self.leave_nothing_behind(channel)
    }

    fn set_limits(&self) -> Result<(), InitError> {
        self.limits.iter().try_for_each(|&(resource, soft, hard)| {
            program::set_limit(resource, soft, hard).step(InitError::Limit)
        })
    }

    fn set_streams(&self) -> Result<(), InitError> {
        program::enter_directory(&self.directory, &self.directory_name)
            .step(|cause| InitError::Directory { path: self.directory_name.clone(), cause })?;
        program::new_session().step(InitError::Streams)?;
        let streams = match &self.streams {
            Streams::Pipes([stdin, stdout, stderr]) => [stdin, stdout, stderr],
            Streams::Terminal(slave) => {
                pty::control(slave).step(InitError::Terminal)?;
                [slave; 3]
            }
        };
        for stream in streams {
            // So that the user can open /dev/stdout again. What is not a pipe or terminal made for this container keeps its owner.
            let is_ours = self.terminal().is_some()
                || root::kind(stream).step(InitError::Streams)? == FileType::Fifo;
            if is_ours && self.identity.uid != 0 {
                root::set_owner(stream, self.identity.uid).map_err(|error| self.no_owner(error))?;
            }
        }
        program::set_stdio(streams).step(InitError::Streams)?;
        // Before the filter: many a profile is older than the call. What is opened from here on is closed by itself.
        program::close_on_exec_above_stdio(self.preserved).step(InitError::Streams)
    }

    /// Says why a stream cannot be the user's.
    fn no_owner(&self, error: crate::sys::SysError) -> InitError {
        match error.errno() {
            Some(number) if number == nix::errno::Errno::EINVAL as i32 => InitError::Unmapped {
                user: self.identity.name.clone(),
                kind: "uid".to_owned(),
                id: self.identity.uid,
            },
            _ => InitError::Streams(error.into()),
        }
    }

    /// Loads the filter now or never: without `no_new_privs` only while this is still privileged, otherwise as the last thing.
    fn filter_if(&self, now: bool, channel: &Channel) -> Result<(), InitError> {
        let Some(filter) = self.filter.filter(|_| now) else { return Ok(()) };
        let flags = filter.load_flags();
        match seccomp::load(filter.bytes(), flags).step(InitError::Seccomp)? {
            Some(listener) => say(channel, &Report::Listener, Some(listener.as_fd())),
            None => Ok(()),
        }
    }

    fn become_user(&self) -> Result<(), InitError> {
        let identity = &self.identity;
        let failed = |kind: &'static str, id| {
            move |error: crate::sys::SysError| match error.errno() {
                Some(number) if number == nix::errno::Errno::EINVAL as i32 => {
                    InitError::Unmapped { user: identity.name.clone(), kind: kind.to_owned(), id }
                }
                _ => InitError::Credentials { user: identity.name.clone(), cause: error.into() },
            }
        };
        caps::bound(self.capabilities.bounding).step(InitError::Capabilities)?;
        match caps::set_groups(&identity.groups) {
            // A user namespace of one id forbids it. What only a line of /etc/group would give is not worth failing for.
            Err(_) if !identity.needs_groups || identity.groups.is_empty() => {
                drop(caps::set_groups(&[]));
            }
            other => other.map_err(failed("gid", identity.groups.first().copied().unwrap_or(0)))?,
        }
        caps::set_gid(identity.gid).map_err(failed("gid", identity.gid))?;
        caps::set_uid(identity.uid).map_err(failed("uid", identity.uid))?;
        caps::set(self.capabilities).step(InitError::Capabilities)?;
        if self.no_new_privileges {
            caps::forbid_new_privileges().step(InitError::Capabilities)?;
        }
        Ok(())
    }

    fn leave_nothing_behind(&self, channel: &Channel) -> Result<(), InitError> {
        if self.tether == Tether::Parent {
            caps::die_with_parent().step(InitError::Capabilities)?;
        }
        // If the parent died before it was told to take this process along, it closed its end.
        if channel.is_closed() {
            return Err(InitError::Abandoned);
        }
        program::set_umask(self.umask);
        program::reset_signals();
        Ok(())
    }
}
