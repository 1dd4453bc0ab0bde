//! A program in the caller's foreground: its terminal copied, signals passed on, its exit code given.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::sys::{
    signal::{SigSet, SigmaskHow, sigprocmask},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::io::Errno;

use super::Failure;
use crate::sys::{
    At as _, pidfd,
    poll::{self, PollFd, PollFlags},
    spawn,
    tty::{self, Raw},
};

/// The most that is copied at once.
const CHUNK: usize = 16 * 1024;

/// All signals of this process, held back from the moment this is made.
#[derive(Debug)]
pub(super) struct Signals(SignalFd);

impl Signals {
    /// Holds them back, so that none is lost while the program starts; a program executed later has its own mask.
    pub(super) fn hold_back() -> Result<Self, Failure> {
        let all = SigSet::all();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&all), None).at("block", "signals")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(SignalFd::with_flags(&all, flags).at("listen to", "signals")?))
    }

    /// Takes those that came.
    fn take(&self) -> Vec<i32> {
        let next = || self.0.read_signal().ok().flatten();
        std::iter::from_fn(next).filter_map(|one| i32::try_from(one.ssi_signo).ok()).collect()
    }
}

/// Stays with a child of this process until it ends; gives its exit code, or 128 plus the signal that ended it.
pub(super) fn stay(
    signals: &Signals,
    program: &OwnedFd,
    terminal: Option<&OwnedFd>,
) -> Result<u8, Failure> {
    let stdin = std::io::stdin();
    let mut session = Session { signals, program, screen: None };
    let mut raw = None;
    if let Some(master) = terminal {
        rustix::io::ioctl_fionbio(master, true).at("set up", "the terminal")?;
        raw = Raw::enter(stdin.as_fd())?;
        let screen = Screen { master, stdin: stdin.as_fd(), typed: Vec::new(), takes_input: true };
        screen.resize();
        session.screen = Some(screen);
    }
    let code = session.run();
    drop(raw);
    pidfd::reap(program);
    code
}

struct Session<'a> {
    signals: &'a Signals,
    program: &'a OwnedFd,
    screen: Option<Screen<'a>>,
}

impl Session<'_> {
    fn run(&mut self) -> Result<u8, Failure> {
        loop {
            let (has_signals, has_ended) = self.wait()?;
            if has_signals {
                for signal in self.signals.take() {
                    self.pass_on(signal);
                }
            }
            if has_ended {
                if let Some(screen) = &self.screen {
                    screen.show();
                }
                let code = pidfd::ending(self.program).unwrap_or_default();
                return Ok(u8::try_from(code).unwrap_or(u8::MAX));
            }
        }
    }

    /// Copies between terminals until there is a signal, or the program has ended.
    fn wait(&mut self) -> Result<(bool, bool), Failure> {
        loop {
            let mut fds = vec![
                PollFd::new(&self.signals.0, PollFlags::IN),
                PollFd::new(self.program, PollFlags::IN),
            ];
            if let Some(screen) = &self.screen {
                fds.extend(screen.watched());
            }
            poll::wait(&mut fds, None)?;
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            if let Some(screen) = &mut self.screen
                && !screen.copy(ready.get(2) == Some(&true), ready.get(3) == Some(&true))
            {
                self.screen = None;
            }
            if let [signals, ended, ..] = ready.as_slice()
                && (*signals || *ended)
            {
                return Ok((*signals, *ended));
            }
        }
    }

    fn pass_on(&self, signal: i32) {
        match signal {
            libc::SIGCHLD => {
                // Everybody's but the program's, whose end is waited for by its descriptor.
                spawn::reap_orphans(&pidfd::number(self.program).into_iter().collect::<Vec<_>>());
            }
            libc::SIGWINCH => {
                if let Some(screen) = &self.screen {
                    screen.resize();
                }
            }
            // About this process's own reading and writing.
            libc::SIGPIPE | libc::SIGURG | libc::SIGTTIN | libc::SIGTTOU => {}
            // It may have ended a moment ago.
            other => drop(spawn::send_signal(self.program.as_fd(), other)),
        }
    }
}

/// The caller's terminal and the program's.
struct Screen<'a> {
    master: &'a OwnedFd,
    stdin: BorrowedFd<'a>,
    /// What was typed and is not taken yet.
    typed: Vec<u8>,
    takes_input: bool,
}

impl Screen<'_> {
    /// Gives what to wait for: the program's terminal first.
    fn watched(&self) -> Vec<PollFd<'_>> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, !self.typed.is_empty());
        let mut fds = vec![PollFd::new(self.master, flags)];
        if self.takes_input && self.typed.is_empty() {
            fds.push(PollFd::from_borrowed_fd(self.stdin, PollFlags::IN));
        }
        fds
    }

    /// Copies what is there; `false` when nobody uses the program's terminal any more.
    fn copy(&mut self, has_master: bool, has_input: bool) -> bool {
        if has_input {
            let mut bytes = [0; CHUNK];
            match rustix::io::read(self.stdin, &mut bytes) {
                Ok(0) => self.takes_input = false,
                Ok(length) => self.typed.extend(bytes.iter().take(length)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => self.takes_input = false,
            }
        }
        if !self.typed.is_empty() {
            // What is not taken now is tried again when there is room.
            let taken = rustix::io::write(self.master, &self.typed).unwrap_or_default();
            self.typed.drain(..taken);
        }
        !has_master || self.show()
    }

    /// Shows what the program has written; `false` when nobody uses its terminal any more.
    fn show(&self) -> bool {
        let mut bytes = [0; CHUNK];
        loop {
            match rustix::io::read(self.master, &mut bytes) {
                Ok(0) => return false,
                Ok(length) => {
                    let shown = bytes.get(..length).unwrap_or_default();
                    let mut out = std::io::stdout().lock();
                    // Nobody looks any more; the program goes on.
                    let _unseen = std::io::Write::write_all(&mut out, shown)
                        .and_then(|()| std::io::Write::flush(&mut out));
                }
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Makes the program's terminal as large as the caller's.
    fn resize(&self) {
        fit(self.master);
    }
}

/// Gives a container's terminal the size of the caller's, if that has one.
pub(super) fn fit(master: &OwnedFd) {
    if let Some(size) = tty::window_size(std::io::stdin().as_fd()) {
        // A program does not need its size to run.
        drop(tty::set_window_size(master.as_fd(), size));
    }
}
