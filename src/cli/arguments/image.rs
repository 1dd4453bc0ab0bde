//! The flags of verbs about images, networks and `inspect`.

use std::{net::Ipv4Addr, path::PathBuf};

use clap::Args;
use ipnet::Ipv4Net;

use crate::model::{ContainerName, ImageReference};

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
    /// Print by Go template, or `json`
    #[arg(long)]
    pub(in crate::cli) format: Option<String>,
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

/// The flags of `history`.
#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryOptions {
    /// The image
    pub(in crate::cli) image: String,
    /// Print ids only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Do not shorten
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Print by Go template, or `json`
    #[arg(long)]
    pub(in crate::cli) format: Option<String>,
}

/// The flags of `inspect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct InspectOptions {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// Print by Go template, or `json`
    #[arg(short, long)]
    pub(in crate::cli) format: Option<String>,
    /// Look only among these
    #[arg(long = "type", value_parser = ["container", "image", "network"])]
    pub(in crate::cli) kind: Option<String>,
}

/// The flags of `network create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkCreate {
    /// The network's name
    pub(in crate::cli) name: ContainerName,
    /// Its addresses; a free subnet is chosen otherwise
    #[arg(long, value_name = "CIDR")]
    pub(in crate::cli) subnet: Option<Ipv4Net>,
    /// The host's address in it; the first of the subnet otherwise
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::cli) gateway: Option<Ipv4Addr>,
    /// The kind of network
    #[arg(short, long, default_value = "bridge", value_parser = ["bridge"])]
    pub(in crate::cli) driver: String,
}

/// The flags of `network ls`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkList {
    /// Print ids only
    #[arg(short, long)]
    pub(in crate::cli) quiet: bool,
    /// Print whole ids
    #[arg(long)]
    pub(in crate::cli) no_trunc: bool,
    /// Print by Go template, or `json`
    #[arg(long)]
    pub(in crate::cli) format: Option<String>,
}
