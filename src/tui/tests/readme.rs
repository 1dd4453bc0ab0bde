//! The README says what the program does.

use std::fmt::Write as _;

use crate::tui::keymap::{Keymap, Layer};

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
        for (keys, meaning) in keymap.rows(layer) {
            let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
            let _infallible = writeln!(table, "| {} | {place} | {meaning} |", keys.join(" "));
        }
    }
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&table), "README.md should have this table:\n{table}");
}
