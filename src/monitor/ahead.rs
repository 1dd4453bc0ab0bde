//! What a monitor makes before it knows for which container: it was executed ahead of the start, and its caller still reads arguments and records.

use std::os::fd::{AsFd as _, OwnedFd};

use super::StartFailure;
use crate::{
    network,
    sys::{
        cgroup::{Ground, Reach},
        namespace,
    },
};

/// What nearly every container needs. What this one does not need is given back with the rest of it, and what could not be made is made, or said, when it is needed.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The ground of its control group.
    pub(super) ground: Option<Ground>,
    /// Its network namespace, with the loopback up.
    network: Option<OwnedFd>,
}

impl Ahead {
    /// Makes all of it.
    pub(super) fn make() -> Self {
        Self { network: make_network().ok(), ground: Ground::find(Reach::Few).ok().flatten() }
    }

    /// Gives the network namespace, made now if it was not.
    pub(super) fn network(&mut self) -> Result<OwnedFd, StartFailure> {
        self.network.take().map_or_else(make_network, Ok)
    }
}

fn make_network() -> Result<OwnedFd, StartFailure> {
    let made = namespace::make_network()?;
    network::loopback(made.as_fd())?;
    Ok(made)
}
