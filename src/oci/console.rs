//! A terminal that the caller asked for: sent to its socket, or kept for the foreground.

use std::{
    os::{fd::AsFd as _, fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
};

use oci_spec::runtime::Process;

use super::{Context, Failure};
use crate::{
    runtime::Stdio,
    sys::{At as _, channel::Channel, socket, tty},
};

/// What runc sends along as the name of the terminal.
const NAME: &[u8] = b"/dev/ptmx";

/// Where the master side of a terminal goes.
#[derive(Debug)]
pub(super) enum Console {
    /// There is no terminal.
    None,
    /// To whoever listens there.
    Socket(UnixStream),
    /// It stays here, for the foreground.
    Here,
}

impl Console {
    /// Decides, before anything is made, where the terminal goes; what does not fit together is an error.
    pub(super) fn choose(
        context: &Context<'_>,
        has_terminal: bool,
        is_detached: bool,
        socket: Option<&PathBuf>,
    ) -> Result<Self, Failure> {
        match (has_terminal, socket) {
            (true, None) if is_detached => Err(Failure::new(
                "cannot allocate tty if runc will detach without setting console socket",
            )),
            (true, None) => Ok(Self::Here),
            (false, None) => Ok(Self::None),
            (true, Some(path)) if is_detached => connect(&context.absolute(path)).map(Self::Socket),
            (_, Some(_)) => Err(Failure::new(
                "cannot use console socket if runc will not detach or allocate tty",
            )),
        }
    }

    /// Gives the streams of the program: its own terminal, or those of this process.
    pub(super) fn stdio(&self) -> Result<Stdio, Failure> {
        if !matches!(self, Self::None) {
            return Ok(Stdio::Terminal);
        }
        let copy = |number, stream: std::os::fd::BorrowedFd<'_>| {
            stream.try_clone_to_owned().at("duplicate standard stream", number)
        };
        Ok(Stdio::Pipes {
            stdin: copy(0, std::io::stdin().as_fd())?,
            stdout: copy(1, std::io::stdout().as_fd())?,
            stderr: copy(2, std::io::stderr().as_fd())?,
        })
    }

    /// Sizes the terminal as the process asks, and sends it where it belongs; gives it back if that is here.
    pub(super) fn deliver(
        self,
        master: Option<OwnedFd>,
        process: &Process,
    ) -> Result<Option<OwnedFd>, Failure> {
        let Some(master) = master else { return Ok(None) };
        if let Some(size) = process.console_size() {
            let fit = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
            let size = tty::WindowSize { columns: fit(size.width()), rows: fit(size.height()) };
            tty::set_window_size(master.as_fd(), size)?;
        }
        match self {
            Self::Socket(stream) => {
                Channel::from(stream).send(NAME, Some(master.as_fd()))?;
                Ok(None)
            }
            Self::Here => Ok(Some(master)),
            Self::None => Ok(None),
        }
    }
}

/// Connects to a socket of the caller.
pub(super) fn connect(path: &Path) -> Result<UnixStream, Failure> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Err(Failure::new(format!("{} is no socket", path.display())));
    };
    Ok(socket::connect(dir, name)?)
}
