//! A container, or a program in one, in the caller's terminal: raw mode, and signals passed on.

use std::{
    io::{self, IsTerminal as _},
    os::fd::{AsFd as _, OwnedFd},
    thread,
};

use nix::{
    fcntl::{OFlag, open},
    sys::{
        signal::{SigSet, Signal},
        stat::Mode,
    },
};

use super::{
    arguments::{DetachKeys, StandardStream},
    output,
};
use crate::{
    engine::{Claimed, Engine, EngineError, ErrorKind, Result, Session, SessionEnd},
    model::{Container, ContainerId, ExecRequest, Exit, Mark},
};

/// Signals that a container without a terminal gets in the caller's place, as Docker's `--sig-proxy`.
const PASSED_ON: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];
/// Signals that end this program while a container has the caller's terminal, once that is as it was.
const ENDING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
/// How many signals that ask to end are passed on before this program takes one for itself, as Docker's: a first process without a handler gets none of them.
const PATIENCE: u32 = 3;
/// The exit code when nobody reads the output any more: 128 and SIGPIPE.
const UNHEARD: u8 = 141;

/// Refuses when there is no terminal to type into, and gives the exit code for that.
pub(super) fn without_terminal() -> Option<u8> {
    if io::stdin().is_terminal() {
        return None;
    }
    output::error_line("estiba: the input device is not a TTY");
    output::error_line("hint: leave out -t to pipe something in");
    Some(1)
}

/// How this program joins a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joining<'a> {
    /// The keys that leave it alone; the usual ones if `None`.
    pub(super) detach_keys: Option<&'a DetachKeys>,
    /// Whether signals are passed on.
    pub(super) passes_signals: bool,
    /// The standard streams that are joined; all of them if empty.
    pub(super) streams: &'a [StandardStream],
}

impl Default for Joining<'_> {
    fn default() -> Self {
        Self { detach_keys: None, passes_signals: true, streams: &[] }
    }
}

impl Joining<'_> {
    fn has(&self, stream: StandardStream) -> bool {
        self.streams.is_empty() || self.streams.contains(&stream)
    }

    /// Tells whether signals are for the container: with a terminal, what is typed reaches it as it is.
    const fn leaves_signals(&self, tty: bool) -> bool {
        !tty && !self.passes_signals
    }
}

/// Starts a container and stays with it; gives its exit code, and adds when which step of that was over.
pub(super) fn start(
    claimed: Claimed<'_>,
    joining: Joining<'_>,
    marks: &mut Vec<Mark>,
) -> Result<u8> {
    let (engine, container) = (claimed.engine(), claimed.container());
    let (id, tty, open_stdin) = (container.id, container.config.tty, container.config.open_stdin);
    let signals = if joining.leaves_signals(tty) { None } else { Some(hold_back(tty)?) };
    let (session, steps) = claimed.start_attached()?;
    marks.extend(steps);
    if let Some(signals) = signals {
        watch_signals(engine, (id, tty), signals);
    }
    stay(session, joining, tty, open_stdin)
}

/// Stays with a running container that was joined.
pub(super) fn drive(
    engine: &Engine,
    container: &Container,
    session: Session,
    joining: Joining<'_>,
) -> Result<u8> {
    let tty = container.config.tty;
    if !joining.leaves_signals(tty) {
        watch_signals(engine, (container.id, tty), hold_back(tty)?);
    }
    stay(session, joining, tty, container.config.open_stdin)
}

/// Stays with a program that was executed in a container.
pub(super) fn drive_exec(
    request: &ExecRequest,
    session: Session,
    detach_keys: Option<&DetachKeys>,
) -> Result<u8> {
    if request.tty {
        let signals = hold_back(true)?;
        thread::spawn(move || end_by(signals));
    }
    let joining = Joining { detach_keys, ..Joining::default() };
    stay(session, joining, request.tty, request.open_stdin)
}

fn stay(session: Session, joining: Joining<'_>, tty: bool, is_open: bool) -> Result<u8> {
    let takes_input = is_open && joining.has(StandardStream::Input);
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let raw = if tty && takes_input && stdin.is_terminal() { Some(Raw::enter()?) } else { None };
    let input = takes_input.then(|| stdin.as_fd());
    let nowhere = nowhere()?;
    let output = if joining.has(StandardStream::Output) { stdout.as_fd() } else { nowhere.as_fd() };
    let error = if joining.has(StandardStream::Error) { stderr.as_fd() } else { nowhere.as_fd() };
    let session = session.with_detach_keys(joining.detach_keys.map(|keys| keys.0.clone()));
    let end = session.drive(input, output, error);
    drop(raw);
    match end? {
        SessionEnd::Exited(exit) => Ok(exit_code(&exit)),
        SessionEnd::Detached if !output::is_heard() => {
            output::error_line("estiba: nobody reads the output any more; the container runs on");
            Ok(UNHEARD)
        }
        SessionEnd::Detached => {
            output::error_line("detached; the container runs on");
            Ok(0)
        }
    }
}

/// Opens what swallows everything, for streams that are not joined.
fn nowhere() -> Result<OwnedFd> {
    open("/dev/null", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(|errno| {
        EngineError::new(ErrorKind::Kernel, "/dev/null cannot be opened").caused_by(errno)
    })
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
fn hold_back(tty: bool) -> Result<SigSet> {
    let signals: SigSet =
        if tty { ENDING.into_iter().collect() } else { PASSED_ON.into_iter().collect() };
    signals.thread_block().map_err(|errno| {
        EngineError::new(ErrorKind::Kernel, "signals cannot be held back").caused_by(errno)
    })?;
    Ok(signals)
}

/// Does what the signals that come from here on ask for. With a terminal they are for this program: what is typed reaches the container as it is.
fn watch_signals(engine: &Engine, (id, tty): (ContainerId, bool), signals: SigSet) {
    let engine = engine.clone();
    thread::spawn(move || if tty { end_by(signals) } else { pass_on(&engine, id, signals) });
}

/// Passes signals on until the program ends.
fn pass_on(engine: &Engine, container: ContainerId, signals: SigSet) {
    let mut asked = 0;
    while let Ok(signal) = signals.wait() {
        asked += u32::from(matches!(signal, Signal::SIGINT | Signal::SIGTERM));
        if asked == PATIENCE {
            output::error_line(format!("estiba: {PATIENCE} signals came; the container runs on"));
            return die_of(signal);
        }
        // It may have ended a moment ago; then the session says so.
        let _too_late = engine.kill(container, signal as i32);
    }
}

/// Ends this program at the first signal, with the terminal as it was.
fn end_by(signals: SigSet) {
    if let Ok(signal) = signals.wait() {
        drop(Raw);
        die_of(signal);
    }
}

/// Lets a signal do what it would have done.
fn die_of(signal: Signal) {
    let _ended = SigSet::from_iter([signal]).thread_unblock();
    let _ended = nix::sys::signal::raise(signal);
}
