//! Docker's json-file format: one object a line with `log`, `stream`, `time` (moby, `daemon/logger/jsonfilelog/jsonlog`).
//!
//! Text is written byte for byte as Docker writes it. Where bytes are not UTF-8, Docker writes U+FFFD and they are lost; here they stand in a further field `bytes`, in
//! base64, which other readers pass over.

use std::{borrow::Cow, fs::File, io, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{
    Entry, Timestamp,
    cursor::{Cursor, read_part},
    format::{End, Piece, Start},
};

/// A line longer than this was not written by a monitor and is skipped.
pub(super) const LONGEST_LINE: usize = 1 << 20;
/// How much is read at once while looking for the last lines.
const BLOCK: u64 = 64 << 10;
/// What stands between the text and the name of its stream; it cannot stand in the text, where quotes are escaped.
const AFTER_TEXT: &[u8] = br#"","stream":""#;

/// One line of the file.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    time: Timestamp,
    #[serde(borrow, default)]
    bytes: Option<Cow<'a, str>>,
}

pub(super) fn append(buffer: &mut Vec<u8>, end: &mut End, piece: &Piece<'_>) {
    let before = buffer.len();
    buffer.extend_from_slice(b"{\"log\":\"");
    let is_text = escape(buffer, piece.bytes);
    buffer.extend_from_slice(AFTER_TEXT);
    buffer.extend_from_slice(if piece.is_stderr { b"stderr\"" } else { b"stdout\"" });
    if !is_text {
        // Writing into memory does not fail.
        let _written = write!(buffer, ",\"bytes\":\"{}\"", STANDARD.encode(piece.bytes));
    }
    buffer.extend_from_slice(b",\"time\":\"");
    buffer.extend_from_slice(piece.time.text().as_bytes());
    buffer.extend_from_slice(b"\"}\n");
    end.position += (buffer.len() - before) as u64;
}

/// Writes the inside of a string; tells whether it was UTF-8.
fn escape(buffer: &mut Vec<u8>, bytes: &[u8]) -> bool {
    // To look at all of it at once takes a tenth of going from piece to piece.
    if let Ok(text) = std::str::from_utf8(bytes) {
        escape_text(buffer, text.as_bytes());
        return true;
    }
    for chunk in bytes.utf8_chunks() {
        escape_text(buffer, chunk.valid().as_bytes());
        // Docker writes one for each byte.
        for _ in chunk.invalid() {
            buffer.extend_from_slice(b"\\ufffd");
        }
    }
    false
}

fn escape_text(buffer: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(place) = text.iter().position(|byte| IS_SPECIAL[usize::from(*byte)]) {
        let (plain, rest) = text.split_at(place);
        buffer.extend_from_slice(plain);
        let mut used = 1;
        match rest {
            [quoted @ (b'"' | b'\\'), ..] => buffer.extend_from_slice(&[b'\\', *quoted]),
            [b'\n', ..] => buffer.extend_from_slice(b"\\n"),
            [b'\r', ..] => buffer.extend_from_slice(b"\\r"),
            // U+2028 and U+2029 end lines for JavaScript.
            [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => {
                buffer.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                used = 3;
            }
            [0xe2, ..] => buffer.push(0xe2),
            [other, ..] => {
                let _written = write!(buffer, "\\u{other:04x}");
            }
            [] => return,
        }
        text = rest.get(used..).unwrap_or_default();
    }
    buffer.extend_from_slice(text);
}

/// Which bytes of UTF-8 are not written as they are, or may not be.
const IS_SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || matches!(byte, 0x22 | 0x5c | 0x3c | 0x3e | 0x26 | 0xe2);
        byte += 1;
    }
    table
};

pub(super) fn end_of(file: &File) -> io::Result<End> {
    let mut position = file.metadata()?.len();
    while position > 0 {
        let start = position.saturating_sub(BLOCK);
        let part = read_part(file, start, usize::try_from(position - start).unwrap_or(0))?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            position = start + place as u64 + 1;
            break;
        }
        position = start;
    }
    Ok(End { position, ..End::default() })
}

pub(super) fn read(cursor: &mut Cursor) -> io::Result<Option<Entry>> {
    while let Some(length) = line(cursor)? {
        let line = cursor.fill(length)?.get(..length).unwrap_or_default();
        // A line that nobody of ours wrote is passed over.
        let entry = serde_json::from_slice::<Line<'_>>(line).ok().map(Entry::from);
        cursor.consume(length);
        if entry.is_some() {
            return Ok(entry);
        }
    }
    Ok(None)
}

/// Finds the length of the next whole line, with its line feed.
fn line(cursor: &mut Cursor) -> io::Result<Option<usize>> {
    let mut searched = 0;
    loop {
        let bytes = cursor.fill(searched + 1)?;
        let length = bytes.len();
        if length <= searched {
            break;
        }
        let fresh = bytes.get(searched..).unwrap_or_default();
        match fresh.iter().position(|byte| *byte == b'\n') {
            Some(place) if cursor.is_skipping => {
                cursor.consume(searched + place + 1);
                cursor.is_skipping = false;
                searched = 0;
            }
            Some(place) => return Ok(Some(searched + place + 1)),
            None if length > LONGEST_LINE => {
                cursor.consume(length);
                cursor.is_skipping = true;
                searched = 0;
            }
            None => searched = length,
        }
    }
    cursor.forget();
    // Somebody has emptied the file, as people do with Docker's.
    if cursor.file().metadata()?.len() < cursor.position() {
        cursor.set_position(0);
        cursor.is_skipping = false;
        return line(cursor);
    }
    Ok(None)
}

impl From<Line<'_>> for Entry {
    fn from(line: Line<'_>) -> Self {
        let bytes = line.bytes.and_then(|text| STANDARD.decode(&*text).ok());
        Self {
            time: line.time,
            is_stderr: line.stream == "stderr",
            bytes: bytes.unwrap_or_else(|| line.log.into_owned().into_bytes()),
        }
    }
}

pub(super) fn start_of_tail(
    file: &File,
    lines: &mut u64,
    is_newest: bool,
) -> io::Result<Option<Start>> {
    let mut backwards = Backwards::new(file)?;
    let mut is_last = is_newest;
    while let Some((position, ends_line)) = backwards.next()? {
        let Some(ends_line) = ends_line else { continue };
        if ends_line || is_last {
            if *lines == 0 {
                return Ok(Some(Start { position, latest: 0 }));
            }
            *lines -= 1;
        }
        is_last = false;
    }
    Ok(None)
}

/// The entries of a file from its last to its first.
#[derive(Debug)]
struct Backwards<'f> {
    file: &'f File,
    /// What has been read and not been given yet, and where that begins; it ends with a line feed.
    buffer: Vec<u8>,
    start: u64,
    end: u64,
}

impl<'f> Backwards<'f> {
    fn new(file: &'f File) -> io::Result<Self> {
        let end = end_of(file)?.position;
        Ok(Self { file, buffer: Vec::new(), start: end, end })
    }

    /// Gives where the next one ends, and whether it ends a line; `None` for that when it is no entry.
    fn next(&mut self) -> io::Result<Option<(u64, Option<bool>)>> {
        loop {
            let body = self.buffer.split_last().map(|(_, body)| body);
            let feed = body.and_then(|body| body.iter().rposition(|byte| *byte == b'\n'));
            let begin = match feed {
                Some(place) => Some(place + 1),
                None => (self.start == 0).then_some(0),
            };
            if let Some(begin) = begin {
                if body.is_none() {
                    return Ok(None);
                }
                let ends = ends_line(self.buffer.get(begin..).unwrap_or_default());
                let position = std::mem::replace(&mut self.end, self.start + begin as u64);
                self.buffer.truncate(begin);
                return Ok(Some((position, ends)));
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let length = self.start.min(BLOCK);
        self.start -= length;
        let mut part = read_part(self.file, self.start, usize::try_from(length).unwrap_or(0))?;
        if self.buffer.len() > LONGEST_LINE {
            // No entry is so long: what is known of it is not needed.
            self.buffer = vec![b'\n'];
        }
        part.append(&mut self.buffer);
        self.buffer = part;
        Ok(())
    }
}

/// Tells whether an entry is the end of a line; `None` if this is no entry.
fn ends_line(entry: &[u8]) -> Option<bool> {
    let place = entry.windows(AFTER_TEXT.len()).rposition(|part| part == AFTER_TEXT)?;
    let Some(before) = entry.get(..place)?.strip_suffix(b"n") else { return Some(false) };
    // An even number of backslashes is half as many of them, and then a letter.
    let slashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    Some(slashes % 2 == 1)
}

/// Halves the file until so little is left that reading it costs nothing. Where the clock was set back, lines from before that may be missed.
pub(super) fn start_of_time(file: &File, since: Timestamp) -> io::Result<Option<Start>> {
    if first_from(file, 0)?.is_none_or(|(_, time)| time >= since) {
        return Ok(None);
    }
    let (mut older, mut newer) = (0, end_of(file)?.position);
    while newer - older > BLOCK {
        let middle = older + (newer - older) / 2;
        match first_from(file, middle)? {
            Some((begin, time)) if begin < newer && time < since => older = begin,
            _ => newer = middle,
        }
    }
    Ok(Some(Start { position: older, latest: 0 }))
}

/// Finds the first entry that begins at a place or after it, and its time.
fn first_from(file: &File, position: u64) -> io::Result<Option<(u64, Timestamp)>> {
    let before = position.saturating_sub(1);
    let mut cursor = Cursor::new(file.try_clone()?, before, 0);
    // The line that this is in the midst of is passed over.
    cursor.is_skipping = position > 0;
    while let Some(length) = line(&mut cursor)? {
        let begin = cursor.position();
        let bytes = cursor.fill(length)?.get(..length).unwrap_or_default();
        let time = serde_json::from_slice::<Line<'_>>(bytes).ok().map(|line| line.time);
        cursor.consume(length);
        if let Some(time) = time {
            return Ok(Some((begin, time)));
        }
    }
    Ok(None)
}
