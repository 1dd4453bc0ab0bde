//! The standard streams of a running program, and the program.

use std::{
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
};
use rustix::process::{WaitId, WaitIdOptions};

use super::queue::{Flow, Queue};
use crate::{
    model::Exit,
    runtime::Stdio,
    sys::{At as _, Result, files, spawn, tty},
};

/// What a terminal takes for the end of input (EOT, the usual VEOF of `termios(3)`): it has no other.
const END_OF_INPUT: u8 = 4;
/// The bytes of a pipe through which much goes; what an ordinary user may have (`/proc/sys/fs/pipe-max-size`).
const WIDE_PIPE: i32 = 1 << 20;
/// How many buffers are read after a program's end, at most: more than any pipe holds, and an end where a child that it left behind goes on writing.
const LAST_READS: usize = 64;

/// Our ends of a program's standard streams, all non-blocking.
#[derive(Debug, Default)]
pub(super) struct Streams {
    input: Option<OwnedFd>,
    /// Standard output (or the terminal) and standard error.
    outputs: [Option<OwnedFd>; 2],
    /// Whether the pipe of an output was made to hold more.
    is_wide: [bool; 2],
    is_terminal: bool,
    pending: Queue,
    is_closing: bool,
    /// Nothing more goes in: there is no input, or it has been closed.
    is_deaf: bool,
}

impl Streams {
    /// Makes pipes, and gives the program's ends of them. Without `with_input` the program reads `/dev/null`.
    pub(super) fn pipes(with_input: bool) -> Result<(Self, Stdio)> {
        let (reads, input) = if with_input {
            let (theirs, ours) = pipe()?;
            (theirs, Some(nonblocking(ours)?))
        } else {
            (files::open(Path::new("/dev/null"))?.into(), None)
        };
        let (out, stdout) = pipe()?;
        let (err, stderr) = pipe()?;
        let streams = Self {
            input,
            outputs: [Some(nonblocking(out)?), Some(nonblocking(err)?)],
            is_deaf: !with_input,
            ..Self::default()
        };
        let theirs = Stdio::Pipes { stdin: reads, stdout, stderr };
        Ok((streams, theirs))
    }

    /// Takes the master side of a terminal.
    pub(super) fn terminal(master: OwnedFd, with_input: bool) -> Result<Self> {
        let input = master.try_clone().at("duplicate", "a terminal")?;
        Ok(Self {
            input: Some(input),
            outputs: [Some(nonblocking(master)?), None],
            is_terminal: true,
            is_deaf: !with_input,
            ..Self::default()
        })
    }

    /// Goes on with what was typed for a program that had not begun.
    pub(super) fn inherit(&mut self, early: &mut Self) {
        if !self.is_deaf {
            self.pending = std::mem::take(&mut early.pending);
            if early.is_closing {
                self.close_input();
            }
            self.pump();
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.is_deaf || self.pending.has_room()
    }

    /// Takes bytes for the program.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if !self.is_deaf && !self.is_closing {
            self.pending.push(bytes);
        }
    }

    /// Ends the program's input after what was fed.
    pub(super) fn close_input(&mut self) {
        if self.is_terminal {
            self.feed(&[END_OF_INPUT]);
        } else {
            self.is_closing = true;
        }
    }

    /// Writes what the program takes now.
    pub(super) fn pump(&mut self) {
        let Some(input) = &self.input else {
            return;
        };
        let flow = self.pending.write_to(input, usize::MAX, 4);
        if flow == Flow::Broken || (self.is_closing && self.pending.is_empty()) {
            self.is_deaf = true;
            self.pending.clear();
            self.input = None;
        }
    }

    /// Gives the end to write to, while there is something to write.
    pub(super) fn wants_write(&self) -> Option<BorrowedFd<'_>> {
        let input = self.input.as_ref()?;
        (!self.pending.is_empty()).then(|| input.as_fd())
    }

    /// Gives the end to read from; `None` once it ended.
    pub(super) fn output(&self, is_stderr: bool) -> Option<BorrowedFd<'_>> {
        self.outputs[usize::from(is_stderr)].as_ref().map(OwnedFd::as_fd)
    }

    /// Reads once; `None` when nothing is there now or will be.
    pub(super) fn read<'b>(&mut self, is_stderr: bool, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let output = &mut self.outputs[usize::from(is_stderr)];
        match nix::unistd::read(output.as_ref()?, buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            // A terminal that no program has open any more says EIO.
            Ok(0) | Err(_) => {
                *output = None;
                None
            }
            Ok(length) => {
                if length == buffer.len()
                    && !std::mem::replace(&mut self.is_wide[usize::from(is_stderr)], true)
                {
                    widen(output.as_ref());
                }
                buffer.get(..length)
            }
        }
    }

    /// Reads what a program that has ended left behind.
    pub(super) fn drain(&mut self, buffer: &mut [u8], mut sink: impl FnMut(bool, &[u8])) {
        for is_stderr in [false, true] {
            for _ in 0..LAST_READS {
                let Some(bytes) = self.read(is_stderr, buffer) else {
                    break;
                };
                sink(is_stderr, bytes);
            }
        }
        *self = Self { is_deaf: true, ..Self::default() };
    }

    /// Sets the size of the terminal, if it is one; what the kernel says against a size is of no use to anybody.
    pub(super) fn resize(&self, size: tty::WindowSize) {
        if let Some(terminal) = self.output(false).filter(|_| self.is_terminal) {
            drop(tty::set_window_size(terminal, size));
        }
    }
}

/// A program that runs or ran, a child of this process.
#[derive(Debug)]
pub(super) struct Program {
    pid: i32,
    pidfd: OwnedFd,
    pub(super) streams: Streams,
    exit: Option<Exit>,
}

impl Program {
    pub(super) const fn new(pid: i32, pidfd: OwnedFd, streams: Streams) -> Self {
        Self { pid, pidfd, streams, exit: None }
    }

    pub(super) const fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    pub(super) const fn exit(&self) -> Option<&Exit> {
        self.exit.as_ref()
    }

    /// Tells whether its end is still to come.
    pub(super) const fn runs(&self) -> bool {
        self.exit.is_none()
    }

    pub(super) fn signal(&self, number: i32) -> Result<()> {
        spawn::send_signal(self.pidfd(), number)
    }

    /// Kills the program and all that it has started, unless that has left its session. What cannot be killed is met when it is waited for.
    pub(super) fn kill_session(&self) {
        // It has not been reaped, so its number is still its own.
        if let Some(group) = rustix::process::Pid::from_raw(self.pid)
            && rustix::process::getpgid(Some(group)) == Ok(group)
        {
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        drop(self.signal(libc::SIGKILL));
    }

    /// Takes how the program ended, once its pidfd is readable.
    pub(super) fn reap(&mut self) {
        if self.exit.is_none() {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            self.exit = match rustix::process::waitid(WaitId::PidFd(self.pidfd()), options) {
                Ok(None) | Err(rustix::io::Errno::INTR) => None,
                Ok(Some(status)) => {
                    Some(exit_of(status.exit_status(), status.terminating_signal()))
                }
                Err(error) => Some(Exit {
                    code: 255,
                    error: Some(format!("its exit code is not known: {error}")),
                    ..Exit::default()
                }),
            };
        }
    }
}

fn exit_of(code: Option<i32>, signal: Option<i32>) -> Exit {
    Exit {
        code: signal.map_or_else(|| code.unwrap_or(255), |signal| 128 + signal),
        signal,
        ..Exit::default()
    }
}

/// Lets a program that writes faster than it is read go on meanwhile, instead of waking it for every page. A terminal, and a user who has too many such pipes
/// (`/proc/sys/fs/pipe-user-pages-soft`), keep what they have.
fn widen(output: Option<&OwnedFd>) {
    if let Some(output) = output {
        let _as_it_was = fcntl(output, FcntlArg::F_SETPIPE_SZ(WIDE_PIPE));
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).at("make", "a pipe")
}

/// Makes our end non-blocking; the program's end is a file of its own and stays as it is.
fn nonblocking(fd: OwnedFd) -> Result<OwnedFd> {
    let flags = fcntl(&fd, FcntlArg::F_GETFL).at("look at", "a descriptor")?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(&fd, FcntlArg::F_SETFL(flags)).at("change", "a descriptor")?;
    Ok(fd)
}
