//! Where cosign puts signatures: beside the image, in its repository, under a tag made of the manifest's digest.

use std::io::Read as _;

use super::{Evidence, Offered, Offers, Reason};
use crate::{
    image::{
        ImageError,
        documents::{self, Descriptor},
        resolve::verify,
    },
    model::Digest,
    registry::{RegistryError, Repository},
};

/// What a layer is whose blob was signed.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Where its signature is.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The longest text that is fetched to be checked, in bytes; they have some hundreds.
const LONGEST: u64 = 64 * 1024;

/// How many signatures of one manifest are looked at.
const MOST: usize = 256;

/// The signatures in a repository.
pub(in crate::image) struct Attached<'a>(pub(in crate::image) &'a Repository);

impl Evidence for Attached<'_> {
    fn of(&self, digest: Digest) -> Result<Offers<'_>, ImageError> {
        let tag = format!("sha256-{}.sig", digest.hex());
        let fetched = match self.0.manifest(&tag) {
            Err(RegistryError::NotFound { .. }) => return Ok(Box::new(std::iter::empty())),
            other => other?,
        };
        let object = format!("signature {tag}");
        let layers = match documents::attachment(&fetched.bytes, &object) {
            Err(error) => return Ok(Box::new(std::iter::once(Ok(Err(error.to_string()))))),
            Ok(layers) => layers,
        };
        let signatures: Vec<_> =
            layers.into_iter().filter(|layer| layer.media_type == PAYLOAD).collect();
        if signatures.len() > MOST {
            let fault = format!("there are more than {MOST}");
            return Ok(Box::new(std::iter::once(Ok(Err(fault)))));
        }
        Ok(Box::new(signatures.into_iter().map(|layer| self.offered(layer))))
    }

    fn absent(&self, digest: Digest) -> Reason {
        Reason::Unsigned { digest: digest.to_string() }
    }
}

impl Attached<'_> {
    fn offered(&self, mut layer: Descriptor) -> Result<Result<Offered, String>, ImageError> {
        let Some(signature) = layer.annotations.remove(SIGNATURE) else {
            return Ok(Err(format!("it has no annotation {SIGNATURE}")));
        };
        if layer.size > LONGEST {
            let size = layer.size;
            return Ok(Err(format!("its text has {size} bytes; it may have {LONGEST}")));
        }
        let mut payload = Vec::new();
        let mut download = self.0.blob(layer.digest, layer.size, 0);
        match download.read_to_end(&mut payload).map_err(std::io::Error::downcast) {
            Ok(_length) => {}
            // What cannot be had of one signature does not make the others worse.
            Err(Ok(error @ (RegistryError::NotFound { .. } | RegistryError::Digest { .. }))) => {
                return Ok(Err(error.to_string()));
            }
            Err(Ok(error)) => return Err(error.into()),
            Err(Err(error)) => return Err(ImageError::Read(error)),
        }
        Ok(match verify(&payload, &layer) {
            Ok(()) => Ok(Offered { payload, signature }),
            Err(error) => Err(error.to_string()),
        })
    }
}
