//! Actions in what lies over the lists.

use super::{say, verbs::dispatch};
use crate::{
    engine::Force,
    model::{ContainerId, ImageId},
    tui::{
        keymap::Action,
        model::{DeleteDialog, Depth, Key, Model, Overlay, Zoom},
        msg::{Effect, Task},
        panes::Tone,
    },
};

/// Tells whether the delete dialog on top asks for a name to be typed: that of the one running container it is about.
pub(crate) fn types_a_name(model: &Model) -> bool {
    match model.overlays.last() {
        Some(Overlay::Delete(dialog)) => running_target(model, dialog).is_some(),
        _ => false,
    }
}

/// Gives the container whose name has to be typed.
pub(crate) fn running_target(model: &Model, dialog: &DeleteDialog) -> Option<ContainerId> {
    match dialog.targets.as_slice() {
        [Key::Container(id)] => {
            let container = model.facts.container(*id)?;
            container.state.is_live().then_some(*id)
        }
        _ => None,
    }
}

/// Splits what is to be deleted into what can go and what is in the way of itself.
pub(crate) fn deletable(model: &Model, dialog: &DeleteDialog) -> (Vec<Key>, Vec<Key>) {
    let facts = &model.facts;
    dialog.targets.iter().partition(|key| match key {
        Key::Container(id) => facts.container(*id).is_some_and(|c| !c.state.is_live()),
        Key::Image(id) => facts.image(*id).is_some() && facts.containers_of(*id).is_empty(),
        Key::Network(id) => facts
            .network(*id)
            .is_some_and(|network| !network.is_default() && network.endpoints.is_empty()),
    })
}

/// Does an action in the topmost overlay.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    if action == Action::Cancel {
        return close(model);
    }
    match model.overlays.last_mut() {
        Some(Overlay::Delete(_)) => delete(model, action, effects),
        Some(Overlay::Kill(ids)) if action == Action::Confirm => {
            let ids = ids.clone();
            kill(model, &ids, effects);
        }
        Some(Overlay::Reset(..)) => {
            if action == Action::Confirm {
                super::files::take_back(model, effects);
                close(model);
            }
        }
        Some(Overlay::Ask(_)) => super::ask::act(model, action, effects),
        Some(Overlay::Palette(_)) => super::palette::act(model, action, effects),
        Some(Overlay::Prune(_)) => super::prune::act(model, action, effects),
        Some(Overlay::Jobs(_)) => super::jobs::act(model, action, effects),
        Some(Overlay::File) => super::files::look(model, action),
        Some(Overlay::Quit) if action == Action::Confirm => effects.push(Effect::Quit),
        Some(Overlay::Form(_)) => form(model, action, effects),
        Some(Overlay::Help(help)) => match action {
            Action::Confirm => close(model),
            _ => help.offset = scrolled(help.offset, action),
        },
        Some(Overlay::Messages(offset)) => match action {
            Action::Confirm => close(model),
            _ => *offset = scrolled(*offset, action),
        },
        Some(Overlay::Kill(_) | Overlay::Quit) | None => {}
    }
}

/// Takes the topmost overlay away; the lists may change their order again.
pub(super) fn close(model: &mut Model) {
    model.overlays.pop();
    model.arrange();
}

pub(super) fn scrolled(offset: usize, action: Action) -> usize {
    match action {
        Action::Next => offset.saturating_add(1),
        Action::Prev => offset.saturating_sub(1),
        Action::HalfDown => offset.saturating_add(10),
        Action::HalfUp => offset.saturating_sub(10),
        Action::Top => 0,
        Action::Bottom => usize::from(u16::MAX),
        _ => offset,
    }
}

fn kill(model: &mut Model, ids: &[ContainerId], effects: &mut Vec<Effect>) {
    for id in ids {
        let words = format!("kill {}", model.name_of(Key::Container(*id)));
        dispatch(model, Task::Kill(*id), words, effects);
    }
    close(model);
}

fn delete(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let Some(Overlay::Delete(dialog)) = model.overlays.last() else {
        return;
    };
    match action {
        Action::Confirm => {
            if let Some(id) = running_target(model, dialog) {
                let typed = dialog.typed.value().to_owned();
                return delete_running(model, id, &typed, effects);
            }
            let (going, _) = deletable(model, dialog);
            if going.is_empty() {
                return say(model, "there is nothing that can be deleted", Tone::Warn);
            }
            delete_all(model, &going, effects);
        }
        Action::Untag => untag(model, effects),
        Action::RemoveAll => remove_with_image(model, effects),
        Action::GoFirst => go_first(model),
        _ => {}
    }
}

fn delete_running(model: &mut Model, id: ContainerId, typed: &str, effects: &mut Vec<Effect>) {
    let name = model.name_of(Key::Container(id));
    if typed.trim() != name {
        return say(model, format!("type {name} to delete it"), Tone::Warn);
    }
    let task = Task::RemoveContainers(vec![id], Force::Yes);
    dispatch(model, task, format!("delete {name}"), effects);
    close(model);
}

fn delete_all(model: &mut Model, going: &[Key], effects: &mut Vec<Effect>) {
    let words = match going {
        [one] => format!("delete {}", model.name_of(*one)),
        several => format!("delete {}", several.len()),
    };
    let (mut containers, mut images, mut networks) = (Vec::new(), Vec::new(), Vec::new());
    for key in going {
        match key {
            Key::Container(id) => containers.push(*id),
            Key::Image(id) => images.push(*id),
            Key::Network(id) => networks.push(*id),
        }
    }
    let tasks = [
        (!containers.is_empty()).then_some(Task::RemoveContainers(containers, Force::No)),
        (!images.is_empty()).then_some(Task::RemoveImages(images)),
        (!networks.is_empty()).then_some(Task::RemoveNetworks(networks)),
    ];
    for task in tasks.into_iter().flatten() {
        dispatch(model, task, words.clone(), effects);
    }
    close(model);
}

/// Gives the one image that the dialog on top is about.
fn image_target(model: &Model) -> Option<ImageId> {
    match model.overlays.last() {
        Some(Overlay::Delete(dialog)) => match dialog.targets.as_slice() {
            [Key::Image(id)] => Some(*id),
            _ => None,
        },
        _ => None,
    }
}

fn untag(model: &mut Model, effects: &mut Vec<Effect>) {
    let image = image_target(model).and_then(|id| model.facts.image(id));
    if let Some(reference) = image.and_then(|image| image.references.first()).cloned() {
        let words = format!("untag {reference}");
        dispatch(model, Task::Untag(reference), words, effects);
        close(model);
    }
}

fn remove_with_image(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(image) = image_target(model) else {
        return;
    };
    let containers: Vec<_> = model.facts.containers_of(image).iter().map(|c| c.id).collect();
    if containers.is_empty() {
        return;
    }
    let words = format!("delete {}", model.name_of(Key::Image(image)));
    let task = Task::RemoveWithImage(containers, image);
    dispatch(model, task, words, effects);
    close(model);
}

fn go_first(model: &mut Model) {
    let Some(Overlay::Delete(dialog)) = model.overlays.last() else {
        return;
    };
    let first = match dialog.targets.as_slice() {
        [Key::Image(id)] => model.facts.containers_of(*id).first().map(|c| c.id),
        [Key::Network(id)] => {
            let network = model.facts.network(*id);
            network.and_then(|n| n.endpoints.first().map(|e| e.container))
        }
        _ => None,
    };
    if let Some(id) = first {
        model.overlays.pop();
        model.detail.depth = Depth::Outside;
        model.detail.zoom = Zoom::Off;
        model.jumped_from = model.selected();
        model.go_to(Key::Container(id));
    }
}

fn form(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let Some(Overlay::Form(form)) = model.overlays.last_mut() else {
        return;
    };
    let count = form.fields.len();
    match action {
        Action::NextField => form.at = (form.at + 1) % count,
        Action::PrevField => form.at = (form.at + count - 1) % count,
        Action::Toggle => form.toggle(),
        Action::Confirm if form.job.is_none() => match form.task() {
            Ok((task, words)) => {
                let job = dispatch(model, task, words, effects);
                if let Some(Overlay::Form(form)) = model.overlays.last_mut() {
                    form.job = Some(job);
                    form.trouble = None;
                }
            }
            Err(reason) => form.trouble = Some(reason),
        },
        _ => {}
    }
}
