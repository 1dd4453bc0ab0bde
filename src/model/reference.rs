//! Image references: `registry/repository:tag@digest`, read and shown as Docker does.
//!
//! Written by hand rather than taken from `oci_spec::distribution::Reference`: that one compiles a regular expression of some
//! megabytes at first use, which every `run` would pay for, and always shows `docker.io/library/`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Digest, DigestError};

/// The registry that is meant when none is named.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where that registry keeps repositories without a slash.
const DEFAULT_NAMESPACE: &str = "library/";
/// The tag that is meant when neither tag nor digest is named.
const DEFAULT_TAG: &str = "latest";
/// The longest `registry/repository` (distribution/reference, `NameTotalLengthMax`).
const LONGEST_NAME: usize = 255;

/// Names an image in a registry or in the local store; complete, with registry and with tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Says why a text is not an [`ImageReference`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The registry or the repository is empty or has characters that it may not have.
    #[error(
        "invalid image reference '{0}': a name is lower-case letters and digits, separated by '.', '_', '-' and '/'"
    )]
    Name(String),
    /// The name is longer than 255 characters.
    #[error("invalid image reference '{0}': the name has more than 255 characters")]
    Long(String),
    /// The tag is empty, too long or has characters that it may not have.
    #[error(
        "invalid image reference '{0}': a tag is at most 128 letters, digits, '_', '.' and '-'"
    )]
    Tag(String),
    /// The part after `@` is no digest.
    #[error("invalid image reference: {0}")]
    Digest(#[from] DigestError),
}

impl ImageReference {
    /// Gives the registry's host, with port where one was named.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Gives the repository as the registry knows it, `library/` included.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Gives the tag; `None` for a reference by digest alone.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Gives the digest, where one was named.
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Gives the name without tag and digest, shortened as people write it: `debian`, not `docker.io/library/debian`.
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return format!("{}/{}", self.registry, self.repository);
        }
        let familiar = match self.repository.strip_prefix(DEFAULT_NAMESPACE) {
            Some(official) if !official.contains('/') => official,
            _ => &self.repository,
        };
        // What would be read as another registry is said in full: `docker.io/localhost/x`.
        if split_registry(familiar) == (DEFAULT_REGISTRY, familiar) {
            familiar.to_owned()
        } else {
            format!("{DEFAULT_REGISTRY}/{familiar}")
        }
    }

    /// Gives the complete name, registry included, as the store keys it.
    pub fn canonical(&self) -> String {
        self.with_name(&format!("{}/{}", self.registry, self.repository))
    }

    fn with_name(&self, name: &str) -> String {
        let mut text = name.to_owned();
        if let Some(tag) = &self.tag {
            text = format!("{text}:{tag}");
        }
        if let Some(digest) = &self.digest {
            text = format!("{text}@{digest}");
        }
        text
    }
}

/// Shows the reference as people write it, always with its tag: `debian:12`.
impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.with_name(&self.familiar_name()))
    }
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        let (registry, repository) = split_registry(name);
        if !is_registry(registry) || !is_repository(repository) {
            return Err(ReferenceError::Name(text.to_owned()));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag(text.to_owned()));
        }
        let mut repository = repository.to_owned();
        if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            repository.insert_str(0, DEFAULT_NAMESPACE);
        }
        if registry.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(ReferenceError::Long(text.to_owned()));
        }
        let tag = match (tag, digest) {
            (None, None) => Some(DEFAULT_TAG),
            (tag, _) => tag,
        };
        Ok(Self { registry: registry.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }
}

impl TryFrom<String> for ImageReference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> Self {
        reference.canonical()
    }
}

/// Splits `name:tag`; a colon before the last slash belongs to a port.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// Splits the registry from the repository: the first component is a host when it has a dot, a port, or is `localhost`.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", rest)) => (DEFAULT_REGISTRY, rest),
        Some((host, rest))
            if host == "localhost"
                || host.contains(['.', ':'])
                || host.chars().any(char::is_uppercase) =>
        {
            (host, rest)
        }
        _ => (DEFAULT_REGISTRY, name),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    host.split('.').all(is_label) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_repository(text: &str) -> bool {
    text.split('/').all(is_path_component)
}

/// Letters and digits, with single `.`, one or two `_`, or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_word)
        && text.ends_with(is_word)
        && text.split(is_word).all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-')
        })
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(is_word)
        && text.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_names_are_completed_and_shown_short() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, canonical, shown) in [
            ("debian", "docker.io/library/debian:latest", "debian:latest"),
            ("debian:12", "docker.io/library/debian:12", "debian:12"),
            ("me/app", "docker.io/me/app:latest", "me/app:latest"),
            ("localhost/app:1", "localhost/app:1", "localhost/app:1"),
            ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000/a/b:latest"),
            ("index.docker.io/x", "docker.io/library/x:latest", "x:latest"),
            ("docker.io/library/x:1", "docker.io/library/x:1", "x:1"),
            // Found by tests/fuzz: shown short, each of them would be read as another registry's.
            ("docker.io/evil.io/x:1", "docker.io/evil.io/x:1", "docker.io/evil.io/x:1"),
            ("docker.io/localhost/x:1", "docker.io/localhost/x:1", "docker.io/localhost/x:1"),
            (
                "docker.io/index.docker.io/x:1",
                "docker.io/index.docker.io/x:1",
                "docker.io/index.docker.io/x:1",
            ),
            ("docker.io/docker.io/x:1", "docker.io/docker.io/x:1", "docker.io/docker.io/x:1"),
            (
                &format!("quay.io/a__b/c-d@{digest}"),
                &format!("quay.io/a__b/c-d@{digest}"),
                &format!("quay.io/a__b/c-d@{digest}"),
            ),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.canonical(), canonical, "{text}");
            assert_eq!(reference.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_kind() {
        for bad in ["", ":tag", "UPPER", "a//b", "a/", "/a", "a b", "a___b", "a.", "-a/b", "a..b"] {
            assert!(matches!(bad.parse::<ImageReference>(), Err(ReferenceError::Name(_))), "{bad}");
        }
        for bad in ["a:", "a:-x", "a:b c", &format!("a:{}", "x".repeat(129))] {
            assert!(matches!(bad.parse::<ImageReference>(), Err(ReferenceError::Tag(_))), "{bad}");
        }
        assert!(matches!("a@sha256:1".parse::<ImageReference>(), Err(ReferenceError::Digest(_))));
        let long = "a/".repeat(127) + "bcd";
        assert!(matches!(long.parse::<ImageReference>(), Err(ReferenceError::Long(_))));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_reads_back_the_same(text in "\\PC{0,40}") {
            if let Ok(reference) = text.parse::<ImageReference>() {
                prop_assert_eq!(&reference.canonical().parse::<ImageReference>().unwrap(), &reference);
                prop_assert_eq!(&reference.to_string().parse::<ImageReference>().unwrap(), &reference);
            }
        }

        #[test]
        fn a_reference_made_of_good_parts_is_read(
            host in "([a-z][a-z0-9]{0,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?/)?",
            path in "[a-z0-9]{1,6}(/[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}){0,2}",
            tag in "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,12})?",
        ) {
            let text = format!("{host}{path}{tag}");
            let reference = text.parse::<ImageReference>().unwrap();
            prop_assert_eq!(reference.canonical().parse::<ImageReference>().unwrap(), reference);
        }
    }
}
