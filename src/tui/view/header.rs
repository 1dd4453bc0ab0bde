//! The line at the top: as whom, how much there is, what it costs, what is being done.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::paint::put_all;
use crate::{
    engine::Privilege,
    tui::{
        model::{Model, spaced_size},
        panes::percent,
        widgets::text::{fit, sanitize, width},
    },
};

/// The columns that the words of a job take at most.
const WORDS: usize = 40;

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model) {
    if area.is_empty() {
        return;
    }
    let theme = &model.theme;
    let mut left =
        vec![(" estiba  ".to_owned(), theme.accent), (privilege(model).to_owned(), theme.text)];
    left.extend(counts(model));
    let right = right(model);
    let right_width: usize = right.iter().map(|(text, _)| width(text)).sum();
    let right_width = u16::try_from(right_width).unwrap_or(area.width);
    let room = area.width.saturating_sub(right_width);
    // What finds no room is left out as a whole; the titles of the panes say the same.
    let needed =
        |pieces: &[(String, Style)]| pieces.iter().map(|(text, _)| width(text)).sum::<usize>();
    while left.len() > 2 && needed(&left) > usize::from(room) {
        left.pop();
    }
    put_all(buffer, Rect { width: room, ..area }, &left);
    if right_width <= area.width {
        let place = Rect { x: area.right() - right_width, width: right_width, ..area };
        put_all(buffer, place, &right);
    }
}

const fn privilege(model: &Model) -> &'static str {
    match model.privilege {
        Privilege::Rootful => "rootful",
        Privilege::Rootless { .. } => "rootless · networks have no way out",
    }
}

fn counts(model: &Model) -> Vec<(String, Style)> {
    let (theme, facts) = (&model.theme, &model.facts);
    if !model.loaded {
        return vec![(" · reading the store …".to_owned(), theme.dim)];
    }
    let overview = &facts.overview;
    let containers = overview.containers.len();
    let running = overview.containers.iter().filter(|c| c.state.is_live()).count();
    let images = overview.images.len();
    let size = spaced_size(facts.images_size);
    vec![
        (format!(" · {} {size}", counted(images, "image")), theme.text),
        (format!(" · {}", counted(containers, "container")), theme.text),
        (format!(" {running}▶"), theme.good),
        (format!(" {}■", containers - running), theme.dim),
        (format!(" · {}", counted(overview.networks.len(), "network")), theme.text),
    ]
}

/// Writes a number with its word.
pub(super) fn counted(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        many => format!("{many} {word}s"),
    }
}

fn right(model: &Model) -> Vec<(String, Style)> {
    let theme = &model.theme;
    let mut pieces = Vec::new();
    if let Some((cpu, memory)) = model.facts.total_usage() {
        let (cpu, memory) = (percent(cpu), spaced_size(memory));
        pieces.push((format!("  cpu {cpu:>5}  mem {memory:>7}"), theme.text));
    }
    if let Some(job) = model.jobs.values().next() {
        let percent = job.percent().map_or_else(String::new, |percent| format!(" {percent}%"));
        let more = match model.jobs.len() {
            1 => String::new(),
            many => format!(" +{}", many - 1),
        };
        let words = fit(&sanitize(&job.words), WORDS);
        pieces.push((format!("  ⟳ {words}{percent}{more}"), theme.warn));
    }
    pieces.push((" ".to_owned(), theme.text));
    pieces
}
