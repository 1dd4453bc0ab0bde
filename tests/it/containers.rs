//! Containers as a user has them: the program is called, and what it says and leaves behind is looked at.

use std::{fs, process::Stdio, time::Instant};

use crate::support::{Host, STARTER, eventually, is_root, names_in, skip};

#[test]
fn a_container_runs_prints_ends_and_leaves_nothing() {
    let host = Host::with_starter();
    assert_eq!(host.ok(&["run", "--rm", STARTER, "echo", "hello"]), "hello");
    assert_eq!(host.ok(&["ps", "-aq"]), "");
    host.assert_clean();
}

#[test]
fn exit_codes_are_the_programs_or_dockers() {
    let host = Host::with_starter();
    host.fails(7, &["run", "--rm", STARTER, "sh", "-c", "exit 7"]);
    let missing = host.fails(127, &["run", "--rm", STARTER, "no-such-program"]);
    assert!(missing.contains("no-such-program"), "{missing}");
    let denied = host.fails(126, &["run", "--rm", STARTER, "/etc/passwd"]);
    assert!(denied.contains("/etc/passwd"), "{denied}");
    let absent = host.fails(125, &["run", "--rm", "absent:1"]);
    assert!(absent.contains("absent:1"), "{absent}");
    let user = host.fails(125, &["run", "--rm", "-u", "nosuchuser", STARTER, "true"]);
    assert!(user.contains("nosuchuser"), "{user}");
    host.assert_clean();
}

#[test]
fn standard_streams_are_kept_apart_and_input_arrives() {
    let host = Host::with_starter();
    let output = host.call(&["run", "--rm", STARTER, "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let output = host.with_input(&big, &["run", "--rm", "-i", STARTER, "cat"]);
    assert!(output.status.success());
    assert!(output.stdout == big, "{} bytes came back of {}", output.stdout.len(), big.len());
    host.assert_clean();
}

#[test]
fn a_container_is_a_world_of_its_own() {
    let host = Host::with_starter();
    let run = |script: &str| {
        host.ok(&["run", "--rm", "--hostname", "inside", STARTER, "sh", "-c", script])
    };
    assert_eq!(run("cat /proc/sys/kernel/hostname; echo $$"), "inside\n1");
    let links = run("cat /proc/net/dev");
    assert!(
        links.contains("eth0:") && links.contains("lo:") && links.lines().count() == 4,
        "{links}"
    );
    // Only what the container may: Docker's capabilities, none inheritable, a filter, no descriptor but stdio.
    let status = run("cat /proc/self/status");
    assert!(status.contains("CapEff:\t00000000a80425fb"), "{status}");
    assert!(status.contains("CapInh:\t0000000000000000"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    assert_eq!(run("ls /proc/self/fd | cat").lines().count(), 4, "0, 1, 2 and the one that lists");
    // What would show or change the host is masked or read-only.
    assert_eq!(run("cat /proc/keys /proc/timer_list; ls /sys/firmware | cat"), "");
    let write = host.call(&["run", "--rm", STARTER, "sh", "-c", "echo 1 > /proc/sys/kernel/panic"]);
    assert!(!write.status.success());
    host.assert_clean();
}

#[test]
fn changes_stay_in_the_container_and_the_image_stays_as_it_is() {
    let host = Host::with_starter();
    host.ok(&[
        "run",
        "--name",
        "a",
        STARTER,
        "sh",
        "-c",
        "echo changed > /etc/os-release; rm /etc/group",
    ]);
    let other = host.ok(&["run", "--rm", STARTER, "sh", "-c", "cat /etc/os-release /etc/group"]);
    assert!(!other.contains("changed") && other.contains("root:"), "{other}");
    host.ok(&["start", "a"]);
    host.ok(&["wait", "a"]);
    host.assert_clean();
}

#[test]
fn an_image_with_containers_cannot_go_and_says_why() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "runs", STARTER, "sleep", "1000"]);
    host.ok(&["create", "--name", "waits", STARTER, "true"]);
    for arguments in [&["rmi", STARTER][..], &["rmi", "-f", STARTER]] {
        let refusal = host.fails(1, arguments);
        assert!(refusal.contains("runs") && refusal.contains("waits"), "{refusal}");
    }
    // Re-tagging moves the name, not the container; taking one of two names is not removing.
    host.ok(&["tag", STARTER, "other:1"]);
    host.ok(&["rmi", STARTER]);
    assert_eq!(host.field("runs", "{{.Config.Image}}"), STARTER);
    let refusal = host.fails(1, &["rmi", "other:1"]);
    assert!(refusal.contains("runs"), "{refusal}");
    host.ok(&["rm", "-f", "runs", "waits"]);
    host.ok(&["rmi", "other:1"]);
    assert_eq!(host.ok(&["images", "-q"]), "");
    assert_eq!(names_in(&host.path("root/layers")), [""; 0]);
    assert_eq!(names_in(&host.path("root/blobs/sha256")), [""; 0]);
    host.assert_clean();
}

#[test]
fn a_container_stops_when_asked_or_is_killed_when_deaf() {
    let host = Host::with_starter();
    // The trap is set before the line is printed, so the signal cannot come too early.
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    host.ok(&["run", "-d", "--name", "polite", STARTER, "sh", "-c", script]);
    eventually("the trap is set", || host.ok(&["logs", "polite"]).contains("ready"));
    host.ok(&["stop", "polite"]);
    assert_eq!(host.field("polite", "{{.State.ExitCode}}"), "3");
    // Pid 1 without a handler does not get the signal at all.
    host.ok(&["run", "-d", "--name", "deaf", STARTER, "sleep", "1000"]);
    let begun = Instant::now();
    host.ok(&["stop", "-t", "1", "deaf"]);
    assert!(begun.elapsed().as_secs_f32() >= 1.0, "the grace was not given");
    assert_eq!(host.field("deaf", "{{.State.ExitCode}}"), "137");
    let again = host.fails(1, &["kill", "deaf"]);
    assert!(again.contains("deaf"), "{again}");
    host.ok(&["restart", "deaf"]);
    assert_eq!(host.field("deaf", "{{.State.Running}}"), "true");
    let running = host.fails(1, &["rm", "deaf"]);
    assert!(running.contains("rm -f"), "{running}");
    host.ok(&["kill", "-s", "KILL", "deaf"]);
    assert_eq!(host.ok(&["wait", "deaf"]), "137");
    host.assert_clean();
}

#[test]
fn whoever_stops_what_somebody_else_has_just_stopped_has_what_he_wanted() {
    let host = Host::with_starter();
    host.ok(&["create", "--name", "a", STARTER, "sleep", "1000"]);
    for _ in 0..3 {
        host.ok(&["start", "a"]);
        if is_root() {
            host.ok(&["pause", "a"]);
        }
        let quiet = |mut command: std::process::Command| {
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let calls: Vec<_> =
            (0..5).map(|_| quiet(host.command(&["stop", "-t", "0", "a"]))).collect();
        for call in calls {
            let output = call.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        assert_eq!(host.field("a", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    }
    host.assert_clean();
}

#[test]
fn logs_follow_until_the_end_and_keep_their_tail() {
    let host = Host::with_starter();
    let script = "for i in 1 2 3 4 5; do echo line $i; sleep 0.1; done; echo oops >&2";
    host.ok(&["run", "-d", "--name", "talks", STARTER, "sh", "-c", script]);
    let output = host.call(&["logs", "-f", "talks"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "line 1\nline 2\nline 3\nline 4\nline 5\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "oops\n");
    assert_eq!(host.ok(&["logs", "--tail", "3", "talks"]), "line 4\nline 5");
    host.assert_clean();
}

#[test]
fn further_programs_run_inside() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "home", "-e", "A=1", "-w", "/tmp", STARTER, "sleep", "1000"]);
    assert_eq!(
        host.ok(&["exec", "home", "sh", "-c", "pwd; echo $A; cat /proc/1/comm"]),
        "/tmp\n1\nsleep"
    );
    assert_eq!(
        host.ok(&["exec", "-e", "B=2", "-w", "/etc", "home", "sh", "-c", "pwd; echo $B"]),
        "/etc\n2"
    );
    let output = host.with_input(b"typed", &["exec", "-i", "home", "cat"]);
    assert_eq!(output.stdout, b"typed");
    host.fails(5, &["exec", "home", "sh", "-c", "exit 5"]);
    host.fails(127, &["exec", "home", "absent"]);
    let status = host.ok(&["exec", "home", "cat", "/proc/self/status"]);
    assert!(
        status.contains("CapEff:\t00000000a80425fb") && status.contains("Seccomp:\t2"),
        "{status}"
    );
    host.ok(&["stop", "-t", "0", "home"]);
    host.fails(1, &["exec", "home", "true"]);
    host.assert_clean();
}

#[test]
fn what_is_mounted_is_there_and_read_only_is_read_only() {
    let host = Host::with_starter();
    let shared = host.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("note"), "from outside").unwrap();
    let volume = format!("{}:/mnt/shared", shared.display());
    assert_eq!(
        host.ok(&["run", "--rm", "-v", &volume, STARTER, "cat", "/mnt/shared/note"]),
        "from outside"
    );
    host.ok(&["run", "--rm", "-v", &volume, STARTER, "sh", "-c", "echo in > /mnt/shared/new"]);
    assert_eq!(fs::read_to_string(shared.join("new")).unwrap(), "in\n");
    let read_only = format!("{volume}:ro");
    let denied = host.call(&["run", "--rm", "-v", &read_only, STARTER, "touch", "/mnt/shared/x"]);
    assert!(!denied.status.success());
    let denied = host.call(&["run", "--rm", "--read-only", STARTER, "touch", "/x"]);
    assert!(!denied.status.success());
    let tmpfs = "type=tmpfs,target=/scratch";
    host.ok(&["run", "--rm", "--read-only", "--mount", tmpfs, STARTER, "touch", "/scratch/x"]);
    host.assert_clean();
}

#[test]
fn want_of_memory_is_recorded() {
    if !is_root() {
        return skip(
            "limits need a delegated control group, which an ordinary user does not have here",
        );
    }
    let host = Host::with_starter();
    let hog = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
    host.fails(137, &["run", "--name", "hog", "-m", "16m", STARTER, "sh", "-c", hog]);
    assert_eq!(host.field("hog", "{{.State.OOMKilled}}"), "true");
    host.assert_clean();
}

#[test]
fn names_and_ids_find_and_nonsense_is_refused_in_one_line() {
    let host = Host::with_starter();
    let id = host.ok(&["create", "--name", "one", STARTER, "true"]);
    assert_eq!(host.field(id.get(..8).unwrap(), "{{.Name}}"), "/one");
    let taken = host.fails(125, &["create", "--name", "one", STARTER, "true"]);
    assert!(taken.contains("one"), "{taken}");
    for arguments in [
        &["run", "-w", "relative", STARTER, "true"][..],
        &["run", "-v", "relative:/x", STARTER, "true"],
        &["run", "--network", "nowhere", STARTER, "true"],
        &["run", "-m", "lots", STARTER, "true"],
        &["run", "--name", "a b", STARTER, "true"],
    ] {
        host.fails(125, arguments);
    }
    host.fails(1, &["stop", "nobody"]);
    host.fails(1, &["inspect", "nobody"]);
    host.assert_clean();
}
