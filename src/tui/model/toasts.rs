//! Short messages that go away by themselves, and the last of them to read again.

use std::{collections::VecDeque, time::Duration};

use crate::{model::Timestamp, tui::panes::Tone};

/// How many messages wait at most.
const WAITING: usize = 8;
/// How many messages can be read again.
const KEPT: usize = 100;
/// How long a message stands.
const SHORT: Duration = Duration::from_secs(4);
/// How long a message stands that tells of a failure.
const LONG: Duration = Duration::from_secs(10);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toast {
    /// What it says.
    pub(crate) text: String,
    /// How it is meant.
    pub(crate) tone: Tone,
    /// When it goes.
    pub(crate) until: Timestamp,
}

/// The messages.
#[derive(Debug, Default)]
pub(crate) struct Toasts {
    /// Those that stand, oldest first.
    pub(crate) standing: VecDeque<Toast>,
    /// All of the last ones, oldest first.
    pub(crate) kept: VecDeque<(Timestamp, String)>,
    /// How many of them tell of something that did not go well, since all were read.
    pub(crate) unread: usize,
}

impl Toasts {
    /// Says something; the same again only makes it stand longer.
    pub(crate) fn say(&mut self, now: Timestamp, text: impl Into<String>, tone: Tone) {
        let text = text.into();
        let span = if matches!(tone, Tone::Bad | Tone::Warn) { LONG } else { SHORT };
        let until = now.saturating_add(span).unwrap_or(now);
        self.standing.retain(|toast| toast.text != text);
        self.standing.push_back(Toast { text: text.clone(), tone, until });
        self.kept.push_back((now, text));
        if span == LONG {
            self.unread = (self.unread + 1).min(KEPT);
        }
        while self.standing.len() > WAITING {
            self.standing.pop_front();
        }
        while self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    /// Takes away what has stood long enough; tells whether anything went.
    pub(crate) fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.standing.len();
        self.standing.retain(|toast| toast.until > now);
        self.standing.len() != before
    }

    /// Gives the moment at which the next message goes.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.standing.iter().map(|toast| toast.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded_and_go_in_time() {
        let (mut toasts, now) = (Toasts::default(), Timestamp::UNIX_EPOCH);
        for number in 0..500 {
            toasts.say(now, format!("message {number}"), Tone::Plain);
        }
        toasts.say(now, "message 499", Tone::Plain);
        assert_eq!(toasts.standing.len(), WAITING);
        assert_eq!(toasts.kept.len(), KEPT);
        assert_eq!(toasts.next_end(), Some(now + SHORT));
        assert!(!toasts.expire(now));
        assert!(toasts.expire(now + SHORT));
        assert_eq!(toasts.next_end(), None);
    }
}
