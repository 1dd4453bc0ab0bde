//! The one table from kinds of failure to exit codes, and how a failure is told.

use super::output;
use crate::engine::{EngineError, ErrorKind};

/// Tells a failure on standard error and gives its exit code: 126 and 127 when a program cannot be executed or is not there, 125
/// when a container could not be made or started, else 1, as Docker.
pub(super) fn report(error: &EngineError, starts_container: bool) -> u8 {
    output::error_line(format!("estiba: {error}"));
    if let ErrorKind::InUse { dependents } = error.kind() {
        for dependent in dependents {
            output::error_line(format!(
                "  {}  {}  {}",
                dependent.id.short(),
                dependent.name,
                dependent.state.word()
            ));
        }
    }
    if let Some(hint) = error.next_step() {
        output::error_line(format!("hint: {hint}"));
    }
    match error.kind() {
        ErrorKind::CannotRun => 126,
        ErrorKind::NoProgram => 127,
        _ if starts_container => 125,
        _ => 1,
    }
}

/// Tells that the arguments are wrong, or what was asked about them, and gives the exit code: 125 as Docker.
pub(super) fn usage(message: &clap::Error) -> u8 {
    let text = message.render();
    if message.use_stderr() {
        output::error_line(text.to_string().trim_end());
        125
    } else {
        output::text(&text.to_string());
        0
    }
}
