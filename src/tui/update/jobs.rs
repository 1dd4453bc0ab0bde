//! The list of what is being done.

use super::say;
use crate::{
    engine::Progress,
    tui::{
        keymap::Action,
        model::{Model, Overlay},
        msg::Effect,
        panes::Tone,
    },
};

/// Takes in how far a job has come.
pub(super) fn advanced(model: &mut Model, job: u64, progress: Progress) {
    if let Some(job) = model.jobs.get_mut(&job) {
        job.advance(progress);
        model.dirty = true;
    }
}

/// Does an action in the list.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let last = model.jobs.len().saturating_sub(1);
    let Some(Overlay::Jobs(at)) = model.overlays.last_mut() else { return };
    *at = (*at).min(last);
    match action {
        Action::Next => *at = (*at + 1).min(last),
        Action::Prev => *at = at.saturating_sub(1),
        Action::Top => *at = 0,
        Action::Bottom => *at = last,
        Action::CancelJob => {
            let at = *at;
            cancel(model, at, effects);
        }
        _ => {}
    }
}

fn cancel(model: &mut Model, at: usize, effects: &mut Vec<Effect>) {
    match model.jobs.iter_mut().nth(at) {
        Some((number, job)) if job.may_cancel => {
            job.is_cancelled = true;
            effects.push(Effect::Cancel(*number));
        }
        Some((_, job)) => {
            let words = format!("{}: this cannot be cancelled", job.words);
            say(model, words, Tone::Warn);
        }
        None => {}
    }
}
