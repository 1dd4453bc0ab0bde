//! Rows of the tree: what the layer does to a path, its mode, owner and size, and its name.

use std::fmt::Write;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{FileTree, Node, Sort, index};
use crate::{
    model::{Change, EntryKind},
    tui::{
        model::spaced_size,
        theme::Theme,
        widgets::{
            text::{fit, pad_left, pad_right, sanitize, width},
            viewport::scrollbar,
        },
    },
};

/// The columns of `drwxr-xr-x`.
const MODE: usize = 10;
/// The columns of a size.
const SIZE: usize = 7;
/// The most columns of `uid:gid`.
const OWNER: usize = 13;
/// The columns from which owner, mode and size are shown: they give way in this order, the mark and the name never do.
const FROM: [u16; 3] = [54, 44, 24];
/// The fewest rows that have titles above them.
const TITLED: u16 = 3;

/// Which columns there are, and how wide.
struct Columns {
    owner: Option<usize>,
    has_mode: bool,
    has_size: bool,
}

impl FileTree {
    /// Draws the rows that are seen; the one under the cursor stands out where keys move it. Gives where the rows are.
    pub(crate) fn render(
        &mut self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        has_focus: bool,
    ) -> Rect {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return area;
        }
        if self.visible.is_empty() {
            let words = fit(self.nothing(), usize::from(area.width));
            buffer.set_stringn(area.x, area.y, words, usize::from(area.width), theme.dim);
            return Rect::default();
        }
        let columns = self.columns(area.width);
        let mut rows = area;
        if area.height >= TITLED {
            let titles = columns.titles(self.sort);
            let room = usize::from(area.width);
            buffer.set_stringn(area.x, area.y, fit(&titles, room), room, theme.dim);
            rows.y += 1;
            rows.height -= 1;
        }
        self.keep_cursor_in(usize::from(rows.height));
        let total = self.visible.len();
        let is_all = total <= self.height;
        let row_width = rows.width.saturating_sub(u16::from(!is_all && rows.width > 1));
        let seen = self.visible.iter().enumerate().skip(self.offset).take(self.height);
        for ((place, node), y) in seen.zip(rows.y..) {
            let row = Rect { y, height: 1, width: row_width, ..rows };
            self.draw_row(buffer, row, *node, (&columns, theme));
            if place == self.cursor && has_focus {
                buffer.set_style(row, theme.cursor);
            }
        }
        if row_width < rows.width {
            scrollbar(buffer, rows, (self.offset, self.height, total), theme);
        }
        let shown = u16::try_from(total.min(self.height)).unwrap_or(rows.height);
        Rect { height: shown.min(rows.height), width: row_width, ..rows }
    }

    /// Says why nothing is visible.
    fn nothing(&self) -> &'static str {
        if self.nodes.is_empty() {
            "nothing to list: no file is touched"
        } else if self.accepted.iter().any(|accepts| *accepts) || self.accepted.is_empty() {
            "all there is, is hidden"
        } else {
            "nothing matches"
        }
    }

    /// Scrolls as little as needed to have the cursor among so many rows.
    fn keep_cursor_in(&mut self, height: usize) {
        self.height = height.max(1);
        let furthest = self.visible.len().saturating_sub(self.height);
        let least = (self.cursor + 1).saturating_sub(self.height);
        self.offset = self.offset.min(self.cursor).max(least).min(furthest);
    }

    fn columns(&self, width: u16) -> Columns {
        let [owner, mode, size] = FROM;
        // Of what is not seen any more it is said where it is instead.
        let is_bare = self.nodes.iter().rev().take(1).any(|node| node.hidden.is_some());
        Columns {
            owner: (width >= owner && !is_bare).then_some(self.owner_width),
            has_mode: width >= mode && !is_bare,
            has_size: width >= size,
        }
    }

    fn draw_row(
        &self,
        buffer: &mut Buffer,
        row: Rect,
        number: u32,
        (columns, theme): (&Columns, &Theme),
    ) {
        let node = &self.nodes[index(number)];
        let (mark, style) = mark(node.change, theme);
        let facts = columns.facts(node);
        let room = usize::from(row.width).saturating_sub(2 + facts.len());
        let fold = match (node.end > number + 1, self.is_folded(number)) {
            (false, _) => "  ",
            (true, true) => "▸ ",
            (true, false) => "▾ ",
        };
        // However deep it is, half of the room is for the name.
        let indent = (usize::from(node.depth) * 2).min(room / 2);
        let mut name = sanitize(node.name()).into_owned();
        if matches!(node.entry.kind, EntryKind::Directory) && node.end == number + 1 {
            name.push('/');
        }
        let fate = node.hidden.as_ref().map_or("", |(_, fate)| fate);
        let pieces = [
            (mark, style),
            (" ", theme.text),
            (&facts, theme.dim),
            (&" ".repeat(indent), theme.text),
            (fold, theme.dim),
            (&name, style),
            (&more(&node.entry.kind), theme.dim),
            (if fate.is_empty() { "" } else { "  " }, theme.dim),
            (fate, theme.dim),
        ];
        put(buffer, row, &pieces);
    }
}

impl Columns {
    /// Writes the titles; the order is shown where it is not that by name.
    fn titles(&self, sort: Sort) -> String {
        let (size, name) = match (sort.by_size, sort.reverse) {
            (true, false) => ("SIZE▾", "NAME"),
            (true, true) => ("SIZE▴", "NAME"),
            (false, true) => ("SIZE", "NAME▾"),
            (false, false) => ("SIZE", "NAME"),
        };
        let mut titles = "  ".to_owned();
        if self.has_mode {
            titles += &pad_right("MODE", MODE + 1);
        }
        if let Some(owner) = self.owner {
            titles += &pad_left("OWNER", owner);
            titles.push(' ');
        }
        if self.has_size {
            titles += &pad_left(size, SIZE);
            titles += "  ";
        }
        titles += "  ";
        titles += name;
        titles
    }

    /// Writes mode, owner and size. A folder that is only implied has none of its own.
    fn facts(&self, node: &Node) -> String {
        let entry = &node.entry;
        let is_bare = node.is_implied;
        let mut facts = String::with_capacity(40);
        if self.has_mode {
            let mode = if is_bare { String::new() } else { mode_text(&entry.kind, entry.mode) };
            facts += &pad_right(&mode, MODE + 1);
        }
        if let Some(columns) = self.owner {
            let owner = if is_bare { String::new() } else { owner(node) };
            facts += &pad_left(&owner, columns);
            facts.push(' ');
        }
        if self.has_size {
            let size = match entry.kind {
                EntryKind::File | EntryKind::Directory => spaced_size(node.total),
                _ => String::new(),
            };
            facts += &pad_left(&size, SIZE);
            facts += "  ";
        }
        facts
    }
}

/// Gives the columns that the widest owner takes.
pub(super) fn owner_width(nodes: &[Node]) -> usize {
    let digits = |number: u32| number.checked_ilog10().map_or(1, |log| log as usize + 1);
    let listed = nodes.iter().filter(|node| !node.is_implied);
    let widths = listed.map(|node| digits(node.entry.uid) + 1 + digits(node.entry.gid));
    widths.max().unwrap_or(0).clamp("OWNER".len(), OWNER)
}

fn owner(node: &Node) -> String {
    format!("{}:{}", node.entry.uid, node.entry.gid)
}

/// Gives the mark of what a layer does to a path, and how it looks.
fn mark(change: Change, theme: &Theme) -> (&'static str, Style) {
    match change {
        Change::Added => ("+", theme.good),
        Change::Changed => ("~", theme.warn),
        Change::Removed if theme.ascii => ("-", theme.bad),
        Change::Removed => ("−", theme.bad),
        Change::Unchanged => (" ", theme.text),
    }
}

/// Writes what belongs behind a name.
fn more(kind: &EntryKind) -> String {
    match kind {
        EntryKind::Symlink { target } => format!(" -> {}", sanitize(target)),
        EntryKind::HardLink { target } => format!(" link to {}", sanitize(target)),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            format!(" device {major}:{minor}")
        }
        EntryKind::File | EntryKind::Directory | EntryKind::Fifo | EntryKind::Whiteout(_) => {
            String::new()
        }
    }
}

/// Writes kind and permissions as `ls -l` does (POSIX ls, §STDOUT).
fn mode_text(kind: &EntryKind, mode: u32) -> String {
    let kind = match kind {
        EntryKind::File | EntryKind::HardLink { .. } => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink { .. } => 'l',
        EntryKind::CharDevice { .. } => 'c',
        EntryKind::BlockDevice { .. } => 'b',
        EntryKind::Fifo => 'p',
        EntryKind::Whiteout(_) => 'w',
    };
    let mut text = String::from(kind);
    // The bit that is special in each class, and how it shows with and without the right to execute.
    for (shift, special, with, without) in
        [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let bits = mode >> shift;
        let execute = match (mode & special != 0, bits & 1 != 0) {
            (true, true) => with,
            (true, false) => without,
            (false, true) => 'x',
            (false, false) => '-',
        };
        let read = if bits & 4 != 0 { 'r' } else { '-' };
        let write = if bits & 2 != 0 { 'w' } else { '-' };
        let _ = write!(text, "{read}{write}{execute}");
    }
    text
}

/// Draws pieces one after the other as far as there is room; what does not fit is cut.
fn put(buffer: &mut Buffer, row: Rect, pieces: &[(&str, Style)]) {
    let mut x = row.x;
    for (text, style) in pieces {
        let room = usize::from(row.right().saturating_sub(x));
        if room == 0 {
            break;
        }
        let text = fit(text, room);
        buffer.set_stringn(x, row.y, &text, room, *style);
        x += u16::try_from(width(&text)).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_ls_does() {
        let link = EntryKind::Symlink { target: String::new() };
        let device = EntryKind::CharDevice { major: 1, minor: 3 };
        for (kind, mode, text) in [
            (EntryKind::Directory, 0o755, "drwxr-xr-x"),
            (EntryKind::File, 0o4755, "-rwsr-xr-x"),
            (EntryKind::File, 0o6644, "-rwSr-Sr--"),
            (EntryKind::Directory, 0o1777, "drwxrwxrwt"),
            (EntryKind::Directory, 0o1770, "drwxrwx--T"),
            (link, 0o777, "lrwxrwxrwx"),
            (device, 0o666, "crw-rw-rw-"),
            (EntryKind::Fifo, 0, "p---------"),
        ] {
            assert_eq!(mode_text(&kind, mode), text);
        }
    }
}
