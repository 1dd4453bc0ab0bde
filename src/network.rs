//! Bridges, leases, rules, and what a container's `/etc` says about them.

use std::{
    net::Ipv4Addr,
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Endpoint, Network},
    sys::SysError,
};

/// Why a network was not set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused a link, an address, a route or a rule.
    #[error(transparent)]
    Kernel(#[from] SysError),
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

/// Picks a /24 of 10.210.0.0/16 (then further pools) that meets none of `taken` (networks and routes). Pure.
pub fn choose_subnet(taken: &[Ipv4Net]) -> Option<Ipv4Net> {
    let _ = taken;
    None
}
/// Picks the first free host address of a subnet; never network, broadcast, gateway or one of `taken`. Pure.
pub fn choose_address(subnet: Ipv4Net, gateway: Ipv4Addr, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    let _ = (subnet, gateway, taken);
    None
}
/// Reads the subnets that the host has routes or addresses for.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn host_routes() -> Result<Vec<Ipv4Net>, NetworkError> {
    Ok(Vec::new())
}
/// Joins the shared network namespace, or makes it, and stays in it as one of its holders; does nothing for [`Place::Host`]. Single-threaded (a monitor).
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn enter(place: &Place) -> Result<(), NetworkError> {
    let _ = place;
    Ok(())
}
/// Makes sure, in the namespace this process is in, that the bridge of `network` is up with its gateway address, that packets are forwarded, and that the rules (NAT unless
/// shared, isolation between networks) are those for `all`. Cheap when all is there. Safe when two do it at once.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn ensure(place: &Place, network: &Network, all: &[Network]) -> Result<(), NetworkError> {
    let _ = (place, network, all);
    Ok(())
}
/// Makes a pair of links, one end on the bridge, the other as `endpoint.interface` in `target` with address, mac, up; default route over it if asked; loopback up.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn attach(
    endpoint: &Endpoint,
    bridge: &str,
    target: BorrowedFd<'_>,
    default_route: bool,
) -> Result<(), NetworkError> {
    let _ = (endpoint, bridge, target, default_route);
    Ok(())
}
/// Brings loopback up in `target`.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn loopback(target: BorrowedFd<'_>) -> Result<(), NetworkError> {
    let _ = target;
    Ok(())
}
/// Removes an endpoint's pair of links; their absence is no failure.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn detach(endpoint: &Endpoint) -> Result<(), NetworkError> {
    let _ = endpoint;
    Ok(())
}
/// Removes a network's bridge and rules, from whatever thread (it changes namespace in a thread of its own when shared; no holder, nothing to do).
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn remove(place: &Place, network: &Network, remaining: &[Network]) -> Result<(), NetworkError> {
    let _ = (place, network, remaining);
    Ok(())
}
/// Writes `/etc/hosts` for a container.
pub fn hosts_file(hostname: &str, endpoints: &[Endpoint]) -> String {
    let _ = (hostname, endpoints);
    String::new()
}
/// Writes `/etc/resolv.conf` for a container from the host's: loopback servers are left out when the container has a network of its own.
pub fn resolv_file(host: &str, shares_host_network: bool) -> String {
    let _ = (host, shares_host_network, Path::new(""));
    String::new()
}
