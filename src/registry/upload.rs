//! What goes to a registry: blobs, mounted from another repository or sent in pieces, and manifests (distribution-spec §push).

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use ureq::{
    Body,
    http::{
        HeaderName, Method, Response, StatusCode,
        header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE},
    },
};

use super::{
    Endpoint, RegistryError, Repository,
    endpoint::{Call, OpenAt, Payload},
    retry,
};
use crate::model::Digest;

/// How much is sent at once: what is lost at most when a transfer breaks.
const PIECE: u64 = 32 * 1024 * 1024;

/// Who is told how many bytes are there.
type Progress<'a> = &'a dyn Fn(u64);

/// How a blob came to be where it was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It was there.
    There,
    /// It was taken over from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// A blob that is to be sent.
#[expect(missing_debug_implementations, reason = "a way to open something has none")]
pub struct Parcel<'a> {
    /// What it is.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Gives its bytes from a place on.
    pub open: &'a OpenAt<'a>,
    /// A repository of the same registry that may have it.
    pub source: Option<&'a str>,
}

/// Gives what a token has to allow for writing.
pub(super) fn push_of(name: &str) -> String {
    format!("repository:{name}:pull,push")
}

impl Repository {
    /// Brings a blob there, if it is not; `progress` is told how many of its bytes are.
    ///
    /// # Errors
    /// Any [`RegistryError`].
    pub fn push_blob(
        &self,
        parcel: &Parcel<'_>,
        progress: Progress<'_>,
    ) -> Result<Arrival, RegistryError> {
        if self.has_blob(parcel.digest)? {
            return Ok(Arrival::There);
        }
        let (endpoint, name) = self.own();
        let object = format!("blob {} of {name}", parcel.digest.short());
        let scope = push_of(name);
        let upload = Upload { endpoint, name, scope, object, parcel };
        let Some(location) = upload.begin()? else {
            return Ok(Arrival::Mounted);
        };
        upload.send(location, progress)?;
        Ok(Arrival::Sent)
    }

    /// Puts a manifest there under a tag or its digest; its blobs must be there.
    ///
    /// # Errors
    /// Any [`RegistryError`].
    pub fn push_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        let (endpoint, name) = self.own();
        let object = format!("manifest {reference} in {name}");
        let response = endpoint.send(&Call {
            method: Method::PUT,
            target: &format!("{name}/manifests/{reference}"),
            headers: &[(CONTENT_TYPE, media_type)],
            payload: Payload::Bytes(bytes),
            scope: &push_of(name),
        })?;
        let response =
            endpoint.expect(response, &[StatusCode::CREATED, StatusCode::OK], &object)?;
        let digest = Digest::from_bytes(Sha256::digest(bytes).into());
        let told = response.headers().get("Docker-Content-Digest");
        match told.and_then(|text| text.to_str().ok()?.parse().ok()) {
            Some(found) if found != digest => {
                Err(RegistryError::Digest { object, expected: digest, found })
            }
            _ => Ok(digest),
        }
    }
}

/// A blob on its way to a registry.
struct Upload<'a, 'p> {
    endpoint: &'a Endpoint,
    name: &'a str,
    scope: String,
    object: String,
    parcel: &'a Parcel<'p>,
}

impl Upload<'_, '_> {
    /// Asks for a place to send to; `None` when the registry took the blob over from another repository.
    fn begin(&self) -> Result<Option<String>, RegistryError> {
        let (mut target, mut scope) = (format!("{}/blobs/uploads/", self.name), self.scope.clone());
        if let Some(source) = self.parcel.source {
            target = format!("{target}?mount={}&from={source}", self.parcel.digest);
            scope = format!("{scope} {}", super::repository::pull_of(source));
        }
        let call = Call {
            method: Method::POST,
            payload: Payload::Bytes(b""),
            target: &target,
            scope: &scope,
            ..self.call(&[])
        };
        let response = self.endpoint.send(&call)?;
        let wanted = [StatusCode::ACCEPTED, StatusCode::CREATED];
        let response = match self.endpoint.expect(response, &wanted, &self.object) {
            // One that may not read the other repository can still send.
            Err(RegistryError::Denied { .. } | RegistryError::NotFound { .. })
                if self.parcel.source.is_some() =>
            {
                let target = format!("{}/blobs/uploads/", self.name);
                let call = Call {
                    method: Method::POST,
                    payload: Payload::Bytes(b""),
                    target: &target,
                    ..self.call(&[])
                };
                self.endpoint.expect(self.endpoint.send(&call)?, &wanted, &self.object)?
            }
            other => other?,
        };
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        self.location(&response).map(Some)
    }

    /// Sends what is missing, piece by piece, and closes.
    fn send(&self, start: String, progress: Progress<'_>) -> Result<(), RegistryError> {
        let (mut location, mut at, mut failures) = (start, 0, 0);
        while at < self.parcel.size {
            self.endpoint.cancel().check()?;
            let end = (at + PIECE).min(self.parcel.size);
            let failure = match self.piece(&location, (at, end), progress) {
                Ok(next) => {
                    (location, at, failures) = (next, end, 0);
                    continue;
                }
                Err(error) => error,
            };
            failures += 1;
            let may_go_better = match &failure {
                RegistryError::Unreachable { .. } => true,
                RegistryError::Refused { status, .. } => {
                    *status == 416 || retry::is_transient(*status)
                }
                _ => false,
            };
            if !may_go_better || failures == retry::TRIES {
                return Err(failure);
            }
            self.endpoint.cancel().wait(retry::pause(failures))?;
            (location, at) = match self.state(&location) {
                Ok(state) => state,
                // It was forgotten there: once more from the beginning.
                Err(RegistryError::NotFound { .. }) => match self.begin()? {
                    Some(location) => (location, 0),
                    None => return Ok(()),
                },
                Err(error) => return Err(error),
            };
            progress(at);
        }
        self.close(&location)
    }

    /// Sends the bytes between two places; gives where the next ones go.
    fn piece(
        &self,
        location: &str,
        (from, end): (u64, u64),
        progress: Progress<'_>,
    ) -> Result<String, RegistryError> {
        let range = format!("{from}-{}", end - 1);
        let headers = [(CONTENT_RANGE, range.as_str()), (CONTENT_TYPE, "application/octet-stream")];
        let open = |at| {
            let inner = (self.parcel.open)(at)?;
            Ok(Box::new(Counting { inner, at, progress }) as Box<dyn Read>)
        };
        let call = Call {
            method: Method::PATCH,
            target: location,
            payload: Payload::Part { open: &open, from, length: end - from },
            ..self.call(&headers)
        };
        let response = self.endpoint.authorized(&call)?;
        let response = self.endpoint.expect(
            response,
            &[StatusCode::ACCEPTED, StatusCode::CREATED, StatusCode::NO_CONTENT],
            &self.object,
        )?;
        self.location(&response)
    }

    /// Asks how much has come there, and where the rest goes.
    fn state(&self, location: &str) -> Result<(String, u64), RegistryError> {
        let call = Call { target: location, ..self.call(&[]) };
        let response = self.endpoint.send(&call)?;
        let response = self.endpoint.expect(
            response,
            &[StatusCode::NO_CONTENT, StatusCode::OK, StatusCode::ACCEPTED],
            &self.object,
        )?;
        let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok());
        // `0-0` is what is said of one byte, and of none.
        let last: u64 = range
            .and_then(|range| range.trim().rsplit('-').next()?.parse().ok())
            .unwrap_or_default();
        let at = if last == 0 { 0 } else { last + 1 };
        if at > self.parcel.size {
            return Err(RegistryError::Protocol {
                host: self.endpoint.host().to_owned(),
                object: self.object.clone(),
                reason: format!("{at} bytes have come of {}", self.parcel.size),
            });
        }
        let next = self.location(&response).unwrap_or_else(|_same| location.to_owned());
        Ok((next, at))
    }

    /// Says that all is there, and what it is.
    fn close(&self, location: &str) -> Result<(), RegistryError> {
        let divider = if location.contains('?') { '&' } else { '?' };
        let target = format!("{location}{divider}digest={}", self.parcel.digest);
        let call = Call {
            method: Method::PUT,
            payload: Payload::Bytes(b""),
            target: &target,
            ..self.call(&[])
        };
        let response = self.endpoint.send(&call)?;
        let wanted = [StatusCode::CREATED, StatusCode::NO_CONTENT, StatusCode::OK];
        match self.endpoint.expect(response, &wanted, &self.object) {
            // The answer to an earlier try was lost on its way.
            Err(RegistryError::NotFound { .. }) if self.is_there()? => Ok(()),
            other => other.map(drop),
        }
    }

    fn is_there(&self) -> Result<bool, RegistryError> {
        let target = format!("{}/blobs/{}", self.name, self.parcel.digest);
        let call = Call { method: Method::HEAD, target: &target, ..self.call(&[]) };
        Ok(self.endpoint.send(&call)?.status() == StatusCode::OK)
    }

    fn call<'b>(&'b self, headers: &'b [(HeaderName, &'b str)]) -> Call<'b> {
        Call {
            method: Method::GET,
            target: "",
            headers,
            payload: Payload::None,
            scope: &self.scope,
        }
    }

    /// Reads where the rest goes.
    fn location(&self, response: &Response<Body>) -> Result<String, RegistryError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| RegistryError::Protocol {
            host: self.endpoint.host().to_owned(),
            object: self.object.clone(),
            reason: "it does not say where to send".to_owned(),
        })?;
        // Behind a proxy that ends TLS, some give their address with the wrong scheme.
        let authority = location.split_once("://").map(|(_, rest)| rest);
        match authority.and_then(|rest| rest.strip_prefix(self.endpoint.host())) {
            Some(path) if path.starts_with('/') => Ok(path.to_owned()),
            _ => Ok(location.to_owned()),
        }
    }
}

/// Tells how much of a stream was read.
struct Counting<'a> {
    inner: Box<dyn Read + 'a>,
    at: u64,
    progress: Progress<'a>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.at += count as u64;
        (self.progress)(self.at);
        Ok(count)
    }
}
