//! Networks: what gives containers addresses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{ContainerId, ContainerName, NetworkId, Timestamp};

/// The name of the network that a container joins when none is asked for.
pub const DEFAULT_NETWORK: &str = "bridge";

/// A bridge network with its own subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its identity, which never changes.
    pub id: NetworkId,
    /// Its name, unique among networks.
    pub name: ContainerName,
    /// Its addresses.
    pub subnet: Ipv4Net,
    /// The address of the host's end of the bridge.
    pub gateway: Ipv4Addr,
    /// The bridge's interface name on the host, at most 15 characters.
    pub bridge: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who has an address in it now.
    pub endpoints: Vec<Endpoint>,
}

impl Network {
    /// Tells whether this is the network that is there from the start and cannot be removed.
    pub fn is_default(&self) -> bool {
        self.name.as_str() == DEFAULT_NETWORK
    }
}

/// A container's place in a network, while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network.
    pub network: NetworkId,
    /// The network's name.
    pub network_name: ContainerName,
    /// The container.
    pub container: ContainerId,
    /// The container's name.
    pub container_name: ContainerName,
    /// The leased address.
    pub address: Ipv4Addr,
    /// The length of the subnet's prefix.
    pub prefix: u8,
    /// The gateway of the network.
    pub gateway: Ipv4Addr,
    /// The hardware address, derived from the leased one.
    pub mac: [u8; 6],
    /// The interface name inside: `eth0`, `eth1`, …
    pub interface: String,
}

impl Endpoint {
    /// Derives the locally administered hardware address that Docker would give: `02:42` and the four bytes of the address.
    pub const fn mac_of(address: Ipv4Addr) -> [u8; 6] {
        let [a, b, c, d] = address.octets();
        [0x02, 0x42, a, b, c, d]
    }

    /// Writes the hardware address as people do: `02:42:0a:d2:00:02`.
    pub fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }
}

/// Which networks a container joins when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// Only loopback.
    None,
    /// The host's own network, shared.
    Host,
    /// That of another container, shared.
    Container(ContainerId),
    /// These bridge networks, in the order of their interfaces.
    Bridges(Vec<NetworkId>),
}

impl Default for NetworkMode {
    fn default() -> Self {
        Self::Bridges(Vec::new())
    }
}

/// A request to make a bridge network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateNetwork {
    /// The wanted name.
    pub name: ContainerName,
    /// The wanted subnet; a free one is taken from the pool if `None`.
    pub subnet: Option<Ipv4Net>,
    /// The wanted gateway; the first address of the subnet if `None`.
    pub gateway: Option<Ipv4Addr>,
}
