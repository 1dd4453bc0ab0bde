//! Containers that take all they can: they are held, what happened to them is said, and another container does not notice.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    Host, PATIENCE, STARTER, answer_in_time, control_groups_of, eventually, is_root, skip,
};

/// A shell that cannot fork ends; those that are there go on, and the first one never forks again.
const BOMB: &str =
    "bomb() { bomb & bomb & while :; do :; done; }; bomb 2>/dev/null & exec sleep 1000";

/// A host with a container that does nothing, which is what must not be hurt.
fn with_bystander() -> Host {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "bystander", STARTER, "sleep", "1000"]);
    host
}

/// Shows that a further program starts beside, and that what runs is listed; gives how long the slower one took: at most [`PATIENCE`].
fn assert_unhurt(host: &Host) -> Duration {
    let lines: [&[&str]; 2] =
        [&["exec", "bystander", "echo", "well"], &["ps", "--format", "{{.Names}}"]];
    let took = lines.map(|line| {
        let begun = Instant::now();
        let output = answer_in_time(host.command(line));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("well") || said.contains("bystander"), "{line:?}: {output:?}");
        begun.elapsed()
    });
    took.into_iter().max().unwrap()
}

/// Gives the memory of the largest monitor, in kB: what it has written to, and that with its share of the program and of libraries.
fn largest_monitor(host: &Host) -> [u64; 2] {
    let of = |field: &str| {
        let own = |pid: &i32| {
            let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let line = sums.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        host.holders().iter().map(own).max().unwrap()
    };
    [of("Pss_Anon"), of("Pss")]
}

#[test]
fn a_fork_bomb_is_held() {
    fork_bomb(&["--pids-limit", "64"], 64, Duration::ZERO);
}

#[test]
#[ignore = "takes minutes; tests/soak/run runs it"]
fn a_fork_bomb_is_held_for_long_though_nothing_was_said_about_processes() {
    fork_bomb(&[], 2048, Duration::from_secs(20));
}

#[test]
fn a_fork_bomb_whose_monitor_was_killed_ends() {
    abandoned_fork_bomb(&["--pids-limit", "64"]);
}

#[test]
#[ignore = "takes minutes; tests/soak/run runs it"]
fn a_fork_bomb_of_two_thousand_whose_monitor_was_killed_ends() {
    abandoned_fork_bomb(&[]);
}

fn abandoned_fork_bomb(limit: &[&str]) {
    if !is_root() {
        return skip("a limit of processes needs a control group");
    }
    let host = Host::with_starter();
    let id = host.ok(&[&["run", "-d"], limit, &[STARTER, "sh", "-c", BOMB]].concat());
    let begun = Instant::now();
    while of_processes(&id, "events") == "max 0" {
        assert!(begun.elapsed() < 6 * PATIENCE, "it can still fork");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    for monitor in host.holders() {
        kill(Pid::from_raw(monitor), Signal::SIGKILL).unwrap();
    }
    let begun = Instant::now();
    eventually("it has ended, and no call fails on the way there", || {
        let output = answer_in_time(host.command(&["ps", "-q"]));
        assert!(output.status.success(), "{output:?}");
        output.stdout.is_empty()
    });
    println!("fork bomb whose monitor was killed: gone after {:?}", begun.elapsed());
    assert_eq!(control_groups_of(&id), [""; 0].map(PathBuf::from));
    host.assert_clean();
}

#[test]
fn the_number_of_processes_is_limited_unless_it_was_said_not_to_be() {
    if !is_root() {
        return skip("a limit of processes needs a control group");
    }
    let host = Host::with_starter();
    for (limit, most) in
        [(&[][..], "2048"), (&["--pids-limit", "7"], "7"), (&["--pids-limit", "-1"], "max")]
    {
        let id = host.ok(&[&["run", "-d"], limit, &[STARTER, "sleep", "1000"]].concat());
        assert_eq!(of_processes(&id, "max"), most);
    }
    host.assert_clean();
}

/// Reads a file of the control group that counts a container's processes.
fn of_processes(id: &str, what: &str) -> String {
    let files = control_groups_of(id).into_iter().map(|group| group.join(format!("pids.{what}")));
    let text = files.map(fs::read_to_string).find_map(Result::ok).unwrap();
    text.trim_end().to_owned()
}

fn fork_bomb(limit: &[&str], most: u64, lasting: Duration) {
    if !is_root() {
        return skip("a limit of processes needs a control group");
    }
    let host = with_bystander();
    let id = host.ok(&[&["run", "-d"], limit, &[STARTER, "sh", "-c", BOMB]].concat());
    let begun = Instant::now();
    let (mut slowest, mut peak) = (Duration::ZERO, 0);
    let mut was_refused = None;
    while was_refused.is_none_or(|when: Duration| begun.elapsed() < when + lasting) {
        slowest = slowest.max(assert_unhurt(&host));
        peak = peak.max(of_processes(&id, "current").parse().unwrap());
        if was_refused.is_none() && of_processes(&id, "events") != "max 0" {
            was_refused = Some(begun.elapsed());
        }
        assert!(begun.elapsed() < lasting + 6 * PATIENCE, "only {peak} processes of {most}");
    }
    assert!(peak <= most, "{peak} processes");
    println!(
        "fork bomb: {peak} processes of {most}, refused after {was_refused:?}; beside it a call took {slowest:?} at most"
    );
    let begun = Instant::now();
    host.ok(&["rm", "-f", &id]);
    println!("fork bomb: removed in {:?}", begun.elapsed());
    host.assert_clean();
}

#[test]
fn want_of_memory_ends_only_the_container_that_wants_it() {
    hog(1);
}

#[test]
#[ignore = "takes minutes; tests/soak/run runs it"]
fn want_of_memory_again_and_again() {
    hog(50);
}

fn hog(times: usize) {
    if !is_root() {
        return skip("a limit of memory needs a control group");
    }
    let host = with_bystander();
    let hog = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done";
    let mut slowest = Duration::ZERO;
    for _ in 0..times {
        host.ok(&["run", "-d", "--name", "hog", "-m", "32m", STARTER, "sh", "-c", hog]);
        slowest = slowest.max(assert_unhurt(&host));
        assert_eq!(host.ok(&["wait", "hog"]), "137");
        assert_eq!(host.field("hog", "{{.State.OOMKilled}} {{.State.ExitCode}}"), "true 137");
        assert!(host.told_of().values().any(|told| told.contains("oom die")));
        host.ok(&["rm", "hog"]);
    }
    println!(
        "{times} containers ended for want of memory; beside them a call took {slowest:?} at most"
    );
    host.assert_clean();
}

#[test]
fn a_container_that_does_not_hear_sigterm_is_killed_when_its_time_is_over() {
    let host = with_bystander();
    let deaf = "trap '' TERM INT HUP; while :; do sleep 1000; done";
    host.ok(&["run", "-d", "--name", "deaf", STARTER, "sh", "-c", deaf]);
    let begun = Instant::now();
    let mut stopping =
        host.command(&["stop", "-t", "1", "deaf"]).stdout(Stdio::null()).spawn().unwrap();
    assert_unhurt(&host);
    assert!(stopping.wait().unwrap().success());
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1) && took < PATIENCE, "{took:?}");
    assert_eq!(host.field("deaf", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    assert_unhurt(&host);
    host.assert_clean();
}

#[test]
fn a_flood_of_output_hurts_nobody() {
    flood(48 << 20);
}

#[test]
#[ignore = "takes minutes; tests/soak/run runs it"]
fn two_gigabytes_of_output_hurt_nobody() {
    flood(2 << 30);
}

fn flood(bytes: u64) {
    let host = with_bystander();
    let script = format!("line={}; while :; do echo $line; done", "x".repeat(8000));
    let id = host.ok(&["run", "-d", "--name", "flood", STARTER, "sh", "-c", &script]);
    let log = host.path("root/containers").join(&id).join("log.json");
    let length = || fs::metadata(&log).map_or(0, |log| log.len());
    let begun = Instant::now();
    let (mut slowest, mut memory, mut before) = (Duration::ZERO, [0, 0], 0);
    while length() < bytes {
        slowest = slowest.max(assert_unhurt(&host));
        memory = memory.max(largest_monitor(&host));
        assert!(memory[0] < 4 << 10, "a monitor has {memory:?} kB");
        assert!(begun.elapsed() < PATIENCE || length() > before, "the log stands still");
        before = length();
    }
    let rate = u128::from(length() >> 20) * 1000 / begun.elapsed().as_millis();
    println!(
        "flood: {rate} MB/s into the log; the largest monitor had {memory:?} kB; beside it a call took {slowest:?} at most"
    );
    assert!(host.ok(&["logs", "--tail", "1", "flood"]).starts_with("xxx"));
    host.ok(&["rm", "-f", "flood"]);
    host.assert_clean();
}

#[test]
fn a_disk_full_of_log_ends_nothing_and_is_said() {
    disk_full_of_log("json-file");
}

#[test]
fn a_disk_full_of_local_log_ends_nothing_and_is_said() {
    disk_full_of_log("local");
}

fn disk_full_of_log(driver: &str) {
    if !is_root() {
        return skip("a small disk is mounted for this, which needs root");
    }
    let host = Host::new();
    let disk = SmallDisk::mount(&host.path("root"));
    host.load_starter();
    let script = format!("line={}; while :; do echo $line; done", "x".repeat(8000));
    let flood = ["run", "-d", "--name", "flood", "--log-driver", driver, "--log-opt"];
    // Larger than the disk: no file is full.
    let more = ["max-size=1g", STARTER, "sh", "-c", &script];
    host.ok(&[&flood[..], &more].concat());
    eventually("the log says, on standard error, that lines are missing", || {
        let last = host.call(&["logs", "--tail", "1", "flood"]).stderr;
        last.starts_with(b"estiba: lines are missing here: No space left on device")
    });
    // It goes on, and so does everything else: the records have room.
    host.ok(&["exec", "flood", "true"]);
    host.ok(&["run", "-d", "--name", "other", STARTER, "sleep", "1000"]);
    host.ok(&["exec", "other", "true"]);
    assert_eq!(host.field("flood", "{{.State.Status}}"), "running");
    host.ok(&["stop", "-t", "0", "flood"]);
    let end = host.field("flood", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}");
    assert!(
        end.starts_with("exited 137 ") && end.contains("line(s) of its log were lost"),
        "{end}"
    );
    host.ok(&["rm", "flood"]);
    host.assert_clean();
    drop(disk);
}

#[test]
fn a_disk_full_of_a_container_s_files_keeps_nobody_from_ending_and_removing_it() {
    if !is_root() {
        return skip("a small disk is mounted for this, which needs root");
    }
    let host = Host::new();
    let disk = SmallDisk::mount(&host.path("root"));
    host.load_starter();
    let script = "cat /dev/zero > /big; exec sleep 1000";
    host.ok(&["run", "-d", "--name", "full", STARTER, "sh", "-c", script]);
    eventually("the disk is full", || {
        rustix::fs::statvfs(host.path("root")).unwrap().f_bavail == 0
    });
    // What was kept for the records is given up.
    host.ok(&["exec", "full", "true"]);
    assert!(!host.path("root/reserve").exists());
    host.ok(&["stop", "-t", "0", "full"]);
    assert_eq!(host.field("full", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    host.ok(&["rm", "full"]);
    host.ok(&["ps"]);
    assert!(host.path("root/reserve").exists(), "it is kept again");
    host.assert_clean();
    drop(disk);
}

/// A small disk that only this thread, and what it starts, sees.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        let nothing = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
        fs::create_dir(at).unwrap();
        mount(Some("small"), at, Some("tmpfs"), MsFlags::empty(), Some("size=48m,mode=700"))
            .unwrap();
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).unwrap();
    }
}
