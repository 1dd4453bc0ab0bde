//! Networks: made, found, removed, joined and left.

use ipnet::Ipv4Net;

use super::{
    Engine, EngineError, ErrorKind, Result,
    containers::{existing as existing_container, only_one},
    names,
    start::endpoint_in,
};
use crate::{
    model::{
        Container, ContainerId, CreateNetwork, DEFAULT_NETWORK, Dependent, Endpoint, Network,
        NetworkId, NetworkMode, Occurrence, State, Subject, Timestamp,
    },
    monitor::Client,
    network,
    store::{Records, RecordsMut, StoreError},
};

impl Engine {
    /// Makes a bridge network.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] for a name or subnet in use, [`ErrorKind::Exhausted`] when the pool has no subnet left,
    /// [`ErrorKind::Invalid`] for a gateway outside the subnet.
    pub fn create_network(&self, request: &CreateNetwork) -> Result<Network> {
        if ["host", "none"].contains(&request.name.as_str()) {
            return Err(EngineError::new(
                ErrorKind::Conflict,
                format!("the name {} means a built-in network", request.name),
            ));
        }
        let id = NetworkId::from_bytes(names::random()?);
        let routes = network::host_routes()?;
        self.store().write(|records| {
            let mut taken = routes;
            taken.extend(records.networks()?.iter().map(|network| network.subnet));
            let network = planned(id, request, &taken)?;
            records.insert_network(&network).map_err(|error| match error {
                StoreError::Taken(_) => EngineError::new(
                    ErrorKind::Conflict,
                    format!("a network named {} exists already", network.name),
                ),
                other => other.into(),
            })?;
            journal(records, &network, Occurrence::Create, None)?;
            Ok(network)
        })
    }

    /// Makes the network that is there from the start. Two processes may do so at once.
    pub(super) fn create_default_network(&self) -> Result<()> {
        let name = DEFAULT_NETWORK.parse().map_err(|error: crate::model::NameError| {
            EngineError::new(ErrorKind::Internal, "the default network's name is none")
                .caused_by(error)
        })?;
        match self.create_network(&CreateNetwork { name, subnet: None, gateway: None }) {
            Err(error) if error.kind() == &ErrorKind::Conflict => Ok(()),
            other => other.map(drop),
        }
    }

    /// Finds a network by name, id, or the beginning of an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Invalid`] when several begin so.
    pub fn network(&self, name: &str) -> Result<Network> {
        self.store().read(|records| {
            let id = match records.network_by_name(name)? {
                Some(id) => id,
                None => only_one("network", name, &records.networks_beginning(name)?)?,
            };
            existing(records, id)
        })
    }

    /// Removes a network.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`], with the containers that have endpoints in it; [`ErrorKind::Invalid`] for the default network.
    pub fn remove_network(&self, id: NetworkId) -> Result<()> {
        let (network, remaining) = self.store().write(|records| {
            let network = existing(records, id)?;
            if network.is_default() {
                return Err(EngineError::new(
                    ErrorKind::Invalid,
                    format!("network {} is always there and cannot be removed", network.name),
                ));
            }
            records.remove_network(id).map_err(|error| match error {
                StoreError::Referred(_) => in_use(records, &network),
                other => other.into(),
            })?;
            journal(records, &network, Occurrence::Destroy, None)?;
            Ok((network, records.networks()?))
        })?;
        Ok(network::remove(&self.place(), &network, &remaining)?)
    }

    /// Lets a container join a network, at once if it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it is in it already, or uses the host's network or none.
    pub fn connect(&self, network: NetworkId, container: ContainerId) -> Result<()> {
        let (network, container, endpoint, all) = self.store().write(|records| {
            let network = existing(records, network)?;
            let container = existing_container(records, container)?;
            let mut ids = bridges_of(&container, "connect")?;
            if ids.contains(&network.id) {
                return Err(EngineError::new(
                    ErrorKind::Conflict,
                    format!("container {} is in network {} already", container.name, network.name),
                ));
            }
            ids.push(network.id);
            records.set_network_mode(container.id, &NetworkMode::Bridges(ids))?;
            let endpoint = match container.state {
                State::Running { .. } | State::Restarting { .. } => {
                    Some(join(records, &network, &container)?)
                }
                _ => None,
            };
            journal(records, &network, Occurrence::Connect, Some(&container))?;
            Ok((network, container, endpoint, records.networks()?))
        })?;
        let Some(endpoint) = endpoint else {
            return Ok(());
        };
        let joined = Client::connect(self.layout(), container.id)
            .and_then(|mut client| client.connect_network(&endpoint, &network, &all));
        joined.map_err(|cause| {
            // The record goes back to what is true; the cause is what the user must hear.
            let _undone = self.forget_endpoint(&network, &container);
            cause.into()
        })
    }

    /// Lets a container leave a network, at once if it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it is not in it.
    pub fn disconnect(&self, network: NetworkId, container: ContainerId) -> Result<()> {
        let (network, container) = self.store().read(|records| {
            Ok::<_, EngineError>((
                existing(records, network)?,
                existing_container(records, container)?,
            ))
        })?;
        if !bridges_of(&container, "disconnect")?.contains(&network.id) {
            return Err(EngineError::new(
                ErrorKind::Conflict,
                format!("container {} is not in network {}", container.name, network.name),
            ));
        }
        if let Some(endpoint) =
            container.endpoints.iter().find(|endpoint| endpoint.network == network.id)
        {
            Client::connect(self.layout(), container.id)?.disconnect_network(endpoint)?;
        }
        self.forget_endpoint(&network, &container)
    }

    /// Takes a container out of a network in the records.
    fn forget_endpoint(&self, network: &Network, container: &Container) -> Result<()> {
        self.store().write(|records| {
            let Some(now) = records.container(container.id)? else {
                return Ok(());
            };
            let mut ids = bridges_of(&now, "disconnect")?;
            ids.retain(|id| *id != network.id);
            records.set_network_mode(container.id, &NetworkMode::Bridges(ids))?;
            records.remove_endpoint(container.id, network.id)?;
            journal(records, network, Occurrence::Disconnect, Some(container))
        })
    }
}

/// Chooses what the request leaves open, and refuses what cannot be.
fn planned(id: NetworkId, request: &CreateNetwork, taken: &[Ipv4Net]) -> Result<Network> {
    let subnet = match request.subnet {
        None => network::choose_subnet(taken).ok_or_else(|| {
            EngineError::new(
                ErrorKind::Exhausted,
                "no subnet is free that the host has no route for",
            )
            .hint("remove a network, or name a subnet with --subnet")
        })?,
        Some(subnet) => {
            let subnet = subnet.trunc();
            let clash =
                taken.iter().find(|other| other.contains(&subnet) || subnet.contains(*other));
            match clash {
                Some(other) => {
                    return Err(EngineError::new(
                        ErrorKind::Conflict,
                        format!(
                            "subnet {subnet} overlaps {other}, which a network or a route of the host uses"
                        ),
                    ));
                }
                None if subnet.prefix_len() > 29 => {
                    return Err(EngineError::new(
                        ErrorKind::Invalid,
                        format!("subnet {subnet} is too small: at most /29"),
                    ));
                }
                None => subnet,
            }
        }
    };
    let first = subnet.hosts().next().unwrap_or_else(|| subnet.network());
    let gateway = request.gateway.unwrap_or(first);
    if !subnet.contains(&gateway) || gateway == subnet.network() || gateway == subnet.broadcast() {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            format!("gateway {gateway} is not a host address of {subnet}"),
        ));
    }
    Ok(Network {
        id,
        name: request.name.clone(),
        subnet,
        gateway,
        // Interface names have at most 15 characters (netdevice(7)).
        bridge: format!("est-{}", id.hex().chars().take(10).collect::<String>()),
        created: Timestamp::now(),
        endpoints: Vec::new(),
    })
}

/// Leases an address in a further network for a container that runs.
fn join(
    records: &mut RecordsMut<'_>,
    network: &Network,
    container: &Container,
) -> Result<Endpoint> {
    let is_used =
        |name: &String| container.endpoints.iter().any(|endpoint| endpoint.interface == *name);
    let interface = (0..=container.endpoints.len())
        .map(|number| format!("eth{number}"))
        .find(|name| !is_used(name));
    let endpoint = endpoint_in(network, container, &interface.unwrap_or_default())?;
    records.insert_endpoint(&endpoint)?;
    Ok(endpoint)
}

fn bridges_of(container: &Container, verb: &str) -> Result<Vec<NetworkId>> {
    match &container.config.network {
        NetworkMode::Bridges(ids) => Ok(ids.clone()),
        mode => {
            let word = if *mode == NetworkMode::Host { "the host's network" } else { "no network" };
            Err(EngineError::new(
                ErrorKind::Conflict,
                format!("cannot {verb} container {}: it was made to use {word}", container.name),
            )
            .hint("make a new container with --network"))
        }
    }
}

/// Says which containers have endpoints in a network.
fn in_use(records: &Records<'_>, network: &Network) -> EngineError {
    let dependents: std::result::Result<Vec<_>, StoreError> = network
        .endpoints
        .iter()
        .filter_map(|endpoint| records.container(endpoint.container).transpose())
        .map(|container| {
            container.map(|container| Dependent {
                id: container.id,
                name: container.name,
                state: container.state,
            })
        })
        .collect();
    match dependents {
        Err(error) => error.into(),
        Ok(dependents) => {
            let names: Vec<&str> =
                dependents.iter().map(|dependent| dependent.name.as_str()).collect();
            let message = format!("network {} has endpoints: {}", network.name, names.join(", "));
            EngineError::new(ErrorKind::InUse { dependents }, message).hint(format!(
                "stop these containers, or: estiba network disconnect {} CONTAINER",
                network.name
            ))
        }
    }
}

fn existing(records: &Records<'_>, id: NetworkId) -> Result<Network> {
    records.network(id)?.ok_or_else(|| {
        EngineError::new(ErrorKind::NotFound, format!("no such network: {}", id.short()))
    })
}

fn journal(
    records: &mut RecordsMut<'_>,
    network: &Network,
    occurrence: Occurrence,
    container: Option<&Container>,
) -> Result<()> {
    let mut attributes = vec![("name".to_owned(), network.name.to_string())];
    attributes
        .extend(container.map(|container| ("container".to_owned(), container.name.to_string())));
    Ok(records.journal(
        Subject::Network,
        &network.id.hex(),
        occurrence,
        attributes.into_iter().collect(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(subnet: Option<&str>, gateway: Option<&str>) -> CreateNetwork {
        CreateNetwork {
            name: "n".parse().unwrap(),
            subnet: subnet.map(|text| text.parse().unwrap()),
            gateway: gateway.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn a_wanted_subnet_is_checked_before_anything_is_made() {
        let taken = ["10.0.0.0/16".parse().unwrap()];
        let id = NetworkId::from_bytes([1; 32]);
        let network = planned(id, &request(Some("10.1.2.3/24"), None), &taken).unwrap();
        assert_eq!(network.subnet.to_string(), "10.1.2.0/24");
        assert_eq!(network.gateway.to_string(), "10.1.2.1");
        assert!(network.bridge.len() <= 15);
        for (subnet, gateway, kind) in [
            ("10.0.7.0/24", None, ErrorKind::Conflict),
            ("10.0.0.0/8", None, ErrorKind::Conflict),
            ("10.1.0.0/30", None, ErrorKind::Invalid),
            ("10.1.0.0/24", Some("10.2.0.1"), ErrorKind::Invalid),
            ("10.1.0.0/24", Some("10.1.0.0"), ErrorKind::Invalid),
            ("10.1.0.0/24", Some("10.1.0.255"), ErrorKind::Invalid),
        ] {
            let error = planned(id, &request(Some(subnet), gateway), &taken).unwrap_err();
            assert_eq!(error.kind(), &kind, "{subnet} {gateway:?}");
        }
    }
}
