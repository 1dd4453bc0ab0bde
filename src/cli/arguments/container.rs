//! The flags of verbs about containers, and how those of `run` become a request.

mod health;
mod isolation;
mod logging;
mod resources;
mod security;

use std::path::{Path, PathBuf};

use clap::Args;
use health::HealthOptions;
use isolation::{LifeOptions, NameOptions, NoteOptions, SharingOptions, isolation};
use logging::LoggingOptions;
use resources::FurtherLimits;
pub(in crate::cli) use resources::LimitOptions;
use security::SecurityOptions;

use super::{
    ImageChoice, mounts,
    values::{DetachKeys, parse_detach_keys},
};
use crate::{
    cli::{Surroundings, environment},
    engine::Result,
    model::{
        ContainerName, CreateContainer, ExecRequest, Mount,
        flags::{self, Source, network_request},
    },
};

/// Headings of the help.
const PROGRAM: &str = "Program";
const FILES: &str = "Files";
const NAMES: &str = "Names and addresses";

/// The flags of `run`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunOptions {
    /// Run it in the background and print its id
    #[arg(short, long)]
    pub(in crate::cli) detach: bool,
    /// Say at the end where the time went
    #[arg(long)]
    pub(in crate::cli) timings: bool,
    /// The keys that leave it alone, like ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS", value_parser = parse_detach_keys)]
    pub(in crate::cli) detach_keys: Option<DetachKeys>,
    /// Pass signals on to it
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", hide_default_value = true)]
    pub(in crate::cli) sig_proxy: bool,
    #[command(flatten)]
    pub(in crate::cli) container: ContainerOptions,
}

/// The flags of `create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateOptions {
    #[command(flatten)]
    pub(in crate::cli) container: ContainerOptions,
}

/// What `run` and `create` have in common.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
pub(in crate::cli) struct ContainerOptions {
    /// Keep standard input open
    #[arg(short, long, help_heading = PROGRAM)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long, help_heading = PROGRAM)]
    tty: bool,
    /// Remove it when it ends
    #[arg(long = "rm")]
    auto_remove: bool,
    /// Its name; one is made up otherwise
    #[arg(long)]
    name: Option<ContainerName>,
    /// Set KEY=value, or pass on KEY
    #[arg(short, long, value_name = "KEY[=VALUE]", help_heading = PROGRAM)]
    env: Vec<String>,
    /// Read KEY=value lines from a file
    #[arg(long, value_name = "FILE", help_heading = PROGRAM)]
    env_file: Vec<PathBuf>,
    /// Start in this directory
    #[arg(short, long, value_name = "DIR", help_heading = PROGRAM)]
    workdir: Option<String>,
    /// Run as this user: name or number, with :group if wanted
    #[arg(short, long, help_heading = PROGRAM)]
    user: Option<String>,
    /// Run this instead of the image's entry point
    #[arg(long, value_name = "PROGRAM", help_heading = PROGRAM)]
    entrypoint: Option<String>,
    /// Its host name
    #[arg(short = 'h', long, help_heading = NAMES)]
    hostname: Option<String>,
    /// Join a network (repeatable), or `none`, or `host`
    #[arg(long = "network", alias = "net", value_name = "NETWORK", help_heading = NAMES)]
    networks: Vec<String>,
    /// Show a directory of the host inside
    #[arg(short, long = "volume", value_name = "HOST:INSIDE[:ro]", value_parser = flags::parse_volume, help_heading = FILES)]
    volumes: Vec<Source>,
    /// Mount: type=bind|tmpfs,source=…,target=… and, where wanted, ,readonly or ,tmpfs-size=…
    #[arg(long = "mount", value_name = "SPEC", value_parser = mounts::parse_mount, help_heading = FILES)]
    mounts: Vec<Source>,
    /// Mount memory that is gone with the container
    #[arg(long, value_name = "INSIDE[:size=SIZE]", value_parser = mounts::parse_tmpfs, help_heading = FILES)]
    tmpfs: Vec<Mount>,
    /// Mount what other containers have mounted
    #[arg(long, value_name = "CONTAINER[:ro]", value_parser = mounts::parse_volumes_from, help_heading = FILES)]
    volumes_from: Vec<(String, bool)>,
    /// Refuse writes to its root file system
    #[arg(long, help_heading = FILES)]
    read_only: bool,
    /// Join only these standard streams: stdin, stdout, stderr
    #[arg(short = 'a', long = "attach", value_name = "STREAM", value_parser = parse_stream)]
    streams: Vec<StandardStream>,
    #[command(flatten)]
    choice: ImageChoice,
    /// The image
    image: String,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    further_limits: FurtherLimits,
    #[command(flatten)]
    security: SecurityOptions,
    #[command(flatten)]
    sharing: SharingOptions,
    #[command(flatten)]
    names: NameOptions,
    #[command(flatten)]
    life: LifeOptions,
    #[command(flatten)]
    logging: LoggingOptions,
    #[command(flatten)]
    health: HealthOptions,
    #[command(flatten)]
    notes: NoteOptions,
}

impl ContainerOptions {
    /// Gives where the image comes from.
    pub(in crate::cli) fn choice(&self) -> ImageChoice {
        self.choice.clone()
    }

    /// Words the request that these flags mean.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::engine::ErrorKind::Invalid) when a file of variables cannot be read or is none.
    pub(in crate::cli) fn into_request(
        self,
        surroundings: &Surroundings,
    ) -> Result<CreateContainer> {
        let mut env = environment::from_files(&self.env_file, surroundings)?;
        env.extend(environment::passed_on(self.env, surroundings));
        let (security, no_new_privileges) = self.security.into_security(surroundings)?;
        let sources = self.volumes.into_iter().chain(self.mounts);
        Ok(CreateContainer {
            name: self.name,
            image: self.image,
            command: self.command,
            entrypoint: self
                .entrypoint
                .map(|program| if program.is_empty() { Vec::new() } else { vec![program] }),
            env,
            workdir: self.workdir,
            user: self.user,
            hostname: self.hostname,
            labels: self.notes.labels(surroundings)?.into_iter().collect(),
            network: network_request(self.networks),
            mounts: sources
                .map(|source| source.below(&surroundings.directory))
                .chain(self.tmpfs)
                .collect(),
            read_only: self.read_only,
            tty: self.tty,
            open_stdin: self.interactive,
            auto_remove: self.auto_remove,
            no_new_privileges,
            resources: self.further_limits.add_to(self.limits.into_resources()),
            security,
            stop_signal: self.life.stop_signal,
            log: self.logging.into_config(),
            restart: self.life.restart,
            health: self.health.into_check(),
            isolation: isolation(self.sharing, self.names, &self.life, self.notes),
            platform: self.choice.platform.as_ref().map(ToString::to_string),
            volumes_from: self.volumes_from,
        })
    }

    /// Tells whether a terminal is wanted that the caller would type into.
    pub(in crate::cli) const fn wants_typing(&self) -> bool {
        self.tty && self.interactive
    }

    /// Gives the file that its id is written into.
    pub(in crate::cli) fn cidfile(&self) -> Option<&Path> {
        self.notes.cidfile.as_deref()
    }

    /// Gives the standard streams that are to be joined; all of them if none is named.
    pub(in crate::cli) fn streams(&self) -> &[StandardStream] {
        &self.streams
    }
}

/// A standard stream, for `--attach`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum StandardStream {
    /// 0.
    Input,
    /// 1.
    Output,
    /// 2.
    Error,
}

fn parse_stream(text: &str) -> std::result::Result<StandardStream, String> {
    match text.to_ascii_lowercase().as_str() {
        "stdin" => Ok(StandardStream::Input),
        "stdout" => Ok(StandardStream::Output),
        "stderr" => Ok(StandardStream::Error),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// The flags of `exec`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExecOptions {
    /// Leave it running
    #[arg(short, long)]
    pub(in crate::cli) detach: bool,
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Set KEY=value, or pass on KEY
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<String>,
    /// Read KEY=value lines from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Start in this directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Run as this user
    #[arg(short, long)]
    user: Option<String>,
    /// The keys that leave it alone, like ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS", value_parser = parse_detach_keys)]
    pub(in crate::cli) detach_keys: Option<DetachKeys>,
    /// The container
    pub(in crate::cli) container: String,
    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

impl ExecOptions {
    /// Words the request that these flags mean.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::engine::ErrorKind::Invalid) when a file of variables cannot be read or is none.
    pub(in crate::cli) fn into_request(self, surroundings: &Surroundings) -> Result<ExecRequest> {
        let mut env = environment::from_files(&self.env_file, surroundings)?;
        env.extend(environment::passed_on(self.env, surroundings));
        Ok(ExecRequest {
            args: self.command,
            env,
            workdir: self.workdir,
            user: self.user,
            tty: self.tty,
            open_stdin: self.interactive,
        })
    }

    /// Tells whether a terminal is wanted that the caller would type into.
    pub(in crate::cli) const fn wants_typing(&self) -> bool {
        self.tty && self.interactive
    }
}

#[cfg(test)]
mod tests;
