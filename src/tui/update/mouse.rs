//! The mouse: what is clicked is what the view noted there when it drew it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{detail, dialogs, keys, lists};
use crate::tui::{
    hits::Zone,
    keymap::Action,
    model::{Depth, Key, Model, Overlay, Pane},
    msg::Effect,
    widgets::Step,
};

/// The rows that one turn of the wheel moves.
const WHEEL: isize = 3;

/// Takes what the mouse did; a click ends what is being typed in a list or a text.
pub(super) fn take(model: &mut Model, event: MouseEvent, effects: &mut Vec<Effect>) {
    let Some(zone) = model.hits.at(event.column, event.row) else { return };
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => {
            model.dirty |= !model.typed.is_empty();
            model.typed.clear();
            click(model, zone, effects);
        }
        MouseEventKind::ScrollDown => wheel(model, zone, WHEEL, effects),
        MouseEventKind::ScrollUp => wheel(model, zone, -WHEEL, effects),
        _ => {}
    }
}

fn click(model: &mut Model, zone: Zone, effects: &mut Vec<Effect>) {
    if zone == Zone::Overlay {
        return;
    }
    model.dirty = true;
    if let Zone::Does(action) = zone {
        return keys::act(model, action, effects);
    }
    model.prompt = None;
    match zone {
        Zone::Pane(pane) => lists::focus(model, pane),
        Zone::Row(key) => select(model, key),
        Zone::Column(pane, column) => {
            lists::focus(model, pane);
            lists::sort_by(model, column);
        }
        Zone::Detail => model.detail.depth = model.detail.depth.max(Depth::Tab),
        Zone::Tab(place) => {
            model.detail.tabs[model.focus.index()] = place;
            model.detail.depth = Depth::Tab;
        }
        Zone::Layer(layer) => {
            model.detail.layer = layer;
            model.detail.depth = Depth::Tab;
        }
        Zone::File(row) => file(model, row, effects),
        Zone::Entry(place) => {
            if let Some(Overlay::Palette(palette)) = model.overlays.last_mut() {
                palette.at = place;
                dialogs::act(model, Action::Confirm, effects);
            }
        }
        Zone::Field(place) => {
            if let Some(Overlay::Form(form)) = model.overlays.last_mut() {
                form.at = place;
                form.toggle();
            }
        }
        Zone::Does(_) | Zone::Overlay => {}
    }
}

/// Puts focus and cursor on a row.
fn select(model: &mut Model, key: Key) {
    lists::focus(model, key.pane());
    model.list_mut().cursor = Some(key);
}

/// Puts the cursor on a file; a click where it is already opens that, or folds it.
fn file(model: &mut Model, row: usize, effects: &mut Vec<Effect>) {
    let was_inside = super::is_in_files(model);
    model.detail.depth = Depth::Files;
    let was_there = model.panels.tree.as_mut().is_some_and(|tree| tree.point_at(row));
    if was_inside && was_there {
        detail::act(model, Action::Open, effects);
    }
}

/// Scrolls what lies under the mouse; the focus stays where it is.
fn wheel(model: &mut Model, zone: Zone, by: isize, effects: &mut Vec<Effect>) {
    model.dirty = true;
    match zone {
        Zone::Pane(pane) | Zone::Column(pane, _) => scroll_list(model, pane, by),
        Zone::Row(key) => scroll_list(model, key.pane(), by),
        Zone::Layer(_) => detail::scroll_layers(model, Step::By(by)),
        Zone::File(_) => {
            if let Some(tree) = &mut model.panels.tree {
                tree.move_by(Step::By(by));
            }
        }
        Zone::Detail | Zone::Tab(_) => detail::scroll(model, Step::By(by)),
        Zone::Overlay | Zone::Entry(_) | Zone::Field(_) => {
            let action = if by > 0 { Action::Next } else { Action::Prev };
            for _ in 0..by.unsigned_abs() {
                dialogs::act(model, action, effects);
            }
        }
        Zone::Does(_) => {}
    }
}

fn scroll_list(model: &mut Model, pane: Pane, by: isize) {
    let height = crate::tui::layout::areas(model).list_height(pane);
    model.lists[pane.index()].scroll(by, height.max(1));
}
