//! What a key can mean: a closed set, named in the keymap by one word each.

use crate::tui::widgets::Step;

/// Declares the actions with the words of the keymap.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What a key can mean.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// Every action.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Gives the word that the keymap uses.
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

actions! {
    /// Goes back one level, and quits from the lists.
    Leave = "leave",
    /// Quits from anywhere.
    Quit = "quit",
    /// Opens the help.
    Help = "help",
    /// Opens the palette.
    Palette = "palette",
    /// Plans which containers are pruned.
    PruneContainers = "prune_containers",
    /// Plans which images are pruned.
    PruneImages = "prune_images",
    /// Plans which networks are pruned.
    PruneNetworks = "prune_networks",
    /// Plans what of everything is pruned.
    PruneAll = "prune_all",
    /// Takes images that have a name into a plan, or out of it.
    WithNames = "with_names",
    /// Focuses the containers.
    Containers = "containers",
    /// Focuses the images.
    Images = "images",
    /// Focuses the networks.
    Networks = "networks",
    /// Focuses the next pane.
    NextPane = "next_pane",
    /// Focuses the previous pane.
    PrevPane = "prev_pane",
    /// Shows the previous tab.
    PrevTab = "prev_tab",
    /// Shows the next tab.
    NextTab = "next_tab",
    /// Enlarges the detail.
    Grow = "grow",
    /// Shrinks the detail.
    Shrink = "shrink",
    /// Shows logs or layers on the whole screen.
    Zoom = "zoom",
    /// Opens the form for a new container or network.
    New = "new",
    /// Opens the delete dialog.
    Delete = "delete",
    /// Jumps along the uses, and back.
    UsedBy = "used_by",
    /// Opens the tab that shows everything.
    Inspect = "inspect",
    /// Copies the id.
    CopyId = "copy_id",
    /// Copies what has the focus, as text.
    CopyView = "copy_view",
    /// Asks which images to pull.
    Pull = "pull",
    /// Lists what is being done.
    Jobs = "jobs",
    /// Writes an image or a file to the host.
    Extract = "extract",
    /// Shows past messages.
    Messages = "messages",
    /// Takes the mouse, or leaves it.
    Mouse = "mouse",
    /// Draws everything again.
    Redraw = "redraw",
    /// Moves down.
    Next = "next",
    /// Moves up.
    Prev = "prev",
    /// Moves to the beginning.
    Top = "top",
    /// Moves to the end.
    Bottom = "bottom",
    /// Moves down half a page.
    HalfDown = "half_down",
    /// Moves up half a page.
    HalfUp = "half_up",
    /// Goes one level in.
    In = "in",
    /// Goes one level out.
    Out = "out",
    /// Filters a list, searches a text.
    Filter = "filter",
    /// Goes to the next match.
    NextMatch = "next_match",
    /// Goes to the previous match.
    PrevMatch = "prev_match",
    /// Marks a row.
    Mark = "mark",
    /// Marks a range.
    MarkRange = "mark_range",
    /// Sorts by the next column.
    Sort = "sort",
    /// Reverses the order.
    Reverse = "reverse",
    /// Shows or hides what is out of use.
    Hidden = "hidden",
    /// Starts or stops.
    StartStop = "start_stop",
    /// Restarts.
    Restart = "restart",
    /// Pauses, or lets go on.
    Pause = "pause",
    /// Kills, after asking.
    Kill = "kill",
    /// Opens a shell inside.
    Shell = "shell",
    /// Attaches.
    Attach = "attach",
    /// Shows minutes or an hour.
    Span = "span",
    /// Shows layers stacked, or one alone.
    Stacked = "stacked",
    /// Shows what is not seen any more.
    Waste = "waste",
    /// Compares with another image.
    Compare = "compare",
    /// Opens a file, folds or unfolds a folder.
    Open = "open",
    /// Makes an image of a container.
    Commit = "commit",
    /// Takes a change back.
    Reset = "reset",
    /// Folds a folder.
    Fold = "fold",
    /// Folds or unfolds a folder.
    ToggleFold = "toggle_fold",
    /// Shows or hides what was added.
    Added = "added",
    /// Shows or hides what was changed.
    Changed = "changed",
    /// Shows or hides what was removed.
    Removed = "removed",
    /// Shows or hides what was left.
    Unchanged = "unchanged",
    /// Says yes.
    Confirm = "confirm",
    /// Says no.
    Cancel = "cancel",
    /// Takes only the name away.
    Untag = "untag",
    /// Removes what is in the way, too.
    RemoveAll = "remove_all",
    /// Goes to the first that is in the way.
    GoFirst = "go_first",
    /// Completes what is typed.
    Complete = "complete",
    /// Cancels what is being done.
    CancelJob = "cancel_job",
    /// Goes to the next field.
    NextField = "next_field",
    /// Goes to the previous field.
    PrevField = "prev_field",
    /// Turns a switch on or off.
    Toggle = "toggle",
}

impl Action {
    /// Reads the word of the keymap.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.word() == word)
    }

    /// Tells whether it does something with the selection, and not with the screen.
    pub(crate) const fn is_of_selection(self) -> bool {
        matches!(
            self,
            Self::StartStop
                | Self::Restart
                | Self::Pause
                | Self::Kill
                | Self::Shell
                | Self::Attach
                | Self::Delete
                | Self::New
                | Self::UsedBy
                | Self::Inspect
                | Self::CopyId
                | Self::Zoom
                | Self::Extract
                | Self::Commit
                | Self::Reset
                | Self::Open
                | Self::In
                | Self::Compare
        )
    }

    /// Gives the movement that it is, if it is one.
    pub(crate) const fn step(self) -> Option<Step> {
        Some(match self {
            Self::Next => Step::Next,
            Self::Prev => Step::Prev,
            Self::Top => Step::Top,
            Self::Bottom => Step::Bottom,
            Self::HalfDown => Step::HalfPage(1),
            Self::HalfUp => Step::HalfPage(-1),
            _ => return None,
        })
    }
}
