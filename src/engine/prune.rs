//! Removing what nobody uses: first a plan, which touches nothing and says what would go and how much room that gives; then each step by its own verb, which
//! refuses what has come into use meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, EngineError, ErrorKind, Force, Result};
use crate::{
    model::{Container, Image, ImageId, Network, NetworkId, NetworkMode, Timestamp},
    sys::files,
};

/// What is to be looked through, and what of it is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneRequest {
    /// Containers that do not run.
    pub containers: bool,
    /// Networks that no container joins.
    pub networks: bool,
    /// Images.
    pub images: Unused,
    /// Only what was made before then.
    pub until: Option<Timestamp>,
    /// Only what has these labels; networks have none.
    pub labels: Vec<LabelFilter>,
}

/// Which images that no container stands on are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unused {
    /// None.
    #[default]
    Keep,
    /// Those without a name.
    Nameless,
    /// All.
    All,
}

/// A label that something must have, or must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFilter {
    /// Its name.
    pub key: String,
    /// Its value, if only one is meant.
    pub value: Option<String>,
    /// Whether it must not be there.
    pub is_unwanted: bool,
}

/// What would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrunePlan {
    /// Containers, with the bytes that each has written.
    pub containers: Vec<(Container, u64)>,
    /// Networks.
    pub networks: Vec<Network>,
    /// Images, with the bytes that are gone with each when all before it are gone: its own layers and blobs, and those it shares only with them.
    pub images: Vec<(Image, u64)>,
}

impl PrunePlan {
    /// Gives the bytes of files that all of it has.
    pub fn bytes(&self) -> u64 {
        let containers = self.containers.iter().map(|(_, bytes)| bytes);
        containers.chain(self.images.iter().map(|(_, bytes)| bytes)).sum()
    }

    /// Tells whether nothing would go.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.images.is_empty()
    }
}

/// What went, and what did not.
#[derive(Debug, Default)]
pub struct Pruned {
    /// What went; bytes as in the plan.
    pub gone: PrunePlan,
    /// Why something that was planned is still there.
    pub refused: Vec<EngineError>,
}

impl PruneRequest {
    fn takes(&self, made: Timestamp, labels: &BTreeMap<String, String>) -> bool {
        self.until.is_none_or(|until| made < until)
            && self.labels.iter().all(|filter| {
                let is_there = labels.get(&filter.key).is_some_and(|found| {
                    filter.value.as_ref().is_none_or(|wanted| wanted == found)
                });
                is_there != filter.is_unwanted
            })
    }
}

impl Engine {
    /// Finds what nobody uses, and touches nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn plan_prune(&self, request: &PruneRequest) -> Result<PrunePlan> {
        let overview = self.overview()?;
        let mut plan = PrunePlan::default();
        let (mut going, mut staying) = (BTreeSet::new(), Vec::new());
        for container in &overview.containers {
            let is_meant = request.containers
                && !container.state.is_live()
                && request.takes(container.created, &container.config.labels);
            if is_meant {
                going.insert(container.id);
                plan.containers.push((container.clone(), self.written(container.id)?));
            } else {
                staying.push(container);
            }
        }
        if request.networks {
            let joined = joined(&staying);
            plan.networks = overview
                .networks
                .into_iter()
                .filter(|it| {
                    !it.is_default() && it.endpoints.is_empty() && !joined.contains(&it.id)
                })
                .filter(|it| request.takes(it.created, &BTreeMap::new()))
                .collect();
        }
        if request.images != Unused::Keep {
            let used: BTreeSet<ImageId> = staying.iter().map(|container| container.image).collect();
            let is_meant = |image: &Image| {
                !used.contains(&image.id)
                    && (request.images == Unused::All || image.references.is_empty())
                    && request.takes(image.created.unwrap_or(image.stored), &image.config.labels)
            };
            let (unused, kept): (Vec<Image>, Vec<Image>) =
                overview.images.into_iter().partition(is_meant);
            plan.images = self.with_gains(unused, &kept)?;
        }
        Ok(plan)
    }

    /// Removes what a plan says, as far as nobody uses it now.
    pub fn prune(&self, plan: PrunePlan) -> Pruned {
        let mut pruned = Pruned::default();
        for (container, bytes) in plan.containers {
            match self.remove(container.id, Force::No) {
                Ok(()) => pruned.gone.containers.push((container, bytes)),
                Err(error) if *error.kind() == ErrorKind::NotFound => {}
                Err(error) => pruned.refused.push(error),
            }
        }
        for network in plan.networks {
            match self.remove_network(network.id) {
                Ok(()) => pruned.gone.networks.push(network),
                Err(error) if *error.kind() == ErrorKind::NotFound => {}
                Err(error) => pruned.refused.push(error),
            }
        }
        for (image, bytes) in plan.images {
            match self.remove_unchanged_image(&image) {
                Ok(()) => pruned.gone.images.push((image, bytes)),
                Err(error) if *error.kind() == ErrorKind::NotFound => {}
                Err(error) => pruned.refused.push(error),
            }
        }
        pruned
    }

    /// Adds to each image what is gone with it, once those before it are gone.
    fn with_gains(&self, images: Vec<Image>, kept: &[Image]) -> Result<Vec<(Image, u64)>> {
        // Everything that still needs a layer or a blob.
        let mut needed = BTreeMap::<_, usize>::new();
        for image in kept.iter().chain(&images) {
            for part in parts(image) {
                *needed.entry(part).or_default() += 1;
            }
        }
        let mut gains = Vec::with_capacity(images.len());
        for image in images {
            let mut gain = 0;
            for part in parts(&image) {
                let left = needed.entry(part).or_insert(1);
                *left -= 1;
                if *left == 0 {
                    gain += self.bytes_of(&image, part)?;
                }
            }
            gains.push((image, gain));
        }
        Ok(gains)
    }

    fn bytes_of(&self, image: &Image, part: Part) -> Result<u64> {
        match part {
            Part::Layer(chain) => {
                let layer = image.layers.iter().find(|layer| layer.chain == chain);
                Ok(layer.map_or(0, |layer| layer.size))
            }
            Part::Blob(digest) => {
                Ok(files::size_if_there(&self.layout().blob(digest))?.unwrap_or(0))
            }
        }
    }
}

/// Gives the networks that containers join when they run.
fn joined(containers: &[&Container]) -> BTreeSet<NetworkId> {
    containers
        .iter()
        .flat_map(|container| match &container.config.network {
            NetworkMode::Bridges(networks) => networks.as_slice(),
            _ => &[],
        })
        .copied()
        .collect()
}

/// Something on the disk that several images can share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// An unpacked layer.
    Layer(crate::model::ChainId),
    /// A blob: a layer as it came, a config or a manifest.
    Blob(crate::model::Digest),
}

/// Lists what an image has on the disk, each part once.
pub(super) fn parts(image: &Image) -> BTreeSet<Part> {
    let layers = image.layers.iter().flat_map(|it| [Part::Layer(it.chain), Part::Blob(it.blob)]);
    layers.chain([Part::Blob(image.id.0), Part::Blob(image.manifest)]).collect()
}
