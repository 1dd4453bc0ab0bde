//! An archive comes in.

use super::{
    Archive, ImageError, Loaded, Ownership, Progress, intake::Intake, resolve::resolve,
    source::Source, staging::Staging,
};
use crate::{
    model::Occurrence,
    store::{Layout, Store},
};

/// Loads every image of an archive. Opens its own connection; writes journal lines `Load` and `Tag`.
///
/// # Errors
/// [`ImageError::Kernel`], [`ImageError::Store`] and [`ImageError::Unpack`] for this machine's failures, every other variant for a fault
/// of the archive; the store is as it was.
pub fn load(
    layout: &Layout,
    ownership: Ownership,
    archive: Archive<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Loaded>, ImageError> {
    let mut store = Store::open(layout.clone())?;
    let staging = Staging::new(layout)?;
    let source = Source::open(archive, &staging, progress)?;
    let wanted = resolve(&source)?;
    let intake = Intake { layout, staging: &staging, ownership, occurrence: Occurrence::Load };
    intake.take(&mut store, (&source, &wanted), progress)
}
