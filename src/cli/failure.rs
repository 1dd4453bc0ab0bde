//! The one table from kinds of failure to exit codes, and how a failure is told.

use clap::error::{ContextKind, ContextValue, ErrorKind as Wrong};

use super::{arguments::with_purpose, later, output, plain::plain};
use crate::engine::{EngineError, ErrorKind};

/// Tells a failure on standard error and gives its exit code: 126 and 127 when a program cannot be executed or is not there, 125
/// when a container could not be made or started, 130 when it was cancelled,
/// else 1, as Docker.
pub(super) fn report(error: &EngineError, starts_container: bool) -> u8 {
    // One line, whatever it tells of.
    output::error_line(plain(&format!("estiba: {error}")));
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
        ErrorKind::Cancelled => 130,
        _ if starts_container => 125,
        _ => 1,
    }
}

/// Tells that the arguments are wrong, or what was asked about them, and gives the exit code: as Docker 1 for words that are unknown, missing or too many, and
/// 125 for flags.
pub(super) fn usage(message: &clap::Error) -> u8 {
    if matches!(message.kind(), Wrong::DisplayHelp | Wrong::DisplayVersion) {
        output::text(&with_purpose(&message.render().to_string()));
        return 0;
    }
    if message.kind() == Wrong::DisplayHelpOnMissingArgumentOrSubcommand {
        output::text(&message.render().to_string());
        return 0;
    }
    output::error_line(told(message).trim_end());
    match message.kind() {
        Wrong::InvalidSubcommand | Wrong::MissingRequiredArgument | Wrong::MissingSubcommand => 1,
        _ if surplus(message).is_some() => 1,
        _ => 125,
    }
}

/// Words what is wrong with the arguments; where there is nothing better to say, clap's words.
fn told(message: &clap::Error) -> String {
    let context = |kind| match message.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let usage = match message.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let usage = usage.trim_start_matches("Usage: ");
    let see = |usage: &str| {
        let words: Vec<&str> = usage
            .split_whitespace()
            .take_while(|word| !word.starts_with(['[', '<', '-']))
            .collect();
        if words.is_empty() {
            "estiba --help".to_owned()
        } else {
            format!("{} --help", words.join(" "))
        }
    };
    match message.kind() {
        Wrong::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            if let Some(meanwhile) = later::verb(word) {
                return format!("estiba: '{word}' is not here yet\nhint: {meanwhile}");
            }
            let like = like(message, ContextKind::SuggestedSubcommand);
            format!("estiba: unknown command: {word}{like}\nSee '{}'", see(usage))
        }
        Wrong::UnknownArgument => {
            let flag = context(ContextKind::InvalidArg).unwrap_or_default();
            if let Some(word) = surplus(message) {
                return format!("estiba: one argument too many: {word}\nUsage: {usage}");
            }
            let flag = flag.split('=').next().unwrap_or_default();
            if let Some(sentence) = later::flag(flag) {
                return format!("estiba: {flag}: {sentence}");
            }
            let like = like(message, ContextKind::SuggestedArg);
            format!("estiba: unknown flag: {flag}{like}\nSee '{}'", see(usage))
        }
        Wrong::MissingRequiredArgument => {
            let missing = match message.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(words)) => words.join(" "),
                _ => "something".to_owned(),
            };
            format!("estiba: missing: {missing}\nUsage: {usage}")
        }
        _ => {
            let text = message.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let text = text.split("\n\nFor more information").next().unwrap_or(text);
            format!("estiba: {text}")
        }
    }
}

/// Gives the word that was one too many, if that is what is wrong.
fn surplus(message: &clap::Error) -> Option<&str> {
    match (message.kind(), message.get(ContextKind::InvalidArg)) {
        (Wrong::UnknownArgument, Some(ContextValue::String(word))) if !word.starts_with('-') => {
            Some(word)
        }
        _ => None,
    }
}

/// Offers what is written alike.
fn like(message: &clap::Error, kind: ContextKind) -> String {
    let words = match message.get(kind) {
        Some(ContextValue::String(word)) => vec![word.as_str()],
        Some(ContextValue::Strings(words)) => words.iter().map(String::as_str).collect(),
        _ => return String::new(),
    };
    format!("\nhint: is {} meant?", words.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Arguments;

    #[test]
    fn wrong_arguments_are_told_in_one_sentence() {
        for (line, start, code) in [
            ("runn", "estiba: unknown command: runn\nhint: is run meant?", 1),
            (
                "container frobnicate",
                "estiba: unknown command: frobnicate\nSee 'estiba container --help'",
                1,
            ),
            ("build x", "estiba: 'build' is not here yet\nhint: load", 1),
            ("volume prune", "estiba: 'volume' is not here yet", 1),
            ("ps --frob", "estiba: unknown flag: --frob\nSee 'estiba ps --help'", 125),
            ("run -p 80:80 img", "estiba: -p: published ports come later", 125),
            ("run -dp80:80 img", "estiba: -p: published ports come later", 125),
            ("run --publish=80 img", "estiba: --publish: published ports come later", 125),
            ("run -P img", "estiba: -P: published ports come later", 125),
            ("load x.tar", "estiba: one argument too many: x.tar\nUsage: estiba load", 1),
            ("run", "estiba: missing: <IMAGE>\nUsage: estiba run", 1),
            ("stop", "estiba: missing: <CONTAINER>...\nUsage: estiba stop", 1),
            ("run -m lots img", "estiba: invalid value 'lots' for '--memory <SIZE>'", 125),
            ("image", "The verbs of images", 0),
        ] {
            let words = ["estiba"].into_iter().chain(line.split_whitespace());
            let error = Arguments::read(words.map(Into::into)).unwrap_err();
            let text = if code == 0 { error.render().to_string() } else { told(&error) };
            assert!(text.starts_with(start), "{line}: {text}");
            assert_eq!(usage(&error), code, "{line}");
        }
    }
}
