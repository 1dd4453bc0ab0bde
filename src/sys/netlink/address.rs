//! Addresses of links, and routes.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope},
    route::{
        RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};
use nix::libc::EEXIST;

use super::{Link, Socket, unless};
use crate::sys::{At as _, Result};

impl Socket {
    /// Gives a link an address; it may have it already.
    ///
    /// # Errors
    /// What the kernel says, with the address.
    pub fn add_address(&mut self, link: &Link, address: impl Into<IpNet>) -> Result<()> {
        let address = address.into();
        let mut message = AddressMessage::default();
        message.header.prefix_len = address.prefix_len();
        message.header.index = link.index;
        message.attributes = vec![
            AddressAttribute::Local(address.addr()),
            AddressAttribute::Address(address.addr()),
        ];
        message.header.family = AddressFamily::Inet6;
        if let IpNet::V4(address) = address {
            message.header.family = AddressFamily::Inet;
            if address.prefix_len() < 31 {
                message.attributes.push(AddressAttribute::Broadcast(address.broadcast()));
            }
        }
        let result =
            self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL);
        unless(EEXIST, result)
            .map(drop)
            .at("give an address to", format_args!("{} ({address})", link.name))
    }

    /// Sends everything that has no better route over a link to a gateway.
    ///
    /// # Errors
    /// What the kernel says, with the gateway.
    pub fn add_default_route(&mut self, link: &Link, gateway: Ipv4Addr) -> Result<()> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Boot;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)),
            RouteAttribute::Oif(link.index),
        ];
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
            .at("make the default route over", format_args!("{} (gateway {gateway})", link.name))
    }

    /// Lists the addresses of all links, each with its subnet's prefix.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn addresses(&mut self) -> Result<Vec<Ipv4Net>> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        let found = self.list(&RouteNetlinkMessage::GetAddress(message)).at("list", "addresses")?;
        Ok(found.iter().filter_map(address_of).collect())
    }

    /// Lists the addresses of a link that somebody gave it for good and for everywhere (`IFA_F_PERMANENT`, `RT_SCOPE_UNIVERSE`).
    ///
    /// # Errors
    /// What the kernel says, with the link's name.
    pub fn lasting_addresses(&mut self, link: &Link) -> Result<Vec<IpNet>> {
        let found = self
            .list(&RouteNetlinkMessage::GetAddress(AddressMessage::default()))
            .at("list addresses of", &link.name)?;
        Ok(found.iter().filter_map(|message| lasting_address_of(message, link.index)).collect())
    }

    /// Lists where the routes of all tables lead, without default routes and without the addresses of this machine.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn routes(&mut self) -> Result<Vec<Ipv4Net>> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        let found = self.list(&RouteNetlinkMessage::GetRoute(message)).at("list", "routes")?;
        Ok(found.iter().filter_map(destination_of).collect())
    }
}

fn lasting_address_of(message: &RouteNetlinkMessage, link: u32) -> Option<IpNet> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let has_lasting_flag = message.attributes.iter().any(|attribute| {
        matches!(attribute, AddressAttribute::Flags(flags) if flags.contains(AddressFlags::Permanent))
    });
    let is_of_everywhere = message.header.scope == AddressScope::Universe;
    if message.header.index != link || !has_lasting_flag || !is_of_everywhere {
        return None;
    }
    // An IPv6 address has no IFA_LOCAL unless there is a far end.
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let only = || {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    };
    IpNet::new(local.or_else(only)?, message.header.prefix_len).ok()
}

fn address_of(message: &RouteNetlinkMessage) -> Option<Ipv4Net> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    // IFA_LOCAL is the address; IFA_ADDRESS is the far end's on a point-to-point link (rtnetlink(7)).
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    Ipv4Net::new(address, message.header.prefix_len).ok()
}

fn destination_of(message: &RouteNetlinkMessage) -> Option<Ipv4Net> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let leads_elsewhere = matches!(
        message.header.kind,
        RouteType::Unicast | RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit
    );
    let destination = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    })?;
    let prefix = message.header.destination_prefix_length;
    (leads_elsewhere && prefix > 0).then(|| Ipv4Net::new(destination, prefix).ok()).flatten()
}
