//! One repository on the endpoints that have it: manifests, tags, blobs.

use std::{io::Read as _, sync::Arc};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use ureq::http::{
    Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, LINK},
};

use super::{
    Cancel, Download, Endpoint, RegistryError,
    endpoint::{Call, Payload},
    error::printable,
};
use crate::model::Digest;

/// The longest manifest that is read, in bytes: what registries take (distribution-spec §pushing-manifests).
const LONGEST_MANIFEST: u64 = 4 * 1024 * 1024;

/// The longest list of tags that is read at once, in bytes.
const LONGEST_LIST: u64 = 16 * 1024 * 1024;

/// How many lists of tags are read one after another.
const MOST_LISTS: usize = 1000;

/// What kinds of manifest are understood, in the order of preference.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A manifest or index as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes, as the registry sent them.
    pub bytes: Vec<u8>,
    /// What the registry says it is.
    pub media_type: String,
    /// What its bytes are.
    pub digest: Digest,
}

/// One repository on the endpoints that have it, mirrors first. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Repository {
    own: (Arc<Endpoint>, String),
    /// Each endpoint with what it calls the repository: mirrors first, its own last.
    places: Arc<[(Arc<Endpoint>, String)]>,
    cancel: Cancel,
}

impl Repository {
    /// Names a repository: on the registry itself, and on its mirrors. Nothing is sent yet.
    pub fn new(
        own: (Arc<Endpoint>, String),
        mirrors: Vec<(Arc<Endpoint>, String)>,
        cancel: &Cancel,
    ) -> Self {
        let places = mirrors.into_iter().chain([own.clone()]).collect();
        Self { own, places, cancel: cancel.clone() }
    }

    /// Gives what ends its transfers.
    pub const fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Fetches a manifest or an index by tag or digest. With a digest, the bytes are verified.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for one that is not there, [`RegistryError::Digest`] for one that is not what it should be, and every
    /// other.
    pub fn manifest(&self, reference: &str) -> Result<Fetched, RegistryError> {
        self.first(|endpoint, name| manifest(endpoint, name, reference))
    }

    /// Asks for the digest of a manifest without its bytes; `None` when it is not there.
    ///
    /// # Errors
    /// Any [`RegistryError`].
    pub fn has_manifest(&self, digest: Digest) -> Result<bool, RegistryError> {
        self.has(&format!("manifests/{digest}"), &pull_of)
    }

    /// Asks whether a blob is there.
    ///
    /// # Errors
    /// Any [`RegistryError`].
    pub fn has_blob(&self, digest: Digest) -> Result<bool, RegistryError> {
        self.has(&format!("blobs/{digest}"), &super::upload::push_of)
    }

    fn has(&self, what: &str, scope: &dyn Fn(&str) -> String) -> Result<bool, RegistryError> {
        let (endpoint, name) = self.own();
        let response = endpoint.send(&Call {
            method: Method::HEAD,
            target: &format!("{name}/{what}"),
            headers: &[(ACCEPT, ACCEPTED)],
            payload: Payload::None,
            scope: &scope(name),
        })?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        endpoint.expect(response, &[StatusCode::OK], what).map(|_there| true)
    }

    /// Begins to fetch a blob from its byte number `from` on. Nothing is sent before the first read.
    pub fn blob(&self, digest: Digest, size: u64, from: u64) -> Download {
        Download::new(self.places.clone(), self.cancel.clone(), (digest, size, from))
    }

    /// Begins to fetch a blob that may lie elsewhere, at one of these addresses (image-spec, descriptor.md §urls). Nobody there is told a login.
    ///
    /// # Errors
    /// [`RegistryError::Protocol`] for an address that is none.
    pub fn blob_or_elsewhere(
        &self,
        (digest, size): (Digest, u64),
        from: u64,
        addresses: &[String],
    ) -> Result<Download, RegistryError> {
        let mut places = self.places.to_vec();
        for address in addresses {
            places.push((self.own.0.stranger(address)?, address.clone()));
        }
        Ok(Download::new(places.into(), self.cancel.clone(), (digest, size, from)))
    }

    /// Lists all tags.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] when there is no such repository, and every other.
    pub fn tags(&self) -> Result<Vec<String>, RegistryError> {
        self.first(tags)
    }

    /// Gives the endpoint that is no mirror, for what changes something.
    pub(super) fn own(&self) -> (&Endpoint, &str) {
        (&self.own.0, &self.own.1)
    }

    /// Asks one endpoint after the other until one has it; of several failures the last one is told.
    fn first<T>(
        &self,
        ask: impl Fn(&Endpoint, &str) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut outcome = Err(RegistryError::Cancelled);
        for (endpoint, name) in self.places.iter() {
            outcome = ask(endpoint, name);
            match &outcome {
                Err(error) if error.is_worth_another_endpoint() => {}
                _ => break,
            }
        }
        outcome
    }
}

/// Gives what a token has to allow for reading.
pub(super) fn pull_of(name: &str) -> String {
    format!("repository:{name}:pull")
}

fn manifest(endpoint: &Endpoint, name: &str, reference: &str) -> Result<Fetched, RegistryError> {
    let object = format!("manifest {reference} in {name}");
    let response = endpoint.send(&Call {
        method: Method::GET,
        target: &format!("{name}/manifests/{reference}"),
        headers: &[(ACCEPT, ACCEPTED)],
        payload: Payload::None,
        scope: &pull_of(name),
    })?;
    let response = endpoint.expect(response, &[StatusCode::OK], &object)?;
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let media_type = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
    let told = header("Docker-Content-Digest").and_then(|text| text.parse().ok());
    let bytes = whole(endpoint, response, LONGEST_MANIFEST, &object)?;
    let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
    // What was asked for counts; what the registry says of a tag at least says whether the bytes came whole.
    match reference.parse().ok().or(told) {
        Some(expected) if expected != digest => {
            Err(RegistryError::Digest { object, expected, found: digest })
        }
        _ => Ok(Fetched { bytes, media_type, digest }),
    }
}

/// Reads an answer whole, if it is not too long.
pub(super) fn whole(
    endpoint: &Endpoint,
    response: ureq::http::Response<ureq::Body>,
    longest: u64,
    object: &str,
) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let mut body = response.into_body().into_reader().take(longest + 1);
    body.read_to_end(&mut bytes).map_err(|error| endpoint.failed(ureq::Error::Io(error)))?;
    if bytes.len() as u64 > longest {
        return Err(RegistryError::Protocol {
            host: endpoint.host().to_owned(),
            object: object.to_owned(),
            reason: format!("it has more than {longest} bytes"),
        });
    }
    Ok(bytes)
}

/// A page of a list: of tags, or of repositories.
#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
    repositories: Option<Vec<String>>,
}

fn tags(endpoint: &Endpoint, name: &str) -> Result<Vec<String>, RegistryError> {
    let what = (format!("{name}/tags/list"), format!("tags of {name}"));
    list(endpoint, what, &pull_of(name), |page| page.tags)
}

impl Endpoint {
    /// Lists all repositories; most registries let only some ask, or nobody (distribution, spec/api.md §listing-repositories).
    ///
    /// # Errors
    /// [`RegistryError::Denied`], [`RegistryError::NotFound`], [`RegistryError::Unauthorized`] when nobody may see it, and every other.
    pub fn catalog(&self) -> Result<Vec<String>, RegistryError> {
        let what = ("_catalog".to_owned(), "list of repositories".to_owned());
        list(self, what, "registry:catalog:*", |page| page.repositories)
    }
}

/// Reads a list page by page.
fn list(
    endpoint: &Endpoint,
    (mut target, object): (String, String),
    scope: &str,
    names: impl Fn(Page) -> Option<Vec<String>>,
) -> Result<Vec<String>, RegistryError> {
    let mut all = Vec::new();
    for _ in 0..MOST_LISTS {
        let response = endpoint.send(&Call {
            method: Method::GET,
            target: &target,
            headers: &[],
            payload: Payload::None,
            scope,
        })?;
        let response = endpoint.expect(response, &[StatusCode::OK], &object)?;
        let more = response.headers().get(LINK).and_then(|link| next_page(link.to_str().ok()?));
        let text = whole(endpoint, response, LONGEST_LIST, &object)?;
        let page: Page =
            serde_json::from_slice(&text).map_err(|error| RegistryError::Protocol {
                host: endpoint.host().to_owned(),
                object: object.clone(),
                reason: printable(&error.to_string()),
            })?;
        all.extend(names(page).unwrap_or_default());
        match more {
            Some(more) => target = more,
            None => break,
        }
    }
    Ok(all)
}

/// Reads where a list goes on (RFC 8288): an address on the same host.
pub(super) fn next_page(link: &str) -> Option<String> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|part| {
        let part = part.trim();
        part.eq_ignore_ascii_case("rel=\"next\"") || part.eq_ignore_ascii_case("rel=next")
    });
    let relative = match address.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => address,
    };
    (is_next && relative.starts_with('/')).then(|| relative.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_where_its_link_says() {
        for (link, next) in [
            (r#"</v2/a/tags/list?last=x&n=100>; rel="next""#, Some("/v2/a/tags/list?last=x&n=100")),
            (
                r#"<https://other.example/v2/a/tags/list?last=x>; rel="next""#,
                Some("/v2/a/tags/list?last=x"),
            ),
            (r#"</v2/a>; rel="previous""#, None),
            ("/v2/a", None),
            ("", None),
        ] {
            assert_eq!(next_page(link).as_deref(), next, "{link}");
        }
    }
}
