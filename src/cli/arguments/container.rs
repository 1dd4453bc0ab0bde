//! The flags of verbs about containers, and how those of `run` become a request.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::Surroundings,
    model::{
        ContainerName, CreateContainer, ExecRequest, Limits, Mount, MountKind, NetworkRequest,
        units,
    },
};

/// The flags of `run`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunOptions {
    /// Leave it running and print its id
    #[arg(short, long)]
    pub(in crate::cli) detach: bool,
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
    #[arg(short, long = "label", value_name = "KEY[=VALUE]")]
    labels: Vec<String>,
    /// Join a network (repeatable), or `none`, or `host`
    #[arg(long = "network", alias = "net", value_name = "NETWORK")]
    networks: Vec<String>,
    #[arg(short, long = "volume", value_name = "HOST:INSIDE[:ro]", value_parser = parse_volume, help = "Show a directory of the host inside: /host:/inside[:ro]")]
    volumes: Vec<Mount>,
    #[arg(long = "mount", value_name = "SPEC", value_parser = parse_mount, help = "Mount: type=bind|tmpfs,source=…,target=…[,readonly][,tmpfs-size=…]")]
    mounts: Vec<Mount>,
    /// Refuse writes to its root file system
    #[arg(long)]
    read_only: bool,
    /// no-new-privileges
    #[arg(long = "security-opt", value_name = "OPTION", value_parser = ["no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"])]
    security: Vec<String>,
    /// Memory it may use at most, like 512m
    #[arg(short, long, value_name = "SIZE", value_parser = units::parse_size)]
    memory: Option<u64>,
    /// Processors it may use at most, like 1.5
    #[arg(long, value_name = "NUMBER", value_parser = parse_cpus)]
    cpus: Option<u64>,
    /// Processes and threads it may have at most
    #[arg(long, value_name = "NUMBER")]
    pids_limit: Option<u64>,
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
    /// Words the request that these flags mean.
    pub(in crate::cli) fn into_request(self, surroundings: &Surroundings) -> CreateContainer {
        let label = |text: String| match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (text, String::new()),
        };
        CreateContainer {
            name: self.name,
            image: self.image,
            command: self.command,
            entrypoint: self
                .entrypoint
                .map(|program| if program.is_empty() { Vec::new() } else { vec![program] }),
            env: passed_on(self.env, surroundings),
            workdir: self.workdir,
            user: self.user,
            hostname: self.hostname,
            labels: self.labels.into_iter().map(label).collect(),
            network: network_request(self.networks),
            mounts: self.volumes.into_iter().chain(self.mounts).collect(),
            read_only: self.read_only,
            tty: self.tty,
            open_stdin: self.interactive,
            auto_remove: self.auto_remove,
            no_new_privileges: !self.security.is_empty(),
            limits: Limits { memory: self.memory, millicpus: self.cpus, pids: self.pids_limit },
        }
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
    pub(in crate::cli) fn into_request(self, surroundings: &Surroundings) -> ExecRequest {
        ExecRequest {
            args: self.command,
            env: passed_on(self.env, surroundings),
            workdir: self.workdir,
            user: self.user,
            tty: self.tty,
            open_stdin: self.interactive,
        }
    }
}

/// The flags of `ps`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
pub(in crate::cli) struct PsOptions {
    /// Show those that do not run, too
    #[arg(short, long)]
    pub(in crate::cli) all: bool,
    /// Print ids only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Do not shorten
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Show the newest only, whatever its state
    #[arg(short, long)]
    pub(in crate::cli) latest: bool,
    /// Print by Go template, or `json`
    #[arg(long)]
    pub(in crate::cli) format: Option<String>,
    /// Only those with KEY=VALUE: name, id, status, ancestor, label, network
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub(in crate::cli) filters: Vec<String>,
}

/// Some containers, networks or images.
#[derive(Debug, Args)]
pub(in crate::cli) struct Names {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
}

/// Some of them, by force if asked.
#[derive(Debug, Args)]
pub(in crate::cli) struct ForceNames {
    /// Kill containers that run; take away all names of an image
    #[arg(short, long)]
    pub(in crate::cli) force: bool,
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `start`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StartOptions {
    /// Join its standard streams
    #[arg(short, long)]
    pub(in crate::cli) attach: bool,
    /// Accepted for Docker's sake; standard input is joined when it was made with -i
    #[arg(short, long)]
    pub(in crate::cli) interactive: bool,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `stop` and `restart`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StopOptions {
    /// Seconds until it is killed
    #[arg(short, long, alias = "timeout", default_value_t = 10)]
    pub(in crate::cli) time: u64,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `kill`.
#[derive(Debug, Args)]
pub(in crate::cli) struct KillOptions {
    /// The signal, by name or number
    #[arg(short, long, default_value = "KILL", value_parser = parse_signal)]
    pub(in crate::cli) signal: i32,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `logs`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LogOptions {
    /// Go on until it ends
    #[arg(short, long)]
    pub(in crate::cli) follow: bool,
    /// Only the last so many lines, or `all`
    #[arg(short = 'n', long, default_value = "all", value_parser = parse_tail)]
    pub(in crate::cli) tail: Tail,
    /// Put the time before each line
    #[arg(short, long)]
    pub(in crate::cli) timestamps: bool,
    /// The container
    pub(in crate::cli) container: String,
}

/// The arguments of `network connect` and `disconnect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkChange {
    /// The network
    pub(in crate::cli) network: String,
    /// The container
    pub(in crate::cli) container: String,
}

/// How much of a log; a type of its own because clap reads `Option` as "may be left out".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Tail(pub(in crate::cli) Option<usize>);

/// Gives `KEY` the value it has around the program; a `KEY` without one is left out, as Docker does.
fn passed_on(env: Vec<String>, surroundings: &Surroundings) -> Vec<String> {
    env.into_iter()
        .filter_map(|entry| {
            if entry.contains('=') {
                return Some(entry);
            }
            surroundings.variables.get(&entry).map(|value| format!("{entry}={value}"))
        })
        .collect()
}

fn network_request(networks: Vec<String>) -> Option<NetworkRequest> {
    match networks.as_slice() {
        [] => None,
        [none] if none == "none" => Some(NetworkRequest::None),
        [host] if host == "host" => Some(NetworkRequest::Host),
        _ => Some(NetworkRequest::Named(networks)),
    }
}

fn parse_tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail(None)),
        number => number
            .parse()
            .map(|lines| Tail(Some(lines)))
            .map_err(|_error| format!("'{number}' is neither a number of lines nor 'all'")),
    }
}

/// Reads a number of processors as thousandths.
fn parse_cpus(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a number of processors: write one like 0.5 or 2");
    let cpus: f64 = text.parse().map_err(|_error| wrong())?;
    if !(0.001..=1_000_000.0).contains(&cpus) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    Ok((cpus * 1000.0).round() as u64)
}

/// Reads a signal by name, with or without `SIG`, or by number.
fn parse_signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper.clone() } else { format!("SIG{upper}") };
    text.parse()
        .ok()
        .filter(|number| (1..=64).contains(number))
        .or_else(|| full.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32))
        .ok_or_else(|| format!("'{text}' is not a signal: write a name like TERM or a number"))
}

/// Reads `/host:/inside[:ro|rw]`.
fn parse_volume(text: &str) -> Result<Mount, String> {
    let mut parts = text.split(':');
    let (Some(source), Some(target), access, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(format!(
            "'{text}' is not HOST:INSIDE[:ro]; volumes without a host path come later"
        ));
    };
    if !source.starts_with('/') {
        return Err(format!(
            "'{source}' is no absolute path; named volumes come later, name a directory"
        ));
    }
    let read_only = match access {
        None | Some("rw") => false,
        Some("ro") => true,
        Some(other) => return Err(format!("'{other}' is neither ro nor rw")),
    };
    let kind = MountKind::Bind { source: PathBuf::from(source), create: true };
    Ok(Mount { kind, target: target.to_owned(), read_only })
}

/// Reads `type=bind|tmpfs,source=…,target=…[,readonly][,tmpfs-size=…]`.
fn parse_mount(text: &str) -> Result<Mount, String> {
    let (mut kind, mut source, mut target, mut size, mut read_only) = ("", None, None, None, false);
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, "true"));
        match key {
            "type" => kind = value,
            "source" | "src" => source = Some(PathBuf::from(value)),
            "target" | "destination" | "dst" => target = Some(value.to_owned()),
            "readonly" | "ro" => read_only = matches!(value, "true" | "1"),
            "tmpfs-size" => {
                size = Some(units::parse_size(value).map_err(|error| error.to_string())?);
            }
            _ => return Err(format!("'{key}' is not known in a mount")),
        }
    }
    let target = target.ok_or_else(|| format!("'{text}' names no target"))?;
    let kind = match (kind, source) {
        ("bind", Some(source)) => MountKind::Bind { source, create: false },
        ("bind", None) => return Err(format!("'{text}' names no source")),
        ("tmpfs", None) => MountKind::Tmpfs { size },
        ("tmpfs", Some(_)) => return Err("a tmpfs has no source".to_owned()),
        ("volume" | "", _) => {
            return Err("volumes come later: use type=bind or type=tmpfs".to_owned());
        }
        (other, _) => return Err(format!("mount type '{other}' is not known: bind and tmpfs are")),
    };
    Ok(Mount { kind, target, read_only })
}

#[cfg(test)]
mod tests;
