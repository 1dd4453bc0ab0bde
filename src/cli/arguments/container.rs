//! The flags of verbs about containers, and how those of `run` become a request.

mod resources;

use std::path::PathBuf;

use clap::Args;
use resources::FurtherLimits;
pub(in crate::cli) use resources::LimitOptions;

use super::{
    ImageChoice,
    mounts::{self, Source},
    values::parse_label,
};
use crate::{
    cli::{Surroundings, environment},
    engine::Result,
    model::{ContainerName, CreateContainer, ExecRequest, Mount, NetworkRequest},
};

/// The flags of `run`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunOptions {
    /// Run it in the background and print its id
    #[arg(short, long)]
    pub(in crate::cli) detach: bool,
    /// Say at the end where the time went
    #[arg(long)]
    pub(in crate::cli) timings: bool,
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
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Remove it when it ends
    #[arg(long = "rm")]
    auto_remove: bool,
    /// Its name; one is made up otherwise
    #[arg(long)]
    name: Option<ContainerName>,
    /// Set KEY=value, or pass on KEY
    #[arg(short, long, value_name = "KEY[=VALUE]")]
    env: Vec<String>,
    /// Read KEY=value lines from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Start in this directory
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Run as this user: name or number, with :group if wanted
    #[arg(short, long)]
    user: Option<String>,
    /// Run this instead of the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Its host name
    #[arg(short = 'h', long)]
    hostname: Option<String>,
    /// Set a label
    #[arg(short, long = "label", value_name = "KEY[=VALUE]", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Join a network (repeatable), or `none`, or `host`
    #[arg(long = "network", alias = "net", value_name = "NETWORK")]
    networks: Vec<String>,
    /// Show a directory of the host inside
    #[arg(short, long = "volume", value_name = "HOST:INSIDE[:ro]", value_parser = mounts::parse_volume)]
    volumes: Vec<Source>,
    /// Mount: type=bind|tmpfs,source=…,target=… and, where wanted, ,readonly or ,tmpfs-size=…
    #[arg(long = "mount", value_name = "SPEC", value_parser = mounts::parse_mount)]
    mounts: Vec<Source>,
    /// Mount memory that is gone with the container
    #[arg(long, value_name = "INSIDE[:size=SIZE]", value_parser = mounts::parse_tmpfs)]
    tmpfs: Vec<Mount>,
    /// Refuse writes to its root file system
    #[arg(long)]
    read_only: bool,
    /// Let no program inside gain privileges: no-new-privileges
    #[arg(long = "security-opt", hide_possible_values = true, value_name = "OPTION", value_parser = ["no-new-privileges", "no-new-privileges=true", "no-new-privileges:true", "no-new-privileges=false", "no-new-privileges:false"])]
    security: Vec<String>,
    #[command(flatten)]
    limits: LimitOptions,
    #[command(flatten)]
    further_limits: FurtherLimits,
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
            labels: self.labels.into_iter().collect(),
            network: network_request(self.networks),
            mounts: sources
                .map(|source| source.below(&surroundings.directory))
                .chain(self.tmpfs)
                .collect(),
            read_only: self.read_only,
            tty: self.tty,
            open_stdin: self.interactive,
            auto_remove: self.auto_remove,
            no_new_privileges: self
                .security
                .last()
                .is_some_and(|option| !option.ends_with("false")),
            resources: self.further_limits.add_to(self.limits.into_resources()),
        })
    }

    /// Tells whether a terminal is wanted that the caller would type into.
    pub(in crate::cli) const fn wants_typing(&self) -> bool {
        self.tty && self.interactive
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

fn network_request(networks: Vec<String>) -> Option<NetworkRequest> {
    match networks.as_slice() {
        [] => None,
        [none] if none == "none" => Some(NetworkRequest::None),
        [host] if host == "host" => Some(NetworkRequest::Host),
        // Docker's word for the network one gets anyway.
        [default] if default == "default" => None,
        _ => Some(NetworkRequest::Named(networks)),
    }
}

#[cfg(test)]
mod tests;
