//! The control groups of a container: what it is shown of them, and what they hold it to. On version 1 here, on version 2 in `tests/vm/run`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use oci_spec::runtime::LinuxNamespaceType;

use serde_json::{Value, json};

use super::{Yard, yard};
use crate::support::{eventually, skip};

/// Lists what is mounted for the control groups: where, and with which options.
const MOUNTED: &str = "while read a b c d e f g; do case $g in *' cgroup '*|*' cgroup2 '*) echo $e $f;; esac; done < /proc/self/mountinfo";

impl Yard {
    /// Has its control groups mounted as `option` says, with a control group namespace or without.
    fn shows_groups(&mut self, option: &str, has_namespace: bool) {
        for mount in self.spec.mounts_mut().as_mut().unwrap() {
            if mount.destination() == Path::new("/sys/fs/cgroup") {
                mount.set_options(Some(vec![option.to_owned()]));
            }
        }
        let linux = self.spec.linux_mut().as_mut().unwrap();
        let mut namespaces = linux.namespaces().clone().unwrap();
        namespaces.retain(|one| one.typ() != LinuxNamespaceType::Cgroup);
        if has_namespace {
            let mut own = oci_spec::runtime::LinuxNamespace::default();
            own.set_typ(LinuxNamespaceType::Cgroup).set_path(None);
            namespaces.push(own);
        }
        linux.set_namespaces(Some(namespaces));
        self.write();
    }

    /// Changes its config.
    fn config(&mut self, change: impl FnOnce(&mut Value)) {
        let mut config = serde_json::to_value(&self.spec).unwrap();
        change(&mut config);
        self.spec = serde_json::from_value(config).unwrap();
        self.write();
    }

    /// Reads a file of its groups from inside: by the controller and name of version 1, or the name of version 2.
    fn group_file(&self, one: &str, two: &str) -> String {
        let name = if is_two_alone() { two } else { one };
        let output = self.inside(&format!("cat /sys/fs/cgroup/{name}"));
        assert!(output.status.success(), "{name}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn is_two_alone() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// CVE-2022-0492: whoever reaches the top of a hierarchy of version 1 may name a program there that the kernel runs outside. Seen to fail with
/// fresh mounts instead of the group's own directories: then `release_agent` is there, and so are all groups of the machine.
#[test]
fn cve_2022_0492_a_container_without_namespace_is_shown_its_own_groups_only() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    yard.shows_groups("rw", false);
    yard.ok("run -d ID");
    let top = yard.inside("find /sys/fs/cgroup -name release_agent -o -name cgroup.sane_behavior");
    assert_eq!(String::from_utf8_lossy(&top.stdout), "", "{top:?}");
    // What it makes there lies in its own group.
    let made = yard.inside(
        "for d in /sys/fs/cgroup/memory /sys/fs/cgroup; do test -e $d/cgroup.procs && mkdir $d/inner && echo $d; done",
    );
    let made = String::from_utf8_lossy(&made.stdout).into_owned();
    let expected = if is_two_alone() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
    assert_eq!(made.trim(), expected);
    let outside = if is_two_alone() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
    assert!(Path::new(outside).join(&yard.id).join("inner").exists());
    // Only its own processes are in sight.
    let members = yard.inside("cat /sys/fs/cgroup/pids/cgroup.procs /sys/fs/cgroup/cgroup.procs");
    let members = String::from_utf8_lossy(&members.stdout).into_owned();
    assert!(members.lines().all(|pid| pid != "0") && members.contains('1'), "{members}");
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}

/// CVE-2023-25809: groups that are not the container's own cannot be written. Seen to fail without what makes those of a container without a group
/// read-only.
#[test]
fn cve_2023_25809_groups_of_others_cannot_be_written() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let write = "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/escaped && echo made $d; echo 0 > $d/cgroup.procs && echo moved $d; done 2>/dev/null";
    for has_namespace in [false, true] {
        for (manager, option) in [("disabled", "rw"), ("cgroupfs", "ro")] {
            yard.shows_groups(option, has_namespace);
            yard.ok(&format!("--cgroup-manager {manager} run -d ID"));
            let tried = yard.inside(write);
            assert_eq!(String::from_utf8_lossy(&tried.stdout), "", "{manager} {has_namespace}");
            let mounted = String::from_utf8(yard.inside(MOUNTED).stdout).unwrap();
            let is_shown = manager == "cgroupfs" || has_namespace;
            assert_eq!(!mounted.is_empty(), is_shown, "{manager} {has_namespace}: {mounted}");
            for line in mounted.lines() {
                let options = line.rsplit(' ').next().unwrap();
                assert!(
                    ["ro", "nosuid", "nodev", "noexec"]
                        .iter()
                        .all(|one| options.split(',').any(|option| option == *one)),
                    "{line}"
                );
            }
            yard.ok("delete -f ID");
            yard.assert_nothing_left();
        }
    }
}

#[test]
fn a_container_with_a_namespace_rules_below_its_own_groups() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    yard.shows_groups("rw", true);
    yard.ok("run -d ID");
    let place = if is_two_alone() { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/pids" };
    let made = yard.inside(&format!(
        "mkdir {place}/a && echo $$ > {place}/a/cgroup.procs && cat /proc/self/cgroup"
    ));
    let made = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.lines().any(|line| line.ends_with(":/a")), "{made}");
    assert!(Path::new(place).join(&yard.id).join("a").exists());
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}

#[test]
fn limits_are_read_back_inside() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let group = format!("/estiba-it-{}/nested/{}", std::process::id(), yard.id);
    yard.config(|config| {
        config["linux"]["cgroupsPath"] = group.as_str().into();
        config["linux"]["resources"] = json!({
            "memory": { "limit": 67_108_864, "reservation": 33_554_432 },
            "pids": { "limit": 33 },
            "cpu": { "quota": 50_000, "period": 100_000, "shares": 1024, "cpus": "0" },
        });
    });
    yard.shows_groups("ro", true);
    yard.ok("run -d ID");
    let read = |one, two| yard.group_file(one, two);
    assert_eq!(read("memory/memory.limit_in_bytes", "memory.max"), "67108864");
    assert_eq!(read("memory/memory.soft_limit_in_bytes", "memory.low"), "33554432");
    assert_eq!(read("pids/pids.max", "pids.max"), "33");
    assert_eq!(read("cpuset/cpuset.cpus", "cpuset.cpus"), "0");
    assert!(["50000", "50000 100000"].contains(&read("cpu/cpu.cfs_quota_us", "cpu.max").as_str()));
    assert!(["1024", "100"].contains(&read("cpu/cpu.shares", "cpu.weight").as_str()));
    yard.ok("update --pids-limit 44 --cpu-quota 20000 ID");
    assert_eq!(read("pids/pids.max", "pids.max"), "44");
    assert!(["20000", "20000 100000"].contains(&read("cpu/cpu.cfs_quota_us", "cpu.max").as_str()));
    // It is in its groups and nowhere else.
    let groups = yard.inside("cat /proc/1/cgroup").stdout;
    let groups = String::from_utf8(groups).unwrap();
    let is_member = |line: &str| line.starts_with("0::") && !is_two_alone() || line.ends_with(":/");
    assert!(groups.lines().all(is_member), "{groups}");
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
    // Those above it may be others' too, and stay.
    let above = format!("estiba-it-{}", std::process::id());
    for place in crate::support::control_groups_of(&above) {
        fs::remove_dir(place.join("nested")).unwrap();
        fs::remove_dir(place).unwrap();
    }
}

#[test]
fn what_stands_still_goes_on_where_it_was() {
    let Some(yard) = yard("n=0; while :; do n=$((n+1)); echo $n > /tmp/n; done") else { return };
    yard.ok("run -d ID");
    let count = || yard.text("bundle/rootfs/tmp/n").trim().parse::<u64>().ok();
    eventually("it counts", || count().is_some_and(|n| n > 0));
    yard.ok("pause ID");
    let before = yard.text("bundle/rootfs/tmp/n");
    for _ in 0..3 {
        assert_eq!(yard.status(), "paused");
    }
    assert_eq!(yard.text("bundle/rootfs/tmp/n"), before);
    yard.ok("resume ID");
    assert_eq!(yard.status(), "running");
    eventually("it counts on", || count() > before.trim().parse().ok());
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}

/// Processes that fork and end without a pause, none of them in a process namespace whose end would be theirs.
#[test]
fn nobody_gets_away_by_forking() {
    // Each begins the next and ends; the shell of this machine nests no deeper than 1,000.
    let chains = "echo 'f() { i=$((i+1)); if [ $i -lt 900 ]; then f & else exec /bin/sh /tmp/f; fi; }; f' > /tmp/f
        i=0; while [ $i -lt 32 ]; do i=$((i+1)); /bin/sh /tmp/f; done; exec sleep 1000";
    let Some(mut yard) = yard(chains) else { return };
    yard.config(|config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|one| one["type"] != "pid");
    });
    for words in ["delete -f ID", "kill --all ID KILL"] {
        yard.ok("run -d ID");
        let members = || {
            let listed: Value = serde_json::from_str(&yard.ok("ps -f json ID")).unwrap();
            listed.as_array().unwrap().len()
        };
        eventually("they fork", || members() > 32);
        yard.ok(words);
        if words != "delete -f ID" {
            eventually("all of them end", || members() == 0);
            yard.ok("delete ID");
        }
        yard.assert_nothing_left();
    }
}

#[test]
fn a_program_enters_a_group_that_has_handed_its_controllers_down() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    if !is_two_alone() {
        skip("only in control groups of version 2 is there such a group");
        return;
    }
    yard.shows_groups("rw", true);
    yard.ok("run -d ID");
    let handed = yard.inside(
        "cd /sys/fs/cgroup && mkdir inner && for p in $(cat cgroup.procs); do echo $p > inner/cgroup.procs; done; echo +memory +pids > cgroup.subtree_control",
    );
    assert!(handed.status.success(), "{handed:?}");
    let entered = yard.inside("cat /proc/self/cgroup");
    assert_eq!(String::from_utf8_lossy(&entered.stdout).trim(), "0::/inner", "{entered:?}");
    yard.ok("pause ID");
    assert_eq!(yard.status(), "paused");
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}

#[test]
fn what_is_not_handed_down_is_named() {
    if !crate::support::is_root() || !is_two_alone() {
        skip("needs root on control groups of version 2");
        return;
    }
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    // A group with a process in it may hand down nothing.
    let busy = PathBuf::from(format!("/sys/fs/cgroup/estiba-it-busy-{}", std::process::id()));
    fs::create_dir(&busy).unwrap();
    let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    fs::write(busy.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    let group = format!("/{}/{}", busy.file_name().unwrap().to_str().unwrap(), yard.id);
    yard.config(|config| {
        config["linux"]["cgroupsPath"] = group.as_str().into();
        config["linux"]["resources"] = json!({ "pids": { "limit": 33 } });
    });
    let said = yard.fails(1, "run -d ID");
    assert!(said.contains("pids") && said.contains("does not hand it down"), "{said}");
    yard.assert_nothing_left();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    fs::remove_dir(busy).unwrap();
}
