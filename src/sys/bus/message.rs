//! Messages as they go over the wire ("Message Format").

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use zvariant::{
    DynamicType, LE, ObjectPath, Type, Value,
    serialized::{Context, Data},
};

use crate::sys::{Result, SysError};

/// How long the part of a message is that says how long the rest is, in bytes.
pub(super) const FIXED: usize = 16;

/// The longest message, in bytes ("Maximum message length").
const LONGEST: usize = 1 << 27;

/// Numbers of header fields.
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR: u8 = 4;
const ANSWERS: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Call,
    Answer,
    Error,
    Signal,
    /// One of a later version of the protocol, to be ignored.
    Unknown,
}

/// Which method is called.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The name of who is called.
    pub destination: &'a str,
    /// The path of its object.
    pub path: &'a str,
    /// The interface that the method belongs to.
    pub interface: &'a str,
    /// The method.
    pub member: &'a str,
}

/// What was received.
#[derive(Debug)]
pub struct Message {
    pub(super) kind: Kind,
    /// Which call it answers.
    pub(super) answers: Option<u32>,
    /// The name of a method or signal.
    pub(super) member: String,
    /// The name of an error.
    pub(super) error: String,
    bytes: Vec<u8>,
    body: usize,
}

/// Byte order, kind, flags, version, length of the body, serial number, fields.
type Header<'a> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Value<'a>)>);

impl Call<'_> {
    /// Puts a message together; what `body` holds are the arguments.
    pub(super) fn encode(
        &self,
        serial: u32,
        body: &(impl Serialize + DynamicType),
    ) -> Result<Vec<u8>> {
        let signature = body.signature();
        let arguments = zvariant::to_bytes(context(), body).map_err(|error| odd(&error))?;
        let path = ObjectPath::try_from(self.path).map_err(|error| odd(&error))?;
        let fields = vec![
            (PATH, Value::from(path)),
            (INTERFACE, Value::from(self.interface)),
            (MEMBER, Value::from(self.member)),
            (DESTINATION, Value::from(self.destination)),
        ];
        let bare = signature.to_string_no_parens();
        let arguments: &[u8] = if bare.is_empty() { &[] } else { arguments.bytes() };
        let length = u32::try_from(arguments.len()).map_err(|error| odd(&error))?;
        let header: Header<'_> = (b'l', 1, 0, 1, length, serial, fields);
        let header = zvariant::to_bytes(context(), &header).map_err(|error| odd(&error))?;
        let mut bytes = header.bytes().to_vec();
        add_signature(&mut bytes, &bare)?;
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(arguments);
        Ok(bytes)
    }
}

/// Adds the last field to a header: the types of the arguments, which are no structure. zvariant would write several as one, in parentheses,
/// and systemd refuses that.
fn add_signature(header: &mut Vec<u8>, bare: &str) -> Result<()> {
    if bare.is_empty() {
        return Ok(());
    }
    header.resize(header.len().next_multiple_of(8), 0);
    // A variant of type `g`.
    header.extend([SIGNATURE, 1, b'g', 0, u8::try_from(bare.len()).map_err(|error| odd(&error))?]);
    header.extend(bare.bytes().chain([0]));
    let fields = u32::try_from(header.len() - FIXED).map_err(|error| odd(&error))?;
    for (place, byte) in header.iter_mut().skip(FIXED - 4).zip(fields.to_le_bytes()) {
        *place = byte;
    }
    Ok(())
}

/// Tells how long a message is, from its fixed part.
pub(super) fn beginning(fixed: &[u8]) -> Result<usize> {
    let number = |at: usize| {
        let bytes = fixed.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        let number = u32::from_le_bytes(bytes.unwrap_or_default());
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    if fixed.first() != Some(&b'l') {
        return Err(odd(&"its byte order is not this machine's"));
    }
    let length = number(12).saturating_add(FIXED).next_multiple_of(8).saturating_add(number(4));
    if length > LONGEST { Err(odd(&"it is too long")) } else { Ok(length) }
}

impl Message {
    pub(super) fn decode(bytes: Vec<u8>) -> Result<Self> {
        let length = bytes.get(4..8).and_then(|bytes| bytes.try_into().ok());
        let length = usize::try_from(u32::from_le_bytes(length.unwrap_or_default()));
        let body = bytes.len().saturating_sub(length.unwrap_or(usize::MAX));
        let data = Data::new(bytes.as_slice(), context());
        let (header, _): (Header<'_>, usize) = data.deserialize().map_err(|error| odd(&error))?;
        let (kind, fields) = (header.1, header.6);
        let text = |wanted: u8| {
            let value = fields.iter().find(|(field, _)| *field == wanted).map(|(_, value)| value);
            match value {
                Some(Value::Str(text)) => text.to_string(),
                _ => String::new(),
            }
        };
        let answers = fields.iter().find_map(|(field, value)| match value {
            Value::U32(number) if *field == ANSWERS => Some(*number),
            _ => None,
        });
        let kind = match kind {
            1 => Kind::Call,
            2 => Kind::Answer,
            3 => Kind::Error,
            4 => Kind::Signal,
            _ => Kind::Unknown,
        };
        let (member, error) = (text(MEMBER), text(ERROR));
        Ok(Self { kind, answers, member, error, bytes, body })
    }

    /// Reads the arguments, as a tuple.
    ///
    /// # Errors
    /// Invalid when they are others.
    pub fn read<T: DeserializeOwned + Type>(&self) -> Result<T> {
        let body = self.bytes.get(self.body..).unwrap_or_default();
        let data = Data::new(body, context());
        data.deserialize().map(|(value, _)| value).map_err(|error| odd(&error))
    }
}

fn context() -> Context {
    Context::new_dbus(LE, 0)
}

fn odd(reason: &impl ToString) -> SysError {
    let reason = io::Error::new(io::ErrorKind::InvalidData, reason.to_string());
    SysError::new("understand", "a message of the bus", reason)
}

/// Kept out of the way of [`Message`]: the other side, for tests.
#[cfg(test)]
pub(crate) mod other_side {
    use super::*;

    /// A call as it arrives.
    #[derive(Debug)]
    pub(crate) struct Heard {
        pub(crate) serial: u32,
        pub(crate) member: String,
        pub(crate) signature: String,
        message: Message,
    }

    impl Heard {
        pub(crate) fn of(bytes: Vec<u8>) -> Self {
            let message = Message::decode(bytes).unwrap();
            assert_eq!(message.kind, Kind::Call);
            let data = Data::new(message.bytes.as_slice(), context());
            let (header, _): (Header<'_>, usize) = data.deserialize().unwrap();
            // As it stands there, not as it is understood.
            let begin = message.bytes.windows(4).position(|four| four == b"\x08\x01g\0");
            let signature = begin.map_or(&[][..], |at| {
                let length = usize::from(message.bytes[at + 4]);
                &message.bytes[at + 5..at + 5 + length]
            });
            let signature = String::from_utf8(signature.to_vec()).unwrap();
            let (serial, member) = (header.5, message.member.clone());
            Self { serial, member, signature, message }
        }

        pub(crate) fn read<T: DeserializeOwned + Type>(&self) -> T {
            self.message.read().unwrap()
        }
    }

    /// Puts together what a bus sends: an answer, an error (with its name) or a signal.
    pub(crate) fn sent(
        kind: u8,
        answers: u32,
        name: &str,
        body: &(impl Serialize + DynamicType),
    ) -> Vec<u8> {
        let mut fields = vec![(ANSWERS, Value::from(answers))];
        match kind {
            3 => fields.push((ERROR, Value::from(name))),
            4 => fields = vec![(MEMBER, Value::from(name))],
            _ => {}
        }
        let bare = body.signature().to_string_no_parens();
        let body = zvariant::to_bytes(context(), body).unwrap();
        let header: Header<'_> = (b'l', kind, 0, 1, u32::try_from(body.len()).unwrap(), 1, fields);
        let mut bytes = zvariant::to_bytes(context(), &header).unwrap().bytes().to_vec();
        add_signature(&mut bytes, &bare).unwrap();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(body.bytes());
        bytes
    }
}
