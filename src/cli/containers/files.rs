//! `cp`, `diff` and `export`: the files of a container.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use crate::{
    cli::{
        Surroundings,
        arguments::{CopyOptions, ExportOptions, OneContainer},
        output,
    },
    engine::{self, CopyOptions as Manner, Engine, EngineError, ErrorKind, Result, Side},
    model::Change,
};

/// Copies between here and a container.
pub(super) fn copy(
    engine: &Engine,
    surroundings: &Surroundings,
    options: &CopyOptions,
) -> Result<u8> {
    let (source, target) = (place(&options.source), place(&options.target));
    let refuse = |message: &str| Err(EngineError::new(ErrorKind::Invalid, message));
    match (&source, &target) {
        (None, _) | (_, None) => return refuse("archives through a pipe come later: name a file"),
        (Some((Some(_), _)), Some((Some(_), _))) => {
            return refuse("copying between containers is not supported");
        }
        (Some((None, _)), Some((None, _))) => {
            return refuse("must specify at least one container source");
        }
        _ => {}
    }
    let side = |place: Option<(Option<&str>, &str)>| -> Result<Side> {
        let (container, path) = place.unwrap_or((None, ""));
        match container {
            Some(name) => Ok(Side::Container(engine.container(name)?.id, path.to_owned())),
            None => Ok(Side::Host(absolute(surroundings, path))),
        }
    };
    let manner = Manner { keeps_owners: options.archive, follows_link: options.follow_link };
    engine.copy(&side(source)?, &side(target)?, manner)?;
    Ok(0)
}

/// Takes `CONTAINER:PATH` apart; what begins with a dot or a slash is a path here, and `-` is none.
fn place(text: &str) -> Option<(Option<&str>, &str)> {
    match text.split_once(':') {
        _ if text == "-" => None,
        Some((name, path)) if !name.starts_with(['.', '/']) => Some((Some(name), path)),
        _ => Some((None, text)),
    }
}

/// Makes a path absolute, and keeps a slash or `/.` at its end, which say what is meant.
fn absolute(surroundings: &Surroundings, path: &str) -> PathBuf {
    if path.starts_with('/') {
        return PathBuf::from(path);
    }
    let mut whole = surroundings.directory.clone().into_os_string();
    whole.push("/");
    whole.push(path);
    PathBuf::from(whole)
}

/// Lists what a container has changed: added, changed, deleted.
pub(super) fn diff(engine: &Engine, options: &OneContainer) -> Result<u8> {
    for (change, path) in engine.changes(engine.container(&options.container)?.id)? {
        let letter = match change {
            Change::Added => "A",
            Change::Removed => "D",
            Change::Changed | Change::Unchanged => "C",
        };
        output::line(format!("{letter} {path}"));
    }
    Ok(0)
}

/// Writes the files of a container as an archive.
pub(super) fn export(
    engine: &Engine,
    surroundings: &Surroundings,
    options: &ExportOptions,
) -> Result<u8> {
    let container = engine.container(&options.container)?;
    if let Some(path) = &options.output {
        let mut file = engine::create_file(&surroundings.directory.join(path))?;
        engine.export(container.id, &mut file)?;
        return Ok(0);
    }
    if io::stdout().is_terminal() {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            "cowardly refusing to save to a terminal; use the -o flag or redirect",
        ));
    }
    let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
    engine.export(container.id, &mut out)?;
    out.flush().map_err(|error| {
        EngineError::new(ErrorKind::Storage, "the archive cannot be written").caused_by(error)
    })?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("web:/etc", Some((Some("web"), "/etc"))),
            ("web:etc", Some((Some("web"), "etc"))),
            ("/a:b", Some((None, "/a:b"))),
            ("./a:b", Some((None, "./a:b"))),
            ("plain", Some((None, "plain"))),
            ("-", None),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
    }
}
