//! Images go out into an archive that is an OCI layout and a docker-archive at once, as docker writes it: the blobs are the same files for
//! both, byte for byte what the store has, so that every digest stays.

use std::{collections::BTreeSet, fs::File, io::Write};

use serde_json::{Value, json};

use super::{ImageError, Progress, Report, documents, stream::Watched};
use crate::{
    model::{Digest, Image, ImageReference},
    registry::Cancel,
    store::Layout,
    sys::{At as _, files},
};

/// The names of images in an OCI layout, in full and without what comes before the tag (image-spec, annotations.md).
const NAME: (&str, &str) = ("io.containerd.image.name", "org.opencontainers.image.ref.name");

/// Writes images, each with the names it is to have there. What several of them share is written once.
///
/// # Errors
/// [`ImageError::Write`] when the archive cannot be written, [`ImageError::Kernel`] when a blob cannot be read, [`ImageError::Registry`]
/// when it was cancelled.
pub fn save(
    layout: &Layout,
    images: &[(Image, Vec<ImageReference>)],
    out: &mut dyn Write,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ImageError> {
    let outcome = write(layout, images, out, (cancel, progress));
    if outcome.is_err() {
        // What is stopped in the middle of a blob fails as if it could not be written.
        cancel.check()?;
    }
    outcome
}

fn write(
    layout: &Layout,
    images: &[(Image, Vec<ImageReference>)],
    out: &mut dyn Write,
    (cancel, report): (&Cancel, Report<'_>),
) -> Result<(), ImageError> {
    let mut archive =
        Archive { layout, tar: tar::Builder::new(out), written: BTreeSet::new(), cancel };
    archive.directory("blobs/")?;
    archive.directory("blobs/sha256/")?;
    let (mut listed, mut saved) = (Vec::new(), Vec::new());
    for (image, names) in images {
        let bytes = files::read(&layout.blob(image.manifest))?;
        let object = format!("manifest {}", image.manifest.short());
        let media_type = documents::media_type(&bytes, &object)?;
        let manifest = documents::manifest(&bytes, &object, &media_type)?;
        for layer in &manifest.layers {
            archive.layer(layer.digest, report)?;
        }
        archive.blob(manifest.config.digest)?;
        archive.blob(image.manifest)?;
        let descriptor =
            json!({ "mediaType": media_type, "digest": image.manifest, "size": bytes.len() });
        if names.is_empty() {
            listed.push(descriptor.clone());
        }
        for name in names {
            let mut named = descriptor.clone();
            named["annotations"] =
                json!({ NAME.0: name.canonical(), NAME.1: name.tag().unwrap_or_default() });
            listed.push(named);
        }
        let tags: Vec<String> = names.iter().map(ToString::to_string).collect();
        let layers: Vec<String> = manifest.layers.iter().map(|it| place(it.digest)).collect();
        saved.push(json!({
            "Config": place(manifest.config.digest),
            "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
            "Layers": layers,
        }));
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": listed,
    });
    archive.document("index.json", &index)?;
    archive.document("manifest.json", &Value::Array(saved))?;
    archive.document("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }))?;
    let out = archive.tar.into_inner().map_err(ImageError::Write)?;
    out.flush().map_err(ImageError::Write)
}

/// Gives where a blob lies in the archive.
fn place(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// An archive in the making.
struct Archive<'a> {
    layout: &'a Layout,
    tar: tar::Builder<&'a mut dyn Write>,
    written: BTreeSet<Digest>,
    cancel: &'a Cancel,
}

impl Archive<'_> {
    /// Writes a layer, and tells how far it is.
    fn layer(&mut self, digest: Digest, report: Report<'_>) -> Result<(), ImageError> {
        let object = digest.short();
        let Some((file, size)) = self.open(digest)? else { return Ok(()) };
        let watched = Watched::new(file, self.cancel, Some(size), |done| {
            let object = object.clone();
            report(Progress { phase: "save", object, done, total: Some(size) });
        });
        let mut header = header(tar::EntryType::Regular, size);
        self.tar.append_data(&mut header, place(digest), watched).map_err(ImageError::Write)?;
        report(Progress { phase: "done", object, done: 0, total: None });
        Ok(())
    }

    fn blob(&mut self, digest: Digest) -> Result<(), ImageError> {
        let Some((file, size)) = self.open(digest)? else { return Ok(()) };
        let mut header = header(tar::EntryType::Regular, size);
        self.tar.append_data(&mut header, place(digest), file).map_err(ImageError::Write)
    }

    /// Opens a blob, and gives its size; `None` when it is in the archive already.
    fn open(&mut self, digest: Digest) -> Result<Option<(File, u64)>, ImageError> {
        self.cancel.check()?;
        if !self.written.insert(digest) {
            return Ok(None);
        }
        let path = self.layout.blob(digest);
        let file = files::open(&path)?;
        let size = file.metadata().at_path("look at", &path)?.len();
        Ok(Some((file, size)))
    }

    fn document(&mut self, name: &str, content: &Value) -> Result<(), ImageError> {
        let text = content.to_string();
        let mut header = header(tar::EntryType::Regular, text.len() as u64);
        self.tar.append_data(&mut header, name, text.as_bytes()).map_err(ImageError::Write)
    }

    fn directory(&mut self, name: &str) -> Result<(), ImageError> {
        let mut header = header(tar::EntryType::Directory, 0);
        self.tar.append_data(&mut header, name, &[][..]).map_err(ImageError::Write)
    }
}

/// Makes a header that says nothing of when and by whom: the same images give the same archive.
fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o444 });
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
