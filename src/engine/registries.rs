//! How a registry is reached: Docker's `config.json`, `registries.conf` (containers-registries.conf(5)), directories of certificates
//! (containers-certs.d(5)), proxies. Read when a registry is reached, never before.

use std::{path::PathBuf, sync::Arc};

use serde::Deserialize;

use super::{EngineError, ErrorKind, Result, credentials::Credentials};
use crate::{
    model::ImageReference,
    registry::{
        Cancel, Endpoint, ProxySettings, RegistryError, Repository, Settings, Trust, is_loopback,
    },
    sys::files,
};

/// What the default registry is called in names, and where it is reached.
const DEFAULT: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Where it is written how registries are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryFiles {
    /// The configuration of Docker's client, with logins: `~/.docker/config.json`.
    pub docker_config: Option<PathBuf>,
    /// Mirrors and what may be insecure, as `registries.conf`; the first file that is there counts.
    pub registries: Vec<PathBuf>,
    /// Directories that have one of certificates for each host, `certs.d`.
    pub certificates: Vec<PathBuf>,
    /// Bundles of the authorities that this machine trusts; the first file that is there counts.
    pub authorities: Vec<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
}

/// Through what hosts are reached, as the variables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTP_PROXY`: for hosts without TLS.
    pub http: Option<String>,
    /// `HTTPS_PROXY`.
    pub https: Option<String>,
    /// `NO_PROXY`.
    pub exceptions: String,
}

#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default, rename = "registry")]
    registries: Vec<Entry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Entry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default, rename = "mirror")]
    mirrors: Vec<Mirror>,
}

#[derive(Debug, Clone, Deserialize)]
struct Mirror {
    location: String,
    #[serde(default)]
    insecure: bool,
    /// For which names it counts: `all`, `digest-only`, `tag-only`.
    #[serde(default, rename = "pull-from-mirror")]
    meant_for: Option<String>,
}

/// A place where a repository is: host, its name there, and whether it may be insecure.
type Place = (String, String, bool);

impl Entry {
    fn prefix(&self) -> &str {
        if self.prefix.is_empty() { &self.location } else { &self.prefix }
    }

    /// Gives what a name has beyond this entry's prefix; `None` when the entry is not about it.
    fn beyond<'a>(&self, name: &'a str) -> Option<&'a str> {
        let prefix = self.prefix();
        if prefix.is_empty() {
            return None;
        }
        if let Some(domain) = prefix.strip_prefix("*.") {
            let host = name.split('/').next()?;
            let below = host.strip_suffix(domain).is_some_and(|start| start.ends_with('.'));
            return if below { name.get(host.len()..) } else { None };
        }
        let rest = name.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

impl File {
    fn read(paths: &[PathBuf]) -> Result<Self> {
        for path in paths {
            let Some(bytes) = files::read_if_there(path)? else { continue };
            let text = String::from_utf8_lossy(&bytes);
            return toml::from_str(&text).map_err(|error| {
                let line = error.message().to_owned();
                EngineError::new(ErrorKind::Invalid, format!("{}: {line}", path.display()))
            });
        }
        Ok(Self::default())
    }

    /// Finds where a repository is: its own place, and its mirrors' for pulls.
    fn places(&self, name: &str, is_by_digest: bool) -> Result<(Place, Vec<Place>)> {
        let about = self.registries.iter().filter_map(|entry| Some((entry, entry.beyond(name)?)));
        let Some((entry, beyond)) = about.max_by_key(|(entry, _)| entry.prefix().len()) else {
            return Ok((place(name, false), Vec::new()));
        };
        if entry.blocked {
            let host = name.split('/').next().unwrap_or_default().to_owned();
            return Err(RegistryError::Blocked { host }.into());
        }
        let own = if entry.location.is_empty() {
            name.to_owned()
        } else {
            format!("{}{beyond}", entry.location)
        };
        let is_meant = |mirror: &&Mirror| match mirror.meant_for.as_deref() {
            Some("digest-only") => is_by_digest,
            Some("tag-only") => !is_by_digest,
            _ => true,
        };
        let mirrors = entry.mirrors.iter().filter(is_meant);
        let mirrors = mirrors.map(|it| place(&format!("{}{beyond}", it.location), it.insecure));
        Ok((place(&own, entry.insecure), mirrors.collect()))
    }
}

/// Splits a name into host and repository.
fn place(name: &str, insecure: bool) -> Place {
    let (host, repository) = name.split_once('/').unwrap_or((name, ""));
    let host = if host == DEFAULT.0 { DEFAULT.1 } else { host };
    (host.to_owned(), repository.to_owned(), insecure || is_loopback(host))
}

impl RegistryFiles {
    /// Gives the repository that a reference names, with its mirrors.
    pub(super) fn repository(
        &self,
        reference: &ImageReference,
        cancel: &Cancel,
    ) -> Result<Repository> {
        let name = format!("{}/{}", reference.registry(), reference.repository());
        let (own, mirrors) =
            File::read(&self.registries)?.places(&name, reference.digest().is_some())?;
        let mut places = Vec::with_capacity(mirrors.len());
        for mirror in mirrors {
            places.push(self.reach(mirror, cancel)?);
        }
        Ok(Repository::new(self.reach(own, cancel)?, places, cancel))
    }

    /// Gives a host as a whole, with the login for it.
    pub(super) fn endpoint(&self, host: &str, cancel: &Cancel) -> Result<Arc<Endpoint>> {
        let (own, _mirrors) = File::read(&self.registries)?.places(host, false)?;
        Ok(self.reach(own, cancel)?.0)
    }

    fn reach(
        &self,
        (host, name, insecure): Place,
        cancel: &Cancel,
    ) -> Result<(Arc<Endpoint>, String)> {
        let login = Credentials::new(self.docker_config.as_deref()).find(logical(&host))?;
        let settings = Settings { login, ..self.settings(&host, insecure)? };
        Ok((Endpoint::new(settings, cancel)?, name))
    }

    /// Gives how a host is reached, as what it says in a name, without a login.
    pub(super) fn host(&self, host: &str) -> Result<Settings> {
        let ((host, _, insecure), _) = File::read(&self.registries)?.places(host, false)?;
        self.settings(&host, insecure)
    }

    fn settings(&self, host: &str, may_be_plain: bool) -> Result<Settings> {
        let proxy = if may_be_plain { &self.proxies.http } else { &self.proxies.https };
        let exceptions = self.proxies.exceptions.clone();
        Ok(Settings {
            host: host.to_owned(),
            may_be_plain,
            trust: self.trust(host)?,
            login: None,
            proxy: proxy
                .clone()
                .filter(|_| !is_loopback(host))
                .map(|address| ProxySettings { address, exceptions }),
        })
    }

    /// Reads whom to trust: what this machine trusts, and what was put beside it for this host.
    fn trust(&self, host: &str) -> Result<Trust> {
        let mut trust = Trust::default();
        for directory in &self.certificates {
            for path in files::list(&directory.join(host))? {
                match path.extension().and_then(|extension| extension.to_str()) {
                    Some("crt") => trust.authorities.push(files::read(&path)?),
                    Some("cert") => {
                        let key = files::read(&path.with_extension("key"))?;
                        trust.client = Some((files::read(&path)?, key));
                    }
                    _ => {}
                }
            }
        }
        for path in &self.authorities {
            if let Some(bundle) = files::read_if_there(path)? {
                trust.authorities.push(bundle);
                break;
            }
        }
        Ok(trust)
    }
}

/// Gives the name under which a host's login is kept.
pub(super) fn logical(host: &str) -> &str {
    if host == DEFAULT.1 { DEFAULT.0 } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        unqualified-search-registries = ["docker.io"]
        [[registry]]
        prefix = "docker.io"
        location = "docker.io"
        [[registry.mirror]]
        location = "mirror.example/hub"
        [[registry.mirror]]
        location = "slow.example:5000"
        insecure = true
        pull-from-mirror = "digest-only"
        [[registry]]
        prefix = "docker.io/library/secret"
        blocked = true
        [[registry]]
        location = "lab.example:5000"
        insecure = true
        [[registry]]
        prefix = "*.wild.example"
        location = "one.example/all"
    "#;

    fn place(host: &str, name: &str, insecure: bool) -> Place {
        (host.to_owned(), name.to_owned(), insecure)
    }

    #[test]
    fn the_longest_prefix_says_where_a_repository_is() {
        let file: File = toml::from_str(FILE).unwrap();
        let mirror = place("mirror.example", "hub/library/debian", false);
        let slow = place("slow.example:5000", "library/debian", true);
        let own = place("registry-1.docker.io", "library/debian", false);
        let found = |name: &str, by_digest| file.places(name, by_digest).unwrap();
        assert_eq!(found("docker.io/library/debian", false), (own.clone(), vec![mirror.clone()]));
        assert_eq!(found("docker.io/library/debian", true), (own, vec![mirror, slow]));
        assert_eq!(found("lab.example:5000/a/b", false).0, place("lab.example:5000", "a/b", true));
        assert_eq!(found("lab.example:50001/a", false).0, place("lab.example:50001", "a", false));
        assert_eq!(found("a.wild.example/x", false).0, place("one.example", "all/x", false));
        assert_eq!(found("wild.example/x", false).0, place("wild.example", "x", false));
        assert_eq!(found("127.0.0.1:5000/x", false).0, place("127.0.0.1:5000", "x", true));
        let blocked = file.places("docker.io/library/secret", false).unwrap_err();
        assert!(blocked.to_string().contains("blocked"), "{blocked}");
    }
}
