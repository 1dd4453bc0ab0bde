//! All that a control group counts (`runc events --stats` and the engine's API want it).

use std::{collections::BTreeMap, time::Duration};

use super::{
    Cgroup,
    group::{Group, Version},
    resources::Device,
};
use crate::sys::files;

/// Everything that is counted; what no controller counts is zero or empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Processor time.
    pub cpu: Duration,
    /// Of that, in programs.
    pub cpu_user: Duration,
    /// Of that, in the kernel.
    pub cpu_kernel: Duration,
    /// Processor time on each processor; version 1 only.
    pub cpu_each: Vec<Duration>,
    /// Periods that have passed.
    pub periods: u64,
    /// Periods in which its quota did not suffice.
    pub throttled_periods: u64,
    /// How long it was kept waiting for that.
    pub throttled: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// The most it ever was, in bytes.
    pub memory_peak: u64,
    /// The limit in bytes, if there is one.
    pub memory_limit: Option<u64>,
    /// How often the limit was reached.
    pub memory_failures: u64,
    /// Bytes of swap.
    pub swap: u64,
    /// The limit of swap in bytes (of memory and swap together in version 1), if there is one.
    pub swap_limit: Option<u64>,
    /// Bytes of page cache.
    pub cache: u64,
    /// `memory.stat` as it is.
    pub memory_details: BTreeMap<String, u64>,
    /// Processes and threads.
    pub pids: u64,
    /// The most of them, if there is a limit.
    pub pids_limit: Option<u64>,
    /// What was read and written.
    pub io: Vec<IoCount>,
    /// Page size, bytes in use, the most that ever were, how often the limit was reached.
    pub huge_pages: Vec<(String, u64, u64, u64)>,
    /// How long its processes wait for processors, memory and devices; version 2 only.
    pub pressure: [Option<Pressure>; 3],
}

/// What was read from or written to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoCount {
    /// Which.
    pub device: Device,
    /// `Read`, `Write`, `Discard`, and for version 1 `Sync`, `Async`.
    pub operation: String,
    /// Bytes.
    pub bytes: u64,
    /// Operations.
    pub operations: u64,
}

/// How long processes wait for something (`psi.rst`).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    /// Some of them.
    pub some: Stalls,
    /// All of them.
    pub full: Stalls,
}

/// Shares of time in percent over the last 10, 60 and 300 seconds, and all time so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stalls {
    /// Over 10, 60 and 300 seconds, in percent.
    pub averages: [f64; 3],
    /// Since the group was made.
    pub total: Duration,
}

impl Cgroup {
    /// Reads all that the group counts.
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics::default();
        for group in &self.groups {
            match group.version {
                Version::One => group.read_one(&mut statistics),
                Version::Two => group.read_two(&mut statistics),
            }
            if let Some(pids) = group.number("pids.current") {
                statistics.pids = pids;
                statistics.pids_limit = group.number("pids.max");
            }
        }
        statistics
    }
}

impl Group {
    /// Reads a file without the end of its line.
    pub(super) fn text(&self, file: &str) -> Option<String> {
        Some(files::read_text(&self.path.join(file)).ok()?.trim().to_owned())
    }

    /// Reads a file of `name value` lines.
    fn fields(&self, file: &str) -> BTreeMap<String, u64> {
        let text = self.text(file).unwrap_or_default();
        let field = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        text.lines().filter_map(field).collect()
    }

    fn read_one(&self, to: &mut Statistics) {
        if let Some(usage) = self.number("cpuacct.usage") {
            to.cpu = Duration::from_nanos(usage);
            let each = self.text("cpuacct.usage_percpu").unwrap_or_default();
            let each = each.split_ascii_whitespace().filter_map(|word| word.parse().ok());
            to.cpu_each = each.map(Duration::from_nanos).collect();
            // In clock ticks, of which every architecture that Linux has left makes 100 a second.
            let split = self.fields("cpuacct.stat");
            let time = |name| Duration::from_millis(split.get(name).copied().unwrap_or(0) * 10);
            (to.cpu_user, to.cpu_kernel) = (time("user"), time("system"));
        }
        let periods = self.fields("cpu.stat");
        if !periods.is_empty() {
            let number = |name| periods.get(name).copied().unwrap_or(0);
            to.throttled = Duration::from_nanos(number("throttled_time"));
            (to.periods, to.throttled_periods) = (number("nr_periods"), number("nr_throttled"));
        }
        if let Some(memory) = self.number("memory.usage_in_bytes") {
            to.memory = memory;
            to.memory_peak = self.number("memory.max_usage_in_bytes").unwrap_or(0);
            to.memory_failures = self.number("memory.failcnt").unwrap_or(0);
            // "No limit" is said with the biggest number of pages.
            let limit = |file| self.number(file).filter(|&limit| limit < 1 << 62);
            to.memory_limit = limit("memory.limit_in_bytes");
            to.swap_limit = limit("memory.memsw.limit_in_bytes");
            let both = self.number("memory.memsw.usage_in_bytes").unwrap_or(0);
            to.swap = both.saturating_sub(memory);
            to.memory_details = self.fields("memory.stat");
            to.cache = to.memory_details.get("cache").copied().unwrap_or(0);
        }
        let bytes = self.text("blkio.throttle.io_service_bytes_recursive").unwrap_or_default();
        let operations = self.text("blkio.throttle.io_serviced_recursive").unwrap_or_default();
        to.io.extend(io_of_one(&bytes, &operations));
        self.read_huge_pages(["usage_in_bytes", "max_usage_in_bytes", "failcnt"], to);
    }

    fn read_two(&self, to: &mut Statistics) {
        let cpu = self.fields("cpu.stat");
        if !cpu.is_empty() && self.has("cpu") {
            let number = |name| cpu.get(name).copied().unwrap_or(0);
            let time = |name| Duration::from_micros(number(name));
            (to.cpu, to.cpu_user) = (time("usage_usec"), time("user_usec"));
            (to.cpu_kernel, to.throttled) = (time("system_usec"), time("throttled_usec"));
            (to.periods, to.throttled_periods) = (number("nr_periods"), number("nr_throttled"));
        }
        if let Some(memory) = self.number("memory.current") {
            to.memory = memory;
            to.memory_peak = self.number("memory.peak").unwrap_or(0);
            to.memory_failures = self.field("memory.events", "max").unwrap_or(0);
            to.memory_limit = self.number("memory.max");
            to.swap = self.number("memory.swap.current").unwrap_or(0);
            to.swap_limit = self.number("memory.swap.max");
            to.memory_details = self.fields("memory.stat");
            to.cache = to.memory_details.get("file").copied().unwrap_or(0);
        }
        to.io.extend(io_of_two(&self.text("io.stat").unwrap_or_default()));
        self.read_huge_pages(["current", "peak", "events"], to);
        for (place, file) in ["cpu.pressure", "memory.pressure", "io.pressure"].iter().enumerate() {
            to.pressure[place] = self.text(file).and_then(|text| Pressure::parse(&text));
        }
    }

    fn read_huge_pages(&self, [usage, most, failures]: [&str; 3], to: &mut Statistics) {
        if !self.has("hugetlb") {
            return;
        }
        let end = format!(".{usage}");
        for path in files::list(&self.path).unwrap_or_default() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let size = name.strip_prefix("hugetlb.").and_then(|rest| rest.strip_suffix(&end));
            let Some(size) = size.filter(|size| !size.contains('.')) else { continue };
            let number = |what: &str| self.number(&format!("hugetlb.{size}.{what}"));
            let failures = number(failures)
                .or_else(|| self.field(&format!("hugetlb.{size}.{failures}"), "max"))
                .unwrap_or(0);
            let counts = (number(usage).unwrap_or(0), number(most).unwrap_or(0));
            to.huge_pages.push((size.to_owned(), counts.0, counts.1, failures));
        }
        to.huge_pages.sort();
    }
}

fn device(text: &str) -> Option<Device> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Reads lines like `8:0 Read 4096`.
fn io_of_one(bytes: &str, operations: &str) -> Vec<IoCount> {
    let lines = |text: &str| -> Vec<(Device, String, u64)> {
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let device = device(words.next()?)?;
            Some((device, words.next()?.to_owned(), words.next()?.parse().ok()?))
        };
        text.lines().filter_map(line).filter(|(_, what, _)| what != "Total").collect()
    };
    let operations = lines(operations);
    lines(bytes)
        .into_iter()
        .map(|(device, operation, bytes)| {
            let same = operations.iter().find(|one| one.0 == device && one.1 == operation);
            let operations = same.map_or(0, |one| one.2);
            IoCount { device, operation, bytes, operations }
        })
        .collect()
}

/// Reads lines like `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`.
fn io_of_two(text: &str) -> Vec<IoCount> {
    let mut counts = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(device) = words.next().and_then(device) else { continue };
        let fields: BTreeMap<&str, u64> = words
            .filter_map(|word| word.split_once('='))
            .filter_map(|(key, value)| Some((key, value.parse().ok()?)))
            .collect();
        for (letter, operation) in [("r", "Read"), ("w", "Write"), ("d", "Discard")] {
            let number = |what| fields.get(format!("{letter}{what}").as_str()).copied();
            if let (Some(bytes), Some(operations)) = (number("bytes"), number("ios")) {
                let operation = operation.to_owned();
                counts.push(IoCount { device, operation, bytes, operations });
            }
        }
    }
    counts
}

impl Pressure {
    fn parse(text: &str) -> Option<Self> {
        let line =
            |name: &str| text.lines().find_map(|line| Stalls::parse(line.strip_prefix(name)?));
        Some(Self { some: line("some ")?, full: line("full ").unwrap_or_default() })
    }
}

impl Stalls {
    fn parse(text: &str) -> Option<Self> {
        let mut values = text.split_ascii_whitespace().filter_map(|word| word.split_once('='));
        let mut next = |key: &str| values.next().filter(|one| one.0 == key).map(|one| one.1);
        let mut averages = [0.0; 3];
        for (average, key) in averages.iter_mut().zip(["avg10", "avg60", "avg300"]) {
            *average = next(key)?.parse().ok()?;
        }
        Some(Self { averages, total: Duration::from_micros(next("total")?.parse().ok()?) })
    }
}
