//! What breaks on the way: an image arrives whole or not at all, and the next try goes on from where it was.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use nix::sys::signal::{Signal, kill};

use super::{
    assert_tidy, forget_images, loaded, manifest_of, partials,
    proxy::{Fate, Proxy, Request},
    server::{Kind, Server, host},
};
use crate::support::{Host, eventually};

/// The layers, in kilobytes.
const SIZES: [usize; 2] = [800, 300];

/// An image in a registry and not here.
struct Filled {
    /// Its manifest's digest.
    digest: String,
    /// The bytes of its layers.
    layers: u64,
    /// The bytes of its config.
    config: u64,
}

fn filled(host: &Host, server: &Server) -> Filled {
    let name = server.name("app:1");
    let oci = loaded(host, &name, &SIZES);
    host.ok(&["push", "-q", &name]);
    forget_images(host);
    let digest = manifest_of(&oci);
    let blobs = oci.0.iter().filter(|(name, _)| name.starts_with("blobs/"));
    let sizes = blobs.filter(|(name, _)| !name.ends_with(digest.trim_start_matches("sha256:")));
    let (layers, documents): (Vec<u64>, Vec<u64>) =
        sizes.map(|(_, bytes)| bytes.len() as u64).partition(|size| *size > 10_000);
    Filled { digest, layers: layers.iter().sum(), config: documents.iter().sum() }
}

#[test]
fn a_transfer_that_breaks_goes_on_from_where_it_was() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let Filled { digest, layers, config } = filled(&host, &server);
    // The first three transfers of blobs break off after 100 kB.
    let broken = AtomicUsize::new(0);
    let proxy = Proxy::start(&server.address, move |request| {
        if request.is_blob() && broken.fetch_add(1, Ordering::SeqCst) < 3 {
            return Fate::Cut(100_000);
        }
        Fate::Pass
    });
    let said = host.ok(&["pull", &proxy.name("app:1")]);
    assert!(said.contains(&digest), "{said}");
    assert_eq!(proxy.blob_bytes(), layers + config, "each byte once");
    assert!(proxy.seen().iter().any(|request| request.header("range").is_some()));
    assert_tidy(&host);
}

#[test]
fn the_next_try_goes_on_where_a_failed_one_was() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let Filled { digest, layers, config } = filled(&host, &server);
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&is_broken);
    // The big layer always breaks off where it was, the small one comes whole.
    let proxy = Proxy::start(&server.address, move |request| match request.header("range") {
        _ if !request.is_blob() || !broken.load(Ordering::SeqCst) => Fate::Pass,
        Some(_) => Fate::Cut(0),
        None => Fate::Cut(500_000),
    });
    let name = proxy.name("app:1");
    let said = host.fails(1, &["pull", &name]);
    assert!(said.contains("cannot be reached"), "{said}");
    assert_eq!(host.ok(&["images", "-q"]), "", "not at all");
    assert!(!partials(&host).is_empty(), "what came is kept");
    let before = proxy.blob_bytes();
    assert!(before >= 500_000, "{before}");
    is_broken.store(false, Ordering::SeqCst);
    assert!(host.ok(&["pull", &name]).contains(&digest));
    assert_eq!(
        proxy.blob_bytes(),
        layers + 2 * config,
        "each byte of the layers once, in both tries"
    );
    assert_tidy(&host);
}

#[test]
fn wrong_bytes_are_never_believed() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let Filled { digest, .. } = filled(&host, &server);
    // Once, each blob comes with a wrong byte: it is fetched anew.
    let swapped = AtomicUsize::new(0);
    let once = Proxy::start(&server.address, move |request| {
        if request.is_blob() && swapped.fetch_add(1, Ordering::SeqCst) == 1 {
            return Fate::Swap(70_000);
        }
        Fate::Pass
    });
    assert!(host.ok(&["pull", &once.name("app:1")]).contains(&digest));
    forget_images(&host);
    // Always: refused, with nothing kept that is wrong.
    let always = Proxy::start(&server.address, |request| {
        let is_layer = request.is_blob() && request.number > 3;
        if is_layer { Fate::Swap(70_000) } else { Fate::Pass }
    });
    let said = host.fails(1, &["pull", &always.name("app:1")]);
    assert!(said.contains("but its bytes are sha256:"), "{said}");
    assert_eq!(host.ok(&["images", "-q"]), "");
    assert!(host.ok(&["pull", &once.name("app:1")]).contains(&digest));
    // A manifest with a wrong byte is no manifest.
    forget_images(&host);
    let manifest = Proxy::start(&server.address, |request| {
        if request.path.contains("/manifests/") { Fate::Swap(30) } else { Fate::Pass }
    });
    let said = host.fails(1, &["pull", &manifest.name("app:1")]);
    assert!(said.contains("but its bytes are"), "{said}");
    assert_tidy(&host);
}

#[test]
fn a_registry_that_stumbles_is_asked_again() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let Filled { digest, .. } = filled(&host, &server);
    let name = |proxy: &Proxy| proxy.name("app:1");
    // Each kind of request fails once with each status.
    for (status, headers) in
        [(429, "Retry-After: 1\r\n"), (500, ""), (503, "Retry-After: 0\r\n"), (408, "")]
    {
        let failed = std::sync::Mutex::new(Vec::new());
        let proxy = Proxy::start(&server.address, move |request| {
            let mut failed = failed.lock().unwrap();
            if failed.contains(&request.path) {
                return Fate::Pass;
            }
            failed.push(request.path.clone());
            Fate::Answer(status, headers.to_owned())
        });
        let begun = Instant::now();
        assert!(host.ok(&["pull", &name(&proxy)]).contains(&digest), "{status}");
        if status == 429 {
            assert!(begun.elapsed() >= Duration::from_secs(1), "what was asked for is waited");
        }
        forget_images(&host);
    }
    // One that wants to be left alone for long is, and says so.
    let weary = Proxy::start(&server.address, |request| {
        if request.path.contains("/manifests/") {
            return Fate::Answer(429, "Retry-After: 3600\r\n".to_owned());
        }
        Fate::Pass
    });
    let said = host.fails(1, &["pull", &name(&weary)]);
    assert!(said.contains("wants no further requests for 3600 s"), "{said}");
    // One that has less than its manifest says is wrong, not slow.
    let liar = Proxy::start(&server.address, |request| {
        if request.is_blob() && request.number > 3 { Fate::Shorten(1000) } else { Fate::Pass }
    });
    let said = host.fails(1, &["pull", &name(&liar)]);
    assert!(said.contains("but has 1000"), "{said}");
    assert_eq!(host.ok(&["images", "-q"]), "");
}

/// Lets through what shows the newest token, and gives one for the asking: each is good for so many requests.
fn gate(realm: &str, uses: usize) -> impl Fn(&Request) -> Fate + Send + Sync + 'static {
    let (given, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let realm = realm.to_owned();
    move |request| {
        if request.path.starts_with("/token") {
            assert!(request.path.contains("service=test"), "{}", request.path);
            left.store(uses, Ordering::SeqCst);
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            let token = format!("{{\"token\":\"t{number}\",\"expires_in\":60}}");
            return Fate::Say(token.into_bytes(), String::new());
        }
        let newest = format!("Bearer t{}", given.load(Ordering::SeqCst));
        let is_newest = request.header("authorization") == Some(newest.as_str());
        if is_newest
            && left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
        {
            return Fate::Pass;
        }
        Fate::Answer(
            401,
            format!(
                "WWW-Authenticate: Bearer realm=\"http://{realm}/token\",service=\"test\",scope=\"repository:app:pull,push\"\r\n"
            ),
        )
    }
}

#[test]
fn a_token_is_fetched_and_fetched_anew_when_it_has_expired() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let Filled { digest, layers, config } = filled(&host, &server);
    let port = super::server::free_port();
    let realm = format!("127.0.0.1:{port}");
    // Tokens and registry are one address here; each token lasts for two requests.
    let proxy = Proxy::start_at(port, &server.address, gate(&realm, 2));
    let name = proxy.name("app:1");
    assert!(host.ok(&["pull", &name]).contains(&digest));
    let asked = |proxy: &Proxy| {
        proxy.seen().iter().filter(|request| request.path.starts_with("/token")).count()
    };
    assert!(asked(&proxy) >= 2, "{} tokens", asked(&proxy));
    assert_eq!(proxy.blob_bytes(), layers + config);
    // And on the way there, with a token that is good for one request.
    loaded(&host, &proxy.name("app:2"), &[64]);
    let said = host.ok(&["push", &proxy.name("app:2")]);
    assert!(said.contains("2: digest: sha256:"), "{said}");
    assert_tidy(&host);
}

#[test]
fn a_broken_upload_goes_on_from_where_it_was() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let broken = AtomicUsize::new(0);
    let proxy = Proxy::start(&server.address, move |request| match request.method.as_str() {
        "PATCH" if broken.fetch_add(1, Ordering::SeqCst) < 2 => Fate::CutUpload(200_000),
        _ => Fate::Pass,
    });
    let name = proxy.name("app:1");
    let oci = loaded(&host, &name, &[900]);
    assert!(host.ok(&["push", &name]).contains(&manifest_of(&oci)));
    forget_images(&host);
    assert!(host.ok(&["pull", &server.name("app:1")]).contains(&manifest_of(&oci)));
    assert_tidy(&host);
}

#[test]
fn a_cancelled_pull_ends_at_once_and_leaves_nothing() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    filled(&host, &server);
    let proxy = Proxy::start(&server.address, |request| {
        if request.is_blob() && request.number > 3 { Fate::Stall } else { Fate::Pass }
    });
    let mut child = host
        .command(&["pull", &proxy.name("app:1")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("a layer is on its way", || {
        proxy
            .seen()
            .iter()
            .any(|request| request.is_blob() && request.number > 3 && request.moved > 0)
    });
    let begun = Instant::now();
    kill(nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(host.ok(&["images", "-q"]), "");
    assert_tidy(&host);
}

#[test]
fn a_pull_that_was_killed_is_gone_on_with() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let Filled { digest, layers, config } = filled(&host, &server);
    let stalls = Arc::new(AtomicBool::new(true));
    let stalling = Arc::clone(&stalls);
    let proxy = Proxy::start(&server.address, move |request| {
        // One of the two layers comes whole.
        let is_last = request.is_blob() && request.number > 4;
        if is_last && stalling.load(Ordering::SeqCst) { Fate::Stall } else { Fate::Pass }
    });
    let mut child =
        host.command(&["pull", &proxy.name("app:1")]).stdout(Stdio::null()).spawn().unwrap();
    eventually("one layer is here, the other stalls, and all that came is written", || {
        let written: u64 =
            partials(&host).iter().map(|path| path.metadata().map_or(0, |it| it.len())).sum();
        let stalls = proxy.seen().iter().any(|request| request.number > 4 && request.moved == 1000);
        let is_whole =
            proxy.seen().iter().any(|request| request.is_blob() && request.moved > 250_000);
        stalls && is_whole && written + config == proxy.blob_bytes()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(host.ok(&["images", "-q"]), "");
    stalls.store(false, Ordering::SeqCst);
    assert!(host.ok(&["pull", &proxy.name("app:1")]).contains(&digest));
    assert_eq!(
        proxy.blob_bytes(),
        layers + 2 * config,
        "each byte of the layers once, in both tries"
    );
    assert_tidy(&host);
}
