//! Content addresses: `sha256:…`, and the three kinds of thing they name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Names a sequence of bytes by its SHA-256 (image-spec, descriptor.md §digests).
///
/// SHA-512 digests are registered by the specification too, but no public registry serves them; they are refused by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Says why a text is not a [`Digest`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The part before the colon is not `sha256`.
    #[error(
        "digest '{0}' is not of the form sha256:<64 hexadecimal digits>; other algorithms are not supported"
    )]
    Algorithm(String),
    /// The part after the colon is not 64 lower-case hexadecimal digits.
    #[error("digest '{0}' does not have 64 lower-case hexadecimal digits after 'sha256:'")]
    Hex(String),
}

impl Digest {
    /// Wraps the 32 bytes of a finished SHA-256.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Gives the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Gives the 64 hexadecimal digits without the algorithm, as used in file names.
    pub fn hex(&self) -> String {
        super::id::to_hex(&self.0)
    }

    /// Gives the first 12 hexadecimal digits, as shown to people.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hex =
            text.strip_prefix("sha256:").ok_or_else(|| DigestError::Algorithm(text.to_owned()))?;
        super::id::from_hex(hex).map(Self).ok_or_else(|| DigestError::Hex(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Declares a digest that names one kind of thing.
macro_rules! digest_of {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                text.parse().map(Self)
            }
        }
    };
}

digest_of! {
    /// Names an image: the digest of its config, as `docker images` shows it.
    ImageId
}
digest_of! {
    /// Names a layer by its uncompressed tar (image-spec, config.md §layer-diffid).
    DiffId
}
digest_of! {
    /// Names a layer together with everything below it (image-spec, config.md §layer-chainid).
    ChainId
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_prints_as_it_was_read() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.short(), "e3b0c44298fc");
    }

    #[test]
    fn a_digest_that_is_none_says_what_is_wrong() {
        assert!(matches!("sha512:00".parse::<Digest>(), Err(DigestError::Algorithm(_))));
        assert!(matches!("sha256:00".parse::<Digest>(), Err(DigestError::Hex(_))));
        assert!(matches!(EMPTY.to_uppercase().parse::<Digest>(), Err(DigestError::Algorithm(_))));
        assert!(matches!(EMPTY.replace('e', "E").parse::<Digest>(), Err(DigestError::Hex(_))));
    }
}
