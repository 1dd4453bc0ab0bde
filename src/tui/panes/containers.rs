//! The containers' pane.

use super::{Cell, Column, Resource, Tone, Width, largest_first};
use crate::{
    model::{Container, Health, NetworkMode, State, units},
    tui::{
        model::{Facts, Key, letters, natural, state_text},
        widgets::text::sanitize,
    },
};

impl Resource for Container {
    const COLUMNS: &'static [Column<Self>] = &[
        Column {
            title: "NAME",
            width: Width::Share(8, 20),
            right: false,
            gives_way: 0,
            cell: |container, _| Cell::new(container.name.as_str(), Tone::Plain),
            order: |one, two, _| natural(one.name.as_str(), two.name.as_str()),
        },
        Column {
            title: "IMAGE",
            width: Width::Share(8, 12),
            right: false,
            gives_way: 2,
            cell: image,
            order: |one, two, facts| {
                let badge = |container: &Self| facts.badge(container.image);
                badge(one).cmp(&badge(two))
            },
        },
        Column {
            title: "STATE",
            width: Width::Fixed(12),
            right: false,
            gives_way: 0,
            cell: state,
            order: |one, two, _| rank(one).cmp(&rank(two)),
        },
        Column {
            title: "IP",
            width: Width::Content(9, 15),
            right: false,
            gives_way: 3,
            cell: address,
            order: |one, two, _| {
                let first = |container: &Self| container.endpoints.first().map(|e| e.address);
                first(one).cmp(&first(two))
            },
        },
        Column {
            title: "CPU",
            width: Width::Fixed(6),
            right: true,
            gives_way: 5,
            cell: |container, facts| {
                facts
                    .cpu(container.id)
                    .map_or_else(Cell::nothing, |cpu| Cell::new(percent(cpu), Tone::Plain))
            },
            order: |one, two, facts| largest_first(facts.cpu(one.id), facts.cpu(two.id)),
        },
        Column {
            title: "MEM",
            width: Width::Fixed(5),
            right: true,
            gives_way: 4,
            cell: |container, facts| {
                facts
                    .memory(container.id)
                    .map_or_else(Cell::nothing, |bytes| Cell::new(memory(bytes), Tone::Plain))
            },
            order: |one, two, facts| largest_first(facts.memory(one.id), facts.memory(two.id)),
        },
    ];

    fn key(&self) -> Key {
        Key::Container(self.id)
    }

    fn texts(&self) -> Vec<String> {
        vec![self.name.to_string(), self.image_name.clone(), self.state.word().to_owned()]
    }

    fn is_idle(&self, _: &Facts) -> bool {
        !self.state.is_live()
    }
}

/// Shows the badge of the image and what the user called it.
fn image(container: &Container, facts: &Facts) -> Cell {
    let name = sanitize(&container.image_name).into_owned();
    match facts.badge(container.image) {
        Some(number) => {
            let width = facts.badge_width();
            let badge = format!("{:<width$} ", letters(number));
            Cell::new(badge, Tone::Badge(number)).and(name, Tone::Plain)
        }
        None => Cell::new(name, Tone::Dim),
    }
}

fn state(container: &Container, facts: &Facts) -> Cell {
    let (glyph, words) = state_text(&container.state, facts.now);
    let tone = match &container.state {
        State::Running { paused: true, .. } | State::Starting | State::Restarting { .. } => {
            Tone::Warn
        }
        State::Running { health: Some(Health::Unhealthy), .. } => Tone::Bad,
        State::Running { health: Some(Health::Starting), .. } => Tone::Warn,
        State::Running { .. } => Tone::Good,
        State::Created => Tone::Dim,
        State::Exited { exit, .. } if exit.code == 0 => Tone::Dim,
        State::Exited { .. } => Tone::Bad,
    };
    Cell::new(format!("{glyph} "), tone).and(words, tone)
}

fn address(container: &Container, _: &Facts) -> Cell {
    match (container.endpoints.first(), &container.config.network) {
        (Some(endpoint), _) => Cell::new(endpoint.address.to_string(), Tone::Plain),
        (None, NetworkMode::Host) => Cell::new("host", Tone::Dim),
        (None, _) => Cell::nothing(),
    }
}

/// Puts what runs first.
const fn rank(container: &Container) -> u8 {
    match container.state {
        State::Running { .. } => 0,
        State::Starting | State::Restarting { .. } => 1,
        State::Created => 2,
        State::Exited { .. } => 3,
    }
}

/// Writes a share in at most six characters.
pub(crate) fn percent(share: f64) -> String {
    if share < 99.95 { format!("{share:.1}%") } else { format!("{share:.0}%") }
}

/// Writes an amount of memory in at most five characters.
fn memory(bytes: u64) -> String {
    let text = units::binary_size(bytes);
    text.trim_end_matches("iB").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_within_their_columns() {
        for (share, text) in [(0.0, "0.0%"), (1.26, "1.3%"), (99.96, "100%"), (12_800.0, "12800%")]
        {
            assert_eq!(percent(share), text);
            assert!(text.len() <= 6);
        }
        for (bytes, text) in [
            (0, "0B"),
            (18 << 20, "18M"),
            (1023, "1023B"),
            (1_288_490_189, "1.2G"),
            (u64::MAX >> 4, "1024P"),
        ] {
            assert_eq!(memory(bytes), text);
            assert!(text.len() <= 5);
        }
    }
}
