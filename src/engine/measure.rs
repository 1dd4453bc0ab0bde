//! What takes how much room: every layer and every blob counted once, and for each image what it has alone and what it shares.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Engine, Result,
    prune::{Part, parts},
};
use crate::{
    model::{ChainId, Container, Digest, Image, ImageId},
    sys::files,
};

/// What takes how much room, in bytes of files; what a file system needs beside them is not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measure {
    /// Images, newest first.
    pub images: Vec<ImageMeasure>,
    /// Containers, newest first.
    pub containers: Vec<ContainerMeasure>,
    /// All unpacked layers, each once.
    pub layers: u64,
    /// Those of them that stand below no container.
    pub idle_layers: u64,
    /// All blobs, each once: layers as they came, configs, manifests. They are kept for `push` and `save`.
    pub blobs: u64,
    /// How many there are.
    pub blob_count: usize,
    /// How many of them belong to images that containers stand on.
    pub used_blob_count: usize,
    /// The others.
    pub idle_blobs: u64,
}

/// How much room an image takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMeasure {
    /// The image.
    pub image: Image,
    /// Bytes of unpacked layers that other images have, too.
    pub shared: u64,
    /// Bytes of unpacked layers that it has alone: what its removal gives back, its blobs aside.
    pub unique: u64,
    /// Bytes of blobs that it has alone.
    pub unique_blobs: u64,
    /// How many containers stand on it.
    pub containers: usize,
}

/// How much room a container takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerMeasure {
    /// The container.
    pub container: Container,
    /// Bytes that it has written over its image: its alone.
    pub written: u64,
    /// Bytes of its image, which it shares.
    pub image: u64,
}

impl Engine {
    /// Measures everything.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](super::ErrorKind::Storage).
    pub fn measure(&self) -> Result<Measure> {
        let overview = self.overview()?;
        let mut standing = BTreeMap::<ImageId, usize>::new();
        for container in &overview.containers {
            *standing.entry(container.image).or_default() += 1;
        }
        let (mut users, mut used) = (BTreeMap::<Part, usize>::new(), BTreeSet::new());
        let mut layers = BTreeMap::<ChainId, u64>::new();
        for image in &overview.images {
            layers.extend(image.layers.iter().map(|layer| (layer.chain, layer.size)));
            for part in parts(image) {
                *users.entry(part).or_default() += 1;
                if standing.contains_key(&image.id) {
                    used.insert(part);
                }
            }
        }
        let mut measure = Measure::default();
        let mut blobs = BTreeMap::<Digest, u64>::new();
        for part in users.keys() {
            let is_used = used.contains(part);
            match part {
                Part::Layer(chain) => {
                    let size = layers.get(chain).copied().unwrap_or_default();
                    measure.layers += size;
                    measure.idle_layers += if is_used { 0 } else { size };
                }
                Part::Blob(digest) => {
                    let size = files::size_if_there(&self.layout().blob(*digest))?.unwrap_or(0);
                    blobs.insert(*digest, size);
                    measure.blobs += size;
                    measure.idle_blobs += if is_used { 0 } else { size };
                    measure.used_blob_count += usize::from(is_used);
                }
            }
        }
        measure.blob_count = blobs.len();
        for image in overview.images {
            measure.images.push(of_image(image, &users, (&layers, &blobs), &standing));
        }
        let sizes: BTreeMap<ImageId, u64> =
            measure.images.iter().map(|it| (it.image.id, it.shared + it.unique)).collect();
        for container in overview.containers {
            measure.containers.push(ContainerMeasure {
                written: self.written(container.id)?,
                image: sizes.get(&container.image).copied().unwrap_or_default(),
                container,
            });
        }
        Ok(measure)
    }
}

fn of_image(
    image: Image,
    users: &BTreeMap<Part, usize>,
    (layers, blobs): (&BTreeMap<ChainId, u64>, &BTreeMap<Digest, u64>),
    standing: &BTreeMap<ImageId, usize>,
) -> ImageMeasure {
    let (mut shared, mut unique, mut unique_blobs) = (0, 0, 0);
    for part in parts(&image) {
        let is_alone = users.get(&part).is_none_or(|users| *users == 1);
        match part {
            Part::Layer(chain) => {
                let size = layers.get(&chain).copied().unwrap_or_default();
                *(if is_alone { &mut unique } else { &mut shared }) += size;
            }
            Part::Blob(digest) if is_alone => {
                unique_blobs += blobs.get(&digest).copied().unwrap_or_default();
            }
            Part::Blob(_) => {}
        }
    }
    let containers = standing.get(&image.id).copied().unwrap_or_default();
    ImageMeasure { image, shared, unique, unique_blobs, containers }
}
