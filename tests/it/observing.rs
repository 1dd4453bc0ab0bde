//! What is told about containers: statistics, processes, events, ports.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Host, STARTER, eventually, is_root, skip};

#[test]
fn statistics_are_those_of_the_containers_that_run() {
    let host = Host::with_starter();
    let busy = "while :; do :; done";
    host.ok(&["run", "-d", "--name", "busy", STARTER, "sh", "-c", busy]);
    host.ok(&["create", "--name", "idle", STARTER, "true"]);
    let table = host.ok(&["stats", "--no-stream"]);
    let head = "CONTAINER ID   NAME      CPU %";
    assert!(table.starts_with(head) && table.lines().count() == 2, "{table}");
    let line = host.ok(&[
        "stats",
        "--no-stream",
        "--format",
        "{{.Name}} {{.CPUPerc}} {{.PIDs}} {{.MemUsage}}",
        "busy",
    ]);
    let words: Vec<&str> = line.split(' ').collect();
    let share: f64 = words[1].trim_end_matches('%').parse().unwrap();
    assert!(words[0] == "busy" && share > 1.0 && words[2] == "1" && words[4] == "/", "{line}");
    assert!(host.ok(&["stats", "--no-stream", "-a"]).contains("idle"));
    let json = host.ok(&["stats", "--no-stream", "--format", "json", "idle"]);
    assert!(json.contains("\"CPUPerc\":\"--\""), "{json}");
    host.fails(1, &["stats", "--no-stream", "nobody"]);
    host.assert_clean();
}

#[test]
fn statistics_stand_ready_in_the_ring() {
    if !is_root() {
        return skip("what is counted by control group, an ordinary user does not have here");
    }
    let host = Host::with_starter();
    let busy = "i=0; while :; do i=$((i+1)); done";
    host.ok(&["run", "-d", "--name", "busy", STARTER, "sh", "-c", busy]);
    host.ok(&["run", "-d", "--name", "bare", "--network", "host", STARTER, "sleep", "1000"]);
    let id = host.ok(&["ps", "--no-trunc", "-q", "--filter", "name=busy"]);
    let ring = host.path("run/containers").join(&id).join("statistics");
    eventually("the ring has two samples, and nothing is waited for", || {
        let begun = Instant::now();
        host.ok(&["stats", "--no-stream"]);
        begun.elapsed() < Duration::from_secs(1)
    });
    assert_eq!(fs::metadata(&ring).unwrap().len(), 600 * 128);
    let json = host.ok(&["stats", "--no-stream", "--no-trunc", "--format", "json", "busy"]);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["ID"], *id);
    let share: f64 = told["CPUPerc"].as_str().unwrap().trim_end_matches('%').parse().unwrap();
    assert!(share > 1.0, "{told}");
    assert_eq!((&told["Throttled"], &told["ThrottledTime"]), (&"--".into(), &"--".into()));
    // Its own links say how much went over them; the host's are not its own.
    assert!(told["NetIO"].as_str().unwrap().contains('B'), "{told}");
    assert_eq!(host.ok(&["stats", "--no-stream", "--format", "{{.NetIO}}", "bare"]), "-- / --");
    assert!(told["BlockIO"].as_str().unwrap().contains('B'), "without a limit, too: {told}");
    // A quota holds it back, and that is told; the ring follows what is changed.
    host.ok(&["update", "--cpus", "0.1", "--memory", "64m", "busy"]);
    let columns = "{{.Throttled}} {{.ThrottledTime}} {{.MemUsage}}";
    eventually("it is held back", || {
        let line = host.ok(&["stats", "--no-stream", "--format", columns, "busy"]);
        let words: Vec<&str> = line.split(' ').collect();
        let share = words[0].trim_end_matches('%').parse::<f64>();
        share.is_ok_and(|share| share > 10.0) && words[1] != "--" && words[4] == "64MiB"
    });
    host.ok(&["rm", "-f", "busy", "bare"]);
    assert!(!ring.exists());
    host.assert_clean();
}

#[test]
fn each_run_has_a_ring_of_its_own() {
    if !is_root() {
        return skip("what is counted by control group, an ordinary user does not have here");
    }
    let host = Host::with_starter();
    let id = host.ok(&["run", "-d", "--restart", "always", STARTER, "sleep", "2"]);
    let ring = host.path("run/containers").join(&id).join("statistics");
    eventually("the first run has one", || ring.exists());
    eventually("it goes with the run", || !ring.exists());
    eventually("the next run has one", || ring.exists());
    host.assert_clean();
}

#[test]
fn processes_are_listed_as_the_host_sees_them() {
    let host = Host::with_starter();
    // Some shells (busybox's, in the virtual machine) become the last program of a script.
    let script = "sleep 1000 & sleep 1001; true";
    host.ok(&["run", "-d", "--name", "first", STARTER, "sh", "-c", script]);
    eventually("both sleep", || host.ok(&["top", "first"]).matches("sleep 100").count() >= 4);
    let table = host.ok(&["top", "first"]);
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert!(table.contains(&format!("sh -c {script}")), "{table}");
    assert_eq!(host.ok(&["top", "first", "-ef"]).lines().count(), 4);
    let refused = host.fails(1, &["top", "first", "-o", "pid"]);
    assert!(refused.contains("-o pid"), "{refused}");
    host.ok(&["stop", "-t", "0", "first"]);
    let refused = host.fails(1, &["top", "first"]);
    assert!(refused.contains("not running"), "{refused}");
    host.assert_clean();
}

#[test]
fn events_are_told_as_docker_tells_them() {
    let host = Host::with_starter();
    let mut listener = host
        .command(&["events", "--filter", "container=first", "--format", "{{.Action}}"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It listens when what happened before is not told and what happens now is.
    host.ok(&["run", "--name", "first", "-l", "a=b", STARTER, "true"]);
    eventually("the journal has it", || {
        host.ok(&["events", "--since", "1h", "--until", "0s", "--filter", "event=die"])
            .contains("first")
    });
    let all = host.ok(&[
        "events",
        "--since",
        "1h",
        "--until",
        "0s",
        "--filter",
        "container=first",
        "--format",
        "{{.Type}} {{.Action}}",
    ]);
    assert_eq!(all, "container create\ncontainer start\ncontainer die");
    let line = host.ok(&["events", "--since", "1h", "--until", "0s", "--filter", "event=die"]);
    assert!(
        line.contains(" container die ")
            && line.contains("exitCode=0")
            && line.contains("name=first"),
        "{line}"
    );
    let json = host.ok(&[
        "events",
        "--since",
        "1h",
        "--until",
        "0s",
        "--filter",
        "event=create",
        "--filter",
        "type=container",
        "--format",
        "json",
    ]);
    assert!(json.contains("\"Action\":\"create\"") && json.contains("\"timeNano\":"), "{json}");
    // However late the listener was: a further event reaches it.
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines();
    host.ok(&["rename", "first", "other"]);
    host.ok(&["rename", "other", "first"]);
    eventually("the listener hears of it", || heard.next().unwrap().unwrap() == "rename");
    listener.kill().unwrap();
    listener.wait().unwrap();
    host.fails(1, &["events", "--filter", "frob=x", "--until", "0s"]);
    host.fails(125, &["events", "--since", "soon"]);
    host.assert_clean();
}

#[test]
fn no_port_is_published() {
    let host = Host::with_starter();
    host.ok(&["create", "--name", "first", "--expose", "80", STARTER, "true"]);
    assert_eq!(host.ok(&["port", "first"]), "");
    let refused = host.fails(1, &["port", "first", "80"]);
    assert!(refused.contains("no public port '80' published for first"), "{refused}");
    host.assert_clean();
}
