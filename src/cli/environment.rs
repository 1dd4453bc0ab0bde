//! Environment variables for containers: passed on from the caller, or read from files.

use std::path::{Path, PathBuf};

use super::Surroundings;
use crate::engine::{EngineError, ErrorKind, Result, read_file};

/// Gives `KEY` the value it has around the program; a `KEY` without one is left out, as Docker does.
pub(super) fn passed_on(entries: Vec<String>, surroundings: &Surroundings) -> Vec<String> {
    entries
        .into_iter()
        .filter_map(|entry| {
            if entry.contains('=') {
                return Some(entry);
            }
            surroundings.variables.get(&entry).map(|value| format!("{entry}={value}"))
        })
        .collect()
}

/// Reads the lines of files as `--env-file` does.
///
/// # Errors
/// [`ErrorKind::Invalid`], with the file and the line.
pub(super) fn from_files(paths: &[PathBuf], surroundings: &Surroundings) -> Result<Vec<String>> {
    Ok(passed_on(lines_of_files(paths, surroundings)?, surroundings))
}

/// Reads the lines of files as `--label-file` does.
///
/// # Errors
/// As [`from_files`].
pub(super) fn lines_of_files(
    paths: &[PathBuf],
    surroundings: &Surroundings,
) -> Result<Vec<String>> {
    let mut entries = Vec::new();
    for path in paths {
        let bytes = read_file(&surroundings.directory.join(path))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let message = format!("{} is not text", path.display());
            EngineError::new(ErrorKind::Invalid, message).caused_by(error)
        })?;
        entries.extend(lines_of(&text, path)?);
    }
    Ok(entries)
}

/// Takes a file of variables apart: `KEY=value`, or `KEY` to pass on; empty lines and those that begin with `#` are for people. Nothing is unquoted.
fn lines_of(text: &str, path: &Path) -> Result<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = line.split('=').next().unwrap_or_default();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(EngineError::new(
                ErrorKind::Invalid,
                format!(
                    "{}, line {}: '{key}' is no name of a variable",
                    path.display(),
                    number + 1
                ),
            ));
        }
        entries.push(line.to_owned());
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_is_read_as_docker_reads_it() {
        let text = "\u{feff}A=1\n# a remark\n\n  B=two words\nC\nD=\"quoted\"\nE=\nF=a=b\r\n";
        let lines = lines_of(text, Path::new("f")).unwrap();
        assert_eq!(lines, ["A=1", "B=two words", "C", "D=\"quoted\"", "E=", "F=a=b"]);
        for bad in ["=x", "A B=1", "A =1", "two words"] {
            let error = lines_of(bad, Path::new("vars")).unwrap_err().to_string();
            assert!(error.contains("vars, line 1"), "{bad}: {error}");
        }
    }

    #[test]
    fn what_has_no_value_here_is_left_out() {
        let variables = [("HERE".to_owned(), "x".to_owned())].into();
        let surroundings = Surroundings { variables, ..Surroundings::default() };
        let entries = ["HERE", "GONE", "SET=1"].map(str::to_owned).to_vec();
        assert_eq!(passed_on(entries, &surroundings), ["HERE=x", "SET=1"]);
    }
}
