//! What the screen knows: facts from the engine, and where the user is among them.
//!
//! Only `update` changes it. Time comes in by messages; nothing here reads a clock.

mod ask;
mod detail;
mod facts;
mod form;
mod history;
mod job;
mod list;
mod overlay;
mod toasts;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use ask::{Ask, OFFERED, Purpose, repository};
pub(crate) use detail::{Depth, Detail, Listing, Question, Subject, Tab, Zoom};
pub(crate) use facts::{
    Facts, Sharing, Users, letters, networks_of, rough_age, spaced_size, state_text,
};
pub(crate) use form::{Field, Form, FormKind};
pub(crate) use history::History;
pub(crate) use job::{Job, phase};
pub(crate) use list::{ListState, natural};
pub(crate) use overlay::{DeleteDialog, Help, Overlay, Palette, Prompt, Prune, Scope};
pub(crate) use toasts::Toasts;

use super::{
    hits::Hits,
    keymap::{Chord, Keymap},
    theme::Theme,
    widgets::{
        file_tree::{FileTree, Standing},
        log_view::LogView,
        text_view::TextView,
    },
};
use crate::{
    engine::Privilege,
    model::{Container, ContainerId, Image, ImageId, NetworkId, Timestamp},
};

/// The lines of a log that are kept at most.
const LOG_LINES: usize = 10_000;

/// A list on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pane {
    /// The containers.
    Containers,
    /// The images.
    Images,
    /// The networks.
    Networks,
}

impl Pane {
    /// Every pane, from top to bottom.
    pub(crate) const ALL: [Self; 3] = [Self::Containers, Self::Images, Self::Networks];

    /// Gives its title.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Containers => "Containers",
            Self::Images => "Images",
            Self::Networks => "Networks",
        }
    }

    /// Gives its place from the top.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// The identity of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A container.
    Container(ContainerId),
    /// An image.
    Image(ImageId),
    /// A network.
    Network(NetworkId),
}

impl Key {
    /// Gives the pane that lists it.
    pub(crate) const fn pane(self) -> Pane {
        match self {
            Self::Container(_) => Pane::Containers,
            Self::Image(_) => Pane::Images,
            Self::Network(_) => Pane::Networks,
        }
    }
}

/// What is drawn by widgets that keep their own place in long texts.
#[derive(Debug)]
pub(crate) struct Panels {
    /// The log.
    pub(crate) logs: LogView,
    /// The files of a layer, once they came.
    pub(crate) tree: Option<FileTree>,
    /// Where the user was in the files of the layer before.
    pub(crate) standing: Standing,
    /// The bytes of each layer of an image that are waste, once they are known.
    pub(crate) waste: Option<(ImageId, Vec<u64>)>,
    /// The file that lies over everything.
    pub(crate) file: FileView,
    /// What the container used lately.
    pub(crate) history: History,
    /// A text.
    pub(crate) text: TextView,
}

/// A file that is looked at.
#[derive(Debug, Default)]
pub(crate) struct FileView {
    /// The number it was asked for with.
    pub(crate) number: u64,
    /// Its path.
    pub(crate) path: String,
    /// What is said of it: how large it is, and whether that is all.
    pub(crate) note: String,
    /// What is searched for in it.
    pub(crate) search: String,
    /// Its text, or its bytes as hexadecimal numbers.
    pub(crate) text: TextView,
}

/// Everything that the screen knows.
#[derive(Debug)]
pub(crate) struct Model {
    /// What is true.
    pub(crate) facts: Facts,
    /// Whether the first overview has come.
    pub(crate) loaded: bool,
    /// As whom the engine runs.
    pub(crate) privilege: Privilege,
    /// What is where on the screen, as it was drawn last.
    pub(crate) hits: Hits,
    /// Whether the mouse belongs to the screen; if not, the terminal selects text with it.
    pub(crate) has_mouse: bool,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    /// Whether the screen says something else than it should.
    pub(crate) dirty: bool,
    /// How things look.
    pub(crate) theme: Theme,
    /// Which key means what.
    pub(crate) keymap: Keymap,
    /// The keys of a sequence that is not complete.
    pub(crate) typed: Vec<Chord>,
    /// The pane that has the focus.
    pub(crate) focus: Pane,
    /// The lists, by pane.
    pub(crate) lists: [ListState; 3],
    /// The detail side.
    pub(crate) detail: Detail,
    /// The widgets of the detail side.
    pub(crate) panels: Panels,
    /// What lies over the lists, the topmost last.
    pub(crate) overlays: Vec<Overlay>,
    /// A filter or search that is being typed.
    pub(crate) prompt: Option<Prompt>,
    /// Short messages.
    pub(crate) toasts: Toasts,
    /// Where the jump along uses began.
    pub(crate) jumped_from: Option<Key>,
    /// What the engine is doing, by number.
    pub(crate) jobs: BTreeMap<u64, Job>,
    /// The number of the next job.
    pub(crate) next_job: u64,
    /// When usage was asked for last, and whether the answer is still out.
    pub(crate) sampled: (Option<Timestamp>, bool),
}

impl Model {
    /// Makes the model of a screen that knows nothing yet.
    pub(crate) fn new(keymap: Keymap, theme: Theme, privilege: Privilege) -> Self {
        Self {
            facts: Facts::default(),
            loaded: false,
            privilege,
            hits: Hits::default(),
            has_mouse: true,
            size: (0, 0),
            dirty: true,
            theme,
            keymap,
            typed: Vec::new(),
            focus: Pane::Containers,
            lists: <[ListState; 3]>::default(),
            detail: Detail::default(),
            panels: Panels {
                logs: LogView::new(LOG_LINES),
                tree: None,
                standing: Standing::default(),
                waste: None,
                file: FileView::default(),
                history: History::default(),
                text: TextView::new(Vec::new()),
            },
            overlays: Vec::new(),
            prompt: None,
            toasts: Toasts::default(),
            jumped_from: None,
            jobs: BTreeMap::new(),
            next_job: 1,
            sampled: (None, false),
        }
    }

    /// Gives the list that has the focus.
    pub(crate) const fn list(&self) -> &ListState {
        &self.lists[self.focus.index()]
    }

    /// Gives the list that has the focus, to change.
    pub(crate) const fn list_mut(&mut self) -> &mut ListState {
        &mut self.lists[self.focus.index()]
    }

    /// Gives the row under the cursor of the pane that has the focus.
    pub(crate) const fn selected(&self) -> Option<Key> {
        self.list().cursor
    }

    /// Gives the container under the cursor.
    pub(crate) fn selected_container(&self) -> Option<&Container> {
        match self.selected()? {
            Key::Container(id) => self.facts.container(id),
            _ => None,
        }
    }

    /// Gives the image under the cursor, or the one that the container under the cursor stands on.
    pub(crate) fn selected_image(&self) -> Option<&Image> {
        match self.selected()? {
            Key::Image(id) => self.facts.image(id),
            Key::Container(id) => self.facts.image(self.facts.container(id)?.image),
            Key::Network(_) => None,
        }
    }

    /// Gives what an action applies to: the marked rows in the order of the list, or the one under the cursor.
    pub(crate) fn targets(&self) -> Vec<Key> {
        let list = self.list();
        if list.marks.is_empty() {
            return list.cursor.into_iter().collect();
        }
        let shown: Vec<Key> = list.rows.iter().map(|(key, _)| *key).collect();
        let (hidden, marked): (BTreeSet<_>, BTreeSet<_>) =
            list.marks.iter().partition(|key| !shown.contains(key));
        let in_order = shown.into_iter().filter(|key| marked.contains(key));
        in_order.chain(hidden).collect()
    }

    /// Gives what to call a row.
    pub(crate) fn name_of(&self, key: Key) -> String {
        let name = match key {
            Key::Container(id) => self.facts.container(id).map(|c| c.name.to_string()),
            Key::Image(id) => self.facts.image(id).map(Image::display_name),
            Key::Network(id) => self.facts.network(id).map(|n| n.name.to_string()),
        };
        name.unwrap_or_else(|| "what is gone".to_owned())
    }

    /// Gives the tab that is shown, if there is a row to show something of.
    pub(crate) fn tab(&self) -> Option<Tab> {
        self.selected()?;
        let tabs = Tab::of(self.focus);
        Some(tabs[self.detail.tabs[self.focus.index()] % tabs.len()])
    }

    /// Puts the rows of all lists in order anew.
    pub(crate) fn arrange(&mut self) {
        let frozen = !self.overlays.is_empty();
        let facts = &self.facts;
        let [containers, images, networks] = &mut self.lists;
        containers.arrange(&facts.overview.containers, facts, frozen);
        images.arrange(&facts.overview.images, facts, frozen);
        networks.arrange(&facts.overview.networks, facts, frozen);
        self.dirty = true;
    }

    /// Puts the focus and the cursor on a row; clears a filter that hides it.
    pub(crate) fn go_to(&mut self, key: Key) {
        self.focus = key.pane();
        let list = self.list_mut();
        if !list.rows.iter().any(|(row, _)| *row == key) {
            list.filter.clear();
            list.hide = false;
        }
        self.arrange();
        let list = self.list_mut();
        if list.rows.iter().any(|(row, _)| *row == key) {
            list.cursor = Some(key);
        }
    }
}
