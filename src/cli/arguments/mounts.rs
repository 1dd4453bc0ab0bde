//! How `-v`, `--mount` and `--tmpfs` are read.

use std::path::PathBuf;

use crate::model::{
    Mount, MountKind,
    flags::{PROPAGATIONS, Source},
    units,
};

/// Options of a tmpfs that change how it is mounted, and need no value.
const TMPFS_WORDS: [&str; 14] = [
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "sync",
    "async",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "strictatime",
];

/// What is said in a `--mount`.
#[derive(Debug, Default)]
struct Fields<'a> {
    kind: &'a str,
    source: Option<PathBuf>,
    target: Option<String>,
    read_only: bool,
    size: Option<u64>,
    options: Vec<String>,
    propagation: String,
    is_flat: bool,
    makes_source: bool,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut fields = Self::default();
        for field in text.split(',') {
            let (key, value) = field.split_once('=').unwrap_or((field, "true"));
            fields.add(key, value)?;
        }
        Ok(fields)
    }

    fn add(&mut self, key: &str, value: &'a str) -> Result<(), String> {
        match key {
            "type" => self.kind = value,
            "source" | "src" => self.source = Some(PathBuf::from(value)),
            "target" | "destination" | "dst" => self.target = Some(value.to_owned()),
            "readonly" | "ro" => self.read_only = parse_truth(key, value)?,
            "tmpfs-size" => self.size = Some(parse_size(value)?),
            "tmpfs-mode" => self.options.push(format!("mode={}", parse_mode(value)?)),
            "bind-propagation" if PROPAGATIONS.contains(&value) => {
                value.clone_into(&mut self.propagation);
            }
            "bind-propagation" => {
                return Err(format!("invalid propagation '{value}': {}", PROPAGATIONS.join(", ")));
            }
            "bind-nonrecursive" => self.is_flat = parse_truth(key, value)?,
            "bind-create-src" => self.makes_source = parse_truth(key, value)?,
            "bind-recursive" => match value {
                // What is mounted below is write-protected too, wherever that is asked for.
                "enabled" | "readonly" => self.is_flat = false,
                "disabled" => self.is_flat = true,
                "writable" => return Err(
                    "bind-recursive=writable is not here: what is mounted below is read-only too"
                        .to_owned(),
                ),
                _ => return Err(format!("invalid value for bind-recursive: {value}")),
            },
            // Docker's words for other machines.
            "consistency" => {}
            key if key.starts_with("volume-") => {
                return Err("volumes come later: write type=bind or type=tmpfs".to_owned());
            }
            _ => return Err(format!("'{key}' is not known in a mount")),
        }
        Ok(())
    }
}

/// Reads `type=bind|tmpfs,source=…,target=…` and what else Docker knows there.
pub(super) fn parse_mount(text: &str) -> Result<Source, String> {
    let fields = Fields::read(text)?;
    let target = fields.target.ok_or_else(|| "it names no target".to_owned())?;
    let is_for_tmpfs = fields.size.is_some() || !fields.options.is_empty();
    let is_for_bind = fields.is_flat || fields.makes_source || !fields.propagation.is_empty();
    let kind = match (fields.kind, fields.source) {
        ("bind", _) if is_for_tmpfs => {
            return Err("only a tmpfs has a tmpfs-size or -mode".to_owned());
        }
        ("tmpfs", _) if is_for_bind => return Err("a tmpfs has nothing of a bind".to_owned()),
        ("bind", Some(source)) => MountKind::Bind {
            source,
            create: fields.makes_source,
            propagation: fields.propagation,
            is_flat: fields.is_flat,
        },
        ("bind", None) => return Err("it names no source".to_owned()),
        ("tmpfs", None) => MountKind::Tmpfs { size: fields.size, options: fields.options },
        ("tmpfs", Some(_)) => return Err("a tmpfs has no source".to_owned()),
        ("volume" | "", _) => {
            return Err("volumes come later: write type=bind or type=tmpfs".to_owned());
        }
        (other, _) => return Err(format!("mount type '{other}' is not known: bind and tmpfs are")),
    };
    Ok(Source(Mount { kind, target, read_only: fields.read_only }))
}

/// Reads `INSIDE[:OPTIONS]`.
pub(super) fn parse_tmpfs(text: &str) -> Result<Mount, String> {
    let (target, words) = text.split_once(':').unwrap_or((text, ""));
    let (mut size, mut read_only, mut options) = (None, false, Vec::new());
    for word in words.split(',').filter(|word| !word.is_empty()) {
        match word.split_once('=') {
            Some(("size", value)) if !value.ends_with('%') => size = Some(parse_size(value)?),
            Some(("mode", value)) => options.push(format!("mode={}", parse_mode(value)?)),
            Some(("uid" | "gid" | "nr_inodes" | "nr_blocks" | "size" | "huge", _)) => {
                options.push(word.to_owned());
            }
            None if word == "ro" => read_only = true,
            None if word == "rw" => read_only = false,
            None if TMPFS_WORDS.contains(&word) => options.push(word.to_owned()),
            _ => return Err(format!("invalid tmpfs option '{word}'")),
        }
    }
    Ok(Mount { kind: MountKind::Tmpfs { size, options }, target: target.to_owned(), read_only })
}

/// Reads `CONTAINER[:ro|rw]`.
pub(super) fn parse_volumes_from(text: &str) -> Result<(String, bool), String> {
    let (name, access) = text.split_once(':').unwrap_or((text, "rw"));
    match access {
        _ if name.is_empty() => Err("it names no container".to_owned()),
        "ro" => Ok((name.to_owned(), true)),
        "rw" | "z" | "Z" => Ok((name.to_owned(), false)),
        other => Err(format!("'{other}' is neither ro nor rw")),
    }
}

fn parse_mode(value: &str) -> Result<String, String> {
    match u32::from_str_radix(value, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(format!("{mode:o}")),
        _ => Err(format!("invalid mode '{value}': write octal digits like 1777")),
    }
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
