//! How far a transfer has come: as bars on a terminal, as lines elsewhere; and how Ctrl-C stops it.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    os::unix::thread::JoinHandleExt as _,
    thread::{self, JoinHandle},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::sys::{
    pthread::pthread_kill,
    signal::{SigSet, SigmaskHow, Signal},
};

use super::output;
use crate::engine::{Cancel, Progress};

/// Tells the watcher of signals that there is nothing left to stop.
const FINISHED: Signal = Signal::SIGUSR2;

/// Signals that stop a transfer in an orderly way; a second one stops it at once.
const STOPPING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How a layer is shown while it moves: with its speed.
const MOVING: &str = "{prefix}: {msg:16} [{bar:30}] {bytes:>10}/{total_bytes:<10} {bytes_per_sec}";

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
pub(super) enum Transfer {
    /// Nothing.
    Quiet,
    /// A line whenever a layer begins or ends.
    Lines { output: Output, told: BTreeMap<String, &'static str> },
    /// A bar for each layer.
    Bars { all: MultiProgress, bars: BTreeMap<String, ProgressBar> },
}

impl Transfer {
    /// Chooses by what the output is.
    pub(super) fn new(output: Output) -> Self {
        let (is_terminal, target) = match output {
            Output::None => return Self::Quiet,
            Output::Standard => (io::stdout().is_terminal(), ProgressDrawTarget::stdout()),
            Output::Error => (io::stderr().is_terminal(), ProgressDrawTarget::stderr()),
        };
        if is_terminal {
            let all = MultiProgress::with_draw_target(target);
            Self::Bars { all, bars: BTreeMap::new() }
        } else {
            Self::Lines { output, told: BTreeMap::new() }
        }
    }

    /// Says how far a layer is.
    pub(super) fn tell(&mut self, progress: &Progress) {
        let Progress { phase, object, done, total } = progress;
        let Some(word) = word(phase) else { return };
        match self {
            Self::Quiet => {}
            Self::Lines { output, told } => {
                if told.insert(object.clone(), word) != Some(word) {
                    output.line(format!("{object}: {word}"));
                }
            }
            Self::Bars { all, bars } => {
                let bar = bars.entry(object.clone()).or_insert_with(|| {
                    let bar = ProgressBar::new(0).with_style(style(MOVING));
                    all.add(bar.with_prefix(object.clone()))
                });
                bar.set_message(word);
                if let Some(total) = total {
                    bar.set_style(style(MOVING));
                    bar.set_length(*total);
                    bar.set_position(*done);
                } else {
                    bar.set_style(style(STILL));
                    bar.finish();
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
        "done" => "Pull complete",
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
}

impl Stopping {
    /// Begins to watch. Threads that are started while it is held leave these signals alone.
    pub(super) fn new() -> Self {
        let cancel = Cancel::default();
        let mut signals = SigSet::empty();
        signals.extend(STOPPING);
        signals.add(FINISHED);
        let Ok(before) = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK) else {
            return Self { cancel, before: SigSet::empty(), watcher: None };
        };
        let stopped = cancel.clone();
        let watcher = thread::spawn(move || {
            match signals.wait() {
                Ok(FINISHED) | Err(_) => return,
                Ok(_) => stopped.cancel(),
            }
            // A second one ends the program, unless the first one has.
            let mut ending = SigSet::empty();
            ending.extend(STOPPING);
            if ending.thread_unblock().is_ok() {
                let mut finished = SigSet::empty();
                finished.add(FINISHED);
                let _signal = finished.wait();
            }
        });
        Self { cancel, before, watcher: Some(watcher) }
    }

    /// Gives what is cancelled by a signal.
    pub(super) const fn cancel(&self) -> &Cancel {
        &self.cancel
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
        for template in [MOVING, STILL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
