//! Actions on the selection: what the engine is asked to do.

use super::{complain, say};
use crate::{
    model::{ContainerId, Verb},
    tui::{
        enabled::enabled,
        keymap::Action,
        model::{
            Ask, DeleteDialog, Depth, Form, Job, Key, Model, Overlay, Pane, Purpose, Tab, Zoom,
        },
        msg::{Effect, Failure, Guest, Task},
        panes::Tone,
    },
};

/// Does an action on the selection; tells whether it was one. One that makes no sense now says why.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) -> bool {
    let does = match action {
        Action::StartStop => start_stop,
        Action::Restart => restart,
        Action::Pause => pause,
        Action::Kill => kill,
        Action::Shell | Action::Attach => visit,
        Action::Delete => delete,
        Action::New => new,
        Action::UsedBy => used_by,
        Action::Inspect => inspect,
        Action::CopyId | Action::CopyView => copied,
        Action::Zoom => zoom,
        Action::Pull => pull,
        Action::Extract => save,
        Action::PruneContainers
        | Action::PruneImages
        | Action::PruneNetworks
        | Action::PruneAll => super::prune::open,
        _ => return false,
    };
    // What cannot be deleted gets its dialog all the same: it shows who is in the way, and the ways out.
    let explains_itself = action == Action::Delete && model.selected().is_some();
    let goes_back = action == Action::UsedBy && model.jumped_from.is_some();
    match enabled(model, action) {
        Err(reason) if !explains_itself && !goes_back => {
            let label = crate::tui::enabled::label(model, action);
            say(model, format!("{label}: {reason}"), Tone::Warn);
        }
        _ => does(model, action, effects),
    }
    true
}

/// Asks which images to pull, offering the names that are here. Where rows are marked, cleaning up is meant, and offered instead.
fn pull(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    if model.detail.depth == Depth::Outside && !model.list().marks.is_empty() {
        return super::palette::open(model, "prune");
    }
    let images = model.facts.overview.images.iter();
    let names = images.flat_map(|image| &image.references).map(ToString::to_string).collect();
    model.overlays.push(Overlay::Ask(Ask::new(Purpose::Pull, String::new(), names)));
}

/// Asks where to save an image.
fn save(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    let Some(Key::Image(id)) = model.selected() else { return };
    let name = model.name_of(Key::Image(id)).replace(['/', ':'], "-");
    let ask = Ask::new(Purpose::Save(id), format!("./{name}.tar"), Vec::new());
    model.overlays.push(Overlay::Ask(ask));
}

/// Has the engine do something, and shows that it is at it.
pub(super) fn dispatch(
    model: &mut Model,
    task: Task,
    words: impl Into<String>,
    effects: &mut Vec<Effect>,
) -> u64 {
    let job = model.next_job;
    model.next_job += 1;
    let may_cancel = task.may_be_cancelled();
    let words = words.into();
    model.jobs.insert(job, Job { words, may_cancel, ..Job::default() });
    effects.push(Effect::Do(job, task));
    job
}

/// Stops what runs of the marked containers, or of the one under the cursor; if none runs, starts them.
fn start_stop(model: &mut Model, _: Action, effects: &mut Vec<Effect>) {
    if may(model, Verb::Stop).is_empty() {
        each(model, (Verb::Start, Task::Start), effects);
    } else {
        each(model, (Verb::Stop, Task::Stop), effects);
    }
}

fn restart(model: &mut Model, _: Action, effects: &mut Vec<Effect>) {
    each(model, (Verb::Restart, Task::Restart), effects);
}

/// Pauses what goes on of the marked containers, or of the one under the cursor; if nothing does, lets them go on.
fn pause(model: &mut Model, _: Action, effects: &mut Vec<Effect>) {
    if may(model, Verb::Pause).is_empty() {
        each(model, (Verb::Unpause, Task::Unpause), effects);
    } else {
        each(model, (Verb::Pause, Task::Pause), effects);
    }
}

/// Gives those of the targets for which a verb makes sense.
fn may(model: &Model, verb: Verb) -> Vec<ContainerId> {
    let targets = model.targets().into_iter();
    let ids = targets.filter_map(|key| match key {
        Key::Container(id) => Some(id),
        _ => None,
    });
    ids.filter(|id| {
        let container = model.facts.container(*id);
        container.is_some_and(|container| container.state.allows(verb))
    })
    .collect()
}

/// Has the engine do the same to each of the targets, unless it is at it.
fn each(
    model: &mut Model,
    (verb, task): (Verb, fn(ContainerId) -> Task),
    effects: &mut Vec<Effect>,
) {
    for id in may(model, verb) {
        let words = format!("{verb} {}", model.name_of(Key::Container(id)));
        if model.jobs.values().any(|job| job.words == words) {
            say(model, format!("{words}: already at it"), Tone::Plain);
        } else {
            dispatch(model, task(id), words, effects);
        }
    }
}

fn kill(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    let ids = may(model, Verb::Kill);
    if !ids.is_empty() {
        model.overlays.push(Overlay::Kill(ids));
    }
}

fn visit(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    if let Some(container) = model.selected_container() {
        let (id, name) = (container.id, container.name.to_string());
        effects.push(Effect::HandOver(match action {
            Action::Shell => Guest::Shell(id, name),
            _ => Guest::Attach(id, name),
        }));
    }
}

fn delete(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    let targets = model.targets();
    model
        .overlays
        .push(Overlay::Delete(DeleteDialog { targets, typed: tui_input::Input::default() }));
}

fn new(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    let form = if model.focus == Pane::Networks {
        Form::network()
    } else {
        let Some(image) = model.selected_image() else {
            return;
        };
        let config = &image.config;
        let runs = [config.entrypoint.as_slice(), &config.command].concat();
        let networks = model.facts.overview.networks.iter();
        let mut names: Vec<_> = networks.map(|network| network.name.to_string()).collect();
        names.extend(["none".to_owned(), "host".to_owned()]);
        Form::container(image.display_name(), &runs.join(" "), &names)
    };
    model.overlays.push(Overlay::Form(form));
}

/// Jumps to what uses the selection (from a container: to its image), and with the next press back.
fn used_by(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    let Some(here) = model.selected() else { return };
    if let Some(origin) = model.jumped_from.take()
        && origin != here
        && model.facts.relatives(origin).contains(&here)
    {
        return model.go_to(origin);
    }
    let relatives = model.facts.relatives(here);
    let pane = match here {
        Key::Container(_) => Pane::Images,
        Key::Image(_) | Key::Network(_) => Pane::Containers,
    };
    // The first in the order of the list; one that a filter hides only if no other is there.
    let shown = model.lists[pane.index()].rows.iter().map(|(key, _)| *key);
    let target = shown
        .chain(relatives.iter().copied())
        .find(|key| key.pane() == pane && relatives.contains(key));
    match target {
        Some(target) => {
            model.detail.depth = Depth::Outside;
            model.detail.zoom = Zoom::Off;
            model.go_to(target);
            model.jumped_from = Some(here);
        }
        None => complain(
            model,
            &Failure {
                message: format!("nothing to jump to from {}", model.name_of(here)),
                hint: None,
                grave: false,
            },
        ),
    }
}

fn inspect(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    show_tab(model, Tab::Inspect);
    model.detail.depth = Depth::Tab;
}

/// Turns the detail to a tab, if the selection has it.
fn show_tab(model: &mut Model, tab: Tab) {
    let place = Tab::of(model.focus).iter().position(|have| *have == tab);
    if let Some(place) = place {
        model.detail.tabs[model.focus.index()] = place;
    }
}

fn copied(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::CopyView => super::copy::view(model, effects),
        _ => super::copy::ids(model, effects),
    }
}

/// Shows logs or layers on the whole screen, and the next time the lists again.
fn zoom(model: &mut Model, _: Action, _: &mut Vec<Effect>) {
    let wanted = match model.focus {
        Pane::Images => Tab::Layers,
        _ => Tab::Logs,
    };
    if model.detail.zoom != Zoom::Off && model.tab() == Some(wanted) {
        return super::detail::out_of_zoom(model);
    }
    show_tab(model, wanted);
    super::detail::zoom_in(model);
}
