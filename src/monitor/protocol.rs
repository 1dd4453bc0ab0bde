//! What a monitor and its callers say to each other: one enum per direction, in frames.
//!
//! A frame is one byte of kind, four bytes of length (little endian), and so many bytes. Kind 0 is a message as JSON; kinds 1
//! and 2 carry the bytes of a stream as they are. Nothing is buffered before its length has been found small enough.

use std::io;

use oci_spec::runtime::LinuxResources;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Launch, StartFailure};
use crate::{
    model::{Endpoint, ExecRequest, Exit, Mark, Network},
    sys::{process::ProcessId, tty::WindowSize},
};

/// The bytes of a stream that one frame carries at most.
pub(super) const LARGEST_CHUNK: usize = 64 << 10;
/// The bytes of a message of a client, or to one.
const LARGEST_MESSAGE: usize = 1 << 20;
/// The bytes of a [`Launch`], which lists every network and endpoint.
const LARGEST_LAUNCH: usize = 64 << 20;
const HEADER: usize = 5;

const MESSAGE: u8 = 0;
const FIRST_STREAM: u8 = 1;
const SECOND_STREAM: u8 = 2;

/// What does not follow the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtocolError {
    /// A frame that is longer than its kind may be.
    #[error("a frame of {0} bytes is too long")]
    Oversized(usize),
    /// A kind that this direction does not have.
    #[error("a frame of kind {0} is unknown here")]
    Kind(u8),
    /// A message that cannot be read.
    #[error("a message cannot be read: {0}")]
    Garbled(String),
    /// A message that makes no sense after what came before.
    #[error("'{0}' makes no sense now")]
    Order(&'static str),
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    Truncated,
}

impl From<ProtocolError> for io::Error {
    fn from(error: ProtocolError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Something that travels as one frame.
pub(super) trait Message: Sized {
    /// The bytes that a frame of this kind may have; `None` when this direction does not have the kind.
    fn limit(kind: u8) -> Option<usize>;
    /// Appends it as one frame.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError>;
    /// Reads it from the bytes of a frame whose kind and length are allowed.
    fn decode(kind: u8, body: &[u8]) -> Result<Self, ProtocolError>;
}

/// What the one who launches says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Instruction {
    /// What to attend to; first.
    Launch(Box<Launch>),
    /// Let the container begin; last.
    Go,
}

/// What a monitor answers to the one who launched it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The socket listens; this is the monitor's process.
    Listening(ProcessId),
    /// The program has been executed, and that is written down; when which step was over.
    Ready(Vec<Mark>),
    /// It was not, and everything is as before.
    Failed(StartFailure),
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Join the container's streams.
    Attach,
    /// Run a further program and join its streams.
    Exec(ExecRequest),
    /// Send a signal to the container's first process.
    Signal(i32),
    /// Tell when the container has ended.
    Wait,
    /// The client's terminal has this size now.
    Resize(WindowSize),
    /// Bytes for standard input.
    #[serde(skip)]
    Stdin(Vec<u8>),
    /// There is no more standard input.
    CloseStdin,
    /// The next runs have these limits; this one has them already.
    Limit(Box<Option<LinuxResources>>),
    /// Join a network.
    ConnectNetwork(Box<Joining>),
    /// Leave a network.
    DisconnectNetwork(Box<Endpoint>),
}

/// What joining a network needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Joining {
    pub(super) endpoint: Endpoint,
    pub(super) network: Network,
    pub(super) all: Vec<Network>,
}

/// What a monitor answers to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The streams are joined; tells whether they are a terminal.
    Joined {
        /// Whether the program's streams are a terminal.
        terminal: bool,
    },
    /// Bytes of standard output.
    #[serde(skip)]
    Stdout(Vec<u8>),
    /// Bytes of standard error.
    #[serde(skip)]
    Stderr(Vec<u8>),
    /// The program ended, or the container that was waited for; the last reply.
    Exited(Exit),
    /// It is done.
    Done,
    /// It is not done, and why.
    Failed(StartFailure),
}

impl Message for Instruction {
    fn limit(kind: u8) -> Option<usize> {
        (kind == MESSAGE).then_some(LARGEST_LAUNCH)
    }
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        encode_message(self, out)
    }
    fn decode(_kind: u8, body: &[u8]) -> Result<Self, ProtocolError> {
        decode_message(body)
    }
}

impl Message for Report {
    fn limit(kind: u8) -> Option<usize> {
        (kind == MESSAGE).then_some(LARGEST_MESSAGE)
    }
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        encode_message(self, out)
    }
    fn decode(_kind: u8, body: &[u8]) -> Result<Self, ProtocolError> {
        decode_message(body)
    }
}

impl Message for Request {
    fn limit(kind: u8) -> Option<usize> {
        match kind {
            MESSAGE => Some(LARGEST_MESSAGE),
            FIRST_STREAM => Some(LARGEST_CHUNK),
            _ => None,
        }
    }
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        match self {
            Self::Stdin(bytes) => encode_stream(FIRST_STREAM, bytes, out),
            message => return encode_message(message, out),
        }
        Ok(())
    }
    fn decode(kind: u8, body: &[u8]) -> Result<Self, ProtocolError> {
        match kind {
            FIRST_STREAM => Ok(Self::Stdin(body.to_vec())),
            _ => decode_message(body),
        }
    }
}

impl Message for Reply {
    fn limit(kind: u8) -> Option<usize> {
        match kind {
            MESSAGE => Some(LARGEST_MESSAGE),
            FIRST_STREAM | SECOND_STREAM => Some(LARGEST_CHUNK),
            _ => None,
        }
    }
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        match self {
            Self::Stdout(bytes) => encode_stream(FIRST_STREAM, bytes, out),
            Self::Stderr(bytes) => encode_stream(SECOND_STREAM, bytes, out),
            message => return encode_message(message, out),
        }
        Ok(())
    }
    fn decode(kind: u8, body: &[u8]) -> Result<Self, ProtocolError> {
        match kind {
            FIRST_STREAM => Ok(Self::Stdout(body.to_vec())),
            SECOND_STREAM => Ok(Self::Stderr(body.to_vec())),
            _ => decode_message(body),
        }
    }
}

/// Appends what a program wrote, without a copy in between; `bytes` of any length.
pub(super) fn encode_output(is_stderr: bool, bytes: &[u8], out: &mut Vec<u8>) {
    let kind = if is_stderr { SECOND_STREAM } else { FIRST_STREAM };
    encode_stream(kind, bytes, out);
}

fn encode_stream(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(LARGEST_CHUNK) {
        encode_header(kind, chunk.len(), out);
        out.extend_from_slice(chunk);
    }
}

fn encode_message(message: &impl Serialize, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
    let body = serde_json::to_vec(message).map_err(|e| ProtocolError::Garbled(e.to_string()))?;
    if body.len() > LARGEST_LAUNCH {
        return Err(ProtocolError::Oversized(body.len()));
    }
    encode_header(MESSAGE, body.len(), out);
    out.extend_from_slice(&body);
    Ok(())
}

fn encode_header(kind: u8, length: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn decode_message<T: DeserializeOwned>(body: &[u8]) -> Result<T, ProtocolError> {
    serde_json::from_slice(body).map_err(|e| ProtocolError::Garbled(e.to_string()))
}

/// Puts frames together from the pieces in which they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// Adds what came.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next message, if it is there in full.
    pub(super) fn next<M: Message>(&mut self) -> Result<Option<M>, ProtocolError> {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let Some((header, rest)) = rest.split_first_chunk::<HEADER>() else {
            self.forget_if_empty();
            return Ok(None);
        };
        let [kind, length @ ..] = *header;
        let limit = M::limit(kind).ok_or(ProtocolError::Kind(kind))?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > limit {
            return Err(ProtocolError::Oversized(length));
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let message = M::decode(kind, body)?;
        self.start += HEADER + length;
        Ok(Some(message))
    }

    /// Says whether the connection may end here.
    pub(super) fn finish(&self) -> Result<(), ProtocolError> {
        if self.start == self.bytes.len() { Ok(()) } else { Err(ProtocolError::Truncated) }
    }

    /// A connection that rests keeps no buffer.
    fn forget_if_empty(&mut self) {
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes = Vec::new();
        }
    }
}

/// Where a client stands: what it may say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// It has asked for nothing that goes on.
    #[default]
    Idle,
    /// It waits for the end of the container; it may still send signals.
    Waiting,
    /// It is joined to streams.
    Streaming,
}

impl Stage {
    /// Checks the order and gives where the client stands then.
    pub(super) const fn after(self, request: &Request) -> Result<Self, ProtocolError> {
        match (self, request) {
            (Self::Idle, Request::Attach | Request::Exec(_)) => Ok(Self::Streaming),
            (Self::Idle, Request::Wait) => Ok(Self::Waiting),
            (
                Self::Idle | Self::Waiting,
                Request::Signal(_)
                | Request::Limit(_)
                | Request::ConnectNetwork(_)
                | Request::DisconnectNetwork(_),
            )
            | (Self::Streaming, Request::Stdin(_) | Request::CloseStdin | Request::Resize(_)) => {
                Ok(self)
            }
            (_, wrong) => Err(ProtocolError::Order(wrong.name())),
        }
    }
}

impl Request {
    const fn name(&self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Exec(_) => "exec",
            Self::Signal(_) => "signal",
            Self::Limit(_) => "limit",
            Self::Wait => "wait",
            Self::Resize(_) => "resize",
            Self::Stdin(_) => "standard input",
            Self::CloseStdin => "end of standard input",
            Self::ConnectNetwork(_) => "connect to a network",
            Self::DisconnectNetwork(_) => "disconnect from a network",
        }
    }
}

#[cfg(test)]
mod tests;
