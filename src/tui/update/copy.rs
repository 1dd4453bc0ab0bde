//! What is copied: ids, and what is seen, as text.

use super::{is_in_files, say};
use crate::tui::{
    model::{Depth, Key, Model, Pane, Tab},
    msg::Effect,
    panes::{Resource, Tone},
    widgets::{
        file_tree::FileTree,
        text::{pad_left, pad_right, sanitize, width},
    },
};

/// The most bytes that are copied: as many as terminals take by OSC 52 with room to spare.
const MOST: usize = 48 * 1024;

/// Copies the ids of what is marked, or of the selection.
pub(super) fn ids(model: &mut Model, effects: &mut Vec<Effect>) {
    let targets = model.targets();
    let ids: Vec<String> = targets
        .iter()
        .map(|key| match key {
            Key::Container(id) => id.to_string(),
            Key::Image(id) => id.to_string(),
            Key::Network(id) => id.to_string(),
        })
        .collect();
    let words = match targets.as_slice() {
        [] => return,
        [one] => format!("copied the id of {}", model.name_of(*one)),
        several => format!("copied {} ids", several.len()),
    };
    effects.push(Effect::Copy(ids.join("\n")));
    say(model, words, Tone::Good);
}

/// Copies what has the focus: a list as a table, the detail as its text, a log by its last lines.
pub(super) fn view(model: &mut Model, effects: &mut Vec<Effect>) {
    let lines = match (model.detail.depth, model.tab()) {
        (Depth::Outside, _) => table_of(model),
        (_, Some(Tab::Stats)) => {
            return say(model, "copy: charts are no text", Tone::Warn);
        }
        (_, Some(Tab::Logs)) => model.panels.logs.lines(),
        _ if is_in_files(model) || model.tab() == Some(Tab::Layers) => {
            model.panels.tree.as_ref().map_or_else(Vec::new, FileTree::lines)
        }
        _ => model.panels.text.lines(),
    };
    let (text, count) = last_of(&lines);
    if count == 0 {
        return say(model, "copy: there is nothing to copy", Tone::Warn);
    }
    effects.push(Effect::Copy(text));
    let last = if count < lines.len() { "the last " } else { "" };
    let plural = if count == 1 { "" } else { "s" };
    say(model, format!("copied {last}{count} line{plural}"), Tone::Good);
}

/// Joins as many lines from the end on as may be copied, and counts them.
fn last_of(lines: &[String]) -> (String, usize) {
    let mut bytes = 0;
    let fitting = lines.iter().rev().take_while(|line| {
        bytes += line.len() + 1;
        bytes <= MOST
    });
    let count = fitting.count();
    let shown = lines.get(lines.len() - count..).unwrap_or_default();
    (shown.join("\n"), count)
}

fn table_of(model: &Model) -> Vec<String> {
    match model.focus {
        Pane::Containers => table(model, &model.facts.overview.containers),
        Pane::Images => table(model, &model.facts.overview.images),
        Pane::Networks => table(model, &model.facts.overview.networks),
    }
}

/// Writes the rows of the list that has the focus, with all columns at their full width.
fn table<R: Resource>(model: &Model, items: &[R]) -> Vec<String> {
    let titles = R::COLUMNS.iter().map(|column| column.title.to_owned()).collect();
    let mut rows: Vec<Vec<String>> = vec![titles];
    let shown = model.list().rows.iter().filter_map(|(_, index)| items.get(*index));
    rows.extend(shown.map(|item| {
        let cells = R::COLUMNS.iter().map(|column| (column.cell)(item, &model.facts));
        cells
            .map(|cell| {
                let text: String = cell.0.iter().map(|(text, _)| text.as_str()).collect();
                sanitize(text.trim_end()).into_owned()
            })
            .collect()
    }));
    let widest = |place: usize| rows.iter().map(|row| width(&row[place])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..R::COLUMNS.len()).map(widest).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).zip(R::COLUMNS).map(|((text, columns), column)| {
                if column.right { pad_left(text, *columns) } else { pad_right(text, *columns) }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}
