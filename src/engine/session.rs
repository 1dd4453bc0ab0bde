//! What a front end holds while it looks at a container: standard streams, a log, the bell.

use std::{os::fd::BorrowedFd, time::Duration};

use super::{Engine, EngineError, ErrorKind, Result};
use crate::{
    model::{Container, ContainerId, Exit, Timestamp},
    monitor::{self, log},
    store::Ear,
};

/// The standard streams of a container or of a program executed in it.
#[derive(Debug)]
pub struct Session(pub(super) monitor::Session);

/// How [`Session::drive`] came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// The program ended.
    Exited(Exit),
    /// The user typed the detach keys, or nobody reads standard output any more; the program runs on.
    Detached,
}

impl Session {
    /// Chooses the keys that leave the program alone; ctrl-p ctrl-q if `None`.
    #[must_use]
    pub fn with_detach_keys(self, keys: Option<Vec<u8>>) -> Self {
        Self(self.0.with_detach_keys(keys))
    }

    /// Copies between descriptors of the caller and the program until the program ends or the user detaches. With a terminal on
    /// both sides it keeps the sizes equal; the caller has put its own terminal into raw mode. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when the monitor died.
    pub fn drive(
        self,
        stdin: Option<BorrowedFd<'_>>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<SessionEnd> {
        Ok(match self.0.drive(stdin, stdout, stderr)? {
            monitor::SessionEnd::Exited(exit) => SessionEnd::Exited(exit),
            monitor::SessionEnd::Detached => SessionEnd::Detached,
        })
    }
}

/// Which lines of a log are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Only the last so many lines; what else is asked for is applied to those, as with Docker.
    pub tail: Option<u64>,
    /// Only what came then or later.
    pub since: Option<Timestamp>,
    /// Nothing from the first entry on that came later than that.
    pub until: Option<Timestamp>,
    /// Go on with what comes, until the container ends.
    pub follow: bool,
}

/// One line, or piece of a long line, that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it came.
    pub time: Timestamp,
    /// Which stream it was written to.
    pub stream: Stream,
    /// The bytes, with the line feed if there was one.
    pub bytes: Vec<u8>,
}

/// A standard stream that a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output; the only one of a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A container's log, read from its beginning or from where the wanted lines begin.
#[derive(Debug)]
pub struct LogReader {
    reader: log::Reader,
    engine: Engine,
    container: ContainerId,
    options: LogOptions,
    is_finished: bool,
}

impl LogReader {
    pub(super) fn open(
        engine: &Engine,
        container: &Container,
        options: LogOptions,
    ) -> Result<Self> {
        let driver = container.config.log.driver;
        let Some(chain) = log::Chain::of(engine.layout(), container.id, driver) else {
            let message = "configured logging driver does not support reading";
            return Err(EngineError::new(ErrorKind::Invalid, message)
                .hint("its log is not kept: it was made with --log-driver none"));
        };
        Ok(Self {
            reader: log::Reader::open(chain, options.tail, options.since)?,
            engine: engine.clone(),
            container: container.id,
            options,
            is_finished: false,
        })
    }

    /// Gives the next line; waits for it while following, at most `patience`. `Ok(None)` means that none came: at the end of the
    /// log, or that patience ended; [`LogReader::is_finished`] tells which.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the log cannot be read.
    pub fn next_line(&mut self, patience: Duration) -> Result<Option<LogLine>> {
        let patience = if self.options.follow { patience } else { Duration::ZERO };
        if let Some(entry) = self.reader.next_entry(patience)? {
            return Ok(self.wanted(entry));
        }
        if self.options.until.is_some_and(|until| Timestamp::now() > until) {
            self.is_finished = true;
            return Ok(None);
        }
        if self.options.follow && self.engine.is_live(self.container)? {
            return Ok(None);
        }
        // It has ended, so its monitor wrote all there is before the record said so: one more look is the last.
        let last = self.reader.next_entry(Duration::ZERO)?;
        self.is_finished = last.is_none();
        Ok(last.and_then(|entry| self.wanted(entry)))
    }

    fn wanted(&mut self, entry: log::Entry) -> Option<LogLine> {
        self.is_finished = self.options.until.is_some_and(|until| entry.time > until);
        (!self.is_finished).then(|| LogLine::from(entry))
    }

    /// Tells whether no further line can come.
    pub const fn is_finished(&self) -> bool {
        self.is_finished
    }
}

impl From<log::Entry> for LogLine {
    fn from(entry: log::Entry) -> Self {
        let stream = if entry.is_stderr { Stream::Stderr } else { Stream::Stdout };
        Self { time: entry.time, stream, bytes: entry.bytes }
    }
}

/// A bell that rings when the journal has grown, whoever wrote it.
#[derive(Debug)]
pub struct Watch(Ear);

impl Watch {
    pub(super) fn new(engine: &Engine) -> Result<Self> {
        Ear::new(engine.layout()).map(Self).map_err(|error| {
            EngineError::new(ErrorKind::Kernel, "changes of other processes cannot be watched")
                .caused_by(error)
        })
    }

    /// Waits until the bell rings or `patience` ends; tells whether it rang.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`].
    pub fn wait(&mut self, patience: Duration) -> Result<bool> {
        Ok(self.0.wait(patience)?)
    }
}
