//! The plan of what is pruned: what goes, why, and how many bytes that gives back.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{Shown, Text, offer, plain, show};
use crate::{
    engine::PrunePlan,
    model::Image,
    tui::{
        keymap::{Action, Layer},
        model::{Model, Prune, Scope, letters, spaced_size, state_text},
        tabs::state_words,
        widgets::text::{fit, pad_left, pad_right, sanitize},
    },
};

/// The columns of a name.
const NAME: usize = 24;
/// The columns of why something goes, at most.
const WHY: usize = 34;

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>, prune: &Prune) {
    let title = match prune.scope {
        Scope::Containers => "Prune containers",
        Scope::Images => "Prune images",
        Scope::Networks => "Prune networks",
        Scope::Everything => "Prune everything that nobody uses",
    };
    let mut lines = match &prune.plan {
        None => vec![vec![("looking for what nobody uses …".to_owned(), model.theme.warn)]],
        Some(Err(message)) => {
            vec![vec![(sanitize(message).into_owned(), model.theme.bad)]]
        }
        // The frame, what is given back, the offers and what stands between.
        Some(Ok(plan)) => {
            plan_lines(model, plan, prune.offset, usize::from(area.height).saturating_sub(8))
        }
    };
    lines.push(Text::new());
    if matches!(&prune.plan, Some(Ok(plan)) if !plan.is_empty()) {
        lines.push(offer(model, Layer::Prune, Action::Confirm, "remove all of this"));
    }
    if prune.scope.has_images() {
        let words = if prune.with_names {
            "leave images that have a name"
        } else {
            "images that have a name, too, where no container stands on them"
        };
        lines.push(offer(model, Layer::Prune, Action::WithNames, words));
    }
    lines.push(offer(model, Layer::Prune, Action::Cancel, "close and change nothing"));
    show(buffer, area, (model, hits), (title, &lines));
}

/// Writes a line for each thing that goes, from `offset` on as many as there is room for, and the sum.
fn plan_lines(model: &Model, plan: &PrunePlan, offset: usize, room: usize) -> Vec<Text> {
    if plan.is_empty() {
        return vec![plain(model, "There is nothing that nobody uses.")];
    }
    let containers = plan.containers.iter().map(|(container, bytes)| {
        let (glyph, _) = state_text(&container.state, model.facts.now);
        let why = state_words(container, model.facts.now);
        line(model, (glyph, container.name.as_str()), &why, Some(*bytes))
    });
    let networks = plan
        .networks
        .iter()
        .map(|network| line(model, ("·", network.name.as_str()), "no container joins it", None));
    let images = plan.images.iter().map(|(image, bytes)| image_line(model, image, *bytes));
    let all: Vec<Text> = containers.chain(networks).chain(images).collect();
    let (count, room) = (all.len(), room.max(1));
    let first = offset.min(count.saturating_sub(room));
    let mut lines: Vec<Text> = all.into_iter().skip(first).take(room).collect();
    let hidden = count.saturating_sub(room);
    let more = if hidden > 0 {
        format!(" ({} to {} of them are shown)", first + 1, first + room)
    } else {
        String::new()
    };
    let bytes = spaced_size(plan.bytes());
    lines.push(Text::new());
    lines.push(plain(
        model,
        format!("{count} go{}; that gives back {bytes}{more}.", if count == 1 { "es" } else { "" }),
    ));
    lines
}

fn image_line(model: &Model, image: &Image, bytes: u64) -> Text {
    let badge = model.facts.badge(image.id).map_or_else(String::new, letters);
    let why = if image.references.is_empty() {
        "no name, and no container on it"
    } else {
        "no container stands on it"
    };
    line(model, (&badge, &image.display_name()), why, Some(bytes))
}

fn line(model: &Model, (sign, name): (&str, &str), why: &str, bytes: Option<u64>) -> Text {
    let theme = &model.theme;
    let size = bytes.map_or_else(String::new, spaced_size);
    let name = pad_right(&fit(&sanitize(name), NAME), NAME);
    vec![
        (format!("{} ", pad_right(sign, 2)), theme.accent),
        (name, theme.text),
        (format!(" {}", pad_right(&fit(why, WHY), WHY)), theme.dim),
        (pad_left(&size, 9), theme.text),
    ]
}
