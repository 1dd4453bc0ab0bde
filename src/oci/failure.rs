//! What callers read of an error: conmon and people on standard error, containerd and podman in the log file.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{arguments::LogFormat, output};
use crate::{
    runtime::RuntimeError,
    sys::{SysError, files},
};

/// Why a verb was not done.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Fails as most do, with exit code 1.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// Says what was being done, with another exit code.
    pub(super) fn while_doing(self, what: &str, code: u8) -> Self {
        Self { message: format!("{what}: {}", self.message), code }
    }
}

impl From<SysError> for Failure {
    fn from(error: SysError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::new(format!("unable to start container process: {error}"))
    }
}

/// Where errors go besides standard error.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) path: Option<PathBuf>,
    pub(super) format: LogFormat,
}

impl Log {
    /// Tells a failure and gives its exit code.
    pub(super) fn report(&self, failure: &Failure) -> u8 {
        if self.path.is_some() {
            output::error_line(&failure.message);
        }
        self.write("error", &failure.message);
        failure.code
    }

    /// Tells what is not as it was asked for, but no failure.
    pub(super) fn warn(&self, message: &str) {
        self.write("warning", message);
    }

    fn write(&self, level: &str, message: &str) {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let line = line(self.format, (level, message), &time);
        let Some(path) = &self.path else {
            return output::error_line(line.trim_end());
        };
        let written = files::open_with(path, OpenOptions::new().append(true).create(true))
            .map(|mut file| file.write_all(line.as_bytes()));
        if !matches!(written, Ok(Ok(()))) {
            output::error_line(&format!("{} cannot be written", path.display()));
        }
    }
}

fn line(format: LogFormat, (level, message): (&str, &str), time: &str) -> String {
    match format {
        LogFormat::Json => {
            let line = serde_json::json!({ "level": level, "msg": message, "time": time });
            format!("{line}\n")
        }
        LogFormat::Text => format!("time=\"{time}\" level={level} msg={message:?}\n"),
    }
}

/// Finds the log that arguments name which may be wrong otherwise.
pub(super) fn named_log(arguments: &[OsString], directory: &Path) -> Log {
    let value = |flag: &str| {
        let mut all = arguments.iter().filter_map(|argument| argument.to_str());
        let with_sign = format!("{flag}=");
        while let Some(argument) = all.next() {
            if argument == flag {
                return all.next();
            }
            if let Some(value) = argument.strip_prefix(&with_sign) {
                return Some(value);
            }
        }
        None
    };
    let is_json = value("--log-format") == Some("json");
    let format = if is_json { LogFormat::Json } else { LogFormat::Text };
    Log { path: value("--log").map(|path| directory.join(path)), format }
}

/// Tells that the arguments were not understood, or what was asked for about them; gives the exit code.
pub(super) fn usage(message: &clap::Error, log: &Log) -> u8 {
    // The pipe is closed, then; there is nobody to tell.
    let _told = message.print();
    if message.use_stderr() && log.path.is_some() {
        let text = message.to_string();
        log.write("error", text.lines().next().unwrap_or_default());
    }
    u8::from(message.use_stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_runc() {
        let time = "2026-01-02T03:04:05Z";
        assert_eq!(
            line(LogFormat::Json, ("error", "exec: \"x\": no"), time),
            "{\"level\":\"error\",\"msg\":\"exec: \\\"x\\\": no\",\"time\":\"2026-01-02T03:04:05Z\"}\n"
        );
        assert_eq!(
            line(LogFormat::Text, ("error", "exec: \"x\": no"), time),
            "time=\"2026-01-02T03:04:05Z\" level=error msg=\"exec: \\\"x\\\": no\"\n"
        );
    }
}
