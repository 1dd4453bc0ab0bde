//! The terminal: taken over, lent to a container, and given back whatever happens.

use std::{
    io::{self, IsTerminal, Stdout, Write},
    panic,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crossterm::{
    cursor, event, execute,
    style::Print,
    terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
};
use ratatui::{
    Terminal,
    backend::{Backend, CrosstermBackend},
};

/// Whether the terminal is ours now; whoever gives it back first clears this.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the mouse is ours while the terminal is.
static MOUSE: AtomicBool = AtomicBool::new(true);

/// Has the terminal tell of clicks and of the wheel (1000), in numbers that end nowhere (1006).
///
/// Not crossterm's `EnableMouseCapture`: that has every movement told, too, and each would wake the loop.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Screen {
    /// What frames are drawn with.
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over. The panic hook that gives it back is set before anything is changed.
    ///
    /// # Errors
    /// When standard input or output is no terminal, or it fails.
    pub(super) fn enter() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the screen needs a terminal as standard input and output",
            ));
        }
        set_panic_hook();
        take()?;
        match Terminal::new(CrosstermBackend::new(io::stdout())) {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Lends the terminal: an ordinary screen, still raw, as what runs in a container has a terminal of its own.
    ///
    /// # Errors
    /// When the terminal fails.
    pub(super) fn lend(words: &str) -> io::Result<()> {
        execute!(
            io::stdout(),
            Print(MOUSE_OFF),
            event::DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        )?;
        write!(io::stdout(), "{words}\r\n")?;
        io::stdout().flush()
    }

    /// Takes the terminal back after it was lent.
    ///
    /// # Errors
    /// When the terminal fails.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        take()?;
        forget_frame(&mut self.terminal)
    }
}

/// Clears the terminal, so that the next frame draws every cell.
///
/// Not by [`Terminal::clear`]: that asks the terminal for its cursor and waits for the answer behind the very thread that
/// reads the keyboard, for ever.
///
/// # Errors
/// When the terminal fails.
pub(super) fn forget_frame<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    terminal::enable_raw_mode()?;
    let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_ON } else { "" };
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        event::EnableBracketedPaste,
        Print(mouse),
        cursor::Hide
    )
}

/// Takes the mouse for the screen, or leaves it to the terminal, which selects text with it.
pub(super) fn take_mouse(is_ours: bool) {
    MOUSE.store(is_ours, Ordering::SeqCst);
    // A terminal that is gone is noticed by the next frame.
    drop(execute!(io::stdout(), Print(if is_ours { MOUSE_ON } else { MOUSE_OFF })));
}

/// Makes the terminal what it was. Failures cannot be told to anyone: the terminal may be gone (SIGHUP).
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        drop(execute!(
            io::stdout(),
            Print(MOUSE_OFF),
            event::DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        ));
        drop(terminal::disable_raw_mode());
    }
}

/// Gives the terminal back before a panic of this thread is told. One of another thread comes back as a failed job; telling
/// it here would write over the screen.
fn set_panic_hook() {
    let ours = thread::current().id();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |information| {
        if thread::current().id() == ours {
            give_back();
            before(information);
        } else if !TAKEN.load(Ordering::SeqCst) {
            before(information);
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        fs::File,
        io::Read as _,
        process::{Command, Stdio},
    };

    use nix::pty::openpty;
    use rustix::termios::{LocalModes, tcgetattr};

    use super::Screen;

    /// Tells the copy of the test program that it is to panic.
    const ROLE: &str = "ESTIBA_TEST_PANIC";

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if env::var_os(ROLE).is_some() {
            let _screen = Screen::enter().unwrap();
            panic!("overboard");
        }
        let pty = openpty(None, None).unwrap();
        let copy = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut child = Command::new("/proc/self/exe")
            .args([
                "tui::terminal::tests::a_panic_gives_the_terminal_back_before_it_is_told",
                "--exact",
                "--nocapture",
            ])
            .env(ROLE, "1")
            .stdin(copy())
            .stdout(copy())
            .stderr(copy())
            .spawn()
            .unwrap();
        let mut master = File::from(pty.master);
        let mut said = String::new();
        // Until the words are there; the terminal stays open in this process, so there is no end to wait for.
        while !said.contains("overboard") {
            let mut bytes = [0; 4096];
            let count = master.read(&mut bytes).unwrap();
            said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        let (before, _) = said.split_once("overboard").unwrap();
        let (entered, left) = (before.find("\u{1b}[?1049h"), before.find("\u{1b}[?1049l"));
        assert!(entered.is_some() && entered < left, "{before:?}");
        assert!(!child.wait().unwrap().success());
        let modes = tcgetattr(&pty.slave).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    }
}
