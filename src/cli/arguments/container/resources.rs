//! Flags that say what a container may use.

use clap::Args;

use super::super::values::{
    parse_bytes, parse_device_count, parse_device_rate, parse_device_weight, parse_memory_swap,
    parse_pids, parse_swappiness, parse_ulimit,
};
use crate::model::{
    DeviceRate, DeviceWeight, Rate, Resources, Ulimit,
    flags::{parse_cpus, parse_memory},
};

/// Limits that can be changed while the container runs: those of `update`, too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(in crate::cli) struct LimitOptions {
    /// Memory it may use at most, like 512m
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_memory)]
    memory: Option<u64>,
    /// Memory and swap together; -1 for any swap
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = parse_memory_swap)]
    memory_swap: Option<i64>,
    /// Memory it keeps when memory is short
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    memory_reservation: Option<u64>,
    /// Processors it may use at most, like 1.5
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = parse_cpus)]
    cpus: Option<u64>,
    /// Its share of the processors among others; 1024 is usual
    #[arg(short = 'c', long, value_name = "WEIGHT")]
    cpu_shares: Option<u64>,
    /// Microseconds of a processor in each period
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Microseconds of a period
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// Processors it may run on, like 0-2,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Memory nodes it may use
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Processes and threads it may have at most, 2048 if not given; -1 for any number
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = parse_pids)]
    pids_limit: Option<i64>,
    /// Its share of block devices among others, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
}

/// Limits that a container is made with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct FurtherLimits {
    /// How readily it is swapped out, 0 to 100
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, value_parser = parse_swappiness)]
    memory_swappiness: Option<i64>,
    /// Let processes wait for memory instead of killing one
    #[arg(long)]
    oom_kill_disable: bool,
    /// How early it is killed when memory is short, -1000 to 1000
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    oom_score_adj: Option<i32>,
    /// Its share of one block device
    #[arg(long, value_name = "DEVICE:WEIGHT", value_parser = parse_device_weight)]
    blkio_weight_device: Vec<DeviceWeight>,
    /// Bytes a second it may read from a device, like /dev/sda:1mb
    #[arg(long, value_name = "DEVICE:RATE", value_parser = parse_device_rate)]
    device_read_bps: Vec<(String, u64)>,
    /// Bytes a second it may write to a device
    #[arg(long, value_name = "DEVICE:RATE", value_parser = parse_device_rate)]
    device_write_bps: Vec<(String, u64)>,
    /// Reads a second
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = parse_device_count)]
    device_read_iops: Vec<(String, u64)>,
    /// Writes a second
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = parse_device_count)]
    device_write_iops: Vec<(String, u64)>,
    /// A limit of each process, like nofile=1024:2048
    #[arg(long = "ulimit", value_name = "NAME=SOFT[:HARD]", value_parser = parse_ulimit)]
    ulimits: Vec<Ulimit>,
    /// What /dev/shm holds; 64m if not said
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    shm_size: Option<u64>,
}

impl LimitOptions {
    /// Words what they ask for; 0 asks for nothing, as Docker has it.
    pub(in crate::cli) fn into_resources(self) -> Resources {
        let limit = |value: Option<u64>| value.filter(|value| *value != 0);
        let list = |value: Option<String>| value.filter(|value| !value.is_empty());
        Resources {
            memory: limit(self.memory),
            memory_swap: self.memory_swap.filter(|swap| *swap != 0),
            memory_reservation: limit(self.memory_reservation),
            nano_cpus: limit(self.cpus),
            cpu_shares: limit(self.cpu_shares),
            cpu_quota: self.cpu_quota.filter(|quota| *quota != 0),
            cpu_period: limit(self.cpu_period),
            cpuset_cpus: list(self.cpuset_cpus),
            cpuset_mems: list(self.cpuset_mems),
            pids: self.pids_limit.filter(|pids| *pids != 0),
            blkio_weight: self.blkio_weight.filter(|weight| *weight != 0),
            ..Resources::default()
        }
    }
}

impl FurtherLimits {
    /// Adds what these ask for.
    pub(super) fn add_to(self, mut resources: Resources) -> Resources {
        let rates = [
            (Rate::ReadBytes, self.device_read_bps),
            (Rate::WriteBytes, self.device_write_bps),
            (Rate::Reads, self.device_read_iops),
            (Rate::Writes, self.device_write_iops),
        ];
        let rate = |(what, list): (Rate, Vec<(String, u64)>)| {
            list.into_iter().map(move |(path, rate)| DeviceRate { what, path, rate })
        };
        // Docker writes -1 for what is not said.
        resources.memory_swappiness =
            self.memory_swappiness.and_then(|number| u64::try_from(number).ok());
        resources.oom_kill_disable = self.oom_kill_disable;
        resources.oom_score_adj = self.oom_score_adj.filter(|score| *score != 0);
        resources.blkio_weight_devices = self.blkio_weight_device;
        resources.device_rates = rates.into_iter().flat_map(rate).collect();
        resources.ulimits = self.ulimits;
        resources.shm_size = self.shm_size.filter(|size| *size != 0);
        resources
    }
}
