//! Bridges and their packet rules.

use std::{os::fd::AsFd as _, path::Path};

use ipnet::Ipv4Net;

use super::{NetworkError, Place, shared};
use crate::{
    model::{Endpoint, Network},
    sys::{
        files,
        netlink::{
            Link, Socket, namespace,
            rules::{ChainKind, Condition, Table, Verdict},
        },
    },
};

/// Counts the forms the rules have had: a table of another form is replaced.
const RULES_FORM: u32 = 1;

/// Makes sure, in the namespace this process is in, that the bridge of `network` is up with its gateway address, that packets are forwarded, and that its rules
/// (NAT unless shared, nothing new comes in from elsewhere) are there. Cheap when all is there. Safe when two do it at once.
///
/// Each network has a table of rules of its own, so that neither another network nor another store on this machine can take them away; `_all` is not looked at.
///
/// # Errors
/// [`NetworkError::Kernel`], [`NetworkError::NotABridge`].
pub fn ensure(place: &Place, network: &Network, _all: &[Network]) -> Result<(), NetworkError> {
    let mut links = Socket::route()?;
    let bridge = ensure_bridge(&mut links, network)?;
    let subnet = Ipv4Net::new_assert(network.gateway, network.subnet.prefix_len());
    links.add_address(&bridge, subnet)?;
    match place {
        Place::Host => {
            forward_packets(true)?;
            ensure_rules(network)
        }
        // Without forwarding no packet gets from one bridge to another, or out.
        Place::Shared { .. } => forward_packets(false),
    }
}

/// Removes a network's bridge and rules, from whatever thread (it changes namespace in a thread of its own when shared; no holder, nothing to do).
///
/// The rules of other networks are in tables of their own; `_remaining` is not looked at.
///
/// # Errors
/// [`NetworkError::Kernel`], [`NetworkError::NotABridge`].
pub fn remove(
    place: &Place,
    network: &Network,
    _remaining: &[Network],
) -> Result<(), NetworkError> {
    match place {
        Place::Host => {
            Socket::netfilter()?.delete_table(&table_name(network))?;
            remove_bridge(&mut Socket::route()?, network)
        }
        Place::Shared { run_root } => match shared::find(run_root)? {
            Some(namespace) => {
                let target = namespace.as_fd();
                let mut links = namespace::from_thread(target, Socket::route)?;
                remove_bridge(&mut links, network)
            }
            None => Ok(()),
        },
    }
}

fn remove_bridge(links: &mut Socket, network: &Network) -> Result<(), NetworkError> {
    if let Some(link) = links.link(&network.bridge)? {
        require_bridge(&link)?;
        links.delete_link(&network.bridge)?;
    }
    Ok(())
}

/// Finds the bridge of a network or makes it.
fn ensure_bridge(links: &mut Socket, network: &Network) -> Result<Link, NetworkError> {
    let name = network.bridge.as_str();
    let bridge = if let Some(link) = links.link(name)? {
        link
    } else {
        // Whoever made it since has made the same.
        links.add_bridge(name, Endpoint::mac_of(network.gateway))?;
        ignore_routers(name)?;
        links.require_link(name)?
    };
    require_bridge(&bridge)?;
    if !bridge.is_up {
        links.bring_up(&bridge)?;
    }
    Ok(bridge)
}

/// Lets no container tell the host over a bridge where its routes of IPv6 lead (CVE-2020-13401).
fn ignore_routers(bridge: &str) -> Result<(), NetworkError> {
    let path = Path::new("/proc/sys/net/ipv6/conf").join(bridge).join("accept_ra");
    // It is not there where the kernel knows no IPv6.
    if files::exists(&path) {
        files::write(&path, "0")?;
    }
    Ok(())
}

fn require_bridge(link: &Link) -> Result<(), NetworkError> {
    if link.kind == "bridge" {
        return Ok(());
    }
    Err(NetworkError::NotABridge { name: link.name.clone() })
}

/// Switches forwarding in this network namespace, if it is not as wanted (a new namespace may inherit the machine's setting).
fn forward_packets(wanted: bool) -> Result<(), NetworkError> {
    let path = Path::new("/proc/sys/net/ipv4/ip_forward");
    let is_on = files::read(path)?.trim_ascii() != b"0";
    if is_on != wanted {
        files::write(path, if wanted { "1" } else { "0" })?;
    }
    Ok(())
}

fn table_name(network: &Network) -> String {
    format!("estiba-{}", network.bridge)
}

/// Puts the rules of a network in place, unless its table says that they are.
fn ensure_rules(network: &Network) -> Result<(), NetworkError> {
    let name = table_name(network);
    let comment = format!("form {RULES_FORM} for {}", network.subnet.trunc());
    let mut rules = Socket::netfilter()?;
    if rules.table_comment(&name)?.as_deref() != Some(&comment) {
        rules.replace_table(table(&name, &comment, network))?;
    }
    Ok(())
}

/// Writes down the rules of a network: its containers go out under the host's address, and what comes in from another link, be it another network's
/// bridge or the host's own, must be an answer.
fn table(name: &str, comment: &str, network: &Network) -> Table {
    let bridge = network.bridge.as_str();
    Table::new(name, comment)
        .chain("postrouting", ChainKind::SourceNat)
        .rule(
            "postrouting",
            &[Condition::From(network.subnet), Condition::NotLeavingBy(bridge)],
            Verdict::Masquerade,
        )
        .chain("forward", ChainKind::Forward)
        .rule("forward", &[Condition::Established], Verdict::Accept)
        .rule(
            "forward",
            &[Condition::LeavingBy(bridge), Condition::NotEnteringBy(bridge)],
            Verdict::Drop,
        )
}
