//! The verbs of registries.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use serde::Serialize;

use super::{
    arguments::{
        ImageChoice, LoginOptions, LogoutOptions, ManifestVerb, PullOptions, PullPolicy,
        PushOptions, SearchOptions, read_name,
    },
    listing::{self, Row},
    output,
    transfer::{Output, Stopping, Transfer},
};
use crate::{
    engine::{Cancel, Engine, EngineError, ErrorKind, Kept, Pulled, Result},
    model::{CreateContainer, ImageReference, Platform},
};

/// The registry that is meant when none is named.
const DEFAULT: &str = "docker.io";

/// Pulls images and says what came in, in Docker's words.
pub(super) fn pull(engine: &Engine, options: &PullOptions) -> Result<u8> {
    let stopping = Stopping::new();
    let cancel = stopping.cancel();
    let output = if options.quiet { Output::None } else { Output::Standard };
    let mut references = Vec::new();
    for name in &options.names {
        let (reference, is_tagless) = named(name)?;
        if options.all_tags {
            if !is_tagless {
                let message = format!("{name}: all tags are asked for, and one is named");
                return Err(EngineError::new(ErrorKind::Invalid, message));
            }
            references.extend(all_tags(engine, &reference, cancel)?);
            continue;
        }
        if is_tagless {
            output.line("Using default tag: latest");
        }
        references.push(reference);
    }
    for one in fetch(engine, &references, (options.platform.as_ref(), output), cancel)? {
        output::line(one.reference.canonical());
    }
    Ok(0)
}

/// Pulls images and says how it went.
fn fetch(
    engine: &Engine,
    references: &[ImageReference],
    (platform, output): (Option<&Platform>, Output),
    cancel: &Cancel,
) -> Result<Vec<Pulled>> {
    for reference in references {
        let digest = reference.digest().map(|digest| digest.to_string());
        let named = digest.as_deref().or_else(|| reference.tag()).unwrap_or_default();
        output.line(format!("{named}: Pulling from {}", reference.repository()));
    }
    let mut transfer = Transfer::new(output, "Pull complete");
    let pulled =
        engine.pull(references, platform, cancel, &mut |progress| transfer.tell(&progress))?;
    for one in &pulled {
        output.line(format!("Digest: {}", one.digest));
        output.line(format!("Status: {}", status(one)));
    }
    Ok(pulled)
}

/// Lets `create` make a container; its image is pulled before as the flags say, which is told on standard error.
pub(super) fn create<T>(
    engine: &Engine,
    request: &CreateContainer,
    options: &ImageChoice,
    create: impl Fn(&CreateContainer) -> Result<T>,
) -> Result<T> {
    if options.pull == PullPolicy::Always {
        pull_for(engine, request, options)?;
    }
    match create(request) {
        Err(error)
            if options.pull == PullPolicy::Missing
                && *error.kind() == ErrorKind::NotFound
                && engine.image(&request.image).is_err() =>
        {
            // An id, or the beginning of one, names nothing in a registry.
            let Ok((reference, _)) = named(&request.image) else { return Err(error) };
            output::error_line(format!("Unable to find image '{reference}' locally"));
            pull_for(engine, request, options)?;
            create(request)
        }
        other => other,
    }
}

fn pull_for(engine: &Engine, request: &CreateContainer, options: &ImageChoice) -> Result<()> {
    let stopping = Stopping::new();
    let (reference, _) = named(&request.image)?;
    let output = if options.quiet { Output::None } else { Output::Error };
    let platform = options.platform.as_ref();
    fetch(engine, &[reference], (platform, output), stopping.cancel()).map(drop)
}

/// Pushes an image, or all images of a repository, and says where it went, in Docker's words.
pub(super) fn push(engine: &Engine, options: &PushOptions) -> Result<u8> {
    let stopping = Stopping::new();
    let (reference, is_tagless) = named(&options.name)?;
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let references = if options.all_tags {
        if !is_tagless {
            let message = format!("{}: all tags are asked for, and one is named", options.name);
            return Err(EngineError::new(ErrorKind::Invalid, message));
        }
        tags_here(engine, &reference)?
    } else {
        vec![reference]
    };
    let output = if options.quiet { Output::None } else { Output::Standard };
    output.line(format!("The push refers to repository [{name}]"));
    if is_tagless && !options.all_tags {
        output.line("Using default tag: latest");
    }
    for reference in &references {
        let mut transfer = Transfer::new(output, "Pushed");
        let pushed =
            engine.push(reference, stopping.cancel(), &mut |progress| transfer.tell(&progress))?;
        if options.quiet {
            output::line(reference.canonical());
        } else {
            let tag = reference.tag().unwrap_or_default();
            output::line(format!("{tag}: digest: {} size: {}", pushed.digest, pushed.size));
        }
    }
    Ok(0)
}

/// Lists the names that images here have in a repository.
fn tags_here(engine: &Engine, repository: &ImageReference) -> Result<Vec<ImageReference>> {
    let wanted = repository.familiar_name();
    let images = engine.overview()?.images;
    let names = images.into_iter().flat_map(|image| image.references);
    let mut names: Vec<_> =
        names.filter(|name| name.tag().is_some() && name.familiar_name() == wanted).collect();
    names.sort();
    if names.is_empty() {
        let message = format!("an image does not exist locally with the name: {wanted}");
        return Err(EngineError::new(ErrorKind::NotFound, message));
    }
    Ok(names)
}

/// Shows a manifest as the registry has it.
pub(super) fn inspect(engine: &Engine, verb: &ManifestVerb) -> Result<u8> {
    let ManifestVerb::Inspect { name, .. } = verb;
    let stopping = Stopping::new();
    let bytes = engine.remote_manifest(&named(name)?.0, stopping.cancel())?;
    output::bytes(&bytes);
    if !bytes.ends_with(b"\n") {
        output::line("");
    }
    Ok(0)
}

/// Lists the tags of a repository, or what a registry has.
pub(super) fn search(engine: &Engine, options: &SearchOptions) -> Result<u8> {
    let stopping = Stopping::new();
    let (host, rest) = options.term.split_once('/').unwrap_or((&options.term, ""));
    let is_host = host.contains(['.', ':']) || host == "localhost";
    let mut rows: Vec<FoundRow> = if is_host && rest.is_empty() {
        let found = engine.remote_repositories(host, stopping.cancel())?;
        found
            .into_iter()
            .map(|name| FoundRow { name: format!("{host}/{name}"), tag: String::new() })
            .collect()
    } else {
        let reference = named(&options.term)?.0;
        let name = reference.familiar_name();
        let tags = engine.remote_tags(&reference, stopping.cancel())?;
        tags.into_iter().map(|tag| FoundRow { name: name.clone(), tag }).collect()
    };
    // Registries list in no order that they promise.
    rows.sort_by(|one, other| (&one.name, &one.tag).cmp(&(&other.name, &other.tag)));
    rows.truncate(options.limit.unwrap_or(usize::MAX));
    listing::print(&rows, false, options.format.as_deref())?;
    Ok(0)
}

/// A row of `search`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FoundRow {
    name: String,
    tag: String,
}

impl Row for FoundRow {
    const HEAD: &'static [&'static str] = &["NAME", "TAG"];
    const FIELDS: &'static [(&'static str, &'static str)] = &[("Name", "NAME"), ("Tag", "TAG")];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.tag.clone()]
    }

    fn id(&self) -> &str {
        &self.name
    }
}

fn all_tags(
    engine: &Engine,
    reference: &ImageReference,
    cancel: &Cancel,
) -> Result<Vec<ImageReference>> {
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let tags = engine.remote_tags(reference, cancel)?;
    if tags.is_empty() {
        return Err(EngineError::new(ErrorKind::NotFound, format!("{name} has no tags")));
    }
    tags.iter().map(|tag| named(&format!("{name}:{tag}")).map(|(reference, _)| reference)).collect()
}

fn named(text: &str) -> Result<(ImageReference, bool)> {
    read_name(text).map_err(|message| EngineError::new(ErrorKind::Invalid, message))
}

fn status(pulled: &Pulled) -> String {
    let name = &pulled.reference;
    if pulled.is_new {
        format!("Downloaded newer image for {name}")
    } else {
        format!("Image is up to date for {name}")
    }
}

/// Keeps a login, once the registry has accepted it.
pub(super) fn login(engine: &Engine, options: &LoginOptions) -> Result<u8> {
    let host = host_of(options.server.as_deref());
    let (name, secret) = asked(options)?;
    match engine.login(host, &name, &secret)? {
        Kept::InFile(path) => output::error_line(format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\nhint: a credential helper keeps them safe: set credsStore there",
            path.display()
        )),
        Kept::WithHelper(_) => {}
    }
    output::line("Login Succeeded");
    Ok(0)
}

/// Forgets a login.
pub(super) fn logout(engine: &Engine, options: &LogoutOptions) -> Result<u8> {
    let host = host_of(options.server.as_deref());
    if engine.logout(host)? {
        output::line(format!("Removing login credentials for {host}"));
    } else {
        output::line(format!("Not logged in to {host}"));
    }
    Ok(0)
}

/// Gives the host of a server that may be written as an address.
fn host_of(server: Option<&str>) -> &str {
    let server = server.unwrap_or(DEFAULT);
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    match rest.split('/').next().unwrap_or(rest) {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT,
        host => host,
    }
}

/// Gives name and password: from the flags, from standard input, or by asking in the terminal.
fn asked(options: &LoginOptions) -> Result<(String, String)> {
    let invalid = |message: &str| EngineError::new(ErrorKind::Invalid, message);
    if options.password_stdin {
        let Some(name) = &options.username else {
            return Err(invalid("--password-stdin needs a name: --username NAME"));
        };
        let mut secret = String::new();
        io::stdin()
            .read_to_string(&mut secret)
            .map_err(|error| invalid("standard input is not text").caused_by(error))?;
        let secret = secret.trim_end_matches(['\n', '\r']).to_owned();
        return filled(name.clone(), secret);
    }
    if options.password.is_some() {
        output::error_line(
            "WARNING! Using --password via the CLI is insecure. Use --password-stdin.",
        );
    }
    if (options.username.is_none() || options.password.is_none()) && !io::stdin().is_terminal() {
        return Err(invalid("nobody can be asked for the password here")
            .hint("give it with --password-stdin"));
    }
    let name = match &options.username {
        Some(name) => name.clone(),
        None => line("Username: ")?,
    };
    let secret = match &options.password {
        Some(secret) => secret.clone(),
        None => hidden_line("Password: ")?,
    };
    filled(name, secret)
}

fn filled(name: String, secret: String) -> Result<(String, String)> {
    if name.is_empty() || secret.is_empty() {
        return Err(EngineError::new(ErrorKind::Invalid, "a login needs a name and a password"));
    }
    Ok((name, secret))
}

fn line(question: &str) -> Result<String> {
    output::text(question);
    let _unheard = io::stdout().flush();
    let mut text = String::new();
    io::stdin().lock().read_line(&mut text).map_err(|error| {
        EngineError::new(ErrorKind::Invalid, "the terminal cannot be read").caused_by(error)
    })?;
    Ok(text.trim().to_owned())
}

/// Asks for a line that the terminal does not show.
fn hidden_line(question: &str) -> Result<String> {
    use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
    let refused = |error: nix::Error| {
        EngineError::new(ErrorKind::Kernel, "the terminal cannot hide what is typed")
            .caused_by(error)
    };
    let before = tcgetattr(io::stdin()).map_err(refused)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent).map_err(refused)?;
    let answer = line(question);
    tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &before).map_err(refused)?;
    output::line("");
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_however_it_is_written() {
        for (server, host) in [
            (None, "docker.io"),
            (Some("https://index.docker.io/v1/"), "docker.io"),
            (Some("lab.example:5000"), "lab.example:5000"),
            (Some("https://lab.example/"), "lab.example"),
        ] {
            assert_eq!(host_of(server), host);
        }
    }
}
