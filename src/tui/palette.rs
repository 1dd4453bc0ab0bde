//! The palette: what can be done here, by its name; first with the selection, then everything else. Made from the effective keymap.

use std::cmp::Reverse;

use super::{
    enabled::enabled,
    keymap::{Action, Layer},
    model::Model,
    update::base_layers,
    widgets::filter::Filter,
};

/// Something that can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What.
    pub(crate) action: Action,
    /// What the help says of it.
    pub(crate) desc: String,
    /// Its keys, as people read them; none if it has none.
    pub(crate) keys: String,
    /// Why it cannot be done now.
    pub(crate) reason: Option<String>,
}

/// Gives what fits what is typed, the best first: with the selection, and everything else.
pub(crate) fn entries(model: &Model, typed: &str) -> [Vec<Entry>; 2] {
    let mut filter = Filter::new(typed);
    let mut fitting: Vec<(u32, Entry)> = Vec::new();
    let here = base_layers(model);
    // Moving is for fingers; whoever looks for it here wants it least.
    let (moving, doing): (Vec<Layer>, Vec<Layer>) =
        here.iter().partition(|layer| **layer == Layer::Move);
    for row in doing.into_iter().chain(moving).flat_map(|layer| model.keymap.rows(layer)) {
        let is_known = fitting.iter().any(|(_, entry)| entry.action == row.action);
        if is_known || row.action == Action::Palette {
            continue;
        }
        let name = row.action.word().replace('_', " ");
        let score = filter.score(row.desc).max(filter.score(&name));
        if let Some(score) = score {
            let reason = enabled(model, row.action).err();
            let (action, desc) = (row.action, row.desc.to_owned());
            let keys = model.keymap.keys_of(here, action).join(" ");
            fitting.push((score, Entry { action, desc, keys, reason }));
        }
    }
    fitting.sort_by_key(|(score, _)| Reverse(*score));
    let (selection, rest): (Vec<Entry>, Vec<Entry>) = fitting
        .into_iter()
        .map(|(_, entry)| entry)
        .partition(|entry| entry.action.is_of_selection());
    [selection, rest]
}
