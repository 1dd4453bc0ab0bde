//! One line to fill in, and below it what can be chosen.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{Shown, Text, offer, show, wrapped};
use crate::tui::{
    keymap::{Action, Layer},
    model::{Ask, Key, Model, OFFERED, Purpose},
    widgets::text::{fit, sanitize, width},
};

/// The columns of what is typed, at most: the end of it is seen.
const TYPED: usize = 60;

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>, ask: &Ask) {
    let theme = &model.theme;
    let (title, label, does) = words(model, ask);
    let mut lines = vec![vec![
        (label.to_owned(), theme.accent),
        (end_of(&sanitize(ask.input.value())), theme.text),
        ("▌".to_owned(), theme.accent),
    ]];
    let fitting: Vec<&str> =
        ask.fitting().into_iter().filter(|offer| !offer.starts_with('\0')).collect();
    for (place, name) in fitting.iter().take(OFFERED).enumerate() {
        let is_chosen = ask.chosen == Some(place);
        let mark = if is_chosen { "▸ " } else { "  " };
        let style = if is_chosen { theme.accent } else { theme.dim };
        lines.push(vec![(format!("{mark}{}", fit(&sanitize(name), TYPED)), style)]);
    }
    if fitting.len() > OFFERED {
        let more = format!("  and {} more; type on", fitting.len() - OFFERED);
        lines.push(vec![(more, theme.dim)]);
    }
    lines.push(Text::new());
    if let Some(name) = &ask.waiting {
        let words = format!("⟳ asking the registry for the tags of {}", sanitize(name));
        lines.push(vec![(words, theme.warn)]);
    }
    if let Some(trouble) = &ask.trouble {
        for part in wrapped(&sanitize(trouble), TYPED) {
            lines.push(vec![(part, theme.bad)]);
        }
    }
    lines.push(offer(model, Layer::Input, Action::Confirm, does));
    if ask.purpose == Purpose::Pull {
        let words = "complete; after a ':' ask the registry which tags there are";
        lines.push(offer(model, Layer::Ask, Action::Complete, words));
    }
    lines.push(offer(model, Layer::Input, Action::Cancel, "close and change nothing"));
    show(buffer, area, (model, hits), (&title, &lines));
}

/// Gives title, label and what accepting does.
fn words(model: &Model, ask: &Ask) -> (String, &'static str, &'static str) {
    match &ask.purpose {
        Purpose::Pull => (
            "Pull images".to_owned(),
            "Names ",
            "pull; several names side by side, or the path of an archive",
        ),
        Purpose::Save(id) => {
            let title = format!("Save {}", sanitize(&model.name_of(Key::Image(*id))));
            (title, "To ", "write an archive")
        }
        Purpose::Commit(id) => {
            let title = format!("New image from {}", sanitize(&model.name_of(Key::Container(*id))));
            (title, "Name ", "make it; what runs stands still meanwhile")
        }
        Purpose::Compare(id) => {
            let title = format!("Compare {} with", sanitize(&model.name_of(Key::Image(*id))));
            (title, "Image ", "show what the other has otherwise")
        }
        Purpose::Extract(_, path) => (
            format!("Extract /{}", fit(&sanitize(path), TYPED - 10)),
            "To ",
            "write it to this machine, where nothing may be yet",
        ),
    }
}

/// Gives the end of a text that is too long to be shown.
fn end_of(text: &str) -> String {
    let mut text = text.to_owned();
    while width(&text) > TYPED {
        text.remove(0);
    }
    text
}
