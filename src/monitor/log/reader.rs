//! Reads a log that may still grow.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{Entry, Line};
use crate::sys::{
    At as _, Result, files,
    poll::{self, PollFd, PollFlags},
};

/// A line longer than this was not written by a monitor and is skipped.
const LONGEST_LINE: usize = 1 << 20;
/// How much is read at once while looking for the last lines.
const BLOCK: u64 = 32 << 10;

/// A reader of a log file that may still grow.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// A line whose end has not been written yet.
    line: Vec<u8>,
    /// Whether the line grew too long and is passed over.
    is_skipping: bool,
    ear: Option<Ear>,
}

/// Who is listened to for changes.
#[derive(Debug)]
struct Ear {
    inotify: Inotify,
    hears_file: bool,
}

impl Reader {
    /// Opens a log at its beginning, or so that the last `tail` lines remain (found from the end: a big log costs nothing). A missing file is an empty log.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(path: &Path, tail: Option<usize>) -> Result<Self> {
        let mut reader = Self {
            path: path.to_owned(),
            file: None,
            line: Vec::new(),
            is_skipping: false,
            ear: None,
        };
        if let (Some(mut file), Some(tail)) = (open_if_there(path)?, tail) {
            let start = start_of_tail(&file, tail).at_path("read", path)?;
            file.seek(SeekFrom::Start(start)).at_path("seek in", path)?;
            reader.file = Some(BufReader::new(file));
        }
        Ok(reader)
    }

    /// Gives the next entry; waits for one at most `patience` (inotify, not polling).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn next_entry(&mut self, patience: Duration) -> Result<Option<Entry>> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            if let Some(entry) = self.read_entry()? {
                return Ok(Some(entry));
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            // What was written between the read above and a new watch is found by one more read.
            if !self.listen()? {
                self.wait(left)?;
            }
        }
    }

    /// Takes the next whole entry that is in the file now.
    fn read_entry(&mut self) -> Result<Option<Entry>> {
        if self.file.is_none() {
            self.file = open_if_there(&self.path)?.map(BufReader::new);
        }
        while self.read_line()? {
            let line = std::mem::take(&mut self.line);
            // A line that a power cut tore, or nobody of ours wrote, is passed over.
            if let Ok(line) = serde_json::from_slice::<Line<'_>>(&line) {
                return Ok(Some(Entry {
                    time: line.time,
                    is_stderr: line.stream == "stderr",
                    bytes: line.log.into_owned().into_bytes(),
                }));
            }
        }
        Ok(None)
    }

    /// Reads on to the end of a line; tells whether it has come.
    fn read_line(&mut self) -> Result<bool> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        loop {
            let bytes = file.fill_buf().at_path("read", &self.path)?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(bytes.len(), |end| end + 1);
            self.is_skipping |= self.line.len() + length > LONGEST_LINE;
            if self.is_skipping {
                self.line.clear();
            } else {
                self.line.extend_from_slice(bytes.get(..length).unwrap_or_default());
            }
            file.consume(length);
            if end.is_some() && !std::mem::take(&mut self.is_skipping) {
                return Ok(true);
            }
        }
    }

    /// Begins to listen to the file, or while it is not there to its directory; tells whether that is new.
    fn listen(&mut self) -> Result<bool> {
        let has_file = self.file.is_some();
        if self.ear.as_ref().is_some_and(|ear| ear.hears_file == has_file) {
            return Ok(false);
        }
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).at("listen to", self.path.display())?;
        let (watched, mask) = match self.path.parent() {
            Some(parent) if !has_file => {
                (parent, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)
            }
            _ => (self.path.as_path(), AddWatchFlags::IN_MODIFY),
        };
        match inotify.add_watch(watched, mask) {
            // Neither is there: nothing can be heard, and the wait lasts as long as patience does.
            Ok(_) | Err(nix::errno::Errno::ENOENT) => {}
            Err(error) => return Err(error).at_path("listen to", watched),
        }
        self.ear = Some(Ear { inotify, hears_file: has_file });
        Ok(true)
    }

    fn wait(&self, patience: Option<Duration>) -> Result<()> {
        let Some(ear) = &self.ear else {
            return Ok(());
        };
        let mut fds = [PollFd::from_borrowed_fd(ear.inotify.as_fd(), PollFlags::IN)];
        poll::wait(&mut fds, patience)?;
        match ear.inotify.read_events() {
            Ok(_) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error).at_path("listen to", &self.path),
        }
    }
}

fn open_if_there(path: &Path) -> Result<Option<File>> {
    match files::open(path) {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

/// Finds where the last `tail` lines begin, block by block from the end. A line that has not ended yet comes on top.
fn start_of_tail(file: &File, tail: usize) -> std::io::Result<u64> {
    let mut end = file.metadata()?.len();
    // The line feed that ends the last line begins no line.
    let mut feeds_left = tail;
    let mut block = Vec::new();
    let mut is_last_feed = true;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        block.resize(usize::try_from(end - start).unwrap_or(0), 0);
        file.read_exact_at(&mut block, start)?;
        for (offset, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = start + u64::try_from(offset).unwrap_or(0) + 1;
            if std::mem::take(&mut is_last_feed) {
                if tail == 0 {
                    return Ok(after);
                }
                continue;
            }
            feeds_left -= 1;
            if feeds_left == 0 {
                return Ok(after);
            }
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{
        super::{Timestamp, Writer},
        *,
    };

    /// So long a test waits for what must come.
    const SOON: Duration = Duration::from_secs(10);

    fn texts(reader: &mut Reader) -> Vec<String> {
        std::iter::from_fn(|| reader.next_entry(Duration::ZERO).unwrap())
            .map(|entry| String::from_utf8(entry.bytes).unwrap())
            .collect()
    }

    fn write(path: &Path, text: &str) {
        let mut writer = Writer::open(path).unwrap();
        writer.push(false, text.as_bytes(), Timestamp::UNIX_EPOCH);
        writer.finish(Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let all: Vec<String> = (0..5_000).map(|n| format!("line {n}\n")).collect();
        write(&path, &all.concat());
        for tail in [0, 1, 2, 999, 4_999, 5_000, 6_000] {
            let mut reader = Reader::open(&path, Some(tail)).unwrap();
            let expected = &all[all.len().saturating_sub(tail)..];
            assert_eq!(texts(&mut reader), expected, "{tail}");
        }
        let mut reader = Reader::open(&path, None).unwrap();
        assert_eq!(texts(&mut reader), all);
    }

    #[test]
    fn a_line_that_has_not_ended_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        write(&path, "one\n");
        let text = files::read(&path).unwrap();
        let mut file = files::open_with(&path, File::options().append(true)).unwrap();
        for tail in [Some(0), Some(1), None] {
            let mut reader = Reader::open(&path, tail).unwrap();
            texts(&mut reader);
            file.write_all(&text[..20]).unwrap();
            assert_eq!(texts(&mut reader), Vec::<String>::new());
            file.write_all(&text[20..]).unwrap();
            assert_eq!(texts(&mut reader), ["one\n"]);
        }
    }

    #[test]
    fn what_nobody_of_ours_wrote_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        write(&path, "one\n");
        let mut file = files::open_with(&path, File::options().append(true)).unwrap();
        file.write_all(b"garbage\n\n{\"log\":1}\n\xff\xfe\n").unwrap();
        file.write_all(&vec![b'x'; LONGEST_LINE + 5]).unwrap();
        file.write_all(b"\n").unwrap();
        write(&path, "two\n");
        assert_eq!(texts(&mut Reader::open(&path, None).unwrap()), ["one\n", "two\n"]);
    }

    #[test]
    fn a_reader_follows_from_before_the_file_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.json");
        let mut reader = Reader::open(&path, Some(10)).unwrap();
        assert_eq!(reader.next_entry(Duration::from_millis(1)).unwrap(), None);
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| {
                (0..3).map(|_| reader.next_entry(SOON).unwrap().unwrap().bytes).collect::<Vec<_>>()
            });
            for text in ["a\n", "b\n", "c\n"] {
                write(&path, text);
            }
            assert_eq!(follower.join().unwrap(), [b"a\n", b"b\n", b"c\n"]);
        });
    }
}
