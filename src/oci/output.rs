//! The only place that prints.

use std::io::{self, Write as _};

/// Prints a line on standard output.
pub(super) fn line(text: &str) {
    let mut out = io::stdout().lock();
    // Nobody listens any more, or the disk is full: there is nobody to tell it to either.
    let _unheard = out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush());
}

/// Prints a line on standard error.
pub(super) fn error_line(text: &str) {
    let _unheard = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}
