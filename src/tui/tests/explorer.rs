//! The layer explorer: what is listed, in which order, and what is done with a file.

use std::time::Duration;

use super::fixture::{
    container_id, frame, image_id, model, noon, press, send, text, tree, type_word,
};
use crate::{
    engine::{Excerpt, Shelf},
    model::{Fate, HiddenCopy},
    tui::{
        model::{Listing, Model, Overlay, Question, Subject},
        msg::{Effect, Msg, Task},
        update::next_wake,
        widgets::file_tree::FileTree,
    },
};

const SIZE: (u16, u16) = (120, 40);

fn shown(model: &mut Model) -> String {
    text(&frame(model))
}

fn subject(model: &Model) -> Subject {
    match &model.detail.asked {
        Some(Question::Tree(_, subject)) => *subject,
        other => panic!("{other:?}"),
    }
}

/// Gives the files of a layer to whoever asked.
fn answer(model: &mut Model) {
    let number = model.detail.number;
    send(model, Msg::Tree(number, Ok(tree())));
}

/// The explorer over redis, in the files of its last layer.
fn explorer() -> Model {
    let mut model = model(SIZE);
    press(&mut model, "2 G L l");
    answer(&mut model);
    model
}

/// Gives the names of the files in the order in which they are shown.
fn names(model: &mut Model) -> Vec<String> {
    let screen = shown(model);
    let lines = screen.lines().filter(|line| line.contains("rwx"));
    lines.map(|line| line.split_whitespace().nth_back(1).unwrap().to_owned()).collect()
}

#[test]
fn files_are_sorted_by_size_and_back() {
    let mut model = explorer();
    let by_name = names(&mut model);
    assert_eq!(by_name, ["etc", "passwd", "usr", "bin", "redis-server", "changelog.gz"]);
    press(&mut model, "o");
    assert_eq!(names(&mut model), ["usr", "bin", "redis-server", "changelog.gz", "etc", "passwd"]);
    assert!(shown(&mut model).contains("SIZE▾"));
    press(&mut model, "O");
    assert_eq!(names(&mut model), ["etc", "passwd", "usr", "changelog.gz", "bin", "redis-server"]);
    // The order holds for the next layer.
    press(&mut model, "esc k");
    answer(&mut model);
    assert!(shown(&mut model).contains("SIZE▴"));
    press(&mut model, "l o");
    assert_eq!(names(&mut model), by_name);
}

#[test]
fn folding_works_in_any_order() {
    let mut model = explorer();
    press(&mut model, "o g h");
    assert_eq!(names(&mut model), ["usr", "etc", "passwd"]);
    press(&mut model, "j h");
    assert_eq!(names(&mut model), ["usr", "etc"]);
    press(&mut model, "k l j");
    assert_eq!(names(&mut model), ["usr", "bin", "redis-server", "changelog.gz", "etc"]);
    press(&mut model, "h h h");
    assert_eq!(names(&mut model), ["usr", "etc"]);
}

#[test]
fn the_list_of_layers_ends_with_the_containers() {
    let mut model = model(SIZE);
    press(&mut model, "2 G L");
    assert_eq!(subject(&model), Subject::Layer(image_id(3), 2, false));
    assert!(shown(&mut model).contains("+ ▶ cache"));
    let effects = press(&mut model, "j");
    let number = model.detail.number;
    assert_eq!(effects, [Effect::Tree(number, Subject::Changes(container_id(4)))]);
    press(&mut model, "j");
    assert_eq!(subject(&model), Subject::Changes(container_id(4)), "the last row");
    press(&mut model, "k w");
    assert_eq!(subject(&model), Subject::Waste(image_id(3), Some(2)));
    press(&mut model, "S");
    assert_eq!(subject(&model), Subject::Waste(image_id(3), None));
}

#[test]
fn waste_is_shown_by_layer_and_by_path() {
    let mut model = explorer();
    send(&mut model, Msg::Waste(image_id(3), vec![3_000_000, 0, 0]));
    let screen = shown(&mut model);
    assert!(screen.contains("WASTE") && screen.contains("3 MB"), "{screen}");
    press(&mut model, "w S");
    let copy = |path: &str, layer, fate| HiddenCopy {
        path: path.to_owned(),
        layer,
        size: 1_000_000,
        hidden_by: 2,
        fate,
    };
    let tree = FileTree::of_hidden(vec![
        copy("var/lib/db", 1, Fate::Replaced),
        copy("var/cache/x", 0, Fate::Removed),
        copy("var/lib/db", 0, Fate::Replaced),
    ]);
    let number = model.detail.number;
    send(&mut model, Msg::Tree(number, Ok(tree)));
    let screen = shown(&mut model);
    for words in [
        "waste in all layers",
        "3 MB ─",
        "db  in layer 2, replaced by 3",
        "x  in layer 1, removed by 3",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    // Each copy is opened from the layer that has it.
    press(&mut model, "G");
    let opened = press(&mut model, "enter");
    let Some(Effect::Excerpt(_, shelf, path)) = opened.first() else { panic!("{opened:?}") };
    assert!(matches!(shelf, Shelf::Stored(_, 0 | 1)), "{shelf:?}");
    assert_eq!(path, "var/lib/db");
}

#[test]
fn a_file_is_opened_searched_and_closed() {
    let mut model = explorer();
    // etc/passwd, which is changed here: as it is under this layer.
    let effects = press(&mut model, "j enter");
    let shelf = Shelf::Seen(image_id(3), 3);
    assert_eq!(effects, [Effect::Excerpt(1, shelf, "etc/passwd".to_owned())]);
    let bytes = b"root:x:0:0\n\x1b[31mred\x07\nweb:x:33:33\n".to_vec();
    // An answer to an older question is dropped.
    send(&mut model, Msg::Excerpt(0, Ok(Excerpt { bytes: b"old".to_vec(), size: 3 })));
    assert!(model.overlays.is_empty());
    send(&mut model, Msg::Excerpt(1, Ok(Excerpt { bytes, size: 9_000_000 })));
    let screen = shown(&mut model);
    for words in ["/etc/passwd · the first 33 B of 9 MB", "root:x:0:0", "^[[31mred^G"] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    press(&mut model, "/");
    type_word(&mut model, "web");
    press(&mut model, "enter n");
    assert!(shown(&mut model).contains("/web"));
    press(&mut model, "q");
    assert!(model.overlays.is_empty());
    // What is removed is shown as it was before.
    let effects = press(&mut model, "G enter");
    let before = Shelf::Seen(image_id(3), 2);
    assert_eq!(effects, [Effect::Excerpt(2, before, "usr/changelog.gz".to_owned())]);
    assert_eq!(press(&mut model, "g enter"), [], "a folder folds");
    assert_eq!(names(&mut model)[..2], ["etc", "usr"]);
}

#[test]
fn a_file_goes_to_where_the_user_says() {
    let mut model = explorer();
    press(&mut model, "j x");
    assert!(shown(&mut model).contains("Extract /etc/passwd"));
    type_word(&mut model, ".old");
    let effects = press(&mut model, "enter");
    let task =
        Task::Extract(Shelf::Seen(image_id(3), 3), "etc/passwd".to_owned(), "./passwd.old".into());
    assert_eq!(effects, [Effect::Do(1, task)]);
}

#[test]
fn two_images_are_compared_until_the_key_is_pressed_again() {
    let mut model = explorer();
    press(&mut model, "c");
    assert!(shown(&mut model).contains("Compare redis:7 with"));
    type_word(&mut model, "nothing");
    press(&mut model, "enter");
    assert!(shown(&mut model).contains("no image is called nothing"));
    press(&mut model, "esc c down enter");
    let Subject::Against(before, other) = subject(&model) else { panic!() };
    assert_eq!(before, image_id(3));
    answer(&mut model);
    assert!(shown(&mut model).contains("otherwise"));
    let effects = press(&mut model, "j enter");
    let whole = Shelf::Seen(other, usize::MAX);
    assert_eq!(effects, [Effect::Excerpt(1, whole, "etc/passwd".to_owned())]);
    press(&mut model, "c");
    assert_eq!(subject(&model), Subject::Layer(image_id(3), 2, false));
    // Another image is not compared with what the first was.
    press(&mut model, "c down enter esc esc esc k");
    assert_eq!(model.detail.listing, Listing::Changes);
}

#[test]
fn changes_of_a_container_are_listed_again_while_it_runs() {
    let mut model = model(SIZE);
    press(&mut model, "g ] ] ] l");
    let number = model.detail.number;
    let asked = Effect::Tree(number, Subject::Changes(container_id(4)));
    answer(&mut model);
    assert!(shown(&mut model).contains("changes of cache, live"));
    press(&mut model, "g h");
    let folded = shown(&mut model);
    let later = |millis| noon() + Duration::from_millis(millis);
    let is_asked = |effects: Vec<Effect>| effects.contains(&asked);
    assert!(!is_asked(send(&mut model, Msg::Tick(later(900)))));
    assert!(next_wake(&model).unwrap() <= later(1000));
    assert!(is_asked(send(&mut model, Msg::Tick(later(1000)))));
    assert!(!is_asked(send(&mut model, Msg::Tick(later(1500)))), "not before the answer");
    // The answer took half a second: the next question waits for ten.
    answer(&mut model);
    assert_eq!(shown(&mut model), folded, "folds and cursor stay");
    assert!(!is_asked(send(&mut model, Msg::Tick(later(11_000)))));
    assert!(is_asked(send(&mut model, Msg::Tick(later(11_500)))));
    // Elsewhere nobody asks, and what was kept is given back.
    assert!(press(&mut model, "]").contains(&Effect::Forget));
    assert!(!is_asked(send(&mut model, Msg::Tick(later(60_000)))));
}

#[test]
fn only_a_container_that_stands_still_takes_changes_back() {
    let mut model = model(SIZE);
    press(&mut model, "g ] ] ] l");
    answer(&mut model);
    press(&mut model, "j d");
    assert!(model.overlays.is_empty());
    assert!(model.toasts.standing.back().unwrap().text.contains("cache runs"));
    press(&mut model, "esc j l");
    answer(&mut model);
    press(&mut model, "j d");
    assert!(matches!(model.overlays.last(), Some(Overlay::Reset(..))));
    let screen = shown(&mut model);
    assert!(screen.contains("/etc/passwd, and all that is in it"), "{screen}");
    let task = Task::Reset(container_id(3), "etc/passwd".to_owned());
    assert_eq!(press(&mut model, "y"), [Effect::Do(1, task)]);
    let number = model.detail.number;
    let effects = send(&mut model, Msg::Finished(1, Ok(())));
    let again = Effect::Tree(number, Subject::Changes(container_id(3)));
    assert!(effects.contains(&again), "{effects:?}");
}

#[test]
fn the_explorer_at_both_sizes() {
    let mut frames = String::new();
    for size in [(80, 24), (120, 40)] {
        let mut model = model(size);
        press(&mut model, "2 G L l");
        answer(&mut model);
        send(&mut model, Msg::Waste(image_id(3), vec![3_000_000, 0, 0]));
        frames.push_str(&shown(&mut model));
        press(&mut model, "w");
        let copy = HiddenCopy {
            path: "var/lib/dpkg/status".to_owned(),
            layer: 2,
            size: 1_000_000,
            hidden_by: 2,
            fate: Fate::Replaced,
        };
        let number = model.detail.number;
        send(&mut model, Msg::Tree(number, Ok(FileTree::of_hidden(vec![copy]))));
        frames.push_str(&shown(&mut model));
        press(&mut model, "w c");
        frames.push_str(&shown(&mut model));
        press(&mut model, "esc");
        answer(&mut model);
        press(&mut model, "j enter");
        let number = model.panels.file.number;
        let bytes =
            b"# accounts\nroot:x:0:0:root:/root:/bin/sh\n[a]\nkey = \"value\" 12\n".to_vec();
        let size = bytes.len() as u64;
        send(&mut model, Msg::Excerpt(number, Ok(Excerpt { bytes, size })));
        frames.push_str(&shown(&mut model));
        press(&mut model, "q x");
        frames.push_str(&shown(&mut model));
        press(&mut model, "esc esc j");
        answer(&mut model);
        frames.push_str(&shown(&mut model));
        press(&mut model, "1 g ] ] ] l");
        answer(&mut model);
        frames.push_str(&shown(&mut model));
    }
    super::frames::compare("explorer", &frames);
}
