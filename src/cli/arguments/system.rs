//! The flags of verbs about the whole: `df`, `prune`, `check`.

use clap::Args;

/// The flags of `image prune` and its kin.
#[derive(Debug, Args)]
pub(in crate::cli) struct PruneOptions {
    /// Do not ask
    #[arg(short, long)]
    pub(in crate::cli) force: bool,
    /// Only what fits KEY=VALUE: until=24h, label=x, label=x=y, label!=x
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(in crate::cli) filters: Vec<String>,
}

/// The flags of `image prune`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImagePruneOptions {
    /// Remove those with names, too, if no container stands on them
    #[arg(short, long)]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) prune: PruneOptions,
}

/// The flags of `system df`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DiskOptions {
    /// Show every image and container
    #[arg(short, long)]
    pub(in crate::cli) verbose: bool,
    /// Print by Go template, or `json`; with -v one object with everything in bytes
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
}

/// The flags of `system check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckOptions {
    /// Hash every byte of every file and blob
    #[arg(long)]
    pub(in crate::cli) deep: bool,
    /// Put right what can be put right
    #[arg(long)]
    pub(in crate::cli) repair: bool,
}

/// The flags of `search`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SearchOptions {
    /// Show at most so many
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) limit: Option<usize>,
    /// Print by Go template, or `json`, or `table TEMPLATE`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// REGISTRY/REPOSITORY lists its tags, REGISTRY/ what the registry has, where it lets anybody see that
    #[arg(value_name = "TERM")]
    pub(in crate::cli) term: String,
}
