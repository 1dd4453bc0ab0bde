//! Where the time of a start goes.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A part of the way from a command to a container's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// This program is loaded.
    Load,
    /// Arguments are read, the store is opened, image and networks are found.
    Resolve,
    /// Records are written.
    Record,
    /// The monitor has taken over.
    Monitor,
    /// The control group is made and limited.
    Cgroup,
    /// The first process is made, with its namespaces.
    Clone,
    /// The root file system stands.
    Mounts,
    /// The network namespace is connected.
    Network,
    /// User, capabilities and limits are set, and the filter is loaded.
    Seccomp,
    /// The program is executed.
    Exec,
    /// The program has run, and its end is recorded.
    Run,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Load => "load",
            Self::Resolve => "resolve",
            Self::Record => "record",
            Self::Monitor => "monitor",
            Self::Cgroup => "cgroup",
            Self::Clone => "clone",
            Self::Mounts => "mounts",
            Self::Network => "network",
            Self::Seccomp => "seccomp",
            Self::Exec => "exec",
            Self::Run => "run",
        })
    }
}

/// The end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which step.
    pub step: Step,
    /// When, by the clock that all processes of a machine share.
    pub at: Duration,
}

/// Gives the time that passed until each mark since the one before it, or since `begun`: earliest first, and in sum the time to the last one. Of steps that
/// processes take side by side, the one that ends later has what it ends later.
pub fn waterfall(begun: Duration, mut marks: Vec<Mark>) -> Vec<(Step, Duration)> {
    marks.sort_by_key(|mark| mark.at);
    let mut before = begun;
    let mut taken = |at: Duration| {
        let taken = at.saturating_sub(before);
        before = before.max(at);
        taken
    };
    marks.into_iter().map(|mark| (mark.step, taken(mark.at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_time_to_the_last_mark() {
        let at = |step, millis| Mark { step, at: Duration::from_millis(millis) };
        let marks = vec![at(Step::Run, 30), at(Step::Load, 12), at(Step::Mounts, 20)];
        let steps = waterfall(Duration::from_millis(10), marks);
        let millis: Vec<_> = steps.iter().map(|(step, time)| (*step, time.as_millis())).collect();
        assert_eq!(millis, [(Step::Load, 2), (Step::Mounts, 8), (Step::Run, 10)]);
        assert!(waterfall(Duration::ZERO, Vec::new()).is_empty());
    }
}
