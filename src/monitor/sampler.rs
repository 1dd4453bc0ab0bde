//! A sample a second of what the container uses, into its ring, at the same moment in all monitors.
//!
//! What is read stays open, and nothing is allocated: this is all that a monitor does as long as its container is quiet.

use std::time::Duration;

use super::ring::Writer;
use crate::{
    model::{ContainerId, Pressure, Sample, Statistics, Throttling, Usage},
    store::Layout,
    sys::{
        Result,
        cgroup::{Cgroup, Counters, Reading},
        clock,
        counter::Traffic,
    },
};

/// What nothing runs in is read as a whole once in so many seconds only.
const WHOLE_EVERY: Duration = Duration::from_secs(5);

/// What was read as a whole.
#[derive(Debug, Clone, Copy)]
struct Whole {
    reading: Reading,
    /// Bytes received and sent, where that is counted.
    traffic: Option<(u64, u64)>,
    /// When it has to be read again, whatever happens.
    until: Duration,
}

/// Takes samples.
#[derive(Debug)]
pub(super) struct Sampler {
    counters: Counters,
    traffic: Option<Traffic>,
    ring: Writer,
    last: Option<Whole>,
    /// When the next sample is due.
    due: Duration,
}

impl Sampler {
    /// Begins with the next sample at once. `network` is a process in the network namespace that is the container's own. `None` where nothing is
    /// counted, or the ring cannot be made: a container does not end for want of statistics.
    pub(super) fn begin(
        cgroup: &mut Cgroup,
        network: Option<i32>,
        (layout, id): (&Layout, ContainerId),
    ) -> Option<Self> {
        // Without it, block I/O is not counted.
        drop(cgroup.count_io());
        Some(Self {
            counters: Counters::open(cgroup).ok()?,
            traffic: network.and_then(|pid| Traffic::of(pid).ok()),
            ring: Writer::create(layout, id).ok()?,
            last: None,
            due: clock::now(),
        })
    }

    /// Tells how long there is nothing to do.
    pub(super) fn patience(&self) -> Duration {
        self.due.saturating_sub(clock::now())
    }

    /// Has the next sample read as a whole.
    pub(super) fn expect_change(&mut self) {
        self.last = None;
    }

    /// Takes a sample if one is due; `false` when there will be no more.
    pub(super) fn go_on(&mut self) -> bool {
        let now = clock::now();
        if now < self.due {
            return true;
        }
        // At whole seconds of the clock that all share: the machine wakes once for all monitors, and what each needs of the kernel is warm in its
        // caches. What was missed, because the machine slept or this process was stopped, is not made up for.
        self.due = Duration::from_secs(now.as_secs() + 1);
        let Ok(Whole { reading, traffic, .. }) = self.read(now) else { return false };
        self.ring.push(&Sample { at: now, statistics: statistics(reading, traffic) }).is_ok()
    }

    /// Reads what the container uses. As long as nothing of it runs, one small file tells that the rest is as it was.
    fn read(&mut self, now: Duration) -> Result<Whole> {
        let reading = match self.last {
            Some(last) if now < last.until => match self.counters.read_if_it_ran(&last.reading)? {
                None => return Ok(last),
                Some(reading) => reading,
            },
            _ => self.counters.read()?,
        };
        let traffic = self.traffic.as_ref().and_then(|traffic| traffic.read().ok());
        let whole = Whole { reading, traffic, until: now + WHOLE_EVERY };
        self.last = Some(whole);
        Ok(whole)
    }
}

/// Says in the words of the model what was read.
pub fn statistics(reading: Reading, traffic: Option<(u64, u64)>) -> Statistics {
    let [cpu, memory, io] = reading.stalled;
    Statistics {
        usage: Usage {
            cpu: reading.cpu,
            memory: reading.memory,
            memory_limit: reading.memory_limit,
            pids: reading.pids,
        },
        received: traffic.map(|(received, _)| received),
        sent: traffic.map(|(_, sent)| sent),
        read: reading.io.map(|(read, _)| read),
        written: reading.io.map(|(_, written)| written),
        throttling: Throttling {
            periods: reading.periods,
            throttled: reading.throttled_periods,
            time: reading.throttled,
        },
        pressure: cpu.map(|(cpu, _)| {
            let ((memory, memory_full), (io, io_full)) =
                (memory.unwrap_or_default(), io.unwrap_or_default());
            Pressure { cpu, memory, memory_full, io, io_full }
        }),
    }
}
