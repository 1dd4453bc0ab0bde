//! The network namespace that an ordinary user's monitors hold together.

use std::{fs::File, os::fd::AsFd as _, path::Path};

use super::{NetworkError, Place};
use crate::sys::{
    holders::Holders,
    netlink::{Socket, namespace},
    userns,
};

/// The list of its holders, in `run_root`.
const LIST: &str = "netns";

/// Joins the shared network namespace, or makes it, and stays in it as one of its holders; does nothing for [`Place::Host`]. Single-threaded (a monitor).
///
/// # Errors
/// [`NetworkError::Kernel`].
pub fn enter(place: &Place) -> Result<(), NetworkError> {
    let Place::Shared { run_root } = place else {
        return Ok(());
    };
    // It belongs to the user namespace: who holds the one must hold the other.
    userns::enlist(run_root)?;
    let holders = Holders::lock(run_root, LIST)?;
    if let Some(namespace) = holders.namespace("net")? {
        namespace::enter(namespace.as_fd())?;
    } else {
        namespace::create()?;
        Socket::route()?.bring_up_loopback()?;
    }
    Ok(holders.enlist()?)
}

/// Opens the shared network namespace, if anybody holds it.
///
/// # Errors
/// [`NetworkError::Kernel`].
pub(super) fn find(run_root: &Path) -> Result<Option<File>, NetworkError> {
    Ok(Holders::lock(run_root, LIST)?.namespace("net")?)
}
