//! Resources in the words of version 1.

use super::resources::{Resources, Setting, Throttle, unable};
use crate::sys::Result;

impl Resources {
    /// Says what is to be written; huge pages may be counted by version 2 beside version 1.
    pub(super) fn in_version_one(&self, are_pages_in_two: bool) -> Result<Vec<Setting>> {
        if let Some((file, _)) = self.unified.first() {
            return Err(unable(&format!("unified {file}"), "1"));
        }
        let mut settings = Vec::new();
        self.memory_in_one(&mut settings);
        self.cpu_in_one(&mut settings);
        if let Some(pids) = self.pids.filter(|&pids| pids != 0) {
            let text = if pids < 0 { "max".to_owned() } else { pids.to_string() };
            settings.push(Setting::new("pids", "pids.max", &text));
        }
        self.io_in_one(&mut settings);
        for (size, bytes) in &self.huge_pages {
            settings.push(if are_pages_in_two {
                super::two::huge_pages(size, *bytes)
            } else {
                Setting::new("hugetlb", format!("hugetlb.{size}.limit_in_bytes"), &bytes)
            });
        }
        settings.extend(self.rdma.iter().map(|one| Setting::new("rdma", "rdma.max", &one.line())));
        if let Some(class) = self.network.class {
            settings.push(Setting::new("net_cls", "net_cls.classid", &class));
        }
        for (interface, priority) in &self.network.priorities {
            let line = format!("{interface} {priority}");
            settings.push(Setting::new("net_prio", "net_prio.ifpriomap", &line));
        }
        Ok(settings)
    }

    fn memory_in_one(&self, settings: &mut Vec<Setting>) {
        let memory = &self.memory;
        // What has no limit needs none with swap either.
        let swap = memory.swap.or_else(|| memory.limit.filter(|&limit| limit == -1));
        let numbers = [
            ("memory.limit_in_bytes", memory.limit),
            ("memory.memsw.limit_in_bytes", swap),
            ("memory.soft_limit_in_bytes", memory.reservation),
        ];
        for (file, number) in numbers {
            settings.extend(number.map(|number| Setting::new("memory", file, &number)));
        }
        if let Some(swappiness) = memory.swappiness {
            settings.push(Setting::new("memory", "memory.swappiness", &swappiness));
        }
        if let Some(is_off) = memory.disable_oom_killer {
            settings.push(Setting::new("memory", "memory.oom_control", &u8::from(is_off)));
        }
    }

    fn cpu_in_one(&self, settings: &mut Vec<Setting>) {
        let cpu = &self.cpu;
        let numbers = [
            ("cpu.shares", cpu.shares.filter(|&shares| shares != 0).map(i128::from)),
            ("cpu.cfs_period_us", cpu.period.filter(|&period| period != 0).map(i128::from)),
            ("cpu.cfs_quota_us", cpu.quota.filter(|&quota| quota != 0).map(i128::from)),
            ("cpu.cfs_burst_us", cpu.burst.map(i128::from)),
            ("cpu.rt_period_us", cpu.realtime_period.map(i128::from)),
            ("cpu.rt_runtime_us", cpu.realtime_runtime.map(i128::from)),
            ("cpu.idle", cpu.idle.map(i128::from)),
        ];
        for (file, number) in numbers {
            settings.extend(number.map(|number| Setting::new("cpu", file, &number)));
        }
        for (file, list) in [("cpuset.cpus", &cpu.cpus), ("cpuset.mems", &cpu.mems)] {
            let list = list.iter().filter(|list| !list.is_empty());
            settings.extend(list.map(|list| Setting::new("cpuset", file, &list)));
        }
    }

    fn io_in_one(&self, settings: &mut Vec<Setting>) {
        let io = &self.io;
        let mut add = |setting: Setting| settings.push(setting);
        if let Some(weight) = io.weight.filter(|&weight| weight != 0) {
            add(Setting::new("blkio", "blkio.weight", &weight).or("blkio.bfq.weight"));
        }
        if let Some(weight) = io.leaf_weight.filter(|&weight| weight != 0) {
            add(Setting::new("blkio", "blkio.leaf_weight", &weight));
        }
        for ((major, minor), weight, leaf) in &io.weight_devices {
            if let Some(weight) = weight {
                let line = format!("{major}:{minor} {weight}");
                let setting = Setting::new("blkio", "blkio.weight_device", &line);
                add(setting.or("blkio.bfq.weight_device"));
            }
            if let Some(weight) = leaf {
                let line = format!("{major}:{minor} {weight}");
                add(Setting::new("blkio", "blkio.leaf_weight_device", &line));
            }
        }
        for (what, (major, minor), rate) in &io.throttles {
            let file = match what {
                Throttle::ReadBytes => "blkio.throttle.read_bps_device",
                Throttle::WriteBytes => "blkio.throttle.write_bps_device",
                Throttle::Reads => "blkio.throttle.read_iops_device",
                Throttle::Writes => "blkio.throttle.write_iops_device",
            };
            add(Setting::new("blkio", file, &format!("{major}:{minor} {rate}")));
        }
    }
}

impl super::resources::Rdma {
    /// Gives the line for both versions.
    pub(super) fn line(&self) -> String {
        let number =
            |number: Option<u32>| number.map_or_else(|| "max".to_owned(), |one| one.to_string());
        let (handles, objects) = (number(self.handles), number(self.objects));
        format!("{} hca_handle={handles} hca_object={objects}", self.device)
    }
}
