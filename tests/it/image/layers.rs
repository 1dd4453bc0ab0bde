//! What is unpacked is what was packed.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};

use estiba::{
    image::{Strata, overlay},
    model::{Change, ContainerId, EntryKind, Whiteout},
};

use super::*;

fn lines(entries: &[LayerEntry]) -> Vec<String> {
    let word = |entry: &LayerEntry| match &entry.kind {
        EntryKind::File => format!("file {}", entry.size),
        EntryKind::HardLink { target } => format!("link {target}"),
        EntryKind::Directory => "dir".to_owned(),
        EntryKind::Symlink { target } => format!("-> {target}"),
        EntryKind::CharDevice { major, minor } => format!("char {major}:{minor}"),
        EntryKind::BlockDevice { major, minor } => format!("block {major}:{minor}"),
        EntryKind::Fifo => "fifo".to_owned(),
        EntryKind::Whiteout(Whiteout::Path) => "gone".to_owned(),
        EntryKind::Whiteout(Whiteout::Opaque) => "opaque".to_owned(),
    };
    entries.iter().map(|entry| format!("{} {}", entry.path, word(entry))).collect()
}

fn device(kind: tar::EntryType, path: &str, major: u32, minor: u32) -> tar::Header {
    let mut header = header(kind, path, "", 0);
    header.set_device_major(major).unwrap();
    header.set_device_minor(minor).unwrap();
    header.set_cksum();
    header
}

#[test]
fn all_kinds_are_made_and_indexed() {
    let mut set_user_id = header(tar::EntryType::Regular, "bin/su", "", 2);
    set_user_id.set_mode(0o4755);
    set_user_id.set_cksum();
    let layer = Tar::new()
        .dir("./")
        .dir("bin/")
        .header(&set_user_id, b"su")
        .link("bin/sudo", "bin/su")
        .symlink("bin/sh", "/nowhere/else")
        .file("deep/er/file", b"")
        .header(&device(tar::EntryType::Char, "dev-null", 1, 3), b"")
        .header(&device(tar::EntryType::Block, "dev-sda", 8, 0), b"")
        .entry(tar::EntryType::Fifo, "pipe", "", b"")
        .pax(&[("SCHILY.xattr.user.note", b"a\nb"), ("mtime", b"1.5")])
        .file("noted", b"12345")
        .end();
    let place = place();
    let image = place.only(&docker(&[&layer], "kinds"));
    let index = place.index(&image, 0);
    assert_eq!(
        lines(&index),
        [
            "bin dir",
            "bin/sh -> /nowhere/else",
            "bin/su file 2",
            "bin/sudo link bin/su",
            "deep dir",
            "deep/er dir",
            "deep/er/file file 0",
            "dev-null char 1:3",
            "dev-sda block 8:0",
            "noted file 5",
            "pipe fifo"
        ]
    );
    assert_eq!(image.layers[0].size, 7);
    assert_eq!(index[2].digest.unwrap().hex(), hex(b"su"));
    assert_eq!(index[6].digest, None);
    let diff = place.diff(&image, 0);
    let meta = |name: &str| diff.join(name).symlink_metadata().unwrap();
    assert_eq!(meta("bin/su").permissions().mode() & 0o7777, 0o4755);
    assert_eq!(inode(&diff.join("bin/su")), inode(&diff.join("bin/sudo")));
    assert_eq!(meta("bin").mtime(), 1_000_000_000);
    assert_eq!(meta("bin/sh").mtime(), 1_000_000_000);
    assert_eq!((meta("noted").mtime(), meta("noted").mtime_nsec()), (1, 500_000_000));
    assert!(meta("pipe").file_type().is_fifo());
    let mut note = [0; 8];
    let length = rustix::fs::lgetxattr(diff.join("noted"), "user.note", &mut note).unwrap();
    assert_eq!(&note[..length], b"a\nb");
    let null = diff.join("dev-null").symlink_metadata();
    match ownership() {
        Ownership::Kept => assert_eq!(null.unwrap().rdev(), rustix::fs::makedev(1, 3)),
        Ownership::Mapped => assert!(null.is_err()),
    }
}

#[test]
fn owners_are_kept_for_root() {
    if ownership() == Ownership::Mapped {
        println!("skipped: only root can give files away");
        return;
    }
    let mut owned = header(tar::EntryType::Regular, "mail", "", 0);
    owned.set_uid(8);
    owned.set_gid(4_000_000_000);
    owned.set_cksum();
    let place = place();
    let image = place.only(&docker(&[&Tar::new().header(&owned, b"").end()], "owned"));
    let mail = place.diff(&image, 0).join("mail").metadata().unwrap();
    assert_eq!((mail.uid(), mail.gid()), (8, 4_000_000_000));
}

/// Makes a layer, and one over it that hides parts of it.
fn hidden() -> [Vec<u8>; 2] {
    let base = Tar::new()
        .dir("a/")
        .file("a/1", b"1")
        .file("a/2", b"2")
        .dir("b/")
        .file("b/1", b"1")
        .file("c", b"c")
        .dir("d/")
        .file("d/1", b"1")
        .end();
    let top = Tar::new()
        .file("a/.wh.1", b"")
        .file("b/.wh..wh..opq", b"")
        .file("b/2", b"2")
        .file(".wh.c", b"")
        .file(".wh..wh.plnk", b"")
        .file(".wh.d", b"")
        .file("d/2", b"2")
        .end();
    [base, top]
}

#[test]
fn whiteouts_hide_what_is_below_and_nothing_else() {
    let [base, top] = hidden();
    let place = place();
    let image = place.only(&docker(&[&base, &top], "white"));
    let index = [place.index(&image, 0), place.index(&image, 1)];
    assert_eq!(
        lines(&index[1]),
        [
            "a dir",
            "a/1 gone",
            "b dir",
            "b opaque",
            "b/2 file 1",
            "c gone",
            "d dir",
            "d opaque",
            "d/2 file 1"
        ]
    );
    let diff = place.diff(&image, 1);
    let gone = diff.join("a/1").symlink_metadata().unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    let key = match ownership() {
        Ownership::Kept => "trusted.overlay.opaque",
        Ownership::Mapped => "user.overlay.opaque",
    };
    for directory in ["b", "d"] {
        let mut mark = [0; 4];
        let length = rustix::fs::lgetxattr(diff.join(directory), key, &mut mark).unwrap();
        assert_eq!(&mark[..length], b"y");
    }
    let changes: Vec<_> = Strata::new(index.to_vec())
        .changes(1, 2, false)
        .into_iter()
        .filter(|changed| changed.entry.kind != EntryKind::Directory)
        .map(|changed| (changed.entry.path, changed.change))
        .collect();
    let expected = [
        ("a/1", Change::Removed),
        ("b/1", Change::Removed),
        ("b/2", Change::Added),
        ("c", Change::Removed),
        ("d/1", Change::Removed),
        ("d/2", Change::Added),
    ];
    assert_eq!(changes, expected.map(|(path, change)| (path.to_owned(), change)));
}

#[test]
fn later_entries_replace_earlier_ones() {
    let layer = Tar::new()
        .file("a", b"old")
        .file("a", b"newer")
        .dir("b/")
        .file("b/inner", b"x")
        .file("b", b"now a file")
        .file("c", b"x")
        .dir("c/")
        .file("c/inner", b"y")
        .symlink("e", "b")
        .dir("e/")
        .dir("f/")
        .file("f/kept", b"z")
        .dir("f/")
        .file("g", b"x")
        .file(".wh.g", b"")
        .end();
    let place = place();
    let image = place.only(&docker(&[&layer], "twice"));
    assert_eq!(
        lines(&place.index(&image, 0)),
        [
            "a file 5",
            "b file 10",
            "c dir",
            "c/inner file 1",
            "e dir",
            "f dir",
            "f/kept file 1",
            "g file 1"
        ]
    );
    let diff = place.diff(&image, 0);
    assert_eq!(estiba::sys::files::read(&diff.join("a")).unwrap(), b"newer");
    assert!(diff.join("e").symlink_metadata().unwrap().is_dir());
}

#[test]
fn an_entry_below_a_link_goes_where_the_link_leads() {
    let layer = Tar::new()
        .dir("usr/lib/")
        .symlink("lib", "usr/lib")
        .file("lib/x.so", b"x")
        .file("/absolute", b"y")
        .end();
    let place = place();
    let image = place.only(&docker(&[&layer], "links"));
    assert_eq!(
        lines(&place.index(&image, 0)),
        ["absolute file 1", "lib -> usr/lib", "usr dir", "usr/lib dir", "usr/lib/x.so file 1"]
    );
}

#[test]
fn a_sparse_file_keeps_its_holes() {
    let size: u64 = 64 * 1024 * 1024;
    let mut sparse = header(tar::EntryType::GNUSparse, "sparse", "", 512);
    let gnu = sparse.as_gnu_mut().unwrap();
    let octal = |field: &mut [u8; 12], number: u64| {
        field.copy_from_slice(format!("{number:011o}\0").as_bytes());
    };
    octal(&mut gnu.sparse[0].offset, size - 512);
    octal(&mut gnu.sparse[0].numbytes, 512);
    octal(&mut gnu.realsize, size);
    sparse.set_cksum();
    let layer = Tar::new().header(&sparse, &[7; 512]).end();
    let place = place();
    let image = place.only(&docker(&[&layer], "sparse"));
    let file = place.diff(&image, 0).join("sparse").metadata().unwrap();
    assert_eq!(file.len(), size);
    assert!(file.blocks() * 512 < size / 8, "{} blocks", file.blocks());
}

#[test]
fn a_container_gets_directories_that_look_like_its_image() {
    let mut root = header(tar::EntryType::Directory, "./", "", 0);
    root.set_mode(0o711);
    root.set_cksum();
    let place = place();
    let (base, top) = (Tar::new().file("a", b"").end(), Tar::new().header(&root, b"").end());
    let image = place.only(&docker(&[&base, &top], "over"));
    let id = ContainerId::from_bytes([1; 32]);
    let made = overlay(&place.layout, &image, id).unwrap();
    let below = place.layout.mount_points();
    assert_eq!(made.lowers, [place.diff(&image, 1), place.diff(&image, 0), below.clone()]);
    assert!(below.join("etc/hosts").is_file() && below.join("sys").is_dir());
    assert_eq!(made.upper.metadata().unwrap().permissions().mode() & 0o7777, 0o711);
    assert!(made.work.is_dir());
}
