//! What of the machine shows through `/proc`, `/sys` and the control groups, and what can be changed there.

use std::{fs, path::Path};

use serde_json::json;

use crate::{
    stage::{Mode, Outcome, Stage, alone, in_each_mode},
    support::{is_root, skip},
};

/// What Docker and Podman hide from containers, and what tells neighbours apart.
const HIDDEN: [&str; 14] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
];

fn run(mode: Mode, script: &str) -> Outcome {
    alone(|| Stage::enter(mode).script(script))
}

/// CVE-2017-16539, CVE-2018-10892, GHSA-6fw5-f8r9-fgfm, GHSA-jq35-85cj-fj4p, CVE-2025-31133: what Docker and Podman hide is hidden, as far as this machine has it, and
/// stays so. Seen to fail with no masked paths in `defaults`: "/proc/interrupts holds something", "/sys/firmware was changed" and more.
#[test]
fn cve_2018_10892_what_is_hidden_by_others_is_hidden() {
    let there: Vec<&str> = HIDDEN.into_iter().filter(|path| Path::new(path).exists()).collect();
    assert!(there.len() > 4, "{there:?}");
    // Nothing can be read, made or changed there: not even the mode, to what it is.
    let script = format!(
        "for path in {}; do \
            if [ -d $path ]; then [ -z \"$(ls -A $path)\" ] || echo \"$path holds something\"; mkdir $path/x 2>&- && echo \"$path was changed\"; \
            else [ -z \"$(head -c 1 $path 2>&-)\" ] || echo \"$path holds something\"; fi; \
            chmod $(stat -c %a $path) $path 2>&- && echo \"$path was changed\"; \
        done; echo done",
        there.join(" ")
    );
    in_each_mode(|mode| {
        let outcome = run(mode, &script);
        assert_eq!(outcome.output, "done\n", "{mode:?} {outcome:?}");
    });
}

/// CVE-2015-3630, CVE-2025-52881, CVE-2016-1581: what changes the machine through `/proc` and `/sys` refuses writes. Seen to fail with no read-only paths and "rw"
/// for `/sys` in `defaults`: "`/proc/sys/kernel/core_pattern` was open", "`/sys/power/state` was open" and more.
#[test]
fn cve_2015_3630_what_changes_the_machine_refuses_writes() {
    let script = "for path in /proc/sys/kernel/panic /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/sys/vm/drop_caches \
            /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname /sys/kernel/uevent_helper /sys/kernel/mm/ksm/run /sys/power/state; do \
            (: >> $path) 2>&- && echo \"$path was open\"; \
        done; \
        mount -o remount,rw /proc/sys 2>&- && echo remounted; umount /proc/sys 2>&- && echo unmounted; echo done";
    in_each_mode(|mode| {
        let outcome = run(mode, script);
        assert_eq!(outcome.output, "done\n", "{mode:?} {outcome:?}");
    });
}

/// CVE-2022-0492, CVE-2023-25809: nobody in a container can have the kernel run a program of his, through the release agent of a control group, nor change a group's
/// limits. Seen to fail with "rw" for `/sys/fs/cgroup` in `defaults`: "`release_agent` was open" and more.
#[test]
fn cve_2022_0492_control_groups_refuse_writes() {
    let script = "for path in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name cgroup.procs -o -name '*limit*' | head -40); do \
            (: >> $path) 2>&- && echo \"${path##*/} was open\"; \
        done; \
        for group in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $group/mine 2>&- && echo 'made a group'; done; \
        mkdir /tmp/c; mount -t cgroup -o rdma x /tmp/c 2>&- && echo mounted; mount -t cgroup2 x /tmp/c 2>&- && echo mounted; \
        unshare -UrmC mount -t cgroup -o memory x /tmp/c 2>&- && echo 'mounted in a namespace of its own'; \
        grep -c cgroup /proc/self/mountinfo; echo done";
    in_each_mode(|mode| {
        let outcome = alone(|| {
            let mut stage = Stage::enter(mode);
            let folder = stage.folder.path().join("cache");
            let names: Vec<String> = Vec::new();
            // As the engine's containers.
            let filter = estiba::runtime::seccomp::Program::default_for(&names, &folder);
            stage.filter = Some(filter.unwrap());
            stage.script(script)
        });
        let lines: Vec<&str> = outcome.output.lines().collect();
        assert!(lines.len() == 2 && lines[1] == "done", "{mode:?} {outcome:?}");
        let is_looked_at = mode == Mode::Rootless || lines[0] != "0";
        assert!(is_looked_at, "there were no control groups to look at: {outcome:?}");
    });
}

/// CVE-2022-0811: a value of a kernel parameter reaches no other parameter, and a name only its own. The names are tried in `runtime::plan`; here, that what is not of
/// the container's namespaces stays as it is. Seen to fail with every parameter taken for the container's in `plan`: `kernel.panic_on_oops` was written.
#[test]
fn cve_2022_0811_parameters_of_the_host_stay() {
    if !is_root() {
        return skip("needs root");
    }
    let parameter = "/proc/sys/kernel/panic_on_oops";
    let before = fs::read_to_string(parameter).unwrap();
    let value = before.trim();
    for (name, value, refusal) in [
        ("kernel.panic_on_oops", value, "belongs to the host"),
        ("net.ipv4.ip_forward+kernel.panic_on_oops", value, "net.ipv4.ip_forward+kernel"),
        ("net/../kernel/panic_on_oops", value, "belongs to the host"),
        ("net.ipv4.ip_forward", "1+kernel.panic_on_oops=1", "net.ipv4.ip_forward"),
        // The kernel takes what is before the line's end, of this parameter.
        ("kernel.shm_rmid_forced", "1\nkernel.panic_on_oops=1", ""),
    ] {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            let mut spec = serde_json::to_value(&stage.spec).unwrap();
            spec["linux"]["sysctl"] = json!({ name: value });
            stage.spec = serde_json::from_value(spec).unwrap();
            stage.script("true")
        });
        assert!(outcome.error.contains(refusal), "{name} {outcome:?}");
        assert_eq!(outcome.error.is_empty(), refusal.is_empty(), "{name} {outcome:?}");
    }
    assert_eq!(fs::read_to_string(parameter).unwrap(), before);
}
