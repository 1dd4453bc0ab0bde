//! From `linux.resources` of a spec to what a control group is given.

use std::path::Path;

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxDeviceType, LinuxMemory, LinuxResources,
    LinuxThrottleDevice,
};

use super::RuntimeError;
use crate::sys::cgroup::{
    Cpu, Io, Memory, Network, Rdma, Resources, Throttle,
    devices::{Access, Kind, Rule},
};

/// Character devices that every container may use: null, zero, full, tty, console, ptmx, random, urandom, pseudo terminals (config-linux.md,
/// "Default Devices").
const DEFAULT_DEVICES: [(u32, Option<u32>); 9] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (1, Some(8)),
    (1, Some(9)),
    (136, None),
];

/// Reads `linux.resources`; what it does not say is left as it is.
///
/// # Errors
/// [`RuntimeError::Spec`] with the field that cannot be honoured.
pub fn resources(spec: &LinuxResources) -> Result<Resources, RuntimeError> {
    let network = spec.network().as_ref();
    let priorities = network.and_then(|network| network.priorities().as_ref());
    let mut rdma: Vec<Rdma> = spec
        .rdma()
        .iter()
        .flatten()
        .map(|(device, limit)| Rdma {
            device: device.clone(),
            handles: limit.hca_handles(),
            objects: limit.hca_objects(),
        })
        .collect();
    rdma.sort_by(|one, other| one.device.cmp(&other.device));
    let mut unified: Vec<_> = spec.unified().clone().unwrap_or_default().into_iter().collect();
    unified.sort();
    let mut huge_pages = Vec::new();
    for limit in spec.hugepage_limits().iter().flatten() {
        let size = limit.page_size();
        if !size.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(unfit("hugepageLimits", &format!("{size} is no page size")));
        }
        huge_pages.push((size.clone(), limit.limit()));
    }
    let devices = spec.devices().as_deref().filter(|list| !list.is_empty());
    Ok(Resources {
        memory: spec.memory().as_ref().map_or_else(|| Ok(Memory::default()), memory)?,
        cpu: spec.cpu().as_ref().map(cpu).unwrap_or_default(),
        pids: spec.pids().map(|pids| pids.limit()),
        io: spec.block_io().as_ref().map(io).unwrap_or_default(),
        huge_pages,
        rdma,
        network: Network {
            class: network.and_then(oci_spec::runtime::LinuxNetwork::class_id),
            priorities: priorities
                .into_iter()
                .flatten()
                .map(|one| (one.name().clone(), one.priority()))
                .collect(),
        },
        unified,
        devices: devices.map(device_rules).transpose()?,
    })
}

/// Reads what a container gets when it is created: as [`resources`], and devices are denied that neither the spec nor the default list allows.
///
/// # Errors
/// As [`resources`].
pub fn resources_of_new(spec: Option<&LinuxResources>) -> Result<Resources, RuntimeError> {
    let mut given = spec.map_or_else(|| Ok(Resources::default()), resources)?;
    if given.devices.is_none() {
        given.devices = Some(device_rules(&[])?);
    }
    Ok(given)
}

/// Gives the name of the control group that `linux.cgroupsPath` means, for [`crate::sys::cgroup::Cgroup::create_with`]: absolute ones lie below the top
/// of each hierarchy, and so do relative ones.
///
/// # Errors
/// [`RuntimeError::Spec`] when it leads out of there.
pub fn cgroup_name(path: &Path) -> Result<String, RuntimeError> {
    let text = path.to_str().unwrap_or_default();
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.is_empty() || parts.contains(&"..") {
        let reason = format!("{} names no group of its own", path.display());
        return Err(RuntimeError::unfit(format_args!("linux.cgroupsPath: {reason}")));
    }
    Ok(parts.join("/"))
}

fn unfit(field: &str, reason: &str) -> RuntimeError {
    RuntimeError::unfit(format_args!("linux.resources.{field}: {reason}"))
}

fn memory(spec: &LinuxMemory) -> Result<Memory, RuntimeError> {
    // The field is deprecated, but silence would be worse than naming it; only its JSON shows it without saying so.
    let json = serde_json::to_value(spec).unwrap_or_default();
    for field in ["kernel", "kernelTCP"] {
        if json.get(field).is_some() {
            let reason = "kernel memory has no limit of its own since Linux 5.4";
            return Err(unfit(&format!("memory.{field}"), reason));
        }
    }
    if spec.use_hierarchy() == Some(false) {
        let reason = "groups always count what is below them since Linux 5.11";
        return Err(unfit("memory.useHierarchy", reason));
    }
    if spec.swappiness().is_some_and(|swappiness| swappiness > 100) {
        return Err(unfit("memory.swappiness", "it is above 100"));
    }
    Ok(Memory {
        limit: spec.limit(),
        reservation: spec.reservation(),
        swap: spec.swap(),
        swappiness: spec.swappiness(),
        disable_oom_killer: spec.disable_oom_killer(),
        check_before_update: spec.check_before_update().unwrap_or(false),
    })
}

fn cpu(spec: &LinuxCpu) -> Cpu {
    Cpu {
        shares: spec.shares(),
        quota: spec.quota(),
        burst: spec.burst(),
        period: spec.period(),
        realtime_runtime: spec.realtime_runtime(),
        realtime_period: spec.realtime_period(),
        cpus: spec.cpus().clone(),
        mems: spec.mems().clone(),
        idle: spec.idle(),
    }
}

fn io(spec: &LinuxBlockIo) -> Io {
    let weights = spec.weight_device().iter().flatten();
    let lists: [(Throttle, &Option<Vec<LinuxThrottleDevice>>); 4] = [
        (Throttle::ReadBytes, spec.throttle_read_bps_device()),
        (Throttle::WriteBytes, spec.throttle_write_bps_device()),
        (Throttle::Reads, spec.throttle_read_iops_device()),
        (Throttle::Writes, spec.throttle_write_iops_device()),
    ];
    let all = |(what, list): (Throttle, &Option<Vec<LinuxThrottleDevice>>)| {
        let list = list.clone().unwrap_or_default();
        list.into_iter().map(move |one| (what, (one.major(), one.minor()), one.rate()))
    };
    Io {
        weight: spec.weight(),
        leaf_weight: spec.leaf_weight(),
        weight_devices: weights
            .map(|one| ((one.major(), one.minor()), one.weight(), one.leaf_weight()))
            .collect(),
        throttles: lists.into_iter().flat_map(all).collect(),
    }
}

/// Reads the rules for devices, after which every container's own devices are allowed, and making any node (as runc does).
fn device_rules(list: &[LinuxDeviceCgroup]) -> Result<Vec<Rule>, RuntimeError> {
    let mut rules = list.iter().map(device_rule).collect::<Result<Vec<_>, _>>()?;
    let allow = |kind, major, minor, access| Rule { allows: true, kind, major, minor, access };
    // An open list needs no more, and version 1 would take each as an exception.
    let last_total = rules.iter().rfind(|rule| rule.kind == Kind::All);
    if last_total.is_some_and(|rule| rule.allows) {
        return Ok(rules);
    }
    rules.push(allow(Kind::Character, None, None, Access::MAKE));
    rules.push(allow(Kind::Block, None, None, Access::MAKE));
    rules.extend(
        DEFAULT_DEVICES
            .iter()
            .map(|&(major, minor)| allow(Kind::Character, Some(major), minor, Access::ALL)),
    );
    Ok(rules)
}

fn device_rule(spec: &LinuxDeviceCgroup) -> Result<Rule, RuntimeError> {
    let wrong = |what: &str| unfit("devices", &format!("{what} of {spec} is unknown"));
    let number = |number: Option<i64>| match number {
        // Older tools write -1 for all.
        None | Some(-1) => Ok(None),
        Some(number) => {
            u32::try_from(number).map(Some).map_err(|_out_of_range| wrong("the number"))
        }
    };
    let kind = match spec.typ().unwrap_or_default() {
        LinuxDeviceType::A => Kind::All,
        LinuxDeviceType::B => Kind::Block,
        LinuxDeviceType::C | LinuxDeviceType::U => Kind::Character,
        LinuxDeviceType::P => return Err(wrong("the type")),
    };
    let letters = spec.access().as_deref().filter(|letters| !letters.is_empty());
    let access = letters.map_or(Some(Access::ALL), Access::parse);
    let (major, minor) = (number(spec.major())?, number(spec.minor())?);
    if kind == Kind::All && (major.is_some() || minor.is_some()) {
        // All of both kinds, but not of all numbers, is two rules that nobody has asked for in these words.
        return Err(wrong("the type (with numbers)"));
    }
    let access = access.ok_or_else(|| wrong("the access"))?;
    Ok(Rule { allows: spec.allow(), kind, major, minor, access })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: serde_json::Value) -> Result<Resources, RuntimeError> {
        resources(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn every_field_arrives() {
        let all = read(json!({
            "memory": {"limit": 1, "reservation": 2, "swap": 3, "swappiness": 4, "disableOOMKiller": true, "checkBeforeUpdate": true},
            "cpu": {"shares": 1, "quota": 2, "burst": 3, "period": 4, "realtimeRuntime": 5, "realtimePeriod": 6, "cpus": "0", "mems": "1", "idle": 1},
            "pids": {"limit": 7},
            "blockIO": {"weight": 10, "leafWeight": 11, "weightDevice": [{"major": 8, "minor": 0, "weight": 12}],
                "throttleReadBpsDevice": [{"major": 8, "minor": 1, "rate": 13}], "throttleWriteIOPSDevice": [{"major": 8, "minor": 2, "rate": 14}]},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 15}],
            "network": {"classID": 16, "priorities": [{"name": "eth0", "priority": 17}]},
            "rdma": {"mlx": {"hcaHandles": 18}},
            "unified": {"memory.high": "19"},
        }))
        .unwrap();
        assert_eq!((all.memory.limit, all.memory.swappiness), (Some(1), Some(4)));
        assert!(all.memory.check_before_update);
        assert_eq!((all.cpu.realtime_period, all.cpu.burst), (Some(6), Some(3)));
        assert_eq!(all.io.weight_devices, [((8, 0), Some(12), None)]);
        let throttles = [(Throttle::ReadBytes, (8, 1), 13), (Throttle::Writes, (8, 2), 14)];
        assert_eq!(all.io.throttles, throttles);
        assert_eq!((all.pids, all.network.class), (Some(7), Some(16)));
        assert_eq!((all.rdma.len(), all.unified.len(), all.huge_pages.len()), (1, 1, 1));
        assert_eq!(all.devices, None);
    }

    #[test]
    fn what_cannot_be_honoured_is_named() {
        for (json, name) in [
            (json!({"memory": {"kernel": 1}}), "memory.kernel"),
            (json!({"memory": {"kernelTCP": 1}}), "memory.kernelTCP"),
            (json!({"memory": {"useHierarchy": false}}), "useHierarchy"),
            (json!({"memory": {"swappiness": 101}}), "swappiness"),
            (json!({"hugepageLimits": [{"pageSize": "../x", "limit": 1}]}), "hugepageLimits"),
            (json!({"devices": [{"allow": true, "type": "c", "access": "x"}]}), "access"),
            (json!({"devices": [{"allow": true, "type": "p", "access": "r"}]}), "type"),
            (
                json!({"devices": [{"allow": true, "type": "c", "major": -2, "access": "r"}]}),
                "number",
            ),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn devices_are_denied_unless_somebody_allows_them() {
        let new = resources_of_new(None).unwrap().devices.unwrap();
        assert!(new.iter().all(|rule| rule.allows && rule.kind != Kind::All));
        let open =
            read(json!({"devices": [{"allow": true, "type": "a", "access": "rwm"}]})).unwrap();
        assert_eq!(open.devices.unwrap().len(), 1);
    }

    #[test]
    fn a_group_is_never_outside_of_its_hierarchy() {
        assert_eq!(cgroup_name(Path::new("/a/b/")).unwrap(), "a/b");
        assert_eq!(cgroup_name(Path::new("./a//b")).unwrap(), "a/b");
        for wrong in ["", "/", "../a", "/a/../../b"] {
            assert!(cgroup_name(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
