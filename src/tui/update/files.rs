//! What is done with the file under the cursor: looked at, taken out, taken back.

use super::{say, verbs::dispatch};
use crate::{
    engine::{Excerpt, Shelf},
    model::{Change, EntryKind, ImageId},
    tui::{
        contents,
        keymap::Action,
        model::{Ask, Key, Listing, Model, Overlay, Purpose, Question, Subject, spaced_size},
        msg::{Effect, Failure, Task},
        panes::Tone,
        widgets::{Step, file_tree::Selected, text_view::TextView},
    },
};

/// Gives what is under the cursor of the files that are listed, and where it is to be found.
fn selected(model: &Model) -> Option<(Selected, Shelf)> {
    let Some(Question::Tree(image, subject)) = &model.detail.asked else { return None };
    let selected = model.panels.tree.as_ref()?.selected()?;
    let is_removed = selected.change == Change::Removed;
    let whole = |image: ImageId| Shelf::Seen(image, usize::MAX);
    let shelf = match subject {
        Subject::Layer(image, layer, _) => {
            Shelf::Seen(*image, if is_removed { *layer } else { layer + 1 })
        }
        Subject::Waste(image, _) => Shelf::Stored(*image, selected.layer.unwrap_or(0)),
        Subject::Against(before, after) => whole(if is_removed { *before } else { *after }),
        Subject::Changes(_) if is_removed => whole(*image),
        Subject::Changes(id) => Shelf::Container(*id),
    };
    Some((selected, shelf))
}

/// Does an action on the file under the cursor.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    if action == Action::Commit {
        if let Some(Question::Tree(_, Subject::Changes(id))) = model.detail.asked {
            let ask = Ask::new(Purpose::Commit(id), String::new(), Vec::new());
            model.overlays.push(Overlay::Ask(ask));
        }
        return;
    }
    let Some((file, shelf)) = selected(model) else { return };
    match action {
        Action::Open => open(model, file, shelf, effects),
        Action::Extract => {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let target = format!("./{name}");
            let ask = Ask::new(Purpose::Extract(shelf, file.path), target, Vec::new());
            model.overlays.push(Overlay::Ask(ask));
        }
        Action::Reset => reset(model, &file),
        _ => {}
    }
}

fn open(model: &mut Model, file: Selected, shelf: Shelf, effects: &mut Vec<Effect>) {
    match file.kind {
        EntryKind::File | EntryKind::HardLink { .. } => {
            model.detail.number_of_file += 1;
            let number = model.detail.number_of_file;
            model.panels.file.number = number;
            model.panels.file.path.clone_from(&file.path);
            effects.push(Effect::Excerpt(number, shelf, file.path));
        }
        EntryKind::Directory => {
            if let Some(tree) = &mut model.panels.tree {
                tree.toggle_fold();
            }
        }
        EntryKind::Symlink { target } => say(model, format!("it leads to {target}"), Tone::Plain),
        _ => say(model, "it has no bytes to show", Tone::Plain),
    }
}

/// Takes in a file and shows it.
pub(super) fn came(model: &mut Model, number: u64, result: Result<Excerpt, Failure>) {
    if number != model.panels.file.number {
        return;
    }
    match result {
        Ok(Excerpt { bytes, size }) => {
            let file = &mut model.panels.file;
            let is_all = bytes.len() as u64 >= size;
            file.note = if is_all {
                spaced_size(size)
            } else {
                format!("the first {} of {}", spaced_size(bytes.len() as u64), spaced_size(size))
            };
            file.search.clear();
            file.text = TextView::new(contents::lines(&bytes, &model.theme));
            model.overlays.push(Overlay::File);
            model.dirty = true;
        }
        Err(failure) => super::complain(model, &failure),
    }
}

/// Asks whether to take back what a container did to a path; only one that does not run can do so.
fn reset(model: &mut Model, file: &Selected) {
    let Some(Question::Tree(_, Subject::Changes(id))) = model.detail.asked else { return };
    let Some(container) = model.facts.container(id) else { return };
    if container.state.is_live() {
        let words = format!("take back: {} runs; stop it first", container.name);
        return say(model, words, Tone::Warn);
    }
    if file.change == Change::Unchanged {
        return say(model, "nothing was changed here; choose what is in it", Tone::Warn);
    }
    model.overlays.push(Overlay::Reset(id, file.path.clone()));
}

/// Takes it back.
pub(super) fn take_back(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some(Overlay::Reset(id, path)) = model.overlays.last() {
        let (id, path) = (*id, path.clone());
        let words = format!("take back /{path} in {}", model.name_of(Key::Container(id)));
        dispatch(model, Task::Reset(id, path), words, effects);
    }
}

/// Moves and searches in the file that is looked at.
pub(super) fn look(model: &mut Model, action: Action) {
    let file = &mut model.panels.file;
    if let Some(step) = action.step() {
        file.text.scroll(step);
        return;
    }
    match action {
        Action::NextMatch => file.text.next_match(Step::Next),
        Action::PrevMatch => file.text.next_match(Step::Prev),
        Action::Filter => {
            let input = tui_input::Input::new(file.search.clone());
            model.prompt = Some(crate::tui::model::Prompt { pane: None, input });
        }
        _ => {}
    }
}

/// Asks which image the selected one is compared with; while it is compared, ends that.
pub(super) fn compare(model: &mut Model) {
    if let Listing::Against(_) = model.detail.listing {
        model.detail.listing = Listing::Changes;
        return;
    }
    let Some(image) = model.selected_image() else { return };
    let id = image.id;
    let others = model.facts.overview.images.iter().filter(|image| image.id != id);
    let names: Vec<_> = others.map(crate::model::Image::display_name).collect();
    if names.is_empty() {
        return say(model, "compare: there is no other image", Tone::Warn);
    }
    model.overlays.push(Overlay::Ask(Ask::new(Purpose::Compare(id), String::new(), names)));
}
