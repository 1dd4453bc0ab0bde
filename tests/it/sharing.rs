//! What a container shares with the host or another container, and what stands around its program, seen from inside.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::support::{Host, STARTER, eventually, is_root, skip};

fn run(host: &Host, flags: &[&str], script: &str) -> String {
    host.ok(&[&["run", "--rm"], flags, &[STARTER, "sh", "-c", script]].concat())
}

fn own(kind: &str) -> String {
    fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn namespaces_are_the_hosts_when_asked_for() {
    let host = Host::with_starter();
    let seen =
        |flags: &[&str], kind: &str| run(&host, flags, &format!("ls -l /proc/self/ns/{kind}"));
    for (flags, kind) in [
        (&["--ipc", "host"][..], "ipc"),
        (&["--uts", "host"], "uts"),
        (&["--cgroupns", "host"], "cgroup"),
    ] {
        assert!(seen(flags, kind).ends_with(&own(kind)), "{flags:?}");
        assert!(!seen(&[], kind).ends_with(&own(kind)), "{kind}");
    }
    if is_root() {
        assert!(seen(&["--pid", "host"], "pid").ends_with(&own("pid")));
        let pid = std::process::id();
        assert_eq!(
            run(&host, &["--pid", "host"], &format!("test -d /proc/{pid} && echo seen")),
            "seen"
        );
    }
    let shm = run(&host, &["--ipc", "none"], "cat /proc/mounts");
    assert!(!shm.contains(" /dev/shm "), "{shm}");
    for (flags, word) in [
        (&["--pid", "x"][..], "invalid PID mode"),
        (&["--ipc", "x"], "invalid IPC mode"),
        (&["--ipc", "container:"], "invalid IPC mode"),
        (&["--uts", "x"], "invalid UTS mode"),
        (&["--userns", "x"], "invalid USER mode"),
        (&["--cgroupns", "x"], "invalid CGROUP mode"),
        (&["--uts", "host", "-h", "name"], "hostname and the UTS mode"),
        (&["--pid", "container:absent"], "absent"),
        (&["--network", "container:absent"], "absent"),
        (&["--cgroup-parent", "/../x"], "cgroup parent"),
    ] {
        let said = host.fails(125, &[&["run", "--rm"], flags, &[STARTER, "true"]].concat());
        assert!(said.contains(word), "{said}");
    }
    host.assert_clean();
}

#[test]
fn what_goes_on_beside_a_program_that_saw_the_hosts_processes_ends_with_it() {
    if !is_root() {
        let host = Host::with_starter();
        let said = host.fails(125, &["run", "--rm", "--pid", "host", STARTER, "true"]);
        assert!(said.contains("needs a control group"), "{said}");
        return host.assert_clean();
    }
    let host = Host::with_starter();
    let pid = run(&host, &["--pid", "host"], "sleep 1000 >/dev/null 2>&1 & echo $!");
    eventually("it is killed and reaped", || !fs::exists(format!("/proc/{pid}")).unwrap());
    let check = ["--health-cmd", "true", "--health-interval", "100ms"];
    let flags = [&["run", "-d", "--name", "a", "--pid", "host"], &check[..]].concat();
    host.ok(&[&flags[..], &[STARTER, "sleep", "1000"]].concat());
    host.ok(&["exec", "-d", "a", "sleep", "1000"]);
    host.ok(&["kill", "a"]);
    eventually("a program that was executed in it ends with it, too", || {
        host.field("a", "{{.State.Status}}") == "exited"
    });
    assert_eq!(host.field("a", "{{.State.ExitCode}}"), "137");
    host.assert_clean();
}

#[test]
fn processes_and_network_of_another_container_are_shared() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "a", STARTER, "sleep", "1000"]);
    let address = host.ok(&["exec", "a", "cat", "/proc/net/fib_trie"]);
    let network = ["--network", "container:a"];
    assert_eq!(run(&host, &network, "cat /proc/net/fib_trie"), address);
    assert_eq!(
        run(&host, &network, "cat /etc/hosts"),
        host.ok(&["exec", "a", "cat", "/etc/hosts"])
    );
    let refused = host.fails(125, &["run", "--network", "container:a", "-h", "x", STARTER, "true"]);
    assert!(refused.contains("hostname and the network mode"), "{refused}");
    if is_root() {
        let seen = run(&host, &["--pid", "container:a"], "cat /proc/1/comm; echo $$");
        assert!(seen.starts_with("sleep\n") && !seen.ends_with("\n1"), "{seen}");
    }
    host.ok(&["create", "--name", "b", "--network", "container:a", STARTER, "true"]);
    host.ok(&["stop", "-t", "0", "a"]);
    let refused = host.fails(1, &["start", "b"]);
    assert!(refused.contains("container a, which is not running"), "{refused}");
    host.assert_clean();
}

#[test]
fn a_first_process_reaps_passes_signals_on_and_ends_as_the_program() {
    let host = Host::with_starter();
    assert_eq!(
        run(&host, &["--init"], "cat /proc/1/comm; echo $$ | wc -w; exit 0").lines().next(),
        Some("estiba-init")
    );
    host.fails(7, &["run", "--rm", "--init", STARTER, "sh", "-c", "exit 7"]);
    host.fails(143, &["run", "--rm", "--init", STARTER, "sh", "-c", "kill -TERM $$"]);
    let missing = host.fails(127, &["run", "--rm", "--init", STARTER, "no-such-program"]);
    assert!(missing.contains("no-such-program"), "{missing}");
    host.fails(126, &["run", "--rm", "--init", STARTER, "/etc/passwd"]);
    // An orphan that has ended is no zombie: nobody but the first process could wait for it.
    let orphan =
        "(sleep 0 & echo $! > /pid); while [ -d /proc/$(cat /pid) ]; do :; done; echo reaped";
    assert_eq!(run(&host, &["--init"], orphan), "reaped");
    let script = "trap 'echo heard; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    host.ok(&["run", "-d", "--name", "a", "--init", STARTER, "sh", "-c", script]);
    eventually("the trap is set", || host.ok(&["logs", "a"]).contains("ready"));
    assert_eq!(host.ok(&["exec", "a", "cat", "/proc/1/comm"]), "estiba-init");
    host.ok(&["stop", "a"]);
    assert_eq!(host.field("a", "{{.State.ExitCode}}"), "3");
    assert!(host.ok(&["logs", "a"]).contains("heard"));
    // A program that would be deaf as the first process is not.
    host.ok(&["run", "-d", "--name", "b", "--init", STARTER, "sleep", "1000"]);
    host.ok(&["stop", "-t", "20", "b"]);
    assert_eq!(host.field("b", "{{.State.ExitCode}}"), "143");
    let user = if is_root() { "7:8" } else { "0" };
    host.ok(&["run", "--rm", "--init", "-u", user, STARTER, "true"]);
    host.assert_clean();
}

/// CVE-2019-5736: who is root inside must not write the program that its first process was made of.
#[test]
fn the_first_process_gives_nobody_its_program() {
    let host = Host::with_starter();
    let before = fs::metadata(env!("CARGO_BIN_EXE_estiba")).unwrap();
    let script = "(echo spoilt >> /proc/1/exe) 2>&1; (cat /proc/1/environ /proc/1/mem | head -c 1 | wc -c) 2>/dev/null; ls -l /proc/1/fd | cat";
    for flags in
        [&["--init"][..], &["--init", "--privileged"], &["--init", "--cap-add", "SYS_PTRACE"]]
    {
        let seen = run(&host, flags, script);
        assert!(
            ["Permission denied", "Read-only file system", "Text file busy", "cannot create"]
                .iter()
                .any(|word| seen.contains(word)),
            "{flags:?}: {seen}"
        );
        // It holds the standard streams and nothing else of whoever made it.
        assert!(
            seen.lines().filter(|line| line.contains(" -> ")).count() <= 3,
            "{flags:?}: {seen}"
        );
    }
    let after = fs::metadata(env!("CARGO_BIN_EXE_estiba")).unwrap();
    assert_eq!(
        (before.len(), before.modified().unwrap()),
        (after.len(), after.modified().unwrap())
    );
    host.assert_clean();
}

#[test]
fn names_and_addresses_are_as_asked_for() {
    let host = Host::with_starter();
    let flags = [
        "--add-host",
        "db:192.0.2.7",
        "--add-host",
        "me=host-gateway",
        "--dns",
        "192.0.2.53",
        "--dns-search",
        "example.org",
        "--dns-option",
        "ndots:2",
        "--domainname",
        "nis",
        "-h",
        "web",
    ];
    let seen = run(&host, &flags, "cat /etc/hosts /etc/resolv.conf /proc/sys/kernel/domainname");
    for line in [
        "192.0.2.7\tdb",
        "\tme",
        "nameserver 192.0.2.53",
        "search example.org",
        "options ndots:2",
        "nis",
    ] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    host.ok(&["network", "create", "--subnet", "10.99.7.0/24", "lan"]);
    let flags = ["--network", "lan", "--ip", "10.99.7.33", "--mac-address", "02:00:00:00:00:33"];
    host.ok(&[&["run", "-d", "--name", "a"], &flags[..], &[STARTER, "sleep", "1000"]].concat());
    assert!(host.ok(&["exec", "a", "cat", "/etc/hosts"]).contains("10.99.7.33\t"));
    assert_eq!(host.ok(&["exec", "a", "cat", "/sys/class/net/eth0/address"]), "02:00:00:00:00:33");
    for (flags, word) in [
        (&["--network", "lan", "--ip", "10.99.7.33"][..], "in use by a"),
        (&["--network", "lan", "--ip", "10.98.7.33"], "does not belong to network lan"),
        (&["--network", "lan", "--ip", "x"], "IPv4 address"),
        (&["--network", "none", "--ip", "10.99.7.34"], "ip and the network mode"),
        (&["--mac-address", "x"], "not a valid mac address"),
        (&["--add-host", "db"], "bad format for add-host"),
        (&["--dns", "x"], "not correctly formatted"),
        (&["--expose", "0"], "--expose"),
    ] {
        let said = host.fails(125, &[&["run", "--rm"], flags, &[STARTER, "true"]].concat());
        assert!(said.contains(word), "{said}");
    }
    host.assert_clean();
}

#[test]
fn notes_stay_with_a_container() {
    let host = Host::with_starter();
    fs::write(host.path("labels"), "# ours\na=1\nb\n").unwrap();
    let (labels, id_file) = (host.path("labels"), host.path("id"));
    let (labels, id_file) = (labels.to_str().unwrap(), id_file.to_str().unwrap());
    let id = host.ok(&[
        "create",
        "--name",
        "a",
        "--label-file",
        labels,
        "-l",
        "c=3",
        "--annotation",
        "x=y",
        "--expose",
        "80",
        "--stop-timeout",
        "3",
        "--stop-signal",
        "INT",
        "--cidfile",
        id_file,
        STARTER,
        "true",
    ]);
    assert_eq!(fs::read_to_string(id_file).unwrap(), id);
    assert_eq!(host.field("a", "{{json .Config.Labels}} {{.HostConfig.Annotations.x}} {{json .Config.ExposedPorts}} {{.Config.StopTimeout}} {{.Config.StopSignal}}"),
        r#"{"a":"1","b":"","c":"3","estiba.demo":"1"} y {"80/tcp":{}} 3 SIGINT"#);
    let said = host.fails(125, &["run", "--cidfile", id_file, STARTER, "true"]);
    assert!(said.contains("container ID file found"), "{said}");
    let said = host.fails(125, &["run", "--label-file", "/absent", STARTER, "true"]);
    assert!(said.contains("/absent"), "{said}");
    let said = host.fails(125, &["run", "--platform", "linux/s390x", STARTER, "true"]);
    assert!(said.contains("does not match the specified platform"), "{said}");
    host.assert_clean();
}

#[test]
fn mounts_have_dockers_options_and_come_from_others() {
    let host = Host::with_starter();
    let shared = host.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("note"), "kept").unwrap();
    let volume = format!("{}:/mnt/shared", shared.display());
    host.ok(&["create", "--name", "a", "-v", &volume, "--tmpfs", "/t", STARTER, "true"]);
    assert_eq!(run(&host, &["--volumes-from", "a"], "cat /mnt/shared/note"), "kept");
    let mounts =
        "{{json .HostConfig.Tmpfs}} {{range .Mounts}}{{.Destination}}={{.Propagation}} {{end}}";
    assert_eq!(host.field("a", mounts), r#"{"/t":""} /mnt/shared=rprivate /t="#);
    let denied =
        host.call(&["run", "--rm", "--volumes-from", "a:ro", STARTER, "touch", "/mnt/shared/x"]);
    assert!(!denied.status.success(), "{denied:?}");
    let said = host.fails(125, &["run", "--rm", "--volumes-from", "absent", STARTER, "true"]);
    assert!(said.contains("absent"), "{said}");
    let line = |flags: &[&str], target: &str| {
        let mounts = run(&host, flags, "cat /proc/self/mountinfo");
        mounts.lines().find(|line| line.contains(&format!(" {target} "))).unwrap().to_owned()
    };
    let seen = line(&["--tmpfs", "/t:mode=700,exec,size=1m"], "/t");
    assert!(
        seen.contains("mode=700") && seen.contains("size=1024k") && !seen.contains("noexec"),
        "{seen}"
    );
    assert!(line(&["--tmpfs", "/t"], "/t").contains("noexec"));
    let seen = line(&["--mount", "type=tmpfs,dst=/t,tmpfs-mode=750,tmpfs-size=2m"], "/t");
    assert!(seen.contains("mode=750") && seen.contains("size=2048k"), "{seen}");
    let bind = |options: &str| format!("type=bind,src={},dst=/m{options}", shared.display());
    assert!(line(&["--mount", &bind(",bind-propagation=rslave,readonly")], "/m").contains(" ro,"));
    assert_eq!(run(&host, &["--mount", &bind(",bind-recursive=disabled")], "cat /m/note"), "kept");
    host.assert_clean();
}

#[test]
fn streams_are_joined_as_asked_for() {
    let host = Host::with_starter();
    let both = ["sh", "-c", "echo out; echo err >&2"];
    let call =
        |flags: &[&str]| host.call(&[&["run", "--rm"], flags, &[STARTER], &both[..]].concat());
    let output = call(&["-a", "stdout"]);
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b""[..]));
    let output = call(&["-a", "STDERR"]);
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b"err\n"[..]));
    let said = host.fails(125, &["run", "-d", "-a", "stdout", STARTER, "true"]);
    assert!(said.contains("--attach and --detach"), "{said}");
    let said = host.fails(125, &["run", "--detach-keys", "ctrl-", STARTER, "true"]);
    assert!(said.contains("invalid detach keys"), "{said}");
    host.assert_clean();
}

#[test]
fn signals_stay_here_when_they_are_not_passed_on() {
    let host = Host::with_starter();
    let script = "trap 'echo heard' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = host
        .command(&["run", "--name", "a", "--sig-proxy=false", STARTER, "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    // Not SIGINT: a shell lets what it runs in the background ignore that, and the tests with it.
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    eventually("it ends by the signal", || child.try_wait().unwrap().is_some());
    assert_eq!(host.field("a", "{{.State.Running}}"), "true");
    assert!(!host.ok(&["logs", "a"]).contains("heard"));
    host.assert_clean();
}

#[test]
fn a_stop_takes_the_time_that_the_container_was_made_with() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "a", "--stop-timeout", "0", STARTER, "sleep", "1000"]);
    let begun = std::time::Instant::now();
    host.ok(&["stop", "a"]);
    assert!(begun.elapsed().as_secs() < 5, "it was given ten seconds");
    assert_eq!(host.field("a", "{{.State.ExitCode}}"), "137");
    host.assert_clean();
}

#[test]
fn shared_memory_is_joined_where_it_is_shared() {
    let host = Host::with_starter();
    let sleeps = |name: &str, ipc: &str| {
        let script = "echo theirs > /dev/shm/note && echo ready && exec sleep 1000";
        host.ok(&[
            "run",
            "-d",
            "--name",
            name,
            "--ipc",
            ipc,
            "--shm-size",
            "3m",
            STARTER,
            "sh",
            "-c",
            script,
        ]);
        eventually("the note is there", || host.ok(&["logs", name]).contains("ready"));
    };
    sleeps("a", "shareable");
    sleeps("b", "private");
    let queues = |name: &str| {
        let shown = host.ok(&["exec", name, "ls", "-l", "/proc/self/ns/ipc"]);
        shown.split(" -> ").nth(1).unwrap().to_owned()
    };
    let joined = ["--ipc", "container:a", "--shm-size", "7m"];
    let seen = run(
        &host,
        &joined,
        "cat /dev/shm/note; ls -l /proc/self/ns/ipc; echo mine > /dev/shm/back; cat /proc/mounts",
    );
    assert!(seen.starts_with("theirs\n") && seen.contains(&queues("a")), "{seen}");
    assert_ne!(queues("a"), queues("b"));
    let memory = seen.lines().find(|line| line.contains(" /dev/shm ")).unwrap();
    assert!(memory.contains("nosuid") && memory.contains("size=3072k"), "{memory}");
    assert_eq!(host.ok(&["exec", "a", "cat", "/dev/shm/back"]), "mine");
    // Those of a stay where they are while one that has joined goes on without it.
    host.ok(&["run", "-d", "--name", "c", "--ipc", "container:a", STARTER, "sleep", "1000"]);
    assert_eq!(
        host.field("c", "{{.HostConfig.IpcMode}}"),
        format!("container:{}", host.field("a", "{{.Id}}"))
    );
    assert_eq!(queues("c"), queues("a"));
    host.ok(&["rm", "-f", "a"]);
    assert_eq!(host.ok(&["exec", "c", "cat", "/dev/shm/note"]), "theirs");
    host.ok(&["stop", "-t", "0", "c"]);
    for (code, words, word) in [
        (125, &["run", "--rm", "--ipc", "container:b", STARTER, "true"][..], "does not share"),
        (125, &["run", "--rm", "--ipc", "container:absent", STARTER, "true"], "absent"),
        (125, &["run", "--rm", "--ipc", "container:c", STARTER, "true"], "does not share"),
        (1, &["start", "c"], "is not running"),
    ] {
        let said = host.fails(code, words);
        assert!(said.contains(word), "{words:?}: {said}");
    }
    host.assert_clean();
}

#[test]
fn control_groups_lie_where_they_were_asked_for() {
    if !is_root() {
        return skip("an ordinary user was given no control groups here");
    }
    let host = Host::with_starter();
    let parent = format!("estiba-test-{}", std::process::id());
    let inner = format!("/{parent}/inner/");
    let flags = ["--cgroup-parent", &inner, "--cgroupns", "host", "-m", "64m"];
    let id =
        host.ok(&[&["run", "-d", "--name", "a"], &flags[..], &[STARTER, "sleep", "1000"]].concat());
    let groups = host.ok(&["exec", "a", "cat", "/proc/self/cgroup"]);
    assert!(groups.contains(&format!(":/{parent}/inner/{id}")), "{groups}");
    let lies_there =
        |group: &std::path::PathBuf| group.to_string_lossy().contains(&format!("/{parent}/inner/"));
    let found = crate::support::control_groups_of(&id);
    assert!(!found.is_empty() && found.iter().all(lies_there), "{found:?}");
    // All that looks for the group finds it there.
    assert_eq!(host.field("a", "{{.HostConfig.CgroupParent}}"), inner);
    host.ok(&["update", "-m", "96m", "a"]);
    assert!(
        host.ok(&["stats", "--no-stream", "--format", "{{.MemUsage}}", "a"]).ends_with("96MiB")
    );
    assert!(host.ok(&["top", "a"]).contains("sleep"));
    host.ok(&["pause", "a"]);
    host.ok(&["unpause", "a"]);
    // So does who puts right what a killed monitor left.
    let [monitor] = host.holders()[..] else { panic!("{:?}", host.holders()) };
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(monitor), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    eventually("it is seen", || host.field("a", "{{.State.Status}}") == "exited");
    host.assert_clean();
    assert_eq!(crate::support::control_groups_of(&id), Vec::<std::path::PathBuf>::new());
    // The group that was named is left, as Docker leaves it: it may have limits of its own.
    for group in crate::support::control_groups_of(&parent) {
        fs::remove_dir(group.join("inner")).unwrap();
        fs::remove_dir(group).unwrap();
    }
    for bad in ["..", "/", "/../x", "a/../../b"] {
        let said = host.fails(125, &["run", "--rm", "--cgroup-parent", bad, STARTER, "true"]);
        assert!(said.contains("cgroup parent"), "{said}");
    }
}

#[test]
fn what_an_ordinary_user_cannot_have_is_said() {
    if is_root() {
        return skip("root can have it");
    }
    let host = Host::with_starter();
    let said = host.fails(125, &["run", "--rm", "--pid", "host", STARTER, "true"]);
    assert!(said.contains("control group"), "{said}");
    // Limits are left out with a word, once.
    let limits = ["-m", "64m", "--cpus", "0.5", "--pids-limit", "7", "--oom-score-adj", "500"];
    let output = host.call(
        &[&["run", "--rm"], &limits[..], &[STARTER, "cat", "/proc/self/oom_score_adj"]].concat(),
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && output.stdout == b"500\n", "{said}");
    assert!(
        said.starts_with("estiba: warning: --memory, --cpus, --pids-limit do not hold"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = host.call(&["run", "--rm", "--oom-score-adj", "500", STARTER, "true"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    host.assert_clean();
}
