//! The detail side: which tab, how large, how deep the user is in it, and which question it waits for.

use super::{Key, Pane};
use crate::model::{ContainerId, ImageId, Timestamp};

/// The share of the screen that the detail takes at first, in per cent.
const SHARE: u16 = 47;

/// Something that the detail can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// What a container writes.
    Logs,
    /// What a container uses.
    Stats,
    /// The image of a container.
    Image,
    /// What a container has changed over its image.
    Changes,
    /// Where a container stands in networks.
    Network,
    /// The environment of a container.
    Env,
    /// Whether a container is well, and starts again.
    Health,
    /// Every particular, as JSON.
    Inspect,
    /// Who stands on an image.
    UsedBy,
    /// The layers of an image and their files.
    Layers,
    /// How an image was built.
    History,
    /// What a container of an image runs.
    Config,
    /// Who stands in a network.
    Endpoints,
    /// Who reaches whom through a network.
    Map,
}

impl Tab {
    /// Gives the tabs of what a pane lists.
    pub(crate) const fn of(pane: Pane) -> &'static [Self] {
        match pane {
            Pane::Containers => &[
                Self::Logs,
                Self::Stats,
                Self::Image,
                Self::Changes,
                Self::Network,
                Self::Env,
                Self::Health,
                Self::Inspect,
            ],
            Pane::Images => {
                &[Self::UsedBy, Self::Layers, Self::History, Self::Config, Self::Inspect]
            }
            Pane::Networks => &[Self::Endpoints, Self::Map, Self::Inspect],
        }
    }

    /// Gives its title.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Logs => "Logs",
            Self::Stats => "Stats",
            Self::Image => "Image",
            Self::Changes => "Changes",
            Self::Network => "Network",
            Self::Env => "Env",
            Self::Health => "Health",
            Self::Inspect => "Inspect",
            Self::UsedBy => "Used by",
            Self::Layers => "Layers",
            Self::History => "History",
            Self::Config => "Config",
            Self::Endpoints => "Endpoints",
            Self::Map => "Map",
        }
    }
}

/// How deep the user is in the detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// In the lists.
    Outside,
    /// In the tab.
    Tab,
    /// In the files of a layer.
    Files,
}

/// Whether the detail takes the whole screen, and where leaving that goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zoom {
    /// It has its share.
    Off,
    /// It takes all; the lists had the focus before.
    FromLists,
    /// It takes all; it had the focus before.
    FromDetail,
}

/// What the detail shows or waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// The log of a container, of the run that began then.
    Logs(ContainerId, Option<Timestamp>),
    /// Files of an image, or of a container that stands on it.
    Tree(ImageId, Subject),
    /// What a container used lately, in the run that began then.
    Stats(ContainerId, Option<Timestamp>),
    /// A text.
    Text(Key, Tab),
}

/// Which files are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// What a layer does to those below, 0 being the lowest; with what lies below or without.
    Layer(ImageId, usize, bool),
    /// What is not seen any more, of a layer or of all.
    Waste(ImageId, Option<usize>),
    /// What one would have to do to the first image to have the second.
    Against(ImageId, ImageId),
    /// What a container has changed.
    Changes(ContainerId),
}

/// What of an image's layers is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// What a layer does to those below.
    Changes,
    /// What is stored and not seen any more.
    Waste,
    /// What this other image has otherwise.
    Against(ImageId),
}

/// The state of the detail side.
#[derive(Debug)]
pub(crate) struct Detail {
    /// How deep the user is in it.
    pub(crate) depth: Depth,
    /// The tab that is shown, by pane.
    pub(crate) tabs: [usize; 3],
    /// Whether it takes the whole screen.
    pub(crate) zoom: Zoom,
    /// The share of the screen it takes, in per cent.
    pub(crate) share: u16,
    /// The layer under the cursor, 0 being the lowest.
    pub(crate) layer: usize,
    /// Whether the files of the layers below are shown, too.
    pub(crate) stacked: bool,
    /// What of an image's layers is listed.
    pub(crate) listing: Listing,
    /// When the files of something that lives were asked for last, and when they are to be asked for again.
    pub(crate) fresh: (Option<Timestamp>, Option<Timestamp>),
    /// What it shows or waits for.
    pub(crate) asked: Option<Question>,
    /// The number of the newest question; answers to older ones are dropped.
    pub(crate) number: u64,
    /// The number of the newest file that was asked for.
    pub(crate) number_of_file: u64,
    /// Whether the answer is still out.
    pub(crate) waiting: bool,
    /// Whether the log has a line.
    pub(crate) has_lines: bool,
    /// Why there is no answer.
    pub(crate) trouble: Option<String>,
    /// What is searched for in the text.
    pub(crate) search: String,
}

impl Default for Detail {
    fn default() -> Self {
        Self {
            depth: Depth::Outside,
            tabs: [0; 3],
            zoom: Zoom::Off,
            share: SHARE,
            layer: 0,
            stacked: false,
            listing: Listing::Changes,
            fresh: (None, None),
            asked: None,
            number: 0,
            number_of_file: 0,
            waiting: false,
            has_lines: false,
            trouble: None,
            search: String::new(),
        }
    }
}
