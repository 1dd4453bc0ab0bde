//! Where the flags of `run`, `create` and `exec` end: at the first word that is none. What comes after it belongs to the container's program, whatever it
//! looks like (`run debian ls -a`), as with Docker. Clap looks for flags among those words too, unless `--` stands before them.

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, Args as _, Command,
    builder::ValueParser,
    error::{Error, ErrorKind},
};

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

/// Tells whether arguments may be wrong only because Docker reads two things otherwise: a switch may have a value (`--rm=false`, `-t=0`), and the word after a
/// flag that has one is its value, whatever it looks like (`--cpu-period -1`).
pub(super) fn may_be_dockers(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TooManyValues | ErrorKind::UnknownArgument | ErrorKind::InvalidValue
    )
}

/// Lets the flags of every word be read in this way; of a switch that is there twice the last one counts.
pub(super) fn as_docker_reads(mut root: Command) -> Command {
    root.build();
    valued(root)
}

fn valued(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command = command.mut_args(|argument| match argument.get_action() {
        ArgAction::SetTrue => switch(argument),
        ArgAction::Set | ArgAction::Append if !argument.is_positional() => {
            argument.allow_hyphen_values(true)
        }
        _ => argument,
    });
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, valued))
}

fn switch(argument: Arg) -> Arg {
    argument
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("BOOL")
        .value_parser(ValueParser::from(parse_bool))
        .default_value("false")
        .default_missing_value("true")
}

/// Reads what Go takes for a truth value (`strconv.ParseBool`), which is what Docker's users write.
fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is neither true nor false".to_owned()),
    }
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
        if letter == '=' {
            return false;
        }
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
    fn every_switch_can_have_a_value() {
        let read = |line: &str| {
            let words = ["estiba"].into_iter().chain(line.split_whitespace());
            Arguments::read(words.map(OsString::from))
        };
        let run =
            |line: &str| match read(line).unwrap_or_else(|error| panic!("{line}: {error}")).command
            {
                Some(crate::cli::arguments::Command::Run(options)) => options,
                other => panic!("{line}: {other:?}"),
            };
        for (line, detach) in [
            ("run --detach=false img --rm=maybe", false),
            ("run --detach=true img", true),
            ("run -d --detach=false img", false),
            ("run --detach=0 -d img", true),
            ("run -d=f img", false),
            ("run -di=false img", true),
            ("run -d --rm=false img -x=1", true),
        ] {
            assert_eq!(run(line).detach, detach, "{line}");
        }
        assert!(read("run --hostname -x img").is_ok());
        for line in [
            "run --rm=maybe img",
            "run --name -x img",
            "run --cpu-period -1 img",
            "run --rm= img",
            "run --frob=false img",
            "run -d=x img",
            "ps --all=2",
        ] {
            let error = read(line).map(drop).unwrap_err().to_string();
            let is_misread = ["unexpected value", "unknown", "unexpected argument '-1'"];
            assert!(!is_misread.iter().any(|words| error.contains(words)), "{line}: {error}");
        }
        assert!(read("ps --all=false -q=true").is_ok() && read("rm --force=F a").is_ok());
        assert!(
            read("image ls --quiet=true").is_ok()
                && read("container run --rm=0 img").is_ok()
                && read("--ascii=false ps").is_ok()
        );
    }

    /// Every switch of every word takes a value then, whatever flags are added later.
    #[test]
    fn no_switch_is_left_out() {
        fn left(command: &Command) -> Vec<String> {
            let own = command.get_arguments();
            let own = own.filter(|argument| matches!(argument.get_action(), ArgAction::SetTrue));
            let own = own.map(|argument| format!("{} {}", command.get_name(), argument.get_id()));
            own.chain(command.get_subcommands().flat_map(left)).collect()
        }
        assert!(left(&as_docker_reads(Arguments::command())).is_empty());
    }

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
