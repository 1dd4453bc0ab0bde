//! From a list of paths to nodes.

use std::cmp::Ordering;

use super::{Node, index};
use crate::model::{Change, ChangedEntry, EntryKind, LayerEntry};

/// Makes a node of each path, and of each folder that is not listed itself but has something in it.
pub(super) fn nodes(mut entries: Vec<ChangedEntry>) -> Vec<Node> {
    // The engine gives them in order; a list from elsewhere costs the sorting.
    if !entries.is_sorted_by(|a, b| order(&a.entry.path, &b.entry.path).is_le()) {
        entries.sort_by(|a, b| order(&a.entry.path, &b.entry.path));
    }
    let mut tree = Tree { nodes: Vec::with_capacity(entries.len()), open: Vec::new() };
    for ChangedEntry { entry, change } in entries {
        tree.close_until(&entry.path);
        tree.imply_folders(&entry.path);
        tree.add(entry, change, false);
    }
    tree.close_until("");
    sum_up(&mut tree.nodes);
    tree.nodes
}

/// Makes a file of which nothing is known but path and size.
pub(super) const fn bare(path: String, size: u64) -> LayerEntry {
    LayerEntry {
        path,
        kind: EntryKind::File,
        mode: 0,
        uid: 0,
        gid: 0,
        size,
        mtime: 0,
        digest: None,
    }
}

/// Gives folders the bytes of all that is in them, whatever became of it.
pub(super) fn sum_all(nodes: &mut [Node]) {
    for node in nodes.iter_mut() {
        node.total = node.entry.size;
    }
    for place in (0..nodes.len()).rev() {
        if let Some(parent) = nodes[place].parent {
            nodes[index(parent)].total =
                nodes[index(parent)].total.saturating_add(nodes[place].total);
        }
    }
}

/// Gives the folds to begin with: as many levels unfolded as make at most so many rows.
pub(super) fn first_folds(nodes: &[Node], most: usize) -> Vec<bool> {
    let mut at_depth: Vec<usize> = Vec::new();
    for node in nodes {
        let depth = usize::from(node.depth);
        if at_depth.len() <= depth {
            at_depth.resize(depth + 1, 0);
        }
        at_depth[depth] += 1;
    }
    let mut rows = 0;
    let levels = at_depth.iter().take_while(|count| {
        rows += **count;
        rows <= most
    });
    let levels = levels.count();
    nodes.iter().map(|node| usize::from(node.depth) + 1 >= levels.max(1)).collect()
}

/// Orders paths so that a directory comes right before what is in it.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    let place = |byte: u8| if byte == b'/' { 0 } else { byte };
    left.bytes().map(place).cmp(right.bytes().map(place))
}

/// Nodes, of which the last ones may get something inside.
struct Tree {
    nodes: Vec<Node>,
    open: Vec<u32>,
}

impl Tree {
    /// Ends the folders that a path is not in.
    fn close_until(&mut self, path: &str) {
        let end = self.count();
        while let Some(folder) = self.open.last() {
            let folder = &mut self.nodes[index(*folder)];
            if is_in(path, &folder.entry.path) {
                break;
            }
            folder.end = end;
            self.open.pop();
        }
    }

    /// Adds the folders between the innermost open one and a path.
    fn imply_folders(&mut self, path: &str) {
        let known =
            self.open.last().map_or(0, |folder| self.nodes[index(*folder)].entry.path.len() + 1);
        let rest = path.get(known..).unwrap_or_default();
        for (slash, _) in rest.match_indices('/').filter(|(slash, _)| *slash > 0) {
            let path = path.get(..known + slash).unwrap_or_default().to_owned();
            let entry = LayerEntry { kind: EntryKind::Directory, ..bare(path, 0) };
            self.add(entry, Change::Unchanged, true);
        }
    }

    fn add(&mut self, entry: LayerEntry, change: Change, is_implied: bool) {
        let parent = self.open.last().copied();
        let name_at = parent.map_or(0, |folder| self.nodes[index(folder)].entry.path.len() + 1);
        let number = self.count();
        let depth = u16::try_from(self.open.len()).unwrap_or(u16::MAX);
        self.nodes.push(Node {
            // What is at the end has nothing in it.
            end: number + 1,
            total: entry.size,
            entry,
            change,
            is_implied,
            name_at,
            parent,
            depth,
            hidden: None,
        });
        self.open.push(number);
    }

    fn count(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }
}

fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Gives folders the bytes of what is in them. What is removed counts only where the folder is removed, too.
fn sum_up(nodes: &mut [Node]) {
    for place in (0..nodes.len()).rev() {
        let node = &nodes[place];
        let (total, is_removed) = (node.total, node.change == Change::Removed);
        if let Some(parent) = node.parent {
            let parent = &mut nodes[index(parent)];
            if !is_removed || parent.change == Change::Removed {
                parent.total = parent.total.saturating_add(total);
            }
        }
    }
}
