//! What the programs of a container may do, seen from inside.

use std::{fs, path::Path};

use crate::support::{Host, STARTER, is_root, skip};

/// Runs a script in a container with these flags.
fn run(host: &Host, flags: &[&str], script: &str) -> String {
    host.ok(&[&["run", "--rm"], flags, &[STARTER, "sh", "-c", script]].concat())
}

/// Gives the effective capabilities of a program in a container with these flags.
fn capabilities(host: &Host, flags: &[&str]) -> u64 {
    let status = run(host, flags, "cat /proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    u64::from_str_radix(line, 16).unwrap()
}

const KILL: u64 = 1 << 5;
const NET_ADMIN: u64 = 1 << 12;

#[test]
fn capabilities_are_given_and_taken() {
    let host = Host::with_starter();
    let usual = capabilities(&host, &[]);
    assert_eq!(capabilities(&host, &["--cap-drop", "ALL"]), 0);
    assert_eq!(capabilities(&host, &["--cap-drop", "kill"]), usual & !KILL);
    assert_eq!(capabilities(&host, &["--cap-add", "CAP_NET_ADMIN"]), usual | NET_ADMIN);
    assert_eq!(capabilities(&host, &["--cap-drop", "ALL", "--cap-add", "net_admin"]), NET_ADMIN);
    let all = capabilities(&host, &["--cap-add", "ALL", "--cap-drop", "KILL"]);
    assert!(all & KILL == 0 && all & !usual != 0, "{all:x}");
    for (flags, word) in [
        (&["--cap-add", "fly"][..], "unknown capability: \"CAP_FLY\""),
        (&["--cap-drop", "fly"], "CAP_FLY"),
    ] {
        let said = host.fails(125, &[&["run", "--rm"], flags, &[STARTER, "true"]].concat());
        assert!(said.contains(word), "{said}");
    }
    host.assert_clean();
}

#[test]
fn a_privileged_container_has_everything_this_user_has() {
    let host = Host::with_starter();
    let script = "cat /proc/self/status; ls /dev | cat; head -c 1 /proc/sysrq-trigger; echo end";
    let seen = run(&host, &["--privileged"], script);
    assert!(seen.contains("Seccomp:\t0"), "{seen}");
    let all = capabilities(&host, &["--privileged"]);
    assert!(all & (1 << 21) != 0, "{all:x} has no CAP_SYS_ADMIN");
    // Paths that are hidden and write-protected otherwise are as they are.
    let mounts = run(&host, &["--privileged"], "cat /proc/self/mounts");
    assert!(!mounts.contains(" /proc/sys "), "{mounts}");
    assert!(run(&host, &[], "cat /proc/self/mounts").contains(" /proc/sys "));
    if is_root() {
        let devices =
            |flags: &[&str]| run(&host, flags, "ls /dev | wc -l").trim().parse::<u32>().unwrap();
        assert!(devices(&["--privileged"]) > devices(&[]));
        let tools = host_tools();
        let mut flags: Vec<&str> = tools.iter().map(String::as_str).collect();
        flags.push("--privileged");
        assert_eq!(
            run(&host, &flags, "mkdir /m && mount -t tmpfs x /m && echo mounted"),
            "mounted"
        );
    }
    host.assert_clean();
}

#[test]
fn devices_are_those_that_were_named() {
    let host = Host::with_starter();
    assert_eq!(
        run(&host, &["--device", "/dev/zero:/dev/nought"], "head -c 3 /dev/nought | wc -c").trim(),
        "3"
    );
    assert_eq!(
        run(&host, &["--device", "/dev/zero:/nought"], "head -c 3 /nought | wc -c").trim(),
        "3"
    );
    for (flags, word) in [
        (&["--device", "/dev/absent"][..], "/dev/absent"),
        (&["--device", "/etc/passwd"], "not a device node"),
        (&["--device", "/dev/null:/dev/x:q"], "bad mode specified: q"),
        (&["--device-cgroup-rule", "c 1"], "invalid device cgroup format"),
    ] {
        let said = host.fails(125, &[&["run", "--rm"], flags, &[STARTER, "true"]].concat());
        assert!(said.contains(word), "{said}");
    }
    host.assert_clean();
}

#[test]
fn rules_for_devices_hold_against_nodes_that_are_made_inside() {
    if !is_root() {
        return skip("no node that is made in a user namespace works, whatever the rules say");
    }
    if !Path::new("/dev/fuse").exists() {
        return skip("this machine has no /dev/fuse, which anybody may open");
    }
    let host = Host::with_starter();
    let tools = host_tools();
    let try_script = |flags: &[&str], script: &str| {
        let tools = tools.iter().map(String::as_str).collect::<Vec<_>>();
        let output = host
            .call(&[&["run", "--rm"], &tools[..], flags, &[STARTER, "sh", "-c", script]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let fuse = "mknod /node c 10 229 && exec 3</node && echo open";
    assert_eq!(try_script(&[], fuse), "");
    assert_eq!(try_script(&["--cap-add", "SYS_ADMIN"], fuse), "");
    let rule = ["--device-cgroup-rule", "c 10:229 rwm"];
    assert_eq!(try_script(&rule, fuse), "open\n");
    assert_eq!(try_script(&rule, "mknod /node c 10 200 && exec 3</node && echo open"), "");
    // A device that may only be read cannot be written.
    let read = "exec 3</dev/fuse && echo read; exec 4<>/dev/fuse && echo written";
    assert_eq!(try_script(&["--device", "/dev/fuse:/dev/fuse:r"], read), "read\n");
    assert_eq!(try_script(&["--device", "/dev/fuse"], read), "read\nwritten\n");
    // Nor by mounting anew what forbids it otherwise.
    let remount =
        "mount -o remount,bind,dev / && mknod /node c 10 229 && exec 3</node && echo open";
    assert_eq!(try_script(&["--cap-add", "SYS_ADMIN"], remount), "");
    host.assert_clean();
}

/// Shows programs of this machine inside, which the starter image has not.
fn host_tools() -> Vec<String> {
    ["/usr", "/lib", "/lib64"]
        .iter()
        .filter(|path| Path::new(path).exists())
        .flat_map(|path| ["-v".to_owned(), format!("{path}:{path}:ro")])
        .chain(["-e".to_owned(), "PATH=/bin:/usr/bin".to_owned()])
        .collect()
}

#[test]
fn filters_profiles_and_new_privileges_are_as_asked_for() {
    let host = Host::with_starter();
    let status = |flags: &[&str]| run(&host, flags, "cat /proc/self/status");
    assert!(status(&["--security-opt", "seccomp=unconfined"]).contains("Seccomp:\t0"));
    assert!(status(&["--security-opt", "no-new-privileges"]).contains("NoNewPrivs:\t1"));
    let profile = host.path("profile.json");
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30}]}"#;
    fs::write(&profile, text).unwrap();
    let option = format!("seccomp={}", profile.display());
    let output = host.call(&["run", "--rm", "--security-opt", &option, STARTER, "mkdir", "/made"]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Read-only file system"),
        "{output:?}"
    );
    // Programs that are executed later are held by it too.
    host.ok(&["run", "-d", "--name", "a", "--security-opt", &option, STARTER, "sleep", "1000"]);
    let output = host.call(&["exec", "a", "mkdir", "/made"]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Read-only file system"),
        "{output:?}"
    );
    fs::write(&profile, "{").unwrap();
    for (option, word) in [
        (option.as_str(), "seccomp profile cannot be read"),
        ("seccomp=/absent.json", "/absent.json"),
        ("seccomp", "needs a value"),
        ("frob", "invalid --security-opt"),
        ("label=level:s0", "SELinux"),
    ] {
        let said = host.fails(125, &["run", "--rm", "--security-opt", option, STARTER, "true"]);
        assert!(said.contains(word), "{said}");
    }
    host.assert_clean();
}

#[test]
fn paths_are_hidden_and_shown_as_asked_for() {
    let host = Host::with_starter();
    assert_eq!(run(&host, &["--security-opt", "mask=/etc/os-release"], "cat /etc/os-release"), "");
    let mounts = |flags: &[&str]| run(&host, flags, "cat /proc/self/mounts");
    for option in ["unmask=/proc/keys:/proc/sys", "unmask=ALL", "systempaths=unconfined"] {
        let seen = mounts(&["--security-opt", option]);
        assert!(
            !seen.contains(" /proc/keys ") && !seen.contains(" /proc/sys "),
            "{option}: {seen}"
        );
    }
    assert!(mounts(&[]).contains(" /proc/keys ") && mounts(&[]).contains(" /proc/sys "));
    host.assert_clean();
}

#[test]
fn parameters_of_its_namespaces_can_be_set_and_no_others() {
    let host = Host::with_starter();
    let flags =
        ["--sysctl", "net.ipv4.ip_unprivileged_port_start=7", "--sysctl", "kernel.shmmax=12345"];
    let seen = run(
        &host,
        &flags,
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmax",
    );
    assert_eq!(seen, "7\n12345");
    for (parameter, word) in [
        ("kernel.panic=1", "sysctl 'kernel.panic' is not allowed"),
        ("net.absent=1", "net.absent"),
        ("x", "NAME=VALUE"),
    ] {
        let said = host.fails(125, &["run", "--rm", "--sysctl", parameter, STARTER, "true"]);
        assert!(said.contains(word), "{said}");
    }
    let said = host.fails(
        125,
        &["run", "--rm", "--network", "host", "--sysctl", "net.ipv4.ip_forward=1", STARTER, "true"],
    );
    assert!(said.contains("net.ipv4.ip_forward"), "{said}");
    host.assert_clean();
}

#[test]
fn users_and_groups_come_from_the_images_own_files() {
    let host = Host::with_starter();
    if is_root() {
        assert_eq!(
            run(&host, &["-u", "7:8", "--group-add", "9"], "id -u; id -g; id -G"),
            "7\n8\n8 9"
        );
        let volume = format!("{}:/etc/group", host.path("group").display());
        fs::write(host.path("group"), "root:x:0:\ncrew:x:77:\n").unwrap();
        assert_eq!(run(&host, &["-v", &volume, "-u", "root:crew"], "id -g"), "77");
        assert_eq!(run(&host, &["-v", &volume, "--group-add", "crew"], "id -G"), "0 77");
        host.ok(&["run", "-d", "--name", "a", "--group-add", "9", STARTER, "sleep", "1000"]);
        assert_eq!(host.ok(&["exec", "a", "id", "-G"]), "0 9");
    }
    for flags in [&["--group-add", "nosuch"][..], &["-u", "root:nosuch"], &["-u", "nosuch"]] {
        let said = host.fails(125, &[&["run", "--rm"], flags, &[STARTER, "true"]].concat());
        assert!(said.contains("nosuch"), "{said}");
    }
    host.assert_clean();
}
