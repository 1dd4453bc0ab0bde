//! Which of the two formats a log has.

use std::{cell::OnceCell, fs::File, io};

use super::{Entry, Timestamp, cursor::Cursor, json, local};

/// How the entries of a log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Local,
}

/// Where a file ends, and what the next entry needs to know of those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct End {
    /// In bytes from the beginning.
    pub(super) position: u64,
    /// How many entries of the file end a line. Of no use to [`Format::Json`].
    pub(super) lines: u64,
    /// The latest time of all entries of the log, in nanoseconds since 1970. Of no use to [`Format::Json`].
    pub(super) latest: i64,
}

/// A place in a file from which entries can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) position: u64,
    /// As in [`End`].
    pub(super) latest: i64,
}

impl Format {
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Local => "local",
        }
    }

    /// Adds an entry to what will be written at `end`.
    pub(super) fn append(self, buffer: &mut Vec<u8>, end: &mut End, entry: &Piece<'_>) {
        match self {
            Self::Json => json::append(buffer, end, entry),
            Self::Local => local::append(buffer, end, entry),
        }
    }

    /// Finds where the last whole entry ends. What comes after that was torn off, by a power cut or a full disk.
    pub(super) fn end_of(self, file: &File) -> io::Result<End> {
        match self {
            Self::Json => json::end_of(file),
            Self::Local => local::end_of(file),
        }
    }

    /// Counts the whole entries in what was written at `end`.
    pub(super) fn entries(self, end: End, bytes: &[u8]) -> usize {
        match self {
            Self::Json => bytes.split(|byte| *byte == b'\n').count().saturating_sub(1),
            Self::Local => local::entries(end, bytes),
        }
    }

    /// Reads the next whole entry, if it is there.
    pub(super) fn read(self, cursor: &mut Cursor) -> io::Result<Option<Entry>> {
        match self {
            Self::Json => json::read(cursor),
            Self::Local => local::read(cursor),
        }
    }

    /// Finds where the last `lines` lines begin; if the file has fewer, takes away from `lines` what it has. The last entry of the newest file is a line also when its
    /// end has not come.
    pub(super) fn start_of_tail(
        self,
        file: &File,
        lines: &mut u64,
        is_newest: bool,
    ) -> io::Result<Option<Start>> {
        match self {
            Self::Json => json::start_of_tail(file, lines, is_newest),
            Self::Local => local::start_of_tail(file, lines, is_newest),
        }
    }

    /// Finds a place before which everything is older than `since`; `None` if files before this one may have what is not.
    pub(super) fn start_of_time(self, file: &File, since: Timestamp) -> io::Result<Option<Start>> {
        match self {
            Self::Json => json::start_of_time(file, since),
            Self::Local => local::start_of_time(file, since),
        }
    }
}

/// What becomes one entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) is_stderr: bool,
    pub(super) bytes: &'a [u8],
    pub(super) time: &'a Stamp,
}

/// When something came, and how that is written: what came together is written once.
#[derive(Debug)]
pub(super) struct Stamp {
    pub(super) time: Timestamp,
    text: OnceCell<String>,
}

impl Stamp {
    pub(super) const fn new(time: Timestamp) -> Self {
        Self { time, text: OnceCell::new() }
    }

    pub(super) fn text(&self) -> &str {
        self.text.get_or_init(|| self.time.to_string())
    }
}
