//! Containers that are started again, by their monitors and after a reboot.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use estiba::store::{Layout, Store, StoreError};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    crashes::feign_another_boot,
    support::{Host, STARTER, answer_in_time, control_groups_of, eventually, is_root, skip},
};

/// A back-off that is long enough to do something in: the fifth wait is 1.6 seconds.
const LONG: u32 = 5;

fn restarts(host: &Host, name: &str) -> u32 {
    host.field(name, "{{.RestartCount}}").parse().unwrap()
}

fn state(host: &Host, name: &str) -> String {
    host.field(name, "{{.State.Status}}")
}

/// Waits until a container that always fails waits for long.
fn until_it_rests(host: &Host, name: &str) {
    eventually("it rests for long", || {
        restarts(host, name) >= LONG && state(host, name) == "restarting"
    });
}

/// Waits for that, and stops all monitors then, so that it stays so however busy the machine is.
fn hold_it_at_rest(host: &Host, name: &str) {
    let signal = |signal| {
        for pid in monitors(host) {
            kill(Pid::from_raw(pid), signal).unwrap();
        }
    };
    eventually("it is held at rest", || {
        until_it_rests(host, name);
        signal(Signal::SIGSTOP);
        let is_at_rest = state(host, name) == "restarting";
        if !is_at_rest {
            signal(Signal::SIGCONT);
        }
        is_at_rest
    });
}

fn told(host: &Host, name: &str) -> String {
    host.told_of()[&host.field(name, "{{.Id}}")].clone()
}

/// Lists the monitors of containers that live; one that rests has no file open that would tell.
fn monitors(host: &Host) -> Vec<i32> {
    let layout = Layout { data_root: host.path("root"), run_root: host.path("run") };
    let live = Store::open(layout).unwrap().read(|records| {
        let live = records.live()?;
        Ok::<_, StoreError>(live)
    });
    live.unwrap().into_iter().filter_map(|(.., processes)| Some(processes?.monitor.pid)).collect()
}

fn is_there(pid: i32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap()
}

/// Sends a signal to every monitor, and waits for their end.
fn end_monitors(host: &Host, signal: Signal) {
    let monitors = monitors(host);
    assert!(!monitors.is_empty());
    for pid in &monitors {
        kill(Pid::from_raw(*pid), signal).unwrap();
    }
    eventually("the monitors are gone", || !monitors.iter().copied().any(is_there));
}

#[test]
fn a_container_starts_again_at_its_address_until_it_is_stopped() {
    let host = Host::with_starter();
    let script = "echo run; exit 3";
    host.ok(&["run", "-d", "--name", "a", "--restart", "always", STARTER, "sh", "-c", script]);
    let address = host.field("a", "{{.NetworkSettings.IPAddress}}");
    host.ok(&["run", "-d", "--name", "b", STARTER, "sleep", "1000"]);
    until_it_rests(&host, "a");
    assert_eq!(host.field("a", "{{.NetworkSettings.IPAddress}}"), address);
    assert!(host.ok(&["logs", "a"]).lines().filter(|line| *line == "run").count() >= 3);
    // What rests needs no grace.
    assert!(answer_in_time(host.command(&["stop", "-t", "1000", "a"])).status.success());
    assert_eq!(host.field("a", "{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
    assert_eq!(monitors(&host).len(), 1, "the other one's is left");
    let told = told(&host, "a");
    assert!(told.starts_with("create start die start die start die"), "{told}");
    assert!(told.ends_with("kill stop"), "{told}");
    assert!(!told.contains("die die") && !told.contains("start start"), "{told}");
    host.assert_clean();
}

#[test]
fn what_fails_starts_again_as_often_as_it_may_and_what_succeeds_does_not() {
    let host = Host::with_starter();
    let run = |name: &str, policy: &str, script: &str| {
        host.ok(&["run", "-d", "--name", name, "--restart", policy, STARTER, "sh", "-c", script]);
    };
    run("fails", "on-failure:2", "exit 4");
    run("succeeds", "on-failure", "exit 0");
    run("never", "no", "exit 4");
    for (name, code, count, story) in [
        ("fails", "4", 2, "create start die start die start die"),
        ("succeeds", "0", 0, "create start die"),
        ("never", "4", 0, "create start die"),
    ] {
        eventually("it has ended for good", || state(&host, name) == "exited");
        assert_eq!(host.field(name, "{{.State.ExitCode}}"), code, "{name}");
        assert_eq!(restarts(&host, name), count, "{name}");
        assert_eq!(told(&host, name), story, "{name}");
    }
    // Someone's start counts from the beginning.
    host.ok(&["start", "fails"]);
    eventually("it has ended again", || {
        state(&host, "fails") == "exited" && restarts(&host, "fails") == 2
    });
    host.assert_clean();
}

#[test]
fn each_verb_knows_a_container_that_rests() {
    let host = Host::with_starter();
    let create = ["run", "-d", "--name", "a", "--restart", "always", STARTER, "sh", "-c", "exit 3"];
    host.ok(&create);
    // It may begin its next run between any two calls.
    eventually("as with Docker it counts as running", || {
        host.ok(&["ps"]).contains("Restarting (3) ")
    });
    eventually("it is chosen by its state", || {
        host.ok(&["ps", "-q", "-f", "status=restarting"]).lines().count() == 1
    });
    eventually("it is both", || {
        host.field("a", "{{.State.Running}} {{.State.Restarting}}") == "true true"
    });
    until_it_rests(&host, "a");
    for refused in
        [&["exec", "a", "true"][..], &["attach", "a"], &["pause", "a"], &["top", "a"], &["rm", "a"]]
    {
        eventually("it is refused", || {
            let output = host.call(refused);
            let words = String::from_utf8_lossy(&output.stderr);
            output.status.code() == Some(1) && words.contains("restarting")
        });
    }
    host.ok(&["start", "a"]);
    host.ok(&["restart", "-t", "0", "a"]);
    assert!(restarts(&host, "a") < LONG, "it begins anew");
    host.ok(&["kill", "a"]);
    eventually("it stays down", || state(&host, "a") == "exited");
    host.ok(&["start", "a"]);
    host.ok(&["rm", "-f", "a"]);
    assert_eq!(host.ok(&["ps", "-aq"]), "");
    host.assert_clean();
}

#[test]
fn whoever_waits_is_told_of_each_end_and_a_new_policy_holds_from_the_next_one() {
    let host = Host::with_starter();
    let create = ["run", "-d", "--name", "a", "--restart", "always", STARTER, "sh", "-c", "exit 3"];
    host.ok(&create);
    assert_eq!(host.ok(&["wait", "a"]), "3");
    assert_eq!(host.ok(&["wait", "a"]), "3");
    host.ok(&["update", "--restart", "no", "a"]);
    eventually("the next run is the last", || state(&host, "a") == "exited");
    assert_eq!(host.field("a", "{{.HostConfig.RestartPolicy.Name}}"), "no");
    host.ok(&["start", "a"]);
    eventually("it ends at once", || state(&host, "a") == "exited" && restarts(&host, "a") == 0);
    // In front, the end of the first run is the end for whoever looks on.
    host.fails(3, &["run", "--name", "b", "--restart", "always", STARTER, "sh", "-c", "exit 3"]);
    eventually("it goes on behind", || restarts(&host, "b") >= 2);
    host.assert_clean();
}

#[test]
fn a_log_is_followed_over_restarts() {
    let host = Host::with_starter();
    let script = "echo line; exit 1";
    let flags = ["run", "-d", "--name", "a", "--restart", "on-failure:3"];
    host.ok(&[&flags[..], &[STARTER, "sh", "-c", script]].concat());
    assert_eq!(host.ok(&["logs", "-f", "a"]), "line\nline\nline\nline");
    host.assert_clean();
}

#[test]
fn loops_end_by_force_at_any_moment() {
    let host = Host::with_starter();
    for step in 0..12_u64 {
        let name = format!("loop-{step}");
        let flags = ["run", "-d", "--name", &name, "--restart", "always", STARTER, "false"];
        host.ok(&flags);
        std::thread::park_timeout(Duration::from_millis(step * 17));
        host.ok(&["rm", "-f", &name]);
        assert_eq!(host.ok(&["ps", "-aq"]), "", "{name}");
    }
    host.assert_clean();
}

#[test]
fn a_stop_ends_the_loop_however_it_falls() {
    let host = Host::with_starter();
    for step in 0..8_u64 {
        let name = format!("loop-{step}");
        let flags = ["run", "-d", "--name", &name, "--restart", "unless-stopped", STARTER, "false"];
        host.ok(&flags);
        std::thread::park_timeout(Duration::from_millis(step * 23));
        host.ok(&["stop", "-t", "0", &name]);
        assert_eq!(state(&host, &name), "exited");
    }
    // Nothing of this boot that was stopped by hand ought to run.
    assert_eq!(host.ok(&["system", "restore"]), "");
    host.assert_clean();
}

#[test]
fn a_monitor_that_is_killed_while_it_waits_is_told_of_and_leaves_nothing() {
    let host = Host::with_starter();
    let flags = ["run", "-d", "--name", "a", "--restart", "always", STARTER];
    host.ok(&[&flags[..], &["sh", "-c", "exit 3"]].concat());
    let address = host.field("a", "{{.NetworkSettings.IPAddress}}");
    hold_it_at_rest(&host, "a");
    end_monitors(&host, Signal::SIGKILL);
    assert_eq!(
        host.field("a", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}"),
        "exited 3 its monitor was killed before it could start it again"
    );
    let told = told(&host, "a");
    assert!(!told.contains("die die"), "its end was told once: {told}");
    // The address is free again, and gets a new owner.
    host.ok(&["run", "-d", "--name", "b", STARTER, "sleep", "1000"]);
    assert_eq!(host.field("b", "{{.NetworkSettings.IPAddress}}"), address);
    assert_eq!(host.ok(&["system", "restore"]), "a");
    eventually("it goes on", || restarts(&host, "a") >= 1);
    host.assert_clean();
}

#[test]
fn a_monitor_that_is_asked_to_end_does_not_start_its_container_again() {
    let host = Host::with_starter();
    let script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    host.ok(&["run", "-d", "--name", "a", "--restart", "always", STARTER, "sh", "-c", script]);
    host.ok(&["run", "-d", "--name", "b", "--restart", "unless-stopped", STARTER, "false"]);
    eventually("the trap is set", || host.ok(&["logs", "a"]).contains("ready"));
    until_it_rests(&host, "b");
    // As the machine does when it goes down.
    end_monitors(&host, Signal::SIGTERM);
    assert_eq!((state(&host, "a"), state(&host, "b")), ("exited".into(), "exited".into()));
    assert_eq!(host.field("a", "{{.State.ExitCode}}"), "0");
    let mut names: Vec<String> =
        host.ok(&["system", "restore"]).lines().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["a", "b"], "nobody stopped them by hand");
    host.assert_clean();
}

#[test]
fn a_run_that_cannot_start_is_the_last() {
    let host = Host::with_starter();
    let flags = ["run", "-d", "--name", "a", "--restart", "always", STARTER];
    host.ok(&[&flags[..], &["sh", "-c", "rm /bin/sh; exit 1"]].concat());
    eventually("it gives up", || state(&host, "a") == "exited");
    assert_eq!(host.field("a", "{{.State.ExitCode}}"), "127");
    assert!(host.field("a", "{{.State.Error}}").contains("sh"));
    eventually("the monitor has left", || host.holders().is_empty());
    host.assert_clean();
}

#[test]
fn limits_that_were_changed_hold_for_the_next_runs() {
    if !is_root() {
        return skip("limits need a delegated control group");
    }
    let host = Host::with_starter();
    let flags = ["run", "-d", "--name", "a", "--restart", "always", "-m", "64m", STARTER];
    let id = host.ok(&[&flags[..], &["sleep", "1000"]].concat());
    host.ok(&["update", "-m", "96m", "a"]);
    let first = host.field("a", "{{.State.StartedAt}}");
    // As a fault would end it: nobody asks for this.
    let inside = control_groups_of(&id).into_iter().find_map(|group| {
        fs::read_to_string(group.join("cgroup.procs")).ok()?.lines().next()?.parse().ok()
    });
    kill(Pid::from_raw(inside.unwrap()), Signal::SIGKILL).unwrap();
    eventually("the next run has begun", || {
        state(&host, "a") == "running" && host.field("a", "{{.State.StartedAt}}") != first
    });
    let limit = control_groups_of(&id).into_iter().find_map(|group| {
        let read = |name: &str| fs::read_to_string(group.join(name)).ok();
        read("memory.limit_in_bytes").or_else(|| read("memory.max"))
    });
    assert_eq!(limit.unwrap().trim(), (96 << 20).to_string());
    host.assert_clean();
}

#[test]
fn after_a_reboot_what_ought_to_run_is_started() {
    if !is_root() {
        return skip("another boot is feigned by a mount, which needs root");
    }
    let host = Host::with_starter();
    let run = |name: &str, policy: &str| {
        let flags = ["run", "-d", "--name", name, "--restart", policy, STARTER, "sleep", "1000"];
        host.ok(&flags);
    };
    for (name, policy) in [
        ("always", "always"),
        ("always-stopped", "always"),
        ("unless", "unless-stopped"),
        ("unless-stopped", "unless-stopped"),
        ("failure", "on-failure"),
        ("no", "no"),
    ] {
        run(name, policy);
    }
    let network = ["--network", "container:no"];
    let flags = ["run", "-d", "--name", "needs", "--restart", "always"];
    host.ok(&[&flags[..], &network[..], &[STARTER, "sleep", "1000"]].concat());
    host.ok(&["stop", "-t", "0", "always-stopped", "unless-stopped"]);
    end_monitors(&host, Signal::SIGKILL);
    eventually("all processes are gone", || host.holders().is_empty());
    fs::remove_dir_all(host.path("run")).unwrap();
    feign_another_boot(&host.path("boot_id"));
    let output = host.call(&["system", "restore"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "always\nalways-stopped\nunless\nfailure\n");
    let trouble = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(trouble.contains("needs container no"), "{trouble}");
    assert_eq!(
        host.ok(&["ps", "--format", "{{.Names}}"]),
        "failure\nunless\nalways-stopped\nalways"
    );
    host.ok(&["start", "no"]);
    assert_eq!(host.ok(&["system", "restore"]), "needs", "what runs is left alone");
    host.assert_clean();
}

#[test]
fn a_policy_that_contradicts_is_refused() {
    let host = Host::with_starter();
    for (policy, word) in [
        ("always", "cannot specify both --restart and --rm"),
        ("sometimes", "unknown policy 'sometimes'"),
        ("on-failure:x", "must be an integer"),
        ("always:3", "only be used with 'on-failure'"),
    ] {
        let refusal = host.fails(125, &["run", "--rm", "--restart", policy, STARTER, "true"]);
        assert!(refusal.contains(word), "{refusal}");
    }
    host.ok(&["run", "-d", "--rm", "--name", "a", STARTER, "sleep", "1000"]);
    let refusal = host.fails(1, &["update", "--restart", "always", "a"]);
    assert!(refusal.contains("AutoRemove"), "{refusal}");
    host.assert_clean();
}

#[test]
fn systemd_understands_the_unit() {
    let host = Host::new();
    let text = host.ok(&["system", "unit"]);
    assert!(text.contains("system restore"), "{text}");
    let unit = host.path("estiba-restore.service");
    fs::write(&unit, text).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&unit);
    let Ok(output) = verify.stdin(Stdio::null()).output() else {
        return skip("systemd-analyze is not installed");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> =
        said.lines().filter(|line| line.contains("estiba-restore.service:")).collect();
    assert_eq!(complaints, [""; 0], "{said}");
}
