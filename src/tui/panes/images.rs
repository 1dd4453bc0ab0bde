//! The images' pane.

use super::{Cell, Column, Resource, Tone, Width};
use crate::{
    model::Image,
    tui::{
        model::{Facts, Key, Sharing, Users, letters, natural, spaced_size},
        widgets::text::sanitize,
    },
};

impl Resource for Image {
    const COLUMNS: &'static [Column<Self>] = &[
        Column {
            title: "REFERENCE",
            width: Width::Share(12, 24),
            right: false,
            gives_way: 0,
            cell: reference,
            order: |one, two, _| natural(&one.display_name(), &two.display_name()),
        },
        Column {
            title: "SIZE",
            width: Width::Fixed(7),
            right: true,
            gives_way: 1,
            cell: |image, _| Cell::new(spaced_size(image.size()), Tone::Plain),
            order: |one, two, _| two.size().cmp(&one.size()),
        },
        Column {
            title: "UNIQUE",
            width: Width::Fixed(7),
            right: true,
            gives_way: 4,
            cell: |image, facts| {
                Cell::new(spaced_size(facts.sharing(image.id).unique), Tone::Plain)
            },
            order: |one, two, facts| {
                let unique = |image: &Self| facts.sharing(image.id).unique;
                unique(two).cmp(&unique(one))
            },
        },
        Column {
            title: "USED BY",
            width: Width::Content(7, 11),
            right: false,
            gives_way: 2,
            cell: |image, facts| users(facts.users(image.id)),
            order: |one, two, facts| facts.users(two.id).cmp(&facts.users(one.id)),
        },
        Column {
            title: "SHARES",
            width: Width::Content(6, 22),
            right: false,
            gives_way: 3,
            cell: |image, facts| shares(&facts.sharing(image.id)),
            order: |one, two, facts| {
                let layers = |image: &Self| facts.sharing(image.id).layers;
                layers(two).cmp(&layers(one))
            },
        },
    ];

    fn key(&self) -> Key {
        Key::Image(self.id)
    }

    fn texts(&self) -> Vec<String> {
        let names = self.references.iter().map(ToString::to_string);
        names.chain([self.id.0.short()]).collect()
    }

    fn is_idle(&self, facts: &Facts) -> bool {
        self.references.is_empty() && facts.users(self.id) == Users::default()
    }
}

fn reference(image: &Image, facts: &Facts) -> Cell {
    let number = facts.badge(image.id).unwrap_or_default();
    let width = facts.badge_width();
    let badge = format!("{:<width$} ", letters(number));
    let name = image.display_name();
    let tone = if image.references.is_empty() { Tone::Dim } else { Tone::Plain };
    let cell = Cell::new(badge, Tone::Badge(number)).and(sanitize(&name).into_owned(), tone);
    match image.references.len() {
        0 | 1 => cell,
        names => cell.and(format!(" +{}", names - 1), Tone::Dim),
    }
}

/// Shows who stands on an image: `▶2 ■1`.
fn users(users: Users) -> Cell {
    let mut cell = Cell::default();
    if users.live > 0 {
        cell = cell.and(format!("▶{} ", users.live), Tone::Good);
    }
    if users.still > 0 {
        cell = cell.and(format!("■{}", users.still), Tone::Dim);
    }
    if cell.0.is_empty() { Cell::nothing() } else { cell }
}

/// Shows with whom an image shares layers: `1 layer: A C`.
fn shares(sharing: &Sharing) -> Cell {
    if sharing.layers == 0 {
        return Cell::nothing();
    }
    let plural = if sharing.layers == 1 { "" } else { "s" };
    let words = format!("{} layer{plural}:", sharing.layers);
    sharing.with.iter().fold(Cell::new(words, Tone::Plain), |cell, number| {
        cell.and(format!(" {}", letters(*number)), Tone::Badge(*number))
    })
}
