//! What a container shares with the host or another container, and how it is set up around its program.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

/// What is not the container's own, and what stands around its program; what is empty is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Isolation {
    /// Whose processes it sees.
    pub pid: Sharing,
    /// Whose shared memory and queues it uses.
    pub ipc: Ipc,
    /// Whether it has the host's names.
    pub uts_host: bool,
    /// Whether it sees the host's control groups as they are.
    pub cgroupns_host: bool,
    /// The control group that its own lies in, below the top of each hierarchy; that of Estiba's if empty.
    pub cgroup_parent: String,
    /// Whether a first process of Estiba's reaps its processes and passes signals on.
    pub init: bool,
    /// Its domain name (NIS).
    pub domainname: String,
    /// Seconds until it is killed when it was asked to stop.
    pub stop_timeout: Option<u32>,
    /// What others note about it.
    pub annotations: BTreeMap<String, String>,
    /// Ports that it says it listens at, like `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Its place in networks.
    pub names: Names,
}

/// Names and addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Names {
    /// Lines of `/etc/hosts`: name, address; `host-gateway` is the host.
    pub extra_hosts: Vec<(String, String)>,
    /// Name servers in place of the host's.
    pub dns: Vec<String>,
    /// Domains to search in place of the host's.
    pub dns_search: Vec<String>,
    /// Options in place of the host's.
    pub dns_options: Vec<String>,
    /// The address in its first network.
    pub address: Option<Ipv4Addr>,
    /// The hardware address in its first network.
    pub mac: Option<[u8; 6]>,
}

/// Whose something is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// Its own.
    #[default]
    Own,
    /// The host's.
    Host,
    /// That of another container: as named in a request, the whole id in a record.
    Container(String),
}

/// Whose shared memory and queues a container uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ipc {
    /// Its own.
    #[default]
    Private,
    /// Its own, which others may join.
    Shareable,
    /// Those of another container, which lets others join: as named in a request, the whole id in a record.
    Container(String),
    /// Its own, without `/dev/shm`.
    None,
    /// The host's.
    Host,
}

impl Isolation {
    /// Tells whether nothing is asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
