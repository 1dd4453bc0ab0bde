//! The three kinds of row, each with its table of columns.

mod containers;
mod images;
mod networks;

use std::cmp::Ordering;

pub(crate) use containers::percent;

use super::model::{Facts, Key};

/// Something that is listed in a pane.
pub(crate) trait Resource: Sized + 'static {
    /// How it is listed.
    const COLUMNS: &'static [Column<Self>];

    /// Gives its identity.
    fn key(&self) -> Key;

    /// Gives the texts that a filter is matched with.
    fn texts(&self) -> Vec<String>;

    /// Tells whether it may be hidden for being out of use.
    fn is_idle(&self, facts: &Facts) -> bool;
}

/// One column of a pane.
pub(crate) struct Column<R> {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// How wide it is.
    pub(crate) width: Width,
    /// Whether it stands at the right, as numbers do.
    pub(crate) right: bool,
    /// How early it gives way in a narrow pane; 0 never does.
    pub(crate) gives_way: u8,
    /// What it shows.
    pub(crate) cell: fn(&R, &Facts) -> Cell,
    /// How rows are ordered by it.
    pub(crate) order: fn(&R, &R, &Facts) -> Ordering,
}

/// How wide a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// So many columns, always.
    Fixed(u16),
    /// As wide as its widest text, at least and at most so many columns.
    Content(u16, u16),
    /// A share of what is left; before others give way as wide as its widest text, at least and at most so many columns.
    Share(u16, u16),
}

/// What a column shows of a row: pieces of text, each in its tone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell(pub(crate) Vec<(String, Tone)>);

/// What a text means, from which the theme makes a style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ordinary.
    Plain,
    /// Less important.
    Dim,
    /// Good.
    Good,
    /// Wants attention.
    Warn,
    /// Bad.
    Bad,
    /// The badge with this number.
    Badge(usize),
}

impl Cell {
    /// Makes a cell of one tone.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self(vec![(text.into(), tone)])
    }

    /// Shows that there is nothing.
    pub(crate) fn nothing() -> Self {
        Self::new("—", Tone::Dim)
    }

    /// Adds a piece.
    pub(crate) fn and(mut self, text: impl Into<String>, tone: Tone) -> Self {
        self.0.push((text.into(), tone));
        self
    }
}

/// Orders numbers with the largest first, and rows without one last.
fn largest_first<T: PartialOrd + Copy>(one: Option<T>, two: Option<T>) -> Ordering {
    two.partial_cmp(&one).unwrap_or(Ordering::Equal)
}
