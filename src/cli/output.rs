//! The only place that prints. A reader that has gone away (`estiba ps | head -1`) is no failure.
#![expect(clippy::print_stderr, reason = "this is the place")]

use std::{
    io::{self, Write as _},
    os::fd::AsFd as _,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::plain::plain;

/// Prints a line on standard output.
pub(super) fn line(text: impl AsRef<str>) {
    bytes(format!("{}\n", text.as_ref()).as_bytes());
}

/// Prints text as it is on standard output.
pub(super) fn text(text: &str) {
    bytes(text.as_bytes());
}

/// Copies bytes to standard output.
pub(super) fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    // Nobody listens any more, or the disk is full: there is nobody to tell it to either.
    let _unheard = out.write_all(bytes).and_then(|()| out.flush());
}

/// Tells whether anybody can still read standard output: a pipe whose reader has gone (`logs -f x | head -1`) has nobody.
pub(super) fn is_heard() -> bool {
    let out = io::stdout();
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let _answered = poll(&mut fds, PollTimeout::ZERO);
    let [out] = fds;
    !out.revents().is_some_and(|found| found.intersects(PollFlags::POLLERR | PollFlags::POLLNVAL))
}

/// Copies bytes to standard error.
pub(super) fn error_bytes(bytes: &[u8]) {
    let _unheard = io::stderr().lock().write_all(bytes);
}

/// Prints a line on standard error.
pub(super) fn error_line(text: impl AsRef<str>) {
    // It may tell of what others wrote, like the name of a program.
    for line in text.as_ref().split('\n') {
        eprintln!("{}", plain(line));
    }
}
