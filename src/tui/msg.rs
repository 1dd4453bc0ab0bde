//! What reaches the loop ([`Msg`]) and what leaves it ([`Effect`]): two closed sets of values.

use std::collections::BTreeMap;

use crossterm::event::{KeyEvent, MouseEvent};

use std::path::PathBuf;

use super::{
    model::{Scope, Subject},
    widgets::file_tree::FileTree,
};
use crate::{
    engine::{
        EngineError, ErrorKind, Excerpt, Force, LogLine, Overview, Progress, PrunePlan, Shelf,
    },
    model::{
        ContainerId, CreateContainer, CreateNetwork, HealthHistory, ImageId, ImageReference,
        NetworkId, Readings, Sample, Timestamp,
    },
};

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has so many columns and rows now.
    Resize(u16, u16),
    /// It is this late; comes before every other message of a batch.
    Tick(Timestamp),
    /// Everything was read anew.
    Loaded(Result<Overview, Failure>),
    /// What containers use.
    Usage(Result<BTreeMap<ContainerId, Readings>, Failure>),
    /// What the last checks of a container's health found.
    Health(ContainerId, Result<HealthHistory, Failure>),
    /// Lines of the log that was asked for with this number.
    LogLines(u64, Vec<LogLine>),
    /// No further line comes for this number; the failure says why if it is one.
    LogEnd(u64, Option<Failure>),
    /// The files of the layer that was asked for with this number.
    Tree(u64, Result<FileTree, Failure>),
    /// How many bytes of each layer of an image are waste, lowest first.
    Waste(ImageId, Vec<u64>),
    /// The beginning of the file that was asked for with this number.
    Excerpt(u64, Result<Excerpt, Failure>),
    /// The tags that a repository has in its registry.
    Tags(String, Result<Vec<String>, Failure>),
    /// What nobody uses of what was looked through, images with a name among it or not.
    Planned(Scope, bool, Result<PrunePlan, Failure>),
    /// How far a task has come.
    Progress(u64, Progress),
    /// What a task has to say at its end.
    Told(String),
    /// What the container of the question with this number used lately, oldest first.
    Samples(u64, Vec<Sample>),
    /// A task came to its end.
    Finished(u64, Result<(), Failure>),
    /// A visit to a container's terminal came to its end; what to say about it.
    Returned(Result<String, Failure>),
    /// Something is not as it should be, but goes on.
    Trouble(Failure),
}

/// A failure in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) message: String,
    /// The next thing to try.
    pub(crate) hint: Option<String>,
    /// Whether it is a defect or a broken machine, and not merely a refusal.
    pub(crate) grave: bool,
}

impl Failure {
    /// Says what went wrong within the screen itself.
    pub(crate) fn grave(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, grave: true }
    }
}

/// The one table from kinds of failure to how the screen shows them.
impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (grave, own_hint) = match error.kind() {
            ErrorKind::InUse { dependents } => {
                let names: Vec<_> = dependents.iter().map(|d| d.name.as_str()).collect();
                (false, Some(format!("used by {}", names.join(", "))))
            }
            ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::Exhausted
            | ErrorKind::Gone
            | ErrorKind::Registry
            | ErrorKind::Cancelled => (false, None),
            ErrorKind::CannotRun
            | ErrorKind::NoProgram
            | ErrorKind::Storage
            | ErrorKind::Kernel
            | ErrorKind::Permission
            | ErrorKind::Internal => (true, None),
        };
        Self {
            message: error.to_string(),
            hint: error.next_step().map(str::to_owned).or(own_hint),
            grave,
        }
    }
}

/// Something to be done outside the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Read everything anew.
    Reload,
    /// Ask what these containers use.
    Sample(Vec<ContainerId>),
    /// Read what the last checks of a container's health found.
    ReadHealth(ContainerId),
    /// Follow a log; the answers carry the number.
    FollowLogs(u64, ContainerId),
    /// Let nobody answer a question for a log with an older number.
    StopLogs(u64),
    /// List files; the answer carries the number.
    Tree(u64, Subject),
    /// Give back what listing files has kept.
    Forget,
    /// Read the beginning of a file; the answer carries the number.
    Excerpt(u64, Shelf, String),
    /// Ask a registry for the tags of a repository.
    Tags(String),
    /// Find what nobody uses; images with a name only where that is asked for.
    Plan(Scope, bool),
    /// Let a task end before it is done.
    Cancel(u64),
    /// Ask what a container used lately; the answer carries the number.
    Samples(u64, ContainerId),
    /// Have the engine do something; the end is told with the number.
    Do(u64, Task),
    /// Lend the terminal to a container.
    HandOver(Guest),
    /// Put a text into the terminal's clipboard (OSC 52).
    Copy(String),
    /// Take the mouse for the screen, or leave it to the terminal.
    Mouse(bool),
    /// Draw every cell again.
    Redraw,
    /// End the program.
    Quit,
}

/// What the engine is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Start a container.
    Start(ContainerId),
    /// Stop a container.
    Stop(ContainerId),
    /// Restart a container.
    Restart(ContainerId),
    /// Make the processes of a container stand still.
    Pause(ContainerId),
    /// Let them go on.
    Unpause(ContainerId),
    /// Send SIGKILL to a container.
    Kill(ContainerId),
    /// Remove containers.
    RemoveContainers(Vec<ContainerId>, Force),
    /// Take a name away from its image.
    Untag(ImageReference),
    /// Remove images with all their names.
    RemoveImages(Vec<ImageId>),
    /// Stop and remove containers, then remove the image that they stood on.
    RemoveWithImage(Vec<ContainerId>, ImageId),
    /// Remove networks.
    RemoveNetworks(Vec<NetworkId>),
    /// Make a container and start it.
    Run(Box<CreateContainer>),
    /// Make a network.
    CreateNetwork(CreateNetwork),
    /// Pull images.
    Pull(Vec<ImageReference>),
    /// Load an archive.
    Load(PathBuf),
    /// Save an image into an archive that is not there yet.
    Save(ImageId, PathBuf),
    /// Take a file or directory out to the host.
    Extract(Shelf, String, PathBuf),
    /// Make an image of a container with what it has changed.
    Commit(ContainerId, ImageReference),
    /// Remove what a plan says.
    Prune(Box<PrunePlan>),
    /// Take back what a container did to a path.
    Reset(ContainerId, String),
}

impl Task {
    /// Tells whether it can be stopped before it is done; what it has done so far is then thrown away.
    pub(crate) const fn may_be_cancelled(&self) -> bool {
        matches!(self, Self::Pull(_) | Self::Load(_) | Self::Save(..))
    }
}

/// Who gets the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Guest {
    /// A shell in a container, by its id and name.
    Shell(ContainerId, String),
    /// The container's own terminal.
    Attach(ContainerId, String),
}
