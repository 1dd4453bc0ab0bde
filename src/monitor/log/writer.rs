//! Writes what a container says into its log.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::errno::Errno;

use super::Timestamp;
use crate::sys::{Result, files};

/// A longer line is cut into entries of at most so many bytes, as Docker does.
const LONGEST_ENTRY: usize = 16 << 10;

/// So many bytes of a disk no log takes: the records of how containers end must still find room.
const RESERVE: u64 = 16 << 20;

/// So many bytes are written before it is looked again how much room a disk has.
const LOOK_EVERY: u64 = 1 << 20;

/// A log that is written to. Entries are collected until [`Writer::flush`].
///
/// A disk that is full does not stop the container: what cannot be written is lost. The log says so where entries are missing, if need be once
/// there is room again, and [`Writer::lost`] in the end.
#[derive(Debug)]
pub(in crate::monitor) struct Writer {
    file: File,
    buffer: Vec<u8>,
    /// The lines of standard output and standard error that have not ended yet.
    partial: [Vec<u8>; 2],
    /// Whether the file's last line was cut off by a write that failed.
    is_torn: bool,
    /// So many bytes may be written before the disk is looked at.
    room: u64,
    /// Whether the last entries were lost.
    is_losing: bool,
    /// Says that entries are missing, and could not be written yet.
    owed: Vec<u8>,
    /// How many entries were lost, and why the last ones were.
    lost: Option<(usize, String)>,
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
            room: 0,
            is_losing: false,
            owed: Vec::new(),
            lost: None,
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

    /// Writes what was collected, in one write.
    pub(in crate::monitor) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut self.buffer);
        let begun = self.take_room(entries.len()).and_then(|()| self.mend());
        let (written, result) = match begun {
            Ok(()) => self.write(&entries),
            Err(error) => (0, Err(error)),
        };
        match result {
            Ok(()) => self.is_losing = false,
            Err(error) => self.lose(entries.get(written..).unwrap_or_default(), &error),
        }
    }

    /// Says how much of what came is not in the log, and why.
    pub(in crate::monitor) fn lost(&self) -> Option<String> {
        let (entries, reason) = self.lost.as_ref()?;
        Some(format!("{entries} line(s) of its log were lost: {reason}"))
    }

    /// Looks now and then whether the disk has room for so many bytes beside what is reserved.
    fn take_room(&mut self, bytes: usize) -> io::Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
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

    /// Ends a line that was cut off, and says that entries are missing, if that was not said yet.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.write(b"\n").1?;
        }
        let owed = std::mem::take(&mut self.owed);
        let (_, result) = self.write(&owed);
        if result.is_err() {
            self.owed = owed;
        }
        result
    }

    /// Writes, and tells how many bytes could be.
    fn write(&mut self, bytes: &[u8]) -> (usize, io::Result<()>) {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return (written, Err(Errno::ENOSPC.into())),
                Ok(more) => {
                    written += more;
                    self.is_torn = !bytes.get(..written).is_some_and(|done| done.ends_with(b"\n"));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (written, Err(error)),
            }
        }
        (written, Ok(()))
    }

    /// Counts entries that could not be written, and says at the first of them that they are missing: the reserve has room for that.
    fn lose(&mut self, entries: &[u8], error: &io::Error) {
        let before = self.lost.as_ref().map_or(0, |(entries, _)| *entries);
        let more = entries.split_inclusive(|byte| *byte == b'\n').count();
        self.lost = Some((before + more, error.to_string()));
        if !self.is_losing {
            self.is_losing = true;
            self.owed = note(&format!("estiba: lines are missing here: {error}\n"));
            // If there is no room even for that, it is said when there is.
            drop(self.mend());
        }
    }

    fn entry(&mut self, bytes: &[u8], ending: &str) {
        append_entry(&mut self.buffer, bytes, ending);
    }
}

fn append_entry(buffer: &mut Vec<u8>, bytes: &[u8], ending: &str) {
    buffer.extend_from_slice(b"{\"log\":");
    // A string written into memory cannot fail; if it did, the line would be one that readers pass over.
    drop(serde_json::to_writer(&mut *buffer, &String::from_utf8_lossy(bytes)));
    buffer.extend_from_slice(ending.as_bytes());
}

/// Words an entry of our own, on standard error.
fn note(text: &str) -> Vec<u8> {
    let mut entry = Vec::new();
    append_entry(&mut entry, text.as_bytes(), &ending(true, Timestamp::now()));
    entry
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

    #[test]
    fn a_full_disk_is_survived_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut writer = Writer::open(&path).unwrap();
        let time = Timestamp::UNIX_EPOCH;
        writer.push(false, b"before\n", time);
        writer.flush();
        assert_eq!(writer.lost(), None);
        let full =
            files::open_with(Path::new("/dev/full"), OpenOptions::new().write(true)).unwrap();
        let disk = std::mem::replace(&mut writer.file, full);
        for line in [&b"lost\n"[..], b"lost too\nand this\n"] {
            writer.push(false, line, time);
            writer.flush();
        }
        let lost = writer.lost().unwrap();
        assert_eq!(lost, "3 line(s) of its log were lost: No space left on device (os error 28)");
        writer.file = disk;
        writer.push(false, b"after\n", time);
        writer.finish(time);
        let texts: Vec<String> = lines(&path)
            .iter()
            .map(|line| serde_json::from_str::<Line<'_>>(line).unwrap().log.into_owned())
            .collect();
        let said = "estiba: lines are missing here: No space left on device (os error 28)\n";
        assert_eq!(texts, ["before\n", said, "after\n"]);
    }
}
