//! The face of an OCI runtime: runc's command line, so that podman, dockerd and containerd use this program in runc's place.
//!
//! Called as `estiba oci …`, or by the name `estiba-oci`. There is no engine, no store and no monitor here: whoever calls keeps the container,
//! and this program ends when its verb is done. [`runtime`](crate::runtime) makes the container; this room knows the words, and the state
//! directory of each container.
//!
//! What holds: one thread from beginning to end. A container's status comes from the kernel (is its first process there, does it wait behind
//! its pipe, does its control group stand still), never from what was written down. A first process that waits behind its pipe is always
//! written down: until then it dies with `create`.
//!
//! | file | what it knows |
//! |---|---|
//! | `arguments` | which words and flags there are |
//! | `failure` | what callers read of an error: standard error and the log file |
//! | `record`, `container` | the state directory; what a container is doing |
//! | `reading` | documents of callers, and what is not understood of them |
//! | `bundle`, `create`, `exec` | from a bundle or a process to one that runs |
//! | `console`, `foreground` | terminals: handed over, or copied to the caller's |
//! | `pidfd_socket` | processes that are handed over |
//! | `lifecycle` | start, kill, delete, pause, resume |
//! | `resources` | limits, by spec and by flag |
//! | `listing`, `events`, `features`, `template` | what is printed or written |

mod arguments;
mod bundle;
mod console;
mod container;
mod create;
mod events;
mod exec;
mod failure;
mod features;
mod foreground;
mod lifecycle;
mod listing;
mod output;
mod pidfd_socket;
mod reading;
mod record;
mod resources;
mod template;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use clap::Parser as _;

use self::{
    arguments::{Arguments, CgroupManager, Verb},
    failure::{Failure, Log},
};
use crate::sys::sealed;

/// The word after the program's name, and the end of a name, that mean this face.
const WORD: &str = "oci";

/// The name of a link to the program that means this face.
const NAME: &str = "estiba-oci";

/// What the program finds around itself; read by `main`, because no room reads the environment.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Where relative paths begin.
    pub directory: PathBuf,
    /// `LISTEN_FDS` (`sd_listen_fds(3)`).
    pub listen_fds: Option<String>,
    /// Where state directories are, when the caller does not say.
    pub root: PathBuf,
    /// Whether this runs as root of a user namespace.
    pub rootless: bool,
    /// The socket of the message bus that systemd is on.
    pub bus: PathBuf,
}

/// Gives the socket of a message bus from its address (D-Bus Specification, "Server Addresses"), or else `usual`. An address that is no path names
/// no socket that is there.
pub fn bus_socket(address: Option<&str>, usual: PathBuf) -> PathBuf {
    let Some(address) = address.filter(|address| !address.is_empty()) else { return usual };
    let path = address.split(';').find_map(|one| one.strip_prefix("unix:path="));
    let path = path.map(|path| path.split(',').next().unwrap_or(path));
    PathBuf::from(path.unwrap_or(address))
}

/// What a verb works with.
#[derive(Debug)]
struct Context<'a> {
    around: &'a Surroundings,
    /// Where state directories are.
    root: PathBuf,
    manager: CgroupManager,
    log: Log,
}

impl Context<'_> {
    /// Makes a path of the caller absolute.
    fn absolute(&self, path: &Path) -> PathBuf {
        self.around.directory.join(path).components().collect()
    }
}

/// Takes the arguments of a program that is called as a runtime, its name first; `None` when it is called as something else.
pub fn arguments(mut all: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let name = all.next()?;
    let is_named_so = Path::new(&name).file_name() == Some(OsStr::new(NAME));
    if is_named_so || all.next().as_deref() == Some(OsStr::new(WORD)) {
        return Some(std::iter::once(name).chain(all).collect());
    }
    None
}

/// Does what the arguments say and gives the exit code. For the beginning of `main`: this process must have one thread.
pub fn run(arguments: Vec<OsString>, surroundings: &Surroundings) -> u8 {
    // Also of arguments that are not understood callers read in their log.
    let named = failure::named_log(&arguments, &surroundings.directory);
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(message) => return failure::usage(&message, &named),
    };
    let context = Context {
        around: surroundings,
        root: surroundings.directory.join(parsed.root.as_ref().unwrap_or(&surroundings.root)),
        manager: parsed.manager(),
        log: Log { path: parsed.log.clone(), format: parsed.log_format },
    };
    dispatch(&context, parsed.verb).unwrap_or_else(|failure| context.log.report(&failure))
}

fn dispatch(context: &Context<'_>, verb: Verb) -> Result<u8, Failure> {
    if matches!(verb, Verb::Create(_) | Verb::Run(_) | Verb::Exec(_)) {
        // A container must not write the file of who enters it.
        sealed::become_sealed()?;
    }
    match verb {
        Verb::Create(options) => create::create(context, &options),
        Verb::Run(options) => create::run(context, &options),
        Verb::Start { id } => lifecycle::start(context, &id),
        Verb::Exec(options) => exec::exec(context, &options),
        Verb::Kill { all, id, signal } => lifecycle::kill(context, &id, &signal, all),
        Verb::Delete { force, id } => lifecycle::delete(context, &id, force),
        Verb::Pause { id } => lifecycle::pause(context, &id),
        Verb::Resume { id } => lifecycle::resume(context, &id),
        Verb::State { id } => listing::state(context, &id),
        Verb::List { format, quiet } => listing::list(context, format, quiet),
        Verb::Ps { format, id, options } => listing::processes(context, &id, format, &options),
        Verb::Events { stats, interval, id } => events::events(context, &id, stats, &interval),
        Verb::Update(options) => resources::update(context, &options),
        Verb::Spec { bundle, rootless } => template::write(context, bundle.as_deref(), rootless),
        Verb::Features => features::print(),
        Verb::Checkpoint(_) | Verb::Restore(_) => Err(Failure::new(
            "checkpoint and restore are refused: this runtime does not write containers down and take them up again (use runc or crun, with criu)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(words: &[&str]) -> Option<Vec<OsString>> {
        arguments(words.iter().map(OsString::from))
    }

    #[test]
    fn a_bus_is_where_its_address_says() {
        let socket = |address| bus_socket(address, PathBuf::from("/usual"));
        assert_eq!(socket(None), Path::new("/usual"));
        assert_eq!(socket(Some("")), Path::new("/usual"));
        assert_eq!(socket(Some("unix:path=/a/bus,guid=7")), Path::new("/a/bus"));
        assert_eq!(socket(Some("tcp:host=x;unix:path=/a")), Path::new("/a"));
        assert_eq!(socket(Some("tcp:host=x")), Path::new("tcp:host=x"));
    }

    #[test]
    fn a_runtime_is_called_by_word_or_by_name() {
        let state = || Some(["estiba", "state", "x"].map(OsString::from).to_vec());
        assert_eq!(called(&["estiba", "oci", "state", "x"]), state());
        assert_eq!(called(&["estiba", "ps"]), None);
        assert_eq!(called(&["estiba"]), None);
        let named = called(&["/a/estiba-oci", "--root", "/r", "state", "x"]).unwrap();
        assert_eq!(named.len(), 5);
    }
}
