//! What is true, and what follows from it: badges, who shares what, who stands on what, what it costs.

use std::collections::{BTreeMap, BTreeSet};

use super::Key;
use crate::{
    engine::Overview,
    model::{
        ChainId, Container, ContainerId, Health, HealthHistory, Image, ImageId, Network, NetworkId,
        NetworkMode, Rates, Readings, Sample, Signature, State, Timestamp, units,
    },
};

/// The overview with everything that is derived from it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The moment that ages are told for.
    pub(crate) now: Timestamp,
    /// What the engine says.
    pub(crate) overview: Overview,
    /// The bytes that all images take together.
    pub(crate) images_size: u64,
    badges: BTreeMap<ImageId, usize>,
    sharing: BTreeMap<ImageId, Sharing>,
    holders: BTreeMap<ChainId, Vec<ImageId>>,
    users: BTreeMap<ImageId, Users>,
    gauges: BTreeMap<ContainerId, Gauge>,
    /// What the last checks found of the container that was looked at last.
    pub(crate) checks: Option<(ContainerId, HealthHistory)>,
}

/// What an image has in common with others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// The bytes that would go with it.
    pub(crate) unique: u64,
    /// How many of its layers others have too.
    pub(crate) layers: usize,
    /// The numbers of those others' badges, ascending.
    pub(crate) with: Vec<usize>,
}

/// How many containers stand on an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Users {
    /// Those that live.
    pub(crate) live: usize,
    /// Those that do not.
    pub(crate) still: usize,
}

/// What a container used lately.
#[derive(Debug, Clone, Copy)]
struct Gauge {
    last: Sample,
    rates: Option<Rates>,
}

impl Facts {
    /// Takes in what the engine says now.
    pub(crate) fn replace(&mut self, overview: Overview) {
        self.overview = overview;
        self.assign_badges();
        self.find_sharing();
        self.users.clear();
        for container in &self.overview.containers {
            let users = self.users.entry(container.image).or_default();
            if container.state.is_live() {
                users.live += 1;
            } else {
                users.still += 1;
            }
        }
        let live: BTreeSet<_> = self.running().collect();
        self.gauges.retain(|id, _| live.contains(id));
    }

    /// Gives each image that has none the next badge, by name; an image keeps its badge while the program runs.
    fn assign_badges(&mut self) {
        let mut new: Vec<_> = self
            .overview
            .images
            .iter()
            .filter(|image| !self.badges.contains_key(&image.id))
            .map(|image| (image.display_name(), image.id))
            .collect();
        new.sort();
        for (_, id) in new {
            let number = self.badges.len();
            self.badges.insert(id, number);
        }
    }

    fn find_sharing(&mut self) {
        let mut sizes = BTreeMap::new();
        self.holders.clear();
        for image in &self.overview.images {
            for layer in &image.layers {
                sizes.insert(layer.chain, layer.size);
                let holders = self.holders.entry(layer.chain).or_default();
                if !holders.contains(&image.id) {
                    holders.push(image.id);
                }
            }
        }
        self.images_size = sizes.values().sum();
        self.sharing =
            self.overview.images.iter().map(|image| (image.id, self.sharing_of(image))).collect();
    }

    fn sharing_of(&self, image: &Image) -> Sharing {
        let mut sharing = Sharing::default();
        let mut with = BTreeSet::new();
        for layer in &image.layers {
            let others: Vec<_> = self.holders[&layer.chain]
                .iter()
                .filter(|holder| **holder != image.id)
                .filter_map(|holder| self.badges.get(holder))
                .collect();
            if others.is_empty() {
                sharing.unique += layer.size;
            } else {
                sharing.layers += 1;
                with.extend(others);
            }
        }
        sharing.with = with.into_iter().collect();
        sharing
    }

    /// Takes in readings, and computes rates since the sample before: the one that comes with it, or the one that was taken in last.
    pub(crate) fn measure(&mut self, readings: BTreeMap<ContainerId, Readings>) {
        self.gauges = readings
            .into_iter()
            .map(|(id, Readings { last, before })| {
                let earlier = self.gauges.get(&id);
                let before = before.or_else(|| earlier.map(|gauge| gauge.last));
                let rates = before.and_then(|before| Rates::between(&before, &last));
                (id, Gauge { last, rates })
            })
            .collect();
    }

    /// Forgets all readings.
    pub(crate) fn forget_usage(&mut self) {
        self.gauges.clear();
    }

    /// Gives the processor share of a container in per cent of one processor.
    pub(crate) fn cpu(&self, id: ContainerId) -> Option<f64> {
        Some(self.gauges.get(&id)?.rates?.cpu)
    }

    /// Gives the bytes of memory that a container uses.
    pub(crate) fn memory(&self, id: ContainerId) -> Option<u64> {
        self.gauges.get(&id).map(|gauge| gauge.last.statistics.usage.memory)
    }

    /// Sums processor share and memory, if every running container was measured.
    pub(crate) fn total_usage(&self) -> Option<(f64, u64)> {
        let mut sum = (0.0, 0);
        for id in self.running() {
            sum.0 += self.cpu(id)?;
            sum.1 += self.memory(id)?;
        }
        (!self.gauges.is_empty()).then_some(sum)
    }

    /// Gives the number of an image's badge.
    pub(crate) fn badge(&self, image: ImageId) -> Option<usize> {
        self.badges.get(&image).copied()
    }

    /// Gives the columns that the widest badge takes.
    pub(crate) fn badge_width(&self) -> usize {
        letters(self.badges.len().saturating_sub(1)).len()
    }

    /// Gives what an image shares.
    pub(crate) fn sharing(&self, image: ImageId) -> Sharing {
        self.sharing.get(&image).cloned().unwrap_or_default()
    }

    /// Gives the numbers of the badges of all images that have a layer, ascending.
    pub(crate) fn holders(&self, chain: ChainId) -> Vec<usize> {
        let holders = self.holders.get(&chain).into_iter().flatten();
        let mut numbers: Vec<_> = holders.filter_map(|image| self.badge(*image)).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Counts who stands on an image.
    pub(crate) fn users(&self, image: ImageId) -> Users {
        self.users.get(&image).copied().unwrap_or_default()
    }

    /// Gives the containers that stand on an image, oldest first.
    pub(crate) fn containers_of(&self, image: ImageId) -> Vec<&Container> {
        let all = self.overview.containers.iter().rev();
        all.filter(|container| container.image == image).collect()
    }

    /// Gives the containers that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = ContainerId> {
        let all = self.overview.containers.iter();
        all.filter(|container| matches!(container.state, State::Running { .. }))
            .map(|container| container.id)
    }

    /// Finds a container.
    pub(crate) fn container(&self, id: ContainerId) -> Option<&Container> {
        let mut all = self.overview.containers.iter();
        all.find(|container| container.id == id)
    }

    /// Gives what an image was accepted by.
    pub(crate) fn signatures_of(&self, id: ImageId) -> &[Signature] {
        self.overview.signatures.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Finds an image.
    pub(crate) fn image(&self, id: ImageId) -> Option<&Image> {
        self.overview.images.iter().find(|image| image.id == id)
    }

    /// Finds a network.
    pub(crate) fn network(&self, id: NetworkId) -> Option<&Network> {
        let mut all = self.overview.networks.iter();
        all.find(|network| network.id == id)
    }

    /// Gives everything that stands in a relation to a thing.
    pub(crate) fn relatives(&self, key: Key) -> BTreeSet<Key> {
        match key {
            Key::Container(id) => self.container(id).map_or_else(BTreeSet::new, |container| {
                let networks = networks_of(container).map(Key::Network);
                networks.chain([Key::Image(container.image)]).collect()
            }),
            Key::Image(id) => {
                let with = self.sharing(id).with;
                let images = self.overview.images.iter().map(|image| image.id);
                images
                    .filter(|other| self.badge(*other).is_some_and(|n| with.contains(&n)))
                    .map(Key::Image)
                    .chain(self.containers_of(id).iter().map(|c| Key::Container(c.id)))
                    .collect()
            }
            Key::Network(id) => self
                .overview
                .containers
                .iter()
                .filter(|container| networks_of(container).any(|network| network == id))
                .map(|container| Key::Container(container.id))
                .collect(),
        }
    }
}

/// Gives the networks that a container stands in, or joins when it starts.
pub(crate) fn networks_of(container: &Container) -> impl Iterator<Item = NetworkId> {
    let joined = match &container.config.network {
        NetworkMode::Bridges(networks) => networks.as_slice(),
        NetworkMode::None | NetworkMode::Host | NetworkMode::Container(_) => &[],
    };
    let standing = container.endpoints.iter().map(|endpoint| endpoint.network);
    joined.iter().copied().chain(standing)
}

/// Writes the letters of a badge: `A` to `Z`, then `AA`, `AB`, …
pub(crate) fn letters(number: usize) -> String {
    let mut rest = number + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

/// Writes a size with a space before the unit.
pub(crate) fn spaced_size(bytes: u64) -> String {
    let text = units::size(bytes);
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = text.trim_start_matches(digits);
    format!("{digits} {unit}")
}

/// Tells how long ago something was, in the few characters of a column.
pub(crate) fn short_age(now: Timestamp, then: Timestamp) -> String {
    units::short_span(age(now, then))
}

/// Tells how long ago something was, in words.
pub(crate) fn rough_age(now: Timestamp, then: Timestamp) -> String {
    units::rough_span(age(now, then)).to_lowercase()
}

fn age(now: Timestamp, then: Timestamp) -> std::time::Duration {
    now.duration_since(then).try_into().unwrap_or(std::time::Duration::ZERO)
}

/// Writes a state as glyph and words: `▶ up 3m`, `■ exited 0`.
pub(crate) fn state_text(state: &State, now: Timestamp) -> (&'static str, String) {
    match state {
        State::Created => ("○", "created".to_owned()),
        State::Starting => ("◌", "starting".to_owned()),
        State::Running { paused: true, .. } => ("‖", "paused".to_owned()),
        State::Running { health: Some(Health::Unhealthy), .. } => ("✗", "unhealthy".to_owned()),
        State::Running { health: Some(Health::Starting), .. } => ("◔", "checking".to_owned()),
        State::Running { started, .. } => ("▶", format!("up {}", short_age(now, *started))),
        State::Restarting { .. } => ("↻", "restarting".to_owned()),
        State::Exited { exit, .. } if exit.oom => ("■", format!("oom {}", exit.code)),
        State::Exited { exit, .. } => ("■", format!("exited {}", exit.code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn badges_go_on_after_z() {
        for (number, text) in
            [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (701, "ZZ"), (702, "AAA")]
        {
            assert_eq!(letters(number), text);
        }
    }

    #[test]
    fn what_stands_still_does_not_look_as_if_it_ran() {
        let (started, now) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let text = |paused| {
            state_text(&State::Running { started, paused, restarts: 0, health: None }, now)
        };
        assert_eq!(text(true), ("‖", "paused".to_owned()));
        assert_eq!(text(false), ("▶", "up 0s".to_owned()));
    }

    #[test]
    fn sizes_stand_apart_from_their_units() {
        assert_eq!(spaced_size(0), "0 B");
        assert_eq!(spaced_size(117_000_000), "117 MB");
    }
}
