//! Where what a container writes is kept, and how much of it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::units;

/// The size at which a file of the driver `local` is full unless told otherwise, as with Docker.
const LOCAL_SIZE: u64 = 20 << 20;
/// How many files the driver `local` keeps unless told otherwise, as with Docker.
const LOCAL_FILES: u32 = 5;
/// Options that Docker has and that are not here.
const DOCKERS: [&str; 8] =
    ["compress", "env", "env-regex", "labels", "labels-regex", "max-buffer-size", "mode", "tag"];

/// What keeps a container's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    /// Docker's format: a line of JSON for each line.
    #[default]
    JsonFile,
    /// Estiba's own: smaller, and found by line and by time without reading it all.
    Local,
    /// Nothing: only who is joined sees it.
    None,
}

/// Where a container's log goes, with the options as the user gave them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// What keeps it.
    pub driver: LogDriver,
    /// `max-size` and `max-file`.
    pub options: BTreeMap<String, String>,
}

/// How much of a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBounds {
    /// From so many bytes on no further entry goes into a file, and the next one is begun; `None` is never.
    pub size: Option<u64>,
    /// How many files there are at most, the one that is written to among them; at least 1.
    pub files: u32,
}

/// Says why a log cannot be kept in the way that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogConfigError {
    /// Nothing of that name keeps logs.
    #[error("no log driver named '{0}' is registered: there are json-file, local and none")]
    Driver(String),
    /// A log that is not kept has no options.
    #[error("invalid logging opts for driver none")]
    None,
    /// Nobody knows that option.
    #[error("unknown log opt '{0}' for {1} log driver: there are max-size and max-file")]
    Option(String, LogDriver),
    /// Docker knows that option.
    #[error("log opt '{0}' is not supported: there are max-size and max-file")]
    Docker(String),
    /// That is no size.
    #[error(
        "max-size '{0}' is not a positive size: write a number with an optional unit k, m or g, like 10m"
    )]
    Size(String),
    /// That is no number of files.
    #[error("max-file '{0}' is not a number of at least 1")]
    Files(String),
}

impl LogConfig {
    /// Tells whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the options.
    ///
    /// # Errors
    /// [`LogConfigError`] with the first option that makes no sense.
    pub fn bounds(&self) -> Result<LogBounds, LogConfigError> {
        if self.driver == LogDriver::None && !self.options.is_empty() {
            return Err(LogConfigError::None);
        }
        let mut bounds = match self.driver {
            LogDriver::Local => LogBounds { size: Some(LOCAL_SIZE), files: LOCAL_FILES },
            LogDriver::JsonFile | LogDriver::None => LogBounds { size: None, files: 1 },
        };
        for (key, value) in &self.options {
            match key.as_str() {
                "max-size" => {
                    let size = units::parse_decimal_size(value).ok().filter(|size| *size > 0);
                    let wrong = || LogConfigError::Size(value.clone());
                    bounds.size = Some(size.ok_or_else(wrong)?);
                }
                "max-file" => {
                    let files = value.parse().ok().filter(|files| *files > 0);
                    bounds.files = files.ok_or_else(|| LogConfigError::Files(value.clone()))?;
                }
                known if DOCKERS.contains(&known) => {
                    return Err(LogConfigError::Docker(key.clone()));
                }
                _ => return Err(LogConfigError::Option(key.clone(), self.driver)),
            }
        }
        Ok(bounds)
    }
}

impl fmt::Display for LogDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonFile => "json-file",
            Self::Local => "local",
            Self::None => "none",
        })
    }
}

impl FromStr for LogDriver {
    type Err = LogConfigError;

    fn from_str(text: &str) -> Result<Self, LogConfigError> {
        match text {
            // Docker's word for "the usual one" is none at all.
            "" | "json-file" => Ok(Self::JsonFile),
            "local" => Ok(Self::Local),
            "none" => Ok(Self::None),
            _ => Err(LogConfigError::Driver(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(driver: &str, options: &[(&str, &str)]) -> LogConfig {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        LogConfig { driver: driver.parse().unwrap(), options: options.iter().map(own).collect() }
    }

    #[test]
    fn options_are_read_as_docker_reads_them() {
        let bounds = |size, files| Ok(LogBounds { size, files });
        for (driver, options, expected) in [
            ("", &[][..], bounds(None, 1)),
            ("json-file", &[("max-size", "10k")], bounds(Some(10_000), 1)),
            ("json-file", &[("max-size", "1.5m"), ("max-file", "3")], bounds(Some(1_500_000), 3)),
            ("local", &[], bounds(Some(20 << 20), 5)),
            ("local", &[("max-file", "2")], bounds(Some(20 << 20), 2)),
            ("none", &[], bounds(None, 1)),
        ] {
            assert_eq!(config(driver, options).bounds(), expected, "{driver} {options:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (driver, key, value, said) in [
            ("json-file", "max-sizes", "1", "unknown log opt 'max-sizes' for json-file log driver"),
            ("local", "x", "", "unknown log opt 'x' for local log driver"),
            ("local", "compress", "true", "log opt 'compress' is not supported"),
            ("none", "max-size", "1k", "invalid logging opts for driver none"),
            ("json-file", "max-size", "0", "max-size '0'"),
            ("json-file", "max-size", "-1", "max-size '-1'"),
            ("json-file", "max-size", "lots", "max-size 'lots'"),
            ("json-file", "max-size", "", "max-size ''"),
            ("json-file", "max-file", "0", "max-file '0'"),
            ("json-file", "max-file", "1.5", "max-file '1.5'"),
        ] {
            let error = config(driver, &[(key, value)]).bounds().unwrap_err().to_string();
            assert!(error.starts_with(said) && !error.contains('\n'), "{error}");
        }
        let error = "syslog".parse::<LogDriver>().unwrap_err().to_string();
        assert!(error.starts_with("no log driver named 'syslog' is registered"), "{error}");
    }
}
