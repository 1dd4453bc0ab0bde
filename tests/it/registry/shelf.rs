//! A registry of a test's own, which has what it was given, whatever that is worth.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    layer,
    proxy::{Fate, Proxy},
};
use crate::image::{config, gzip, hex};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What a registry of the test's own has: manifests by name with their media type, blobs by digest.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    pub(super) manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
}

impl Shelf {
    pub(super) fn blob(&mut self, bytes: &[u8], media_type: &str) -> Value {
        let digest = format!("sha256:{}", hex(bytes));
        self.blobs.insert(digest.clone(), bytes.to_vec());
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Puts a manifest there, under its digest and under a tag.
    pub(super) fn manifest(&mut self, tag: &str, media_type: &str, content: &Value) -> Value {
        let bytes = content.to_string().into_bytes();
        let digest = format!("sha256:{}", hex(&bytes));
        for name in [tag, &digest] {
            self.manifests.insert(name.to_owned(), (media_type.to_owned(), bytes.clone()));
        }
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Puts a good image there, changed before it is written.
    pub(super) fn image(&mut self, tag: &str, seed: u64, change: impl FnOnce(&mut Value)) -> Value {
        let tar = layer("file", seed, 3000);
        let config = self.blob(&config(&[&tar]), "application/vnd.oci.image.config.v1+json");
        let layer = self.blob(&gzip(&tar), LAYER);
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
        change(&mut manifest);
        self.manifest(tag, MANIFEST, &manifest)
    }

    /// Serves what is there.
    pub(super) fn open(self) -> Proxy {
        Proxy::start("127.0.0.1:1", move |request| {
            let Some((_, name)) = request.path.rsplit_once('/') else {
                return Fate::Answer(404, String::new());
            };
            if request.path == "/v2/" {
                return Fate::Say(String::from("{}").into_bytes(), String::new());
            }
            if request.path.contains("/manifests/") {
                if let Some((media_type, bytes)) = self.manifests.get(name) {
                    return Fate::Say(bytes.clone(), format!("Content-Type: {media_type}\r\n"));
                }
            } else if let Some(bytes) = self.blobs.get(name) {
                return Fate::Say(bytes.clone(), String::new());
            }
            Fate::Answer(404, String::new())
        })
    }
}
