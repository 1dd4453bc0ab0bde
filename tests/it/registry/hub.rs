//! What Docker Hub does in its own way, and who stands between here and a registry: proxies, givers of tokens, certificates.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    assert_tidy, forget_images, loaded, manifest_of,
    proxy::{Fate, Proxy, Request},
    server::{Kind, Server, free_port, host},
};
use crate::support::{Host, is_root, skip};

/// A proxy that leads every connection to one address, and notes where each should have gone.
struct Tunnel {
    /// `host:port`.
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (noted, upstream) = (Arc::clone(&asked), upstream.to_owned());
        // It ends with the test program.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (noted, upstream) = (Arc::clone(&noted), upstream.clone());
                // A client that goes away is no failure here.
                thread::spawn(move || drop(client.and_then(|it| lead(it, &upstream, &noted))));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn lead(client: TcpStream, upstream: &str, noted: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line)? > 2 {
        head.push_str(&line);
        line.clear();
    }
    noted.lock().unwrap().push(head);
    let server = TcpStream::connect(upstream)?;
    let (mut to_client, mut to_server) = (client, server.try_clone()?);
    to_client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    thread::spawn(move || {
        // Either side may have had enough.
        let _ended = io::copy(&mut reader, &mut to_server);
        let _shut = to_server.shutdown(Shutdown::Write);
    });
    io::copy(&mut { server }, &mut to_client)?;
    to_client.shutdown(Shutdown::Both)
}

/// Prepares a call as somebody with a home of its own and no proxy.
fn at_home(host: &Host, arguments: &[&str]) -> Command {
    let mut command = host.command(arguments);
    command.env("HOME", host.path("home"));
    for name in ["DOCKER_CONFIG", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "CONTAINERS_REGISTRIES_CONF"]
    {
        command.env_remove(name);
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
}

/// Writes the logins of that home, as Docker's client does.
fn logins(host: &Host, auths: &serde_json::Value) {
    let docker = host.path("home/.docker");
    fs::create_dir_all(&docker).unwrap();
    fs::write(docker.join("config.json"), json!({ "auths": auths }).to_string()).unwrap();
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// `user:secret`, as it is sent and as it is kept.
const LOGIN: &str = "dXNlcjpzZWNyZXQ=";

#[test]
fn docker_hub_has_a_host_a_login_and_a_repository_of_its_own_and_is_reached_through_a_proxy() {
    if !is_root() {
        return skip("an address that is not loopback needs a network of the test's own");
    }
    let host = host();
    let Some(server) = Server::start(&host, Kind::Private) else { return };
    let trusted = host.path("home/.config/containers/certs.d/registry-1.docker.io");
    fs::create_dir_all(&trusted).unwrap();
    fs::copy(server.path("cert.pem"), trusted.join("ca.crt")).unwrap();
    logins(&host, &json!({ "https://index.docker.io/v1/": { "auth": LOGIN } }));
    let tunnel = Tunnel::start(&server.address);
    let proxied = |name: &str, arguments: &[&str]| {
        let address = format!("http://me:hush@{}", tunnel.address);
        at_home(&host, arguments).env(name, address).output().unwrap()
    };
    let oci = loaded(&host, "app:1", &[30]);
    let pushed = proxied("HTTPS_PROXY", &["push", "app:1"]);
    assert!(said(&pushed).contains("repository [docker.io/library/app]"), "{}", said(&pushed));
    assert!(said(&pushed).contains(&manifest_of(&oci)), "{}", said(&pushed));
    assert!(server.path("data/docker/registry/v2/repositories/library/app").is_dir());
    forget_images(&host);
    let pulled = proxied("all_proxy", &["pull", "app:1"]);
    assert!(said(&pulled).contains("1: Pulling from library/app"), "{}", said(&pulled));
    assert!(said(&pulled).contains("newer image for app:1"), "{}", said(&pulled));
    let asked = tunnel.asked();
    assert!(asked.len() >= 2);
    for head in &asked {
        assert!(head.starts_with("CONNECT registry-1.docker.io:443 HTTP/1.1\r\n"), "{head}");
        // `me:hush`: for the proxy. What goes to the registry it does not see.
        assert!(head.to_lowercase().contains("proxy-authorization: basic"), "{head}");
        assert!(head.contains("bWU6aHVzaA==") && !head.contains(LOGIN), "{head}");
    }
    // Who is excepted is reached directly, which here leads nowhere.
    let direct = at_home(&host, &["pull", "app:1"])
        .env("HTTPS_PROXY", format!("http://{}", tunnel.address))
        .env("NO_PROXY", "other.example,.docker.io")
        .output()
        .unwrap();
    assert_eq!(direct.status.code(), Some(1), "{}", said(&direct));
    assert!(said(&direct).contains("registry-1.docker.io cannot be reached"), "{}", said(&direct));
    assert_eq!(tunnel.asked().len(), asked.len());
    // A proxy that is not there is said, with its registry.
    let gone = at_home(&host, &["pull", "app:1"])
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", free_port()))
        .output()
        .unwrap();
    assert!(said(&gone).contains("registry-1.docker.io cannot be reached"), "{}", said(&gone));
    assert_tidy(&host);
}

/// Lets through who shows a token; `give` gives it to who asks for one.
fn gate(
    port: u16,
    give: impl Fn(&Request) -> bool + Send + Sync + 'static,
) -> impl Fn(&Request) -> Fate + Send + Sync + 'static {
    move |request| {
        if request.path.starts_with("/token") {
            return if give(request) {
                Fate::Say(br#"{"access_token":"good","token":""}"#.to_vec(), String::new())
            } else {
                Fate::Explain(
                    401,
                    r#"{"errors":[{"message":"not you"}]}"#.to_owned(),
                    String::new(),
                )
            };
        }
        if request.header("authorization") == Some("Bearer good") {
            return Fate::Pass;
        }
        let actions =
            if request.method == "GET" || request.method == "HEAD" { "pull" } else { "pull,push" };
        let scope = format!("repository:team/app:{actions}");
        Fate::Answer(
            401,
            format!(
                "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"registry.test\",scope=\"{scope}\"\r\n"
            ),
        )
    }
}

/// Undoes what a query and a form do to two characters.
fn plain(text: &str) -> String {
    text.replace("%3A", ":").replace("%2F", "/").replace("%3a", ":").replace("%2f", "/")
}

#[test]
fn a_token_is_asked_for_by_service_and_scope_with_a_password_or_another_token() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let name = server.name("team/app:1");
    let oci = loaded(&host, &name, &[30]);
    host.ok(&["push", "-q", &name]);
    forget_images(&host);
    let pull = |login: serde_json::Value, give: fn(&Request) -> bool| {
        let port = free_port();
        let proxy = Proxy::start_at(port, &server.address, gate(port, give));
        logins(&host, &json!({ proxy.address.clone(): login }));
        let output = at_home(&host, &["pull", &proxy.name("team/app:1")]).output().unwrap();
        forget_images(&host);
        let tokens = proxy.seen().into_iter().filter(|it| it.path.starts_with("/token"));
        (output, tokens.collect::<Vec<_>>())
    };
    // As distribution's spec/auth/token.md has it.
    let password = |request: &Request| {
        request.method == "GET"
            && request.header("authorization") == Some(&format!("Basic {LOGIN}"))
    };
    let (output, tokens) = pull(json!({ "auth": LOGIN }), password);
    assert!(said(&output).contains(&manifest_of(&oci)), "{}", said(&output));
    assert_eq!(tokens.len(), 1, "one for all: {tokens:?}");
    let asked = plain(&tokens[0].path);
    for part in ["service=registry.test", "scope=repository:team/app:pull", "account=user"] {
        assert!(asked.split(['?', '&']).any(|it| it == part), "{part}: {asked}");
    }
    // As spec/auth/oauth.md has it.
    let refresh = |request: &Request| {
        request.method == "POST" && plain(&request.form).contains("refresh_token=it/is/me")
    };
    let (output, tokens) = pull(json!({ "identitytoken": "it/is/me" }), refresh);
    assert!(said(&output).contains(&manifest_of(&oci)), "{}", said(&output));
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(tokens[0].header("authorization").is_none(), "{tokens:?}");
    let form = plain(&tokens[0].form);
    for part in
        ["grant_type=refresh_token", "service=registry.test", "scope=repository:team/app:pull"]
    {
        assert!(form.split('&').any(|it| it == part), "{part}: {form}");
    }
    // Who gives no token says why.
    let (output, _) = pull(json!({ "auth": "dXNlcjp3cm9uZw==" }), password);
    assert_eq!(output.status.code(), Some(1));
    let told = said(&output);
    assert!(told.contains("does not accept the login: not you"), "{told}");
    assert!(told.contains("estiba login 127.0.0.1"), "{told}");
    assert_tidy(&host);
}

#[test]
fn who_has_asked_too_often_is_told_what_the_registry_says_of_it() {
    let host = host();
    let words = "You have reached your unauthenticated pull rate limit.";
    let limited = |headers: &'static str| {
        let body = json!({ "errors": [{ "code": "TOOMANYREQUESTS", "message": words }] });
        Proxy::start("127.0.0.1:1", move |request| match request.path.as_str() {
            "/v2/" => Fate::Say(b"{}".to_vec(), String::new()),
            _ => Fate::Explain(429, body.to_string(), headers.to_owned()),
        })
    };
    for (headers, tries) in [("Retry-After: 21600\r\n", 1), ("Retry-After: 0\r\n", 6)] {
        let registry = limited(headers);
        let begun = Instant::now();
        let output = at_home(&host, &["pull", &registry.name("app:1")]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let told = said(&output);
        assert!(told.contains(words), "{told}");
        assert!(told.contains(&format!("estiba login {}", registry.address)), "{told}");
        let asked = registry.seen().iter().filter(|it| it.path.contains("/manifests/")).count();
        assert_eq!(asked, tries, "{headers}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

#[test]
fn several_images_come_at_once_over_one_queue_and_what_they_share_once() {
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let names = ["a:1", "b:1", "c:1"].map(|name| server.name(name));
    // Sizes give the same bytes at the same place: the first layer of all is one.
    for (name, sizes) in names.iter().zip([&[200, 10][..], &[200, 20], &[200, 30]]) {
        loaded(&host, name, sizes);
        host.ok(&["push", "-q", name]);
    }
    forget_images(&host);
    let under_way = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&under_way);
    let proxy = Proxy::start(&server.address, move |request| {
        if request.is_blob() {
            seen.fetch_add(1, Ordering::SeqCst);
        }
        Fate::Pass
    });
    let wanted = ["a:1", "b:1", "c:1"].map(|name| proxy.name(name));
    let arguments: Vec<&str> =
        ["pull", "-q"].into_iter().chain(wanted.iter().map(String::as_str)).collect();
    let told = host.ok(&arguments);
    assert_eq!(told.lines().collect::<Vec<_>>(), wanted);
    assert_eq!(under_way.load(Ordering::SeqCst), 3 + 4, "three configs, and four layers for six");
    // One that is not there keeps all others away.
    forget_images(&host);
    let missing = proxy.name("nosuch:1");
    let error = host.fails(1, &["pull", "-q", &wanted[0], &missing]);
    assert!(error.contains("nosuch"), "{error}");
    assert_eq!(host.ok(&["images", "-q"]), "");
    assert_tidy(&host);
}

#[test]
fn a_registry_that_wants_to_see_a_certificate_is_shown_the_one_that_lies_there() {
    if !is_root() {
        return skip("an address that is not loopback needs a network of the test's own");
    }
    let host = host();
    let Some(server) = Server::start(&host, Kind::Acquainted) else { return };
    let trusted = host.path("home/.config/containers/certs.d").join(&server.address);
    fs::create_dir_all(&trusted).unwrap();
    fs::copy(server.path("cert.pem"), trusted.join("ca.crt")).unwrap();
    let name = server.name("app:1");
    let oci = loaded(&host, &name, &[30]);
    let push = || at_home(&host, &["push", &name]).output().unwrap();
    let stranger = push();
    assert_eq!(stranger.status.code(), Some(1), "{}", said(&stranger));
    assert!(
        said(&stranger).contains(&format!("registry {}", server.address)),
        "{}",
        said(&stranger)
    );
    // containers-certs.d(5) and Docker's documentation name them so.
    fs::copy(server.path("client-cert.pem"), trusted.join("client.cert")).unwrap();
    let keyless = push();
    assert!(said(&keyless).contains("client.key"), "{}", said(&keyless));
    fs::copy(server.path("client-key.pem"), trusted.join("client.key")).unwrap();
    let known = push();
    assert!(said(&known).contains(&manifest_of(&oci)), "{}", said(&known));
    assert_tidy(&host);
}
