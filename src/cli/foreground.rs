//! A container, or a program in one, in the caller's terminal: raw mode, and signals passed on.

use std::{
    io::{self, IsTerminal as _},
    os::fd::AsFd as _,
    thread,
};

use nix::sys::signal::{SigSet, Signal};

use super::output;
use crate::{
    engine::{Engine, EngineError, ErrorKind, Result, Session, SessionEnd},
    model::{Container, ContainerId, ExecRequest, Exit},
};

/// Signals that a container without a terminal gets in the caller's place, as Docker's `--sig-proxy`.
const PASSED_ON: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// Starts a container and stays with it; gives its exit code.
pub(super) fn start(engine: &Engine, container: &Container) -> Result<u8> {
    let signals = if container.config.tty { None } else { Some(hold_back()?) };
    let session = engine.start_attached(container.id)?;
    if let Some(signals) = signals {
        pass_on(engine.clone(), container.id, signals);
    }
    stay(session, container.config.tty, container.config.open_stdin)
}

/// Stays with a running container that was joined.
pub(super) fn drive(engine: &Engine, container: &Container, session: Session) -> Result<u8> {
    if !container.config.tty {
        pass_on(engine.clone(), container.id, hold_back()?);
    }
    stay(session, container.config.tty, container.config.open_stdin)
}

/// Stays with a program that was executed in a container.
pub(super) fn drive_exec(request: &ExecRequest, session: Session) -> Result<u8> {
    stay(session, request.tty, request.open_stdin)
}

fn stay(session: Session, tty: bool, takes_input: bool) -> Result<u8> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let raw = if tty && takes_input && stdin.is_terminal() { Some(Raw::enter()?) } else { None };
    let input = takes_input.then(|| stdin.as_fd());
    let end = session.drive(input, stdout.as_fd(), stderr.as_fd());
    drop(raw);
    match end? {
        SessionEnd::Exited(exit) => Ok(exit_code(&exit)),
        SessionEnd::Detached => {
            output::error_line("detached; the container runs on");
            Ok(0)
        }
    }
}

fn exit_code(exit: &Exit) -> u8 {
    u8::try_from(exit.code).unwrap_or(1)
}

/// The caller's terminal in raw mode, until dropped.
struct Raw;

impl Raw {
    fn enter() -> Result<Self> {
        crossterm::terminal::enable_raw_mode().map_err(|error| {
            EngineError::new(ErrorKind::Kernel, "the terminal cannot be put into raw mode")
                .caused_by(error)
        })?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal is gone, then; nothing is left to restore.
        let _restored = crossterm::terminal::disable_raw_mode();
    }
}

/// Keeps the signals pending from here on, so that none is lost while the container starts and none ends this program. Children
/// would inherit that: the monitor puts its own mask right first of all.
fn hold_back() -> Result<SigSet> {
    let signals: SigSet = PASSED_ON.into_iter().collect();
    signals.thread_block().map_err(|errno| {
        EngineError::new(ErrorKind::Kernel, "signals cannot be held back").caused_by(errno)
    })?;
    Ok(signals)
}

/// Passes signals on until the program ends.
fn pass_on(engine: Engine, container: ContainerId, signals: SigSet) {
    thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            // It may have ended a moment ago; then the session says so.
            let _too_late = engine.kill(container, signal as i32);
        }
    });
}
