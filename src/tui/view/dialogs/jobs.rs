//! What is being done, each job with its parts.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{Shown, Text, offer, show};
use crate::{
    engine::Progress,
    tui::{
        keymap::{Action, Layer},
        model::{Job, Model, phase, spaced_size},
        widgets::text::{fit, pad_left, pad_right, sanitize},
    },
};

/// The columns of a bar.
const BAR: usize = 16;
/// The columns of the words of a job.
const WORDS: usize = 60;
/// The most parts of one job that are shown.
const PARTS: usize = 24;

/// Draws the list.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, (model, hits): Shown<'_>, at: usize) {
    let mut lines = Vec::new();
    let last = model.jobs.len().saturating_sub(1);
    // The rows that the frame, the keys below and the titles of all jobs leave.
    let room = usize::from(area.height).saturating_sub(6 + model.jobs.len());
    for (place, job) in model.jobs.values().enumerate() {
        let is_here = place == at.min(last);
        lines.push(title(model, job, is_here));
        if is_here {
            lines.extend(parts(model, job, room.min(PARTS)));
        }
    }
    if lines.is_empty() {
        lines.push(vec![("nothing is being done".to_owned(), model.theme.dim)]);
    }
    lines.push(Text::new());
    if model.jobs.values().nth(at.min(last)).is_some_and(|job| job.may_cancel) {
        lines.push(offer(
            model,
            Layer::Jobs,
            Action::CancelJob,
            "cancel it; what it has done so far is thrown away",
        ));
    }
    lines.push(offer(model, Layer::Jobs, Action::Cancel, "close; it goes on"));
    show(buffer, area, (model, hits), ("Jobs", &lines));
}

fn title(model: &Model, job: &Job, is_here: bool) -> Text {
    let theme = &model.theme;
    let mark = if is_here { "▸ " } else { "  " };
    let style = if is_here { theme.accent } else { theme.text };
    let words = format!("{mark}{}", fit(&sanitize(&job.words), WORDS));
    let state = match (job.is_cancelled, job.percent()) {
        (true, _) => "  is being cancelled".to_owned(),
        (false, Some(percent)) => format!("  {percent}%"),
        (false, None) => String::new(),
    };
    vec![(words, style), (state, theme.warn)]
}

/// Shows the parts that are under way, then the others, as far as there is room.
fn parts(model: &Model, job: &Job, room: usize) -> Vec<Text> {
    let is_over = |part: &&Progress| matches!(part.phase, "done" | "exists");
    let (over, under_way): (Vec<_>, Vec<_>) = job.parts.iter().partition(is_over);
    let all = under_way.into_iter().chain(over);
    let mut lines: Vec<Text> = all.take(room).map(|part| line(model, part)).collect();
    if job.parts.len() > room {
        let words = format!("    and {} more", job.parts.len() - room);
        lines.push(vec![(words, model.theme.dim)]);
    }
    lines
}

fn line(model: &Model, part: &Progress) -> Text {
    let theme = &model.theme;
    let (bar, numbers) = match part.total {
        Some(total) if total > 0 => {
            let filled = u64::try_from(BAR).unwrap_or(0) * part.done.min(total) / total;
            let filled = usize::try_from(filled).unwrap_or(BAR);
            let bar = "█".repeat(filled) + &"·".repeat(BAR - filled);
            let (done, total) = (spaced_size(part.done), spaced_size(total));
            (bar, format!(" {} of {}", pad_left(&done, 7), pad_left(&total, 7)))
        }
        _ => (" ".repeat(BAR), String::new()),
    };
    let phase = phase(part);
    let style = if matches!(phase, "done" | "is here") { theme.good } else { theme.warn };
    vec![
        (format!("    {} ", pad_right(&sanitize(&part.object), 12)), theme.text),
        (pad_right(phase, 15), style),
        (bar, theme.dim),
        (numbers, theme.text),
    ]
}
