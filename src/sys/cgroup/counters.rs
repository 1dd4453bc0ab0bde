//! What a control group has used, read again and again from files that stay open.

use std::{fs::File, path::Path, time::Duration};

use nix::errno::Errno;

use super::{
    Cgroup,
    group::{Group, Version},
};
use crate::sys::{
    Result, SysError,
    counter::{self, Gives},
    files,
};

/// What a control group has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Processor time.
    pub cpu: Duration,
    /// Bytes, droppable page cache not counted.
    pub memory: u64,
    /// Bytes, if limited.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
    /// Bytes read from and written to block devices; `None` where nobody counts them.
    pub io: Option<(u64, u64)>,
    /// Periods of the processor's quota that have passed.
    pub periods: u64,
    /// Those in which the quota did not suffice.
    pub throttled_periods: u64,
    /// How long it was kept waiting for that.
    pub throttled: Duration,
    /// How long some and all of its processes waited for processors, memory and devices (`psi.rst`); version 2 only.
    pub stalled: [Option<(Duration, Duration)>; 3],
}

/// The files of a control group that count, open.
#[derive(Debug)]
pub struct Counters(Vec<Counter>);

#[derive(Debug)]
struct Counter {
    file: File,
    counts: Counted,
    /// Whether processor time is in it.
    has_processor: bool,
}

/// What a file counts, and in which form.
#[derive(Debug, Clone, Copy)]
enum Counted {
    /// Nanoseconds.
    Processor,
    /// `name value` lines; in version 2 processor time too.
    Periods,
    Memory,
    /// `name value` lines; droppable page cache is the one of this name.
    Droppable(&'static str),
    Limit,
    Pids,
    /// Lines like `8:0 Read 4096`.
    IoOne,
    /// Lines like `8:0 rbytes=1 wbytes=2 …`.
    IoTwo,
    /// Lines like `some avg10=0.00 … total=1`, of this place in [`Reading::stalled`].
    Stalls(usize),
}

const ONE: [(&str, &str, Counted); 7] = [
    ("cpuacct", "cpuacct.usage", Counted::Processor),
    ("cpu", "cpu.stat", Counted::Periods),
    ("memory", "memory.usage_in_bytes", Counted::Memory),
    ("memory", "memory.stat", Counted::Droppable("total_inactive_file")),
    ("memory", "memory.limit_in_bytes", Counted::Limit),
    ("pids", "pids.current", Counted::Pids),
    ("blkio", "blkio.throttle.io_service_bytes_recursive", Counted::IoOne),
];

const TWO: [(&str, &str, Counted); 9] = [
    ("cpu", "cpu.stat", Counted::Periods),
    ("memory", "memory.current", Counted::Memory),
    ("memory", "memory.stat", Counted::Droppable("inactive_file")),
    ("memory", "memory.max", Counted::Limit),
    ("pids", "pids.current", Counted::Pids),
    ("io", "io.stat", Counted::IoTwo),
    ("cpu", "cpu.pressure", Counted::Stalls(0)),
    ("memory", "memory.pressure", Counted::Stalls(1)),
    ("io", "io.pressure", Counted::Stalls(2)),
];

impl Counters {
    /// Opens those that the group has; what no controller counts is left out.
    ///
    /// # Errors
    /// Not found when the group is gone.
    pub fn open(cgroup: &Cgroup) -> Result<Self> {
        if let Some(gone) = cgroup.groups.iter().find(|group| !files::exists(&group.path)) {
            return Err(gone_from(&gone.path));
        }
        let mut counters: Vec<Counter> = cgroup.groups.iter().flat_map(counters_of).collect();
        // By it alone is known whether anything ran.
        counters.sort_by_key(|counter| !counter.has_processor);
        Ok(Self(counters))
    }

    /// Reads all of them; what no controller counts is zero.
    ///
    /// # Errors
    /// Not found when the group is gone.
    pub fn read(&self) -> Result<Reading> {
        let mut reading = Reading::default();
        self.0.iter().try_for_each(|counter| counter.add_to(&mut reading))?;
        Ok(reading)
    }

    /// Reads all of them, unless none of the group's processes ran since `before`: that is known from one file, and then the rest is different only by what
    /// others do to the group, like reclaim of its memory or writing back what it wrote. `None` then.
    ///
    /// # Errors
    /// Not found when the group is gone.
    pub fn read_if_it_ran(&self, before: &Reading) -> Result<Option<Reading>> {
        let (first, rest) = match self.0.split_first() {
            Some((first, rest)) if first.has_processor => (first, rest),
            _ => return self.read().map(Some),
        };
        let mut reading = Reading::default();
        first.add_to(&mut reading)?;
        if reading.cpu == before.cpu {
            return Ok(None);
        }
        rest.iter().try_for_each(|counter| counter.add_to(&mut reading))?;
        Ok(Some(reading))
    }
}

fn gone_from(path: &Path) -> SysError {
    SysError::new("read", path.display(), Errno::ENOENT)
}

fn counters_of(group: &Group) -> impl Iterator<Item = Counter> {
    let files = match group.version {
        Version::One => ONE.as_slice(),
        Version::Two => TWO.as_slice(),
    };
    let had = files.iter().filter(|(controller, ..)| group.has(controller));
    had.filter_map(|(_, name, counts)| {
        let file = files::open(&group.path.join(name)).ok()?;
        let has_processor = match counts {
            Counted::Processor => true,
            Counted::Periods => group.version == Version::Two,
            _ => false,
        };
        Some(Counter { file, counts: *counts, has_processor })
    })
}

impl Counter {
    /// Adds what it says; one file that cannot be read now, as pressure that was switched off, adds nothing.
    fn add_to(&self, to: &mut Reading) -> Result<()> {
        match self.parse_into(to) {
            Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => {
                Err(gone_from("a control group".as_ref()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn parse_into(&self, to: &mut Reading) -> std::io::Result<()> {
        let mut droppable = 0;
        counter::lines(&self.file, Gives::All, |line| match self.counts {
            Counted::Processor => to.cpu = Duration::from_nanos(number(line)),
            Counted::Periods => {
                let Some((name, value)) = line.split_once(' ') else { return };
                match name {
                    "usage_usec" => to.cpu = Duration::from_micros(number(value)),
                    "nr_periods" => to.periods = number(value),
                    "nr_throttled" => to.throttled_periods = number(value),
                    "throttled_time" => to.throttled = Duration::from_nanos(number(value)),
                    "throttled_usec" => to.throttled = Duration::from_micros(number(value)),
                    _ => {}
                }
            }
            Counted::Memory => to.memory = number(line),
            Counted::Droppable(wanted) => match line.split_once(' ') {
                Some((name, value)) if name == wanted => droppable = number(value),
                _ => {}
            },
            // "No limit" is said with the biggest number of pages in version 1, with a word in version 2.
            Counted::Limit => to.memory_limit = line.parse().ok().filter(|&limit| limit < 1 << 62),
            Counted::Pids => to.pids = number(line),
            Counted::IoOne => {
                let (read, written) = to.io.get_or_insert_default();
                let mut words = line.split_ascii_whitespace().skip(1);
                match (words.next(), words.next()) {
                    (Some("Read"), Some(bytes)) => *read += number(bytes),
                    (Some("Write"), Some(bytes)) => *written += number(bytes),
                    _ => {}
                }
            }
            Counted::IoTwo => {
                let (read, written) = to.io.get_or_insert_default();
                for word in line.split_ascii_whitespace() {
                    match word.split_once('=') {
                        Some(("rbytes", bytes)) => *read += number(bytes),
                        Some(("wbytes", bytes)) => *written += number(bytes),
                        _ => {}
                    }
                }
            }
            Counted::Stalls(place) => {
                let Some((_, total)) = line.rsplit_once("total=") else { return };
                let (some, full) = to.stalled[place].get_or_insert_default();
                let waited = Duration::from_micros(number(total));
                if line.starts_with("some") {
                    *some = waited;
                } else {
                    *full = waited;
                }
            }
        })?;
        if let Counted::IoTwo = self.counts {
            // An empty file says that nothing was read or written yet.
            to.io.get_or_insert_default();
        }
        to.memory = to.memory.saturating_sub(droppable);
        Ok(())
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}
