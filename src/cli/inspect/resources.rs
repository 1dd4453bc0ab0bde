//! Limits, in the words of Docker's `HostConfig`.

use serde_json::{Value, json};

use crate::model::{Rate, Resources};

/// What `/dev/shm` holds when nobody says.
const SHM: u64 = 64 << 20;

/// Gives the fields; what is not limited is 0 or null, as Docker writes it.
pub(super) fn of(resources: &Resources) -> Value {
    let rates = |what: Rate| -> Value {
        let of_kind = resources.device_rates.iter().filter(|one| one.what == what);
        of_kind.map(|one| json!({"Path": one.path, "Rate": one.rate})).collect()
    };
    let usual_swap =
        resources.memory.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(2));
    json!({
        "Memory": resources.memory.unwrap_or(0),
        "MemorySwap": resources.memory_swap.or(usual_swap).unwrap_or(0),
        "MemoryReservation": resources.memory_reservation.unwrap_or(0),
        "MemorySwappiness": resources.memory_swappiness,
        "OomKillDisable": resources.oom_kill_disable,
        "OomScoreAdj": resources.oom_score_adj.unwrap_or(0),
        "NanoCpus": resources.nano_cpus.unwrap_or(0),
        "CpuShares": resources.cpu_shares.unwrap_or(0),
        "CpuQuota": resources.cpu_quota.unwrap_or(0),
        "CpuPeriod": resources.cpu_period.unwrap_or(0),
        "CpusetCpus": resources.cpuset_cpus.as_deref().unwrap_or_default(),
        "CpusetMems": resources.cpuset_mems.as_deref().unwrap_or_default(),
        "PidsLimit": resources.pids,
        "BlkioWeight": resources.blkio_weight.unwrap_or(0),
        "BlkioWeightDevice": resources.blkio_weight_devices.iter()
            .map(|one| json!({"Path": one.path, "Weight": one.weight})).collect::<Vec<_>>(),
        "BlkioDeviceReadBps": rates(Rate::ReadBytes),
        "BlkioDeviceWriteBps": rates(Rate::WriteBytes),
        "BlkioDeviceReadIOps": rates(Rate::Reads),
        "BlkioDeviceWriteIOps": rates(Rate::Writes),
        "Ulimits": resources.ulimits.iter()
            .map(|one| json!({"Name": one.name, "Soft": one.soft, "Hard": one.hard})).collect::<Vec<_>>(),
        "ShmSize": resources.shm_size.unwrap_or(SHM),
    })
}
