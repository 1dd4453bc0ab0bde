//! Why a policy refuses an image, and what can be done about it.

use std::{fmt, path::PathBuf};

use crate::image::error::printable;

/// A policy refuses an image.
#[derive(Debug)]
pub struct Refusal {
    /// What was to come in or to be run, as it was called.
    pub(super) image: String,
    /// The policy.
    pub(super) policy: PathBuf,
    /// Its entry that counts.
    pub(super) entry: String,
    pub(super) reason: Reason,
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) enum Reason {
    /// Nothing is accepted there.
    Rejected,
    /// The policy demands what is not checked here.
    Unsupported(&'static str),
    /// Archives, and images that have no name, carry no signatures.
    Unsignable,
    /// A key cannot be used.
    Key { name: String, fault: String },
    /// There is no signature of it in the registry.
    Unsigned { digest: String },
    /// None was kept when it came.
    NotKept,
    /// A signature cannot be understood.
    Malformed(String),
    /// It is signed by others.
    OtherKey { keys: String },
    /// What is signed is another image.
    OtherImage { signed: String, digest: String },
    /// It is signed under a name that does not count for it.
    OtherName { signed: String, rule: String, tagless: bool },
}

impl Reason {
    /// Tells how far a signature came before it was refused: of several, the one that came furthest is told of.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Unsigned { .. } | Self::NotKept => 0,
            Self::Malformed(_) => 1,
            Self::OtherKey { .. } => 2,
            Self::OtherImage { .. } => 3,
            Self::OtherName { .. } => 4,
            Self::Rejected | Self::Unsupported(_) | Self::Unsignable | Self::Key { .. } => 5,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected => f.write_str("nothing is accepted there"),
            Self::Unsupported(what) => write!(f, "'{what}' is demanded, which Estiba cannot check"),
            Self::Unsignable => f.write_str("a signature is demanded, and it has no place for one"),
            Self::Key { name, fault } => {
                write!(f, "key {} cannot be used: {}", printable(name), printable(fault))
            }
            Self::Unsigned { digest } => write!(f, "there is no signature of {digest}"),
            Self::NotKept => f.write_str("no signature was checked when it came in"),
            Self::Malformed(fault) => {
                write!(f, "its signature cannot be understood: {}", printable(fault))
            }
            Self::OtherKey { keys } => write!(f, "no signature of it is by {}", printable(keys)),
            Self::OtherImage { signed, digest } => {
                write!(f, "the signature is one of {signed}, not of {digest}")
            }
            Self::OtherName { signed, rule, .. } => {
                write!(f, "it is signed as '{}', which {rule} does not accept", printable(signed))
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, policy, entry, reason } = self;
        let policy = policy.display();
        write!(f, "{} is refused by {policy}, entry {entry}: {reason}", printable(image))
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Gives the next thing to try.
    pub fn next_step(&self) -> String {
        let (image, policy) = (printable(&self.image), self.policy.display());
        match &self.reason {
            Reason::Rejected | Reason::Unsignable => {
                format!("accept it by a more specific entry of {policy}")
            }
            Reason::Unsupported(_) => {
                format!("say in {policy} with a keyPath by whose key it must be signed")
            }
            Reason::Key { .. } => format!("put a public key there, or correct {policy}"),
            Reason::Unsigned { .. } => {
                format!("have it signed: cosign sign --key KEY {image}")
            }
            Reason::NotKept => format!("pull it again: estiba pull {image}"),
            Reason::OtherName { tagless: true, rule, .. } => format!(
                "cosign signs repositories, not tags: set signedIdentity to matchRepository instead of {rule}"
            ),
            Reason::Malformed(_)
            | Reason::OtherKey { .. }
            | Reason::OtherImage { .. }
            | Reason::OtherName { .. } => format!(
                "if you trust whoever made it, have it signed anew, or correct {policy}; else do not use it"
            ),
        }
    }
}
