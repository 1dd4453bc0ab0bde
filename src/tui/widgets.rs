//! What the detail is drawn with: logs, texts and trees that keep their own place, and the care for single lines of text.
//!
//! - Each widget takes what it shows once and keeps where the user is in it: scrolled, searched, folded. Drawing costs what is
//!   visible, however much there is; no size of the area is too small for it.
//! - Nothing that is drawn here is obeyed by the terminal: [`text::sanitize`] stands between, and logs keep colours only.
//! - Columns are counted as the buffer counts them, and no grapheme cluster is cut in two.
//! - No key is named here: whoever draws says which key does what.
//!
//! | file | what |
//! |---|---|
//! | `text` | one line: its width, cut and filled; made harmless |
//! | `styled`, `ansi` | one line with styles, broken into rows; made from what a program wrote |
//! | `viewport` | a place in lines that are broken into rows |
//! | `search`, `filter` | what the user looks for: as it is written, or fuzzily |
//! | `log_view`, `text_view`, `file_tree` | the widgets |

pub(crate) mod file_tree;
pub(crate) mod filter;
pub(crate) mod log_view;
pub(crate) mod text;
pub(crate) mod text_view;

mod ansi;
mod search;
mod styled;
mod viewport;

#[cfg(test)]
mod testing;

/// One movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// One on.
    Next,
    /// One back.
    Prev,
    /// So many half pages on.
    HalfPage(i8),
    /// So many pages on.
    #[cfg_attr(not(test), expect(dead_code, reason = "no key or wheel is bound to it yet"))]
    Page(i8),
    /// To the beginning.
    Top,
    /// To the end.
    Bottom,
    /// So many on.
    By(isize),
}

impl Step {
    /// Gives how far it goes where a page has so many rows; the ends are as far as can be.
    pub(crate) fn distance(self, page: usize) -> isize {
        let page = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
        match self {
            Self::Next => 1,
            Self::Prev => -1,
            Self::HalfPage(pages) => (page / 2).max(1).saturating_mul(isize::from(pages)),
            Self::Page(pages) => page.saturating_mul(isize::from(pages)),
            Self::Top => isize::MIN,
            Self::Bottom => isize::MAX,
            Self::By(distance) => distance,
        }
    }
}
