//! The pair of links between a bridge and a container.

use std::os::fd::BorrowedFd;

use ipnet::Ipv4Net;

use super::NetworkError;
use crate::{
    model::Endpoint,
    sys::{
        SysError,
        netlink::{Peer, Socket},
    },
};

/// Digits of the container's id in the name of the host's end: the rest of the 15 characters is for `ve` and the number of the interface.
const ID_DIGITS: usize = 10;

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
    let mut inside = Socket::route_in(target)?;
    let mut outside = Socket::route()?;
    plug(&mut outside, endpoint, bridge, target)?;
    configure(&mut inside, endpoint, default_route).inspect_err(|_cause| {
        // The cause is what the caller must hear; an end that stays behind is replaced by the next attempt.
        let _ignored = outside.delete_link(&host_name(endpoint));
    })
}

/// Brings loopback up in `target`.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn loopback(target: BorrowedFd<'_>) -> Result<(), NetworkError> {
    Ok(Socket::route_in(target)?.bring_up_loopback()?)
}

/// Switches an endpoint's pair of links off: from here on nothing answers at its address. Its absence is no failure.
///
/// This takes a tenth of a millisecond. Removing the pair takes 10 to 20, in which the kernel waits for every processor (`rcu_barrier()` in
/// `netdev_run_todo()`), so that [`detach`] is for when nobody waits.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn unplug(endpoint: &Endpoint) -> Result<(), NetworkError> {
    Socket::route()?.take_down(&host_name(endpoint))?;
    Ok(())
}

/// Removes an endpoint's pair of links; their absence is no failure.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn detach(endpoint: &Endpoint) -> Result<(), NetworkError> {
    Socket::route()?.delete_link(&host_name(endpoint))?;
    Ok(())
}

/// Makes the pair.
fn plug(
    links: &mut Socket,
    endpoint: &Endpoint,
    bridge: &str,
    target: BorrowedFd<'_>,
) -> Result<(), NetworkError> {
    let name = host_name(endpoint);
    let bridge = links.require_link(bridge)?;
    let peer = Peer { name: &endpoint.interface, mac: endpoint.mac, namespace: target };
    if links.add_veth(&name, &bridge, peer)? {
        return Ok(());
    }
    // The kernel takes its time to remove the pair of a container that has ended; the name says that it is this container's.
    links.delete_link(&name)?;
    if links.add_veth(&name, &bridge, peer)? {
        return Ok(());
    }
    Err(NetworkError::Kernel(SysError::new(
        "create link",
        &endpoint.interface,
        std::io::Error::from(std::io::ErrorKind::AlreadyExists),
    )))
}

/// Gives the container's end its address and switches it on.
fn configure(
    links: &mut Socket,
    endpoint: &Endpoint,
    default_route: bool,
) -> Result<(), NetworkError> {
    links.bring_up_loopback()?;
    let link = links.require_link(&endpoint.interface)?;
    links.add_address(&link, Ipv4Net::new_assert(endpoint.address, endpoint.prefix))?;
    links.bring_up(&link)?;
    if default_route {
        links.add_default_route(&link, endpoint.gateway)?;
    }
    Ok(())
}

/// Derives the name of the host's end, at most 15 characters (`IFNAMSIZ`): `ve`, the beginning of the container's id, the number of the interface.
fn host_name(endpoint: &Endpoint) -> String {
    let id = endpoint.container.hex();
    let number = endpoint.interface.trim_start_matches("eth");
    "ve".chars().chain(id.chars().take(ID_DIGITS)).chain(number.chars()).take(15).collect()
}
