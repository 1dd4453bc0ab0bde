//! The command line: Docker's words, flags, output and exit codes.
//!
//! Arguments become requests of the [`model`](crate::model), the engine does them, and what it says becomes text. Nothing is
//! decided here that another front end would have to decide again. Only `output` prints; only `failure` knows exit codes.
//!
//! | file | what it knows |
//! |---|---|
//! | `arguments` | which words and flags there are |
//! | `containers`, `images`, `networks` | one function for each verb |
//! | `analyze` | what an image is made of, held against rules |
//! | `registries`, `transfer` | pull, push, logins; how far a transfer has come |
//! | `making` | images that are made here: commit, import |
//! | `prune`, `store` | removing what nobody uses; what takes how much room, whether all is whole |
//! | `events` | what happens |
//! | `environment` | variables from the caller and from files |
//! | `foreground` | a container in the caller's terminal |
//! | `inspect` | Docker's JSON |
//! | `listing`, `table`, `template` | how lists are shown: as tables, by Go template, as JSON |
//! | `filter` | what `--filter` asks for |
//! | `later` | Docker's words and flags that are not here yet |
//! | `restore` | what is started when the machine comes up, and the unit for that |
//! | `whole` | `version` and `info` |
//! | `timings` | where the time of a start went |
//! | `demo` | a starter image, three containers, two networks |

mod analyze;
mod arguments;
mod containers;
mod demo;
mod environment;
mod events;
mod failure;
mod filter;
mod foreground;
mod images;
mod inspect;
mod later;
mod listing;
mod making;
mod networks;
mod output;
mod plain;
mod prune;
mod registries;
mod restore;
mod store;
mod table;
mod template;
mod timings;
mod transfer;
mod whole;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use arguments::{Arguments, Command, ContainerGroup, SystemVerb};

use crate::engine::{self, Engine};

/// What the program finds around itself; read by `main`, because no room reads the environment.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The environment variables that are text.
    pub variables: BTreeMap<String, String>,
    /// Where relative paths begin.
    pub directory: PathBuf,
    /// When this program began, by [`engine::now`].
    pub begun: Duration,
    /// When it had been loaded, by the same clock.
    pub loaded: Duration,
}

/// Where the user wants the store; defaults are `main`'s business.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// Images, layers, container changes and records.
    pub root: Option<PathBuf>,
    /// What a reboot may forget.
    pub runroot: Option<PathBuf>,
}

/// What is left to do.
#[derive(Debug)]
pub enum Outcome {
    /// End with this exit code.
    Exit(u8),
    /// Open the screen.
    Screen {
        /// The engine that was opened.
        engine: Engine,
        /// Whether only ASCII is to be drawn.
        ascii: bool,
    },
}

/// Guesses from the arguments whether a container will be started.
pub fn may_start(arguments: impl Iterator<Item = OsString>) -> bool {
    // Behind the options of the program itself, and the word of a group.
    let words = arguments.skip(1).take(6);
    words.into_iter().any(|word| word == "run" || word == "start")
}

/// Reads the arguments and does what they say. `open` is called once it is clear that an engine is needed, before any thread
/// exists.
pub fn run(
    arguments: impl Iterator<Item = OsString>,
    surroundings: &Surroundings,
    open: impl FnOnce(Roots) -> engine::Result<Engine>,
) -> Outcome {
    let arguments = match Arguments::read(arguments) {
        Ok(arguments) => arguments,
        Err(message) => return Outcome::Exit(failure::usage(&message)),
    };
    let Arguments { root, runroot, ascii, command } = arguments;
    if matches!(command, Some(Command::Version)) {
        whole::version();
        return Outcome::Exit(0);
    }
    let engine = match open(Roots { root, runroot }) {
        Ok(engine) => engine,
        Err(error) => {
            return Outcome::Exit(failure::report(&error, starts_container(command.as_ref())));
        }
    };
    match command {
        None => Outcome::Screen { engine, ascii },
        Some(Command::Demo(options)) => match demo::run(&engine, &options) {
            Ok(true) => Outcome::Screen { engine, ascii },
            Ok(false) => Outcome::Exit(0),
            Err(error) => Outcome::Exit(failure::report(&error, false)),
        },
        Some(command) => Outcome::Exit(dispatch(&engine, surroundings, command)),
    }
}

/// Tells whether a failure of this command has Docker's exit code 125 rather than 1.
const fn starts_container(command: Option<&Command>) -> bool {
    matches!(
        command,
        Some(
            Command::Run(_)
                | Command::Create(_)
                | Command::Container(ContainerGroup::Run(_) | ContainerGroup::Create(_))
        )
    )
}

fn dispatch(engine: &Engine, surroundings: &Surroundings, command: Command) -> u8 {
    let is_start = starts_container(Some(&command));
    let done = match command {
        Command::Container(group) => containers::group(engine, surroundings, group),
        Command::Run(options) => containers::run(engine, surroundings, options),
        Command::Create(options) => containers::create(engine, surroundings, options),
        Command::Exec(options) => containers::exec(engine, surroundings, options),
        Command::TopLevelContainer(verb) => containers::dispatch(engine, surroundings, verb),
        Command::Image(verb) => images::dispatch(engine, surroundings, verb),
        Command::Images(options) => images::list(engine, &options),
        Command::Pull(options) => registries::pull(engine, &options),
        Command::Push(options) => registries::push(engine, &options),
        Command::Manifest(verb) => registries::inspect(engine, &verb),
        Command::Search(options) => registries::search(engine, &options),
        Command::Login(options) => registries::login(engine, &options),
        Command::Logout(options) => registries::logout(engine, &options),
        Command::Load(options) => images::load(engine, &options),
        Command::Save(options) => images::save(engine, &options),
        Command::Import(options) => making::import(engine, surroundings, options),
        Command::Tag(options) => images::tag(engine, &options),
        Command::Rmi(options) => Ok(images::remove(engine, &options)),
        Command::Untag { names } => Ok(images::untag(engine, &names)),
        Command::History(options) => images::history(engine, &options),
        Command::Analyze(options) => analyze::run(engine, &options),
        Command::Inspect(options) => inspect::run(engine, &options),
        Command::Events(options) | Command::System(SystemVerb::Events(options)) => {
            events::run(engine, &options)
        }
        Command::Network(verb) => networks::dispatch(engine, verb),
        Command::Info(options) | Command::System(SystemVerb::Info(options)) => {
            whole::describe(engine, &options)
        }
        Command::System(SystemVerb::Df(options)) => store::disk(engine, &options),
        Command::System(SystemVerb::Prune(options)) => prune::everything(engine, &options),
        Command::System(SystemVerb::Check(options)) => store::check(engine, &options),
        Command::System(SystemVerb::Restore) => restore::run(engine),
        Command::System(SystemVerb::Unit) => restore::unit(engine),
        // Said, or set up with the screen, before anything was dispatched.
        Command::Demo(_) | Command::Version => Ok(0),
    };
    done.unwrap_or_else(|error| failure::report(&error, is_start))
}
