//! What a caller is handed over besides the terminal, and what it says about where a program runs and what it may use.

use std::{
    fs,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::PathBuf,
};

use estiba::sys::{channel::Channel, pidfd};

use super::yard;
use crate::support::control_groups_of;

/// Takes the process that was sent to a socket.
fn received(listener: &UnixListener) -> OwnedFd {
    let (stream, _address) = listener.accept().unwrap();
    let (name, process) = Channel::from(stream).receive().unwrap().unwrap();
    assert_eq!(name, b"pidfd");
    process.unwrap()
}

#[test]
fn a_process_is_sent_to_the_pidfd_socket() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    assert!(yard.fails(1, "create --pidfd-socket ../none ID").contains("none"));
    yard.assert_nothing_left();
    let listener = UnixListener::bind(yard.path("socket")).unwrap();
    yard.ok("create --pidfd-socket ../socket --pid-file ../pid ID");
    let first = received(&listener);
    assert_eq!(pidfd::number(&first), yard.text("pid").parse().ok());
    yard.ok("start ID");
    yard.ok("exec -d --pidfd-socket ../socket --pid-file ../other ID sleep 500");
    assert_eq!(pidfd::number(received(&listener)), yard.text("other").parse().ok());
    assert!(yard.fails(255, "exec --pidfd-socket ../none ID true").contains("none"));
    // A program whose caller cannot be told of it does not stay.
    let count = || yard.ok("ps -f json ID").matches(char::is_numeric).count();
    let before = count();
    yard.fails(255, "exec -d --pid-file /does/not/exist ID sleep 600");
    assert_eq!(count(), before, "{}", yard.ok("ps ID"));
    yard.ok("delete --force ID");
    yard.ok("run -d --pidfd-socket ../socket ID");
    drop(received(&listener));
    yard.ok("delete --force ID");
    yard.assert_nothing_left();
}

#[test]
fn a_program_runs_in_a_group_below() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    for group in control_groups_of(&yard.id) {
        let below = group.join("below");
        fs::create_dir(&below).unwrap();
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(text) = fs::read(group.join(file)) {
                // On version 2 an empty one is as that above.
                drop(fs::write(below.join(file), text));
            }
        }
    }
    // The container has a control group namespace: it sees its own as the top.
    let groups = |options: &str| {
        let seen = yard.ok(&format!("exec {options}ID cat /proc/self/cgroup"));
        let mut places: Vec<(String, String)> = seen
            .lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(':'))
            .map(|(controllers, path)| (controllers.to_owned(), path.to_owned()))
            .collect();
        places.sort_unstable();
        places
    };
    let usual = groups("");
    assert!(usual.iter().all(|(_, path)| path == "/"), "{usual:?}");
    let below = groups("--cgroup below ");
    assert!(below.iter().any(|(_, path)| path == "/below"), "{below:?}");
    let memory = groups("--cgroup memory:/below ");
    for (controllers, path) in memory {
        let is_meant = controllers.is_empty() && below.len() == 1;
        let expected = if is_meant || controllers == "memory" { "/below" } else { "/" };
        assert_eq!(path, expected, "{controllers}");
    }
    for (wrong, word) in [
        ("none", "no group below"),
        ("../..", "no group below"),
        ("memory:below/../..", "no group below"),
        ("nothing:below", "no hierarchy"),
        ("a --cgroup b", "names its controllers"),
    ] {
        // The one hierarchy of version 2 alone is that of all controllers.
        if word == "no hierarchy" && below.len() == 1 {
            continue;
        }
        let said = yard.fails(255, &format!("exec --cgroup {wrong} ID true"));
        assert!(said.contains(word), "{wrong}: {said}");
    }
    yard.ok("delete --force ID");
    assert_eq!(control_groups_of(&yard.id), Vec::<PathBuf>::new());
    yard.assert_nothing_left();
}

#[test]
fn limits_that_are_gone_are_told_of_and_shares_need_a_class() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    yard.ok("--log ../log update --kernel-memory 5m --kernel-memory-tcp 5m ID");
    assert!(yard.text("log").contains("--kernel-memory"), "{}", yard.text("log"));
    for shares in ["--l3-cache-schema L3:0=f", "--mem-bw-schema MB:0=20"] {
        let said = yard.fails(1, &format!("update {shares} ID"));
        assert!(said.contains("no class of service"), "{said}");
    }
    assert!(yard.fails(1, "update --mem-bw-schema L3:0=1 ID").contains("MB:"));
    yard.ok("delete --force ID");
    yard.assert_nothing_left();
}
