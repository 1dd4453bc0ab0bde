//! What can be done with the selection now, and why not.

use super::{
    keymap::Action,
    model::{Depth, Key, Model, Overlay, Pane, Tab, Users},
};
use crate::model::{State, Verb};

/// Says why an action makes no sense for the selection, in few words.
///
/// # Errors
/// The reason.
pub(crate) fn enabled(model: &Model, action: Action) -> Result<(), String> {
    match action {
        Action::StartStop | Action::Restart | Action::Pause | Action::Kill
            if !model.list().marks.is_empty() =>
        {
            of_marks(model, action)
        }
        Action::StartStop => match verb_of(model, |state| state.allows(Verb::Stop)) {
            Some(true) => Ok(()),
            _ => allowed(model, Verb::Start),
        },
        Action::Restart => allowed(model, Verb::Restart),
        Action::Pause => match verb_of(model, |state| state.allows(Verb::Unpause)) {
            Some(true) => Ok(()),
            _ => allowed(model, Verb::Pause),
        },
        Action::Kill => allowed(model, Verb::Kill),
        Action::Shell => allowed(model, Verb::Exec),
        Action::Attach => allowed(model, Verb::Attach).and_then(|()| has_terminal(model)),
        Action::Delete => deletable(model),
        Action::New if model.focus != Pane::Networks => {
            model.selected_image().map(|_| ()).ok_or_else(no_image)
        }
        Action::Extract if model.detail.depth == Depth::Outside => match model.selected() {
            Some(Key::Image(_)) => Ok(()),
            _ => Err("only an image can be saved".to_owned()),
        },
        Action::NextMatch | Action::PrevMatch if model.detail.search.is_empty() => {
            Err("nothing is searched for".to_owned())
        }
        Action::Span if model.tab() != Some(Tab::Stats) => {
            Err("only statistics have a span".to_owned())
        }
        Action::UsedBy => used(model),
        Action::Zoom if model.focus == Pane::Networks => {
            Err("a network has neither logs nor layers".to_owned())
        }
        Action::In | Action::Inspect | Action::CopyId | Action::Mark | Action::Zoom => {
            model.selected().map(|_| ()).ok_or_else(nothing)
        }
        _ => Ok(()),
    }
}

/// Gives the word that a hint shows for an action.
pub(crate) fn label(model: &Model, action: Action) -> &'static str {
    match action {
        Action::StartStop => match verb_of(model, State::is_live) {
            Some(true) => "stop",
            _ => "start",
        },
        Action::Restart => "restart",
        Action::Pause => match verb_of(model, |state| state.allows(Verb::Unpause)) {
            Some(true) => "thaw",
            _ => "pause",
        },
        Action::Kill => "kill",
        Action::Shell => "shell",
        Action::Attach => "attach",
        Action::Delete => "delete",
        Action::New => "new",
        Action::UsedBy => match model.selected() {
            Some(Key::Container(_)) => "its image",
            _ => "used by",
        },
        Action::Zoom => match model.focus {
            Pane::Images => "layers",
            _ => "logs",
        },
        Action::Inspect => "inspect",
        Action::Help => "help",
        Action::Palette => "actions",
        Action::Filter => "filter",
        Action::Leave => "quit",
        Action::In | Action::Open => "open",
        Action::Out => "back",
        Action::NextTab => "next tab",
        Action::NextMatch => "next match",
        Action::Stacked => "stacked",
        Action::ToggleFold => "fold",
        Action::Extract => match model.detail.depth {
            Depth::Outside => "save",
            _ => "extract",
        },
        Action::Reset => "take back",
        Action::Added => "added",
        Action::Changed => "changed",
        Action::Removed => "removed",
        Action::Unchanged => "unchanged",
        Action::Confirm => "accept",
        Action::Cancel => match model.overlays.last() {
            Some(Overlay::Jobs(_) | Overlay::File) => "close",
            _ => "cancel",
        },
        Action::WithNames => match model.overlays.last() {
            Some(Overlay::Prune(plan)) if plan.with_names => "only without a name",
            _ => "with a name, too",
        },
        Action::CancelJob => "cancel it",
        Action::NextField => "next field",
        other => other.word(),
    }
}

fn nothing() -> String {
    "nothing is selected".to_owned()
}

fn no_image() -> String {
    "select an image first".to_owned()
}

/// Asks the state of the container under the cursor.
fn verb_of(model: &Model, ask: impl Fn(&State) -> bool) -> Option<bool> {
    model.selected_container().map(|container| ask(&container.state))
}

/// Asks the engine's table.
fn allowed(model: &Model, verb: Verb) -> Result<(), String> {
    let container = model.selected_container().ok_or_else(nothing)?;
    if container.state.allows(verb) {
        return Ok(());
    }
    Err(match container.state {
        State::Running { paused: true, .. } => "it is paused".to_owned(),
        State::Running { .. } => "it is running".to_owned(),
        State::Starting => "it is starting".to_owned(),
        State::Restarting { .. } => "it is restarting".to_owned(),
        State::Created | State::Exited { .. } => "it is not running".to_owned(),
    })
}

/// Says why an action makes no sense for any of the marks.
fn of_marks(model: &Model, action: Action) -> Result<(), String> {
    let verbs: &[Verb] = match action {
        Action::StartStop => &[Verb::Stop, Verb::Start],
        Action::Restart => &[Verb::Restart],
        Action::Pause => &[Verb::Pause, Verb::Unpause],
        _ => &[Verb::Kill],
    };
    let mut marked = model.targets().into_iter().filter_map(|key| match key {
        Key::Container(id) => model.facts.container(id),
        Key::Image(_) | Key::Network(_) => None,
    });
    let is_fit = marked.any(|one| verbs.iter().any(|verb| one.state.allows(*verb)));
    is_fit.then_some(()).ok_or_else(|| "none of the marked is in a state for it".to_owned())
}

/// Only a terminal of its own hears the keys that come back from it.
fn has_terminal(model: &Model) -> Result<(), String> {
    match model.selected_container() {
        Some(container) if !container.config.tty => {
            Err("it has no terminal of its own; its log shows what it writes".to_owned())
        }
        _ => Ok(()),
    }
}

fn deletable(model: &Model) -> Result<(), String> {
    match model.selected().ok_or_else(nothing)? {
        Key::Container(_) => Ok(()),
        Key::Image(id) => {
            let Users { live, still } = model.facts.users(id);
            match live + still {
                0 => Ok(()),
                many => Err(format!("used by {many}")),
            }
        }
        Key::Network(id) => match model.facts.network(id) {
            Some(network) if network.is_default() => Err("the default stays".to_owned()),
            Some(network) if !network.endpoints.is_empty() => {
                Err(format!("used by {}", network.endpoints.len()))
            }
            _ => Ok(()),
        },
    }
}

fn used(model: &Model) -> Result<(), String> {
    let key = model.selected().ok_or_else(nothing)?;
    let relatives = model.facts.relatives(key);
    let target = match key {
        Key::Container(_) => return Ok(()),
        Key::Image(_) | Key::Network(_) => {
            relatives.into_iter().find(|relative| relative.pane() == Pane::Containers)
        }
    };
    target.map(|_| ()).ok_or_else(|| "no container uses it".to_owned())
}
