//! Reading on in a file that may still grow.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// A file and a place in it.
///
/// Nothing of what a file ends with is believed twice: what was not consumed is read again when more is asked for, because a writer may have taken it back.
#[derive(Debug)]
pub(super) struct Cursor {
    file: File,
    position: u64,
    /// What was read from the position on, after `consumed` bytes.
    buffer: Vec<u8>,
    consumed: usize,
    /// The latest time before the position, for the format that writes differences.
    pub(super) latest: i64,
    /// Whether the rest of a line is passed over.
    pub(super) is_skipping: bool,
}

impl Cursor {
    pub(super) const fn new(file: File, position: u64, latest: i64) -> Self {
        Self { file, position, buffer: Vec::new(), consumed: 0, latest, is_skipping: false }
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn set_position(&mut self, position: u64) {
        self.position = position;
        self.forget();
    }

    fn seen(&self) -> &[u8] {
        self.buffer.get(self.consumed..).unwrap_or_default()
    }

    /// Gives what follows, at least `wanted` bytes of it if they are there.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.seen().len() < wanted {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
            let known = self.buffer.len();
            self.buffer.resize(known + CHUNK, 0);
            let free = self.buffer.get_mut(known..).unwrap_or_default();
            let read = self.file.read_at(free, self.position + known as u64);
            let more = match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
                read => read.map(Some),
            };
            self.buffer.truncate(known + more.as_ref().map_or(0, |more| more.unwrap_or(0)));
            if more? == Some(0) {
                break;
            }
        }
        Ok(self.seen())
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.position += bytes as u64;
        self.consumed += bytes;
        if self.consumed > self.buffer.len() {
            self.forget();
        }
    }

    /// Reads the rest again when more is asked for.
    pub(super) fn forget(&mut self) {
        self.buffer.clear();
        self.consumed = 0;
    }
}

/// Reads a part of a file, less where it ends.
pub(super) fn read_part(file: &File, position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut part = vec![0; length];
    let mut known = 0;
    while let Some(free) = part.get_mut(known..).filter(|free| !free.is_empty()) {
        match file.read_at(free, position + known as u64) {
            Ok(0) => break,
            Ok(more) => known += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    part.truncate(known);
    Ok(part)
}
