//! The table: what is asked for, and where its effect is seen or how it is refused.

/// Where an effect is seen.
pub(super) enum Seen {
    /// By a command inside, whose words are put on one line.
    Inside(&'static str),
    /// In what `state` prints.
    InState(&'static str),
    /// There is a control group of that name.
    AsControlGroup,
}

use Seen::{AsControlGroup, InState, Inside};

/// Fields that are asked for together.
pub(super) struct Group {
    pub(super) patch: &'static str,
    /// What a machine that cannot do it must name; empty when every machine can.
    pub(super) unless_named: &'static str,
    /// Field, where it is seen, what is seen.
    pub(super) rows: &'static [(&'static str, Seen, &'static str)],
}

pub(super) const GROUPS: &[Group] = &[
    Group {
        patch: r#"{
            "ociVersion": "1.3.0", "annotations": {"key": "value"}, "hostname": "boat", "domainname": "harbour",
            "root": {"path": "rootfs", "readonly": true},
            "mounts": [{"destination": "/tmp", "type": "tmpfs", "source": "named", "options": ["size=4k", "nosuid"]},
                {"destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755"]}],
            "process": {
                "cwd": "/tmp", "env": ["A=b"], "args": [],
                "user": {"uid": 5, "gid": 6, "umask": 63, "additionalGids": [7, 8]},
                "capabilities": {"bounding": ["CAP_KILL", "CAP_CHOWN"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"],
                    "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
                "oomScoreAdj": 500, "noNewPrivileges": true,
                "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
                "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
                "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
            },
            "linux": {
                "cgroupsPath": "/field",
                "devices": [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 432, "uid": 5, "gid": 6}],
                "namespaces": [{"type": "ipc", "path": "/proc/self/ns/ipc"}, {"type": "time"}],
                "rootfsPropagation": "rshared", "sysctl": {"net.ipv4.ip_forward": "1"},
                "maskedPaths": ["/etc/masked"], "readonlyPaths": ["/etc/marker"],
                "personality": {"domain": "LINUX32"},
                "timeOffsets": {"monotonic": {"secs": 100, "nanosecs": 5}, "boottime": {"secs": 200, "nanosecs": 6}}
            }
        }"#,
        unless_named: "",
        rows: &[
            ("ociVersion", InState("/ociVersion"), "1.3.0"),
            ("annotations", InState("/annotations/key"), "value"),
            ("hostname", Inside("uname -n"), "boat"),
            ("domainname", Inside("cat /proc/sys/kernel/domainname"), "harbour"),
            ("root.path", Inside("cat /etc/marker"), "here"),
            ("root.readonly", Inside("grep -c ' / / ro\\| / ro' /proc/self/mountinfo"), "1"),
            ("mounts[].destination", Inside("pwd"), "/tmp"),
            ("mounts[].type", Inside("stat -f -c %T ."), "tmpfs"),
            (
                "mounts[].source",
                Inside("grep -c ' /tmp .* - tmpfs named ' /proc/self/mountinfo"),
                "1",
            ),
            (
                "mounts[].options",
                Inside("grep -o ' /tmp .*nosuid.*size=4k' /proc/self/mountinfo | wc -l"),
                "1",
            ),
            ("process.args", Inside("echo yes"), "yes"),
            ("process.cwd", Inside("readlink /proc/self/cwd"), "/tmp"),
            ("process.env", Inside("echo $A"), "b"),
            ("process.user.uid", Inside("id -u"), "5"),
            ("process.user.gid", Inside("id -g"), "6"),
            ("process.user.umask", Inside("umask"), "0077"),
            ("process.user.additionalGids", Inside("id -G"), "6 7 8"),
            (
                "process.capabilities.bounding",
                Inside("grep -c CapBnd:.*0000000000000021$ /proc/self/status"),
                "1",
            ),
            (
                "process.capabilities.permitted",
                Inside("grep -c CapPrm:.*0000000000000020$ /proc/self/status"),
                "1",
            ),
            (
                "process.capabilities.effective",
                Inside("grep -c CapEff:.*0000000000000020$ /proc/self/status"),
                "1",
            ),
            (
                "process.capabilities.inheritable",
                Inside("grep -c CapInh:.*0000000000000020$ /proc/self/status"),
                "1",
            ),
            (
                "process.capabilities.ambient",
                Inside("grep -c CapAmb:.*0000000000000020$ /proc/self/status"),
                "1",
            ),
            ("process.oomScoreAdj", Inside("cat /proc/self/oom_score_adj"), "500"),
            (
                "process.noNewPrivileges",
                Inside("grep NoNewPrivs /proc/self/status"),
                "NoNewPrivs: 1",
            ),
            ("process.ioPriority.class", Inside("ionice"), "best-effort: prio 6"),
            ("process.ioPriority.priority", Inside("ionice"), "best-effort: prio 6"),
            ("process.scheduler.policy", Inside("chrt -p $$ | grep -c SCHED_BATCH"), "1"),
            ("process.scheduler.nice", Inside("nice"), "5"),
            ("process.rlimits[].type", Inside("ulimit -n"), "100"),
            ("process.rlimits[].soft", Inside("ulimit -Sn"), "100"),
            ("process.rlimits[].hard", Inside("ulimit -Hn"), "200"),
            ("linux.cgroupsPath", AsControlGroup, "there"),
            ("linux.devices[].path", Inside("stat -c %n /dev/mine"), "/dev/mine"),
            ("linux.devices[].type", Inside("stat -c %F /dev/mine"), "character special file"),
            ("linux.devices[].major", Inside("stat -c %t /dev/mine"), "1"),
            ("linux.devices[].minor", Inside("stat -c %T /dev/mine"), "3"),
            ("linux.devices[].fileMode", Inside("stat -c %a /dev/mine"), "660"),
            ("linux.devices[].uid", Inside("stat -c %u /dev/mine"), "5"),
            ("linux.devices[].gid", Inside("stat -c %g /dev/mine"), "6"),
            ("linux.namespaces[].type", Inside("cat /proc/self/timens_offsets | wc -l"), "2"),
            (
                "linux.rootfsPropagation",
                Inside("grep ' / / \\| / ro' /proc/self/mountinfo | grep -c shared:"),
                "1",
            ),
            ("linux.sysctl", Inside("cat /proc/sys/net/ipv4/ip_forward"), "1"),
            ("linux.maskedPaths", Inside("cat /etc/masked | wc -c"), "0"),
            ("linux.readonlyPaths", Inside("grep -c ' /etc/marker ro' /proc/self/mountinfo"), "1"),
            ("linux.personality.domain", Inside("uname -m"), "i686"),
            (
                "linux.timeOffsets.monotonic.secs",
                Inside("grep -c 'monotonic *100 ' /proc/self/timens_offsets"),
                "1",
            ),
            (
                "linux.timeOffsets.monotonic.nanosecs",
                Inside("grep -c 'monotonic .* 5$' /proc/self/timens_offsets"),
                "1",
            ),
            (
                "linux.timeOffsets.boottime.secs",
                Inside("grep -c 'boottime *200 ' /proc/self/timens_offsets"),
                "1",
            ),
            (
                "linux.timeOffsets.boottime.nanosecs",
                Inside("grep -c 'boottime .* 6$' /proc/self/timens_offsets"),
                "1",
            ),
        ],
    },
    Group {
        patch: r#"{"process": {"scheduler": {"policy": "SCHED_FIFO", "priority": 7, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}}}"#,
        unless_named: "process.scheduler",
        rows: &[
            ("process.scheduler.priority", Inside("chrt -p 1 | grep -c 'priority: 7'"), "1"),
            ("process.scheduler.flags", Inside("chrt -p 1 | grep -c RESET_ON_FORK"), "1"),
        ],
    },
    Group {
        patch: r#"{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 2000000, "period": 3000000, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}}}"#,
        unless_named: "process.scheduler",
        rows: &[
            (
                "process.scheduler.runtime",
                Inside("chrt -p 1 | grep -c 1000000/2000000/3000000"),
                "1",
            ),
            (
                "process.scheduler.deadline",
                Inside("chrt -p 1 | grep -c 1000000/2000000/3000000"),
                "1",
            ),
            (
                "process.scheduler.period",
                Inside("chrt -p 1 | grep -c 1000000/2000000/3000000"),
                "1",
            ),
        ],
    },
    Group {
        patch: r#"{"process": {"terminal": true, "consoleSize": {"height": 33, "width": 77}}}"#,
        unless_named: "",
        rows: &[
            ("process.terminal", Inside("tty"), "/dev/pts/0"),
            ("process.consoleSize.height", Inside("stty size | cut -d' ' -f1"), "33"),
            ("process.consoleSize.width", Inside("stty size | cut -d' ' -f2"), "77"),
        ],
    },
    Group {
        patch: r#"{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 37,
            "syscalls": [{"names": [ALL-BUT-MKDIR], "action": "SCMP_ACT_ALLOW"}]}}}"#,
        unless_named: "",
        rows: &[(
            "linux.seccomp.defaultErrnoRet",
            Inside("mkdir /tmp/new 2>&1 | grep -o 'No locks available'"),
            "No locks available",
        )],
    },
    Group {
        patch: r#"{"linux": {"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}}}"#,
        unless_named: "linux.memoryPolicy",
        rows: &[
            (
                "linux.memoryPolicy.mode",
                Inside("grep -o bind /proc/self/numa_maps | head -n 1"),
                "bind",
            ),
            (
                "linux.memoryPolicy.nodes",
                Inside("grep -o 'bind.*:0 ' /proc/self/numa_maps | sort -u | wc -l"),
                "1",
            ),
            (
                "linux.memoryPolicy.flags",
                Inside("grep -o static /proc/self/numa_maps | head -n 1"),
                "static",
            ),
        ],
    },
];

/// Field, what is asked for, a word of the error.
pub(super) const REFUSED: &[(&str, &str, &str)] = &[
    ("process.commandLine", r#"{"process": {"commandLine": "x"}}"#, "process.commandLine"),
    (
        "process.apparmorProfile",
        r#"{"process": {"apparmorProfile": "no-such"}}"#,
        "apparmorProfile",
    ),
    ("process.selinuxLabel", r#"{"process": {"selinuxLabel": "a:b:c"}}"#, "selinuxLabel"),
    ("linux.mountLabel", r#"{"linux": {"mountLabel": "a:b:c"}}"#, "mountLabel"),
    ("linux.intelRdt.closID", r#"{"linux": {"intelRdt": {"closID": "x"}}}"#, "linux.intelRdt"),
    (
        "linux.intelRdt.schemata",
        r#"{"linux": {"intelRdt": {"schemata": ["L3:0=1"]}}}"#,
        "linux.intelRdt",
    ),
    (
        "linux.intelRdt.l3CacheSchema",
        r#"{"linux": {"intelRdt": {"l3CacheSchema": "L3:0=1"}}}"#,
        "linux.intelRdt",
    ),
    (
        "linux.intelRdt.memBwSchema",
        r#"{"linux": {"intelRdt": {"memBwSchema": "MB:0=1"}}}"#,
        "linux.intelRdt",
    ),
    (
        "linux.intelRdt.enableMonitoring",
        r#"{"linux": {"intelRdt": {"enableMonitoring": true}}}"#,
        "linux.intelRdt",
    ),
    (
        "linux.personality.flags",
        r#"{"linux": {"personality": {"domain": "LINUX", "flags": ["x"]}}}"#,
        "personality",
    ),
    (
        "linux.resources.memory.kernel",
        r#"{"linux": {"resources": {"memory": {"kernel": 9999999}}}}"#,
        "memory.kernel",
    ),
    (
        "linux.resources.memory.kernelTCP",
        r#"{"linux": {"resources": {"memory": {"kernelTCP": 9999999}}}}"#,
        "memory.kernelTCP",
    ),
    (
        "linux.resources.memory.useHierarchy",
        r#"{"linux": {"resources": {"memory": {"useHierarchy": false}}}}"#,
        "useHierarchy",
    ),
    ("solaris", r#"{"solaris": {}}"#, "solaris"),
    ("windows", r#"{"windows": {"layerFolders": []}}"#, "windows"),
    ("vm", r#"{"vm": {"kernel": {"path": "/x"}}}"#, "vm"),
    ("zos", r#"{"zos": {}}"#, "zos"),
    ("freebsd", r#"{"freebsd": {}}"#, "freebsd"),
];

/// A field of `linux.resources`.
pub(super) struct Limit {
    pub(super) field: &'static str,
    pub(super) patch: &'static str,
    /// Of which the error has one, where the machine cannot do it.
    pub(super) words: Vec<&'static str>,
    /// Files of the control group with a line, of which one is there where the machine can do it.
    pub(super) lines: Vec<(&'static str, &'static str)>,
}

/// Lists the limits.
pub(super) fn limits() -> Vec<Limit> {
    let all: Vec<&str> = include_str!("limits.txt").lines().map(str::trim).collect();
    all.chunks(4)
        .map(|rows| {
            let [field, patch, words, lines] = rows else { panic!("{rows:?}") };
            let lines = lines.split("; ").map(|line| line.split_once(": ").unwrap());
            Limit { field, patch, words: words.split('|').collect(), lines: lines.collect() }
        })
        .collect()
}

/// Lists fields whose effect another test shows: field, file, name of the test.
pub(super) fn shown_by() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    include_str!("shown-by.txt").lines().map(|line| {
        let (field, test) = line.split_once(' ').unwrap();
        let (file, name) = test.split_once("::").unwrap();
        (field, file, name)
    })
}
