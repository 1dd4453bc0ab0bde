//! What is signed: the text that says which image it is, under which name (containers-signature(5), as cosign writes it).

use serde::{Deserialize, de::IgnoredAny};

use crate::model::Digest;

/// What the text says of itself.
const KIND: &str = "cosign container image signature";

/// What a signed text says. Read only once its signature has been found good.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The manifest or index that it is about.
    pub(super) digest: Digest,
    /// The name that it was signed for, as written.
    pub(super) identity: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    critical: Critical,
    #[serde(rename = "optional")]
    _optional: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

impl Statement {
    /// Reads the text. A field that is not known in what is critical, or one that is there twice, makes it another text than it seems.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let Document { critical, .. } =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if critical.kind != KIND {
            return Err(format!("it says of itself to be '{}'", critical.kind));
        }
        Ok(Self { digest: critical.image.digest, identity: critical.identity.reference })
    }
}
