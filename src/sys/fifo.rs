//! A named pipe as a door (`fifo(7)`): one process waits behind it until another one opens it.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mknodat, open},
    io::Errno,
};

use super::{At as _, Result};

/// Makes one for its owner only (mode 0600), and opens it for whoever will wait behind it: as long as that descriptor is open, somebody waits.
///
/// # Errors
/// What the kernel says, with the path.
pub fn make(path: &Path) -> Result<OwnedFd> {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).at_path("create", path)?;
    // Also for writing: then nobody who only looks whether somebody waits ends the wait.
    open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).at_path("open", path)
}

/// Waits until somebody says to go on.
///
/// # Errors
/// What the kernel says.
pub fn wait(fifo: impl AsFd) -> Result<()> {
    let mut byte = [0; 1];
    rustix::io::retry_on_intr(|| rustix::io::read(&fifo, &mut byte))
        .at("wait behind", "a pipe")
        .map(drop)
}

/// Tells whether somebody waits behind one.
pub fn is_awaited(path: &Path) -> bool {
    matches!(knock(path), Ok(Some(_)))
}

/// Lets whoever waits go on; gives a descriptor that polls as an error (`POLLERR`) once that one has closed its own, `None` when nobody waits.
///
/// # Errors
/// What the kernel says, with the path.
pub fn open_up(path: &Path) -> Result<Option<OwnedFd>> {
    let Some(fifo) = knock(path)? else { return Ok(None) };
    rustix::io::write(&fifo, b"0").at_path("write", path)?;
    Ok(Some(fifo))
}

fn knock(path: &Path) -> Result<Option<OwnedFd>> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match open(path, flags, Mode::empty()) {
        Err(Errno::NXIO | Errno::NOENT) => Ok(None),
        other => other.at_path("open", path).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_does_not_open_and_opening_works_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("door");
        assert!(!is_awaited(&path));
        let waiting = make(&path).unwrap();
        assert!(is_awaited(&path));
        assert!(is_awaited(&path));
        let _opened = open_up(&path).unwrap().unwrap();
        wait(&waiting).unwrap();
        drop(waiting);
        assert!(!is_awaited(&path));
        assert!(open_up(&path).unwrap().is_none());
    }
}
