//! How lists, questions and time behave.

use std::time::Duration;

use super::fixture::{
    ago, blank, container, container_id, exited, frame, image_id, model, noon, overview, press,
    running, samples, send, text, tree, type_word, usage,
};
use crate::{
    model::State,
    tui::{
        model::{Depth, Key, Model, Overlay, Question, Subject},
        msg::{Effect, Failure, Msg},
        update::next_wake,
    },
};

const SIZE: (u16, u16) = (120, 40);

fn cursor(model: &Model) -> String {
    model.selected().map_or_else(String::new, |key| model.name_of(key))
}

fn too_late() -> Failure {
    Failure::grave("too late")
}

#[test]
fn the_cursor_follows_the_row_and_not_its_place() {
    let mut model = model(SIZE);
    press(&mut model, "G");
    assert_eq!(cursor(&model), "web-2");
    let mut world = overview();
    world.sequence = 8;
    world.containers.push(container(9, "aaa", (1, "debian:12"), exited(1)));
    send(&mut model, Msg::Loaded(Ok(world.clone())));
    assert_eq!(cursor(&model), "web-2");
    assert_eq!(model.list().place(), Some(4));
    world.sequence = 9;
    world.containers.retain(|container| container.name.as_str() != "web-2");
    send(&mut model, Msg::Loaded(Ok(world)));
    assert_eq!(cursor(&model), "web-1", "what is gone leaves the nearest");
}

#[test]
fn lists_keep_their_order_under_a_dialog() {
    let mut model = model(SIZE);
    press(&mut model, "K");
    let mut world = overview();
    world.sequence = 8;
    world.containers.push(container(9, "aaa", (1, "debian:12"), exited(1)));
    send(&mut model, Msg::Loaded(Ok(world)));
    assert_eq!(model.list().rows.last().unwrap().0, Key::Container(container_id(9)));
    press(&mut model, "esc");
    assert_eq!(model.list().rows[0].0, Key::Container(container_id(9)));
}

#[test]
fn a_filter_narrows_as_it_is_typed() {
    let mut model = model(SIZE);
    press(&mut model, "/");
    type_word(&mut model, "web");
    assert_eq!(model.list().rows.len(), 2);
    press(&mut model, "enter j");
    assert_eq!(cursor(&model), "web-2");
    press(&mut model, "esc");
    assert_eq!(model.list().rows.len(), 4);
    press(&mut model, "/ !");
    type_word(&mut model, "web");
    assert_eq!(model.list().rows.len(), 2);
    press(&mut model, "esc .");
    assert_eq!(model.list().rows.len(), 3, "what is stopped is hidden");
}

#[test]
fn columns_sort_and_turn_round() {
    let mut model = model(SIZE);
    press(&mut model, "o o o o");
    assert_eq!(model.name_of(model.list().rows[0].0), "web-1", "by processor");
    press(&mut model, "O");
    assert_ne!(model.name_of(model.list().rows[0].0), "web-1");
}

#[test]
fn the_newest_question_wins() {
    let mut model = model(SIZE);
    let first = model.detail.number;
    let effects = press(&mut model, "j");
    let number = model.detail.number;
    assert_eq!(effects, [Effect::FollowLogs(number, container_id(3))]);
    model.dirty = false;
    send(&mut model, Msg::LogEnd(first, Some(too_late())));
    assert!(!model.dirty && model.detail.trouble.is_none());
    let effects = press(&mut model, "]");
    assert_eq!(effects, [Effect::StopLogs(number + 1)]);
    let effects = press(&mut model, "2 ]");
    assert!(
        matches!(effects.as_slice(), [Effect::Tree(_, Subject::Layer(image, ..))] if *image == image_id(2)),
        "{effects:?}"
    );
}

#[test]
fn a_container_that_starts_again_has_its_log_read_again() {
    let mut model = model(SIZE);
    let before = model.detail.asked.clone();
    let mut world = overview();
    world.sequence = 8;
    world.containers[0].state = exited(0);
    if let State::Exited { started, .. } = &mut world.containers[0].state {
        *started = Some(ago(7300));
    }
    assert_eq!(send(&mut model, Msg::Loaded(Ok(world.clone()))), []);
    assert_eq!(model.detail.asked, before, "its end is not a new log");
    world.sequence = 9;
    world.containers[0].state = running(1);
    let effects = send(&mut model, Msg::Loaded(Ok(world)));
    assert!(matches!(effects.as_slice(), [Effect::FollowLogs(..)]));
    let asked = Some(Question::Logs(container_id(4), Some(ago(1))));
    assert_eq!(model.detail.asked, asked);
}

#[test]
fn levels_are_left_one_by_one() {
    let mut model = model(SIZE);
    press(&mut model, "2 ] l l");
    assert_eq!(model.detail.depth, Depth::Files);
    press(&mut model, "esc");
    assert_eq!(model.detail.depth, Depth::Tab);
    press(&mut model, "q");
    assert_eq!(model.detail.depth, Depth::Outside);
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
    let mut model = self::model(SIZE);
    press(&mut model, "K");
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit], "from a dialog too");
}

#[test]
fn quitting_waits_for_what_is_being_done() {
    let mut model = model(SIZE);
    press(&mut model, "s");
    assert_eq!(press(&mut model, "q"), []);
    assert!(matches!(model.overlays.last(), Some(Overlay::Quit)));
    press(&mut model, "esc");
    assert!(model.overlays.is_empty());
    press(&mut model, "ctrl-c");
    assert_eq!(press(&mut model, "ctrl-c"), [Effect::Quit], "the second time at once");
    let job = *model.jobs.keys().next().unwrap();
    let failure = Failure { message: "no".to_owned(), hint: None, grave: false };
    assert_eq!(send(&mut model, Msg::Finished(job, Err(failure))), [Effect::Reload]);
    assert!(model.overlays.is_empty(), "the failure is to be read");
    press(&mut model, "s q");
    let job = *model.jobs.keys().next().unwrap();
    assert_eq!(send(&mut model, Msg::Finished(job, Ok(()))), [Effect::Reload, Effect::Quit]);
}

#[test]
fn an_idle_screen_draws_nothing_and_wakes_for_nothing() {
    let mut model = model(SIZE);
    model.dirty = false;
    send(&mut model, Msg::Loaded(Ok(overview())));
    send(&mut model, Msg::Tick(noon() + Duration::from_secs(3)));
    assert!(!model.dirty, "nothing reads differently");
    send(&mut model, Msg::Tick(noon() + Duration::from_secs(60)));
    assert!(model.dirty, "a minute does");
    let mut world = overview();
    world.sequence = 8;
    for container in &mut world.containers {
        container.state = exited(0);
    }
    send(&mut model, Msg::Loaded(Ok(world)));
    assert_eq!(next_wake(&model), None);
}

#[test]
fn usage_is_asked_for_once_a_second_and_not_while_it_is_out() {
    let mut model = blank(SIZE);
    let effects = send(&mut model, Msg::Loaded(Ok(overview())));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Sample(ids) if ids.len() == 3)));
    let second = Duration::from_secs(1);
    assert_eq!(send(&mut model, Msg::Tick(noon() + second)), []);
    send(&mut model, Msg::Usage(Ok(usage(0))));
    let effects = send(&mut model, Msg::Tick(noon() + second * 2));
    assert!(matches!(effects.as_slice(), [Effect::Sample(_)]));
}

#[test]
fn the_history_is_read_once_and_goes_on_with_what_is_measured() {
    let mut model = model(SIZE);
    let asked = press(&mut model, "]");
    assert!(
        matches!(asked.as_slice(), [Effect::Samples(_, id), Effect::StopLogs(_)] if *id == container_id(4))
    );
    let number = model.detail.number;
    send(&mut model, Msg::Samples(number, samples(true)));
    let newest = |model: &Model| model.panels.history.newest().unwrap().1.at;
    assert_eq!(newest(&model), Duration::from_secs(799));
    assert_eq!(send(&mut model, Msg::Usage(Ok(usage(2)))), [], "it is not read again");
    assert_eq!(newest(&model), Duration::from_secs(1002));
    // An answer that comes too late is for another container.
    press(&mut model, "j j");
    send(&mut model, Msg::Samples(number, samples(true)));
    assert_eq!(model.panels.history.newest(), None);
}

#[test]
fn an_older_overview_does_not_undo_a_newer_one() {
    let mut model = model(SIZE);
    let mut old = overview();
    old.sequence = 6;
    old.containers.clear();
    send(&mut model, Msg::Loaded(Ok(old)));
    assert_eq!(model.facts.overview.containers.len(), 4);
}

#[test]
fn badges_stay_when_images_come_and_go() {
    let mut model = model(SIZE);
    let badge = model.facts.badge(image_id(3));
    let mut world = overview();
    world.sequence = 8;
    world.images.retain(|image| image.id != image_id(2));
    send(&mut model, Msg::Loaded(Ok(world)));
    assert_eq!(model.facts.badge(image_id(3)), badge);
}

#[test]
fn a_text_that_is_written_anew_stays_where_it_was_read() {
    let mut model = model((80, 24));
    press(&mut model, "[ l");
    frame(&mut model);
    press(&mut model, "j j j");
    let line = |model: &mut Model| text(&frame(model)).lines().nth(15).unwrap().to_owned();
    let read = line(&mut model);
    let mut world = overview();
    world.sequence = 8;
    let cache = world.containers.iter_mut().find(|c| c.name.as_str() == "cache").unwrap();
    cache.config.env.push("LATE=1".to_owned());
    send(&mut model, Msg::Loaded(Ok(world)));
    assert!(read.contains("\"name\"") || read.contains("\"image\""), "{read}");
    assert_eq!(line(&mut model), read);
}

#[test]
fn what_is_hidden_stays_hidden_from_layer_to_layer() {
    let mut model = model((80, 24));
    press(&mut model, "2 G L l");
    let answer = |model: &mut Model| {
        let number = model.detail.number;
        send(model, Msg::Tree(number, Ok(tree())));
        text(&frame(model))
    };
    assert!(answer(&mut model).contains("changelog"));
    press(&mut model, "R S");
    assert!(!answer(&mut model).contains("changelog"));
    press(&mut model, "R");
    assert!(text(&frame(&mut model)).contains("changelog"));
}

#[test]
fn what_cannot_grow_any_more_takes_the_whole_screen() {
    for size in [(60, 16), (80, 24), (120, 40)] {
        let mut model = model(size);
        press(&mut model, "]");
        let mut presses = 0;
        while text(&frame(&mut model)).contains("1 Containers") {
            press(&mut model, "+");
            presses += 1;
            assert!(presses < 12, "it never takes the whole screen at {size:?}");
        }
        press(&mut model, "+ _");
        let shown = text(&frame(&mut model));
        assert!(shown.contains("1 Containers") && model.detail.depth == Depth::Outside, "{shown}");
    }
}
