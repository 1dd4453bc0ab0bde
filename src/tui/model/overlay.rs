//! What can lie over the lists. While anything does, the lists do not change their order.

use tui_input::Input;

use super::{Ask, Form, Key, Pane};
use crate::model::ContainerId;

/// Something that lies over the lists.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// What would go, what stays, what is in the way.
    Delete(DeleteDialog),
    /// Whether to kill this container.
    Kill(Key),
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

/// A filter or search that is being typed.
#[derive(Debug)]
pub(crate) struct Prompt {
    /// The list that is filtered; the detail is searched if `None`.
    pub(crate) pane: Option<Pane>,
    /// What is typed.
    pub(crate) input: Input,
}
