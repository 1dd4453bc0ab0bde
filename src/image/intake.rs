//! Images come in, from wherever: stage what is missing, then, in one transaction, let it appear.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    ImageError, Loaded, Ownership, Progress, Report,
    documents::make_manifest,
    layers::{Staged, stage},
    resolve::{Wanted, WantedLayer},
    staging::{self, Staging, random, rename_if_there},
    stream::{Compression, digest_of, peek},
    supply::Supply,
};
use crate::{
    model::{Digest, Image, ImageId, ImageReference, Layer, Occurrence, Subject, Timestamp},
    registry::Cancel,
    store::{Layout, Records, RecordsMut, Store, StoreError},
    sys::{At as _, files},
};

/// How often layers are staged anew because another process removed what was there.
const TRIES: usize = 5;

/// What images come into, and how.
pub(super) struct Intake<'a> {
    pub(super) layout: &'a Layout,
    pub(super) staging: &'a Staging,
    pub(super) ownership: Ownership,
    /// What the journal says of it.
    pub(super) occurrence: Occurrence,
    /// How it is stopped; what was staged then is gone with `staging`.
    pub(super) cancel: &'a Cancel,
}

impl Intake<'_> {
    /// Stages the layers that are missing and admits the images.
    ///
    /// # Errors
    /// That of the first layer that failed, [`ImageError::Kernel`], [`ImageError::Store`]; the store is as it was.
    pub(super) fn take<S: Supply>(
        &self,
        store: &mut Store,
        (source, wanted): (&S, &[Wanted]),
        report: Report<'_>,
    ) -> Result<Vec<Loaded>, ImageError> {
        let mut staged = BTreeMap::new();
        for _ in 0..TRIES {
            let missing = store.read(|records| missing(self.layout, records, wanted, &staged))?;
            if staged.is_empty() {
                tell_known(wanted, &missing, report);
            }
            let fresh =
                stage(source, missing, (self.staging, self.ownership), self.cancel, report)?;
            if !fresh.is_empty() {
                files::sync_file_system(&self.staging.path().join("layers"))?;
            }
            staged.extend(fresh);
            let admission = Admission {
                layout: self.layout,
                staging: self.staging,
                staged: &staged,
                occurrence: self.occurrence,
            };
            match store.write(|records| admission.admit(records, wanted)) {
                Ok(Some(loaded)) => return Ok(loaded),
                // Another process removed a layer that was there a moment ago.
                Ok(None) => {}
                Err(error) => {
                    // What had been moved into place is there without a record now. That it could not be removed would not be news.
                    let _cause_first = staging::remove_unrecorded(self.layout);
                    return Err(error);
                }
            }
        }
        Err(ImageError::Removed)
    }
}

/// Says which layers are there already.
fn tell_known(wanted: &[Wanted], missing: &[WantedLayer], report: Report<'_>) {
    let mut told = Vec::new();
    for layer in wanted.iter().flat_map(|image| &image.layers) {
        if !missing.contains(layer) && !told.contains(&layer) {
            told.push(layer);
            report(Progress { phase: "exists", object: layer.shown(), done: 0, total: None });
        }
    }
}

/// Lists the layers that are neither in the store nor staged.
fn missing(
    layout: &Layout,
    records: &Records<'_>,
    wanted: &[Wanted],
    staged: &BTreeMap<WantedLayer, Staged>,
) -> Result<Vec<WantedLayer>, StoreError> {
    let mut missing = Vec::new();
    for image in wanted {
        if is_whole(layout, records, image.id)? {
            continue;
        }
        for layer in &image.layers {
            let is_known = staged.contains_key(layer) || missing.contains(layer);
            if !is_known && stored(layout, records, layer)?.is_none() {
                missing.push(layer.clone());
            }
        }
    }
    Ok(missing)
}

/// Tells whether an image is in the records, and has its layers and blobs on the disk.
fn is_whole(layout: &Layout, records: &Records<'_>, id: ImageId) -> Result<bool, StoreError> {
    let image = records.image(id)?;
    Ok(image.is_some_and(|image| {
        image.layers.iter().all(|layer| {
            files::exists(&layout.layer(layer.chain)) && files::exists(&layout.blob(layer.blob))
        })
    }))
}

/// Finds a layer in the store: recorded, unpacked, and with the blob that the archive has it in.
fn stored(
    layout: &Layout,
    records: &Records<'_>,
    wanted: &WantedLayer,
) -> Result<Option<Layer>, StoreError> {
    let Some(layer) = records.layer(wanted.chain)? else {
        return Ok(None);
    };
    let blob = match wanted.blob {
        Some((blob, _)) if !records.is_blob_of(blob, layer.chain)? => return Ok(None),
        Some((blob, _)) => blob,
        None => layer.blob,
    };
    let is_there = files::exists(&layout.layer(layer.chain)) && files::exists(&layout.blob(blob));
    Ok(is_there.then_some(Layer { blob, ..layer }))
}

/// The moment at which what was staged becomes part of the store, within a writing transaction.
struct Admission<'a> {
    layout: &'a Layout,
    staging: &'a Staging,
    staged: &'a BTreeMap<WantedLayer, Staged>,
    occurrence: Occurrence,
}

impl Admission<'_> {
    /// Moves files into place and writes the records; `None` when a layer has vanished, before anything was done.
    fn admit(
        &self,
        records: &mut RecordsMut<'_>,
        wanted: &[Wanted],
    ) -> Result<Option<Vec<Loaded>>, ImageError> {
        if !missing(self.layout, records, wanted, self.staged)?.is_empty() {
            return Ok(None);
        }
        let mut loaded = Vec::with_capacity(wanted.len());
        for image in wanted {
            if !is_whole(self.layout, records, image.id)? {
                self.admit_files(records, image)?;
            }
            journal(records, image.id, self.occurrence, image.references.first())?;
            for reference in &image.references {
                records.set_reference(reference, image.id)?;
                journal(records, image.id, Occurrence::Tag, Some(reference))?;
            }
            for signature in &image.signatures {
                records.insert_signature(image.id, signature)?;
            }
            loaded.push(Loaded { image: image.id, references: image.references.clone() });
        }
        Ok(Some(loaded))
    }

    fn admit_files(&self, records: &mut RecordsMut<'_>, wanted: &Wanted) -> Result<(), ImageError> {
        let mut layers = Vec::with_capacity(wanted.layers.len());
        let mut blobs = Vec::with_capacity(wanted.layers.len());
        for layer in &wanted.layers {
            if let Some(staged) = self.staged.get(layer) {
                self.make_way(records, staged)?;
                layers.push(staged.layer);
                // Another image that came with this one may have taken it into place a moment ago.
                let blob = staged.path.join("blob");
                let is_placed = !files::exists(&blob);
                blobs.push(if is_placed { self.layout.blob(staged.layer.blob) } else { blob });
            } else if let Some(layer) = stored(self.layout, records, layer)? {
                layers.push(layer);
                blobs.push(self.layout.blob(layer.blob));
            }
        }
        let manifest = match &wanted.manifest_bytes {
            Some(bytes) => bytes.clone(),
            None => made_manifest(wanted, &layers, &blobs)?,
        };
        let image = Image {
            id: wanted.id,
            manifest: digest_of(&manifest),
            references: Vec::new(),
            created: wanted.config.created,
            stored: Timestamp::now(),
            layers,
            config: wanted.config.run.clone(),
        };
        records.insert_image(&image)?;
        for staged in wanted.layers.iter().filter_map(|layer| self.staged.get(layer)) {
            self.place(records, staged)?;
        }
        self.keep(records, &manifest, image.manifest)?;
        self.keep(records, &wanted.config_bytes, wanted.id.0)
    }

    /// Moves away what a load that was killed left where a layer goes.
    fn make_way(&self, records: &Records<'_>, staged: &Staged) -> Result<(), ImageError> {
        let place = self.layout.layer(staged.layer.chain);
        if records.layer(staged.layer.chain)?.is_none() && files::exists(&place) {
            files::rename(&place, &self.staging.path().join(random()?))?;
        }
        Ok(())
    }

    /// Moves a layer and its blob into place, unless they are there.
    fn place(&self, records: &Records<'_>, staged: &Staged) -> Result<(), ImageError> {
        let (layer, blob) = (staged.layer, self.layout.blob(staged.layer.blob));
        if records.is_blob_needed(layer.blob, None)? && !files::exists(&blob) {
            rename_if_there(&staged.path.join("blob"), &blob)?;
        }
        // What goes into place has nothing in it but `diff` and `index`.
        let place = self.layout.layer(layer.chain);
        if !files::exists(&place) {
            files::remove_file(&staged.path.join("blob"))?;
            rename_if_there(&staged.path, &place)?;
        }
        Ok(())
    }

    /// Keeps a document as a blob, if the records want it.
    fn keep(&self, records: &Records<'_>, bytes: &[u8], digest: Digest) -> Result<(), ImageError> {
        let place = self.layout.blob(digest);
        if records.is_blob_needed(digest, None)? && !files::exists(&place) {
            let fresh = self.staging.path().join("blobs").join(digest.hex());
            files::write(&fresh, bytes)?;
            files::rename(&fresh, &place)?;
        }
        Ok(())
    }
}

/// Makes the manifest that a docker-archive does not have, out of layers that lie in `blobs`.
fn made_manifest(
    wanted: &Wanted,
    layers: &[Layer],
    blobs: &[PathBuf],
) -> Result<Vec<u8>, ImageError> {
    let mut described = Vec::with_capacity(layers.len());
    for (layer, path) in layers.iter().zip(blobs) {
        let blob = files::open(path)?;
        let size = blob.metadata().at_path("look at", path)?.len();
        let (compression, _) = peek(blob).at_path("read", path)?;
        let suffix = match compression {
            Compression::Gzip => "+gzip",
            Compression::Zstd => "+zstd",
            Compression::Plain | Compression::Foreign(_) => "",
        };
        described.push((layer.blob, size, suffix));
    }
    let config = (wanted.id.0, wanted.config_bytes.len() as u64);
    Ok(make_manifest(config, &described))
}

fn journal(
    records: &mut RecordsMut<'_>,
    image: ImageId,
    occurrence: Occurrence,
    name: Option<&ImageReference>,
) -> Result<(), StoreError> {
    let name = name.map(|name| ("name".to_owned(), name.to_string()));
    records.journal(Subject::Image, &image.to_string(), occurrence, name.into_iter().collect())
}
