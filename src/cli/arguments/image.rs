//! The flags of verbs about images, and of `inspect`.

use std::path::PathBuf;

use clap::Args;

use crate::model::{ImageReference, Platform};

/// The flags of `images`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
pub(in crate::cli) struct ImagesOptions {
    /// Show only images with this name
    pub(in crate::cli) name: Option<String>,
    /// Print ids only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Accepted for Docker's sake; there are no intermediate images
    #[arg(short, long)]
    pub(in crate::cli) all: bool,
    /// Print whole ids
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Show the digests of manifests
    #[arg(long)]
    pub(in crate::cli) digests: bool,
    /// Print by Go template, or `json`, or `table TEMPLATE`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// Show only those with KEY=VALUE: dangling, label, reference
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub(in crate::cli) filters: Vec<String>,
}

/// The flags of `rmi`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveImages {
    /// Take away all names of an image that is named by its id
    #[arg(short, long)]
    pub(in crate::cli) force: bool,
    /// Accepted for Docker's sake; no image stands on another here
    #[arg(long)]
    pub(in crate::cli) no_prune: bool,
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `load`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LoadOptions {
    /// Read from this file or folder instead of standard input
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) input: Option<PathBuf>,
    /// Do not show progress
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
}

/// The flags of `save`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SaveOptions {
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Do not show progress
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Names or ids; a name without a tag means all its tags
    #[arg(required = true, value_name = "IMAGE")]
    pub(in crate::cli) names: Vec<String>,
}

/// The flags of `commit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CommitOptions {
    /// Who made the image
    #[arg(short, long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(in crate::cli) author: String,
    /// Change what a container made from it runs, as a Dockerfile does: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER,
    /// VOLUME, WORKDIR
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    pub(in crate::cli) changes: Vec<String>,
    /// A remark
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(in crate::cli) message: String,
    /// Make the container's processes stand still meanwhile; yes if not said
    #[arg(short, long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", hide_default_value = true)]
    pub(in crate::cli) pause: bool,
    /// The container
    pub(in crate::cli) container: String,
    /// The image's name
    #[arg(value_name = "NAME[:TAG]")]
    pub(in crate::cli) name: Option<ImageReference>,
}

/// The flags of `import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportOptions {
    /// Say what a container made from it runs, as a Dockerfile does; as for commit
    #[arg(short, long = "change", value_name = "INSTRUCTION")]
    pub(in crate::cli) changes: Vec<String>,
    /// A remark
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(in crate::cli) message: String,
    /// For which machines it is, like linux/arm64; for such as this one if not said
    #[arg(long, value_name = "PLATFORM")]
    pub(in crate::cli) platform: Option<Platform>,
    /// A tar, which may be compressed; `-` is standard input
    #[arg(value_name = "FILE|URL|-")]
    pub(in crate::cli) source: String,
    /// The image's name
    #[arg(value_name = "NAME[:TAG]")]
    pub(in crate::cli) name: Option<ImageReference>,
}

/// The arguments of `tag`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TagOptions {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(in crate::cli) source: String,
    /// Its further name
    #[arg(value_name = "NAME")]
    pub(in crate::cli) target: ImageReference,
}

/// The flags of `analyze`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AnalyzeOptions {
    /// An image, or an archive: a file or folder, or - for standard input
    pub(in crate::cli) image: String,
    /// Print everything as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Hold it against the rules in this file, as of .dive-ci, and exit with 1 when one is broken
    #[arg(long, value_name = "RULES")]
    pub(in crate::cli) ci: Option<PathBuf>,
}

/// The flags of `history`.
#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryOptions {
    /// The image
    pub(in crate::cli) image: String,
    /// Print sizes and times for people
    #[arg(short = 'H', long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", hide_default_value = true)]
    pub(in crate::cli) human: bool,
    /// Print ids only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Do not shorten
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Print by Go template, or `json`, or `table TEMPLATE`
    #[arg(long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
}

/// The flags of `inspect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct InspectOptions {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// Print by Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// Look only among these
    #[arg(long = "type", value_name = "KIND", value_parser = ["container", "image", "network"])]
    pub(in crate::cli) kind: Option<String>,
}

/// The flags of `inspect` in a group, which says where to look.
#[derive(Debug, Args)]
pub(in crate::cli) struct InspectKind {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Print by Go template, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    format: Option<String>,
}

impl InspectKind {
    /// Looks only among things of this kind.
    pub(in crate::cli) fn among(self, kind: &str) -> InspectOptions {
        InspectOptions { names: self.names, format: self.format, kind: Some(kind.to_owned()) }
    }
}
