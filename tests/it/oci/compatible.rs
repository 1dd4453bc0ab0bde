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
