//! Why a layer was not unpacked.

use rustix::io::Errno;

use super::{
    super::error::{EntryFault, LayerFault},
    attributes::is,
    entry::Entry,
};
use crate::sys::SysError;

/// Why a layer was not unpacked.
#[derive(Debug)]
pub(in crate::image) enum Trouble {
    /// The layer is at fault.
    Layer(LayerFault),
    /// The machine is.
    Kernel(SysError),
}

impl From<SysError> for Trouble {
    fn from(error: SysError) -> Self {
        Self::Kernel(error)
    }
}

impl From<LayerFault> for Trouble {
    fn from(fault: LayerFault) -> Self {
        Self::Layer(fault)
    }
}

/// Says what is wrong with an entry.
pub(super) fn fault(entry: &Entry, fault: EntryFault) -> Trouble {
    let path = entry.path.display().to_string();
    LayerFault::Entry { path, fault }.into()
}

/// Tells a path that leads outside from a kernel that refuses.
pub(super) fn resolved(error: SysError, entry: &Entry) -> Trouble {
    if is(&error, &[Errno::XDEV, Errno::LOOP]) {
        fault(entry, EntryFault::Outside)
    } else if is(&error, &[Errno::NOTDIR]) {
        fault(entry, EntryFault::NotDirectory)
    } else {
        error.into()
    }
}
