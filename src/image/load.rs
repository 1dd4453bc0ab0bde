//! An archive comes in.

use super::{
    Archive, ImageError, Loaded, Ownership, Progress, intake::Intake, resolve::resolve,
    source::Source, staging::Staging,
};
use crate::{
    model::Occurrence,
    registry::Cancel,
    store::{Layout, Store},
};

/// Loads every image of an archive. Opens its own connection; writes journal lines `Load` and `Tag`.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`] and [`ImageError::Unpack`] for this machine's failures, [`ImageError::Registry`] when it
/// was cancelled, every other variant for a fault of the archive; the store is as it was.
pub fn load(
    layout: &Layout,
    ownership: Ownership,
    archive: Archive<'_>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Loaded>, ImageError> {
    let mut store = Store::open(layout.clone())?;
    let staging = Staging::new(layout)?;
    let occurrence = Occurrence::Load;
    let intake = Intake { layout, staging: &staging, ownership, occurrence, cancel };
    let outcome = Source::open(archive, &staging, cancel, progress).and_then(|source| {
        let wanted = resolve(&source)?;
        intake.take(&mut store, (&source, &wanted), progress)
    });
    if outcome.is_err() {
        // What was cancelled fails in whatever way its threads noticed first.
        cancel.check()?;
    }
    outcome
}
