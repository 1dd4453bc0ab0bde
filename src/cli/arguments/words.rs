//! Where the flags of `run`, `create` and `exec` end: at the first word that is none. What comes after it belongs to the container's program, whatever it
//! looks like (`run debian ls -a`), as with Docker. Clap looks for flags among those words too, unless `--` stands before them.

use std::ffi::OsString;

use clap::{ArgAction, Args as _, Command};

use super::{CreateOptions, ExecOptions, RunOptions};

/// The group in which the verbs of containers are, too.
const GROUP: &str = "container";

/// Puts `--` between the flags and the words for the program.
pub(super) fn separated(
    arguments: impl Iterator<Item = OsString>,
    root: &Command,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if let Some(place) = end_of_flags(&arguments, root) {
        arguments.insert(place, "--".into());
    }
    arguments
}

/// Gives the flags of a verb whose words after the first belong to a program; `None` for all other verbs. Those of `root` are made only when they are parsed.
fn carrier(verb: &str) -> Option<Command> {
    let command = Command::new("");
    match verb {
        "run" => Some(RunOptions::augment_args(command)),
        "create" => Some(CreateOptions::augment_args(command)),
        "exec" => Some(ExecOptions::augment_args(command)),
        _ => None,
    }
}

/// Finds where the words for the program begin; `None` where there are none, or where `--` was written.
fn end_of_flags(arguments: &[OsString], root: &Command) -> Option<usize> {
    let mut verb = None;
    let mut rest = arguments.iter().enumerate().skip(1);
    while let Some((place, argument)) = rest.next() {
        // A word that is not text is no flag and no verb.
        let word = argument.to_str().unwrap_or_default();
        if word == "--" {
            return None;
        }
        if word.len() > 1 && word.starts_with('-') {
            if takes_next(word, verb.as_ref().unwrap_or(root)) {
                rest.next();
            }
        } else if verb.is_some() {
            return Some(place + 1);
        } else if word != GROUP {
            verb = Some(carrier(word)?);
        }
    }
    None
}

/// Tells whether the value of a flag, or of the last of several short ones, is the next word.
fn takes_next(word: &str, command: &Command) -> bool {
    let takes_value = |action: &ArgAction| matches!(action, ArgAction::Set | ArgAction::Append);
    if let Some(long) = word.strip_prefix("--") {
        return command.get_opts().any(|option| {
            let is_it = option.get_long() == Some(long)
                || option.get_all_aliases().is_some_and(|aliases| aliases.contains(&long));
            is_it && takes_value(option.get_action()) && !option.is_require_equals_set()
        });
    }
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        let option = command.get_opts().find(|option| option.get_short() == Some(letter));
        if option.is_some_and(|option| takes_value(option.get_action())) {
            // What follows in the same word is its value.
            return letters.next().is_none();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;

    #[test]
    fn the_programs_words_begin_after_the_image_or_container() {
        let root = Arguments::command();
        for (line, expected) in [
            ("run -it --rm img ls -a", "run -it --rm img -- ls -a"),
            ("run -e A=1 -eB=2 --name x img -it", "run -e A=1 -eB=2 --name x img -- -it"),
            ("run -de A img", "run -de A img --"),
            ("run --name=x img --rm", "run --name=x img -- --rm"),
            ("run --net host img -h", "run --net host img -- -h"),
            ("run img -- x", "run img -- -- x"),
            ("run -- img x", "run -- img x"),
            ("--root /r run -w /w img x", "--root /r run -w /w img -- x"),
            ("container exec -u me c sh -c x", "container exec -u me c -- sh -c x"),
            ("exec -itw /w c ls -l", "exec -itw /w c -- ls -l"),
            ("run --frob img x", "run --frob img -- x"),
            ("run -m -1 img x", "run -m -1 img -- x"),
            ("rm -f a b", "rm -f a b"),
            ("ps -a", "ps -a"),
            ("run", "run"),
        ] {
            let words = ["estiba"].into_iter().chain(line.split_whitespace());
            let separated = separated(words.map(OsString::from), &root);
            let text: Vec<_> = separated.iter().skip(1).filter_map(|word| word.to_str()).collect();
            assert_eq!(text.join(" "), expected);
        }
    }
}
