//! Why a registry did not do something.

use crate::model::Digest;

/// Why a registry did not do something.
///
/// What a registry says of itself is shown with control characters written out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or stops in the middle, again and again.
    #[error("registry {host} cannot be reached: {reason}")]
    Unreachable {
        /// Its host.
        host: String,
        /// What the network says.
        reason: String,
    },
    /// Its certificate is not trusted, or it speaks no TLS.
    #[error("registry {host} cannot be trusted: {reason}")]
    Untrusted {
        /// Its host.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// It wants a login, or another one.
    #[error("registry {host} {}: {reason}", if *.has_login { "does not accept the login" } else { "wants a login" })]
    Unauthorized {
        /// Its host.
        host: String,
        /// Whether there was a login.
        has_login: bool,
        /// What it says.
        reason: String,
    },
    /// It knows who asks, and says no; or it hides that there is nothing.
    #[error("registry {host} denies access to {object}: {reason}")]
    Denied {
        /// Its host.
        host: String,
        /// What was asked for.
        object: String,
        /// What it says.
        reason: String,
    },
    /// It does not have it.
    #[error("registry {host} has no {object}")]
    NotFound {
        /// Its host.
        host: String,
        /// What was asked for.
        object: String,
    },
    /// It has had enough of this client for longer than is worth waiting.
    #[error("registry {host} wants no further requests for {seconds} s: {reason}")]
    TooMany {
        /// Its host.
        host: String,
        /// For how long.
        seconds: u64,
        /// What it says.
        reason: String,
    },
    /// It refuses for another reason.
    #[error("registry {host} answers {status} for {object}: {reason}")]
    Refused {
        /// Its host.
        host: String,
        /// What was asked for.
        object: String,
        /// The status of HTTP.
        status: u16,
        /// What it says.
        reason: String,
    },
    /// Its answer is not what the protocol says.
    #[error("registry {host} gives an answer for {object} that makes no sense: {reason}")]
    Protocol {
        /// Its host.
        host: String,
        /// What was asked for.
        object: String,
        /// What is wrong.
        reason: String,
    },
    /// What it sent is not what its digest says.
    #[error("{object} should be {expected}, but its bytes are {found}")]
    Digest {
        /// What was asked for.
        object: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// It must not be talked to.
    #[error("registry {host} is blocked in registries.conf")]
    Blocked {
        /// Its host.
        host: String,
    },
    /// Whoever asked does not want it any more.
    #[error("cancelled")]
    Cancelled,
}

impl RegistryError {
    /// Tells whether another endpoint of the same registry may do better.
    pub(super) const fn is_worth_another_endpoint(&self) -> bool {
        !matches!(self, Self::Cancelled | Self::Blocked { .. })
    }
}

/// Makes what a registry says fit to be shown: one line, at most 300 characters, control characters written out.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut shown = String::new();
    for (place, character) in text.trim().chars().enumerate() {
        if place == LONGEST {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
