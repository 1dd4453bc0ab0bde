//! Images come in from registries: manifests first, then the layers that are missing, all in one queue.

use std::{collections::HashMap, io::Read as _};

use super::{
    ImageError, Ownership, Progress,
    documents::{self, Descriptor},
    intake::Intake,
    remote::{Origin, Remote},
    resolve::{Wanted, manifest_of, verify, wanted},
    source::{LONGEST_DOCUMENT, blob_name},
    staging::Staging,
    trust::{Attached, Policy},
};
use crate::{
    model::{Digest, ImageId, ImageReference, Occurrence, Platform},
    registry::{Cancel, Fetched, Repository},
    store::{Layout, Store},
    sys::files,
};

/// An image that is wanted from a registry.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its name here and there.
    pub reference: ImageReference,
    /// Where it is.
    pub repository: Repository,
}

/// An image that was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its name.
    pub reference: ImageReference,
    /// The image.
    pub image: ImageId,
    /// What the name stands for in the registry: a manifest, or an index of several.
    pub digest: Digest,
    /// Whether the name stood for something else here, or for nothing.
    pub is_new: bool,
}

/// Pulls images; with `platform`, for other machines than this one; with `policy`, only what it accepts. Writes journal lines `Pull` and `Tag`.
///
/// # Errors
/// [`ImageError::Refused`], [`ImageError::Registry`], and every other: the store is as it was, except that what has come of layers is kept for the next try, unless it was cancelled or the disk is full.
pub fn pull(
    layout: &Layout,
    ownership: Ownership,
    (wishes, platform, policy): (&[Wish], Option<&Platform>, Option<&Policy>),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Pulled>, ImageError> {
    let mut store = Store::open(layout.clone())?;
    let staging = Staging::new(layout)?;
    let mut remote = Remote::new(layout)?;
    let mut images: Vec<Wanted> = Vec::new();
    let mut pulled = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let (image, digest) = resolve(layout, wish, (platform, policy), &mut remote)?;
        let before = store.read(|records| records.image_by_reference(&wish.reference))?;
        pulled.push(Pulled {
            reference: wish.reference.clone(),
            image: image.id,
            digest,
            is_new: before != Some(image.id),
        });
        match images.iter_mut().find(|known| known.id == image.id) {
            Some(known) => {
                known.references.extend(image.references);
                known.signatures.extend(image.signatures);
            }
            None => images.push(image),
        }
    }
    let occurrence = Occurrence::Pull;
    let intake = Intake { layout, staging: &staging, ownership, occurrence, cancel };
    let outcome = intake.take(&mut store, (&remote, &images), progress);
    // On a disk that is full, what was begun would keep it so.
    let is_full = outcome.as_ref().is_err_and(ImageError::is_of_a_full_disk);
    if outcome.is_ok() || is_full || cancel.is_cancelled() {
        remote.forget()?;
    }
    if outcome.is_err() {
        // What was cancelled fails in whatever way its threads noticed first.
        cancel.check()?;
    }
    outcome.map(|_loaded| pulled)
}

/// Finds out what a name stands for, and where its layers come from.
fn resolve(
    layout: &Layout,
    wish: &Wish,
    (platform, policy): (Option<&Platform>, Option<&Policy>),
    remote: &mut Remote<'_>,
) -> Result<(Wanted, Digest), ImageError> {
    let Wish { reference, repository } = wish;
    let named = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or_default().to_owned(),
    };
    let Fetched { bytes, media_type, digest } = repository.manifest(&named)?;
    let top = Descriptor {
        media_type,
        digest,
        size: bytes.len() as u64,
        annotations: HashMap::new(),
        platform: None,
        urls: Vec::new(),
    };
    let fetch = |descriptor: &Descriptor| {
        if descriptor.digest == digest {
            return Ok(bytes.clone());
        }
        let fetched = repository.manifest(&descriptor.digest.to_string())?;
        verify(&fetched.bytes, descriptor)?;
        Ok(fetched.bytes)
    };
    let here = Platform::here();
    let (descriptor, bytes) = manifest_of(&fetch, &top, platform.unwrap_or(&here))?;
    // Before anything else is asked for: nothing comes of what is refused.
    let signatures = match policy {
        Some(policy) => {
            let mut digests = vec![descriptor.digest, digest];
            digests.dedup();
            policy.judge(reference, &digests, &Attached(repository))?
        }
        None => Vec::new(),
    };
    let object = format!("manifest {}", descriptor.digest.short());
    let manifest = documents::manifest(&bytes, &object, &descriptor.media_type)?;
    let config = document(layout, repository, &manifest.config)?;
    let mut blobs = Vec::with_capacity(manifest.layers.len());
    for layer in manifest.layers {
        blobs.push((blob_name(layer.digest), Some((layer.digest, layer.size))));
        remote.add(layer.digest, Origin { repository: repository.clone(), urls: layer.urls });
    }
    let image =
        Wanted { signatures, ..wanted(config, Some(bytes), vec![reference.clone()], blobs)? };
    fits(&image, platform)?;
    Ok((image, digest))
}

/// Refuses an image that says of itself to be for another platform than the one that was asked for by name.
fn fits(image: &Wanted, platform: Option<&Platform>) -> Result<(), ImageError> {
    let Some(platform) = platform else { return Ok(()) };
    let config = &image.config.run;
    let own = Platform {
        os: config.os.clone(),
        architecture: config.architecture.clone(),
        variant: platform.variant.clone(),
    };
    if platform.accepts(&own) {
        return Ok(());
    }
    Err(ImageError::Platform {
        wanted: platform.to_string(),
        offered: format!("{}/{}", own.os, own.architecture),
    })
}

/// Fetches a document that is a blob, unless it is here.
fn document(
    layout: &Layout,
    repository: &Repository,
    descriptor: &Descriptor,
) -> Result<Vec<u8>, ImageError> {
    if descriptor.size > LONGEST_DOCUMENT {
        let object = format!("blob {}", descriptor.digest.short());
        return Err(ImageError::TooLong { object, size: descriptor.size });
    }
    if let Some(bytes) = files::read_if_there(&layout.blob(descriptor.digest))?
        && verify(&bytes, descriptor).is_ok()
    {
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    let mut download = repository.blob(descriptor.digest, descriptor.size, 0);
    download.read_to_end(&mut bytes).map_err(|error| match error.downcast() {
        Ok(error) => ImageError::Registry(error),
        Err(error) => ImageError::Read(error),
    })?;
    verify(&bytes, descriptor)?;
    Ok(bytes)
}
