//! Devices of the runtime specification, from inside, and the control group that decides about them.

use estiba::{
    runtime::{Created, cgroup_name, resources_of_new},
    sys::cgroup::{Cgroup, Reach},
};
use oci_spec::runtime::{LinuxDevice, LinuxResources};
use serde_json::json;

use super::{
    stage::{Mode, Outcome, Stage, alone, collect, in_each_mode, streams},
    support::{is_root, skip},
};

fn devices(json: serde_json::Value) -> Vec<LinuxDevice> {
    serde_json::from_value(json).unwrap()
}

/// Runs a script where device nodes work in `/dev`, or do not.
fn run(mode: Mode, nodes_work: bool, list: &serde_json::Value, script: &str) -> Outcome {
    alone(|| {
        let mut stage = Stage::enter(mode);
        set_up(&mut stage, nodes_work, list);
        stage.script(script)
    })
}

fn set_up(stage: &mut Stage, nodes_work: bool, list: &serde_json::Value) {
    stage.spec.linux_mut().as_mut().unwrap().set_devices(Some(devices(list.clone())));
    if nodes_work {
        let mounts = stage.spec.mounts_mut().as_mut().unwrap();
        let dev = mounts.iter_mut().find(|one| one.destination().as_os_str() == "/dev").unwrap();
        dev.set_options(Some(vec!["mode=755".to_owned()]));
    }
}

#[test]
fn devices_are_made_with_mode_and_owner() {
    if !is_root() {
        return skip("needs root");
    }
    let list = json!([
        {"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 5, "gid": 6},
        {"path": "/dev/deep/er", "type": "b", "major": 7, "minor": 9},
        {"path": "/run/pipe", "type": "p", "fileMode": 0o622},
        {"path": "/dev/zero", "type": "u", "major": 1, "minor": 5, "fileMode": 0o600},
        // Privileged containers are given it; theirs stays their own.
        {"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2},
    ]);
    let script = "stat -c '%n %F %a %u:%g %t:%T' /dev/mine /dev/deep/er /run/pipe /dev/zero /dev/full; readlink /dev/ptmx; echo x > /dev/mine && echo written";
    let outcome = run(Mode::Rootful, true, &list, script);
    let expected = [
        "/dev/mine character special file 640 5:6 1:3",
        "/dev/deep/er block special file 666 0:0 7:9",
        "/run/pipe fifo 622 0:0 0:0",
        "/dev/zero character special file 600 0:0 1:5",
        "/dev/full character special file 666 0:0 1:7",
        "pts/ptmx",
        "written",
    ];
    assert_eq!(outcome.output.lines().collect::<Vec<_>>(), expected, "{outcome:?}");
}

#[test]
fn the_hosts_are_shown_where_nodes_do_not_work() {
    in_each_mode(|mode| {
        let list = json!([{"path": "/dev/other", "type": "c", "major": 1, "minor": 3}]);
        let script = "stat -c '%F %t:%T' /dev/other; echo x > /dev/other && echo written";
        let outcome = run(mode, false, &list, script);
        assert_eq!(outcome.output, "character special file 1:3\nwritten\n", "{mode:?} {outcome:?}");
    });
    let list =
        json!([{"path": "/dev/other", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600}]);
    let outcome = run(Mode::Rootless, false, &list, "true");
    assert!(
        outcome.error.contains("/dev/other") && outcome.error.contains("fileMode"),
        "{outcome:?}"
    );
}

#[test]
fn what_is_no_device_is_refused_by_name() {
    if !is_root() {
        return skip("needs root");
    }
    for (list, word) in [
        (json!([{"path": "dev/x", "type": "c", "major": 1, "minor": 3}]), "absolute"),
        (json!([{"path": "/dev/x", "type": "a"}]), "type a"),
        (json!([{"path": "/dev/x", "type": "c", "major": -1, "minor": 3}]), "number"),
        (json!([{"path": "/dev/null/x", "type": "c", "major": 1, "minor": 3}]), "/dev/null"),
    ] {
        let outcome = run(Mode::Rootful, true, &list, "true");
        assert!(outcome.error.contains(word), "{outcome:?}");
    }
}

/// CVE-2025-31133: a path is hidden behind the very device null, not behind what the image has in its place.
#[test]
fn cve_2025_31133_a_false_null_hides_nothing() {
    if !is_root() {
        return skip("needs root");
    }
    let list = json!([{"path": "/dev/null", "type": "c", "major": 1, "minor": 5}]);
    let script = "stat -c %t:%T /proc/interrupts /dev/null; cat /proc/interrupts | wc -c";
    let outcome = run(Mode::Rootful, true, &list, script);
    assert_eq!(outcome.output, "1:3\n1:5\n0\n", "{outcome:?}");
}

#[test]
fn the_control_group_decides_which_devices_work() {
    let name = cgroup_name(format!("/estiba-test-dev-{}", std::process::id()).as_ref()).unwrap();
    let made = Cgroup::create_with(&name, Reach::All).unwrap();
    let Some(cgroup) = made else {
        eprintln!("skipped: this process may make no control groups");
        return;
    };
    let rules: LinuxResources = serde_json::from_value(json!({"devices": [
        {"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "w"},
    ]}))
    .unwrap();
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        let list = json!([
            {"path": "/dev/kmsg2", "type": "c", "major": 1, "minor": 11},
            {"path": "/dev/tun2", "type": "c", "major": 10, "minor": 200},
        ]);
        set_up(&mut stage, true, &list);
        let script = "for d in kmsg2 tun2 zero; do (: < /dev/$d) 2>&- && echo r-$d; (: >> /dev/$d) 2>&- && echo w-$d; done; mknod /dev/made c 10 200 && echo made";
        stage.command(&["/bin/sh", "-c", script]);
        cgroup.apply(&resources_of_new(Some(&rules)).unwrap()).unwrap();
        let (output, stdio) = streams();
        let running = stage.create(stdio, Some(&cgroup)).and_then(Created::start).unwrap();
        collect(output, &running)
    });
    cgroup.remove().unwrap();
    assert_eq!(outcome.output, "w-kmsg2\nr-zero\nw-zero\nmade\n", "{outcome:?}");
}
