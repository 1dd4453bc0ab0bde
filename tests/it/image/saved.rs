//! Images out: what is saved is loaded again, here and by others, with the same digests.

use std::{fs, process::Command};

use super::{Oci, Tar, gzip, zstd};
use crate::support::{Host, names_in, skip};

/// Loads an image with two layers under a name; gives its layout.
fn loaded(host: &Host, name: &str) -> Oci {
    let tars = [Tar::new().file("a", b"one").end(), Tar::new().file(name, b"two").end()];
    let blobs = [gzip(&tars[0]), zstd(&tars[1])];
    let oci = Oci::new(&[0, 1].map(|at| (&tars[at][..], &blobs[at][..])), name);
    let path = host.path("layout.tar");
    fs::write(&path, oci.tar()).unwrap();
    host.ok(&["load", "-q", "-i", path.to_str().unwrap()]);
    oci
}

/// Lists the names of an archive, sorted.
fn entries(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    names.sort();
    names
}

fn listed(host: &Host) -> String {
    host.ok(&[
        "images",
        "--digests",
        "--no-trunc",
        "--format",
        "{{.Repository}}:{{.Tag}} {{.ID}} {{.Digest}}",
    ])
}

#[test]
fn what_is_saved_is_loaded_with_the_same_digests() {
    let (host, other) = (Host::new(), Host::new());
    let first = loaded(&host, "one:1");
    loaded(&host, "two:1");
    host.ok(&["tag", "one:1", "one:2"]);
    let before = listed(&host);
    let file = host.path("saved.tar");
    host.ok(&["save", "-o", file.to_str().unwrap(), "one", "two:1"]);
    let bytes = fs::read(&file).unwrap();
    let names = entries(&bytes);
    let blobs =
        names.iter().filter(|name| name.starts_with("blobs/sha256/") && name.len() > 13).count();
    assert_eq!(blobs, 7, "the layer that both have is there once: {names:?}");
    for blob in first.0.keys().filter(|name| name.starts_with("blobs/")) {
        assert!(names.contains(blob), "{blob}");
    }
    other.ok(&["load", "-q", "-i", file.to_str().unwrap()]);
    assert_eq!(sorted(&listed(&other)), sorted(&before));
    // The same again is the same, byte for byte, also as a stream.
    let stream = other.call(&["save", "one", "two:1"]);
    assert!(stream.stdout == bytes, "another order, or a time, or an owner");
    // As a docker-archive, for who does not know the other.
    let docker = without(&bytes, &["index.json", "oci-layout"]);
    let third = Host::new();
    let taken = third.with_input(&docker, &["load"]);
    assert!(taken.status.success(), "{taken:?}");
    assert_eq!(ids(&third), ids(&host));
    // By id there is no name.
    let id = host.ok(&["images", "-q", "--no-trunc", "two"]);
    let nameless = host.call(&["save", &id]).stdout;
    let fourth = Host::new();
    assert!(fourth.with_input(&nameless, &["load", "-q"]).status.success());
    assert_eq!(fourth.ok(&["images", "--format", "{{.Repository}}:{{.Tag}}"]), "<none>:<none>");
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn ids(host: &Host) -> Vec<String> {
    let mut ids: Vec<_> =
        host.ok(&["images", "-q", "--no-trunc"]).lines().map(str::to_owned).collect();
    ids.sort();
    ids
}

/// Copies an archive without some of its files.
fn without(bytes: &[u8], names: &[&str]) -> Vec<u8> {
    let mut archive = tar::Archive::new(bytes);
    let mut copy = tar::Builder::new(Vec::new());
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        if !names.contains(&entry.path().unwrap().to_str().unwrap()) {
            let header = entry.header().clone();
            copy.append(&header, entry).unwrap();
        }
    }
    copy.into_inner().unwrap()
}

#[test]
fn what_cannot_be_saved_leaves_what_was_there() {
    let host = Host::new();
    loaded(&host, "one:1");
    let place = host.path("out");
    fs::create_dir_all(&place).unwrap();
    let file = place.join("kept.tar");
    fs::write(&file, "precious").unwrap();
    let said = host.fails(1, &["save", "-o", file.to_str().unwrap(), "one:1", "nosuch"]);
    assert!(said.contains("no such image: nosuch"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    // A blob that is gone is found in the middle.
    let blobs = host.path("root/blobs/sha256");
    let mut sizes: Vec<_> = fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap()).collect();
    sizes.sort_by_key(|entry| entry.metadata().unwrap().len());
    fs::remove_file(sizes[0].path()).unwrap();
    let said = host.fails(1, &["save", "-o", file.to_str().unwrap(), "one:1"]);
    assert!(said.contains("blobs/sha256"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(names_in(&place), ["kept.tar"], "nothing unfinished is left");
    host.fails(1, &["save", "-o", place.to_str().unwrap(), "one:1"]);
    host.fails(1, &["save", "-o", "/absent/x.tar", "one:1"]);
}

#[test]
fn skopeo_reads_what_is_saved_in_both_forms() {
    let host = Host::new();
    let oci = loaded(&host, "one:1");
    if Command::new("skopeo").arg("--version").output().is_err() {
        skip("there is no skopeo: apt-get install skopeo");
        return;
    }
    let file = host.path("saved.tar");
    host.ok(&["save", "-o", file.to_str().unwrap(), "one:1"]);
    for form in ["oci-archive", "docker-archive"] {
        let out = host.path(form);
        let copied = Command::new("skopeo")
            .args(["copy", "-q", "--insecure-policy"])
            .arg(format!("{form}:{}", file.display()))
            .arg(format!("dir:{}", out.display()))
            .output()
            .unwrap();
        assert!(copied.status.success(), "{form}: {copied:?}");
        if form == "oci-archive" {
            let manifest = fs::read(out.join("manifest.json")).unwrap();
            assert!(oci.0.values().any(|blob| *blob == manifest), "byte for byte");
        }
    }
}
