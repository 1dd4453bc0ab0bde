//! The layers of an image laid over each other: what stands at each path, layer by layer. Pure but for the reading of indexes.
//!
//! All paths of all layers are brought into one order once; every question is then one walk along it, which keeps what the directories
//! on the way hide. So the life of a path is known whole: which layers have it, and which hide it.

mod doubt;
mod merge;
mod waste;

use self::merge::{WORTH_A_THREAD, half_of, merge, side_by_side};
use super::{
    ImageError,
    compare::{hides, is_beneath, is_same, order, walk_views},
    index::layer_index,
};
use crate::{
    model::{Change, ChangedEntry, EntryKind, Layer, LayerEntry, Whiteout},
    store::Layout,
};

/// The layers of an image, lowest first.
#[derive(Debug)]
pub struct Strata {
    layers: Vec<Vec<LayerEntry>>,
    /// Every entry of every layer, by path and then from the lowest layer up.
    spots: Vec<Spot>,
}

/// Where an entry is: its layer and its place in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    layer: u32,
    place: u32,
}

/// What a layer leaves at a path that it touches or hides.
#[derive(Debug, Clone, Copy)]
struct Turn<'a> {
    layer: usize,
    entry: Option<&'a LayerEntry>,
}

/// How many paths a layer adds, changes and removes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those it has and the layers below have not.
    pub added: u64,
    /// Those it has otherwise.
    pub changed: u64,
    /// Those it hides.
    pub removed: u64,
}

impl Strata {
    /// Reads the indexes of an image's layers, several at once. No file of a layer is touched.
    ///
    /// # Errors
    /// [`ImageError::Kernel`], [`ImageError::Index`].
    pub fn read(layout: &Layout, layers: &[Layer]) -> Result<Self, ImageError> {
        let read = |layers: &[Layer]| {
            layers
                .iter()
                .map(|layer| layer_index(layout, layer.chain))
                .collect::<Result<Vec<_>, _>>()
        };
        let entries: u64 = layers.iter().map(|layer| layer.entries).sum();
        if entries < WORTH_A_THREAD as u64 {
            return Ok(Self::new(read(layers)?));
        }
        let (low, high) = layers.split_at(half_of(layers, entries));
        let (low, high) = side_by_side(|| read(low), || read(high));
        let mut all = low?;
        all.extend(high?);
        Ok(Self::new(all))
    }

    /// Lays layers over each other, lowest first, each sorted so that a directory comes before what is in it.
    pub fn new(layers: Vec<Vec<LayerEntry>>) -> Self {
        let spots = merge(&layers, 0);
        Self { layers, spots }
    }

    /// Tells how many layers there are.
    pub const fn len(&self) -> usize {
        self.layers.len()
    }

    /// Tells whether there is no layer.
    pub const fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Tells what the layers from number `below` on, up to `upto` (not included), do to those below; `stacked` adds what they leave
    /// alone. Sorted so that a directory comes before what is in it.
    ///
    /// A directory that is listed again as it was is left alone, and so is a file listed again with the same bytes and attributes.
    pub fn changes(&self, below: usize, upto: usize, stacked: bool) -> Vec<ChangedEntry> {
        let mut changes = Vec::new();
        self.visit(|turns| {
            let change = changed(standing(turns, below), standing(turns, upto));
            if let Some((entry, change)) = change
                && (stacked || change != Change::Unchanged)
            {
                changes.push(ChangedEntry { entry: entry.clone(), change });
            }
        });
        changes
    }

    /// Counts what each layer adds, changes and removes.
    pub fn counts(&self) -> Vec<Counts> {
        let mut all = vec![Counts::default(); self.layers.len()];
        self.visit(|turns| {
            let mut before = None;
            for turn in turns {
                let counts = &mut all[turn.layer];
                match changed(before, turn.entry) {
                    Some((_, Change::Added)) => counts.added += 1,
                    Some((_, Change::Changed)) => counts.changed += 1,
                    Some((_, Change::Removed)) => counts.removed += 1,
                    Some((_, Change::Unchanged)) | None => {}
                }
                before = turn.entry;
            }
        });
        all
    }

    /// Tells what one more layer does to all of these; sorted as they are.
    pub fn under(&self, top: &[LayerEntry]) -> Vec<ChangedEntry> {
        let mut changes = Vec::new();
        walk_views(&self.seen(), top, |before, after| {
            if let Some((entry, change)) = changed(before, after)
                && change != Change::Unchanged
            {
                changes.push(ChangedEntry { entry: entry.clone(), change });
            }
        });
        changes
    }

    /// Tells what one would have to do to these layers to have those of another image.
    pub fn against(&self, other: &Self) -> Vec<ChangedEntry> {
        let (before, after) = (self.seen(), other.seen());
        let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
        let mut changes = Vec::new();
        loop {
            let next = match (before.peek(), after.peek()) {
                (Some(left), Some(right)) => order(&left.path, &right.path),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => return changes,
            };
            let left = if next.is_le() { before.next() } else { None };
            let right = if next.is_ge() { after.next() } else { None };
            if let Some((entry, change)) = changed(left.copied(), right.copied()) {
                changes.push(ChangedEntry { entry: entry.clone(), change });
            }
        }
    }

    /// Finds what stands at a path under the first `upto` layers: the layer that has it, and its entry.
    pub fn find(&self, path: &str, upto: usize) -> Option<(usize, &LayerEntry)> {
        let mut hiding: Vec<Spot> = Vec::new();
        for (slash, _) in path.match_indices('/') {
            let above = self.at(path.get(..slash).unwrap_or_default());
            hiding.extend(above.iter().filter(|spot| hides(self.entry(**spot))).copied());
        }
        hiding.extend(self.at("").iter().filter(|spot| hides(self.entry(**spot))));
        let upto = u32::try_from(upto).unwrap_or(u32::MAX);
        let hidden_by = hiding.iter().map(|spot| spot.layer).filter(|layer| *layer < upto).max();
        let own = self.at(path).iter().rev();
        let newest = own.copied().find(|spot| spot.layer < upto && !self.is_opaque_mark(*spot))?;
        let entry = self.entry(newest);
        let is_seen = hidden_by.is_none_or(|layer| layer <= newest.layer)
            && !matches!(entry.kind, EntryKind::Whiteout(_));
        is_seen.then_some((newest.layer as usize, entry))
    }

    /// Gives everything that stands at a path or beneath it under the first `upto` layers, with the layer that has it.
    pub fn beneath(&self, path: &str, upto: usize) -> Vec<(usize, &LayerEntry)> {
        let mut found = Vec::new();
        self.visit(|turns| {
            let turn = turns.iter().rev().find(|turn| turn.layer < upto);
            if let Some(Turn { layer, entry: Some(entry) }) = turn
                && (path.is_empty() || entry.path == path || is_beneath(&entry.path, path))
            {
                found.push((*layer, *entry));
            }
        });
        found
    }

    /// Gives everything that one layer has at a path or beneath it, seen or not.
    pub fn stored(&self, layer: usize, path: &str) -> Vec<&LayerEntry> {
        let entries = self.layers.get(layer).map_or(&[][..], Vec::as_slice);
        let is_meant = |entry: &&LayerEntry| {
            (entry.path == path || is_beneath(&entry.path, path))
                && !matches!(entry.kind, EntryKind::Whiteout(_))
        };
        entries.iter().filter(is_meant).collect()
    }

    /// Sums the bytes of a layer's files, hard links counted once.
    pub fn bytes(&self, layer: usize) -> u64 {
        self.layers.get(layer).map_or(0, |entries| entries.iter().map(|entry| entry.size).sum())
    }

    /// Gives what is seen in the final file system, sorted so that a directory comes before what is in it.
    pub fn seen(&self) -> Vec<&LayerEntry> {
        let mut view = Vec::new();
        self.visit(|turns| view.extend(turns.last().and_then(|turn| turn.entry)));
        view
    }

    fn entry(&self, spot: Spot) -> &LayerEntry {
        &self.layers[spot.layer as usize][spot.place as usize]
    }

    fn is_opaque_mark(&self, spot: Spot) -> bool {
        self.entry(spot).kind == EntryKind::Whiteout(Whiteout::Opaque)
    }

    /// Gives the spots of one path.
    fn at(&self, path: &str) -> &[Spot] {
        let start = self.spots.partition_point(|spot| order(&self.entry(*spot).path, path).is_lt());
        let rest = &self.spots[start..];
        let count = rest.iter().take_while(|spot| self.entry(**spot).path == path).count();
        &rest[..count]
    }

    /// Shows the life of each path that some layer has, in order: what every layer that touches or hides it leaves there.
    fn visit<'a>(&'a self, mut visit: impl FnMut(&[Turn<'a>])) {
        // The directories on the way that something hides, each with all layers that hide what is in it.
        let mut hiding: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut turns: Vec<Turn<'a>> = Vec::new();
        let same = |a: &Spot, b: &Spot| self.entry(*a).path == self.entry(*b).path;
        let mut groups = self.spots.chunk_by(same).peekable();
        while let Some(group) = groups.next() {
            let path = self.entry(group[0]).path.as_str();
            while hiding.last().is_some_and(|(above, _)| !is_beneath(path, above)) {
                hiding.pop();
            }
            let hidden = hiding.last().map_or(&[][..], |(_, layers)| layers.as_slice());
            turns.clear();
            self.live(group, hidden, &mut turns);
            if !turns.is_empty() {
                visit(&turns);
            }
            // Most files hide something, but nothing comes beneath them.
            let next = groups.peek().map(|next| self.entry(next[0]).path.as_str());
            if next.is_some_and(|next| is_beneath(next, path)) {
                let own = group.iter().filter(|spot| hides(self.entry(**spot)));
                let mut layers: Vec<_> = own.map(|spot| spot.layer as usize).collect();
                if !layers.is_empty() {
                    layers.extend(hidden);
                    layers.sort_unstable();
                    layers.dedup();
                    hiding.push((path, layers));
                }
            }
        }
    }

    /// Lists what becomes of one path, from the lowest layer that has it: by the layers that have it and those that hide it.
    fn live<'a>(&'a self, group: &[Spot], hidden: &[usize], turns: &mut Vec<Turn<'a>>) {
        let mut hidden = hidden.iter().copied().peekable();
        for spot in group.iter().filter(|spot| !self.is_opaque_mark(**spot)) {
            let layer = spot.layer as usize;
            while let Some(at) = hidden.next_if(|at| *at <= layer) {
                // What a layer has itself, it does not hide.
                if at < layer && !turns.is_empty() {
                    turns.push(Turn { layer: at, entry: None });
                }
            }
            let entry = self.entry(*spot);
            let entry = (!matches!(entry.kind, EntryKind::Whiteout(_))).then_some(entry);
            turns.push(Turn { layer, entry });
        }
        if !turns.is_empty() {
            turns.extend(hidden.map(|layer| Turn { layer, entry: None }));
        }
    }
}

/// Gives what stands at a path under the first `upto` layers.
fn standing<'a>(turns: &[Turn<'a>], upto: usize) -> Option<&'a LayerEntry> {
    turns.iter().rev().find(|turn| turn.layer < upto).and_then(|turn| turn.entry)
}

/// Tells what became of a path; `None` where there was nothing and is nothing. For what was removed gives the entry as it was.
fn changed<'a>(
    before: Option<&'a LayerEntry>,
    after: Option<&'a LayerEntry>,
) -> Option<(&'a LayerEntry, Change)> {
    match (before, after) {
        (None, None) => None,
        (None, Some(entry)) => Some((entry, Change::Added)),
        (Some(entry), None) => Some((entry, Change::Removed)),
        (Some(before), Some(after)) if std::ptr::eq(before, after) || is_same(before, after) => {
            Some((after, Change::Unchanged))
        }
        (Some(_), Some(entry)) => Some((entry, Change::Changed)),
    }
}

#[cfg(test)]
mod tests;
