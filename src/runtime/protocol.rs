//! What monitor and first process say to each other until the program is executed.
//!
//! Monitor: [`Order::Start`]; before it [`Order::Outfitted`] if there is a user namespace to be made or a link to be moved, [`Order::Admitted`] if the group is made meanwhile, and [`Order::Hooked`] if there are hooks, for which
//! [`Report::Mounted`] asks. First process: [`Report::Terminal`] and [`Report::Listener`] if there is one, [`Report::Executing`], and then either
//! nothing (executing the program closed its end) or [`Report::Program`]; [`Report::Failed`] at any point instead.
//!
//! Where the gate is a pipe, the first process says [`Report::Waiting`] when all is set up, and [`Order::Start`] is the word that its parent
//! has written down what it is and lets it go.

use std::os::fd::{BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{InitError, Progress, RuntimeError};
use crate::sys::{channel::Channel, pidfd};

/// What the monitor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// The user namespace has its ids, and the links of the host that are to be the container's have moved.
    Outfitted,
    /// The control group is there, and what is mounted from the host; here is the network namespace, if one was to be made.
    Admitted,
    /// The hooks outside have run; here is the state for those inside.
    Hooked,
    /// Execute the program, or wait at the gate for somebody else.
    Start,
}

/// What the first process says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The mounts are made; the hooks outside may run.
    Mounted,
    /// The hooks inside have run.
    Hooked,
    /// Here is the master side.
    Terminal,
    /// Here is where calls wait for a decision.
    Listener,
    /// All is set up; the next thing is `execve(2)`.
    Executing(Progress),
    /// All is set up; the next thing is the gate.
    Waiting,
    /// A step failed.
    Failed(InitError),
    /// The program could not be executed.
    Program {
        /// Which.
        program: String,
        /// Why.
        reason: String,
        /// 126 or 127.
        exit_code: i32,
    },
}

impl Report {
    /// Gives the exit code of a process that ends with this report.
    pub(super) const fn exit_code(&self) -> i32 {
        match self {
            Self::Program { exit_code, .. } => *exit_code,
            _ => 125,
        }
    }
}

/// Sends a message.
pub(super) fn say(
    channel: &Channel,
    message: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> Result<(), InitError> {
    let bytes = postcard::to_stdvec(message).map_err(|error| misunderstood(&error))?;
    channel.send(&bytes, descriptor).map_err(|error| misunderstood(&error))
}

/// Waits for a message; `None` when the other side is gone.
pub(super) fn hear<T: DeserializeOwned>(
    channel: &Channel,
) -> Result<Option<(T, Option<OwnedFd>)>, InitError> {
    let Some((bytes, descriptor)) = channel.receive().map_err(|error| misunderstood(&error))?
    else {
        return Ok(None);
    };
    let message = postcard::from_bytes(&bytes).map_err(|error| misunderstood(&error))?;
    Ok(Some((message, descriptor)))
}

/// Waits, in the child, for exactly this order.
pub(super) fn expect_order(channel: &Channel, order: &Order) -> Result<(), InitError> {
    expect_with_descriptor(channel, order).map(drop)
}

/// As [`expect_order`], and gives what came with it.
pub(super) fn expect_with_descriptor(
    channel: &Channel,
    order: &Order,
) -> Result<Option<OwnedFd>, InitError> {
    match hear::<Order>(channel)? {
        Some((heard, descriptor)) if heard == *order => Ok(descriptor),
        Some((heard, _)) => Err(misunderstood(&format_args!("{heard:?} before {order:?}"))),
        None => Err(InitError::Abandoned),
    }
}

/// Waits, in the parent, until the program is executed, or its process waits at the gate, or it will never be; gives the terminal's master side and how
/// it got there.
/// `on_listener` gets the descriptor at which calls wait that the filter hands on.
pub(super) fn await_execution(
    channel: &Channel,
    child: BorrowedFd<'_>,
    on_listener: impl Fn(OwnedFd) -> Result<(), RuntimeError>,
) -> Result<(Option<OwnedFd>, Option<Progress>), RuntimeError> {
    let mut terminal = None;
    let mut progress = None;
    while let Some((report, descriptor)) = hear::<Report>(channel)? {
        match report {
            Report::Terminal => terminal = descriptor,
            Report::Listener => {
                if let Some(descriptor) = descriptor {
                    on_listener(descriptor)?;
                }
            }
            Report::Executing(reached) => progress = Some(reached),
            Report::Waiting => return Ok((terminal, None)),
            // Whoever runs no hooks has not asked for these.
            Report::Mounted | Report::Hooked => {}
            Report::Failed(error) => return Err(error.into()),
            Report::Program { program, reason, exit_code } => {
                return Err(RuntimeError::Program { program, reason, exit_code });
            }
        }
    }
    if progress.is_some() {
        return Ok((terminal, progress));
    }
    Err(InitError::Died(pidfd::ending(child).unwrap_or_default()).into())
}

fn misunderstood(reason: &dyn std::fmt::Display) -> InitError {
    InitError::Protocol(reason.to_string())
}

#[cfg(test)]
mod tests {
    use std::{os::fd::AsFd as _, time::Duration};

    use super::*;

    const EXECUTING: Report =
        Report::Executing(Progress { mounted: Duration::ZERO, armed: Duration::ZERO });

    fn reports(reports: &[Report]) -> Result<Option<OwnedFd>, RuntimeError> {
        let (parent, child) = Channel::pair().unwrap();
        // Any descriptor but the child's own end: whoever received that would keep the channel open.
        let terminal = rustix::pipe::pipe().unwrap().0;
        for report in reports {
            let descriptor = matches!(report, Report::Terminal).then_some(terminal.as_fd());
            say(&child, report, descriptor).unwrap();
        }
        drop(child);
        await_execution(&parent, parent.as_fd(), |_| Ok(())).map(|(terminal, _)| terminal)
    }

    #[test]
    fn silence_after_executing_means_executed() {
        assert!(reports(&[EXECUTING]).unwrap().is_none());
        assert!(reports(&[Report::Terminal, EXECUTING]).unwrap().is_some());
    }

    #[test]
    fn silence_before_executing_means_died() {
        for early in [&[][..], &[Report::Terminal][..]] {
            let error = reports(early).unwrap_err();
            assert!(matches!(error, RuntimeError::Init(InitError::Died(_))), "{error}");
        }
    }

    #[test]
    fn failures_keep_their_kind() {
        let error = reports(&[Report::Failed(InitError::Abandoned)]).unwrap_err();
        assert!(matches!(error, RuntimeError::Init(InitError::Abandoned)));
        let error = reports(&[
            EXECUTING,
            Report::Program {
                program: "foo".to_owned(),
                reason: "no such file or directory".to_owned(),
                exit_code: 127,
            },
        ])
        .unwrap_err();
        assert!(matches!(error, RuntimeError::Program { exit_code: 127, .. }));
    }

    #[test]
    fn an_order_that_cannot_come_any_more_is_not_waited_for() {
        let (parent, child) = Channel::pair().unwrap();
        say(&parent, &Order::Start, None).unwrap();
        assert_eq!(expect_order(&child, &Order::Start), Ok(()));
        drop(parent);
        assert_eq!(expect_order(&child, &Order::Start), Err(InitError::Abandoned));
        assert!(child.is_closed());
    }
}
