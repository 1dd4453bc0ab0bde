//! Images: layers, config, history, and what is inside a layer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ChainId, ContainerId, ContainerName, DiffId, Digest, HealthCheck, ImageId, ImageReference,
    State, Timestamp,
};

/// An image as the records have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The digest of its config.
    pub id: ImageId,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its names; none when all were taken away.
    pub references: Vec<ImageReference>,
    /// When it was built, if its config says so.
    pub created: Option<Timestamp>,
    /// When it came into this store.
    pub stored: Timestamp,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    /// What a container made from it runs.
    pub config: ImageConfig,
}

impl Image {
    /// Sums the bytes of its layers' files.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }

    /// Gives what to call it: its first name, or its short id.
    pub fn display_name(&self) -> String {
        self.references.first().map_or_else(|| self.id.0.short(), ToString::to_string)
    }
}

/// A signature that an image was accepted by when it was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// What is signed: the image's manifest, or an index that names it.
    pub digest: Digest,
    /// The text that was signed, which names that digest (containers-signature(5)).
    pub payload: String,
    /// The signature of that text, as base64.
    pub signature: String,
    /// The digest of the public key's DER.
    pub key: Digest,
    /// Where the policy had that key from.
    pub key_name: String,
    /// The name that the image was signed for, as written.
    pub identity: String,
}

/// One layer, as stored: unpacked once, shared by every image that stands on the same chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// This layer and everything below it.
    pub chain: ChainId,
    /// Its uncompressed tar.
    pub diff: DiffId,
    /// The digest of the blob it came in.
    pub blob: Digest,
    /// The bytes of its files, hard links counted once.
    pub size: u64,
    /// How many entries it has.
    pub entries: u64,
}

/// What an image's config says about running it (image-spec, config.md).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The processor it was built for, as Go names it: `amd64`.
    pub architecture: String,
    /// The system it was built for: `linux`.
    pub os: String,
    /// Who made it.
    pub author: Option<String>,
    /// Environment as `KEY=value`.
    pub env: Vec<String>,
    /// The program that is always run.
    pub entrypoint: Vec<String>,
    /// The default arguments, or the default program when there is no entry point.
    pub command: Vec<String>,
    /// The directory to start in.
    pub workdir: String,
    /// The user to run as.
    pub user: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Ports it listens on, as `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Paths meant to outlive a container.
    pub volumes: Vec<String>,
    /// The signal that asks it to stop, as written: `SIGQUIT`.
    pub stop_signal: Option<String>,
    /// How it is found out whether a container is well.
    #[serde(default, skip_serializing_if = "HealthCheck::is_default")]
    pub health: HealthCheck,
    /// How each step of its build came about, first step first.
    pub history: Vec<HistoryEntry>,
}

/// One step of an image's build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it was done.
    pub created: Option<Timestamp>,
    /// What was done.
    pub created_by: String,
    /// A remark.
    pub comment: String,
    /// Whether it made no layer.
    pub empty_layer: bool,
}

/// One path of a layer, as the stored index has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerEntry {
    /// The path without a leading slash; bytes as in the archive, lossily shown.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, set-user-id and the like included.
    pub mode: u32,
    /// The owner's number in the image.
    pub uid: u32,
    /// The group's number in the image.
    pub gid: u32,
    /// Bytes, for files.
    pub size: u64,
    /// Seconds since 1970 of its last change.
    pub mtime: i64,
    /// The digest of its bytes, for files that are not empty.
    pub digest: Option<Digest>,
}

/// What a [`LayerEntry`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A file with bytes of its own.
    File,
    /// A further name of a file in the same layer.
    HardLink {
        /// The path of that file.
        target: String,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points, unresolved.
        target: String,
    },
    /// A character device.
    CharDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// The mark that something of the layers below is gone.
    Whiteout(Whiteout),
}

/// What a whiteout hides (image-spec, layer.md §whiteouts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whiteout {
    /// The path itself.
    Path,
    /// Everything that the layers below have in this directory.
    Opaque,
}

/// A container that keeps an image from being removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependent {
    /// Its identity.
    pub id: ContainerId,
    /// Its name.
    pub name: ContainerName,
    /// What it is doing.
    pub state: State,
}

/// One path of a layer beside what it does to the layers below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedEntry {
    /// The path; for [`Change::Removed`] as the layers below had it.
    pub entry: LayerEntry,
    /// What the layer does to it.
    pub change: Change,
}

/// What a layer does to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The layers below do not have it.
    Added,
    /// The layers below have it otherwise.
    Changed,
    /// The layers below have it, this one hides it.
    Removed,
    /// The layers below have it, and this one leaves it; shown in a stacked view only.
    Unchanged,
}
