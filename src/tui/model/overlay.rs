//! What can lie over the lists. While anything does, the lists do not change their order.

use tui_input::Input;

use super::{Ask, Form, Key, Pane};
use crate::{
    engine::{PrunePlan, PruneRequest, Unused},
    model::ContainerId,
};

/// Something that lies over the lists.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// What would go, what stays, what is in the way.
    Delete(DeleteDialog),
    /// Whether to kill these containers.
    Kill(Vec<ContainerId>),
    /// Whether to quit although the engine is at something; quits by itself when that is done.
    Quit,
    /// Fields to fill in.
    Form(Form),
    /// One line to fill in, with offers.
    Ask(Ask),
    /// What is being done, and the line under the cursor.
    Jobs(usize),
    /// Whether to take back what this container did to this path.
    Reset(ContainerId, String),
    /// A file; its text lies with the panels.
    File,
    /// The keys.
    Help(Help),
    /// Everything that can be done, by its name.
    Palette(Palette),
    /// What of a kind nobody uses, and would go.
    Prune(Prune),
    /// The last messages, so many lines scrolled up.
    Messages(usize),
}

/// The delete dialog. What is in the way is looked up each time, so that it is what is true.
#[derive(Debug)]
pub(crate) struct DeleteDialog {
    /// What the user wants to delete.
    pub(crate) targets: Vec<Key>,
    /// The name that has to be typed, as far as it is.
    pub(crate) typed: Input,
}

/// The help.
#[derive(Debug, Default)]
pub(crate) struct Help {
    /// What is searched for.
    pub(crate) search: Input,
    /// How many lines are scrolled.
    pub(crate) offset: usize,
}

/// The palette.
#[derive(Debug, Default)]
pub(crate) struct Palette {
    /// What is searched for.
    pub(crate) search: Input,
    /// The entry under the cursor.
    pub(crate) at: usize,
}

/// What is looked through for things that nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Containers.
    Containers,
    /// Images.
    Images,
    /// Networks.
    Networks,
    /// All of these.
    Everything,
}

impl Scope {
    /// Tells what the engine is to look through; images with a name only where that is asked for.
    pub(crate) fn request(self, with_names: bool) -> PruneRequest {
        let images = if with_names { Unused::All } else { Unused::Nameless };
        let whole =
            PruneRequest { containers: true, networks: true, images, ..PruneRequest::default() };
        match self {
            Self::Containers => PruneRequest { networks: false, images: Unused::Keep, ..whole },
            Self::Images => PruneRequest { containers: false, networks: false, ..whole },
            Self::Networks => PruneRequest { containers: false, images: Unused::Keep, ..whole },
            Self::Everything => whole,
        }
    }

    /// Tells whether images are looked through.
    pub(crate) const fn has_images(self) -> bool {
        matches!(self, Self::Images | Self::Everything)
    }
}

/// A plan of what goes.
#[derive(Debug)]
pub(crate) struct Prune {
    /// What is looked through.
    pub(crate) scope: Scope,
    /// Whether images that have a name are meant, too.
    pub(crate) with_names: bool,
    /// What was found, or why nothing could be; `None` while it is looked for.
    pub(crate) plan: Option<Result<PrunePlan, String>>,
    /// How many lines are scrolled.
    pub(crate) offset: usize,
}

/// A filter or search that is being typed.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// The list that is filtered; the detail is searched if `None`.
    pub(crate) pane: Option<Pane>,
    /// What is typed.
    pub(crate) input: Input,
}
