//! An archive comes in.

use super::{
    Archive, ImageError, Loaded, Ownership, Progress,
    intake::Intake,
    resolve::{Wanted, resolve},
    source::Source,
    staging::Staging,
    trust::{Policy, Transport},
};
use crate::{
    model::Occurrence,
    registry::Cancel,
    store::{Layout, Store},
};

/// Loads every image of an archive; with `policy`, only if it accepts such archives. Opens its own connection; writes journal lines `Load` and `Tag`.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`] and [`ImageError::Unpack`] for this machine's failures, [`ImageError::Registry`] when it
/// was cancelled, every other variant for a fault of the archive; the store is as it was.
pub fn load(
    layout: &Layout,
    ownership: Ownership,
    (archive, policy): (Archive<'_>, Option<&Policy>),
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Loaded>, ImageError> {
    let mut store = Store::open(layout.clone())?;
    let staging = Staging::new(layout)?;
    let path = match &archive {
        Archive::Path(path) => Some(*path),
        Archive::Stream(_) => None,
    };
    let occurrence = Occurrence::Load;
    let intake = Intake { layout, staging: &staging, ownership, occurrence, cancel };
    let outcome = Source::open(archive, &staging, cancel, progress).and_then(|source| {
        let wanted = resolve(&source)?;
        if let Some(policy) = policy {
            policy.judge_archive(transport(&source, &wanted), path)?;
        }
        intake.take(&mut store, (&source, &wanted), progress)
    });
    if outcome.is_err() {
        // What was cancelled fails in whatever way its threads noticed first.
        cancel.check()?;
    }
    outcome
}

/// Tells what kind of archive it was whose images were found.
fn transport(source: &Source, images: &[Wanted]) -> Transport {
    match source {
        Source::Folder(_) => Transport::Oci,
        // A docker-archive has no manifests.
        Source::Tar { .. } if images.iter().any(|image| image.manifest_bytes.is_none()) => {
            Transport::Docker
        }
        Source::Tar { .. } => Transport::OciArchive,
    }
}
