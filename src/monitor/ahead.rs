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
    /// Makes all of it.
    pub(super) fn make() -> Self {
        Self {
            network: make_network().ok(),
            ground: Ground::find(Reach::Few).ok().flatten(),
            has_room: Beside::is_possible(),
        }
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
