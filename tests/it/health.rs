//! Whether containers are well, asked by their monitors.

use crate::support::{Host, STARTER, answer_in_time, eventually};

fn health(host: &Host, name: &str) -> String {
    host.field(name, "{{.State.Health.Status}}")
}

/// Gives a field of the last check that is kept.
fn last(host: &Host, name: &str, field: &str) -> String {
    let template = format!("{{{{range .State.Health.Log}}}}{{{{.{field}}}}}\u{1}{{{{end}}}}");
    let all = host.field(name, &template);
    all.split_terminator('\u{1}').next_back().unwrap_or_default().to_owned()
}

#[test]
fn a_container_is_found_unwell_and_well_again() {
    let host = Host::with_starter();
    let flags = ["run", "-d", "--name", "a", "--health-cmd", "cat /tmp/well && exit 0; exit 9"];
    let often = ["--health-interval", "50ms", "--health-retries", "2"];
    host.ok(&[&flags[..], &often, &[STARTER, "sleep", "1000"]].concat());
    eventually("too many checks failed", || health(&host, "a") == "unhealthy");
    assert!(host.ok(&["ps"]).contains("(unhealthy)"));
    assert_eq!(host.ok(&["ps", "-f", "health=unhealthy", "--format", "{{.Names}}"]), "a");
    assert_eq!(host.ok(&["ps", "-q", "-f", "health=healthy"]), "");
    assert_eq!(last(&host, "a", "ExitCode"), "9");
    host.ok(&["exec", "a", "sh", "-c", "echo fine > /tmp/well"]);
    eventually("a check succeeded", || health(&host, "a") == "healthy");
    assert!(host.ok(&["ps"]).contains("(healthy)"));
    assert_eq!(host.field("a", "{{.State.Health.FailingStreak}}"), "0");
    assert_eq!(
        (last(&host, "a", "ExitCode"), last(&host, "a", "Output")),
        ("0".into(), "fine\n".into())
    );
    eventually("five are kept", || host.field("a", "{{len .State.Health.Log}}") == "5");
    let id = host.field("a", "{{.Id}}");
    // A check may find what the program has done before its caller has written down that it began.
    let told = host.told_of()[&id].replace("exec_start ", "").replace(" exec_start", "");
    assert_eq!(told, "create start health_status: unhealthy health_status: healthy");
    host.ok(&["stop", "-t", "0", "a"]);
    assert!(!host.ok(&["ps", "-a"]).contains("healthy"), "what does not run is neither");
    host.assert_clean();
}

#[test]
fn a_check_that_hangs_is_killed_with_what_it_started() {
    let host = Host::with_starter();
    let hang = "echo begun; sleep 4321; true";
    let flags = ["run", "-d", "--name", "a", "--health-cmd", hang, "--health-interval", "20ms"];
    let short = ["--health-timeout", "100ms", "--health-retries", "2"];
    host.ok(&[&flags[..], &short, &[STARTER, "sleep", "1000"]].concat());
    eventually("it is unwell", || health(&host, "a") == "unhealthy");
    assert_eq!(last(&host, "a", "ExitCode"), "-1");
    // On a busy machine not every shell has begun in that time.
    eventually("what it wrote is told", || {
        last(&host, "a", "Output") == "Health check exceeded timeout (100ms): begun\n"
    });
    eventually("many have been killed", || {
        host.field("a", "{{.State.Health.FailingStreak}}").parse::<u32>().unwrap() >= 6
    });
    let running = host.ok(&["top", "a"]);
    let left = running.lines().filter(|line| line.contains("sleep 4321")).count();
    // The check of now: a shell, which names it too, and what it waits for.
    assert!(left <= 2, "{running}");
    // Nobody waits for a check when the container ends.
    assert!(answer_in_time(host.command(&["stop", "-t", "0", "a"])).status.success());
    host.assert_clean();
}

#[test]
fn what_a_check_writes_is_kept_to_a_measure() {
    let host = Host::with_starter();
    let flood = "i=0; while [ $i -lt 600 ]; do echo 123456789; i=$((i+1)); done";
    let flags = ["run", "-d", "--name", "a", "--health-cmd", flood, "--health-interval", "50ms"];
    host.ok(&[&flags[..], &[STARTER, "sleep", "1000"]].concat());
    eventually("it is well", || health(&host, "a") == "healthy");
    let output = last(&host, "a", "Output");
    assert_eq!(output.len(), 4096 + 3, "Docker's measure and three dots");
    assert!(output.ends_with("..."));
    host.assert_clean();
}

#[test]
fn a_check_that_cannot_be_executed_counts_as_failed() {
    let host = Host::with_starter();
    let flags = ["run", "-d", "--name", "a", "--health-cmd", "true", "--health-interval", "50ms"];
    let script = "rm /bin/sh; exec sleep 1000";
    host.ok(&[&flags[..], &["--health-retries", "1", STARTER, "sh", "-c", script]].concat());
    eventually("it is unwell", || health(&host, "a") == "unhealthy");
    assert_eq!(last(&host, "a", "ExitCode"), "-1");
    assert!(last(&host, "a", "Output").contains("/bin/sh"));
    host.assert_clean();
}

#[test]
fn each_run_begins_unknown_and_one_without_a_check_has_no_health() {
    let host = Host::with_starter();
    let flags = ["run", "-d", "--name", "a", "--restart", "always", "--health-cmd", "true"];
    host.ok(&[
        &flags[..],
        &[
            "--health-interval",
            "1h",
            "--health-start-period",
            "2h",
            "--health-start-interval",
            "1h",
            STARTER,
            "sleep",
            "1000",
        ],
    ]
    .concat());
    assert!(host.ok(&["ps"]).contains("(health: starting)"));
    assert_eq!(health(&host, "a"), "starting");
    assert_eq!(host.field("a", "{{json .Config.Healthcheck.Test}}"), r#"["CMD-SHELL","true"]"#);
    for flags in [&["--no-healthcheck"][..], &[]] {
        let id = host.ok(&[&["run", "-d"], flags, &[STARTER, "sleep", "1000"]].concat());
        assert_eq!(host.field(&id, "{{json .State.Health}}"), "null");
    }
    assert_eq!(host.ok(&["ps", "-q", "-f", "health=none"]).lines().count(), 2);
    let refusal =
        host.fails(125, &["run", "--no-healthcheck", "--health-cmd", "true", STARTER, "true"]);
    assert!(refusal.contains("--no-healthcheck"), "{refusal}");
    for bad in ["--health-interval=30", "--health-timeout=-1s", "--health-retries=-1"] {
        host.fails(125, &["run", bad, STARTER, "true"]);
    }
    host.assert_clean();
}
