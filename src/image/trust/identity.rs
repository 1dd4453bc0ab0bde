//! As what an image must be signed: how the name in a signature is held against the name that it is pulled or run by.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

use crate::model::ImageReference;

/// How the name in a signature must fit (containers-policy.json(5), `signedIdentity`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(super) enum SignedIdentity {
    /// It is the same, tag or digest included.
    MatchExact {},
    /// As `matchExact`; for an image named by digest, it is in the same repository.
    MatchRepoDigestOrExact {},
    /// It is in the same repository.
    MatchRepository {},
    /// It is this one, whatever the image is called.
    ExactReference {
        #[serde(deserialize_with = "complete_reference")]
        docker_reference: ImageReference,
    },
    /// It is in this repository.
    ExactRepository {
        #[serde(deserialize_with = "reference")]
        docker_repository: ImageReference,
    },
    /// As `matchRepoDigestOrExact`, after the beginning of the image's name was replaced.
    RemapIdentity { prefix: String, signed_prefix: String },
}

impl Default for SignedIdentity {
    fn default() -> Self {
        Self::MatchRepoDigestOrExact {}
    }
}

/// Shows it as the file has it.
impl fmt::Display for SignedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MatchExact {} => "matchExact",
            Self::MatchRepoDigestOrExact {} => "matchRepoDigestOrExact",
            Self::MatchRepository {} => "matchRepository",
            Self::ExactReference { .. } => "exactReference",
            Self::ExactRepository { .. } => "exactRepository",
            Self::RemapIdentity { .. } => "remapIdentity",
        })
    }
}

impl SignedIdentity {
    /// Tells whether a signature for `signed` is one for an image that is called `image`.
    pub(super) fn accepts(&self, image: &ImageReference, signed: &str) -> bool {
        let Ok(reference) = signed.parse::<ImageReference>() else { return false };
        // The missing tag of a name in a signature is not `latest`: nobody said so.
        let complete = is_complete(signed).then_some(&reference);
        let is = |other: &ImageReference| complete == Some(other);
        match self {
            Self::MatchExact {} => is(image),
            Self::MatchRepoDigestOrExact {} => fits(image, complete),
            Self::MatchRepository {} => repository(&reference) == repository(image),
            Self::ExactReference { docker_reference } => is(docker_reference),
            Self::ExactRepository { docker_repository } => {
                repository(&reference) == repository(docker_repository)
            }
            Self::RemapIdentity { prefix, signed_prefix } => {
                remapped(image, prefix, signed_prefix).is_some_and(|image| fits(&image, complete))
            }
        }
    }

    /// Tells whether it can only be met by names with tag or digest, which cosign does not write unless told to.
    pub(super) const fn wants_complete_names(&self) -> bool {
        !matches!(self, Self::MatchRepository {} | Self::ExactRepository { .. })
    }
}

fn fits(image: &ImageReference, signed: Option<&ImageReference>) -> bool {
    signed.is_some_and(|signed| match image.digest() {
        // That the digest is the image's is found out elsewhere.
        Some(_) => repository(signed) == repository(image),
        None => signed == image,
    })
}

fn repository(reference: &ImageReference) -> (&str, &str) {
    (reference.registry(), reference.repository())
}

/// Replaces the beginning of a name, up to a slash or the end of the repository; a name that begins otherwise stays.
fn remapped(image: &ImageReference, prefix: &str, signed_prefix: &str) -> Option<ImageReference> {
    let name = format!("{}/{}", image.registry(), image.repository());
    let whole = image.canonical();
    match name.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            format!("{signed_prefix}{}", whole.strip_prefix(prefix)?).parse().ok()
        }
        _ => Some(image.clone()),
    }
}

/// Tells whether a name says its tag or its digest.
pub(super) fn is_complete(text: &str) -> bool {
    text.contains('@') || text.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

fn reference<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ImageReference, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn complete_reference<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ImageReference, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !is_complete(&text) {
        return Err(D::Error::custom(format!("dockerReference '{text}' has no tag and no digest")));
    }
    text.parse().map_err(D::Error::custom)
}
