//! Resources: version 2 on plain directories, version 1 (and version 2 beside it) on this machine's own.

use std::io::Write as _;

use nix::errno::Errno;

use super::{
    super::devices::{Access, Kind, Rule},
    *,
};

const FILES_OF_TWO: [&str; 15] = [
    "memory.max",
    "memory.low",
    "memory.swap.max",
    "cpu.weight",
    "cpu.max",
    "cpu.max.burst",
    "cpu.idle",
    "cpuset.cpus",
    "cpuset.mems",
    "pids.max",
    "io.weight",
    "io.max",
    "hugetlb.2MB.max",
    "rdma.max",
    "memory.high",
];

fn in_two(resources: &Resources, before: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
    let files: Vec<(&str, &str)> = FILES_OF_TWO.map(|name| (name, "")).to_vec();
    let (_folder, cgroup) = group_with(Version::Two, &[], &files);
    let path = |name: &str| cgroup.groups[0].path.join(name);
    for (name, text) in before {
        files::write(&path(name), text).unwrap();
    }
    cgroup.apply(resources)?;
    let read = |name: &str| files::read_text(&path(name)).unwrap();
    let all = FILES_OF_TWO.iter().map(|&name| (name.to_owned(), read(name)));
    Ok(all.filter(|(_, text)| !text.is_empty()).collect())
}

fn two(change: impl FnOnce(&mut Resources)) -> Vec<(String, String)> {
    let mut resources = Resources::default();
    change(&mut resources);
    in_two(&resources, &[]).unwrap()
}

fn is(found: &[(String, String)], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn memory_of_version_two() {
    is(
        &two(|r| {
            r.memory.limit = Some(1 << 20);
            r.memory.swap = Some(3 << 20);
            r.memory.reservation = Some(5);
        }),
        &[("memory.max", "1048576"), ("memory.low", "5"), ("memory.swap.max", "2097152")],
    );
    is(&two(|r| r.memory.limit = Some(-1)), &[("memory.max", "max"), ("memory.swap.max", "max")]);
    let mut resources = Resources::default();
    resources.memory.swap = Some(5);
    assert!(in_two(&resources, &[]).unwrap_err().to_string().contains("memory and swap"));
    resources.memory = Memory { limit: Some(1), check_before_update: true, ..Memory::default() };
    let error = in_two(&resources, &[("memory.current", "4096\n")]).unwrap_err();
    assert!(error.to_string().contains("4096 bytes"), "{error}");
}

#[test]
fn processors_of_version_two() {
    is(
        &two(|r| {
            r.cpu.shares = Some(1024);
            r.cpu.quota = Some(-1);
            r.cpu.burst = Some(7);
            r.cpu.cpus = Some("0-1".to_owned());
            r.cpu.mems = Some("0".to_owned());
        }),
        &[
            ("cpu.weight", "100"),
            ("cpu.max", "max 100000"),
            ("cpu.max.burst", "7"),
            ("cpuset.cpus", "0-1"),
            ("cpuset.mems", "0"),
        ],
    );
    // What is not said stays.
    let period =
        Resources { cpu: Cpu { period: Some(5000), ..Cpu::default() }, ..Resources::default() };
    is(&in_two(&period, &[("cpu.max", "70 900")]).unwrap(), &[("cpu.max", "70 5000")]);
    is(&two(|r| (r.cpu.idle, r.cpu.shares) = (Some(1), Some(5))), &[("cpu.idle", "1")]);
}

#[test]
fn the_rest_of_version_two() {
    is(
        &two(|r| {
            r.pids = Some(-1);
            r.io.weight = Some(1000);
            r.io.throttles = vec![(Throttle::WriteBytes, (8, 0), 42)];
            r.huge_pages = vec![("2MB".to_owned(), 4 << 20)];
            r.rdma = vec![Rdma { device: "mlx".to_owned(), handles: Some(2), objects: None }];
            r.unified = vec![("memory.high".to_owned(), "9".to_owned())];
        }),
        &[
            ("pids.max", "max"),
            ("io.weight", "default 10000"),
            ("io.max", "8:0 wbps=42"),
            ("hugetlb.2MB.max", "4194304"),
            ("rdma.max", "mlx hca_handle=2 hca_object=max"),
            ("memory.high", "9"),
        ],
    );
}

#[test]
fn what_version_two_does_not_have_is_refused_by_name() {
    let refused = |change: fn(&mut Resources), name: &str| {
        let mut resources = Resources::default();
        change(&mut resources);
        let error = in_two(&resources, &[]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("version 2"), "{error}");
    };
    refused(|r| r.memory.swappiness = Some(1), "swappiness");
    refused(|r| r.memory.disable_oom_killer = Some(true), "disableOOMKiller");
    refused(|r| r.cpu.realtime_runtime = Some(1), "realtimeRuntime");
    refused(|r| r.io.leaf_weight = Some(10), "leafWeight");
    refused(|r| r.network.class = Some(1), "classID");
    let mut resources = Resources::default();
    for name in ["../memory.max", "cgroup", "a/b.c"] {
        resources.unified = vec![(name.to_owned(), "1".to_owned())];
        assert!(in_two(&resources, &[]).unwrap_err().to_string().contains(name));
    }
}

#[test]
fn all_that_version_two_counts() {
    let (_folder, cgroup) = group_with(
        Version::Two,
        &[],
        &[
            (
                "cpu.stat",
                "usage_usec 9\nuser_usec 4\nsystem_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 8\n",
            ),
            ("memory.current", "100\n"),
            ("memory.peak", "200\n"),
            ("memory.stat", "anon 1\nfile 30\n"),
            ("memory.swap.current", "6\n"),
            ("memory.swap.max", "max\n"),
            (
                "memory.pressure",
                "some avg10=1.50 avg60=0.20 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
            ),
            ("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n"),
            ("pids.current", "3\n"),
            ("pids.max", "50\n"),
            ("hugetlb.2MB.current", "4\n"),
            ("hugetlb.2MB.events", "max 6\n"),
            ("cgroup.events", "populated 1\nfrozen 1\n"),
        ],
    );
    let all = cgroup.statistics();
    let micros = Duration::from_micros;
    assert_eq!((all.cpu, all.cpu_user, all.cpu_kernel), (micros(9), micros(4), micros(5)));
    assert_eq!((all.periods, all.throttled_periods, all.throttled), (3, 2, micros(8)));
    assert_eq!((all.memory, all.memory_peak, all.cache, all.swap), (100, 200, 30, 6));
    assert_eq!((all.pids, all.pids_limit, all.swap_limit), (3, Some(50), None));
    assert_eq!(all.huge_pages, [("2MB".to_owned(), 4, 0, 6)]);
    assert_eq!((all.io.len(), all.io[1].bytes, all.io[1].operations), (3, 20, 2));
    let memory = all.pressure[1].unwrap();
    assert_eq!((memory.some.averages[0], memory.full.total), (1.5, micros(5)));
    assert!(cgroup.is_frozen());
}

/// Runs a case on a real group of version 1; skips where this process may make none.
fn with_real(name: &str, case: impl FnOnce(&Cgroup)) {
    let name = format!("estiba-test-{name}-{}", std::process::id());
    let made = Cgroup::create_with(&name, Reach::All);
    let Some(cgroup) = made.unwrap() else {
        eprintln!("skipped: this process may make no control groups");
        return;
    };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&cgroup)));
    cgroup.remove().unwrap();
    assert_eq!(Cgroup::find_with(&name, Reach::All), None);
    outcome.unwrap();
}

#[test]
fn a_real_group_takes_what_version_one_has() {
    with_real("resources", |cgroup| {
        let mut resources = Resources {
            pids: Some(9),
            cpu: Cpu {
                shares: Some(512),
                quota: Some(20_000),
                period: Some(50_000),
                cpus: Some("0".to_owned()),
                mems: Some("0".to_owned()),
                ..Cpu::default()
            },
            memory: Memory {
                limit: Some(64 << 20),
                reservation: Some(32 << 20),
                swappiness: Some(10),
                ..Memory::default()
            },
            ..Resources::default()
        };
        let Some(is_one) = cgroup.groups.first().map(|group| group.version == Version::One) else {
            return;
        };
        if !is_one {
            eprintln!("skipped: this machine has version 2 only");
            return;
        }
        cgroup.apply(&resources).unwrap();
        let read =
            |controller: &str, file: &str| cgroup.having(controller).unwrap().text(file).unwrap();
        assert_eq!(read("cpu", "cpu.shares"), "512");
        assert_eq!(read("cpu", "cpu.cfs_quota_us"), "20000");
        assert_eq!(read("memory", "memory.limit_in_bytes"), (64 << 20).to_string());
        assert_eq!(read("memory", "memory.swappiness"), "10");
        assert_eq!(read("cpuset", "cpuset.cpus"), "0");
        // Upwards and downwards, in whatever order the two limits must go.
        for limit in [256_i64 << 20, 32 << 20] {
            resources.memory.limit = Some(limit);
            resources.memory.swap = files::exists(
                &cgroup.having("memory").unwrap().path.join("memory.memsw.limit_in_bytes"),
            )
            .then_some(limit);
            cgroup.apply(&resources).unwrap();
            assert_eq!(read("memory", "memory.limit_in_bytes"), limit.to_string());
        }
        resources.unified = vec![("memory.high".to_owned(), "1".to_owned())];
        assert!(cgroup.apply(&resources).unwrap_err().to_string().contains("unified memory.high"));
        resources.unified.clear();
        resources.rdma = vec![Rdma { device: "none".to_owned(), handles: None, objects: None }];
        let error = cgroup.apply(&resources).unwrap_err().to_string();
        assert!(error.contains("rdma"), "{error}");
        assert_eq!(cgroup.statistics().pids_limit, Some(9));
    });
}

#[test]
fn a_real_group_is_frozen_and_thawed() {
    with_real("freeze", |cgroup| {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        put(cgroup, child.id());
        cgroup.freeze().unwrap();
        assert!(cgroup.is_frozen());
        cgroup.thaw().unwrap();
        assert!(!cgroup.is_frozen());
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

/// Moves a process into a group.
fn put(cgroup: &Cgroup, pid: u32) {
    for group in &cgroup.groups {
        group.write("cgroup.procs", &pid.to_string()).unwrap();
    }
}

/// Allows `/dev/null` and `/dev/zero` reading.
fn some_devices() -> Vec<Rule> {
    let rule = |allows, kind, major, minor, letters| Rule {
        allows,
        kind,
        major,
        minor,
        access: Access::parse(letters).unwrap(),
    };
    vec![
        rule(false, Kind::All, None, None, "rwm"),
        rule(true, Kind::Character, Some(1), Some(3), "rwm"),
        rule(true, Kind::Character, Some(1), Some(5), "r"),
    ]
}

/// What a program in a group may do with devices.
fn tried_in(add: impl FnOnce(u32)) -> String {
    let script = "read go; for f in null zero full; do (: < /dev/$f) 2>&- && echo r-$f; (: > /dev/$f) 2>&- && echo w-$f; done; true";
    let mut child = std::process::Command::new("sh")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    add(child.id());
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().replace('\n', " ")
}

#[test]
fn a_real_group_of_version_one_allows_only_what_the_rules_say() {
    with_real("devices", |cgroup| {
        let rules = Resources { devices: Some(some_devices()), ..Resources::default() };
        cgroup.apply(&rules).unwrap();
        let tried = tried_in(|pid| put(cgroup, pid));
        assert_eq!(tried, "r-null w-null r-zero ");
    });
}

#[test]
fn a_real_group_of_version_two_asks_the_program() {
    with_real("program", |cgroup| {
        let Some(two) = cgroup.groups.iter().find(|group| group.version == Version::Two) else {
            eprintln!("skipped: version 2 is not mounted, or has no controller");
            return;
        };
        let only = Cgroup {
            name: cgroup.name.clone(),
            groups: vec![Group { controllers: Vec::new(), ..two.clone() }],
        };
        let open = vec![Rule { allows: true, ..some_devices()[0] }];
        // The second program takes the place of the first.
        for rules in [open, some_devices()] {
            let resources = Resources { devices: Some(rules), ..Resources::default() };
            match only.apply(&resources) {
                Err(error) if error.errno() == Some(Errno::EPERM as i32) => {
                    eprintln!("skipped: {error}");
                    return;
                }
                other => other.unwrap(),
            }
        }
        assert_eq!(tried_in(|pid| put(&only, pid)), "r-null w-null r-zero ");
    });
}
