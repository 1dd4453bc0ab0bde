//! The form: fields with what is wrong beside them, switches in a row, and the command that does the same.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{Shown, Text, offer, show, wrapped};
use crate::tui::{
    hits::{Hits, Zone},
    keymap::{Action, Layer},
    model::{Field, Form, FormKind, Model},
    view::paint::row,
    widgets::text::{fit, pad_right, sanitize, width},
};

/// The columns that a form takes at most, its frame left out.
const WIDEST: u16 = 96;
/// The columns before what is typed.
const LABEL: usize = 11;

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>, form: &Form) {
    let title = match &form.kind {
        FormKind::Container(image) => format!("New container from {}", sanitize(image)),
        FormKind::Network => "New network".to_owned(),
    };
    let columns = usize::from(area.width.saturating_sub(6).min(WIDEST));
    let mut lines: Vec<Text> = Vec::new();
    let troubles = form.troubles();
    let texts = form.fields.iter().zip(&troubles).enumerate();
    for (place, (field, trouble)) in texts.filter(|(_, (field, _))| field.is_on.is_none()) {
        lines.push(text_line(model, form, (place, field), trouble.as_deref(), columns));
    }
    let switches: Vec<_> =
        form.fields.iter().enumerate().filter(|(_, field)| field.is_on.is_some()).collect();
    if !switches.is_empty() {
        lines.push(switch_line(model, form, &switches));
    }
    lines.push(Text::new());
    lines.extend(foot(model, form, &troubles, columns));
    let makes = match form.kind {
        FormKind::Container(_) => "create and start it",
        FormKind::Network => "create it",
    };
    lines.push(offer(model, Layer::Input, Action::Confirm, makes));
    lines.push(offer(model, Layer::Input, Action::Cancel, "close and change nothing"));
    // As wide as it can become, so that it does not jump while something is typed.
    if let (FormKind::Container(_), Some(first)) = (&form.kind, lines.first_mut()) {
        let taken: usize = first.iter().map(|(text, _)| width(text)).sum();
        first.push((" ".repeat(columns.saturating_sub(taken)), model.theme.text));
    }
    let inside = show(buffer, area, (model, hits), (&title, &lines));
    note_fields(inside, form, &switches, hits);
}

/// Notes where the fields are: a row for each text, then the switches side by side.
fn note_fields(inside: Rect, form: &Form, switches: &[(usize, &Field)], hits: &mut Hits) {
    let texts = form.fields.iter().enumerate().filter(|(_, field)| field.is_on.is_none());
    let mut y = 0;
    for (place, _) in texts {
        hits.note(row(inside, y), Zone::Field(place));
        y += 1;
    }
    let columns = |text: &str| u16::try_from(width(text)).unwrap_or(u16::MAX);
    let mut x = columns(&pad_right("  Switches", LABEL));
    for (place, field) in switches {
        let taken = columns(&switch_text(form, (*place, field)));
        let line = row(inside, y);
        let area = Rect { x: line.x.saturating_add(x), width: taken, ..line }.intersection(line);
        hits.note(area, Zone::Field(*place));
        x = x.saturating_add(taken);
    }
}

fn text_line(
    model: &Model,
    form: &Form,
    (place, field): (usize, &Field),
    trouble: Option<&str>,
    columns: usize,
) -> Text {
    let (theme, is_here) = (&model.theme, place == form.at);
    let (sign, label) = match (is_here, trouble) {
        (true, _) => ("▸ ", theme.accent),
        (false, Some(_)) => ("! ", theme.bad),
        (false, None) => ("  ", theme.text),
    };
    let room = columns.saturating_sub(LABEL + 1);
    let typed = sanitize(field.input.value()).into_owned();
    let mut line = vec![(format!("{sign}{}", pad_right(field.part.label(), LABEL - 2)), label)];
    // The end of a long text is where something is typed.
    let shown = if is_here { end_of(&typed, room) } else { fit(&typed, room) };
    let taken = width(&shown);
    line.push((shown, if trouble.is_some() { theme.bad } else { theme.text }));
    if is_here {
        line.push(("▌".to_owned(), theme.accent));
    }
    if typed.is_empty() {
        let hint = sanitize(&field.hint).into_owned();
        line.push((format!(" {}", fit(&hint, room.saturating_sub(taken + 1))), theme.dim));
    }
    line
}

/// Cuts a text at its beginning.
fn end_of(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut end = String::new();
    for character in text.chars().rev() {
        let longer = format!("{character}{end}");
        if width(&longer) + 1 > room {
            break;
        }
        end = longer;
    }
    format!("…{end}")
}

fn switch_line(model: &Model, form: &Form, switches: &[(usize, &Field)]) -> Text {
    let theme = &model.theme;
    let mut line = vec![(pad_right("  Switches", LABEL), theme.text)];
    for (place, field) in switches {
        let style = if *place == form.at { theme.accent } else { theme.text };
        line.push((switch_text(form, (*place, field)), style));
    }
    line
}

fn switch_text(form: &Form, (place, field): (usize, &Field)) -> String {
    let sign = if field.is_on == Some(true) { "[x]" } else { "[ ]" };
    let cursor = if place == form.at { "▸" } else { " " };
    format!("{cursor}{sign} {} ", field.part.label())
}

/// Writes the command that does the same, and what is wrong, or that it is being done.
fn foot(model: &Model, form: &Form, troubles: &[Option<String>], columns: usize) -> Vec<Text> {
    let theme = &model.theme;
    let command = sanitize(&form.command_line()).into_owned();
    let mut lines: Vec<Text> = wrapped(&command, columns.saturating_sub(2))
        .into_iter()
        .enumerate()
        .map(|(number, part)| {
            let sign = if number == 0 { "$ " } else { "  " };
            vec![(sign.to_owned(), theme.dim), (part, theme.dim)]
        })
        .collect();
    let here = troubles.get(form.at).and_then(Option::as_ref);
    let first = || troubles.iter().flatten().next();
    if let Some(trouble) = here.or(form.trouble.as_ref()).or_else(first) {
        let words = sanitize(trouble).into_owned();
        lines.extend(wrapped(&words, columns).into_iter().map(|part| vec![(part, theme.bad)]));
    } else if form.job.is_some() {
        lines.push(vec![("⟳ at it".to_owned(), theme.warn)]);
    }
    lines
}
