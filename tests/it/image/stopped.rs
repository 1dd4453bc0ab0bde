//! Archives that are stopped on their way, and how far they are told to be.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Output, Stdio},
};

use estiba::{
    image::{Archive, ImageError, load},
    registry::{Cancel, RegistryError},
};
use nix::sys::signal::{Signal, kill};

use super::{Oci, Tar, gzip, ownership, place, staged};
use crate::{
    support::{Host, eventually, names_in},
    terminal::Terminal,
};

/// Makes a layout with one image of layers with these files.
fn image(files: &[&str], name: &str) -> Oci {
    let tars: Vec<_> =
        files.iter().map(|file| Tar::new().file(file, file.as_bytes()).end()).collect();
    let blobs: Vec<_> = tars.iter().map(|tar| gzip(tar)).collect();
    let layers: Vec<(&[u8], &[u8])> =
        tars.iter().zip(&blobs).map(|(tar, blob)| (&tar[..], &blob[..])).collect();
    Oci::new(&layers, name)
}

fn interrupt(child: &Child) {
    kill(nix::unistd::Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

/// Shows that what was stopped has said so, in one line, and has the exit code of that.
fn assert_stopped(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.lines().last().unwrap().contains("cancelled"), "{said}");
}

/// Gives the bytes of the files in a directory and those below it.
fn bytes_below(place: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(place) else { return 0 };
    let size = |path: &Path| path.symlink_metadata().map_or(0, |found| found.len());
    let paths = entries.flatten().map(|entry| entry.path());
    paths.map(|path| if path.is_dir() { bytes_below(&path) } else { size(&path) }).sum()
}

#[test]
fn a_load_that_is_stopped_while_it_waits_for_more_leaves_nothing() {
    let host = Host::new();
    host.ok(&["images"]);
    // Of bytes that do not compress: what is packed again is written as it comes.
    let body: Vec<u8> =
        (0..500_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let archive = Tar::new().file("a", &body).end();
    for verb in [&["load"][..], &["import", "-", "x:1"]] {
        let mut child = host
            .command(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe stays open: without the signal it would wait for ever.
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(&archive).unwrap();
        let staging = host.path("root/staging");
        eventually("it has begun", || bytes_below(&staging) > 0);
        interrupt(&child);
        assert_stopped(&child.wait_with_output().unwrap());
        drop(pipe);
        assert_eq!(names_in(&staging), [""; 0], "{verb:?}");
    }
    assert_eq!(host.ok(&["images", "-q"]), "");
}

#[test]
fn a_load_that_is_stopped_among_its_layers_leaves_the_store_as_it_was() {
    let place = place();
    place.only(&image(&["one"], "first:1").tar());
    let before = place.everything();
    let archive = image(&["one", "two", "three"], "second:1").tar();
    let cancel = Cancel::default();
    let mut told = Vec::new();
    let mut stream = &archive[..];
    let archive = (Archive::Stream(&mut stream), None);
    let outcome = load(&place.layout, ownership(), archive, &cancel, &mut |it| {
        // That the first layer is here is told before any other is begun.
        cancel.cancel();
        told.push(it.phase);
    });
    assert!(matches!(outcome, Err(ImageError::Registry(RegistryError::Cancelled))), "{outcome:?}");
    assert_eq!(told, ["exists"]);
    assert_eq!(place.everything(), before);
    assert_eq!(staged(&place.layout), 0);
}

#[test]
fn a_save_that_is_stopped_leaves_what_was_there() {
    let host = Host::new();
    let oci = image(&["one"], "one:1");
    assert!(host.with_input(&oci.tar(), &["load", "-q"]).status.success());
    let out = host.path("out");
    fs::create_dir(&out).unwrap();
    let file = out.join("kept.tar");
    fs::write(&file, "precious").unwrap();
    // A blob that comes slowly: in its place is a pipe. What is written at once is more than a buffer holds.
    let manifest =
        oci.0.values().find(|blob| blob.starts_with(b"{\"schemaVersion\":2,\"config\"")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let digest = manifest["layers"][0]["digest"].as_str().unwrap().replace("sha256:", "");
    let blob = host.path("root/blobs/sha256").join(digest);
    fs::remove_file(&blob).unwrap();
    nix::unistd::mkfifo(&blob, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut child = host
        .command(&["save", "-o", file.to_str().unwrap(), "one:1"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = fs::OpenOptions::new().write(true).open(&blob).unwrap();
    pipe.write_all(&vec![7; 1_000_000]).unwrap();
    eventually("something is written", || bytes_below(&out) > 8);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious", "it appears when it is whole");
    interrupt(&child);
    eventually("it ends", || {
        // When it has, nobody reads.
        let _unread = pipe.write_all(b"more");
        child.try_wait().unwrap().is_some()
    });
    assert_stopped(&child.wait_with_output().unwrap());
    assert_eq!(names_in(&out), ["kept.tar"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn archives_tell_how_far_they_are_beside_what_they_give() {
    let host = Host::new();
    let archive = image(&["one", "two"], "one:1").tar();
    let loaded = host.with_input(&archive, &["load"]);
    assert_eq!(String::from_utf8(loaded.stdout).unwrap(), "Loaded image: one:1\n");
    let said = String::from_utf8(loaded.stderr).unwrap();
    for word in ["Loading layer", "Loaded"] {
        assert_eq!(
            said.lines().filter(|line| line.ends_with(&format!(": {word}"))).count(),
            2,
            "{said}"
        );
    }
    let again = host.with_input(&archive, &["load"]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.lines().all(|line| line.ends_with(": Already exists")), "{said}");
    let quiet = host.with_input(&archive, &["load", "-q"]);
    assert_eq!((quiet.stdout, quiet.stderr), (b"Loaded image: one:1\n".to_vec(), Vec::new()));
    let saved = host.call(&["save", "one:1"]);
    let said = String::from_utf8(saved.stderr).unwrap();
    for word in ["Saving", "Saved"] {
        assert_eq!(
            said.lines().filter(|line| line.ends_with(&format!(": {word}"))).count(),
            2,
            "{said}"
        );
    }
    let quiet = host.call(&["save", "-q", "one:1"]);
    assert_eq!((quiet.stdout == saved.stdout, quiet.stderr), (true, Vec::new()));
    // On a terminal they are bars.
    let file = host.path("bars.tar");
    let mut bars =
        Terminal::start(host.command(&["save", "-o", file.to_str().unwrap(), "one:1"]), 24, 100);
    bars.wait_for("Saved");
    assert!(bars.wait().success());
    assert_eq!(fs::read(&file).unwrap(), saved.stdout);
    host.ok(&["rmi", "one:1"]);
    let mut bars = Terminal::start(host.command(&["load", "-i", file.to_str().unwrap()]), 24, 100);
    bars.wait_for("Loaded image: one:1");
    assert!(bars.screen().contains(": Loaded"), "{}", bars.screen());
    assert!(bars.wait().success());
    // Nobody types an archive.
    for verb in [&["load"][..], &["import", "-"]] {
        let mut typed = Terminal::start(host.command(verb), 24, 100);
        typed.wait_for("which is a terminal");
        assert_eq!(typed.wait().code(), Some(1));
    }
}
