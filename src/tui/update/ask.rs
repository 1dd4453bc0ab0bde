//! Questions that are answered with one line: which images to pull, where a file goes.

use std::path::PathBuf;

use super::{say, verbs::dispatch};
use crate::{
    model::{Image, ImageId, ImageReference},
    tui::{
        keymap::Action,
        model::{Ask, Key, Listing, Model, Overlay, Purpose, repository},
        msg::{Effect, Failure, Task},
        panes::Tone,
    },
};

/// Gives the question on top.
fn asked(model: &mut Model) -> Option<&mut Ask> {
    match model.overlays.last_mut()? {
        Overlay::Ask(ask) => Some(ask),
        _ => None,
    }
}

/// Does an action in the question on top.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::NextField | Action::PrevField => {
            if let Some(ask) = asked(model) {
                ask.choose(action == Action::NextField);
            }
        }
        Action::Complete => complete(model, effects),
        Action::Confirm => {
            if let Err(reason) = answer(model, effects)
                && let Some(ask) = asked(model)
            {
                ask.trouble = Some(reason);
            }
        }
        _ => {}
    }
}

/// Takes the chosen offer, or the first that fits; where none does and a tag is being typed, asks the registry which there are.
fn complete(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(ask) = asked(model) else { return };
    let first = ask.fitting().first().map(|offer| (*offer).to_owned());
    let choice = ask.choice().or(first).filter(|offer| offer != ask.word());
    let name = repository(ask.word()).map(str::to_owned);
    match (choice, name) {
        // What is here may be far from all: after the colon the registry is asked once, whatever fits.
        (_, Some(name)) if ask.purpose == Purpose::Pull && !ask.offers.contains(&marker(&name)) => {
            ask.trouble = None;
            ask.waiting = Some(name.clone());
            ask.offers.push(marker(&name));
            effects.push(Effect::Tags(name));
        }
        (Some(offer), _) => ask.take(&offer),
        (None, _) => {}
    }
}

/// Stands among the offers for a repository whose tags were asked for; nobody can type it.
fn marker(name: &str) -> String {
    format!("\u{0}{name}")
}

/// Takes in which tags a repository has.
pub(super) fn tags(model: &mut Model, name: &str, result: Result<Vec<String>, Failure>) {
    model.dirty = true;
    let Some(ask) = asked(model).filter(|ask| ask.waiting.as_deref() == Some(name)) else { return };
    ask.waiting = None;
    match result {
        Ok(tags) => ask.offer(tags.into_iter().map(|tag| format!("{name}:{tag}"))),
        Err(failure) => {
            ask.offers.retain(|offer| *offer != marker(name));
            ask.trouble = Some(failure.message);
        }
    }
}

/// Does what was answered, or says why not.
fn answer(model: &mut Model, effects: &mut Vec<Effect>) -> Result<(), String> {
    let Some(ask) = asked(model) else { return Ok(()) };
    if let Some(choice) = ask.choice() {
        ask.take(&choice);
    }
    let typed = ask.input.value().trim().to_owned();
    let purpose = ask.purpose.clone();
    if typed.is_empty() {
        return Err("nothing is typed".to_owned());
    }
    match purpose {
        Purpose::Pull => pull(model, &typed, effects)?,
        Purpose::Save(id) => {
            let words = format!("save {}", model.name_of(Key::Image(id)));
            dispatch(model, Task::Save(id, PathBuf::from(typed)), words, effects);
        }
        Purpose::Extract(shelf, path) => {
            let words = format!("extract /{path}");
            dispatch(model, Task::Extract(shelf, path, PathBuf::from(typed)), words, effects);
        }
        Purpose::Commit(id) => {
            let name: ImageReference = typed.parse().map_err(|error| format!("{error}"))?;
            let words = format!("commit {} to {name}", model.name_of(Key::Container(id)));
            dispatch(model, Task::Commit(id, name), words, effects);
        }
        Purpose::Compare(image) => {
            let other = image_called(model, &typed)?;
            if other == image {
                return Err("that is the image itself".to_owned());
            }
            model.detail.listing = Listing::Against(other);
            model.detail.depth = crate::tui::model::Depth::Files;
        }
    }
    super::dialogs::close(model);
    Ok(())
}

fn image_called(model: &Model, name: &str) -> Result<ImageId, String> {
    let images = model.facts.overview.images.iter();
    let found = images.filter(|image| {
        image.display_name() == name || image.references.iter().any(|one| one.to_string() == name)
    });
    found.map(|image: &Image| image.id).next().ok_or_else(|| format!("no image is called {name}"))
}

/// Pulls all images that are named, or loads the archive whose path was typed.
fn pull(model: &mut Model, typed: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    if typed.starts_with(['.', '/']) {
        dispatch(model, Task::Load(PathBuf::from(typed)), format!("load {typed}"), effects);
        return Ok(());
    }
    let names = typed.split_whitespace().map(str::parse::<ImageReference>);
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let words: Vec<_> = names.iter().map(ToString::to_string).collect();
    let words = format!("pull {}", words.join(" "));
    if model.jobs.values().any(|job| job.words == words) {
        say(model, format!("{words}: already at it"), Tone::Plain);
    } else {
        dispatch(model, Task::Pull(names), words, effects);
    }
    Ok(())
}
