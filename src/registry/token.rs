//! Tokens: fetched from where a challenge says, with the login if there is one (distribution, spec/auth/token.md and oauth.md).

use std::io::Read as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use ureq::http::{StatusCode, header::AUTHORIZATION};

use super::{Login, RegistryError, Secret, endpoint::Endpoint};

/// What Estiba calls itself to whoever gives tokens.
const CLIENT: &str = "estiba";

/// The longest answer, in bytes.
const LONGEST: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

/// Gives the authorization of a name and a password (RFC 7617).
pub(super) fn basic(name: &str, secret: &Secret) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{}", secret.expose())))
}

/// Joins scopes, each once.
pub(super) fn joined<'a>(wanted: &'a str, named: &'a str) -> Vec<&'a str> {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in named.split_whitespace().chain(wanted.split_whitespace()) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

/// Fetches a token.
pub(super) fn fetch(
    endpoint: &Endpoint,
    realm: &str,
    service: Option<&str>,
    scopes: &[&str],
) -> Result<String, RegistryError> {
    let wrong = |reason: &str| RegistryError::Protocol {
        host: endpoint.host().to_owned(),
        object: "a token".to_owned(),
        reason: reason.to_owned(),
    };
    let is_plain = endpoint.known_base().is_some_and(|base| base.starts_with("http://"));
    let is_private = realm.starts_with("https://") || is_plain && realm.starts_with("http://");
    if !is_private {
        return Err(wrong("it sends the login where it could be overheard"));
    }
    let response = endpoint.retrying(|| {
        let outcome = match endpoint.login() {
            Some(Login::Identity(secret)) => {
                let scope = scopes.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("service", service.unwrap_or_default()),
                    ("client_id", CLIENT),
                    ("scope", &scope),
                    ("refresh_token", secret.expose()),
                ];
                endpoint.agent().post(realm).send_form(form)
            }
            login => {
                let mut request = endpoint.agent().get(realm).query("client_id", CLIENT);
                if let Some(service) = service {
                    request = request.query("service", service);
                }
                for scope in scopes {
                    request = request.query("scope", scope);
                }
                if let Some(Login::Password { name, secret }) = login {
                    request = request.query("account", name);
                    request = request.header(AUTHORIZATION, basic(name, secret));
                }
                request.call()
            }
        };
        outcome.map_err(|error| endpoint.failed(error))
    })?;
    let response = endpoint.expect(response, &[StatusCode::OK], "a token")?;
    let mut text = Vec::new();
    let mut body = response.into_body().into_reader().take(LONGEST);
    body.read_to_end(&mut text).map_err(|error| endpoint.failed(ureq::Error::Io(error)))?;
    let answer: Answer =
        serde_json::from_slice(&text).map_err(|_shown| wrong("it is not the JSON of a token"))?;
    match [answer.token, answer.access_token].into_iter().find(|token| !token.is_empty()) {
        Some(token) if token.chars().all(|c| c.is_ascii_graphic()) => Ok(token),
        _ => Err(wrong("it holds no token")),
    }
}
