use std::time::Duration;

use proptest::prelude::*;
use ratatui::style::Modifier;

use super::*;
use crate::{
    sys::clock::spent,
    tui::{
        theme::Theme,
        widgets::testing::{SIZES, buffer, drawn, rows},
    },
};

/// Writes an entry as a text: a sign for the change, then the path; `/` at its end for a directory, `=1` for a size, `>x` for a link.
fn entry(text: &str) -> ChangedEntry {
    let (change, text) = match text.split_at(1) {
        ("+", rest) => (Change::Added, rest),
        ("~", rest) => (Change::Changed, rest),
        ("-", rest) => (Change::Removed, rest),
        (_, rest) => (Change::Unchanged, rest),
    };
    let (path, kind, size) = if let Some(path) = text.strip_suffix('/') {
        (path, EntryKind::Directory, 0)
    } else if let Some((path, target)) = text.split_once('>') {
        (path, EntryKind::Symlink { target: target.to_owned() }, 0)
    } else if let Some((path, size)) = text.split_once('=') {
        (path, EntryKind::File, size.parse().unwrap())
    } else {
        (text, EntryKind::File, 0)
    };
    let entry = LayerEntry {
        path: path.to_owned(),
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size,
        mtime: 0,
        digest: None,
    };
    ChangedEntry { entry, change }
}

fn tree(text: &str) -> FileTree {
    FileTree::new(text.split_whitespace().map(entry).collect())
}

/// Writes the visible rows: two dots for each level, the name, `*` at the cursor, `>` for what is folded.
fn outline(tree: &FileTree) -> String {
    let lines = tree.visible.iter().enumerate().map(|(row, number)| {
        let node = &tree.nodes[index(*number)];
        let dots = "..".repeat(usize::from(node.depth));
        let fold = if tree.is_folded(*number) { ">" } else { "" };
        let cursor = if row == tree.cursor { "*" } else { "" };
        format!("{dots}{fold}{}{cursor}", node.name())
    });
    lines.collect::<Vec<_>>().join(" ")
}

const SMALL: &str = "~etc/ ~etc/passwd=1100 ~usr/ +usr/bin/ +usr/bin/redis=14000000 -usr/doc=40000";

#[test]
fn folders_that_are_not_listed_are_implied() {
    for (entries, expected) in [
        (SMALL, "etc* ..passwd usr ..bin ....redis ..doc"),
        ("+a/b/c +a/b/d +a/e", "a* ..b ....c ....d ..e"),
        ("+a +a-b +a/b", "a* ..b a-b"),
        ("", ""),
        ("~a -a/b", "a* ..b"),
        ("+b +a/x +a/", "a* ..x b"),
        ("+/abs/x", "/abs* ..x"),
    ] {
        assert_eq!(outline(&tree(entries)), expected, "{entries}");
    }
}

#[test]
fn folders_sum_what_is_in_them() {
    let tree = tree("~a/ +a/b=5 -a/c=7 -d/ -d/e=3 -d/f=4 +g/h/i=1");
    let total = |name: &str| tree.nodes.iter().find(|n| n.entry.path == name).unwrap().total;
    assert_eq!(["a", "d", "g", "g/h"].map(total), [5, 7, 1, 1]);
    assert_eq!(tree.totals(), Totals { added: 2, changed: 1, removed: 4 });
}

#[test]
fn folds_are_walked_with_few_keys() {
    let mut tree = tree(SMALL);
    tree.collapse();
    assert_eq!(outline(&tree), ">etc* usr ..bin ....redis ..doc");
    tree.expand();
    tree.expand();
    tree.expand();
    assert_eq!(outline(&tree), "etc ..passwd* usr ..bin ....redis ..doc");
    tree.toggle_fold();
    tree.collapse();
    assert_eq!(outline(&tree), "etc* ..passwd usr ..bin ....redis ..doc");
    tree.move_by(Step::By(4));
    tree.collapse();
    tree.toggle_fold();
    assert_eq!(outline(&tree), "etc ..passwd usr ..>bin* ..doc");
    tree.collapse();
    tree.collapse();
    assert_eq!(outline(&tree), "etc ..passwd >usr*");
    tree.toggle_fold();
    assert_eq!(outline(&tree), "etc ..passwd usr* ..>bin ..doc", "inner folds stay");
    for (step, name) in [(Step::Bottom, "doc"), (Step::Next, "doc"), (Step::Top, "etc")] {
        tree.move_by(step);
        assert_eq!(tree.nodes[index(tree.current().unwrap())].name(), name);
    }
}

#[test]
fn kinds_of_change_are_hidden_and_their_folders_stay() {
    let mut tree = tree(SMALL);
    tree.move_by(Step::Bottom);
    tree.toggle(Change::Removed);
    assert_eq!(outline(&tree), "etc ..passwd usr ..bin ....redis*");
    tree.toggle(Change::Changed);
    assert_eq!(outline(&tree), "usr ..bin ....redis*");
    tree.toggle(Change::Added);
    assert_eq!(outline(&tree), "");
    assert_eq!(drawn((40, 2), |a, b, t| tree.render(a, b, t, true))[0], "all there is, is hidden");
    tree.toggle(Change::Removed);
    assert_eq!(outline(&tree), "usr* ..doc");
    assert!(tree.shows(Change::Removed) && !tree.shows(Change::Added));
}

#[test]
fn a_filter_unfolds_and_gives_the_folds_back() {
    let mut tree = tree(SMALL);
    tree.move_by(Step::By(2));
    tree.collapse();
    assert_eq!(outline(&tree), "etc ..passwd >usr*");
    tree.set_filter("rds");
    assert_eq!(outline(&tree), "usr ..bin ....redis*");
    tree.move_by(Step::Prev);
    tree.collapse();
    assert_eq!(outline(&tree), "usr ..>bin*");
    tree.set_filter("");
    assert_eq!(outline(&tree), "etc ..passwd usr ..bin* ....redis ..doc");
    tree.set_filter("usr/b");
    assert_eq!(outline(&tree), "usr ..bin* ....redis");
    tree.set_filter("!s");
    assert_eq!(outline(&tree), "etc usr ..bin* ..doc");
    tree.set_filter("nowhere");
    assert_eq!(outline(&tree), "");
    assert_eq!(drawn((40, 2), |a, b, t| tree.render(a, b, t, true))[0], "nothing matches");
    tree.set_filter("no");
    tree.set_filter("doc");
    assert_eq!(outline(&tree), "usr ..doc*");
}

#[test]
fn another_tree_is_entered_where_the_last_was_left() {
    let mut left = tree(SMALL);
    left.toggle(Change::Removed);
    left.move_by(Step::Bottom);
    for (entries, expected) in [
        ("~usr/ =usr/bin/ =usr/bin/redis -usr/old", "usr ..bin ....redis*"),
        ("~usr/ +usr/bin/ +usr/bin/app", ">usr*"),
        ("+var", "var*"),
        ("", ""),
    ] {
        let mut entered = tree(entries);
        entered.move_by(Step::Top);
        entered.collapse();
        entered.stand_at(&left.standing());
        assert_eq!(outline(&entered), expected, "{entries}");
        assert!(!entered.shows(Change::Removed));
    }
}

#[test]
fn rows_say_all_and_narrow_ones_the_most_important() {
    let mut tree = tree(&format!("{SMALL} +usr/lib>/lib +usr/empty/"));
    let mut show = |width| drawn((width, 9), |a, b, t| tree.render(a, b, t, true));
    assert_eq!(
        show(60),
        [
            "  MODE       OWNER    SIZE    NAME",
            "~ drwxr-xr-x   0:0  1.1 kB  ▾ etc",
            "~ -rwxr-xr-x   0:0  1.1 kB      passwd",
            "~ drwxr-xr-x   0:0   14 MB  ▾ usr",
            "+ drwxr-xr-x   0:0   14 MB    ▾ bin",
            "+ -rwxr-xr-x   0:0   14 MB        redis",
            "− -rwxr-xr-x   0:0   40 kB      doc",
            "+ drwxr-xr-x   0:0     0 B      empty/",
            "+ lrwxrwxr-x   0:0              lib -> /lib",
        ]
        .map(|row| row.replace("lrwxrwxr-x", "lrwxr-xr-x"))
    );
    assert_eq!(show(45)[5], "+ -rwxr-xr-x   14 MB        redis");
    assert_eq!(show(30)[5], "+   14 MB        redis");
    assert_eq!(show(12)[5], "+       red…");
    assert_eq!(show(1)[5], "+");
}

#[test]
fn what_is_not_a_file_says_so() {
    let special = |path: &str, kind: EntryKind| {
        let mut entry = entry(&format!("+{path}"));
        entry.entry.kind = kind;
        entry
    };
    let mut tree = FileTree::new(vec![
        special("blk", EntryKind::BlockDevice { major: 8, minor: 1 }),
        special("chr", EntryKind::CharDevice { major: 5, minor: 0 }),
        special("evil\u{1b}[2J", EntryKind::File),
        special("hard", EntryKind::HardLink { target: "usr/x\u{202e}".to_owned() }),
        special("pipe", EntryKind::Fifo),
    ]);
    let rows = drawn((30, 6), |a, b, t| tree.render(a, b, t, false));
    let names: Vec<_> = rows[1..].iter().map(|row| row.get(11..).unwrap().trim()).collect();
    let expected = ["blk device 8:1", "chr device 5:0", "evil^[[2J", "hard link to usr…", "pipe"];
    assert_eq!(names, expected);
}

#[test]
fn the_cursor_is_seen_and_looks_like_one() {
    let text: Vec<_> = (0..50).map(|number| format!("+f{number:02}")).collect();
    let mut tree = tree(&text.join(" "));
    for (step, expected) in [
        (Step::Top, "f00"),
        (Step::HalfPage(1), "f02"),
        (Step::Page(2), "f12"),
        (Step::Bottom, "f49"),
        (Step::By(-7), "f42"),
    ] {
        tree.move_by(step);
        let drawn = buffer((30, 6), |a, b, t| tree.render(a, b, t, true));
        let is_cursor = |row: &[ratatui::buffer::Cell]| {
            row.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED))
        };
        let at = drawn.content.chunks(34).position(is_cursor).unwrap();
        assert!(rows(&drawn)[at - 1].contains(expected), "{step:?}");
    }
    let drawn = buffer((30, 6), |a, b, t| tree.render(a, b, t, false));
    assert!(drawn.content.iter().all(|cell| !cell.modifier.contains(Modifier::REVERSED)));
    assert!(rows(&drawn)[5].ends_with('█') || rows(&drawn)[4].ends_with('█'));
}

#[test]
fn ascii_marks_are_ascii() {
    let mut tree = tree("-gone");
    let drawn = buffer((30, 6), |a, b, _| tree.render(a, b, &Theme::new(false, true), true));
    assert!(rows(&drawn)[1].starts_with('-'));
}

#[test]
fn no_size_panics() {
    for size in SIZES {
        for entries in ["", SMALL, "+a/b/c/d/e/f/g/h/i/j/k/l/m/日本語>👩\u{200d}🚀"] {
            let mut tree = tree(entries);
            for step in [Step::Bottom, Step::Prev, Step::Page(-1)] {
                tree.move_by(step);
                drawn(size, |a, b, t| tree.render(a, b, t, true));
                tree.collapse();
            }
        }
    }
}

/// Makes a thousand folders of two hundred files each.
fn many() -> Vec<ChangedEntry> {
    let folder = |folder: u32| {
        let files =
            (0..200).map(move |file| entry(&format!("+usr/lib/d{folder:04}/file-{file:04}=9")));
        std::iter::once(entry(&format!("+usr/lib/d{folder:04}/"))).chain(files)
    };
    (0..1000).flat_map(folder).collect()
}

#[test]
fn two_hundred_thousand_files_are_quick() {
    let entries = many();
    let begun = spent();
    let mut tree = FileTree::new(entries);
    let built = spent().saturating_sub(begun);
    assert_eq!(outline(&tree), "usr* ..>lib");
    tree.move_by(Step::Bottom);
    let begun = spent();
    tree.expand();
    let unfolded = spent().saturating_sub(begun);
    assert_eq!(tree.visible.len(), 1002);
    let begun = spent();
    tree.set_filter("f0199");
    let filtered = spent().saturating_sub(begun);
    assert_eq!(tree.visible.len(), 2002);
    let begun = spent();
    drawn((80, 24), |a, b, t| tree.render(a, b, t, true));
    let times = (built, unfolded, filtered, spent().saturating_sub(begun));
    let most = if cfg!(debug_assertions) { 20 } else { 1 };
    let limits = [200, 5, 300, 10].map(|millis| Duration::from_millis(millis * most));
    println!("built, unfolded, filtered, drawn in {times:?}");
    assert!(times.0 < limits[0] && times.1 < limits[1], "{times:?}");
    assert!(times.2 < limits[2] && times.3 < limits[3], "{times:?}");
}

/// One thing that a user does.
#[derive(Debug, Clone)]
enum Deed {
    Expand,
    Collapse,
    Toggle(usize),
    Fold,
    Move(isize),
    Filter(String),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        Just(Deed::Expand),
        Just(Deed::Collapse),
        Just(Deed::Fold),
        (0_usize..4).prop_map(Deed::Toggle),
        (-9_isize..9).prop_map(Deed::Move),
        "[!a-c/]{0,3}".prop_map(Deed::Filter),
    ];
    prop::collection::vec(deed, 0..40)
}

const CHANGES: [Change; 4] = [Change::Added, Change::Changed, Change::Removed, Change::Unchanged];

proptest! {
    #[test]
    fn whatever_is_done_the_tree_is_whole(
        entries in prop::collection::vec("[-+~ ][a-c]{1,2}(/[a-c]{1,2}){0,4}/?", 0..40),
        deeds in deeds(),
    ) {
        let mut tree = FileTree::new(entries.iter().map(|text| entry(text)).collect());
        for deed in deeds {
            match &deed {
                Deed::Expand => tree.expand(),
                Deed::Collapse => tree.collapse(),
                Deed::Toggle(which) => tree.toggle(CHANGES[*which]),
                Deed::Fold => tree.toggle_fold(),
                Deed::Move(by) => tree.move_by(Step::By(*by)),
                Deed::Filter(text) => tree.set_filter(text),
            }
            prop_assert!(tree.visible.is_sorted_by(|a, b| a < b));
            prop_assert!(tree.cursor < tree.visible.len().max(1));
            for number in &tree.visible {
                if let Some(parent) = tree.nodes[index(*number)].parent {
                    prop_assert!(tree.row_of(parent).is_some(), "{deed:?}");
                    prop_assert!(!tree.is_folded(parent));
                }
            }
            drawn((26, 5), |a, b, t| tree.render(a, b, t, true));
        }
        let before = tree.current();
        tree.set_filter("");
        prop_assert!(before.is_none() || tree.current() == before);
        for change in CHANGES {
            if !tree.shows(change) {
                tree.toggle(change);
            }
        }
        let listed = tree.nodes.iter().filter(|node| !node.is_implied).count();
        prop_assert_eq!(listed, entries.len());
        prop_assert!(tree.wanted.iter().all(|wanted| *wanted));
    }
}
