//! What a container uses.

use std::time::Duration;

use super::Timestamp;

/// One reading of what a container has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time used since the container started.
    pub cpu: Duration,
    /// Memory in use in bytes, without page cache that can be dropped.
    pub memory: u64,
    /// The most memory it may use, in bytes.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
}

impl Usage {
    /// Gives the share of one processor used between an earlier reading and this one, in per cent.
    pub fn cpu_percent(&self, earlier: &Self, apart: Duration) -> f64 {
        if apart.is_zero() {
            return 0.0;
        }
        let used = self.cpu.saturating_sub(earlier.cpu);
        used.as_secs_f64() / apart.as_secs_f64() * 100.0
    }
}

/// One reading of all that a container uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Processor, memory, processes.
    pub usage: Usage,
    /// Bytes received over its network; `None` where it has none of its own.
    pub received: Option<u64>,
    /// Bytes sent over its network; `None` where it has none of its own.
    pub sent: Option<u64>,
    /// Bytes read from block devices; `None` where nobody counts them.
    pub read: Option<u64>,
    /// Bytes written to block devices; `None` where nobody counts them.
    pub written: Option<u64>,
    /// How its quota of the processor held it back; all zero without one.
    pub throttling: Throttling,
    /// How long it had to wait; `None` where the kernel does not count that.
    pub pressure: Option<Pressure>,
}

/// How often and how long a quota of the processor held a container back, since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttling {
    /// Periods that have passed.
    pub periods: u64,
    /// Those in which the quota did not suffice.
    pub throttled: u64,
    /// How long it was kept waiting, summed up over processors.
    pub time: Duration,
}

/// How long processes of a container had to wait, since it started (pressure stall information, `psi.rst`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Some of them for a processor.
    pub cpu: Duration,
    /// Some of them for memory.
    pub memory: Duration,
    /// All of them for memory.
    pub memory_full: Duration,
    /// Some of them for devices.
    pub io: Duration,
    /// All of them for devices.
    pub io_full: Duration,
}

/// One reading, and when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// On the clock of [`Mark`](super::Mark)s.
    pub at: Duration,
    /// What was read.
    pub statistics: Statistics,
}

/// The newest sample of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings {
    /// It.
    pub last: Sample,
    /// The one before, a second or so earlier, if there is one.
    pub before: Option<Sample>,
}

/// What a container used between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Per cent of one processor.
    pub cpu: f64,
    /// Bytes a second.
    pub received: Option<f64>,
    /// Bytes a second.
    pub sent: Option<f64>,
    /// Bytes a second.
    pub read: Option<f64>,
    /// Bytes a second.
    pub written: Option<f64>,
    /// Per cent of the periods in which its quota did not suffice; `None` without a quota.
    pub throttled: Option<f64>,
    /// Per cent of the time in which some of its processes waited for a processor, for memory, for devices.
    pub pressure: Option<[f64; 3]>,
}

impl Rates {
    /// Computes them; `None` unless the second sample is later than the first.
    pub fn between(first: &Sample, second: &Sample) -> Option<Self> {
        let apart = second.at.checked_sub(first.at).filter(|apart| !apart.is_zero())?;
        let (one, two) = (&first.statistics, &second.statistics);
        let seconds = apart.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let rate =
            |one: Option<u64>, two: Option<u64>| Some(two?.saturating_sub(one?) as f64 / seconds);
        let share =
            |one: Duration, two: Duration| two.saturating_sub(one).as_secs_f64() / seconds * 100.0;
        let (before, now) = (one.throttling, two.throttling);
        let periods = now.periods.saturating_sub(before.periods);
        #[expect(clippy::cast_precision_loss, reason = "there are ten a second")]
        let throttled = (periods > 0).then(|| {
            now.throttled.saturating_sub(before.throttled) as f64 / periods as f64 * 100.0
        });
        Some(Self {
            cpu: two.usage.cpu_percent(&one.usage, apart),
            received: rate(one.received, two.received),
            sent: rate(one.sent, two.sent),
            read: rate(one.read, two.read),
            written: rate(one.written, two.written),
            throttled,
            pressure: one.pressure.zip(two.pressure).map(|(one, two)| {
                [(one.cpu, two.cpu), (one.memory, two.memory), (one.io, two.io)]
                    .map(|(one, two)| share(one, two))
            }),
        })
    }
}

/// A process of a container, as the host sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its user, by the host's names.
    pub user: String,
    /// Its number on the host.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Percent of one processor since it started.
    pub share: u64,
    /// When it started.
    pub started: Timestamp,
    /// Its terminal: `pts/0`, or `?`.
    pub terminal: String,
    /// Seconds of processor time.
    pub seconds: u64,
    /// Its program and arguments.
    pub command: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64, cpu: u64, bytes: Option<u64>) -> Sample {
        let statistics = Statistics {
            usage: Usage { cpu: Duration::from_millis(cpu), ..Usage::default() },
            received: bytes,
            throttling: Throttling {
                periods: seconds * 10,
                throttled: seconds,
                ..Throttling::default()
            },
            pressure: Some(Pressure {
                io: Duration::from_millis(seconds * 250),
                ..Pressure::default()
            }),
            ..Statistics::default()
        };
        Sample { at: Duration::from_secs(seconds), statistics }
    }

    #[test]
    fn rates_are_by_the_second() {
        let rates = Rates::between(&sample(10, 1000, Some(5)), &sample(12, 2000, Some(25)));
        let rates = rates.unwrap();
        assert_eq!((rates.cpu, rates.received, rates.sent), (50.0, Some(10.0), None));
        assert_eq!((rates.throttled, rates.pressure), (Some(10.0), Some([0.0, 0.0, 25.0])));
    }

    #[test]
    fn no_time_makes_no_rate_and_nothing_is_negative() {
        assert_eq!(Rates::between(&sample(2, 1, None), &sample(2, 1, None)), None);
        assert_eq!(Rates::between(&sample(3, 1, None), &sample(2, 1, None)), None);
        let rates = Rates::between(&sample(1, 9000, Some(9)), &sample(2, 1, Some(1))).unwrap();
        assert_eq!((rates.cpu, rates.received), (0.0, Some(0.0)));
    }
}
