//! Which words and flags there are: Docker's, where Estiba has the thing.

mod container;
mod image;
mod mounts;
mod network;
mod registry;
mod system;
mod values;
mod verbs;
mod words;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
pub(super) use container::{
    ContainerOptions, CreateOptions, ExecOptions, RunOptions, StandardStream,
};
pub(super) use image::{
    AnalyzeOptions, CommitOptions, HistoryOptions, ImagesOptions, ImportOptions, InspectKind,
    InspectOptions, LoadOptions, RemoveImages, SaveOptions, TagOptions,
};
pub(super) use network::{
    NetworkConnect, NetworkCreate, NetworkDisconnect, NetworkList, NetworkRemove,
};
pub(super) use registry::{
    ImageChoice, LoginOptions, LogoutOptions, ManifestVerb, PullOptions, PullPolicy, PushOptions,
    read_name,
};
pub(super) use system::{
    CheckOptions, DiskOptions, ImagePruneOptions, PruneOptions, SearchOptions,
};
pub(super) use values::{DetachKeys, read_moment};
pub(super) use verbs::{
    AttachOptions, CopyOptions, EventOptions, ExportOptions, KillOptions, LogOptions, Names,
    OneContainer, PortOptions, PsOptions, RemoveOptions, RenameOptions, StartOptions, StatsOptions,
    StopOptions, TopOptions, UpdateOptions,
};

/// Manages containers, images and networks: on a screen without arguments, else by Docker's words.
#[derive(Debug, Parser)]
#[command(
    name = "estiba",
    version,
    about,
    max_term_width = 100,
    args_override_self = true,
    subcommand_help_heading = "Commands"
)]
pub(super) struct Arguments {
    /// Keep images, containers and records in this directory
    #[arg(long, value_name = "DIR", env = "ESTIBA_ROOT", hide_env_values = true)]
    pub(super) root: Option<PathBuf>,
    /// Keep sockets and what a reboot may forget in this directory
    #[arg(long, value_name = "DIR", env = "ESTIBA_RUNROOT", hide_env_values = true)]
    pub(super) runroot: Option<PathBuf>,
    /// Draw the screen with ASCII characters only
    #[arg(long)]
    pub(super) ascii: bool,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

impl Arguments {
    /// Reads the arguments as Docker's client does: what comes after an image or a container is the program's.
    pub(super) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let words = words::separated(arguments, &command);
        let mut matches = match command.try_get_matches_from_mut(&words) {
            // `--rm=false`, `--cpu-quota -1`: rare, and making all flags of all words anew takes as long as opening the store.
            Err(error) if words::may_be_dockers(&error) => {
                command = words::as_docker_reads(Self::command());
                command.try_get_matches_from_mut(&words)?
            }
            other => other?,
        };
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// Says first what a verb does, where clap says what its flags are: those are made when the verb is met, and bring words of their own.
pub(super) fn with_purpose(help: &str) -> String {
    let Some((_, usage)) = help.split_once("Usage: ") else { return help.to_owned() };
    let words = usage.split_whitespace().skip(1);
    let path: Vec<&str> = words.take_while(|word| !word.starts_with(['[', '<', '-'])).collect();
    let root = || clap::Command::new("estiba");
    let (above, verb) = match path.as_slice() {
        [verb] => (Command::augment_subcommands(root()), verb),
        ["container", verb] => (ContainerGroup::augment_subcommands(root()), verb),
        ["image", verb] => (ImageVerb::augment_subcommands(root()), verb),
        ["network", verb] => (NetworkVerb::augment_subcommands(root()), verb),
        ["manifest", verb] => (ManifestVerb::augment_subcommands(root()), verb),
        ["system", verb] => (SystemVerb::augment_subcommands(root()), verb),
        _ => return help.to_owned(),
    };
    match above.find_subcommand(verb).and_then(clap::Command::get_about) {
        Some(purpose) => format!("{purpose}\n\nUsage: {usage}"),
        None => help.to_owned(),
    }
}

/// The words at the top. Here and in the groups, the flags of a word are made when it is met: those of all words take as long as opening the store.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// Make a container and start it
    #[command(disable_help_flag = true)]
    Run(Box<RunOptions>),
    /// Make a container without starting it
    #[command(disable_help_flag = true)]
    Create(Box<CreateOptions>),
    /// Run a further program in a running container
    Exec(ExecOptions),
    #[command(flatten)]
    TopLevelContainer(ContainerVerb),
    /// List images
    Images(ImagesOptions),
    /// Fetch images from a registry
    Pull(PullOptions),
    /// Send an image to a registry
    Push(PushOptions),
    /// Show what a registry has, without fetching it
    #[command(subcommand, disable_help_subcommand = true)]
    Manifest(ManifestVerb),
    /// List the tags of a repository in a registry, or its repositories
    Search(SearchOptions),
    /// Keep the login for a registry
    Login(LoginOptions),
    /// Forget the login for a registry
    Logout(LogoutOptions),
    /// Load images from an OCI layout or a docker-archive
    Load(LoadOptions),
    /// Save images into an archive
    Save(SaveOptions),
    /// Make an image of the files in a tar archive
    Import(ImportOptions),
    /// Give an image a further name
    Tag(TagOptions),
    /// Remove images: a name, and with the last one the data
    Rmi(RemoveImages),
    /// Take names away from images, and keep the data
    Untag {
        /// The names
        #[arg(required = true, value_name = "IMAGE")]
        names: Vec<String>,
    },
    /// Show how an image was built
    History(HistoryOptions),
    /// Show what an image is made of, and what of it is waste
    Analyze(AnalyzeOptions),
    /// Show everything about containers, images and networks
    Inspect(InspectOptions),
    /// The verbs of containers, as a group
    #[command(subcommand, disable_help_subcommand = true)]
    Container(ContainerGroup),
    /// The verbs of images, as a group
    #[command(subcommand, disable_help_subcommand = true)]
    Image(ImageVerb),
    /// Make, list, join and remove networks
    #[command(subcommand, disable_help_subcommand = true)]
    Network(NetworkVerb),
    /// Show what happens
    Events(EventOptions),
    /// Show the version
    Version,
    /// Show what is here: how many containers, images and networks, and as whom Estiba runs
    Info(InfoOptions),
    /// What concerns the whole, as a group
    #[command(subcommand, disable_help_subcommand = true)]
    System(SystemVerb),
    /// Show what this is: a starter image, three containers, two networks, and the screen
    Demo(DemoOptions),
}

/// What is done with containers that are there.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum ContainerVerb {
    /// List containers
    #[command(visible_alias = "ls", alias = "list")]
    Ps(PsOptions),
    /// Start containers
    Start(StartOptions),
    /// Ask containers to stop, and kill those that do not
    Stop(StopOptions),
    /// Stop containers and start them again
    Restart(StopOptions),
    /// Send a signal to containers
    Kill(KillOptions),
    /// Remove containers
    Rm(RemoveOptions),
    /// Show what a container has written
    Logs(LogOptions),
    /// Join the standard streams of a running container
    Attach(AttachOptions),
    /// Make every process of containers stand still
    Pause(Names),
    /// Let them go on
    Unpause(Names),
    /// Change the limits of containers
    Update(UpdateOptions),
    /// Give a container another name
    Rename(RenameOptions),
    /// Show what containers use, again and again
    Stats(StatsOptions),
    /// List the processes of a container
    Top(TopOptions),
    /// List the published ports of a container
    Port(PortOptions),
    /// Copy files between here and a container
    Cp(CopyOptions),
    /// List what a container has changed over its image
    Diff(OneContainer),
    /// Write all files of a container as a tar archive
    Export(ExportOptions),
    /// Make an image of what a container has changed
    Commit(CommitOptions),

    /// Wait until containers have ended, and print their exit codes
    Wait(Names),
}

/// What is done with containers, under `container`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum ContainerGroup {
    /// Make a container and start it
    #[command(disable_help_flag = true)]
    Run(Box<RunOptions>),
    /// Make a container without starting it
    #[command(disable_help_flag = true)]
    Create(Box<CreateOptions>),
    /// Run a further program in a running container
    Exec(ExecOptions),
    #[command(flatten)]
    Verb(ContainerVerb),
    /// Show everything about containers
    Inspect(InspectKind),
    /// Remove containers that do not run
    Prune(PruneOptions),
}

/// What concerns the whole, under `system`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum SystemVerb {
    /// Show what is here
    Info(InfoOptions),
    /// Show what happens
    Events(EventOptions),
    /// Show what takes how much room
    Df(DiskOptions),
    /// Remove containers that do not run, networks that none joins, and images that none stands on
    Prune(ImagePruneOptions),
    /// Look whether everything is whole, and put right what is not
    Check(CheckOptions),
    /// Start the containers that ought to run, after the machine came up
    Restore,
    /// Print a unit for systemd that does so
    Unit,
}

/// The flags of `info`.
#[derive(Debug, Args)]
pub(super) struct InfoOptions {
    /// Print by Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    pub(super) format: Option<String>,
}

/// What is done with images, under `image`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum ImageVerb {
    /// List images
    #[command(visible_alias = "list")]
    Ls(ImagesOptions),
    /// Fetch images from a registry
    Pull(PullOptions),
    /// Send an image to a registry
    Push(PushOptions),
    /// Load images from an OCI layout or a docker-archive
    Load(LoadOptions),
    /// Save images into an archive
    Save(SaveOptions),
    /// Make an image of the files in a tar archive
    Import(ImportOptions),
    /// Give an image a further name
    Tag(TagOptions),
    /// Remove images
    Rm(RemoveImages),
    /// Show how an image was built
    History(HistoryOptions),
    /// Show what an image is made of, and what of it is waste
    Analyze(AnalyzeOptions),
    /// Show everything about images
    Inspect(InspectKind),
    /// Remove images without a name that no container stands on
    Prune(ImagePruneOptions),
}

/// What is done with networks, under `network`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum NetworkVerb {
    /// Make a bridge network with a subnet of its own
    Create(NetworkCreate),
    /// List networks
    #[command(visible_alias = "list")]
    Ls(NetworkList),
    /// Show everything about networks
    Inspect(InspectKind),
    /// Remove networks
    #[command(visible_alias = "remove")]
    Rm(NetworkRemove),
    /// Remove networks that no container joins
    Prune(PruneOptions),
    /// Let a container join a network
    Connect(NetworkConnect),
    /// Let a container leave a network
    Disconnect(NetworkDisconnect),
}

/// The flags of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// Remove all that the demo made
    #[arg(long)]
    pub(super) down: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_begins_with_what_a_verb_does() {
        for (line, purpose) in [
            ("run --help", "Make a container and start it"),
            ("container run --help", "Make a container and start it"),
            ("container ls --help", "List containers"),
            ("stop --help", "Ask containers to stop, and kill those that do not"),
            ("restart --help", "Stop containers and start them again"),
            ("wait --help", "Wait until containers have ended, and print their exit codes"),
            ("image ls --help", "List images"),
            ("network create --help", "Make a bridge network with a subnet of its own"),
            ("system events --help", "Show what happens"),
            ("image --help", "The verbs of images, as a group"),
            ("--help", "A terminal UI that manages containers"),
        ] {
            let words = ["estiba"].into_iter().chain(line.split_whitespace());
            let help = Arguments::read(words.map(Into::into)).unwrap_err().render().to_string();
            let told = with_purpose(&help);
            assert!(told.starts_with(purpose), "{line}: {told}");
            assert!(told.contains("\n\nUsage: estiba"), "{line}: {told}");
        }
    }

    #[test]
    fn words_and_flags_do_not_clash() {
        let mut command = Arguments::command();
        command.build();
        command.debug_assert();
    }
}
