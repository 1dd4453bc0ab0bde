//! Logins, as Docker's client keeps them: in its `config.json`, or with the helper program that it names
//! (<https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol>).

use std::{
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{EngineError, ErrorKind, Result};
use crate::{
    registry::{Login, Secret},
    sys::{At as _, files},
};

/// Under what name the default registry's login is kept.
const DEFAULT_KEY: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// What a helper says when it has nothing.
const NOTHING: &str = "credentials not found";

/// The name that says that a secret is a token.
const TOKEN: &str = "<token>";

/// Where a login went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Into the file, where everybody who reads it can read the password.
    InFile(std::path::PathBuf),
    /// To this helper program.
    WithHelper(String),
}

/// The logins in one file.
pub(super) struct Credentials<'a> {
    path: Option<&'a Path>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl<'a> Credentials<'a> {
    pub(super) const fn new(path: Option<&'a Path>) -> Self {
        Self { path }
    }

    /// Finds the login for a host.
    pub(super) fn find(&self, host: &str) -> Result<Option<Login>> {
        let config = self.read()?;
        if let Some(helper) = helper_for(&config, host)
            && let Some(login) = ask_helper(&helper, key_of(host))?
        {
            return Ok(Some(login));
        }
        let Some(auths) = config.get("auths").and_then(Value::as_object) else {
            return Ok(None);
        };
        let entry = auths.iter().find(|(key, _)| host_of(key) == host_of(key_of(host)));
        Ok(entry.and_then(|(_, entry)| login_of(entry)))
    }

    /// Keeps a login for a host.
    pub(super) fn keep(&self, host: &str, name: &str, secret: &Secret) -> Result<Kept> {
        let mut config = self.read()?;
        if let Some(helper) = helper_for(&config, host) {
            let text = serde_json::json!({
                "ServerURL": key_of(host), "Username": name, "Secret": secret.expose(),
            });
            call(&helper, "store", &text.to_string())?;
            return Ok(Kept::WithHelper(helper));
        }
        let auth = BASE64_STANDARD.encode(format!("{name}:{}", secret.expose()));
        let auths = config.entry("auths").or_insert_with(|| Value::Object(Map::new()));
        if let Some(auths) = auths.as_object_mut() {
            auths.retain(|key, _| host_of(key) != host_of(key_of(host)));
            auths.insert(key_of(host).to_owned(), serde_json::json!({ "auth": auth }));
        }
        let path = self.write(&config)?;
        Ok(Kept::InFile(path.to_owned()))
    }

    /// Forgets the login for a host; tells whether there was one.
    pub(super) fn forget(&self, host: &str) -> Result<bool> {
        let mut config = self.read()?;
        let mut was_there = false;
        if let Some(helper) = helper_for(&config, host) {
            was_there = ask_helper(&helper, key_of(host))?.is_some();
            if was_there {
                call(&helper, "erase", key_of(host))?;
            }
        }
        let Some(auths) = config.get_mut("auths").and_then(Value::as_object_mut) else {
            return Ok(was_there);
        };
        let before = auths.len();
        auths.retain(|key, _| host_of(key) != host_of(key_of(host)));
        if auths.len() != before {
            was_there = true;
            self.write(&config)?;
        }
        Ok(was_there)
    }

    fn read(&self) -> Result<Map<String, Value>> {
        let Some(path) = self.path else { return Ok(Map::new()) };
        let Some(bytes) = files::read_if_there(path)? else { return Ok(Map::new()) };
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("{} cannot be understood: {error}", path.display());
            EngineError::new(ErrorKind::Invalid, message).hint("repair it, or move it away")
        })
    }

    fn write(&self, config: &Map<String, Value>) -> Result<&'a Path> {
        let Some(path) = self.path else {
            return Err(EngineError::new(ErrorKind::Invalid, "there is no place for logins")
                .hint("set HOME or DOCKER_CONFIG"));
        };
        if let Some(parent) = path.parent() {
            files::make_private_dir(parent)?;
        }
        let text = serde_json::to_string_pretty(config).map_err(|error| {
            EngineError::new(ErrorKind::Internal, "the logins cannot be written").caused_by(error)
        })?;
        files::replace_private(path, format!("{text}\n").as_bytes())?;
        Ok(path)
    }
}

/// Gives the name under which a host's login is kept.
fn key_of(host: &str) -> &str {
    if host == DEFAULT_KEY.0 { DEFAULT_KEY.1 } else { host }
}

/// Gives the host in a key, which may be an address.
fn host_of(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Gives the name of the helper for a host.
fn helper_for(config: &Map<String, Value>, host: &str) -> Option<String> {
    let own = config
        .get("credHelpers")
        .and_then(|helpers| helpers.get(key_of(host)).or_else(|| helpers.get(host))?.as_str());
    let name = own.or_else(|| config.get("credsStore")?.as_str())?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Reads an entry of the file.
fn login_of(entry: &Value) -> Option<Login> {
    let text = |key: &str| entry.get(key)?.as_str().filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Some(Login::Identity(Secret::new(token.to_owned())));
    }
    if let Some(auth) = text("auth") {
        let bytes = BASE64_STANDARD.decode(auth.trim()).ok()?;
        let pair = String::from_utf8(bytes).ok()?;
        let (name, secret) = pair.split_once(':')?;
        // Some write a NUL byte behind it.
        let secret = secret.trim_end_matches('\0').to_owned();
        return Some(Login::Password { name: name.to_owned(), secret: Secret::new(secret) });
    }
    let (name, secret) = (text("username")?, text("password")?);
    Some(Login::Password { name: name.to_owned(), secret: Secret::new(secret.to_owned()) })
}

/// Asks a helper for a login.
fn ask_helper(helper: &str, key: &str) -> Result<Option<Login>> {
    let said = match call(helper, "get", key) {
        Err(error) if error.to_string().contains(NOTHING) => return Ok(None),
        other => other?,
    };
    let answer: Answer = serde_json::from_slice(&said).map_err(|_shown| {
        let message = format!("docker-credential-{helper} does not give a login");
        EngineError::new(ErrorKind::Invalid, message)
    })?;
    Ok(match (answer.username.as_str(), answer.secret) {
        (_, secret) if secret.is_empty() => None,
        (TOKEN, secret) => Some(Login::Identity(Secret::new(secret))),
        (name, secret) => {
            Some(Login::Password { name: name.to_owned(), secret: Secret::new(secret) })
        }
    })
}

/// Calls a helper with a text on its standard input; gives what it says.
fn call(helper: &str, verb: &str, input: &str) -> Result<Vec<u8>> {
    let program = format!("docker-credential-{helper}");
    let is_name = helper.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !is_name {
        let message = format!("'{helper}' is no name of a credential helper");
        return Err(EngineError::new(ErrorKind::Invalid, message));
    }
    let failed = |reason: &str| {
        EngineError::new(ErrorKind::Invalid, format!("{program} {verb} failed: {reason}"))
            .hint("repair it, or take it out of Docker's config.json")
    };
    let mut child = Command::new(&program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(failed(&error.to_string()));
            }
            _ => {}
        }
    }
    let output = child.wait_with_output().at("wait for", &program)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    Err(failed(String::from_utf8_lossy(&said).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        files::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn logins_are_found_as_docker_writes_them() {
        let (_dir, path) = file(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6c2VjOnJldA=="},"lab.example:5000":{"username":"a","password":"b"},
            "https://old.example/v2/":{"auth":"eDp5"},"token.example":{"auth":"eDp5","identitytoken":"t"},"empty.example":{}}}"#,
        );
        let credentials = Credentials::new(Some(&path));
        let password = |name: &str, secret: &str| {
            Some(Login::Password { name: name.to_owned(), secret: Secret::new(secret.to_owned()) })
        };
        for (host, login) in [
            ("docker.io", password("me", "sec:ret")),
            ("lab.example:5000", password("a", "b")),
            ("old.example", password("x", "y")),
            ("token.example", Some(Login::Identity(Secret::new("t".to_owned())))),
            ("empty.example", None),
            ("other.example", None),
        ] {
            assert_eq!(credentials.find(host).unwrap(), login, "{host}");
        }
    }

    #[test]
    fn a_login_is_kept_and_forgotten_beside_what_else_is_there() {
        let (_dir, path) =
            file(r#"{"HttpHeaders":{"X":"y"},"auths":{"a.example":{"auth":"eDp5"}}}"#);
        let credentials = Credentials::new(Some(&path));
        credentials.keep("docker.io", "me", &Secret::new("hush".to_owned())).unwrap();
        let text = files::read_text(&path).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["HttpHeaders"]["X"], "y");
        assert_eq!(value["auths"]["https://index.docker.io/v1/"]["auth"], "bWU6aHVzaA==");
        assert!(credentials.forget("docker.io").unwrap());
        assert!(!credentials.forget("docker.io").unwrap());
        assert!(credentials.find("a.example").unwrap().is_some());
    }

    #[test]
    fn a_helper_is_a_name_not_a_path() {
        let (_dir, path) = file(r#"{"credsStore":"../../bin/sh"}"#);
        let error = Credentials::new(Some(&path)).find("a.example").unwrap_err().to_string();
        assert!(error.contains("no name of a credential helper"), "{error}");
    }
}
