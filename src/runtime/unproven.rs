//! A process of which nothing is known yet but that it was made.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use crate::sys::{At as _, clone::Child, pidfd};

/// A child that is killed and reaped when this is dropped.
#[derive(Debug)]
pub(super) struct Unproven {
    pub(super) pid: i32,
    pub(super) pidfd: OwnedFd,
    is_kept: bool,
}

impl Unproven {
    /// Takes a child just made.
    pub(super) fn new(child: Child) -> Self {
        Self { pid: child.pid, pidfd: child.pidfd, is_kept: false }
    }

    /// Gives its pidfd.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Lets it live.
    pub(super) fn keep(mut self) -> crate::sys::Result<OwnedFd> {
        let pidfd = self.pidfd.try_clone().at("keep process", self.pid)?;
        self.is_kept = true;
        Ok(pidfd)
    }
}

impl Drop for Unproven {
    fn drop(&mut self) {
        if !self.is_kept {
            pidfd::kill_and_reap(&self.pidfd);
        }
    }
}
