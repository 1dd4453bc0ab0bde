//! Layers, several at once, from an archive or a registry into staging: each blob is hashed, inflated, hashed again, unpacked and indexed in one pass.
//!
//! Each layer has two threads: one reads, hashes and inflates, the other unpacks; as many layers are under way as there are processors.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use super::{
    ImageError, Ownership, Progress, Report,
    error::LayerFault,
    index,
    resolve::WantedLayer,
    staging::{Staging, random},
    stream::{CHUNK, Compression, Hashing, Watched, inflate, peek},
    supply::{Supplied, Supply},
    unpack::{Trouble, Unpacked, unpack},
};
use crate::{
    model::{Digest, Layer},
    registry::{Cancel, RegistryError},
    sys::{SysError, files},
};

/// How many chunks may wait between the two threads of a layer.
const WAITING: usize = 8;

/// A layer that lies in staging, verified.
#[derive(Debug, Clone)]
pub(super) struct Staged {
    pub(super) layer: Layer,
    /// Where it lies: a directory with `diff/`, `index` and `blob`.
    pub(super) path: PathBuf,
}

/// Stages layers; the first failure ends all.
///
/// # Errors
/// That of the first layer that failed.
pub(super) fn stage<S: Supply>(
    source: &S,
    layers: Vec<WantedLayer>,
    (staging, ownership): (&Staging, Ownership),
    cancel: &Cancel,
    report: Report<'_>,
) -> Result<BTreeMap<WantedLayer, Staged>, ImageError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = source.width(processors).min(layers.len());
    let queue = Mutex::new(layers.into_iter());
    let outcome = Mutex::new(Ok(BTreeMap::new()));
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (queue, outcome, sender) = (&queue, &outcome, sender.clone());
            scope.spawn(move || {
                while let Some(layer) = next(queue, outcome) {
                    let attempt = || {
                        let path = staging.path().join("layers").join(random()?);
                        let job = Job { source, layer: &layer, path, ownership, cancel };
                        job.run(&sender)
                    };
                    let result = match attempt() {
                        Err(error) if is_wrong_blob(&error, &layer) && source.reject(&layer) => {
                            attempt()
                        }
                        other => other,
                    };
                    if result.is_ok() {
                        let object = layer.shown();
                        // Nobody listens any more when another layer has failed.
                        let _unheard =
                            sender.send(Progress { phase: "done", object, done: 0, total: None });
                    }
                    settle(outcome, &layer, result);
                }
            });
        }
        drop(sender);
        for progress in receiver {
            report(progress);
        }
    });
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Tells whether what came is not the blob that was asked for.
fn is_wrong_blob(error: &ImageError, layer: &WantedLayer) -> bool {
    let wanted = layer.blob.map(|(digest, _)| digest);
    matches!(error, ImageError::Digest { expected, .. } if wanted == Some(*expected))
}

type Outcome = Mutex<Result<BTreeMap<WantedLayer, Staged>, ImageError>>;

/// Takes the next layer, unless one has failed.
fn next<I: Iterator>(queue: &Mutex<I>, outcome: &Outcome) -> Option<I::Item> {
    let has_failed = outcome.lock().unwrap_or_else(PoisonError::into_inner).is_err();
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if has_failed { None } else { queue.next() }
}

/// Notes how a layer went; of several failures the first stays.
fn settle(outcome: &Outcome, layer: &WantedLayer, result: Result<Staged, ImageError>) {
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    match (&mut *outcome, result) {
        (Ok(done), Ok(staged)) => drop(done.insert(layer.clone(), staged)),
        (Ok(_), Err(error)) => *outcome = Err(error),
        (Err(_), _) => {}
    }
}

/// One layer's way into staging.
struct Job<'a, S> {
    source: &'a S,
    layer: &'a WantedLayer,
    path: PathBuf,
    ownership: Ownership,
    cancel: &'a Cancel,
}

/// What the reading side of a layer found out.
struct Fed {
    blob: Digest,
    /// The digest of the tar; `None` when the unpacking side had enough.
    diff: io::Result<Option<Digest>>,
}

impl<S: Supply> Job<'_, S> {
    fn run(&self, telling: &Sender<Progress>) -> Result<Staged, ImageError> {
        files::make_private_dir(&self.path)?;
        let supplied = self.source.open(self.layer, &self.path.join("blob"))?;
        let (fed, unpacked) = thread::scope(|scope| {
            let (sender, receiver) = sync_channel(WAITING);
            let feeding = scope.spawn(move || self.feed(supplied, telling, &sender));
            let chunks = Chunks { receiver, chunk: Vec::new(), at: 0 };
            let unpacked = unpack(chunks, &self.path.join("diff"), self.ownership);
            (feeding.join(), unpacked)
        });
        let fed = fed.map_err(|_panic| self.broken(io::Error::other("its reader died")))??;
        let blob = fed.blob;
        let unpacked = self.judge(fed, unpacked)?;
        self.source.keep(self.layer, &self.path.join("blob"))?;
        let entries = unpacked.entries.len() as u64;
        index::write(&self.path, &self.short(), unpacked.entries)?;
        Ok(Staged {
            layer: Layer {
                chain: self.layer.chain,
                diff: self.layer.diff,
                blob,
                size: unpacked.size,
                entries,
            },
            path: self.path.clone(),
        })
    }

    /// Gives what was unpacked if both digests are right; of several reasons against it, the one that says most.
    fn judge(&self, fed: Fed, unpacked: Result<Unpacked, Trouble>) -> Result<Unpacked, ImageError> {
        let differs = |object: &str, expected: Digest, found: Digest| ImageError::Digest {
            object: format!("{object} {}", self.short()),
            expected,
            found,
        };
        match self.layer.blob {
            Some((expected, _)) if expected != fed.blob => {
                return Err(differs("layer", expected, fed.blob));
            }
            _ => {}
        }
        match (fed.diff, unpacked) {
            (Err(error), _) => Err(self.broken(error)),
            (_, Err(Trouble::Layer(fault))) => Err(self.fault(fault)),
            (_, Err(Trouble::Kernel(source))) => {
                Err(ImageError::Unpack { layer: self.short(), source })
            }
            (Ok(Some(found)), Ok(_)) if found != self.layer.diff.0 => {
                Err(differs("uncompressed layer", self.layer.diff.0, found))
            }
            (Ok(_), Ok(unpacked)) => Ok(unpacked),
        }
    }

    /// Reads the blob, keeps it, inflates it and hands the tar on; both are hashed. A blob that does not inflate is read to its end all
    /// the same, for its digest.
    fn feed(
        &self,
        supplied: Supplied,
        telling: &Sender<Progress>,
        sender: &SyncSender<io::Result<Vec<u8>>>,
    ) -> Result<Fed, ImageError> {
        let (object, total) = (self.layer.shown(), Some(supplied.size));
        let watched = Watched::new(supplied.reader, self.cancel, total, |done| {
            let object = object.clone();
            // Nobody listens any more when another layer has failed.
            let _unheard = telling.send(Progress { phase: S::PHASE, object, done, total });
        });
        let mut blob = Hashing::new(watched);
        let (compression, stream) = peek(&mut blob).map_err(|error| self.broken(error))?;
        if let Compression::Foreign(kind) = compression {
            return Err(self.fault(LayerFault::Compression(kind)));
        }
        let diff = inflate(compression, stream).and_then(|stream| pass_on(stream, sender));
        let diff = match diff {
            // Nothing more will come.
            Err(error) if is_of_registry(&error) => return Err(self.broken(error)),
            other => other,
        };
        io::copy(&mut blob, &mut io::sink()).map_err(|error| self.broken(error))?;
        Ok(Fed { blob: blob.so_far(), diff })
    }

    fn short(&self) -> String {
        self.layer.diff.0.short()
    }

    fn fault(&self, fault: LayerFault) -> ImageError {
        ImageError::Layer { layer: self.short(), fault }
    }

    /// Says that the bytes of the layer could not be read or kept: the kernel's fault if it says a number, else theirs.
    fn broken(&self, error: io::Error) -> ImageError {
        let error = match error.downcast::<RegistryError>() {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        if error.raw_os_error().is_none() {
            return self.fault(LayerFault::Broken(error));
        }
        ImageError::Unpack {
            layer: self.short(),
            source: SysError::new("store", &self.layer.name, error),
        }
    }
}

/// Tells whether a registry stopped sending.
fn is_of_registry(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<RegistryError>)
}

/// Hands a stream on in chunks; gives its digest, or `None` when the other side has stopped.
fn pass_on(
    stream: impl Read,
    sender: &SyncSender<io::Result<Vec<u8>>>,
) -> io::Result<Option<Digest>> {
    let mut stream = Hashing::new(stream);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let filled = stream.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
        let is_end = chunk.is_empty();
        if !is_end && sender.send(Ok(chunk)).is_err() {
            return Ok(None);
        }
        if let Err(error) = filled {
            // The other side may be in the middle of an entry: it must not take this for the end.
            let _stopped = sender.send(Err(again(&error)));
            return Err(error);
        }
        if is_end {
            return Ok(Some(stream.so_far()));
        }
    }
}

/// Makes an error once more; the original has no copy.
fn again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(
        || io::Error::new(error.kind(), error.to_string()),
        io::Error::from_raw_os_error,
    )
}

/// The tar of a layer, as the reading side hands it on.
struct Chunks {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            match self.receiver.recv() {
                // The other side is done.
                Err(_) => return Ok(0),
                Ok(chunk) => (self.chunk, self.at) = (chunk?, 0),
            }
        }
        let waiting = self.chunk.get(self.at..).unwrap_or_default();
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.at += count;
        Ok(count)
    }
}
