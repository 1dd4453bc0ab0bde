//! What the engine is doing for the user, and how far it has come.

use crate::engine::Progress;

/// The most parts of a job that are kept.
const PARTS: usize = 512;

/// Something that is being done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Job {
    /// What, in words.
    pub(crate) words: String,
    /// Its parts, such as layers, in the order in which they began.
    pub(crate) parts: Vec<Progress>,
    /// Whether it can be cancelled.
    pub(crate) may_cancel: bool,
    /// Whether that was asked for.
    pub(crate) is_cancelled: bool,
}

impl Job {
    /// Takes in how far a part has come.
    pub(crate) fn advance(&mut self, progress: Progress) {
        let place = self.parts.iter().position(|part| part.object == progress.object);
        match place.and_then(|place| self.parts.get_mut(place)) {
            Some(part) => {
                // At its end a part says no number any more.
                let (done, total) = (progress.done.max(part.done), progress.total.or(part.total));
                *part = Progress { done, total, ..progress };
            }
            None => {
                if self.parts.len() < PARTS {
                    self.parts.push(progress);
                }
            }
        }
    }

    /// Gives how much is done, in per cent of the bytes that are known; `None` while nothing is known.
    pub(crate) fn percent(&self) -> Option<u64> {
        let known = || self.parts.iter().filter(|part| part.total.is_some());
        let total: u64 = known().filter_map(|part| part.total).sum();
        let done: u64 = known().map(|part| part.done.min(part.total.unwrap_or(0))).sum();
        (total > 0).then(|| done.saturating_mul(100) / total)
    }
}

/// Tells in a word what is being done to a part: what was fetched whole and is not done is still unpacked and verified.
pub(crate) fn phase(part: &Progress) -> &'static str {
    match part.phase {
        "download" if part.total.is_some_and(|total| part.done >= total) => "verify, unpack",
        "exists" => "is here",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_on_and_are_summed_up() {
        let at = |phase, object: &str, done, total| Progress {
            phase,
            object: object.to_owned(),
            done,
            total,
        };
        let mut job = Job::default();
        assert_eq!(job.percent(), None);
        job.advance(at("exists", "a", 0, None));
        assert_eq!(job.percent(), None);
        job.advance(at("download", "b", 10, Some(100)));
        job.advance(at("download", "c", 0, Some(300)));
        assert_eq!(job.percent(), Some(2));
        job.advance(at("download", "b", 100, Some(100)));
        assert_eq!(phase(&job.parts[1]), "verify, unpack");
        job.advance(at("done", "b", 0, None));
        assert_eq!((phase(&job.parts[1]), job.percent()), ("done", Some(25)));
        assert_eq!(job.parts.len(), 3);
    }
}
