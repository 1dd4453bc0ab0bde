//! The layer reader: whatever is in a tar, nothing outside its directory is touched, and what the index says is what lies on the disk.
#![no_main]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use estiba::{
    image::{Ownership, unpack_layer},
    model::EntryKind,
    sys::files,
};
use libfuzzer_sys::fuzz_target;

const CANARY: &str = "not to be touched";

fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = PathBuf::from(std::env::var_os("ESTIBA_FUZZ").expect("a folder for layers"))
            .join(std::process::id().to_string());
        fs::create_dir_all(place.join("work")).expect("a folder");
        fs::write(place.join("canary"), CANARY).expect("a canary");
        fs::write(place.join("work/canary"), CANARY).expect("a canary");
        place
    })
}

/// Makes the checksums of headers right, which no mutation would find: the reader would see nothing but a broken tar.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(block) = bytes.get_mut(at..at + 512) {
        if block.iter().all(|byte| *byte == 0) {
            at += 512;
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = block[124..136].iter().filter(|byte| matches!(byte, b'0'..=b'7'));
        let size = digits.fold(0_usize, |size, digit| size * 8 + usize::from(digit - b'0'));
        at = at.saturating_add(512).saturating_add(size.next_multiple_of(512));
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let place = place();
    let into = place.join("work/layer");
    let bytes = if bytes.first().is_some_and(|byte| *byte & 1 == 0) {
        bytes.to_vec()
    } else {
        mended(bytes)
    };
    if let Ok((entries, size)) = unpack_layer(&bytes[..], &into, Ownership::Mapped) {
        let mut sum = 0;
        for entry in &entries {
            sum += entry.size;
            if entry.path.contains('\u{fffd}') {
                // A name that is no text stands in the index as something like it.
                continue;
            }
            let found = into.join(&entry.path).symlink_metadata();
            match &entry.kind {
                EntryKind::Directory => {
                    assert!(found.expect("a directory").is_dir(), "{}", entry.path)
                }
                EntryKind::File => {
                    let found = found.expect("a file");
                    assert!(found.is_file() && found.len() == entry.size, "{}", entry.path);
                    assert_eq!(found.permissions().mode() & 0o7777 & !0o6000, entry.mode & !0o6000);
                }
                EntryKind::Symlink { .. } => assert!(found.expect("a link").is_symlink()),
                _ => {}
            }
        }
        assert_eq!(sum, size);
        for (before, after) in entries.iter().zip(entries.iter().skip(1)) {
            let key = |path: &str| path.replace('/', "\0");
            assert!(key(&before.path) <= key(&after.path), "{} {}", before.path, after.path);
        }
    }
    files::remove_tree(&into).expect("what was made can be removed");
    for canary in [place.join("canary"), place.join("work/canary")] {
        assert_eq!(fs::read_to_string(canary).expect("the canary"), CANARY);
    }
    assert_eq!(fs::read_dir(place).expect("the folder").count(), 2);
    assert_eq!(fs::read_dir(place.join("work")).expect("the folder").count(), 1);
});
