//! A pair of sockets between a process and its child: whole messages, with at most one descriptor each.

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    cmsg_space,
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg,
        socketpair,
    },
};

use super::{At as _, Result};

/// The longest message in bytes.
const LONGEST: usize = 8192;

/// One end.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Makes both ends; executing a program closes them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn pair() -> Result<(Self, Self)> {
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map(|(one, other)| (Self(one), Self(other)))
            .at("make", "a pair of sockets")
    }

    /// Sends one message.
    ///
    /// # Errors
    /// What the kernel says; broken pipe when the other end is gone.
    pub fn send(&self, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> Result<()> {
        let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let parts = [IoSlice::new(bytes)];
        retry_on_intr(|| sendmsg(&self.0, &parts, &mut control, SendFlags::NOSIGNAL))
            .at("send to", "the other process")
            .map(drop)
    }

    /// Waits for the next message; `None` when the other end is closed.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&self) -> Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
        let mut bytes = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            match recvmsg(&self.0, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                // The other end was closed with something unread. That is told once, before what it had sent itself (unix(7)).
                Err(Errno::INTR | Errno::CONNRESET) => {}
                other => break other.at("hear from", "the other process")?.bytes,
            }
        };
        if length == 0 {
            return Ok(None);
        }
        bytes.truncate(length);
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        Ok(Some((bytes, descriptor)))
    }

    /// Tells, without waiting, whether the other end is closed.
    pub fn is_closed(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(&self.0, &mut [0; 1], flags) {
            Ok((_, length)) => length == 0,
            Err(errno) => errno != Errno::AGAIN,
        }
    }
}

impl From<UnixStream> for Channel {
    /// Takes a connected socket; on a stream, one message may come in pieces.
    fn from(stream: UnixStream) -> Self {
        Self(stream.into())
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_heard_whatever_was_left_unread() {
        let (one, other) = Channel::pair().unwrap();
        one.send(b"unread", None).unwrap();
        other.send(b"last words", None).unwrap();
        drop(other);
        assert_eq!(one.receive().unwrap().unwrap().0, b"last words");
        assert!(one.receive().unwrap().is_none());
        assert!(one.is_closed());
    }
}
