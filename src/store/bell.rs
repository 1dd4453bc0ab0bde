//! The bell: a file that each change touches, and the ear that hears it.

use std::{
    fs::OpenOptions,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{FileExt as _, OpenOptionsExt as _},
    },
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use super::{Layout, StoreError};
use crate::sys::{At as _, files};

/// Says how the bell is opened: made, for its owner only, when it is not there.
pub(super) fn options() -> &'static OpenOptions {
    static OPTIONS: std::sync::LazyLock<OpenOptions> = std::sync::LazyLock::new(|| {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options
    });
    &OPTIONS
}

/// Rings. A failure is swallowed: the change that it tells of is committed, and saying otherwise would be untrue.
pub(super) fn ring(layout: &Layout) {
    if let Ok(bell) = files::open_with(&layout.bell(), options()) {
        let _unheard = bell.write_at(b"!", 0);
    }
}

/// An ear for the bell: inotify(7) on [`Layout::bell`].
#[derive(Debug)]
pub struct Ear {
    inotify: Inotify,
    bell: PathBuf,
}

impl Ear {
    /// Begins to listen; every ring from now on is heard, also between two waits.
    ///
    /// # Errors
    /// [`StoreError::Kernel`], also when there is no store yet.
    pub fn new(layout: &Layout) -> Result<Self, StoreError> {
        let bell = layout.bell();
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .at_path("make an ear for", &bell)?;
        inotify.add_watch(&bell, AddWatchFlags::IN_MODIFY).at_path("watch", &bell)?;
        Ok(Self { inotify, bell })
    }

    /// Waits until the bell rings or `patience` ends; tells whether it rang; swallows all rings so far.
    ///
    /// # Errors
    /// [`StoreError::Kernel`].
    pub fn wait(&mut self, patience: Duration) -> Result<bool, StoreError> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            if self.swallow()? {
                return Ok(true);
            }
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            self.sleep(left)?;
        }
    }

    /// Sleeps until there is something to hear, time is up, or a signal came.
    fn sleep(&self, left: Option<Duration>) -> Result<(), StoreError> {
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            // Rounded up, so that the last fraction of a millisecond is not spent spinning.
            let millis = left.as_millis().saturating_add(1);
            PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
        });
        let mut sources = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
        match nix::poll::poll(&mut sources, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Ok(Err(errno).at_path("wait for", &self.bell)?),
        }
    }

    /// Takes every ring out of the queue; tells whether there was one.
    fn swallow(&self) -> Result<bool, StoreError> {
        let mut rang = false;
        loop {
            match self.inotify.read_events() {
                Ok(events) => rang |= !events.is_empty(),
                Err(Errno::EAGAIN) => return Ok(rang),
                Err(Errno::EINTR) => {}
                Err(errno) => Err(errno).at_path("listen to", &self.bell)?,
            }
        }
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
