//! Images in: every form of archive, and what hostile ones are answered.

mod archives;
mod bounded;
mod hostile;
mod layers;
mod saved;
mod stopped;

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _, path::Path};

use estiba::{
    image::{Archive, ImageError, Loaded, Ownership, load},
    model::{Image, LayerEntry},
    registry::Cancel,
    store::{Layout, Records, Store, StoreError},
};
use sha2::{Digest as _, Sha256};

/// A store of its own, removed with the test.
pub(crate) struct Place {
    _root: tempfile::TempDir,
    pub(crate) layout: Layout,
}

pub(crate) fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout { data_root: root.path().join("data"), run_root: root.path().join("run") };
    drop(Store::open(layout.clone()).unwrap());
    Place { _root: root, layout }
}

/// As root owners are kept; an ordinary user gets what a user namespace would.
pub(crate) fn ownership() -> Ownership {
    if nix::unistd::geteuid().is_root() { Ownership::Kept } else { Ownership::Mapped }
}

impl Place {
    pub(crate) fn load(&self, archive: &[u8]) -> Result<Vec<Loaded>, ImageError> {
        let mut stream = archive;
        let archive = (Archive::Stream(&mut stream), None);
        load(&self.layout, ownership(), archive, &Cancel::default(), &mut |_| {})
    }

    pub(crate) fn load_path(&self, path: &Path) -> Result<Vec<Loaded>, ImageError> {
        let archive = (Archive::Path(path), None);
        load(&self.layout, ownership(), archive, &Cancel::default(), &mut |_| {})
    }

    pub(crate) fn images(&self) -> Vec<Image> {
        let mut store = Store::open(self.layout.clone()).unwrap();
        let images = |records: &Records<'_>| records.images();
        store.read(images).unwrap()
    }

    /// Loads an archive that holds one image.
    pub(crate) fn only(&self, archive: &[u8]) -> Image {
        let loaded = self.load(archive).unwrap();
        assert_eq!(loaded.len(), 1);
        self.images().into_iter().find(|image| image.id == loaded[0].image).unwrap()
    }

    /// Gives the directory of an image's layer.
    pub(crate) fn diff(&self, image: &Image, layer: usize) -> std::path::PathBuf {
        self.layout.layer(image.layers[layer].chain).join("diff")
    }

    pub(crate) fn index(&self, image: &Image, layer: usize) -> Vec<LayerEntry> {
        estiba::image::layer_index(&self.layout, image.layers[layer].chain).unwrap()
    }

    /// Gives everything in the store: each path with mode, kind and bytes, and what the records say.
    pub(crate) fn everything(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for part in ["blobs", "layers"] {
            walk(&self.layout.data_root.join(part), &mut all);
        }
        let mut store = Store::open(self.layout.clone()).unwrap();
        let records = store
            .read(|records| {
                let (images, events) = (records.images()?, records.last_sequence()?);
                Ok::<_, StoreError>(format!("{images:?} {events}"))
            })
            .unwrap();
        all.insert("records".to_owned(), records);
        all
    }

    /// Loads what must be refused, and checks that nothing has changed.
    pub(crate) fn refused(&self, archive: &[u8]) -> String {
        let before = self.everything();
        let error = self.load(archive).unwrap_err();
        assert_eq!(self.everything(), before, "{error}");
        assert_eq!(staged(&self.layout), 0, "{error}");
        error.to_string()
    }
}

/// Counts what lies in staging.
pub(crate) fn staged(layout: &Layout) -> usize {
    estiba::sys::files::list(&layout.staging()).unwrap().len()
}

fn walk(path: &Path, all: &mut BTreeMap<String, String>) {
    let stat = rustix::fs::lstat(path).unwrap();
    let mut line = format!("{:o} {} {}", stat.st_mode, stat.st_size, stat.st_mtime);
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        rustix::fs::FileType::Directory => {
            for child in estiba::sys::files::list(path).unwrap() {
                walk(&child, all);
            }
        }
        rustix::fs::FileType::RegularFile => {
            line += &hex(&estiba::sys::files::read(path).unwrap());
        }
        _ => {}
    }
    all.insert(path.display().to_string(), line);
}

pub(crate) fn inode(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().ino()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// A tar in the making, with no scruples about names.
pub(crate) struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    pub(crate) fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub(crate) fn entry(
        mut self,
        kind: tar::EntryType,
        path: &str,
        link: &str,
        bytes: &[u8],
    ) -> Self {
        let mut header = header(kind, path, link, bytes.len() as u64);
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    pub(crate) fn header(mut self, header: &tar::Header, bytes: &[u8]) -> Self {
        self.0.append(header, bytes).unwrap();
        self
    }

    pub(crate) fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    pub(crate) fn file(self, path: &str, bytes: &[u8]) -> Self {
        self.entry(tar::EntryType::Regular, path, "", bytes)
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.entry(tar::EntryType::Directory, path, "", b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(tar::EntryType::Symlink, path, target, b"")
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.entry(tar::EntryType::Link, path, target, b"")
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// Makes a header as GNU tar would, the name as it is.
pub(crate) fn header(kind: tar::EntryType, path: &str, link: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == tar::EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(nix::unistd::geteuid().as_raw().into());
    header.set_gid(nix::unistd::getegid().as_raw().into());
    header.set_mtime(1_000_000_000);
    header.set_cksum();
    header
}

/// Makes the config of an image with these layers (their tars).
pub(crate) fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diffs: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect();
    serde_json::json!({
        "architecture": "any", "os": "linux",
        "config": { "Cmd": ["sh"], "Env": ["A=b"] },
        "rootfs": { "type": "layers", "diff_ids": diffs },
    })
    .to_string()
    .into_bytes()
}

/// Makes a docker-archive with one image.
pub(crate) fn docker(layers: &[&[u8]], tag: &str) -> Vec<u8> {
    let names: Vec<_> = (0..layers.len()).map(|n| format!("{n}/layer.tar")).collect();
    let manifest = serde_json::json!([{ "Config": "c.json", "RepoTags": [tag], "Layers": names }]);
    let mut tar = Tar::new().file("c.json", &config(layers));
    for (name, layer) in names.iter().zip(layers) {
        tar = tar.file(name, layer);
    }
    tar.file("manifest.json", manifest.to_string().as_bytes()).end()
}

/// An OCI layout as names and bytes.
#[derive(Clone)]
pub(crate) struct Oci(pub(crate) BTreeMap<String, Vec<u8>>);

impl Oci {
    /// Makes a layout with one image; each layer is given as its tar and its blob.
    pub(crate) fn new(layers: &[(&[u8], &[u8])], name: &str) -> Self {
        let mut oci = Self(BTreeMap::new());
        oci.0.insert("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
        let tars: Vec<_> = layers.iter().map(|(tar, _)| *tar).collect();
        let config = oci.blob(&config(&tars), "application/vnd.oci.image.config.v1+json");
        let layers: Vec<_> = layers
            .iter()
            .map(|(_, blob)| oci.blob(blob, "application/vnd.oci.image.layer.v1.tar+gzip"))
            .collect();
        let manifest =
            serde_json::json!({ "schemaVersion": 2, "config": config, "layers": layers });
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let mut manifest = oci.blob(manifest.to_string().as_bytes(), media_type);
        manifest["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": name });
        oci.index(&[manifest]);
        oci
    }

    /// Adds a blob; gives its descriptor.
    pub(crate) fn blob(&mut self, bytes: &[u8], media_type: &str) -> serde_json::Value {
        self.0.insert(format!("blobs/sha256/{}", hex(bytes)), bytes.to_vec());
        serde_json::json!({
            "mediaType": media_type, "digest": format!("sha256:{}", hex(bytes)), "size": bytes.len()
        })
    }

    pub(crate) fn index(&mut self, manifests: &[serde_json::Value]) {
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": manifests });
        self.0.insert("index.json".to_owned(), index.to_string().into_bytes());
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let files = self.0.iter();
        files.fold(Tar::new(), |tar, (name, bytes)| tar.file(name, bytes)).end()
    }

    pub(crate) fn folder(&self, folder: &Path) {
        for (name, bytes) in &self.0 {
            let path = folder.join(name);
            estiba::sys::files::make_dir(path.parent().unwrap()).unwrap();
            estiba::sys::files::write(&path, bytes).unwrap();
        }
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}
