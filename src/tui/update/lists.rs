//! Actions in the lists: moving, filtering, marking, sorting.

use tui_input::Input;

use crate::{
    model::{Container, Image, Network},
    tui::{
        keymap::Action,
        layout,
        model::{Depth, Model, Pane, Prompt, Zoom},
        panes::Resource,
    },
};

/// Does an action of the lists.
pub(super) fn act(model: &mut Model, action: Action) {
    if let Some(step) = action.step() {
        let height = layout::areas(model).list_height(model.focus);
        model.list_mut().step(step, height);
        return;
    }
    match action {
        Action::In if model.selected().is_some() => model.detail.depth = Depth::Tab,
        Action::Out => out(model),
        Action::Filter => open_prompt(model),
        Action::Mark => {
            model.list_mut().mark();
            model.list_mut().step(crate::tui::widgets::Step::Next, 1);
        }
        Action::MarkRange => model.list_mut().mark_range(),
        Action::Sort => {
            let columns = columns(model.focus);
            let list = model.list_mut();
            list.sort = (list.sort + 1) % columns;
            list.reverse = false;
            model.arrange();
        }
        Action::Reverse => {
            model.list_mut().reverse ^= true;
            model.arrange();
        }
        Action::Hidden => {
            model.list_mut().hide ^= true;
            model.arrange();
        }
        _ => {}
    }
}

const fn columns(pane: Pane) -> usize {
    match pane {
        Pane::Containers => Container::COLUMNS.len(),
        Pane::Images => Image::COLUMNS.len(),
        Pane::Networks => Network::COLUMNS.len(),
    }
}

/// Sorts by a column; by the one that it is sorted by already, turns the order round.
pub(super) fn sort_by(model: &mut Model, column: usize) {
    let list = model.list_mut();
    if list.sort == column {
        list.reverse ^= true;
    } else {
        (list.sort, list.reverse) = (column, false);
    }
    model.arrange();
}

/// Takes back what narrows the list: first the filter, then the marks.
fn out(model: &mut Model) {
    let list = model.list_mut();
    if list.filter.is_empty() {
        list.marks.clear();
    } else {
        list.filter.clear();
        model.arrange();
    }
}

/// Puts the focus on a pane.
pub(super) fn focus(model: &mut Model, pane: Pane) {
    model.focus = pane;
    model.detail.depth = Depth::Outside;
    model.detail.zoom = Zoom::Off;
}

/// Puts the focus on the pane `by` further down, round the end.
pub(super) fn turn(model: &mut Model, by: usize) {
    focus(model, Pane::ALL[(model.focus.index() + by) % Pane::ALL.len()]);
}

/// Opens the line in which a filter is typed.
fn open_prompt(model: &mut Model) {
    let filter = model.list().filter.clone();
    model.prompt = Some(Prompt { pane: Some(model.focus), input: Input::new(filter) });
}

/// Applies what is typed so far.
pub(super) fn prompt_changed(model: &mut Model) {
    let Some(prompt) = &model.prompt else { return };
    let text = prompt.input.value().to_owned();
    match prompt.pane {
        Some(pane) => {
            model.lists[pane.index()].filter = text;
            model.arrange();
        }
        None => super::detail::search(model, text),
    }
}

/// Ends the typing: what was typed holds, or is taken back.
pub(super) fn end_prompt(model: &mut Model, action: Action) {
    match action {
        Action::Cancel => {
            if let Some(prompt) = &mut model.prompt {
                prompt.input.reset();
            }
            prompt_changed(model);
            model.prompt = None;
        }
        Action::Confirm => model.prompt = None,
        _ => {}
    }
}
