//! Files of containers as archives: through a pipe in both directions, with their attributes; what is mounted into a container that does not run; and
//! copies beside starts and removals.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::support::{Host, STARTER, answer_in_time, eventually, is_root, skip};

/// Reads an archive: names, with bytes for files and targets for links.
fn contents(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let text = match entry.link_name().unwrap() {
            Some(target) => target.display().to_string(),
            None => String::from_utf8_lossy(&bytes).into_owned(),
        };
        (name, text)
    });
    entries.collect()
}

/// Makes an archive of files with these names and texts; of directories where the name ends in a slash.
fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in entries {
        let mut header = tar::Header::new_ustar();
        let kind =
            if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular };
        header.set_entry_type(kind);
        header.set_mode(if name.ends_with('/') { 0o750 } else { 0o640 });
        header.set_size(text.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        // As it is, whatever it says: the builder refuses `..`.
        let field = header.as_old_mut();
        field.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Makes a container that runs and one that has ended, both with files in `/srv`.
fn two(host: &Host) -> [&'static str; 2] {
    let make = "mkdir /srv/d && echo inside > /srv/d/f && ln -s d /srv/link && chmod 1777 /srv/d";
    let waits = format!("{make}; echo ready; exec sleep 1000");
    host.ok(&["run", "-d", "--name", "runs", STARTER, "sh", "-c", &waits]);
    host.ok(&["run", "--name", "ended", STARTER, "sh", "-c", make]);
    eventually("the files are there", || host.ok(&["logs", "runs"]).contains("ready"));
    ["runs", "ended"]
}

#[test]
fn archives_come_out_through_a_pipe() {
    let host = Host::with_starter();
    for name in two(&host) {
        let names = |flags: &[&str], path: &str| {
            let source = format!("{name}:{path}");
            let words = [&["cp"], flags, &[&source, "-"]].concat();
            let output = host.call(&words);
            assert!(output.status.success(), "{output:?}");
            contents(&output.stdout)
        };
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        assert_eq!(names(&[], "/srv/d"), of(&[("d", ""), ("d/f", "inside\n")]));
        assert_eq!(names(&[], "srv/d/f"), of(&[("f", "inside\n")]));
        assert_eq!(names(&[], "/srv/d/."), of(&[("f", "inside\n")]));
        assert_eq!(names(&[], "/srv/link"), of(&[("link", "d")]));
        assert_eq!(names(&["-L"], "/srv/link"), of(&[("link", ""), ("link/f", "inside\n")]));
        for (path, word) in [("/absent", "absent"), ("/srv/d/f/", "ot a directory")] {
            let said = host.fails(1, &["cp", &format!("{name}:{path}"), "-"]);
            assert!(said.contains(word), "{said}");
        }
    }
    host.fails(1, &["cp", "-", "-"]);
    host.assert_clean();
}

#[test]
fn archives_go_in_through_a_pipe() {
    let host = Host::with_starter();
    let plain = archive(&[("new/", ""), ("new/x", "one"), ("d/f", "two"), ("/top", "three")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    for name in two(&host) {
        let put = |bytes: &[u8], path: &str| {
            let output = host.with_input(bytes, &["cp", "-", &format!("{name}:{path}")]);
            (output.status.success(), String::from_utf8(output.stderr).unwrap())
        };
        let get = |path: &str| host.call(&["cp", &format!("{name}:{path}"), "-"]).stdout;
        for (bytes, path) in [(&plain, "/srv"), (&gzip, "/srv/link/")] {
            assert_eq!(put(bytes, path), (true, String::new()));
        }
        for (path, text) in [
            ("/srv/new/x", "one"),
            ("/srv/d/f", "two"),
            ("/srv/top", "three"),
            ("/srv/d/d/f", "two"),
        ] {
            assert_eq!(contents(&get(path)).into_values().next().as_deref(), Some(text), "{path}");
        }
        // The directory itself is as it was.
        let listing = get("/srv/d");
        let mut listing = tar::Archive::new(&listing[..]);
        let first = listing.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(first.header().mode().unwrap(), 0o1777);
        // What is broken has changed nothing.
        let broken = archive(&[("early", "x"), ("../outside", "x")]);
        let hidden = archive(&[("early", "x"), (".wh.d", "")]);
        let cut = &plain[..700];
        for (bytes, path, word) in [
            (&broken[..], "/srv", "outside"),
            (&hidden, "/srv", ".wh."),
            (cut, "/srv", "cannot be unpacked"),
            (&[&b"\xfd7zXZ\0"[..], &[0; 600]].concat(), "/srv", "xz"),
            (
                &b"no archive at all, but long enough to be read as one".repeat(20),
                "/srv",
                "cannot be unpacked",
            ),
            (&plain, "/absent", "absent"),
            (&plain, "/etc/passwd", "ot a directory"),
        ] {
            let (is_done, said) = put(bytes, path);
            assert!(!is_done && said.contains(word) && said.lines().count() == 1, "{word}: {said}");
        }
        assert!(!contents(&get("/srv")).contains_key("srv/early"));
        let (is_done, said) = put(&archive(&[("d", "a file where a directory is")]), "/srv");
        assert!(!is_done && said.contains('d'), "{said}");
    }
    host.assert_clean();
}

/// `cap_net_raw+ep`, version 2 (capabilities(7)).
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Reads an extended attribute.
fn value(path: &str, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 64];
    let length = getxattr(path, name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn attributes_go_with_files_where_they_may() {
    let host = Host::with_starter();
    let dir = host.path("in");
    fs::create_dir(&dir).unwrap();
    let file = dir.join("f");
    fs::write(&file, "x").unwrap();
    if setxattr(&file, "user.note", b"kept", XattrFlags::empty()).is_err() {
        return skip("the file system of temporary files has no attributes of users");
    }
    setxattr(&dir, "user.note", b"of a directory", XattrFlags::empty()).unwrap();
    let may_give = is_root();
    if may_give {
        setxattr(&file, "security.capability", &CAPABILITY, XattrFlags::empty()).unwrap();
    }
    host.ok(&["create", "--name", "a", STARTER, "true"]);
    let path = |name: &str| host.path(name).to_str().unwrap().to_owned();
    host.ok(&["cp", "-a", &path("in"), "a:/srv/all"]);
    host.ok(&["cp", &path("in"), "a:/srv/some"]);
    for (inside, has_rights) in [("all", may_give), ("some", false)] {
        let out = path(inside);
        host.ok(&["cp", "-a", &format!("a:/srv/{inside}"), &out]);
        let file = format!("{out}/f");
        assert_eq!(value(&file, "user.note").as_deref(), Some(&b"kept"[..]), "{inside}");
        assert_eq!(value(&out, "user.note").as_deref(), Some(&b"of a directory"[..]));
        assert_eq!(value(&file, "security.capability").is_some(), has_rights, "{inside}");
    }
    // Without -a nothing that comes out of a container has rights.
    host.ok(&["cp", "a:/srv/all/f", &path("plain")]);
    assert_eq!(value(&path("plain"), "security.capability"), None);
    assert_archives_keep_attributes(&host, may_give);
    host.assert_clean();
}

/// Shows that archives of container `a` have what `/srv/all/f` has, and that it comes in again by the way it came out.
fn assert_archives_keep_attributes(host: &Host, may_give: bool) {
    let back = host.path("back").to_str().unwrap().to_owned();
    for words in [&["export", "a"][..], &["cp", "a:/srv/all", "-"]] {
        let bytes = host.call(words).stdout;
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut found = 0;
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if !entry.path().unwrap().ends_with("all/f") {
                continue;
            }
            let records = entry.pax_extensions().unwrap().unwrap();
            let records: BTreeMap<_, _> = records
                .map(|record| record.unwrap())
                .map(|record| (record.key().unwrap().to_owned(), record.value_bytes().to_vec()))
                .collect();
            assert_eq!(records.get("SCHILY.xattr.user.note").unwrap(), b"kept");
            let given = records.get("SCHILY.xattr.security.capability");
            assert_eq!(given.map(Vec::as_slice), may_give.then_some(&CAPABILITY[..]));
            found += 1;
        }
        assert_eq!(found, 1, "{words:?}");
        host.ok(&["create", "--name", "b", STARTER, "true"]);
        let target = if words[0] == "cp" { "b:/srv" } else { "b:/" };
        let output = host.with_input(&bytes, &["cp", "-", target]);
        assert!(output.status.success(), "{output:?}");
        host.ok(&["cp", "-a", "b:/srv/all/f", &back]);
        assert_eq!(value(&back, "user.note").as_deref(), Some(&b"kept"[..]));
        assert_eq!(value(&back, "security.capability").is_some(), may_give);
        fs::remove_file(&back).unwrap();
        host.ok(&["rm", "b"]);
    }
}

#[test]
fn what_a_directory_that_was_made_anew_hides_is_told() {
    let host = Host::with_starter();
    // Removed; made anew with one of the old names; and what is in what was removed is not told by itself.
    let script = "rm -r /srv; mkdir /srv && echo new > /srv/new && mkdir /srv/motd";
    host.ok(&["run", "--name", "ended", STARTER, "sh", "-c", script]);
    assert_eq!(host.ok(&["diff", "ended"]), "C /srv\nC /srv/motd\nA /srv/new");
    host.ok(&["run", "--name", "gone", STARTER, "sh", "-c", "rm -r /srv; mkdir /srv"]);
    assert_eq!(host.ok(&["diff", "gone"]), "C /srv\nD /srv/motd");
    host.ok(&["run", "--name", "away", STARTER, "sh", "-c", "rm -r /srv"]);
    assert_eq!(host.ok(&["diff", "away"]), "D /srv");
    host.assert_clean();
}

#[test]
fn what_is_mounted_into_a_container_is_copied_though_it_does_not_run() {
    let host = Host::with_starter();
    let shared = host.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::write(shared.join("note"), "of the host").unwrap();
    fs::write(host.path("in"), "by a copy").unwrap();
    let (volume, protected) =
        (format!("{}:/data", shared.display()), format!("{}:/data:ro", shared.display()));
    host.ok(&["create", "--name", "a", "-v", &volume, STARTER, "true"]);
    host.ok(&["create", "--name", "b", "-v", &protected, STARTER, "true"]);
    let (input, output) = (host.path("in"), host.path("out"));
    let (input, output) = (input.to_str().unwrap(), output.to_str().unwrap());
    host.ok(&["cp", "a:/data/note", output]);
    assert_eq!(fs::read_to_string(output).unwrap(), "of the host");
    host.ok(&["cp", input, "a:/data/made"]);
    assert_eq!(fs::read_to_string(shared.join("made")).unwrap(), "by a copy");
    let said = host.fails(1, &["cp", input, "b:/data/made"]);
    assert!(said.contains("Read-only"), "{said}");
    // An export has the container's own files only.
    let exported = contents(&host.call(&["export", "a"]).stdout);
    assert!(exported.contains_key("data") && !exported.contains_key("data/note"), "{exported:?}");
    host.assert_clean();
}

/// CVE-2026-42306: what is mounted for a copy lies beneath the container's root, wherever a link of the container leads. Seen to fail with the target of
/// `engine::files::visit::show` opened by its path: the mount then covered the directory of the host, and the copy did not find the volume.
#[test]
fn cve_2026_42306_a_copy_mounts_nothing_outside_of_the_container() {
    let host = Host::with_starter();
    let (shared, outside) = (host.path("shared"), host.path("outside"));
    for dir in [&shared, &outside] {
        fs::create_dir(dir).unwrap();
    }
    fs::write(shared.join("note"), "of the volume").unwrap();
    fs::write(outside.join("note"), "of the host").unwrap();
    // The first start makes the link; the next ones are refused their mount point or get it inside.
    let link = format!("mkdir -p /x && ln -s {} /x/data", outside.display());
    host.ok(&["run", "--name", "seed", STARTER, "sh", "-c", &link]);
    let volume = format!("{}:/x/data", shared.display());
    host.ok(&["create", "--name", "a", "-v", &volume, STARTER, "true"]);
    let tree = host.call(&["cp", "seed:/x", "-"]).stdout;
    // Without the volume nothing is in the way of putting the link there.
    host.ok(&["create", "--name", "plain", STARTER, "true"]);
    for name in ["plain", "a"] {
        let put = host.with_input(&tree, &["cp", "-", &format!("{name}:/")]);
        // Where the volume is mounted already, the link cannot take its place.
        assert_eq!(put.status.success(), name == "plain", "{put:?}");
    }
    let got = host.path("got");
    let got = got.to_str().unwrap();
    host.ok(&["cp", "a:/x/data/note", got]);
    assert_eq!(fs::read_to_string(got).unwrap(), "of the volume");
    host.ok(&["create", "--name", "b", "-v", &volume, STARTER, "true"]);
    let upper = host.path("root/containers").join(host.field("b", "{{.Id}}")).join("upper");
    if is_root() {
        // As a program of the container would have left it.
        fs::create_dir_all(upper.join("x")).unwrap();
        std::os::unix::fs::symlink(&outside, upper.join("x/data")).unwrap();
        host.ok(&["cp", "b:/x/data/note", got]);
        assert_eq!(fs::read_to_string(got).unwrap(), "of the volume");
        fs::write(host.path("in"), "planted").unwrap();
        host.ok(&["cp", host.path("in").to_str().unwrap(), "b:/x/data/planted"]);
        assert!(shared.join("planted").exists());
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(outside.join("note")).unwrap(), "of the host");
    host.assert_clean();
}

/// CVE-2026-41567: what is compressed is inflated by this program, and no program of the container (or of anybody) is executed for it. Seen to fail with
/// `unpigz` executed in the container's root by `Engine::copy_from_archive`.
#[test]
fn cve_2026_41567_no_program_of_the_container_inflates() {
    let host = Host::with_starter();
    let script = "mkdir -p /usr/bin; for p in xz unxz unpigz pigz gzip gunzip bzip2 zstd unzstd tar; do for d in /bin /usr/bin; do printf '#!/bin/sh\\necho $0 >> /srv/ran\\n' > $d/$p; chmod 755 $d/$p; done; done; echo ready";
    host.ok(&[
        "run",
        "-d",
        "--name",
        "runs",
        STARTER,
        "sh",
        "-c",
        &format!("{script}; exec sleep 1000"),
    ]);
    host.ok(&["run", "--name", "ended", STARTER, "sh", "-c", script]);
    eventually("the programs are there", || host.ok(&["logs", "runs"]).contains("ready"));
    let plain = archive(&[("x", "one")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    for (name, bytes, is_known) in [
        ("runs", gzip.finish().unwrap(), true),
        ("runs", zstd, true),
        ("runs", [&b"\xfd7zXZ\0"[..], &[0; 600]].concat(), false),
        ("ended", [&b"BZh9"[..], &[0; 600]].concat(), false),
        ("ended", plain, true),
    ] {
        let output = host.with_input(&bytes, &["cp", "-", &format!("{name}:/srv")]);
        assert_eq!(output.status.success(), is_known, "{output:?}");
    }
    for name in ["runs", "ended"] {
        let said = host.fails(1, &["cp", &format!("{name}:/srv/ran"), "-"]);
        assert!(said.contains("ran"), "{said}");
    }
    host.assert_clean();
}

/// CVE-2019-14271: a copy loads no library when it is at work, least of all one of the container. Seen to fail with `User::from_name` in `Engine::visit`,
/// which loaded `libnss_systemd`.
#[test]
fn cve_2019_14271_a_copy_loads_no_library() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "a", STARTER, "sleep", "1000"]);
    let got = host.path("got");
    for words in [
        &["cp", "-a", "a:/etc/passwd", got.to_str().unwrap()][..],
        &["cp", "a:/etc/passwd", "-"],
        &["export", "a"],
        &["diff", "a"],
    ] {
        let output = host.command(words).env("LD_DEBUG", "files").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        let Some((_, after)) = told.rsplit_once("transferring control") else {
            return skip("this program is linked without the libraries of the machine");
        };
        let opened: Vec<&str> = after.lines().filter(|line| line.contains(".so")).collect();
        let opened: Vec<&&str> =
            opened.iter().filter(|line| !line.contains("calling fini")).collect();
        assert!(opened.is_empty(), "{words:?}: {opened:?}");
    }
    host.assert_clean();
}

/// Starts an export whose reader takes nothing: it holds the container's files.
fn stuck_export(host: &Host, name: &str) -> std::process::Child {
    let mut child = host
        .command(&["export", name])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = [0; 512];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    child
}

fn finished(mut child: std::process::Child) -> Vec<u8> {
    let mut rest = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    rest
}

#[test]
fn a_start_and_a_removal_wait_for_copies_and_copies_for_them() {
    let host = Host::with_starter();
    let script = "head -c 3000000 /dev/zero > /srv/big; echo again >> /srv/count";
    host.ok(&["run", "--name", "a", STARTER, "sh", "-c", script]);
    let export = stuck_export(&host, "a");
    // Others may look meanwhile.
    let second = host.call(&["export", "a"]);
    assert!(second.status.success() && second.stdout.len() > 3_000_000);
    let mut start = host.command(&["start", "a"]).stdout(Stdio::null()).spawn().unwrap();
    eventually("it is claimed", || host.field("a", "{{.State.Status}}") == "starting");
    assert!(start.try_wait().unwrap().is_none(), "it started beside an export");
    assert!(finished(export).len() > 3_000_000);
    assert!(start.wait().unwrap().success());
    assert_eq!(host.ok(&["wait", "a"]), "0");
    host.ok(&["cp", "a:/srv/count", host.path("count").to_str().unwrap()]);
    assert_eq!(fs::read_to_string(host.path("count")).unwrap(), "again\nagain\n");
    let export = stuck_export(&host, "a");
    let mut removal = host.command(&["rm", "a"]).stdout(Stdio::null()).spawn().unwrap();
    // A copy that comes after it finds what it left: nothing, or all.
    let mut late = host.command(&["cp", "a:/srv/count", "-"]);
    late.stdin(Stdio::null());
    let late = std::thread::spawn(move || answer_in_time(late));
    assert!(removal.try_wait().unwrap().is_none(), "it was removed under an export");
    assert!(finished(export).len() > 3_000_000);
    assert!(removal.wait().unwrap().success());
    let late = late.join().unwrap();
    let said = String::from_utf8_lossy(&late.stderr).into_owned();
    assert!(late.status.success() || said.contains("no such container"), "{said}");
    host.assert_clean();
}

#[test]
fn an_export_that_nobody_reads_is_not_waited_for_for_ever() {
    let host = Host::with_starter();
    let script = "head -c 3000000 /dev/zero > /srv/big; echo again >> /srv/count";
    host.ok(&["run", "--name", "a", STARTER, "sh", "-c", script]);
    let export = stuck_export(&host, "a");
    let asked = [&["start", "a"][..], &["rm", "a"], &["cp", "-", "a:/srv"]];
    let answers = asked.map(|words| {
        let mut command = host.command(words);
        command.stdin(Stdio::null());
        std::thread::spawn(move || answer_in_time(command))
    });
    for (words, answer) in asked.iter().zip(answers) {
        let output = answer.join().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("container a"), "{words:?}: {said}");
    }
    assert_eq!(host.field("a", "{{.State.Status}}"), "exited");
    // Nothing has happened to it, and the export is whole when its reader goes on.
    assert!(finished(export).len() > 3_000_000);
    host.ok(&["start", "a"]);
    assert_eq!(host.ok(&["wait", "a"]), "0");
    host.assert_clean();
}

#[test]
fn a_copy_that_is_killed_leaves_nothing_in_the_way() {
    let host = Host::with_starter();
    host.ok(&["run", "--name", "a", STARTER, "sh", "-c", "head -c 3000000 /dev/zero > /srv/big"]);
    let mut export = stuck_export(&host, "a");
    export.kill().unwrap();
    export.wait().unwrap();
    let mut put = host.command(&["cp", "-", "a:/srv"]).stdin(Stdio::piped()).spawn().unwrap();
    put.stdin.as_mut().unwrap().write_all(&archive(&[("x", "one")])[..512]).unwrap();
    eventually("it unpacks", || !crate::support::names_in(&host.path("root/staging")).is_empty());
    put.kill().unwrap();
    put.wait().unwrap();
    host.ok(&["start", "a"]);
    assert_eq!(host.ok(&["wait", "a"]), "0");
    assert!(!Path::new(&host.path("root/staging/x")).exists());
    host.assert_clean();
}

#[test]
fn tar_of_the_machine_reads_and_writes_the_same() {
    if Command::new("tar").arg("--version").output().is_err() {
        return skip("this machine has no tar");
    }
    let host = Host::with_starter();
    host.ok(&["create", "--name", "a", STARTER, "true"]);
    let exported = host.call(&["export", "a"]).stdout;
    fs::write(host.path("a.tar"), &exported).unwrap();
    let output = Command::new("tar").arg("tf").arg(host.path("a.tar")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap().lines().count();
    assert_eq!(listed, contents(&exported).len());
    fs::create_dir_all(host.path("in/below")).unwrap();
    fs::write(host.path("in/below/f"), "by tar").unwrap();
    let made =
        Command::new("tar").arg("cz").arg("-C").arg(host.path("in")).arg(".").output().unwrap();
    assert!(host.with_input(&made.stdout, &["cp", "-", "a:/srv"]).status.success());
    let got = contents(&host.call(&["cp", "a:/srv/below", "-"]).stdout);
    assert_eq!(got.get("below/f").map(String::as_str), Some("by tar"));
    host.assert_clean();
}
