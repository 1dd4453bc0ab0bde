//! Starting a monitor, from the side of the one who starts it.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream, unix::process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{
    Launch, MonitorError, ROLE,
    channel::Channel,
    protocol::{Instruction, Report},
    role,
};
use crate::{
    model::{ContainerId, Mark},
    sys::{
        At as _, SysError, files,
        process::ProcessId,
        schedule::Beside,
        sealed,
        spawn::{self as processes, Apart},
    },
};

/// A monitor that listens on its socket and waits for its word to go.
#[derive(Debug)]
pub struct Launched {
    id: ContainerId,
    process: ProcessId,
    channel: Channel,
}

/// A monitor that comes up and waits to be told what to do. If this value is dropped, it ends.
#[derive(Debug)]
pub struct Nascent {
    channel: Channel,
    /// If it is this process's child.
    process: Option<ProcessId>,
    started: Option<Started>,
    /// If it is on other processors until then.
    beside: Option<Beside>,
}

/// The process that was started. It forks and leaves, and what goes on is nobody's child: it does not become a zombie of the caller.
#[derive(Debug)]
struct Started(Child);

/// Executes `program` as a monitor and returns at once: loading it takes as long as what the caller has to do meanwhile.
///
/// # Errors
/// [`MonitorError::Kernel`] when it cannot be executed.
pub fn spawn(program: &Path) -> Result<Nascent, MonitorError> {
    let (ours, theirs) = UnixStream::pair().at("make", "a pair of sockets")?;
    // Its children enter containers, which must not write the file they came from.
    let sealed = sealed::seal(program)?;
    let started = Command::new(files::name_of(&sealed))
        .arg0(ROLE)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Started)
        .at_path("execute", program)?;
    let channel = Channel::new(ours);
    Ok(Nascent { channel, process: None, started: Some(started), beside: None })
}

/// Executes `program` as a monitor that stays this process's child, and does not even wait for that: it loads, and makes ready what it can, while the caller reads
/// its arguments and opens the store. For the beginning of `main`, while there is one thread.
///
/// # Errors
/// [`MonitorError::Kernel`].
pub fn foresee(program: &Path) -> Result<Nascent, MonitorError> {
    // The child seals it: to close that again is to wait for all processors.
    let has_room = Beside::is_possible();
    let arguments = [role::NAME, if has_room { role::BESIDE } else { role::NEAR }];
    let seal = || sealed::seal(program);
    let Apart { process, channel, beside } = processes::start_apart(seal, &arguments, has_room)?;
    let channel = Channel::new(UnixStream::from(channel));
    Ok(Nascent { channel, process: Some(process), started: None, beside })
}

impl Drop for Started {
    fn drop(&mut self) {
        // Nothing depends on how it left; who waits for the channel hears what matters.
        drop(self.0.wait());
    }
}

impl Nascent {
    /// Gives its process, if that is known yet.
    pub const fn process(&self) -> Option<ProcessId> {
        self.process
    }

    /// Hands it `launch`, and returns when its socket listens.
    ///
    /// # Errors
    /// [`MonitorError::Start`] with what it could not do, [`MonitorError::Gone`] when it died.
    pub fn launch(self, launch: &Launch) -> Result<Launched, MonitorError> {
        let id = launch.container.id;
        let Self { mut channel, started, beside, .. } = self;
        // Its container must not have to keep off this processor.
        beside.into_iter().for_each(Beside::end);
        let sent = channel.send(&Instruction::Launch(Box::new(launch.clone())));
        drop(started);
        match sent.and_then(|()| channel.receive()) {
            Ok(Some(Report::Listening(process))) => Ok(Launched { id, process, channel }),
            Ok(Some(Report::Failed(failure))) => Err(MonitorError::Start(failure)),
            Ok(Some(Report::Ready(_)) | None) => Err(MonitorError::Gone(id)),
            Err(error) => Err(lost(id, error)),
        }
    }
}

impl Launched {
    /// Gives the monitor's process.
    pub const fn process(&self) -> ProcessId {
        self.process
    }

    /// Lets it start the container and returns, with when which step was over, once the program has been executed and it is written down that it runs.
    /// If this value is dropped before, the monitor undoes everything and ends.
    ///
    /// # Errors
    /// [`MonitorError::Start`] when it was not, and everything is undone and recorded; [`MonitorError::Gone`] when the monitor died.
    pub fn go(mut self) -> Result<Vec<Mark>, MonitorError> {
        let sent = self.channel.send(&Instruction::Go);
        match sent.and_then(|()| self.channel.receive()) {
            Ok(Some(Report::Ready(marks))) => Ok(marks),
            Ok(Some(Report::Failed(failure))) => Err(MonitorError::Start(failure)),
            Ok(Some(Report::Listening(_)) | None) => Err(MonitorError::Gone(self.id)),
            Err(error) => Err(lost(self.id, error)),
        }
    }
}

/// Says what a failed connection means to its caller.
pub(super) fn lost(id: ContainerId, error: io::Error) -> MonitorError {
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::NotConnected
        | io::ErrorKind::NotFound => MonitorError::Gone(id),
        _ => MonitorError::Kernel(SysError::new(
            "talk to",
            format_args!("the monitor of container {}", id.short()),
            error,
        )),
    }
}
