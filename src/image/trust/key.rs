//! Public keys, and what is signed with them.
//!
//! 2026-11-25: `rustls-webpki` over `ring`, both of which are in the program for TLS anyway, rather than the `sigstore` crate: that brings
//! 144 further crates (0.15.0 with `cosign` alone), an async client and TUF among them, for what is one verification with a key that is at hand.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{
    SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, pem::PemObject as _,
};
use webpki::{Error, RawPublicKeyEntity, ring};

use super::policy::KeySource;
use crate::{image::stream::digest_of, model::Digest, sys::files};

/// What keys may be: those that cosign makes and imports, always over SHA-256 where one hashes first.
static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 4] = [
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P384_SHA256,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
];

/// A public key.
#[derive(Debug)]
pub(super) struct Key {
    /// Where it is from.
    pub(super) name: String,
    /// What it is: the digest of its DER (`SubjectPublicKeyInfo`, RFC 5280 §4.1).
    pub(super) fingerprint: Digest,
    der: SubjectPublicKeyInfoDer<'static>,
}

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// Why it cannot be used, in words that go behind its name.
    pub(super) fn read(source: &KeySource, directory: &Path) -> Result<Self, String> {
        let pem = match source {
            KeySource::File(path) => {
                files::read(&directory.join(path)).map_err(|error| error.to_string())?
            }
            KeySource::Inline(text) => {
                STANDARD.decode(text).map_err(|error| format!("it is not base64: {error}"))?
            }
        };
        Self::from_pem(source.name(directory), &pem)
    }

    fn from_pem(name: String, pem: &[u8]) -> Result<Self, String> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem)
            .map_err(|_no_reason| "it has no PUBLIC KEY in PEM".to_owned())?;
        let key = Self { name, fingerprint: digest_of(&der), der };
        // What is no signature at all tells whether such a key would be understood.
        match key.check(b"", b"") {
            Err(Error::InvalidSignatureForPublicKey) => Ok(key),
            _ => Err("it is neither ECDSA (P-256, P-384), Ed25519 nor RSA of 2048 to 8192 bits"
                .to_owned()),
        }
    }

    /// Tells whether a text was signed with this key's other half.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        self.check(text, signature).is_ok()
    }

    fn check(&self, text: &[u8], signature: &[u8]) -> Result<(), Error> {
        let key = RawPublicKeyEntity::try_from(&self.der)?;
        let mut outcome = Err(Error::BadDer);
        for algorithm in ALGORITHMS {
            outcome = key.verify_signature(algorithm, text, signature);
            match outcome {
                Err(Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
                _ => break,
            }
        }
        outcome
    }
}
