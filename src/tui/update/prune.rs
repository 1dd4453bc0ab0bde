//! Removing what nobody uses: the engine's plan is shown first, then a key has it done.

use super::{dialogs, say, verbs::dispatch};
use crate::{
    engine::PrunePlan,
    tui::{
        keymap::Action,
        model::{Model, Overlay, Prune, Scope},
        msg::{Effect, Failure, Task},
        panes::Tone,
    },
};

/// Opens the dialog and has the engine look for what would go.
pub(super) fn open(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let scope = match action {
        Action::PruneContainers => Scope::Containers,
        Action::PruneImages => Scope::Images,
        Action::PruneNetworks => Scope::Networks,
        _ => Scope::Everything,
    };
    let prune = Prune { scope, with_names: false, plan: None, offset: 0 };
    model.overlays.push(Overlay::Prune(prune));
    effects.push(Effect::Plan(scope, false));
}

/// Gives the dialog, if it is on top.
fn shown(model: &mut Model) -> Option<&mut Prune> {
    match model.overlays.last_mut()? {
        Overlay::Prune(prune) => Some(prune),
        _ => None,
    }
}

/// Takes in what would go, unless something else is asked for by now.
pub(super) fn planned(model: &mut Model, asked: (Scope, bool), plan: Result<PrunePlan, Failure>) {
    if let Some(prune) = shown(model).filter(|prune| (prune.scope, prune.with_names) == asked) {
        prune.plan = Some(plan.map_err(|failure| failure.message));
        model.dirty = true;
    }
}

/// Does an action in the dialog.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let Some(prune) = shown(model) else { return };
    match action {
        Action::WithNames if prune.scope.has_images() => {
            prune.with_names ^= true;
            (prune.plan, prune.offset) = (None, 0);
            effects.push(Effect::Plan(prune.scope, prune.with_names));
        }
        Action::Confirm => match prune.plan.take() {
            Some(Ok(plan)) if !plan.is_empty() => {
                dispatch(model, Task::Prune(Box::new(plan)), "prune", effects);
                dialogs::close(model);
            }
            Some(Ok(_) | Err(_)) => dialogs::close(model),
            None => say(model, "the plan is not there yet", Tone::Plain),
        },
        _ => prune.offset = dialogs::scrolled(prune.offset, action),
    }
}
