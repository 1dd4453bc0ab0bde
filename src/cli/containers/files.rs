//! `cp`, `diff` and `export`: the files of a container.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
};

use crate::{
    cli::{
        Surroundings,
        arguments::{CopyOptions, ExportOptions, OneContainer},
        output,
        plain::plain,
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
        (None, Some((Some(name), path))) => {
            engine.copy_from_archive(engine.container(name)?.id, path, io::stdin())?;
            return Ok(0);
        }
        (Some((Some(name), path)), None) => {
            let id = engine.container(name)?.id;
            return to_pipe(|out| engine.copy_to_archive(id, path, options.follow_link, out));
        }
        (None, _) | (_, None) => {
            return refuse("an archive through a pipe needs a container on the other side");
        }
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
        // Programs read the names as they are.
        let path = if io::stdout().is_terminal() { plain(&path) } else { path.as_str().into() };
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
    to_pipe(|out| engine.export(container.id, out))
}

/// Writes an archive to standard output.
fn to_pipe(write: impl FnOnce(&mut (dyn Write + Send)) -> Result<()>) -> Result<u8> {
    if io::stdout().is_terminal() {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            "cowardly refusing to write an archive to a terminal; redirect it",
        ));
    }
    let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout());
    write(&mut out)?;
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
