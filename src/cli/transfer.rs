//! How far a transfer has come: as bars on a terminal, as lines elsewhere; and how Ctrl-C stops it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, IsTerminal as _, Read},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::thread::JoinHandleExt as _,
    },
    thread::{self, JoinHandle},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::{
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        pthread::pthread_kill,
        signal::{SigSet, SigmaskHow, Signal},
    },
    unistd::pipe2,
};

use super::output;
use crate::engine::{Cancel, EngineError, ErrorKind, Progress, Result};

/// Tells the watcher of signals that there is nothing left to stop.
const FINISHED: Signal = Signal::SIGUSR2;

/// Signals that stop a transfer in an orderly way; a second one stops it at once.
const STOPPING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How a layer is shown while it moves: with its speed.
const MOVING: &str = "{prefix}: {msg:16} [{bar:30}] {bytes:>10}/{total_bytes:<10} {bytes_per_sec}";

/// How an archive is shown that comes through a pipe: nobody knows how long it is.
const ENDLESS: &str = "{prefix}: {msg:16} {bytes:>10} {bytes_per_sec}";

/// How a layer is shown that does not move any more.
const STILL: &str = "{prefix}: {msg}";

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Nowhere.
    None,
    /// On standard output.
    Standard,
    /// On standard error, where standard output belongs to a container.
    Error,
}

impl Output {
    /// Says a line there.
    pub(super) fn line(self, text: impl AsRef<str>) {
        match self {
            Self::None => {}
            Self::Standard => output::line(text),
            Self::Error => output::error_line(text),
        }
    }
}

/// What is said of a transfer.
pub(super) struct Transfer {
    shown: Shown,
    /// What is said of a layer that is done.
    done: &'static str,
}

enum Shown {
    /// Nothing.
    Quiet,
    /// A line whenever a layer begins or ends.
    Lines { output: Output, told: BTreeMap<String, &'static str> },
    /// A bar for each layer.
    Bars { all: MultiProgress, bars: BTreeMap<String, ProgressBar> },
}

impl Transfer {
    /// Chooses by what the output is; `done` is said of a layer that is done.
    pub(super) fn new(output: Output, done: &'static str) -> Self {
        let (is_terminal, target) = match output {
            Output::None => return Self { shown: Shown::Quiet, done },
            Output::Standard => (io::stdout().is_terminal(), ProgressDrawTarget::stdout()),
            Output::Error => (io::stderr().is_terminal(), ProgressDrawTarget::stderr()),
        };
        let shown = if is_terminal {
            let all = MultiProgress::with_draw_target(target);
            Shown::Bars { all, bars: BTreeMap::new() }
        } else {
            Shown::Lines { output, told: BTreeMap::new() }
        };
        Self { shown, done }
    }

    /// Says how far a layer is.
    pub(super) fn tell(&mut self, progress: &Progress) {
        let Progress { phase, object, done, total } = progress;
        let word = if *phase == "done" { Some(self.done) } else { word(phase) };
        let Some(word) = word else { return };
        match &mut self.shown {
            Shown::Quiet => {}
            Shown::Lines { output, told } => {
                if told.insert(object.clone(), word) != Some(word) {
                    output.line(format!("{object}: {word}"));
                }
            }
            Shown::Bars { all, bars } => {
                let bar = bars.entry(object.clone()).or_insert_with(|| {
                    let bar = ProgressBar::new(0).with_style(style(MOVING));
                    all.add(bar.with_prefix(object.clone()))
                });
                bar.set_message(word);
                match (total, done) {
                    (Some(total), done) => {
                        bar.set_style(style(MOVING));
                        bar.set_length(*total);
                        bar.set_position(*done);
                    }
                    (None, 0) => {
                        bar.set_style(style(STILL));
                        bar.finish();
                    }
                    (None, done) => {
                        bar.set_style(style(ENDLESS));
                        bar.set_position(*done);
                    }
                }
            }
        }
    }
}

/// Gives Docker's word for a phase.
fn word(phase: &str) -> Option<&'static str> {
    Some(match phase {
        "download" => "Downloading",
        "upload" => "Pushing",
        "read" => "Reading",
        "unpack" => "Loading layer",
        "save" => "Saving",
        "exists" => "Already exists",
        "pushed" => "Pushed",
        "there" => "Layer already exists",
        "mounted" => "Mounted",
        _ => return None,
    })
}

fn style(template: &str) -> ProgressStyle {
    // The templates are fixed, and a test reads them.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_wrong| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// Stops a transfer when somebody presses Ctrl-C or asks this program to end, for as long as it is held.
pub(super) struct Stopping {
    cancel: Cancel,
    before: SigSet,
    watcher: Option<JoinHandle<()>>,
    /// The end of a pipe that hangs up when it is stopped.
    stopped: Option<OwnedFd>,
}

impl Stopping {
    /// Begins to watch. Threads that are started while it is held leave these signals alone.
    pub(super) fn new() -> Self {
        let cancel = Cancel::default();
        let mut signals = SigSet::empty();
        signals.extend(STOPPING);
        signals.add(FINISHED);
        let Ok(before) = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK) else {
            return Self { cancel, before: SigSet::empty(), watcher: None, stopped: None };
        };
        let (stopped, open) = pipe2(OFlag::O_CLOEXEC).ok().unzip();
        let cancelled = cancel.clone();
        let watcher = thread::spawn(move || {
            match signals.wait() {
                Ok(FINISHED) | Err(_) => return,
                Ok(_) => cancelled.cancel(),
            }
            drop(open);
            // A second one ends the program, unless the first one has.
            let mut ending = SigSet::empty();
            ending.extend(STOPPING);
            if ending.thread_unblock().is_ok() {
                let mut finished = SigSet::empty();
                finished.add(FINISHED);
                let _signal = finished.wait();
            }
        });
        Self { cancel, before, watcher: Some(watcher), stopped }
    }

    /// Gives what is cancelled by a signal.
    pub(super) const fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Gives the archive on standard input; reading it fails when it is stopped.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a terminal, which nobody types an archive into.
    pub(super) fn archive(&self) -> Result<Input<'_>> {
        if io::stdin().is_terminal() {
            let message = "an archive is wanted on standard input, which is a terminal";
            return Err(EngineError::new(ErrorKind::Invalid, message)
                .hint("name a file, or send one in: estiba … < FILE"));
        }
        let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|error| {
            EngineError::new(ErrorKind::Kernel, "standard input cannot be read").caused_by(error)
        })?;
        Ok(Input { stopping: self, file: File::from(stdin) })
    }
}

/// Standard input for as long as nobody stops it.
pub(super) struct Input<'a> {
    stopping: &'a Stopping,
    /// Standard input itself: what a buffer before it holds, the kernel would not tell of.
    file: File,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(stopped) = &self.stopping.stopped {
            let mut fds = [
                PollFd::new(self.file.as_fd(), PollFlags::POLLIN),
                PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            ];
            poll(&mut fds, PollTimeout::NONE)?;
        }
        self.stopping.cancel.check().map_err(io::Error::other)?;
        self.file.read(buffer)
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        let Some(watcher) = self.watcher.take() else { return };
        // It can only fail for a thread that is gone.
        let _told = pthread_kill(watcher.as_pthread_t(), FINISHED);
        let _ended = watcher.join();
        // As it was, so that what comes next is asked in its own way.
        let _set = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_drawn_as_they_are_meant() {
        for template in [MOVING, ENDLESS, STILL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
