//! Whom to trust: images come in and run only as the policy says, whatever a registry has to say.

mod peers;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::{
    assert_tidy,
    proxy::Proxy,
    server::host,
    shelf::{INDEX, MANIFEST, Shelf},
};
use crate::{
    image::{Oci, hex},
    support::{Host, STARTER, names_in},
};

/// As what the registry of a test is known; where it really is stands in registries.conf.
const REGISTRY: &str = "r.example";

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The beginning of a `SubjectPublicKeyInfo` with a point on P-256 (RFC 5480).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Somebody who signs as cosign does.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn pem(&self) -> String {
        let key = STANDARD.encode([&SPKI, self.0.public_key().as_ref()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n")
    }

    /// Makes a layer of a signature: its text lies there.
    fn sign(&self, there: &mut Shelf, digest: &str, identity: &str) -> Value {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": identity },
                "image": { "docker-manifest-digest": digest },
                "type": "cosign container image signature",
            },
            "optional": null,
        })
        .to_string();
        let signature = self.0.sign(&SystemRandom::new(), payload.as_bytes()).unwrap();
        let mut layer = there.blob(payload.as_bytes(), PAYLOAD);
        layer["annotations"] =
            json!({ "dev.cosignproject.cosign/signature": STANDARD.encode(signature.as_ref()) });
        layer
    }
}

/// Gives the tag under which signatures of a manifest lie.
fn tag_of(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

/// Lays signatures beside what has this digest.
fn attach(shelf: &mut Shelf, digest: &str, layers: &[Value]) {
    let config = shelf.blob(b"{}", "application/vnd.oci.image.config.v1+json");
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
    shelf.manifest(&tag_of(digest), MANIFEST, &manifest);
}

fn digest_of(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().to_owned()
}

/// Gives the name of an image as users know it.
fn named(tag: &str) -> String {
    format!("{REGISTRY}/app:{tag}")
}

/// A host with a policy, and a registry.
struct Guarded {
    host: Host,
    registry: Option<Proxy>,
}

impl Guarded {
    fn new(shelf: Shelf) -> Self {
        let (host, registry) = (host(), shelf.open());
        let conf =
            format!("[[registry]]\nprefix = \"{REGISTRY}\"\nlocation = \"{}\"\n", registry.address);
        fs::write(host.path("registries.conf"), conf).unwrap();
        Self { host, registry: Some(registry) }
    }

    /// Writes the policy: of the registry this is demanded, of the rest that.
    fn demand(&self, requirements: &Value, default: &Value) {
        let transports = json!({ "docker": { REGISTRY: requirements } });
        let policy = json!({ "default": default, "transports": transports });
        fs::write(self.policy(), policy.to_string()).unwrap();
    }

    /// Demands a signature of the registry, and accepts nothing else.
    fn demand_signed(&self, by: &Signer) {
        fs::write(self.host.path("key.pub"), by.pem()).unwrap();
        let signed = json!([{ "type": "sigstoreSigned", "keyPath": self.host.path("key.pub") }]);
        self.demand(&signed, &json!([{ "type": "reject" }]));
    }

    fn policy(&self) -> PathBuf {
        self.host.path("policy.json")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.host.command(arguments);
        command
            .env("ESTIBA_POLICY", self.policy())
            .env("CONTAINERS_REGISTRIES_CONF", self.host.path("registries.conf"));
        command
    }

    fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Calls the program, which must fail with this exit code; gives what it said.
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap().trim_end().to_owned()
    }

    /// Shows that the store is empty, records, layers and blobs.
    fn assert_empty(&self) {
        assert_eq!(self.host.ok(&["images", "-aq"]), "");
        for place in ["root/layers", "root/blobs/sha256"] {
            assert_eq!(names_in(&self.host.path(place)), [""; 0], "{place}");
        }
        assert_tidy(&self.host);
    }
}

/// Lays images on a shelf that are signed, but not as they should be.
fn badly_signed(shelf: &mut Shelf, ours: &Signer) {
    let mut image = |tag: &str, seed| digest_of(&shelf.image(tag, seed, |_| {}));
    let [good, theirs, moved, tampered, retagged, elsewhere, huge, many, bare, garbled, index] = [
        "good",
        "theirs",
        "moved",
        "tampered",
        "retagged",
        "elsewhere",
        "huge",
        "many",
        "bare",
        "garbled",
        "index",
    ]
    .map(|tag| (tag, image(tag, tag.len() as u64 * 7 + u64::from(tag.as_bytes()[0]))));
    image("unsigned", 99);

    let layer = ours.sign(shelf, &good.1, &named("good"));
    attach(shelf, &good.1, std::slice::from_ref(&layer));
    // What is good for one image is laid beside another.
    attach(shelf, &moved.1, &[layer]);
    let layer = Signer::new().sign(shelf, &theirs.1, &named("theirs"));
    attach(shelf, &theirs.1, &[layer]);
    // Other bytes under the digest of the text.
    let layer = ours.sign(shelf, &tampered.1, &named("tampered"));
    let text = shelf.blobs.get_mut(&digest_of(&layer)).unwrap();
    *text = String::from_utf8(text.clone()).unwrap().replace("tampered", "tempered").into();
    attach(shelf, &tampered.1, &[layer]);
    let layer = ours.sign(shelf, &retagged.1, &named("other"));
    attach(shelf, &retagged.1, &[layer]);
    let layer = ours.sign(shelf, &elsewhere.1, &format!("{REGISTRY}/other:elsewhere"));
    attach(shelf, &elsewhere.1, &[layer]);
    let mut layer = ours.sign(shelf, &huge.1, &named("huge"));
    layer["size"] = json!(1_u64 << 40);
    attach(shelf, &huge.1, &[layer]);
    let layer = ours.sign(shelf, &many.1, &named("many"));
    attach(shelf, &many.1, &vec![layer; 1000]);
    let mut layer = ours.sign(shelf, &bare.1, &named("bare"));
    layer["annotations"] = json!({});
    attach(shelf, &bare.1, &[layer]);
    let garbage = (MANIFEST.to_owned(), b"{\"schemaVersion\":".to_vec());
    shelf.manifests.insert(tag_of(&garbled.1), garbage);
    let nothing = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
    shelf.manifest(&tag_of(&index.1), INDEX, &nothing);
}

#[test]
fn only_what_is_signed_as_the_policy_says_is_pulled() {
    let (ours, mut shelf) = (Signer::new(), Shelf::default());
    badly_signed(&mut shelf, &ours);
    let guarded = Guarded::new(shelf);
    guarded.demand_signed(&ours);
    for (tag, reason) in [
        ("unsigned", "there is no signature of sha256:"),
        ("theirs", "no signature of it is by"),
        ("moved", "the signature is one of sha256:"),
        ("tampered", "its signature cannot be understood: blob"),
        ("retagged", "it is signed as 'r.example/app:other', which matchRepoDigestOrExact"),
        ("elsewhere", "it is signed as 'r.example/other:elsewhere', which"),
        (
            "huge",
            "its signature cannot be understood: its text has 1099511627776 bytes; it may have 65536",
        ),
        ("many", "its signature cannot be understood: there are more than 256"),
        (
            "bare",
            "its signature cannot be understood: it has no annotation dev.cosignproject.cosign/signature",
        ),
        ("garbled", "its signature cannot be understood: signature sha256-"),
        ("index", "its signature cannot be understood: signature sha256-"),
    ] {
        let said = guarded.fails(1, &["pull", &named(tag)]);
        let policy = guarded.policy();
        let start =
            format!("is refused by {}, entry docker \"{REGISTRY}\": {reason}", policy.display());
        assert!(said.contains(&named(tag)) && said.contains(&start), "{tag}: {said}");
        // One line, and one for the next step.
        assert_eq!(said.lines().count(), 2, "{tag}: {said}");
        guarded.assert_empty();
    }
    // Together with one that is good nothing comes either.
    guarded.fails(1, &["pull", &named("good"), &named("moved")]);
    guarded.assert_empty();
    // Of what was refused nothing but documents was asked for.
    let asked: Vec<_> = guarded.registry.as_ref().unwrap().seen();
    let longest = asked.iter().filter(|request| request.is_blob()).map(|request| request.moved);
    assert!(longest.max().unwrap_or_default() < 1000, "a layer has 3000 bytes");

    guarded.ok(&["pull", "-q", &named("good")]);
    let template = "{{(index .Signatures 0).Identity}} {{(index .Signatures 0).SignedBy}}";
    let signed = guarded.ok(&["inspect", "-f", template, &named("good")]);
    let key = guarded.host.path("key.pub");
    assert_eq!(signed, format!("{} {}", named("good"), key.display()));
    assert_tidy(&guarded.host);
}

#[test]
fn an_image_of_an_index_is_accepted_by_its_own_signature_or_the_indexs() {
    let (ours, mut shelf) = (Signer::new(), Shelf::default());
    let here = estiba::model::Platform::here();
    let mut digests = Vec::new();
    for (tag, seed) in [("own", 41), ("above", 42), ("neither", 43)] {
        let mut image = shelf.image(&format!("part-{tag}"), seed, |_| {});
        let own = digest_of(&image);
        image["platform"] = json!({ "os": here.os, "architecture": here.architecture });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] });
        digests.push((own, digest_of(&shelf.manifest(tag, INDEX, &index))));
    }
    let layer = ours.sign(&mut shelf, &digests[0].0, &named("own"));
    attach(&mut shelf, &digests[0].0, &[layer]);
    let layer = ours.sign(&mut shelf, &digests[1].1, &named("above"));
    attach(&mut shelf, &digests[1].1, &[layer]);
    let guarded = Guarded::new(shelf);
    guarded.demand_signed(&ours);
    guarded.fails(1, &["pull", &named("neither")]);
    guarded.assert_empty();
    for (tag, digest) in [("own", &digests[0].0), ("above", &digests[1].1)] {
        guarded.ok(&["pull", "-q", &named(tag)]);
        let template = "{{(index .Signatures 0).Digest}}";
        assert_eq!(&guarded.ok(&["inspect", "-f", template, &named(tag)]), digest, "{tag}");
        guarded.ok(&["create", &named(tag), "x"]);
    }
    // By digest the repository counts, and any tag of it.
    guarded.ok(&["pull", "-q", &format!("{REGISTRY}/app@{}", digests[0].0)]);
    guarded.host.assert_clean();
}

/// Lays the starter image on a shelf, of which containers can run, and signs it under one of its tags.
fn runnable(host: &Host, shelf: &mut Shelf, signer: &Signer) {
    let path = host.path("starter.tar");
    let mut file = fs::File::create(&path).unwrap();
    estiba::engine::starter::write_archive(&mut file).unwrap();
    let mut manifests = Vec::new();
    let mut archive = tar::Archive::new(fs::File::open(&path).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        if name == "index.json" {
            let index: Value = serde_json::from_slice(&bytes).unwrap();
            manifests = index["manifests"].as_array().unwrap().clone();
        } else if name.starts_with("blobs/") {
            shelf.blobs.insert(format!("sha256:{}", hex(&bytes)), bytes);
        }
    }
    let digest = digest_of(&manifests[0]);
    let bytes = shelf.blobs[&digest].clone();
    for tag in ["1", "unsigned", &digest] {
        shelf.manifests.insert(tag.to_owned(), (MANIFEST.to_owned(), bytes.clone()));
    }
    let layer = signer.sign(shelf, &digest, &named("1"));
    attach(shelf, &digest, &[layer]);
}

#[test]
fn what_is_there_runs_only_as_the_policy_says_now() {
    let (ours, mut shelf) = (Signer::new(), Shelf::default());
    runnable(&host(), &mut shelf, &ours);
    let mut guarded = Guarded::new(shelf);
    let anything = json!([{ "type": "insecureAcceptAnything" }]);
    guarded.demand(&anything, &anything);
    let one = named("1");
    guarded.ok(&["pull", "-q", &one]);
    let before = guarded.ok(&["create", "--network", "none", "--name", "before", &one, "true"]);

    // Nothing was checked when it came: neither a new container nor an old one starts.
    guarded.demand_signed(&ours);
    let said = guarded.fails(125, &["run", "--rm", "--network", "none", &one, "true"]);
    let wanted = format!("entry docker \"{REGISTRY}\": no signature was checked when it came in");
    assert!(said.contains(&format!("{one} is refused by ")) && said.contains(&wanted), "{said}");
    assert!(said.contains(&format!("pull it again: estiba pull {one}")), "{said}");
    guarded.fails(125, &["create", &one, "true"]);
    assert!(guarded.fails(1, &["start", "before"]).contains(&wanted));
    assert_eq!(guarded.ok(&["ps", "-aq", "--no-trunc"]), before);

    // What is checked once runs without the registry, under the name that was signed, and by its id.
    guarded.ok(&["pull", "-q", &one]);
    drop(guarded.registry.take());
    let id = guarded.ok(&["images", "-q"]);
    for name in [&one, &id] {
        let run = ["run", "--rm", "--network", "none", name, "echo", "runs"];
        assert_eq!(guarded.ok(&run), "runs", "{name}");
    }
    guarded.ok(&["start", "before"]);

    // Another name is not what was signed; another key is not who signed.
    guarded.ok(&["tag", &one, &named("2")]);
    let said = guarded.fails(125, &["run", "--rm", &named("2"), "true"]);
    assert!(said.contains("it is signed as 'r.example/app:1'"), "{said}");
    guarded.ok(&["tag", &one, "localhost/mine"]);
    let said = guarded.fails(125, &["run", "--rm", "localhost/mine", "true"]);
    assert!(said.contains("entry default: nothing is accepted there"), "{said}");
    guarded.demand_signed(&Signer::new());
    let said = guarded.fails(125, &["run", "--rm", &one, "true"]);
    assert!(said.contains("no signature of it is by"), "{said}");
    fs::remove_file(guarded.host.path("key.pub")).unwrap();
    let said = guarded.fails(125, &["run", "--rm", &one, "true"]);
    assert!(said.contains("key.pub cannot be used: "), "{said}");
    // The signatures go with the image.
    guarded.host.assert_clean();
    guarded.ok(&["rmi", "-f", &id]);
    assert_tidy(&guarded.host);
}

#[test]
fn archives_fall_under_their_own_entries_and_their_names_count_like_any() {
    let guarded = Guarded::new(Shelf::default());
    let host = &guarded.host;
    let tar = super::layer("file", 1, 3000);
    let name = named("1");
    let oci = Oci::new(&[(&tar, &crate::image::gzip(&tar))], &name);
    let (layout, folder, saved) =
        (host.path("layout.tar"), host.path("layout"), host.path("saved.tar"));
    fs::write(&layout, oci.tar()).unwrap();
    oci.folder(&folder);
    fs::write(&saved, crate::image::docker(&[&tar], &name)).unwrap();
    let (anything, reject) =
        (json!([{ "type": "insecureAcceptAnything" }]), json!([{ "type": "reject" }]));
    guarded.demand(&anything, &reject);
    for path in [&layout, &folder, &saved] {
        let said = guarded.fails(1, &["load", "-q", "-i", path.to_str().unwrap()]);
        let wanted = format!("{} is refused by", path.display());
        assert!(said.contains(&wanted) && said.contains("entry default: nothing"), "{said}");
        guarded.assert_empty();
    }
    let output = guarded.host.with_input(&oci.tar(), &["load", "-q"]);
    assert!(output.status.success(), "without a policy: {output:?}");
    guarded.ok(&["create", &name, "x"]);
    guarded.host.assert_clean();
    guarded.ok(&["rmi", &name]);

    // Accepted as an archive, it still is not what its name says.
    let docker = json!({ "docker-archive": { "": anything }, "docker": { REGISTRY: reject } });
    let policy = json!({ "default": reject, "transports": docker });
    fs::write(guarded.policy(), policy.to_string()).unwrap();
    guarded.fails(1, &["load", "-q", "-i", layout.to_str().unwrap()]);
    guarded.assert_empty();
    guarded.ok(&["load", "-q", "-i", saved.to_str().unwrap()]);
    let said = guarded.fails(125, &["create", &name, "x"]);
    assert!(said.contains(&format!("entry docker \"{REGISTRY}\": nothing is accepted")), "{said}");
    guarded.ok(&["rmi", &name]);
    assert_tidy(&guarded.host);
}

#[test]
fn a_policy_that_cannot_be_used_lets_nothing_in() {
    let mut shelf = Shelf::default();
    shelf.image("1", 1, |_| {});
    let guarded = Guarded::new(shelf);
    guarded.host.load_starter();
    let all = [
        (1, vec!["pull", "r.example/app:1"]),
        (125, vec!["run", "--rm", STARTER, "true"]),
        (1, vec!["load", "-q", "-i", "starter.tar"]),
    ];
    for (content, words) in [
        (None, "policy.json"),
        (Some("{}"), "policy.json cannot be understood: missing field `default`"),
        (
            Some(
                r#"{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"a.b":[{"type":"signed"}]}}}"#,
            ),
            "transports.docker.a.b[0].type: unknown variant `signed`",
        ),
    ] {
        match content {
            Some(content) => fs::write(guarded.policy(), content).unwrap(),
            None => assert!(!guarded.policy().exists()),
        }
        for (code, arguments) in &all {
            let output =
                guarded.command(arguments).current_dir(guarded.host.path("")).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {said}");
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
    }
    assert_eq!(guarded.host.ok(&["images", "--format", "{{.Repository}}:{{.Tag}}"]), STARTER);
    assert_eq!(guarded.host.ok(&["ps", "-aq"]), "");
    assert_tidy(&guarded.host);
}
