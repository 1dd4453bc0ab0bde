//! A blob as a stream that goes on after a broken transfer, from where it was, with as many tries as bring bytes.

use std::{
    io::{self, Read},
    sync::Arc,
};

use ureq::{
    Body, BodyReader,
    http::{
        Method, Response, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE},
    },
};

use super::{
    Cancel, Endpoint, RegistryError,
    endpoint::{Call, Payload},
    repository::pull_of,
    retry,
};
use crate::model::Digest;

/// A blob on its way here. Gives exactly as many bytes as its descriptor says, or fails with a [`RegistryError`] inside the [`io::Error`]; whether they are the right
/// ones is for the reader to find out.
#[expect(missing_debug_implementations, reason = "a reader has none")]
pub struct Download {
    places: Arc<[(Arc<Endpoint>, String)]>,
    /// Which of them is asked.
    place: usize,
    cancel: Cancel,
    digest: Digest,
    size: u64,
    at: u64,
    body: Option<BodyReader<'static>>,
    /// How many transfers in a row brought nothing.
    failures: u32,
}

impl Download {
    pub(super) fn new(
        places: Arc<[(Arc<Endpoint>, String)]>,
        cancel: Cancel,
        (digest, size, from): (Digest, u64, u64),
    ) -> Self {
        Self { places, place: 0, cancel, digest, size, at: from, body: None, failures: 0 }
    }

    /// Reads on, or begins anew where it was.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        loop {
            self.cancel.check()?;
            let mut body = match self.body.take() {
                Some(body) => body,
                None => match self.begin() {
                    Ok(body) => body,
                    Err(error) => {
                        self.turn(error)?;
                        continue;
                    }
                },
            };
            let reason = match body.read(&mut buffer[..most]) {
                Ok(0) => "it ends early".to_owned(),
                Ok(count) => {
                    self.at += count as u64;
                    self.failures = 0;
                    self.body = Some(body);
                    return Ok(count);
                }
                Err(error) => error.to_string(),
            };
            let host = self
                .endpoint()
                .map_or_else(String::new, |(endpoint, _)| endpoint.host().to_owned());
            self.pause(RegistryError::Unreachable { host, reason })?;
        }
    }

    /// Waits before the next try, or gives up.
    fn pause(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        self.cancel.check()?;
        self.failures += 1;
        if self.failures == retry::TRIES {
            self.failures = 0;
            return self.turn(error);
        }
        self.cancel.wait(retry::pause(self.failures))
    }

    /// Turns to the next endpoint, if there is one that may do better.
    fn turn(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        if error.is_worth_another_endpoint() && self.place + 1 < self.places.len() {
            self.place += 1;
            return Ok(());
        }
        Err(error)
    }

    fn endpoint(&self) -> Option<&(Arc<Endpoint>, String)> {
        self.places.get(self.place)
    }

    /// Asks for what is missing.
    fn begin(&self) -> Result<BodyReader<'static>, RegistryError> {
        let Some((endpoint, name)) = self.endpoint() else {
            return Err(RegistryError::Cancelled);
        };
        let object = format!("blob {} in {name}", self.digest.short());
        // Of a layer that lies elsewhere, the name is the address.
        let (target, scope) = if name.contains("://") {
            (name.clone(), String::new())
        } else {
            (format!("{name}/blobs/{}", self.digest), pull_of(name))
        };
        let range = format!("bytes={}-", self.at);
        let ranges = [(RANGE, range.as_str())];
        let response = endpoint.send(&Call {
            method: Method::GET,
            target: &target,
            headers: if self.at == 0 { &[] } else { &ranges },
            payload: Payload::None,
            scope: &scope,
        })?;
        let response =
            endpoint.expect(response, &[StatusCode::OK, StatusCode::PARTIAL_CONTENT], &object)?;
        let wrong = |reason: String| RegistryError::Protocol {
            host: endpoint.host().to_owned(),
            object: object.clone(),
            reason,
        };
        self.follow(response).map_err(wrong)
    }

    /// Gives the answer's bytes from where they are missing.
    fn follow(&self, response: Response<Body>) -> Result<BodyReader<'static>, String> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let length: Option<u64> = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        let start = if is_part {
            let range = header(CONTENT_RANGE).unwrap_or_default();
            start_of(range).ok_or_else(|| format!("the range '{range}'"))?
        } else {
            0
        };
        if start > self.at {
            return Err(format!("it begins at byte {start} instead of {}", self.at));
        }
        match length.map(|length| start.saturating_add(length)) {
            Some(size) if size != self.size => {
                return Err(format!("it should have {} bytes, but has {size}", self.size));
            }
            _ => {}
        }
        let mut body = response.into_body().into_reader();
        // A host that knows no ranges sends all of it again. That it breaks off here is noticed by the next read.
        let _skipped = io::copy(&mut body.by_ref().take(self.at - start), &mut io::sink());
        Ok(body)
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill(buffer).map_err(io::Error::other)
    }
}

/// Reads where a part begins: `bytes 200-1000/67589` (RFC 9110 §14.4).
fn start_of(range: &str) -> Option<u64> {
    range.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_part_is_read() {
        for (range, start) in [
            ("bytes 200-1000/67589", Some(200)),
            ("bytes 0-1/*", Some(0)),
            ("bytes */67589", None),
            ("200-1000", None),
            ("", None),
        ] {
            assert_eq!(start_of(range), start, "{range}");
        }
    }
}
