//! Registries: the distribution protocol, spoken as a client. It yields and takes streams, and touches no disk.
//!
//! An [`Endpoint`] is one host: it finds out the scheme where plain HTTP is allowed, meets challenges (a password, or a token that is
//! fetched and, when it has expired in the middle of something, fetched anew), and tries again what may go better, after a pause that
//! grows or that the registry asks for. A [`Repository`] is a name on one or several endpoints, mirrors first; each thing is asked of one
//! after another until one has it.
//!
//! Invariants: a login is sent to the very host (scheme, name, port) it is for, and to whoever that host says gives its tokens, never in
//! clear unless the registry itself is; a manifest's bytes are handed on as they came; a blob is never longer than its descriptor says;
//! after [`Cancel::cancel`] nothing waits any more.
//!
//! | file | what it knows |
//! |---|---|
//! | `endpoint` | one host: connections, scheme, authorization, trying again |
//! | `address` | what is below its own address, and what is somebody else's |
//! | `answer` | what it means when it is not the one that was wanted |
//! | `challenge`, `token` | what a registry wants to see, and where that comes from |
//! | `tls` | whom to trust |
//! | `retry` | how often, and after how long |
//! | `repository` | manifests, tags, and blobs that are there |
//! | `download` | a blob as a stream that goes on after a broken transfer |
//! | `elsewhere` | a file at an address of its own |
//! | `upload` | a blob on its way there: mounted, or sent in pieces |
//! | `cancel` | how to make it all stop |
//!
//! 2026-11-25: HTTP/1.1 by `ureq`, which blocks, rather than `reqwest`: every stream here has a thread of its own that hashes and inflates it, so
//! an async client would only add a runtime between them. `ureq` brings 11 crates with TLS where `reqwest` brings 60 and the runtime's threads,
//! has a time-out for silence, and can shut its connections down from another thread.
//!
//! Not here: which files say how a registry is reached (`engine`), what a manifest means (`image`).

mod address;
mod answer;
mod cancel;
mod challenge;
mod download;
mod elsewhere;
mod endpoint;
mod error;
mod repository;
mod retry;
mod tls;
mod token;
mod upload;

use std::fmt;

pub use cancel::Cancel;
pub use download::Download;
pub use elsewhere::open_address;
pub use endpoint::{Endpoint, OpenAt};
pub use error::RegistryError;
pub use repository::{Fetched, Repository};
pub use upload::{Arrival, Parcel};

/// How a host is reached.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The host, with port where it is not the usual one.
    pub host: String,
    /// Whether it may be talked to without TLS, or with a certificate that nobody vouches for.
    pub may_be_plain: bool,
    /// Whom to trust.
    pub trust: Trust,
    /// Who asks.
    pub login: Option<Login>,
    /// Through what.
    pub proxy: Option<ProxySettings>,
}

/// Whom to trust, and what to show.
#[derive(Clone, Default)]
pub struct Trust {
    /// Certificates of authorities, each file as PEM; without any, those that come with the program.
    pub authorities: Vec<Vec<u8>>,
    /// The client's own certificates and key, as PEM.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("authorities", &self.authorities.len())
            .finish_non_exhaustive()
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and a password.
    Password {
        /// The name.
        name: String,
        /// The password.
        secret: Secret,
    },
    /// A token that gives tokens (distribution, spec/auth/oauth.md).
    Identity(Secret),
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Gives the text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A proxy between here and a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySettings {
    /// Its address, as `http://host:port` or `socks5://host:port`.
    pub address: String,
    /// Hosts that are reached without it, divided by commas, as in `NO_PROXY`.
    pub exceptions: String,
}

impl ProxySettings {
    fn build(&self) -> Result<ureq::Proxy, ureq::Error> {
        let plain = ureq::Proxy::new(&self.address)?;
        let mut builder =
            ureq::Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
        if let Some(name) = plain.username() {
            builder = builder.username(name);
        }
        if let Some(password) = plain.password() {
            builder = builder.password(password);
        }
        for exception in self.exceptions.split(',').map(str::trim) {
            builder = builder.no_proxy(exception);
            // In NO_PROXY a name means what is below it too.
            if !exception.starts_with(['.', '*']) {
                builder = builder.no_proxy(&format!(".{exception}"));
            }
        }
        builder.build()
    }
}

/// Tells whether a host, with or without port, is this machine: such a one may be talked to without TLS.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_every_name() {
        for (host, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("localhost.example", false),
            ("127.0.0.1.example", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let login =
            Login::Password { name: "me".to_owned(), secret: Secret::new("hush".to_owned()) };
        let shown = format!("{login:?}");
        assert!(shown.contains("me") && !shown.contains("hush"), "{shown}");
    }
}
