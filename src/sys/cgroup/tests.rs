//! Version 2 on plain directories, both versions on this machine's own.

mod resources;

use super::{hierarchy::Hierarchy, *};

fn hierarchy(version: Version, controllers: &[&str], base: &Path) -> Hierarchy {
    Hierarchy {
        version,
        controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
        bases: vec![base.to_path_buf()],
    }
}

fn group_with(
    version: Version,
    controllers: &[&str],
    content: &[(&str, &str)],
) -> (tempfile::TempDir, Cgroup) {
    let folder = tempfile::tempdir().unwrap();
    let group =
        Group::create(&hierarchy(version, controllers, folder.path()), "estiba/one", Reach::Few)
            .unwrap()
            .unwrap();
    for (name, text) in content {
        files::write(&group.path.join(name), text).unwrap();
    }
    let cgroup = Cgroup { name: "estiba/one".to_owned(), groups: vec![group] };
    (folder, cgroup)
}

#[test]
fn version_two_is_read() {
    let (_folder, cgroup) = group_with(
        Version::Two,
        &[],
        &[
            ("cpu.stat", "usage_usec 1500\nuser_usec 1\n"),
            ("memory.current", "5000\n"),
            ("memory.stat", "anon 7\ninactive_file 1000\n"),
            ("memory.max", "max\n"),
            ("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
            ("pids.current", "4\n"),
        ],
    );
    assert_eq!(
        cgroup.read().unwrap(),
        Reading { cpu: Duration::from_micros(1500), memory: 4000, memory_limit: None, pids: 4 }
    );
    assert_eq!(cgroup.oom_kills(), 2);
    assert!(cgroup.clone_target().is_some());
}

#[test]
fn version_one_is_read() {
    let (_folder, cgroup) = group_with(
        Version::One,
        &["memory", "cpuacct"],
        &[
            ("cpuacct.usage", "2500\n"),
            ("memory.usage_in_bytes", "5000\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 4999\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
        ],
    );
    let reading = cgroup.read().unwrap();
    assert_eq!(reading.cpu, Duration::from_nanos(2500));
    assert_eq!((reading.memory, reading.memory_limit), (1, None));
    assert_eq!(cgroup.oom_kills(), 1);
    assert!(cgroup.clone_target().is_none());
}

#[test]
fn limits_are_written_in_the_words_of_the_version() {
    let (_folder, two) = group_with(
        Version::Two,
        &[],
        &[("memory.max", ""), ("memory.swap.max", ""), ("cpu.max", ""), ("pids.max", "")],
    );
    let cpu = Cpu { quota: Some(150_000), period: Some(100_000), ..Cpu::default() };
    let memory = Memory { limit: Some(1 << 20), swap: Some(3 << 20), ..Memory::default() };
    two.apply(&Resources { memory: memory.clone(), cpu, pids: Some(7), ..Resources::default() })
        .unwrap();
    let read =
        |cgroup: &Cgroup, name: &str| files::read_text(&cgroup.groups[0].path.join(name)).unwrap();
    assert_eq!(read(&two, "memory.max"), "1048576");
    assert_eq!(read(&two, "memory.swap.max"), "2097152");
    assert_eq!(read(&two, "cpu.max"), "150000 100000");
    assert_eq!(read(&two, "pids.max"), "7");

    let (_folder, one) =
        group_with(Version::One, &["cpu"], &[("cpu.cfs_period_us", ""), ("cpu.cfs_quota_us", "")]);
    let cpu = Cpu { quota: Some(25_000), period: Some(100_000), ..Cpu::default() };
    one.apply(&Resources { cpu, ..Resources::default() }).unwrap();
    assert_eq!(read(&one, "cpu.cfs_quota_us"), "25000");
    let error = one.apply(&Resources { memory, ..Resources::default() }).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[test]
fn controllers_are_handed_down_but_not_to_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let control = |path: &str| folder.path().join(path).join("cgroup.subtree_control");
    for path in ["", "estiba", "estiba/one"] {
        files::make_dir(&folder.path().join(path)).unwrap();
        files::write(&control(path), "").unwrap();
    }
    let hierarchy = hierarchy(Version::Two, &[], folder.path());
    Group::create(&hierarchy, "estiba/one", Reach::Few).unwrap().unwrap();
    for (path, has) in [("", true), ("estiba", true), ("estiba/one", false)] {
        let text = files::read_text(&control(path)).unwrap();
        assert_eq!(text.contains('+'), has, "{path}: {text}");
    }
}

#[test]
fn what_is_gone_is_no_failure_to_remove_but_one_to_read() {
    let (_folder, cgroup) = group_with(Version::Two, &[], &[]);
    cgroup.remove().unwrap();
    cgroup.remove().unwrap();
    assert!(cgroup.read().unwrap_err().is_not_found());
}

#[test]
fn a_real_group_counts_and_kills() {
    let name = format!("estiba-test-{}", std::process::id());
    let Some(cgroup) = Cgroup::create(&name).unwrap() else {
        eprintln!("skipped: this process may make no control groups");
        return;
    };
    let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
    for group in &cgroup.groups {
        group.write("cgroup.procs", &child.id().to_string()).unwrap();
    }
    let memory = Memory { limit: Some(64 << 20), ..Memory::default() };
    cgroup.apply(&Resources { memory, pids: Some(50), ..Resources::default() }).unwrap();
    let reading = Cgroup::find(&name).unwrap().read().unwrap();
    assert_eq!((reading.pids, reading.memory_limit), (1, Some(64 << 20)));
    let killer = std::thread::spawn({
        let cgroup = cgroup.clone();
        move || cgroup.kill_all()
    });
    assert!(!child.wait().unwrap().success());
    killer.join().unwrap().unwrap();
    cgroup.remove().unwrap();
    assert_eq!(Cgroup::find(&name), None);
}
