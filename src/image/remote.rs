//! The layers of a registry as a supply. What a broken transfer has brought lies in `partial/` under its digest, where the next try goes on.
//!
//! Bytes that lie there are believed no more than those that come: the digest is taken over all of them.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{
    ImageError,
    resolve::WantedLayer,
    supply::{Supplied, Supply},
};
use crate::{
    model::Digest,
    registry::{Download, Repository},
    store::Layout,
    sys::{At as _, Result as Answer, files},
};

/// How many layers are worth having under way at once on a slow network.
const WIDTH: usize = 4;

/// After how long nobody comes back for the rest of a blob.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The layers of images in registries.
#[derive(Debug)]
pub(super) struct Remote<'a> {
    layout: &'a Layout,
    origins: HashMap<Digest, Origin>,
    /// Blobs that came wrong once.
    rejected: Mutex<HashSet<Digest>>,
    /// What was begun, locked against other processes (flock(2)) until it is kept.
    held: Mutex<HashMap<Digest, File>>,
}

/// Where a blob comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) repository: Repository,
    /// Where else, of a layer that the registry may not give.
    pub(super) urls: Vec<String>,
}

impl<'a> Remote<'a> {
    /// Makes the place for what broken transfers leave, and removes what nobody came back for.
    pub(super) fn new(layout: &'a Layout) -> Answer<Self> {
        files::make_private_dir(&layout.partials())?;
        for path in files::list(&layout.partials())? {
            let age = files::open(&path)?.metadata().at_path("look at", &path)?.modified();
            let is_old = age.ok().and_then(|then| SystemTime::now().duration_since(then).ok());
            if is_old.is_some_and(|age| age > FORGOTTEN) {
                remove_unlocked(&path)?;
            }
        }
        Ok(Self {
            layout,
            origins: HashMap::new(),
            rejected: Mutex::default(),
            held: Mutex::default(),
        })
    }

    /// Says where a blob comes from.
    pub(super) fn add(&mut self, digest: Digest, origin: Origin) {
        self.origins.entry(digest).or_insert(origin);
    }

    /// Removes what was begun of all its blobs.
    pub(super) fn forget(&self) -> Answer<()> {
        self.held().clear();
        for digest in self.origins.keys() {
            remove_unlocked(&self.partial(*digest))?;
        }
        Ok(())
    }

    fn partial(&self, digest: Digest) -> PathBuf {
        self.layout.partials().join(digest.hex())
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Digest, File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens what there is of a blob; if another process is at it, a new file at `copy`.
    fn begun(&self, digest: Digest, copy: &Path) -> Answer<File> {
        let path = self.partial(digest);
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = files::open_with(&path, &options)?;
            match file.try_lock() {
                Err(std::fs::TryLockError::WouldBlock) => return files::create_new(copy),
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(error).at_path("lock", &path);
                }
                // Whoever had it before may have removed it meanwhile.
                Ok(()) if file.metadata().at_path("look at", &path)?.nlink() == 0 => {}
                Ok(()) => {
                    let shared = file.try_clone().at_path("share", &path)?;
                    self.held().insert(digest, shared);
                    return Ok(file);
                }
            }
        }
    }
}

impl Supply for Remote<'_> {
    const PHASE: &'static str = "download";

    fn width(&self, processors: usize) -> usize {
        processors.max(WIDTH)
    }

    fn open(&self, layer: &WantedLayer, copy: &Path) -> Result<Supplied, ImageError> {
        let origin = layer.blob.and_then(|(digest, _)| self.origins.get(&digest));
        let (Some((digest, size)), Some(origin)) = (layer.blob, origin) else {
            return Err(ImageError::Missing(layer.name.clone()));
        };
        // Another image has this very blob upon other layers: it is unpacked once more, but does not travel.
        if files::link(&self.layout.blob(digest), copy).is_ok() {
            return Ok(Supplied { reader: Box::new(files::open(copy)?), size });
        }
        let file = self.begun(digest, copy)?;
        let path = self.partial(digest);
        let mut kept = file.metadata().at_path("look at", &path)?.len();
        if kept > size {
            file.set_len(0).at_path("empty", &path)?;
            kept = 0;
        }
        let download = if origin.urls.is_empty() {
            origin.repository.blob(digest, size, kept)
        } else {
            origin.repository.blob_or_elsewhere((digest, size), kept, &origin.urls)?
        };
        Ok(Supplied { reader: Box::new(Resuming { file, at: 0, kept, download }), size })
    }

    fn keep(&self, layer: &WantedLayer, copy: &Path) -> Result<(), ImageError> {
        let Some((digest, _)) = layer.blob else { return Ok(()) };
        // Linked rather than moved: if another layer fails, this one is there for the next try.
        if !files::exists(copy) {
            files::link(&self.partial(digest), copy)?;
        }
        self.held().remove(&digest);
        Ok(())
    }

    fn reject(&self, layer: &WantedLayer) -> bool {
        let Some((digest, _)) = layer.blob else { return false };
        if let Some(_lock) = self.held().remove(&digest) {
            // What cannot be removed is found wrong again.
            let _again = files::remove_file(&self.partial(digest));
        }
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).insert(digest)
    }
}

/// A blob: what there was of it, then what comes, which is written down.
struct Resuming {
    file: File,
    at: u64,
    kept: u64,
    download: Download,
}

impl Read for Resuming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at < self.kept {
            let left = usize::try_from(self.kept - self.at).unwrap_or(usize::MAX);
            let most = left.min(buffer.len());
            let count = self.file.read_at(&mut buffer[..most], self.at)?;
            if count == 0 && most > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.at += count as u64;
            return Ok(count);
        }
        let count = self.download.read(buffer)?;
        self.file.write_all_at(&buffer[..count], self.at)?;
        self.at += count as u64;
        self.kept = self.at;
        Ok(count)
    }
}

/// Removes a file that nobody has locked.
fn remove_unlocked(path: &Path) -> Answer<()> {
    let file = match files::open(path) {
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?,
    };
    match file.try_lock() {
        Ok(()) => files::remove_file(path),
        Err(_others) => Ok(()),
    }
}
