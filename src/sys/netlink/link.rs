//! Links: bridges and pairs of virtual cables (`veth(4)`).

use std::{io, os::fd::AsRawFd as _, os::fd::BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        InfoData, InfoKind, InfoVeth, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo,
        LinkMessage,
    },
};
use nix::libc::{EEXIST, ENODEV};

use super::{Socket, unless};
use crate::sys::{At as _, Result, SysError};

/// The index that the loopback link has in every network namespace.
const LOOPBACK: u32 = 1;

/// A link as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name in its namespace.
    pub name: String,
    /// Whether it is switched on.
    pub is_up: bool,
    /// What it is, in the kernel's word: `bridge`, `veth`; empty for hardware.
    pub kind: String,
}

/// The far end of a pair of virtual links.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Its name there.
    pub name: &'a str,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The network namespace it is made in.
    pub namespace: BorrowedFd<'a>,
}

impl Socket {
    /// Finds a link by name.
    ///
    /// # Errors
    /// What the kernel says, with the name.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]),
        ];
        match self.get(RouteNetlinkMessage::GetLink(message)) {
            Ok(Some(RouteNetlinkMessage::NewLink(found))) => Ok(Some(read(name, &found))),
            Ok(_) => Ok(None),
            Err(error) if error.raw_os_error() == Some(ENODEV) => Ok(None),
            Err(error) => Err(error).at("look up link", name),
        }
    }

    /// Finds a link that must be there.
    ///
    /// # Errors
    /// What the kernel says, with the name, also when there is none of that name.
    pub fn require_link(&mut self, name: &str) -> Result<Link> {
        self.link(name)?
            .ok_or_else(|| SysError::new("find link", name, io::Error::from_raw_os_error(ENODEV)))
    }

    /// Makes a bridge that is up; gives `false` when a link of that name is there already.
    ///
    /// The hardware address is set, because a bridge without one takes that of whichever port is lowest and so changes.
    ///
    /// # Errors
    /// What the kernel says, with the name.
    pub fn add_bridge(&mut self, name: &str, mac: [u8; 6]) -> Result<bool> {
        let mut message = up(0);
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(mac.to_vec()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        unless(EEXIST, self.create(message)).at("create bridge", name)
    }

    /// Makes a pair of links: one end here, up and on a bridge, the other in its namespace, down. Gives `false` when a link of one of
    /// the names is there already.
    ///
    /// # Errors
    /// What the kernel says, with the name of the end that is here.
    pub fn add_veth(&mut self, name: &str, bridge: &Link, peer: Peer<'_>) -> Result<bool> {
        let mut far = LinkMessage::default();
        far.attributes = vec![
            LinkAttribute::IfName(peer.name.to_owned()),
            LinkAttribute::Address(peer.mac.to_vec()),
            LinkAttribute::NetNsFd(peer.namespace.as_raw_fd()),
        ];
        let mut message = up(0);
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Controller(bridge.index),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
            ]),
        ];
        unless(EEXIST, self.create(message)).at("create link", name)
    }

    /// Moves a link into another network namespace under this name, down and without its addresses.
    ///
    /// # Errors
    /// What the kernel says, with both names: `EEXIST` when one of that name is there, `EINVAL` for what cannot be moved, as loopback.
    pub fn move_link(&mut self, link: &Link, name: &str, target: BorrowedFd<'_>) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::NetNsFd(target.as_raw_fd()),
        ];
        self.change(RouteNetlinkMessage::SetLink(message), 0)
            .at("move link", format_args!("{} (to be {name})", link.name))
    }

    /// Switches a link on.
    ///
    /// # Errors
    /// What the kernel says, with the name.
    pub fn bring_up(&mut self, link: &Link) -> Result<()> {
        self.change(RouteNetlinkMessage::SetLink(up(link.index)), 0).at("bring up link", &link.name)
    }

    /// Switches the loopback link on, which gives it its addresses too.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn bring_up_loopback(&mut self) -> Result<()> {
        self.change(RouteNetlinkMessage::SetLink(up(LOOPBACK)), 0).at("bring up link", "lo")
    }

    /// Switches a link off; gives `false` when there is none of that name.
    ///
    /// # Errors
    /// What the kernel says, with the name.
    pub fn take_down(&mut self, name: &str) -> Result<bool> {
        let mut message = LinkMessage::default();
        message.header.change_mask = LinkFlags::Up;
        message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
        unless(ENODEV, self.change(RouteNetlinkMessage::SetLink(message), 0))
            .at("take down link", name)
    }

    /// Removes a link, and with one end of a pair the other; gives `false` when there is none of that name.
    ///
    /// # Errors
    /// What the kernel says, with the name.
    pub fn delete_link(&mut self, name: &str) -> Result<bool> {
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
        unless(ENODEV, self.change(RouteNetlinkMessage::DelLink(message), 0))
            .at("remove link", name)
    }

    fn create(&mut self, message: LinkMessage) -> io::Result<()> {
        self.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)
    }
}

/// Begins a message that switches a link on.
fn up(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message
}

fn read(name: &str, message: &LinkMessage) -> Link {
    let kind = message.attributes.iter().find_map(|attribute| {
        let LinkAttribute::LinkInfo(parts) = attribute else {
            return None;
        };
        parts.iter().find_map(|part| match part {
            LinkInfo::Kind(kind) => Some(kind.to_string()),
            _ => None,
        })
    });
    Link {
        index: message.header.index,
        name: name.to_owned(),
        is_up: message.header.flags.contains(LinkFlags::Up),
        kind: kind.unwrap_or_default(),
    }
}
