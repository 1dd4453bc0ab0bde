//! Registries that mean no good: what they say is refused with the reason, and nothing of it stays.

use serde_json::{Value, json};

use super::{
    assert_tidy, layer,
    proxy::{Fate, Proxy},
    server::host,
    shelf::{INDEX, MANIFEST, Shelf},
};
use crate::{
    image::{gzip, hex},
    support::Host,
};

const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// Pulls what must be refused; gives what is said.
fn refused(host: &Host, registry: &Proxy, tag: &str) -> String {
    let said = host.fails(1, &["pull", &registry.name(&format!("app:{tag}"))]);
    assert_eq!(host.ok(&["images", "-q"]), "", "{tag}: {said}");
    said
}

/// Puts images there whose manifest says what is not so.
fn false_images(shelf: &mut Shelf) {
    shelf.image("size", 1, |manifest| manifest["layers"][0]["size"] = json!(10_000_000));
    shelf.image("small", 2, |manifest| manifest["layers"][0]["size"] = json!(100));
    shelf.image("config-size", 3, |manifest| manifest["config"]["size"] = json!(9));
    shelf.image("config-huge", 4, |manifest| manifest["config"]["size"] = json!(1_u64 << 40));
    shelf.image("layer-huge", 5, |manifest| manifest["layers"][0]["size"] = json!(u64::MAX));
    shelf.image("absent", 6, |manifest| {
        manifest["layers"][0]["digest"] = json!(format!("sha256:{}", hex(b"nowhere")));
    });
    shelf.image("both", 7, |manifest| manifest["manifests"] = json!([]));
    shelf.image("other-type", 8, |manifest| manifest["mediaType"] = json!(INDEX));
    shelf.image("no-layers", 9, |manifest| manifest["layers"] = json!([]));
    // Somebody else's bytes under this digest.
    let liar = shelf.image("liar", 10, |_| {});
    let layer_of_liar = json_digest(shelf, &liar);
    shelf.blobs.insert(layer_of_liar.clone(), vec![7; shelf.blobs[&layer_of_liar].len()]);
}

/// Puts a good image there, and indexes and manifests that are none.
fn false_indexes(shelf: &mut Shelf) {
    let image = shelf.image("good", 11, |_| {});
    shelf.manifest(
        "untrue",
        LIST,
        &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] }),
    );
    shelf.manifest("empty", INDEX, &json!({ "schemaVersion": 2, "manifests": [] }));
    shelf.manifest("old", MANIFEST, &json!({ "schemaVersion": 1, "config": {}, "layers": [] }));
    shelf.manifest(
        "elsewhere",
        INDEX,
        &json!({ "schemaVersion": 2, "manifests": [with(&image, "platform", json!({"os": "plan9", "architecture": "mips"}))] }),
    );
    shelf.manifest(
        "absent-manifest",
        INDEX,
        &json!({ "schemaVersion": 2, "manifests": [
        { "mediaType": MANIFEST, "digest": format!("sha256:{}", hex(b"x")), "size": 3 } ] }),
    );
    // What its name promises is a document that names itself; a digest cannot, so each is deeper than the one before.
    let mut deep = image.clone();
    for _ in 0..6 {
        deep = shelf.manifest("deep", INDEX, &json!({ "schemaVersion": 2, "manifests": [deep] }));
    }
    let signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    shelf.manifest("signed", signed, &json!({ "schemaVersion": 1 }));
    shelf.manifests.insert("long".to_owned(), (MANIFEST.to_owned(), vec![b' '; 5 << 20]));
    shelf.manifests.insert("words".to_owned(), (MANIFEST.to_owned(), b"<html>".to_vec()));
}

#[test]
fn what_a_registry_must_not_say_is_refused_with_the_reason() {
    let host = host();
    let mut shelf = Shelf::default();
    false_images(&mut shelf);
    false_indexes(&mut shelf);
    let registry = shelf.open();
    for (tag, reason) in [
        ("size", "should have 10000000 bytes, but has"),
        ("small", "should have 100 bytes, but has"),
        ("config-size", "should have 9 bytes, but has"),
        ("config-huge", "a manifest or config may have 4194304"),
        ("layer-huge", "should have 18446744073709551615 bytes, but has"),
        ("absent", "has no blob"),
        ("both", "it is no manifest"),
        ("other-type", "it says of itself to be"),
        ("no-layers", "it tells of 1 layers, there are 0"),
        ("liar", "but its bytes are sha256:"),
        ("untrue", "it says of itself to be"),
        ("empty", "it lists nothing"),
        ("old", "cannot be understood"),
        ("elsewhere", "but for plan9/mips"),
        ("absent-manifest", "has no manifest"),
        ("deep", "too deep"),
        ("signed", "is no image"),
        ("long", "it has more than 4194304 bytes"),
        ("words", "cannot be understood"),
        ("nothing", "has no manifest nothing in app"),
    ] {
        let said = refused(&host, &registry, tag);
        assert!(said.contains(reason), "{tag}: {said}");
    }
    host.ok(&["pull", "-q", &registry.name("app:good")]);
}

/// Gives a copy of an object with one more field.
fn with(object: &Value, key: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[key] = value;
    object
}

/// Gives the digest of the first layer of a manifest on the shelf.
fn json_digest(shelf: &Shelf, descriptor: &Value) -> String {
    let (_, bytes) = &shelf.manifests[descriptor["digest"].as_str().unwrap()];
    let manifest: Value = serde_json::from_slice(bytes).unwrap();
    manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
}

#[test]
fn the_platform_that_is_asked_for_comes() {
    let host = host();
    let mut shelf = Shelf::default();
    let (one, two) = (shelf.image("x1", 21, |_| {}), shelf.image("x2", 22, |_| {}));
    let here = estiba::model::Platform::here();
    let listed = json!([
        with(&one, "platform", json!({ "os": "linux", "architecture": "any" })),
        with(&two, "platform", json!({ "os": here.os, "architecture": here.architecture })),
    ]);
    shelf.manifest(
        "1",
        LIST,
        &json!({ "schemaVersion": 2, "mediaType": LIST, "manifests": listed }),
    );
    let registry = shelf.open();
    let name = registry.name("app:1");
    host.ok(&["pull", "-q", &name]);
    let digest = host.ok(&["images", "--digests", "--format", "{{.Digest}}"]);
    assert_eq!(digest, two["digest"].as_str().unwrap());
    host.ok(&["pull", "-q", "--platform", "linux/any", &name]);
    let digests = host.ok(&["images", "--digests", "--format", "{{.Digest}}"]);
    assert!(digests.contains(one["digest"].as_str().unwrap()), "{digests}");
    let said = host.fails(1, &["pull", "--platform", "linux/s390x", &name]);
    assert!(said.contains("the image is not for linux/s390x, but for linux/"), "{said}");
    host.fails(125, &["pull", "--platform", "a/b/c/d", &name]);
    assert_tidy(&host);
}

#[test]
fn a_layer_that_lies_elsewhere_is_fetched_without_a_login() {
    let host = host();
    let tar = layer("file", 31, 3000);
    let blob = gzip(&tar);
    let served = blob.clone();
    let elsewhere = Proxy::start("127.0.0.1:1", move |request| {
        if request.path == "/v2/" {
            return Fate::Say(b"{}".to_vec(), String::new());
        }
        // It would like to know a password, and gets none (CVE-2020-15157).
        match request.header("authorization") {
            Some(_) => Fate::Answer(500, String::new()),
            None => Fate::Say(served.clone(), String::new()),
        }
    });
    let mut shelf = Shelf::default();
    shelf.image("1", 31, |manifest| {
        manifest["layers"][0]["mediaType"] = json!(FOREIGN);
        manifest["layers"][0]["urls"] = json!([format!("http://{}/layer", elsewhere.address)]);
    });
    shelf.blobs.remove(&format!("sha256:{}", hex(&blob)));
    let registry = shelf.open();
    host.ok(&["pull", "-q", &registry.name("app:1")]);
    let fetched = elsewhere.seen();
    assert!(fetched.iter().any(|request| request.path == "/layer"), "{fetched:?}");
    assert_tidy(&host);
}

#[test]
fn a_registry_cannot_have_the_login_sent_elsewhere() {
    let host = host();
    let thief =
        Proxy::start("127.0.0.1:1", |_| Fate::Say(br#"{"token":"x"}"#.to_vec(), String::new()));
    let target = thief.address.clone();
    // It sends whoever asks for a blob to another port of the same host: there the authorization is not repeated.
    let registry =
        Proxy::start("127.0.0.1:1", move |request| match request.header("authorization") {
            None => Fate::Answer(401, "WWW-Authenticate: Basic realm=\"r\"\r\n".to_owned()),
            Some(_) => Fate::Answer(307, format!("Location: http://{target}/x\r\n")),
        });
    let home = host.path("home/.docker");
    std::fs::create_dir_all(&home).unwrap();
    let config = json!({ "auths": { registry.address.clone(): { "auth": "dXNlcjpzZWNyZXQ=" } } });
    std::fs::write(home.join("config.json"), config.to_string()).unwrap();
    let mut command = host.command(&["pull", &registry.name("app:1")]);
    let output =
        command.env("HOME", host.path("home")).env_remove("DOCKER_CONFIG").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let seen = thief.seen();
    assert!(!seen.is_empty(), "{output:?}");
    assert!(seen.iter().all(|request| request.header("authorization").is_none()), "{seen:?}");
}
