//! The JSON documents of archives, as far as they are needed, and what becomes of them.
//!
//! Read with types of our own rather than those of `oci-spec`: real configs leave out what the specification demands and have `null`
//! where it demands a list, and only a few fields are wanted. What is not understood is kept in the raw bytes.

mod config;

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

pub(super) use self::config::{Config, config};
use super::ImageError;
use crate::model::{Digest, Platform};

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.";

/// Takes `null` for nothing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Points at a blob (image-spec, descriptor.md).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: HashMap<String, String>,
    pub(super) platform: Option<Platform>,
    /// Where else it can be had (image-spec, descriptor.md §urls).
    #[serde(default, deserialize_with = "or_default")]
    pub(super) urls: Vec<String>,
}

/// What a descriptor points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Index,
    Manifest,
}

impl Descriptor {
    /// Tells what it points at, by media type.
    ///
    /// # Errors
    /// [`ImageError::Document`] when it is neither.
    pub(super) fn kind(&self) -> Result<Kind, ImageError> {
        match self.media_type.as_str() {
            OCI_INDEX | DOCKER_INDEX => Ok(Kind::Index),
            OCI_MANIFEST | DOCKER_MANIFEST => Ok(Kind::Manifest),
            other => Err(ImageError::Document {
                object: format!("manifest {}", self.digest.short()),
                reason: format!("media type '{other}' is no image"),
            }),
        }
    }
}

/// A manifest or an index: both read with one type, so that no document is both (CVE-2021-41190).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Any {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

/// A manifest (image-spec, manifest.md).
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

impl Any {
    fn read(bytes: &[u8], object: &str, media_types: &[&str]) -> Result<Self, ImageError> {
        let any: Self = read(bytes, object)?;
        if any.schema_version != 2 {
            return Err(wrong(object, format!("its schema version is {}", any.schema_version)));
        }
        match &any.media_type {
            Some(found) if !media_types.contains(&found.as_str()) => {
                Err(wrong(object, format!("it says of itself to be '{found}'")))
            }
            _ => Ok(any),
        }
    }
}

/// Reads an index: the manifests that it lists. Where a media type is known for it, it must be that.
///
/// # Errors
/// [`ImageError::Document`].
pub(super) fn index(
    bytes: &[u8],
    object: &str,
    media_type: Option<&str>,
) -> Result<Vec<Descriptor>, ImageError> {
    let any = match media_type {
        Some(media_type) => Any::read(bytes, object, &[media_type])?,
        None => Any::read(bytes, object, &[OCI_INDEX, DOCKER_INDEX])?,
    };
    match any {
        Any { manifests: Some(manifests), config: None, layers: None, .. } => Ok(manifests),
        _ => Err(wrong(object, "it is no index")),
    }
}

/// Tells what a stored manifest is: what it says of itself, else an OCI manifest, which need not say it (image-spec, manifest.md).
///
/// # Errors
/// [`ImageError::Document`].
pub(super) fn media_type(bytes: &[u8], object: &str) -> Result<String, ImageError> {
    let any = Any::read(bytes, object, &[OCI_MANIFEST, DOCKER_MANIFEST])?;
    Ok(any.media_type.unwrap_or_else(|| OCI_MANIFEST.to_owned()))
}

/// Reads a manifest, which must be what its descriptor's media type says.
///
/// # Errors
/// [`ImageError::Document`].
pub(super) fn manifest(
    bytes: &[u8],
    object: &str,
    media_type: &str,
) -> Result<Manifest, ImageError> {
    let any = Any::read(bytes, object, &[media_type])?;
    let Any { manifests: None, config: Some(config), layers: Some(layers), .. } = any else {
        return Err(wrong(object, "it is no manifest"));
    };
    if ![OCI_CONFIG, DOCKER_CONFIG].contains(&config.media_type.as_str()) {
        let found = config.media_type;
        return Err(wrong(object, format!("its config is '{found}', no image's")));
    }
    for layer in &layers {
        let known = [OCI_LAYER, "application/vnd.oci.image.layer.nondistributable", DOCKER_LAYER];
        let encrypted = layer.media_type.ends_with("+encrypted");
        if encrypted || !known.iter().any(|start| layer.media_type.starts_with(start)) {
            let found = &layer.media_type;
            return Err(wrong(object, format!("a layer is '{found}', no file system")));
        }
    }
    Ok(Manifest { config, layers })
}

/// Reads what is attached to an image as one more manifest, signatures for instance: its blobs, whatever they are.
///
/// # Errors
/// [`ImageError::Document`].
pub(super) fn attachment(bytes: &[u8], object: &str) -> Result<Vec<Descriptor>, ImageError> {
    match Any::read(bytes, object, &[OCI_MANIFEST, DOCKER_MANIFEST])? {
        Any { manifests: None, layers: Some(layers), .. } => Ok(layers),
        _ => Err(wrong(object, "it is no manifest")),
    }
}

/// One image of a docker-archive's `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    pub(super) config: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) layers: Vec<String>,
}

/// Reads a document.
///
/// # Errors
/// [`ImageError::Document`].
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], object: &str) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|error| wrong(object, error.to_string()))
}

/// Says what is wrong with a document.
pub(super) fn wrong(object: &str, reason: impl Into<String>) -> ImageError {
    ImageError::Document { object: object.to_owned(), reason: reason.into() }
}

/// Writes the manifest of an image that came without one: config and layers, each with digest, size and media type.
pub(super) fn make_manifest(config: (Digest, u64), layers: &[(Digest, u64, &str)]) -> Vec<u8> {
    let descriptor = |media_type: &str, digest: Digest, size: u64| serde_json::json!({ "mediaType": media_type, "digest": digest, "size": size });
    let layers: Vec<_> = layers
        .iter()
        .map(|(digest, size, suffix)| descriptor(&format!("{OCI_LAYER}{suffix}"), *digest, *size))
        .collect();
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config.0, config.1),
        "layers": layers,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_document_is_an_index_or_a_manifest_never_both() {
        let config =
            format!(r#""config":{{"mediaType":"{OCI_CONFIG}","digest":"{DIGEST}","size":2}}"#);
        for (text, is_index, is_manifest) in [
            (r#"{"schemaVersion":2,"manifests":[]}"#.to_owned(), true, false),
            (format!(r#"{{"schemaVersion":2,{config},"layers":[]}}"#), false, true),
            (format!(r#"{{"schemaVersion":2,{config},"layers":[],"manifests":[]}}"#), false, false),
            (
                format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}",{config},"layers":[]}}"#),
                false,
                false,
            ),
            (r#"{"schemaVersion":1,"manifests":[]}"#.to_owned(), false, false),
            ("{".to_owned(), false, false),
        ] {
            assert_eq!(index(text.as_bytes(), "x", None).is_ok(), is_index, "{text}");
            let read = manifest(text.as_bytes(), "x", OCI_MANIFEST);
            assert_eq!(read.is_ok(), is_manifest, "{text}");
        }
    }
}
