//! The palette: choosing an action by its name.

use tui_input::Input;

use super::{dialogs, keys};
use crate::tui::{
    keymap::Action,
    model::{Model, Overlay, Palette},
    msg::Effect,
    palette::entries,
};

/// Opens it with something typed already.
pub(super) fn open(model: &mut Model, typed: &str) {
    let search = Input::new(typed.to_owned());
    model.overlays.push(Overlay::Palette(Palette { search, at: 0 }));
}

/// Does an action in it.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let Some(Overlay::Palette(palette)) = model.overlays.last() else { return };
    let entries = entries(model, palette.search.value()).concat();
    let last = entries.len().saturating_sub(1);
    let at = palette.at.min(last);
    if action == Action::Confirm {
        if let Some(entry) = entries.get(at) {
            dialogs::close(model);
            keys::act(model, entry.action, effects);
        }
        return;
    }
    let at = action.step().map_or(at, |step| at.saturating_add_signed(step.distance(10)).min(last));
    if let Some(Overlay::Palette(palette)) = model.overlays.last_mut() {
        palette.at = at;
    }
}
