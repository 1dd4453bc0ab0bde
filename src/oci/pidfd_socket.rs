//! A process that the caller asked for by descriptor.

use std::{
    os::{fd::BorrowedFd, unix::net::UnixStream},
    path::PathBuf,
};

use super::{Context, Failure, console};
use crate::sys::channel::Channel;

/// What runc sends along.
const NAME: &[u8] = b"pidfd";

/// To whom a process is sent, if to anybody.
#[derive(Debug)]
pub(super) struct PidfdSocket(Option<UnixStream>);

impl PidfdSocket {
    /// Connects, before anything is made.
    pub(super) fn connect(context: &Context<'_>, path: Option<&PathBuf>) -> Result<Self, Failure> {
        path.map(|path| console::connect(&context.absolute(path))).transpose().map(Self)
    }

    /// Sends the process.
    pub(super) fn send(self, pidfd: BorrowedFd<'_>) -> Result<(), Failure> {
        match self.0 {
            Some(stream) => Ok(Channel::from(stream).send(NAME, Some(pidfd))?),
            None => Ok(()),
        }
    }
}
