//! Whether what the records tell of lies on the disk as it should.
//!
//! Quickly: every layer beside its index (kinds, sizes, modes, times, owners, marks, nothing missing and nothing too much) and every blob beside the size that its
//! manifest says; no byte of any file is read. Deeply: every byte is hashed as well.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    ImageError, Ownership, documents,
    index::layer_index,
    staging::{abandoned_paths, named_by_digest},
    stream::{CHUNK, Hashing},
};
use crate::{
    model::{ChainId, Digest, EntryKind, Image, ImageId, Layer, LayerEntry, Whiteout},
    store::{Layout, Records, Store},
    sys::{
        At as _, files,
        tree::{self, Found, Kind},
    },
};

/// How closely it is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// At what the file system says of each file.
    Quick,
    /// At every byte.
    Deep,
}

/// What is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspect {
    /// An unpacked layer.
    Layer(ChainId),
    /// A blob.
    Blob(Digest),
    /// Something that no record tells of.
    Stray(PathBuf),
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub suspect: Suspect,
    /// Why.
    pub reason: String,
    /// The images that have it.
    pub images: Vec<ImageId>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many images.
    pub images: usize,
    /// How many layers.
    pub layers: usize,
    /// How many blobs.
    pub blobs: usize,
    /// How many files and directories.
    pub entries: u64,
}

/// Looks at everything that belongs to images, and changes nothing.
///
/// # Errors
/// [`ImageError::Store`] when the records cannot be read, [`ImageError::Kernel`] when a directory of the store cannot; what is wrong with a layer or a blob
/// is a finding and no error.
pub fn check(
    layout: &Layout,
    ownership: Ownership,
    depth: Depth,
) -> Result<(Extent, Vec<Finding>), ImageError> {
    let mut store = Store::open(layout.clone())?;
    let all = |records: &Records<'_>| records.images();
    let images = store.read(all)?;
    let mut findings = Vec::new();
    let mut extent = Extent { images: images.len(), ..Extent::default() };
    let mut layers: BTreeMap<ChainId, (Layer, Vec<ImageId>)> = BTreeMap::new();
    for image in &images {
        for layer in &image.layers {
            layers.entry(layer.chain).or_insert((*layer, Vec::new())).1.push(image.id);
        }
    }
    for (chain, (layer, images)) in layers {
        extent.layers += 1;
        extent.entries += layer.entries;
        if let Some(reason) = fault_of_layer(layout, ownership, depth, &layer) {
            findings.push(Finding { suspect: Suspect::Layer(chain), reason, images });
        }
    }
    for (digest, (size, images)) in blobs(layout, &images) {
        extent.blobs += 1;
        if let Some(reason) = fault_of_blob(&layout.blob(digest), digest, size, depth) {
            findings.push(Finding { suspect: Suspect::Blob(digest), reason, images });
        }
    }
    findings.extend(strays(layout, &mut store)?);
    // What was removed while it was looked at is as it should be.
    let still = store.read(all)?;
    let still: BTreeSet<ImageId> = still.iter().map(|image| image.id).collect();
    findings.retain(|finding| {
        finding.images.is_empty() || finding.images.iter().any(|image| still.contains(image))
    });
    Ok((extent, findings))
}

/// Lists the blobs of images, with the size where a manifest tells it, and the images that have each.
fn blobs(layout: &Layout, images: &[Image]) -> BTreeMap<Digest, (Option<u64>, Vec<ImageId>)> {
    let mut blobs = BTreeMap::<Digest, (Option<u64>, Vec<ImageId>)>::new();
    for image in images {
        let mut add = |digest: Digest, size: Option<u64>| {
            let known = blobs.entry(digest).or_default();
            known.0 = known.0.or(size);
            if known.1.last() != Some(&image.id) {
                known.1.push(image.id);
            }
        };
        add(image.id.0, None);
        add(image.manifest, None);
        for layer in &image.layers {
            add(layer.blob, None);
        }
        // A manifest that cannot be read is found by itself.
        let sizes = files::read(&layout.blob(image.manifest)).ok().and_then(|bytes| {
            let media_type = documents::media_type(&bytes, "manifest").ok()?;
            documents::manifest(&bytes, "manifest", &media_type).ok()
        });
        for described in sizes.iter().flat_map(|it| it.layers.iter().chain([&it.config])) {
            add(described.digest, Some(described.size));
        }
    }
    blobs
}

fn fault_of_blob(path: &Path, digest: Digest, size: Option<u64>, depth: Depth) -> Option<String> {
    let look = || {
        let file = files::open(path)?;
        let found = file.metadata().at_path("look at", path)?.len();
        if let Some(size) = size.filter(|size| *size != found) {
            return Ok(Some(format!("it should have {size} bytes, but has {found}")));
        }
        if depth == Depth::Quick && size.is_some() {
            return Ok(None);
        }
        let found = digest_of(file).at_path("read", path)?;
        Ok((found != digest).then(|| format!("its bytes are {found}")))
    };
    told(look())
}

/// Takes it for a fault that something cannot be looked at.
fn told(outcome: crate::sys::Result<Option<String>>) -> Option<String> {
    match outcome {
        Ok(reason) => reason,
        Err(error) if error.is_not_found() => Some("it is missing".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn digest_of(reader: impl Read) -> io::Result<Digest> {
    let mut hashing = Hashing::new(io::BufReader::with_capacity(CHUNK, reader));
    io::copy(&mut hashing, &mut io::sink())?;
    Ok(hashing.so_far())
}

/// Tells what is wrong with an unpacked layer.
pub(super) fn fault_of_layer(
    layout: &Layout,
    ownership: Ownership,
    depth: Depth,
    layer: &Layer,
) -> Option<String> {
    let entries = match layer_index(layout, layer.chain) {
        Ok(entries) => entries,
        Err(ImageError::Kernel(error)) if error.is_not_found() => {
            return Some("it is missing, or has no index".to_owned());
        }
        Err(error) => return Some(error.to_string()),
    };
    let size: u64 = entries.iter().map(|entry| entry.size).sum();
    if (entries.len() as u64, size) != (layer.entries, layer.size) {
        return Some(format!(
            "its index has {} entries with {size} bytes, the records say {} with {}",
            entries.len(),
            layer.entries,
            layer.size
        ));
    }
    let mut beside = Beside::new(&entries, ownership, depth);
    let root = match files::pin(&layout.layer(layer.chain).join("diff")) {
        Ok(root) => root,
        Err(error) => return told(Err(error)),
    };
    match tree::walk(root, tree::Depth::Layer, &mut |found| beside.compare(found)) {
        Err(Stop::Fault(reason)) => Some(reason),
        Err(Stop::Kernel(error)) => Some(error.to_string()),
        Ok(()) => beside.missing(),
    }
}

/// Why a walk ends before its end.
enum Stop {
    Fault(String),
    Kernel(crate::sys::SysError),
}

impl From<crate::sys::SysError> for Stop {
    fn from(error: crate::sys::SysError) -> Self {
        Self::Kernel(error)
    }
}

/// An index that the files of its layer are held beside.
struct Beside<'a> {
    /// What has not been met yet.
    expected: HashMap<&'a str, &'a LayerEntry>,
    opaque: BTreeSet<&'a str>,
    ownership: Ownership,
    depth: Depth,
}

impl<'a> Beside<'a> {
    fn new(entries: &'a [LayerEntry], ownership: Ownership, depth: Depth) -> Self {
        let is_opaque = |entry: &&LayerEntry| entry.kind == EntryKind::Whiteout(Whiteout::Opaque);
        let opaque = entries.iter().filter(is_opaque).map(|entry| entry.path.as_str()).collect();
        let expected = entries
            .iter()
            .filter(|entry| !is_opaque(entry) && ownership.is_made(&entry.kind))
            .map(|entry| (entry.path.as_str(), entry))
            .collect();
        Self { expected, opaque, ownership, depth }
    }

    fn compare(&mut self, found: Found) -> Result<(), Stop> {
        let path = found.path.to_string_lossy().into_owned();
        let Some(entry) = self.expected.remove(path.as_str()) else {
            // A name that is no text is in the index as something like it, which two of them may share.
            return if path.contains('\u{fffd}') {
                Ok(())
            } else {
                Err(Stop::Fault(format!("/{path} is not in its index")))
            };
        };
        if let Some(differs) = self.differs(entry, &found) {
            return Err(Stop::Fault(format!("/{path} {differs}")));
        }
        if let (Depth::Deep, Some(expected), Some(file)) = (self.depth, entry.digest, found.file) {
            let bytes = digest_of(file).at_path("read", &found.path)?;
            if bytes != expected {
                return Err(Stop::Fault(format!("/{path} should be {expected}, but is {bytes}")));
            }
        }
        Ok(())
    }

    /// Tells what the file system says otherwise than the index.
    fn differs(&self, entry: &LayerEntry, found: &Found) -> Option<String> {
        let (is_kind, is_file) = match &entry.kind {
            EntryKind::Directory => (found.kind == Kind::Directory, false),
            EntryKind::File => (found.kind == Kind::File, true),
            EntryKind::HardLink { .. } => (found.identity.is_some(), false),
            EntryKind::Symlink { target } => {
                let target = Some(target.as_str().into());
                let is_it = found.target.as_ref().map(|it| it.to_string_lossy()) == target;
                (found.kind == Kind::Link && is_it, false)
            }
            EntryKind::CharDevice { major, minor } => {
                (found.kind == Kind::Character && found.device == (*major, *minor), false)
            }
            EntryKind::BlockDevice { major, minor } => {
                (found.kind == Kind::Block && found.device == (*major, *minor), false)
            }
            EntryKind::Fifo => (found.kind == Kind::Fifo, false),
            EntryKind::Whiteout(_) => {
                let is_mark = found.kind == Kind::Character && found.device == (0, 0);
                return (!is_mark).then(|| "is no whiteout any more".to_owned());
            }
        };
        if !is_kind {
            return Some("is something else than its index says".to_owned());
        }
        if is_file && found.size != entry.size {
            return Some(format!("has {} bytes, its index says {}", found.size, entry.size));
        }
        if found.changed != entry.mtime {
            return Some("was changed".to_owned());
        }
        let is_link = found.kind == Kind::Link;
        let mask = if self.ownership == Ownership::Kept { 0o7777 } else { 0o777 };
        if !is_link && found.mode & mask != entry.mode & mask {
            return Some(format!("has mode {:o}, its index says {:o}", found.mode, entry.mode));
        }
        let owners = (found.uid, found.gid) != (entry.uid, entry.gid);
        if self.ownership == Ownership::Kept && owners {
            return Some("belongs to somebody else than its index says".to_owned());
        }
        (found.kind == Kind::Directory
            && found.is_opaque != self.opaque.contains(entry.path.as_str()))
        .then(|| "hides something else than its index says".to_owned())
    }

    fn missing(&self) -> Option<String> {
        let mut paths: Vec<_> = self.expected.keys().collect();
        paths.sort_unstable();
        paths.first().map(|path| format!("/{path} is missing"))
    }
}

/// Finds what no record tells of. Under the one writer's transaction, because what comes in gets record and place within one.
fn strays(layout: &Layout, store: &mut Store) -> Result<Vec<Finding>, ImageError> {
    store.write(|records| {
        let mut strays: Vec<(PathBuf, &str)> = Vec::new();
        for (chain, path) in named_by_digest(&layout.data_root.join("layers"))? {
            if records.layer(ChainId(chain))?.is_none() {
                strays.push((path, "no image has this layer"));
            }
        }
        for (blob, path) in named_by_digest(&layout.data_root.join("blobs/sha256"))? {
            if !records.is_blob_needed(blob, None)? {
                strays.push((path, "no image has this blob"));
            }
        }
        for path in abandoned_paths(layout)? {
            strays.push((path, "what made it was killed"));
        }
        Ok(strays
            .into_iter()
            .map(|(path, reason)| Finding {
                suspect: Suspect::Stray(path),
                reason: reason.to_owned(),
                images: Vec::new(),
            })
            .collect())
    })
}
