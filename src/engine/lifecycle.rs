//! Containers as processes: started, stopped, signalled, entered.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    Engine, EngineError, ErrorKind, Result, Session,
    containers::{attributes, existing},
};
use crate::{
    model::{
        Container, ContainerId, ExecRequest, Exit, Occurrence, RestartPolicy, State, Subject, Verb,
    },
    monitor::{Client, MonitorError, asks_to_end},
};

/// How long the kernel may take to end a container that was killed: thousands of processes end one after another, beside all others.
const KILL_PATIENCE: Duration = Duration::from_secs(30);
/// How long a monitor may take from being claimed to listening, and how often it is asked when nothing is heard meanwhile.
const START_PATIENCE: Duration = Duration::from_secs(10);
const START_PAUSE: Duration = Duration::from_millis(50);
const SIGKILL: i32 = 9;

impl Engine {
    /// Starts a container and returns when its program has begun.
    ///
    /// # Errors
    /// As [`Engine::claim`] and [`Claimed::start`](super::Claimed::start).
    pub fn start(&self, id: ContainerId) -> Result<()> {
        self.claim(id)?.start().map(drop)
    }

    /// Asks a container to stop, kills it when `grace` is over, and returns when it has ended.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn stop(&self, id: ContainerId, grace: Duration) -> Result<Exit> {
        self.stop_by(id, None, grace)
    }

    /// As [`Engine::stop`], and asks with `signal` in place of the container's own.
    ///
    /// # Errors
    /// As [`Engine::stop`]; [`ErrorKind::Invalid`] when the container would start again after that signal.
    pub fn stop_by(&self, id: ContainerId, signal: Option<i32>, grace: Duration) -> Result<Exit> {
        let container = self.allowing(id, Verb::Stop)?;
        let asks = signal.is_none_or(|number| asks_to_end(&container, number));
        if !asks && container.config.restart != RestartPolicy::No {
            return Err(EngineError::new(
                ErrorKind::Invalid,
                format!(
                    "container {} starts again when that signal ends it (--restart {})",
                    container.name, container.config.restart
                ),
            )
            .hint(
                "use TERM, INT, QUIT, KILL or its own signal, or first: estiba update --restart no",
            ));
        }
        self.thaw(&container)?;
        self.ask_to_end(&container, signal.unwrap_or(container.config.stop_signal))?;
        let exit = match self.wait_at_most_or_gone(id, Some(grace))? {
            Some(exit) => exit,
            None => self.kill_and_wait(id)?,
        };
        self.note(&container, Occurrence::Stop, [])?;
        Ok(exit)
    }

    /// Stops a container if it runs, and starts it.
    ///
    /// # Errors
    /// As [`Engine::stop`] and [`Engine::start`].
    pub fn restart(&self, id: ContainerId, grace: Duration) -> Result<()> {
        self.restart_by(id, None, grace)
    }

    /// As [`Engine::restart`], and asks it to stop with `signal` in place of its own.
    ///
    /// # Errors
    /// As [`Engine::stop_by`] and [`Engine::start`].
    pub fn restart_by(&self, id: ContainerId, signal: Option<i32>, grace: Duration) -> Result<()> {
        let container = self.allowing(id, Verb::Restart)?;
        if container.state.is_live() {
            self.stop_by(id, signal, grace)?;
        }
        self.start(id)?;
        self.note(&container, Occurrence::Restart, [])
    }

    /// Sends a signal to a container's first process.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn kill(&self, id: ContainerId, signal: i32) -> Result<()> {
        let container = self.allowing(id, Verb::Kill)?;
        self.signal(&container, signal)?;
        if signal == SIGKILL { self.thaw(&container) } else { Ok(()) }
    }

    /// Joins the standard streams of a running container.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn attach(&self, id: ContainerId) -> Result<Session> {
        self.allowing(id, Verb::Attach)?;
        Ok(Session(self.ask(id, Verb::Attach, Client::attach)?))
    }

    /// Runs a further program in a running container.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run, [`ErrorKind::CannotRun`] or [`ErrorKind::NoProgram`] when the program cannot
    /// be executed.
    pub fn exec(&self, id: ContainerId, request: &ExecRequest) -> Result<Session> {
        let container = self.allowing(id, Verb::Exec)?;
        let session = self.ask(id, Verb::Exec, |client| client.exec(request))?;
        self.note(&container, Occurrence::ExecStart, [("command", request.args.join(" "))])?;
        Ok(Session(session))
    }

    /// Kills a container that lives and waits for its end; one that does not live is left as it is.
    pub(super) fn kill_and_wait(&self, id: ContainerId) -> Result<Exit> {
        let container = match self.container_by_id(id) {
            Err(error) if error.kind() == &ErrorKind::NotFound => return Ok(Exit::default()),
            other => other?,
        };
        if container.state.is_live() {
            self.thaw(&container)?;
            self.ask_to_end(&container, SIGKILL)?;
        }
        self.wait_at_most_or_gone(id, Some(KILL_PATIENCE))?.ok_or_else(|| {
            EngineError::new(
                ErrorKind::Kernel,
                format!("container {} was killed but has not ended in 30 seconds", container.name),
            )
            .hint("a process of it hangs in the kernel; look for state D in ps(1)")
        })
    }

    /// Waits through the monitor; when that is gone, the truth is found out without it.
    pub(super) fn wait_for_monitor(
        &self,
        id: ContainerId,
        patience: Option<Duration>,
    ) -> Result<Option<Exit>> {
        let mut watch = self.watch()?;
        let begun = Instant::now();
        loop {
            let waited =
                Client::connect(self.layout(), id).and_then(|mut client| client.wait(patience));
            match waited {
                Err(MonitorError::Gone(_)) => {}
                other => return Ok(other?),
            }
            self.reconcile_one(id)?;
            match self.container_in_turn(id)?.state {
                State::Exited { exit, .. } => return Ok(Some(exit)),
                State::Created => return Ok(Some(Exit::default())),
                // Whoever starts it has claimed it; its monitor does not listen yet.
                State::Starting if begun.elapsed() < START_PATIENCE => {
                    watch.wait(START_PAUSE)?;
                }
                State::Starting | State::Running { .. } | State::Restarting { .. } => {
                    return Err(gone(id));
                }
            }
        }
    }

    /// Asks the monitor of a container something; where it does not answer, the container may just have ended, and that is told.
    fn ask<T>(
        &self,
        id: ContainerId,
        verb: Verb,
        question: impl FnOnce(Client) -> std::result::Result<T, MonitorError>,
    ) -> Result<T> {
        match Client::connect(self.layout(), id).and_then(question) {
            Err(MonitorError::Gone(_)) => {
                self.reconcile_one(id)?;
                check_allows(&self.container_in_turn(id)?, verb)?;
                Err(gone(id))
            }
            other => Ok(other?),
        }
    }

    /// Reads a container when nobody else writes: a monitor stops listening within the transaction that writes the end down.
    fn container_in_turn(&self, id: ContainerId) -> Result<Container> {
        self.store().write(|records| existing(records, id))
    }

    /// As [`Engine::wait_at_most`], but a container that removed itself has ended well.
    fn wait_at_most_or_gone(
        &self,
        id: ContainerId,
        patience: Option<Duration>,
    ) -> Result<Option<Exit>> {
        match self.wait_at_most(id, patience) {
            Err(error) if error.kind() == &ErrorKind::NotFound => Ok(Some(Exit::default())),
            other => other,
        }
    }

    /// Sends a signal to a container whose end is waited for then; one that has ended, or that somebody has removed, needs none.
    fn ask_to_end(&self, container: &Container, signal: i32) -> Result<()> {
        match self.signal(container, signal) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Gone | ErrorKind::Conflict | ErrorKind::NotFound
                ) =>
            {
                Ok(())
            }
            asked => asked,
        }
    }

    fn signal(&self, container: &Container, signal: i32) -> Result<()> {
        self.ask(container.id, Verb::Kill, |mut client| client.signal(signal))?;
        self.note(container, Occurrence::Kill, [("signal", signal.to_string())])
    }

    fn allowing(&self, id: ContainerId, verb: Verb) -> Result<Container> {
        let container = self.container_by_id(id)?;
        check_allows(&container, verb)?;
        Ok(container)
    }

    /// Writes a journal line about a container.
    fn note<const N: usize>(
        &self,
        container: &Container,
        occurrence: Occurrence,
        more: [(&str, String); N],
    ) -> Result<()> {
        let mut attributes = attributes(container);
        attributes.extend(more.map(|(key, value)| (key.to_owned(), value)));
        self.store().write(|records| {
            Ok(records.journal(Subject::Container, &container.id.hex(), occurrence, attributes)?)
        })
    }
}

pub(super) fn check_allows(container: &Container, verb: Verb) -> Result<()> {
    if container.state.allows(verb) {
        return Ok(());
    }
    let state = match &container.state {
        State::Created => "it was never started",
        State::Starting => "it is about to start",
        State::Running { paused: false, .. } => "it is running",
        State::Running { paused: true, .. } => "it is paused",
        State::Restarting { .. } => "it is restarting",
        State::Exited { .. } => "it is not running",
    };
    let error = EngineError::new(
        ErrorKind::Conflict,
        format!("cannot {verb} container {}: {state}", container.name),
    );
    Err(match container.state {
        State::Running { paused: true, .. } => {
            error.hint(format!("let it go on: estiba unpause {}", container.name))
        }
        State::Restarting { .. } => error.hint("wait until it runs, or stop it first"),
        _ => error,
    })
}

fn gone(id: ContainerId) -> EngineError {
    EngineError::new(ErrorKind::Gone, format!("the monitor of container {} is gone", id.short()))
}

impl From<MonitorError> for EngineError {
    fn from(error: MonitorError) -> Self {
        match error {
            MonitorError::Start(failure) => {
                let kind = match failure.exit_code {
                    126 => ErrorKind::CannotRun,
                    127 => ErrorKind::NoProgram,
                    _ => ErrorKind::Kernel,
                };
                Self::new(kind, failure.message)
            }
            MonitorError::Gone(id) => gone(id),
            other @ MonitorError::Kernel(_) => {
                Self::new(ErrorKind::Kernel, "the container's monitor cannot be reached")
                    .caused_by(other)
            }
        }
    }
}

/// Particulars of an exit for the journal.
pub(super) fn exit_attributes(container: &Container, exit: &Exit) -> BTreeMap<String, String> {
    let mut attributes = attributes(container);
    attributes.insert("exitCode".to_owned(), exit.code.to_string());
    attributes
}
