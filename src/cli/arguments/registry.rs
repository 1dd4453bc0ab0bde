//! The flags of verbs about registries.

use clap::{Args, Subcommand, ValueEnum};

use crate::model::{ImageReference, Platform};

/// The flags of `pull`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PullOptions {
    /// Pull every tag of the repository
    #[arg(short, long)]
    pub(in crate::cli) all_tags: bool,
    /// Print names only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Take the image for this platform, like linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    pub(in crate::cli) platform: Option<Platform>,
    /// Accepted for Docker's sake; which signatures are wanted stands in policy.json
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", hide = true)]
    pub(in crate::cli) disable_content_trust: Option<bool>,
    /// Names, with tag or digest
    #[arg(required = true, value_name = "IMAGE")]
    pub(in crate::cli) names: Vec<String>,
}

/// When an image is pulled before a container is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PullPolicy {
    /// Each time.
    Always,
    /// When it is not here.
    Missing,
    /// Never.
    Never,
}

/// The flags of `run` and `create` about where the image comes from.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct ImageChoice {
    /// When to pull the image before
    #[arg(long, value_name = "WHEN", value_enum, default_value = "missing")]
    pub(in crate::cli) pull: PullPolicy,
    /// Take the image for this platform, like linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    pub(in crate::cli) platform: Option<Platform>,
    /// Say nothing of a pull
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
}

/// The flags of `push`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PushOptions {
    /// Push every tag of the repository that is here
    #[arg(short, long)]
    pub(in crate::cli) all_tags: bool,
    /// Print the name only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Its name, which says where it goes
    #[arg(value_name = "IMAGE")]
    pub(in crate::cli) name: String,
}

/// What is done with manifests in registries, under `manifest`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ManifestVerb {
    /// Show a manifest, or an index of several, as the registry has it
    Inspect {
        /// The name, with tag or digest
        #[arg(value_name = "IMAGE")]
        name: String,
        /// Accepted for Docker's sake; insecure registries stand in registries.conf
        #[arg(long, hide = true)]
        insecure: bool,
        /// Accepted for Docker's sake
        #[arg(short, long, hide = true)]
        verbose: bool,
    },
}

/// The flags of `login`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LoginOptions {
    /// The name
    #[arg(short, long, value_name = "NAME")]
    pub(in crate::cli) username: Option<String>,
    /// The password; others on this machine can see it: better is --password-stdin
    #[arg(short, long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    pub(in crate::cli) password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub(in crate::cli) password_stdin: bool,
    /// The registry; without one, Docker Hub
    #[arg(value_name = "SERVER")]
    pub(in crate::cli) server: Option<String>,
}

/// The arguments of `logout`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LogoutOptions {
    /// The registry; without one, Docker Hub
    #[arg(value_name = "SERVER")]
    pub(in crate::cli) server: Option<String>,
}

/// Reads a name as people write it, and tells whether its tag was left out.
pub(in crate::cli) fn read_name(text: &str) -> Result<(ImageReference, bool), String> {
    let reference: ImageReference = text.parse().map_err(|error| format!("{error}"))?;
    let is_tagless =
        !text.contains('@') && text.rsplit('/').next().is_some_and(|last| !last.contains(':'));
    Ok((reference, is_tagless))
}
