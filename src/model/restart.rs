//! Whether a container is started again when it has ended.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Exit;

/// Whether a container is started again when it has ended, in Docker's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum RestartPolicy {
    /// It is not.
    #[default]
    No,
    /// Only when it failed.
    OnFailure {
        /// So many times at most; 0 is any number.
        most: u32,
    },
    /// Always, and after a reboot even if it had been stopped by hand.
    Always,
    /// Always, unless it was stopped by hand.
    UnlessStopped,
}

/// A policy that is none; the words are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestartPolicyError {
    /// The word is not known.
    #[error("unknown policy '{0}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'")]
    Unknown(String),
    /// There is a number, but no word before it.
    #[error("invalid restart policy format: no policy provided before colon")]
    Nameless,
    /// What follows the colon is no number.
    #[error("invalid restart policy format: maximum retry count must be an integer")]
    Count,
    /// A number that is below zero.
    #[error("maximum retry count cannot be negative")]
    Negative,
    /// A number where none makes sense.
    #[error("maximum retry count can only be used with 'on-failure'")]
    Counted,
}

impl RestartPolicy {
    /// Tells whether it is the one that nobody has to ask for.
    pub fn is_default(&self) -> bool {
        *self == Self::No
    }

    /// Gives its name without the number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::OnFailure { .. } => "on-failure",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
        }
    }

    /// Gives the most restarts; 0 is any number.
    pub const fn most(self) -> u32 {
        match self {
            Self::OnFailure { most } => most,
            Self::No | Self::Always | Self::UnlessStopped => 0,
        }
    }

    /// Tells whether a container that ended by itself is to be started again, after so many restarts (moby, `RestartManager.ShouldRestart`).
    pub const fn restarts_after(self, exit: &Exit, restarts: u32) -> bool {
        match self {
            Self::No => false,
            Self::OnFailure { most } => exit.code != 0 && (most == 0 || restarts < most),
            Self::Always | Self::UnlessStopped => true,
        }
    }
}

impl FromStr for RestartPolicy {
    type Err = RestartPolicyError;

    fn from_str(text: &str) -> Result<Self, RestartPolicyError> {
        let (name, count) = match text.split_once(':') {
            Some(("", _)) => return Err(RestartPolicyError::Nameless),
            Some((name, count)) => {
                let count: i64 = count.parse().map_err(|_error| RestartPolicyError::Count)?;
                (name, u32::try_from(count).map_err(|_error| RestartPolicyError::Negative)?)
            }
            None => (text, 0),
        };
        match name {
            "on-failure" => Ok(Self::OnFailure { most: count }),
            "no" | "" | "always" | "unless-stopped" if count > 0 => {
                Err(RestartPolicyError::Counted)
            }
            "no" | "" => Ok(Self::No),
            "always" => Ok(Self::Always),
            "unless-stopped" => Ok(Self::UnlessStopped),
            _ => Err(RestartPolicyError::Unknown(name.to_owned())),
        }
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most() {
            0 => f.write_str(self.name()),
            most => write!(f, "{}:{most}", self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_docker_reads_them() {
        for (text, policy) in [
            ("no", RestartPolicy::No),
            ("", RestartPolicy::No),
            ("always", RestartPolicy::Always),
            ("always:0", RestartPolicy::Always),
            ("unless-stopped", RestartPolicy::UnlessStopped),
            ("on-failure", RestartPolicy::OnFailure { most: 0 }),
            ("on-failure:3", RestartPolicy::OnFailure { most: 3 }),
        ] {
            assert_eq!(text.parse(), Ok(policy), "{text}");
        }
        for (text, error) in [
            ("sometimes", RestartPolicyError::Unknown("sometimes".to_owned())),
            (":3", RestartPolicyError::Nameless),
            ("on-failure:x", RestartPolicyError::Count),
            ("on-failure:", RestartPolicyError::Count),
            ("on-failure:-1", RestartPolicyError::Negative),
            ("always:3", RestartPolicyError::Counted),
            ("no:1", RestartPolicyError::Counted),
        ] {
            assert_eq!(text.parse::<RestartPolicy>(), Err(error), "{text}");
        }
        assert_eq!(RestartPolicy::OnFailure { most: 3 }.to_string(), "on-failure:3");
        assert_eq!(RestartPolicy::OnFailure { most: 0 }.to_string(), "on-failure");
    }

    #[test]
    fn a_policy_looks_at_how_it_ended_and_how_often() {
        let (well, badly) = (Exit::default(), Exit { code: 3, ..Exit::default() });
        let thrice = RestartPolicy::OnFailure { most: 3 };
        for (policy, exit, restarts, again) in [
            (RestartPolicy::No, &badly, 0, false),
            (RestartPolicy::Always, &well, 1000, true),
            (RestartPolicy::UnlessStopped, &well, 0, true),
            (RestartPolicy::OnFailure { most: 0 }, &badly, 1000, true),
            (RestartPolicy::OnFailure { most: 0 }, &well, 0, false),
            (thrice, &badly, 2, true),
            (thrice, &badly, 3, false),
            (thrice, &well, 0, false),
        ] {
            assert_eq!(policy.restarts_after(exit, restarts), again, "{policy} {restarts}");
        }
    }

    #[test]
    fn a_policy_is_written_down_and_read_back() {
        for policy in ["no", "always", "unless-stopped", "on-failure:7"] {
            let policy: RestartPolicy = policy.parse().unwrap();
            let text = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<RestartPolicy>(&text).unwrap(), policy, "{text}");
        }
    }
}
