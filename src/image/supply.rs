//! Where the blobs of layers come from: an archive, or a registry.

use std::{io::Read, path::Path};

use super::{ImageError, resolve::WantedLayer};

/// Gives the blobs of layers, to several threads at once.
pub(super) trait Supply: Sync {
    /// What a layer that comes in is said to go through.
    const PHASE: &'static str;

    /// Gives how many layers are worth having under way at once, with so many processors.
    fn width(&self, processors: usize) -> usize;

    /// Opens the blob of a layer. What was read of it lies at `copy` when [`Supply::keep`] has been called, at the latest.
    ///
    /// # Errors
    /// [`ImageError::Missing`], [`ImageError::Size`], [`ImageError::Kernel`].
    fn open(&self, layer: &WantedLayer, copy: &Path) -> Result<Supplied, ImageError>;

    /// Is told that a blob was read to its end and is what its digest says.
    ///
    /// # Errors
    /// [`ImageError::Kernel`].
    fn keep(&self, layer: &WantedLayer, copy: &Path) -> Result<(), ImageError>;

    /// Is told that a blob is not what its digest says; tells whether it may be another time.
    fn reject(&self, layer: &WantedLayer) -> bool;
}

/// A blob from its beginning.
pub(super) struct Supplied {
    pub(super) reader: Box<dyn Read + Send>,
    /// How many bytes it has.
    pub(super) size: u64,
}
