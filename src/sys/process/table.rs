//! Processes as a table, like `ps -ef` shows them, out of `/proc` alone.

use std::path::Path;

use super::Stat;
use crate::sys::{Result, files};

/// Clock ticks of a second, on every architecture that Linux has left.
const TICKS: u64 = 100;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its user: a name where the machine has one for the number.
    pub user: String,
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Percent of one processor since it started.
    pub share: u64,
    /// Seconds since 1970 at which it started.
    pub started: u64,
    /// Its terminal: `pts/0`, or `?`.
    pub terminal: String,
    /// Seconds of processor time.
    pub seconds: u64,
    /// Its program and arguments; the name in brackets where it has none.
    pub command: String,
}

/// Reads processes; those that have ended meanwhile are left out.
///
/// # Errors
/// What the kernel says, when `/proc` cannot be read.
pub fn rows(pids: &[i32]) -> Result<Vec<Row>> {
    let uptime = files::read_text(Path::new("/proc/uptime"))?;
    let uptime = uptime.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let text = files::read_text(Path::new("/proc/stat"))?;
    let boot = text.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok());
    let users = files::read_text(Path::new("/etc/passwd")).unwrap_or_default();
    let now = Now { boot: boot.unwrap_or(0), uptime, users: &users };
    Ok(pids.iter().filter_map(|&pid| now.row(pid)).collect())
}

struct Now<'a> {
    boot: u64,
    uptime: u64,
    users: &'a str,
}

impl Now<'_> {
    fn row(&self, pid: i32) -> Option<Row> {
        let stat = Stat::read(pid).ok()?;
        let place = format!("/proc/{pid}");
        let status = files::read_text(&Path::new(&place).join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let uid = field("Uid:")?.split_ascii_whitespace().next()?;
        let age = self.uptime.saturating_sub(stat.start / TICKS).max(1);
        let words = files::read(&Path::new(&place).join("cmdline")).ok()?;
        let words: Vec<_> = words
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(String::from_utf8_lossy)
            .collect();
        let name = field("Name:")?.trim();
        Some(Row {
            user: self.name_of(uid),
            pid,
            parent: stat.parent,
            share: stat.ticks * 100 / TICKS / age,
            started: self.boot + stat.start / TICKS,
            terminal: terminal(stat.terminal),
            seconds: stat.ticks / TICKS,
            command: if words.is_empty() { format!("[{name}]") } else { words.join(" ") },
        })
    }

    fn name_of(&self, uid: &str) -> String {
        let account = self.users.lines().find(|line| line.split(':').nth(2) == Some(uid));
        account.and_then(|line| line.split(':').next()).unwrap_or(uid).to_owned()
    }
}

/// Names a terminal by its number (`devices.txt` of the kernel: 136 to 143 are pseudo terminals, 4 the console's).
fn terminal(number: u64) -> String {
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00));
    match major {
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        4 if minor < 64 => format!("tty{minor}"),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_listed_and_an_absent_one_is_not() {
        let own = i32::try_from(std::process::id()).unwrap();
        let rows = rows(&[own, i32::MAX]).unwrap();
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!(row.pid, own);
        assert!(!row.command.is_empty() && !row.user.is_empty() && row.started > 0, "{row:?}");
    }

    #[test]
    fn terminals_have_their_names() {
        for (number, name) in
            [(0, "?"), (136 << 8, "pts/0"), ((136 << 8) + 3, "pts/3"), (0x401, "tty1")]
        {
            assert_eq!(terminal(number), name);
        }
    }
}
