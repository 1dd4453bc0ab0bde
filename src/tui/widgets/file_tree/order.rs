//! In which order what is in a folder is shown, and how one tree takes the place of another.

use std::{cmp::Reverse, collections::HashSet};

use super::{FileTree, Node, Selected, Sort, index};
use crate::model::Change;

impl FileTree {
    /// Sorts by size in place of name, or the other way round; or reverses the order.
    pub(crate) fn sort(&mut self, is_reversal: bool) {
        let at = self.current().unwrap_or(self.wanted_at);
        if is_reversal {
            self.sort.reverse ^= true;
        } else {
            self.sort = Sort { by_size: !self.sort.by_size, reverse: false };
        }
        self.arrange(at);
    }

    /// Sums the bytes of all that is there, or of all that is not seen any more.
    pub(crate) fn size(&self) -> u64 {
        let counts = |node: &&Node| {
            node.parent.is_none() && (node.change != Change::Removed || node.hidden.is_some())
        };
        self.nodes.iter().filter(counts).map(|node| node.total).sum()
    }

    /// Gives what is under the cursor.
    pub(crate) fn selected(&self) -> Option<Selected> {
        let node = self.nodes.get(index(self.current()?))?;
        Some(Selected {
            path: node.entry.path.clone(),
            kind: node.entry.kind.clone(),
            change: node.change,
            layer: node.hidden.as_ref().map(|(layer, _)| *layer),
        })
    }

    /// Stands as an older form of the same tree stood: unfolded, filtered and sorted alike, with the cursor on the same path.
    pub(crate) fn resume(&mut self, old: &Self) {
        let (mut known, mut open) = (HashSet::new(), HashSet::new());
        for (place, node) in old.nodes.iter().enumerate() {
            if index(node.end) > place + 1 {
                known.insert(node.entry.path.as_str());
                if !old.folds[0][place] {
                    open.insert(node.entry.path.as_str());
                }
            }
        }
        for (node, is_folded) in self.nodes.iter().zip(&mut self.folds[0]) {
            let path = node.entry.path.as_str();
            if known.contains(path) {
                *is_folded = !open.contains(path);
            }
        }
        self.offset = old.offset;
        self.height = old.height;
        self.stand_at(&old.standing());
        self.set_filter(&old.filter);
        if !old.filter.is_empty() {
            self.stand_at(&old.standing());
        }
    }

    /// Lists what is visible where that is not by name.
    pub(super) fn arrange_sorted(&mut self, cursor: u32) {
        self.visible.clear();
        let count = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let mut pending = self.sorted(0, count);
        pending.reverse();
        while let Some(number) = pending.pop() {
            self.visible.push(number);
            if !self.is_folded(number) {
                let end = self.nodes[index(number)].end;
                let inside = self.sorted(number + 1, end);
                pending.extend(inside.into_iter().rev());
            }
        }
        self.wanted_at = cursor;
        // The node itself, or the innermost folder around it that is visible.
        let mut wanted = Some(cursor);
        while let Some(number) = wanted {
            if let Some(row) = self.row_of(number) {
                self.cursor = row;
                return;
            }
            wanted = self.nodes.get(index(number)).and_then(|node| node.parent);
        }
        self.cursor = self.cursor.min(self.visible.len().saturating_sub(1));
    }

    /// Gives those nodes between two that are in the same folder and to be shown, sorted.
    fn sorted(&self, first: u32, end: u32) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut number = first;
        while number < end {
            if self.wanted[index(number)] {
                numbers.push(number);
            }
            number = self.nodes[index(number)].end;
        }
        if self.sort.by_size {
            numbers.sort_by_key(|number| Reverse(self.nodes[index(*number)].total));
        }
        if self.sort.reverse {
            numbers.reverse();
        }
        numbers
    }
}
