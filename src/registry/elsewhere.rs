//! A file at an address of its own, on no registry: the same care about redirects, proxies, silence and second tries.

use std::io::Read;

use ureq::http::{Method, StatusCode};

use super::{
    Cancel, Endpoint, RegistryError, Settings,
    endpoint::{Call, Payload},
};

/// Opens what is at an `http://` or `https://` address; `settings` are for its host.
///
/// # Errors
/// [`RegistryError`], with the host of the address.
pub fn open_address(
    settings: Settings,
    address: &str,
    cancel: &Cancel,
) -> Result<impl Read + Send + use<>, RegistryError> {
    let endpoint = Endpoint::new(settings, cancel)?;
    // The address says which it is.
    endpoint.assume(if address.starts_with("http:") { "http" } else { "https" });
    let response = endpoint.send(&Call {
        method: Method::GET,
        target: address,
        headers: &[],
        payload: Payload::None,
        scope: "",
    })?;
    let response = endpoint.expect(response, &[StatusCode::OK], address)?;
    Ok(response.into_body().into_reader())
}
