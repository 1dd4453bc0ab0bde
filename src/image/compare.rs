//! What a layer does to the layers below it. Pure.

use std::cmp::Ordering;

use crate::model::{Change, ChangedEntry, EntryKind, LayerEntry, Whiteout};

/// Tells what the topmost of `layers` (lowest first, each sorted so that a directory comes before what is in it) does to those below
/// it; `stacked` adds what it leaves alone. The answer is sorted the same way.
///
/// A directory that the layer lists again as it was is left alone, and so is a file listed again with the same bytes and attributes.
pub fn compare(layers: &[Vec<LayerEntry>], stacked: bool) -> Vec<ChangedEntry> {
    let Some((top, below)) = layers.split_last() else {
        return Vec::new();
    };
    let mut view: Vec<&LayerEntry> = Vec::new();
    for layer in below {
        let mut next = Vec::with_capacity(view.len().max(layer.len()));
        walk(&view, layer, |step| match step {
            Step::Kept(entry) | Step::Added(entry) | Step::Both(_, entry) => next.push(entry),
            Step::Hidden(_) => {}
        });
        view = next;
    }
    let mut changes = Vec::new();
    walk(&view, top, |step| {
        let (entry, change) = match step {
            Step::Added(entry) => (entry, Change::Added),
            Step::Hidden(entry) => (entry, Change::Removed),
            Step::Both(before, after) if !is_same(before, after) => (after, Change::Changed),
            Step::Both(_, entry) | Step::Kept(entry) => (entry, Change::Unchanged),
        };
        if stacked || change != Change::Unchanged {
            changes.push(ChangedEntry { entry: entry.clone(), change });
        }
    });
    changes
}

/// What becomes of one path when a layer is laid over others.
enum Step<'a> {
    /// Those below have it, and the layer does not touch it.
    Kept(&'a LayerEntry),
    /// Those below have it, and the layer hides it.
    Hidden(&'a LayerEntry),
    /// Only the layer has it.
    Added(&'a LayerEntry),
    /// Those below have it, and so has the layer.
    Both(&'a LayerEntry, &'a LayerEntry),
}

/// Lays a layer over a view of those below, path by path.
fn walk<'a>(view: &[&'a LayerEntry], layer: &'a [LayerEntry], mut visit: impl FnMut(Step<'a>)) {
    let mut layer = layer.iter().peekable();
    // Everything of the view beneath this path is hidden.
    let mut hidden: Option<&str> = None;
    for &below in view {
        let mut own = None;
        while let Some(entry) = layer.next_if(|entry| order(&entry.path, &below.path).is_le()) {
            if hides(entry) && hidden.is_none_or(|path| !is_beneath(&entry.path, path)) {
                hidden = Some(&entry.path);
            }
            match (&entry.kind, entry.path == below.path) {
                (EntryKind::Whiteout(Whiteout::Opaque), _)
                | (EntryKind::Whiteout(Whiteout::Path), false) => {}
                (_, true) => own = Some(entry),
                (_, false) => visit(Step::Added(entry)),
            }
        }
        visit(match own {
            Some(entry) if !matches!(entry.kind, EntryKind::Whiteout(_)) => {
                Step::Both(below, entry)
            }
            Some(_) => Step::Hidden(below),
            None if hidden.is_some_and(|path| is_beneath(&below.path, path)) => Step::Hidden(below),
            None => Step::Kept(below),
        });
    }
    layer
        .filter(|entry| !matches!(entry.kind, EntryKind::Whiteout(_)))
        .for_each(|entry| visit(Step::Added(entry)));
}

/// Tells whether an entry hides what lies beneath its path: whiteouts do, and so does everything that is no directory.
const fn hides(entry: &LayerEntry) -> bool {
    !matches!(entry.kind, EntryKind::Directory)
}

fn is_beneath(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

/// Orders paths so that a directory comes right before what is in it: the slash sorts before every other character.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    let place = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let shared = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    match (left.get(shared), right.get(shared)) {
        (Some(l), Some(r)) => place(l).cmp(&place(r)),
        _ => left.len().cmp(&right.len()),
    }
}

/// Tells whether a path is listed again as it was. The time of a directory changes with what is in it, so it says nothing.
fn is_same(before: &LayerEntry, after: &LayerEntry) -> bool {
    let kind = match (&before.kind, &after.kind) {
        (EntryKind::Directory, EntryKind::Directory) => true,
        // A further name has the bytes of the first, and no size of its own.
        (
            EntryKind::File | EntryKind::HardLink { .. },
            EntryKind::File | EntryKind::HardLink { .. },
        ) => before.digest == after.digest && before.mtime == after.mtime,
        (before_kind, after_kind) => before_kind == after_kind && before.mtime == after.mtime,
    };
    kind && (before.mode, before.uid, before.gid) == (after.mode, after.uid, after.gid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    /// Writes a layer as a text: `d/` directory, `f=x` file with content x, `l>x` link, `-f` whiteout, `d/*` opaque mark.
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
        let lines = compare(&layers, stacked).into_iter().map(|changed| {
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
        let layers = [many("1"), many("2")];
        let begun = std::time::Instant::now();
        assert_eq!(compare(&layers, false).len(), 200_000);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
