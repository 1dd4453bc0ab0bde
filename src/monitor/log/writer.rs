//! Writes what a container says into its log.

use std::{
    fs::File,
    io::{self, BufRead as _, Write as _},
};

use nix::errno::Errno;

use super::{
    Chain, LONGEST_ENTRY, Timestamp,
    format::{End, Piece, Stamp},
};
use crate::{
    model::LogBounds,
    sys::{Result, files},
};

/// So many bytes of a disk no log takes: the records of how containers end must still find room.
const RESERVE: u64 = 16 << 20;

/// So many bytes are written before it is looked again how much room a disk has.
const LOOK_EVERY: u64 = 1 << 20;

/// A log that is written to. Entries are collected until [`Writer::flush`].
///
/// A disk that is full does not stop the container: what cannot be written is lost, and what was written in part is taken back. The log says so where entries are missing,
/// if need be once there is room again, and [`Writer::lost`] in the end.
#[derive(Debug)]
pub(in crate::monitor) struct Writer {
    chain: Chain,
    bounds: LogBounds,
    file: File,
    buffer: Vec<u8>,
    /// How many entries the buffer holds.
    collected: usize,
    /// Where the file ends, once that is known.
    end: Option<End>,
    /// Where it will end when the buffer is written.
    next: End,
    /// The lines of standard output and standard error that have not ended yet.
    partial: [Vec<u8>; 2],
    /// So many bytes may be written before the disk is looked at.
    room: u64,
    /// Whether the last entries were lost.
    is_losing: bool,
    /// Says that entries are missing, and could not be written yet.
    owed: Option<String>,
    /// How many entries were lost, and why the last ones were.
    lost: Option<(usize, String)>,
}

impl Writer {
    /// Opens a log to go on with it; begins it if there is none.
    pub(in crate::monitor) fn open(chain: Chain, bounds: LogBounds) -> Result<Self> {
        Ok(Self {
            file: chain.open_newest()?,
            chain,
            bounds,
            buffer: Vec::new(),
            collected: 0,
            end: None,
            next: End::default(),
            partial: [Vec::new(), Vec::new()],
            room: 0,
            is_losing: false,
            owed: None,
            lost: None,
        })
    }

    /// Takes what came on a stream; a line that has not ended waits for its end.
    pub(in crate::monitor) fn push(&mut self, is_stderr: bool, bytes: &[u8], time: Timestamp) {
        let time = &Stamp::new(time);
        let mut partial = std::mem::take(&mut self.partial[usize::from(is_stderr)]);
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut line = first_line(&mut rest);
            while partial.len() + line.len() > LONGEST_ENTRY {
                let (now, later) = line.split_at(LONGEST_ENTRY - partial.len());
                partial.extend_from_slice(now);
                let tail = partial.split_off(whole_characters(&partial));
                self.take(&Piece { is_stderr, bytes: &partial, time });
                partial = tail;
                line = later;
            }
            if !line.ends_with(b"\n") {
                partial.extend_from_slice(line);
            } else if partial.is_empty() {
                self.take(&Piece { is_stderr, bytes: line, time });
            } else {
                partial.extend_from_slice(line);
                self.take(&Piece { is_stderr, bytes: &partial, time });
                partial.clear();
            }
        }
        self.partial[usize::from(is_stderr)] = partial;
    }

    /// Writes lines that will not be ended any more.
    pub(in crate::monitor) fn finish(&mut self, time: Timestamp) {
        let time = &Stamp::new(time);
        for is_stderr in [false, true] {
            let partial = std::mem::take(&mut self.partial[usize::from(is_stderr)]);
            if !partial.is_empty() {
                self.take(&Piece { is_stderr, bytes: &partial, time });
            }
        }
        self.flush();
    }

    /// Writes what was collected, in one write.
    pub(in crate::monitor) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        match self.take_room().and_then(|()| self.write()) {
            Ok(()) => {
                self.is_losing = false;
                self.owed = None;
            }
            Err(error) => self.lose(&error),
        }
    }

    /// Says how much of what came is not in the log, and why.
    pub(in crate::monitor) fn lost(&self) -> Option<String> {
        let (entries, reason) = self.lost.as_ref()?;
        Some(format!("{entries} line(s) of its log were lost: {reason}"))
    }

    /// Adds an entry to what is collected; if the file is full, what was collected is written and the next file begun first.
    fn take(&mut self, piece: &Piece<'_>) {
        if let Err(error) = self.find_end().and_then(|()| self.turn_over()) {
            self.count_lost(1, &error);
            return;
        }
        if self.buffer.is_empty()
            && let Some(text) = self.owed.clone()
        {
            self.note(&text);
        }
        self.chain.format().append(&mut self.buffer, &mut self.next, piece);
        self.collected += 1;
    }

    /// Finds where the file ends, if that is not known, and takes away what was torn off there.
    fn find_end(&mut self) -> io::Result<()> {
        if self.end.is_none() {
            let end = self.chain.format().end_of(&self.file)?;
            self.file.set_len(end.position)?;
            self.end = Some(end);
            self.next = end;
        }
        Ok(())
    }

    /// Begins the next file when this one is full. If that does not work, this one takes more.
    fn turn_over(&mut self) -> io::Result<()> {
        let is_full = self.bounds.size.is_some_and(|size| self.next.position >= size);
        if !is_full || self.is_losing {
            return Ok(());
        }
        self.flush();
        if let Ok(Some(file)) = self.chain.rotate(self.bounds.files) {
            self.file = file;
            self.next = End { latest: self.next.latest, ..End::default() };
            self.end = Some(self.next);
        }
        self.find_end()
    }

    /// Looks now and then whether the disk has room for what was collected beside what is reserved.
    fn take_room(&mut self) -> io::Result<()> {
        let bytes = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        if self.room < bytes {
            let free = files::free(&self.file).map_err(|error| error.source)?;
            let room = free.saturating_sub(RESERVE);
            if room < bytes {
                return Err(Errno::ENOSPC.into());
            }
            self.room = room.min(bytes.saturating_add(LOOK_EVERY));
        }
        self.room -= bytes;
        Ok(())
    }

    /// Writes what was collected. Entries that were written before something went wrong count no longer as collected.
    fn write(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            match self.buffer.get(written..).filter(|rest| !rest.is_empty()) {
                None => break Ok(()),
                Some(rest) => match self.file.write(rest) {
                    Ok(0) => break Err(Errno::ENOSPC.into()),
                    Ok(more) => written += more,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Err(error),
                },
            }
        };
        if result.is_ok() {
            self.buffer.clear();
            self.collected = 0;
            self.end = Some(self.next);
        } else if let Some(end) = self.end.take_if(|_| written > 0) {
            let whole = self.buffer.get(..written).unwrap_or_default();
            let entries = self.chain.format().entries(end, whole);
            self.collected = self.collected.saturating_sub(entries);
        }
        result
    }

    /// Gives up what was collected, and says at the first of it that entries are missing: the reserve has room for that.
    fn lose(&mut self, error: &io::Error) {
        let entries = std::mem::take(&mut self.collected);
        self.count_lost(entries, error);
        self.buffer.clear();
        self.next = self.end.unwrap_or_default();
        if !self.is_losing {
            self.is_losing = true;
            let text = format!("estiba: lines are missing here: {error}\n");
            if self.find_end().is_ok() {
                self.note(&text);
            }
            // If there is no room even for that, it is said when there is.
            let is_said = !self.buffer.is_empty() && self.write().is_ok();
            self.owed = (!is_said).then_some(text);
            self.buffer.clear();
            self.next = self.end.unwrap_or_default();
        }
    }

    fn count_lost(&mut self, entries: usize, error: &io::Error) {
        let before = self.lost.as_ref().map_or(0, |(entries, _)| *entries);
        self.lost = Some((before + entries, error.to_string()));
    }

    /// Collects an entry of our own, on standard error.
    fn note(&mut self, text: &str) {
        let time = &Stamp::new(Timestamp::now());
        let piece = Piece { is_stderr: true, bytes: text.as_bytes(), time };
        self.chain.format().append(&mut self.buffer, &mut self.next, &piece);
    }
}

/// Takes the first line off, with its line feed if it has one.
fn first_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let all = *rest;
    // Reading memory does not fail; this looks at many bytes at once.
    let length = rest.skip_until(b'\n').unwrap_or(all.len());
    &all[..length]
}

/// Gives how many of `bytes` can be cut off without cutting a character of UTF-8 in two.
fn whole_characters(bytes: &[u8]) -> usize {
    let begins = |byte: &u8| *byte & 0b1100_0000 != 0b1000_0000;
    let Some(back) = bytes.iter().rev().take(4).position(begins) else {
        return bytes.len();
    };
    let start = bytes.len() - 1 - back;
    match std::str::from_utf8(bytes.get(start..).unwrap_or_default()) {
        Err(error) if error.error_len().is_none() && start > 0 => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
impl Writer {
    /// Goes on with another file in place of the one that is there, which comes back.
    pub(super) fn exchange(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Does what a write does that fails in the midst of an entry.
    pub(super) fn tear(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
        self.end = None;
    }

    /// Gives how many bytes it has in memory.
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity() + self.partial.iter().map(Vec::capacity).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_cut() {
        for (bytes, cut) in [
            (&b"abc"[..], 3),
            (b"ab\xc3", 2),
            (b"ab\xe2\x82", 2),
            (b"ab\xff", 3),
            (b"\x80\x80\x80\x80\x80", 5),
            (b"\xc3", 1),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(bytes), cut, "{bytes:?}");
        }
    }
}
