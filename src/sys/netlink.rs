//! Links, addresses, routes and packet rules, over netlink(7), blocking.
//!
//! A [`Socket`] belongs for its whole life to the network namespace that its thread was in when it was opened: open it there, go
//! back, and use it from anywhere ([`Socket::route_in`]). Requests are answered before a function returns; nothing is polled and
//! nothing is subscribed to.

mod address;
mod link;
pub mod namespace;
pub mod rules;

use std::{io, ops::RangeInclusive, os::fd::BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};

pub use link::{Link, Peer};

use super::{At as _, Result};

/// The largest datagram the kernel sends in a dump (`netlink_dump` in the kernel).
const LARGEST_DATAGRAM: usize = 32 * 1024;
/// The length of `struct nlmsghdr` (netlink(7)).
const HEADER: usize = 16;
/// How often a listing that something changed under is asked for again.
const DUMP_ATTEMPTS: usize = 8;

/// A netlink socket, in one network namespace for ever.
pub struct Socket {
    inner: netlink_sys::Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Socket {
    /// Opens a socket for links, addresses and routes of this thread's network namespace.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn route() -> Result<Self> {
        Self::open(NETLINK_ROUTE)
    }

    /// Opens a socket for links, addresses and routes of another network namespace.
    ///
    /// # Errors
    /// What the kernel says, when it does not let this process in there.
    pub fn route_in(target: BorrowedFd<'_>) -> Result<Self> {
        namespace::inside(target, Self::route)
    }

    /// Opens a socket for packet rules of this thread's network namespace.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn netfilter() -> Result<Self> {
        Self::open(NETLINK_NETFILTER)
    }

    fn open(protocol: isize) -> Result<Self> {
        // Neither bind nor connect is needed: the first send binds, and the kernel is where packets go by default.
        let inner = netlink_sys::Socket::new(protocol).at("open", "a netlink socket")?;
        Ok(Self { inner, sequence: 0, buffer: Vec::new() })
    }

    /// Sends one route request that changes something, and waits until it is done.
    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let sequence = self.send(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        self.replies(sequence..=sequence, |_: RouteNetlinkMessage| {})?;
        Ok(())
    }

    /// Asks for one thing.
    fn get<I>(&mut self, message: I) -> io::Result<Option<I>>
    where
        I: NetlinkSerializable + NetlinkDeserializable,
    {
        let sequence = self.send(message, NLM_F_REQUEST | NLM_F_ACK)?;
        let mut found = None;
        self.replies(sequence..=sequence, |reply| found = Some(reply))?;
        Ok(found)
    }

    /// Asks for all things of a kind, again if they changed meanwhile.
    fn list<I>(&mut self, message: &I) -> io::Result<Vec<I>>
    where
        I: NetlinkSerializable + NetlinkDeserializable + Clone,
    {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.send(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            let mut found = Vec::new();
            if self.replies(sequence..=sequence, |reply| found.push(reply))? {
                return Ok(found);
            }
        }
        Err(io::Error::other("it changes faster than it can be read"))
    }

    /// Sends one request and gives its number.
    fn send<I: NetlinkSerializable>(&mut self, message: I, flags: u16) -> io::Result<u32> {
        self.buffer.clear();
        let sequence = self.append(message, flags);
        self.flush()?;
        Ok(sequence)
    }

    /// Puts one request behind those that wait to be flushed, and gives its number.
    fn append<I: NetlinkSerializable>(&mut self, message: I, flags: u16) -> u32 {
        self.sequence += 1;
        let mut message =
            NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(message));
        message.header.flags = flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let start = self.buffer.len();
        self.buffer.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut self.buffer[start..]);
        self.sequence
    }

    /// Sends what was appended as one datagram.
    fn flush(&self) -> io::Result<()> {
        retry(|| self.inner.send(&self.buffer, 0)).map(drop)
    }

    /// Reads what the kernel answers to the requests of these numbers until all is answered: the acknowledgement of the last, the end of a list, or the first failure.
    /// Tells whether what was read is of one moment.
    fn replies<I: NetlinkDeserializable>(
        &mut self,
        requests: RangeInclusive<u32>,
        mut keep: impl FnMut(I),
    ) -> io::Result<bool> {
        let mut consistent = true;
        loop {
            self.receive()?;
            let mut rest = self.buffer.as_slice();
            while rest.len() >= HEADER {
                let message = NetlinkMessage::<I>::deserialize(rest).map_err(io::Error::other)?;
                let length = usize::try_from(message.header.length).map_err(io::Error::other)?;
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                if !requests.contains(&message.header.sequence_number) {
                    continue;
                }
                consistent &= message.header.flags & NLM_F_DUMP_INTR == 0;
                let is_last = message.header.sequence_number == *requests.end();
                match message.payload {
                    NetlinkPayload::InnerMessage(reply) => keep(reply),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    NetlinkPayload::Done(done) if done.code != 0 => {
                        return Err(io::Error::from_raw_os_error(done.code.saturating_abs()));
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) if is_last => {
                        return Ok(consistent);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Reads one datagram of the kernel into the buffer.
    fn receive(&mut self) -> io::Result<()> {
        self.buffer.reserve(LARGEST_DATAGRAM);
        loop {
            self.buffer.clear();
            let (_, sender) = retry(|| self.inner.recv_from(&mut self.buffer, 0))?;
            // Another process could send something that looks like an answer.
            if sender.port_number() == 0 {
                return Ok(());
            }
        }
    }
}

/// Calls again what a signal interrupted.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Takes a failure with this error number as done: somebody else was there first.
fn unless(errno: i32, result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(errno) => Ok(false),
        Err(error) => Err(error),
    }
}
