//! Containers of the engine: command, monitor and first process.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Choice, Traced, assert_all_gone, tracer, walk, walks};
use crate::support::{
    Host, STARTER, control_groups_of, eventually, is_root, links, names_in, skip,
};

/// What is killed on its way.
pub(super) struct Case {
    /// What is done before, unhindered.
    before: &'static [&'static [&'static str]],
    /// What is done with the container's monitor.
    monitor: Monitor,
    command: &'static [&'static str],
}

/// What is done with a monitor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Monitor {
    /// There is none yet, or none any more.
    Absent,
    /// It is followed, too.
    Followed,
    /// It is killed before, so that the command is the one that puts things right.
    Killed,
}

const CREATE: &[&str] = &["create", "--name", "it", STARTER, "sleep", "1000"];
const RUN: &[&str] = &["run", "-d", "--name", "it", STARTER, "sleep", "1000"];

const fn case(
    before: &'static [&'static [&'static str]],
    monitor: Monitor,
    command: &'static [&'static str],
) -> Case {
    Case { before, monitor, command }
}

const RUN_PASSING: &[&str] = &["run", "-d", "--rm", "--name", "it", STARTER, "sleep", "1000"];
const PS: &[&str] = &["ps"];

use Monitor::{Absent, Followed, Killed};

walks! { super::walk_case;
    create: &super::case(&[], super::Absent, super::CREATE);
    start: &super::case(&[super::CREATE], super::Absent, &["start", "it"]);
    exec: &super::case(&[super::RUN], super::Followed, &["exec", "it", "true"]);
    stop: &super::case(&[super::RUN], super::Followed, &["stop", "-t", "0", "it"]);
    restart: &super::case(&[super::RUN], super::Followed, &["restart", "-t", "0", "it"]);
    remove: &super::case(&[super::RUN, &["kill", "it"], &["wait", "it"]], super::Absent, &["rm", "it"]);
    remove_by_force: &super::case(&[super::RUN], super::Followed, &["rm", "-f", "it"]);
    run: &super::case(&[], super::Absent, &["run", "--rm", "--name", "it", super::STARTER, "true"]);
    put_right: &super::case(&[super::RUN], super::Killed, super::PS);
    put_right_and_remove: &super::case(&[super::RUN_PASSING], super::Killed, super::PS);
}

fn walk_case(what: &str, choice: Choice, case: &Case) {
    if !is_root() {
        return skip("a followed program cannot gain what newuidmap(1) needs");
    }
    let host = Host::with_starter();
    let act = |aim| {
        for words in case.before {
            host.ok(words);
        }
        let monitors = if case.monitor == Absent { Vec::new() } else { host.holders() };
        let mut followed = monitors.clone();
        if case.monitor == Killed {
            followed.clear();
            for monitor in monitors {
                kill(Pid::from_raw(monitor), Signal::SIGKILL).unwrap();
            }
        }
        tracer::follow(&host.command(case.command), &followed, aim)
    };
    walk(what, choice, act, |what, traced| check(&host, what, traced));
    host.assert_clean();
}

/// Shows that what the next commands say is so, and that nothing is left.
fn check(host: &Host, what: &str, traced: &Traced) {
    let mut states = String::new();
    eventually(&format!("{what}: nothing is for ever about to start"), || {
        states = host.ok(&["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}"]);
        !states.contains("starting")
    });
    let mut running = 0;
    for (id, state) in states.lines().filter_map(|line| line.split_once(' ')) {
        match state {
            "running" => {
                let inside = host.call(&["exec", id, "true"]);
                if inside.status.success() {
                    running += 1;
                } else {
                    // It is just ending, and then that is said.
                    eventually(&format!("{what}: {inside:?}"), || {
                        let now = host.call(&["inspect", "-f", "{{.State.Status}}", id]);
                        !now.status.success() || now.stdout == b"exited\n"
                    });
                }
            }
            "created" | "exited" => assert_nothing_held(host, what, id),
            other => panic!("{what}: {other}"),
        }
    }
    if running == 0 {
        assert_all_gone(what, traced);
        let leases = host.ok(&["network", "inspect", "-f", "{{len .Containers}}", "bridge"]);
        assert_eq!(leases, "0", "{what}: leases");
    }
    for (id, _) in states.lines().filter_map(|line| line.split_once(' ')) {
        host.ok(&["rm", "-f", id]);
        assert_nothing_held(host, what, id);
    }
    assert_all_gone(what, traced);
    for place in ["root/containers", "run/containers", "root/ended", "run/ended", "root/staging"] {
        let names = || names_in(&host.path(place));
        eventually(&format!("{what}: {place} is empty"), || names().is_empty());
    }
}

/// Shows that a container that does not run has nothing.
fn assert_nothing_held(host: &Host, what: &str, id: &str) {
    eventually(&format!("{what}: no control group is left"), || control_groups_of(id).is_empty());
    let link = format!("ve{}", id.get(..10).unwrap());
    eventually(&format!("{what}: no link is left"), || {
        links().iter().all(|name| !name.starts_with(&link))
    });
    let run = host.path("run/containers").join(id);
    eventually(&format!("{what}: no run directory is left"), || !run.exists());
}
