//! How far a transfer has come: as bars on a terminal, as lines elsewhere; and how Ctrl-C stops it.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    thread,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::sys::signal::{SigSet, Signal};

use super::output;
use crate::engine::{Cancel, Progress};

/// Signals that stop a transfer in an orderly way; a second one stops it at once.
const STOPPING: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How a layer is shown while it moves: with its speed.
const MOVING: &str = "{prefix}: {msg:16} [{bar:30}] {bytes:>10}/{total_bytes:<10} {bytes_per_sec}";

/// How a layer is shown that does not move any more.
const STILL: &str = "{prefix}: {msg}";

/// What is said of a transfer.
pub(super) enum Transfer {
    /// Nothing.
    Quiet,
    /// A line whenever a layer begins or ends.
    Lines(BTreeMap<String, &'static str>),
    /// A bar for each layer.
    Bars { all: MultiProgress, bars: BTreeMap<String, ProgressBar> },
}

impl Transfer {
    /// Chooses by what standard output is.
    pub(super) fn new(is_quiet: bool) -> Self {
        if is_quiet {
            Self::Quiet
        } else if io::stdout().is_terminal() {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
            Self::Bars { all, bars: BTreeMap::new() }
        } else {
            Self::Lines(BTreeMap::new())
        }
    }

    /// Says something about the whole.
    pub(super) fn say(&self, text: &str) {
        if !matches!(self, Self::Quiet) {
            output::line(text);
        }
    }

    /// Says how far a layer is.
    pub(super) fn tell(&mut self, progress: &Progress) {
        let Progress { phase, object, done, total } = progress;
        let Some(word) = word(phase) else { return };
        match self {
            Self::Quiet => {}
            Self::Lines(told) => {
                if told.insert(object.clone(), word) != Some(word) {
                    output::line(format!("{object}: {word}"));
                }
            }
            Self::Bars { all, bars } => {
                let bar = bars
                    .entry(object.clone())
                    .or_insert_with(|| all.add(ProgressBar::new(0).with_prefix(object.clone())));
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

/// Stops a transfer when somebody presses Ctrl-C, or asks this program to end. Must be called before there is a second thread.
pub(super) fn stop_by_signal(cancel: &Cancel) {
    let mut signals = SigSet::empty();
    signals.extend(STOPPING);
    if signals.thread_block().is_err() {
        return;
    }
    let cancel = cancel.clone();
    thread::spawn(move || {
        if signals.wait().is_ok() {
            cancel.cancel();
            // The next one ends the program.
            let _open = signals.thread_unblock();
            loop {
                thread::park();
            }
        }
    });
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
