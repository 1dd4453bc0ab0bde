use proptest::prelude::*;

use super::*;
use crate::{
    model::{Digest, Fate},
    sys::clock,
};

/// Writes a layer as a text: `d/` directory, `f=x` file with content x, `l>x` link, `l&x` further name of x, `-f` whiteout, `d/*` opaque mark.
fn layer(text: &str) -> Vec<LayerEntry> {
    let mut entries: Vec<_> = text.split_whitespace().map(entry).collect();
    entries.sort_by(|left, right| order(&left.path, &right.path));
    entries
}

fn entry(text: &str) -> LayerEntry {
    let (path, kind, content) = if let Some(path) = text.strip_suffix("/*") {
        (path, EntryKind::Whiteout(Whiteout::Opaque), "")
    } else if let Some(path) = text.strip_prefix('-') {
        (path, EntryKind::Whiteout(Whiteout::Path), "")
    } else if let Some(path) = text.strip_suffix('/') {
        (path, EntryKind::Directory, "")
    } else if let Some((path, target)) = text.split_once('&') {
        let target = target.to_owned();
        (path, EntryKind::HardLink { target }, "")
    } else if let Some((path, target)) = text.split_once('>') {
        let target = target.to_owned();
        (path, EntryKind::Symlink { target }, "")
    } else {
        let (path, content) = text.split_once('=').unwrap();
        (path, EntryKind::File, content)
    };
    let digest = (!content.is_empty()).then(|| {
        let mut bytes = [0; 32];
        bytes[..content.len()].copy_from_slice(content.as_bytes());
        Digest::from_bytes(bytes)
    });
    LayerEntry {
        path: path.to_owned(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: content.len() as u64,
        mtime: 0,
        digest,
    }
}

fn shown(layers: &[&str], stacked: bool) -> String {
    let layers: Vec<_> = layers.iter().map(|text| layer(text)).collect();
    let strata = Strata::new(layers);
    let last = strata.len().saturating_sub(1);
    marked(strata.changes(last, last + 1, stacked))
}

/// Writes changes as a text, each with its mark.
fn marked(changes: Vec<ChangedEntry>) -> String {
    let lines = changes.into_iter().map(|changed| {
        let mark = match changed.change {
            Change::Added => '+',
            Change::Changed => '~',
            Change::Removed => '-',
            Change::Unchanged => '=',
        };
        format!("{mark}{}", changed.entry.path)
    });
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_way_of_changing_is_told() {
    for (below, top, expected) in [
        ("", "a/ a/b=1", "+a +a/b"),
        ("a/ a/b=1", "a/ a/b=2 a/c=3", "~a/b +a/c"),
        ("a/ a/b=1", "a/ a/b=1", ""),
        ("a/ a/b=1 c=1", "a/ -a/b", "-a/b"),
        ("a/ a/b/ a/b/c=1 a-b=1", "-a", "-a -a/b -a/b/c"),
        ("a/ a/b=1 a/c=2 a/d/ a/d/e=1", "a/ a/* a/c=3", "-a/b ~a/c -a/d -a/d/e"),
        ("a/ a/b=1", "a=1", "~a -a/b"),
        ("a>b", "a/ a/b=1", "~a +a/b"),
        ("a=1", "-b -z", ""),
        ("a/ a.b=1 a/c=1", "a.b=2", "~a.b"),
        ("a/ a/x/ a/x/y=1 b=1", "-a/x b=2", "-a/x -a/x/y ~b"),
    ] {
        assert_eq!(shown(&[below, top], false), expected, "{top}");
    }
}

#[test]
fn layers_between_count() {
    assert_eq!(shown(&["a/ a/b=1", "-a", "a/ a/c=1"], false), "+a +a/c");
    assert_eq!(shown(&["a/ a/b=1", "a/ a/*", "a/ a/b=1"], false), "+a/b");
    assert_eq!(shown(&["a=1 b=1", "a=2", "a=1"], true), "~a =b");
    assert_eq!(shown(&[], true), "");
}

/// Lists hidden copies as a text: `path@layer:size>hider`, with `!` where something else is there now.
fn wasted(layers: &[&str]) -> String {
    let strata = Strata::new(layers.iter().map(|text| layer(text)).collect());
    let copies = strata.hidden().into_iter().map(|copy| {
        let mark = if copy.fate == Fate::Replaced { "!" } else { "" };
        format!("{}@{}:{}>{}{mark}", copy.path, copy.layer, copy.size, copy.hidden_by)
    });
    copies.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_root_itself_can_be_opaque() {
    let mut top = layer("b=1");
    top.insert(0, LayerEntry { path: String::new(), ..entry("x/*") });
    let strata = Strata::new(vec![layer("a=1 c/ c/d=1"), top]);
    assert_eq!(marked(strata.changes(1, 2, false)), "-a +b -c -c/d");
    assert_eq!(strata.hidden().len(), 2);
    assert!(strata.find("c/d", 2).is_none());
    assert!(strata.find("c/d", 1).is_some());
}

#[test]
fn ranges_of_layers_are_compared() {
    let strata = Strata::new(["a=1", "a=2 b=1", "-b c=1", "a=1"].map(layer).to_vec());
    assert_eq!(marked(strata.changes(1, 4, false)), "+c");
    assert_eq!(marked(strata.changes(1, 3, false)), "~a +c");
    assert_eq!(marked(strata.changes(0, 4, true)), "+a +c");
    assert_eq!(marked(strata.changes(4, 4, true)), "=a =c");
}

#[test]
fn waste_is_counted_once_for_each_hidden_copy() {
    for (layers, expected) in [
        (&["a=1"][..], ""),
        (&["a=1", "b=1"], ""),
        // Replaced: the copy below is waste, the one that is seen is not.
        (&["a=12", "a=345"], "a@0:2>1!"),
        // The same bytes stored again, as after a chmod, are stored twice all the same.
        (&["a=12", "a=12"], "a@0:2>1!"),
        (&["a=1", "a=22", "a=333"], "a@0:1>1! a@1:2>2!"),
        (&["a=1", "-a"], "a@0:1>1"),
        // Removed and made again: one copy is hidden, and it was the removal that hid it.
        (&["a=1", "-a", "a=22"], "a@0:1>1"),
        // A whole directory.
        (&["d/ d/a=1 d/e/ d/e/b=22 f=1", "-d"], "d/a@0:1>1 d/e/b@0:2>1"),
        // Once, however many layers hide it.
        (&["d/ d/a=1", "-d", "d/", "-d"], "d/a@0:1>1"),
        // An opaque directory hides what it does not have again.
        (&["d/ d/a=1 d/b=22", "d/ d/* d/b=333"], "d/a@0:1>1 d/b@0:2>1!"),
        // A file in place of a directory.
        (&["d/ d/a=1", "d=22"], "d/a@0:1>1"),
        // What is hidden in between is waste, though it is there again at last.
        (&["a=1", "-a", "a=1"], "a@0:1>1"),
        // Nothing to hide.
        (&["a=1", "-b"], ""),
        // A link takes no bytes, and neither does an empty file.
        (&["l>a e=", "-l -e"], ""),
    ] {
        assert_eq!(wasted(layers), expected, "{layers:?}");
    }
}

#[test]
fn hard_links_are_counted_once_and_only_when_the_last_is_hidden() {
    for (layers, expected) in [
        (&["a=1 b&a c&a", "-a"][..], ""),
        (&["a=1 b&a", "-b"], ""),
        (&["a=22 b&a", "-a", "-b"], "a@0:2>2"),
        (&["a=22 b&a", "-b", "-a"], "a@0:2>2"),
        (&["a=22 b&a c&a", "-c", "a=1 b=1"], "a@0:2>2!"),
        (&["a=22 b&a c&a", "-a -b -c"], "a@0:2>1"),
    ] {
        assert_eq!(wasted(layers), expected, "{layers:?}");
    }
}

#[test]
fn a_path_is_found_in_the_layer_that_has_it() {
    let strata = Strata::new(["d/ d/a=1 d/b=1", "d/ d/a=2", "-d", "d/ d/c=1"].map(layer).to_vec());
    for (path, upto, expected) in [
        ("d/a", 0, None),
        ("d/a", 1, Some(0)),
        ("d/a", 2, Some(1)),
        ("d/b", 2, Some(0)),
        ("d/b", 3, None),
        ("d/a", 4, None),
        ("d/c", 4, Some(3)),
        ("d", 4, Some(3)),
        ("d", 3, None),
        ("nothing", 4, None),
    ] {
        assert_eq!(strata.find(path, upto).map(|(layer, _)| layer), expected, "{path} {upto}");
    }
    let beneath: Vec<_> =
        strata.beneath("d", 2).into_iter().map(|(at, entry)| (at, entry.path.as_str())).collect();
    assert_eq!(beneath, [(1, "d"), (1, "d/a"), (0, "d/b")]);
}

#[test]
fn two_images_are_compared_by_what_is_seen() {
    let image = |layers: &[&str]| Strata::new(layers.iter().map(|text| layer(text)).collect());
    let before = image(&["a=1 b=1 d/ d/x=1", "-b"]);
    let after = image(&["a=1", "a=2 c=1", "d/ d/x=1"]);
    assert_eq!(marked(before.against(&after)), "~a +c =d =d/x");
    assert_eq!(marked(after.against(&before)), "~a -c =d =d/x");
    assert_eq!(marked(image(&[]).against(&before)), "+a +d +d/x");
}

#[test]
fn one_more_layer_is_as_if_it_lay_there() {
    let below = Strata::new(["a=1 d/ d/x=1", "b=1"].map(layer).to_vec());
    let top = layer("-a b=2 c=1 d/ d/*");
    assert_eq!(marked(below.under(&top)), "-a ~b +c -d/x");
}

/// What the paths of these layers are, by laying one over the other in the plainest way.
fn plainly(layers: &[Vec<LayerEntry>]) -> std::collections::BTreeMap<String, u64> {
    let mut seen = std::collections::BTreeMap::new();
    for layer in layers {
        for entry in layer {
            let inside = format!("{}/", entry.path);
            match entry.kind {
                EntryKind::Directory => {}
                EntryKind::Whiteout(Whiteout::Opaque) => {
                    seen.retain(|path: &String, _| !path.starts_with(&inside));
                }
                _ => seen.retain(|path, _| !path.starts_with(&inside) && *path != entry.path),
            }
        }
        for entry in layer {
            if !matches!(entry.kind, EntryKind::Whiteout(_)) {
                seen.insert(entry.path.clone(), entry.size);
            }
        }
    }
    seen
}

/// A layer over a few names: no path twice, nothing in what is no directory.
fn any_layer() -> impl Strategy<Value = Vec<LayerEntry>> {
    let word = (0_usize..6, 0_usize..6);
    proptest::collection::vec(word, 0..8).prop_map(|words| {
        let mut parts = std::collections::BTreeMap::new();
        for (place, kind) in words {
            let path = ["a", "a/b", "a/b/c", "a/d", "e", "e/f"][place];
            parts.insert(path, kind);
        }
        let has_inside = |path: &str| parts.keys().any(|other| is_beneath(other, path));
        let mut words: Vec<String> = Vec::new();
        for (path, kind) in &parts {
            for (slash, _) in path.match_indices('/') {
                let above = path.split_at(slash).0;
                let word = format!("{above}/");
                if !parts.contains_key(above) && !words.contains(&word) {
                    words.push(word);
                }
            }
            match (kind, has_inside(path)) {
                (0, _) | (_, true) => words.push(format!("{path}/")),
                (1, false) => words.extend([format!("{path}/"), format!("{path}/*")]),
                (2, false) => words.push(format!("-{path}")),
                (n, false) => words.push(format!("{path}={}", "x".repeat(*n))),
            }
        }
        layer(&words.join(" "))
    })
}

proptest! {
    #[test]
    fn any_layers_show_what_laying_them_down_shows(
        layers in proptest::collection::vec(any_layer(), 0..5),
    ) {
        let strata = Strata::new(layers.clone());
        let stored: u64 = layers.iter().flatten().map(|entry| entry.size).sum();
        let plain = plainly(&layers);
        let view: std::collections::BTreeMap<_, _> =
            strata.seen().into_iter().map(|entry| (entry.path.clone(), entry.size)).collect();
        prop_assert_eq!(&view, &plain);
        let hidden: u64 = strata.hidden().iter().map(|copy| copy.size).sum();
        prop_assert_eq!(hidden, stored - plain.values().sum::<u64>());
        for upto in 0..=layers.len() {
            for path in ["a", "a/b", "a/b/c", "a/d", "e", "e/f"] {
                let found = strata.find(path, upto).map(|(_, entry)| entry.size);
                prop_assert_eq!(found, plainly(&layers[..upto]).get(path).copied(), "{} {}", path, upto);
            }
        }
        if let Some((top, below)) = layers.split_last() {
            let apart = Strata::new(below.to_vec()).under(top);
            prop_assert_eq!(apart, strata.changes(below.len(), layers.len(), false));
        }
        for (layer, counts) in strata.counts().iter().enumerate() {
            let changes = strata.changes(layer, layer + 1, false);
            let count = |wanted| changes.iter().filter(|it| it.change == wanted).count() as u64;
            let told = (counts.added, counts.changed, counts.removed);
            let listed = (count(Change::Added), count(Change::Changed), count(Change::Removed));
            prop_assert_eq!(told, listed);
        }
    }
}

#[test]
fn two_hundred_thousand_paths_are_compared_quickly() {
    let many = |content: &str| -> Vec<LayerEntry> {
        (0..1000)
            .flat_map(|directory| {
                let name = format!("usr/lib/d{directory:04}");
                let files = (0..200).map({
                    let name = name.clone();
                    let content = content.to_owned();
                    move |file| entry(&format!("{name}/some-file-name-{file:04}={content}"))
                });
                std::iter::once(entry(&format!("{name}/"))).chain(files).collect::<Vec<_>>()
            })
            .collect()
    };
    let layers = vec![many("1"), many("2")];
    // What this thread computes, however busy the machine is.
    let begun = clock::spent();
    assert_eq!(Strata::new(layers).changes(1, 2, false).len(), 200_000);
    let spent = clock::spent().saturating_sub(begun);
    assert!(spent < std::time::Duration::from_secs(5), "{spent:?}");
}
