//! What of limits makes no sense, in Docker's words (moby, `verifyPlatformContainerResources`).

use std::path::Path;

use super::{Result, invalid};
use crate::{
    model::Resources,
    sys::{files, schedule},
};

/// The least memory a container can be limited to.
const LEAST_MEMORY: u64 = 6 << 20;
/// Microseconds that a period may have.
const PERIODS: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;
/// Billionths of a processor that can be told apart, and of a whole one.
const LEAST_CPUS: u64 = 10_000_000;
const CPU: u64 = 1_000_000_000;

/// Refuses limits that contradict each other or this machine.
pub(in crate::engine) fn check(resources: &Resources) -> Result<()> {
    check_memory(resources)?;
    check_cpu(resources)?;
    check_list("CPUs", "cpuset cpus", resources.cpuset_cpus.as_deref(), "cpu/online")?;
    check_list("memory nodes", "cpuset mems", resources.cpuset_mems.as_deref(), "node/online")?;
    let mut weights = resources.blkio_weight_devices.iter().map(|one| one.weight);
    let is_wrong = |weight: u16| !(10..=1000).contains(&weight);
    if resources.blkio_weight.is_some_and(is_wrong) || weights.any(is_wrong) {
        return Err(invalid("range of blkio weight is from 10 to 1000"));
    }
    if let Some(score) = resources.oom_score_adj.filter(|score| !(-1000..=1000).contains(score)) {
        return Err(invalid(format!(
            "invalid value {score}, range for oom score adj is [-1000, 1000]"
        )));
    }
    let rates = resources.device_rates.iter().map(|one| &one.path);
    let weighed = resources.blkio_weight_devices.iter().map(|one| &one.path);
    for path in rates.chain(weighed) {
        if files::device_node(Path::new(path))?.is_none() {
            return Err(invalid(format!("{path} is not a device")));
        }
    }
    Ok(())
}

fn check_memory(resources: &Resources) -> Result<()> {
    let Resources { memory, memory_swap, memory_reservation: reservation, .. } = *resources;
    if memory.is_some_and(|bytes| bytes < LEAST_MEMORY) {
        return Err(invalid("the memory limit must be at least 6m"));
    }
    match (memory, memory_swap.and_then(|swap| u64::try_from(swap).ok())) {
        (Some(memory), Some(swap)) if swap < memory => {
            return Err(invalid(
                "minimum memoryswap limit should be larger than memory limit, see usage",
            ));
        }
        (None, Some(_)) => {
            return Err(invalid(
                "you should always set the memory limit when using memoryswap limit, see usage",
            ));
        }
        _ => {}
    }
    if resources.memory_swappiness.is_some_and(|swappiness| swappiness > 100) {
        return Err(invalid("valid memory swappiness range is 0-100"));
    }
    if reservation.is_some_and(|bytes| bytes < LEAST_MEMORY) {
        return Err(invalid("the memory reservation must be at least 6m"));
    }
    match (memory, reservation) {
        (Some(memory), Some(reservation)) if memory < reservation => Err(invalid(
            "minimum memory limit can not be less than memory reservation limit, see usage",
        )),
        _ => Ok(()),
    }
}

fn check_cpu(resources: &Resources) -> Result<()> {
    if let Some(cpus) = resources.nano_cpus {
        for (other, name) in
            [(resources.cpu_period.is_some(), "period"), (resources.cpu_quota.is_some(), "quota")]
        {
            if other {
                return Err(invalid(format!(
                    "conflicting options: --cpus and --cpu-{name} cannot both be set"
                )));
            }
        }
        let there = there("cpu/online").len() as u64;
        if there > 0 && !(LEAST_CPUS..=there * CPU).contains(&cpus) {
            return Err(invalid(format!(
                "range of CPUs is from 0.01 to {there}.00, as there are only {there} CPUs available"
            )));
        }
    }
    if resources.cpu_period.is_some_and(|period| !PERIODS.contains(&period)) {
        return Err(invalid(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ));
    }
    if resources.cpu_quota.is_some_and(|quota| (0..1000).contains(&quota)) {
        return Err(invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)"));
    }
    Ok(())
}

/// Checks a list of processors or memory nodes against those of this machine.
fn check_list(things: &str, name: &str, list: Option<&str>, file: &str) -> Result<()> {
    let Some(list) = list else { return Ok(()) };
    let wanted = schedule::parse_list(list)
        .ok_or_else(|| invalid(format!("invalid value {list} for {name}")))?;
    let there = there(file);
    if !there.is_empty() && !wanted.iter().all(|one| there.contains(one)) {
        let available: Vec<String> = there.iter().map(ToString::to_string).collect();
        return Err(invalid(format!(
            "requested {things} are not available - requested {list}, available: {}",
            available.join(",")
        )));
    }
    Ok(())
}

/// Lists what of a kind the machine has; nothing when it does not say, and then the kernel will.
fn there(file: &str) -> Vec<usize> {
    let path = Path::new("/sys/devices/system").join(file);
    let text = files::read_text(&path).unwrap_or_default();
    schedule::parse_list(text.trim_end()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeviceRate, Rate};

    #[test]
    fn limits_that_make_no_sense_are_refused_in_dockers_words() {
        let base = Resources::default;
        let m = |number: u64| Some(number << 20);
        for (resources, words) in [
            (Resources { memory: m(5), ..base() }, "at least 6m"),
            (
                Resources { memory: m(64), memory_swap: Some(32 << 20), ..base() },
                "larger than memory",
            ),
            (Resources { memory_swap: Some(32 << 20), ..base() }, "always set the memory limit"),
            (Resources { memory_swappiness: Some(101), ..base() }, "0-100"),
            (Resources { memory_reservation: m(1), ..base() }, "at least 6m"),
            (
                Resources { memory: m(64), memory_reservation: m(65), ..base() },
                "less than memory reservation",
            ),
            (Resources { nano_cpus: Some(CPU), cpu_quota: Some(5000), ..base() }, "--cpu-quota"),
            (Resources { nano_cpus: Some(CPU), cpu_period: Some(5000), ..base() }, "--cpu-period"),
            (Resources { nano_cpus: Some(CPU * 1_000_000), ..base() }, "range of CPUs"),
            (Resources { nano_cpus: Some(1), ..base() }, "range of CPUs"),
            (Resources { cpu_period: Some(999), ..base() }, "period"),
            (Resources { cpu_quota: Some(999), ..base() }, "quota"),
            (Resources { cpuset_cpus: Some("x".into()), ..base() }, "invalid value x for cpuset"),
            (Resources { cpuset_cpus: Some("60000".into()), ..base() }, "requested CPUs are not"),
            (Resources { cpuset_mems: Some("60000".into()), ..base() }, "requested memory nodes"),
            (Resources { blkio_weight: Some(9), ..base() }, "10 to 1000"),
            (Resources { oom_score_adj: Some(1001), ..base() }, "[-1000, 1000]"),
            (
                Resources {
                    device_rates: vec![DeviceRate {
                        what: Rate::Reads,
                        path: "/dev/absent".into(),
                        rate: 1,
                    }],
                    ..base()
                },
                "/dev/absent",
            ),
        ] {
            let error = check(&resources).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        let fine = Resources {
            memory: m(64),
            memory_swap: Some(-1),
            memory_reservation: m(32),
            nano_cpus: Some(CPU / 2),
            cpuset_cpus: Some("0".into()),
            cpu_shares: Some(7),
            pids: Some(-1),
            ..base()
        };
        assert!(check(&fine).is_ok());
    }
}
