//! What bundles of others bring along that is older, newer or odder than what this program would write.

use serde_json::json;

use super::yard;

/// Seen to fail when descriptors are marked after the filter is loaded, and when `faccessat2(2)` has no other way.
#[test]
fn a_filter_older_than_this_program_lets_it_begin() {
    let Some(mut yard) = yard("grep Seccomp: /proc/self/status") else { return };
    let newer_than_linux_5 = [
        "close_range",
        "faccessat2",
        "openat2",
        "clone3",
        "pidfd_open",
        "pidfd_getfd",
        "fsopen",
        "fsmount",
        "move_mount",
        "open_tree",
        "mount_setattr",
        "epoll_pwait2",
        "io_uring_setup",
        "rseq",
    ];
    for no_new_privileges in [false, true] {
        let mut spec = serde_json::to_value(&yard.spec).unwrap();
        spec["process"]["noNewPrivileges"] = no_new_privileges.into();
        spec["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": newer_than_linux_5, "action": "SCMP_ACT_ERRNO", "errnoRet": 1 }],
        });
        yard.spec = serde_json::from_value(spec).unwrap();
        yard.write();
        assert_eq!(yard.ok("run ID").trim(), "Seccomp:\t2");
        yard.assert_nothing_left();
    }
}

#[test]
fn mounts_tell_the_source_that_the_bundle_gives_them() {
    let Some(mut yard) = yard("cat /proc/self/mountinfo") else { return };
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    for mount in spec["mounts"].as_array_mut().unwrap() {
        let kind = mount["type"].clone();
        if kind != "bind" && kind != "cgroup" {
            mount["source"] = format!("my-{}", kind.as_str().unwrap()).into();
        }
    }
    yard.spec = serde_json::from_value(spec).unwrap();
    yard.write();
    let shown = yard.ok("run ID");
    for kind in ["proc", "sysfs", "tmpfs", "devpts", "mqueue"] {
        assert!(shown.contains(&format!(" - {kind} my-{kind} ")), "{kind}: {shown}");
    }
}

#[test]
fn hooks_after_the_start_and_after_the_end_run() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let log = yard.path("log");
    let witness = |name: &str| {
        let script = format!(
            "s=$(cat); echo \"{name} $A $0 $(echo $s | sed 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/')\" >> {}",
            log.display()
        );
        json!({"path": "/bin/sh", "args": ["sh", "-c", script, "zero"], "env": ["A=b", "PATH=/usr/bin:/bin"]})
    };
    let hangs = json!({"path": "/bin/sh", "args": ["sh", "-c", "exec sleep 100"], "env": ["PATH=/usr/bin:/bin"], "timeout": 1});
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    spec["hooks"] = json!({
        "poststart": [witness("one"), witness("two")],
        // What fails keeps the next ones from nothing.
        "poststop": [hangs, witness("three")],
    });
    yard.spec = serde_json::from_value(spec.clone()).unwrap();
    yard.write();
    yard.ok("create ID");
    assert_eq!(yard.text("log"), "");
    yard.ok("start ID");
    assert_eq!(yard.text("log"), "one b zero running\ntwo b zero running\n");
    assert_eq!(yard.code("delete --force ID"), 0);
    assert!(yard.text("err").contains("timed out"), "{}", yard.text("err"));
    assert!(yard.text("log").ends_with("three b zero stopped\n"), "{}", yard.text("log"));
    yard.assert_nothing_left();
    spec["hooks"] = json!({ "poststart": [hangs], "poststop": [witness("four")] });
    yard.spec = serde_json::from_value(spec).unwrap();
    yard.write();
    yard.ok("create ID");
    let said = yard.fails(1, "start ID");
    assert!(said.contains("timed out"), "{said}");
    // The container goes with it (runtime.md, "Lifecycle", 9).
    assert!(yard.text("log").ends_with("four b zero stopped\n"), "{}", yard.text("log"));
    yard.assert_nothing_left();
}

#[test]
fn further_programs_run_where_the_bundle_says() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let all = processors();
    let first = all.split(['-', ',']).next().unwrap().to_owned();
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    spec["process"]["execCPUAffinity"] = json!({"initial": first, "final": first});
    yard.spec = serde_json::from_value(spec).unwrap();
    yard.write();
    yard.ok("run -d ID");
    let shown = yard.inside("grep Cpus_allowed_list /proc/1/status /proc/self/status");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let lists: Vec<&str> = text.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(lists, [all.as_str(), first.as_str()], "{text}");
}

/// Gives the processors that this process may use.
fn processors() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:\t"));
    line.unwrap().to_owned()
}
