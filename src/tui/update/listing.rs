//! Which files are listed, and when those that live are listed again.

use std::time::Duration;

use crate::{
    model::{Container, Image, ImageId},
    tui::{
        model::{Depth, Listing, Model, Question, Subject, Tab},
        msg::Effect,
    },
};

/// How far apart files that live are listed again, at least.
const RENEWAL: Duration = Duration::from_secs(1);

/// Counts the rows of an image's list of layers: the containers that stand on it come last, each with a layer of its own.
pub(super) fn rows(model: &Model, image: &Image) -> usize {
    image.layers.len() + model.facts.containers_of(image.id).len()
}

/// Tells which files of an image are to be listed.
pub(super) fn subject(model: &Model, image: ImageId, layers: usize) -> Subject {
    let detail = &model.detail;
    if let Listing::Against(other) = detail.listing
        && model.facts.image(other).is_some()
    {
        return Subject::Against(image, other);
    }
    let layer = detail.layer;
    let own = layer.checked_sub(layers);
    if let Some(container) = own.and_then(|at| model.facts.containers_of(image).get(at).copied()) {
        return Subject::Changes(container.id);
    }
    if detail.listing == Listing::Waste {
        return Subject::Waste(image, (!detail.stacked).then_some(layer));
    }
    Subject::Layer(image, layer, detail.stacked)
}

/// Tells whether keys move among files.
pub(crate) fn is_in_files(model: &Model) -> bool {
    match model.detail.depth {
        Depth::Outside => false,
        Depth::Files => true,
        // There is nothing else in this tab.
        Depth::Tab => model.tab() == Some(Tab::Changes),
    }
}

/// Gives the container whose changes are listed.
fn listed(model: &Model) -> Option<&Container> {
    match &model.detail.asked {
        Some(Question::Tree(_, Subject::Changes(id))) => model.facts.container(*id),
        _ => None,
    }
}

/// Tells whether what is listed may change by itself.
pub(super) fn is_live(model: &Model) -> bool {
    listed(model).is_some_and(|container| container.state.is_live())
}

/// Has the files of a container listed again at once.
pub(super) fn is_stale(model: &mut Model) {
    if listed(model).is_some() {
        model.detail.fresh.1 = Some(model.facts.now);
    }
}

/// Asks again for files that live. The answers are at least a second apart, and further the longer they take: a twentieth of the time
/// at most is spent on them.
pub(super) fn refresh(model: &mut Model, effects: &mut Vec<Effect>) {
    let now = model.facts.now;
    let Some(Question::Tree(_, subject @ Subject::Changes(_))) = model.detail.asked else { return };
    if model.detail.fresh == (None, None) && is_live(model) {
        // It was not running when it was listed.
        model.detail.fresh.1 = now.saturating_add(RENEWAL).ok();
    }
    if model.detail.fresh.1.is_some_and(|due| now >= due) {
        model.detail.fresh = (Some(now), None);
        effects.push(Effect::Tree(model.detail.number, subject));
    }
}

/// Notes that files came, and when they are to be asked for again.
pub(super) fn note_fresh(model: &mut Model) {
    let now = model.facts.now;
    if let (Some(asked), _) = model.detail.fresh {
        let took = now.duration_since(asked).unsigned_abs();
        let rest = (took * 20).max(RENEWAL);
        let due = is_live(model).then(|| now.saturating_add(rest).unwrap_or(now));
        model.detail.fresh = (None, due);
    }
}
