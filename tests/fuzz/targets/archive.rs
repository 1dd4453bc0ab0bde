//! The documents of an archive: whatever they say, a load ends with an image or a reason, and leaves nothing half done.
#![no_main]

use std::{path::PathBuf, sync::OnceLock};

use estiba::{
    image::{Archive, Ownership, load},
    registry::Cancel,
    store::{Layout, Store},
    sys::files,
};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

fn layout() -> &'static Layout {
    static LAYOUT: OnceLock<Layout> = OnceLock::new();
    LAYOUT.get_or_init(|| {
        let place = PathBuf::from(std::env::var_os("ESTIBA_FUZZ").expect("a folder for stores"))
            .join(format!("archive-{}", std::process::id()));
        let layout = Layout { data_root: place.join("data"), run_root: place.join("run") };
        drop(Store::open(layout.clone()).expect("a store"));
        layout
    })
}

// Index, manifest and config, parted by a byte that no JSON has; `@D` and `@S` stand for digest and size of the next one, which no mutation would find.
fuzz_target!(|bytes: &[u8]| {
    let layout = layout();
    let folder = layout.run_root.join("input");
    files::make_dir(&folder.join("blobs/sha256")).expect("a folder");
    let mut parts = bytes.split(|byte| *byte == 0xff);
    let (index, manifest, config) = (parts.next(), parts.next(), parts.next());
    let keep = |bytes: Option<&[u8]>| {
        let bytes = bytes.unwrap_or_default();
        let digest = estiba::model::Digest::from_bytes(Sha256::digest(bytes).into());
        let path = folder.join("blobs/sha256").join(digest.hex());
        files::write(&path, bytes).expect("a blob");
        (digest.to_string(), bytes.len())
    };
    let fill = |bytes: Option<&[u8]>, (digest, size): (String, usize)| {
        let text = String::from_utf8_lossy(bytes.unwrap_or_default());
        text.replace("@D", &digest).replace("@S", &size.to_string()).into_bytes()
    };
    let config = keep(config);
    let manifest = fill(manifest, config);
    let manifest = keep(Some(&manifest));
    files::write(&folder.join("index.json"), fill(index, manifest)).expect("an index");
    files::write(&folder.join("oci-layout"), "{}").expect("a layout");
    let _refused = load(layout, Ownership::Mapped, Archive::Path(&folder), &Cancel::default(), &mut |_| {});
    files::remove_tree(&folder).expect("what was made can be removed");
    assert_eq!(files::list(&layout.staging()).expect("staging").len(), 0);
});
