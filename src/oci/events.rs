//! What a container uses, in the form of runc.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Context, Failure,
    container::{Container, Status},
    output,
};
use crate::sys::{
    cgroup::{IoCount, Statistics},
    poll::{self, PollFd, PollFlags},
};

/// Prints one line, or one in each interval until the container ends.
pub(super) fn events(
    context: &Context<'_>,
    id: &str,
    stats: bool,
    interval: &str,
) -> Result<u8, Failure> {
    let interval = duration(interval)?;
    let container = Container::find(context, id)?;
    if container.status() == Status::Stopped {
        return Err(Failure::new(format!("container {id} is not running")));
    }
    loop {
        let Some((_, pidfd)) = container.pinned() else { return Ok(0) };
        let cgroup = container.cgroup();
        let cgroup = cgroup.ok_or_else(|| {
            Failure::new("the container has no control group, and nothing counts what it uses")
        })?;
        output::line(&line(id, &cgroup.statistics()).to_string());
        if stats {
            return Ok(0);
        }
        poll::wait(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(interval))?;
    }
}

fn line(id: &str, counted: &Statistics) -> Value {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let each: Vec<u64> = counted.cpu_each.iter().copied().map(nanoseconds).collect();
    json!({
        "type": "stats",
        "id": id,
        "data": {
            "cpu": {
                "usage": {
                    "total": nanoseconds(counted.cpu),
                    "percpu": each,
                    "kernel": nanoseconds(counted.cpu_kernel),
                    "user": nanoseconds(counted.cpu_user),
                },
                "throttling": {
                    "periods": counted.periods,
                    "throttledPeriods": counted.throttled_periods,
                    "throttledTime": nanoseconds(counted.throttled),
                },
            },
            "cpuset": {},
            "memory": {
                "cache": counted.cache,
                "usage": {
                    "limit": counted.memory_limit.unwrap_or(u64::MAX),
                    "usage": counted.memory,
                    "max": counted.memory_peak,
                    "failcnt": counted.memory_failures,
                },
                "swap": {
                    "limit": counted.swap_limit.unwrap_or(u64::MAX),
                    "usage": counted.swap,
                    "failcnt": 0,
                },
                "kernel": { "limit": 0, "failcnt": 0 },
                "kernelTCP": { "limit": 0, "failcnt": 0 },
                "raw": counted.memory_details,
            },
            "pids": { "current": counted.pids, "limit": counted.pids_limit.unwrap_or_default() },
            "blkio": {
                "ioServiceBytesRecursive": by_device(counted, |count| count.bytes),
                "ioServicedRecursive": by_device(counted, |count| count.operations),
            },
            "hugetlb": huge_pages(counted),
            "intel_rdt": {},
            "network_interfaces": null,
        },
    })
}

fn by_device(counted: &Statistics, value: impl Fn(&IoCount) -> u64) -> Vec<Value> {
    let entry = |count: &IoCount| {
        json!({
            "major": count.device.0,
            "minor": count.device.1,
            "op": count.operation,
            "value": value(count),
        })
    };
    counted.io.iter().map(entry).collect()
}

fn huge_pages(counted: &Statistics) -> Value {
    let entries = counted.huge_pages.iter().map(|(size, usage, most, failures)| {
        (size.clone(), json!({ "usage": usage, "max": most, "failcnt": failures }))
    });
    Value::Object(entries.collect())
}

/// Reads a number with `ms`, `s` or `m`.
fn duration(text: &str) -> Result<Duration, Failure> {
    let wrong = || Failure::new(format!("interval {text:?} is not like 5s, 100ms or 1m"));
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_no_number| wrong())?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(wrong()),
    };
    if duration.is_zero() { Err(wrong()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units() {
        assert_eq!(duration("5s").unwrap(), Duration::from_secs(5));
        assert_eq!(duration("20ms").unwrap(), Duration::from_millis(20));
        for wrong in ["", "5", "s", "0s", "-1s", "5h5"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
