//! Bridges, leases, rules, and what a container's `/etc` says about them.
//!
//! A network is a bridge with the gateway's address and a table of packet rules; an endpoint is a pair of links from the bridge into
//! the container. What stands in the kernel is derived from the records each time and never written down a second time: doing
//! anything here twice, or by two processes at once, is the same as once. Leases themselves are the store's; here is only how one is
//! chosen.
//!
//! Not here: name service (a container finds itself in `/etc/hosts`), published ports, a way out for an ordinary user.

mod bridge;
mod cable;
mod names;
mod pool;
mod shared;

use std::path::PathBuf;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::sys::{SysError, netlink::Socket};

pub use bridge::{ensure, remove};
pub use cable::{attach, detach, loopback, unplug};
pub use names::{hosts_file, resolv_file};
pub use pool::{choose_address, choose_subnet};
pub use shared::enter;

/// Why a network was not set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused a link, an address, a route or a rule.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// Something else has the name of a bridge.
    #[error("there is a link {name} already that is not a bridge")]
    NotABridge {
        /// The name.
        name: String,
    },
}

/// Where the bridges stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// In the network namespace of this process, with a way out by NAT.
    Host,
    /// In the network namespace that a user's monitors hold together, without a way out.
    Shared {
        /// Where its holders are written down.
        run_root: PathBuf,
    },
}

/// Reads the subnets that the host has routes or addresses for.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn host_routes() -> Result<Vec<Ipv4Net>, NetworkError> {
    let mut links = Socket::route()?;
    let mut subnets = links.routes()?;
    subnets.extend(links.addresses()?);
    for subnet in &mut subnets {
        *subnet = subnet.trunc();
    }
    subnets.retain(|subnet| !subnet.network().is_loopback());
    subnets.sort_unstable();
    subnets.dedup();
    Ok(subnets)
}
