//! The layers of an image: the list with sizes and who shares each, and the files of the one under the cursor.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
};

use super::paint::{put, put_all};
use crate::{
    model::{Change, Image},
    tui::{
        hits::{Hits, Zone},
        model::{Depth, Key, Model, Question, Subject, letters, spaced_size, state_text},
        theme::Theme,
        widgets::{
            file_tree::FileTree,
            text::{fit, pad_left, sanitize},
        },
    },
};

/// The columns from which list and files stand side by side.
const WIDE: u16 = 90;
/// The widest bar.
const BAR: u16 = 10;

/// Draws both.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &mut Model, hits: &mut Hits) {
    let Some(image) = model.selected_image() else {
        return;
    };
    let containers = model.facts.containers_of(image.id).len();
    let count = u16::try_from(image.layers.len() + containers).unwrap_or(u16::MAX);
    let [list, gap, files] = if area.width >= WIDE {
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(1), Constraint::Fill(1)])
            .areas(area)
    } else {
        let rows = count.saturating_add(1).min(area.height.div_ceil(3).max(2));
        Layout::vertical([Constraint::Length(rows), Constraint::Length(1), Constraint::Fill(1)])
            .areas(area)
    };
    draw_list(buffer, list, (model, hits), image);
    if area.width < WIDE {
        draw_summary(buffer, gap, model, image);
        draw_files(buffer, files, model, hits);
    } else {
        let [summary, files] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(files);
        draw_summary(buffer, summary, model, image);
        draw_files(buffer, files, model, hits);
    }
}

fn draw_list(buffer: &mut Buffer, area: Rect, (model, hits): (&Model, &mut Hits), image: &Image) {
    if area.is_empty() {
        return;
    }
    let theme = &model.theme;
    let shares: Vec<_> =
        image.layers.iter().map(|layer| model.facts.holders(layer.chain)).collect();
    let share_width = shares
        .iter()
        .map(|share| share.iter().map(|n| letters(*n).len() + 1).sum::<usize>())
        .max()
        .unwrap_or(0)
        .clamp(6, 12);
    let waste = waste_of(model, image);
    let title = if waste.is_some() { "   WASTE" } else { "" };
    let head = format!("  # {:>7}{title}  {:<share_width$} CREATED BY", "SIZE", "SHARE");
    put(buffer, (area.x, area.y), area.width, &head, theme.dim);
    let steps = steps(image);
    let largest = image.layers.iter().map(|layer| layer.size).max().unwrap_or(0);
    let height = usize::from(area.height - 1);
    let first = (model.detail.layer + 1).saturating_sub(height);
    let rows = image.layers.iter().enumerate().skip(first).take(height);
    for (y, (place, layer)) in (area.y + 1..).zip(rows) {
        let row = Rect::new(area.x, y, area.width, 1);
        let size = pad_left(&spaced_size(layer.size), 7);
        let mut pieces = vec![(format!("{:>3} {size}", place + 1), theme.text)];
        if let Some(waste) = waste {
            let bytes = waste.get(place).copied().unwrap_or(0);
            let words = if bytes == 0 { "—".to_owned() } else { spaced_size(bytes) };
            let style = if bytes == 0 { theme.dim } else { theme.warn };
            pieces.push((pad_left(&words, 8), style));
        }
        pieces.push(("  ".to_owned(), theme.text));
        pieces.extend(badges(&shares[place], share_width, theme));
        let bar = bar(layer.size, largest);
        let room = area.width.saturating_sub(BAR + 1);
        let x = put_all(buffer, Rect { width: room, ..row }, &pieces);
        let step = steps.get(place).map_or("", String::as_str);
        let text = fit(step, usize::from(room.saturating_sub(x)));
        put(buffer, (row.x + x, y), room.saturating_sub(x), &text, theme.text);
        let start = area.right().saturating_sub(BAR).max(area.x);
        put(buffer, (start, y), bar, &"█".repeat(usize::from(bar)), theme.dim);
        mark_row(buffer, row, (model, hits), place);
    }
    draw_containers(buffer, area, (model, hits), image);
}

/// Draws the containers that stand on the image: what each has changed is the last layer, for itself.
fn draw_containers(
    buffer: &mut Buffer,
    area: Rect,
    (model, hits): (&Model, &mut Hits),
    image: &Image,
) {
    let theme = &model.theme;
    let height = usize::from(area.height - 1);
    let first = (model.detail.layer + 1).saturating_sub(height);
    for (place, container) in model.facts.containers_of(image.id).iter().enumerate() {
        let place = image.layers.len() + place;
        let Some(at) = place.checked_sub(first).filter(|at| *at < height) else { continue };
        let y = area.y + 1 + u16::try_from(at).unwrap_or(0);
        let row = Rect::new(area.x, y, area.width, 1);
        let (glyph, _) = state_text(&container.state, model.facts.now);
        let pieces = [
            (format!("  + {glyph} {}", sanitize(container.name.as_str())), theme.good),
            ("  what it has changed".to_owned(), theme.dim),
        ];
        put_all(buffer, row, &pieces);
        mark_row(buffer, row, (model, hits), place);
    }
}

/// Shows where the cursor is, and notes which layer the row is.
fn mark_row(buffer: &mut Buffer, row: Rect, (model, hits): (&Model, &mut Hits), place: usize) {
    hits.note(row, Zone::Layer(place));
    if place == model.detail.layer {
        put(buffer, (row.x, row.y), 1, "▸", model.theme.accent);
        if model.detail.depth == Depth::Tab {
            buffer.set_style(row, model.theme.cursor);
        }
    }
}

/// Gives the waste of each layer, if there is any.
fn waste_of<'a>(model: &'a Model, image: &Image) -> Option<&'a [u64]> {
    let (of, waste) = model.panels.waste.as_ref()?;
    (*of == image.id && waste.iter().any(|bytes| *bytes > 0)).then_some(waste)
}

/// Draws what a container has changed, alone.
pub(super) fn draw_changes(buffer: &mut Buffer, area: Rect, model: &mut Model, hits: &mut Hits) {
    let Some(image) = model.selected_image() else {
        let words = "its image is gone";
        put(buffer, (area.x, area.y), area.width, words, model.theme.dim);
        return;
    };
    let [summary, files] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    draw_summary(buffer, summary, model, image);
    draw_files(buffer, files, model, hits);
}

/// Gives the letters of all images that have a layer, in so many columns.
fn badges(share: &[usize], columns: usize, theme: &Theme) -> Vec<(String, Style)> {
    let (mut pieces, mut used) = (Vec::new(), 0);
    for number in share {
        let text = format!("{} ", letters(*number));
        if used + text.len() > columns {
            break;
        }
        used += text.len();
        pieces.push((text, theme.badge(*number)));
    }
    pieces.push((" ".repeat(columns - used + 1), theme.text));
    pieces
}

/// Gives the step of the build that made each layer.
fn steps(image: &Image) -> Vec<String> {
    let making = image.config.history.iter().filter(|step| !step.empty_layer);
    making
        .map(|step| {
            let text = step.created_by.trim();
            let text = text.strip_prefix("/bin/sh -c ").unwrap_or(text);
            let text = text.strip_prefix("#(nop)").unwrap_or(text).trim();
            sanitize(text).into_owned()
        })
        .collect()
}

/// Gives the columns of a bar; a layer with anything in it has at least one.
fn bar(size: u64, largest: u64) -> u16 {
    let share = size * u64::from(BAR) / largest.max(1);
    u16::try_from(share).unwrap_or(BAR).max(u16::from(size > 0))
}

/// Draws the line above the files: `layer 3 · +412 ~18 −2 · 21 MB`.
fn draw_summary(buffer: &mut Buffer, area: Rect, model: &Model, image: &Image) {
    let theme = &model.theme;
    let (what, size) = subject(model, image);
    let mut pieces = vec![(what, theme.accent)];
    if let Some(tree) = &model.panels.tree {
        pieces.push((" ·".to_owned(), theme.dim));
        pieces.extend(counts(tree, theme));
    }
    let size = size.or_else(|| model.panels.tree.as_ref().map(FileTree::size));
    if let Some(size) = size {
        pieces.push((" · ".to_owned(), theme.dim));
        pieces.push((format!("{} ", spaced_size(size)), theme.text));
    }
    let taken = put_all(buffer, area, &pieces);
    let rest = area.width.saturating_sub(taken);
    let line = "─".repeat(usize::from(rest));
    put(buffer, (area.x + taken, area.y), rest, &line, theme.frame);
}

/// Says what is listed, and how many bytes that has where this is known without the list.
fn subject(model: &Model, image: &Image) -> (String, Option<u64>) {
    let name = |key| sanitize(&model.name_of(key)).into_owned();
    match &model.detail.asked {
        Some(Question::Tree(_, Subject::Layer(_, layer, stacked))) => {
            let what = if *stacked { "up to layer" } else { "layer" };
            let size = image.layers.get(*layer).map_or(0, |layer| layer.size);
            (format!("{what} {}", layer + 1), Some(size))
        }
        Some(Question::Tree(_, Subject::Waste(_, Some(layer)))) => {
            (format!("waste in layer {}", layer + 1), None)
        }
        Some(Question::Tree(_, Subject::Waste(_, None))) => {
            ("waste in all layers".to_owned(), None)
        }
        Some(Question::Tree(_, Subject::Against(_, other))) => {
            (format!("in {} otherwise", name(Key::Image(*other))), None)
        }
        Some(Question::Tree(_, Subject::Changes(id))) => {
            let is_live = model.facts.container(*id).is_some_and(|c| c.state.is_live());
            let live = if is_live { ", live" } else { "" };
            (format!("changes of {}{live}", name(Key::Container(*id))), None)
        }
        _ => (String::new(), None),
    }
}

/// Says how many paths the layer adds, changes and removes, and which of these are not shown.
fn counts(tree: &FileTree, theme: &Theme) -> Vec<(String, Style)> {
    let totals = tree.totals();
    let counts = [
        (Change::Added, format!(" +{}", totals.added), theme.good),
        (Change::Changed, format!(" ~{}", totals.changed), theme.warn),
        (Change::Removed, format!(" −{}", totals.removed), theme.bad),
        (Change::Unchanged, String::new(), theme.dim),
    ];
    let mut pieces = Vec::new();
    let mut hidden = Vec::new();
    for (change, count, style) in counts {
        if !tree.shows(change) {
            hidden.push(word(change));
        }
        pieces.push((count, style));
    }
    if !hidden.is_empty() {
        pieces.push((format!(" ({} hidden)", hidden.join(", ")), theme.dim));
    }
    pieces
}

const fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
        Change::Unchanged => "unchanged",
    }
}

fn draw_files(buffer: &mut Buffer, area: Rect, model: &mut Model, hits: &mut Hits) {
    if area.is_empty() {
        return;
    }
    if let Some(tree) = &mut model.panels.tree {
        let has_focus = model.detail.depth == Depth::Files;
        let rows = tree.render(area, buffer, &model.theme, has_focus);
        for (place, y) in (rows.y..rows.bottom()).enumerate() {
            hits.note(Rect { y, height: 1, ..rows }, Zone::File(place));
        }
        return;
    }
    let words = match &model.detail.trouble {
        Some(trouble) => sanitize(trouble).into_owned(),
        None if model.detail.waiting => "reading …".to_owned(),
        None => String::new(),
    };
    put(buffer, (area.x, area.y), area.width, &words, model.theme.dim);
}
