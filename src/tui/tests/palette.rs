//! The palette, and what is pruned from it.

use super::{
    fixture::{container_id, exited, frame, image, model, overview, press, send, text, type_word},
    frames::compare,
};
use crate::{
    engine::PrunePlan,
    tui::{
        keymap::{Action, Keymap},
        model::{Model, Overlay, Pane, Scope},
        msg::{Effect, Failure, Msg, Task},
        palette::entries,
    },
};

const SIZE: (u16, u16) = (100, 30);

fn shown(model: &mut Model) -> String {
    text(&frame(model))
}

#[test]
fn the_selection_comes_first_and_what_cannot_be_done_says_why() {
    let mut frames = String::new();
    for keys in [":", "j :", ": p r u n e", "2 :", ": z z z z"] {
        let mut model = model((80, 24));
        press(&mut model, keys);
        frames.push_str(&shown(&mut model));
    }
    compare("palette", &frames);
}

#[test]
fn what_is_chosen_is_done_where_the_user_is() {
    let mut model = model(SIZE);
    press(&mut model, ":");
    type_word(&mut model, "restart");
    let restart = Effect::Do(1, Task::Restart(container_id(4)));
    assert_eq!(press(&mut model, "enter"), [restart]);
    assert!(model.overlays.is_empty());
    // Within the detail other layers are asked.
    press(&mut model, "l :");
    type_word(&mut model, "next match");
    press(&mut model, "esc : down down");
    assert!(matches!(model.overlays.last(), Some(Overlay::Palette(palette)) if palette.at == 2));
    press(&mut model, "esc");
    press(&mut model, ":");
    type_word(&mut model, "go to the networks");
    press(&mut model, "enter");
    assert_eq!(model.focus, Pane::Networks);
}

#[test]
fn keys_are_those_that_hold_and_a_remapped_one_shows_remapped() {
    let mut model = model(SIZE);
    let keys = |model: &Model, action: Action| {
        let all = entries(model, "").concat();
        all.into_iter().find(|entry| entry.action == action).map(|entry| entry.keys)
    };
    assert_eq!(keys(&model, Action::New).as_deref(), Some("n"));
    assert_eq!(keys(&model, Action::PruneAll).as_deref(), Some(""));
    press(&mut model, "l");
    // There the key means the next match.
    assert_eq!(keys(&model, Action::New).as_deref(), Some(""));
    assert_eq!(keys(&model, Action::NextMatch).as_deref(), Some("n"));
    model.keymap =
        Keymap::new(Some("global = [{ on = ['X', 'ctrl-n'], run = 'new', desc = 'Run' }]")).0;
    assert_eq!(keys(&model, Action::New).as_deref(), Some("X ctrl-n"));
}

fn plan() -> PrunePlan {
    let world = overview();
    let mut stopped = world.containers[1].clone();
    stopped.state = exited(3);
    PrunePlan {
        containers: vec![(stopped, 12_000)],
        networks: vec![world.networks[1].clone()],
        images: vec![(image(2, "busybox", Vec::new(), &[]), 2_000_000)],
    }
}

fn open(model: &mut Model) {
    press(model, ":");
    type_word(model, "prune everything");
    assert_eq!(press(model, "enter"), [Effect::Plan(Scope::Everything, false)]);
}

#[test]
fn a_plan_is_shown_before_anything_goes() {
    let mut model = model(SIZE);
    open(&mut model);
    let mut frames = shown(&mut model);
    assert_eq!(press(&mut model, "y"), [], "nothing goes unseen");
    send(&mut model, Msg::Planned(Scope::Images, false, Ok(PrunePlan::default())));
    assert!(shown(&mut model).contains("looking for"), "an answer to another question");
    send(&mut model, Msg::Planned(Scope::Everything, false, Ok(plan())));
    frames.push_str(&shown(&mut model));
    assert_eq!(press(&mut model, "a"), [Effect::Plan(Scope::Everything, true)]);
    send(&mut model, Msg::Planned(Scope::Everything, false, Ok(PrunePlan::default())));
    assert!(shown(&mut model).contains("looking for"), "too late");
    send(&mut model, Msg::Planned(Scope::Everything, true, Ok(plan())));
    let task = Task::Prune(Box::new(plan()));
    assert_eq!(press(&mut model, "y"), [Effect::Do(1, task)]);
    assert!(model.overlays.is_empty());
    open(&mut model);
    send(&mut model, Msg::Planned(Scope::Everything, false, Ok(PrunePlan::default())));
    frames.push_str(&shown(&mut model));
    assert_eq!(press(&mut model, "y"), []);
    assert!(model.overlays.is_empty());
    open(&mut model);
    let failure = Failure::grave("the store cannot be read");
    send(&mut model, Msg::Planned(Scope::Everything, false, Err(failure)));
    frames.push_str(&shown(&mut model));
    compare("prune", &frames);
}

#[test]
fn marks_make_the_pull_key_offer_to_clean_up() {
    let mut model = model(SIZE);
    press(&mut model, "space P");
    let screen = shown(&mut model);
    assert!(screen.contains("Prune containers that do not run"), "{screen}");
    assert!(!screen.contains("Pull images"), "{screen}");
    press(&mut model, "esc esc P");
    assert!(matches!(model.overlays.last(), Some(Overlay::Ask(_))));
}

#[test]
fn a_long_plan_scrolls_to_its_end() {
    let mut model = model((60, 16));
    open(&mut model);
    let mut long = plan();
    let one = long.containers[0].clone();
    long.containers = (0..40)
        .map(|number| {
            let mut container = one.clone();
            container.0.name = format!("job-{number}").parse().unwrap();
            container
        })
        .collect();
    send(&mut model, Msg::Planned(Scope::Everything, false, Ok(long)));
    let screen = shown(&mut model);
    assert!(screen.contains("job-0") && !screen.contains("busybox"), "{screen}");
    assert!(screen.contains("42 go") && screen.contains("remove all of this"), "{screen}");
    press(&mut model, "G");
    assert!(shown(&mut model).contains("busybox"));
}
