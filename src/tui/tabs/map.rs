//! Who reaches whom through a network: the bridge, the containers at it, and where else each of them stands.

use std::collections::BTreeSet;

use ratatui::style::Style;

use super::Page;
use crate::{
    model::{Container, Network},
    tui::{
        model::{letters, networks_of, state_text},
        panes::Tone,
        widgets::text::pad_right,
    },
};

impl Page<'_> {
    /// Draws the network with everything that stands at its bridge, or will when it starts.
    pub(super) fn map_of(self, network: &Network) -> Self {
        let joins = |container: &&Container| networks_of(container).any(|id| id == network.id);
        let mut members: Vec<&Container> =
            self.facts.overview.containers.iter().filter(joins).collect();
        members.sort_by_key(|container| {
            let address = address(container, network);
            (address.is_none(), address, container.name.clone())
        });
        let (dim, accent) = (self.theme.dim, self.theme.accent);
        let bridge = format!("bridge {}", network.bridge);
        let gateway = format!("  {} of {}", network.gateway, network.subnet);
        let page = self.spans([("this machine".to_owned(), Style::new())]).spans([
            ("└─ ".to_owned(), dim),
            (bridge, accent),
            (gateway, dim),
        ]);
        if members.is_empty() {
            return page.dim("   no container joins it; the form for a new one asks for a network");
        }
        let last = members.len() - 1;
        members
            .into_iter()
            .enumerate()
            .fold(page, |page, (place, container)| page.member(network, container, place == last))
    }

    fn member(self, network: &Network, container: &Container, is_last: bool) -> Self {
        let (glyph, _) = state_text(&container.state, self.facts.now);
        let tone = if container.state.is_live() { Tone::Good } else { Tone::Dim };
        let state = self.theme.tone(tone);
        let number = self.facts.badge(container.image);
        let badge = number.map_or_else(String::new, letters);
        let badge_style = self.theme.badge(number.unwrap_or_default());
        let dim = self.theme.dim;
        let branch = if is_last { "   └─ " } else { "   ├─ " };
        let here = match address(container, network) {
            Some((address, interface)) => format!("{address} {interface}"),
            None => "no address yet".to_owned(),
        };
        let page = self.spans([
            (branch.to_owned(), dim),
            (format!("{glyph} "), state),
            (format!("{badge} "), badge_style),
            (pad_right(container.name.as_str(), 16), Style::new()),
            (format!(" {here}"), Style::new()),
        ]);
        let others: BTreeSet<_> = networks_of(container).filter(|id| *id != network.id).collect();
        let line = if is_last { "        " } else { "   │    " };
        others.into_iter().fold(page, |page, id| {
            let Some(other) = page.facts.network(id) else { return page };
            let there = match address(container, other) {
                Some((address, interface)) => {
                    format!("also in {}: {address} {interface}", other.name)
                }
                None => format!("also in {}", other.name),
            };
            page.spans([(line.to_owned(), dim), (there, dim)])
        })
    }
}

/// Gives the address that a container has in a network, and its interface there.
fn address<'a>(
    container: &'a Container,
    network: &Network,
) -> Option<(std::net::Ipv4Addr, &'a str)> {
    let mut endpoints = container.endpoints.iter();
    let endpoint = endpoints.find(|endpoint| endpoint.network == network.id)?;
    Some((endpoint.address, endpoint.interface.as_str()))
}
