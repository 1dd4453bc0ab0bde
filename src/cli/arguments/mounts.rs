//! How `-v`, `--mount` and `--tmpfs` are read.

use std::path::{Path, PathBuf};

use crate::model::{Mount, MountKind, units};

/// A mount whose source may still be relative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Source(Mount);

impl Source {
    /// Makes a relative source absolute.
    pub(super) fn below(self, directory: &Path) -> Mount {
        let Mount { kind, target, read_only } = self.0;
        let kind = match kind {
            MountKind::Bind { source, create } if source.is_relative() => {
                // `./x` without the dot, which nobody needs to see in `inspect`.
                MountKind::Bind { source: directory.join(source).components().collect(), create }
            }
            other => other,
        };
        Mount { kind, target, read_only }
    }
}

/// Reads `HOST:INSIDE[:ro|rw]`.
pub(super) fn parse_volume(text: &str) -> Result<Source, String> {
    let mut parts = text.split(':');
    let (Some(source), Some(target), access, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("write HOST:INSIDE[:ro]; volumes without a host path come later".to_owned());
    };
    if !source.starts_with(['/', '.']) {
        return Err(format!(
            "named volumes come later; for a directory write a path, like ./{source} or /{source}"
        ));
    }
    let mut read_only = false;
    for word in access.into_iter().flat_map(|access| access.split(',')) {
        match word {
            "rw" => read_only = false,
            "ro" => read_only = true,
            // Labels for SELinux, which Estiba does not set: the same as without it.
            "z" | "Z" => {}
            other => return Err(format!("'{other}' is neither ro nor rw")),
        }
    }
    let kind = MountKind::Bind { source: PathBuf::from(source), create: true };
    Ok(Source(Mount { kind, target: target.to_owned(), read_only }))
}

/// Reads `type=bind|tmpfs,source=…,target=…[,readonly][,tmpfs-size=…]`.
pub(super) fn parse_mount(text: &str) -> Result<Source, String> {
    let (mut kind, mut source, mut target, mut size, mut read_only) = ("", None, None, None, false);
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, "true"));
        match key {
            "type" => kind = value,
            "source" | "src" => source = Some(PathBuf::from(value)),
            "target" | "destination" | "dst" => target = Some(value.to_owned()),
            "readonly" | "ro" => read_only = parse_truth(key, value)?,
            "tmpfs-size" => size = Some(parse_size(value)?),
            "tmpfs-mode" | "bind-propagation" | "bind-recursive" | "bind-nonrecursive" => {
                return Err(format!("{key} is not here yet"));
            }
            _ => return Err(format!("'{key}' is not known in a mount")),
        }
    }
    let target = target.ok_or_else(|| "it names no target".to_owned())?;
    let kind = match (kind, source) {
        ("bind", Some(source)) if size.is_none() => MountKind::Bind { source, create: false },
        ("bind", Some(_)) => return Err("only a tmpfs has a tmpfs-size".to_owned()),
        ("bind", None) => return Err("it names no source".to_owned()),
        ("tmpfs", None) => MountKind::Tmpfs { size },
        ("tmpfs", Some(_)) => return Err("a tmpfs has no source".to_owned()),
        ("volume" | "", _) => {
            return Err("volumes come later: write type=bind or type=tmpfs".to_owned());
        }
        (other, _) => return Err(format!("mount type '{other}' is not known: bind and tmpfs are")),
    };
    Ok(Source(Mount { kind, target, read_only }))
}

/// Reads `INSIDE[:size=SIZE][,ro]`.
pub(super) fn parse_tmpfs(text: &str) -> Result<Mount, String> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let (mut size, mut read_only) = (None, false);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", value)) => size = Some(parse_size(value)?),
            None if option == "ro" => read_only = true,
            // That is how they are mounted anyway.
            None if ["rw", "nosuid", "nodev"].contains(&option) => {}
            _ => return Err(format!("'{option}' is not known: size=SIZE, ro and rw are")),
        }
    }
    Ok(Mount { kind: MountKind::Tmpfs { size }, target: target.to_owned(), read_only })
}

fn parse_size(text: &str) -> Result<u64, String> {
    units::parse_size(text).map_err(|error| error.to_string())
}

fn parse_truth(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("{key} is true or false, not '{other}'")),
    }
}
