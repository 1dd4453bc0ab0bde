//! An image goes to a registry: its blobs as they came, several at once, then its manifest, byte for byte what it was.

use std::{
    io::{self, Read, Seek as _, SeekFrom},
    sync::{
        Mutex, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
};

use super::{ImageError, Progress, Report, documents, stream::STEP};
use crate::{
    model::{Digest, Image, ImageReference},
    registry::{Arrival, Parcel, RegistryError, Repository},
    store::Layout,
    sys::{SysError, files},
};

/// How many blobs travel at once.
const WIDTH: usize = 4;

/// An image that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its name.
    pub reference: ImageReference,
    /// Its manifest.
    pub digest: Digest,
    /// The bytes of that.
    pub size: u64,
}

/// A blob that has to be there.
#[derive(Debug, Clone, Copy)]
struct Piece {
    digest: Digest,
    size: u64,
}

/// Pushes an image under a name. What is there is not sent; what another repository of the same registry should have is taken over from there.
///
/// # Errors
/// [`ImageError::Registry`], [`ImageError::Kernel`] for a blob that cannot be read, [`ImageError::Document`] for a manifest that makes no sense.
pub fn push(
    layout: &Layout,
    image: &Image,
    (reference, repository): (&ImageReference, &Repository),
    progress: &mut dyn FnMut(Progress),
) -> Result<Pushed, ImageError> {
    let bytes = files::read(&layout.blob(image.manifest))?;
    let object = format!("manifest {}", image.manifest.short());
    let media_type = documents::media_type(&bytes, &object)?;
    let manifest = documents::manifest(&bytes, &object, &media_type)?;
    // A layer that the registry may not give lies elsewhere, and stays there.
    let own = manifest.layers.iter().filter(|layer| layer.urls.is_empty());
    let mut pieces: Vec<Piece> = Vec::new();
    for descriptor in own {
        if pieces.iter().all(|known| known.digest != descriptor.digest) {
            pieces.push(Piece { digest: descriptor.digest, size: descriptor.size });
        }
    }
    let config = Piece { digest: manifest.config.digest, size: manifest.config.size };
    let cargo = Cargo { layout, repository, source: elsewhere(image, reference) };
    cargo.send_all(pieces, progress)?;
    cargo.send(config, None)?;
    let named = match (reference.tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, digest) => digest.unwrap_or(image.manifest).to_string(),
    };
    let digest = repository.push_manifest(&named, &media_type, &bytes)?;
    Ok(Pushed { reference: reference.clone(), digest, size: bytes.len() as u64 })
}

/// Finds another repository of the same registry that had this image once.
fn elsewhere(image: &Image, reference: &ImageReference) -> Option<String> {
    let others = image.references.iter().filter(|other| other.registry() == reference.registry());
    others
        .map(ImageReference::repository)
        .find(|other| *other != reference.repository())
        .map(str::to_owned)
}

/// What goes where.
struct Cargo<'a> {
    layout: &'a Layout,
    repository: &'a Repository,
    source: Option<String>,
}

impl Cargo<'_> {
    /// Sends blobs, several at once; the first failure ends all.
    fn send_all(&self, pieces: Vec<Piece>, report: Report<'_>) -> Result<(), ImageError> {
        let workers = WIDTH.min(pieces.len());
        let queue = Mutex::new(pieces.into_iter());
        let outcome = Mutex::new(Ok(()));
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            for _ in 0..workers {
                let (queue, outcome, sender) = (&queue, &outcome, sender.clone());
                scope.spawn(move || {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let has_failed =
                            outcome.lock().unwrap_or_else(PoisonError::into_inner).is_err();
                        let Some(piece) = next.filter(|_| !has_failed) else { break };
                        if let Err(error) = self.send(piece, Some(&sender)) {
                            let mut outcome =
                                outcome.lock().unwrap_or_else(PoisonError::into_inner);
                            if outcome.is_ok() {
                                *outcome = Err(error);
                            }
                        }
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

    fn send(&self, piece: Piece, sender: Option<&Sender<Progress>>) -> Result<(), ImageError> {
        let path = self.layout.blob(piece.digest);
        let length = files::open(&path)?
            .metadata()
            .map_err(|error| SysError::new("look at", path.display(), error))?
            .len();
        if length != piece.size {
            let object = format!("blob {}", piece.digest.short());
            return Err(ImageError::Size { object, expected: piece.size, found: length });
        }
        let open = |at: u64| -> io::Result<Box<dyn Read>> {
            let mut file = files::open(&path).map_err(io::Error::other)?;
            file.seek(SeekFrom::Start(at))?;
            Ok(Box::new(file))
        };
        let source = self.source.as_deref();
        let parcel = Parcel { digest: piece.digest, size: piece.size, open: &open, source };
        let tell = |phase, done, total| {
            let object = piece.digest.short();
            // Nobody listens any more when another blob has failed.
            let _unheard =
                sender.map(|sender| sender.send(Progress { phase, object, done, total }));
        };
        let told = std::cell::Cell::new(0);
        let moving = |done: u64| {
            if done >= told.get() + STEP || done == piece.size {
                told.set(done);
                tell("upload", done, Some(piece.size));
            }
        };
        let arrival = self.repository.push_blob(&parcel, &moving)?;
        let phase = match arrival {
            Arrival::There => "there",
            Arrival::Mounted => "mounted",
            Arrival::Sent => "pushed",
        };
        tell(phase, 0, None);
        self.repository.cancel().check().map_err(RegistryError::into)
    }
}
