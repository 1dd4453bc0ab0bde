//! Values of flags as people write them: the command line and the forms of the screen read them alike.

use std::path::{Path, PathBuf};

use super::{Mount, MountKind, NetworkRequest, units};

/// The most processors that can be asked for.
const MOST_CPUS: f64 = 1_000_000.0;

/// How mounts travel (`mount_namespaces(7)`), in Docker's words.
pub const PROPAGATIONS: [&str; 6] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/// A mount whose source may still be relative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(pub Mount);

impl Source {
    /// Makes a relative source absolute.
    #[must_use]
    pub fn below(self, directory: &Path) -> Mount {
        let Mount { mut kind, target, read_only } = self.0;
        if let MountKind::Bind { source, .. } = &mut kind
            && source.is_relative()
        {
            // `./x` without the dot, which nobody needs to see in `inspect`.
            *source = directory.join(&*source).components().collect();
        }
        Mount { kind, target, read_only }
    }
}

/// Reads `HOST:INSIDE[:OPTIONS]`.
///
/// # Errors
/// What is wrong, and how it is written.
pub fn parse_volume(text: &str) -> Result<Source, String> {
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
    let (mut read_only, mut propagation) = (false, String::new());
    for word in access.into_iter().flat_map(|access| access.split(',')) {
        match word {
            "rw" => read_only = false,
            "ro" => read_only = true,
            // Labels for SELinux, which Estiba does not set, and what concerns volumes only: the same as without it.
            "z" | "Z" | "nocopy" | "consistent" | "cached" | "delegated" => {}
            word if PROPAGATIONS.contains(&word) => word.clone_into(&mut propagation),
            other => return Err(format!("'{other}' is neither ro nor rw")),
        }
    }
    let source = PathBuf::from(source);
    let kind = MountKind::Bind { source, create: true, propagation, is_flat: false };
    Ok(Source(Mount { kind, target: target.to_owned(), read_only }))
}

/// Reads a size of memory; 0 and -1 mean without limit, and give 0.
///
/// # Errors
/// What is wrong, and how it is written.
pub fn parse_memory(text: &str) -> Result<u64, String> {
    if text == "-1" { Ok(0) } else { units::parse_size(text).map_err(|error| error.to_string()) }
}

/// Reads a number of processors as billionths.
///
/// # Errors
/// How it is written.
pub fn parse_cpus(text: &str) -> Result<u64, String> {
    let wrong = || "write a number of processors like 0.5 or 2".to_owned();
    let cpus: f64 = text.parse().map_err(|_error| wrong())?;
    // None at all means without limit, as Docker has it.
    if !(0.0..=MOST_CPUS).contains(&cpus) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    Ok((cpus * 1e9).round() as u64)
}

/// Words which networks are meant.
pub fn network_request(networks: Vec<String>) -> Option<NetworkRequest> {
    match networks.as_slice() {
        [] => None,
        [none] if none == "none" => Some(NetworkRequest::None),
        [host] if host == "host" => Some(NetworkRequest::Host),
        [one] if one.starts_with("container:") => {
            Some(NetworkRequest::Container(one.trim_start_matches("container:").to_owned()))
        }
        // Docker's word for the network one gets anyway.
        [default] if default == "default" => None,
        _ => Some(NetworkRequest::Named(networks)),
    }
}

/// Writes words so that a shell reads them as they are (POSIX sh §2.2, quoting).
pub fn shell_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = words.into_iter().map(|word| {
        let is_plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_as_they_are() {
        for (words, line) in [
            (&["run", "-e", "A=b"][..], "run -e A=b"),
            (&["", "a b", "$x", "*", "~", "#"], "'' 'a b' '$x' '*' '~' '#'"),
            (&["it's", "\"", "a\nb"], "'it'\\''s' '\"' 'a\nb'"),
            (&["straße:1/2"], "straße:1/2"),
        ] {
            assert_eq!(shell_line(words.iter().copied()), line);
        }
    }
}
