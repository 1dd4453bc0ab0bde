//! Actions in the detail, and the questions it asks: the newest wins, answers to older ones are dropped by their number.

use tui_input::Input;

use super::{
    files,
    listing::{is_in_files, note_fresh, rows, subject},
};
use crate::{
    model::{Change, Container, State, Timestamp},
    tui::{
        keymap::Action,
        layout,
        model::{Depth, Key, Listing, Model, Overlay, Prompt, Question, Subject, Tab, Zoom},
        msg::{Effect, Msg},
        tabs,
        widgets::{Step, file_tree::Standing, text_view::TextView},
    },
};

/// Does an action of the detail; tells whether it was one.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) -> bool {
    if let Some(step) = action.step() {
        scroll(model, step);
        return true;
    }
    match action {
        Action::Out => out(model),
        Action::In => go_in(model),
        Action::Filter => {
            let input = Input::new(model.detail.search.clone());
            model.prompt = Some(Prompt { pane: None, input });
        }
        Action::NextMatch => next_match(model, Step::Next),
        Action::PrevMatch => next_match(model, Step::Prev),
        Action::Span if model.tab() == Some(Tab::Stats) => model.panels.history.is_long ^= true,
        Action::Stacked => model.detail.stacked ^= true,
        Action::Waste if model.tab() == Some(Tab::Layers) => {
            model.detail.listing = match model.detail.listing {
                Listing::Waste => Listing::Changes,
                Listing::Changes | Listing::Against(_) => Listing::Waste,
            };
        }
        Action::Compare if model.tab() == Some(Tab::Layers) => files::compare(model),
        Action::Open | Action::Reset | Action::Commit => files::act(model, action, effects),
        Action::Extract if is_in_files(model) => files::act(model, action, effects),
        Action::Sort | Action::Reverse if is_in_files(model) => {
            if let Some(tree) = &mut model.panels.tree {
                tree.sort(action == Action::Reverse);
            }
        }
        Action::Fold | Action::ToggleFold => fold(model, action),
        Action::Added => toggle(model, Change::Added),
        Action::Changed => toggle(model, Change::Changed),
        Action::Removed => toggle(model, Change::Removed),
        Action::Unchanged => toggle(model, Change::Unchanged),
        _ => return false,
    }
    true
}

/// Moves in what the user is in.
pub(super) fn scroll(model: &mut Model, step: Step) {
    if is_in_files(model) {
        if let Some(tree) = &mut model.panels.tree {
            tree.move_by(step);
        }
        return;
    }
    match model.tab() {
        Some(Tab::Layers) => scroll_layers(model, step),
        Some(Tab::Logs) => model.panels.logs.scroll(step),
        Some(Tab::Stats) => {}
        _ => model.panels.text.scroll(step),
    }
}

/// Moves among the layers; a page of them has ten.
pub(super) fn scroll_layers(model: &mut Model, step: Step) {
    let count = model.selected_image().map_or(0, |image| rows(model, image));
    let last = count.saturating_sub(1);
    let layer = model.detail.layer.min(last);
    model.detail.layer = layer.saturating_add_signed(step.distance(10)).min(last);
}

fn go_in(model: &mut Model) {
    if is_in_files(model) {
        if let Some(tree) = &mut model.panels.tree {
            tree.expand();
        }
    } else if model.tab() == Some(Tab::Layers) {
        model.detail.depth = Depth::Files;
    }
}

fn fold(model: &mut Model, action: Action) {
    if let Some(tree) = &mut model.panels.tree {
        match action {
            Action::Fold => tree.collapse(),
            _ => tree.toggle_fold(),
        }
    }
}

fn toggle(model: &mut Model, change: Change) {
    if let Some(tree) = &mut model.panels.tree {
        tree.toggle(change);
    }
}

/// Goes one level out.
pub(super) fn out(model: &mut Model) {
    match model.detail.depth {
        Depth::Files => model.detail.depth = Depth::Tab,
        Depth::Tab | Depth::Outside if model.detail.zoom != Zoom::Off => out_of_zoom(model),
        Depth::Tab | Depth::Outside => model.detail.depth = Depth::Outside,
    }
}

/// Gives the lists their place back.
pub(super) fn out_of_zoom(model: &mut Model) {
    model.detail.depth = match model.detail.zoom {
        Zoom::FromDetail => Depth::Tab,
        Zoom::Off | Zoom::FromLists => Depth::Outside,
    };
    model.detail.zoom = Zoom::Off;
}

/// Shows the tab `by` further on, round the end.
pub(super) fn turn(model: &mut Model, by: isize) {
    let tabs = Tab::of(model.focus);
    let last = tabs.len() - 1;
    let at = &mut model.detail.tabs[model.focus.index()];
    *at = match at.checked_add_signed(by) {
        Some(next) if next <= last => next,
        Some(_) => 0,
        None => last,
    };
    if model.detail.depth == Depth::Files {
        model.detail.depth = Depth::Tab;
    }
}

/// Makes the detail larger or smaller; beyond the largest it takes the whole screen.
pub(super) fn resize(model: &mut Model, by: i16) {
    if model.detail.zoom != Zoom::Off {
        if by < 0 {
            out_of_zoom(model);
        }
        return;
    }
    let before = layout::areas(model).detail;
    let share = model.detail.share.saturating_add_signed(by);
    model.detail.share = share.clamp(20, 80);
    let is_largest = layout::areas(model).detail == before;
    if by > 0 && is_largest && model.selected().is_some() {
        zoom_in(model);
    }
}

/// Gives the detail the whole screen.
pub(super) fn zoom_in(model: &mut Model) {
    model.detail.zoom = if model.detail.depth == Depth::Outside {
        model.detail.depth = Depth::Tab;
        Zoom::FromLists
    } else {
        Zoom::FromDetail
    };
}

/// Searches the text for what is typed.
pub(super) fn search(model: &mut Model, text: String) {
    let wanted = (!text.is_empty()).then_some(text.as_str());
    if matches!(model.overlays.last(), Some(Overlay::File)) {
        model.panels.file.text.search(wanted);
        model.panels.file.search = text;
        model.dirty = true;
        return;
    }
    if let Some(tree) = &mut model.panels.tree {
        tree.set_filter(&text);
    }
    model.panels.logs.search(wanted);
    model.panels.text.search(wanted);
    model.detail.search = text;
    model.dirty = true;
}

fn next_match(model: &mut Model, direction: Step) {
    if model.tab() == Some(Tab::Logs) {
        model.panels.logs.next_match(direction);
    } else {
        model.panels.text.next_match(direction);
    }
}

/// Asks for what the detail has to show now, if it is something else than before.
pub(super) fn ask(model: &mut Model, effects: &mut Vec<Effect>) {
    let wanted = wanted(model);
    if let Some(Question::Text(key, tab)) = &wanted {
        refresh_text(model, *key, *tab);
    }
    if model.detail.asked == wanted {
        return;
    }
    let followed = matches!(model.detail.asked, Some(Question::Logs(..)));
    model.detail.number += 1;
    model.detail.trouble = None;
    model.detail.waiting = false;
    if !model.detail.search.is_empty() && model.prompt.is_none() {
        search(model, String::new());
    }
    let number = model.detail.number;
    let is_same_image = matches!(
        (&model.detail.asked, &wanted),
        (Some(Question::Tree(old, _)), Some(Question::Tree(new, _))) if old == new
    );
    if matches!(model.detail.asked, Some(Question::Tree(..)))
        && !matches!(wanted, Some(Question::Tree(..)))
    {
        effects.push(Effect::Forget);
    }
    match wanted {
        Some(Question::Logs(id, _)) => {
            model.panels.logs.clear();
            model.detail.has_lines = false;
            model.detail.waiting = true;
            effects.push(Effect::FollowLogs(number, id));
        }
        Some(Question::Stats(id, run)) => {
            model.panels.history.replace(Vec::new());
            if run.is_some() {
                model.detail.waiting = true;
                effects.push(Effect::Samples(number, id));
            }
        }
        Some(Question::Tree(_, subject)) => {
            let left = model.panels.tree.take().map(|tree| tree.standing());
            match left {
                Some(standing) if is_same_image => model.panels.standing = standing,
                _ if is_same_image => {}
                _ => model.panels.standing = Standing::default(),
            }
            model.detail.waiting = true;
            model.detail.fresh = (Some(model.facts.now), None);
            effects.push(Effect::Tree(number, subject));
        }
        Some(Question::Text(Key::Container(id), Tab::Health)) => {
            effects.push(Effect::ReadHealth(id));
        }
        Some(Question::Text(..)) | None => {}
    }
    if followed && !matches!(wanted, Some(Question::Logs(..))) {
        effects.push(Effect::StopLogs(number));
    }
    model.detail.asked = wanted;
}

/// Tells what the detail has to show.
fn wanted(model: &mut Model) -> Option<Question> {
    let (Some(key), Some(tab)) = (model.selected(), model.tab()) else {
        model.detail.depth = Depth::Outside;
        model.detail.zoom = Zoom::Off;
        return None;
    };
    match (key, tab) {
        (Key::Container(id), Tab::Logs) => {
            let container = model.facts.container(id)?;
            Some(Question::Logs(id, run_of(container)))
        }
        (Key::Container(id), Tab::Changes) => {
            let image = model.facts.container(id)?.image;
            Some(Question::Tree(image, Subject::Changes(id)))
        }
        (Key::Container(id), Tab::Stats) => {
            let container = model.facts.container(id)?;
            let run = container.state.is_live().then(|| run_of(container)).flatten();
            Some(Question::Stats(id, run))
        }
        (Key::Image(id), Tab::Layers) => {
            let same = matches!(model.detail.asked, Some(Question::Tree(old, _)) if old == id);
            let image = model.facts.image(id)?;
            let (layers, rows) = (image.layers.len(), rows(model, image));
            let last = rows.checked_sub(1)?;
            if !same {
                if let Listing::Against(_) = model.detail.listing {
                    model.detail.listing = Listing::Changes;
                }
                model.detail.layer = layers.saturating_sub(1);
                if model.detail.depth == Depth::Files {
                    model.detail.depth = Depth::Tab;
                }
            }
            model.detail.layer = model.detail.layer.min(last);
            Some(Question::Tree(id, subject(model, id, layers)))
        }
        _ => Some(Question::Text(key, tab)),
    }
}

/// Tells when the run began whose log is the newest.
const fn run_of(container: &Container) -> Option<Timestamp> {
    match &container.state {
        State::Running { started, .. } => Some(*started),
        State::Restarting { started, .. } | State::Exited { started, .. } => *started,
        State::Created | State::Starting => None,
    }
}

/// Writes the text again; a newer form of the same text is shown where the user is.
fn refresh_text(model: &mut Model, key: Key, tab: Tab) {
    let lines = tabs::lines(&model.facts, &model.theme, key, tab);
    if model.detail.asked == Some(Question::Text(key, tab)) {
        model.panels.text.set_lines(lines);
    } else {
        model.panels.text = TextView::new(lines);
    }
}

/// Takes in an answer, unless a newer question was asked meanwhile.
pub(super) fn answered(model: &mut Model, answer: Msg) {
    let current = model.detail.number;
    match answer {
        Msg::LogLines(number, lines) if number == current => {
            model.detail.has_lines |= !lines.is_empty();
            for line in &lines {
                model.panels.logs.push(line);
            }
            model.detail.waiting = false;
        }
        Msg::LogEnd(number, failure) if number == current => {
            model.detail.trouble = failure.map(|failure| failure.message);
            model.detail.waiting = false;
        }
        Msg::Samples(number, samples) if number == current => {
            model.panels.history.replace(samples);
            model.detail.waiting = false;
        }
        Msg::Tree(number, result) if number == current => {
            match result {
                Ok(mut tree) => {
                    if let Some(old) = model.panels.tree.take() {
                        // A newer form of what is there.
                        tree.resume(&old);
                    } else {
                        tree.stand_at(&model.panels.standing);
                        tree.set_filter(&model.detail.search);
                    }
                    model.panels.tree = Some(tree);
                }
                Err(failure) => model.detail.trouble = Some(failure.message),
            }
            model.detail.waiting = false;
            note_fresh(model);
        }
        _ => return,
    }
    model.dirty = true;
}
