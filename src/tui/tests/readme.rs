//! The README says what the program does.

use std::fmt::Write as _;

use super::fixture::{frame, model, press, send, text, tree};
use crate::tui::{
    keymap::{Keymap, Layer},
    msg::Msg,
};

/// The layers that a reader of the README wants to know, as they are called there.
const LAYERS: [(Layer, &str); 8] = [
    (Layer::Move, "lists, texts"),
    (Layer::Global, "everywhere"),
    (Layer::List, "lists"),
    (Layer::Containers, "containers"),
    (Layer::Detail, "detail"),
    (Layer::Layers, "layers"),
    (Layer::Tree, "files of a layer"),
    (Layer::Changes, "a container's changes"),
];

#[test]
fn the_readme_has_the_keys_of_the_keymap() {
    let (keymap, _) = Keymap::new(None);
    let mut table = String::from("| key | where | meaning |\n|---|---|---|\n");
    for (layer, place) in LAYERS {
        for row in keymap.rows(layer) {
            let mut keys: Vec<_> = row.keys.iter().map(|key| format!("`{key}`")).collect();
            if keys.is_empty() {
                keys.push("`:`".to_owned());
            }
            let meaning = row.desc;
            let _infallible = writeln!(table, "| {} | {place} | {meaning} |", keys.join(" "));
        }
    }
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "README.md should have this table:\n{table}");
}

#[test]
fn the_readme_shows_the_screen_as_it_is() {
    let mut model = model((110, 30));
    press(&mut model, "2 G ]");
    let number = model.detail.number;
    send(&mut model, Msg::Tree(number, Ok(tree())));
    let shown = text(&frame(&mut model));
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&shown), "README.md should show this screen:\n{shown}");
}
