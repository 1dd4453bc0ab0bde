//! The same policies and signatures, given to skopeo.

use std::path::Path;

use super::{
    super::{
        loaded,
        server::{Kind, Server},
    },
    *,
};
use crate::support::skip;

/// A key as cosign keeps it, made for this test; its password is `secret`.
const PRIVATE: &str = "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n\
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjozMjc2OCwiciI6\n\
OCwicCI6MX0sInNhbHQiOiI0N282ZHhEUzBnYnJMSkUrTmVpQUxWeU13NnZ2Yy9T\n\
U2xVT2NCWjEzeERVPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94\n\
Iiwibm9uY2UiOiJxYTJMT0M0VFJQbzcvT0d2enE3RzI3OXJ5bHJGbUgyOSJ9LCJj\n\
aXBoZXJ0ZXh0Ijoic3pDK1lQLzgvcXR4cWxYbkpZV2p5RTMzcDB1cFh5cStodDZF\n\
bU5HRVZWVy9Xa3VsR2gwVFhlYzN6eGVpNjJKR1dGbThpTHNTV21MKysrNzgxRXdj\n\
cEVsYTJtTDlpc3p1dUpBVkFIWnRxWUZsN2xpa2NlUTZLUE50YUNwREJSWGFGbEdz\n\
NXVhRHNxQVl5YjZjSVBZYVhrSHE3RGN1QldndWlmVjZrcVBtOHU1WXpIbndLc0Qw\n\
N1I2MlZYZGZLZG5QUjYyWW96MFFRQndLcXc9PSJ9\n\
-----END ENCRYPTED COSIGN PRIVATE KEY-----\n\
";

const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhDRGl2YnUf5p1ZHq7lkmrVQMu/5G\n\
Jd2YqtvaJshIfC39Z2FC0q4YvjtRDxZNui15utifgYfUHZ0ZcKiFnGNH6g==\n\
-----END PUBLIC KEY-----\n\
";

/// Tells whether there is skopeo.
fn has_skopeo() -> bool {
    let is_there = Command::new("skopeo").arg("--version").output().is_ok();
    if !is_there {
        skip("there is no skopeo: apt-get install skopeo");
    }
    is_there
}

fn skopeo(directory: &Path, arguments: &[&str]) -> Output {
    Command::new("skopeo").args(arguments).current_dir(directory).output().unwrap()
}

/// Gives policies, and whether they let an image of the registry in.
fn policies(server: &Server, name: &str) -> Vec<(String, bool)> {
    let (yes, no) = (r#"[{"type":"insecureAcceptAnything"}]"#, r#"[{"type":"reject"}]"#);
    let address = &server.address;
    let among = |scope: &str| {
        format!(r#"{{"default":{no},"transports":{{"docker":{{"{scope}":{yes}}}}}}}"#)
    };
    vec![
        (format!(r#"{{"default":{yes}}}"#), true),
        (format!(r#"{{"default":{no}}}"#), false),
        (among(""), true),
        (among(address), true),
        (among(&server.name("team")), true),
        (among(&server.name("team/app")), true),
        (among(name), true),
        (among(&server.name("tea")), false),
        (among(&server.name("team/app:2")), false),
        (among("127.0.0.1"), false),
        (among("*.0.0.1"), true),
        (
            format!(
                r#"{{"default":{yes},"transports":{{"docker":{{"{address}":{no},"{name}":{yes}}}}}}}"#
            ),
            true,
        ),
        (
            format!(
                r#"{{"default":{yes},"transports":{{"docker":{{"{address}":{yes},"{name}":{no}}}}}}}"#
            ),
            false,
        ),
        (
            format!(
                r#"{{"default":{yes},"transports":{{"docker":{{"":{no}}},"oci":{{"":{yes}}}}}}}"#
            ),
            false,
        ),
        (r#"{"default":[{"type":"insecureAcceptAnything"},{"type":"reject"}]}"#.to_owned(), false),
        // What is no policy.
        (r#"{"default":[]}"#.to_owned(), false),
        (r"{}".to_owned(), false),
        (format!(r#"{{"default":{yes},"more":1}}"#), false),
        (format!(r#"{{"default":{no},"default":{yes}}}"#), false),
        (format!(r#"{{"default":{yes},"transports":{{"docker-archive":{{"/x":{yes}}}}}}}"#), false),
        (r#"{"default":[{"type":"insecureAcceptAnything","x":1}]}"#.to_owned(), false),
        (r#"{"default":[{"type":"unheard"}]}"#.to_owned(), false),
    ]
}

#[test]
fn a_policy_says_the_same_to_skopeo() {
    if !has_skopeo() {
        return;
    }
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let name = server.name("team/app:1");
    loaded(&host, &name, &[10]);
    host.ok(&["push", "-q", &name]);
    host.ok(&["rmi", &name]);
    for (policy, expected) in policies(&server, &name) {
        fs::write(host.path("policy.json"), &policy).unwrap();
        let from = format!("docker://{name}");
        let arguments =
            ["--policy", "policy.json", "copy", "-q", "--src-tls-verify=false", &from, "dir:out"];
        let theirs = skopeo(&host.path(""), &arguments);
        assert_eq!(theirs.status.success(), expected, "skopeo, {policy}: {theirs:?}");
        let ours = host
            .command(&["pull", "-q", &name])
            .env("ESTIBA_POLICY", host.path("policy.json"))
            .output()
            .unwrap();
        assert_eq!(ours.status.success(), expected, "{policy}: {ours:?}");
    }
}

#[test]
fn what_skopeo_has_signed_is_accepted() {
    if !has_skopeo() {
        return;
    }
    let host = host();
    let Some(server) = Server::start(&host, Kind::Open) else { return };
    let directory = host.path("");
    for (name, content) in [
        ("cosign.key", PRIVATE),
        ("cosign.pub", PUBLIC),
        ("password", "secret"),
        ("any.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#),
    ] {
        fs::write(host.path(name), content).unwrap();
    }
    fs::create_dir(host.path("registries.d")).unwrap();
    let attached =
        json!({ "docker": { server.address.clone(): { "use-sigstore-attachments": true } } });
    fs::write(host.path("registries.d/all.yaml"), attached.to_string()).unwrap();
    let tar = super::super::layer("file", 1, 3000);
    let name = server.name("team/app:1");
    fs::write(host.path("image.tar"), crate::image::docker(&[&tar], &name)).unwrap();
    let to = format!("docker://{name}");
    let signing =
        ["--sign-by-sigstore-private-key", "cosign.key", "--sign-passphrase-file", "password"];
    let common = [
        "--policy",
        "any.json",
        "--registries.d",
        "registries.d",
        "copy",
        "-q",
        "--dest-tls-verify=false",
    ];
    let copy = [&common[..], &signing, &["docker-archive:image.tar", &to]].concat();
    let done = skopeo(&directory, &copy);
    if !done.status.success() {
        // Debian's skopeo 1.9.3 says that it was built without.
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains("sigstore") || said.contains("unknown flag"), "{done:?}");
        skip(&format!("this skopeo does not sign as cosign does: {}", said.trim()));
        return;
    }
    let requirement = json!([{ "type": "sigstoreSigned", "keyPath": host.path("cosign.pub") }]);
    let policy = json!({ "default": requirement });
    fs::write(host.path("policy.json"), policy.to_string()).unwrap();
    let pull = |name: &str| {
        let mut command = host.command(&["pull", "-q", name]);
        command.env("ESTIBA_POLICY", host.path("policy.json")).output().unwrap()
    };
    let pulled = pull(&name);
    assert!(pulled.status.success(), "{pulled:?}");
    let signed: Value =
        serde_json::from_str(&host.ok(&["inspect", "-f", "{{json .Signatures}}", &name])).unwrap();
    assert_eq!(signed[0]["Identity"], json!(name));
    let other =
        json!([{ "type": "sigstoreSigned", "keyData": STANDARD.encode(Signer::new().pem()) }]);
    fs::write(host.path("policy.json"), json!({ "default": other }).to_string()).unwrap();
    assert!(!pull(&name).status.success());
}
