//! One client of a monitor.

use std::{
    io::{ErrorKind, Read as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
};

use super::{
    StartFailure,
    protocol::{Decoder, Message as _, Reply, Request, Stage, encode_output},
    queue::{Flow, Queue},
};

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Interest {
    /// It asks and is answered.
    #[default]
    Answers,
    /// It is told when the container has ended.
    End,
    /// It is joined to the container's streams, and is told when it has ended.
    Container,
    /// It is joined to the streams of a program executed in the container.
    Exec,
}

/// One client, non-blocking.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    out: Queue,
    stage: Stage,
    pub(super) interest: Interest,
    is_gone: bool,
    /// Everything has been said; it ends when the client has read it.
    is_closing: bool,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            out: Queue::default(),
            stage: Stage::default(),
            interest: Interest::default(),
            is_gone: false,
            is_closing: false,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(super) const fn has_room(&self) -> bool {
        self.is_gone || self.out.has_room()
    }

    pub(super) const fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_gone || (self.is_closing && self.out.is_empty())
    }

    pub(super) const fn leave(&mut self) {
        self.is_gone = true;
    }

    /// Reads what there is, once, and gives the requests in it. A client that leaves or does not follow the protocol is gone.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Vec<Request> {
        match self.stream.read(buffer) {
            Ok(0) => self.is_gone = true,
            Ok(length) => self.decoder.feed(buffer.get(..length).unwrap_or_default()),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.is_gone = true,
        }
        let mut requests = Vec::new();
        loop {
            let next = self.decoder.next::<Request>().and_then(|request| {
                if let Some(request) = &request {
                    self.stage = self.stage.after(request)?;
                }
                Ok(request)
            });
            match next {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => return requests,
                Err(error) => {
                    self.fail(&StartFailure::new(&error));
                    self.is_closing = true;
                    self.decoder = Decoder::default();
                    return requests;
                }
            }
        }
    }

    /// Tells whether more is to be read from it.
    pub(super) const fn is_listened_to(&self) -> bool {
        !self.is_closing && !self.is_gone
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        // Our own replies are small and have no key that JSON could not write.
        if !self.is_gone && reply.encode(self.out.back()).is_err() {
            self.is_gone = true;
        }
    }

    pub(super) fn fail(&mut self, failure: &StartFailure) {
        self.reply(&Reply::Failed(failure.clone()));
    }

    pub(super) fn show(&mut self, is_stderr: bool, bytes: &[u8]) {
        if !self.is_gone {
            encode_output(is_stderr, bytes, self.out.back());
        }
    }

    /// Says a last word.
    pub(super) fn close_with(&mut self, reply: &Reply) {
        self.reply(reply);
        self.close();
    }

    /// Says nothing more.
    pub(super) const fn close(&mut self) {
        self.is_closing = true;
    }

    /// Writes what the client takes now.
    pub(super) fn flush(&mut self) {
        if self.out.write_to(&self.stream, usize::MAX, 4) == Flow::Broken {
            self.is_gone = true;
        }
    }
}
