//! What an answer means that is not the one that was wanted.

use std::io::{self, Read as _};

use ureq::{
    Body,
    http::{Response, StatusCode},
};

use super::{Endpoint, RegistryError, error::printable};

/// How much of an explanation is read, in bytes.
const LONGEST_WORDS: u64 = 64 * 1024;

impl Endpoint {
    /// Gives a response whose status is one of these, or says what another one means.
    pub(super) fn expect(
        &self,
        response: Response<Body>,
        statuses: &[StatusCode],
        object: &str,
    ) -> Result<Response<Body>, RegistryError> {
        let status = response.status();
        if statuses.contains(&status) {
            return Ok(response);
        }
        let (host, object) = (self.host().to_owned(), object.to_owned());
        Err(match status {
            StatusCode::UNAUTHORIZED => self.unauthorized(response),
            StatusCode::NOT_FOUND => RegistryError::NotFound { host, object },
            StatusCode::FORBIDDEN => {
                RegistryError::Denied { host, object, reason: words(response) }
            }
            status => RegistryError::Refused {
                host,
                object,
                status: status.as_u16(),
                reason: words(response),
            },
        })
    }

    /// Says that a login is needed, or another one.
    pub(super) fn unauthorized(&self, response: Response<Body>) -> RegistryError {
        RegistryError::Unauthorized {
            host: self.host().to_owned(),
            has_login: self.login().is_some(),
            reason: words(response),
        }
    }

    /// Says what a failure below HTTP means.
    pub(super) fn failed(&self, error: ureq::Error) -> RegistryError {
        if self.cancel().is_cancelled() {
            return RegistryError::Cancelled;
        }
        let (host, reason) = (self.host().to_owned(), printable(&error.to_string()));
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::RequireHttpsOnly(_) => {
                RegistryError::Untrusted { host, reason }
            }
            // So does rustls say that what came is wrong.
            ureq::Error::Io(inner) if inner.kind() == io::ErrorKind::InvalidData => {
                RegistryError::Untrusted { host, reason }
            }
            _ => RegistryError::Unreachable { host, reason },
        }
    }
}

/// Reads what a registry says is wrong (distribution-spec §error-codes).
pub(super) fn words(response: Response<Body>) -> String {
    let status = response.status();
    let mut text = Vec::new();
    let mut body = response.into_body().into_reader().take(LONGEST_WORDS);
    // What cannot be read says nothing.
    drop(body.read_to_end(&mut text));
    let parsed: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
    let errors = parsed.as_ref().and_then(|value| value.get("errors")?.as_array());
    let told: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(|error| error.get("message").or_else(|| error.get("code"))?.as_str())
        .filter(|message| !message.is_empty())
        .collect();
    if told.is_empty() {
        return status.canonical_reason().unwrap_or(status.as_str()).to_lowercase();
    }
    printable(&told.join(", "))
}
