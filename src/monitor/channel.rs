//! A socket on which whole messages are sent and waited for.

use std::{
    io::{self, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::{Duration, Instant},
};

use super::protocol::{Decoder, Message};
use crate::sys::{
    SysError,
    poll::{self, PollFd, PollFlags},
};

/// One end of a connection, blocking.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    decoder: Decoder,
}

/// What came of waiting for a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received<M> {
    Message(M),
    /// The other end is gone.
    Ended,
    /// Patience is over.
    Nothing,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, decoder: Decoder::default() }
    }

    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Gives the socket, and what came through it but was not taken yet.
    pub(super) fn into_parts(self) -> (UnixStream, Decoder) {
        (self.stream, self.decoder)
    }

    /// Sends one message, whole.
    pub(super) fn send(&mut self, message: &impl Message) -> io::Result<()> {
        let mut frame = Vec::new();
        message.encode(&mut frame)?;
        self.stream.write_all(&frame)
    }

    /// Waits for one message; `None` when the other end is gone.
    pub(super) fn receive<M: Message>(&mut self) -> io::Result<Option<M>> {
        match self.receive_within(None)? {
            Received::Message(message) => Ok(Some(message)),
            Received::Ended | Received::Nothing => Ok(None),
        }
    }

    /// Waits for one message, at most so long.
    pub(super) fn receive_within<M: Message>(
        &mut self,
        patience: Option<Duration>,
    ) -> io::Result<Received<M>> {
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.decoder.next()? {
                return Ok(Received::Message(message));
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if !self.is_readable(left)? {
                if left.is_some_and(|left| left.is_zero()) {
                    return Ok(Received::Nothing);
                }
                continue;
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.decoder.finish()?;
                    return Ok(Received::Ended);
                }
                Ok(length) => self.decoder.feed(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(Received::Ended);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_readable(&self, patience: Option<Duration>) -> io::Result<bool> {
        let mut fds = [PollFd::from_borrowed_fd(self.stream.as_fd(), PollFlags::IN)];
        poll::wait(&mut fds, patience).map_err(|error: SysError| error.source)?;
        Ok(fds.iter().any(|fd| !fd.revents().is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::protocol::{Reply, Request};

    #[test]
    fn a_message_in_two_pieces_is_waited_for() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut channel = Channel::new(ours);
        let mut frame = Vec::new();
        Reply::Done.encode(&mut frame).unwrap();
        theirs.write_all(&frame[..3]).unwrap();
        let nothing = channel.receive_within::<Reply>(Some(Duration::ZERO));
        assert_eq!(nothing.unwrap(), Received::Nothing);
        theirs.write_all(&frame[3..]).unwrap();
        assert_eq!(channel.receive().unwrap(), Some(Reply::Done));
        theirs.write_all(&frame[..3]).unwrap();
        drop(theirs);
        let torn = channel.receive::<Reply>().unwrap_err();
        assert_eq!(torn.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_end_is_no_failure() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut channel = Channel::new(ours);
        channel.send(&Request::Attach).unwrap();
        drop(theirs);
        assert_eq!(channel.receive::<Reply>().unwrap(), None);
    }
}
