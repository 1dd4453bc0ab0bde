//! Rounds over plain child processes, with clients on a real socket.

use std::{
    path::Path,
    process::Command,
    thread::{self, JoinHandle},
};

use tempfile::TempDir;

use super::*;
use crate::{
    model::{ContainerId, ExecRequest, LogConfig, LogDriver},
    monitor::{
        SOCKET, StartFailure,
        channel::Channel,
        log::{Chain, Reader},
    },
    runtime::Stdio,
    store::Layout,
    sys::{files, socket},
};

/// Runs a shell as a monitor would run a container's program.
fn shell(script: &str, with_input: bool) -> Program {
    let (streams, stdio) = Streams::pipes(with_input).unwrap();
    let Stdio::Pipes { stdin, stdout, stderr } = stdio else {
        panic!("pipes were asked for");
    };
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    program(&mut command, streams)
}

#[expect(clippy::zombie_processes, reason = "the program is reaped by what is tested")]
fn program(command: &mut Command, streams: Streams) -> Program {
    let child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    Program::new(pid.as_raw_nonzero().get(), pidfd, streams)
}

/// A monitor of a program that is no container.
struct Stage {
    dir: TempDir,
    watch: Watch,
}

impl Stage {
    fn new(has_terminal: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = socket::listen(dir.path(), SOCKET).unwrap();
        Self { watch: Watch::new(listener, has_terminal), dir }
    }

    fn client(&self) -> Channel {
        Channel::new(socket::connect(self.dir.path(), SOCKET).unwrap())
    }

    /// Serves what clients have asked for so far.
    fn settle(&mut self) {
        while !self.watch.wait(&[], Some(Duration::ZERO)).unwrap().is_empty() {
            self.watch.round(&[], Some(Duration::ZERO)).unwrap();
        }
    }

    /// Lets the program begin and stays with it to its end.
    fn begin(mut self, program: Program) -> (TempDir, JoinHandle<Exit>) {
        let log = log_of(self.dir.path());
        self.watch.begin(program, Some(log));
        (self.dir, thread::spawn(move || stay(self.watch)))
    }
}

fn stay(mut watch: Watch) -> Exit {
    loop {
        for demand in watch.round(&[], None).unwrap().demands {
            match demand.request {
                Request::Exec(request) if request.args.is_empty() => {
                    let failure = StartFailure::new("no program");
                    watch.reply(demand.client, &Reply::Failed(failure));
                }
                Request::Exec(request) => {
                    let program = shell(&request.args[0], request.open_stdin);
                    watch.begin_exec(demand.client, program, request.tty);
                }
                other => panic!("{other:?}"),
            }
        }
        if let Some(exit) = watch.end().cloned() {
            watch.part(&Reply::Exited(exit.clone()));
            return exit;
        }
    }
}

fn exec(script: &str) -> Request {
    Request::Exec(ExecRequest {
        args: vec![script.to_owned()],
        open_stdin: true,
        ..ExecRequest::default()
    })
}

/// Collects what a client is shown until the exit.
fn shown(client: &mut Channel) -> (Vec<u8>, Vec<u8>, Option<Exit>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    loop {
        match client.receive().unwrap() {
            Some(Reply::Stdout(bytes)) => out.extend(bytes),
            Some(Reply::Stderr(bytes)) => err.extend(bytes),
            Some(Reply::Exited(exit)) => return (out, err, Some(exit)),
            Some(Reply::Joined { .. } | Reply::Done) => {}
            Some(Reply::Failed(failure)) => panic!("{}", failure.message),
            None => return (out, err, None),
        }
    }
}

/// Gives the log in a directory.
fn chain(dir: &Path) -> Chain {
    let layout = Layout { data_root: dir.to_owned(), run_root: dir.to_owned() };
    let id = ContainerId::from_bytes([1; 32]);
    files::make_private_dir(&layout.container(id)).unwrap();
    Chain::of(&layout, id, LogDriver::JsonFile).unwrap()
}

fn log_of(dir: &Path) -> Writer {
    let bounds = LogConfig::default().bounds().unwrap();
    Writer::open(chain(dir), bounds).unwrap()
}

fn logged(dir: &Path) -> Vec<(bool, Vec<u8>)> {
    let mut log = Reader::open(chain(dir), None, None).unwrap();
    std::iter::from_fn(|| log.next_entry(Duration::ZERO).unwrap())
        .map(|entry| (entry.is_stderr, entry.bytes))
        .collect()
}

#[test]
fn a_client_that_came_before_the_beginning_misses_nothing() {
    let mut stage = Stage::new(false);
    let mut client = stage.client();
    client.send(&Request::Attach).unwrap();
    client.send(&Request::Stdin(b"typed\n".to_vec())).unwrap();
    client.send(&Request::CloseStdin).unwrap();
    stage.settle();
    let (dir, stays) = stage.begin(shell("echo first; cat; echo last >&2; exit 7", true));
    let (out, err, exit) = shown(&mut client);
    assert_eq!(out, b"first\ntyped\n");
    assert_eq!(err, b"last\n");
    assert_eq!(exit.unwrap().code, 7);
    assert_eq!(stays.join().unwrap().code, 7);
    let mut log = logged(dir.path());
    log.sort();
    assert_eq!(
        log,
        [(false, b"first\n".to_vec()), (false, b"typed\n".to_vec()), (true, b"last\n".to_vec()),]
    );
}

#[test]
fn a_signal_ends_it_and_whoever_waits_is_told() {
    let mut stage = Stage::new(false);
    let mut waiting = stage.client();
    waiting.send(&Request::Wait).unwrap();
    let mut early = stage.client();
    early.send(&Request::Signal(9)).unwrap();
    stage.settle();
    assert!(matches!(early.receive().unwrap(), Some(Reply::Failed(_))));
    let mut killing = stage.client();
    let (_dir, stays) = stage.begin(shell("exec sleep 1000", false));
    killing.send(&Request::Signal(9)).unwrap();
    assert_eq!(killing.receive().unwrap(), Some(Reply::Done));
    let exit = Exit { code: 137, signal: Some(9), ..Exit::default() };
    assert_eq!(waiting.receive().unwrap(), Some(Reply::Exited(exit.clone())));
    assert_eq!(stays.join().unwrap(), exit);
}

#[test]
fn a_slow_client_holds_the_program_back_and_loses_nothing() {
    const TOTAL: usize = 6 << 20;
    let mut stage = Stage::new(false);
    let mut client = stage.client();
    client.send(&Request::Attach).unwrap();
    stage.settle();
    let script = format!("head -c {TOTAL} /dev/zero");
    let log = log_of(stage.dir.path());
    stage.watch.begin(shell(&script, false), Some(log));
    // Nobody reads: rounds come to rest, with little in memory.
    while !stage.watch.wait(&[], Some(Duration::from_millis(200))).unwrap().is_empty() {
        stage.watch.round(&[], Some(Duration::ZERO)).unwrap();
    }
    assert!(stage.watch.end().is_none());
    let size = chain(stage.dir.path()).newest().metadata().unwrap().len();
    assert!(size > 0 && size < 6 * u64::try_from(TOTAL).unwrap(), "{size}");
    let watch = stage.watch;
    let stays = thread::spawn(move || stay(watch));
    let (out, _, exit) = shown(&mut client);
    assert_eq!(out.len(), TOTAL);
    assert_eq!(exit, Some(Exit::default()));
    assert_eq!(stays.join().unwrap(), Exit::default());
}

#[test]
fn executed_programs_have_streams_of_their_own() {
    let stage = Stage::new(false);
    let (mut first, mut second, mut none) = (stage.client(), stage.client(), stage.client());
    let mut main = stage.client();
    let (dir, stays) = stage.begin(shell("read line; echo main $line", true));
    main.send(&Request::Attach).unwrap();
    assert_eq!(main.receive().unwrap(), Some(Reply::Joined { terminal: false }));
    first.send(&exec("cat; echo err >&2; exit 3")).unwrap();
    assert_eq!(first.receive().unwrap(), Some(Reply::Joined { terminal: false }));
    first.send(&Request::Stdin(b"one".to_vec())).unwrap();
    first.send(&Request::CloseStdin).unwrap();
    let (out, err, exit) = shown(&mut first);
    assert_eq!((out.as_slice(), err.as_slice()), (&b"one"[..], &b"err\n"[..]));
    assert_eq!(exit.unwrap().code, 3);
    assert_eq!(first.receive::<Reply>().unwrap(), None);
    // The one whose client leaves has no more input, and ends by itself.
    second.send(&exec("cat >/dev/null")).unwrap();
    assert_eq!(second.receive().unwrap(), Some(Reply::Joined { terminal: false }));
    drop(second);
    none.send(&Request::Exec(ExecRequest::default())).unwrap();
    assert!(matches!(none.receive().unwrap(), Some(Reply::Failed(_))));
    assert_eq!(none.receive::<Reply>().unwrap(), None);
    main.send(&Request::Stdin(b"x\n".to_vec())).unwrap();
    assert_eq!(shown(&mut main).0, b"main x\n");
    assert_eq!(stays.join().unwrap().code, 0);
    assert_eq!(logged(dir.path()), [(false, b"main x\n".to_vec())]);
}

#[test]
fn a_client_that_does_not_follow_the_protocol_is_told_and_dropped() {
    let stage = Stage::new(false);
    let (garbage, mut wrong, mut good) = (stage.client(), stage.client(), stage.client());
    let (_dir, stays) = stage.begin(shell("cat", true));
    std::io::Write::write_all(&mut garbage.stream(), b"GET / HTTP/1.1\r\n\r\n").unwrap();
    for mut client in [garbage, {
        wrong.send(&Request::CloseStdin).unwrap();
        wrong
    }] {
        assert!(matches!(client.receive().unwrap(), Some(Reply::Failed(_))));
        assert_eq!(client.receive::<Reply>().unwrap(), None);
    }
    good.send(&Request::Attach).unwrap();
    good.send(&Request::CloseStdin).unwrap();
    assert_eq!(shown(&mut good).2, Some(Exit::default()));
    stays.join().unwrap();
}

#[test]
fn a_terminal_has_the_last_size_and_an_end_of_input() {
    let mut stage = Stage::new(true);
    let mut client = stage.client();
    client.send(&Request::Attach).unwrap();
    let size = WindowSize { columns: 99, rows: 22 };
    client.send(&Request::Resize(size)).unwrap();
    stage.settle();
    let pty = nix::pty::openpty(None, None).unwrap();
    let streams = Streams::terminal(pty.master, true).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "read go; stty size; cat; echo end"]);
    command
        .stdin(pty.slave.try_clone().unwrap())
        .stdout(pty.slave.try_clone().unwrap())
        .stderr(pty.slave);
    let program = program(&mut command, streams);
    drop(command);
    let (_dir, stays) = stage.begin(program);
    client.send(&Request::Stdin(b"go\n".to_vec())).unwrap();
    client.send(&Request::CloseStdin).unwrap();
    let (out, _, exit) = shown(&mut client);
    let text = String::from_utf8_lossy(&out);
    assert!(text.contains("22 99") && text.ends_with("end\r\n"), "{text}");
    assert_eq!(exit, Some(Exit::default()));
    stays.join().unwrap();
}

#[test]
fn what_a_program_left_in_its_pipes_is_shown_before_its_end() {
    let mut stage = Stage::new(false);
    let mut client = stage.client();
    client.send(&Request::Attach).unwrap();
    stage.settle();
    let program = shell("head -c 60000 /dev/zero; kill -TERM $$", false);
    // It ends before the first round looks at its streams.
    let mut ended = [PollFd::from_borrowed_fd(program.pidfd(), PollFlags::IN)];
    poll::wait(&mut ended, None).unwrap();
    let (_dir, stays) = stage.begin(program);
    let (out, _, exit) = shown(&mut client);
    assert_eq!(out.len(), 60_000);
    assert_eq!(exit.unwrap().code, 143);
    stays.join().unwrap();
}
