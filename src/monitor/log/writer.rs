//! Writes what a container says into its log.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::Timestamp;
use crate::sys::{Result, files};

/// A longer line is cut into entries of at most so many bytes, as Docker does.
const LONGEST_ENTRY: usize = 16 << 10;

/// A log that is written to. Entries are collected until [`Writer::flush`].
#[derive(Debug)]
pub(in crate::monitor) struct Writer {
    file: File,
    buffer: Vec<u8>,
    /// The lines of standard output and standard error that have not ended yet.
    partial: [Vec<u8>; 2],
    /// Whether the file's last line was cut off by a write that failed.
    is_torn: bool,
}

impl Writer {
    /// Opens a log for appending; makes it, for its owner only, if it is not there.
    pub(in crate::monitor) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        Ok(Self {
            file: files::open_with(path, &options)?,
            buffer: Vec::new(),
            partial: [Vec::new(), Vec::new()],
            is_torn: false,
        })
    }

    /// Takes what came on a stream; a line that has not ended waits for its end.
    pub(in crate::monitor) fn push(&mut self, is_stderr: bool, bytes: &[u8], time: Timestamp) {
        let ending = ending(is_stderr, time);
        let mut partial = std::mem::take(&mut self.partial[usize::from(is_stderr)]);
        for mut piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            while partial.len() + piece.len() > LONGEST_ENTRY {
                let (now, later) = piece.split_at(LONGEST_ENTRY - partial.len());
                partial.extend_from_slice(now);
                let tail = partial.split_off(whole_characters(&partial));
                self.entry(&partial, &ending);
                partial = tail;
                piece = later;
            }
            if !piece.ends_with(b"\n") {
                partial.extend_from_slice(piece);
            } else if partial.is_empty() {
                self.entry(piece, &ending);
            } else {
                partial.extend_from_slice(piece);
                self.entry(&partial, &ending);
                partial.clear();
            }
        }
        self.partial[usize::from(is_stderr)] = partial;
    }

    /// Writes lines that will not be ended any more.
    pub(in crate::monitor) fn finish(&mut self, time: Timestamp) {
        for is_stderr in [false, true] {
            let partial = std::mem::take(&mut self.partial[usize::from(is_stderr)]);
            if !partial.is_empty() {
                self.entry(&partial, &ending(is_stderr, time));
            }
        }
        self.flush();
    }

    /// Writes what was collected, in one write. A full disk must not stop the container: what cannot be written is lost.
    pub(in crate::monitor) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.is_torn {
            self.buffer.insert(0, b'\n');
        }
        self.is_torn = self.file.write_all(&self.buffer).is_err();
        self.buffer = Vec::new();
    }

    fn entry(&mut self, bytes: &[u8], ending: &str) {
        self.buffer.extend_from_slice(b"{\"log\":");
        // A string written into memory cannot fail; if it did, the line would be one that readers pass over.
        drop(serde_json::to_writer(&mut self.buffer, &String::from_utf8_lossy(bytes)));
        self.buffer.extend_from_slice(ending.as_bytes());
    }
}

/// Writes what is the same for all entries that come at once: neither word needs an escape.
fn ending(is_stderr: bool, time: Timestamp) -> String {
    let stream = if is_stderr { "stderr" } else { "stdout" };
    format!(",\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n")
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
mod tests {
    use super::{super::Line, *};

    fn lines(path: &Path) -> Vec<String> {
        let text = files::read_text(path).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_format_is_docker_s() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut writer = Writer::open(&path).unwrap();
        let time: Timestamp = "2026-11-24T10:14:02.123456789Z".parse().unwrap();
        writer.push(false, b"one\ntw", time);
        writer.push(true, b"bad \xff \"quoted\"\x1b[0m\n", time);
        writer.push(false, b"o\nrest", time);
        writer.flush();
        assert_eq!(lines(&path).len(), 3);
        writer.finish(time);
        let at = r#""time":"2026-11-24T10:14:02.123456789Z"}"#;
        assert_eq!(
            lines(&path),
            [
                format!(r#"{{"log":"one\n","stream":"stdout",{at}"#),
                format!(
                    r#"{{"log":"bad {} \"quoted\"\u001b[0m\n","stream":"stderr",{at}"#,
                    '\u{fffd}'
                ),
                format!(r#"{{"log":"two\n","stream":"stdout",{at}"#),
                format!(r#"{{"log":"rest","stream":"stdout",{at}"#),
            ]
        );
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut writer = Writer::open(&path).unwrap();
        let line = format!("x{}\n", "ä".repeat(20_000));
        for piece in line.as_bytes().chunks(777) {
            writer.push(false, piece, Timestamp::UNIX_EPOCH);
        }
        writer.finish(Timestamp::UNIX_EPOCH);
        let texts: Vec<String> = lines(&path)
            .iter()
            .map(|line| serde_json::from_str::<Line<'_>>(line).unwrap().log.into_owned())
            .collect();
        assert_eq!(texts.concat(), line);
        assert_eq!(texts.len(), 3);
        assert!(texts.iter().all(|text| text.len() <= LONGEST_ENTRY));
    }

    #[test]
    fn binary_output_keeps_its_shape() {
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
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&dir.path().join("log.json")).unwrap();
        writer.push(false, &vec![0x80; 100_000], Timestamp::UNIX_EPOCH);
        assert!(writer.partial[0].len() <= LONGEST_ENTRY);
    }
}
