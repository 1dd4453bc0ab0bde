//! Trust: which images a policy lets in, and by whose signature.
//!
//! The policy is a file as podman's and skopeo's (containers-policy.json(5)); without one, everything is accepted and nothing of this is done.
//! Signatures are cosign's, checked offline with a public key: the text that was signed says which manifest it is about and under which name,
//! and lies beside the image in its repository.
//!
//! What counts is the digest of the image's own manifest, as for podman; what only the index above it is signed for is accepted too, because the
//! index names the manifest by its digest, and indexes are what cosign signs unless told otherwise.
//!
//! A name counts, not how an image came to it: `registry.example/app:1` falls under the entry `docker` for that registry also when an archive
//! was loaded or a container committed under that name. So whatever runs under a name whose entry demands a signature has one. Archives fall
//! under `docker-archive`, `oci-archive` and `oci` besides when they are loaded; an image without any name under `containers-storage`.
//!
//! | file | what it knows |
//! |---|---|
//! | `policy` | the file |
//! | `scope` | under which of its entries something falls |
//! | `identity` | which names in signatures count for an image |
//! | `key`, `payload` | by whom something is signed, and what it says |
//! | `attached` | where signatures lie in a repository |
//! | `refusal` | why an image is refused |

mod attached;
mod identity;
mod key;
mod payload;
mod policy;
mod refusal;
mod scope;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(super) use self::attached::Attached;
pub use self::refusal::Refusal;
use self::{
    key::Key,
    payload::Statement,
    policy::{Document, Requirement, Rule, Signed},
    refusal::Reason,
};
use super::ImageError;
use crate::{
    model::{Digest, ImageReference, Signature},
    sys::files,
};

/// A signature as it is found, to be judged.
#[derive(Debug)]
pub(super) struct Offered {
    /// The text that was signed.
    pub(super) payload: Vec<u8>,
    /// The signature, as base64.
    pub(super) signature: String,
}

/// The signatures of one manifest, one after another: each as it is, or why it cannot be understood; fetched when it is asked for.
pub(super) type Offers<'a> =
    Box<dyn Iterator<Item = Result<Result<Offered, String>, ImageError>> + 'a>;

/// Where signatures are found.
pub(super) trait Evidence {
    /// Gives the signatures that there are of a manifest or index.
    fn of(&self, digest: Digest) -> Result<Offers<'_>, ImageError>;

    /// Says that there are none.
    fn absent(&self, digest: Digest) -> Reason;
}

/// The signatures that were kept with an image.
struct Stored<'a>(&'a [Signature]);

impl Evidence for Stored<'_> {
    fn of(&self, digest: Digest) -> Result<Offers<'_>, ImageError> {
        let kept = self.0.iter().filter(move |kept| kept.digest == digest);
        Ok(Box::new(kept.map(|kept| {
            Ok(Ok(Offered {
                payload: kept.payload.clone().into_bytes(),
                signature: kept.signature.clone(),
            }))
        })))
    }

    fn absent(&self, _digest: Digest) -> Reason {
        Reason::NotKept
    }
}

/// What kind of archive something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Docker,
    Oci,
    OciArchive,
}

impl Transport {
    const fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker-archive",
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
        }
    }
}

/// A policy.
#[derive(Debug)]
pub struct Policy {
    path: PathBuf,
    document: Document,
}

impl Policy {
    /// Understands the bytes of a policy file; `path` is where it lies.
    ///
    /// # Errors
    /// [`ImageError::Policy`], with the entry that cannot be understood.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Self, ImageError> {
        let document = Document::read(bytes)
            .map_err(|reason| ImageError::Policy { path: path.to_owned(), reason })?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// Judges an image in a registry, whose manifest has the first of the digests, and which is reached through the others; gives the
    /// signatures by which it is accepted.
    ///
    /// # Errors
    /// [`ImageError::Refused`], and whatever finding its signatures fails with.
    pub(super) fn judge(
        &self,
        reference: &ImageReference,
        digests: &[Digest],
        evidence: &dyn Evidence,
    ) -> Result<Vec<Signature>, ImageError> {
        let rule = self.document.rule("docker", &scope::of_reference(reference));
        let mut signatures = Vec::new();
        for requirement in rule.requirements {
            let judged = match requirement {
                Requirement::InsecureAcceptAnything {} => continue,
                Requirement::SigstoreSigned(signed) => {
                    self.find(signed, reference, (digests, evidence))?
                }
                other => Err(cannot(other)),
            };
            match judged {
                Ok(signature) if signatures.contains(&signature) => {}
                Ok(signature) => signatures.push(signature),
                Err(reason) => return Err(self.refuse(&reference.to_string(), rule, reason)),
            }
        }
        Ok(signatures)
    }

    /// Judges an image of the store by a name, and by the signatures that were kept when it was pulled.
    ///
    /// # Errors
    /// [`ImageError::Refused`].
    pub fn judge_stored(
        &self,
        reference: &ImageReference,
        kept: &[Signature],
    ) -> Result<(), ImageError> {
        let mut digests: Vec<Digest> = kept.iter().map(|signature| signature.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        self.judge(reference, &digests, &Stored(kept)).map(drop)
    }

    /// Judges an image of the store that has no name.
    ///
    /// # Errors
    /// [`ImageError::Refused`].
    pub fn judge_nameless(&self, image: &str) -> Result<(), ImageError> {
        self.unsigned(image, self.document.rule("containers-storage", &[]))
    }

    /// Judges an archive, wherever it is from.
    ///
    /// # Errors
    /// [`ImageError::Refused`].
    pub(super) fn judge_archive(
        &self,
        transport: Transport,
        path: Option<&Path>,
    ) -> Result<(), ImageError> {
        let scopes = match path {
            Some(path) if transport != Transport::Docker => scope::of_path(&files::resolved(path)?),
            _ => Vec::new(),
        };
        let shown =
            path.map_or_else(|| "the archive".to_owned(), |path| path.display().to_string());
        self.unsigned(&shown, self.document.rule(transport.word(), &scopes))
    }

    /// Judges what cannot have a signature.
    fn unsigned(&self, object: &str, rule: Rule<'_>) -> Result<(), ImageError> {
        for requirement in rule.requirements {
            let reason = match requirement {
                Requirement::InsecureAcceptAnything {} => continue,
                Requirement::SigstoreSigned(_) => Reason::Unsignable,
                other => cannot(other),
            };
            return Err(self.refuse(object, rule, reason));
        }
        Ok(())
    }

    /// Looks for a signature that meets a requirement; of those that do not, the one that came nearest says why.
    fn find(
        &self,
        signed: &Signed,
        reference: &ImageReference,
        (digests, evidence): (&[Digest], &dyn Evidence),
    ) -> Result<Result<Signature, Reason>, ImageError> {
        if let Some(beyond) = signed.beyond {
            return Ok(Err(Reason::Unsupported(beyond)));
        }
        let keys = match self.keys(signed) {
            Ok(keys) => keys,
            Err(reason) => return Ok(Err(reason)),
        };
        let nothing = Digest::from_bytes([0; 32]);
        let mut nearest = evidence.absent(digests.first().copied().unwrap_or(nothing));
        for digest in digests {
            for offered in evidence.of(*digest)? {
                let judged = match offered? {
                    Ok(offered) => accepted(&keys, signed, (reference, *digest), offered),
                    Err(fault) => Err(Reason::Malformed(fault)),
                };
                match judged {
                    Ok(signature) => return Ok(Ok(signature)),
                    Err(reason) if reason.rank() > nearest.rank() => nearest = reason,
                    Err(_) => {}
                }
            }
        }
        Ok(Err(nearest))
    }

    /// Reads all keys of a requirement: one that cannot be used is seen before it is needed.
    fn keys(&self, signed: &Signed) -> Result<Vec<Key>, Reason> {
        let directory = self.path.parent().unwrap_or_else(|| Path::new("/"));
        let read = |source| {
            Key::read(source, directory)
                .map_err(|fault| Reason::Key { name: source.name(directory), fault })
        };
        signed.keys.iter().map(read).collect()
    }

    fn refuse(&self, image: &str, rule: Rule<'_>, reason: Reason) -> ImageError {
        ImageError::Refused(Box::new(Refusal {
            image: image.to_owned(),
            policy: self.path.clone(),
            entry: rule.entry.to_string(),
            reason,
        }))
    }
}

/// Says of a requirement that nothing meets why it is so.
const fn cannot(requirement: &Requirement) -> Reason {
    match requirement {
        Requirement::SignedBy(_) => Reason::Unsupported("signedBy"),
        _ => Reason::Rejected,
    }
}

/// Judges one signature. What the text says is not looked at before it is known to be signed.
fn accepted(
    keys: &[Key],
    signed: &Signed,
    (reference, digest): (&ImageReference, Digest),
    Offered { payload, signature }: Offered,
) -> Result<Signature, Reason> {
    let raw = STANDARD
        .decode(&signature)
        .map_err(|error| Reason::Malformed(format!("it is not base64: {error}")))?;
    let Some(key) = keys.iter().find(|key| key.has_signed(&payload, &raw)) else {
        let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
        return Err(Reason::OtherKey { keys: names.join(" or ") });
    };
    let Statement { digest: about, identity } =
        Statement::read(&payload).map_err(Reason::Malformed)?;
    if about != digest {
        return Err(Reason::OtherImage { signed: about.to_string(), digest: digest.to_string() });
    }
    if !signed.identity.accepts(reference, &identity) {
        let tagless = signed.identity.wants_complete_names() && !identity::is_complete(&identity);
        let rule = signed.identity.to_string();
        return Err(Reason::OtherName { signed: identity, rule, tagless });
    }
    let payload = String::from_utf8(payload)
        .map_err(|error| Reason::Malformed(format!("it is not text: {error}")))?;
    let (key, key_name) = (key.fingerprint, key.name.clone());
    Ok(Signature { digest, payload, signature, key, key_name, identity })
}
