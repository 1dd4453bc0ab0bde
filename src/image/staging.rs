//! Where unfinished things are made and removed ones wait.
//!
//! Each load works in a directory of its own and holds a lock on it (flock(2)) for as long as it lives; a directory that nobody has locked
//! belongs to nobody. Files enter and leave `layers/` and `blobs/` by rename, and only within a writing transaction: since there is one
//! writer at a time, what the records say about a layer and what lies on the disk can be compared there without a race.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::ImageError;
use crate::{
    model::{ChainId, Digest, Image, Layer},
    store::{Layout, Records, Store, StoreError},
    sys::{At as _, Result, SysError, files},
};

/// What the directory of removed things begins with.
const ASIDE: &str = "aside-";

/// A directory of one's own in staging; removed when dropped.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    _lock: File,
}

impl Staging {
    /// Makes one, and locks it.
    pub(super) fn new(layout: &Layout) -> Result<Self> {
        loop {
            let path = layout.staging().join(random()?);
            files::make_private_dir(&path)?;
            // Between the two calls somebody may have taken it for a dead one's, and removed it.
            let lock = match lock(&path) {
                Err(error) if error.is_not_found() => continue,
                other => other?,
            };
            let Some(lock) = lock.filter(|_| files::exists(&path)) else {
                continue;
            };
            for part in ["blobs", "layers"] {
                files::make_private_dir(&path.join(part))?;
            }
            return Ok(Self { path, _lock: lock });
        }
    }

    /// Gives the directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by `delete_staged`, once the lock is gone.
        let _later = files::remove_tree(&self.path);
    }
}

/// Moves the files of layers and blobs whose records are gone aside; cheap, to be called inside the transaction that removes the records.
/// Blobs that another image has stay. If that transaction comes to nothing, [`delete_staged`] puts everything back.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`].
pub fn set_aside(
    layout: &Layout,
    image: &Image,
    orphans: &[Layer],
) -> std::result::Result<(), ImageError> {
    let layers: Vec<_> = orphans.iter().map(|layer| layer.chain).collect();
    // Read on a connection of its own, which sees the records as they were before the removal: all but this image counts.
    let blobs = Store::open(layout.clone())?.read(|records| {
        let mut blobs = Vec::new();
        let own = [image.id.0, image.manifest];
        for blob in own.into_iter().chain(image.layers.iter().map(|layer| layer.blob)) {
            if !records.is_blob_needed(blob, Some(image.id))? {
                blobs.push(blob);
            }
        }
        Ok::<_, StoreError>(blobs)
    })?;
    move_aside(layout, &layers, &blobs)?;
    Ok(())
}

fn move_aside(layout: &Layout, layers: &[ChainId], blobs: &[Digest]) -> Result<()> {
    let aside = layout.staging().join(format!("{ASIDE}{}", random()?));
    for part in ["blobs", "layers"] {
        files::make_private_dir(&aside.join(part))?;
    }
    for chain in layers {
        let place = aside.join("layers").join(chain.0.hex());
        rename_if_there(&layout.layer(*chain), &place)?;
    }
    for blob in blobs {
        let place = aside.join("blobs").join(blob.hex());
        rename_if_there(&layout.blob(*blob), &place)?;
    }
    Ok(())
}

/// Deletes what was set aside, and what dead loads left in staging and elsewhere. What was set aside by a transaction that came to
/// nothing goes back. Must not be called inside a transaction.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`].
pub fn delete_staged(layout: &Layout) -> std::result::Result<(), ImageError> {
    if files::list(&layout.staging())?.is_empty() {
        return Ok(());
    }
    let dead = Store::open(layout.clone())?.write(|records| {
        let dead = abandoned(layout)?;
        let mut load_died = false;
        for (path, _lock) in &dead {
            if is_aside(path) {
                put_back(layout, records, path)?;
            } else {
                load_died = true;
            }
        }
        if load_died {
            sweep(layout, records)?;
        }
        // What the sweep found is dead as well.
        drop(dead);
        Ok::<_, ImageError>(abandoned(layout)?)
    })?;
    let mut outcome = Ok(());
    for (path, _lock) in dead {
        let removed = files::remove_tree(&path);
        outcome = outcome.and(removed);
    }
    Ok(outcome?)
}

/// Removes layers and blobs that no record tells of, after a load whose transaction came to nothing.
pub(super) fn remove_unrecorded(layout: &Layout) -> std::result::Result<(), ImageError> {
    Store::open(layout.clone())?.write(|records| sweep(layout, records))?;
    delete_staged(layout)
}

/// Locks everything in staging that nobody has locked.
fn abandoned(layout: &Layout) -> Result<Vec<(PathBuf, File)>> {
    let mut found = Vec::new();
    for path in files::list(&layout.staging())? {
        match lock(&path) {
            Ok(Some(lock)) => found.push((path, lock)),
            Ok(None) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Lists what nobody works in any more.
pub(super) fn abandoned_paths(layout: &Layout) -> Result<Vec<PathBuf>> {
    Ok(abandoned(layout)?.into_iter().map(|(path, _lock)| path).collect())
}

fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(ASIDE.as_bytes()))
}

/// Returns what was set aside but is still in the records.
fn put_back(
    layout: &Layout,
    records: &Records<'_>,
    aside: &Path,
) -> std::result::Result<(), ImageError> {
    for (chain, path) in named_by_digest(&aside.join("layers"))? {
        let chain = ChainId(chain);
        if records.layer(chain)?.is_some() && !files::exists(&layout.layer(chain)) {
            files::rename(&path, &layout.layer(chain))?;
        }
    }
    for (blob, path) in named_by_digest(&aside.join("blobs"))? {
        if records.is_blob_needed(blob, None)? && !files::exists(&layout.blob(blob)) {
            files::rename(&path, &layout.blob(blob))?;
        }
    }
    Ok(())
}

/// Moves aside every layer and blob that no record tells of.
fn sweep(layout: &Layout, records: &Records<'_>) -> std::result::Result<(), ImageError> {
    let (mut layers, mut blobs) = (Vec::new(), Vec::new());
    for (chain, _path) in named_by_digest(&layout.data_root.join("layers"))? {
        if records.layer(ChainId(chain))?.is_none() {
            layers.push(ChainId(chain));
        }
    }
    for (blob, _path) in named_by_digest(&layout.data_root.join("blobs/sha256"))? {
        if !records.is_blob_needed(blob, None)? {
            blobs.push(blob);
        }
    }
    if !layers.is_empty() || !blobs.is_empty() {
        move_aside(layout, &layers, &blobs)?;
    }
    Ok(())
}

/// Lists what in a directory is named by a digest.
pub(super) fn named_by_digest(directory: &Path) -> Result<Vec<(Digest, PathBuf)>> {
    let paths = files::list(directory)?.into_iter();
    Ok(paths
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let digest = format!("sha256:{name}").parse().ok()?;
            Some((digest, path))
        })
        .collect())
}

/// Renames something; its absence is no failure.
pub(super) fn rename_if_there(from: &Path, to: &Path) -> Result<()> {
    match files::rename(from, to) {
        Err(error) if error.is_not_found() && !files::exists(from) => Ok(()),
        other => other,
    }
}

/// Locks a directory; `None` when somebody else has.
fn lock(path: &Path) -> Result<Option<File>> {
    let directory = files::open(path)?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error).at_path("lock", path),
    }
}

/// Makes a name that nobody has.
pub(super) fn random() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| SysError::new("read", "random numbers", io::Error::other(error)))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}
