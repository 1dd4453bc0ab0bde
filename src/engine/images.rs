//! Images, and **the dependency rule**: an image that a container stands on, running or stopped, cannot be removed.
//!
//! The rule is a foreign key that restricts, in the transaction that would remove the image; the list of dependents is read
//! in that same transaction. No front end checks it, and none can get around it.

use super::{
    Archive, Cancel, Engine, EngineError, ErrorKind, Force, ImageRemoved, Loaded, Progress, Result,
    containers::only_one,
};
use crate::{
    image,
    model::{Analysis, HistoryEntry, Image, ImageId, ImageReference, Layer, Occurrence, Subject},
    store::{Records, RecordsMut, StoreError},
};

impl Engine {
    /// Loads every image of an OCI layout (folder or tar) or a docker-archive; which one it is, it finds out.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the archive is broken or hostile, [`ErrorKind::Permission`] when the policy does not let it in,
    /// [`ErrorKind::Cancelled`]; the store is as it was.
    pub fn load(
        &self,
        archive: Archive<'_>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Loaded>> {
        let policy = self.policy()?;
        let what = (archive, policy.as_ref());
        Ok(image::load(self.layout(), self.ownership(), what, cancel, progress)?)
    }

    /// Finds an image by reference, id, or the beginning of an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Invalid`] when several begin so.
    pub fn image(&self, name: &str) -> Result<Image> {
        self.store().read(|records| existing(records, find(records, name)?.0))
    }

    /// Gives an image a further name; a name that another image had moves.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for the image, [`ErrorKind::Invalid`] for a name with a digest.
    pub fn tag(&self, image: &str, reference: &ImageReference) -> Result<()> {
        if reference.digest().is_some() {
            return Err(EngineError::new(
                ErrorKind::Invalid,
                format!("{reference} names a digest, not a tag"),
            ));
        }
        self.store().write(|records| {
            let (id, _) = find(records, image)?;
            let before = records.set_reference(reference, id)?;
            if let Some(before) = before.filter(|before| *before != id) {
                journal(records, before, Occurrence::Untag, reference)?;
            }
            journal(records, id, Occurrence::Tag, reference)
        })
    }

    /// Takes one name away from its image. The data stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no image has that name.
    pub fn untag(&self, reference: &ImageReference) -> Result<()> {
        self.store().write(|records| {
            let id = records.image_by_reference(reference)?.ok_or_else(|| {
                EngineError::new(ErrorKind::NotFound, format!("no such image: {reference}"))
            })?;
            records.remove_reference(reference)?;
            journal(records, id, Occurrence::Untag, reference)
        })
    }

    /// Removes what `docker rmi NAME` would: a name, and with the last one the image.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`], with the containers that stand on the image; [`ErrorKind::Conflict`] when several names point at an
    /// id and `force` says no.
    pub fn remove_image(&self, name: &str, force: Force) -> Result<ImageRemoved> {
        let removed = self.store().write(|records| {
            let (id, reference) = find(records, name)?;
            let image = existing(records, id)?;
            match reference {
                Some(reference) if image.references.len() > 1 => {
                    records.remove_reference(&reference)?;
                    journal(records, id, Occurrence::Untag, &reference)?;
                    Ok(ImageRemoved { untagged: vec![reference], ..ImageRemoved::default() })
                }
                None if image.references.len() > 1 && force == Force::No => {
                    Err(several_names(&image))
                }
                _ => self.remove_whole(records, image),
            }
        })?;
        if removed.deleted.is_some() {
            image::delete_staged(self.layout())?;
        }
        Ok(removed)
    }

    /// Removes an image with all its names, if these are still those that it had.
    pub(super) fn remove_unchanged_image(&self, planned: &Image) -> Result<()> {
        self.store().write(|records| {
            let image = existing(records, planned.id)?;
            if image.references != planned.references {
                let message = format!("image {} has other names by now", image.display_name());
                return Err(EngineError::new(ErrorKind::Conflict, message));
            }
            self.remove_whole(records, image)
        })?;
        Ok(image::delete_staged(self.layout())?)
    }

    /// Removes an image with all its names, or says which containers stand on it.
    fn remove_whole(&self, records: &mut RecordsMut<'_>, image: Image) -> Result<ImageRemoved> {
        let orphans = records.remove_image(image.id).map_err(|error| match error {
            StoreError::Referred(_) => in_use(records, &image),
            other => other.into(),
        })?;
        for reference in &image.references {
            journal(records, image.id, Occurrence::Untag, reference)?;
        }
        records.journal(
            Subject::Image,
            &image.id.to_string(),
            Occurrence::Destroy,
            [("name".to_owned(), image.display_name())].into(),
        )?;
        image::set_aside(self.layout(), &image, &orphans)?;
        Ok(ImageRemoved {
            untagged: image.references,
            deleted: Some(image.id),
            freed: orphans.iter().map(|layer| layer.size).sum(),
        })
    }

    /// Tells how an image was built, newest step first, with the size of each step's layer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn history(&self, image: &str) -> Result<Vec<(HistoryEntry, u64)>> {
        Ok(steps(&self.image(image)?))
    }

    /// Tells what a stored image is made of, and what of it nobody sees any more.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn analyze(&self, image: &str) -> Result<Analysis> {
        Ok(image::analyze(self.layout(), &self.image(image)?)?)
    }

    /// Tells the same of every image of an archive, without taking it in.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the archive is broken or hostile.
    pub fn analyze_archive(&self, archive: Archive<'_>) -> Result<Vec<Analysis>> {
        Ok(image::analyze_archive(self.layout(), archive)?)
    }
}

/// Pairs each step of an image's history with the size of its layer, newest first. Layers without a step of their own (some
/// builders write no history) come as steps without words.
fn steps(image: &Image) -> Vec<(HistoryEntry, u64)> {
    let mut layers = image.layers.iter().map(|layer: &Layer| layer.size);
    let mut steps: Vec<_> = image
        .config
        .history
        .iter()
        .map(|step| (step.clone(), if step.empty_layer { 0 } else { layers.next().unwrap_or(0) }))
        .collect();
    steps.extend(layers.map(|size| (HistoryEntry::default(), size)));
    steps.reverse();
    steps
}

/// Finds an image, and the name by which it was found if it was a name.
pub(super) fn find(records: &Records<'_>, name: &str) -> Result<(ImageId, Option<ImageReference>)> {
    if let Ok(reference) = name.parse::<ImageReference>()
        && let Some(id) = records.image_by_reference(&reference)?
    {
        return Ok((id, Some(reference)));
    }
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    let candidates = if hex.is_empty() { Vec::new() } else { records.images_beginning(hex)? };
    only_one("image", name, &candidates).map(|id| (id, None)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => error.hint(other_tags(records, name).unwrap_or_else(|| {
            "fetch it with: estiba pull, or load it: estiba load -i FILE".to_owned()
        })),
        _ => error,
    })
}

/// Offers the same name with the tags that are here.
fn other_tags(records: &Records<'_>, name: &str) -> Option<String> {
    let wanted = name.parse::<ImageReference>().ok()?.familiar_name();
    let tags: Vec<String> = records
        .images()
        .ok()?
        .iter()
        .flat_map(|image| &image.references)
        .filter(|reference| reference.familiar_name() == wanted)
        .map(ToString::to_string)
        .collect();
    (!tags.is_empty()).then(|| format!("here is {}", tags.join(", ")))
}

pub(super) fn existing(records: &Records<'_>, id: ImageId) -> Result<Image> {
    records.image(id)?.ok_or_else(|| {
        EngineError::new(ErrorKind::NotFound, format!("no such image: {}", id.0.short()))
    })
}

fn in_use(records: &Records<'_>, image: &Image) -> EngineError {
    let dependents = match records.dependents(image.id) {
        Ok(dependents) => dependents,
        Err(error) => return error.into(),
    };
    let count = dependents.len();
    let message = format!(
        "image {} cannot be removed: {count} {} on it",
        image.display_name(),
        if count == 1 { "container stands" } else { "containers stand" },
    );
    EngineError::new(ErrorKind::InUse { dependents }, message)
        .hint("remove these containers first, or take away only the name: estiba untag")
}

fn several_names(image: &Image) -> EngineError {
    let names: Vec<String> = image.references.iter().map(ToString::to_string).collect();
    EngineError::new(
        ErrorKind::Conflict,
        format!("image {} has several names: {}", image.id.0.short(), names.join(", ")),
    )
    .hint("remove it by name, or all names at once with -f")
}

fn journal(
    records: &mut RecordsMut<'_>,
    id: ImageId,
    occurrence: Occurrence,
    reference: &ImageReference,
) -> Result<()> {
    let attributes = [("name".to_owned(), reference.to_string())].into();
    Ok(records.journal(Subject::Image, &id.to_string(), occurrence, attributes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChainId, DiffId, Digest, ImageConfig, Timestamp};

    #[test]
    fn steps_are_paired_with_the_layers_they_made() {
        let digest = Digest::from_bytes([1; 32]);
        let layer = |size| Layer {
            chain: ChainId(digest),
            diff: DiffId(digest),
            blob: digest,
            size,
            entries: 1,
        };
        let step = |words: &str, empty_layer| HistoryEntry {
            created_by: words.to_owned(),
            empty_layer,
            ..HistoryEntry::default()
        };
        let image = Image {
            id: ImageId(digest),
            manifest: digest,
            references: Vec::new(),
            created: None,
            stored: Timestamp::UNIX_EPOCH,
            layers: vec![layer(10), layer(20), layer(30)],
            config: ImageConfig {
                history: vec![step("ADD", false), step("ENV", true), step("RUN", false)],
                ..ImageConfig::default()
            },
        };
        let told: Vec<_> =
            steps(&image).into_iter().map(|(step, size)| (step.created_by, size)).collect();
        let expected = [("", 30), ("RUN", 20), ("ENV", 0), ("ADD", 10)];
        assert_eq!(told, expected.map(|(words, size)| (words.to_owned(), size)));
    }
}
