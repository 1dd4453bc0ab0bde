//! What layers do to each other: how many paths each touches, and which bytes nobody sees any more.

use serde::Serialize;

use super::{DiffId, ImageId};

/// What an image is made of, and what of it is waste.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// The image.
    pub id: ImageId,
    /// What to call it.
    pub name: String,
    /// The bytes of all its layers' files, hard links counted once.
    pub size: u64,
    /// Those of the layers above the lowest.
    pub user_size: u64,
    /// Those that are not seen in the final file system.
    pub wasted: u64,
    /// The share of all bytes that is seen, from 0 to 1; 1 for an image without bytes.
    pub efficiency: f64,
    /// What is wasted, as a share of [`Analysis::user_size`]; 0 where that is 0.
    pub user_wasted_percent: f64,
    /// The layers, lowest first.
    pub layers: Vec<LayerSummary>,
    /// Every copy that is not seen, the largest first.
    pub hidden: Vec<HiddenCopy>,
}

impl Analysis {
    /// Adds up what is known of layers and of hidden copies.
    pub fn new(
        (id, name): (ImageId, String),
        layers: Vec<LayerSummary>,
        mut hidden: Vec<HiddenCopy>,
    ) -> Self {
        let size: u64 = layers.iter().map(|layer| layer.size).sum();
        let user_size = size - layers.first().map_or(0, |layer| layer.size);
        let wasted = hidden.iter().map(|copy| copy.size).sum();
        hidden.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
        Self {
            id,
            name,
            size,
            user_size,
            wasted,
            efficiency: 1.0 - share(wasted, size),
            user_wasted_percent: share(wasted, user_size),
            layers,
            hidden,
        }
    }
}

/// Gives a part of a whole, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits than it has")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// One layer, and what it does to those below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerSummary {
    /// Its uncompressed tar.
    pub diff: DiffId,
    /// The step of the build that made it.
    pub created_by: String,
    /// The bytes of its files, hard links counted once.
    pub size: u64,
    /// How many paths it has that those below have not.
    pub added: u64,
    /// How many it has otherwise.
    pub changed: u64,
    /// How many it hides.
    pub removed: u64,
    /// Those of its bytes that layers above it hide.
    pub wasted: u64,
}

/// A file of a layer that is not seen in the final file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HiddenCopy {
    /// Its path; of several hard links the first.
    pub path: String,
    /// The layer that stores it, 0 being the lowest.
    pub layer: usize,
    /// Its bytes.
    pub size: u64,
    /// The layer that hides it; of several hard links the last one.
    pub hidden_by: usize,
    /// How that layer hides it.
    pub fate: Fate,
}

/// How a file of a layer below is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// Something else is at its path.
    Replaced,
    /// Nothing is there any more.
    Removed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn shares_are_of_what_they_are_called_after() {
        let layer = |size| LayerSummary {
            diff: DiffId(Digest::from_bytes([0; 32])),
            created_by: String::new(),
            size,
            added: 0,
            changed: 0,
            removed: 0,
            wasted: 0,
        };
        let copy = |path: &str, size| HiddenCopy {
            path: path.to_owned(),
            layer: 0,
            size,
            hidden_by: 1,
            fate: Fate::Removed,
        };
        let named = || (ImageId(Digest::from_bytes([0; 32])), "x".to_owned());
        let analysis =
            Analysis::new(named(), vec![layer(60), layer(40)], vec![copy("a", 2), copy("b", 8)]);
        assert_eq!((analysis.size, analysis.user_size, analysis.wasted), (100, 40, 10));
        assert!((analysis.efficiency - 0.9).abs() < 1e-9);
        assert!((analysis.user_wasted_percent - 0.25).abs() < 1e-9);
        assert_eq!(analysis.hidden[0].path, "b");
        let empty = Analysis::new(named(), Vec::new(), Vec::new());
        assert!((empty.efficiency - 1.0).abs() < 1e-9);
        assert!(empty.user_wasted_percent.abs() < 1e-9);
    }
}
