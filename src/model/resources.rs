//! What a container may use, in Docker's words.

use serde::{Deserialize, Deserializer, Serialize};

/// What a container may use; what is `None` or empty is left to the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Memory and swap together, in bytes; -1 for any swap. Twice the memory if `None`.
    pub memory_swap: Option<i64>,
    /// Memory in bytes that it keeps when memory is short.
    pub memory_reservation: Option<u64>,
    /// How readily it is swapped out, 0 to 100.
    pub memory_swappiness: Option<u64>,
    /// Whether processes wait for memory instead of being killed.
    pub oom_kill_disable: bool,
    /// How early it is killed when memory is short, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Processor time, in billionths of one processor.
    pub nano_cpus: Option<u64>,
    /// Weight among others, usually 1024.
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time in each period; -1 for any.
    pub cpu_quota: Option<i64>,
    /// Microseconds that a period has.
    pub cpu_period: Option<u64>,
    /// Which processors, like `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// Which memory nodes.
    pub cpuset_mems: Option<String>,
    /// Processes and threads; -1 for any number, and `None` is 2048 where control groups are to be had.
    pub pids: Option<i64>,
    /// Weight at block devices, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Weights at single devices.
    pub blkio_weight_devices: Vec<DeviceWeight>,
    /// Rates at single devices.
    pub device_rates: Vec<DeviceRate>,
    /// Limits of each process (`getrlimit(2)`).
    pub ulimits: Vec<Ulimit>,
    /// Bytes that `/dev/shm` holds.
    pub shm_size: Option<u64>,
}

/// A weight at a block device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWeight {
    /// Its path.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// A limit of what is read from or written to a device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRate {
    /// What is limited.
    pub what: Rate,
    /// Its path.
    pub path: String,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// What a [`DeviceRate`] limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// Bytes read.
    ReadBytes,
    /// Bytes written.
    WriteBytes,
    /// Reads.
    Reads,
    /// Writes.
    Writes,
}

/// A limit of each process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Its name, like `nofile`.
    pub name: String,
    /// What holds; -1 for none.
    pub soft: i64,
    /// Up to where a process may raise it; -1 for none.
    pub hard: i64,
}

impl Resources {
    /// Tells whether nothing is asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Leaves out the limits for which there is no controller (by its name in version 2), and names the flags that asked for them.
    #[must_use]
    pub fn held_by(&self, controllers: &[String]) -> (Self, Vec<&'static str>) {
        let mut held = self.clone();
        let mut flags = Vec::new();
        let is_missing = |name: &str| !controllers.iter().any(|one| one == name);
        let mut note = |is_lost: bool, flag| flags.extend(is_lost.then_some(flag));
        if is_missing("memory") {
            note(held.memory.take().is_some(), "--memory");
            note(held.memory_swap.take().is_some(), "--memory-swap");
            note(held.memory_reservation.take().is_some(), "--memory-reservation");
            note(held.memory_swappiness.take().is_some(), "--memory-swappiness");
            note(std::mem::take(&mut held.oom_kill_disable), "--oom-kill-disable");
        }
        if is_missing("cpu") {
            note(held.nano_cpus.take().is_some(), "--cpus");
            note(held.cpu_shares.take().is_some(), "--cpu-shares");
            note(held.cpu_quota.take().is_some(), "--cpu-quota");
            note(held.cpu_period.take().is_some(), "--cpu-period");
        }
        if is_missing("cpuset") {
            note(held.cpuset_cpus.take().is_some(), "--cpuset-cpus");
            note(held.cpuset_mems.take().is_some(), "--cpuset-mems");
        }
        if is_missing("pids") {
            note(held.pids.take().is_some_and(|limit| limit > 0), "--pids-limit");
        }
        if is_missing("io") {
            note(held.blkio_weight.take().is_some(), "--blkio-weight");
            let weighed = std::mem::take(&mut held.blkio_weight_devices);
            note(!weighed.is_empty(), "--blkio-weight-device");
            let rates = std::mem::take(&mut held.device_rates);
            for (what, flag) in [
                (Rate::ReadBytes, "--device-read-bps"),
                (Rate::WriteBytes, "--device-write-bps"),
                (Rate::Reads, "--device-read-iops"),
                (Rate::Writes, "--device-write-iops"),
            ] {
                note(rates.iter().any(|one| one.what == what), flag);
            }
        }
        (held, flags)
    }

    /// Puts what `change` says over what was said before, as `update` does.
    #[must_use]
    pub fn updated(&self, change: &Self) -> Self {
        let mut now = self.clone();
        now.memory = change.memory.or(now.memory);
        now.memory_swap = change.memory_swap.or(now.memory_swap);
        now.memory_reservation = change.memory_reservation.or(now.memory_reservation);
        now.cpu_shares = change.cpu_shares.or(now.cpu_shares);
        now.cpuset_cpus = change.cpuset_cpus.clone().or(now.cpuset_cpus);
        now.cpuset_mems = change.cpuset_mems.clone().or(now.cpuset_mems);
        now.pids = change.pids.or(now.pids);
        now.blkio_weight = change.blkio_weight.or(now.blkio_weight);
        now.nano_cpus = change.nano_cpus.or(now.nano_cpus);
        now.cpu_quota = change.cpu_quota.or(now.cpu_quota);
        now.cpu_period = change.cpu_period.or(now.cpu_period);
        now
    }
}

/// Reads resources from a record of any age: the first ones counted thousandths of a processor.
pub(super) fn of_any_age<'de, D: Deserializer<'de>>(record: D) -> Result<Resources, D::Error> {
    #[derive(Deserialize)]
    struct Recorded {
        #[serde(flatten)]
        resources: Resources,
        #[serde(default)]
        millicpus: Option<u64>,
    }
    let Recorded { mut resources, millicpus } = Recorded::deserialize(record)?;
    resources.nano_cpus = resources.nano_cpus.or_else(|| millicpus.map(|cpus| cpus * 1_000_000));
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_what_it_does_not_say() {
        let before = Resources { memory: Some(1), pids: Some(2), ..Resources::default() };
        let change = Resources { pids: Some(-1), cpu_shares: Some(3), ..Resources::default() };
        let after = before.updated(&change);
        assert_eq!((after.memory, after.pids, after.cpu_shares), (Some(1), Some(-1), Some(3)));
    }

    #[test]
    fn limits_without_a_controller_are_left_out_by_name() {
        let asked = Resources {
            memory: Some(1),
            cpu_shares: Some(2),
            cpuset_cpus: Some("0".into()),
            pids: Some(3),
            blkio_weight: Some(10),
            device_rates: vec![DeviceRate { what: Rate::Writes, path: "/dev/x".into(), rate: 1 }],
            oom_score_adj: Some(4),
            ..Resources::default()
        };
        let (held, flags) = asked.held_by(&[]);
        assert_eq!(held, Resources { oom_score_adj: Some(4), ..Resources::default() });
        let all = ["--memory", "--cpu-shares", "--cpuset-cpus", "--pids-limit", "--blkio-weight"];
        assert_eq!(flags, [&all[..], &["--device-write-iops"]].concat());
        let some = ["memory", "cpu", "pids"].map(str::to_owned);
        let (held, flags) = asked.held_by(&some);
        assert_eq!((held.memory, held.cpuset_cpus, held.pids), (Some(1), None, Some(3)));
        assert_eq!(flags, ["--cpuset-cpus", "--blkio-weight", "--device-write-iops"]);
        let every = ["memory", "cpu", "cpuset", "pids", "io"].map(str::to_owned);
        assert_eq!(asked.held_by(&every), (asked.clone(), Vec::new()));
    }

    #[test]
    fn a_record_of_the_first_days_is_read() {
        let old = serde_json::json!({"memory": 64, "millicpus": 1500, "pids": null});
        let read = of_any_age(old).unwrap();
        assert_eq!((read.memory, read.nano_cpus, read.pids), (Some(64), Some(1_500_000_000), None));
        let now = Resources { nano_cpus: Some(7), ..Resources::default() };
        let again = of_any_age(serde_json::to_value(&now).unwrap()).unwrap();
        assert_eq!(again, now);
        assert!(of_any_age(serde_json::json!({})).unwrap().is_default());
    }
}
