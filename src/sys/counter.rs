//! Files in which the kernel counts, kept open: to read one again costs a sixth of opening it.

use std::{fs::File, os::unix::fs::FileExt as _};

use super::Result;
use crate::sys::{At as _, files};

/// The bytes that are read at once, on the stack: most of these files are shorter, and none has a longer line.
const PIECE: usize = 4096;

/// How much of a file one read gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// As much as there is room for: what is short is the end. So do control groups (`kernfs`), whose files are made in one piece.
    All,
    /// So much as the kernel makes at once; the end is where nothing comes.
    Pieces,
}

/// Hands out the lines of such a file as they are now; the kernel writes it anew for whoever reads from its beginning.
///
/// # Errors
/// What the kernel says: no such device when what it counted is gone.
pub(super) fn lines(file: &File, gives: Gives, mut each: impl FnMut(&str)) -> std::io::Result<()> {
    let mut buffer = [0; PIECE];
    let (mut offset, mut kept) = (0, 0);
    loop {
        let read = file.read_at(&mut buffer[kept..], offset)?;
        let is_end = read == 0 || (gives == Gives::All && read < PIECE - kept);
        offset += u64::try_from(read).unwrap_or_default();
        let filled = kept + read;
        let last = buffer[..filled].iter().rposition(|byte| *byte == b'\n');
        let whole = if is_end { filled } else { last.map_or(0, |place| place + 1) };
        for line in buffer[..whole].split(|byte| *byte == b'\n') {
            if let Ok(line) = std::str::from_utf8(line)
                && !line.is_empty()
            {
                each(line);
            }
        }
        if is_end {
            return Ok(());
        }
        buffer.copy_within(whole..filled, 0);
        kept = filled - whole;
        if kept == PIECE {
            kept = 0;
        }
    }
}

/// What goes through the links of a network namespace.
///
/// The namespace stays as long as this value.
#[derive(Debug)]
pub struct Traffic(File);

impl Traffic {
    /// Opens the counters of the namespace that a process is in.
    ///
    /// # Errors
    /// What the kernel says; not found when there is no such process.
    pub fn of(pid: i32) -> Result<Self> {
        files::open(format!("/proc/{pid}/net/dev").as_ref()).map(Self)
    }

    /// Gives the bytes received and sent over all links but loopback (`proc_pid_net(5)`).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read(&self) -> Result<(u64, u64)> {
        let (mut received, mut sent) = (0, 0);
        lines(&self.0, Gives::Pieces, |line| {
            let Some((name, counts)) = line.split_once(':') else { return };
            if name.trim_start() == "lo" {
                return;
            }
            let mut counts = counts.split_ascii_whitespace().map(|word| word.parse().unwrap_or(0));
            received += counts.next().unwrap_or(0);
            sent += counts.nth(7).unwrap_or(0);
        })
        .at("read", "the counters of a network")?;
        Ok((received, sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(text.as_bytes(), 0).unwrap();
        file
    }

    #[test]
    fn traffic_is_that_of_all_links_but_loopback() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
        assert_eq!(Traffic(file(text)).read().unwrap(), (101, 202));
        assert_eq!(Traffic(file("")).read().unwrap(), (0, 0));
        let own = i32::try_from(std::process::id()).unwrap();
        Traffic::of(own).unwrap().read().unwrap();
        assert!(Traffic::of(i32::MAX).unwrap_err().is_not_found());
    }

    #[test]
    fn lines_come_whole_however_long_the_file_is() {
        let text: Vec<String> = (0..2000).map(|number| format!("line {number}")).collect();
        let open = file(&text.join("\n"));
        for gives in [Gives::All, Gives::Pieces] {
            let mut read = Vec::new();
            lines(&open, gives, |line| read.push(line.to_owned())).unwrap();
            assert_eq!(read, text);
        }
        let mut read = Vec::new();
        let text = format!("a\n{}\nb\n", "x".repeat(3 * PIECE));
        lines(&file(&text), Gives::Pieces, |line| read.push(line.len())).unwrap();
        // No file of the kernel's has such a line; that it does not end the reading is enough.
        assert_eq!((read.first(), read.last()), (Some(&1), Some(&1)));
    }
}
