//! What an unpacked layer has at each path: the index while it is being made. Pure.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use crate::{
    image::compare::order,
    model::{EntryKind, LayerEntry, Whiteout},
    sys::beneath::Moment,
};

/// How many entries a layer may have, and how many bytes their names.
const MOST_ENTRIES: usize = 10_000_000;
const MOST_NAMES: usize = 1 << 30;

/// An entry without its path, and the rest of its time.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) entry: LayerEntry,
    nanoseconds: u32,
}

impl Held {
    pub(super) fn new(entry: LayerEntry, changed: Moment) -> Self {
        Self {
            entry: LayerEntry { mtime: changed.seconds, ..entry },
            nanoseconds: changed.nanoseconds,
        }
    }

    /// Gives the directory that nobody listed but something lies in.
    pub(super) fn implied() -> Self {
        Self {
            entry: LayerEntry {
                path: String::new(),
                kind: EntryKind::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
                size: 0,
                mtime: 0,
                digest: None,
            },
            nanoseconds: 0,
        }
    }

    /// Gives when it was changed last.
    pub(super) const fn changed(&self) -> Moment {
        Moment { seconds: self.entry.mtime, nanoseconds: self.nanoseconds }
    }
}

/// What an unpacked layer has at each path.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By [`key`], so that a directory comes right before what is in it.
    held: BTreeMap<Vec<u8>, Held>,
    opaque: BTreeSet<Vec<u8>>,
    names: usize,
}

impl Ledger {
    /// Notes what is at a path now; tells whether the layer is still of a size that any true one has.
    #[must_use]
    pub(super) fn hold(&mut self, path: &Path, held: Held) -> bool {
        let key = key(path);
        self.names += key.len();
        self.held.insert(key, held);
        self.held.len() <= MOST_ENTRIES && self.names <= MOST_NAMES
    }

    /// Notes that a directory hides what the layers below have in it.
    pub(super) fn mark_opaque(&mut self, path: &Path) {
        self.opaque.insert(key(path));
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Held> {
        self.held.get(&key(path))
    }

    pub(super) fn kind(&self, path: &Path) -> Option<&EntryKind> {
        self.get(path).map(|held| &held.entry.kind)
    }

    /// Forgets what is at a path and, for a directory, what is in it.
    pub(super) fn remove(&mut self, path: &Path) -> Option<Held> {
        let own = key(path);
        let held = self.held.remove(&own)?;
        if held.entry.kind == EntryKind::Directory {
            let is_inside = |key: &Vec<u8>| {
                key.strip_prefix(&own[..]).is_some_and(|rest| rest.starts_with(&[0]))
            };
            let mut inside = self.held.split_off(&own);
            let after = inside.keys().find(|key| !is_inside(key)).cloned();
            if let Some(after) = after {
                self.held.append(&mut inside.split_off(&after));
            }
            self.opaque.retain(|key| *key != own && !is_inside(key));
        }
        Some(held)
    }

    /// Gives all directories, the inner ones first.
    pub(super) fn directories(&self) -> impl Iterator<Item = (PathBuf, &Held)> {
        let directories = |held: &Held| held.entry.kind == EntryKind::Directory;
        self.held
            .iter()
            .rev()
            .filter(move |(_, held)| directories(held))
            .map(|(key, held)| (path_of(key), held))
    }

    /// Gives the index, sorted so that a directory comes before what is in it, the mark of an opaque one right after it.
    pub(super) fn into_entries(self) -> Vec<LayerEntry> {
        let mut entries = Vec::with_capacity(self.held.len() + self.opaque.len());
        if self.opaque.contains(&Vec::new()) {
            entries.push(opaque_mark(&Held::implied().entry));
        }
        let mut are_texts = true;
        for (key, held) in self.held {
            let path = path_of(&key);
            let text = path.to_string_lossy();
            are_texts &= matches!(text, Cow::Borrowed(_));
            let entry = LayerEntry { path: text.into_owned(), ..held.entry };
            let mark = self.opaque.contains(&key).then(|| opaque_mark(&entry));
            entries.push(entry);
            entries.extend(mark);
        }
        if !are_texts {
            // What stands for a name that is no text sorts elsewhere than its bytes, and layers are laid over each other by what stands there.
            entries.sort_by(|left, right| order(&left.path, &right.path));
        }
        entries
    }
}

fn opaque_mark(directory: &LayerEntry) -> LayerEntry {
    LayerEntry { kind: EntryKind::Whiteout(Whiteout::Opaque), ..directory.clone() }
}

/// Gives a path with its slashes as zeros, which sort before every other byte.
fn key(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

fn path_of(key: &[u8]) -> PathBuf {
    let bytes = key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte });
    PathBuf::from(OsString::from_vec(bytes.collect()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_directory_goes_with_what_is_in_it() {
        let mut ledger = Ledger::default();
        for path in ["a", "a/b", "a/b/c", "a-b", "ab", "b"] {
            assert!(ledger.hold(Path::new(path), Held::implied()));
        }
        ledger.mark_opaque(Path::new("a/b"));
        ledger.mark_opaque(Path::new(""));
        assert!(ledger.remove(Path::new("absent")).is_none());
        ledger.remove(Path::new("a")).unwrap();
        let paths: Vec<_> = ledger.into_entries().into_iter().map(|entry| entry.path).collect();
        assert_eq!(paths, ["", "a-b", "ab", "b"]);
    }

    /// The fuzzer found it: two layers with such names were not laid over each other as they lie.
    #[test]
    fn names_that_are_no_text_are_in_the_order_of_what_stands_for_them() {
        let mut ledger = Ledger::default();
        for path in [&b"\xff"[..], b"\xff/in", "\u{1f980}".as_bytes(), b"z"] {
            assert!(ledger.hold(Path::new(OsStr::from_bytes(path)), Held::implied()));
        }
        ledger.mark_opaque(Path::new(OsStr::from_bytes(b"\xff")));
        let entries = ledger.into_entries();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["z", "\u{fffd}", "\u{fffd}", "\u{fffd}/in", "\u{1f980}"]);
        assert_eq!(entries[2].kind, EntryKind::Whiteout(Whiteout::Opaque));
        assert!(paths.is_sorted_by(|left, right| order(left, right).is_le()));
    }
}
