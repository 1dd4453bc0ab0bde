//! Layers: unpack, index, compare, archives in.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    model::{ChainId, ChangedEntry, ContainerId, Image, ImageId, ImageReference, LayerEntry},
    store::{Layout, StoreError},
    sys::SysError,
};

/// Why an image was not taken in or shown.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The kernel refused a file.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// The records refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where an archive is read from.
#[expect(missing_debug_implementations, reason = "a reader has none")]
pub enum Archive<'a> {
    /// A file or an unpacked OCI layout.
    Path(&'a Path),
    /// A stream, such as standard input.
    Stream(&'a mut (dyn Read + Send)),
}

/// An image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The image.
    pub image: ImageId,
    /// The names the archive gave it.
    pub references: Vec<ImageReference>,
}

/// How far a load has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done: `read`, `unpack`.
    pub phase: &'static str,
    /// To what: a short digest.
    pub object: String,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// The directories that make up a container's root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The layers' directories, topmost first.
    pub lowers: Vec<PathBuf>,
    /// Where changes go.
    pub upper: PathBuf,
    /// Where the kernel prepares them.
    pub work: PathBuf,
}

/// How layers are kept on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Every owner as in the image; device nodes are made; overlay marks are `trusted.*`. As root of the machine.
    Kept,
    /// Owners that the user namespace does not have become its root, device nodes are left out (the index still knows both); overlay marks are `user.*`.
    Mapped,
}

/// Loads every image of an archive. Opens its own connection; writes journal lines `Load` and `Tag`.
///
/// # Errors
/// By step; the store is as it was.
pub fn load(
    layout: &Layout,
    ownership: Ownership,
    archive: Archive<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Loaded>, ImageError> {
    let _ = (layout, ownership, archive, progress);
    Ok(Vec::new())
}
/// Makes the directories for a new container's changes and names the layers below.
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn overlay(
    layout: &Layout,
    image: &Image,
    container: ContainerId,
) -> Result<Overlay, ImageError> {
    let _ = (layout, image, container);
    Ok(Overlay {
        lowers: vec![],
        upper: PathBuf::new(),
        work: PathBuf::new(),
    })
}
/// Reads the stored index of a layer, sorted so that a directory comes before what is in it.
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn layer_index(layout: &Layout, chain: ChainId) -> Result<Vec<LayerEntry>, ImageError> {
    let _ = (layout, chain);
    Ok(Vec::new())
}
/// Tells what the topmost of `layers` (lowest first) does to those below it; `stacked` adds what it leaves alone. Pure.
pub fn compare(layers: &[Vec<LayerEntry>], stacked: bool) -> Vec<ChangedEntry> {
    let _ = (layers, stacked);
    Vec::new()
}
/// Deletes the files of layers and blobs whose records are gone: first moved aside (cheap, call it inside the transaction that removes the records), then `delete_staged`.
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn set_aside(
    layout: &Layout,
    image: &Image,
    orphans: &[crate::model::Layer],
) -> Result<(), ImageError> {
    let _ = (layout, image, orphans);
    Ok(())
}
/// Deletes what was set aside, and what dead loads left in staging (each load holds a lock on its own staging directory).
///
/// # Errors
/// [`ImageError::Kernel`].
pub fn delete_staged(layout: &Layout) -> Result<(), ImageError> {
    let _ = layout;
    Ok(())
}
