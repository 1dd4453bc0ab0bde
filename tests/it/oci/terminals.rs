//! Programs in the foreground and in containers that run, with terminals and without.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::net::UnixListener,
    path::PathBuf,
    process::Stdio,
};

use estiba::sys::channel::Channel;
use serde_json::Value;

use super::yard;
use crate::support::eventually;

#[test]
fn run_stays_and_gives_the_program_s_exit_code() {
    let Some(mut yard) = yard("") else { return };
    for (script, code) in [("exit 0", 0), ("echo said; exit 7", 7), ("kill -9 $$; exit 1", 1)] {
        let process = yard.spec.process_mut().as_mut().unwrap();
        process.set_args(Some(["/bin/sh", "-c", script].map(str::to_owned).to_vec()));
        yard.write();
        // The first process of a namespace is not killed by itself.
        assert_eq!(yard.code("run ID"), code, "{script}: {}", yard.text("err"));
        assert_eq!(yard.text("out").contains("said"), code == 7);
        yard.assert_nothing_left();
    }
    assert_eq!(yard.code("run --keep ID"), 1);
    assert_eq!(yard.status(), "stopped");
    yard.ok("delete ID");
    assert!(yard.fails(1, "run --console-socket ../none ID").contains("console socket"));
    yard.assert_nothing_left();
}

#[test]
fn run_passes_signals_on() {
    let Some(yard) = yard("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done") else {
        return;
    };
    let mut running = yard.command("run ID").spawn().unwrap();
    eventually("the program is ready", || yard.text("out").contains("ready"));
    let pid = i32::try_from(running.id()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(9));
    yard.assert_nothing_left();
}

#[test]
fn run_copies_between_terminals() {
    let Some(mut yard) = yard("tty; stty size; read word; echo heard $word; exit 3") else {
        return;
    };
    yard.spec.process_mut().as_mut().unwrap().set_terminal(Some(true));
    yard.write();
    let size = nix::pty::Winsize { ws_row: 33, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(Some(&size), None).unwrap();
    let stream = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut command = yard.command("run ID");
    let mut running = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
    drop(command);
    drop(pty.slave);
    let mut master = File::from(pty.master);
    std::io::Write::write_all(&mut master, b"sail\n").unwrap();
    let mut seen = Vec::new();
    // The other side is closed with an error.
    drop(master.read_to_end(&mut seen));
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("/dev/pts/0"), "{seen}");
    assert!(seen.contains("33 101"), "{seen}");
    assert!(seen.contains("heard sail"), "{seen}");
    assert_eq!(running.wait().unwrap().code(), Some(3));
    yard.assert_nothing_left();
}

#[test]
fn programs_are_executed_in_a_container() {
    let Some(yard) = yard("exec sleep 1000") else { return };
    yard.ok("run -d ID");
    let output = yard.inside("echo in; echo err >&2; exit 4");
    assert_eq!(output.status.code(), Some(4));
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"in\n"[..], &b"err\n"[..]));
    let heard = yard.fails(255, "exec ID nope");
    assert!(heard.contains("exec failed: unable to start container process"), "{heard}");
    assert!(heard.contains(r#"exec: \"nope\": executable file not found in $PATH"#), "{heard}");
    assert_eq!(
        yard.ok("exec -u 5:6 -g 7 -e A=b --cwd /tmp ID id").trim(),
        "uid=5 gid=6 groups=6,7"
    );
    assert!(yard.fails(255, "exec -u 0x5 ID id").contains("UID[:GID]"));
    yard.ok("exec --detach --pid-file ../pid ID sleep 500");
    let pids: Vec<i32> = serde_json::from_str(&yard.ok("ps -f json ID")).unwrap();
    assert!(pids.contains(&yard.text("pid").parse().unwrap()), "{pids:?}");
    // Where one sits is all that the container's processes see of who entered.
    let seen = yard.inside("cat /proc/1/cmdline | tr '\\0' ' '; ls /proc/self/fd");
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "sleep 1000 0\n1\n2\n3\n");
    yard.ok("pause ID");
    assert_eq!(yard.status(), "paused");
    assert!(yard.fails(255, "exec ID true").contains("paused"));
    assert!(yard.fails(1, "pause ID").contains("not running"));
    yard.ok("resume ID");
    assert_eq!(yard.status(), "running");
    assert!(yard.fails(1, "resume ID").contains("not paused"));
    yard.ok("kill --all ID KILL");
    eventually("it has stopped", || yard.status() == "stopped");
    assert!(yard.fails(255, "exec ID true").contains("stopped container"));
    yard.ok("delete ID");
    yard.assert_nothing_left();
}

#[test]
fn a_terminal_is_sent_to_the_console_socket() {
    let Some(mut yard) = yard("stty size; read word; echo heard $word; exec sleep 1000") else {
        return;
    };
    let mut process: Value = serde_json::to_value(yard.spec.process().as_ref().unwrap()).unwrap();
    process["terminal"] = true.into();
    process["consoleSize"] = serde_json::json!({ "height": 12, "width": 34 });
    yard.spec.set_process(Some(serde_json::from_value(process.clone()).unwrap()));
    yard.write();
    assert!(yard.fails(1, "create ID").contains("console socket"));
    yard.assert_nothing_left();
    let listener = UnixListener::bind(yard.path("console")).unwrap();
    yard.ok("create --console-socket ../console ID");
    let mut terminal = received(&listener);
    yard.ok("start ID");
    std::io::Write::write_all(&mut terminal, b"sail\n").unwrap();
    let seen = read_until(&mut terminal, "heard sail");
    assert!(seen.contains("12 34"), "{seen}");
    process["args"] = serde_json::json!(["/bin/sh", "-c", "tty; id; exec sleep 1000"]);
    process["user"] = serde_json::json!({ "uid": 5, "gid": 6 });
    fs::write(yard.path("process"), process.to_string()).unwrap();
    yard.ok("exec --process ../process --detach --console-socket ../console --pid-file ../pid ID");
    // Held on to: without it the program is hung up on.
    let mut second = received(&listener);
    let seen = read_until(&mut second, "gid=6");
    assert!(seen.contains("/dev/pts/1"), "{seen}");
    assert!(PathBuf::from(format!("/proc/{}", yard.text("pid"))).exists());
    yard.ok("delete --force ID");
    yard.assert_nothing_left();
}

/// Takes the terminal that was sent to a socket.
fn received(listener: &UnixListener) -> File {
    let (stream, _address) = listener.accept().unwrap();
    let (name, terminal) = Channel::from(stream).receive().unwrap().unwrap();
    assert!(!name.is_empty());
    File::from(terminal.unwrap())
}

fn read_until(terminal: &mut File, words: &str) -> String {
    let mut seen = Vec::new();
    let mut bytes = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(words) {
        let length = terminal.read(&mut bytes).unwrap();
        seen.extend_from_slice(&bytes[..length]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}
