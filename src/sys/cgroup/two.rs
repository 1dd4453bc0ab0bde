//! Resources in the words of version 2.

use std::io;

use super::resources::{Resources, Setting, Throttle, unable};
use crate::sys::{Result, SysError};

/// Reads a file of the group as it is now.
type Current<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Resources {
    /// Says what is to be written; what `unified` names comes last and so wins.
    pub(super) fn in_version_two(&self, current: Current<'_>) -> Result<Vec<Setting>> {
        self.refuse_in_two()?;
        let mut settings = Vec::new();
        self.memory_in_two(&mut settings)?;
        self.cpu_in_two(&mut settings, current);
        if let Some(pids) = self.pids.filter(|&pids| pids != 0) {
            settings.push(Setting::new("pids", "pids.max", &limit(pids)));
        }
        self.io_in_two(&mut settings, current);
        settings.extend(self.huge_pages.iter().map(|(size, bytes)| huge_pages(size, *bytes)));
        settings.extend(self.rdma.iter().map(|one| Setting::new("rdma", "rdma.max", &one.line())));
        for (file, text) in &self.unified {
            let (controller, _) =
                file.split_once('.').filter(|_| !file.contains('/')).ok_or_else(|| {
                    SysError::new("set", file, io::Error::other("it is not a file of a controller"))
                })?;
            // One line is one command.
            let lines = text.lines();
            settings.extend(lines.map(|line| Setting::new(controller, file.as_str(), &line)));
        }
        Ok(settings)
    }

    fn refuse_in_two(&self) -> Result<()> {
        let refused = [
            ("memory swappiness", self.memory.swappiness.is_some()),
            ("memory disableOOMKiller", self.memory.disable_oom_killer == Some(true)),
            ("cpu realtimeRuntime", self.cpu.realtime_runtime.is_some_and(|time| time != 0)),
            ("cpu realtimePeriod", self.cpu.realtime_period.is_some_and(|time| time != 0)),
            ("blockIO leafWeight", self.io.leaf_weight.is_some_and(|weight| weight != 0)),
            ("network classID", self.network.class.is_some_and(|class| class != 0)),
            ("network priorities", !self.network.priorities.is_empty()),
            ("blockIO leafWeight", self.io.weight_devices.iter().any(|one| one.2.is_some())),
        ];
        match refused.iter().find(|(_, is_asked)| *is_asked) {
            Some((what, _)) => Err(unable(what, "2")),
            None => Ok(()),
        }
    }

    fn memory_in_two(&self, settings: &mut Vec<Setting>) -> Result<()> {
        let memory = &self.memory;
        let mut add = |file, text: String| settings.push(Setting::new("memory", file, &text));
        let swap = memory.swap.or_else(|| memory.limit.filter(|&limit| limit == -1));
        if let Some(both) = swap.filter(|&both| both != 0) {
            // The specification counts memory and swap together, version 2 swap alone.
            let alone = match (both, memory.limit) {
                (-1, _) => -1,
                (both, Some(limit)) if limit > 0 && both >= limit => both - limit,
                _ => {
                    let reason = io::Error::other("it must be given with a memory limit below it");
                    return Err(SysError::new("limit memory and swap to", both, reason));
                }
            };
            add("memory.swap.max", limit(alone));
        }
        if let Some(bytes) = memory.limit {
            add("memory.max", limit(bytes));
        }
        if let Some(bytes) = memory.reservation {
            add("memory.low", limit(bytes));
        }
        Ok(())
    }

    fn cpu_in_two(&self, settings: &mut Vec<Setting>, current: Current<'_>) {
        let cpu = &self.cpu;
        let mut add = |file, text: String| settings.push(Setting::new("cpu", file, &text));
        if let Some(idle) = cpu.idle {
            add("cpu.idle", idle.to_string());
        }
        // What is idle has no weight.
        if let Some(shares) = cpu.shares.filter(|&shares| shares != 0 && cpu.idle != Some(1)) {
            add("cpu.weight", weight_of(shares).to_string());
        }
        if let Some(burst) = cpu.burst {
            add("cpu.max.burst", burst.to_string());
        }
        let (quota, period) = (cpu.quota.filter(|&one| one != 0), cpu.period.filter(|&p| p != 0));
        if quota.is_some() || period.is_some() {
            let before = current("cpu.max").unwrap_or_default();
            let mut before = before.split_ascii_whitespace();
            let (old_quota, old_period) = (before.next(), before.next());
            let quota = quota.map(limit).or_else(|| old_quota.map(str::to_owned));
            let period =
                period.map(|one| one.to_string()).or_else(|| old_period.map(str::to_owned));
            let quota = quota.unwrap_or_else(|| "max".to_owned());
            add("cpu.max", format!("{quota} {}", period.unwrap_or_else(|| "100000".to_owned())));
        }
        for (file, list) in [("cpuset.cpus", &cpu.cpus), ("cpuset.mems", &cpu.mems)] {
            let list = list.iter().filter(|list| !list.is_empty());
            settings.extend(list.map(|list| Setting::new("cpuset", file, &list)));
        }
    }

    fn io_in_two(&self, settings: &mut Vec<Setting>, current: Current<'_>) {
        let has_bfq = current("io.bfq.weight").is_some();
        // Only BFQ has the scale of the specification.
        let (file, scale): (_, fn(u16) -> u64) =
            if has_bfq { ("io.bfq.weight", u64::from) } else { ("io.weight", io_weight_of) };
        let mut add = |file: &str, text: String| settings.push(Setting::new("io", file, &text));
        if let Some(weight) = self.io.weight.filter(|&weight| weight != 0) {
            add(file, format!("default {}", scale(weight)));
        }
        for ((major, minor), weight, _) in &self.io.weight_devices {
            if let Some(weight) = weight {
                add(file, format!("{major}:{minor} {}", scale(*weight)));
            }
        }
        for (what, (major, minor), rate) in &self.io.throttles {
            let key = match what {
                Throttle::ReadBytes => "rbps",
                Throttle::WriteBytes => "wbps",
                Throttle::Reads => "riops",
                Throttle::Writes => "wiops",
            };
            let rate = if *rate == 0 { "max".to_owned() } else { rate.to_string() };
            add("io.max", format!("{major}:{minor} {key}={rate}"));
        }
    }
}

/// Gives the setting for huge pages.
pub(super) fn huge_pages(size: &str, bytes: i64) -> Setting {
    Setting::new("hugetlb", format!("hugetlb.{size}.max"), &limit(bytes))
}

fn limit(number: i64) -> String {
    if number < 0 { "max".to_owned() } else { number.to_string() }
}

/// Turns a weight of the specification (10 to 1000) into one of the kernel (1 to 10000).
pub fn io_weight_of(weight: u16) -> u64 {
    1 + u64::from(weight).saturating_sub(10) * 9999 / 990
}

/// Turns shares (2 to 262144, usually 1024) into a weight (1 to 10000, usually 100), so that ends and middle meet (runtime-spec, "CPU"; crun and
/// runc since 2025).
pub fn weight_of(shares: u64) -> u64 {
    if shares <= 2 {
        return 1;
    }
    if shares >= 262_144 {
        return 10_000;
    }
    let log = f64::from(u32::try_from(shares).unwrap_or(u32::MAX)).log2();
    let exponent = log.mul_add(log, 125.0 * log) / 612.0 - 7.0 / 34.0;
    whole(10_f64.powf(exponent).ceil())
}

/// Takes a number that is known to be between 1 and 10000.
fn whole(number: f64) -> u64 {
    (1..=10_000_u32).find(|&one| f64::from(one) >= number).map_or(10_000, u64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_become_weights() {
        for (shares, weight) in [(1, 1), (2, 1), (1024, 100), (262_144, 10_000), (u64::MAX, 10_000)]
        {
            assert_eq!(weight_of(shares), weight, "{shares}");
        }
    }

    proptest! {
        #[test]
        fn more_shares_are_never_less_weight(shares in 2_u64..262_144) {
            let (one, next) = (weight_of(shares), weight_of(shares + 1));
            prop_assert!(one <= next && (1..=10_000).contains(&one));
        }
    }
}
