//! What a monitor makes before it knows for which container: it was executed ahead of the start, and its caller still reads arguments and records.

use std::os::fd::{AsFd as _, OwnedFd};

use super::StartFailure;
use crate::{
    network,
    sys::{
        cgroup::{Ground, Reach},
        namespace,
        process::ProcessId,
        schedule::Beside,
    },
};

/// What nearly every container needs. What this one does not need is given back with the rest of it, and what could not be made is made, or said, when it is needed.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The ground of its control group.
    pub(super) ground: Option<Ground>,
    /// Its network namespace, with the loopback up.
    network: Option<OwnedFd>,
    /// Whether its first process can run beside this one.
    has_room: bool,
}

impl Ahead {
    /// Makes what the caller would have to wait for later. If the first process can run beside this one, that is not the network namespace: it is made while that
    /// one mounts, which takes longer.
    pub(super) fn make(has_room: bool) -> Self {
        let ground = Ground::find(Reach::Few).ok().flatten();
        let network = if has_room { None } else { make_network().ok() };
        Self { ground, network, has_room }
    }

    /// Gives the network namespace, made now if it was not.
    pub(super) fn network(&mut self) -> Result<OwnedFd, StartFailure> {
        self.network.take().map_or_else(make_network, Ok)
    }

    /// Lets the first process mount while this one makes the rest.
    pub(super) fn part(&self, process: ProcessId) -> Option<Beside> {
        self.has_room.then(|| Beside::send(process.pid)).flatten()
    }
}

fn make_network() -> Result<OwnedFd, StartFailure> {
    let made = namespace::make_network()?;
    network::loopback(made.as_fd())?;
    Ok(made)
}
