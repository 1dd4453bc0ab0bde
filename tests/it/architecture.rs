//! The house rules, read from the sources: who may enter whom, what each floor may not touch, how large things may grow.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Each room with the rooms it may enter. A room that is not here does not exist.
const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("sys", &[]),
    ("store", &["model", "sys"]),
    ("registry", &["model"]),
    ("image", &["model", "sys", "store", "registry"]),
    ("runtime", &["model", "sys"]),
    ("network", &["model", "sys", "store"]),
    ("monitor", &["model", "sys", "store", "runtime", "network"]),
    ("engine", &["model", "sys", "store", "registry", "image", "runtime", "network", "monitor"]),
    ("tui", &["model", "engine"]),
    ("cli", &["model", "engine"]),
    ("oci", &["model", "sys", "runtime"]),
];

/// What a room may not say, because another room alone knows it.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "model",
        &[
            "tokio",
            "nix::",
            "rustix",
            "std::fs",
            "std::env",
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "rusqlite",
        ],
    ),
    ("sys", &["tokio", "rusqlite", "Container", "ImageReference"]),
    ("store", &["tokio"]),
    ("registry", &["tokio", "std::fs", "std::env", "std::thread", "rusqlite"]),
    ("image", &["tokio"]),
    ("runtime", &["tokio", "std::thread", "rusqlite"]),
    ("network", &["tokio"]),
    ("monitor", &["tokio", "std::thread", "println!", "rusqlite"]),
    (
        "engine",
        &[
            "tokio",
            "println!",
            "eprintln!",
            "env::var",
            "env::args",
            "ratatui",
            "clap",
            "process::exit",
        ],
    ),
    ("cli", &["tokio", "ratatui", "rusqlite"]),
    ("tui", &["clap", "rusqlite"]),
    ("oci", &["tokio", "std::thread", "println!", "env::var", "rusqlite"]),
];

const MOST_LINES: usize = 400;

struct Source {
    path: PathBuf,
    room: String,
    /// The code before its tests, comments left out.
    code: String,
    lines: usize,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    let mut pending = vec![src.clone()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&src, path));
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn read(src: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: Vec<&str> =
        before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let relative = path.strip_prefix(src).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
    Source {
        room: first.trim_end_matches(".rs").to_owned(),
        lines: before_tests.lines().count(),
        code: code.join("\n"),
        path,
    }
}

/// Test files of a room (`…/tests.rs`, `…/tests/…`) may look anywhere.
fn is_test(source: &Source) -> bool {
    source.path.to_string_lossy().contains("/tests")
}

/// Gives the rooms named after `crate::` in a text, also within braces: `use crate::{model::X, sys};`.
fn rooms_entered(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in code.split("crate::").skip(1) {
        if let Some(group) = after.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut word)),
                    c if depth == 0 && !c.is_whitespace() => word.push(c),
                    _ => {}
                }
            }
            rooms.push(word);
        } else {
            rooms.push(after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    let first = |path: String| path.split("::").next().unwrap_or_default().to_owned();
    rooms.into_iter().map(first).filter(|room| !room.is_empty()).collect()
}

#[test]
fn arrows_point_down() {
    let floors: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(source)) {
        if matches!(source.room.as_str(), "lib" | "main" | "build") {
            continue;
        }
        let Some(allowed) = floors.get(source.room.as_str()) else {
            wrong.push(format!("{}: room {} has no floor", source.path.display(), source.room));
            continue;
        };
        for room in rooms_entered(&source.code) {
            if room != source.room
                && floors.contains_key(room.as_str())
                && !allowed.contains(&room.as_str())
            {
                wrong.push(format!("{} enters {room}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_recognised_in_every_form() {
    let code = "use crate::model::X;\nuse crate::{engine::{A, B}, store, sys::files};\ncrate::image::load()";
    assert_eq!(rooms_entered(code), ["model", "engine", "store", "sys", "image"]);
}

#[test]
fn each_room_keeps_to_what_it_knows() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(source)) {
        for (_, words) in FORBIDDEN.iter().filter(|(room, _)| *room == source.room) {
            for word in words.iter().filter(|word| source.code.contains(**word)) {
                wrong.push(format!("{} says {word}", source.path.display()));
            }
        }
        if source.room != "sys" && source.code.contains("unsafe ") {
            wrong.push(format!("{} says unsafe", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_outgrows_its_subject() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| !is_test(source) && source.lines > MOST_LINES)
        .map(|source| {
            format!("{} has {} lines before its tests", source.path.display(), source.lines)
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn the_top_level_is_what_was_agreed() {
    let agreed =
        ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "assets", "src", "tests", "target"];
    let strangers: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !agreed.contains(&name.as_str()))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[test]
fn every_test_file_is_compiled() {
    let doors = fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if let Some(room) = name.strip_suffix(".rs").filter(|room| *room != "main") {
            assert!(doors.contains(&format!("mod {room};")), "tests/it/main.rs forgets {room}");
        }
    }
}
