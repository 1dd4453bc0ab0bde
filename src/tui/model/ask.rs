//! One line to fill in, with offers to choose from.

use tui_input::Input;

use crate::{
    engine::Shelf,
    model::{ContainerId, ImageId},
    tui::widgets::filter::Filter,
};

/// The most offers that are shown.
pub(crate) const OFFERED: usize = 8;

/// A question that is answered with one line.
#[derive(Debug)]
pub(crate) struct Ask {
    /// What it is about.
    pub(crate) purpose: Purpose,
    /// What is typed.
    pub(crate) input: Input,
    /// What can be chosen.
    pub(crate) offers: Vec<String>,
    /// The offer that is chosen, by its place among those that fit.
    pub(crate) chosen: Option<usize>,
    /// The repository that a registry was asked about, while it has not answered.
    pub(crate) waiting: Option<String>,
    /// Why it was not done.
    pub(crate) trouble: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Names of images to pull, or the path of an archive to load.
    Pull,
    /// Where an image is saved.
    Save(ImageId),
    /// Which image another is compared with.
    Compare(ImageId),
    /// What the image made of a container is called.
    Commit(ContainerId),
    /// Where a file is taken out to.
    Extract(Shelf, String),
}

impl Ask {
    /// Asks, with offers.
    pub(crate) fn new(purpose: Purpose, typed: String, offers: Vec<String>) -> Self {
        let input = Input::new(typed);
        Self { purpose, input, offers, chosen: None, waiting: None, trouble: None }
    }

    /// Gives what is being typed: of several words the last one.
    pub(crate) fn word(&self) -> &str {
        self.input.value().rsplit(' ').next().unwrap_or_default()
    }

    /// Gives the offers that fit what is typed: those that begin with it first, then those that are like it.
    pub(crate) fn fitting(&self) -> Vec<&str> {
        let word = self.word();
        let mut filter = Filter::new(word);
        let mut fitting: Vec<&str> = self.offers.iter().map(String::as_str).collect();
        fitting.retain(|offer| filter.accepts(&[offer]));
        fitting.sort_by_key(|offer| !offer.starts_with(word));
        fitting
    }

    /// Gives the offer that is chosen.
    pub(crate) fn choice(&self) -> Option<String> {
        self.fitting().get(self.chosen?).map(|offer| (*offer).to_owned())
    }

    /// Chooses the next offer, or the one before; before the first is none.
    pub(crate) fn choose(&mut self, is_next: bool) {
        let count = self.fitting().len().min(OFFERED);
        self.chosen = match (self.chosen, is_next) {
            _ if count == 0 => None,
            (None, true) => Some(0),
            (None, false) => Some(count - 1),
            (Some(at), true) => (at + 1 < count).then_some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
    }

    /// Puts an offer in the place of the word that is being typed.
    pub(crate) fn take(&mut self, offer: &str) {
        let typed = self.input.value();
        let before = typed.len() - self.word().len();
        let text = format!("{}{offer}", typed.get(..before).unwrap_or_default());
        self.input = Input::new(text);
        self.chosen = None;
    }

    /// Takes in further offers.
    pub(crate) fn offer(&mut self, more: impl IntoIterator<Item = String>) {
        for offer in more {
            if !self.offers.contains(&offer) {
                self.offers.push(offer);
            }
        }
        self.chosen = None;
    }
}

/// Gives the repository whose tags would complete a name: what stands before the colon of a tag.
pub(crate) fn repository(word: &str) -> Option<&str> {
    let after_slash = word.rfind('/').map_or(0, |slash| slash + 1);
    let colon = word.get(after_slash..)?.find(':')? + after_slash;
    word.get(..colon).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_so_is_offered_first_and_taken_in_place_of_the_word() {
        let offers = ["web/debian:12", "debian:12", "busybox:1"].map(str::to_owned).to_vec();
        let mut ask = Ask::new(Purpose::Pull, "busybox:1 deb".to_owned(), offers);
        assert_eq!(ask.fitting(), ["debian:12", "web/debian:12"]);
        ask.choose(true);
        ask.choose(true);
        assert_eq!(ask.choice().as_deref(), Some("web/debian:12"));
        ask.choose(true);
        assert_eq!(ask.choice(), None);
        ask.choose(false);
        ask.choose(false);
        let choice = ask.choice().unwrap();
        ask.take(&choice);
        assert_eq!(ask.input.value(), "busybox:1 debian:12");
    }

    #[test]
    fn a_port_is_no_tag() {
        for (word, expected) in [
            ("debian", None),
            ("debian:", Some("debian")),
            ("localhost:5000/x", None),
            ("localhost:5000/x:1", Some("localhost:5000/x")),
            (":", None),
        ] {
            assert_eq!(repository(word), expected, "{word}");
        }
    }
}
