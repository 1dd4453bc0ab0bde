//! A container that was made: what it is doing, by the kernel's word.

use std::{fs::File, os::fd::OwnedFd};

use super::{
    Context, Failure,
    record::{Place, Record},
};
use crate::sys::{
    cgroup::{Cgroup, Reach},
    fifo, pidfd,
    process::{ProcessId, boot_id},
};

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

impl Status {
    /// Gives the word of the specification.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// A container that has a record.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) place: Place,
    pub(super) record: Record,
    /// Other calls are kept away while this is open.
    lock: Option<File>,
}

impl Container {
    /// Finds a container to look at.
    pub(super) fn find(context: &Context<'_>, id: &str) -> Result<Self, Failure> {
        let place = Place::of(context, id)?;
        Self::at(place)?.ok_or_else(absent)
    }

    /// Finds a container and keeps other calls away from it.
    pub(super) fn seize(context: &Context<'_>, id: &str) -> Result<Self, Failure> {
        let place = Place::of(context, id)?;
        let lock = place.lock()?.ok_or_else(absent)?;
        let container = Self::at(place)?.ok_or_else(absent)?;
        Ok(Self { lock: Some(lock), ..container })
    }

    /// Takes a container that was just made.
    pub(super) const fn new(place: Place, record: Record, lock: File) -> Self {
        Self { place, record, lock: Some(lock) }
    }

    /// Reads what is in a state directory; `None` when nothing is written there yet.
    pub(super) fn at(place: Place) -> Result<Option<Self>, Failure> {
        let record = place.read()?;
        Ok(record.map(|record| Self { place, record, lock: None }))
    }

    /// Lets other calls at it again.
    pub(super) fn unlock(&mut self) {
        self.lock = None;
    }

    /// Asks the kernel what it is doing.
    pub(super) fn status(&self) -> Status {
        if self.record.init.is_none() && self.lock.is_none() && self.place.is_locked() {
            return Status::Creating;
        }
        if self.living().is_none() {
            return Status::Stopped;
        }
        if self.cgroup().is_some_and(|cgroup| cgroup.is_frozen()) {
            return Status::Paused;
        }
        if fifo::is_awaited(&self.place.fifo()) { Status::Created } else { Status::Running }
    }

    /// Gives its first process, if that lives.
    pub(super) fn living(&self) -> Option<ProcessId> {
        let init = self.record.init?;
        let is_of_this_boot = boot_id().is_ok_and(|boot| boot == self.record.boot);
        (is_of_this_boot && init.is_alive()).then_some(init)
    }

    /// Gives its first process by descriptor, if it lives.
    pub(super) fn pinned(&self) -> Option<(ProcessId, OwnedFd)> {
        let init = self.record.init?;
        let pidfd = pidfd::open(init.pid).ok()?;
        // Only now that it is pinned does the comparison hold.
        Some((self.living()?, pidfd))
    }

    /// Gives its control group, if it has one.
    pub(super) fn cgroup(&self) -> Option<Cgroup> {
        let name = self.record.cgroup.as_deref()?;
        match self.record.scope {
            Some(_) => Cgroup::find_at_top(name, Reach::All),
            None => Cgroup::find_with(name, Reach::All),
        }
    }
}

/// Says what callers look for (containerd: "does not exist").
fn absent() -> Failure {
    Failure::new("container does not exist")
}
