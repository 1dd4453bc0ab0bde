//! What an image is made of, and what of it is waste: of a stored image from its indexes, of an archive without unpacking it.

use std::{
    collections::HashMap,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
};

use sha2::{Digest as _, Sha256};

use super::{
    Archive, ImageError,
    error::LayerFault,
    resolve::{Wanted, WantedLayer, resolve},
    source::{Piece, Source},
    staging::Staging,
    strata::Strata,
    stream::{CHUNK, Compression, Hashing, finish, inflate, peek},
    unpack::{Surveyed, Trouble, survey, survey_headers},
};
use crate::{
    model::{Analysis, DiffId, Digest, Image, ImageConfig, ImageId, LayerSummary},
    registry::Cancel,
    store::Layout,
};

/// Tells what a stored image is made of. No file of a layer is touched.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Index`].
pub fn analyze(layout: &Layout, image: &Image) -> Result<Analysis, ImageError> {
    let strata = Strata::read(layout, &image.layers)?;
    let diffs: Vec<_> = image.layers.iter().map(|layer| layer.diff).collect();
    Ok(analysis((image.id, image.display_name()), &image.config, &diffs, &strata))
}

/// Tells what the images of an archive are made of; none of them comes into the store. Layers that are compressed are verified; of plain
/// ones only the headers are read, and the bytes of files that look alike in two layers.
///
/// # Errors
/// Every variant for a fault of the archive, [`ImageError::Kernel`] for this machine's.
pub fn analyze_archive(layout: &Layout, archive: Archive<'_>) -> Result<Vec<Analysis>, ImageError> {
    let staging = Staging::new(layout)?;
    let source = Source::open(archive, &staging, &Cancel::default(), &mut |_progress| {})?;
    let wanted = resolve(&source)?;
    wanted.iter().map(|image| survey_image(&source, image)).collect()
}

fn survey_image(source: &Source, image: &Wanted) -> Result<Analysis, ImageError> {
    let mut surveyed = survey_layers(source, &image.layers)?;
    let entries = surveyed.iter_mut().map(|layer| std::mem::take(&mut layer.entries)).collect();
    let mut strata = Strata::new(entries);
    let mut digests = HashMap::new();
    for (layer, path) in strata.doubtful() {
        let places = surveyed.get(layer).map(|surveyed| &surveyed.places);
        let at = places.and_then(|places| places.get(Path::new(&path))).copied();
        if let Some((at, wanted)) = at.zip(image.layers.get(layer)) {
            let digest = digest_at(source, wanted, at, strata.size_of(layer, &path))?;
            digests.insert((layer, path), digest);
        }
    }
    strata.settle(&digests);
    let name = image.references.first().map_or_else(|| image.id.0.short(), ToString::to_string);
    let diffs: Vec<_> = image.layers.iter().map(|layer| layer.diff).collect();
    Ok(analysis((image.id, name), &image.config.run, &diffs, &strata))
}

fn analysis(
    named: (ImageId, String),
    config: &ImageConfig,
    diffs: &[DiffId],
    strata: &Strata,
) -> Analysis {
    let hidden = strata.hidden();
    let mut steps = config.history.iter().filter(|step| !step.empty_layer);
    let layers = diffs.iter().zip(strata.counts()).enumerate().map(|(place, (diff, counts))| {
        let own = hidden.iter().filter(|copy| copy.layer == place);
        LayerSummary {
            diff: *diff,
            created_by: steps.next().map(|step| step.created_by.clone()).unwrap_or_default(),
            size: strata.bytes(place),
            added: counts.added,
            changed: counts.changed,
            removed: counts.removed,
            wasted: own.map(|copy| copy.size).sum(),
        }
    });
    Analysis::new(named, layers.collect(), hidden)
}

/// Looks through layers, as many at once as there are processors.
fn survey_layers(source: &Source, layers: &[WantedLayer]) -> Result<Vec<Surveyed>, ImageError> {
    let queue = Mutex::new(layers.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(layers.len()));
    let workers = thread::available_parallelism().map_or(1, usize::from).min(layers.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((place, layer)) = next else { break };
                    let surveyed = survey_layer(source, layer);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, surveyed));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, surveyed)| surveyed).collect()
}

fn survey_layer(source: &Source, layer: &WantedLayer) -> Result<Surveyed, ImageError> {
    let short = || layer.diff.0.short();
    let fault = |fault| ImageError::Layer { layer: short(), fault };
    let explain = |trouble| match trouble {
        Trouble::Layer(reason) => fault(reason),
        Trouble::Kernel(source) => ImageError::Unpack { layer: short(), source },
    };
    let broken = |error| fault(LayerFault::Broken(error));
    let mut piece = open(source, layer)?;
    let (compression, _) = peek(&mut piece).map_err(broken)?;
    piece.seek(SeekFrom::Start(0)).map_err(broken)?;
    match compression {
        Compression::Plain => {
            let length = piece.len();
            survey_headers(piece, length).map_err(explain)
        }
        Compression::Foreign(kind) => Err(fault(LayerFault::Compression(kind))),
        Compression::Gzip | Compression::Zstd => {
            let mut stream = Hashing::new(inflate(compression, piece).map_err(broken)?);
            let surveyed = survey(&mut stream).map_err(explain)?;
            let found = stream.so_far();
            if found != layer.diff.0 {
                let object = format!("uncompressed layer {}", short());
                return Err(ImageError::Digest { object, expected: layer.diff.0, found });
            }
            Ok(surveyed)
        }
    }
}

fn open(source: &Source, layer: &WantedLayer) -> Result<Piece, ImageError> {
    source.piece(&layer.name)?.ok_or_else(|| ImageError::Missing(layer.name.clone()))
}

/// Reads a file of a plain layer for its digest.
fn digest_at(
    source: &Source,
    layer: &WantedLayer,
    at: u64,
    size: u64,
) -> Result<Digest, ImageError> {
    let mut piece = open(source, layer)?;
    piece.seek(SeekFrom::Start(at)).map_err(ImageError::Read)?;
    let mut bytes = piece.take(size);
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let count = bytes.read(&mut buffer).map_err(ImageError::Read)?;
        if count == 0 {
            return Ok(finish(hash));
        }
        hash.update(&buffer[..count]);
    }
}
