//! Clicks and the wheel, on what was drawn.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::fixture::{
    container_id, frame, image_id, log, model, network_id, overview, press, send, text, tree,
    type_word,
};
use crate::{
    engine::PrunePlan,
    tui::{
        hits::Zone,
        keymap::Action,
        model::{Depth, Key, Model, Overlay, Pane, Scope, Tab},
        msg::{Effect, Msg, Task},
    },
};

const SIZE: (u16, u16) = (120, 40);

fn mouse(model: &mut Model, kind: MouseEventKind, (column, row): (u16, u16)) -> Vec<Effect> {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    let effects = send(model, Msg::Mouse(event)).into_iter();
    effects.filter(|effect| !matches!(effect, Effect::Sample(_))).collect()
}

/// Draws, and clicks the first cell of a zone.
fn click(model: &mut Model, zone: Zone) -> Vec<Effect> {
    frame(model);
    let place = model.hits.place_of(zone).unwrap_or_else(|| panic!("{zone:?} is not drawn"));
    mouse(model, MouseEventKind::Down(MouseButton::Left), (place.x, place.y))
}

/// Draws, and clicks the first letter of a text that is seen.
fn click_text(model: &mut Model, wanted: &str) -> Vec<Effect> {
    let shown = text(&frame(model));
    let found = shown.lines().enumerate().find_map(|(y, line)| {
        line.find(wanted).map(|at| (line.get(..at).map_or(0, |before| before.chars().count()), y))
    });
    let (x, y) = found.unwrap_or_else(|| panic!("{wanted} is not in {shown}"));
    let at = (u16::try_from(x).unwrap(), u16::try_from(y).unwrap());
    mouse(model, MouseEventKind::Down(MouseButton::Left), at)
}

fn turn(model: &mut Model, zone: Zone, kind: MouseEventKind) {
    frame(model);
    let place = model.hits.place_of(zone).unwrap();
    mouse(model, kind, (place.x, place.y));
}

#[test]
fn a_click_selects_and_focuses() {
    for size in [(60, 16), (80, 24), (100, 30), SIZE, (200, 50)] {
        let mut model = model(size);
        click(&mut model, Zone::Row(Key::Container(container_id(3))));
        assert_eq!(model.selected(), Some(Key::Container(container_id(3))));
        click_text(&mut model, "cache ");
        assert_eq!(model.selected(), Some(Key::Container(container_id(4))), "{size:?}");
        click(&mut model, Zone::Pane(Pane::Networks));
        assert_eq!(model.focus, Pane::Networks, "a folded pane opens at its title");
        click_text(&mut model, "backend");
        assert_eq!(model.selected(), Some(Key::Network(network_id(2))));
    }
}

#[test]
fn a_click_on_a_head_sorts_and_turns_round() {
    let mut model = model(SIZE);
    click(&mut model, Zone::Column(Pane::Images, 1));
    assert_eq!((model.focus, model.list().sort, model.list().reverse), (Pane::Images, 1, false));
    assert_eq!(model.name_of(model.list().rows[0].0), "redis:7", "the largest first");
    click_text(&mut model, "SIZE▴");
    assert!(model.list().reverse);
    click_text(&mut model, "REFERENCE");
    assert_eq!((model.list().sort, model.list().reverse), (0, false));
}

#[test]
fn a_click_on_a_tab_opens_it_where_it_is_drawn() {
    for size in [(80, 24), SIZE] {
        let mut model = model(size);
        click_text(&mut model, "Env");
        assert_eq!((model.tab(), model.detail.depth), (Some(Tab::Env), Depth::Tab));
        click_text(&mut model, "Stats");
        assert_eq!(model.tab(), Some(Tab::Stats), "{size:?}");
    }
}

#[test]
fn hints_and_offers_do_what_their_keys_do() {
    let mut model = model(SIZE);
    frame(&mut model);
    let stop = Effect::Do(1, Task::Stop(container_id(4)));
    assert_eq!(click_text(&mut model, "s stop"), [stop]);
    click_text(&mut model, "d delete");
    assert!(matches!(model.overlays.last(), Some(Overlay::Delete(_))));
    click(&mut model, Zone::Does(Action::Cancel));
    assert!(model.overlays.is_empty());
    press(&mut model, "2 j d");
    let untag = Effect::Do(2, Task::Untag("debian:12".parse().unwrap()));
    assert_eq!(click_text(&mut model, "[u] remove only"), [untag]);
    assert!(model.overlays.is_empty());
    press(&mut model, "d");
    click_text(&mut model, "[g] go to the first");
    assert_eq!(model.selected(), Some(Key::Container(container_id(1))));
}

#[test]
fn nothing_below_a_dialog_is_clicked() {
    let mut model = model(SIZE);
    frame(&mut model);
    let place = model.hits.place_of(Zone::Row(Key::Image(image_id(2)))).unwrap();
    press(&mut model, "K");
    frame(&mut model);
    let at = (place.x, place.y);
    assert_eq!(mouse(&mut model, MouseEventKind::Down(MouseButton::Left), at), []);
    assert_eq!((model.focus, model.overlays.len()), (Pane::Containers, 1));
    // The offers of a dialog that lies under another are covered, too.
    press(&mut model, "esc s 2 j d ctrl-c");
    frame(&mut model);
    assert_eq!(mouse(&mut model, MouseEventKind::Down(MouseButton::Left), (1, 5)), []);
    assert_eq!((model.focus, model.overlays.len()), (Pane::Images, 2));
}

#[test]
fn the_wheel_scrolls_what_is_under_it() {
    let mut model = model((80, 24));
    let number = model.detail.number;
    let lines: Vec<String> = (0..90).map(|number| format!("line {number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    send(&mut model, Msg::LogLines(number, log(&lines)));
    assert!(text(&frame(&mut model)).contains("line 89"));
    turn(&mut model, Zone::Detail, MouseEventKind::ScrollUp);
    let shown = text(&frame(&mut model));
    assert!(!shown.contains("line 89") && shown.contains("line 85"), "{shown}");
    assert_eq!(model.detail.depth, Depth::Outside, "the focus stays");
    turn(&mut model, Zone::Detail, MouseEventKind::ScrollDown);
    assert!(text(&frame(&mut model)).contains("line 89"));
}

#[test]
fn a_list_scrolls_under_the_wheel_and_its_cursor_goes_with_the_edge() {
    let mut model = model((100, 30));
    let mut world = overview();
    world.sequence = 8;
    for number in 20..90 {
        let mut one = world.containers[1].clone();
        one.id = container_id(number);
        one.name = format!("x{number}").parse().unwrap();
        world.containers.push(one);
    }
    send(&mut model, Msg::Loaded(Ok(world)));
    press(&mut model, "2");
    let pane = Zone::Pane(Pane::Containers);
    turn(&mut model, pane, MouseEventKind::ScrollDown);
    let list = &model.lists[Pane::Containers.index()];
    assert_eq!((list.offset, list.place()), (3, Some(3)));
    assert_eq!(model.focus, Pane::Images);
    for _ in 0..100 {
        turn(&mut model, pane, MouseEventKind::ScrollDown);
    }
    assert!(text(&frame(&mut model)).contains("x89"));
    turn(&mut model, pane, MouseEventKind::ScrollUp);
    let list = &model.lists[Pane::Containers.index()];
    assert!(list.offset + 3 < 74 && list.place() > Some(list.offset));
}

#[test]
fn layers_and_files_are_pointed_at() {
    let mut model = model(SIZE);
    press(&mut model, "2 G L");
    let number = model.detail.number;
    send(&mut model, Msg::Tree(number, Ok(tree())));
    click(&mut model, Zone::Layer(0));
    assert_eq!((model.detail.layer, model.detail.depth), (0, Depth::Tab));
    let number = model.detail.number;
    send(&mut model, Msg::Tree(number, Ok(tree())));
    click_text(&mut model, "usr");
    assert_eq!(model.detail.depth, Depth::Files);
    let shown = text(&frame(&mut model));
    assert!(shown.contains("redis-server"), "{shown}");
    click_text(&mut model, "usr");
    let shown = text(&frame(&mut model));
    assert!(!shown.contains("redis-server"), "a second click folds: {shown}");
    let effects = click_text(&mut model, "passwd");
    assert_eq!(effects, []);
    let effects = click_text(&mut model, "passwd");
    assert!(matches!(effects.as_slice(), [Effect::Excerpt(..)]), "{effects:?}");
}

#[test]
fn forms_and_the_palette_are_clicked() {
    let mut model = model(SIZE);
    press(&mut model, "2 j n");
    click_text(&mut model, "Memory");
    type_word(&mut model, "64m");
    click_text(&mut model, "[ ] read-only");
    let shown = text(&frame(&mut model));
    assert!(shown.contains("-m 64m") && shown.contains("--read-only"), "{shown}");
    press(&mut model, "esc :");
    type_word(&mut model, "prune networks");
    click_text(&mut model, "Prune networks that");
    send(&mut model, Msg::Planned(Scope::Networks, false, Ok(PrunePlan::default())));
    click_text(&mut model, "[esc] close");
    assert!(model.overlays.is_empty());
}

#[test]
fn m_leaves_the_mouse_to_the_terminal_and_takes_it_back() {
    let mut model = model(SIZE);
    assert_eq!(press(&mut model, "m"), [Effect::Mouse(false)]);
    assert_eq!(press(&mut model, "m"), [Effect::Mouse(true)]);
}

#[test]
fn no_place_panics() {
    let sizes = [(1, 1), (7, 5), (40, 12), (60, 16), (80, 24), (120, 40)];
    let places = [0, 1, 2, 5, 11, 23, 39, 60, 119, 300];
    for size in sizes {
        for keys in ["1", "2 L", "2 d", "n", "?", ":", "s J", "E"] {
            let mut model = model(size);
            press(&mut model, keys);
            frame(&mut model);
            for (x, y) in places.iter().flat_map(|x| places.map(|y| (*x, y))) {
                for kind in [MouseEventKind::ScrollDown, MouseEventKind::Down(MouseButton::Left)] {
                    mouse(&mut model, kind, (x, y));
                }
            }
            frame(&mut model);
        }
    }
}
