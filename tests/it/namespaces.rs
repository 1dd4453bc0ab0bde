//! Namespaces of the runtime specification: made with ids and offsets, and those of others joined.

use std::path::{Path, PathBuf};

use estiba::{
    runtime::{Created, Rootfs, Running},
    sys::files,
};
use serde_json::{Value, json};

use super::{
    stage::{Mode, Outcome, Stage, alone, collect, streams, wait},
    support::{is_root, skip},
};

/// Changes the `linux` part of a spec.
fn change(stage: &mut Stage, change: impl FnOnce(&mut Value)) {
    let mut spec = serde_json::to_value(&stage.spec).unwrap();
    change(&mut spec);
    stage.spec = serde_json::from_value(spec).unwrap();
}

fn add_namespace(stage: &mut Stage, namespace: Value) {
    change(stage, |spec| {
        let list = spec["linux"]["namespaces"].as_array_mut().unwrap();
        list.retain(|one| one["type"] != namespace["type"]);
        list.push(namespace);
    });
}

/// Gives the stage a root file system that belongs to user 100000, and maps that user.
fn map_users(stage: &mut Stage) {
    let lower = stage.folder.path().join("lower");
    let status =
        std::process::Command::new("chown").args(["-R", "100000:100000"]).arg(&lower).status();
    assert!(status.unwrap().success());
    stage.root = Some(Rootfs::Directory(lower));
    add_namespace(stage, json!({"type": "user"}));
    let ids = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
    change(stage, |spec| {
        spec["linux"]["uidMappings"] = ids.clone();
        spec["linux"]["gidMappings"] = ids;
    });
}

#[test]
fn a_user_namespace_has_the_ids_of_the_spec() {
    if !is_root() {
        return skip("needs root");
    }
    let script = "id -u; cat /proc/self/uid_map | tr -s ' '; touch /made && stat -c %u:%g /made; cat /etc/given; stat -c %t:%T /dev/null; grep CapEff /proc/self/status; cat /proc/self/setgroups; touch /sys/x 2>&- || echo safe";
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        map_users(&mut stage);
        // What only the host's root can reach is shown all the same.
        let secret = stage.folder.path().join("secret");
        files::make_private_dir(&secret).unwrap();
        files::write(&secret.join("file"), "given\n").unwrap();
        let source = secret.join("file").display().to_string();
        let mount = super::stage::bind(&source, "/etc/given");
        stage.spec.mounts_mut().as_mut().unwrap().push(mount);
        let mut outcome = stage.script(script);
        outcome.error += &owner(&stage.image("made"));
        outcome
    });
    let lines: Vec<&str> = outcome.output.lines().collect();
    let expected = ["0", " 0 100000 65536", "0:0", "given", "1:3"];
    assert_eq!(&lines.get(..5).unwrap_or_default(), &expected, "{outcome:?}");
    assert_eq!(lines[6..], ["allow", "safe"], "{outcome:?}");
    assert_eq!(outcome.error, "100000", "{outcome:?}");
}

fn owner(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map_or_else(|error| error.to_string(), |one| one.uid().to_string())
}

#[test]
fn clocks_are_set_off() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        add_namespace(&mut stage, json!({"type": "time"}));
        change(&mut stage, |spec| {
            spec["linux"]["timeOffsets"] = json!({"boottime": {"secs": 1_000_000_000}, "monotonic": {"secs": 5, "nanosecs": 6}});
        });
        stage.script("cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets | tr -s ' '")
    });
    let uptime: u64 = outcome.output.lines().next().unwrap().parse().unwrap();
    assert!(uptime > 1_000_000_000, "{outcome:?}");
    assert!(outcome.output.contains("monotonic 5 6"), "{outcome:?}");
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        add_namespace(&mut stage, json!({"type": "time"}));
        change(&mut stage, |spec| {
            spec["linux"]["timeOffsets"] = json!({"boottime": {"secs": -1_000_000_000}});
        });
        stage.script("true")
    });
    assert!(outcome.error.contains("namespace time"), "{outcome:?}");
}

/// Starts a container that lives on, runs another that joins namespaces of it, and ends both.
fn beside(prepare: fn(&mut Stage), join: fn(&mut Stage, &Running), script: &str) -> Outcome {
    alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        prepare(&mut stage);
        stage.command(&["/bin/sh", "-c", "echo ready; exec sleep 100"]);
        let (first, stdio) = streams();
        let running = stage.create(stdio, None).and_then(Created::start).unwrap();
        let mut ready = [0; 6];
        nix::unistd::read(&first, &mut ready).unwrap();
        stage.root = Some(Rootfs::Directory(stage.folder.path().join("lower")));
        join(&mut stage, &running);
        stage.command(&["/bin/sh", "-c", script]);
        let (output, stdio) = streams();
        let mut outcome = match stage.create(stdio, None).and_then(Created::start) {
            Ok(second) => collect(output, &second),
            Err(error) => Outcome { error: error.to_string(), ..Outcome::default() },
        };
        let names = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time"];
        let theirs = names.map(|name| link_of(running.process.pid, name));
        outcome.output += &theirs.concat();
        running.process.kill().unwrap();
        wait(&running);
        outcome
    })
}

fn link_of(pid: i32, name: &str) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
    format!("{}\n", link.display())
}

const ALL: &str =
    "for n in mnt pid net ipc uts cgroup user time; do readlink /proc/self/ns/$n; done";

fn path(running: &Running, name: &str) -> PathBuf {
    format!("/proc/{}/ns/{name}", running.process.pid).into()
}

fn join(stage: &mut Stage, running: &Running, kinds: &[(&str, &str)]) {
    for (kind, name) in kinds {
        add_namespace(stage, json!({"type": kind, "path": path(running, name)}));
    }
}

fn shared(outcome: &Outcome) -> Vec<&str> {
    let lines: Vec<&str> = outcome.output.lines().collect();
    let (own, theirs) = lines.split_at(lines.len() / 2);
    own.iter()
        .zip(theirs)
        .filter(|(a, b)| a == b)
        .map(|(a, _)| a.split(':').next().unwrap())
        .collect()
}

#[test]
fn every_kind_but_mounts_is_joined() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = beside(
        |stage| add_namespace(stage, json!({"type": "time"})),
        |stage, running| {
            let kinds = [
                ("network", "net"),
                ("ipc", "ipc"),
                ("uts", "uts"),
                ("cgroup", "cgroup"),
                ("time", "time"),
                ("pid", "pid"),
            ];
            join(stage, running, &kinds);
        },
        ALL,
    );
    let expected = ["pid", "net", "ipc", "uts", "cgroup", "user", "time"];
    assert_eq!(shared(&outcome), expected, "{outcome:?}");
}

#[test]
fn users_and_what_belongs_to_them_are_joined() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = beside(
        map_users,
        |stage, running| {
            change(stage, |spec| {
                let linux = spec["linux"].as_object_mut().unwrap();
                linux.remove("uidMappings");
                linux.remove("gidMappings");
            });
            join(stage, running, &[("user", "user"), ("network", "net"), ("pid", "pid")]);
        },
        ALL,
    );
    let expected = ["pid", "net", "user", "time"];
    assert_eq!(shared(&outcome), expected, "{outcome:?}");
}

#[test]
fn mounts_are_joined_and_nothing_is_mounted_there() {
    if !is_root() {
        return skip("needs root");
    }
    let join_mounts: fn(&mut Stage, &Running) = |stage, running| {
        join(stage, running, &[("mount", "mnt"), ("pid", "pid")]);
        stage.root = Some(Rootfs::Directory("/".into()));
        change(stage, |spec| {
            spec["mounts"] = json!([]);
            for field in ["maskedPaths", "readonlyPaths"] {
                spec["linux"][field] = json!([]);
            }
        });
    };
    let outcome = beside(|_| {}, join_mounts, ALL);
    assert!(shared(&outcome).starts_with(&["mnt", "pid"]), "{outcome:?}");
    let outcome = beside(|_| {}, |stage, running| join(stage, running, &[("mount", "mnt")]), ALL);
    assert!(outcome.error.contains("mounts would change"), "{outcome:?}");
}

#[test]
fn a_namespace_that_is_not_there_is_an_error_with_its_path() {
    for kind in ["network", "pid", "user", "mount", "time"] {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            add_namespace(&mut stage, json!({"type": kind, "path": "/proc/1/ns/nothing"}));
            stage.script("true")
        });
        assert!(outcome.error.contains("/proc/1/ns/nothing"), "{kind} {outcome:?}");
    }
}
