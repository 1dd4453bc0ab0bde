//! What can lie over the lists. While anything does, the lists do not change their order.

use tui_input::Input;

use super::{Ask, Key, Pane};
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

/// A form.
#[derive(Debug)]
pub(crate) struct Form {
    /// What it makes.
    pub(crate) kind: FormKind,
    /// Its fields.
    pub(crate) fields: Vec<Field>,
    /// The field that is typed in.
    pub(crate) at: usize,
    /// Why it was not done.
    pub(crate) trouble: Option<String>,
    /// The job that is doing it.
    pub(crate) job: Option<u64>,
}

/// What a form makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FormKind {
    /// A container from this image.
    Container(String),
    /// A network.
    Network,
}

/// A field of a form.
#[derive(Debug)]
pub(crate) struct Field {
    /// What it is for.
    pub(crate) label: &'static str,
    /// What it means when left empty, or what it may hold.
    pub(crate) hint: String,
    /// What is typed.
    pub(crate) input: Input,
}

impl Field {
    /// Makes an empty field.
    pub(crate) fn new(label: &'static str, hint: impl Into<String>) -> Self {
        Self { label, hint: hint.into(), input: Input::default() }
    }
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
