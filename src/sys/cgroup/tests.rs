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
            (
                "cpu.stat",
                "usage_usec 1500\nuser_usec 1\nnr_periods 9\nnr_throttled 2\nthrottled_usec 700\n",
            ),
            (
                "io.stat",
                "8:0 rbytes=5 wbytes=7 rios=1 wios=1 dbytes=9 dios=1\n8:16 rbytes=10 wbytes=20\n",
            ),
            ("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=11\n"),
            (
                "memory.pressure",
                "some avg10=1.50 avg60=0.00 avg300=0.00 total=22\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=21\n",
            ),
            ("memory.current", "5000\n"),
            ("memory.stat", "anon 7\ninactive_file 1000\n"),
            ("memory.max", "max\n"),
            ("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
            ("pids.current", "4\n"),
        ],
    );
    assert_eq!(
        cgroup.read().unwrap(),
        Reading {
            cpu: Duration::from_micros(1500),
            memory: 4000,
            pids: 4,
            periods: 9,
            throttled_periods: 2,
            throttled: Duration::from_micros(700),
            io: Some((15, 27)),
            stalled: [
                Some((Duration::from_micros(11), Duration::ZERO)),
                Some((Duration::from_micros(22), Duration::from_micros(21))),
                None,
            ],
            ..Reading::default()
        }
    );
    assert_eq!(cgroup.oom_kills(), 2);
    assert!(cgroup.clone_target().is_some());
}

#[test]
fn version_one_is_read() {
    let (_folder, cgroup) = group_with(
        Version::One,
        &["memory", "cpu", "cpuacct", "blkio"],
        &[
            ("cpuacct.usage", "2500\n"),
            ("cpu.stat", "nr_periods 8\nnr_throttled 3\nthrottled_time 900\n"),
            (
                "blkio.throttle.io_service_bytes_recursive",
                "8:0 Read 5\n8:0 Write 7\n8:0 Sync 12\n8:16 Read 10\nTotal 22\n",
            ),
            ("memory.usage_in_bytes", "5000\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 4999\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
        ],
    );
    let reading = cgroup.read().unwrap();
    assert_eq!(reading.cpu, Duration::from_nanos(2500));
    assert_eq!((reading.memory, reading.memory_limit), (1, None));
    assert_eq!((reading.periods, reading.throttled_periods), (8, 3));
    assert_eq!((reading.throttled, reading.io), (Duration::from_nanos(900), Some((15, 7))));
    assert_eq!(reading.stalled, [None; 3]);
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
fn counters_that_stay_open_follow_and_end_with_the_group() {
    let name = format!("estiba-test-{}-open", std::process::id());
    let Some(mut cgroup) = Cgroup::create(&name).unwrap() else {
        eprintln!("skipped: this process may make no control groups");
        return;
    };
    let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
    for group in &cgroup.groups {
        group.write("cgroup.procs", &child.id().to_string()).unwrap();
    }
    cgroup.count_io().unwrap();
    let places = files::read_text(format!("/proc/{}/cgroup", child.id()).as_ref()).unwrap();
    let is_moved = places.lines().any(|line| line.contains("blkio") && line.ends_with(&name));
    // In version 2 there is nothing to move it to.
    let has_own = |group: &Group| group.version == Version::One && group.has("blkio");
    assert_eq!(is_moved, cgroup.groups.iter().any(has_own), "{places}");
    let counters = Counters::open(&cgroup).unwrap();
    let (before, memory) = (counters.read().unwrap(), 64 << 20);
    assert_eq!((before.pids, before.memory_limit), (1, None));
    let limit = Memory { limit: Some(memory), ..Memory::default() };
    cgroup.apply(&Resources { memory: limit, ..Resources::default() }).unwrap();
    let after = counters.read().unwrap();
    assert_eq!(after.memory_limit, Some(u64::try_from(memory).unwrap()));
    assert!(after.cpu >= before.cpu);
    if cgroup.groups.iter().any(|group| group.has("blkio")) {
        assert!(after.io.is_some());
    } else {
        eprintln!("not seen: this machine does not count block I/O by group");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    cgroup.remove().unwrap();
    assert!(counters.read().unwrap_err().is_not_found());
    assert_eq!(Cgroup::find_with(&name, Reach::All), None);
}

#[test]
fn what_did_not_run_is_known_by_one_file() {
    let two = [("cpu.stat", "usage_usec 7\nnr_periods 0\n"), ("memory.current", "100\n")];
    let one = [("cpuacct.usage", "7000\n"), ("memory.usage_in_bytes", "100\n")];
    for (version, content, cpu, memory) in [
        (Version::Two, two, "cpu.stat", "memory.current"),
        (Version::One, one, "cpuacct.usage", "memory.usage_in_bytes"),
    ] {
        let (_folder, cgroup) = group_with(version, &["memory", "cpu", "cpuacct"], &content);
        let path = cgroup.groups[0].path.clone();
        let counters = Counters::open(&cgroup).unwrap();
        let before = counters.read().unwrap();
        assert_eq!((before.cpu, before.memory), (Duration::from_micros(7), 100));
        files::write(&path.join(memory), "200\n").unwrap();
        assert_eq!(counters.read_if_it_ran(&before).unwrap(), None);
        files::write(&path.join(cpu), content[0].1.replacen('7', "9", 1)).unwrap();
        let after = counters.read_if_it_ran(&before).unwrap().unwrap();
        assert_eq!((after, after.memory), (counters.read().unwrap(), 200));
        assert!(after.cpu > before.cpu);
    }
    // Nobody counts processor time: then everything is read.
    let (_folder, cgroup) = group_with(Version::One, &["memory"], &one);
    let counters = Counters::open(&cgroup).unwrap();
    let before = counters.read().unwrap();
    assert_eq!(counters.read_if_it_ran(&before).unwrap(), Some(before));
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
