//! Two images in one OCI layout, as a tar (image-spec, image-layout.md).

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::model::Digest;

/// Every entry has this time, so that the same programs make the same image: 2026-01-01.
const TIME: u64 = 1_767_225_600;
const CREATED: &str = "2026-01-01T00:00:00Z";

/// An entry of a layer.
pub(super) enum Entry {
    /// A directory.
    Directory {
        /// Its permission bits.
        mode: u32,
    },
    /// A file.
    File {
        /// Its permission bits.
        mode: u32,
        /// What is in it.
        bytes: Vec<u8>,
    },
}

/// A layer that is being put together; parents are made by themselves.
#[derive(Default)]
pub(super) struct LayerWriter(BTreeMap<String, Entry>);

impl LayerWriter {
    /// Adds an entry at a path without leading slash.
    pub(super) fn add(&mut self, path: &str, entry: Entry) {
        for (end, _) in path.match_indices('/') {
            if let Some(parent) = path.get(..end) {
                self.0.entry(parent.to_owned()).or_insert(Entry::Directory { mode: 0o755 });
            }
        }
        self.0.insert(path.to_owned(), entry);
    }

    /// Writes the layer's tar.
    fn to_tar(&self) -> io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, entry) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(TIME);
            match entry {
                Entry::Directory { mode } => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(*mode);
                    header.set_size(0);
                    tar.append_data(&mut header, format!("{path}/"), io::empty())?;
                }
                Entry::File { mode, bytes } => {
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(bytes.len() as u64);
                    tar.append_data(&mut header, path, bytes.as_slice())?;
                }
            }
        }
        tar.into_inner()
    }
}

/// Writes the starter image of one layer and the image that adds a second.
pub(super) fn write(out: &mut dyn Write, base: &LayerWriter, app: &LayerWriter) -> io::Result<()> {
    let mut layout = LayoutWriter { tar: tar::Builder::new(out), manifests: Vec::new() };
    let base = layout.layer(base)?;
    let app = layout.layer(app)?;
    let (starter, demo) = (Description::starter(), Description::app());
    layout.image(&starter, &[(&base, "estiba demo: programs of this machine")])?;
    layout.image(
        &demo,
        &[
            (&base, "estiba demo: programs of this machine"),
            (&app, "estiba demo: one file added, one changed, one removed"),
        ],
    )?;
    layout.finish()
}

/// What differs between the two images' configs.
struct Description {
    name: &'static str,
    command: &'static [&'static str],
}

impl Description {
    const fn starter() -> Self {
        Self { name: super::STARTER, command: &["/bin/sh"] }
    }

    const fn app() -> Self {
        Self { name: super::APP, command: &["/bin/worker"] }
    }
}

/// A blob that was written.
struct Blob {
    digest: Digest,
    size: usize,
}

struct LayoutWriter<W: Write> {
    tar: tar::Builder<W>,
    manifests: Vec<Value>,
}

impl<W: Write> LayoutWriter<W> {
    fn layer(&mut self, layer: &LayerWriter) -> io::Result<Blob> {
        self.blob(&layer.to_tar()?)
    }

    fn blob(&mut self, bytes: &[u8]) -> io::Result<Blob> {
        let digest = Digest::from_bytes(Sha256::digest(bytes).into());
        self.file(&format!("blobs/sha256/{}", digest.hex()), bytes)?;
        Ok(Blob { digest, size: bytes.len() })
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_mtime(TIME);
        header.set_size(bytes.len() as u64);
        self.tar.append_data(&mut header, path, bytes)
    }

    fn image(&mut self, description: &Description, layers: &[(&Blob, &str)]) -> io::Result<()> {
        let history: Vec<Value> = layers
            .iter()
            .map(|(_, words)| json!({ "created": CREATED, "created_by": words }))
            .collect();
        let config = json!({
            "created": CREATED,
            "author": "estiba demo",
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Env": ["PATH=/bin"],
                "Cmd": description.command,
                "WorkingDir": "/",
                "Labels": { super::LABEL: "1" },
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": layers.iter().map(|(blob, _)| blob.digest.to_string()).collect::<Vec<_>>(),
            },
            "history": history,
        });
        let config = self.blob(config.to_string().as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": layers
                .iter()
                .map(|(blob, _)| descriptor("application/vnd.oci.image.layer.v1.tar", blob))
                .collect::<Vec<_>>(),
        });
        let manifest = self.blob(manifest.to_string().as_bytes())?;
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": description.name });
        self.manifests.push(entry);
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": self.manifests,
        });
        self.file("index.json", index.to_string().as_bytes())?;
        self.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        self.tar.finish()
    }
}

fn descriptor(media_type: &str, blob: &Blob) -> Value {
    json!({ "mediaType": media_type, "digest": blob.digest.to_string(), "size": blob.size })
}

/// Gives this machine's processor as Go names it.
const fn architecture() -> &'static str {
    match std::env::consts::ARCH.as_bytes() {
        b"x86_64" => "amd64",
        b"aarch64" => "arm64",
        _ => std::env::consts::ARCH,
    }
}
