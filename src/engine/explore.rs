//! Looking inside: trees of layers, what is wasted, two images side by side, what a container has changed, and single files of all these.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use super::{Engine, EngineError, ErrorKind, Excerpt, Extracted, Result, containers::existing};
use crate::{
    image::{self, Strata},
    model::{ChangedEntry, ContainerId, HiddenCopy, Image, ImageId, Occurrence, Subject},
};

/// Where a file is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shelf {
    /// As it is seen under the first so many layers of an image.
    Seen(ImageId, usize),
    /// As one layer of an image, 0 being the lowest, has it, seen or not.
    Stored(ImageId, usize),
    /// As a container sees it: as it wrote it, or else as its image has it.
    Container(ContainerId),
}

impl Engine {
    /// Lays the layers of an image over each other. Those of the last image are kept until [`Engine::forget_strata`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn strata(&self, image: ImageId) -> Result<Arc<Strata>> {
        let kept = || self.shared.explored.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, strata)) = kept().as_ref()
            && *id == image
        {
            return Ok(Arc::clone(strata));
        }
        let found = self.image_by_id(image)?;
        let strata = Arc::new(Strata::read(self.layout(), &found.layers)?);
        *kept() = Some((image, Arc::clone(&strata)));
        Ok(strata)
    }

    /// Gives back the memory of what was looked at last: some 200 bytes for each path.
    pub fn forget_strata(&self) {
        *self.shared.explored.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Gives the paths that layer number `layer` (0 is the lowest) of an image adds, changes and removes, sorted so that a
    /// directory comes before what is in it. `stacked` adds what the layers below have and this one leaves.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn layer_tree(
        &self,
        image: ImageId,
        layer: usize,
        stacked: bool,
    ) -> Result<Vec<ChangedEntry>> {
        let strata = self.strata(image)?;
        if layer >= strata.len() {
            let name = self.image_by_id(image)?.display_name();
            return Err(EngineError::new(
                ErrorKind::NotFound,
                format!("image {name} has no layer {}", layer + 1),
            ));
        }
        Ok(strata.changes(layer, layer + 1, stacked))
    }

    /// Lists the files of an image that are not seen any more, of one layer or of all.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn hidden(&self, image: ImageId, layer: Option<usize>) -> Result<Vec<HiddenCopy>> {
        let mut hidden = self.strata(image)?.hidden();
        hidden.retain(|copy| layer.is_none_or(|layer| copy.layer == layer));
        Ok(hidden)
    }

    /// Tells what would have to be done to an image to have the files of another.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn compare_images(&self, before: ImageId, after: ImageId) -> Result<Vec<ChangedEntry>> {
        let other = self.image_by_id(after)?;
        let other = Strata::read(self.layout(), &other.layers)?;
        Ok(self.strata(before)?.against(&other))
    }

    /// Tells what a container has changed over its image: the tree of its own layer, as it is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Kernel`].
    pub fn own_changes(&self, id: ContainerId) -> Result<Vec<ChangedEntry>> {
        let container = self.container_by_id(id)?;
        let own = image::own_layer(self.layout(), id)?;
        Ok(self.strata(container.image)?.under(&own))
    }

    /// Reads at most the first `most` bytes of a file. Nothing is followed: a link is not a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when nothing is there, [`ErrorKind::Kernel`] for what is no file.
    pub fn read_inside(&self, place: &Shelf, path: &str, most: u64) -> Result<Excerpt> {
        let directory = self.directory_of(place, path)?;
        Ok(image::excerpt(&directory, path, most)?)
    }

    /// Takes a file, or a directory with all that is in it, out to the host, where nothing may be at `target` yet.
    ///
    /// # Errors
    /// As [`Engine::read_inside`], and [`ErrorKind::Storage`] or [`ErrorKind::Kernel`] for the target.
    pub fn extract(&self, place: &Shelf, path: &str, target: &Path) -> Result<Extracted> {
        let (image, upto) = match place {
            Shelf::Seen(image, upto) => (*image, *upto),
            Shelf::Stored(image, layer) => {
                let strata = self.strata(*image)?;
                let entries = strata.stored(*layer, path);
                let directory = self.layer_place(*image, *layer)?;
                let items: Vec<_> =
                    entries.into_iter().map(|entry| (directory.clone(), entry)).collect();
                return taken_out(&items, path, target);
            }
            Shelf::Container(id) => return self.extract_own(*id, path, target),
        };
        let strata = self.strata(image)?;
        let places = self.layer_places(image)?;
        let items = strata.beneath(path, upto).into_iter();
        let items: Vec<_> = items.map(|(layer, entry)| (places[layer].clone(), entry)).collect();
        taken_out(&items, path, target)
    }

    fn extract_own(&self, id: ContainerId, path: &str, target: &Path) -> Result<Extracted> {
        let container = self.container_by_id(id)?;
        let image = self.image_by_id(container.image)?;
        let mut layers = image
            .layers
            .iter()
            .map(|layer| image::layer_index(self.layout(), layer.chain))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        layers.push(image::own_layer(self.layout(), id)?);
        let strata = Strata::new(layers);
        let mut places = self.layer_places(image.id)?;
        places.push(image::written(self.layout(), id));
        let items = strata.beneath(path, strata.len()).into_iter();
        let items: Vec<_> = items.map(|(layer, entry)| (places[layer].clone(), entry)).collect();
        taken_out(&items, path, target)
    }

    /// Takes back what a container has done to a path and to all beneath it.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] while it runs, [`ErrorKind::NotFound`] when it has done nothing there.
    pub fn reset(&self, id: ContainerId, path: &str) -> Result<()> {
        // Who copies or commits has its layers mounted, or reads them, and does so to the end.
        let _visitors = self.lock_out_visitors(id)?;
        // A start has to write the records, too: it waits until this is done.
        self.store().write(|records| {
            let container = existing(records, id)?;
            let name = &container.name;
            if container.state.is_live() {
                let message =
                    format!("container {name} runs: what it changed cannot be taken back");
                return Err(EngineError::new(ErrorKind::Conflict, message)
                    .hint(format!("stop it first: estiba stop {name}")));
            }
            image::reset(self.layout(), id, path).map_err(|error| match error {
                image::ImageError::Kernel(cause) if cause.is_not_found() => EngineError::new(
                    ErrorKind::NotFound,
                    format!("container {name} has changed nothing at /{path}"),
                ),
                other => other.into(),
            })?;
            let attributes = [("name".to_owned(), name.to_string())].into();
            Ok(records.journal(Subject::Container, &id.hex(), Occurrence::Update, attributes)?)
        })
    }

    /// Finds the directory that has what is at a path.
    fn directory_of(&self, place: &Shelf, path: &str) -> Result<PathBuf> {
        let (image, upto) = match place {
            Shelf::Seen(image, upto) => (*image, *upto),
            Shelf::Stored(image, layer) => return self.layer_place(*image, *layer),
            Shelf::Container(id) => {
                let image = self.container_by_id(*id)?.image;
                let own = image::own_layer(self.layout(), *id)?;
                if own.iter().any(|entry| entry.path == path) {
                    return Ok(image::written(self.layout(), *id));
                }
                (image, usize::MAX)
            }
        };
        match self.strata(image)?.find(path, upto) {
            Some((layer, _)) => self.layer_place(image, layer),
            None => Err(EngineError::new(ErrorKind::NotFound, format!("nothing is at /{path}"))),
        }
    }

    fn layer_place(&self, image: ImageId, layer: usize) -> Result<PathBuf> {
        let places = self.layer_places(image)?;
        places.get(layer).cloned().ok_or_else(|| {
            EngineError::new(ErrorKind::NotFound, format!("there is no layer {}", layer + 1))
        })
    }

    fn layer_places(&self, image: ImageId) -> Result<Vec<PathBuf>> {
        let image = self.image_by_id(image)?;
        let files = |layer: &crate::model::Layer| image::layer_files(self.layout(), layer.chain);
        Ok(image.layers.iter().map(files).collect())
    }

    fn image_by_id(&self, id: ImageId) -> Result<Image> {
        self.store().read(|records| super::images::existing(records, id))
    }
}

fn taken_out(
    items: &[(PathBuf, &crate::model::LayerEntry)],
    path: &str,
    target: &Path,
) -> Result<Extracted> {
    if items.is_empty() {
        return Err(EngineError::new(ErrorKind::NotFound, format!("nothing is at /{path}")));
    }
    Ok(image::extract(items, path, target)?)
}
