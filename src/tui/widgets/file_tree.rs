//! The files of a layer as a tree: folded, filtered, with what the layer does to each; only rows that are seen are drawn.
//!
//! Nodes lie in the order of their paths, each before what is in it, with the number of the first node behind all that; so a folded
//! folder is stepped over without looking inside. What is visible is a list of nodes, made anew when a fold, a filter or a shown kind
//! of change changes. The cursor is a node, not a row.

mod build;
mod draw;
mod order;

use super::{Step, filter::Filter, text::sanitize};
use crate::model::{Change, ChangedEntry, EntryKind, Fate, HiddenCopy, LayerEntry};

/// The most rows that are unfolded unasked.
const UNFOLDED: usize = 200;

/// The tree and where the user is in it.
#[derive(Debug)]
pub(crate) struct FileTree {
    nodes: Vec<Node>,
    totals: Totals,
    owner_width: usize,
    /// How what is in a folder is sorted.
    sort: Sort,
    /// Which nodes are folded, without and with a filter.
    folds: [Vec<bool>; 2],
    /// Which kinds of change are hidden, by their place in [`place_of`].
    hidden: [bool; 4],
    filter: String,
    /// Which nodes the filter accepts; empty without one.
    accepted: Vec<bool>,
    /// Which nodes are to be shown for themselves or for what is in them.
    wanted: Vec<bool>,
    /// The nodes that have a row, in order.
    visible: Vec<u32>,
    /// The place of the cursor among them.
    cursor: usize,
    /// Where the cursor was wanted last; holds while nothing is visible.
    wanted_at: u32,
    /// The first row that was drawn, and how many there was room for.
    offset: usize,
    height: usize,
}

/// One path.
#[derive(Debug)]
struct Node {
    entry: LayerEntry,
    change: Change,
    /// Whether it stands here only for what is in it.
    is_implied: bool,
    /// Where in the path its name begins.
    name_at: usize,
    parent: Option<u32>,
    /// The first node that is not in it.
    end: u32,
    depth: u16,
    /// The bytes of it and what is in it.
    total: u64,
    /// Of a file that is not seen: the layer that has it, and what became of it.
    hidden: Option<(usize, Box<str>)>,
}

/// How what is in a folder is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sort {
    by_size: bool,
    reverse: bool,
}

/// What is under the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selected {
    /// Its path.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: EntryKind,
    /// What the layer does to it.
    pub(crate) change: Change,
    /// The layer that has it, of a file that is not seen.
    pub(crate) layer: Option<usize>,
}

/// Where the user is in a tree, for another tree to begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    path: String,
    hidden: [bool; 4],
    sort: Sort,
}

/// How many paths a layer added, changed and removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Those it has and the layers below have not.
    pub(crate) added: usize,
    /// Those it has otherwise.
    pub(crate) changed: usize,
    /// Those it hides.
    pub(crate) removed: usize,
}

impl Node {
    fn name(&self) -> &str {
        self.entry.path.get(self.name_at..).unwrap_or(&self.entry.path)
    }
}

impl FileTree {
    /// Makes the tree of paths, which are best given in order.
    pub(crate) fn new(entries: Vec<ChangedEntry>) -> Self {
        Self::of(build::nodes(entries))
    }

    /// Makes the tree of files that are not seen any more; each says which layer has it and which one hides it.
    pub(crate) fn of_hidden(mut copies: Vec<HiddenCopy>) -> Self {
        copies.sort_by(|a, b| build::order(&a.path, &b.path));
        let is_one_layer = copies.windows(2).all(|pair| pair[0].layer == pair[1].layer);
        let mut fates = Vec::with_capacity(copies.len());
        let mut entries = Vec::with_capacity(copies.len());
        for copy in copies {
            let (change, word) = match copy.fate {
                Fate::Replaced => (Change::Changed, "replaced"),
                Fate::Removed => (Change::Removed, "removed"),
            };
            let (layer, by) = (copy.layer, copy.hidden_by + 1);
            let place =
                if is_one_layer { String::new() } else { format!("in layer {}, ", layer + 1) };
            fates.push((layer, format!("{place}{word} by {by}").into_boxed_str()));
            entries.push(ChangedEntry { entry: build::bare(copy.path, copy.size), change });
        }
        let mut nodes = build::nodes(entries);
        let listed = nodes.iter_mut().filter(|node| !node.is_implied);
        for (node, fate) in listed.zip(fates) {
            node.hidden = Some(fate);
        }
        build::sum_all(&mut nodes);
        Self::of(nodes)
    }

    fn of(nodes: Vec<Node>) -> Self {
        let count_of =
            |change| nodes.iter().filter(|node| !node.is_implied && node.change == change).count();
        let totals = Totals {
            added: count_of(Change::Added),
            changed: count_of(Change::Changed),
            removed: count_of(Change::Removed),
        };
        let mut tree = Self {
            totals,
            owner_width: draw::owner_width(&nodes),
            sort: Sort::default(),
            folds: [build::first_folds(&nodes, UNFOLDED), Vec::new()],
            hidden: [false; 4],
            filter: String::new(),
            accepted: Vec::new(),
            wanted: Vec::new(),
            visible: Vec::new(),
            cursor: 0,
            wanted_at: 0,
            offset: 0,
            height: 1,
            nodes,
        };
        tree.choose();
        tree.arrange(0);
        tree
    }

    /// Gives how many paths were added, changed and removed.
    pub(crate) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Tells whether paths of this kind of change are shown.
    pub(crate) const fn shows(&self, change: Change) -> bool {
        !self.hidden[place_of(change)]
    }

    /// Gives where the user is: the path under the cursor, and what is hidden.
    pub(crate) fn standing(&self) -> Standing {
        let node = self.current().and_then(|node| self.nodes.get(index(node)));
        let path = node.map_or_else(String::new, |node| node.entry.path.clone());
        Standing { path, hidden: self.hidden, sort: self.sort }
    }

    /// Goes to where the user was in another tree: to the same path, or else to the one before it.
    pub(crate) fn stand_at(&mut self, standing: &Standing) {
        (self.hidden, self.sort) = (standing.hidden, standing.sort);
        self.choose();
        let path = standing.path.as_str();
        let behind =
            self.nodes.partition_point(|node| build::order(&node.entry.path, path).is_le());
        let node = u32::try_from(behind.saturating_sub(1)).unwrap_or(u32::MAX);
        if self.nodes.get(index(node)).is_some_and(|node| node.entry.path == path) {
            self.reveal(node);
        }
        self.arrange(node);
    }

    /// Unfolds what a node is in.
    fn reveal(&mut self, node: u32) {
        let mut inside = self.nodes.get(index(node)).and_then(|node| node.parent);
        while let Some(folder) = inside {
            self.folds[0][index(folder)] = false;
            inside = self.nodes[index(folder)].parent;
        }
    }

    /// Unfolds a folder, or goes to the first row in it when it is unfolded.
    pub(crate) fn expand(&mut self) {
        let Some(node) = self.current() else { return };
        if self.is_folded(node) {
            self.fold(node, false);
        } else if self.row_is_in(self.cursor + 1, node) {
            self.cursor += 1;
        }
    }

    /// Folds a folder, or goes to the one that the row is in.
    pub(crate) fn collapse(&mut self) {
        let Some(node) = self.current() else { return };
        if self.row_is_in(self.cursor + 1, node) {
            self.fold(node, true);
        } else if let Some(parent) = self.nodes[index(node)].parent {
            self.cursor = self.row_of(parent).unwrap_or(self.cursor);
        }
    }

    /// Folds a folder, or unfolds it.
    pub(crate) fn toggle_fold(&mut self) {
        let Some(node) = self.current() else { return };
        if self.is_folded(node) || self.row_is_in(self.cursor + 1, node) {
            self.fold(node, !self.is_folded(node));
        }
    }

    /// Moves the cursor.
    pub(crate) fn move_by(&mut self, step: Step) {
        let last = self.visible.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(step.distance(self.height)).min(last);
    }

    /// Gives what is unfolded, by its whole path and with what the layer does to it.
    pub(crate) fn lines(&self) -> Vec<String> {
        let nodes = self.visible.iter().filter_map(|node| self.nodes.get(index(*node)));
        nodes
            .map(|node| {
                let mark = match node.change {
                    Change::Added => "+",
                    Change::Changed => "~",
                    Change::Removed => "-",
                    Change::Unchanged => " ",
                };
                format!("{mark} /{}", sanitize(&node.entry.path))
            })
            .collect()
    }

    /// Puts the cursor on a row that is seen, counted from the first; tells whether it was there already.
    pub(crate) fn point_at(&mut self, row: usize) -> bool {
        let last = self.visible.len().saturating_sub(1);
        let place = (self.offset + row).min(last);
        std::mem::replace(&mut self.cursor, place) == place
    }

    /// Shows or hides what the layer did this to; folders stay for what is shown in them.
    pub(crate) fn toggle(&mut self, change: Change) {
        let at = self.current().unwrap_or(self.wanted_at);
        self.hidden[place_of(change)] ^= true;
        self.choose();
        self.arrange(at);
    }

    /// Shows only what is like the text: by its name, or by its path where the text has a slash; nothing typed shows everything.
    pub(crate) fn set_filter(&mut self, text: &str) {
        if self.filter == text {
            return;
        }
        let at = self.current().unwrap_or(self.wanted_at);
        self.filter_by(text);
        self.choose();
        if self.accepted.is_empty() {
            // What the cursor is on must not vanish into a fold again.
            self.reveal(at);
            self.arrange(at);
        } else {
            let is_found = |node: &u32| self.accepted[index(*node)] && self.wanted[index(*node)];
            let count = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
            let found = (at..count).find(is_found).or_else(|| (0..at).find(is_found));
            self.arrange(found.unwrap_or(at));
        }
    }

    /// Finds out which nodes a filter accepts.
    fn filter_by(&mut self, text: &str) {
        let mut filter = Filter::new(text);
        if filter.is_open() {
            self.accepted = Vec::new();
            self.folds[1] = Vec::new();
        } else {
            let by_path = text.contains('/');
            // Each letter more leaves a part of what was left.
            let narrows = !self.accepted.is_empty()
                && text.starts_with(&self.filter)
                && by_path == self.filter.contains('/')
                && !text.starts_with('!');
            let mut accepts = |(place, node): (usize, &Node)| {
                (!narrows || self.accepted[place])
                    && filter.accepts(&[if by_path { &node.entry.path } else { node.name() }])
            };
            self.accepted = self.nodes.iter().enumerate().map(&mut accepts).collect();
            self.folds[1] = vec![false; self.nodes.len()];
        }
        text.clone_into(&mut self.filter);
    }

    /// Finds out which nodes are to be shown, for themselves or for what is in them.
    fn choose(&mut self) {
        let own = |(place, node): (usize, &Node)| {
            !node.is_implied
                && self.shows(node.change)
                && self.accepted.get(place).copied().unwrap_or(true)
        };
        let mut wanted: Vec<bool> = self.nodes.iter().enumerate().map(own).collect();
        for (place, node) in self.nodes.iter().enumerate().rev() {
            if let Some(parent) = node.parent {
                wanted[index(parent)] |= wanted[place];
            }
        }
        self.wanted = wanted;
    }

    /// Lists what is visible, and puts the cursor on a node, or on the nearest thing that is visible before it.
    fn arrange(&mut self, cursor: u32) {
        if self.sort != Sort::default() {
            return self.arrange_sorted(cursor);
        }
        self.visible.clear();
        let mut place = 0;
        while let Some(node) = self.nodes.get(place) {
            let is_shown = self.wanted[place];
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            if is_shown {
                self.visible.push(number);
            }
            place = if is_shown && !self.is_folded(number) { place + 1 } else { index(node.end) };
        }
        self.wanted_at = cursor;
        let behind = self.visible.partition_point(|node| *node <= cursor);
        self.cursor = behind.saturating_sub(1);
    }

    fn fold(&mut self, node: u32, is_folded: bool) {
        let active = usize::from(!self.accepted.is_empty());
        self.folds[active][index(node)] = is_folded;
        self.arrange(node);
    }

    fn is_folded(&self, node: u32) -> bool {
        let active = usize::from(!self.accepted.is_empty());
        self.folds[active][index(node)] && self.nodes[index(node)].end > node + 1
    }

    /// Gives the node under the cursor.
    fn current(&self) -> Option<u32> {
        self.visible.get(self.cursor).copied()
    }

    fn row_of(&self, node: u32) -> Option<usize> {
        self.visible.iter().position(|visible| *visible == node)
    }

    /// Tells whether there is such a row and it is inside a folder.
    fn row_is_in(&self, row: usize, folder: u32) -> bool {
        let inside = folder + 1..self.nodes[index(folder)].end;
        self.visible.get(row).is_some_and(|node| inside.contains(node))
    }
}

/// Gives each kind of change its place in a table.
const fn place_of(change: Change) -> usize {
    match change {
        Change::Added => 0,
        Change::Changed => 1,
        Change::Removed => 2,
        Change::Unchanged => 3,
    }
}

const fn index(node: u32) -> usize {
    node as usize
}

#[cfg(test)]
mod tests;
