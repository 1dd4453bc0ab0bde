//! Estiba's own format: entries as they are, in blocks of 64 kB that say what stands before them.
//!
//! A block begins with [`MAGIC`], the number of entries in the blocks before it that end a line, and the latest time of all entries of the log before it (nanoseconds since
//! 1970), both of 8 bytes, little-endian. So a line or a time is found by halving, in any file of a log, and nothing beside the file can disagree with it. An entry is three
//! numbers as postcard writes them (1 or 2 for the stream, the time as the difference to the latest one before it, the length) and its bytes; no entry crosses a block. A
//! zero in place of an entry is the end of the block.

use std::{fs::File, io};

use super::{
    Entry, LONGEST_ENTRY, Timestamp,
    cursor::{Cursor, read_part},
    format::{End, Piece, Start},
};

const BLOCK: u64 = 64 << 10;
const MAGIC: [u8; 8] = *b"estiba\0\x01";
/// The length of what a block begins with.
const HEAD: usize = 24;
/// The most bytes of the numbers before an entry: 1, 10, 3.
const LONGEST_NUMBERS: usize = 14;
/// An entry up to this length is not cut where a block ends.
const WHOLE: usize = 4 << 10;

pub(super) fn append(buffer: &mut Vec<u8>, end: &mut End, piece: &Piece<'_>) {
    let mut bytes = piece.bytes;
    while !bytes.is_empty() {
        if end.position.is_multiple_of(BLOCK) {
            buffer.extend_from_slice(&MAGIC);
            buffer.extend_from_slice(&end.lines.to_le_bytes());
            buffer.extend_from_slice(&end.latest.to_le_bytes());
            end.position += HEAD as u64;
        }
        let left = left_in_block(end.position);
        let room = left.saturating_sub(LONGEST_NUMBERS);
        if bytes.len() > room && room < WHOLE {
            buffer.resize(buffer.len() + left, 0);
            end.position += left as u64;
            continue;
        }
        let (now, later) = bytes.split_at(bytes.len().min(room));
        append_part(buffer, end, &Piece { bytes: now, ..*piece });
        bytes = later;
    }
}

fn append_part(buffer: &mut Vec<u8>, end: &mut End, piece: &Piece<'_>) {
    let time = i64::try_from(piece.time.time.as_nanosecond()).unwrap_or(i64::MAX);
    let difference = time.saturating_sub(end.latest);
    let length = u32::try_from(piece.bytes.len()).unwrap_or(u32::MAX);
    let numbers = (1 + u8::from(piece.is_stderr), difference, length);
    let mut space = [0; LONGEST_NUMBERS + 8];
    // There is room for three numbers, so this does not fail.
    let Ok(numbers) = postcard::to_slice(&numbers, &mut space) else { return };
    buffer.extend_from_slice(numbers);
    buffer.extend_from_slice(piece.bytes);
    end.position += (numbers.len() + piece.bytes.len()) as u64;
    end.lines += u64::from(piece.bytes.ends_with(b"\n"));
    end.latest = end.latest.max(time);
}

/// Gives how many bytes of a block come from `position` on; at its beginning, all.
fn left_in_block(position: u64) -> usize {
    usize::try_from(BLOCK - position % BLOCK).unwrap_or(0)
}

/// What a block begins with.
#[derive(Debug, Clone, Copy)]
struct Head {
    lines: u64,
    latest: i64,
}

fn head(block: &[u8]) -> Option<Head> {
    let rest = block.strip_prefix(&MAGIC)?;
    let (lines, rest) = rest.split_first_chunk()?;
    let (latest, _) = rest.split_first_chunk()?;
    Some(Head { lines: u64::from_le_bytes(*lines), latest: i64::from_le_bytes(*latest) })
}

/// An entry as it stands in a block.
#[derive(Debug)]
struct Record<'a> {
    is_stderr: bool,
    /// Nanoseconds since 1970.
    time: i64,
    bytes: &'a [u8],
    /// The length of all of it.
    length: usize,
}

/// Reads the entry that `bytes` begin with, if all of it is there.
fn record(bytes: &[u8], latest: i64) -> Option<Record<'_>> {
    let ((stream, difference, length), rest) =
        postcard::take_from_bytes::<(u8, i64, u32)>(bytes).ok()?;
    let length =
        usize::try_from(length).ok().filter(|length| (1..=LONGEST_ENTRY).contains(length))?;
    matches!(stream, 1 | 2).then_some(())?;
    Some(Record {
        is_stderr: stream == 2,
        time: latest.saturating_add(difference),
        bytes: rest.get(..length)?,
        length: bytes.len() - rest.len() + length,
    })
}

/// The whole entries of a block, one after the other.
#[derive(Debug)]
struct Walk<'a> {
    rest: &'a [u8],
    end: End,
    /// Whether the last entry did not end a line.
    is_open: bool,
}

impl<'a> Walk<'a> {
    /// Begins after the head of a block that lies at `position`.
    fn new(block: &'a [u8], position: u64) -> Option<Self> {
        let Head { lines, latest } = head(block)?;
        let end = End { position: position + HEAD as u64, lines, latest };
        Some(Self { rest: block.get(HEAD..)?, end, is_open: false })
    }

    fn step(&mut self) -> Option<Record<'a>> {
        let record = record(self.rest, self.end.latest)?;
        self.rest = self.rest.get(record.length..).unwrap_or_default();
        self.end.position += record.length as u64;
        self.end.latest = self.end.latest.max(record.time);
        self.is_open = !record.bytes.ends_with(b"\n");
        self.end.lines += u64::from(!self.is_open);
        Some(record)
    }
}

/// Counts the whole entries in what was written at `end`: blocks, the first of which may have begun before.
pub(super) fn entries(end: End, bytes: &[u8]) -> usize {
    let mut count = 0;
    let mut latest = end.latest;
    let mut rest = bytes;
    let mut left = left_in_block(end.position);
    while !rest.is_empty() {
        let (block, later) = rest.split_at(left.min(rest.len()));
        let mut entries = block;
        if let Some(head) = head(block) {
            latest = head.latest;
            entries = block.get(HEAD..).unwrap_or_default();
        }
        while let Some(record) = record(entries, latest) {
            count += 1;
            latest = latest.max(record.time);
            entries = entries.get(record.length..).unwrap_or_default();
        }
        rest = later;
        left = left_in_block(0);
    }
    count
}

/// Reads the last block that is one, and walks to its end.
fn last_of(file: &File) -> io::Result<(End, bool)> {
    let mut start = file.metadata()?.len().saturating_sub(1) / BLOCK * BLOCK;
    loop {
        let block = read_part(file, start, left_in_block(0))?;
        if let Some(mut walk) = Walk::new(&block, start) {
            while walk.step().is_some() {}
            return Ok((walk.end, walk.is_open));
        }
        if start == 0 {
            return Ok((End::default(), false));
        }
        start -= BLOCK;
    }
}

pub(super) fn end_of(file: &File) -> io::Result<End> {
    last_of(file).map(|(end, _)| end)
}

pub(super) fn read(cursor: &mut Cursor) -> io::Result<Option<Entry>> {
    loop {
        let left = left_in_block(cursor.position());
        if left == left_in_block(0) {
            let block = cursor.fill(HEAD)?;
            let (is_there, head) = (block.len() >= HEAD, head(block));
            match head {
                Some(head) => {
                    cursor.latest = head.latest;
                    cursor.consume(HEAD);
                }
                None if !is_there => break,
                // Nobody of ours wrote that.
                None => cursor.consume(left),
            }
            continue;
        }
        let latest = cursor.latest;
        let bytes = cursor.fill(left.min(LONGEST_ENTRY + LONGEST_NUMBERS))?;
        let bytes = bytes.get(..left).unwrap_or(bytes);
        match (bytes.first(), record(bytes, latest)) {
            (None, _) => break,
            (Some(0), _) => cursor.consume(left),
            (Some(_), Some(record)) => {
                let entry = Entry {
                    time: Timestamp::from_nanosecond(record.time.into()).unwrap_or_default(),
                    is_stderr: record.is_stderr,
                    bytes: record.bytes.to_vec(),
                };
                let length = record.length;
                cursor.latest = latest.max(record.time);
                cursor.consume(length);
                return Ok(Some(entry));
            }
            // It has not all been written yet.
            (Some(_), None) if bytes.len() < left.min(LONGEST_ENTRY + LONGEST_NUMBERS) => break,
            (Some(_), None) => cursor.consume(left),
        }
    }
    cursor.forget();
    Ok(None)
}

pub(super) fn start_of_tail(
    file: &File,
    lines: &mut u64,
    is_newest: bool,
) -> io::Result<Option<Start>> {
    let (end, is_open) = last_of(file)?;
    if is_newest && is_open {
        match lines.checked_sub(1) {
            Some(fewer) => *lines = fewer,
            None => return Ok(Some(Start { position: end.position, latest: end.latest })),
        }
    }
    let Some(passed) = end.lines.checked_sub(*lines).filter(|passed| *passed > 0) else {
        *lines -= end.lines.min(*lines);
        return Ok(None);
    };
    // The entry that ends the last line to be passed over stands in this block.
    let block = last_block(file, |head| head.lines < passed)?;
    let bytes = read_part(file, block, left_in_block(0))?;
    let Some(mut walk) = Walk::new(&bytes, block) else { return Ok(Some(Start::default())) };
    while walk.end.lines < passed && walk.step().is_some() {}
    Ok(Some(Start { position: walk.end.position, latest: walk.end.latest }))
}

pub(super) fn start_of_time(file: &File, since: Timestamp) -> io::Result<Option<Start>> {
    let since = i64::try_from(since.as_nanosecond()).unwrap_or(i64::MAX);
    let is_older = |head: Head| head.latest < since;
    match head(&read_part(file, 0, HEAD)?) {
        Some(first) if is_older(first) => {
            Ok(Some(Start { position: last_block(file, is_older)?, latest: 0 }))
        }
        _ => Ok(None),
    }
}

/// Finds the last block of which something is true that is true of all before it.
fn last_block(file: &File, is_before: impl Fn(Head) -> bool) -> io::Result<u64> {
    let (mut first, mut after) = (0, file.metadata()?.len().div_ceil(BLOCK));
    while first < after {
        let middle = first + (after - first) / 2;
        if head(&read_part(file, middle * BLOCK, HEAD)?).is_none_or(&is_before) {
            first = middle + 1;
        } else {
            after = middle;
        }
    }
    Ok(first.saturating_sub(1) * BLOCK)
}
