//! Every flag of `run`: which test looks from inside at what it does, and what it says to nonsense.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

use crate::support::{Host, STARTER, control_groups_of, is_root, names_in, skip};

/// Where each flag is tested: the flag, and the test that uses it. A flag that is not here must at least be used by some test.
const TESTED: [(&str, &str); 84] = [
    ("--add-host", "names_and_addresses_are_as_asked_for"),
    ("--annotation", "notes_stay_with_a_container"),
    ("--attach", "streams_are_joined_as_asked_for"),
    ("--blkio-weight", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--blkio-weight-device", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--cap-add", "capabilities_are_given_and_taken"),
    ("--cap-drop", "capabilities_are_given_and_taken"),
    ("--cgroup-parent", "control_groups_lie_where_they_were_asked_for"),
    ("--cgroupns", "namespaces_are_the_hosts_when_asked_for"),
    ("--cidfile", "notes_stay_with_a_container"),
    ("--cpu-period", "limits_reach_the_control_group"),
    ("--cpu-quota", "limits_reach_the_control_group"),
    ("--cpu-shares", "limits_reach_the_control_group"),
    ("--cpus", "limits_reach_the_control_group"),
    ("--cpuset-cpus", "limits_hold_inside"),
    ("--cpuset-mems", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--detach", "every_switch_can_have_a_value"),
    ("--detach-keys", "streams_are_joined_as_asked_for"),
    ("--device", "devices_are_those_that_were_named"),
    ("--device-cgroup-rule", "rules_for_devices_hold_against_nodes_that_are_made_inside"),
    ("--device-read-bps", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--device-read-iops", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--device-write-bps", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--device-write-iops", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--dns", "names_and_addresses_are_as_asked_for"),
    ("--dns-option", "names_and_addresses_are_as_asked_for"),
    ("--dns-search", "names_and_addresses_are_as_asked_for"),
    ("--domainname", "names_and_addresses_are_as_asked_for"),
    ("--entrypoint", "what_is_said_about_the_program_is_seen_by_it"),
    ("--env", "what_is_said_about_the_program_is_seen_by_it"),
    ("--env-file", "what_is_said_about_the_program_is_seen_by_it"),
    ("--expose", "notes_stay_with_a_container"),
    ("--group-add", "users_and_groups_come_from_the_images_own_files"),
    ("--hostname", "a_container_is_a_world_of_its_own"),
    ("--init", "a_first_process_reaps_passes_signals_on_and_ends_as_the_program"),
    ("--interactive", "what_is_said_about_the_program_is_seen_by_it"),
    ("--ip", "names_and_addresses_are_as_asked_for"),
    ("--ipc", "shared_memory_is_joined_where_it_is_shared"),
    ("--label", "what_is_said_about_the_program_is_seen_by_it"),
    ("--label-file", "notes_stay_with_a_container"),
    ("--mac-address", "names_and_addresses_are_as_asked_for"),
    ("--memory", "limits_change_while_it_runs_and_stay_changed"),
    ("--memory-reservation", "limits_reach_the_control_group"),
    ("--memory-swap", "limits_reach_the_control_group"),
    ("--memory-swappiness", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--mount", "mounts_have_dockers_options_and_come_from_others"),
    ("--name", "names_and_ids_find_and_nonsense_is_refused_in_one_line"),
    ("--network", "processes_and_network_of_another_container_are_shared"),
    ("--no-healthcheck", "what_is_said_about_the_program_is_seen_by_it"),
    ("--oom-kill-disable", "limits_of_devices_and_memory_reach_the_control_group"),
    ("--oom-score-adj", "limits_hold_inside"),
    ("--pid", "namespaces_are_the_hosts_when_asked_for"),
    ("--pids-limit", "limits_hold_inside"),
    ("--platform", "notes_stay_with_a_container"),
    ("--privileged", "a_privileged_container_has_everything_this_user_has"),
    ("--pull", "what_is_said_about_the_program_is_seen_by_it"),
    ("--quiet", "what_is_said_about_the_program_is_seen_by_it"),
    ("--read-only", "what_is_mounted_is_there_and_read_only_is_read_only"),
    ("--rm", "a_container_runs_prints_ends_and_leaves_nothing"),
    ("--security-opt", "filters_profiles_and_new_privileges_are_as_asked_for"),
    ("--security-opt", "paths_are_hidden_and_shown_as_asked_for"),
    ("--shm-size", "limits_hold_inside"),
    ("--sig-proxy", "signals_stay_here_when_they_are_not_passed_on"),
    ("--stop-signal", "what_is_said_about_the_program_is_seen_by_it"),
    ("--stop-timeout", "a_stop_takes_the_time_that_the_container_was_made_with"),
    ("--sysctl", "parameters_of_its_namespaces_can_be_set_and_no_others"),
    ("--tmpfs", "mounts_have_dockers_options_and_come_from_others"),
    ("--tty", "what_is_said_about_the_program_is_seen_by_it"),
    ("--ulimit", "limits_hold_inside"),
    ("--user", "what_is_said_about_the_program_is_seen_by_it"),
    ("--userns", "namespaces_are_the_hosts_when_asked_for"),
    ("--uts", "namespaces_are_the_hosts_when_asked_for"),
    ("--volume", "what_is_said_about_the_program_is_seen_by_it"),
    ("--volumes-from", "mounts_have_dockers_options_and_come_from_others"),
    ("--workdir", "what_is_said_about_the_program_is_seen_by_it"),
    // Told nonsense, further: see `NONSENSE`.
    ("--mount", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--ulimit", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--device", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--user", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--network", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--name", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--memory", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--security-opt", "nonsense_is_told_in_one_line_and_leaves_nothing"),
    ("--volume", "nonsense_is_told_in_one_line_and_leaves_nothing"),
];

/// Flags that change nothing in a container.
const OF_THE_CALLER: [&str; 2] = ["--help", "--timings"];

/// Lists the long flags of `run`, as its help does.
fn flags_of(host: &Host) -> BTreeSet<String> {
    long_flags(&host.ok(&["run", "--help"]))
}

/// Lists the long flags of a help text.
fn long_flags(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = lines.filter_map(|line| line.split(", ").find(|part| part.starts_with("--")));
    long.filter_map(|part| part.split([' ', '[', '=']).next()).map(str::to_owned).collect()
}

/// Reads all sources of tests.
fn sources() -> String {
    let mut text = String::new();
    let mut pending = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it")];
    pending.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli"));
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if !path.ends_with("tests/it/flags.rs") || path.ends_with("flags.rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

#[test]
fn every_flag_is_tested_where_the_table_says() {
    let flags = flags_of(&Host::new());
    assert!(flags.len() > 70, "{flags:?}");
    let sources = sources();
    let known: BTreeSet<&str> = TESTED.iter().map(|(flag, _)| *flag).collect();
    for (flag, test) in &TESTED {
        assert!(flags.contains(*flag), "{flag} is no flag of run");
        assert!(sources.contains(&format!("fn {test}(")), "{flag}: there is no test {test}");
    }
    let untold: Vec<&String> = flags
        .iter()
        .filter(|flag| !known.contains(flag.as_str()) && !OF_THE_CALLER.contains(&flag.as_str()))
        .filter(|flag| {
            !["\"", "=", " "].iter().any(|end| sources.contains(&format!("\"{flag}{end}")))
        })
        .collect();
    assert!(untold.is_empty(), "no test uses {untold:?}");
}

/// All long flags of Docker 28's `run` (docker/cli, `cli/command/container/opts.go`).
const DOCKERS: &str = "add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count cpu-percent
    cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps
    device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-opt dns-option dns-search domainname entrypoint env env-file expose
    gpus group-add health-cmd health-interval health-retries health-start-interval health-start-period health-timeout help hostname init interactive
    io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory
    memory-reservation memory-swap memory-swappiness mount name net net-alias network network-alias no-healthcheck oom-kill-disable oom-score-adj pid
    pids-limit platform privileged publish publish-all pull quiet read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout
    storage-opt sysctl tmpfs tty ulimit use-api-socket user userns uts volume volume-driver volumes-from workdir";

#[test]
fn every_flag_of_docker_is_there_or_says_why_not() {
    let host = Host::new();
    let flags = flags_of(&host);
    let aliases = ["net", "dns-opt"];
    for name in DOCKERS.split_whitespace() {
        if flags.contains(&format!("--{name}")) || aliases.contains(&name) {
            continue;
        }
        let said = host.fails(125, &["run", &format!("--{name}"), "x", "img"]);
        let reason = said.strip_prefix(&format!("estiba: --{name}: ")).unwrap_or_default();
        assert!(reason.len() > 10 && reason.lines().count() == 1, "{name}: {said}");
    }
}

/// Commands whose flags are those of Docker's, or refused with a reason.
const COMMANDS: &str = "run create exec start stop restart kill rm ps logs attach update rename pause unpause stats top port cp diff commit export wait
    images pull push tag rmi save load import history search login logout inspect events version info image-ls image-rm image-inspect image-prune
    container-ls container-inspect container-prune network-create network-ls network-rm network-inspect network-connect network-disconnect network-prune
    manifest-inspect system-df system-prune system-events system-info";

#[test]
fn every_flag_of_the_installed_docker_is_there_or_says_why_not() {
    let help = |command: &[&str]| {
        let mut docker = std::process::Command::new("docker");
        let output = docker.args(command).arg("--help").output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap())
    };
    if help(&[]).is_none() {
        return skip("docker is not installed, whose help says which flags it has");
    }
    let host = Host::new();
    let mut refused = BTreeSet::new();
    for command in COMMANDS.split_whitespace() {
        let words: Vec<&str> = command.split('-').collect();
        let own = host.ok(&[&words[..], &["--help"]].concat());
        for flag in long_flags(&help(&words).unwrap()).difference(&long_flags(&own)) {
            let accepted = host.call(&[&words[..], &[flag.as_str(), "--help"]].concat());
            if accepted.status.success() {
                continue;
            }
            let said = host.fails(125, &[&words[..], &[flag.as_str(), "x", "img"]].concat());
            let reason = said.strip_prefix(&format!("estiba: {flag}: ")).unwrap_or_default();
            assert!(reason.len() > 10 && reason.lines().count() == 1, "{command} {flag}: {said}");
            refused.insert(format!("{}: {flag}: {reason}", words.join(" ")));
        }
    }
    for line in refused {
        println!("{line}");
    }
}

#[test]
fn what_is_said_about_the_program_is_seen_by_it() {
    let host = Host::with_starter();
    let run = |flags: &[&str], command: &[&str]| {
        host.ok(&[&["run", "--rm"], flags, &[STARTER], command].concat())
    };
    fs::write(host.path("vars"), "# ours\nFROM=file\nPASSED\nBOTH=file\n").unwrap();
    let file = host.path("vars");
    let vars = ["--env-file", file.to_str().unwrap(), "--env", "BOTH=flag", "--env", "PASSED"];
    let mut command = host.command(&["run", "--rm"]);
    let output = command.args(vars).args([STARTER, "env"]).env("PASSED", "on").output().unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();
    for line in ["FROM=file", "PASSED=on", "BOTH=flag"] {
        assert!(seen.lines().any(|one| one == line), "{line}: {seen}");
    }
    assert_eq!(run(&["--workdir", "/made/anew"], &["sh", "-c", "pwd"]), "/made/anew");
    assert_eq!(run(&["--entrypoint", "/bin/echo"], &["said"]), "said");
    assert_eq!(run(&["--user", "0:0"], &["id", "-u"]), "0");
    assert_eq!(
        run(
            &["--pull", "never", "--quiet", "--no-healthcheck", "--log-driver", "json-file"],
            &["echo", "x"]
        ),
        "x"
    );
    let note = format!("{}:/note:ro", host.path("vars").display());
    assert!(run(&["--volume", &note], &["cat", "/note"]).contains("FROM=file"));
    let tty = run(&["--tty"], &["sh", "-c", "test -t 0 && test -t 1 && echo terminal"]);
    assert_eq!(tty.trim_end(), "terminal");
    let input = host.with_input(b"typed", &["run", "--rm", "--interactive", STARTER, "cat"]);
    assert_eq!(input.stdout, b"typed");
    host.ok(&["create", "--name", "a", "--label", "a=b", STARTER, "true"]);
    assert_eq!(host.field("a", "{{.Config.Labels.a}}"), "b");
    // Its own signal asks it to stop.
    let script = "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done";
    host.ok(&["run", "-d", "--name", "b", "--stop-signal", "USR1", STARTER, "sh", "-c", script]);
    crate::support::eventually("it listens", || host.ok(&["logs", "b"]).contains("ready"));
    host.ok(&["stop", "b"]);
    assert_eq!(host.field("b", "{{.State.ExitCode}}"), "9");
    host.assert_clean();
}

#[test]
fn limits_of_devices_and_memory_reach_the_control_group() {
    if !is_root() {
        return skip("limits need a delegated control group, which an ordinary user has not here");
    }
    let host = Host::with_starter();
    let disks = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().file_name());
    let disk = disks.map(|name| Path::new("/dev").join(name)).find(|path| path.exists());
    let Some(disk) = disk.map(|path| path.display().to_string()) else {
        return skip("this machine has no disk");
    };
    let at = |rate: &str| format!("{disk}:{rate}");
    let (megabyte, hundred, weight) = (at("1mb"), at("100"), at("300"));
    for (flags, files, wanted) in [
        (&["--memory-swappiness", "30"][..], &["memory.swappiness"][..], "30"),
        (&["-m", "64m", "--oom-kill-disable"], &["memory.oom_control"], "oom_kill_disable 1"),
        (&["--cpuset-mems", "0"], &["cpuset.mems"], "0"),
        (&["--blkio-weight", "300"], &["blkio.bfq.weight", "blkio.weight", "io.bfq.weight"], "300"),
        (
            &["--device-read-bps", &megabyte],
            &["blkio.throttle.read_bps_device", "io.max"],
            "1048576",
        ),
        (
            &["--device-write-bps", &megabyte],
            &["blkio.throttle.write_bps_device", "io.max"],
            "1048576",
        ),
        (&["--device-read-iops", &hundred], &["blkio.throttle.read_iops_device", "io.max"], "100"),
        (
            &["--device-write-iops", &hundred],
            &["blkio.throttle.write_iops_device", "io.max"],
            "100",
        ),
        (&["--blkio-weight-device", &weight], &["blkio.bfq.weight_device", "io.bfq.weight"], "300"),
    ] {
        let words = [&["run", "-d"], flags, &[STARTER, "sleep", "1000"]].concat();
        let output = host.call(&words);
        let said = String::from_utf8(output.stderr).unwrap();
        if !output.status.success() {
            // What this kernel does not have is named, and nothing is left.
            let is_named = files.iter().any(|file| said.contains(file)) || said.contains("weight");
            assert!(is_named && said.lines().count() == 1, "{flags:?}: {said}");
            println!("skipped {flags:?}: {}", said.trim_end());
            continue;
        }
        let id = String::from_utf8(output.stdout).unwrap();
        let groups = control_groups_of(id.trim_end());
        let texts: Vec<String> = groups
            .iter()
            .flat_map(|group| files.iter().map(|file| group.join(file)))
            .filter_map(|file| fs::read_to_string(file).ok())
            .collect();
        assert!(texts.iter().any(|text| text.contains(wanted)), "{flags:?}: {texts:?}");
        host.ok(&["rm", "-f", id.trim_end()]);
    }
    host.assert_clean();
}

/// Values that make no sense, and a word that the answer must have.
const NONSENSE: &[(&[&str], &str)] = &[
    (&["--add-host", "db"], "add-host"),
    (&["--annotation", "x"], "KEY=VALUE"),
    (&["--attach", "stdlog"], "STDIN"),
    (&["--blkio-weight", "9"], "10 to 1000"),
    (&["--blkio-weight", "x"], "blkio-weight"),
    (&["--blkio-weight-device", "/dev/null"], "weight-device"),
    (&["--blkio-weight-device", "/dev/absent:100"], "/dev/absent"),
    (&["--cap-add", "fly"], "CAP_FLY"),
    (&["--cap-drop", ""], "capability"),
    (&["--cgroup-parent", "../x"], "cgroup parent"),
    (&["--cgroupns", "x"], "CGROUP"),
    (&["--cidfile", "/absent/id"], "/absent/id"),
    (&["--cpu-period", "1"], "period"),
    (&["--cpu-period", "-1"], "cpu-period"),
    (&["--cpu-quota", "1"], "quota"),
    (&["--cpu-shares", "x"], "cpu-shares"),
    (&["--cpus", "-1"], "cpus"),
    (&["--cpus", "many"], "cpus"),
    (&["--cpus", "100000"], "range of CPUs"),
    (&["--cpuset-cpus", "x"], "cpuset"),
    (&["--cpuset-cpus", "3-1"], "cpuset"),
    (&["--cpuset-mems", "4000"], "memory nodes"),
    (&["--detach-keys", "ctrl-"], "detach keys"),
    (&["--device", "/dev/absent"], "/dev/absent"),
    (&["--device", "null"], "absolute"),
    (&["--device", "/etc/passwd"], "/etc/passwd"),
    (&["--device", "/dev/null:/dev/x:y"], "mode"),
    (&["--device-cgroup-rule", "x"], "device cgroup"),
    (&["--device-read-bps", "/dev/null"], "device-read-bps"),
    (&["--device-read-bps", "/dev/absent:1mb"], "/dev/absent"),
    (&["--device-read-iops", "/dev/null:x"], "device-read-iops"),
    (&["--device-write-bps", "/dev/null:-1"], "device-write-bps"),
    (&["--device-write-iops", "x"], "device-write-iops"),
    (&["--dns", "x"], "IP address"),
    (&["--entrypoint", "", "--env", "=x"], "'=x'"),
    (&["--env-file", "/absent"], "/absent"),
    (&["--expose", "0"], "expose"),
    (&["--group-add", "nosuch"], "nosuch"),
    (&["--group-add", "4294967296"], "4294967296"),
    (&["--hostname", "a b"], "a b"),
    (&["--ip", "x"], "IPv4"),
    (&["--ip", "192.0.2.1"], "192.0.2.1"),
    (&["--ipc", "x"], "IPC"),
    (&["--ipc", "container:absent"], "absent"),
    (&["--label-file", "/absent"], "/absent"),
    (&["--label", "=x"], "label"),
    (&["--mac-address", "x"], "mac address"),
    (&["--memory", "1"], "6m"),
    (&["--memory", "lots"], "lots"),
    (&["--memory", "64m", "--memory-swap", "1m"], "memoryswap"),
    (&["--memory-reservation", "x"], "memory-reservation"),
    (&["--memory-swappiness", "101"], "0-100"),
    (&["--mount", "type=bind,src=/absent,dst=/x"], "/absent"),
    (&["--mount", "type=bind,src=/etc"], "target"),
    (&["--mount", "type=moon,dst=/x"], "moon"),
    (&["--name", "a b"], "a b"),
    (&["--name", ""], "name"),
    (&["--network", "nowhere"], "nowhere"),
    (&["--network", "none", "--network", "bridge"], "none"),
    (&["--oom-score-adj", "1001"], "oom score"),
    (&["--pid", "x"], "PID"),
    (&["--pid", "container:absent"], "absent"),
    (&["--pids-limit", "-2"], "pids-limit"),
    (&["--platform", "moon"], "moon"),
    (&["--pull", "sometimes"], "sometimes"),
    (&["--security-opt", "seccomp=/absent"], "/absent"),
    (&["--security-opt", "frob=x"], "frob"),
    (&["--security-opt", "mask=x"], "path x"),
    (&["--shm-size", "x"], "shm-size"),
    (&["--sig-proxy=maybe"], "sig-proxy"),
    (&["--stop-signal", "NOPE"], "NOPE"),
    (&["--stop-timeout", "x"], "stop-timeout"),
    (&["--stop-timeout", "-2"], "stop-timeout"),
    (&["--sysctl", "kernel.panic=1"], "kernel.panic"),
    (&["--sysctl", "x"], "NAME=VALUE"),
    (&["--tmpfs", "relative"], "relative"),
    (&["--tmpfs", "/t:size=x"], "size"),
    (&["--ulimit", "files=1"], "files"),
    (&["--ulimit", "nofile=2:1"], "soft limit"),
    (&["--ulimit", "nofile=x"], "nofile"),
    (&["--user", "nosuch"], "nosuch"),
    (&["--user", "0:nosuch"], "nosuch"),
    (&["--user", "-1"], "-1"),
    (&["--user", "4294967296"], "4294967296"),
    (&["--userns", "x"], "USER"),
    (&["--userns", "auto"], "user namespace of its own"),
    (&["--userns", "keep-id"], "--user 0"),
    (&["--uts", "x"], "UTS"),
    (&["--volume", "/x"], "HOST:INSIDE"),
    (&["--volume", "/x:y"], "'y'"),
    (&["--volumes-from", "absent"], "absent"),
    (&["--workdir", "relative"], "relative"),
    (&["--workdir", "/etc/passwd"], "/etc/passwd"),
    (&["--rm=maybe"], "maybe"),
    (&["--frob"], "frob"),
];

#[test]
fn nonsense_is_told_in_one_line_and_leaves_nothing() {
    let host = Host::with_starter();
    for (flags, word) in NONSENSE {
        let words = [&["run", "--rm"], *flags, &[STARTER, "true"]].concat();
        let said = host.fails(125, &words);
        let is_short = said.lines().filter(|line| !line.starts_with("hint: ")).count() <= 2;
        assert!(said.starts_with("estiba: ") && is_short, "{flags:?}: {said}");
        assert!(said.contains(word), "{flags:?}: {said}");
    }
    assert_eq!(host.ok(&["ps", "-aq"]), "");
    assert_eq!(names_in(&host.path("root/containers")), [""; 0]);
    host.assert_clean();
}

#[test]
fn a_container_that_dies_before_its_start_leaves_nothing_but_its_record() {
    let host = Host::with_starter();
    for (code, flags, command) in [
        (127, &[][..], "absent"),
        (126, &[], "/etc/passwd"),
        (126, &[], "/etc"),
        (125, &["--workdir", "/etc/passwd"], "true"),
        (125, &["--user", "nosuch"], "true"),
    ] {
        let words = [&["run", "--name", "dies"], flags, &[STARTER, command]].concat();
        let said = host.fails(code, &words);
        assert_eq!(said.lines().count(), 1, "{said}");
        let state = host.field("dies", "{{.State.Status}} {{.State.ExitCode}}");
        assert_eq!(state, format!("exited {code}"), "{command}");
        let taken = host.fails(125, &["run", "--name", "dies", STARTER, "true"]);
        assert!(taken.contains("name dies is used"), "{taken}");
        host.ok(&["rm", "dies"]);
        // In the background likewise, and with --rm not even that.
        let words = [&["run", "-d", "--rm"], flags, &[STARTER, command]].concat();
        host.fails(code, &words);
        assert_eq!(host.ok(&["ps", "-aq"]), "");
    }
    host.assert_clean();
}

#[test]
fn a_full_disk_is_told_in_one_line_and_leaves_nothing() {
    if !is_root() {
        return skip("a small disk is mounted for this, which needs root");
    }
    let host = Host::new();
    let root = host.path("root");
    let nothing = None::<&str>;
    // Only this thread, and what it starts, sees it.
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
    fs::create_dir(&root).unwrap();
    let options = "size=48m,mode=700,nr_inodes=3000";
    mount(Some("small"), &root, Some("tmpfs"), MsFlags::empty(), Some(options)).unwrap();
    host.load_starter();
    host.ok(&["create", "--name", "before", STARTER, "true"]);
    // No file more can be made.
    let mut filler = Vec::new();
    for number in 0.. {
        let path = root.join(format!("filler-{number}"));
        if fs::write(&path, "").is_err() {
            break;
        }
        filler.push(path);
    }
    for words in [
        &["run", "--name", "a", STARTER, "true"][..],
        &["run", "-d", STARTER, "true"],
        &["run", "--rm", STARTER, "true"],
    ] {
        let said = host.fails(125, words);
        let is_told = said.contains("No space left on device") || said.contains("disk");
        assert!(is_told && said.lines().count() <= 2, "{said}");
    }
    for path in filler {
        fs::remove_file(path).unwrap();
    }
    // With room again everything works, and what could not be made is not half there.
    assert_eq!(host.ok(&["ps", "--format", "{{.Names}}"]), "");
    host.ok(&["start", "before"]);
    assert_eq!(host.ok(&["wait", "before"]), "0");
    assert_eq!(host.ok(&["run", "--rm", STARTER, "echo", "again"]), "again");
    host.assert_clean();
    umount2(&root, MntFlags::MNT_DETACH).unwrap();
}
