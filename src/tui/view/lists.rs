//! The panes in their common frame.

use std::collections::BTreeSet;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{header::counted, paint::put, table::Table};
use crate::tui::{
    hits::{Hits, Zone},
    keymap::{Action, Layer},
    layout::Areas,
    model::{Depth, Key, Model, Pane},
};

/// Draws every pane that has a place.
pub(super) fn draw(buffer: &mut Buffer, areas: &Areas, model: &Model, hits: &mut Hits) {
    if areas.panes.is_empty() {
        return;
    }
    draw_frame(buffer, areas, model);
    let selected = model.selected();
    let relatives = selected.map_or_else(BTreeSet::new, |key| model.facts.relatives(key));
    for (pane, title, rows) in &areas.panes {
        let column = areas.column;
        let inside = Rect::new(column.x + 1, title + 1, column.width.saturating_sub(2), *rows);
        hits.note(Rect::new(column.x, *title, column.width, rows + 1), Zone::Pane(*pane));
        if !inside.is_empty() {
            draw_rows(buffer, inside, (model, *pane, hits), &relatives);
        }
    }
}

fn draw_rows(
    buffer: &mut Buffer,
    area: Rect,
    (model, pane, hits): (&Model, Pane, &mut Hits),
    relatives: &BTreeSet<Key>,
) {
    let list = &model.lists[pane.index()];
    if list.rows.is_empty() {
        return draw_empty(buffer, area, model, pane);
    }
    let is_focused = model.focus == pane && model.detail.depth == Depth::Outside;
    macro_rules! table {
        ($items:ident) => {
            Table {
                items: &model.facts.overview.$items,
                list,
                facts: &model.facts,
                theme: &model.theme,
                relatives,
                pane,
                is_current: model.focus == pane,
                is_focused,
            }
            .draw(buffer, area, hits)
        };
    }
    match pane {
        Pane::Containers => table!(containers),
        Pane::Images => table!(images),
        Pane::Networks => table!(networks),
    }
}

/// Says why a pane is empty, and what to do about it.
fn draw_empty(buffer: &mut Buffer, area: Rect, model: &Model, pane: Pane) {
    let theme = &model.theme;
    let list = &model.lists[pane.index()];
    let key = |action| model.keymap.key_of(&[Layer::List, Layer::Global], action);
    let lines: Vec<String> = if !model.loaded {
        vec!["reading …".to_owned()]
    } else if list.total > 0 && !list.filter.is_empty() {
        vec![format!("nothing matches; {} clears the filter", key(Action::Out))]
    } else if list.total > 0 {
        vec![format!("all are hidden; {} shows them", key(Action::Hidden))]
    } else {
        match pane {
            Pane::Containers if model.facts.overview.images.is_empty() => vec![
                "Nothing is stored yet.".to_owned(),
                format!("  {:<13}pulls an image, or loads an archive", key(Action::Pull)),
                "  estiba demo  in a shell: images, containers, networks".to_owned(),
                "What they make appears here at once.".to_owned(),
            ],
            Pane::Containers => {
                vec![format!("no container yet; select an image and press {}", key(Action::New))]
            }
            Pane::Images => {
                vec![format!("no image yet; {} pulls one, or loads an archive", key(Action::Pull))]
            }
            Pane::Networks => vec![format!("no network yet; {} makes one", key(Action::New))],
        }
    };
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let room = area.width.saturating_sub(1);
        put(buffer, (area.x + 1, y), room, &line, theme.dim);
    }
}

/// Draws the lines around and between the panes, with their titles.
fn draw_frame(buffer: &mut Buffer, areas: &Areas, model: &Model) {
    let (column, theme) = (areas.column, &model.theme);
    let set = theme.border();
    let across = usize::from(column.width.saturating_sub(2));
    let line =
        |left: &str, right: &str| format!("{left}{}{right}", set.horizontal_top.repeat(across));
    let has_focus = |pane: Pane| model.focus == pane && model.detail.depth == Depth::Outside;
    for (place, (pane, title, rows)) in areas.panes.iter().enumerate() {
        let style = if has_focus(*pane) { theme.focus } else { theme.frame };
        let text = match place {
            0 => line(set.top_left, set.top_right),
            _ => line("├", "┤"),
        };
        put(buffer, (column.x, *title), column.width, &text, style);
        for y in title + 1..=title + rows {
            put(buffer, (column.x, y), 1, set.vertical_left, style);
            put(buffer, (column.right().saturating_sub(1), y), 1, set.vertical_right, style);
        }
        draw_title(buffer, (column, *title), (model, *pane), style);
    }
    if let Some((pane, title, rows)) = areas.panes.last() {
        let style = if has_focus(*pane) { theme.focus } else { theme.frame };
        let text = line(set.bottom_left, set.bottom_right);
        put(buffer, (column.x, title + rows + 1), column.width, &text, style);
    }
}

fn draw_title(
    buffer: &mut Buffer,
    (column, y): (Rect, u16),
    (model, pane): (&Model, Pane),
    style: Style,
) {
    let (list, theme) = (&model.lists[pane.index()], &model.theme);
    let mut title = format!(" {} {} ", pane.index() + 1, pane.title());
    let has_rows = list.total > 0;
    if list.rows.len() != list.total {
        title = format!("{title}{} of {} ", list.rows.len(), list.total);
    } else if has_rows {
        title = format!("{title}{} ", list.total);
    }
    let room = column.width.saturating_sub(2);
    let mut x = column.x + 1;
    let base = if style == theme.focus { theme.accent } else { theme.text };
    x += put(buffer, (x, y), room, &title, base);
    let is_typing = model.prompt.as_ref().is_some_and(|prompt| prompt.pane == Some(pane));
    if is_typing || !list.filter.is_empty() {
        let cursor = if is_typing { "▌" } else { "" };
        let text = format!("/{}{cursor} ", list.filter);
        x += put(buffer, (x, y), column.right().saturating_sub(x + 1), &text, theme.matched);
    }
    if !list.marks.is_empty() {
        let text = format!("{} ", counted(list.marks.len(), "mark"));
        put(buffer, (x, y), column.right().saturating_sub(x + 1), &text, theme.warn);
    }
}
