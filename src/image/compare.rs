//! Two things laid beside or over each other, path by path. Pure.

use std::cmp::Ordering;

use crate::model::{EntryKind, LayerEntry, Whiteout};

/// Lays a layer over a view of those below, path by path: shows what was at each path and what is.
pub(super) fn walk_views<'a>(
    view: &[&'a LayerEntry],
    layer: &'a [LayerEntry],
    mut visit: impl FnMut(Option<&'a LayerEntry>, Option<&'a LayerEntry>),
) {
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
                (_, false) => visit(None, Some(entry)),
            }
        }
        let is_hidden = hidden.is_some_and(|path| is_beneath(&below.path, path));
        match own {
            Some(entry) if matches!(entry.kind, EntryKind::Whiteout(_)) => visit(Some(below), None),
            Some(entry) => visit(Some(below), Some(entry)),
            None if is_hidden => visit(Some(below), None),
            None => visit(Some(below), Some(below)),
        }
    }
    layer
        .filter(|entry| !matches!(entry.kind, EntryKind::Whiteout(_)))
        .for_each(|entry| visit(None, Some(entry)));
}

/// Tells whether an entry hides what lies beneath its path: whiteouts do, and so does everything that is no directory.
pub(super) const fn hides(entry: &LayerEntry) -> bool {
    !matches!(entry.kind, EntryKind::Directory)
}

/// Tells whether a path is in a directory, the root of everything being the empty path.
pub(super) fn is_beneath(path: &str, directory: &str) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) if directory.is_empty() => !rest.is_empty(),
        Some(rest) => rest.starts_with('/'),
        None => false,
    }
}

/// Orders paths so that a directory comes right before what is in it: the slash sorts before every other character.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    let place = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let shared = shared(left, right);
    match (left.get(shared), right.get(shared)) {
        (Some(l), Some(r)) => place(l).cmp(&place(r)),
        _ => left.len().cmp(&right.len()),
    }
}

/// Counts the bytes that two texts begin with alike, eight at a time: neighbours in a tree share most of their paths.
fn shared(left: &[u8], right: &[u8]) -> usize {
    let words = left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0);
    let whole = 8 * words.take_while(|(l, r)| l == r).count();
    let rest = left.iter().skip(whole).zip(right.iter().skip(whole));
    whole + rest.take_while(|(l, r)| l == r).count()
}

/// Tells whether a path is listed again as it was. The time of a directory changes with what is in it, so it says nothing.
pub(super) fn is_same(before: &LayerEntry, after: &LayerEntry) -> bool {
    let kind = match (&before.kind, &after.kind) {
        (EntryKind::Directory, EntryKind::Directory) => true,
        (EntryKind::File, EntryKind::File) if before.size != after.size => false,
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_directory_comes_right_before_what_is_in_it(left in "[a/.-]{0,20}", right in "[a/.-]{0,20}") {
            let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(order(&left, &right), parts(&left).cmp(&parts(&right)));
        }
    }

    #[test]
    fn everything_is_beneath_the_root() {
        for (path, directory, expected) in [
            ("a", "", true),
            ("", "", false),
            ("a/b", "a", true),
            ("ab", "a", false),
            ("a", "a", false),
        ] {
            assert_eq!(is_beneath(path, directory), expected, "{path} {directory}");
        }
    }
}
