//! An archive that is no layer, unpacked: what `cp` reads from a pipe.
//!
//! It is unpacked as a layer is, with the same bounds, into a directory of its own, so that a broken or hostile one has changed nothing
//! when that shows. It is inflated by this program alone (CVE-2026-41567).

use std::{io::Read, path::PathBuf};

use super::{
    ImageError, Ownership,
    error::LayerFault,
    staging::Staging,
    stream::{Compression, inflate, peek},
    unpack::{Trouble, unpack},
};
use crate::{model::EntryKind, store::Layout};

/// The files of an archive, on the disk of the store until this is dropped.
#[derive(Debug)]
pub struct Spread {
    staging: Staging,
}

impl Spread {
    /// Gives the directory that the archive's paths begin at.
    pub fn directory(&self) -> PathBuf {
        self.staging.path().join("files")
    }
}

/// Unpacks a tar, which may be compressed with gzip or zstd.
///
/// # Errors
/// [`ImageError::Archive`] with what is wrong with it; a name that begins with `.wh.` means something else in layers and is refused.
pub fn spread(
    layout: &Layout,
    archive: impl Read + Send,
    ownership: Ownership,
) -> Result<Spread, ImageError> {
    let spread = Spread { staging: Staging::new(layout)? };
    let (compression, stream) =
        peek(archive).map_err(|error| ImageError::Archive(LayerFault::Broken(error)))?;
    if let Compression::Foreign(kind) = compression {
        return Err(ImageError::Archive(LayerFault::Compression(kind)));
    }
    let stream = inflate(compression, stream)
        .map_err(|error| ImageError::Archive(LayerFault::Broken(error)))?;
    let unpacked =
        unpack(stream, &spread.directory(), ownership).map_err(|trouble| match trouble {
            Trouble::Layer(fault) => ImageError::Archive(fault),
            Trouble::Kernel(error) => error.into(),
        })?;
    let mut entries = unpacked.entries.into_iter();
    match entries.find(|entry| matches!(entry.kind, EntryKind::Whiteout(_))) {
        Some(entry) => Err(ImageError::Archive(LayerFault::Whiteout(entry.path))),
        None => Ok(spread),
    }
}
