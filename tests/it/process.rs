//! The process of the runtime specification, from inside: rights, limits, schedule, parameters.

use std::{io::Read as _, os::fd::AsRawFd as _};

use serde_json::{Value, json};

use super::{
    stage::{Mode, Outcome, Stage, alone},
    support::{is_root, skip},
};

/// Runs a script in a container whose spec is changed.
fn run(change: impl Fn(&mut Value), script: &str) -> Outcome {
    alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        stage.user = estiba::runtime::User::FromSpec;
        let mut spec = serde_json::to_value(&stage.spec).unwrap();
        change(&mut spec);
        stage.spec = serde_json::from_value(spec).unwrap();
        stage.script(script)
    })
}

#[test]
fn all_five_sets_of_capabilities_are_those_of_the_spec() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = run(
        |spec| {
            spec["process"]["user"] =
                json!({"uid": 1000, "gid": 1000, "additionalGids": [7, 8], "umask": 0o27});
            spec["process"]["capabilities"] = json!({
                "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
                "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"],
            });
        },
        "grep ^Cap /proc/self/status; id; umask",
    );
    // Executing the shell leaves what is ambient.
    for (name, bits) in
        [("CapInh", 1), ("CapPrm", 1), ("CapEff", 1), ("CapBnd", 0xa1), ("CapAmb", 1)]
    {
        assert_eq!(outcome.value(name), format!("{bits:016x}"), "{name} {outcome:?}");
    }
    assert!(outcome.output.contains("uid=1000 gid=1000 groups=1000,7,8"), "{outcome:?}");
    assert!(outcome.output.ends_with("0027\n"), "{outcome:?}");
}

/// CVE-2022-24769: nothing is inheritable unless the spec says so.
#[test]
fn cve_2022_24769_nothing_is_inheritable_by_default() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = run(|_| {}, "grep -E '^Cap(Inh|Amb)' /proc/self/status");
    assert_eq!(outcome.value("CapInh"), "0000000000000000", "{outcome:?}");
    assert_eq!(outcome.value("CapAmb"), "0000000000000000", "{outcome:?}");
}

#[test]
fn limits_schedule_and_domain_are_those_of_the_spec() {
    if !is_root() {
        return skip("needs root");
    }
    let script = "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; grep -E '^(policy|prio)' /proc/self/sched; uname -m; \
        cat /proc/sys/kernel/domainname /proc/sys/kernel/hostname /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward; ionice";
    let outcome = run(
        |spec| {
            spec["process"]["rlimits"] =
                json!([{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]);
            spec["process"]["oomScoreAdj"] = json!(500);
            spec["process"]["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 5});
            spec["process"]["ioPriority"] = json!({"class": "IOPRIO_CLASS_IDLE", "priority": 4});
            spec["linux"]["personality"] = json!({"domain": "LINUX32"});
            spec["linux"]["sysctl"] = json!({"kernel.shmmax": "12345", "net.ipv4.ip_forward": "1"});
            (spec["hostname"], spec["domainname"]) = (json!("boat"), json!("harbour"));
        },
        script,
    );
    let text = &outcome.output;
    assert!(text.starts_with("100\n200\n500\n"), "{outcome:?}");
    assert!(text.contains("\ni686\nharbour\nboat\n12345\n1\nidle"), "{outcome:?}");
    if text.contains("policy") {
        assert!(text.lines().any(|l| l.starts_with("policy") && l.ends_with('3')), "{outcome:?}");
        assert!(text.lines().any(|l| l.starts_with("prio") && l.ends_with("125")), "{outcome:?}");
    }
}

#[test]
fn what_cannot_be_honoured_is_named() {
    if !is_root() {
        return skip("needs root");
    }
    let refused = |change: fn(&mut Value), word: &str| {
        let outcome = run(change, "true");
        assert!(outcome.code == 125 && outcome.error.contains(word), "{word}: {outcome:?}");
    };
    refused(|s| s["ociVersion"] = json!("2.0.0"), "ociVersion");
    refused(|s| s["linux"]["sysctl"] = json!({"kernel.core_pattern": "x"}), "kernel.core_pattern");
    refused(|s| s["linux"]["sysctl"] = json!({"net/../kernel/core_pattern": "x"}), "net/../kernel");
    refused(|s| s["linux"]["sysctl"] = json!({"net.ipv4.no_such": "1"}), "net.ipv4.no_such");
    refused(|s| s["linux"]["intelRdt"] = json!({"closID": "x"}), "intelRdt");
    refused(|s| s["linux"]["netDevices"] = json!({"no-such-link": {}}), "netDevices");
    refused(|s| s["process"]["apparmorProfile"] = json!("strict"), "apparmorProfile");
    refused(|s| s["process"]["selinuxLabel"] = json!("a:b:c"), "selinuxLabel");
    refused(
        |s| {
            let limit = json!({"type": "RLIMIT_CORE", "soft": 1, "hard": 1});
            s["process"]["rlimits"] = json!([limit, limit]);
        },
        "RLIMIT_CORE",
    );
    refused(
        |s| {
            s["process"]["rlimits"] =
                json!([{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 99_999_999}]);
        },
        "Nofile",
    );
    refused(
        |s| {
            s["process"]["scheduler"] =
                json!({"policy": "SCHED_DEADLINE", "runtime": 9, "deadline": 1});
        },
        "process.scheduler",
    );
    refused(
        |s| s["linux"]["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "60000"}),
        "linux.memoryPolicy",
    );
    refused(|s| s["linux"]["rootfsPropagation"] = json!("x"), "rootfsPropagation");
}

#[test]
fn what_cannot_be_granted_can_be_told_and_left_out() {
    let mut spec = estiba::runtime::default_spec(false);
    let mut json = serde_json::to_value(&spec).unwrap();
    json["process"]["capabilities"]["bounding"] = json!(["CAP_SYS_RESOURCE", "CAP_KILL"]);
    spec = serde_json::from_value(json).unwrap();
    let taken = estiba::runtime::take_out_ungrantable(&mut spec).unwrap();
    let process = spec.process().as_ref().unwrap();
    let left = process.capabilities().as_ref().unwrap().bounding().as_ref().unwrap().len();
    assert_eq!(
        left + taken
            .iter()
            .filter(|name| name.contains("SYS_RESOURCE") || name.contains("KILL"))
            .count(),
        2,
        "{taken:?}"
    );
}

#[test]
fn what_the_kernel_lets_nobody_have_as_ambient_is_told_and_left_out() {
    let mut json = serde_json::to_value(estiba::runtime::default_spec(false)).unwrap();
    json["process"]["capabilities"] = json!({
        "bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"], "ambient": ["CAP_KILL"],
    });
    let mut spec = serde_json::from_value(json).unwrap();
    let taken = estiba::runtime::take_out_ungrantable(&mut spec).unwrap();
    assert!(taken[0].ends_with("KILL") && taken.len() == 1, "{taken:?}");
    let process = spec.process().as_ref().unwrap();
    let sets = process.capabilities().as_ref().unwrap();
    assert!(sets.ambient().as_ref().unwrap().is_empty());
    // Where this process has none itself, none is left in the others either.
    let is_root = nix::unistd::geteuid().is_root();
    assert_eq!(!sets.permitted().as_ref().unwrap().is_empty(), is_root);
}

/// CVE-2024-21626: no working directory is outside of the root, however it is named.
#[test]
fn cve_2024_21626_no_descriptor_is_a_way_out() {
    for number in 0..12 {
        for place in ["/proc/self/fd", "/proc/1/fd", "/proc/thread-self/fd", "/dev/fd"] {
            let cwd = format!("{place}/{number}");
            let outcome = run(
                |spec| spec["process"]["cwd"] = json!(cwd),
                "pwd; ls -d ../../../../../etc/hostname",
            );
            assert!(outcome.code == 125, "{cwd} {outcome:?}");
        }
    }
}

/// Runs a script under the filter of a spec.
fn filtered(filter: &Value, new_privileges: bool, script: &str) -> Outcome {
    alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        let spec = serde_json::from_value(filter.clone()).unwrap();
        stage.filter = Some(estiba::runtime::seccomp::Program::from_spec(&spec, None).unwrap());
        stage.spec.linux_mut().as_mut().unwrap().set_seccomp(Some(spec));
        let process = stage.spec.process_mut().as_mut().unwrap();
        process.set_no_new_privileges(Some(!new_privileges));
        stage.script(script)
    })
}

#[test]
fn the_filter_of_the_spec_holds() {
    if !is_root() {
        return skip("needs root");
    }
    let filter = json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 0xffff_fff0_u64, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
        {"names": ["rmdir", "unlinkat"], "action": "SCMP_ACT_KILL_PROCESS"},
    ]});
    for new_privileges in [false, true] {
        let script = "mkdir /x; kill -10 $$; kill -16 0; rmdir /tmp; echo $?; grep Seccomp: /proc/self/status";
        let outcome = filtered(&filter, new_privileges, script);
        let text = &outcome.output;
        assert!(text.contains("No space left on device"), "{outcome:?}");
        assert!(text.contains("159\n") && outcome.value("Seccomp") == "2", "{outcome:?}");
    }
}

#[test]
fn calls_wait_for_the_listener_of_the_spec() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("listener");
        let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut stage = Stage::enter(Mode::Rootful);
        let spec = serde_json::from_value(json!({
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "mine",
            "syscalls": [{"names": ["rmdir", "unlinkat"], "action": "SCMP_ACT_NOTIFY"}],
        }))
        .unwrap();
        let told =
            json!({"ociVersion": "1.2.0", "id": "one", "status": "creating", "bundle": "/b"});
        stage.filter =
            Some(estiba::runtime::seccomp::Program::from_spec(&spec, Some(told)).unwrap());
        stage.command(&["/bin/sh", "-c", "rmdir /tmp; echo ended"]);
        let (output, stdio) = super::stage::streams();
        let running = stage.create(stdio, None).and_then(estiba::runtime::Created::start).unwrap();
        let (mut peer, _) = socket.accept().unwrap();
        let mut space = nix::cmsg_space!(i32);
        let mut bytes = vec![0; 4096];
        let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
        let message = nix::sys::socket::recvmsg::<()>(
            peer.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            nix::sys::socket::MsgFlags::empty(),
        )
        .unwrap();
        let descriptors = message.cmsgs().unwrap().filter(|one| {
            matches!(one, nix::sys::socket::ControlMessageOwned::ScmRights(list) if list.len() == 1)
        });
        let count = descriptors.count();
        let length = message.bytes;
        let mut text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        peer.read_to_string(&mut text).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let pid = running.process.pid;
        // Whoever waits for an answer that nobody gives is killed.
        running.process.kill().unwrap();
        let mut outcome = super::stage::collect(output, &running);
        outcome.error = format!(
            "{count} {} {} {} {}",
            json["fds"][0],
            json["metadata"],
            json["state"]["id"],
            json["pid"] == pid && json["state"]["pid"] == pid
        );
        outcome
    });
    assert_eq!(outcome.error, "1 \"seccompFd\" \"mine\" \"one\" true", "{outcome:?}");
    assert!(!outcome.output.contains("ended"), "{outcome:?}");
}
