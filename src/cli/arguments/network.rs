//! The flags of verbs about networks.

use std::net::Ipv4Addr;

use clap::Args;
use ipnet::Ipv4Net;

use super::values::{parse_address, parse_subnet};
use crate::model::ContainerName;

/// The flags of `network create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkCreate {
    /// The network's name
    pub(in crate::cli) name: ContainerName,
    /// Its addresses; a free subnet is chosen otherwise
    #[arg(long, value_name = "CIDR", value_parser = parse_subnet)]
    pub(in crate::cli) subnet: Option<Ipv4Net>,
    /// The host's address in it; the first of the subnet otherwise
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub(in crate::cli) gateway: Option<Ipv4Addr>,
    /// The kind of network; there is one
    #[arg(short, long, hide_default_value = true, hide_possible_values = true, default_value = "bridge", value_parser = ["bridge"])]
    pub(in crate::cli) driver: String,
}

/// The flags of `network ls`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkList {
    /// Print ids only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Print whole ids
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Print by Go template, or `json`, or `table TEMPLATE`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// Show only those with KEY=VALUE: name, id, driver
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub(in crate::cli) filters: Vec<String>,
}

/// The arguments of `network connect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkConnect {
    /// The network
    pub(in crate::cli) network: String,
    /// The container
    pub(in crate::cli) container: String,
}

/// The arguments of `network disconnect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkDisconnect {
    /// Accepted for Docker's sake; a container is always taken out at once
    #[arg(short, long)]
    pub(in crate::cli) force: bool,
    /// The network
    pub(in crate::cli) network: String,
    /// The container
    pub(in crate::cli) container: String,
}

/// The arguments of `network rm`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkRemove {
    /// Do not mind those that are not there
    #[arg(short, long)]
    pub(in crate::cli) force: bool,
    /// Names or ids
    #[arg(required = true, value_name = "NETWORK")]
    pub(in crate::cli) names: Vec<String>,
}
