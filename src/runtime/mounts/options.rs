//! Mount options as the runtime specification (config.md, "Linux mount options") and `mount(8)` write them.

use crate::sys::mount::{Attributes, Change, Propagation};

/// The options of one mount, sorted by what carries them out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Whether something is shown that is mounted already; with the mounts below it.
    pub(super) bind: Option<bool>,
    /// Whether a mount that is there is changed.
    pub(super) is_remount: bool,
    /// Attributes of this mount alone.
    pub(super) top: Change,
    /// Attributes of this mount and those below it (`rro`, …).
    pub(super) whole: Change,
    /// How mounts travel, and whether that goes for the mounts below too; in this order.
    pub(super) propagation: Vec<(Propagation, bool)>,
    /// Whether a tmpfs begins with what the image has there.
    pub(super) copies_up: bool,
    /// Whether owners are shown as mapped; with the mounts below it.
    pub(super) maps_owners: Option<bool>,
    /// What the file system itself is told; the value is empty for a flag.
    pub(super) filesystem: Vec<(String, String)>,
}

/// Word, attribute, whether it is set.
const ATTRIBUTES: [(&str, Attributes, bool); 12] = [
    ("ro", Attributes::MOUNT_ATTR_RDONLY, true),
    ("rw", Attributes::MOUNT_ATTR_RDONLY, false),
    ("nosuid", Attributes::MOUNT_ATTR_NOSUID, true),
    ("suid", Attributes::MOUNT_ATTR_NOSUID, false),
    ("nodev", Attributes::MOUNT_ATTR_NODEV, true),
    ("dev", Attributes::MOUNT_ATTR_NODEV, false),
    ("noexec", Attributes::MOUNT_ATTR_NOEXEC, true),
    ("exec", Attributes::MOUNT_ATTR_NOEXEC, false),
    ("nodiratime", Attributes::MOUNT_ATTR_NODIRATIME, true),
    ("diratime", Attributes::MOUNT_ATTR_NODIRATIME, false),
    ("nosymfollow", Attributes::MOUNT_ATTR_NOSYMFOLLOW, true),
    ("symfollow", Attributes::MOUNT_ATTR_NOSYMFOLLOW, false),
];

/// Word, when times of access are written, whether the word asks for that or against it.
const ACCESS_TIMES: [(&str, Attributes, bool); 6] = [
    ("relatime", Attributes::MOUNT_ATTR_RELATIME, true),
    ("norelatime", Attributes::MOUNT_ATTR_RELATIME, false),
    ("noatime", Attributes::MOUNT_ATTR_NOATIME, true),
    ("atime", Attributes::MOUNT_ATTR_NOATIME, false),
    ("strictatime", Attributes::MOUNT_ATTR_STRICTATIME, true),
    ("nostrictatime", Attributes::MOUNT_ATTR_STRICTATIME, false),
];

const PROPAGATIONS: [(&str, Propagation); 4] = [
    ("private", Propagation::Private),
    ("slave", Propagation::Slave),
    ("shared", Propagation::Shared),
    ("unbindable", Propagation::Unbindable),
];

/// A word for the file system as a whole, and the one that takes it back; the kernel has the same words.
const OF_FILE_SYSTEM: [(&str, &str); 5] = [
    ("sync", "async"),
    ("dirsync", "nodirsync"),
    ("mand", "nomand"),
    ("lazytime", "nolazytime"),
    ("iversion", "noiversion"),
];

impl Options {
    /// Sorts the words, of which the later ones overrule the earlier ones.
    pub(super) fn parse(words: &[String]) -> Self {
        let mut options = Self::default();
        for word in words {
            options.add(word);
        }
        options
    }

    fn add(&mut self, word: &str) {
        match word {
            "bind" => self.bind = Some(self.bind.unwrap_or(false)),
            "rbind" => self.bind = Some(true),
            "remount" => self.is_remount = true,
            "tmpcopyup" => self.copies_up = true,
            "idmap" => self.maps_owners = Some(self.maps_owners.unwrap_or(false)),
            "ridmap" => self.maps_owners = Some(true),
            // What the kernel says about a mount made by descriptor goes to who makes it, not into its log.
            "" | "defaults" | "silent" | "loud" => {}
            _ => {
                let is_known = self.add_propagation(word)
                    || add_attribute(&mut self.top, word)
                    || word
                        .strip_prefix('r')
                        .is_some_and(|rest| add_attribute(&mut self.whole, rest))
                    || self.add_of_file_system(word);
                if !is_known {
                    let (key, value) = word.split_once('=').unwrap_or((word, ""));
                    self.filesystem.push((key.to_owned(), value.to_owned()));
                }
            }
        }
    }

    fn add_propagation(&mut self, word: &str) -> bool {
        let find = |word: &str| PROPAGATIONS.iter().find(|(known, _)| *known == word);
        let recursive = || find(word.strip_prefix('r')?).map(|found| (found.1, true));
        let found = find(word).map(|found| (found.1, false)).or_else(recursive);
        self.propagation.extend(found);
        found.is_some()
    }

    fn add_of_file_system(&mut self, word: &str) -> bool {
        let pair = OF_FILE_SYSTEM.iter().find(|(on, off)| *on == word || *off == word);
        let Some((on, _)) = pair else { return false };
        self.filesystem.retain(|(known, _)| known != on);
        if *on == word {
            self.filesystem.push((word.to_owned(), String::new()));
        }
        true
    }
}

/// Lists every word that is understood whatever the file system is, in the order of the alphabet.
pub(super) fn words() -> Vec<String> {
    let attributes = ATTRIBUTES.iter().chain(&ACCESS_TIMES).map(|(word, ..)| *word);
    let propagations = PROPAGATIONS.iter().map(|(word, _)| *word);
    let both: Vec<&str> = attributes.chain(propagations).collect();
    let recursive = both.iter().map(|word| format!("r{word}"));
    let others =
        ["bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap", "defaults", "silent", "loud"];
    let of_file_system = OF_FILE_SYSTEM.iter().flat_map(|(on, off)| [*on, *off]);
    let alone = both.iter().copied().chain(others).chain(of_file_system).map(str::to_owned);
    let mut all: Vec<String> = alone.chain(recursive).collect();
    all.sort_unstable();
    all
}

fn add_attribute(change: &mut Change, word: &str) -> bool {
    if let Some((_, attribute, is_set)) = ATTRIBUTES.iter().find(|(known, ..)| *known == word) {
        if *is_set {
            change.add(*attribute);
        } else {
            change.remove(*attribute);
        }
        return true;
    }
    let Some((_, mode, is_set)) = ACCESS_TIMES.iter().find(|(known, ..)| *known == word) else {
        return false;
    };
    let asked = change.access_times();
    if *is_set {
        change.set_access_times(*mode);
    } else if asked.is_none() || asked == Some(*mode) {
        // The kernel's own choice.
        change.set_access_times(Attributes::MOUNT_ATTR_RELATIME);
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(words: &[&str]) -> Options {
        Options::parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_later_word_overrules_the_earlier() {
        let of_new = |words: &[&str]| parse(words).top.of_new();
        assert_eq!(of_new(&["ro", "rw"]), Attributes::empty());
        assert_eq!(of_new(&["rw", "ro"]), Attributes::MOUNT_ATTR_RDONLY);
        assert_eq!(of_new(&["noatime", "strictatime"]), Attributes::MOUNT_ATTR_STRICTATIME);
        assert_eq!(of_new(&["noatime", "atime"]), Attributes::MOUNT_ATTR_RELATIME);
        assert_eq!(of_new(&["strictatime", "atime"]), Attributes::MOUNT_ATTR_STRICTATIME);
        assert_eq!(parse(&["sync", "async"]).filesystem, []);
        assert_eq!(parse(&["async", "sync"]).filesystem, [("sync".to_owned(), String::new())]);
    }

    #[test]
    fn recursive_words_are_for_the_whole() {
        for (word, _, _) in ATTRIBUTES.iter().chain(&ACCESS_TIMES) {
            let (one, all) = (parse(&[word]), parse(&[&format!("r{word}")]));
            assert_eq!((one.top, one.whole), (all.whole, all.top), "{word}");
            assert!(one.whole.is_empty() && !one.top.is_empty(), "{word}");
        }
        for (word, propagation) in PROPAGATIONS {
            assert_eq!(parse(&[word]).propagation, [(propagation, false)]);
            assert_eq!(parse(&[&format!("r{word}")]).propagation, [(propagation, true)]);
        }
        assert_eq!(parse(&["rbind", "bind"]).bind, Some(true));
        assert_eq!(parse(&["idmap", "ridmap"]).maps_owners, Some(true));
    }

    #[test]
    fn all_words_that_are_listed_are_understood() {
        let all = words();
        assert!(all.is_sorted() && all.contains(&"rnosymfollow".to_owned()));
        let left = |word: &String| {
            let left = parse(&[word]).filesystem;
            left.iter().any(|(key, _)| !OF_FILE_SYSTEM.iter().any(|(on, _)| on == key))
        };
        assert_eq!(all.iter().find(|word| left(word)), None);
    }

    #[test]
    fn the_whole_comes_after_the_one() {
        let options = parse(&["rro", "rw"]);
        assert_eq!(options.top.then(options.whole).of_new(), Attributes::MOUNT_ATTR_RDONLY);
        let options = parse(&["noatime", "rstrictatime", "nodev"]);
        let both = options.top.then(options.whole);
        assert_eq!(
            both.of_new(),
            Attributes::MOUNT_ATTR_STRICTATIME | Attributes::MOUNT_ATTR_NODEV
        );
        assert_eq!(both.access_times(), Some(Attributes::MOUNT_ATTR_STRICTATIME));
    }

    proptest! {
        #[test]
        fn no_word_is_lost(word in "[a-z]{1,12}(=[a-z0-9,:/]{0,8})?") {
            let options = parse(&[&word]);
            let nothing = matches!(word.as_str(), "defaults" | "silent" | "loud")
                || OF_FILE_SYSTEM.iter().any(|(_, off)| *off == word);
            prop_assert_eq!(options == Options::default(), nothing);
        }
    }
}
