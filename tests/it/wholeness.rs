//! The store is found whole, or what is damaged is found and put right; and a disk that is full harms nothing that is there.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::{
    image::{Oci, Tar, gzip},
    registry::server::{self, Kind, Server},
    support::{Host, STARTER, is_root, names_in, skip},
};

/// Makes a layout with one image of two layers and writes it into a file of the host.
fn archive(host: &Host, name: &str, bytes: usize) -> PathBuf {
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(bytes)
    .collect();
    let tars = [
        Tar::new()
            .dir("d/")
            .file("d/f", b"12345")
            .link("d/h", "d/f")
            .symlink("l", "d")
            .file("d/.wh.x", b"")
            .end(),
        Tar::new().file(name, &noise).end(),
    ];
    let blobs = [gzip(&tars[0]), gzip(&tars[1])];
    let oci = Oci::new(&[0, 1].map(|at| (&tars[at][..], &blobs[at][..])), &format!("{name}:1"));
    let path = host.path(&format!("{name}.tar"));
    fs::write(&path, oci.tar()).unwrap();
    path
}

fn load(host: &Host, name: &str) {
    let path = archive(host, name, 100);
    host.ok(&["load", "-q", "-i", path.to_str().unwrap()]);
}

/// Gives the unpacked layer that has a path.
fn layer_with(host: &Host, name: &str) -> PathBuf {
    let layers = fs::read_dir(host.path("root/layers")).unwrap();
    let mut layers = layers.map(|entry| entry.unwrap().path().join("diff"));
    layers.find(|layer| fs::symlink_metadata(layer.join(name)).is_ok()).unwrap()
}

/// Changes bytes of a file and gives it the time that it had.
fn tamper(path: &Path, bytes: &[u8]) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
}

/// What is said, what has to be asked for, what is done.
type Damage<'a> = (&'a str, &'a [&'a str], &'a dyn Fn());

#[test]
fn a_damaged_layer_is_found_and_unpacked_anew() {
    let host = Host::new();
    load(&host, "one");
    assert!(host.ok(&["system", "check"]).ends_with("all is whole"));
    let layer = layer_with(&host, "d/f");
    if fs::metadata(layer.join("d/f")).unwrap().uid() != nix::unistd::geteuid().as_raw() {
        return skip("what belongs to subordinate ids cannot be damaged from outside");
    }
    let damages: [Damage<'_>; 7] = [
        ("/d/f has 4 bytes", &[], &|| tamper(&layer.join("d/f"), b"1234")),
        ("/d/f should be", &["--deep"], &|| tamper(&layer.join("d/f"), b"54321")),
        ("/d/f was changed", &[], &|| fs::write(layer.join("d/f"), b"12345").unwrap()),
        ("/l is missing", &[], &|| fs::remove_file(layer.join("l")).unwrap()),
        ("is not in its index", &[], &|| fs::write(layer.join("stranger"), b"").unwrap()),
        ("has no index", &[], &|| fs::remove_file(layer.parent().unwrap().join("index")).unwrap()),
        ("it is missing", &[], &|| fs::remove_dir_all(layer.parent().unwrap()).unwrap()),
    ];
    for (words, depth, damage) in damages {
        damage();
        let look = [&["system", "check"], depth].concat();
        let output = host.call(&look);
        let said = String::from_utf8(output.stdout).unwrap();
        // Taking a file away changes the time of its directory, which is met first.
        let is_said = said.contains(words) || said.contains("/d was changed");
        assert!(
            output.status.code() == Some(1) && is_said && said.contains("one:1"),
            "{words}: {said}"
        );
        let said = host.ok(&[&look[..], &["--repair"]].concat());
        assert!(said.contains("unpacked anew from its blob"), "{said}");
        assert!(host.ok(&["system", "check", "--deep"]).ends_with("all is whole"), "{words}");
        assert_eq!(fs::read(layer.join("d/f")).unwrap(), b"12345");
    }
    assert_eq!(names_in(&host.path("root/staging")), [""; 0]);
}

/// CVE-2021-25743: what an image calls its files does nothing to the terminal.
#[test]
fn a_name_of_a_file_is_told_and_not_obeyed() {
    let host = Host::new();
    load(&host, "one");
    let layer = layer_with(&host, "d/f");
    if fs::metadata(layer.join("d/f")).unwrap().uid() != nix::unistd::geteuid().as_raw() {
        return skip("what belongs to subordinate ids cannot be damaged from outside");
    }
    let before = fs::metadata(layer.join("d")).unwrap().modified().unwrap();
    fs::write(layer.join("d/\u{1b}]0;owned\u{7}"), b"").unwrap();
    fs::File::open(layer.join("d")).unwrap().set_modified(before).unwrap();
    let said = String::from_utf8(host.call(&["system", "check"]).stdout).unwrap();
    assert!(said.contains("/d/\\u{1b}]0;owned\\u{7} is not in its index"), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{7}']), "{said:?}");
    host.ok(&["system", "check", "--repair"]);
}

#[test]
fn what_cannot_be_put_right_is_named_and_comes_back_with_the_next_load() {
    let host = Host::new();
    load(&host, "one");
    load(&host, "two");
    let layer = layer_with(&host, "one");
    let blob = fs::read_dir(host.path("root/blobs/sha256"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| fs::read(path).unwrap().windows(3).filter(|it| *it == b"one").count())
        .unwrap();
    // Both: the layer, and what it came in.
    fs::remove_file(layer.join("one")).unwrap();
    for blob in fs::read_dir(host.path("root/blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if bytes.starts_with(b"\x1f\x8b") {
            fs::write(&path, [&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat())
                .unwrap();
        }
    }
    assert!(blob.exists());
    let output = host.call(&["system", "check", "--deep", "--repair"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.code() == Some(1) && said.contains("fetch or load anew: one:1"),
        "{said}"
    );
    load(&host, "one");
    load(&host, "two");
    let said = host.ok(&["system", "check", "--deep", "--repair"]);
    assert!(said.contains("all is whole"), "{said}");
}

#[test]
fn what_nobody_knows_of_is_found_and_removed() {
    let host = Host::new();
    load(&host, "one");
    let strays = [
        format!("layers/{}", "a".repeat(64)),
        format!("blobs/sha256/{}", "b".repeat(64)),
        format!("containers/{}", "c".repeat(64)),
    ];
    for stray in &strays {
        fs::create_dir_all(host.path("root").join(stray).join("x")).unwrap();
    }
    let output = host.call(&["system", "check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(strays.iter().all(|stray| said.contains(stray)), "{said}");
    assert_eq!(host.ok(&["system", "check", "--repair"]).matches("removed").count(), 3);
    assert!(host.ok(&["system", "check"]).ends_with("all is whole"));
    assert!(strays.iter().all(|stray| !host.path("root").join(stray).exists()));
}

#[test]
fn a_layer_that_a_container_runs_on_is_left_alone() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "c", STARTER, "sleep", "1000"]);
    let layer = layer_with(&host, "bin/seq");
    fs::write(layer.join("stranger"), b"").unwrap();
    let output = host.call(&["system", "check", "--repair"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("stop them first: c"), "{said}");
    assert_eq!(host.ok(&["exec", "c", "echo", "well"]), "well");
    host.ok(&["rm", "-f", "c"]);
    host.ok(&["system", "check", "--repair"]);
    assert_eq!(host.ok(&["run", "--rm", STARTER, "echo", "well"]), "well");
    host.assert_clean();
}

/// Puts the store of a host on a disk of its own, for this thread and what it starts.
fn small_disk(host: &Host, megabytes: usize) {
    let nothing = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
    fs::create_dir_all(host.path("root")).unwrap();
    let options = format!("size={megabytes}m,mode=700");
    mount(
        Some("disk"),
        &host.path("root"),
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .unwrap();
}

fn free(host: &Host) -> u64 {
    estiba::sys::files::free_in(&host.path("root")).unwrap()
}

/// Leaves so many bytes of the disk.
fn fill(host: &Host, left: u64) {
    let ballast = host.path("root/ballast");
    let _absent = fs::remove_file(&ballast);
    let size = free(host).saturating_sub(left);
    let mut command = Command::new("fallocate");
    let done = command.args(["-l", &size.to_string()]).arg(&ballast).status().unwrap();
    assert!(size == 0 || done.success(), "fallocate");
}

/// Calls a verb with so much room left; tells whether it was done. If not, that was said, and all is as it was.
fn call_with_little_room(host: &Host, verb: &[&str], left: u64) -> bool {
    let ids = || host.ok(&["images", "-q", "--no-trunc"]);
    let before = ids();
    fill(host, left);
    let room = free(host);
    let output = host.call(verb);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_done = output.status.success();
    if !is_done {
        let words = ["No space left", "free on the disk", "full"];
        assert!(words.iter().any(|word| said.contains(word)), "{verb:?} {left}: {said}");
        assert_eq!(said.lines().filter(|line| !line.starts_with("hint")).count(), 1, "{said}");
        assert_eq!(ids(), before, "{verb:?}");
        // It comes back; the records may have taken a page, and given up their reserve.
        let after = free(host);
        assert!(after + (256 << 10) > room, "{verb:?} {left}: {room} free before, {after} after");
    }
    assert_eq!(host.ok(&["run", "--rm", STARTER, "echo", "well"]), "well");
    let _absent = fs::remove_file(host.path("root/ballast"));
    let said = host.ok(&["system", "check", "--deep"]);
    assert!(said.ends_with("all is whole"), "{verb:?} {left}: {said}");
    is_done
}

#[test]
fn a_full_disk_is_said_and_harms_nothing() {
    if !is_root() {
        return skip("a small disk is mounted, which needs root");
    }
    // Loopback for the registry, if there is one.
    let host = server::host();
    small_disk(&host, 64);
    host.load_starter();
    host.ok(&["run", "--name", "c", STARTER, "sh", "-c", "seq 1 200000 > /numbers"]);
    load(&host, "kept");
    let big = archive(&host, "big", 3 << 20);
    let big = big.to_str().unwrap();
    let tar = host.path("import.tar");
    fs::write(&tar, Tar::new().file("big", &fs::read(big).unwrap()).end()).unwrap();
    let registry = Server::start(&host, Kind::Open);
    let remote = registry.as_ref().map(|registry| registry.name("big:1"));
    if let Some(remote) = &remote {
        host.ok(&["load", "-q", "-i", big]);
        host.ok(&["tag", "big:1", remote]);
        host.ok(&["push", "-q", remote]);
        host.ok(&["rmi", "big:1", remote]);
    }
    let mut verbs = vec![
        vec!["load", "-q", "-i", big],
        vec!["import", tar.to_str().unwrap(), "imported:1"],
        vec!["commit", "c", "made:1"],
        vec!["tag", "kept:1", "kept:2"],
    ];
    verbs.extend(remote.as_deref().map(|remote| vec!["pull", "-q", remote]));
    let (mut refused, mut done) = (0, 0);
    // From nothing left to enough.
    for left in [
        0,
        64 << 10,
        512 << 10,
        1 << 20,
        2 << 20,
        4 << 20,
        5 << 20,
        7 << 20,
        9 << 20,
        12 << 20,
        20 << 20,
    ] {
        for verb in &verbs {
            let is_done = call_with_little_room(&host, verb, left);
            *(if is_done { &mut done } else { &mut refused }) += 1;
            for name in
                ["big:1", "imported:1", "made:1", "kept:2"].into_iter().chain(remote.as_deref())
            {
                let _absent = host.call(&["rmi", name]);
            }
        }
    }
    assert!(refused >= 12 && done >= 8, "{refused} refused, {done} done");
    println!("disk full: {refused} refused, {done} done, all whole");
    drop(registry);
    host.assert_clean();
}
