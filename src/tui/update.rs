//! From a message to the next model and to what has to be done outside: pure, without I/O and without waiting.

mod ask;
mod copy;
mod detail;
mod dialogs;
mod files;
mod jobs;
mod keys;
mod listing;
mod lists;
mod mouse;
mod palette;
mod prune;
mod verbs;

use std::{collections::BTreeMap, time::Duration};

pub(crate) use dialogs::{deletable, running_target};
pub(crate) use keys::{base_layers, layers};
pub(crate) use listing::is_in_files;

use super::{
    layout,
    model::{Key, Model, Overlay, Pane, Question, Tab, state_text},
    msg::{Effect, Failure, Msg},
    panes::Tone,
};
use crate::{
    engine::Overview,
    model::{ContainerId, HealthHistory, Readings, State, Timestamp},
};

/// How far apart usage is asked for.
const SAMPLING: Duration = Duration::from_secs(1);
/// Up to so many running containers all are measured, and their sum is shown; beyond, only those on the screen.
const MEASURED: usize = 100;

/// Takes a message in.
pub(crate) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Key(event) => keys::press(model, event, &mut effects),
        Msg::Mouse(event) => mouse::take(model, event, &mut effects),
        Msg::Paste(text) => keys::paste(model, &text),
        Msg::Resize(width, height) => {
            model.size = (width, height);
            model.dirty = true;
        }
        Msg::Tick(now) => tick(model, now),
        Msg::Loaded(Ok(overview)) => loaded(model, overview),
        Msg::Loaded(Err(failure)) | Msg::Trouble(failure) => complain(model, &failure),
        Msg::Usage(readings) => measured(model, readings),
        Msg::Health(id, history) => checked(model, id, history),
        Msg::Finished(job, result) => finished(model, job, result, &mut effects),
        Msg::Returned(result) => {
            match result {
                Ok(words) => say(model, words, Tone::Plain),
                Err(failure) => complain(model, &failure),
            }
            effects.extend([Effect::Redraw, Effect::Reload]);
        }
        Msg::Waste(image, waste) => {
            model.panels.waste = Some((image, waste));
            model.dirty = true;
        }
        Msg::Excerpt(number, result) => files::came(model, number, result),
        Msg::Tags(name, result) => ask::tags(model, &name, result),
        Msg::Planned(scope, with_names, plan) => prune::planned(model, (scope, with_names), plan),
        Msg::Progress(job, progress) => jobs::advanced(model, job, progress),
        Msg::Told(words) => say(model, words, Tone::Good),
        answer @ (Msg::LogLines(..) | Msg::LogEnd(..) | Msg::Tree(..) | Msg::Samples(..)) => {
            detail::answered(model, answer);
        }
    }
    settle(model, &mut effects);
    effects
}

/// Gives the moment at which something will change by itself, if anything will.
pub(crate) fn next_wake(model: &Model) -> Option<Timestamp> {
    let sampling = model.facts.running().next().map(|_| {
        let last = model.sampled.0.unwrap_or(model.facts.now);
        last.saturating_add(SAMPLING).unwrap_or(last)
    });
    let fresh = listing::is_live(model).then_some(model.detail.fresh.1).flatten();
    [sampling, model.toasts.next_end(), fresh].into_iter().flatten().min()
}

/// Says something in passing.
fn say(model: &mut Model, text: impl Into<String>, tone: Tone) {
    let now = model.facts.now;
    model.toasts.say(now, text, tone);
    model.dirty = true;
}

/// Tells of a failure in passing.
fn complain(model: &mut Model, failure: &Failure) {
    let tone = if failure.grave { Tone::Bad } else { Tone::Warn };
    let text = match &failure.hint {
        Some(hint) => format!("{} ({hint})", failure.message),
        None => failure.message.clone(),
    };
    say(model, text, tone);
}

/// Lets time pass; only what reads differently now is a reason to draw.
fn tick(model: &mut Model, now: Timestamp) {
    if model.toasts.expire(now) {
        model.dirty = true;
    }
    let before = model.facts.now;
    model.facts.now = now;
    let reads_differently = model
        .facts
        .overview
        .containers
        .iter()
        .filter(|container| matches!(container.state, State::Running { .. }))
        .any(|c| state_text(&c.state, before).1 != state_text(&c.state, now).1);
    if reads_differently {
        model.dirty = true;
    }
}

/// Takes in what the engine says, unless something newer is known or it says the same.
fn loaded(model: &mut Model, overview: Overview) {
    let is_older = overview.sequence < model.facts.overview.sequence;
    if model.loaded && (is_older || overview == model.facts.overview) {
        return;
    }
    model.loaded = true;
    model.facts.replace(overview);
    model.arrange();
}

/// Takes in what checks found; what cannot be read is met again by the next look.
fn checked(model: &mut Model, id: ContainerId, history: Result<HealthHistory, Failure>) {
    let found = history.ok().map(|history| (id, history));
    if found.is_some() && model.facts.checks != found {
        model.facts.checks = found;
        model.dirty = true;
    }
}

/// Takes in what containers used.
fn measured(model: &mut Model, readings: Result<BTreeMap<ContainerId, Readings>, Failure>) {
    let was_silent = model.sampled.1;
    model.sampled.1 = false;
    match readings {
        Ok(readings) => {
            if let Some(Question::Stats(id, _)) = &model.detail.asked
                && let Some(reading) = readings.get(id)
            {
                model.panels.history.push(reading.last);
            }
            model.facts.measure(readings);
        }
        Err(failure) => {
            model.facts.forget_usage();
            if was_silent {
                complain(model, &failure);
            }
        }
    }
    model.arrange();
}

/// Takes in how a job ended. What it changed is told by the engine, not guessed here.
fn finished(model: &mut Model, job: u64, result: Result<(), Failure>, effects: &mut Vec<Effect>) {
    model.jobs.remove(&job);
    model.dirty = true;
    effects.push(Effect::Reload);
    listing::is_stale(model);
    let is_well = result.is_ok();
    let form = model
        .overlays
        .iter()
        .position(|overlay| matches!(overlay, Overlay::Form(form) if form.job == Some(job)));
    match (result, form) {
        (Ok(()), Some(place)) => {
            model.overlays.remove(place);
            model.arrange();
        }
        (Err(failure), Some(place)) => {
            if let Overlay::Form(form) = &mut model.overlays[place] {
                form.job = None;
                form.trouble = Some(match failure.hint {
                    Some(hint) => format!("{} ({hint})", failure.message),
                    None => failure.message,
                });
            }
        }
        (Ok(()), None) => {}
        (Err(failure), None) => complain(model, &failure),
    }
    let waits = model.overlays.iter().position(|overlay| matches!(overlay, Overlay::Quit));
    if let Some(place) = waits.filter(|_| model.jobs.is_empty()) {
        model.overlays.remove(place);
        // What went wrong is to be read first.
        if is_well {
            effects.push(Effect::Quit);
        }
    }
}

/// Brings what follows from the model in line with it: scrolling, the detail's question, the next sample.
fn settle(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.dirty {
        let areas = layout::areas(model);
        for pane in Pane::ALL {
            model.lists[pane.index()].scroll_to_cursor(areas.list_height(pane).max(1));
        }
        detail::ask(model, effects);
    }
    listing::refresh(model, effects);
    let now = model.facts.now;
    let (last, outstanding) = model.sampled;
    let is_due = last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= SAMPLING);
    if !is_due || model.facts.running().next().is_none() {
        return;
    }
    model.sampled.0 = Some(now);
    // A check that finds nothing new rings no bell.
    if let (Some(Key::Container(id)), Some(Tab::Health)) = (model.selected(), model.tab()) {
        effects.push(Effect::ReadHealth(id));
    }
    let ids = if outstanding { Vec::new() } else { to_measure(model) };
    if !ids.is_empty() {
        model.sampled.1 = true;
        effects.push(Effect::Sample(ids));
    }
}

/// Gives the containers whose usage is on the screen.
fn to_measure(model: &Model) -> Vec<ContainerId> {
    let running: Vec<_> = model.facts.running().collect();
    if running.len() <= MEASURED {
        return running;
    }
    let list = &model.lists[Pane::Containers.index()];
    let height = layout::areas(model).list_height(Pane::Containers);
    let shown = list.rows.iter().skip(list.offset).take(height);
    shown
        .filter_map(|(_, index)| model.facts.overview.containers.get(*index))
        .filter(|container| matches!(container.state, State::Running { .. }))
        .map(|container| container.id)
        .collect()
}
