//! Limits in the words of systemd.resource-control(5). Both versions of control groups understand these.

use super::Property;
use crate::sys::cgroup::Resources;

/// What systemd calls "infinity".
const NONE: u64 = u64::MAX;

/// Says the limits that systemd has a word for.
pub(super) fn of_limits(resources: &Resources) -> Vec<Property> {
    let mut properties: Vec<Property> = Vec::new();
    let mut add = |name, number: Option<u64>| {
        properties.extend(number.map(|number| (name, number.into())));
    };
    let (memory, cpu) = (&resources.memory, &resources.cpu);
    add("MemoryMax", memory.limit.map(limit));
    add("MemoryLow", memory.reservation.map(limit));
    let swap = memory.swap.filter(|&swap| swap != 0);
    add(
        "MemorySwapMax",
        swap.map(|both| limit(if both < 0 { both } else { both - memory.limit.unwrap_or(0) })),
    );
    let shares = cpu.shares.filter(|&shares| shares != 0 && cpu.idle != Some(1));
    add("CPUWeight", shares.map(crate::sys::cgroup::weight_of));
    let period = cpu.period.filter(|&period| period != 0);
    add("CPUQuotaPeriodUSec", period);
    add(
        "CPUQuotaPerSecUSec",
        cpu.quota.filter(|&quota| quota != 0).map(|quota| {
            u64::try_from(quota).map_or(NONE, |quota| per_second(quota, period.unwrap_or(100_000)))
        }),
    );
    add("TasksMax", resources.pids.filter(|&pids| pids != 0).map(limit));
    add(
        "IOWeight",
        resources.io.weight.filter(|&weight| weight != 0).map(crate::sys::cgroup::io_weight_of),
    );
    for (name, list) in [("AllowedCPUs", &cpu.cpus), ("AllowedMemoryNodes", &cpu.mems)] {
        let mask = list.as_deref().filter(|list| !list.is_empty()).and_then(bits_of);
        properties.extend(mask.map(|mask| (name, mask.into())));
    }
    properties
}

fn limit(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(NONE)
}

/// Turns a quota of a period into microseconds a second, rounded up to the 10 milliseconds that systemd counts in.
const fn per_second(quota: u64, period: u64) -> u64 {
    let exact = quota.saturating_mul(1_000_000) / period;
    exact.next_multiple_of(10_000)
}

/// Turns a list like `0-2,7` into bits, the lowest first; `None` when it is no such list, which the kernel will say.
fn bits_of(list: &str) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for range in list.trim().split(',') {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (usize, usize) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        // The kernel has no more than 8192 processors.
        for bit in from..=to.min(8191) {
            if bits.len() <= bit / 8 {
                bits.resize(bit / 8 + 1, 0);
            }
            *bits.get_mut(bit / 8)? |= 1_u8 << (bit % 8);
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_bits() {
        assert_eq!(bits_of("0-2,7"), Some(vec![0b1000_0111]));
        assert_eq!(bits_of("9"), Some(vec![0, 0b10]));
        assert_eq!(bits_of("0-"), None);
        assert_eq!(bits_of("all"), None);
    }

    /// CVE-2018-20699: a list of absurd numbers costs neither time nor memory. Seen to fail without the
    /// `min` in `bits_of`: it had not ended after 40 seconds.
    #[test]
    fn cve_2018_20699_an_absurd_list_is_cut() {
        for list in ["0-18446744073709551615", "0-4294967295,7", "0-99999,100000000-200000000"] {
            assert_eq!(bits_of(list).unwrap().len(), 8192 / 8, "{list}");
        }
    }

    #[test]
    fn quotas_are_counted_by_the_second() {
        assert_eq!(per_second(50_000, 100_000), 500_000);
        assert_eq!(per_second(1_000, 100_000), 10_000);
        assert_eq!(per_second(33_333, 100_000), 340_000);
    }

    #[test]
    fn each_limit_has_its_word() {
        let mut resources = Resources::default();
        assert!(of_limits(&resources).is_empty());
        resources.memory.limit = Some(1 << 20);
        resources.memory.swap = Some(3 << 20);
        resources.pids = Some(-1);
        resources.cpu.shares = Some(1024);
        resources.cpu.quota = Some(-1);
        resources.cpu.cpus = Some("1".to_owned());
        let found: Vec<(&str, String)> = of_limits(&resources)
            .into_iter()
            .map(|(name, value)| (name, format!("{value:?}")))
            .collect();
        let number = |number: u64| format!("U64({number})");
        assert_eq!(
            found.get(..5).unwrap(),
            [
                ("MemoryMax", number(1 << 20)),
                ("MemorySwapMax", number(2 << 20)),
                ("CPUWeight", number(100)),
                ("CPUQuotaPerSecUSec", number(u64::MAX)),
                ("TasksMax", number(u64::MAX)),
            ]
        );
        assert_eq!(found[5].0, "AllowedCPUs");
    }
}
