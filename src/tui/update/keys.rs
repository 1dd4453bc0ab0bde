//! From a key to an action: which layers are asked where, and where keys are typed instead.

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use tui_input::{Input, InputRequest, backend::crossterm::EventHandler};

use super::{detail, dialogs, listing, lists, verbs};
use crate::tui::{
    keymap::{Action, Chord, Found, Layer},
    model::{Depth, Help, Model, Overlay, Palette, Pane, Question, Subject, Tab, Zoom},
    msg::Effect,
    panes::Tone,
};

/// Gives the layers that are asked now, the most particular first.
pub(crate) fn layers(model: &Model) -> &'static [Layer] {
    use Layer::{Ask, Confirm, Delete, File, Form, Input, Jobs, Move, Prune, Reader};
    if model.prompt.is_some() {
        return &[Input];
    }
    match model.overlays.last() {
        Some(Overlay::Delete(_)) if dialogs::types_a_name(model) => &[Input],
        Some(Overlay::Delete(_)) => &[Delete],
        Some(Overlay::Kill(_) | Overlay::Quit | Overlay::Reset(..)) => &[Confirm],
        Some(Overlay::Ask(_)) => &[Ask, Input],
        Some(Overlay::Jobs(_)) => &[Jobs, Move],
        Some(Overlay::File) => &[File, Move],
        Some(Overlay::Form(_)) => &[Form, Input],
        Some(Overlay::Help(_) | Overlay::Palette(_)) => &[Reader, Input],
        Some(Overlay::Prune(_)) => &[Prune, Move],
        Some(Overlay::Messages(_)) => &[Confirm, Move],
        None => base_layers(model),
    }
}

/// Gives the layers of what lies below all dialogs.
pub(crate) fn base_layers(model: &Model) -> &'static [Layer] {
    use Layer::{Changes, Containers, Detail, Global, Layers, List, Move, Tree};
    if listing::is_in_files(model) {
        let is_own = matches!(model.detail.asked, Some(Question::Tree(_, Subject::Changes(_))));
        return if is_own {
            &[Changes, Tree, Detail, Move, Global]
        } else {
            &[Tree, Detail, Move, Global]
        };
    }
    match (model.detail.depth, model.tab(), model.focus) {
        (Depth::Tab, Some(Tab::Layers), _) => &[Layers, Detail, Move, Global],
        (Depth::Tab, _, Pane::Containers) => &[Detail, Containers, Move, Global],
        (Depth::Tab | Depth::Files, ..) => &[Detail, Move, Global],
        (Depth::Outside, _, Pane::Containers) => &[Containers, List, Move, Global],
        (Depth::Outside, ..) => &[List, Move, Global],
    }
}

/// Takes a key.
pub(super) fn press(model: &mut Model, event: KeyEvent, effects: &mut Vec<Effect>) {
    if event.kind == KeyEventKind::Release {
        return;
    }
    let chord = Chord::of(event);
    if chord.is_typed() && input(model).is_some() {
        return type_into(model, event);
    }
    let mut typed = std::mem::take(&mut model.typed);
    model.dirty |= !typed.is_empty();
    typed.push(chord);
    match model.keymap.find(layers(model), &typed) {
        Found::Action(action) => act(model, action, effects),
        Found::Pending => {
            model.typed = typed;
            model.dirty = true;
        }
        Found::Nothing if is_interrupt(model, &typed) => quit(model, effects),
        Found::Nothing => type_into(model, event),
    }
}

/// Tells whether keys mean quitting everywhere else; a dialog must not swallow that.
fn is_interrupt(model: &Model, typed: &[Chord]) -> bool {
    model.keymap.find(&[Layer::Global], typed) == Found::Action(Action::Quit)
        && typed.iter().all(|chord| !chord.is_typed())
}

/// Takes pasted text: control characters in it are left out.
pub(super) fn paste(model: &mut Model, text: &str) {
    let Some(input) = input(model) else { return };
    for character in text.chars().filter(|c| !c.is_control()).take(4096) {
        let _ = input.handle(InputRequest::InsertChar(character));
    }
    typed_into(model);
}

fn type_into(model: &mut Model, event: KeyEvent) {
    if let Some(input) = input(model) {
        let _ = input.handle_event(&Event::Key(event));
        typed_into(model);
    }
}

/// Does what has to be done after every character.
fn typed_into(model: &mut Model) {
    model.dirty = true;
    if model.prompt.is_some() {
        lists::prompt_changed(model);
    } else if let Some(Overlay::Help(help)) = model.overlays.last_mut() {
        help.offset = 0;
    } else if let Some(Overlay::Palette(palette)) = model.overlays.last_mut() {
        palette.at = 0;
    } else if let Some(Overlay::Ask(ask)) = model.overlays.last_mut() {
        (ask.chosen, ask.trouble) = (None, None);
    }
}

/// Gives the field that is typed in.
fn input(model: &mut Model) -> Option<&mut Input> {
    if dialogs::types_a_name(model) {
        return match model.overlays.last_mut() {
            Some(Overlay::Delete(dialog)) => Some(&mut dialog.typed),
            _ => None,
        };
    }
    if let Some(prompt) = &mut model.prompt {
        return Some(&mut prompt.input);
    }
    match model.overlays.last_mut()? {
        Overlay::Form(form) => {
            let field = form.fields.get_mut(form.at).filter(|field| field.is_on.is_none());
            field.map(|field| &mut field.input)
        }
        Overlay::Help(help) => Some(&mut help.search),
        Overlay::Palette(palette) => Some(&mut palette.search),
        Overlay::Ask(ask) => Some(&mut ask.input),
        Overlay::Delete(_)
        | Overlay::Kill(_)
        | Overlay::Quit
        | Overlay::Messages(_)
        | Overlay::Jobs(_)
        | Overlay::Prune(_)
        | Overlay::Reset(..)
        | Overlay::File => None,
    }
}

/// Does what an action means where the user is.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    model.dirty = true;
    if model.prompt.is_some() {
        lists::end_prompt(model, action);
    } else if !model.overlays.is_empty() {
        dialogs::act(model, action, effects);
    } else if model.detail.depth == Depth::Outside || !detail::act(model, action, effects) {
        anywhere(model, action, effects);
    }
}

/// Does what means the same in the lists and in the detail.
fn anywhere(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::Quit => quit(model, effects),
        Action::Leave => leave(model, effects),
        Action::Redraw => effects.extend([Effect::Redraw, Effect::Reload]),
        Action::Mouse => mouse(model, effects),
        Action::Help => model.overlays.push(Overlay::Help(Help::default())),
        Action::Palette => model.overlays.push(Overlay::Palette(Palette::default())),
        Action::Messages => {
            model.toasts.unread = 0;
            model.overlays.push(Overlay::Messages(0));
        }
        Action::Jobs => model.overlays.push(Overlay::Jobs(0)),
        Action::Containers => lists::focus(model, Pane::Containers),
        Action::Images => lists::focus(model, Pane::Images),
        Action::Networks => lists::focus(model, Pane::Networks),
        Action::NextPane => lists::turn(model, 1),
        Action::PrevPane => lists::turn(model, 2),
        Action::PrevTab => detail::turn(model, -1),
        Action::NextTab => detail::turn(model, 1),
        Action::Grow => detail::resize(model, 6),
        Action::Shrink => detail::resize(model, -6),
        _ if verbs::act(model, action, effects) => {}
        _ => lists::act(model, action),
    }
}

/// Leaves the mouse to the terminal, or takes it back.
fn mouse(model: &mut Model, effects: &mut Vec<Effect>) {
    model.has_mouse ^= true;
    effects.push(Effect::Mouse(model.has_mouse));
    let words = if model.has_mouse {
        "the mouse clicks and scrolls here again"
    } else {
        "the mouse is the terminal's: it selects text"
    };
    super::say(model, words, Tone::Plain);
}

/// Goes one level back; from the lists there is only out.
fn leave(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.detail.depth != Depth::Outside || model.detail.zoom != Zoom::Off {
        detail::out(model);
    } else {
        quit(model, effects);
    }
}

/// Quits; while the engine is at something, asks first, and the second time does not.
fn quit(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.jobs.is_empty() || matches!(model.overlays.last(), Some(Overlay::Quit)) {
        effects.push(Effect::Quit);
    } else {
        model.overlays.push(Overlay::Quit);
        model.dirty = true;
    }
}
