//! What was found wrong is put right, as far as what is here allows.

use std::path::Path;

use super::{
    Ownership,
    check::{Depth, fault_of_layer},
    error::ImageError,
    layers::stage,
    resolve::WantedLayer,
    source::blob_name,
    staging::{self, Staging, random, rename_if_there},
    supply::{Supplied, Supply},
};
use crate::{
    model::{ChainId, Digest, Layer},
    registry::Cancel,
    store::{Layout, Records, Store, StoreError},
    sys::{At as _, files},
};

/// What is asked of the records.
type Question<'a> = &'a dyn Fn(&Records<'_>) -> Result<bool, StoreError>;

/// Unpacks a layer anew from a blob that is still here, and puts it into its place, if `is_idle` says in the very transaction of that that nothing runs on it: what
/// runs would lose its files. Tells whether it was put there.
///
/// # Errors
/// [`ImageError::Missing`] when no blob of it is here; [`ImageError::Digest`] and [`ImageError::Layer`] when what is here is damaged as well;
/// [`ImageError::Kernel`], [`ImageError::Store`]. The layer then lies where it lay.
pub fn unpack_anew(
    layout: &Layout,
    ownership: Ownership,
    chain: ChainId,
    is_idle: Question<'_>,
) -> Result<bool, ImageError> {
    let mut store = Store::open(layout.clone())?;
    let all = |records: &Records<'_>| records.images();
    let layers = store.read(all)?;
    let layers = layers.iter().flat_map(|image| &image.layers).filter(|it| it.chain == chain);
    let mut outcome = Err(ImageError::Missing(format!("layer {}", chain.0.short())));
    // Two images may have it in differently compressed blobs.
    for layer in layers {
        if !files::exists(&layout.blob(layer.blob)) {
            continue;
        }
        outcome = unpack_from_blob(layout, ownership, (&mut store, is_idle), layer);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn unpack_from_blob(
    layout: &Layout,
    ownership: Ownership,
    (store, is_idle): (&mut Store, Question<'_>),
    layer: &Layer,
) -> Result<bool, ImageError> {
    let staging = Staging::new(layout)?;
    let path = layout.blob(layer.blob);
    let size = files::open(&path)?.metadata().at_path("look at", &path)?.len();
    let wanted = WantedLayer {
        chain: layer.chain,
        diff: layer.diff,
        blob: Some((layer.blob, size)),
        name: blob_name(layer.blob),
    };
    let (kept, place, cancel) = (Kept { layout }, (&staging, ownership), Cancel::default());
    let staged = stage(&kept, vec![wanted.clone()], place, &cancel, &mut |_| {})?;
    let Some(staged) = staged.get(&wanted) else { return Err(ImageError::Removed) };
    files::sync_file_system(&staged.path)?;
    files::remove_file(&staged.path.join("blob"))?;
    let is_put = store.write(|records| {
        if !is_idle(records)? {
            return Ok(false);
        }
        if records.layer(layer.chain)?.is_none() {
            return Ok(true);
        }
        let place = layout.layer(layer.chain);
        rename_if_there(&place, &staging.path().join(random()?))?;
        files::rename(&staged.path, &place)?;
        Ok::<_, ImageError>(true)
    })?;
    match fault_of_layer(layout, ownership, Depth::Quick, layer).filter(|_| is_put) {
        None => Ok(is_put),
        // It is as its blob has it now; what the records say of it is what is wrong.
        Some(reason) => Err(ImageError::Index { layer: layer.diff.0.short(), reason }),
    }
}

/// Removes what no record tells of.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`].
pub fn remove_strays(layout: &Layout) -> Result<(), ImageError> {
    staging::remove_unrecorded(layout)
}

/// Removes a blob that is damaged, so that the next pull fetches it; that it is missing is found as before.
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn drop_blob(layout: &Layout, blob: Digest) -> Result<(), ImageError> {
    match files::remove_file(&layout.blob(blob)) {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}

/// The blobs that are kept.
struct Kept<'a> {
    layout: &'a Layout,
}

impl Supply for Kept<'_> {
    const PHASE: &'static str = "unpack";

    fn width(&self, processors: usize) -> usize {
        processors
    }

    fn open(&self, layer: &WantedLayer, copy: &Path) -> Result<Supplied, ImageError> {
        let Some((digest, size)) = layer.blob else {
            return Err(ImageError::Missing(layer.name.clone()));
        };
        files::link(&self.layout.blob(digest), copy)?;
        Ok(Supplied { reader: Box::new(files::open(copy)?), size })
    }

    fn keep(&self, _layer: &WantedLayer, _copy: &Path) -> Result<(), ImageError> {
        Ok(())
    }

    fn reject(&self, _layer: &WantedLayer) -> bool {
        false
    }
}
