//! Who a program is: parsing, groups, capabilities.

use std::fs;

use estiba::{runtime::User, sys::caps};
use nix::{sys::stat::Mode as Bits, unistd::mkfifo};

use crate::{
    stage::{Mode, Outcome, Stage, alone, in_each_mode},
    support::{Host, STARTER, is_root, skip},
};

/// Runs a script as a user, in an image that `prepare` has changed.
fn run_as(mode: Mode, user: &str, script: &str, prepare: impl Fn(&Stage)) -> Outcome {
    alone(|| {
        let mut stage = Stage::enter(mode);
        prepare(&stage);
        stage.user = User::Named { user: user.to_owned(), groups: Vec::new() };
        stage.script(script)
    })
}

/// CVE-2024-40635, CVE-2026-46680, CVE-2016-3697: a number that is too big is neither cut to root's nor taken for a name. Seen to fail with `parse_number` that takes
/// what does not fit for a name, and with one that cuts it to 32 bits: each time 4294967296 was "uid=0(root)".
#[test]
fn cve_2024_40635_a_number_that_is_too_big_is_nobody() {
    let passwd = "root:x:0:0::/:/bin/sh\n99999999999:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n";
    in_each_mode(|mode| {
        for user in
            ["4294967296", "99999999999", "2147483648", "4294967295", "-1", "0:4294967296", "-1:-1"]
        {
            let outcome = run_as(mode, user, "id", |stage| stage.image_file("etc/passwd", passwd));
            assert_eq!((outcome.code, &*outcome.output), (125, ""), "{mode:?} {user} {outcome:?}");
            assert!(outcome.error.contains("is not between 0 and 2147483647"), "{outcome:?}");
        }
    });
}

/// CVE-2024-40635 again, by the words that a user has: `run -u` and `exec -u`. Seen to fail with `parse_number` that cuts to 32 bits: "uid=0(root)".
#[test]
fn cve_2024_40635_neither_when_it_is_run_nor_later() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "home", "--network", "none", STARTER, "sleep", "1000"]);
    for user in ["4294967296", "2147483648", "99999999999", "-1", "0x0", "+0", "1 ", "root:0:0"] {
        let user = format!("--user={user}");
        host.fails(125, &["run", "--rm", "--network", "none", &user, STARTER, "id"]);
        let refused = host.call(&["exec", &user, "home", "id"]);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    }
    host.assert_clean();
}

/// CVE-2024-9676 and what is like it (GO-2026-5475): `/etc/passwd` and `/etc/group` that are no small files hang nothing and fill no memory. Seen to fail without
/// the checks of kind and length in `Root::read`: a pipe was read as if it were empty ("there is no such user").
#[test]
fn cve_2024_9676_strange_lists_of_users_are_refused() {
    in_each_mode(|mode| {
        for name in ["etc/passwd", "etc/group"] {
            for (strangeness, word) in [
                ("pipe", "not a regular file"),
                ("directory", "not a regular file"),
                ("huge", "too big"),
                ("link to a pipe", "not a regular file"),
                ("magic link", "os error"),
            ] {
                let outcome = run_as(mode, "web", "id", |stage| {
                    let place = stage.image(name);
                    fs::remove_file(&place).unwrap();
                    match strangeness {
                        "pipe" => mkfifo(&place, Bits::S_IRWXU).unwrap(),
                        "directory" => fs::create_dir(&place).unwrap(),
                        "huge" => fs::File::create(&place).unwrap().set_len(1 << 40).unwrap(),
                        "link to a pipe" => {
                            mkfifo(&stage.image("pipe"), Bits::S_IRWXU).unwrap();
                            std::os::unix::fs::symlink("/pipe", &place).unwrap();
                        }
                        _ => std::os::unix::fs::symlink("/proc/self/fd/0", &place).unwrap(),
                    }
                });
                let case = format!("{mode:?} /{name} is a {strangeness}: {outcome:?}");
                assert_eq!(outcome.code, 125, "{case}");
                assert!(outcome.error.contains(word) && outcome.error.contains(name), "{case}");
            }
        }
    });
}

/// CVE-2023-25173, CVE-2022-36109, CVE-2022-2989, CVE-2022-2990, CVE-2022-2995: a program has the further groups of its user and no other, so that what a group is
/// forbidden is forbidden. Seen to fail without `caps::set_groups` in `become_user`: "34 7 4242", and the file was read.
#[test]
fn cve_2023_25173_further_groups_are_those_of_the_image() {
    if !is_root() {
        return skip("only root may set groups");
    }
    let outcome = alone(|| {
        let callers: Vec<nix::unistd::Gid> = [7, 4242].map(nix::unistd::Gid::from_raw).to_vec();
        nix::unistd::setgroups(&callers).unwrap();
        let mut stage = Stage::enter(Mode::Rootful);
        stage.image_file("tmp/forbidden", "read\n");
        // Group 4, which web is in, may not what everybody else may.
        let path = stage.image("tmp/forbidden");
        std::os::unix::fs::chown(&path, Some(0), Some(4)).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o604)).unwrap();
        stage.user = User::Named { user: "web".to_owned(), groups: Vec::new() };
        stage.script("id -G; cat /tmp/forbidden")
    });
    assert!(outcome.output.starts_with("34 4\n"), "{outcome:?}");
    assert!(outcome.output.contains("Permission denied"), "{outcome:?}");
}

/// CVE-2022-24769, CVE-2022-27649, CVE-2022-27650, CVE-2022-29162, CVE-2016-8867, CVE-2025-27612: nothing is inheritable or ambient, whoever calls, whichever user runs, in the
/// first program and in further ones. Seen to fail with what is permitted made inheritable in `caps::set`: it was in `CapInh`.
#[test]
fn cve_2022_27650_nothing_is_inheritable() {
    const NONE: &str = "CapInh:\t0000000000000000";
    in_each_mode(|mode| {
        for user in ["", "web"] {
            if mode == Mode::Rootless && !user.is_empty() {
                // Its namespace has one id.
                continue;
            }
            let outcome = alone(|| {
                let all = caps::permitted().unwrap();
                let mut held = caps::Capabilities {
                    bounding: !0,
                    effective: all,
                    permitted: all,
                    ..Default::default()
                };
                held.inheritable = all;
                caps::set(held).unwrap();
                let mut stage = Stage::enter(mode);
                stage.user = User::Named { user: user.to_owned(), groups: Vec::new() };
                stage.script("cat /proc/self/status")
            });
            assert!(outcome.output.contains(NONE), "{mode:?} {user} {outcome:?}");
            assert_eq!(outcome.value("CapAmb"), "0000000000000000", "{outcome:?}");
        }
    });
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "home", "--network", "none", STARTER, "sleep", "1000"]);
    // Others than root need ids that not everybody has.
    for user in ["root", "1000"].into_iter().take(if is_root() { 2 } else { 1 }) {
        let status =
            host.ok(&["exec", "-u", user, "home", "cat", "/proc/self/status", "/proc/1/status"]);
        assert_eq!(status.matches(NONE).count(), 2, "{user} {status}");
        if user == "1000" {
            assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        }
    }
    host.assert_clean();
}
