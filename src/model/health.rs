//! How it is found out whether a container is well, and what was found.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a check that says nothing about it takes; Docker's numbers.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;

/// How often a container is asked whether it is well, and how. What is zero or empty is not said: an image's word stands, or the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// `CMD` and the program with its arguments, or `CMD-SHELL` and a line for the shell, or `NONE`.
    pub test: Vec<String>,
    /// From the end of one check to the next.
    pub interval: Duration,
    /// How long a check may take before it counts as failed.
    pub timeout: Duration,
    /// For so long after the start a failure does not count.
    pub start_period: Duration,
    /// From one check to the next within that time.
    pub start_interval: Duration,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
}

impl HealthCheck {
    /// The word that says that an image's check is not wanted.
    pub const NONE: &str = "NONE";

    /// Tells whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Fills in what is not said from an image's check.
    #[must_use]
    pub fn over(self, image: &Self) -> Self {
        let longer = |own: Duration, other: Duration| if own.is_zero() { other } else { own };
        Self {
            interval: longer(self.interval, image.interval),
            timeout: longer(self.timeout, image.timeout),
            start_period: longer(self.start_period, image.start_period),
            start_interval: longer(self.start_interval, image.start_interval),
            retries: if self.retries == 0 { image.retries } else { self.retries },
            test: if self.test.is_empty() { image.test.clone() } else { self.test },
        }
    }

    /// Gives the program that asks, with its arguments; `None` when nobody asks.
    pub fn command(&self) -> Option<Vec<String>> {
        let (kind, rest) = self.test.split_first()?;
        match (kind.as_str(), rest) {
            ("CMD", [program, ..]) if !program.is_empty() => Some(rest.to_vec()),
            ("CMD-SHELL", [line, ..]) if !line.is_empty() => {
                Some(["/bin/sh", "-c", line].map(str::to_owned).to_vec())
            }
            _ => None,
        }
    }

    /// Gives how long a check may take.
    pub const fn patience(&self) -> Duration {
        if self.timeout.is_zero() { TIMEOUT } else { self.timeout }
    }

    /// Gives the time to the next check of a container that is so, and runs for so long.
    pub fn pause(&self, health: Health, running: Duration) -> Duration {
        let or = |own: Duration, usual| if own.is_zero() { usual } else { own };
        if health == Health::Starting && running < self.start_period {
            or(self.start_interval, START_INTERVAL)
        } else {
            or(self.interval, INTERVAL)
        }
    }

    /// Gives how many failures in a row make it unhealthy.
    pub const fn most_failures(&self) -> u32 {
        if self.retries == 0 { RETRIES } else { self.retries }
    }
}

/// Whether a container that runs is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// No check has succeeded yet, and not enough have failed.
    Starting,
    /// The last check succeeded, or not enough in a row have failed since.
    Healthy,
    /// Too many in a row have failed.
    Unhealthy,
}

impl Health {
    /// Gives the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One check, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthResult {
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// How its program ended: 0 is well; -1 when it took too long or could not be executed.
    pub code: i32,
    /// What it wrote, at most [`HealthHistory::OUTPUT`] bytes of it, or why there is nothing.
    pub output: String,
}

/// What the last checks of a container found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthHistory {
    /// When the run began that the failures were counted in.
    pub run: Option<Timestamp>,
    /// How many failed in a row.
    pub failures: u32,
    /// The last ones, oldest first.
    pub results: Vec<HealthResult>,
}

impl HealthHistory {
    /// How many results are kept; Docker's number.
    pub const LENGTH: usize = 5;
    /// How many bytes of a check's output are kept; Docker's number.
    pub const OUTPUT: usize = 4096;

    /// Adds a result, and says how the container is after it. `health` is how it was, `running` how long it had run when the check began
    /// (moby, `handleProbeResult`).
    pub fn add(
        &mut self,
        result: HealthResult,
        check: &HealthCheck,
        health: Health,
        running: Duration,
    ) -> Health {
        let is_well = result.code == 0;
        let too_many = (self.results.len() + 1).saturating_sub(Self::LENGTH);
        self.results.drain(..too_many);
        self.results.push(result);
        if is_well {
            self.failures = 0;
            return Health::Healthy;
        }
        if health == Health::Starting && running < check.start_period {
            return health;
        }
        self.failures += 1;
        if self.failures >= check.most_failures() { Health::Unhealthy } else { health }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn result(code: i32) -> HealthResult {
        let at = Timestamp::UNIX_EPOCH;
        HealthResult { start: at, end: at, code, output: String::new() }
    }

    #[test]
    fn who_asks_is_read_from_the_test() {
        let command = |test| HealthCheck { test, ..HealthCheck::default() }.command();
        assert_eq!(command(words("CMD curl -f x")), Some(words("curl -f x")));
        let line = vec!["CMD-SHELL".to_owned(), "a || b".to_owned()];
        let expected = ["/bin/sh", "-c", "a || b"].map(str::to_owned).to_vec();
        assert_eq!(command(line), Some(expected));
        for nobody in ["", "NONE", "CMD", "CMD-SHELL", "curl x"] {
            assert_eq!(command(words(nobody)), None, "{nobody}");
        }
    }

    #[test]
    fn what_is_not_said_comes_from_the_image() {
        let image = HealthCheck {
            test: words("CMD image"),
            interval: Duration::from_secs(1),
            retries: 7,
            ..HealthCheck::default()
        };
        let own = HealthCheck { retries: 2, ..HealthCheck::default() }.over(&image);
        assert_eq!((own.test, own.interval, own.retries), (words("CMD image"), image.interval, 2));
        let none = HealthCheck { test: words("NONE"), ..HealthCheck::default() }.over(&image);
        assert_eq!(none.command(), None);
    }

    #[test]
    fn failures_count_after_the_start_and_a_success_forgets_them() {
        let check = HealthCheck {
            retries: 2,
            start_period: Duration::from_secs(10),
            ..HealthCheck::default()
        };
        let mut history = HealthHistory::default();
        let mut health = Health::Starting;
        for (code, second, expected, failures) in [
            (1, 1, Health::Starting, 0),
            (1, 9, Health::Starting, 0),
            (1, 11, Health::Starting, 1),
            (0, 12, Health::Healthy, 0),
            // Once it was well, the start is over, however early that is.
            (1, 3, Health::Healthy, 1),
            (-1, 4, Health::Unhealthy, 2),
            (1, 5, Health::Unhealthy, 3),
            (0, 6, Health::Healthy, 0),
        ] {
            health = history.add(result(code), &check, health, Duration::from_secs(second));
            assert_eq!((health, history.failures), (expected, failures), "{second}");
        }
        let codes: Vec<i32> = history.results.iter().map(|result| result.code).collect();
        assert_eq!(codes, [0, 1, -1, 1, 0]);
    }

    #[test]
    fn the_pause_is_another_while_it_starts() {
        let second = Duration::from_secs(1);
        let check = HealthCheck { start_period: 10 * second, ..HealthCheck::default() };
        assert_eq!(check.pause(Health::Starting, second), START_INTERVAL);
        assert_eq!(check.pause(Health::Starting, 10 * second), INTERVAL);
        assert_eq!(check.pause(Health::Healthy, second), INTERVAL);
        assert_eq!(HealthCheck::default().pause(Health::Starting, second), INTERVAL);
        let quick = HealthCheck { interval: second, ..HealthCheck::default() };
        assert_eq!(quick.pause(Health::Starting, second), second);
    }
}
