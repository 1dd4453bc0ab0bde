//! The flags of verbs about containers that are there.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    container::LimitOptions,
    values::{
        DetachKeys, Moment, Tail, parse_detach_keys, parse_moment, parse_restart, parse_seconds,
        parse_signal, parse_tail,
    },
};
use crate::model::{ContainerName, RestartPolicy};

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
    /// Show so many of the newest, whatever their state
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(in crate::cli) last: Option<usize>,
    /// Show how much each has written
    #[arg(short, long)]
    pub(in crate::cli) size: bool,
    /// Print by Go template, or `json`, or `table TEMPLATE`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// Show only those with KEY=VALUE: name, id, status, exited, ancestor, before, since, label, network, volume, expose, publish, health
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

/// The flags of `rm`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveOptions {
    /// Kill those that run, and do not mind those that are not there
    #[arg(short, long)]
    pub(in crate::cli) force: bool,
    /// Accepted for Docker's sake; containers have no volumes of their own yet
    #[arg(short, long)]
    pub(in crate::cli) volumes: bool,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `start`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StartOptions {
    /// Join its standard streams
    #[arg(short, long)]
    pub(in crate::cli) attach: bool,
    /// The keys that leave it alone, like ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS", value_parser = parse_detach_keys)]
    pub(in crate::cli) detach_keys: Option<DetachKeys>,
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
    /// Seconds until it is killed; what it was made with, or 10, if not said
    #[arg(short = 't', long = "timeout", alias = "time", value_name = "SECONDS", value_parser = parse_seconds)]
    pub(in crate::cli) grace: Option<Duration>,
    /// The signal that asks it to stop, in place of its own
    #[arg(short, long, value_name = "SIGNAL", value_parser = parse_signal)]
    pub(in crate::cli) signal: Option<i32>,
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
    /// Go on until it ends for good; a restart is no end
    #[arg(short, long)]
    pub(in crate::cli) follow: bool,
    /// Only the last so many lines, or `all`
    #[arg(short = 'n', long, default_value = "all", value_name = "LINES", hide_default_value = true, allow_hyphen_values = true, value_parser = parse_tail)]
    pub(in crate::cli) tail: Tail,
    /// Only lines since then: a time, or a span like 10m
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(in crate::cli) since: Option<Moment>,
    /// Only lines until then
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(in crate::cli) until: Option<Moment>,
    /// Put the time before each line
    #[arg(short, long)]
    pub(in crate::cli) timestamps: bool,
    /// Put attributes before each line, of which there are none: a blank
    #[arg(long)]
    pub(in crate::cli) details: bool,
    /// The container
    pub(in crate::cli) container: String,
}

/// The arguments of `attach`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AttachOptions {
    /// Do not pass on what is typed
    #[arg(long)]
    pub(in crate::cli) no_stdin: bool,
    /// The keys that leave it alone, like ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS", value_parser = parse_detach_keys)]
    pub(in crate::cli) detach_keys: Option<DetachKeys>,
    /// Pass signals on to it
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", hide_default_value = true)]
    pub(in crate::cli) sig_proxy: bool,
    /// The container
    pub(in crate::cli) container: String,
}

/// The flags of `update`.
#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateOptions {
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER")]
    pub(in crate::cli) names: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) limits: LimitOptions,
    /// Start it again when it has ended: no, on-failure or on-failure:MOST, always, unless-stopped
    #[arg(long, value_name = "POLICY", value_parser = parse_restart)]
    pub(in crate::cli) restart: Option<RestartPolicy>,
}

/// The arguments of `rename`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RenameOptions {
    /// The container
    pub(in crate::cli) container: String,
    /// Its new name
    pub(in crate::cli) name: ContainerName,
}

/// The flags of `stats`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StatsOptions {
    /// Show those that do not run, too
    #[arg(short, long)]
    pub(in crate::cli) all: bool,
    /// Print by Go template, or `json`, or `table TEMPLATE`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// Print once
    #[arg(long)]
    pub(in crate::cli) no_stream: bool,
    /// Do not shorten
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Names or ids; all that run if none is named
    #[arg(value_name = "CONTAINER")]
    pub(in crate::cli) names: Vec<String>,
}

/// The arguments of `top`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TopOptions {
    /// The container
    pub(in crate::cli) container: String,
    /// What ps is told, with Docker; only -ef is here
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    pub(in crate::cli) ps: Vec<String>,
}

/// The arguments of `port`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PortOptions {
    /// The container
    pub(in crate::cli) container: String,
    /// One port of it
    #[arg(value_name = "PORT[/PROTOCOL]")]
    pub(in crate::cli) port: Option<String>,
}

/// The flags of `events`.
#[derive(Debug, Args)]
pub(in crate::cli) struct EventOptions {
    /// Only what happened since then: a time, or a span like 10m
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(in crate::cli) since: Option<Moment>,
    /// Only what happened until then
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(in crate::cli) until: Option<Moment>,
    /// Only those with KEY=VALUE: type, event, container, image, network, label
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub(in crate::cli) filters: Vec<String>,
    /// Print by Go template, or `json`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
}

/// The flags of `cp`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CopyOptions {
    /// Keep owners, set-user-id bits, capabilities and access lists
    #[arg(short, long)]
    pub(in crate::cli) archive: bool,
    /// Follow a link at the source
    #[arg(short = 'L', long)]
    pub(in crate::cli) follow_link: bool,
    /// Say nothing; nothing is said anyway
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// A path here, or CONTAINER:PATH, or `-` for a tar archive that is read
    pub(in crate::cli) source: String,
    /// CONTAINER:PATH, or a path here, or `-` for a tar archive that is written
    pub(in crate::cli) target: String,
}

/// The flags of `export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportOptions {
    /// Write it into this file
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// The container
    pub(in crate::cli) container: String,
}

/// The one container of a verb.
#[derive(Debug, Args)]
pub(in crate::cli) struct OneContainer {
    /// The container
    pub(in crate::cli) container: String,
}
