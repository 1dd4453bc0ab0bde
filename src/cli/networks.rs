//! The verbs of networks.

use serde::Serialize;

use super::{
    arguments::{NetworkCreate, NetworkList, NetworkVerb},
    containers::for_all,
    filter::{Filters, fits_name},
    inspect, listing,
    listing::Row,
    output, prune,
};
use crate::{
    engine::{Engine, ErrorKind, Result},
    model::{CreateNetwork, Network},
};

pub(super) fn dispatch(engine: &Engine, verb: NetworkVerb) -> Result<u8> {
    match verb {
        NetworkVerb::Create(options) => create(engine, options),
        NetworkVerb::Ls(options) => list(engine, &options),
        NetworkVerb::Inspect(options) => inspect::run(engine, &options.among("network")),
        NetworkVerb::Rm(options) => Ok(for_all(&options.names, |name| {
            match engine.network(name) {
                Err(error) if options.force && error.kind() == &ErrorKind::NotFound => {
                    return Ok(());
                }
                found => engine.remove_network(found?.id)?,
            }
            output::line(name);
            Ok(())
        })),
        NetworkVerb::Prune(options) => prune::networks(engine, &options),
        NetworkVerb::Connect(options) => {
            let (network, container) =
                (engine.network(&options.network)?, engine.container(&options.container)?);
            engine.connect(network.id, container.id)?;
            Ok(0)
        }
        NetworkVerb::Disconnect(options) => {
            let (network, container) =
                (engine.network(&options.network)?, engine.container(&options.container)?);
            engine.disconnect(network.id, container.id)?;
            Ok(0)
        }
    }
}

fn create(engine: &Engine, options: NetworkCreate) -> Result<u8> {
    let NetworkCreate { name, subnet, gateway, .. } = options;
    let network = engine.create_network(&CreateNetwork { name, subnet, gateway })?;
    output::line(network.id.hex());
    Ok(0)
}

fn list(engine: &Engine, options: &NetworkList) -> Result<u8> {
    let filters = Filters::parse(&options.filters, &["name", "id", "driver"])?;
    let networks = engine.overview()?.networks;
    let rows: Vec<NetworkRow> = networks
        .iter()
        .filter(|network| filters.any("name", |part| fits_name(network.name.as_str(), part)))
        .filter(|network| filters.any("id", |start| network.id.hex().starts_with(start)))
        .filter(|_| filters.any("driver", |driver| driver == "bridge"))
        .map(|network| NetworkRow::of(network, options.no_trunc))
        .collect();
    listing::print(&rows, options.quiet, options.format.as_deref())?;
    Ok(0)
}

/// A row of `network ls`: Docker's fields, and the subnet, which is what one looks for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkRow {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    driver: &'static str,
    scope: &'static str,
    subnet: String,
}

impl NetworkRow {
    fn of(network: &Network, whole: bool) -> Self {
        Self {
            id: if whole { network.id.hex() } else { network.id.short() },
            name: network.name.to_string(),
            driver: "bridge",
            scope: "local",
            subnet: network.subnet.to_string(),
        }
    }
}

impl Row for NetworkRow {
    const HEAD: &'static [&'static str] = &["NETWORK ID", "NAME", "DRIVER", "SCOPE", "SUBNET"];
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Subnet", "SUBNET"),
    ];

    fn cells(&self) -> Vec<String> {
        let words = [self.driver, self.scope].map(str::to_owned);
        let [driver, scope] = words;
        vec![self.id.clone(), self.name.clone(), driver, scope, self.subnet.clone()]
    }

    fn id(&self) -> &str {
        &self.id
    }
}
