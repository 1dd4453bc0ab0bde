//! A message bus of this machine (D-Bus Specification 0.42): one connection, one call at a time, no thread.
//!
//! Only what one exchange needs: the authentication that a local socket has, calls and their answers, and signals that come between.

mod message;

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};
use zvariant::DynamicType;

pub use self::message::{Call, Message};
use self::message::{FIXED, Kind, beginning};
use super::{At as _, Result, SysError};

/// How long an answer may take; systemd gives a job one and a half minutes, and says so itself when that is over.
const PATIENCE: Duration = Duration::from_secs(100);

/// The bus itself, as whom to talk to.
const BUS: &str = "org.freedesktop.DBus";

/// A connection.
#[derive(Debug)]
pub struct Bus {
    stream: UnixStream,
    serial: u32,
    /// Signals that came while an answer was awaited.
    signals: VecDeque<Message>,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] SysError),
    /// Who was called refused, with the name of an error and a sentence.
    #[error("{text} ({name})")]
    Refused {
        /// Like `org.freedesktop.systemd1.UnitExists`.
        name: String,
        /// What it said.
        text: String,
    },
}

impl BusError {
    /// Tells whether it was refused by an error of this name.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { name, .. } if name == wanted)
    }
}

impl Bus {
    /// Connects to the bus that listens at `path`.
    ///
    /// # Errors
    /// What the kernel or the bus says.
    pub fn connect(path: &Path) -> std::result::Result<Self, BusError> {
        Self::over(UnixStream::connect(path).at_path("connect to the message bus", path)?)
    }

    /// Greets a bus over a stream that is connected.
    ///
    /// # Errors
    /// As [`Bus::connect`].
    pub fn over(stream: UnixStream) -> std::result::Result<Self, BusError> {
        stream.set_read_timeout(Some(PATIENCE)).at("set a deadline on", "the message bus")?;
        let mut bus = Self { stream, serial: 0, signals: VecDeque::new() };
        bus.authenticate()?;
        bus.call(&bus_call("Hello"), &())?;
        Ok(bus)
    }

    /// Lets the kernel say who this is ("EXTERNAL"), without naming a user: in a user namespace the number would be another.
    fn authenticate(&mut self) -> Result<()> {
        for (said, expected) in
            [("\0AUTH EXTERNAL\r\n", "DATA"), ("DATA\r\n", "OK "), ("BEGIN\r\n", "")]
        {
            self.stream.write_all(said.as_bytes()).at("write to", "the message bus")?;
            let line = if expected.is_empty() { String::new() } else { self.line()? };
            if !line.starts_with(expected) {
                let reason = io::Error::new(io::ErrorKind::PermissionDenied, line);
                return Err(SysError::new("authenticate at", "the message bus", reason));
            }
        }
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        let mut letter = [0];
        // A byte at a time, because nothing after the line may be taken; the longest is 16 KiB in libdbus.
        while !line.ends_with(b"\r\n") && line.len() < 16_384 {
            self.stream.read_exact(&mut letter).at("read from", "the message bus")?;
            line.extend(letter);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Asks for the signals that a rule names ("Match Rules").
    ///
    /// # Errors
    /// As [`Bus::call`].
    pub fn listen(&mut self, rule: &str) -> std::result::Result<(), BusError> {
        self.call(&bus_call("AddMatch"), &(rule,)).map(drop)
    }

    /// Calls a method and gives its answer.
    ///
    /// # Errors
    /// [`BusError::Refused`] when it is refused; what the kernel says; timed out.
    pub fn call(
        &mut self,
        call: &Call<'_>,
        body: &(impl Serialize + DynamicType),
    ) -> std::result::Result<Message, BusError> {
        self.serial += 1;
        let bytes = call.encode(self.serial, body)?;
        self.stream.write_all(&bytes).at("write to", "the message bus")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = self.receive(deadline)?;
            match message.kind {
                Kind::Answer if message.answers == Some(self.serial) => return Ok(message),
                Kind::Error if message.answers == Some(self.serial) => {
                    let (text,) = message.read().unwrap_or((String::new(),));
                    return Err(BusError::Refused { name: message.error, text });
                }
                Kind::Signal => self.signals.push_back(message),
                // Nobody has a reason to call this program.
                _ => {}
            }
        }
    }

    /// Waits for a signal of a name for which `pick` gives something.
    ///
    /// # Errors
    /// What the kernel says; timed out.
    pub fn await_signal<B: DeserializeOwned + zvariant::Type, T>(
        &mut self,
        name: &str,
        mut pick: impl FnMut(B) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = match self.signals.pop_front() {
                Some(message) => message,
                None => self.receive(deadline)?,
            };
            if message.kind == Kind::Signal
                && message.member == name
                && let Some(found) = pick(message.read()?)
            {
                return Ok(found);
            }
        }
    }

    fn receive(&mut self, deadline: Instant) -> Result<Message> {
        if Instant::now() > deadline {
            return Err(SysError::new("hear from", "the message bus", io::ErrorKind::TimedOut));
        }
        let mut bytes = vec![0; FIXED];
        self.stream.read_exact(&mut bytes).at("read from", "the message bus")?;
        let whole = beginning(&bytes)?;
        bytes.resize(whole, 0);
        let rest = bytes.get_mut(FIXED..).unwrap_or_default();
        self.stream.read_exact(rest).at("read from", "the message bus")?;
        Message::decode(bytes)
    }
}

/// Names a method of the bus itself.
const fn bus_call(member: &'static str) -> Call<'static> {
    Call { destination: BUS, path: "/org/freedesktop/DBus", interface: BUS, member }
}

#[cfg(test)]
pub(crate) mod tests;
