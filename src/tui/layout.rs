//! Where things are on the screen, from its size and from what has the focus.

use ratatui::layout::{Constraint, Layout, Rect};

use super::model::{Depth, Model, Pane, Zoom};

/// The columns from which lists and detail stand side by side.
const WIDE: u16 = 100;
/// The rows of the left column from which no pane is folded.
const TALL: u16 = 26;
/// The smallest screen that shows more than one pane.
const SMALLEST: (u16, u16) = (60, 16);
/// The fewest rows in which lists and detail stand one over the other.
const STACKED: u16 = 14;

/// Where things are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    /// The line at the top.
    pub(crate) header: Rect,
    /// The line at the bottom.
    pub(crate) footer: Rect,
    /// What lies between.
    pub(crate) body: Rect,
    /// The frame around the panes; empty when they are not shown.
    pub(crate) column: Rect,
    /// The panes that are shown: the row of the title, and how many rows follow (with the columns' titles).
    pub(crate) panes: Vec<(Pane, u16, u16)>,
    /// The detail with its frame; empty when it is not shown.
    pub(crate) detail: Rect,
    /// Whether the screen is too small for all panes.
    pub(crate) is_small: bool,
}

impl Areas {
    /// Gives the rows of a pane that hold items.
    pub(crate) fn list_height(&self, pane: Pane) -> usize {
        let shown = self.panes.iter().find(|(shown, ..)| *shown == pane);
        shown.map_or(0, |(.., rows)| usize::from(rows.saturating_sub(1)))
    }
}

/// Computes where everything is.
pub(crate) fn areas(model: &Model) -> Areas {
    let (width, height) = model.size;
    let screen = Rect::new(0, 0, width, height);
    let is_small = width < SMALLEST.0 || height < SMALLEST.1;
    let [header, body, footer] = Layout::vertical([
        Constraint::Length(u16::from(height >= 4)),
        Constraint::Min(0),
        Constraint::Length(u16::from(height >= 2)),
    ])
    .areas(screen);
    let (column, detail) = divide(model, body, is_small);
    Areas { panes: panes(model, column, is_small), header, footer, body, column, detail, is_small }
}

/// Divides the body between the lists and the detail.
fn divide(model: &Model, body: Rect, is_small: bool) -> (Rect, Rect) {
    let inside = model.detail.depth != Depth::Outside;
    if model.detail.zoom != Zoom::Off || (inside && (is_small || body.height < STACKED)) {
        return (Rect::default(), body);
    }
    if is_small || (body.height < STACKED && body.width < WIDE) {
        return (body, Rect::default());
    }
    let share = Constraint::Percentage(model.detail.share);
    let [column, detail] = if body.width >= WIDE {
        Layout::horizontal([Constraint::Min(40), share]).areas(body)
    } else {
        Layout::vertical([Constraint::Min(7), share]).areas(body)
    };
    (column, detail)
}

/// Divides the column between the panes. Each has a title row; below the last is the bottom of the frame.
fn panes(model: &Model, column: Rect, is_small: bool) -> Vec<(Pane, u16, u16)> {
    if column.height < 3 {
        return Vec::new();
    }
    if is_small {
        return vec![(model.focus, column.y, column.height - 2)];
    }
    let mut rows = [0_u16; 3];
    let mut left = column.height.saturating_sub(4);
    if column.height < TALL {
        rows[model.focus.index()] = left;
    } else {
        let wanted = Pane::ALL.map(|pane| {
            let items = model.lists[pane.index()].rows.len() + 2;
            u16::try_from(items).unwrap_or(u16::MAX).max(4)
        });
        while left > 0 && rows != wanted {
            for (have, want) in rows.iter_mut().zip(wanted) {
                if *have < want && left > 0 {
                    *have += 1;
                    left -= 1;
                }
            }
        }
        rows[0] += left;
    }
    let mut y = column.y;
    Pane::ALL
        .into_iter()
        .zip(rows)
        .map(|(pane, rows)| {
            let title = y;
            y += rows + 1;
            (pane, title, rows)
        })
        .collect()
}
