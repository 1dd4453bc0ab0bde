//! The entries of all layers in one order.

use std::thread;

use super::Spot;
use crate::{
    image::compare::order,
    model::{Layer, LayerEntry},
};

/// Below this many paths a second thread costs more than it does.
pub(super) const WORTH_A_THREAD: usize = 20_000;

/// Brings the entries of layers into one order, two halves at a time.
pub(super) fn merge(layers: &[Vec<LayerEntry>], first: u32) -> Vec<Spot> {
    let count = |layers: &[Vec<LayerEntry>]| layers.iter().map(Vec::len).sum::<usize>();
    match layers {
        [] => Vec::new(),
        [one] => {
            let places = 0..u32::try_from(one.len()).unwrap_or(u32::MAX);
            places.map(|place| Spot { layer: first, place }).collect()
        }
        _ => {
            let middle = layers.len() / 2;
            let (low, high) = layers.split_at(middle);
            let next = first + u32::try_from(middle).unwrap_or(u32::MAX);
            let halves = if count(layers) < WORTH_A_THREAD {
                (merge(low, first), merge(high, next))
            } else {
                side_by_side(|| merge(low, first), || merge(high, next))
            };
            merge_two(layers, first, halves)
        }
    }
}

fn merge_two(
    layers: &[Vec<LayerEntry>],
    first: u32,
    (low, high): (Vec<Spot>, Vec<Spot>),
) -> Vec<Spot> {
    let path =
        |spot: &Spot| layers[(spot.layer - first) as usize][spot.place as usize].path.as_str();
    let mut merged = Vec::with_capacity(low.len() + high.len());
    let mut low = low.into_iter().peekable();
    for spot in high {
        let own = path(&spot);
        while let Some(lower) = low.next_if(|lower| order(path(lower), own).is_le()) {
            merged.push(lower);
        }
        merged.push(spot);
    }
    merged.extend(low);
    merged
}

/// Gives where the layers are divided so that each side has about half of the entries.
pub(super) fn half_of(layers: &[Layer], entries: u64) -> usize {
    let mut so_far = 0;
    let is_low = |layer: &&Layer| {
        so_far += layer.entries;
        so_far <= entries / 2
    };
    layers.iter().take_while(is_low).count()
}

/// Does two things at once; a panic of either goes on.
pub(super) fn side_by_side<A: Send, B>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        match one.join() {
            Ok(one) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
