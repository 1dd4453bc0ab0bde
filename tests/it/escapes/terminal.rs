//! The caller's terminal, from inside.

use std::{
    fs::{self, File},
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Stdio},
};

use nix::pty::{OpenptyResult, openpty};
use tempfile::TempDir;

use crate::{
    oci::{Yard, yard},
    stage::bind,
    support::{Host, STARTER},
};

/// A directory with a program that types into its standard input.
fn pusher() -> TempDir {
    let dir = TempDir::new().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/escapes/push.c");
    let made = Command::new("cc").arg("-o").arg(dir.path().join("push")).arg(source).status();
    assert!(made.unwrap().success());
    for path in ["", "push"] {
        let for_all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path().join(path), for_all).unwrap();
    }
    dir
}

/// Calls from a session that a terminal controls, as a shell does; gives what was said on standard error, and how many characters wait in the terminal
/// for whoever reads it next.
fn from_a_terminal(call: &Command) -> (String, u64) {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let said = tempfile::NamedTempFile::new().unwrap();
    let stream = |end: &OwnedFd| Stdio::from(end.try_clone().unwrap());
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait"]).arg(call.get_program()).args(call.get_args());
    for (key, value) in call.get_envs() {
        command.env(key, value.unwrap());
    }
    if let Some(directory) = call.get_current_dir() {
        command.current_dir(directory);
    }
    command.stdin(stream(&slave)).stdout(stream(&slave));
    let ended = command.stderr(said.reopen().unwrap()).status().unwrap();
    assert!(ended.success(), "{ended:?}");
    let waiting = rustix::io::ioctl_fionread(&slave).unwrap();
    // Open until here: a terminal whose other side is gone has nothing.
    drop(File::from(master));
    (fs::read_to_string(said.path()).unwrap(), waiting)
}

fn assert_refused((said, waiting): (String, u64)) {
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "as it is: Operation not permitted",
            "control: Operation not permitted",
            "controlled: Operation not permitted",
            "opened again: Operation not permitted",
            "of the session: No such device or address",
        ],
    );
    assert_eq!(waiting, 0);
}

/// CVE-2017-5226, CVE-2016-2568, CVE-2023-28100: a program whose standard input is the caller's terminal types nothing into it for the caller's shell to
/// obey. Seen to fail without `new_session` in `Prepared::set_streams`: "as it is: pushed". (Who has `CAP_SYS_ADMIN` on the host may, by the kernel's rules;
/// a container of the engine never has the caller's terminal.)
#[test]
fn cve_2017_5226_a_program_does_not_type_for_its_caller() {
    let Some(mut yard) = yard("exec sleep 1000") else { return };
    let pusher = pusher();
    let show = |yard: &mut Yard, words: &[&str]| {
        let mounts = yard.spec.mounts_mut().as_mut().unwrap();
        mounts.push(bind(pusher.path().to_str().unwrap(), "/pusher"));
        let words = words.iter().map(|&word| word.to_owned()).collect();
        yard.spec.process_mut().as_mut().unwrap().set_args(Some(words));
        yard.write();
    };
    show(&mut yard, &["/bin/sleep", "1000"]);
    yard.ok("run -d ID");
    assert_refused(from_a_terminal(&yard.command("exec ID /pusher/push")));
    yard.ok("delete -f ID");
    show(&mut yard, &["/pusher/push"]);
    assert_refused(from_a_terminal(&yard.command("run ID")));
    yard.assert_nothing_left();
}

/// The same with the engine, whose containers have pipes or a terminal of their own, also when they may do everything. Not seen to fail: there is no line
/// to take out, because a monitor never has its caller's streams.
#[test]
fn a_terminal_of_a_container_is_its_own() {
    let host = Host::with_starter();
    let pusher = pusher();
    let mut volumes = vec![format!("{}:/pusher:ro", pusher.path().display())];
    let libraries = ["/lib", "/lib64", "/usr/lib"].iter().filter(|path| Path::new(path).is_dir());
    volumes.extend(libraries.map(|path| format!("{path}:{path}:ro")));
    let volumes: Vec<&str> = volumes.iter().flat_map(|volume| ["-v", volume]).collect();
    let run = |flags: &[&str]| {
        let front = [&["run", "--rm", "--network", "none"], flags, &volumes].concat();
        host.command(&[&front[..], &[STARTER, "/pusher/push"]].concat())
    };
    for rights in [&[][..], &["--cap-add", "SYS_ADMIN"], &["--privileged"]] {
        let (said, waiting) = from_a_terminal(&run(&[&["-i"], rights].concat()));
        assert!(said.contains("as it is: Inappropriate ioctl"), "{rights:?} {said}");
        assert_eq!(waiting, 0, "{rights:?}");
        // What it types into its own it may read itself.
        let (_, waiting) = from_a_terminal(&run(&[&["-it"], rights].concat()));
        assert_eq!(waiting, 0, "{rights:?}");
    }
    host.assert_clean();
}

/// CVE-2021-25743: what an image or a container says of itself is shown to people, and does nothing to their terminal. Seen to fail with `plain`
/// made to give what it gets: `top` printed the escape sequences as they are.
#[test]
fn cve_2021_25743_nothing_that_is_listed_is_obeyed() {
    let host = Host::with_starter();
    let evil = "x\u{1b}]0;title\u{7}\u{9b}2J\nanother line";
    let words = ["run", "-d", "--name", "home", "--network", "none", "--label", evil, STARTER];
    host.ok(&[&words[..], &["sh", "-c", "sleep 1000; :", evil]].concat());
    let shown = [
        host.call(&["top", "home"]),
        host.call(&["ps", "--no-trunc"]),
        host.call(&["run", "--rm", "--network", "none", STARTER, evil]),
    ];
    for output in shown {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("\\u{1b}]0;title\\u{7}"), "{said}");
        assert!(!said.contains(|one: char| one.is_control() && one != '\n'), "{said:?}");
        assert!(said.lines().all(|line| !line.starts_with("another")), "{said}");
    }
    host.assert_clean();
}
