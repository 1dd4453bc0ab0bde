//! Which images an archive holds: from its index to configs and layers, every document verified, no layer read yet.
//!
//! A name is taken from `io.containerd.image.name`, else from `org.opencontainers.image.ref.name` (`small` means `small:latest`), else
//! from `RepoTags`. A text that is no reference gives no name: annotations are free text.

use std::collections::BTreeSet;

use super::{
    ImageError,
    documents::{self, Config, Descriptor, Kind, SavedImage, wrong},
    source::{Source, blob_name},
    stream::digest_of,
};
use crate::model::{ChainId, DiffId, Digest, ImageId, ImageReference, Platform, Signature};

/// How many indexes may stand one in another.
const DEEPEST: usize = 4;

/// An image that an archive holds.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: ImageId,
    pub(super) config: Config,
    /// Its config as written.
    pub(super) config_bytes: Vec<u8>,
    /// Its manifest as written; a docker-archive has none.
    pub(super) manifest_bytes: Option<Vec<u8>>,
    pub(super) references: Vec<ImageReference>,
    pub(super) layers: Vec<WantedLayer>,
    /// What it is accepted by.
    pub(super) signatures: Vec<Signature>,
}

/// A layer of an image that an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WantedLayer {
    pub(super) chain: ChainId,
    pub(super) diff: DiffId,
    /// Digest and size of its blob; a docker-archive does not tell.
    pub(super) blob: Option<(Digest, u64)>,
    /// What the archive calls it.
    pub(super) name: String,
}

impl WantedLayer {
    /// Gives what it is called while it comes in: as its registry knows it, else by its tar.
    pub(super) fn shown(&self) -> String {
        self.blob.map_or(self.diff.0, |(digest, _)| digest).short()
    }
}

/// Finds all images of an archive.
///
/// # Errors
/// [`ImageError::Form`], [`ImageError::Document`], [`ImageError::Missing`], [`ImageError::Digest`], [`ImageError::Platform`].
pub(super) fn resolve(source: &Source) -> Result<Vec<Wanted>, ImageError> {
    let index = source.document("index.json")?;
    let is_layout = source.document("oci-layout")?.is_some();
    // The names in a manifest.json are free text: in a tar they find an entry or nothing, in a folder they would be paths.
    let saved = match source {
        Source::Folder(_) => None,
        Source::Tar { .. } => source.document("manifest.json")?,
    };
    match (index.filter(|_| is_layout), saved) {
        (Some(index), None) => layout(source, &index),
        // Docker since 25 writes both; what an index leaves out may still be there for the other.
        (Some(index), Some(saved)) => match layout(source, &index) {
            Err(ImageError::Missing(_)) => docker(source, &saved),
            other => other,
        },
        (None, Some(saved)) => docker(source, &saved),
        (None, None) => {
            Err(ImageError::Form("it has neither oci-layout with index.json nor manifest.json"))
        }
    }
}

fn layout(source: &Source, index: &[u8]) -> Result<Vec<Wanted>, ImageError> {
    let listed = documents::index(index, "index.json", None)?;
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut refusal = None;
    for descriptor in &listed {
        match image(source, descriptor) {
            // One platform of several that are listed side by side.
            Err(error @ ImageError::Platform { .. }) => refusal = Some(error),
            Err(error) => return Err(error),
            Ok(image) => match wanted.iter_mut().find(|known| known.id == image.id) {
                Some(known) => known.references.extend(image.references),
                None => wanted.push(image),
            },
        }
    }
    match refusal {
        Some(error) if wanted.is_empty() => Err(error),
        _ if wanted.is_empty() => Err(ImageError::Form("its index lists no image")),
        _ => Ok(wanted),
    }
}

fn image(source: &Source, listed: &Descriptor) -> Result<Wanted, ImageError> {
    let fetch = |descriptor: &Descriptor| blob(source, descriptor);
    let (descriptor, bytes) = manifest_of(&fetch, listed, &Platform::here())?;
    let object = format!("manifest {}", descriptor.digest.short());
    let manifest = documents::manifest(&bytes, &object, &descriptor.media_type)?;
    let config_bytes = blob(source, &manifest.config)?;
    let blobs: Vec<_> = manifest
        .layers
        .iter()
        .map(|layer| (blob_name(layer.digest), Some((layer.digest, layer.size))))
        .collect();
    for (name, _) in &blobs {
        exists(source, name)?;
    }
    wanted(config_bytes, Some(bytes), names(listed), blobs)
}

/// Gives the verified bytes of a document.
pub(super) type Fetch<'a> = &'a dyn Fn(&Descriptor) -> Result<Vec<u8>, ImageError>;

/// Follows indexes to the manifest for a platform.
pub(super) fn manifest_of(
    fetch: Fetch<'_>,
    listed: &Descriptor,
    platform: &Platform,
) -> Result<(Descriptor, Vec<u8>), ImageError> {
    let mut descriptor = listed.clone();
    let mut seen = BTreeSet::new();
    loop {
        fits(&[&descriptor], platform)?;
        let kind = descriptor.kind()?;
        let bytes = fetch(&descriptor)?;
        if kind == Kind::Manifest {
            return Ok((descriptor, bytes));
        }
        let object = format!("index {}", descriptor.digest.short());
        // A document cannot hold its own digest, but nothing else keeps an archive from being deep.
        if !seen.insert(descriptor.digest) || seen.len() > DEEPEST {
            return Err(wrong(&object, "indexes stand in one another too deep"));
        }
        // An index is what its descriptor says, as a manifest is.
        let inner = documents::index(&bytes, &object, Some(&descriptor.media_type))?;
        if inner.is_empty() {
            return Err(wrong(&object, "it lists nothing"));
        }
        descriptor = fits(&inner.iter().collect::<Vec<_>>(), platform)?.clone();
    }
}

/// Chooses what is for a platform; what does not say for which it is counts, after what does.
fn fits<'a>(
    descriptors: &[&'a Descriptor],
    wanted: &Platform,
) -> Result<&'a Descriptor, ImageError> {
    let is_for = |descriptor: &&&Descriptor| {
        descriptor.platform.as_ref().is_some_and(|platform| wanted.accepts(platform))
    };
    let is_silent = |descriptor: &&&Descriptor| descriptor.platform.is_none();
    let found = descriptors.iter().find(is_for);
    if let Some(found) = found.or_else(|| descriptors.iter().find(is_silent)) {
        return Ok(found);
    }
    let offered: BTreeSet<_> = descriptors
        .iter()
        .filter_map(|descriptor| descriptor.platform.as_ref())
        .map(ToString::to_string)
        .collect();
    Err(ImageError::Platform {
        wanted: wanted.to_string(),
        offered: offered.into_iter().collect::<Vec<_>>().join(", "),
    })
}

/// Reads a blob that is a document, and verifies it.
fn blob(source: &Source, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
    let name = blob_name(descriptor.digest);
    let Some(bytes) = source.document(&name)? else {
        return Err(ImageError::Missing(name));
    };
    verify(&bytes, descriptor)?;
    Ok(bytes)
}

/// Refuses bytes that are not what their descriptor says.
pub(super) fn verify(bytes: &[u8], descriptor: &Descriptor) -> Result<(), ImageError> {
    let object = || format!("blob {}", descriptor.digest.short());
    if bytes.len() as u64 != descriptor.size {
        return Err(ImageError::Size {
            object: object(),
            expected: descriptor.size,
            found: bytes.len() as u64,
        });
    }
    let found = digest_of(bytes);
    if found != descriptor.digest {
        return Err(ImageError::Digest { object: object(), expected: descriptor.digest, found });
    }
    Ok(())
}

fn exists(source: &Source, name: &str) -> Result<(), ImageError> {
    match source.piece(name)? {
        Some(_) => Ok(()),
        None => Err(ImageError::Missing(name.to_owned())),
    }
}

fn docker(source: &Source, saved: &[u8]) -> Result<Vec<Wanted>, ImageError> {
    let saved: Vec<SavedImage> = documents::read(saved, "manifest.json")?;
    if saved.is_empty() {
        return Err(ImageError::Form("its manifest.json lists no image"));
    }
    let mut images = Vec::new();
    for image in saved {
        let Some(config) = source.document(&image.config)? else {
            return Err(ImageError::Missing(image.config.clone()));
        };
        for name in &image.layers {
            exists(source, name)?;
        }
        let references = image.repo_tags.iter().filter_map(|tag| tag.parse().ok());
        let blobs = image.layers.into_iter().map(|name| (name, None)).collect();
        images.push(wanted(config, None, references.collect(), blobs)?);
    }
    Ok(images)
}

pub(super) fn wanted(
    config_bytes: Vec<u8>,
    manifest_bytes: Option<Vec<u8>>,
    references: Vec<ImageReference>,
    blobs: Vec<(String, Option<(Digest, u64)>)>,
) -> Result<Wanted, ImageError> {
    let id = ImageId(digest_of(&config_bytes));
    let object = format!("config {}", id.0.short());
    let config = documents::config(&config_bytes, &object)?;
    if config.diffs.len() != blobs.len() {
        let counts =
            format!("it tells of {} layers, there are {}", config.diffs.len(), blobs.len());
        return Err(wrong(&object, counts));
    }
    let mut below = None;
    let mut layers = Vec::with_capacity(blobs.len());
    for (diff, (name, blob)) in config.diffs.iter().copied().zip(blobs) {
        let chain = chain(below, diff);
        below = Some(chain);
        layers.push(WantedLayer { chain, diff, blob, name });
    }
    let signatures = Vec::new();
    Ok(Wanted { id, config, config_bytes, manifest_bytes, references, layers, signatures })
}

/// Names a layer together with what is below it (image-spec, config.md §layer-chainid).
fn chain(below: Option<ChainId>, diff: DiffId) -> ChainId {
    match below {
        None => ChainId(diff.0),
        Some(below) => ChainId(digest_of(format!("{below} {diff}").as_bytes())),
    }
}

/// Gives the names that an index gives to an image.
fn names(listed: &Descriptor) -> Vec<ImageReference> {
    ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
        .iter()
        .find_map(|key| listed.annotations.get(*key))
        .and_then(|name| name.parse().ok())
        .into_iter()
        .collect()
}
