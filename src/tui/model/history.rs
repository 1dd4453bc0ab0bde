//! What one container used lately, for the charts.

use std::collections::VecDeque;

use crate::model::{Rates, Sample};

/// The samples that are kept at most: as many as a ring gives, and as many again that came since.
const MOST: usize = 1200;
/// How far apart two samples may be for something to be said about the time between, in seconds.
const GAP: u64 = 15;
/// The seconds that the long span shows.
const HOUR: u64 = 3600;

/// The samples, oldest first, and how they are looked at.
#[derive(Debug, Default)]
pub(crate) struct History {
    samples: VecDeque<Sample>,
    /// Whether an hour is shown; else a second in each column.
    pub(crate) is_long: bool,
}

impl History {
    /// Takes the samples of another container, or of the same from the beginning.
    pub(crate) fn replace(&mut self, samples: Vec<Sample>) {
        self.samples = samples.into();
    }

    /// Adds a sample, if it is later than those that are there.
    pub(crate) fn push(&mut self, sample: Sample) {
        if self.samples.back().is_none_or(|last| last.at < sample.at) {
            self.samples.push_back(sample);
            if self.samples.len() > MOST {
                self.samples.pop_front();
            }
        }
    }

    /// Gives the newest sample, and the one before.
    pub(crate) fn newest(&self) -> Option<(&Sample, &Sample)> {
        let before = self.samples.len().checked_sub(2)?;
        self.samples.get(before).zip(self.samples.back())
    }

    /// Gives the seconds that a column stands for.
    pub(crate) fn step(&self, columns: usize) -> u64 {
        let columns = u64::try_from(columns).unwrap_or(u64::MAX).max(1);
        if self.is_long { HOUR.div_ceil(columns) } else { 1 }
    }

    /// Gives a value for each column, the newest at the right: the mean over its time; `None` where nothing is known.
    pub(crate) fn series(
        &self,
        columns: usize,
        value: impl Fn(&Sample, &Rates) -> f64,
    ) -> Vec<Option<f64>> {
        let mut sums = vec![(0.0, 0.0); columns];
        let Some(newest) = self.samples.back().map(|sample| sample.at.as_secs()) else {
            return vec![None; columns];
        };
        let step = self.step(columns);
        for (before, sample) in self.samples.iter().zip(self.samples.iter().skip(1)) {
            let (from, to) = (before.at.as_secs(), sample.at.as_secs());
            let Some(rates) = Rates::between(before, sample).filter(|_| to - from <= GAP) else {
                continue;
            };
            let value = value(sample, &rates);
            for second in from + 1..=to {
                let back = usize::try_from((newest - second) / step).unwrap_or(usize::MAX);
                if let Some(place) = columns.checked_sub(1 + back) {
                    sums[place].0 += value;
                    sums[place].1 += 1.0;
                }
            }
        }
        sums.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Statistics, Usage};

    fn sample(second: u64, cpu: u64) -> Sample {
        let usage = Usage { cpu: Duration::from_millis(cpu), ..Usage::default() };
        Sample {
            at: Duration::from_secs(second),
            statistics: Statistics { usage, ..Statistics::default() },
        }
    }

    #[test]
    fn a_column_is_a_second_or_a_share_of_the_hour() {
        let mut history = History::default();
        assert_eq!(history.newest(), None);
        assert_eq!(history.series(3, |_, rates| rates.cpu), [None; 3]);
        history.replace(vec![sample(80, 0), sample(90, 1000), sample(91, 1500)]);
        history.push(sample(92, 1750));
        history.push(sample(92, 9999));
        let cpu = |history: &History| history.series(5, |_, rates| rates.cpu);
        // What is ten seconds apart fills ten columns.
        assert_eq!(cpu(&history), [Some(10.0), Some(10.0), Some(10.0), Some(50.0), Some(25.0)]);
        history.is_long = true;
        assert_eq!(history.step(5), 720);
        // The mean over the twelve seconds that are known.
        assert_eq!(cpu(&history), [None, None, None, None, Some(175.0 / 12.0)]);
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let mut history = History::default();
        history.replace(vec![sample(10, 0), sample(40, 0), sample(41, 0)]);
        let known: Vec<bool> = history.series(4, |_, _| 1.0).iter().map(Option::is_some).collect();
        assert_eq!(known, [false, false, false, true]);
    }
}
