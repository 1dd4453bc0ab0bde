//! Files whose bytes nobody has hashed, as of a plain archive that is only looked at: which of them have to be, after all.

use std::collections::{BTreeSet, HashMap};

use super::{Spot, Strata, Turn};
use crate::{
    image::compare::is_same,
    model::{Digest, EntryKind, LayerEntry},
};

impl Strata {
    /// Lists the files without a digest that another layer has just so, by what is known: only their bytes tell whether they were changed.
    pub(in crate::image) fn doubtful(&self) -> Vec<(usize, String)> {
        let mut found = BTreeSet::new();
        self.visit(|turns| {
            for pair in turns.windows(2) {
                let [
                    Turn { layer: lower, entry: Some(before) },
                    Turn { layer: upper, entry: Some(after) },
                ] = pair
                else {
                    continue;
                };
                let bytes_of = |entry: &LayerEntry| match &entry.kind {
                    EntryKind::HardLink { target } => Some(target.clone()),
                    EntryKind::File if entry.size > 0 => Some(entry.path.clone()),
                    _ => None,
                };
                if let (Some(one), Some(other)) = (bytes_of(before), bytes_of(after))
                    && before.digest.is_none()
                    && is_same(before, after)
                {
                    found.extend([(*lower, one), (*upper, other)]);
                }
            }
        });
        found.into_iter().collect()
    }

    /// Gives the bytes of a file of a layer.
    pub(in crate::image) fn size_of(&self, layer: usize, path: &str) -> u64 {
        let own = |spot: &&Spot| spot.layer as usize == layer;
        self.at(path).iter().find(own).map_or(0, |spot| self.entry(*spot).size)
    }

    /// Notes the digests of files, by layer and path, for all their names.
    pub(in crate::image) fn settle(&mut self, digests: &HashMap<(usize, String), Digest>) {
        if digests.is_empty() {
            return;
        }
        for (layer, entries) in self.layers.iter_mut().enumerate() {
            for entry in entries {
                let path = match &entry.kind {
                    EntryKind::File => entry.path.clone(),
                    EntryKind::HardLink { target } => target.clone(),
                    _ => continue,
                };
                if let Some(digest) = digests.get(&(layer, path)) {
                    entry.digest = Some(*digest);
                }
            }
        }
    }
}
