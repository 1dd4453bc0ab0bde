//! Every kind of mount of the runtime specification, made for real and looked at from inside.

use std::path::Path;

use estiba::sys::files;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use oci_spec::runtime::{LinuxIdMapping, Mount};

use super::{
    stage::{Mode, Outcome, Stage, alone, in_each_mode},
    support::{is_root, skip},
};

/// Makes a mount of a spec.
fn entry(kind: &str, source: &str, target: &str, options: &str) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(target.into())
        .set_source(Some(source.into()))
        .set_typ(Some(kind.to_owned()))
        .set_options(Some(options.split(' ').map(str::to_owned).collect()));
    mount
}

/// Runs a script in a container with further mounts; `{}` in a source is the stage's folder.
fn run(mode: Mode, entries: &[(&str, &str, &str, &str)], script: &str) -> Outcome {
    alone(|| {
        let mut stage = Stage::enter(mode);
        prepare(&stage);
        for (kind, source, target, options) in entries {
            let source = source.replace("{}", &stage.folder.path().display().to_string());
            let options = options.replace("{}", &stage.folder.path().display().to_string());
            stage.spec.mounts_mut().as_mut().unwrap().push(entry(kind, &source, target, &options));
        }
        stage.script(script)
    })
}

/// Gives the fork a mount namespace, and in it a directory with another mount below it.
fn prepare(stage: &Stage) {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    let source = stage.folder.path().join("source");
    files::make_dir(&source).unwrap();
    let data = Some("mode=755");
    mount(Some("outer"), &source, Some("tmpfs"), MsFlags::empty(), data).unwrap();
    let below = source.join("below");
    files::make_dir(&below).unwrap();
    mount(Some("inner"), &below, Some("tmpfs"), MsFlags::empty(), data).unwrap();
    files::write(&source.join("file"), "of the host\n").unwrap();
}

/// Finds the options of a mount, and then its optional fields, in `/proc/self/mountinfo`.
fn line<'a>(outcome: &'a Outcome, target: &str) -> (Vec<&'a str>, &'a str) {
    let found = outcome.output.lines().rfind(|line| line.split(' ').nth(4) == Some(target));
    let line = found.unwrap_or_else(|| panic!("{target} is not in {outcome:?}"));
    let options = line.split(' ').nth(5).unwrap().split(',').collect();
    (options, line.splitn(7, ' ').nth(6).unwrap())
}

#[test]
fn attributes_are_for_one_mount_or_for_all_below() {
    in_each_mode(|mode| {
        for (options, one, below) in [
            ("bind", "rw", None),
            ("rbind", "rw", Some("rw")),
            ("rbind ro", "ro", Some("rw")),
            ("rbind rro", "ro", Some("ro")),
            ("rbind rro rw", "ro", Some("ro")),
            ("rbind ro rrw", "rw", Some("rw")),
            ("rbind noexec rnosuid rnodev", "nosuid,nodev,noexec", Some("nosuid,nodev")),
            ("rbind noexec exec", "rw", Some("rw")),
            ("rbind rnosymfollow", "nosymfollow", Some("nosymfollow")),
            ("rbind noatime", "noatime", Some("relatime")),
            ("rbind rnoatime ratime", "relatime", Some("relatime")),
            ("rbind rnodiratime", "nodiratime", Some("nodiratime")),
        ] {
            let entries = [("bind", "{}/source", "/there", options)];
            let outcome = run(mode, &entries, "cat /proc/self/mountinfo");
            let has = |target: &str, wanted: &str| {
                let (found, _) = line(&outcome, target);
                for word in wanted.split(',') {
                    assert!(found.contains(&word), "{mode:?} {options}: {word} not in {found:?}");
                }
            };
            has("/there", one);
            match below {
                Some(wanted) => has("/there/below", wanted),
                None => assert!(!outcome.output.contains("/there/below"), "{options}"),
            }
        }
    });
}

#[test]
fn devices_work_unless_the_mount_says_nodev() {
    if !is_root() {
        return skip("needs root");
    }
    let entries = [
        ("tmpfs", "tmpfs", "/with", "mode=755"),
        ("tmpfs", "tmpfs", "/without", "nodev mode=755"),
        ("bind", "{}/source/file", "/etc/given", "bind ro"),
    ];
    let outcome = run(Mode::Rootful, &entries, "cat /proc/self/mountinfo /etc/given");
    assert!(!line(&outcome, "/with").0.contains(&"nodev"), "{outcome:?}");
    assert!(line(&outcome, "/without").0.contains(&"nodev"), "{outcome:?}");
    // What the engine's own spec has.
    for target in ["/", "/dev", "/proc", "/usr", "/dev/shm", "/sys"] {
        assert!(line(&outcome, target).0.contains(&"nodev"), "{target} {outcome:?}");
    }
    assert!(outcome.output.ends_with("of the host\n"));
}

#[test]
fn mounts_travel_as_the_spec_says() {
    if !is_root() {
        return skip("needs root");
    }
    for (options, wanted) in [
        ("rbind", ""),
        ("rbind rprivate", ""),
        ("rbind rshared", "shared:"),
        ("rbind unbindable", "unbindable"),
        ("rbind rslave shared", "shared:"),
    ] {
        let entries = [("bind", "{}/source", "/there", options)];
        let outcome = run(Mode::Rootful, &entries, "cat /proc/self/mountinfo");
        let (_, fields) = line(&outcome, "/there");
        if wanted.is_empty() {
            assert!(fields.starts_with('-'), "{options}: {fields}");
        } else {
            assert!(fields.contains(wanted), "{options}: {fields}");
        }
    }
    for (propagation, wanted) in
        [("", "-"), ("rshared", "shared:"), ("private", "-"), ("unbindable", "unbindable")]
    {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            let linux = stage.spec.linux_mut().as_mut().unwrap();
            linux.set_rootfs_propagation(Some(propagation.to_owned()));
            stage.script("cat /proc/self/mountinfo")
        });
        assert!(line(&outcome, "/").1.starts_with(wanted), "{propagation} {outcome:?}");
    }
}

#[test]
fn a_shared_bind_reaches_the_host_and_a_slave_hears_of_it() {
    if !is_root() {
        return skip("needs root");
    }
    for (option, comes_back) in [("rshared", true), ("rslave", false), ("rprivate", false)] {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            prepare(&stage);
            let source = stage.folder.path().join("source");
            let none: Option<&str> = None;
            mount(none, &source, none, MsFlags::MS_SHARED, none).unwrap();
            let text = source.display().to_string();
            let mounts = stage.spec.mounts_mut().as_mut().unwrap();
            mounts.push(entry("bind", &text, "/there", &format!("rbind {option}")));
            add_capability(&mut stage);
            let mut outcome =
                stage.script("mkdir /there/made && mount -t tmpfs new /there/made && echo done");
            let mounts = files::read_text(Path::new("/proc/self/mountinfo")).unwrap();
            outcome.error = mounts.contains("source/made").to_string();
            outcome
        });
        assert!(outcome.output.contains("done"), "{outcome:?}");
        assert_eq!(outcome.error, comes_back.to_string(), "{option}");
    }
}

fn add_capability(stage: &mut Stage) {
    let names: Vec<serde_json::Value> = vec!["CAP_SYS_ADMIN".into()];
    let mut spec = serde_json::to_value(&stage.spec).unwrap();
    for set in ["bounding", "effective", "permitted"] {
        let list = spec["process"]["capabilities"][set].as_array_mut().unwrap();
        list.extend(names.clone());
    }
    stage.spec = serde_json::from_value(spec).unwrap();
}

#[test]
fn a_tmpfs_can_begin_with_what_the_image_has() {
    in_each_mode(|mode| {
        for access in ["rw", "ro"] {
            let outcome = alone(|| {
                let mut stage = Stage::enter(mode);
                files::make_dir(&stage.image("data/below")).unwrap();
                stage.image_file("data/below/file", "of the image\n");
                let mounts = stage.spec.mounts_mut().as_mut().unwrap();
                mounts.push(entry("tmpfs", "tmpfs", "/data", &format!("tmpcopyup {access}")));
                stage.script(
                    "cat /data/below/file; touch /data/new && echo written; stat -f -c %T /data",
                )
            });
            assert!(outcome.output.starts_with("of the image\n"), "{mode:?} {outcome:?}");
            assert_eq!(outcome.output.contains("written"), access == "rw", "{outcome:?}");
            assert!(outcome.output.ends_with("tmpfs\n"), "{outcome:?}");
        }
    });
}

#[test]
fn a_tmpfs_over_nothing_is_for_everybody() {
    in_each_mode(|mode| {
        let outcome = alone(|| {
            let mut stage = Stage::enter(mode);
            let mounts = stage.spec.mounts_mut().as_mut().unwrap();
            mounts.push(entry("tmpfs", "tmpfs", "/not/there", "tmpcopyup"));
            stage.script("stat -c %a /not/there")
        });
        assert_eq!(outcome.output, "1777\n", "{mode:?} {outcome:?}");
    });
}

#[test]
fn owners_are_shown_as_mapped() {
    if !is_root() {
        return skip("needs root");
    }
    for option in ["idmap", "ridmap", "noatime"] {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            prepare(&stage);
            let source = stage.folder.path().join("source").display().to_string();
            let mut bind = entry("bind", &source, "/there", &format!("rbind {option}"));
            let mapping: LinuxIdMapping =
                serde_json::from_str(r#"{"containerID": 0, "hostID": 5000, "size": 10}"#).unwrap();
            bind.set_uid_mappings(Some(vec![mapping])).set_gid_mappings(Some(vec![mapping]));
            stage.spec.mounts_mut().as_mut().unwrap().push(bind);
            stage.script("stat -c %u:%g /there /there/below")
        });
        let below = if option == "ridmap" { "5000:5000" } else { "0:0" };
        assert_eq!(outcome.output, format!("5000:5000\n{below}\n"), "{option} {outcome:?}");
    }
}

#[test]
fn any_file_system_is_mounted_with_its_own_options() {
    if !is_root() {
        return skip("needs root");
    }
    let script = "grep -E ' /(a|b|c) ' /proc/self/mountinfo; cat /c/file; touch /c/x && ls /c";
    let entries = [
        ("tmpfs", "shm", "/a", "size=1m nr_inodes=99 sync silent loud async"),
        ("ramfs", "ramfs", "/b", "mode=700 lazytime"),
        (
            "overlay",
            "overlay",
            "/c",
            "lowerdir={}/source:{}/lower upperdir={}/upper2/u workdir={}/upper2/w",
        ),
    ];
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        prepare(&stage);
        let folder = stage.folder.path().to_path_buf();
        for name in ["upper2/u", "upper2/w"] {
            files::make_dir(&folder.join(name)).unwrap();
        }
        for (kind, source, target, options) in entries {
            let options = options.replace("{}", &folder.display().to_string());
            stage.spec.mounts_mut().as_mut().unwrap().push(entry(kind, source, target, &options));
        }
        stage.script(script)
    });
    let text = &outcome.output;
    assert!(text.contains("- tmpfs shm rw,size=1024k,nr_inodes=99"), "{outcome:?}");
    assert!(text.contains("- ramfs ramfs rw,lazytime,mode=700"), "{outcome:?}");
    assert!(text.contains("of the host"), "{outcome:?}");
    let outcome = run(Mode::Rootful, &[("nosuchfs", "x", "/a", "rw")], "true");
    assert!(outcome.error.contains("nosuchfs") && outcome.error.contains("/a"), "{outcome:?}");
    let outcome = run(Mode::Rootful, &[("tmpfs", "x", "/a", "nosuchoption=1")], "true");
    assert!(outcome.error.contains("nosuchoption"), "{outcome:?}");
}

#[test]
fn later_mounts_lie_over_earlier_ones_and_can_change_them() {
    if !is_root() {
        return skip("needs root");
    }
    let entries = [
        ("tmpfs", "first", "/place", "mode=755"),
        ("bind", "{}/source", "/place/inside", "rbind"),
        ("tmpfs", "second", "/place/inside/below", "size=1m"),
        ("bind", "", "/place", "bind remount ro noexec"),
        ("tmpfs", "", "/place/inside/below", "remount size=2m"),
        ("tmpfs", "relative", "relative", "mode=711"),
    ];
    let outcome = run(Mode::Rootful, &entries, "cat /proc/self/mountinfo; cat /place/inside/file");
    let (options, _) = line(&outcome, "/place");
    assert!(options.contains(&"ro") && options.contains(&"noexec"), "{outcome:?}");
    assert!(
        line(&outcome, "/place/inside/below").1.contains("second rw,size=2048k"),
        "{outcome:?}"
    );
    assert!(line(&outcome, "/relative").1.contains("mode=711"));
    assert!(outcome.output.ends_with("of the host\n"));
}

/// CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2025-52881: what is written to `/proc` must reach the kernel. Seen to fail with the
/// check in `mount_point` taken out.
#[test]
fn cve_2019_16884_a_false_proc_is_refused() {
    if !is_root() {
        return skip("needs root");
    }
    for (target, source) in [
        ("/proc", "{}/source"),
        ("/proc/self", "{}/source"),
        ("/proc/sys", "{}/source"),
        ("/proc/self/attr", "{}/source"),
        ("/proc/self/attr/exec", "{}/source/file"),
        ("/link/sys", "{}/source"),
    ] {
        let outcome = alone(|| {
            let mut stage = Stage::enter(Mode::Rootful);
            prepare(&stage);
            std::os::unix::fs::symlink("/proc", stage.image("link")).unwrap();
            let source = source.replace("{}", &stage.folder.path().display().to_string());
            stage.spec.mounts_mut().as_mut().unwrap().push(entry("bind", &source, target, "rbind"));
            stage.script("true")
        });
        let refused =
            ["inside of /proc", "symbolic link"].iter().any(|x| outcome.error.contains(x));
        assert!(refused && outcome.code == 125, "{target} {outcome:?}");
    }
    let shown = [("bind", "{}/source/file", "/proc/uptime", "bind ro")];
    let outcome = run(Mode::Rootful, &shown, "cat /proc/uptime");
    assert_eq!(outcome.output, "of the host\n", "{outcome:?}");
    // The host's own is one.
    let outcome = run(Mode::Rootful, &[("bind", "/proc", "/proc", "rbind")], "cat /proc/uptime");
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

/// CVE-2021-30465, CVE-2024-45310: a link at the mount point leads no further than the root. Seen to fail with `Links::Follow` resolved
/// by `openat` instead of `RESOLVE_IN_ROOT`.
#[test]
fn cve_2021_30465_a_link_at_a_mount_point_stays_inside() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        prepare(&stage);
        let folder = stage.folder.path().to_path_buf();
        let outside = folder.join("outside");
        files::make_dir(&outside).unwrap();
        for (name, target) in [
            ("absolute", outside.display().to_string()),
            ("upwards", format!("../../../../../..{}", outside.display())),
        ] {
            std::os::unix::fs::symlink(target, stage.image(name)).unwrap();
            let source = folder.join("source").display().to_string();
            let target = format!("/{name}/made/by/mount");
            stage.spec.mounts_mut().as_mut().unwrap().push(entry("bind", &source, &target, "bind"));
        }
        let mut outcome =
            stage.script("cat /absolute/made/by/mount/file /upwards/made/by/mount/file");
        outcome.error = format!("{:?}", files::list(&outside).unwrap());
        outcome
    });
    assert_eq!(outcome.output, "of the host\nof the host\n", "{outcome:?}");
    assert_eq!(outcome.error, "[]", "{outcome:?}");
}

#[test]
fn what_fails_leaves_no_mount_behind() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        prepare(&stage);
        let read = || files::read_text(Path::new("/proc/self/mountinfo")).unwrap();
        let before = read();
        let source = stage.folder.path().join("source").display().to_string();
        let mounts = stage.spec.mounts_mut().as_mut().unwrap();
        mounts.push(entry("bind", &source, "/there", "rbind rshared"));
        mounts.push(entry("nosuchfs", "x", "/a", "rw"));
        let mut outcome = stage.script("true");
        outcome.output = (before == read()).to_string();
        outcome
    });
    assert_eq!(outcome.output, "true", "{outcome:?}");
    assert!(outcome.error.contains("nosuchfs"), "{outcome:?}");
}
