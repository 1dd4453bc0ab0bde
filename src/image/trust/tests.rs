//! Policies as tables: what they say, and whose signatures they accept. Keys are made by each test.

use std::{collections::BTreeMap, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::{Evidence, Offered, Offers, Policy, Reason, Transport, payload::Statement, scope};
use crate::{
    image::{ImageError, stream::digest_of},
    model::{Digest, ImageReference, Signature},
    sys::files,
};

const NAME: &str = "r.example/team/app:1";

/// `SubjectPublicKeyInfo` of these kinds, before the key itself (RFC 5480, RFC 8410).
const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const ED25519: &str = "302a300506032b6570032100";

/// Somebody who signs.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn pem(&self) -> String {
        pem(P256, self.0.public_key().as_ref())
    }

    fn sign(&self, payload: &str) -> Offered {
        let signature = self.0.sign(&SystemRandom::new(), payload.as_bytes()).unwrap();
        offered(payload, signature.as_ref())
    }
}

fn offered(payload: &str, signature: &[u8]) -> Offered {
    Offered { payload: payload.into(), signature: STANDARD.encode(signature) }
}

fn pem(prefix: &str, key: &[u8]) -> String {
    let byte = |at| u8::from_str_radix(prefix.get(at..at + 2).unwrap(), 16).unwrap();
    let mut der: Vec<u8> = (0..prefix.len()).step_by(2).map(byte).collect();
    der.extend(key);
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// What cosign signs.
fn statement(digest: Digest, identity: &str) -> String {
    json!({
        "critical": {
            "identity": { "docker-reference": identity },
            "image": { "docker-manifest-digest": digest.to_string() },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
}

/// Signatures of manifests.
#[derive(Default)]
struct Shelf(BTreeMap<Digest, Vec<Result<Offered, String>>>);

impl Shelf {
    fn with(mut self, digest: Digest, offered: Offered) -> Self {
        self.0.entry(digest).or_default().push(Ok(offered));
        self
    }

    fn with_broken(mut self, digest: Digest, why: &str) -> Self {
        self.0.entry(digest).or_default().push(Err(why.to_owned()));
        self
    }
}

impl Evidence for Shelf {
    fn of(&self, digest: Digest) -> Result<Offers<'_>, ImageError> {
        Ok(Box::new(self.0.get(&digest).into_iter().flatten().map(|offered| {
            Ok(offered
                .as_ref()
                .map(|it| Offered { payload: it.payload.clone(), signature: it.signature.clone() })
                .map_err(Clone::clone))
        })))
    }

    fn absent(&self, digest: Digest) -> Reason {
        Reason::Unsigned { digest: digest.to_string() }
    }
}

fn policy(directory: &Path, content: &Value) -> Policy {
    let bytes = content.to_string();
    Policy::read(&directory.join("policy.json"), bytes.as_bytes()).unwrap()
}

/// Makes a policy that demands of r.example what is given, and accepts nothing else.
fn demanding(directory: &Path, requirements: &Value) -> Policy {
    let transports = json!({ "docker": { "r.example": requirements } });
    policy(directory, &json!({ "default": [{ "type": "reject" }], "transports": transports }))
}

fn keyed(fields: &Value) -> Value {
    let mut requirement = json!({ "type": "sigstoreSigned" });
    requirement.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    requirement
}

fn name(text: &str) -> ImageReference {
    text.parse().unwrap()
}

fn manifest() -> Digest {
    digest_of(b"manifest")
}

/// Gives the words and the next step of a refusal.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ImageError>) -> (String, String) {
    match outcome.unwrap_err() {
        ImageError::Refused(refusal) => (refusal.to_string(), refusal.next_step()),
        other => panic!("{other}"),
    }
}

#[test]
fn a_policy_that_is_not_understood_is_refused_with_the_entry() {
    let good = r#"[{"type":"insecureAcceptAnything"}]"#;
    for (text, expected) in [
        ("", "EOF"),
        ("[]", "invalid"),
        ("{}", "missing field `default`"),
        (r#"{"default":[]}"#, "default: a list of requirements is empty"),
        (r#"{"default":[{"type":"signedbye"}]}"#, "default[0].type: unknown variant `signedbye`"),
        (r#"{"default":[{"type":"reject","also":1}]}"#, "default[0]: unknown field `also`"),
        (r#"{"default":[{"kind":"reject"}]}"#, "default[0]: missing field `type`"),
        (r#"{"default":[{"type":"sigstoreSigned"}]}"#, "default[0]: exactly one of keyPath"),
        (
            r#"{"default":[{"type":"sigstoreSigned","keyPath":"a","keyData":"b"}]}"#,
            "default[0]: exactly one of keyPath",
        ),
        (r#"{"default":[{"type":"sigstoreSigned","keyPaths":[]}]}"#, "list of keys is empty"),
        (r#"{"default":[{"type":"sigstoreSigned","keypath":"a"}]}"#, "unknown field `keypath`"),
        (
            r#"{"default":[{"type":"sigstoreSigned","keyPath":"a","keyPath":"b"}]}"#,
            "duplicate field `keyPath`",
        ),
        (
            r#"{"default":[{"type":"sigstoreSigned","keyPath":"a","signedIdentity":{"type":"matchAll"}}]}"#,
            "unknown variant `matchAll`",
        ),
        (
            r#"{"default":[{"type":"sigstoreSigned","keyPath":"a","signedIdentity":{"type":"exactReference","dockerReference":"a/b"}}]}"#,
            "has no tag and no digest",
        ),
        (&format!(r#"{{"default":{good},"defaults":{good}}}"#), "unknown field `defaults`"),
        (&format!(r#"{{"default":{good},"default":{good}}}"#), "duplicate field `default`"),
        (
            &format!(
                r#"{{"default":{good},"transports":{{"docker":{{"a.b":{good},"a.b":{good}}}}}}}"#
            ),
            "transports.docker: 'a.b' is there twice",
        ),
        (
            &format!(
                r#"{{"default":{good},"transports":{{"docker":{{"a.b/c":[{{"type":"x"}}]}}}}}}"#
            ),
            "transports.docker.a.b/c[0].type: unknown variant `x`",
        ),
        (
            &format!(r#"{{"default":{good},"transports":{{"docker-archive":{{"/tmp":{good}}}}}}}"#),
            "docker-archive has no scope but \"\"",
        ),
        (&format!(r#"{{"default":{good}}} {{}}"#), "trailing characters"),
    ] {
        let error = Policy::read(Path::new("/p.json"), text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("policy /p.json cannot be understood: "), "{text}: {error}");
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn the_most_specific_entry_counts() {
    let anything = json!([{ "type": "insecureAcceptAnything" }]);
    let scopes = [
        "",
        "r.example",
        "r.example/team",
        "r.example/team/app",
        "r.example/team/app:2",
        "*.example",
        "*.sub.example",
        "s.sub.example:5000",
        "docker.io/library/busybox",
    ];
    let docker: Value = scopes
        .iter()
        .map(|scope| ((*scope).to_owned(), anything.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let transports = json!({ "docker": docker, "oci": {} });
    let policy = policy(Path::new("/"), &json!({ "default": anything, "transports": transports }));
    for (image, entry) in [
        ("r.example/team/app:2", "docker \"r.example/team/app:2\""),
        ("r.example/team/app:3", "docker \"r.example/team/app\""),
        ("r.example/team/apple:3", "docker \"r.example/team\""),
        ("r.example/teams/app:2", "docker \"r.example\""),
        ("r.example:5000/team/app:2", "docker \"*.example\""),
        ("x.sub.example/a", "docker \"*.sub.example\""),
        ("s.sub.example:5000/a", "docker \"s.sub.example:5000\""),
        ("s.sub.example/a", "docker \"*.sub.example\""),
        ("example/a", "docker \"\""),
        ("busybox", "docker \"docker.io/library/busybox\""),
        ("alpine", "docker \"\""),
    ] {
        let rule = policy.document.rule("docker", &scope::of_reference(&name(image)));
        assert_eq!(rule.entry.to_string(), entry, "{image}");
    }
    // A transport that says nothing of it, and one that is not there.
    for transport in ["oci", "docker-archive"] {
        assert_eq!(policy.document.rule(transport, &[]).entry.to_string(), "default");
    }
}

#[test]
fn a_name_in_a_signature_counts_as_podman_says() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let by_digest = format!("r.example/team/app@{digest}");
    let both = format!("r.example/team/app:1@{digest}");
    let default = json!({ "type": "matchRepoDigestOrExact" });
    let exact = json!({ "type": "matchExact" });
    let repository = json!({ "type": "matchRepository" });
    let one = json!({ "type": "exactReference", "dockerReference": "up.example/app:1" });
    let of = json!({ "type": "exactRepository", "dockerRepository": "up.example/app" });
    let remap = json!({ "type": "remapIdentity", "prefix": "r.example/team", "signedPrefix": "up.example" });
    for (rule, image, signed, expected) in [
        (&default, NAME, NAME, true),
        (&default, NAME, "r.example/team/app:2", false),
        (&default, NAME, "r.example/team/app", false),
        (&default, NAME, "r.example/team/other:1", false),
        (&default, NAME, "not a name", false),
        (&default, "r.example/team/app:latest", "r.example/team/app", false),
        (&default, &by_digest, "r.example/team/app:9", true),
        (&default, &both, "r.example/team/app:9", true),
        (&default, &by_digest, "r.example/team/app", false),
        (&default, &by_digest, "r.example/team/apple:9", false),
        (&default, "busybox:1", "index.docker.io/library/busybox:1", true),
        (&exact, NAME, NAME, true),
        (&exact, &by_digest, "r.example/team/app:1", false),
        (&exact, &by_digest, &by_digest, true),
        (&repository, NAME, "r.example/team/app", true),
        (&repository, NAME, "r.example/team/app:7", true),
        (&repository, NAME, "r.example/team/apple", false),
        (&repository, NAME, "", false),
        (&one, NAME, "up.example/app:1", true),
        (&one, NAME, "up.example/app:2", false),
        (&one, NAME, NAME, false),
        (&of, NAME, "up.example/app", true),
        (&of, NAME, "up.example/app:3", true),
        (&of, NAME, "up.example/apps", false),
        (&remap, NAME, "up.example/app:1", true),
        (&remap, NAME, NAME, false),
        (&remap, "r.example/teams/app:1", "r.example/teams/app:1", true),
        (&remap, "r.example/teams/app:1", "up.examples/app:1", false),
    ] {
        let rule: super::identity::SignedIdentity = serde_json::from_value(rule.clone()).unwrap();
        assert_eq!(rule.accepts(&name(image), signed), expected, "{rule}: {image} as {signed}");
    }
}

/// Gives signatures that are not what is demanded, with what must be said of them.
fn bad_signatures(ours: &Signer, theirs: &Signer) -> Vec<(&'static str, Shelf, String)> {
    let (own, index) = (manifest(), digest_of(b"index"));
    let mut tampered = ours.sign(&statement(own, NAME));
    tampered.payload = statement(own, "r.example/team/app:2").into_bytes();
    vec![
        ("nobody", Shelf::default(), format!("there is no signature of {own}")),
        (
            "others",
            Shelf::default().with(own, theirs.sign(&statement(own, NAME))),
            "/ours.pub".to_owned(),
        ),
        (
            "moved",
            Shelf::default().with(own, ours.sign(&statement(digest_of(b"other"), NAME))),
            format!("the signature is one of {}, not of {own}", digest_of(b"other")),
        ),
        (
            "index's under the manifest",
            Shelf::default().with(own, ours.sign(&statement(index, NAME))),
            format!("the signature is one of {index}"),
        ),
        (
            "renamed",
            Shelf::default().with(own, ours.sign(&statement(own, "r.example/team/app:2"))),
            "it is signed as 'r.example/team/app:2', which matchRepoDigestOrExact does not accept"
                .to_owned(),
        ),
        ("tampered", Shelf::default().with(own, tampered), "no signature of it is by".to_owned()),
        (
            "broken",
            Shelf::default().with_broken(own, "why"),
            "its signature cannot be understood: why".to_owned(),
        ),
        (
            "no base64",
            Shelf::default().with(own, Offered { payload: Vec::new(), signature: "?".to_owned() }),
            "it is not base64".to_owned(),
        ),
        (
            "empty",
            Shelf::default().with(own, offered(&statement(own, NAME), b"")),
            "no signature of it is by".to_owned(),
        ),
        (
            "no statement",
            Shelf::default().with(own, ours.sign("{}")),
            "cannot be understood: missing field `critical`".to_owned(),
        ),
    ]
}

#[test]
fn what_is_signed_as_demanded_is_accepted_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Signer::new(), Signer::new());
    files::write(&place.path().join("ours.pub"), ours.pem()).unwrap();
    let policy = demanding(place.path(), &json!([keyed(&json!({ "keyPath": "ours.pub" }))]));
    let (own, index) = (manifest(), digest_of(b"index"));
    let good = || ours.sign(&statement(own, NAME));
    let judge = |shelf: Shelf| policy.judge(&name(NAME), &[own, index], &shelf);

    let accepted = judge(Shelf::default().with(own, good())).unwrap();
    assert_eq!(accepted.len(), 1);
    assert_eq!((accepted[0].digest, accepted[0].identity.as_str()), (own, NAME));
    assert!(accepted[0].key_name.ends_with("/ours.pub"), "{accepted:?}");
    // Among others; and where only the index is signed.
    judge(
        Shelf::default()
            .with(own, theirs.sign(&statement(own, NAME)))
            .with_broken(own, "x")
            .with(own, good()),
    )
    .unwrap();
    let above = judge(Shelf::default().with(index, ours.sign(&statement(index, NAME)))).unwrap();
    assert_eq!(above[0].digest, index);

    for (what, shelf, expected) in bad_signatures(&ours, &theirs) {
        let (said, _next) = refusal(judge(shelf));
        let start = format!(
            "{NAME} is refused by {}/policy.json, entry docker \"r.example\": ",
            place.path().display()
        );
        assert!(said.starts_with(&start) && said.contains(&expected), "{what}: {said}");
    }
    // What cosign writes by itself.
    let (_, next) = refusal(judge(
        Shelf::default().with(own, ours.sign(&statement(own, "r.example/team/app"))),
    ));
    assert!(next.contains("set signedIdentity to matchRepository"), "{next}");
}

#[test]
fn every_requirement_of_a_list_must_be_met() {
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (Signer::new(), Signer::new());
    files::write(&place.path().join("first.pub"), first.pem()).unwrap();
    files::write(&place.path().join("no.pub"), "no key").unwrap();
    let inline = STANDARD.encode(second.pem());
    let (by_first, by_second) =
        (keyed(&json!({ "keyPath": "first.pub" })), keyed(&json!({ "keyData": inline })));
    let anything = json!({ "type": "insecureAcceptAnything" });
    let by_one = || Shelf::default().with(manifest(), first.sign(&statement(manifest(), NAME)));
    let by_both = || by_one().with(manifest(), second.sign(&statement(manifest(), NAME)));
    let either = keyed(&json!({ "keyDatas": [inline, STANDARD.encode(first.pem())] }));
    for (requirements, shelf, expected) in [
        (json!([anything]), Shelf::default(), Ok(0)),
        (json!([anything, by_first]), by_one(), Ok(1)),
        (json!([by_first, by_first]), by_one(), Ok(1)),
        (json!([by_first, by_second]), by_both(), Ok(2)),
        (json!([either]), by_one(), Ok(1)),
        (json!([by_first, by_second]), by_one(), Err("no signature of it is by keyData")),
        (json!([by_first, { "type": "reject" }]), by_both(), Err("nothing is accepted there")),
        (
            json!([anything, { "type": "signedBy", "keyType": "GPGKeys", "keyPath": "x" }]),
            by_both(),
            Err("'signedBy' is demanded, which Estiba cannot check"),
        ),
        (
            json!([keyed(&json!({ "fulcio": { "caPath": "x" }, "rekorPublicKeyPath": "y" }))]),
            by_both(),
            Err("'fulcio' is demanded"),
        ),
        (json!([keyed(&json!({ "pki": {} }))]), by_both(), Err("'pki' is demanded")),
        (
            json!([keyed(&json!({ "keyPath": "first.pub", "rekorPublicKeyPath": "y" }))]),
            by_both(),
            Err("'rekorPublicKey' is demanded"),
        ),
        (
            json!([keyed(&json!({ "keyPath": "gone.pub" }))]),
            by_both(),
            Err("gone.pub cannot be used: "),
        ),
        (
            json!([keyed(&json!({ "keyPaths": ["first.pub", "no.pub"] }))]),
            by_both(),
            Err("no.pub cannot be used: it has no PUBLIC KEY in PEM"),
        ),
        (json!([keyed(&json!({ "keyData": "?" }))]), by_both(), Err("it is not base64")),
    ] {
        let policy = demanding(place.path(), &requirements);
        match (policy.judge(&name(NAME), &[manifest()], &shelf), expected) {
            (Ok(signatures), Ok(count)) => assert_eq!(signatures.len(), count, "{requirements}"),
            (outcome, Err(words)) => {
                let (said, next) = refusal(outcome);
                assert!(said.contains(words), "{requirements}: {said}");
                assert!(!next.is_empty());
            }
            (Err(error), Ok(_)) => panic!("{requirements}: {error}"),
        }
    }
}

#[test]
fn what_was_kept_is_judged_by_what_the_policy_says_now() {
    let place = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Signer::new(), Signer::new());
    let of = |signer: &Signer| json!([keyed(&json!({ "keyData": STANDARD.encode(signer.pem()) }))]);
    let then = demanding(place.path(), &of(&ours));
    let shelf = Shelf::default().with(manifest(), ours.sign(&statement(manifest(), NAME)));
    let kept = then.judge(&name(NAME), &[manifest()], &shelf).unwrap();
    then.judge_stored(&name(NAME), &kept).unwrap();

    let (said, next) = refusal(then.judge_stored(&name(NAME), &[]));
    assert!(said.contains("no signature was checked when it came in"), "{said}");
    assert_eq!(next, format!("pull it again: estiba pull {NAME}"));
    // Under another name, with another key, after somebody wrote into the record.
    let other = name("r.example/team/app:2");
    assert!(refusal(then.judge_stored(&other, &kept)).0.contains("it is signed as"));
    let now = demanding(place.path(), &of(&theirs));
    assert!(
        refusal(now.judge_stored(&name(NAME), &kept))
            .0
            .contains("no signature of it is by keyData")
    );
    let forged = [Signature { digest: digest_of(b"other"), ..kept[0].clone() }];
    assert!(refusal(then.judge_stored(&name(NAME), &forged)).0.contains("the signature is one of"));
}

#[test]
fn what_cannot_be_signed_falls_under_its_transport() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().canonicalize().unwrap();
    let archive = directory.join("in/a.tar");
    files::make_dir(&directory.join("in")).unwrap();
    files::write(&archive, "").unwrap();
    let anything = json!([{ "type": "insecureAcceptAnything" }]);
    let transports = json!({
        "docker-archive": { "": anything },
        "oci-archive": { directory.join("in").to_str().unwrap(): anything },
        "oci": { "": [keyed(&json!({ "keyPath": "k" }))] },
    });
    let policy =
        policy(&directory, &json!({ "default": [{ "type": "reject" }], "transports": transports }));
    policy.judge_archive(Transport::Docker, None).unwrap();
    policy.judge_archive(Transport::OciArchive, Some(&archive)).unwrap();
    for (outcome, words) in [
        (policy.judge_archive(Transport::OciArchive, None), "the archive is refused by"),
        (
            policy.judge_archive(Transport::OciArchive, Some(&directory)),
            "entry default: nothing is accepted there",
        ),
        (
            policy.judge_archive(Transport::Oci, Some(&directory)),
            "entry oci \"\": a signature is demanded, and it has no place for one",
        ),
        (policy.judge_nameless("image abc"), "image abc is refused by"),
    ] {
        let (said, _) = refusal(outcome);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_statement_says_what_it_seems_to_say() {
    let good = statement(manifest(), NAME);
    let read = Statement::read(good.as_bytes()).unwrap();
    assert_eq!((read.digest, read.identity.as_str()), (manifest(), NAME));
    for (from, to) in [
        ("cosign container image signature", "atomic container signature"),
        ("\"optional\":null", "\"optional\":null,\"more\":1"),
        (",\"optional\":null", ""),
        ("\"critical\":{", "\"critical\":{\"x\":1,"),
        ("\"docker-reference\":", "\"docker-reference\":\"a/b:1\",\"docker-reference\":"),
        ("sha256:", "sha512:"),
        ("}", ""),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        assert!(Statement::read(changed.as_bytes()).is_err(), "{changed}");
    }
}

#[test]
fn keys_of_every_kind_that_cosign_takes_are_understood() {
    let place = tempfile::tempdir().unwrap();
    let payload = statement(manifest(), NAME);
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let signed = offered(&payload, pair.sign(payload.as_bytes()).as_ref());
    let mut kinds = vec![("Ed25519", pem(ED25519, pair.public_key().as_ref()), signed)];
    match Command::new("openssl").arg("version").output() {
        Err(error) => eprintln!("skipped: RSA and P-384 need openssl: {error}"),
        Ok(_) => {
            for (kind, option) in
                [("RSA", "rsa_keygen_bits:2048"), ("EC", "ec_paramgen_curve:P-384")]
            {
                let (public, signature) = by_openssl(place.path(), (kind, option), &payload);
                kinds.push((option, public, offered(&payload, &signature)));
            }
        }
    }
    for (kind, public, signed) in kinds {
        let requirement = keyed(&json!({ "keyData": STANDARD.encode(&public) }));
        let policy = demanding(place.path(), &json!([requirement]));
        let mut other = Offered { payload: signed.payload.clone(), ..offered("", b"") };
        other.signature = signed.signature.clone();
        other.payload.push(b' ');
        let shelf = Shelf::default().with(manifest(), signed);
        assert_eq!(policy.judge(&name(NAME), &[manifest()], &shelf).unwrap().len(), 1, "{kind}");
        let shelf = Shelf::default().with(manifest(), other);
        let (said, _) = refusal(policy.judge(&name(NAME), &[manifest()], &shelf));
        assert!(said.contains("no signature of it is by"), "{kind}: {said}");
    }
}

/// Lets openssl make a key and sign with it; gives its public half and the signature.
fn by_openssl(place: &Path, (kind, option): (&str, &str), payload: &str) -> (String, Vec<u8>) {
    files::write(&place.join("payload"), payload).unwrap();
    let call = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).current_dir(place).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        done.stdout
    };
    call(&["genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", "key.pem"]);
    let public = String::from_utf8(call(&["pkey", "-in", "key.pem", "-pubout"])).unwrap();
    (public, call(&["dgst", "-sha256", "-sign", "key.pem", "payload"]))
}
