//! The networks' pane.

use super::{Cell, Column, Resource, Tone, Width};
use crate::{
    model::Network,
    tui::model::{Facts, Key, natural},
};

impl Resource for Network {
    const COLUMNS: &'static [Column<Self>] = &[
        Column {
            title: "NAME",
            width: Width::Share(8, 20),
            right: false,
            gives_way: 0,
            cell: |network, _| Cell::new(network.name.as_str(), Tone::Plain),
            order: |one, two, _| natural(one.name.as_str(), two.name.as_str()),
        },
        Column {
            title: "SUBNET",
            width: Width::Content(13, 18),
            right: false,
            gives_way: 1,
            cell: |network, _| Cell::new(network.subnet.to_string(), Tone::Plain),
            order: |one, two, _| one.subnet.cmp(&two.subnet),
        },
        Column {
            title: "ENDPOINTS",
            width: Width::Fixed(13),
            right: false,
            gives_way: 0,
            cell: |network, _| match network.endpoints.len() {
                0 => Cell::nothing(),
                1 => Cell::new("1 endpoint", Tone::Plain),
                many => Cell::new(format!("{many} endpoints"), Tone::Plain),
            },
            order: |one, two, _| two.endpoints.len().cmp(&one.endpoints.len()),
        },
        Column {
            title: "BRIDGE",
            width: Width::Content(6, 15),
            right: false,
            gives_way: 2,
            cell: |network, _| Cell::new(network.bridge.as_str(), Tone::Dim),
            order: |one, two, _| natural(&one.bridge, &two.bridge),
        },
    ];

    fn key(&self) -> Key {
        Key::Network(self.id)
    }

    fn texts(&self) -> Vec<String> {
        vec![self.name.to_string(), self.subnet.to_string()]
    }

    fn is_idle(&self, _: &Facts) -> bool {
        false
    }
}
