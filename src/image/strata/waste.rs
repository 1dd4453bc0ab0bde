//! Bytes that are stored in some layer and not seen in the final file system.

use std::collections::{HashMap, hash_map::Entry};

use super::{Strata, Turn};
use crate::model::{EntryKind, Fate, HiddenCopy};

/// What became of the further names of a file: `None` when one is still seen, else who hid the last of them.
type Links<'a> = HashMap<(usize, &'a str), Option<(usize, Fate)>>;

impl Strata {
    /// Lists the files that are not seen any more, sorted by path, each stored copy once. A file with several names is hidden when all
    /// of them are.
    pub fn hidden(&self) -> Vec<HiddenCopy> {
        let mut copies = Vec::new();
        let mut links: Links<'_> = HashMap::new();
        self.visit(|turns| {
            for (place, turn) in turns.iter().enumerate() {
                let Some(entry) = turn.entry else { continue };
                let by = turns.get(place + 1).map(hidden_by);
                match &entry.kind {
                    EntryKind::HardLink { target } => {
                        note(&mut links, (turn.layer, target), by);
                    }
                    EntryKind::File if entry.size > 0 => {
                        let Some((hidden_by, fate)) = by else { continue };
                        copies.push(HiddenCopy {
                            path: entry.path.clone(),
                            layer: turn.layer,
                            size: entry.size,
                            hidden_by,
                            fate,
                        });
                    }
                    _ => {}
                }
            }
        });
        copies.retain_mut(|copy| match links.get(&(copy.layer, copy.path.as_str())) {
            Some(None) => false,
            Some(Some((by, fate))) if *by > copy.hidden_by => {
                (copy.hidden_by, copy.fate) = (*by, *fate);
                true
            }
            _ => true,
        });
        copies
    }
}

fn hidden_by(turn: &Turn<'_>) -> (usize, Fate) {
    let fate = if turn.entry.is_some() { Fate::Replaced } else { Fate::Removed };
    (turn.layer, fate)
}

/// Notes what became of one more name: what is seen once is seen.
fn note<'a>(links: &mut Links<'a>, file: (usize, &'a str), by: Option<(usize, Fate)>) {
    match links.entry(file) {
        Entry::Vacant(place) => {
            place.insert(by);
        }
        Entry::Occupied(mut place) => {
            let known = place.get_mut();
            *known = match (*known, by) {
                (Some(known), Some(by)) => Some(if by.0 > known.0 { by } else { known }),
                _ => None,
            };
        }
    }
}
