//! The size of a terminal (`ioctl_tty(2)`).

use std::os::fd::{AsRawFd as _, BorrowedFd};

use serde::{Deserialize, Serialize};

use super::{At as _, Result, SysError};

/// How many characters a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// Asks for the size of a terminal; `None` when `fd` is none.
pub fn window_size(fd: BorrowedFd<'_>) -> Option<WindowSize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is open while it is borrowed, and the kernel fills a winsize that outlives the call.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (answer == 0).then_some(WindowSize { columns: size.ws_col, rows: size.ws_row })
}

/// Sets the size of a terminal, by either side; its foreground programs are told by SIGWINCH.
///
/// # Errors
/// What the kernel says.
pub fn set_window_size(fd: BorrowedFd<'_>, size: WindowSize) -> Result<()> {
    let size =
        libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads a winsize that outlives the call.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    if answer == 0 { Ok(()) } else { Err(SysError::last("resize", "a terminal")) }
}

/// A terminal in raw mode (`termios(3)`), until this is dropped.
#[derive(Debug)]
pub struct Raw<'a> {
    terminal: BorrowedFd<'a>,
    before: rustix::termios::Termios,
}

impl<'a> Raw<'a> {
    /// Puts a terminal into raw mode; `None` when it is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn enter(terminal: BorrowedFd<'a>) -> Result<Option<Self>> {
        use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};
        if !isatty(terminal) {
            return Ok(None);
        }
        let before = tcgetattr(terminal).at("read the mode of", "the terminal")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(terminal, OptionalActions::Now, &raw).at("set the mode of", "the terminal")?;
        Ok(Some(Self { terminal, before }))
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // The terminal is gone, then; nothing is left to restore.
        let _restored = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn both_sides_of_a_terminal_have_one_size() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let size = WindowSize { columns: 101, rows: 33 };
        set_window_size(pty.master.as_fd(), size).unwrap();
        assert_eq!(window_size(pty.slave.as_fd()), Some(size));
        let (pipe, _writer) = nix::unistd::pipe().unwrap();
        assert_eq!(window_size(pipe.as_fd()), None);
    }
}
