//! Reads a log that may still grow.

use std::{
    fs::File,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};

use super::{Chain, Entry, Timestamp, cursor::Cursor, format::Start};
use crate::sys::{
    At as _, Result,
    poll::{self, PollFd, PollFlags},
};

/// A reader of a log that may still grow. It holds one file of it open, and 64 kB or one entry of that in memory.
#[derive(Debug)]
pub struct Reader {
    chain: Chain,
    cursor: Option<Cursor>,
    since: Option<Timestamp>,
    ear: Option<Inotify>,
}

impl Reader {
    /// Opens a log at its beginning, or so that the last `tail` lines remain; of those, what came before `since` is left out. Lines and times are found from the end: a big
    /// log costs nothing. A missing file is an empty log.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open(chain: Chain, tail: Option<u64>, since: Option<Timestamp>) -> Result<Self> {
        let files = chain.open_all()?;
        let found = match (tail, since) {
            (Some(tail), _) => start_of_tail(&chain, &files, tail)?,
            (None, Some(since)) => start_of_time(&chain, &files, since)?,
            (None, None) => None,
        };
        let (number, start) = found.unwrap_or_default();
        let file = files.into_iter().nth(number);
        let cursor = file.map(|file| Cursor::new(file, start.position, start.latest));
        Ok(Self { chain, cursor, since, ear: None })
    }

    /// Gives the next entry; waits for one at most `patience` (inotify, not polling).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn next_entry(&mut self, patience: Duration) -> Result<Option<Entry>> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            while let Some(entry) = self.read_entry()? {
                if self.since.is_none_or(|since| entry.time >= since) {
                    return Ok(Some(entry));
                }
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

    /// Takes the next whole entry that is there now.
    fn read_entry(&mut self) -> Result<Option<Entry>> {
        loop {
            let format = self.chain.format();
            let Some(cursor) = &mut self.cursor else {
                let oldest = self.chain.open_all()?.into_iter().next();
                self.cursor = oldest.map(|file| Cursor::new(file, 0, 0));
                if self.cursor.is_none() {
                    return Ok(None);
                }
                continue;
            };
            let mut read = || format.read(cursor).at_path("read", self.chain.newest());
            if let Some(entry) = read()? {
                return Ok(Some(entry));
            }
            let Some(next) = self.chain.open_after(cursor.file())? else {
                return Ok(None);
            };
            // From when there is a next one, nothing more comes into this one.
            let mut read = || format.read(cursor).at_path("read", self.chain.newest());
            if let Some(entry) = read()? {
                return Ok(Some(entry));
            }
            self.cursor = Some(Cursor::new(next, 0, 0));
        }
    }

    /// Begins to listen to the directory of the files; tells whether that is new.
    fn listen(&mut self) -> Result<bool> {
        if self.ear.is_some() {
            return Ok(false);
        }
        let dir = self.chain.dir();
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).at("listen to", dir.display())?;
        let mask = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        match inotify.add_watch(dir, mask) {
            // It is not there: nothing can be heard, and the wait lasts as long as patience does.
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error).at_path("listen to", dir),
        }
        self.ear = Some(inotify);
        Ok(true)
    }

    fn wait(&self, patience: Option<Duration>) -> Result<()> {
        let Some(ear) = &self.ear else {
            return Ok(());
        };
        let mut fds = [PollFd::from_borrowed_fd(ear.as_fd(), PollFlags::IN)];
        poll::wait(&mut fds, patience)?;
        match ear.read_events() {
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
            Err(error) => Err(error).at_path("listen to", self.chain.dir()),
        }
    }
}

/// Finds in which file, and where, the last lines begin; `None` is the beginning of the oldest.
fn start_of_tail(chain: &Chain, files: &[File], tail: u64) -> Result<Option<(usize, Start)>> {
    let mut left = tail;
    for (number, file) in files.iter().enumerate().rev() {
        let is_newest = number + 1 == files.len();
        let found = chain.format().start_of_tail(file, &mut left, is_newest);
        if let Some(start) = found.at_path("read", chain.newest())? {
            return Ok(Some((number, start)));
        }
    }
    Ok(None)
}

/// Finds in which file, and where, what came since then begins at the earliest; `None` is the beginning of the oldest.
fn start_of_time(
    chain: &Chain,
    files: &[File],
    since: Timestamp,
) -> Result<Option<(usize, Start)>> {
    for (number, file) in files.iter().enumerate().rev() {
        let found = chain.format().start_of_time(file, since);
        if let Some(start) = found.at_path("read", chain.newest())? {
            return Ok(Some((number, start)));
        }
    }
    Ok(None)
}
