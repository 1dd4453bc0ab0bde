//! Registries: Debian's own, with TLS, with passwords, behind a proxy that breaks things; hostile ones; and whom to trust.

mod faults;
mod hostile;
mod hub;
mod proxy;
pub(crate) mod server;
mod shelf;
mod transfers;
mod trust;

use std::{fs, path::PathBuf};

use crate::{
    image::{Oci, Tar, gzip},
    support::Host,
};

/// Makes bytes that do not compress, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Makes a layer with one file of noise.
fn layer(name: &str, seed: u64, length: usize) -> Vec<u8> {
    Tar::new().file(name, &noise(seed, length)).end()
}

/// Makes a layout with layers of these sizes, in kilobytes, and loads it under a name.
fn loaded(host: &Host, name: &str, sizes: &[usize]) -> Oci {
    let tars: Vec<_> = (1_u64..)
        .zip(sizes)
        .map(|(seed, size)| layer(&format!("file-{seed}"), seed, size * 1024))
        .collect();
    let blobs: Vec<_> = tars.iter().map(|tar| gzip(tar)).collect();
    let layers: Vec<(&[u8], &[u8])> =
        tars.iter().zip(&blobs).map(|(tar, blob)| (&tar[..], &blob[..])).collect();
    let oci = Oci::new(&layers, name);
    load(host, &oci);
    oci
}

fn load(host: &Host, oci: &Oci) {
    let path = host.path("layout.tar");
    fs::write(&path, oci.tar()).unwrap();
    host.ok(&["load", "-q", "-i", path.to_str().unwrap()]);
}

/// Gives the digest of the only manifest of a layout.
fn manifest_of(oci: &Oci) -> String {
    let index: serde_json::Value = serde_json::from_slice(&oci.0["index.json"]).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// Removes all images.
fn forget_images(host: &Host) {
    for id in host.ok(&["images", "-q", "--no-trunc"]).lines() {
        drop(host.call(&["rmi", "-f", id]));
    }
    assert_eq!(host.ok(&["images", "-q"]), "");
}

/// Lists what broken transfers left.
fn partials(host: &Host) -> Vec<PathBuf> {
    let entries = fs::read_dir(host.path("root/partial"));
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// Shows that nothing is left of transfers.
fn assert_tidy(host: &Host) {
    assert_eq!(partials(host), Vec::<PathBuf>::new());
    assert_eq!(crate::support::names_in(&host.path("root/staging")), [""; 0], "staging");
}
