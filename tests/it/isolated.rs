//! Processes of their own for tests that change what a whole process is in.

use std::{
    env,
    os::unix::process::CommandExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
};

use estiba::sys::{netlink::namespace, userns};
use nix::{
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, Pid, Uid, fork},
};

/// Tells a copy of the test program which test it is there for.
const ROLE: &str = "ESTIBA_TEST_ROLE";

/// Runs `body` in a process with a single thread. `test` is the path of the calling test.
///
/// The test program is executed anew for this one test, so that no other test runs in it, and then forked, which leaves the harness's threads behind.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os(ROLE).is_some_and(|role| role == test) {
        assert_eq!(forked(body), 0, "{test} failed in its own process");
        return;
    }
    let child = Command::new("/proc/self/exe")
        .arg0(env::args().next().unwrap_or_default())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, test)
        .output()
        .unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (said(&child.stdout), said(&child.stderr));
    for line in stdout.lines().filter(|line| line.contains("skipped")) {
        println!("{line}");
    }
    assert!(child.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("1 passed"), "there is no test {test}");
}

/// Runs `body` as [`alone`] does, as root of a network namespace of its own; as an ordinary user in a user namespace too.
pub(crate) fn in_own_network(test: &str, body: impl FnOnce()) {
    alone(test, || {
        if !Uid::effective().is_root() {
            let root = tempfile::tempdir().unwrap();
            if let Err(refused) = userns::enter(root.path()) {
                println!("skipped: {refused}");
                return;
            }
        }
        match namespace::create() {
            Ok(()) => body(),
            Err(refused) => println!("skipped: {refused}"),
        }
    });
}

/// Runs `body` in a child process and gives its exit code: 0 when it came to its end, 1 when it panicked.
pub(crate) fn forked(body: impl FnOnce()) -> i32 {
    finish(start(body))
}

/// Waits for a child process and gives its exit code.
pub(crate) fn finish(child: Pid) -> i32 {
    match waitpid(child, None).unwrap() {
        WaitStatus::Exited(_, code) => code,
        other => panic!("the child process ended strangely: {other:?}"),
    }
}

/// Runs `body` in a child process.
#[expect(unsafe_code, reason = "only a forked process has a single thread")]
pub(crate) fn start(body: impl FnOnce()) -> Pid {
    // SAFETY: the other thread of this process, the harness's, only waits for this one; it holds no lock the child could need.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let code = i32::from(catch_unwind(AssertUnwindSafe(body)).is_err());
            // SAFETY: ends the process without the clean-up of the harness, which is its parent's business.
            unsafe { libc::_exit(code) }
        }
    }
}

/// Reads the number that identifies a namespace of this thread.
pub(crate) fn namespace_of(process: &str, kind: &str) -> String {
    let path = format!("/proc/{process}/ns/{kind}");
    nix::fcntl::readlink(Path::new(&path)).unwrap().into_string().unwrap()
}
