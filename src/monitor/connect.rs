//! What a container has of the network: its namespace, its endpoints, and the files in its `/etc` that tell of them.

use std::os::fd::{BorrowedFd, OwnedFd};

use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType};

use super::{Launch, StartFailure, held::Held, start::namespaces};
use crate::{
    model::{Endpoint, NetworkMode},
    network,
    sys::{At as _, files},
};

/// Tells whether the spec wants a network namespace made.
pub(super) fn has_network(launch: &Launch) -> bool {
    let is_made =
        |one: &LinuxNamespace| one.typ() == LinuxNamespaceType::Network && one.path().is_none();
    namespaces(launch).iter().any(is_made)
}

/// Writes the files that are mounted over those in the container's `/etc`, which stay the same inodes while it runs.
pub(super) fn write_etc(launch: &Launch, endpoints: &[Endpoint]) -> Result<(), StartFailure> {
    let config = &launch.container.config;
    let dir = launch.layout.container_run(launch.container.id);
    let hosts = network::hosts_file(&config.hostname, endpoints, &config.isolation.names);
    files::write(&dir.join("hosts"), hosts)?;
    let host = files::read_if_there("/etc/resolv.conf".as_ref())?.unwrap_or_default();
    let shares_host_network = config.network == NetworkMode::Host;
    let names = &config.isolation.names;
    let resolv = network::resolv_file(&String::from_utf8_lossy(&host), shares_host_network, names);
    files::write(&dir.join("resolv.conf"), resolv)?;
    files::write(&dir.join("hostname"), format!("{}\n", config.hostname))?;
    Ok(())
}

/// Connects the container's network namespace; gives it where further networks can be joined.
pub(super) fn connect(
    launch: &Launch,
    (namespace, is_up): (BorrowedFd<'_>, bool),
    held: &mut Held,
) -> Result<Option<OwnedFd>, StartFailure> {
    let mode = &launch.container.config.network;
    if matches!(mode, NetworkMode::Host | NetworkMode::Container(_)) {
        return Ok(None);
    }
    if !is_up && (*mode == NetworkMode::None || launch.container.endpoints.is_empty()) {
        network::loopback(namespace)?;
    }
    for (number, endpoint) in launch.container.endpoints.iter().enumerate() {
        let found = launch.networks.iter().find(|n| n.id == endpoint.network);
        let network = found.ok_or_else(|| {
            StartFailure::new(&format_args!(
                "network {} is not there any more",
                endpoint.network_name
            ))
        })?;
        network::ensure(&launch.place, network, &launch.networks)?;
        held.endpoints.push(endpoint.clone());
        network::attach(endpoint, &network.bridge, namespace, number == 0)?;
    }
    if *mode == NetworkMode::None {
        return Ok(None);
    }
    Ok(Some(namespace.try_clone_to_owned().at("keep", "the network namespace")?))
}
