//! What a kill -9 leaves: the next call says the truth, frees what was held, and the store opens.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    oci::yard,
    support::{Host, STARTER, eventually, is_root, skip},
};

fn kill_hard(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn a_killed_monitor_takes_its_container_with_it_and_the_address_is_free_again() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "victim", STARTER, "sleep", "1000"]);
    host.ok(&["run", "-d", "--rm", "--name", "passing", STARTER, "sleep", "1000"]);
    let address = host.field("victim", "{{.NetworkSettings.Networks.bridge.IPAddress}}");
    let monitors = host.holders();
    assert!(monitors.len() >= 2, "{monitors:?}");
    monitors.into_iter().for_each(kill_hard);
    eventually("the container ends", || host.ok(&["ps", "-q"]).is_empty());
    assert_eq!(
        host.field("victim", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}"),
        "exited 137 its monitor was killed, and it ended then or just before"
    );
    assert_eq!(host.ok(&["ps", "-aq"]).lines().count(), 1, "the one with --rm is gone");
    host.ok(&["run", "-d", "--name", "next", STARTER, "sleep", "1000"]);
    assert_eq!(host.field("next", "{{.NetworkSettings.Networks.bridge.IPAddress}}"), address);
    host.ok(&["start", "victim"]);
    host.assert_clean();
}

#[test]
fn a_command_killed_at_any_moment_of_run_leaves_a_store_that_tells_the_truth() {
    let host = Host::with_starter();
    for step in 0..30_u64 {
        let mut child = host
            .command(&["run", "--rm", STARTER, "sh", "-c", "echo begun; sleep 0.2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::park_timeout(Duration::from_micros(700 * step));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    eventually("every container that was begun has ended and removed itself", || {
        host.ok(&["ps", "-q"]).is_empty()
    });
    for line in host.ok(&["ps", "-a", "--format", "{{.State}}"]).lines() {
        assert!(["created", "exited"].contains(&line), "{line}");
    }
    assert_eq!(host.ok(&["run", "--rm", STARTER, "echo", "well"]), "well");
    host.assert_clean();
}

#[test]
fn a_command_killed_while_it_starts_a_container_leaves_one_that_can_be_told_of_and_stopped() {
    let host = Host::with_starter();
    for step in 0..40_u64 {
        let mut child = host
            .command(&["run", "-d", STARTER, "sleep", "1000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::park_timeout(Duration::from_millis(2 * step));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    eventually("no container is for ever about to start", || {
        !host.ok(&["ps", "-a", "--format", "{{.State}}"]).contains("starting")
    });
    for id in host.ok(&["ps", "-q"]).lines() {
        host.ok(&["exec", id, "true"]);
        host.ok(&["stop", "-t", "0", id]);
    }
    host.assert_clean();
}

#[test]
fn many_commands_on_one_store_at_once_do_not_hinder_one_another() {
    let host = Host::with_starter();
    let mut children: Vec<_> = (0..12)
        .map(|number| {
            let script = format!("echo {number}");
            host.command(&["run", "--rm", STARTER, "sh", "-c", &script])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for (number, child) in children.drain(..).enumerate() {
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{number}\n"), "{output:?}");
    }
    host.assert_clean();
}

#[test]
fn a_broken_database_is_named_and_left_as_it_is() {
    let host = Host::new();
    host.ok(&["ps"]);
    let records = host.path("root/records.db");
    for suffix in ["-wal", "-shm"] {
        let _absent = fs::remove_file(host.path(&format!("root/records.db{suffix}")));
    }
    fs::write(&records, "this is no database, and long enough to be read as one").unwrap();
    let refusal = host.fails(1, &["ps"]);
    assert!(refusal.contains("records.db"), "{refusal}");
    assert!(fs::read_to_string(&records).unwrap().starts_with("this is no database"));
}

#[test]
fn what_a_monitor_was_deleting_when_it_was_killed_is_deleted_by_the_next_command() {
    let host = Host::new();
    host.ok(&["ps"]);
    let alive = estiba::sys::process::ProcessId::current().unwrap();
    for ended in ["root/ended", "run/ended"] {
        for owner in ["1-1", "2147483647-5", "nonsense", &alive.to_string()] {
            let left = host.path(ended).join(format!("{}.{owner}", "c".repeat(64)));
            fs::create_dir_all(left.join("upper")).unwrap();
            fs::write(left.join("upper/file"), "").unwrap();
        }
    }
    host.ok(&["ps"]);
    for ended in ["root/ended", "run/ended"] {
        let kept = crate::support::names_in(&host.path(ended));
        assert_eq!(
            kept,
            [format!("{}.{alive}", "c".repeat(64))],
            "a living owner still deletes it"
        );
    }
}

#[test]
fn after_a_restart_of_the_machine_containers_have_ended_and_can_be_started_again() {
    if !is_root() {
        return skip("another boot is feigned by a mount, which needs root");
    }
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "kept", STARTER, "sleep", "1000"]);
    host.ok(&["run", "-d", "--name", "passing", "--rm", STARTER, "sleep", "1000"]);
    let address = host.field("kept", "{{.NetworkSettings.Networks.bridge.IPAddress}}");
    host.holders().into_iter().for_each(kill_hard);
    eventually("all processes are gone", || host.holders().is_empty());
    fs::remove_dir_all(host.path("run")).unwrap();
    feign_another_boot(&host.path("boot_id"));
    assert_eq!(host.ok(&["ps", "-a", "--format", "{{.Names}} {{.State}}"]), "kept exited");
    assert_eq!(
        host.field("kept", "{{.State.ExitCode}} {{.State.Error}}"),
        "137 the machine was restarted while it ran"
    );
    host.ok(&["run", "-d", "--name", "next", STARTER, "sleep", "1000"]);
    assert_eq!(host.field("next", "{{.NetworkSettings.Networks.bridge.IPAddress}}"), address);
    host.ok(&["start", "kept"]);
    host.ok(&["exec", "kept", "true"]);
    host.assert_clean();
}

#[test]
fn after_a_restart_of_the_machine_a_process_with_a_number_from_before_is_left_alone() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    let pid = yard.state()["pid"].as_i64().unwrap();
    feign_another_boot(&yard.path("boot_id"));
    assert_eq!((yard.status(), yard.state()["pid"].as_i64()), ("stopped".to_owned(), Some(0)));
    assert!(yard.fails(1, "kill ID KILL").contains("not running"));
    assert!(fs::exists(format!("/proc/{pid}")).unwrap());
    // Its control group, which would not have outlived the machine, tells that it is the container's all the same.
    yard.ok("delete ID");
    yard.assert_nothing_left();
}

/// Lets this thread, and what it starts, believe that the machine was started anew.
pub(crate) fn feign_another_boot(id: &Path) {
    let nothing = None::<&str>;
    fs::write(id, "00000000-0000-4000-8000-000000000000\n").unwrap();
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
    let real = "/proc/sys/kernel/random/boot_id";
    mount(Some(id), real, nothing, MsFlags::MS_BIND, nothing).unwrap();
}

#[test]
fn a_container_started_again_after_a_crash_is_not_ended_by_who_still_tidies_up() {
    let host = Host::with_starter();
    host.ok(&["create", "--name", "again", STARTER, "sleep", "1000"]);
    for _ in 0..4 {
        host.ok(&["start", "again"]);
        host.holders().into_iter().for_each(kill_hard);
        eventually("its monitor is gone", || host.holders().is_empty());
        // All of them find a container without a monitor, and the first that has ended it starts it.
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let calls: Vec<_> = (0..6).map(|_| quiet(&mut host.command(&["start", "again"]))).collect();
        for call in calls {
            let said = String::from_utf8(call.wait_with_output().unwrap().stderr).unwrap();
            assert!(
                said.is_empty() || said.contains("cannot start container again: it is "),
                "{said}"
            );
        }
        host.ok(&["exec", "again", "true"]);
        let id = host.field("again", "{{.Id}}");
        assert_eq!(host.told_of()[&id], "create start die start exec_start");
        host.ok(&["rm", "-f", "again"]);
        host.ok(&["create", "--name", "again", STARTER, "sleep", "1000"]);
    }
    host.assert_clean();
}
