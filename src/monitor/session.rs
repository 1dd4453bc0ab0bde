//! The user's end of a program's standard streams.

mod drive;
mod keys;

use std::os::fd::BorrowedFd;

use super::{MonitorError, channel::Channel};
use crate::model::{ContainerId, Exit};

/// The standard streams of a container or of a program executed in it, over the monitor's socket.
#[derive(Debug)]
pub struct Session {
    id: ContainerId,
    channel: Channel,
    has_terminal: bool,
    detach_keys: Option<Vec<u8>>,
}

/// How [`Session::drive`] came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// The program ended.
    Exited(Exit),
    /// The user typed the detach keys, or nobody reads standard output any more; the program runs on.
    Detached,
}

impl Session {
    pub(super) const fn new(id: ContainerId, channel: Channel, has_terminal: bool) -> Self {
        Self { id, channel, has_terminal, detach_keys: None }
    }

    /// Chooses the keys that leave the program alone.
    #[must_use]
    pub fn with_detach_keys(mut self, keys: Option<Vec<u8>>) -> Self {
        self.detach_keys = keys;
        self
    }

    /// Tells whether the program's streams are a terminal.
    pub const fn has_terminal(&self) -> bool {
        self.has_terminal
    }

    /// Copies between descriptors of the caller and the program until the program ends or the user detaches (only with a terminal). With a terminal on both
    /// sides it keeps the sizes equal. The caller has put its own terminal into raw mode. Leaves no thread and no changed signal disposition behind.
    ///
    /// # Errors
    /// [`MonitorError::Gone`], [`MonitorError::Start`] when the container that was attached to did not start.
    pub fn drive(
        self,
        stdin: Option<BorrowedFd<'_>>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<SessionEnd, MonitorError> {
        drive::Drive::new(self, stdin, [stdout, stderr]).run()
    }
}
