//! The state of one list: order, filter, marks, and a cursor that follows the identity of a row.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::{Facts, Key};
use crate::tui::{
    panes::Resource,
    widgets::{Step, filter::Filter},
};

/// Which rows of a pane are shown, in which order, and where the cursor is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListState {
    /// The rows in order: their places in the overview.
    pub(crate) rows: Vec<(Key, usize)>,
    /// How many there are without filter.
    pub(crate) total: usize,
    /// The row under the cursor.
    pub(crate) cursor: Option<Key>,
    /// The first row that is drawn.
    pub(crate) offset: usize,
    /// The rows that actions apply to.
    pub(crate) marks: BTreeSet<Key>,
    /// The row that was marked last.
    pub(crate) last_mark: Option<Key>,
    /// What is typed as filter.
    pub(crate) filter: String,
    /// The column it is sorted by.
    pub(crate) sort: usize,
    /// Whether the order is turned round.
    pub(crate) reverse: bool,
    /// Whether rows out of use are left out.
    pub(crate) hide: bool,
}

impl ListState {
    /// Puts the rows of `items` in order. A frozen list keeps the order it has; new rows go to its end.
    pub(crate) fn arrange<R: Resource>(&mut self, items: &[R], facts: &Facts, frozen: bool) {
        let mut filter = Filter::new(&self.filter);
        let old: BTreeMap<Key, usize> =
            self.rows.iter().enumerate().map(|(place, (key, _))| (*key, place)).collect();
        let mut rows: Vec<(Key, usize)> = items
            .iter()
            .enumerate()
            .filter(|(_, item)| {
                let stays = frozen && old.contains_key(&item.key());
                let idle = self.hide && item.is_idle(facts);
                stays || (!idle && filter.accepts(&item.texts()))
            })
            .map(|(index, item)| (item.key(), index))
            .collect();
        let order = R::COLUMNS[self.sort % R::COLUMNS.len()].order;
        rows.sort_by(|(one, left), (two, right)| {
            if frozen {
                let place = |key| old.get(key).copied().unwrap_or(usize::MAX);
                return place(one).cmp(&place(two));
            }
            let natural = order(&items[*left], &items[*right], facts);
            let natural = if self.reverse { natural.reverse() } else { natural };
            natural.then_with(|| one.cmp(two))
        });
        self.keep_cursor(&rows);
        let present: BTreeSet<Key> = items.iter().map(Resource::key).collect();
        self.marks.retain(|key| present.contains(key));
        self.total = items.len();
        self.rows = rows;
    }

    /// Leaves the cursor on its row; when that is gone, puts it on the nearest row that followed it, or on the last.
    fn keep_cursor(&mut self, rows: &[(Key, usize)]) {
        let here: BTreeSet<Key> = rows.iter().map(|(key, _)| *key).collect();
        let place = self.place().unwrap_or(0);
        let survivor = self
            .cursor
            .filter(|key| here.contains(key))
            .or_else(|| {
                let after = self.rows.iter().skip(place);
                after.map(|(key, _)| *key).find(|key| here.contains(key))
            })
            .or_else(|| rows.last().map(|(key, _)| *key));
        self.cursor = match self.cursor {
            Some(_) => survivor,
            None => rows.first().map(|(key, _)| *key),
        };
    }

    /// Gives the place of the cursor among the rows.
    pub(crate) fn place(&self) -> Option<usize> {
        let cursor = self.cursor?;
        self.rows.iter().position(|(key, _)| *key == cursor)
    }

    /// Moves the cursor; `height` rows are a page.
    pub(crate) fn step(&mut self, step: Step, height: usize) {
        let Some(last) = self.rows.len().checked_sub(1) else {
            return;
        };
        let place = self.place().unwrap_or(0);
        let place = place.saturating_add_signed(step.distance(height)).min(last);
        self.cursor = Some(self.rows[place].0);
    }

    /// Scrolls as little as needed to have the cursor among `height` rows.
    pub(crate) fn scroll_to_cursor(&mut self, height: usize) {
        let place = self.place().unwrap_or(0);
        let furthest = self.rows.len().saturating_sub(height);
        self.offset = self.offset.min(place).max((place + 1).saturating_sub(height)).min(furthest);
    }

    /// Scrolls by so many rows; the cursor stays on its row as long as that is seen, and goes with the edge from then on.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) {
        let furthest = self.rows.len().saturating_sub(height);
        self.offset = self.offset.saturating_add_signed(by).min(furthest);
        let Some(last) = self.rows.len().checked_sub(1) else { return };
        let seen = (self.offset, (self.offset + height - 1).min(last));
        let place = self.place().unwrap_or(0).clamp(seen.0, seen.1);
        self.cursor = Some(self.rows[place].0);
    }

    /// Marks or unmarks the row under the cursor.
    pub(crate) fn mark(&mut self) {
        if let Some(key) = self.cursor {
            if !self.marks.remove(&key) {
                self.marks.insert(key);
            }
            self.last_mark = Some(key);
        }
    }

    /// Marks everything from the last mark to the cursor.
    pub(crate) fn mark_range(&mut self) {
        let (Some(here), from) = (self.place(), self.last_mark) else {
            return;
        };
        let start = self.rows.iter().position(|(key, _)| Some(*key) == from);
        let start = start.unwrap_or(here);
        let range = start.min(here)..=start.max(here);
        self.marks.extend(self.rows[range].iter().map(|(key, _)| *key));
        self.last_mark = self.cursor;
    }
}

/// Orders texts as people expect: without regard to case, numbers in them by value.
pub(crate) fn natural(one: &str, two: &str) -> Ordering {
    let (mut one, mut two) = (one.chars().peekable(), two.chars().peekable());
    loop {
        let (Some(a), Some(b)) = (one.peek().copied(), two.peek().copied()) else {
            return one.next().cmp(&two.next());
        };
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            number(&mut one).cmp(&number(&mut two))
        } else {
            let _ = (one.next(), two.next());
            a.to_lowercase().cmp(b.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the digits ahead; a number is larger when it has more digits or larger ones.
fn number(text: &mut std::iter::Peekable<std::str::Chars<'_>>) -> (usize, String) {
    let mut digits = String::new();
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_order_as_people_count() {
        for (one, two, order) in [
            ("web-2", "web-10", Ordering::Less),
            ("Web", "web", Ordering::Equal),
            ("a", "b", Ordering::Less),
            ("a1", "a", Ordering::Greater),
            ("x007", "x7", Ordering::Equal),
        ] {
            assert_eq!(natural(one, two), order, "{one} {two}");
        }
    }
}
