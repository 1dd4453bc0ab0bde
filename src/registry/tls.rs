//! Whom to trust: certificates that the caller found, else those that come with the program.

use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::Trust;

/// Makes the settings of TLS. A host that may be plain is not asked for a certificate that anybody knows.
pub(super) fn config(trust: &Trust, anybody: bool) -> Result<TlsConfig, ureq::Error> {
    let mut certificates = Vec::new();
    for pem in &trust.authorities {
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item? {
                certificates.push(certificate);
            }
        }
    }
    let roots = if certificates.is_empty() {
        RootCerts::WebPki
    } else {
        RootCerts::Specific(Arc::new(certificates))
    };
    let client = match &trust.client {
        Some((chain, key)) => Some(client(chain, key)?),
        None => None,
    };
    Ok(TlsConfig::builder()
        .root_certs(roots)
        .client_cert(client)
        .disable_verification(anybody)
        .build())
}

fn client(chain: &[u8], key: &[u8]) -> Result<ClientCert, ureq::Error> {
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(chain) {
        if let PemItem::Certificate(certificate) = item? {
            certificates.push(certificate);
        }
    }
    Ok(ClientCert::new_with_certs(&certificates, PrivateKey::from_pem(key)?))
}
