//! What a container is doing, how it ended, and what can be asked of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Health, Timestamp};

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum State {
    /// Made, never started.
    Created,
    /// Between the request to start and the first instruction of its program.
    Starting,
    /// Its first process lives.
    Running {
        /// Since when.
        started: Timestamp,
        /// Whether its processes are made to stand still.
        #[serde(default)]
        paused: bool,
        /// How often it was started again since someone started it.
        #[serde(default)]
        restarts: u32,
        /// Whether it is well, if that is checked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        health: Option<Health>,
    },
    /// Its first process has ended, and its monitor will start it again.
    Restarting {
        /// When its last run began.
        started: Option<Timestamp>,
        /// When that ended.
        finished: Timestamp,
        /// How that ended.
        exit: Exit,
        /// How often it was started again since someone started it, this time included.
        restarts: u32,
    },
    /// Its first process has ended, or could not be started.
    Exited {
        /// When it began; `None` if its program never ran.
        started: Option<Timestamp>,
        /// When it ended.
        finished: Timestamp,
        /// How it ended.
        exit: Exit,
        /// How often it was started again since someone started it.
        #[serde(default)]
        restarts: u32,
        /// The boot of the machine in which someone asked it to end, if someone did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped_in: Option<String>,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code; 128 plus the signal when a signal ended it; 125 to 127 when it could not be started.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the kernel killed something in the container for want of memory.
    pub oom: bool,
    /// Why it could not be started, or what Estiba could not find out about its end, give back, or write into its log.
    pub error: Option<String>,
}

/// What can be asked of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Let it begin.
    Start,
    /// Ask it to end, then make it end.
    Stop,
    /// Stop if need be, then start.
    Restart,
    /// Send a signal.
    Kill,
    /// Run a further program inside.
    Exec,
    /// Join its standard streams.
    Attach,
    /// Make its processes stand still.
    Pause,
    /// Let them go on.
    Unpause,
    /// List its processes.
    Top,
    /// Remove it without force.
    Remove,
}

impl State {
    /// Tells whether `verb` makes sense now: the one table that UI, command line and engine ask.
    pub const fn allows(&self, verb: Verb) -> bool {
        match verb {
            Verb::Start => matches!(self, Self::Created | Self::Exited { .. }),
            Verb::Stop | Verb::Kill => {
                matches!(self, Self::Running { .. } | Self::Restarting { .. })
            }
            Verb::Top => matches!(self, Self::Running { .. }),
            Verb::Exec | Verb::Attach | Verb::Pause => {
                matches!(self, Self::Running { paused: false, .. })
            }
            Verb::Unpause => matches!(self, Self::Running { paused: true, .. }),
            Verb::Restart => !matches!(self, Self::Starting),
            Verb::Remove => matches!(self, Self::Created | Self::Exited { .. }),
        }
    }

    /// Tells whether processes of the container live or are about to.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Starting | Self::Running { .. } | Self::Restarting { .. })
    }

    /// Gives the state of a container that has just begun, for the first time since someone started it.
    pub const fn running(started: Timestamp) -> Self {
        Self::Running { started, paused: false, restarts: 0, health: None }
    }

    /// Gives the state of a container that ended by itself.
    pub const fn exited(started: Option<Timestamp>, finished: Timestamp, exit: Exit) -> Self {
        Self::Exited { started, finished, exit, restarts: 0, stopped_in: None }
    }

    /// Gives how often it was started again since someone started it.
    pub const fn restarts(&self) -> u32 {
        match self {
            Self::Created | Self::Starting => 0,
            Self::Running { restarts, .. }
            | Self::Restarting { restarts, .. }
            | Self::Exited { restarts, .. } => *restarts,
        }
    }

    /// Tells whether it is well, if it runs and that is checked.
    pub const fn health(&self) -> Option<Health> {
        match self {
            Self::Running { health, .. } => *health,
            _ => None,
        }
    }

    /// Gives the one word for it: `created`, `starting`, `running`, `paused`, `restarting`, `exited`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Starting => "starting",
            Self::Running { paused: false, .. } => "running",
            Self::Running { paused: true, .. } => "paused",
            Self::Restarting { .. } => "restarting",
            Self::Exited { .. } => "exited",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Exec => "exec in",
            Self::Attach => "attach to",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Top => "list the processes of",
            Self::Remove => "remove",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_follow_the_state() {
        let started = Timestamp::UNIX_EPOCH;
        let running = State::running(started);
        let paused = State::Running { started, paused: true, restarts: 0, health: None };
        let exited = State::exited(None, started, Exit::default());
        let restarting = State::Restarting {
            started: None,
            finished: started,
            exit: Exit::default(),
            restarts: 1,
        };
        for (state, verb, allowed) in [
            (&State::Created, Verb::Start, true),
            (&State::Created, Verb::Stop, false),
            (&State::Created, Verb::Remove, true),
            (&State::Starting, Verb::Start, false),
            (&State::Starting, Verb::Remove, false),
            (&State::Starting, Verb::Restart, false),
            (&running, Verb::Start, false),
            (&running, Verb::Exec, true),
            (&running, Verb::Kill, true),
            (&running, Verb::Remove, false),
            (&running, Verb::Pause, true),
            (&running, Verb::Unpause, false),
            (&paused, Verb::Unpause, true),
            (&paused, Verb::Stop, true),
            (&paused, Verb::Exec, false),
            (&exited, Verb::Pause, false),
            (&exited, Verb::Start, true),
            (&exited, Verb::Exec, false),
            (&exited, Verb::Remove, true),
            (&restarting, Verb::Start, false),
            (&restarting, Verb::Stop, true),
            (&restarting, Verb::Kill, true),
            (&restarting, Verb::Restart, true),
            (&restarting, Verb::Exec, false),
            (&restarting, Verb::Attach, false),
            (&restarting, Verb::Pause, false),
            (&restarting, Verb::Top, false),
            (&restarting, Verb::Remove, false),
        ] {
            assert_eq!(state.allows(verb), allowed, "{} {verb}", state.word());
        }
    }
}
