//! From a container's limits to those of a spec: the only way in which they reach a control group or a process.

use std::path::Path;

use oci_spec::{
    OciSpecError,
    runtime::{
        LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxPids, LinuxResources, LinuxThrottleDevice,
        LinuxThrottleDeviceBuilder, LinuxWeightDeviceBuilder, PosixRlimit, PosixRlimitBuilder,
        PosixRlimitType, Process, Spec,
    },
};

use crate::{
    engine::{EngineError, ErrorKind, Result},
    model::{DeviceRate, Rate, Resources, Ulimit},
    sys::{cgroup, files},
};

/// Microseconds of a period that nobody has chosen; the kernel's default.
const PERIOD: u64 = 100_000;
/// Billionths of a processor.
const CPU: u64 = 1_000_000_000;

/// Adds what `asked` says to a spec.
pub(super) fn add(spec: &mut Spec, process: &mut Process, asked: &Resources) -> Result<()> {
    if asked.is_default() {
        return Ok(());
    }
    if let Some(limits) = linux(asked)? {
        let mut linux = spec.linux().clone().unwrap_or_default();
        linux.set_resources(Some(limits));
        spec.set_linux(Some(linux));
    }
    if let Some(bytes) = asked.shm_size {
        set_shm_size(spec, bytes);
    }
    if !asked.ulimits.is_empty() {
        process.set_rlimits(Some(asked.ulimits.iter().map(rlimit).collect::<Result<_>>()?));
    }
    process.set_oom_score_adj(asked.oom_score_adj);
    Ok(())
}

/// Says what a control group is given; `None` when that is nothing.
pub(in crate::engine) fn linux(asked: &Resources) -> Result<Option<LinuxResources>> {
    let mut given = LinuxResources::default();
    given
        .set_devices(None)
        .set_memory(memory(asked))
        .set_cpu(cpu(asked))
        .set_block_io(block_io(asked)?)
        .set_pids(asked.pids.map(|limit| {
            let mut pids = LinuxPids::default();
            pids.set_limit(limit);
            pids
        }));
    let is_empty = given.memory().is_none()
        && given.cpu().is_none()
        && given.block_io().is_none()
        && given.pids().is_none();
    Ok((!is_empty).then_some(given))
}

fn memory(asked: &Resources) -> Option<LinuxMemory> {
    let signed = |bytes: Option<u64>| bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let limit = signed(asked.memory);
    // As much swap as memory, where the kernel counts it.
    let usual =
        || limit.filter(|_| cgroup::counts_swap()).map(|bytes: i64| bytes.saturating_mul(2));
    let mut memory = LinuxMemory::default();
    memory
        .set_limit(limit)
        .set_swap(asked.memory_swap.or_else(usual))
        .set_reservation(signed(asked.memory_reservation))
        .set_swappiness(asked.memory_swappiness)
        .set_disable_oom_killer(asked.oom_kill_disable.then_some(true));
    (memory != LinuxMemory::default()).then_some(memory)
}

fn cpu(asked: &Resources) -> Option<LinuxCpu> {
    let of_cpus = asked.nano_cpus.map(|cpus| {
        // Docker's formula; times that do not fit are more than any machine has.
        i64::try_from(cpus.saturating_mul(PERIOD) / CPU).unwrap_or(i64::MAX)
    });
    let mut cpu = LinuxCpu::default();
    cpu.set_shares(asked.cpu_shares)
        .set_quota(asked.cpu_quota.or(of_cpus))
        .set_period(asked.cpu_period.or_else(|| of_cpus.map(|_| PERIOD)))
        .set_cpus(asked.cpuset_cpus.clone())
        .set_mems(asked.cpuset_mems.clone());
    (cpu != LinuxCpu::default()).then_some(cpu)
}

fn block_io(asked: &Resources) -> Result<Option<LinuxBlockIo>> {
    let mut weights = Vec::new();
    for one in &asked.blkio_weight_devices {
        let (major, minor) = numbers(&one.path)?;
        let weight = LinuxWeightDeviceBuilder::default();
        weights
            .push(weight.major(major).minor(minor).weight(one.weight).build().map_err(incomplete)?);
    }
    let rates = |what: Rate| -> Result<Option<Vec<LinuxThrottleDevice>>> {
        let of_kind = asked.device_rates.iter().filter(|one| one.what == what);
        let rates = of_kind.map(throttle).collect::<Result<Vec<_>>>()?;
        Ok((!rates.is_empty()).then_some(rates))
    };
    let mut io = LinuxBlockIo::default();
    io.set_weight(asked.blkio_weight)
        .set_weight_device((!weights.is_empty()).then_some(weights))
        .set_throttle_read_bps_device(rates(Rate::ReadBytes)?)
        .set_throttle_write_bps_device(rates(Rate::WriteBytes)?)
        .set_throttle_read_iops_device(rates(Rate::Reads)?)
        .set_throttle_write_iops_device(rates(Rate::Writes)?);
    Ok((io != LinuxBlockIo::default()).then_some(io))
}

fn throttle(one: &DeviceRate) -> Result<LinuxThrottleDevice> {
    let (major, minor) = numbers(&one.path)?;
    let throttle = LinuxThrottleDeviceBuilder::default();
    throttle.major(major).minor(minor).rate(one.rate).build().map_err(incomplete)
}

fn numbers(path: &str) -> Result<(i64, i64)> {
    let node = files::device_node(Path::new(path))?.ok_or_else(|| {
        EngineError::new(ErrorKind::Invalid, format!("{path} is not a device any more"))
    })?;
    Ok((node.major.into(), node.minor.into()))
}

fn rlimit(limit: &Ulimit) -> Result<PosixRlimit> {
    let name = format!("RLIMIT_{}", limit.name.to_ascii_uppercase());
    let kind: PosixRlimitType = serde_json::from_value(name.into()).map_err(|_unknown| {
        EngineError::new(ErrorKind::Invalid, format!("invalid ulimit type: {}", limit.name))
    })?;
    // -1 is none, which the kernel writes as the largest number.
    let number = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    let rlimit = PosixRlimitBuilder::default();
    let rlimit = rlimit.typ(kind).soft(number(limit.soft)).hard(number(limit.hard));
    rlimit.build().map_err(incomplete)
}

/// Words that a builder of the spec was not given everything.
fn incomplete(error: OciSpecError) -> EngineError {
    EngineError::new(ErrorKind::Internal, "a limit is incomplete").caused_by(error)
}

fn set_shm_size(spec: &mut Spec, bytes: u64) {
    for mount in spec.mounts_mut().iter_mut().flatten() {
        if mount.destination() != Path::new("/dev/shm") {
            continue;
        }
        let mut options = mount.options().clone().unwrap_or_default();
        options.retain(|option| !option.starts_with("size="));
        options.push(format!("size={bytes}"));
        mount.set_options(Some(options));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_said() {
        assert_eq!(linux(&Resources::default()).unwrap(), None);
        let asked = Resources { shm_size: Some(1), oom_score_adj: Some(1), ..Resources::default() };
        assert_eq!(linux(&asked).unwrap(), None);
    }

    #[test]
    fn limits_arrive_in_the_words_of_the_spec() {
        let asked = Resources {
            memory: Some(64 << 20),
            memory_swap: Some(-1),
            nano_cpus: Some(1_234_500_000),
            pids: Some(7),
            device_rates: vec![DeviceRate {
                what: Rate::WriteBytes,
                path: "/dev/null".into(),
                rate: 9,
            }],
            ..Resources::default()
        };
        let given = serde_json::to_value(linux(&asked).unwrap()).unwrap();
        let expected = serde_json::json!({
            "memory": {"limit": 64 << 20, "swap": -1},
            "cpu": {"quota": 123_450, "period": 100_000},
            "pids": {"limit": 7},
            "blockIO": {"throttleWriteBpsDevice": [{"major": 1, "minor": 3, "rate": 9}]},
        });
        assert_eq!(given, expected);
    }

    #[test]
    fn limits_of_processes_are_read_by_name() {
        let limit = |name: &str| rlimit(&Ulimit { name: name.into(), soft: 1, hard: -1 });
        assert_eq!(limit("nofile").unwrap().hard(), u64::MAX);
        assert!(limit("nofiles").unwrap_err().to_string().contains("nofiles"));
    }
}
