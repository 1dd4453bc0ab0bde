//! What a container may use, seen from inside and from its control group.

use std::{fs, path::PathBuf};

use crate::support::{Host, STARTER, control_groups_of, eventually, is_root, skip};

const NO_GROUPS: &str =
    "limits need a delegated control group, which an ordinary user does not have here";

/// Reads a file of a container's control group, whichever version it is; `None` when no hierarchy has it.
fn file_of(id: &str, names: &[&str]) -> Option<String> {
    let files = control_groups_of(id).into_iter();
    let files = files.flat_map(|group| names.iter().map(move |name| group.join(name)));
    let text =
        files.collect::<Vec<PathBuf>>().iter().find_map(|file| fs::read_to_string(file).ok());
    text.map(|text| text.trim_end().to_owned())
}

#[test]
fn limits_reach_the_control_group() {
    if !is_root() {
        return skip(NO_GROUPS);
    }
    let host = Host::with_starter();
    for (flags, files, expected) in [
        (&["-m", "64m"][..], &["memory.limit_in_bytes", "memory.max"][..], &["67108864"][..]),
        (
            &["-m", "64m", "--memory-reservation", "32m"],
            &["memory.soft_limit_in_bytes", "memory.low"],
            &["33554432"],
        ),
        (
            &["-m", "64m", "--memory-swap", "96m"],
            &["memory.memsw.limit_in_bytes", "memory.swap.max"],
            &["100663296", "33554432"],
        ),
        (&["--cpus", "0.5"], &["cpu.cfs_quota_us", "cpu.max"], &["50000", "50000 100000"]),
        (
            &["--cpu-quota", "20000", "--cpu-period", "50000"],
            &["cpu.cfs_period_us", "cpu.max"],
            &["50000", "20000 50000"],
        ),
        (&["--cpu-shares", "512"], &["cpu.shares", "cpu.weight"], &["512", "59"]),
        (&["--cpuset-cpus", "0"], &["cpuset.cpus"], &["0"]),
        (&["--pids-limit", "9"], &["pids.max"], &["9"]),
    ] {
        let id = host.ok(&[&["run", "-d"], flags, &[STARTER, "sleep", "1000"]].concat());
        let text = file_of(&id, files);
        assert!(
            text.as_deref().is_some_and(|text| expected.contains(&text)),
            "{flags:?}: {text:?} is none of {expected:?}"
        );
        host.ok(&["rm", "-f", &id]);
    }
    host.assert_clean();
}

#[test]
fn limits_hold_inside() {
    let host = Host::with_starter();
    let run = |flags: &[&str], script: &str| {
        host.ok(&[&["run", "--rm"], flags, &[STARTER, "sh", "-c", script]].concat())
    };
    assert_eq!(run(&["--ulimit", "nofile=100:200"], "ulimit -Sn; ulimit -Hn"), "100\n200");
    assert_eq!(run(&["--ulimit", "core=0"], "ulimit -c"), "0");
    let shm = run(&["--shm-size", "1m"], "cat /proc/mounts");
    assert!(
        shm.lines().any(|line| line.contains(" /dev/shm ") && line.contains("size=1024k")),
        "{shm}"
    );
    assert_eq!(run(&["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj"), "500");
    if is_root() {
        assert_eq!(
            run(&["--cpuset-cpus", "0"], "grep Cpus_allowed_list /proc/self/status"),
            "Cpus_allowed_list:\t0"
        );
        let fork = "for i in 1 2 3 4 5 6; do sleep 5 & done; kill $(jobs -p); echo all";
        let output = host.call(&["run", "--rm", "--pids-limit", "4", STARTER, "sh", "-c", fork]);
        assert!(!String::from_utf8_lossy(&output.stdout).contains("all"), "{output:?}");
    }
    host.assert_clean();
}

#[test]
fn limits_change_while_it_runs_and_stay_changed() {
    if !is_root() {
        return skip(NO_GROUPS);
    }
    let host = Host::with_starter();
    let id = host.ok(&["run", "-d", "--name", "a", "-m", "64m", STARTER, "sleep", "1000"]);
    assert_eq!(host.ok(&["update", "-m", "96m", "--pids-limit", "7", "a"]), "a");
    let memory = || file_of(&id, &["memory.limit_in_bytes", "memory.max"]).unwrap();
    assert_eq!(memory(), (96 << 20).to_string());
    assert_eq!(file_of(&id, &["pids.max"]).unwrap(), "7");
    host.ok(&["restart", "-t", "0", "a"]);
    assert_eq!(memory(), (96 << 20).to_string());
    assert_eq!(
        host.field("a", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"),
        format!("{} 7", 96 << 20)
    );
    let refused = host.fails(1, &["update", "-m", "1m", "a"]);
    assert!(refused.contains("6m"), "{refused}");
    assert_eq!(memory(), (96 << 20).to_string());
    host.ok(&["stop", "-t", "0", "a"]);
    host.ok(&["update", "--cpuset-cpus", "0", "a"]);
    host.ok(&["start", "a"]);
    assert_eq!(file_of(&id, &["cpuset.cpus"]).unwrap(), "0");
    host.assert_clean();
}

#[test]
fn limits_that_cannot_be_had_are_told_in_one_line_and_leave_nothing() {
    let host = Host::with_starter();
    for (flags, word) in [
        (&["-m", "1m"][..], "at least 6m"),
        (&["-m", "64m", "--memory-swap", "32m"], "larger than memory limit"),
        (&["--memory-swap", "32m"], "always set the memory limit"),
        (&["--memory-swappiness", "101"], "0-100"),
        (&["--cpus", "100000"], "range of CPUs"),
        (&["--cpus", "1", "--cpu-quota", "5000"], "--cpu-quota"),
        (&["--cpu-period", "1"], "period"),
        (&["--cpuset-cpus", "4000"], "requested CPUs are not available"),
        (&["--cpuset-mems", "4000"], "requested memory nodes are not available"),
        (&["--blkio-weight", "5"], "10 to 1000"),
        (&["--device-read-bps", "/dev/absent:1mb"], "/dev/absent"),
        (&["--device-read-bps", "/etc/passwd:1mb"], "bad format for device path"),
        (&["--ulimit", "nofile=2:1"], "soft limit must be less"),
        (&["--ulimit", "files=1"], "invalid ulimit type: files"),
        (&["--oom-score-adj", "2000"], "[-1000, 1000]"),
    ] {
        let said = host.fails(125, &[&["run", "--rm"], flags, &[STARTER, "true"]].concat());
        assert!(said.contains(word) && said.lines().count() <= 3, "{flags:?}: {said}");
    }
    assert_eq!(host.ok(&["ps", "-aq"]), "");
    host.assert_clean();
}

#[test]
fn a_limit_above_the_hosts_is_refused_by_name() {
    let hard =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap().1;
    let open = fs::read_to_string("/proc/sys/fs/nr_open").unwrap();
    let above = open.trim().parse::<u64>().unwrap().max(hard) + 1;
    let host = Host::with_starter();
    let limit = format!("nofile={above}:{above}");
    let said = host.fails(125, &["run", "--name", "x", "--ulimit", &limit, STARTER, "true"]);
    assert!(said.contains("Nofile"), "{said}");
    host.assert_clean();
}

#[test]
fn a_paused_container_stands_still_until_it_may_go_on() {
    if !is_root() {
        return skip(NO_GROUPS);
    }
    let host = Host::with_starter();
    let script = "i=0; while :; do i=$((i+1)); echo $i > /count; done";
    host.ok(&["run", "-d", "--name", "a", STARTER, "sh", "-c", script]);
    let count = || host.call(&["exec", "a", "cat", "/count"]).stdout;
    eventually("it counts", || count().len() > 1);
    assert_eq!(host.ok(&["pause", "a"]), "a");
    assert_eq!(host.field("a", "{{.State.Status}} {{.State.Paused}}"), "paused true");
    assert!(host.ok(&["ps", "-f", "status=paused"]).contains("(Paused)"));
    let refused = host.fails(1, &["exec", "a", "true"]);
    assert!(refused.contains("unpause"), "{refused}");
    host.fails(1, &["pause", "a"]);
    assert_eq!(host.ok(&["unpause", "a"]), "a");
    let before = count();
    eventually("it goes on", || count() != before);
    host.fails(1, &["unpause", "a"]);
    // What stands still can be stopped and removed all the same.
    host.ok(&["pause", "a"]);
    host.ok(&["stop", "-t", "0", "a"]);
    host.ok(&["start", "a"]);
    host.ok(&["pause", "a"]);
    host.ok(&["kill", "a"]);
    assert_eq!(host.ok(&["wait", "a"]), "137");
    host.ok(&["start", "a"]);
    host.ok(&["pause", "a"]);
    host.ok(&["rm", "-f", "a"]);
    host.assert_clean();
}

#[test]
fn a_container_can_have_another_name() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "first", STARTER, "sleep", "1000"]);
    host.ok(&["create", "--name", "second", STARTER, "true"]);
    let taken = host.fails(1, &["rename", "first", "second"]);
    assert!(taken.contains("name second is used"), "{taken}");
    host.ok(&["rename", "first", "third"]);
    assert_eq!(host.field("third", "{{.Name}}"), "/third");
    host.fails(1, &["inspect", "first"]);
    host.fails(1, &["rename", "third", "third"]);
    host.fails(125, &["rename", "third", "no name"]);
    host.assert_clean();
}
