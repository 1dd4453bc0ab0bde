//! The stored index of a layer: what is in it, so that showing it reads no layer.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ImageError;
use crate::{
    model::{ChainId, Digest, EntryKind, LayerEntry},
    store::Layout,
    sys::files,
};

/// How hard zstd tries; beyond this it takes longer than unpacking.
const LEVEL: i32 = 3;

/// A stored index; each variant is one form of it, the number of the variant comes first in the file.
#[derive(Debug, Serialize, Deserialize)]
enum Stored {
    First(Vec<Row>),
}

/// A [`LayerEntry`], with the digest as 32 bytes instead of 71 characters.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    path: String,
    kind: EntryKind,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: i64,
    digest: Option<[u8; 32]>,
}

impl From<LayerEntry> for Row {
    fn from(entry: LayerEntry) -> Self {
        Self {
            path: entry.path,
            kind: entry.kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            size: entry.size,
            mtime: entry.mtime,
            digest: entry.digest.map(|digest| *digest.as_bytes()),
        }
    }
}

impl From<Row> for LayerEntry {
    fn from(row: Row) -> Self {
        Self {
            path: row.path,
            kind: row.kind,
            mode: row.mode,
            uid: row.uid,
            gid: row.gid,
            size: row.size,
            mtime: row.mtime,
            digest: row.digest.map(Digest::from_bytes),
        }
    }
}

/// Writes the index of a layer into the layer's directory; `layer` is what to call it.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Index`].
pub fn write(directory: &Path, layer: &str, entries: Vec<LayerEntry>) -> Result<(), ImageError> {
    let stored = Stored::First(entries.into_iter().map(Row::from).collect());
    let bytes = postcard::to_stdvec(&stored).map_err(|error| unreadable(layer, &error))?;
    let small = zstd::encode_all(&bytes[..], LEVEL).map_err(|error| unreadable(layer, &error))?;
    files::write(&directory.join("index"), small)?;
    Ok(())
}

/// Reads the stored index of a layer, sorted so that a directory comes before what is in it.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Index`].
pub fn layer_index(layout: &Layout, chain: ChainId) -> Result<Vec<LayerEntry>, ImageError> {
    let layer = chain.0.short();
    let small = files::read(&layout.layer(chain).join("index"))?;
    let bytes = zstd::decode_all(&small[..]).map_err(|error| unreadable(&layer, &error))?;
    let Stored::First(rows) =
        postcard::from_bytes(&bytes).map_err(|error| unreadable(&layer, &error))?;
    Ok(rows.into_iter().map(LayerEntry::from).collect())
}

fn unreadable(layer: &str, error: &dyn std::error::Error) -> ImageError {
    ImageError::Index { layer: layer.to_owned(), reason: error.to_string() }
}
