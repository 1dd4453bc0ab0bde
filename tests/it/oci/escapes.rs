//! What a container, or whoever makes one, must not reach.

use std::{fs, path::PathBuf};

use super::yard;
use crate::support::{names_in, skip};

#[test]
fn only_descriptors_that_are_to_be_preserved_reach_the_program() {
    let Some(yard) = yard("cat <&3; cat <&4 || echo no four; echo $LISTEN_FDS $LISTEN_PID") else {
        return;
    };
    fs::write(yard.path("three"), "three\n").unwrap();
    let call = |front: &str, words: &str| {
        let output = yard.with_descriptors("3<../three 4<../three", front, words);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(call("", "run --preserve-fds 1 ID"), "three\nno four\n\n");
    assert_eq!(call("LISTEN_FDS=1", "run ID"), "three\nno four\n1 1\n");
    assert_eq!(call("", "run --preserve-fds 2 ID"), "three\nthree\n\n");
    yard.assert_nothing_left();
}

#[test]
fn what_others_run_in_a_control_group_is_left_alone() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    let other = format!("{}b", yard.id);
    let group = PathBuf::from("/").join(&yard.id);
    yard.spec.linux_mut().as_mut().unwrap().set_cgroups_path(Some(group));
    yard.write();
    assert!(yard.fails(1, &format!("create {other}")).contains("is not empty"));
    assert_eq!(yard.status(), "running");
    assert_eq!(names_in(&yard.path("state")), [yard.id.clone()]);
    yard.ok("delete -f ID");
    yard.assert_nothing_left();
}

/// CVE-2024-21626: a working directory of the host, by a descriptor that the caller left open. Seen to fail with `close_inherited`, the
/// resolution in the container's root and the check of `enter_directory` taken out together; each alone refuses it.
#[test]
fn cve_2024_21626_no_directory_of_the_host_is_within_reach() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    let refused = |output: &std::process::Output| {
        let heard = String::from_utf8_lossy(&output.stderr);
        assert!(heard.contains("cannot start in directory '/proc/self/fd/7'"), "{output:?}");
    };
    refused(&yard.with_descriptors("7</", "", "exec --cwd /proc/self/fd/7 ID /bin/ls"));
    yard.ok("delete -f ID");
    yard.spec.process_mut().as_mut().unwrap().set_cwd("/proc/self/fd/7".into());
    yard.write();
    refused(&yard.with_descriptors("7</", "", "create ID"));
    yard.assert_nothing_left();
}

#[test]
fn keys_of_the_caller_are_out_of_reach() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    // Keyrings are counted, one for each container, and `/proc/keys` shows those that one may see.
    let keys = || fs::read_to_string("/proc/keys").unwrap_or_default();
    if keys().is_empty() {
        skip("this kernel shows no keys");
    } else {
        assert!(keys().contains(&format!("_ses.{}", yard.id)), "{}", keys());
    }
}
