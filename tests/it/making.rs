//! Images that are made here: of what a container has changed, and of an archive's files.

use std::{fs, io::Write as _, net::TcpListener, process::Command};

use crate::{
    image::{Tar, gzip, zstd},
    support::{Host, STARTER, eventually, is_root, skip},
};

/// What a container does to its files: new, changed, removed, a directory made anew, two names of one file, a mode, a link.
const CHANGES: &str = "mkdir -p /srv/d/old && echo 1 > /srv/d/old/f && echo new > /srv/new && ln /srv/new /srv/again && ln -s new /srv/link \
    && chmod 4711 /srv/again && rm /bin/seq && rm -r /etc/x && mkdir /etc/x && echo 2 > /etc/x/y";

/// Makes an image with a directory that can be replaced, and a container that has changed its files.
fn changed(host: &Host, name: &str) {
    let base = Tar::new().dir("etc/").dir("etc/x/").file("etc/x/gone", b"1").end();
    let taken = host.with_input(&base, &["import", "-", "extra:1"]);
    assert!(taken.status.success(), "{taken:?}");
    host.ok(&[
        "run",
        "--name",
        "before",
        STARTER,
        "sh",
        "-c",
        "mkdir -p /etc/x && echo 1 > /etc/x/gone",
    ]);
    host.ok(&["commit", "before", "base:1"]);
    host.ok(&["run", "--name", name, "-e", "A=1", "base:1", "sh", "-c", CHANGES]);
}

fn layers(host: &Host, image: &str) -> Vec<String> {
    let all = host.field(image, "{{range .RootFS.Layers}}{{.}} {{end}}");
    all.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_container_becomes_an_image_that_has_what_it_changed() {
    let host = Host::with_starter();
    changed(&host, "c");
    let id = host.ok(&[
        "commit",
        "-a",
        "Ada",
        "-m",
        "a remark",
        "-c",
        "CMD [\"cat\", \"/srv/new\"]",
        "-c",
        "LABEL l=\"m n\"",
        "-c",
        "EXPOSE 80",
        "-c",
        "ENV B=$A-2",
        "-c",
        "WORKDIR /srv",
        "c",
        "made:1",
    ]);
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
    assert_eq!(host.ok(&["run", "--rm", "made:1"]), "new");
    let look = "cat again; stat -c '%h %a %n' new; ls /bin/seq /etc/x; readlink link || ls -l link; cat d/old/f; echo $B";
    let output = host.call(&["run", "--rm", "made:1", "sh", "-c", look]);
    let seen = String::from_utf8(output.stdout).unwrap();
    assert!(seen.starts_with("new\n2 4711 new\n/etc/x:\ny\n"), "{seen}");
    assert!(seen.ends_with("1\n1-2\n"), "{seen}");
    assert_eq!(
        host.field(
            "made:1",
            "{{.Author}} {{.Comment}} {{.Config.Labels.l}} {{.Config.WorkingDir}}"
        ),
        "Ada a remark m n /srv"
    );
    let history =
        host.ok(&["history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}", "made:1"]);
    assert_eq!(history.lines().next(), Some(format!("sh -c {CHANGES}|a remark").as_str()));
    // The same changes give the same layer, on the same layers.
    host.ok(&["commit", "c", "made:2"]);
    let (first, second) = (layers(&host, "made:1"), layers(&host, "made:2"));
    assert_eq!(first, second);
    assert_eq!(first[..first.len() - 1], layers(&host, "base:1"));
    // Nothing changed: no layer.
    host.ok(&["create", "--name", "idle", "made:1"]);
    host.ok(&["commit", "idle", "idle:1"]);
    assert_eq!(layers(&host, "idle:1"), first);
    assert_eq!(host.ok(&["system", "check", "--deep"]).lines().count(), 1);
    host.assert_clean();
}

#[test]
fn a_container_goes_on_after_a_commit_and_stands_still_during_it() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "c", STARTER, "sh", "-c", "echo 1 > /file; sleep 1000"]);
    eventually("the file is written", || {
        host.call(&["exec", "c", "cat", "/file"]).stdout == b"1\n"
    });
    let told = |host: &Host| {
        let id = host.field("c", "{{.Id}}");
        host.told_of()[&id].clone()
    };
    host.ok(&["commit", "--pause=false", "c", "one"]);
    assert!(!told(&host).contains("pause"), "{}", told(&host));
    if is_root() {
        host.ok(&["commit", "c", "two"]);
        assert!(told(&host).ends_with("pause unpause commit"), "{}", told(&host));
        // What cannot be committed leaves it running, too.
        host.ok(&["exec", "c", "touch", "/.wh.x"]);
        let said = host.fails(1, &["commit", "c", "three"]);
        assert!(said.contains("/.wh.x cannot be part of an image"), "{said}");
        assert_eq!(host.field("c", "{{.State.Status}}"), "running");
    } else {
        skip("whether an ordinary user can pause depends on systemd");
    }
    assert_eq!(host.ok(&["run", "--rm", "one", "cat", "/file"]), "1");
    assert_eq!(host.fails(1, &["commit", "nosuch", "x"]).lines().count(), 1);
    let said = host.fails(1, &["commit", "-c", "RUN make", "c", "x"]);
    assert!(said.contains("invalid change 'RUN make'"), "{said}");
    host.assert_clean();
}

#[test]
fn an_archive_becomes_an_image_however_it_comes() {
    let host = Host::new();
    let tar = Tar::new().dir("bin/").file("bin/x", b"program").link("bin/y", "bin/x").end();
    let address = served(gzip(&tar));
    fs::write(host.path("plain.tar"), &tar).unwrap();
    fs::write(host.path("small.tar.zst"), zstd(&tar)).unwrap();
    let path = |name: &str| host.path(name).display().to_string();
    let ids = [
        host.ok(&[
            "import",
            "-m",
            "r",
            "-c",
            "CMD [\"/bin/x\"]",
            "--platform",
            "linux/arm64",
            &path("plain.tar"),
            "a:1",
        ]),
        host.ok(&["import", &path("small.tar.zst"), "b:1"]),
        host.ok(&["import", &address, "c:1"]),
        String::from_utf8(host.with_input(&gzip(&tar), &["import", "-", "d:1"]).stdout).unwrap(),
        host.ok(&["import", &path("plain.tar")]),
    ];
    assert!(ids.iter().all(|id| id.starts_with("sha256:")), "{ids:?}");
    let all: Vec<_> =
        ["a:1", "b:1", "c:1", "d:1", ids[4].trim()].map(|it| layers(&host, it)).into();
    assert!(all.iter().all(|one| *one == all[0] && one.len() == 1), "{all:?}");
    assert_eq!(
        host.field("a:1", "{{.Architecture}} {{.Config.Cmd}} {{.Comment}}"),
        "arm64 [/bin/x] r"
    );
    let said = host.fails(1, &["import", &address.replace("/x", "/nosuch"), "x"]);
    assert!(said.contains("nosuch"), "{said}");
    for (bytes, words) in [
        (Tar::new().file("../x", b"").end(), "points outside"),
        (b"no tar at all, but long enough to be one: ".repeat(30), "cannot be read"),
    ] {
        let refused = host.with_input(&bytes, &["import", "-", "x:1"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains(words), "{said}");
    }
    host.fails(1, &["import", "/nosuch/file"]);
    assert_eq!(host.ok(&["images", "-q"]).lines().count(), 5);
    assert_eq!(host.ok(&["system", "check", "--deep"]).lines().count(), 1);
}

/// Serves a file on loopback, for any path but one; gives its address.
fn served(bytes: Vec<u8>) -> String {
    use std::io::{BufRead as _, BufReader};
    if is_root() {
        estiba::sys::netlink::Socket::route().unwrap().bring_up_loopback().unwrap();
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}/x", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let status = if first.contains("/nosuch") { "404 Not Found" } else { "200 OK" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            // One who only asks whether somebody is there hangs up.
            let _hung_up =
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    });
    address
}

/// Runs a program of others, which must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn is_installed(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        skip(&format!("there is no {program}: apt-get install {program}"));
    }
    is_there
}

#[test]
fn what_was_committed_goes_through_skopeo_and_umoci_and_comes_back_the_same() {
    if !is_installed("skopeo") || !is_installed("umoci") {
        return;
    }
    let (host, other) = (Host::with_starter(), Host::new());
    changed(&host, "c");
    host.ok(&["commit", "c", "made:1"]);
    let path = |name: &str| host.path(name).display().to_string();
    host.ok(&["save", "-o", &path("saved.tar"), "made:1"]);
    let copy = |from: String, to: String| {
        run(Command::new("skopeo").args(["copy", "-q", "--insecure-policy", &from, &to]));
    };
    copy(format!("oci-archive:{}", path("saved.tar")), format!("oci:{}:made", path("layout")));
    copy(
        format!("docker-archive:{}", path("saved.tar")),
        format!("docker-archive:{}:made:1", path("docker.tar")),
    );
    // umoci changes the config and writes a manifest of its own around the same blobs.
    run(Command::new("umoci").args([
        "config",
        "--image",
        &format!("{}:made", path("layout")),
        "--config.user",
        "7",
    ]));
    other.ok(&["load", "-q", "-i", &path("layout")]);
    other.ok(&["load", "-q", "-i", &path("docker.tar")]);
    assert_eq!(layers(&other, "made:latest"), layers(&host, "made:1"));
    assert_eq!(other.field("made:latest", "{{.Config.User}}"), "7");
    assert_eq!(layers(&other, "made:1"), layers(&host, "made:1"));
    assert_eq!(other.field("made:1", "{{.Id}}"), host.field("made:1", "{{.Id}}"));
    if is_root() {
        // What umoci unpacks is what a container sees.
        run(Command::new("umoci").args([
            "unpack",
            "--image",
            &format!("{}:made", path("layout")),
            &path("bundle"),
        ]));
        let root = host.path("bundle/rootfs");
        assert_eq!(fs::read_to_string(root.join("srv/again")).unwrap(), "new\n");
        assert!(!root.join("bin/seq").exists() && !root.join("etc/x/gone").exists());
        assert_eq!(fs::read_to_string(root.join("etc/x/y")).unwrap(), "2\n");
    }
    host.assert_clean();
}

#[test]
fn podman_loads_what_was_committed_and_what_it_saves_is_loaded() {
    if !is_root() || !is_installed("podman") {
        return skip("podman's own store is made as root here");
    }
    let (host, other) = (Host::with_starter(), Host::new());
    changed(&host, "c");
    host.ok(&["commit", "c", "localhost/made:1"]);
    let path = |name: &str| host.path(name).display().to_string();
    host.ok(&["save", "-o", &path("saved.tar"), "localhost/made:1"]);
    let podman = |arguments: &[&str]| {
        let mut command = Command::new("podman");
        command.args([
            "--root",
            &path("podman"),
            "--runroot",
            &path("podman-run"),
            "--storage-driver",
            "vfs",
        ]);
        run(command.args(arguments))
    };
    podman(&["load", "-q", "-i", &path("saved.tar")]);
    let theirs =
        podman(&["inspect", "-f", "{{range .RootFS.Layers}}{{.}} {{end}}", "localhost/made:1"]);
    assert_eq!(theirs.split_whitespace().collect::<Vec<_>>(), layers(&host, "localhost/made:1"));
    for form in ["docker-archive", "oci-archive"] {
        podman(&["save", "-q", "--format", form, "-o", &path(form), "localhost/made:1"]);
        other.ok(&["load", "-q", "-i", &path(form)]);
        assert_eq!(layers(&other, "localhost/made:1"), layers(&host, "localhost/made:1"), "{form}");
        other.ok(&["rmi", "-f", "localhost/made:1"]);
    }
    host.assert_clean();
}
