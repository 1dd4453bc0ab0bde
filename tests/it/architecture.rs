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

/// Files of the runtime that open paths of the host, and which: everything else is a path of a container.
const OPENS_PATHS_OF_THE_HOST: [(&str, &str); 7] = [
    ("runtime/check.rs", "what this machine has"),
    ("runtime/defaults.rs", "its own ids, and which processors there are"),
    ("runtime/devices.rs", "where sysfs says that a device is"),
    ("runtime/init.rs", "its own attributes in the host's /proc"),
    ("runtime/rootfs.rs", "the root itself"),
    ("runtime/rootfs/base.rs", "the root itself, and the layers that it is made of"),
    ("runtime/seccomp.rs", "filters that were compiled"),
];

/// How a path can be opened that is not resolved in a root.
const OPENS: [&str; 9] = [
    "files::",
    "fs::read",
    "fs::write",
    "File::open",
    "File::create",
    "OpenOptions",
    "openat",
    "fs::open",
    "fcntl::open",
];

/// The path of a file below `src`.
fn below_src(source: &Source) -> String {
    source.path.strip_prefix(root().join("src")).unwrap().display().to_string()
}

/// Most escapes begin with a path of a container that is joined to one of the host and opened: here nothing but `sys::root` and `sys::beneath` resolves such paths.
#[test]
fn paths_of_containers_are_resolved_by_descriptor_only() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(source)) {
        let file = below_src(source);
        let is_listed = OPENS_PATHS_OF_THE_HOST.iter().any(|(known, _)| *known == file);
        let opens: Vec<&&str> = OPENS.iter().filter(|word| source.code.contains(**word)).collect();
        if source.room == "runtime" && opens.iter().any(|word| **word != "files::" || !is_listed) {
            wrong.push(format!("{file} opens a path: {opens:?}"));
        }
        if is_listed && opens.is_empty() {
            wrong.push(format!("{file} opens no path of the host any more"));
        }
        let resolves =
            ["RESOLVE_", "ResolveFlags", "openat2"].iter().any(|w| source.code.contains(w));
        if resolves && !["sys/root.rs", "sys/beneath.rs"].contains(&file.as_str()) {
            wrong.push(format!("{file} resolves paths of containers"));
        }
        // Where in a container something is: of the runtime alone, and never added to a path.
        for name in ["target", "workdir", "cwd", "destination", "directory_name"] {
            for start in ["join(", "join(&", "push(&"] {
                for owner in ["", "self.", "mount.", "planned.", "config.", "process."] {
                    let words = format!(".{start}{owner}{name}");
                    if source.code.contains(&format!("{words})"))
                        || source.code.contains(&format!("{words}()"))
                    {
                        wrong.push(format!("{file} says {words}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// CVE-2019-14271: what enters a container looks nobody up by way of libraries, which would be the container's. Seen to fail with `User::from_name` in `runtime::user`.
#[test]
fn cve_2019_14271_nothing_is_loaded_in_a_container() {
    const LOADS: [&str; 8] = [
        "User::from_",
        "Group::from_",
        "getpw",
        "getgr",
        "dlopen",
        "ToSocketAddrs",
        "lookup_host",
        "iconv",
    ];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !is_test(source)) {
        let file = below_src(source);
        // This one is before any container.
        let enters = matches!(source.room.as_str(), "runtime" | "sys" | "monitor" | "oci");
        for word in LOADS.iter().filter(|word| enters && source.code.contains(**word)) {
            if file != "sys/userns.rs" {
                wrong.push(format!("{file} says {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
