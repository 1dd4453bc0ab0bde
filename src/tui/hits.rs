//! What is where on the screen, for the mouse: the view notes each thing where it draws it, so that there is no second geometry.

use ratatui::layout::{Position, Rect};

use super::{
    keymap::Action,
    model::{Key, Pane},
};

/// Something that the mouse can point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A pane, where nothing more particular is.
    Pane(Pane),
    /// The head of a column, by its place among all columns of the pane.
    Column(Pane, usize),
    /// A row of a list.
    Row(Key),
    /// The detail, where nothing more particular is.
    Detail,
    /// A tab, by its place.
    Tab(usize),
    /// A layer in the list of layers, 0 being the lowest.
    Layer(usize),
    /// A row of the files, counted from the first that is seen.
    File(usize),
    /// A hint or an offer: what it does.
    Does(Action),
    /// An entry of the palette, by its place.
    Entry(usize),
    /// A field of a form, by its place.
    Field(usize),
    /// What lies over the lists, where nothing more particular is, and all that it covers.
    Overlay,
}

/// All zones of the frame that was drawn last; what was drawn later lies above.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hits {
    zones: Vec<(Rect, Zone)>,
}

impl Hits {
    /// Forgets everything: a new frame is drawn.
    pub(crate) fn clear(&mut self) {
        self.zones.clear();
    }

    /// Notes what was drawn where.
    pub(crate) fn note(&mut self, area: Rect, zone: Zone) {
        if !area.is_empty() {
            self.zones.push((area, zone));
        }
    }

    /// Gives what is seen there.
    pub(crate) fn at(&self, column: u16, row: u16) -> Option<Zone> {
        let here = Position::new(column, row);
        let mut above = self.zones.iter().rev();
        above.find(|(area, _)| area.contains(here)).map(|(_, zone)| *zone)
    }

    /// Gives where something is seen, by its first cell.
    #[cfg(test)]
    pub(crate) fn place_of(&self, wanted: Zone) -> Option<Position> {
        let found = self.zones.iter().find(|(_, zone)| *zone == wanted);
        found.map(|(area, _)| area.as_position())
    }
}
