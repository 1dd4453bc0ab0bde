//! Images that are made here: from what a container has written over its image, and from the files of an archive.
//!
//! The new layer is sealed in staging first (a tar, compressed, both digests known) and then taken in like any other, so that nothing that is made here
//! comes in less checked than what others made.

use std::{
    io::{self, Read},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{
    ImageError, Ownership, Progress,
    instruction::Instruction,
    intake::Intake,
    pack::{Sealed, Sealing, pack_upper},
    resolve::{self, WantedLayer},
    source::blob_name,
    staging::Staging,
    stream::{inflate, peek, pour},
    supply::{Supplied, Supply},
};
use crate::{
    model::{Image, ImageId, ImageReference, Occurrence, Platform, Timestamp},
    registry::Cancel,
    store::{Layout, Store},
    sys::{At as _, files},
};

/// What is to be said of an image that is made.
#[derive(Debug, Clone, Default)]
pub struct Recipe {
    /// Its name.
    pub reference: Option<ImageReference>,
    /// Who made it.
    pub author: String,
    /// A remark.
    pub comment: String,
    /// How the layer came about.
    pub created_by: String,
    /// What a container made from it runs, over what the config says already: fields of the config by Docker's names.
    pub run: Map<String, Value>,
    /// Changes of that.
    pub changes: Vec<Instruction>,
}

/// Makes an image from what lies in the upper directory of a container that stands on `base`. What is written there meanwhile may be in it or not. Writes
/// journal lines `Commit` and `Tag`.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`]; [`ImageError::Upper`] and [`ImageError::Instruction`] for what cannot be in an image. The store is as it was.
pub fn commit(
    layout: &Layout,
    ownership: Ownership,
    (base, upper): (&Image, impl AsFd),
    recipe: &Recipe,
) -> Result<ImageId, ImageError> {
    let staging = Staging::new(layout)?;
    let path = staging.path().join("made");
    let mut sealing = Sealing::new(files::create_new(&path)?);
    let has_layer = pack_upper(upper, &mut sealing).map_err(|error| at(&path, error))?;
    let sealed = sealing.finish().at_path("write", &path)?;
    let object = format!("config {}", base.id.0.short());
    let bytes = files::read(&layout.blob(base.id.0))?;
    let config = super::documents::read(&bytes, &object)?;
    let (occurrence, cancel) = (Occurrence::Commit, &Cancel::default());
    let making = Making { layout, ownership, staging: &staging, occurrence, cancel };
    making.finish(config, &base.layers, has_layer.then_some((sealed, path)), recipe)
}

/// Makes an image with one layer from a tar, which may be compressed. Writes journal lines `Import` and `Tag`.
///
/// # Errors
/// [`ImageError::Read`] for the stream, [`ImageError::Layer`] when it is no tar or a hostile one, [`ImageError::Instruction`], [`ImageError::Kernel`],
/// [`ImageError::Store`]; the store is as it was.
pub fn import(
    layout: &Layout,
    ownership: Ownership,
    (tar, platform): (&mut (dyn Read + Send), &Platform),
    recipe: &Recipe,
    (cancel, progress): (&Cancel, &mut dyn FnMut(Progress)),
) -> Result<ImageId, ImageError> {
    let staging = Staging::new(layout)?;
    let path = staging.path().join("made");
    let mut sealing = Sealing::new(files::create_new(&path)?);
    let (compression, stream) = peek(tar).map_err(ImageError::Read)?;
    let stream = inflate(compression, stream).map_err(ImageError::Read)?;
    pour(stream, cancel, progress, |bytes| {
        Ok(io::Write::write_all(&mut sealing, bytes).at_path("write", &path)?)
    })?;
    let sealed = sealing.finish().at_path("write", &path)?;
    cancel.check()?;
    let mut config = Map::new();
    config.insert("architecture".to_owned(), platform.architecture.clone().into());
    if let Some(variant) = &platform.variant {
        config.insert("variant".to_owned(), variant.clone().into());
    }
    config.insert("os".to_owned(), platform.os.clone().into());
    let occurrence = Occurrence::Import;
    let making = Making { layout, ownership, staging: &staging, occurrence, cancel };
    making.finish(config, &[], Some((sealed, path)), recipe)
}

/// Names the file that could not be written, which the one who wrote did not know.
fn at(path: &Path, error: ImageError) -> ImageError {
    match error {
        ImageError::Write(source) => match Err::<(), _>(source).at_path("write", path) {
            Err(error) => error.into(),
            Ok(()) => ImageError::Removed,
        },
        other => other,
    }
}

/// An image in the making.
struct Making<'a> {
    layout: &'a Layout,
    ownership: Ownership,
    staging: &'a Staging,
    occurrence: Occurrence,
    cancel: &'a Cancel,
}

impl Making<'_> {
    /// Writes the config and takes the image in.
    fn finish(
        &self,
        mut config: Map<String, Value>,
        below: &[crate::model::Layer],
        sealed: Option<(Sealed, PathBuf)>,
        recipe: &Recipe,
    ) -> Result<ImageId, ImageError> {
        let now = Timestamp::now();
        describe(&mut config, recipe, now)?;
        let mut step = Map::new();
        step.insert("created".to_owned(), now.to_string().into());
        for (key, text) in [
            ("created_by", &recipe.created_by),
            ("author", &recipe.author),
            ("comment", &recipe.comment),
        ] {
            if !text.is_empty() {
                step.insert(key.to_owned(), text.clone().into());
            }
        }
        if sealed.is_none() {
            step.insert("empty_layer".to_owned(), true.into());
        }
        push(&mut config, "history", step.into());
        let made = sealed.as_ref().map(|(sealed, _)| sealed.diff);
        let diffs: Vec<Value> =
            below.iter().map(|layer| layer.diff.0).chain(made).map(|diff| json!(diff)).collect();
        config.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diffs }));
        let mut blobs = Vec::with_capacity(below.len() + 1);
        for layer in below {
            let path = self.layout.blob(layer.blob);
            let size = files::open(&path)?.metadata().at_path("look at", &path)?.len();
            blobs.push((blob_name(layer.blob), Some((layer.blob, size))));
        }
        if let Some((sealed, _)) = &sealed {
            blobs.push((blob_name(sealed.blob), Some((sealed.blob, sealed.size))));
        }
        let bytes = Value::from(config).to_string().into_bytes();
        let references = recipe.reference.clone().into_iter().collect();
        let wanted = resolve::wanted(bytes, None, references, blobs)?;
        let id = wanted.id;
        let intake = Intake {
            layout: self.layout,
            staging: self.staging,
            ownership: self.ownership,
            occurrence: self.occurrence,
            cancel: self.cancel,
        };
        let mut store = Store::open(self.layout.clone())?;
        intake.take(&mut store, (&Made { layout: self.layout, sealed }, &[wanted]), &mut |_| {})?;
        Ok(id)
    }
}

/// Writes into a config what a recipe says.
fn describe(
    config: &mut Map<String, Value>,
    recipe: &Recipe,
    now: Timestamp,
) -> Result<(), ImageError> {
    config.insert("created".to_owned(), now.to_string().into());
    if !recipe.author.is_empty() {
        config.insert("author".to_owned(), recipe.author.clone().into());
    }
    // What Docker kept of the container that a build step ran in says nothing of the new image.
    for key in ["container", "container_config", "parent", "id"] {
        config.remove(key);
    }
    let mut run = match config.remove("config") {
        Some(Value::Object(run)) => run,
        _ => Map::new(),
    };
    run.extend(recipe.run.clone());
    for (place, change) in recipe.changes.iter().enumerate() {
        change.apply(&mut run, recipe.changes.get(..place).unwrap_or_default())?;
    }
    run.retain(|_, value| !value.is_null());
    config.insert("config".to_owned(), run.into());
    Ok(())
}

fn push(config: &mut Map<String, Value>, key: &str, value: Value) {
    match config.get_mut(key) {
        Some(Value::Array(list)) => list.push(value),
        _ => drop(config.insert(key.to_owned(), json!([value]))),
    }
}

/// Gives the blob that was sealed a moment ago; those of the layers below are in the store, unless somebody removes them in this very moment.
struct Made<'a> {
    layout: &'a Layout,
    sealed: Option<(Sealed, PathBuf)>,
}

impl Supply for Made<'_> {
    const PHASE: &'static str = "unpack";

    fn width(&self, processors: usize) -> usize {
        processors
    }

    fn open(&self, layer: &WantedLayer, copy: &Path) -> Result<Supplied, ImageError> {
        let Some((digest, size)) = layer.blob else {
            return Err(ImageError::Missing(layer.name.clone()));
        };
        match &self.sealed {
            Some((sealed, path)) if sealed.blob == digest => files::link(path, copy)?,
            _ => files::link(&self.layout.blob(digest), copy)?,
        }
        Ok(Supplied { reader: Box::new(files::open(copy)?), size })
    }

    fn keep(&self, _layer: &WantedLayer, _copy: &Path) -> Result<(), ImageError> {
        Ok(())
    }

    fn reject(&self, _layer: &WantedLayer) -> bool {
        false
    }
}
