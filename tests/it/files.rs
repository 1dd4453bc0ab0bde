//! The files of a container: copied in and out, compared, exported; and nobody can lead a copy astray.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use crate::support::{Host, STARTER, eventually};

/// Makes a container that runs and one that has ended, both with a file in `/srv`.
fn two(host: &Host) -> [&'static str; 2] {
    let make = "mkdir /srv/d && echo inside > /srv/d/f && ln -s /etc/passwd /srv/link";
    host.ok(&[
        "run",
        "-d",
        "--name",
        "runs",
        STARTER,
        "sh",
        "-c",
        &format!("{make}; echo ready; sleep 1000"),
    ]);
    host.ok(&["run", "--name", "ended", STARTER, "sh", "-c", make]);
    eventually("the files are there", || host.ok(&["logs", "runs"]).contains("ready"));
    ["runs", "ended"]
}

#[test]
fn files_are_copied_in_and_out_of_running_and_ended_containers() {
    let host = Host::with_starter();
    fs::create_dir(host.path("in")).unwrap();
    fs::write(host.path("in/note"), "outside").unwrap();
    let path = |name: &str| host.path(name).to_str().unwrap().to_owned();
    for name in two(&host) {
        let out = path(&format!("out-{name}"));
        host.ok(&["cp", &format!("{name}:/srv/d"), &out]);
        assert_eq!(fs::read_to_string(format!("{out}/f")).unwrap(), "inside\n");
        host.ok(&["cp", &format!("{name}:srv/d/f"), &format!("{out}/copy")]);
        assert_eq!(
            fs::metadata(format!("{out}/copy")).unwrap().uid(),
            nix::unistd::geteuid().as_raw()
        );
        host.ok(&["cp", &format!("{name}:/srv/d/."), &path("in")]);
        assert!(host.path("in/f").exists());
        host.ok(&["cp", &path("in"), &format!("{name}:/srv")]);
        host.ok(&["cp", &path("in/note"), &format!("{name}:/srv/d/f")]);
        host.ok(&["cp", &format!("{name}:/srv/in/note"), &format!("{out}/again")]);
        assert_eq!(fs::read_to_string(format!("{out}/again")).unwrap(), "outside");
        host.ok(&["cp", &format!("{name}:/srv/d/f"), &format!("{out}/replaced")]);
        assert_eq!(fs::read_to_string(format!("{out}/replaced")).unwrap(), "outside");
        // A link is a link, unless it is to be followed; then to the container's own file.
        host.ok(&["cp", &format!("{name}:/srv/link"), &format!("{out}/link")]);
        assert_eq!(fs::read_link(format!("{out}/link")).unwrap().to_str(), Some("/etc/passwd"));
        host.ok(&["cp", "-L", &format!("{name}:/srv/link"), &format!("{out}/passwd")]);
        assert!(fs::read_to_string(format!("{out}/passwd")).unwrap().contains("demo:x:1000"));
        for (source, target, word) in [
            (format!("{name}:/absent"), out.clone(), "absent"),
            (path("absent"), format!("{name}:/srv"), "absent"),
            (path("in"), format!("{name}:/etc/passwd"), "Not a directory"),
            (path("in/note"), format!("{name}:/absent/x"), "absent"),
            (format!("{name}:/srv"), format!("{name}:/tmp"), "between containers"),
            (path("in"), path("out"), "container source"),
        ] {
            let said = host.fails(1, &["cp", &source, &target]);
            assert!(said.contains(word), "{said}");
        }
    }
    host.fails(1, &["cp", "nobody:/x", &path("y")]);
    host.assert_clean();
}

/// CVE-2018-15664, CVE-2021-41089: a link that is swapped in while a copy runs leads to places of the container, in both directions, and nothing
/// outside changes its mode.
#[test]
fn links_that_are_swapped_in_a_loop_lead_nowhere_else() {
    let host = Host::with_starter();
    let outside = host.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let mode = || {
        let modes = [outside.clone(), outside.join("secret")]
            .map(|path| fs::metadata(path).unwrap().mode());
        (modes, fs::read_to_string(outside.join("secret")).unwrap())
    };
    for path in [outside.clone(), outside.join("secret")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let before = mode();
    let swap = format!(
        "mkdir -p /w/real /w/aside; echo own > /w/real/secret; echo ready; while :; do mv /w/real /w/aside/real; ln -s {0} /w/real; rm /w/real; mv /w/aside/real /w/real; done",
        outside.display()
    );
    host.ok(&["run", "-d", "--name", "swaps", STARTER, "sh", "-c", &swap]);
    eventually("it swaps", || host.ok(&["logs", "swaps"]).contains("ready"));
    fs::write(host.path("planted"), "planted").unwrap();
    let (planted, got) = (host.path("planted"), host.path("got"));
    let (planted, got) = (planted.to_str().unwrap(), got.to_str().unwrap());
    let mut seen = 0;
    for _ in 0..40 {
        let _refused = fs::remove_file(got);
        if host.call(&["cp", "swaps:/w/real/secret", got]).status.success() {
            assert_eq!(fs::read_to_string(got).unwrap(), "own\n");
            seen += 1;
        }
        let _refused = host.call(&["cp", planted, "swaps:/w/real/planted"]);
        assert!(!outside.join("planted").exists());
        assert_eq!(mode(), before);
    }
    assert!(seen > 0, "no copy ever met the directory");
    host.assert_clean();
}

#[test]
fn changes_are_told_by_letters() {
    let host = Host::with_starter();
    let script = "rm /srv/motd; echo x >> /etc/passwd; mkdir /new; echo y > /new/f";
    host.ok(&["run", "--name", "ended", STARTER, "sh", "-c", script]);
    let changes = host.ok(&["diff", "ended"]);
    let lines: Vec<&str> = changes.lines().collect();
    for line in ["D /srv/motd", "C /etc/passwd", "C /etc", "A /new", "A /new/f", "C /srv"] {
        assert!(lines.contains(&line), "{line}: {changes}");
    }
    host.ok(&["create", "--name", "fresh", STARTER, "true"]);
    assert_eq!(host.ok(&["diff", "fresh"]), "");
    host.fails(1, &["diff", "nobody"]);
    host.assert_clean();
}

#[test]
fn an_export_is_an_archive_of_all_files() {
    let host = Host::with_starter();
    for name in two(&host) {
        let archive = host.path(&format!("{name}.tar"));
        host.ok(&["export", "-o", archive.to_str().unwrap(), name]);
        let by_pipe = host.call(&["export", name]).stdout;
        assert_eq!(by_pipe.len() % 512, 0);
        let mut archive = tar::Archive::new(fs::File::open(archive).unwrap());
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            names.push(entry.path().unwrap().display().to_string());
            if names.last().is_some_and(|name| name == "srv/link") {
                assert_eq!(entry.link_name().unwrap().unwrap().to_str(), Some("/etc/passwd"));
            }
        }
        for wanted in ["srv/d/f", "etc/passwd", "srv/link", "proc"] {
            assert!(
                names.iter().any(|name| name.trim_end_matches('/') == wanted),
                "{wanted}: {names:?}"
            );
        }
        // What is mounted inside belongs to the machine.
        assert!(!names.iter().any(|name| name.starts_with("proc/") && name.len() > 5), "{names:?}");
    }
    host.assert_clean();
}
