//! The log of a container, Docker's json-file format: one object a line with `log`, `stream`, `time`.

mod reader;
mod writer;

use serde::Deserialize;

use super::Timestamp;

pub use reader::Reader;
pub(super) use writer::Writer;

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

/// One line of the file.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    log: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    stream: std::borrow::Cow<'a, str>,
    time: Timestamp,
}
