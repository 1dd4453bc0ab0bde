//! Keys in, effects out.

use super::fixture::{
    blank, container, container_id, frame, image_id, log, model, network_id, noon, overview, press,
    running, send, text, type_word,
};
use crate::{
    engine::{Force, Overview},
    model::{CreateContainer, NetworkMode, NetworkRequest, State},
    tui::{
        model::{Model, Pane},
        msg::{Effect, Failure, Guest, Msg, Task},
    },
};

const SIZE: (u16, u16) = (120, 40);

fn refused(message: &str) -> Failure {
    Failure { message: message.to_owned(), hint: None, grave: false }
}

fn cursor(model: &Model) -> String {
    model.selected().map_or_else(String::new, |key| model.name_of(key))
}

fn toast(model: &Model) -> &str {
    model.toasts.standing.back().map_or("", |toast| toast.text.as_str())
}

#[test]
fn one_key_starts_and_stops() {
    let mut model = model(SIZE);
    press(&mut model, "g");
    assert_eq!(cursor(&model), "cache");
    let stop = Effect::Do(1, Task::Stop(container_id(4)));
    assert_eq!(press(&mut model, "s"), [stop]);
    assert_eq!(press(&mut model, "s"), [], "the same is not asked for twice");
    press(&mut model, "j");
    assert_eq!(cursor(&model), "job");
    let effects = press(&mut model, "s");
    assert!(effects.contains(&Effect::Do(2, Task::Start(container_id(3)))));
    let shown = text(&frame(&mut model));
    assert!(shown.contains("⟳ stop cache +1"), "{shown}");
    let effects = send(&mut model, Msg::Finished(1, Ok(())));
    assert_eq!(effects, [Effect::Reload]);
}

#[test]
fn what_cannot_be_done_says_why() {
    let mut model = model(SIZE);
    press(&mut model, "j");
    assert_eq!(cursor(&model), "job");
    for (key, reason) in [
        ("K", "kill: it is not running"),
        ("e", "shell: it is not running"),
        ("a", "attach: it is not running"),
    ] {
        assert_eq!(press(&mut model, key), []);
        assert_eq!(toast(&model), reason);
    }
    let footer = text(&frame(&mut model));
    assert!(footer.contains("e shell (it is not running)"), "{footer}");
    let mut model = blank(SIZE);
    send(&mut model, Msg::Loaded(Ok(Overview::default())));
    press(&mut model, "s");
    assert_eq!(toast(&model), "start: nothing is selected");
}

#[test]
fn kill_asks_first() {
    let mut model = model(SIZE);
    assert_eq!(press(&mut model, "K esc"), []);
    let kill = Effect::Do(1, Task::Kill(container_id(4)));
    assert_eq!(press(&mut model, "K enter"), [kill]);
    assert!(model.overlays.is_empty());
}

#[test]
fn the_terminal_is_lent_to_a_shell() {
    let mut model = model(SIZE);
    let shell = Guest::Shell(container_id(4), "cache".to_owned());
    assert_eq!(press(&mut model, "e"), [Effect::HandOver(shell)]);
    let words = "the shell in cache ended with 0".to_owned();
    let effects = send(&mut model, Msg::Returned(Ok(words.clone())));
    assert_eq!(effects, [Effect::Redraw, Effect::Reload]);
    assert_eq!(toast(&model), words);
}

#[test]
fn an_image_in_use_cannot_go_but_there_are_ways_out() {
    let mut model = model(SIZE);
    press(&mut model, "2 j");
    assert_eq!(cursor(&model), "debian:12");
    assert_eq!(press(&mut model, "d enter"), []);
    assert_eq!(model.overlays.len(), 1, "the dialog stays");
    let untag = Effect::Do(1, Task::Untag("debian:12".parse().unwrap()));
    assert_eq!(press(&mut model, "u"), [untag]);
    let all = Task::RemoveWithImage(vec![container_id(1), container_id(2)], image_id(1));
    assert_eq!(press(&mut model, "d x"), [Effect::Do(2, all)]);
    press(&mut model, "d g");
    assert_eq!((model.focus, cursor(&model).as_str()), (Pane::Containers, "web-1"));
}

#[test]
fn a_container_that_appears_blocks_the_open_dialog() {
    let mut model = model(SIZE);
    let mut world = overview();
    world.containers.retain(|container| container.image != image_id(1));
    world.sequence = 8;
    send(&mut model, Msg::Loaded(Ok(world.clone())));
    press(&mut model, "2 j d");
    let shown = text(&frame(&mut model));
    assert!(shown.contains("Frees 0 B"), "{shown}");
    world.sequence = 9;
    world.containers.push(container(9, "late", (1, "debian:12"), running(1)));
    send(&mut model, Msg::Loaded(Ok(world)));
    let shown = text(&frame(&mut model));
    assert!(shown.contains("Cannot be deleted: 1 container stands on it."), "{shown}");
    assert_eq!(press(&mut model, "enter"), []);
}

#[test]
fn a_running_container_goes_only_by_name() {
    let mut model = model(SIZE);
    press(&mut model, "d");
    type_word(&mut model, "cach");
    assert_eq!(press(&mut model, "enter"), []);
    type_word(&mut model, "e");
    let task = Task::RemoveContainers(vec![container_id(4)], Force::Yes);
    assert_eq!(press(&mut model, "enter"), [Effect::Do(1, task)]);
}

#[test]
fn several_marked_go_in_one_dialog_but_not_those_that_run() {
    let mut model = model(SIZE);
    assert!(press(&mut model, "space space d").is_empty() || model.overlays.len() == 1);
    let task = Task::RemoveContainers(vec![container_id(3)], Force::No);
    assert_eq!(press(&mut model, "enter"), [Effect::Do(1, task)]);
}

#[test]
fn networks_go_when_nobody_stands_in_them() {
    let mut model = model(SIZE);
    press(&mut model, "3 d");
    assert_eq!(cursor(&model), "backend");
    assert_eq!(press(&mut model, "enter"), []);
    let mut world = overview();
    world.networks[1].endpoints.clear();
    world.sequence = 8;
    send(&mut model, Msg::Loaded(Ok(world)));
    let task = Task::RemoveNetworks(vec![network_id(2)]);
    assert_eq!(press(&mut model, "enter"), [Effect::Do(1, task)]);
}

#[test]
fn a_new_container_comes_from_a_small_form() {
    let mut model = model(SIZE);
    press(&mut model, "2 j n");
    type_word(&mut model, "web-3");
    press(&mut model, "tab");
    send(&mut model, Msg::Paste("sleep '1 0'\n".to_owned()));
    press(&mut model, "tab");
    type_word(&mut model, "backend");
    let request = CreateContainer {
        name: Some("web-3".parse().unwrap()),
        image: "debian:12".to_owned(),
        command: vec!["sleep".to_owned(), "1 0".to_owned()],
        network: Some(NetworkRequest::Named(vec!["backend".to_owned()])),
        tty: true,
        open_stdin: true,
        ..CreateContainer::default()
    };
    let run = Effect::Do(1, Task::Run(Box::new(request)));
    assert_eq!(press(&mut model, "enter"), [run]);
    assert_eq!(press(&mut model, "enter"), [], "it is at it");
    let failure = refused("the name web-3 is in use");
    send(&mut model, Msg::Finished(1, Err(failure)));
    let shown = text(&frame(&mut model));
    assert!(shown.contains("the name web-3 is in use"), "{shown}");
    let again = press(&mut model, "enter");
    assert_eq!(again.len(), 1);
    send(&mut model, Msg::Finished(2, Ok(())));
    assert!(model.overlays.is_empty());
}

#[test]
fn what_the_engine_refuses_is_said_in_the_form_and_nothing_is_lost() {
    let mut model = model(SIZE);
    press(&mut model, "2 j n");
    type_word(&mut model, "web-3");
    press(&mut model, "tab tab tab tab tab");
    type_word(&mut model, "4k");
    let job = match press(&mut model, "enter").as_slice() {
        [Effect::Do(job, Task::Run(request))] => {
            assert_eq!(request.resources.memory, Some(4096));
            *job
        }
        other => panic!("{other:?}"),
    };
    send(&mut model, Msg::Finished(job, Err(refused("minimum memory limit is 6MB"))));
    let shown = text(&frame(&mut model));
    for there in ["minimum memory limit is 6MB", "web-3", "4k", "--name web-3 -m 4k -it debian:12"]
    {
        assert!(shown.contains(there), "{there}: {shown}");
    }
}

#[test]
fn p_pauses_and_thaws() {
    let mut model = model(SIZE);
    assert_eq!(press(&mut model, "p"), [Effect::Do(1, Task::Pause(container_id(4)))]);
    let mut world = overview();
    world.sequence = 8;
    let cache = world.containers.iter_mut().find(|one| one.id == container_id(4)).unwrap();
    cache.state = State::Running { started: noon(), paused: true, restarts: 0, health: None };
    send(&mut model, Msg::Loaded(Ok(world)));
    assert_eq!(press(&mut model, "p"), [Effect::Do(2, Task::Unpause(container_id(4)))]);
    // One that is paused already stays so when others are to be.
    press(&mut model, "space j j space");
    assert_eq!(press(&mut model, "p"), [Effect::Do(3, Task::Pause(container_id(2)))]);
    press(&mut model, "esc g j");
    assert_eq!(press(&mut model, "p"), []);
    assert_eq!(toast(&model), "pause: it is not running");
}

#[test]
fn a_form_tells_what_it_cannot_read() {
    let mut model = model(SIZE);
    press(&mut model, "3 n enter");
    assert!(text(&frame(&mut model)).contains("a network needs a name"));
    type_word(&mut model, "x y");
    assert_eq!(press(&mut model, "enter"), []);
    assert!(text(&frame(&mut model)).contains("cannot be a name"));
}

#[test]
fn used_by_jumps_and_comes_back() {
    let mut model = model(SIZE);
    press(&mut model, "2 j u");
    assert_eq!(cursor(&model), "web-1");
    press(&mut model, "u");
    assert_eq!(cursor(&model), "debian:12");
    press(&mut model, "1 g u");
    assert_eq!(cursor(&model), "redis:7", "from a container to its image");
    press(&mut model, "u");
    assert_eq!(cursor(&model), "cache");
}

#[test]
fn the_id_goes_to_the_clipboard() {
    let mut model = model(SIZE);
    let copy = Effect::Copy(container_id(4).hex());
    assert_eq!(press(&mut model, "y"), [copy]);
    assert_eq!(toast(&model), "copied the id of cache");
}

#[test]
fn actions_apply_to_the_marks() {
    let mut model = model(SIZE);
    press(&mut model, "space j j space");
    let effects = press(&mut model, "s");
    let stops = [4, 2].map(|number| Task::Stop(container_id(number)));
    let [first, second] = stops;
    assert_eq!(effects, [Effect::Do(1, first), Effect::Do(2, second)]);
}

#[test]
fn kill_asks_once_for_all_marks_that_run() {
    let mut model = model(SIZE);
    // The second row does not run.
    press(&mut model, "space space space K");
    let shown = text(&frame(&mut model));
    assert!(shown.contains("Kill 2 containers") && shown.contains("  web-1"), "{shown}");
    let kills = [4, 1].map(|number| Task::Kill(container_id(number)));
    let [first, second] = kills;
    assert_eq!(press(&mut model, "y"), [Effect::Do(1, first), Effect::Do(2, second)]);
    press(&mut model, "esc g j space");
    assert_eq!(press(&mut model, "K"), []);
    assert_eq!(toast(&model), "kill: none of the marked is in a state for it");
}

#[test]
fn ids_of_all_marks_and_what_is_seen_go_to_the_clipboard() {
    let mut model = model(SIZE);
    let ids = format!("{}\n{}", container_id(4).hex(), container_id(3).hex());
    assert_eq!(press(&mut model, "space space y").last(), Some(&Effect::Copy(ids)));
    assert_eq!(toast(&model), "copied 2 ids");
    let table = match press(&mut model, "esc 3 Y").as_slice() {
        [.., Effect::Copy(table)] => table.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        table,
        "NAME     SUBNET         ENDPOINTS    BRIDGE\n\
         backend  10.210.1.0/24  1 endpoint   estiba2\n\
         bridge   10.210.0.0/24  2 endpoints  estiba1"
    );
    press(&mut model, "1 l");
    let number = model.detail.number;
    send(&mut model, Msg::LogLines(number, log(&["GET / 200", "\u{1b}[31mred\u{1b}[0m\u{7}"])));
    let copy = Effect::Copy("GET / 200\nred^G".to_owned());
    assert_eq!(press(&mut model, "Y"), [copy]);
    let long: Vec<String> = (0..3000).map(|number| format!("{number:040}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    send(&mut model, Msg::LogLines(number, log(&long)));
    match press(&mut model, "Y").as_slice() {
        [Effect::Copy(text)] => assert!(text.len() <= 48 * 1024 && text.ends_with("2999")),
        other => panic!("{other:?}"),
    }
    assert_eq!(toast(&model), "copied the last 1198 lines");
    press(&mut model, "] Y");
    assert_eq!(toast(&model), "copy: charts are no text");
}

#[test]
fn messages_wait_to_be_read_again() {
    let mut model = model(SIZE);
    press(&mut model, "y j K a");
    assert!(text(&frame(&mut model)).contains("E ● 2 messages"));
    press(&mut model, "E esc");
    assert!(!text(&frame(&mut model)).contains("●"));
}

#[test]
fn a_map_shows_who_stands_at_the_bridge_and_where_else() {
    let mut model = model(SIZE);
    let mut world = overview();
    world.sequence = 8;
    let mut both = container(5, "both", (1, "debian:12"), running(5));
    both.config.network = NetworkMode::Bridges(vec![network_id(1), network_id(2)]);
    world.containers.push(both);
    send(&mut model, Msg::Loaded(Ok(world)));
    press(&mut model, "3 j ]");
    let shown = text(&frame(&mut model));
    for there in [
        "└─ bridge estiba1  10.210.0.1 of 10.210.0.0/24",
        "├─ ▶ B web-1            10.210.0.2 eth0",
        "├─ ▶ B both             10.210.0.6 eth0",
        "│    also in backend",
        "└─ ■ A job              no address yet",
    ] {
        assert!(shown.contains(there), "{there}: {shown}");
    }
}
