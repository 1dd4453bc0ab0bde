//! What is told about containers: statistics, processes, events, ports.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::support::{Host, STARTER, eventually};

#[test]
fn statistics_are_those_of_the_containers_that_run() {
    let host = Host::with_starter();
    let busy = "while :; do :; done";
    host.ok(&["run", "-d", "--name", "busy", STARTER, "sh", "-c", busy]);
    host.ok(&["create", "--name", "idle", STARTER, "true"]);
    let table = host.ok(&["stats", "--no-stream"]);
    let head = "CONTAINER ID   NAME   CPU %";
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
fn processes_are_listed_as_the_host_sees_them() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "first", STARTER, "sh", "-c", "sleep 1000 & sleep 1001"]);
    eventually("both sleep", || host.ok(&["top", "first"]).matches("sleep 100").count() >= 3);
    let table = host.ok(&["top", "first"]);
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert!(table.contains("sh -c sleep 1000 & sleep 1001"), "{table}");
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
