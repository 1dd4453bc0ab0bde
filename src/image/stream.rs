//! Bytes on their way in: hashed, inflated and bounded while they are read.

use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write},
    rc::Rc,
};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::{ImageError, Progress, Report};
use crate::{model::Digest, registry::Cancel};

/// How many bytes are moved at once.
pub(super) const CHUNK: usize = 256 * 1024;

/// After how many bytes progress is told again.
pub(super) const STEP: u64 = 4 * 1024 * 1024;

/// How many bytes headers may take before an entry; Go's reader allows 1 MiB for each of the three that may come.
const HEADERS: u64 = 4 * 1024 * 1024;

/// The largest window that a zstd frame may ask for, as a power of two: 128 MiB, the most that `zstd` itself decodes unasked.
const ZSTD_WINDOW: u32 = 27;

/// Hashes what is read or written through it.
#[derive(Debug)]
pub(super) struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// Gives the digest of all bytes so far.
    pub(super) fn so_far(&self) -> Digest {
        finish(self.hash.clone())
    }

    /// Gives what it stands before, and the digest of all bytes.
    pub(super) fn into_parts(self) -> (R, Digest) {
        (self.inner, finish(self.hash))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// Tells how much was read through it, and stops when that is cancelled: reading fails then, with what [`Cancel::check`] says.
#[derive(Debug)]
pub(super) struct Watched<R, F> {
    inner: R,
    cancel: Cancel,
    tell: F,
    done: u64,
    told: u64,
    total: Option<u64>,
}

impl<R, F: FnMut(u64)> Watched<R, F> {
    /// Watches a stream of `total` bytes, if that is known; `tell` is given the bytes so far, every [`STEP`] and at their end.
    pub(super) fn new(inner: R, cancel: &Cancel, total: Option<u64>, tell: F) -> Self {
        Self { inner, cancel: cancel.clone(), tell, done: 0, told: 0, total }
    }
}

impl<R: Read, F: FnMut(u64)> Read for Watched<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        let is_end = Some(self.done) == self.total && self.told < self.done;
        if self.done - self.told >= STEP || is_end {
            self.told = self.done;
            (self.tell)(self.done);
        }
        Ok(count)
    }
}

/// Reads an archive to its end and hands it on in chunks.
///
/// # Errors
/// [`ImageError::Read`] for the stream, also when it was cancelled; that of `take`.
pub(super) fn pour(
    stream: impl Read,
    cancel: &Cancel,
    report: Report<'_>,
    mut take: impl FnMut(&[u8]) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    let mut stream = Watched::new(stream, cancel, None, |done| {
        report(Progress { phase: "read", object: "archive".to_owned(), done, total: None });
    });
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ImageError::Read(error)),
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count])?,
        }
    }
}

/// Gives the digest of a hash that is complete.
pub(super) fn finish(hash: Sha256) -> Digest {
    Digest::from_bytes(hash.finalize().into())
}

/// Gives the digest of bytes.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    finish(Sha256::new_with_prefix(bytes))
}

/// How bytes are compressed, as their first ones say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not at all, as far as one can tell.
    Plain,
    /// RFC 1952; several members follow one another.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Something known that is not supported.
    Foreign(&'static str),
}

impl Compression {
    /// Tells it from the first bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Foreign("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Foreign("bzip2"),
            _ => Self::Plain,
        }
    }
}

/// Reads the first bytes of a stream and gives them back with it.
pub(super) fn peek<R: Read>(mut reader: R) -> io::Result<(Compression, impl Read)> {
    let mut head = Vec::with_capacity(6);
    reader.by_ref().take(6).read_to_end(&mut head)?;
    let compression = Compression::of(&head);
    Ok((compression, Cursor::new(head).chain(reader)))
}

/// Undoes a compression; what is not supported is left as it is.
pub(super) fn inflate<'a>(
    compression: Compression,
    reader: impl Read + Send + 'a,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    let buffered = BufReader::with_capacity(CHUNK, reader);
    Ok(match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(buffered)),
        Compression::Zstd => Box::new(zstd_decoder(buffered)?),
        Compression::Plain | Compression::Foreign(_) => Box::new(buffered),
    })
}

fn zstd_decoder<'a, R: BufRead>(reader: R) -> io::Result<zstd::stream::read::Decoder<'a, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
    decoder.window_log_max(ZSTD_WINDOW)?;
    Ok(decoder)
}

/// The reader under a tar parser: it keeps the headers of the next entry, and stops a parser that would swallow gigabytes as headers.
#[derive(Debug)]
pub(super) struct Bounded<R> {
    inner: R,
    gauge: Gauge,
}

/// What is known about a [`Bounded`] reader while the parser holds it.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Rc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// Bytes that headers may still take; `None` within an entry's bytes.
    headers_left: Cell<Option<u64>>,
    position: Cell<u64>,
    /// Where `headers` began.
    start: Cell<u64>,
    headers: RefCell<Vec<u8>>,
}

impl Gauge {
    /// Says that headers come now.
    pub(super) fn expect_headers(&self) {
        self.0.headers_left.set(Some(HEADERS));
        self.0.start.set(self.0.position.get());
        self.0.headers.borrow_mut().clear();
    }

    /// Says that the bytes of an entry come now; gives the headers that came before, from the first one's beginning.
    pub(super) fn expect_bytes(&self) -> Vec<u8> {
        self.0.headers_left.set(None);
        let padding = self.0.start.get().wrapping_neg() % 512;
        let headers = self.0.headers.borrow();
        let padding = usize::try_from(padding).unwrap_or_default();
        headers.get(padding..).unwrap_or_default().to_vec()
    }
}

impl<R> Bounded<R> {
    pub(super) fn new(inner: R) -> (Self, Gauge) {
        let gauge = Gauge::default();
        let bounded = Self { inner, gauge: gauge.clone() };
        (bounded, gauge)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reading = &*self.gauge.0;
        let most = match reading.headers_left.get() {
            Some(0) if !buffer.is_empty() => {
                return Err(io::Error::other("the headers of an entry exceed 4 MiB"));
            }
            Some(left) => buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX)),
            None => buffer.len(),
        };
        let count = self.inner.read(&mut buffer[..most])?;
        reading.position.set(reading.position.get() + count as u64);
        if let Some(left) = reading.headers_left.get() {
            reading.headers_left.set(Some(left - count as u64));
            reading.headers.borrow_mut().extend_from_slice(&buffer[..count]);
        }
        Ok(count)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_told_from_the_bytes() {
        for (head, compression) in [
            (&b"\x1f\x8b\x08"[..], Compression::Gzip),
            (b"\x28\xb5\x2f\xfd\x00", Compression::Zstd),
            (b"\x50\x2a\x4d\x18\x00", Compression::Zstd),
            (b"\xfd7zXZ\0", Compression::Foreign("xz")),
            (b"BZh91AY", Compression::Foreign("bzip2")),
            (b"etc/passwd", Compression::Plain),
            (b"", Compression::Plain),
        ] {
            assert_eq!(Compression::of(head), compression, "{head:?}");
        }
    }

    #[test]
    fn headers_without_end_are_stopped() {
        let (mut bounded, gauge) = Bounded::new(io::repeat(1));
        gauge.expect_headers();
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("4 MiB"), "{error}");
        gauge.expect_bytes();
        let mut entry = bounded.take(4 * 1024 * 1024);
        assert_eq!(io::copy(&mut entry, &mut io::sink()).unwrap(), 4 * 1024 * 1024);
    }
}
