//! The loop that copies between a user's descriptors and a monitor's socket.

use std::{
    io,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use nix::errno::Errno;

use super::{Session, SessionEnd, keys::DetachKeys};
use crate::{
    model::{ContainerId, Exit},
    monitor::{
        MonitorError,
        launch::lost,
        protocol::{Decoder, Message as _, Reply, Request},
        queue::{Flow, Queue},
    },
    sys::{
        poll::{self, PollFd, PollFlags},
        tty::{WindowSize, window_size},
    },
};

/// How often the size of the user's terminal is looked at. SIGWINCH would tell, but a handler and a mask belong to the whole process, and the user
/// interface that calls this from one of its threads has its own. Only a session with a terminal on both sides pays for it.
const LOOK_AT_SIZE: Duration = Duration::from_millis(250);

/// A pipe that polls as writable takes at least this much (`PIPE_BUF`, `pipe(7)`) without blocking; the descriptors belong to the caller and may be shared, so that
/// they cannot be made non-blocking.
const SAFE_WRITE: usize = 4096;

/// What is read at once, from the user or the monitor.
const READ: usize = 16 << 10;

/// A session on its way.
pub(super) struct Drive<'a> {
    id: ContainerId,
    socket: UnixStream,
    decoder: Decoder,
    to_monitor: Queue,
    stdin: Option<BorrowedFd<'a>>,
    outputs: [Output<'a>; 2],
    keys: Option<DetachKeys>,
    /// The user's terminal, if the program has one too.
    terminal: Option<BorrowedFd<'a>>,
    size: Option<WindowSize>,
    exit: Option<Exit>,
    is_detached: bool,
    buffer: Vec<u8>,
}

/// Where something that the program wrote goes.
struct Output<'a> {
    fd: BorrowedFd<'a>,
    queue: Queue,
    /// Nobody reads it any more.
    is_broken: bool,
    /// How much is written at once.
    piece: usize,
}

/// Which descriptors are ready.
#[derive(Debug, Default, Clone, Copy)]
struct Ready {
    socket: bool,
    stdin: bool,
    outputs: [bool; 2],
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        session: Session,
        stdin: Option<BorrowedFd<'a>>,
        outputs: [BorrowedFd<'a>; 2],
    ) -> Self {
        let (socket, decoder) = session.channel.into_parts();
        let (has_terminal, detach_keys) = (session.has_terminal, session.detach_keys);
        Self {
            id: session.id,
            socket,
            decoder,
            to_monitor: Queue::default(),
            stdin,
            terminal: stdin
                .into_iter()
                .chain(outputs)
                .find(|fd| has_terminal && window_size(*fd).is_some()),
            outputs: outputs.map(|fd| Output {
                fd,
                queue: Queue::default(),
                is_broken: false,
                piece: safe_write(fd),
            }),
            keys: has_terminal.then(|| DetachKeys::new(detach_keys)),
            size: None,
            exit: None,
            is_detached: false,
            buffer: vec![0; READ],
        }
    }

    pub(super) fn run(mut self) -> Result<SessionEnd, MonitorError> {
        self.socket.set_nonblocking(true).map_err(|error| lost(self.id, error))?;
        // What came together with the answer that began the session.
        self.take_replies()?;
        loop {
            self.tell_size()?;
            if self.to_monitor.write_to(&self.socket, usize::MAX, 8) == Flow::Broken {
                // The monitor may have said its last word before it closed.
                self.stdin = None;
            }
            if self.is_detached && self.to_monitor.is_empty() {
                return Ok(SessionEnd::Detached);
            }
            if self.outputs.iter().all(|output| output.queue.is_empty())
                && let Some(exit) = self.exit.take()
            {
                return Ok(SessionEnd::Exited(exit));
            }
            let ready = self.wait()?;
            self.write_outputs(ready);
            if self.outputs[0].is_broken {
                // Nobody is there to see how it ends, and it may never.
                return Ok(SessionEnd::Detached);
            }
            if ready.socket {
                self.read_socket()?;
            }
            if ready.stdin {
                self.read_stdin()?;
            }
        }
    }

    /// Waits until something can be done.
    fn wait(&self) -> Result<Ready, MonitorError> {
        let mut wants = PollFlags::empty();
        wants.set(PollFlags::OUT, !self.to_monitor.is_empty());
        let takes_output = self.outputs.iter().all(|output| output.queue.has_room());
        wants.set(PollFlags::IN, takes_output && self.exit.is_none());
        let mut fds = Vec::with_capacity(4);
        if !wants.is_empty() {
            fds.push(PollFd::from_borrowed_fd(self.socket.as_fd(), wants));
        }
        let has_socket = fds.len();
        let stdin = self.stdin.filter(|_| self.to_monitor.has_room() && !self.is_detached);
        fds.extend(stdin.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let has_stdin = fds.len() - has_socket;
        let waiting = self.outputs.iter().filter(|output| !output.queue.is_empty());
        fds.extend(waiting.map(|output| PollFd::from_borrowed_fd(output.fd, PollFlags::OUT)));
        poll::wait(&mut fds, self.terminal.map(|_| LOOK_AT_SIZE))?;
        let mut answers = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut next = |is_there: bool| is_there && answers.next().unwrap_or(false);
        Ok(Ready {
            socket: next(has_socket == 1),
            stdin: next(has_stdin == 1),
            outputs: self.outputs.each_ref().map(|output| next(!output.queue.is_empty())),
        })
    }

    /// Tells the monitor the size of the user's terminal when it is another than before.
    fn tell_size(&mut self) -> Result<(), MonitorError> {
        let size = self.terminal.and_then(window_size);
        if let Some(now) = size.filter(|_| size != self.size) {
            self.size = size;
            self.say(&Request::Resize(now))?;
        }
        Ok(())
    }

    fn read_stdin(&mut self) -> Result<(), MonitorError> {
        let Some(stdin) = self.stdin else {
            return Ok(());
        };
        let typed = match nix::unistd::read(stdin, &mut self.buffer) {
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            // A terminal that hung up, a descriptor that is closed: nothing more will come.
            Ok(0) | Err(_) => {
                self.stdin = None;
                return self.say(&Request::CloseStdin);
            }
            Ok(length) => self.buffer.get(..length).unwrap_or_default(),
        };
        let mut passed = Vec::with_capacity(typed.len() + 1);
        match &mut self.keys {
            Some(keys) => self.is_detached = keys.pass(typed, &mut passed),
            None => passed.extend_from_slice(typed),
        }
        if passed.is_empty() {
            return Ok(());
        }
        self.say(&Request::Stdin(passed))
    }

    fn read_socket(&mut self) -> Result<(), MonitorError> {
        loop {
            match io::Read::read(&mut self.socket, &mut self.buffer) {
                Ok(0) => return self.end_of_socket(),
                Ok(length) => {
                    self.decoder.feed(self.buffer.get(..length).unwrap_or_default());
                    self.take_replies()?;
                    if self.exit.is_some() || self.outputs.iter().any(|o| !o.queue.has_room()) {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return self.end_of_socket();
                }
                Err(error) => return Err(lost(self.id, error)),
            }
        }
    }

    /// Shows what came before the monitor died, and says that it did.
    fn end_of_socket(&mut self) -> Result<(), MonitorError> {
        for output in &mut self.outputs {
            output.write(true);
        }
        Err(MonitorError::Gone(self.id))
    }

    fn take_replies(&mut self) -> Result<(), MonitorError> {
        while let Some(reply) = self.decoder.next().map_err(|error| lost(self.id, error.into()))? {
            match reply {
                Reply::Stdout(bytes) => self.outputs[0].take(&bytes),
                Reply::Stderr(bytes) => self.outputs[1].take(&bytes),
                Reply::Exited(exit) => self.exit = Some(exit),
                Reply::Failed(failure) => return Err(MonitorError::Start(failure)),
                // Of an answer to a size or a signal nothing depends.
                Reply::Done | Reply::Joined { .. } => {}
            }
        }
        Ok(())
    }

    fn write_outputs(&mut self, ready: Ready) {
        for (output, is_ready) in self.outputs.iter_mut().zip(ready.outputs) {
            output.write(is_ready);
        }
    }

    fn say(&mut self, request: &Request) -> Result<(), MonitorError> {
        request.encode(self.to_monitor.back()).map_err(|error| lost(self.id, error.into()))
    }
}

impl Output<'_> {
    fn take(&mut self, bytes: &[u8]) {
        if !self.is_broken {
            self.queue.push(bytes);
        }
    }

    fn write(&mut self, is_ready: bool) {
        if is_ready && self.queue.write_to(self.fd, self.piece, 1) == Flow::Broken {
            self.is_broken = true;
        }
    }
}

/// Gives how much `fd` takes without blocking: a file takes anything.
fn safe_write(fd: BorrowedFd<'_>) -> usize {
    let is_file =
        nix::sys::stat::fstat(fd).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG);
    if is_file { usize::MAX } else { SAFE_WRITE }
}

#[cfg(test)]
mod tests;
