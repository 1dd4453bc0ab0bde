//! A real pty with a program in it, and what a terminal would show.

use std::{
    fs::File,
    io::{PipeReader, PipeWriter, Read as _, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::pty::{OpenptyResult, Winsize, openpty};
use rustix::event::{PollFd, PollFlags, poll};

use crate::support::PATIENCE;

/// A program in a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keyboard: Option<File>,
    /// Dropping it ends the thread that reads.
    bell: Option<PipeWriter>,
    reader: Option<JoinHandle<()>>,
    seen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts a program in a terminal of this size.
    pub(crate) fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).unwrap();
        // The copy is closed by executing; a program that held its own terminal's master could never lose it.
        let master = { master }.try_clone().unwrap();
        let copy = |slave: &OwnedFd| slave.try_clone().unwrap();
        command
            .stdin(copy(&slave))
            .stdout(copy(&slave))
            .stderr(slave)
            .env("TERM", "xterm-256color");
        let child = command.spawn().unwrap();
        drop(command);
        let size = |number: u16| number.try_into().unwrap();
        let seen = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(columns), 0)));
        let keyboard = File::from(master);
        let (output, screen) = (keyboard.try_clone().unwrap(), Arc::clone(&seen));
        let (hears, bell) = std::io::pipe().unwrap();
        let reader = std::thread::spawn(move || show(output, &hears, &screen));
        Self { child, keyboard: Some(keyboard), bell: Some(bell), reader: Some(reader), seen }
    }

    /// Closes the terminal under the program.
    pub(crate) fn hang_up(&mut self) {
        drop(self.bell.take());
        self.reader.take().unwrap().join().unwrap();
        drop(self.keyboard.take());
    }

    /// Tells whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Types.
    pub(crate) fn send(&mut self, keys: &str) {
        self.keyboard.as_ref().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Gives what a person sees now.
    pub(crate) fn screen(&self) -> String {
        self.seen.lock().unwrap().screen().contents()
    }

    /// Tells whether the alternate screen is shown.
    pub(crate) fn is_alternate(&self) -> bool {
        self.seen.lock().unwrap().screen().alternate_screen()
    }

    /// Tells whether the cursor is hidden.
    pub(crate) fn hides_cursor(&self) -> bool {
        self.seen.lock().unwrap().screen().hide_cursor()
    }

    /// Tells whether the program has taken the mouse.
    pub(crate) fn takes_mouse(&self) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// Tells whether typed keys are echoed and lines edited, as a shell expects to find it.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes =
            rustix::termios::tcgetattr(self.keyboard.as_ref().unwrap()).unwrap().local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO | rustix::termios::LocalModes::ICANON)
    }

    /// Gives the number of the process.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Waits until the screen shows something.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(&format!("{text:?} to be shown"), |screen| screen.contains(text));
    }

    /// Waits until the screen shows something no more.
    pub(crate) fn wait_until_gone(&self, text: &str) {
        self.wait_until(&format!("{text:?} to go"), |screen| !screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.screen()) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}:\n{}", self.screen());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Waits until the program has ended, and tells how.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.screen());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// Passes on what the program prints, until the bell rings or nobody has the other side open.
fn show(mut output: File, bell: &PipeReader, screen: &Mutex<vt100::Parser>) {
    let mut buffer = [0; 4096];
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN),
        ];
        poll(&mut fds, None).unwrap();
        if !fds[0].revents().is_empty() {
            return;
        }
        // EIO is how a pty says that nobody has the other side open any more.
        let Ok(count @ 1..) = output.read(&mut buffer) else { return };
        screen.lock().unwrap().process(&buffer[..count]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _already_dead = self.child.kill();
        let _already_reaped = self.child.wait();
    }
}
