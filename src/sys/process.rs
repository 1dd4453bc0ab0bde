//! Processes by an identity that outlives the reuse of their number.

mod table;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use rustix::process::{PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

pub use self::table::{Row, rows};
use super::{Result, SysError, files};

/// A process: its number and when it started, which together never come again before the next boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number, in the process namespace of this program.
    pub pid: i32,
    /// When it started, in clock ticks since boot (`proc_pid_stat(5)`, field 22).
    pub start: u64,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.start)
    }
}

impl FromStr for ProcessId {
    type Err = ();

    /// Reads what [`fmt::Display`] writes.
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (pid, start) = text.split_once('-').ok_or(())?;
        match (pid.parse(), start.parse()) {
            (Ok(pid), Ok(start)) => Ok(Self { pid, start }),
            _ => Err(()),
        }
    }
}

impl ProcessId {
    /// Looks up the process that has this number now.
    ///
    /// # Errors
    /// What the kernel says; not found when there is no such process.
    pub fn of(pid: i32) -> Result<Self> {
        let stat = Stat::read(pid)?;
        Ok(Self { pid, start: stat.start })
    }

    /// Gives this process.
    ///
    /// # Errors
    /// What the kernel says, when `/proc` cannot be read.
    pub fn current() -> Result<Self> {
        Self::of(nix::unistd::getpid().as_raw())
    }

    /// Tells whether that very process still runs, for certain; a zombie does not.
    pub fn is_alive(&self) -> bool {
        self.runs_by(Stat::read(self.pid)).is_ok_and(|runs| runs)
    }

    /// Tells whether that very process has ended, for certain. For whoever tidies up after it: where the kernel does not say, because no descriptor
    /// or memory is free, it may still care for what would be taken from it.
    pub fn is_gone(&self) -> bool {
        self.runs_by(Stat::read(self.pid)).is_ok_and(|runs| !runs)
    }

    /// Judges by what is seen of whoever has its number now.
    fn runs_by(&self, seen: Result<Stat>) -> Result<bool> {
        match seen {
            Ok(stat) => Ok(stat.start == self.start && !matches!(stat.state, 'Z' | 'X')),
            // It ended before its file was opened, or before that was read.
            Err(error) if error.is_not_found() || error.errno() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Kills that very process, never another that has its number by now; one that is gone is no failure.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn kill(&self) -> Result<()> {
        let Some(pid) = rustix::process::Pid::from_raw(self.pid) else {
            return Ok(());
        };
        let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(());
        };
        // The descriptor pins the process; only now does the comparison hold until the signal.
        if !self.runs_by(Stat::read(self.pid))? {
            return Ok(());
        }
        match rustix::process::pidfd_send_signal(&pidfd, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(SysError::new("kill", format!("process {}", self.pid), errno)),
        }
    }
}

/// What `/proc/PID/stat` says (`proc_pid_stat(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D`, `Z`, …
    pub state: char,
    /// The parent's number.
    pub parent: i32,
    /// The number of its terminal, 0 for none.
    pub terminal: u64,
    /// Clock ticks spent in user and kernel mode.
    pub ticks: u64,
    /// Threads.
    pub threads: u64,
    /// Clock ticks after boot at which it started.
    pub start: u64,
    /// Resident memory in pages.
    pub resident_pages: u64,
}

impl Stat {
    /// Reads it for one process.
    ///
    /// # Errors
    /// What the kernel says; not found when there is no such process.
    pub fn read(pid: i32) -> Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        let text = files::read(&path)?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| {
            SysError::new(
                "read",
                path.display(),
                std::io::Error::other("it has another form than expected"),
            )
        })
    }

    /// Reads the fields after the name, which may itself hold spaces and brackets.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        // Field n of the manual page is fields[n - 3] here.
        let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            terminal: number(7)?,
            ticks: number(14)? + number(15)?,
            threads: number(20)?,
            start: number(22)?,
            resident_pages: number(24)?,
        })
    }
}

/// What a process and all its descendants use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilyUsage {
    /// Processor time.
    pub cpu: Duration,
    /// Resident memory in bytes; shared pages count once for each process.
    pub memory: u64,
    /// Processes and threads.
    pub threads: u64,
}

/// Sums up what each of `roots` and its descendants use, in one pass over `/proc`: for those who may not make control groups.
///
/// # Errors
/// What the kernel says, when `/proc` cannot be listed.
pub fn family_usage(roots: &[i32]) -> Result<Vec<FamilyUsage>> {
    let stats: BTreeMap<i32, Stat> = files::list(Path::new("/proc"))?
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Stat::read(pid).ok()?)))
        .collect();
    let parents: BTreeMap<i32, i32> = stats.iter().map(|(&pid, stat)| (pid, stat.parent)).collect();
    let mut sums = vec![FamilyUsage::default(); roots.len()];
    for (&pid, stat) in &stats {
        let place_of = |ancestor| roots.iter().position(|root| *root == ancestor);
        if let Some(place) = lineage(&parents, pid).find_map(place_of) {
            sums[place].add(stat);
        }
    }
    Ok(sums)
}

/// Lists a process and its descendants.
///
/// # Errors
/// What the kernel says, when `/proc` cannot be listed.
pub fn family(root: i32) -> Result<Vec<i32>> {
    let parents: BTreeMap<i32, i32> = files::list(Path::new("/proc"))?
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Stat::read(pid).ok()?.parent)))
        .collect();
    let is_of_it = |pid: &i32| lineage(&parents, *pid).any(|ancestor| ancestor == root);
    Ok(parents.keys().copied().filter(is_of_it).collect())
}

/// Gives a process and those that it comes from, up to the first of all. They were not read at one moment: where a number was given out again
/// meanwhile the way may lead in a circle, and it ends all the same.
fn lineage(parents: &BTreeMap<i32, i32>, pid: i32) -> impl Iterator<Item = i32> {
    let above = |pid: &i32| parents.get(pid).copied();
    std::iter::successors(Some(pid), above).take_while(|pid| *pid > 1).take(parents.len())
}

impl FamilyUsage {
    fn add(&mut self, stat: &Stat) {
        // USER_HZ is 100 on every architecture that Linux has left.
        self.cpu += Duration::from_millis(stat.ticks * 10);
        self.memory += stat.resident_pages * rustix::param::page_size() as u64;
        self.threads += stat.threads;
    }
}

/// Gives the identity of this boot of the machine, which changes with each.
///
/// # Errors
/// What the kernel says, when `/proc` cannot be read.
pub fn boot_id() -> Result<String> {
    let path = PathBuf::from("/proc/sys/kernel/random/boot_id");
    Ok(files::read_text(&path)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::At as _;

    #[test]
    fn this_process_lives_and_its_number_alone_is_not_enough() {
        let current = ProcessId::current().unwrap();
        assert!(current.is_alive());
        assert!(!ProcessId { start: current.start + 1, ..current }.is_alive());
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_neither_life_nor_death() {
        let current = ProcessId::current().unwrap();
        let seen = |errno| current.runs_by(Err(errno).at("read", "a file")).ok();
        for (errno, runs) in [
            (rustix::io::Errno::NOENT, Some(false)),
            (rustix::io::Errno::SRCH, Some(false)),
            (rustix::io::Errno::MFILE, None),
            (rustix::io::Errno::NOMEM, None),
        ] {
            assert_eq!(seen(errno), runs, "{errno}");
        }
        assert!(!current.is_gone());
        assert!(ProcessId { start: current.start + 1, ..current }.is_gone());
        assert!(ProcessId { pid: i32::MAX, start: 1 }.is_gone());
    }

    #[test]
    fn a_number_that_was_given_out_again_leads_in_no_circle() {
        let parents = BTreeMap::from([(7, 8), (8, 9), (9, 8), (10, 1)]);
        assert_eq!(lineage(&parents, 7).collect::<Vec<_>>(), [7, 8, 9, 8]);
        assert_eq!(lineage(&parents, 10).collect::<Vec<_>>(), [10]);
        assert_eq!(lineage(&parents, 11).collect::<Vec<_>>(), [11]);
    }

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let text = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 0 0 20 0 3 0 12345 1000 42 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(
            stat,
            Stat {
                state: 'S',
                parent: 1,
                terminal: 0,
                ticks: 30,
                threads: 3,
                start: 12345,
                resident_pages: 42
            }
        );
    }
}
