//! What comes and goes when nothing breaks.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
};

use super::{
    assert_tidy, forget_images, layer, load, loaded, manifest_of,
    proxy::{Fate, Proxy},
    server::{Kind, Server, host},
};
use crate::{
    image::{Oci, gzip, zstd},
    support::{Host, is_root, skip},
};

#[test]
fn what_is_pushed_comes_back_byte_for_byte() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let name = server.name("team/app:1");
    let oci = loaded(&host, &name, &[300, 200, 100]);
    let said = host.ok(&["push", &name]);
    assert!(
        said.starts_with(&format!("The push refers to repository [{}/team/app]", server.address))
    );
    assert!(said.contains(&format!("1: digest: {}", manifest_of(&oci))), "{said}");
    assert_eq!(said.matches(": Pushed").count(), 3, "{said}");
    let again = host.ok(&["push", &name]);
    assert_eq!(again.matches(": Layer already exists").count(), 3, "{again}");

    forget_images(&host);
    let said = host.ok(&["pull", &name]);
    assert!(said.starts_with("1: Pulling from team/app\n"), "{said}");
    assert!(said.contains(&format!("\nDigest: {}\n", manifest_of(&oci))), "{said}");
    assert!(said.contains(&format!("\nStatus: Downloaded newer image for {name}\n")), "{said}");
    assert_eq!(said.matches(": Pull complete").count(), 3, "{said}");
    for (blob, bytes) in oci.0.iter().filter(|(name, _)| name.starts_with("blobs/")) {
        assert_eq!(&fs::read(host.path("root").join(blob)).unwrap(), bytes, "{blob}");
    }
    assert!(host.ok(&["pull", &name]).contains(&format!("Status: Image is up to date for {name}")));
    assert_eq!(host.ok(&["pull", "-q", &name]), name);
    let by_digest = format!("{}/team/app@{}", server.address, manifest_of(&oci));
    assert!(host.ok(&["pull", &by_digest]).contains("Downloaded newer image"));
    assert_eq!(host.ok(&["pull", "-q", &by_digest]), by_digest);
    let shown = host.ok(&["manifest", "inspect", &name]);
    let blob = format!("blobs/sha256/{}", manifest_of(&oci).trim_start_matches("sha256:"));
    assert_eq!(shown.as_bytes(), oci.0[&blob]);
    assert_tidy(&host);
}

#[test]
fn what_is_here_or_there_does_not_travel() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let proxy = Proxy::start(&server.address, |_| Fate::Pass);
    let (first, second) = (proxy.name("a:1"), proxy.name("b:1"));
    loaded(&host, &first, &[200, 100]);
    host.ok(&["push", &first]);
    // Taken over by the registry from the repository that has it.
    host.ok(&["tag", &first, &second]);
    let said = host.ok(&["push", &second]);
    assert_eq!(said.matches(": Mounted").count(), 2, "{said}");
    let uploads = proxy.seen().iter().filter(|request| request.method == "PATCH").count();
    assert_eq!(uploads, 3, "two layers and a config, once");

    // The same two layers under another one: neither its blobs nor the config of the first travel twice.
    let tars =
        [layer("file-1", 1, 200 * 1024), layer("file-2", 2, 100 * 1024), layer("new", 9, 5000)];
    let blobs: Vec<_> = tars.iter().map(|tar| gzip(tar)).collect();
    let upside_down = [2, 0, 1].map(|place| (&tars[place][..], &blobs[place][..]));
    let third = proxy.name("c:1");
    load(&host, &Oci::new(&upside_down, &third));
    host.ok(&["push", &third]);
    forget_images(&host);
    host.ok(&["pull", &first]);
    let before = proxy.blob_bytes();
    let said = host.ok(&["pull", &third]);
    let moved = proxy.blob_bytes() - before;
    assert!(moved < 10_000, "{moved} bytes for a layer of 5000 and a config: {said}");
    // Nothing moves for what is here under another name.
    let before = proxy.blob_bytes();
    let said = host.ok(&["pull", &second]);
    assert_eq!(proxy.blob_bytes(), before, "{said}");
    assert_eq!(said.matches(": Already exists").count(), 2, "{said}");
    assert_tidy(&host);
}

#[test]
fn every_compression_and_every_tag_comes_over_one_queue() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let tars = [layer("a", 1, 50_000), layer("b", 2, 60_000), layer("c", 3, 70_000)];
    let blobs = [gzip(&tars[0]), zstd(&tars[1]), tars[2].clone()];
    let name = server.name("mixed:1");
    load(&host, &Oci::new(&[0, 1, 2].map(|at| (&tars[at][..], &blobs[at][..])), &name));
    host.ok(&["push", "-q", &name]);
    let other = server.name("mixed:two");
    loaded(&host, &other, &[10]);
    host.ok(&["push", "-q", "-a", &server.name("mixed")]);
    forget_images(&host);
    let mut came: Vec<String> =
        host.ok(&["pull", "-q", "-a", &server.name("mixed")]).lines().map(str::to_owned).collect();
    came.sort();
    assert_eq!(came, [name.clone(), other.clone()]);
    let names = host.ok(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    assert!(names.contains(&name) && names.contains(&other), "{names}");
    host.fails(1, &["pull", "-a", &name]);
    host.fails(1, &["pull", "-a", &server.name("nosuch")]);
    assert_tidy(&host);
}

#[test]
fn a_registry_with_tls_and_passwords_is_spoken_to() {
    if !is_root() {
        skip("an address that is not loopback needs a network of the test's own");
        return;
    }
    let host = host();
    let Some(server) = Server::start(&host, Kind::Private) else { return };
    let name = server.name("app:1");
    loaded(&host, &name, &[100]);
    let home = host.path("home");
    fs::create_dir_all(&home).unwrap();
    let run = |arguments: &[&str], input: Option<&str>| -> Output {
        let mut command = host.command(arguments);
        command.env("HOME", &home).env_remove("DOCKER_CONFIG").env_remove("XDG_CONFIG_HOME");
        let Some(input) = input else { return command.output().unwrap() };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let said = |output: &Output| {
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    let login = ["login", "-u", "user", "--password-stdin", &server.address];
    let stranger = run(&login, Some("secret\n"));
    assert!(said(&stranger).contains("cannot be trusted"), "{stranger:?}");
    assert!(said(&stranger).contains("certs.d"), "{stranger:?}");
    let trusted = home.join(".config/containers/certs.d").join(&server.address);
    fs::create_dir_all(&trusted).unwrap();
    fs::copy(server.path("cert.pem"), trusted.join("ca.crt")).unwrap();

    let anonymous = run(&["push", &name], None);
    assert_eq!(anonymous.status.code(), Some(1));
    assert!(said(&anonymous).contains("wants a login"), "{anonymous:?}");
    assert!(said(&anonymous).contains(&format!("estiba login {}", server.address)));
    let wrong = run(&login, Some("guess"));
    assert_eq!(wrong.status.code(), Some(1));
    assert!(said(&wrong).contains("does not accept the login"), "{wrong:?}");
    assert!(!home.join(".docker/config.json").exists(), "a wrong login is not kept");

    let right = run(&login, Some("secret\n"));
    assert!(said(&right).contains("Login Succeeded"), "{right:?}");
    let kept = home.join(".docker/config.json");
    let mode = kept.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
    assert!(fs::read_to_string(&kept).unwrap().contains("dXNlcjpzZWNyZXQ="), "as docker writes it");
    assert!(run(&["push", &name], None).status.success());
    forget_images(&host);
    let pulled = run(&["pull", &name], None);
    assert!(said(&pulled).contains("Downloaded newer image"), "{pulled:?}");

    let gone = run(&["logout", &server.address], None);
    assert!(said(&gone).contains("Removing login credentials"), "{gone:?}");
    assert!(said(&run(&["logout", &server.address], None)).contains("Not logged in"));
    assert_eq!(run(&["pull", &name], None).status.code(), Some(1));
    assert_tidy(&host);
}

#[test]
fn a_login_is_asked_of_the_helper_that_keeps_it() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Password) else { return };
    let (home, bin) = (host.path("home"), host.path("bin"));
    fs::create_dir_all(home.join(".docker")).unwrap();
    fs::create_dir_all(&bin).unwrap();
    let kept = home.join("kept");
    let helper = format!(
        "#!/bin/sh\ncase $1 in\nget) cat {0} 2>/dev/null || {{ echo 'credentials not found in native keychain'; exit 1; }} ;;\nstore) cat > {0} ;;\nerase) rm -f {0} ;;\nesac\n",
        kept.display()
    );
    let program = bin.join("docker-credential-test");
    fs::write(&program, helper).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = home.join(".docker/config.json");
    fs::write(&config, r#"{"credsStore":"test"}"#).unwrap();
    let run = |arguments: &[&str]| {
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = host.command(arguments);
        command.env("HOME", &home).env("PATH", path).env_remove("DOCKER_CONFIG");
        command.output().unwrap()
    };
    let name = server.name("app:1");
    loaded(&host, &name, &[20]);
    assert_eq!(run(&["push", &name]).status.code(), Some(1));
    let login = run(&["login", "-u", "user", "-p", "secret", &server.address]);
    assert!(login.status.success(), "{login:?}");
    assert!(fs::read_to_string(&kept).unwrap().contains("\"Secret\":\"secret\""));
    assert!(!fs::read_to_string(&config).unwrap().contains("auths"), "nothing in the file");
    let pushed = run(&["push", &name]);
    assert!(pushed.status.success(), "{pushed:?}");
    assert!(run(&["logout", &server.address]).status.success());
    assert!(!kept.exists());
    // CVE-2021-41092: without its helper a login goes nowhere at all.
    fs::remove_file(&program).unwrap();
    for words in [&["login", "-u", "user", "-p", "secret", &server.address][..], &["push", &name]] {
        let refused = run(words);
        assert!(!refused.status.success(), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("docker-credential-test"), "{said}");
    }
    assert!(!kept.exists());
    assert_eq!(fs::read_to_string(&config).unwrap(), r#"{"credsStore":"test"}"#);
}

#[test]
fn mirrors_are_asked_first_and_the_registry_after_them() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let name = server.name("app:1");
    loaded(&host, &name, &[50]);
    host.ok(&["push", &name]);
    forget_images(&host);
    let mirror = Proxy::start(&server.address, |request| {
        if request.is_blob() { Fate::Answer(404, String::new()) } else { Fate::Pass }
    });
    let own = Proxy::start(&server.address, |_| Fate::Pass);
    let config = host.path("registries.conf");
    let text = format!(
        "[[registry]]\nprefix = \"reg.example\"\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"127.0.0.1:1\"\n[[registry.mirror]]\nlocation = \"{}\"\n[[registry]]\nlocation = \"bad.example\"\nblocked = true\n",
        own.address, mirror.address
    );
    fs::write(&config, text).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = host.command(arguments);
        command.env("CONTAINERS_REGISTRIES_CONF", &config).output().unwrap()
    };
    let pulled = run(&["pull", "-q", "reg.example/app:1"]);
    assert!(pulled.status.success(), "{pulled:?}");
    assert!(mirror.seen().iter().any(|request| request.path.contains("/manifests/")));
    assert!(!own.seen().iter().any(|request| request.path.contains("/manifests/")));
    assert!(own.blob_bytes() > 50 * 1024, "the mirror had no blobs");
    let blocked = run(&["pull", "bad.example/app:1"]);
    assert!(String::from_utf8_lossy(&blocked.stderr).contains("blocked in registries.conf"));
}

#[test]
fn run_pulls_what_is_not_here() {
    let host = Host::with_starter();
    if is_root() {
        estiba::sys::netlink::Socket::route().unwrap().bring_up_loopback().unwrap();
    }
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let name = server.name("starter:1");
    host.ok(&["tag", crate::support::STARTER, &name]);
    host.ok(&["push", "-q", &name]);
    host.ok(&["rmi", &name]);
    let run = |when: &str| {
        host.call(&["run", "--rm", "--network", "none", "--pull", when, &name, "echo", "hello"])
    };
    let never = run("never");
    assert_eq!(never.status.code(), Some(125), "{never:?}");
    let missing = run("missing");
    assert_eq!(String::from_utf8_lossy(&missing.stdout), "hello\n", "{missing:?}");
    let told = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(told.starts_with(&format!("Unable to find image '{name}' locally\n")), "{told}");
    assert_eq!(run("missing").stderr, b"");
    let always = run("always");
    assert!(String::from_utf8_lossy(&always.stderr).contains("Image is up to date"), "{always:?}");
    drop(server);
    assert_eq!(run("always").status.code(), Some(125), "a registry that is gone");
    host.assert_clean();
}

#[test]
fn what_a_registry_has_is_listed() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    loaded(&host, "app:1", &[1]);
    for name in ["team/app:1", "team/app:2", "other:latest"] {
        host.ok(&["tag", "app:1", &server.name(name)]);
        host.ok(&["push", "-q", &server.name(name)]);
    }
    let found = |term: &str, format: &str| host.ok(&["search", "--format", format, term]);
    let app = server.name("team/app");
    assert_eq!(found(&app, "{{.Name}}:{{.Tag}}"), format!("{app}:1\n{app}:2"));
    let all = format!("{}\n{app}", server.name("other"));
    assert_eq!(found(&server.address, "{{.Name}}"), all);
    assert_eq!(found(&format!("{}/", server.address), "{{.Name}}"), all);
    assert_eq!(host.ok(&["search", "--limit", "1", &app]).lines().count(), 2, "the heads and one");
    let said = host.fails(1, &["search", &server.name("nosuch")]);
    assert!(said.contains("nosuch"), "{said}");
}
