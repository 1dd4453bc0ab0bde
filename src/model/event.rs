//! What happened, as the journal tells it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the journal; grows, may have gaps.
    pub sequence: u64,
    /// When it was written.
    pub time: Timestamp,
    /// What kind of thing it is about.
    pub subject: Subject,
    /// The id of that thing: all digits, or the digest.
    pub id: String,
    /// What happened to it.
    pub occurrence: Occurrence,
    /// Particulars such as `name`, `image`, `exitCode`, `signal`.
    pub attributes: BTreeMap<String, String>,
}

/// What kind of thing an [`Event`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
}

/// What happened to the thing an [`Event`] is about; the words are Docker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// A container or network was made.
    Create,
    /// A container's first process began.
    Start,
    /// A signal was sent to a container.
    Kill,
    /// The kernel killed something in a container for want of memory.
    Oom,
    /// A container's first process ended.
    Die,
    /// A container was asked to stop, and has.
    Stop,
    /// A container was stopped and started again.
    Restart,
    /// The processes of a container were made to stand still.
    Pause,
    /// They go on.
    Unpause,
    /// A container was given another name.
    Rename,
    /// The limits of a container were changed.
    Update,
    /// A container, network or image was removed.
    Destroy,
    /// A further program was started in a container.
    ExecStart,
    /// A check found a container well.
    #[serde(rename = "health_status: healthy")]
    Healthy,
    /// So many checks in a row failed that a container counts as unwell.
    #[serde(rename = "health_status: unhealthy")]
    Unhealthy,
    /// An image was loaded from an archive.
    Load,
    /// An image was made from the files of an archive.
    Import,
    /// An image was made from what a container has changed.
    Commit,
    /// An image was pulled from a registry.
    Pull,
    /// An image was pushed to a registry.
    Push,
    /// A name was given to an image.
    Tag,
    /// A name was taken from an image.
    Untag,
    /// A container joined a network.
    Connect,
    /// A container left a network.
    Disconnect,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
        })
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Kill => "kill",
            Self::Oom => "oom",
            Self::Die => "die",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Rename => "rename",
            Self::Update => "update",
            Self::Destroy => "destroy",
            Self::ExecStart => "exec_start",
            Self::Healthy => "health_status: healthy",
            Self::Unhealthy => "health_status: unhealthy",
            Self::Load => "load",
            Self::Import => "import",
            Self::Commit => "commit",
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Tag => "tag",
            Self::Untag => "untag",
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
        })
    }
}
