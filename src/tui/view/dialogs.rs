//! What lies over the lists: questions, messages, in `form` forms, and in `delete` the delete dialog.

mod ask;
mod delete;
mod form;
mod jobs;
mod palette;
mod prune;

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    help,
    paint::{dialog, put, put_all, row},
};
use crate::{
    model::ContainerId,
    tui::{
        hits::{Hits, Zone},
        keymap::{Action, Layer},
        model::{Key, Model, Overlay},
        update::layers,
        widgets::text::{fit, sanitize, width},
    },
};

/// The most names that a question lists.
const LISTED: usize = 10;

/// One line of a dialog: pieces, each in its style.
pub(super) type Text = Vec<(String, Style)>;

/// Draws one overlay.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    (overlay, hits): (&Overlay, &mut Hits),
) {
    match overlay {
        Overlay::Delete(dialog) => delete::draw(buffer, area, (model, hits), dialog),
        Overlay::Kill(ids) => kill(buffer, area, (model, hits), ids),
        Overlay::Quit => quit(buffer, area, (model, hits)),
        Overlay::Form(form) => form::draw(buffer, area, (model, hits), form),
        Overlay::Ask(question) => ask::draw(buffer, area, (model, hits), question),
        Overlay::Palette(view) => palette::draw(buffer, area, (model, hits), view),
        Overlay::Prune(plan) => prune::draw(buffer, area, (model, hits), plan),
        Overlay::Jobs(at) => jobs::draw(buffer, area, (model, hits), *at),
        Overlay::Reset(id, path) => reset(buffer, area, (model, hits), (*id, path)),
        // It keeps its own place in the text, so it is drawn where that may change.
        Overlay::File => {}
        Overlay::Help(view) => help::draw(buffer, area, model, view),
        Overlay::Messages(offset) => help::messages(buffer, area, model, *offset),
    }
}

/// A model, and where it is noted what is drawn where.
type Shown<'a> = (&'a Model, &'a mut Hits);

/// Draws a box that is as large as what it says; offers in it can be clicked. Gives its inside.
fn show(
    buffer: &mut Buffer,
    area: Rect,
    (model, hits): Shown<'_>,
    (title, lines): (&str, &[Text]),
) -> Rect {
    let line_width = |line: &Text| line.iter().map(|(text, _)| width(text)).sum::<usize>();
    let widest = lines.iter().map(line_width).max().unwrap_or(0).max(width(title) + 2);
    let size = (
        u16::try_from(widest + 2).unwrap_or(u16::MAX - 2).max(50),
        u16::try_from(lines.len()).unwrap_or(u16::MAX - 2),
    );
    let inside = dialog(buffer, area, size, title, &model.theme);
    for (y, line) in (0..inside.height).zip(lines) {
        let place = row(inside, y);
        put_all(buffer, place, line);
        if let Some(action) = offered(model, line) {
            hits.note(place, Zone::Does(action));
        }
    }
    inside
}

/// Tells what an offer does: what its key does.
fn offered(model: &Model, line: &Text) -> Option<Action> {
    let (text, style) = line.first()?;
    let key =
        text.strip_prefix('[')?.strip_suffix("] ").filter(|_| *style == model.theme.accent)?;
    let mut rows = layers(model).iter().flat_map(|layer| model.keymap.rows(*layer));
    rows.find(|row| row.keys.iter().any(|one| one == key)).map(|row| row.action)
}

/// Writes an offer with its key: `[u] remove only the name`.
fn offer(model: &Model, layer: Layer, action: Action, words: &str) -> Text {
    let key = model.keymap.key_of(&[layer], action);
    vec![(format!("[{key}] "), model.theme.accent), (words.to_owned(), model.theme.text)]
}

fn plain(model: &Model, words: impl Into<String>) -> Text {
    vec![(words.into(), model.theme.text)]
}

fn kill(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>, ids: &[ContainerId]) {
    let names: Vec<_> = ids.iter().map(|id| model.name_of(Key::Container(*id))).collect();
    let (title, gets, it) = match names.as_slice() {
        [one] => (format!("Kill {one}"), "It gets SIGKILL: it ends at once and can save", "it"),
        several => {
            let title = format!("Kill {} containers", several.len());
            (title, "Each gets SIGKILL: it ends at once and can save", "them")
        }
    };
    let mut lines = vec![plain(model, format!("{gets} nothing."))];
    if names.len() > 1 {
        lines.extend(names.iter().take(LISTED).map(|name| plain(model, format!("  {name}"))));
    }
    if names.len() > LISTED {
        lines.push(plain(model, format!("  and {} more", names.len() - LISTED)));
    }
    lines.push(Text::new());
    lines.push(offer(model, Layer::Confirm, Action::Confirm, &format!("kill {it}")));
    lines.push(offer(model, Layer::Confirm, Action::Cancel, "close and change nothing"));
    show(buffer, area, (model, hits), (&title, &lines));
}

fn reset(
    buffer: &mut Buffer,
    area: Rect,
    (model, hits): Shown<'_>,
    (id, path): (ContainerId, &str),
) {
    let name = model.name_of(Key::Container(id));
    let title = format!("Take back what {} changed", sanitize(&name));
    let path = fit(&sanitize(path), 60);
    let lines = [
        plain(model, format!("/{path}, and all that is in it, will be again as in the image.")),
        plain(model, "What the container wrote there is lost."),
        Text::new(),
        offer(model, Layer::Confirm, Action::Confirm, "take it back"),
        offer(model, Layer::Confirm, Action::Cancel, "close and change nothing"),
    ];
    show(buffer, area, (model, hits), (&title, &lines));
}

fn quit(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>) {
    let mut lines = vec![plain(model, "This is not done yet; the screen closes when it is:")];
    lines.extend(
        model
            .jobs
            .values()
            .take(8)
            .map(|job| vec![(format!("  {}", sanitize(&job.words)), model.theme.warn)]),
    );
    lines.extend([
        Text::new(),
        offer(model, Layer::Confirm, Action::Confirm, "quit now and leave it undone"),
        offer(model, Layer::Confirm, Action::Cancel, "stay"),
    ]);
    show(buffer, area, (model, hits), ("Quit", &lines));
}

/// Breaks words into lines of at most so many columns where blanks allow it.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| width(line));
        match lines.last_mut() {
            Some(last) if line == 0 || line + 1 + width(word) <= columns => {
                if line > 0 {
                    last.push(' ');
                }
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Draws a line of text at the top of an area.
pub(super) fn put_line(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    put(buffer, (area.x, area.y), area.width, text, style);
}
