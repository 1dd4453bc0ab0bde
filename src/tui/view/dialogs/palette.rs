//! The palette: what can be done with the selection, and everything else, with the keys for the next time.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{Shown, Text, put_line};
use crate::tui::{
    hits::Zone,
    model::{Model, Palette},
    palette::{Entry, entries},
    view::{
        header::counted,
        paint::{dialog, put_all, row},
    },
    widgets::text::{fit, pad_left, pad_right, sanitize, width},
};

/// The columns that it takes at most, its frame left out.
const WIDEST: u16 = 76;
/// The columns of keys, at least.
const KEYS: usize = 12;

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>, palette: &Palette) {
    let size = (area.width.saturating_sub(6).min(WIDEST), area.height.saturating_sub(2));
    let inside = dialog(buffer, area, size, "Actions", &model.theme);
    if inside.is_empty() {
        return;
    }
    let typed = palette.search.value();
    let line = format!(":{}▌ type to search", sanitize(typed));
    put_line(buffer, inside, &line, model.theme.matched);
    let groups = entries(model, typed);
    let columns = usize::from(inside.width);
    let lines = lines(model, &groups, columns);
    let room = usize::from(inside.height - 1);
    let last = lines.iter().filter_map(|(_, entry)| *entry).max().unwrap_or(0);
    let at = palette.at.min(last);
    let cursor = lines.iter().position(|(_, entry)| *entry == Some(at)).unwrap_or(0);
    let first = (cursor + 1).saturating_sub(room);
    for (y, (line, entry)) in (1..inside.height).zip(lines.iter().skip(first)) {
        let place = row(inside, y);
        put_all(buffer, place, line);
        if *entry == Some(at) {
            put_line(buffer, place, "›", model.theme.accent);
            buffer.set_style(place, model.theme.cursor);
        }
        if let Some(entry) = entry {
            hits.note(place, Zone::Entry(*entry));
        }
    }
}

/// Writes both groups under their titles; each line with the number of its entry, if it is one.
fn lines(model: &Model, groups: &[Vec<Entry>; 2], columns: usize) -> Vec<(Text, Option<usize>)> {
    let (theme, mut lines, mut number) = (&model.theme, Vec::new(), 0);
    for (group, title) in groups.iter().zip([selection(model), "everything else".to_owned()]) {
        if group.is_empty() {
            continue;
        }
        lines.push((vec![(title, theme.accent)], None));
        for entry in group {
            lines.push((line(model, entry, columns), Some(number)));
            number += 1;
        }
    }
    if lines.is_empty() {
        lines.push((vec![("nothing is called so".to_owned(), theme.dim)], None));
    }
    lines
}

/// Says what the first group is done with.
fn selection(model: &Model) -> String {
    let marks = model.list().marks.len();
    match (marks, model.selected()) {
        (0, Some(key)) => format!("with {}", sanitize(&model.name_of(key))),
        (0, None) => "with the selection".to_owned(),
        (marks, _) => format!("with {}", counted(marks, "mark")),
    }
}

/// Writes what is done, and its keys at the right; what cannot be done now says why.
fn line(model: &Model, entry: &Entry, columns: usize) -> Text {
    let theme = &model.theme;
    let keys = pad_left(&entry.keys, KEYS);
    let room = columns.saturating_sub(width(&keys) + 3);
    let desc = sanitize(&entry.desc);
    match &entry.reason {
        None => vec![
            (format!("  {} ", pad_right(&fit(&desc, room), room)), theme.text),
            (keys, theme.good),
        ],
        Some(reason) => {
            let words = format!("{desc} ({reason})");
            vec![(format!("  {} {keys}", pad_right(&fit(&words, room), room)), theme.dim)]
        }
    }
}
