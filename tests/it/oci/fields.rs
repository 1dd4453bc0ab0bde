//! Every field of the specification's schema (1.3.0): an effect, or an error that names it; never silence.

mod table;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use self::table::{GROUPS, Limit, REFUSED, Seen, limits, shown_by};
use super::{Yard, yard};
use crate::support::{control_groups_of, eventually};

/// The fields, one a line, as the schema's files have them (`config-schema.json` and what it refers to); whole platforms are one field.
const FIELDS: &str = include_str!("fields/runtime-spec-1.3.txt");

/// Puts a patch over a document: objects are merged; lists grow, but a namespace takes the place of the one of its type,
/// a mount that of the one at its destination, and a set of capabilities that of the one before.
fn merge(into: &mut Value, patch: &Value, key: &str) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key).or_insert(Value::Null), value, key);
            }
        }
        (Value::Array(into), Value::Array(patch)) => {
            if matches!(key, "bounding" | "effective" | "permitted" | "inheritable" | "ambient") {
                into.clear();
            }
            for new in patch {
                let mark = ["type", "destination"].into_iter().find(|mark| {
                    matches!((key, *mark), ("namespaces", "type") | ("mounts", "destination"))
                });
                let old = mark.and_then(|mark| into.iter_mut().find(|old| old[mark] == new[mark]));
                match old {
                    Some(old) => *old = new.clone(),
                    None => into.push(new.clone()),
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// Tells whether a patch says something about a field.
fn covers(patch: &Value, field: &str) -> bool {
    let Some((head, rest)) = field.split_once('.').map_or(Some((field, "")), Some) else {
        return false;
    };
    let (name, is_list) = head.strip_suffix("[]").map_or((head, false), |name| (name, true));
    let values: Vec<&Value> = match patch {
        Value::Object(all) if name == "*" => all.values().collect(),
        Value::Object(all) => all.get(name).into_iter().collect(),
        _ => Vec::new(),
    };
    let values: Vec<&Value> = if is_list {
        values.into_iter().filter_map(Value::as_array).flatten().collect()
    } else {
        values
    };
    !values.is_empty() && (rest.is_empty() || values.into_iter().any(|value| covers(value, rest)))
}

/// Writes the config with a patch over it, as text: what the types would drop must get there too.
fn ask(yard: &Yard, patch: &Value) {
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    merge(&mut spec, patch, "");
    fs::write(yard.path("bundle/config.json"), spec.to_string()).unwrap();
}

/// Puts the numbers of a disk of this machine in the place of `BLOCK-MAJOR` and `BLOCK-MINOR`.
fn with_numbers(text: &str) -> String {
    let mut disks = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let numbers = disks.find_map(|disk| fs::read_to_string(disk.path().join("dev")).ok());
    let (major, minor) = numbers.as_deref().unwrap_or("8:0").trim().split_once(':').unwrap();
    text.replace("BLOCK-MAJOR", major).replace("BLOCK-MINOR", minor)
}

/// Reads a patch, in which `ALL-BUT-MKDIR` is most system calls.
fn patch_of(text: &str) -> Value {
    let calls = syscalls::Sysno::iter().map(|call| format!("\"{}\"", call.name()));
    let calls: Vec<String> = calls.filter(|call| !call.contains("mkdir")).collect();
    let text = with_numbers(text).replace("ALL-BUT-MKDIR", &calls.join(","));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_table_knows_every_field_of_the_schema() {
    let all: BTreeSet<&str> = FIELDS.lines().collect();
    let mut shown = BTreeSet::new();
    for group in GROUPS {
        let patch = patch_of(group.patch);
        for (field, ..) in group.rows {
            assert!(covers(&patch, field), "{field} is not in the patch");
            shown.insert(*field);
        }
    }
    let alone = REFUSED.iter().map(|(field, patch, _)| (*field, *patch));
    for (field, patch) in alone.chain(limits().iter().map(|limit| (limit.field, limit.patch))) {
        assert!(covers(&patch_of(patch), field), "{field} is not in its patch");
        shown.insert(field);
    }
    for (field, file, name) in shown_by() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = fs::read_to_string(&path).unwrap();
        assert!(source.contains(&format!("fn {name}(")), "{field}: there is no test {name}");
        shown.insert(field);
    }
    let missing: Vec<_> = all.difference(&shown).collect();
    let unknown: Vec<_> = shown.difference(&all).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, unknown {unknown:?}");
}

#[test]
fn fields_have_their_effect() {
    for group in GROUPS {
        let mut script = String::new();
        for (field, seen, _) in group.rows {
            if let Seen::Inside(probe) = seen {
                script = format!("{script}echo \"{field}=$({probe} 2>&1 | xargs)\"\n");
            }
        }
        let Some(yard) = yard(&script) else { return };
        fs::create_dir_all(yard.path("bundle/rootfs/etc")).unwrap();
        fs::write(yard.path("bundle/rootfs/etc/masked"), "secret").unwrap();
        fs::write(yard.path("bundle/rootfs/etc/marker"), "here").unwrap();
        let mut patch = patch_of(group.patch);
        if let Some(path) = patch.pointer_mut("/linux/cgroupsPath") {
            *path = format!("/field-{}", yard.id).into();
        }
        ask(&yard, &patch);
        // A terminal needs somebody to take it, which is `run`.
        let has_terminal = patch.pointer("/process/terminal") == Some(&true.into());
        if yard.code(if has_terminal { "list" } else { "create ID" }) != 0 {
            let said = yard.text("err");
            assert!(!group.unless_named.is_empty() && said.contains(group.unless_named), "{said}");
            eprintln!("not to be had here, and named: {said}");
            continue;
        }
        let state = if has_terminal { Value::Null } else { yard.state() };
        let cgroup = control_groups_of(&format!("field-{}", yard.id));
        // Its words go where those of `create` went.
        let out = yard.path("out-of-container");
        yard.ok("delete --force ID");
        let mut command = yard.command("run ID");
        command.stdout(fs::File::create(&out).unwrap());
        assert!(command.status().unwrap().success(), "{}", yard.text("err"));
        let told = yard.text("out-of-container").replace('\r', "");
        for (field, seen, expected) in group.rows {
            let found = match seen {
                Seen::Inside(_) => {
                    let line =
                        told.lines().find_map(|line| line.strip_prefix(&format!("{field}=")));
                    line.unwrap_or_else(|| panic!("{field}: {told}")).to_owned()
                }
                Seen::InState(pointer) => {
                    state.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()
                }
                Seen::AsControlGroup => {
                    (if cgroup.is_empty() { "none" } else { "there" }).to_owned()
                }
            };
            assert_eq!(found, *expected, "{field}");
        }
        yard.assert_nothing_left();
    }
}

#[test]
fn fields_that_cannot_be_honoured_are_named() {
    let Some(yard) = yard("true") else { return };
    for (field, patch, word) in REFUSED {
        ask(&yard, &patch_of(patch));
        let said = yard.fails(1, "create ID");
        assert!(said.contains(word), "{field}: {said}");
        yard.assert_nothing_left();
    }
}

#[test]
fn limits_are_set_or_named() {
    let Some(yard) = yard("true") else { return };
    for Limit { field, patch, words, lines } in limits() {
        ask(&yard, &patch_of(patch));
        if yard.code("create ID") == 0 {
            let groups = control_groups_of(&yard.id);
            let text = |name: &str| {
                groups.iter().find_map(|group| fs::read_to_string(group.join(name)).ok())
            };
            let holds = |(name, expected): &(&str, &str)| {
                let expected = with_numbers(expected);
                text(name).is_some_and(|text| text.lines().any(|line| line.trim() == expected))
            };
            let seen: Vec<_> = lines.iter().map(|(name, _)| (name, text(name))).collect();
            assert!(lines.iter().any(holds), "{field}: {seen:?}");
            yard.ok("delete ID");
        } else {
            let said = yard.text("err");
            assert!(words.iter().any(|word| said.contains(word)), "{field}: {said}");
        }
        eventually("nothing is left", || control_groups_of(&yard.id).is_empty());
    }
}

#[test]
fn what_the_specification_does_not_know_is_told_and_changes_nothing() {
    let Some(yard) = yard("true") else { return };
    ask(
        &yard,
        &json!({
            "newSection": {"a": 1},
            "process": {"user": {"username": "me"}, "capabilities": {"bounding": ["CAP_KILL", "CAP_MOON"]}},
            "linux": {"resources": {"pids": {"limit": 9, "newLimit": 1}}},
        }),
    );
    yard.ok("--log ../log --log-format json run ID");
    let log = yard.text("log");
    for words in
        ["newSection", "linux.resources.pids.newLimit", "CAP_MOON", "process.user.username"]
    {
        let is_told = |line: &str| line.contains("\"warning\"") && line.contains(words);
        assert!(log.lines().any(is_told), "{words}: {log}");
    }
    yard.assert_nothing_left();
}
