//! The policy file: containers-policy.json(5), read as strictly as podman and skopeo read it.
//!
//! A word that is not known, a field that is there twice and an empty list are errors that name the entry, never silence. What is known and
//! cannot be checked here (`signedBy`, certificates, transparency logs) is read, and refuses whatever falls under it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use super::identity::SignedIdentity;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    default: Requirements,
    #[serde(default)]
    transports: Table<Table<Requirements>>,
}

/// What an image must be, all of it; never empty.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<Requirement>")]
pub(super) struct Requirements(Vec<Requirement>);

/// One thing that an image must be.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Requirement {
    /// Anything is good.
    InsecureAcceptAnything {},
    /// Nothing is.
    Reject {},
    /// Signed with a GPG key, which is not checked here.
    SignedBy(IgnoredAny),
    /// Signed as cosign does.
    SigstoreSigned(Signed),
}

/// By whom an image must be signed, and as what.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub(super) struct Signed {
    /// One of them must have signed it.
    pub(super) keys: Vec<KeySource>,
    pub(super) identity: SignedIdentity,
    /// What is demanded beyond that and cannot be checked here.
    #[serde(skip)]
    pub(super) beyond: Option<&'static str>,
}

/// Where a public key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeySource {
    /// In a file; one that is relative begins where the policy lies.
    File(PathBuf),
    /// In the policy itself, as base64 of what would be in the file.
    Inline(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fields {
    key_path: Option<PathBuf>,
    key_paths: Option<Vec<PathBuf>>,
    key_data: Option<String>,
    key_datas: Option<Vec<String>>,
    fulcio: Option<IgnoredAny>,
    pki: Option<IgnoredAny>,
    rekor_public_key_path: Option<IgnoredAny>,
    rekor_public_key_paths: Option<IgnoredAny>,
    rekor_public_key_data: Option<IgnoredAny>,
    rekor_public_key_datas: Option<IgnoredAny>,
    #[serde(default)]
    signed_identity: SignedIdentity,
}

impl TryFrom<Fields> for Signed {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        let has_log = fields.rekor_public_key_path.is_some()
            || fields.rekor_public_key_paths.is_some()
            || fields.rekor_public_key_data.is_some()
            || fields.rekor_public_key_datas.is_some();
        let files = |paths: Vec<PathBuf>| paths.into_iter().map(KeySource::File).collect();
        let inline = |texts: Vec<String>| texts.into_iter().map(KeySource::Inline).collect();
        let sources: [Option<Vec<KeySource>>; 6] = [
            fields.key_path.map(|path| files(vec![path])),
            fields.key_paths.map(files),
            fields.key_data.map(|text| inline(vec![text])),
            fields.key_datas.map(inline),
            fields.fulcio.is_some().then(Vec::new),
            fields.pki.is_some().then(Vec::new),
        ];
        let beyond = match (&fields.fulcio, &fields.pki, has_log) {
            (Some(_), _, _) => Some("fulcio"),
            (_, Some(_), _) => Some("pki"),
            (None, None, true) => Some("rekorPublicKey"),
            (None, None, false) => None,
        };
        let mut given = sources.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(keys), None) if keys.is_empty() && beyond.is_none() => {
                Err("a list of keys is empty")
            }
            (Some(keys), None) => Ok(Self { keys, identity: fields.signed_identity, beyond }),
            _ => {
                Err("exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki belongs \
                      into a sigstoreSigned")
            }
        }
    }
}

impl TryFrom<Vec<Requirement>> for Requirements {
    type Error = &'static str;

    fn try_from(list: Vec<Requirement>) -> Result<Self, &'static str> {
        if list.is_empty() {
            return Err("a list of requirements is empty; insecureAcceptAnything accepts all");
        }
        Ok(Self(list))
    }
}

/// An object in which nothing is there twice.
#[derive(Debug)]
struct Table<T>(BTreeMap<String, T>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(BTreeMap<String, T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Table<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Table<T>, A::Error> {
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if self.0.contains_key(&key) {
                        return Err(A::Error::custom(format!("'{key}' is there twice")));
                    }
                    self.0.insert(key, value);
                }
                Ok(Table(self.0))
            }
        }
        deserializer.deserialize_map(Entries(BTreeMap::new()))
    }
}

/// What counts for an image, and by which entry of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) requirements: &'a [Requirement],
}

/// An entry of the file: which transport's, and of which scope; shown as the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a>(pub(super) Option<(&'a str, &'a str)>);

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("default"),
            Some((transport, scope)) => write!(f, "{transport} \"{scope}\""),
        }
    }
}

impl Document {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong, with the entry.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let document: Self =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
                match error.path().to_string().as_str() {
                    "." => error.inner().to_string(),
                    path => format!("{path}: {}", error.inner()),
                }
            })?;
        deserializer.end().map_err(|error| error.to_string())?;
        let archives = document.transports.0.get("docker-archive");
        match archives.and_then(|scopes| scopes.0.keys().find(|scope| !scope.is_empty())) {
            None => Ok(document),
            Some(scope) => Err(format!(
                "transports.docker-archive.{scope}: docker-archive has no scope but \"\""
            )),
        }
    }

    /// Finds what counts: of `scopes`, the most specific first, the first that the file has; else what it says of the transport; else its default.
    pub(super) fn rule(&self, transport: &str, scopes: &[String]) -> Rule<'_> {
        let found = self.transports.0.get_key_value(transport).and_then(|(transport, table)| {
            let scopes = scopes.iter().map(String::as_str).chain([""]);
            let (scope, requirements) =
                scopes.into_iter().find_map(|scope| table.0.get_key_value(scope))?;
            Some(Rule { entry: Entry(Some((transport, scope))), requirements: &requirements.0 })
        });
        found.unwrap_or(Rule { entry: Entry(None), requirements: &self.default.0 })
    }
}

impl KeySource {
    /// Gives what it is called in messages.
    pub(super) fn name(&self, directory: &Path) -> String {
        match self {
            Self::File(path) => directory.join(path).display().to_string(),
            Self::Inline(_) => "keyData".to_owned(),
        }
    }
}
