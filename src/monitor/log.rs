//! The log of a container: its monitor writes it, whoever asks reads it.
//!
//! A log is a chain of files, of which only the newest is written to. A full one gets a number and the next is begun; a reader holds the file that it is in open, so that
//! it reads that to its end and then goes on with the next, whatever their names are by then.
//!
//! | file | what |
//! |---|---|
//! | `writer` | what comes on the streams, cut into entries; full files and full disks |
//! | `chain` | the files and their order |
//! | `json`, `local` | the two formats: writing an entry, reading one, finding lines and times |
//! | `format` | which of the two |
//! | `cursor`, `reader` | reading on from a place, across files, while it grows |
//!
//! In both a line longer than 16 kB is several entries, as with Docker; what belongs to one line stands in entries up to the next that ends with a line feed.

mod chain;
mod cursor;
mod format;
mod json;
mod local;
mod reader;
mod writer;

use super::Timestamp;

pub use chain::Chain;
pub use reader::Reader;
pub(super) use writer::Writer;

/// A longer line is cut into entries of at most so many bytes, as Docker does.
const LONGEST_ENTRY: usize = 16 << 10;

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it came.
    pub time: Timestamp,
    /// Whether it came on standard error.
    pub is_stderr: bool,
    /// The bytes, with line feed if there was one.
    pub bytes: Vec<u8>,
}

#[cfg(test)]
mod tests;
