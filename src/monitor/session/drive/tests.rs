//! A session against a monitor that is played by the test.

use std::{
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    thread,
};

use super::*;
use crate::{
    monitor::{StartFailure, channel::Channel},
    sys::files,
};

/// A user: where the test types and reads.
struct User {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

fn pipe() -> (std::fs::File, std::fs::File) {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
    (reader.into(), writer.into())
}

fn null() -> OwnedFd {
    files::open("/dev/null".as_ref()).unwrap().into()
}

fn session(has_terminal: bool) -> (Session, Channel) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let id = ContainerId::from_bytes([1; 32]);
    (Session::new(id, Channel::new(ours), has_terminal), Channel::new(theirs))
}

fn exit(code: i32) -> Exit {
    Exit { code, ..Exit::default() }
}

fn drive(session: Session, user: &User) -> Result<SessionEnd, MonitorError> {
    session.drive(Some(user.stdin.as_fd()), user.stdout.as_fd(), user.stderr.as_fd())
}

#[test]
fn streams_are_copied_both_ways_until_the_exit() {
    let (session, mut monitor) = session(false);
    let (stdin, mut typed) = pipe();
    let (mut shown, stdout) = pipe();
    let (mut complained, stderr) = pipe();
    let user = User { stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() };
    let driver = thread::spawn(move || drive(session, &user));
    typed.write_all(b"in\x10\x11").unwrap();
    assert_eq!(monitor.receive().unwrap(), Some(Request::Stdin(b"in\x10\x11".to_vec())));
    drop(typed);
    assert_eq!(monitor.receive().unwrap(), Some(Request::CloseStdin));
    monitor.send(&Reply::Stdout(b"out".to_vec())).unwrap();
    monitor.send(&Reply::Stderr(b"err".to_vec())).unwrap();
    monitor.send(&Reply::Exited(exit(3))).unwrap();
    assert_eq!(driver.join().unwrap().unwrap(), SessionEnd::Exited(exit(3)));
    let (mut out, mut err) = (String::new(), String::new());
    shown.read_to_string(&mut out).unwrap();
    complained.read_to_string(&mut err).unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("out", "err"));
}

#[test]
fn a_slow_reader_loses_nothing_and_holds_the_monitor_back() {
    let (session, mut monitor) = session(false);
    let (mut shown, stdout) = pipe();
    let null = null();
    let total = 8 << 20;
    let driver = thread::spawn(move || session.drive(None, stdout.as_fd(), null.as_fd()));
    let writer = thread::spawn(move || {
        for n in 0..total / 65_536 {
            let byte = u8::try_from(n % 251).unwrap();
            monitor.send(&Reply::Stdout(vec![byte; 65_536])).unwrap();
        }
        monitor.send(&Reply::Exited(exit(0))).unwrap();
    });
    let mut seen = Vec::new();
    shown.read_to_end(&mut seen).unwrap();
    assert_eq!(seen.len(), total);
    assert!(
        seen.chunks(65_536)
            .enumerate()
            .all(|(n, chunk)| chunk.iter().all(|byte| usize::from(*byte) == n % 251))
    );
    writer.join().unwrap();
    assert_eq!(driver.join().unwrap().unwrap(), SessionEnd::Exited(exit(0)));
}

#[test]
fn a_reader_that_left_ends_the_session_and_not_the_program() {
    let (session, mut monitor) = session(false);
    let (shown, stdout) = pipe();
    let null = null();
    drop(shown);
    let driver = thread::spawn(move || session.drive(None, stdout.as_fd(), null.as_fd()));
    monitor.send(&Reply::Stdout(vec![1; 65_536])).unwrap();
    assert_eq!(driver.join().unwrap().unwrap(), SessionEnd::Detached);
    // What it goes on to write concerns nobody here.
    let _unheard = monitor.send(&Reply::Stdout(vec![1; 65_536]));
}

#[test]
fn a_terminal_tells_its_size_and_the_detach_keys_leave() {
    let (session, mut monitor) = session(true);
    let size = nix::pty::Winsize { ws_row: 30, ws_col: 90, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(&size, None).unwrap();
    nix::sys::termios::tcsetattr(&pty.slave, nix::sys::termios::SetArg::TCSANOW, &{
        let mut raw = nix::sys::termios::tcgetattr(&pty.slave).unwrap();
        nix::sys::termios::cfmakeraw(&mut raw);
        raw
    })
    .unwrap();
    let slave = pty.slave;
    let driver =
        thread::spawn(move || session.drive(Some(slave.as_fd()), slave.as_fd(), slave.as_fd()));
    let resize = |columns, rows| Some(Request::Resize(WindowSize { columns, rows }));
    assert_eq!(monitor.receive().unwrap(), resize(90, 30));
    let larger = WindowSize { columns: 120, rows: 40 };
    crate::sys::tty::set_window_size(pty.master.as_fd(), larger).unwrap();
    assert_eq!(monitor.receive().unwrap(), resize(120, 40));
    let mut keyboard = std::fs::File::from(pty.master);
    keyboard.write_all(b"ls\x10\x11never").unwrap();
    assert_eq!(driver.join().unwrap().unwrap(), SessionEnd::Detached);
    assert_eq!(monitor.receive().unwrap(), Some(Request::Stdin(b"ls".to_vec())));
    assert_eq!(monitor.receive::<Request>().unwrap(), None);
}

#[test]
fn a_monitor_that_dies_or_fails_is_told() {
    let null = null();
    let (first, monitor) = session(false);
    drop(monitor);
    let gone = first.drive(None, null.as_fd(), null.as_fd());
    assert!(matches!(gone, Err(MonitorError::Gone(_))), "{gone:?}");
    let (second, mut monitor) = session(false);
    monitor.send(&Reply::Failed(StartFailure::new("no such program"))).unwrap();
    let failed = second.drive(None, null.as_fd(), null.as_fd());
    assert!(matches!(failed, Err(MonitorError::Start(_))), "{failed:?}");
}
