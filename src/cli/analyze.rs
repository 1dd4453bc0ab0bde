//! `analyze`: of what an image is made, what of it is waste, and whether rules hold for it.

mod rules;

use std::{io, path::Path};

use super::{arguments::AnalyzeOptions, listing::shorten, output, table};
use crate::{
    engine::{self, Archive, Engine, EngineError, ErrorKind, Result},
    model::{Analysis, Fate, units::size},
};

/// How many hidden copies are listed for people.
const LISTED: usize = 20;

/// Prints the analysis of an image, or of each image of an archive; gives 1 when a rule is broken.
pub(super) fn run(engine: &Engine, options: &AnalyzeOptions) -> Result<u8> {
    // Rules that cannot be read are told before anything is read for long.
    let rules = options.ci.as_deref().map(rules::Rules::read).transpose()?;
    let mut is_broken = false;
    for (place, analysis) in analyses(engine, &options.image)?.iter().enumerate() {
        if options.json {
            let text = serde_json::to_string_pretty(analysis).map_err(|error| {
                EngineError::new(ErrorKind::Internal, "the analysis cannot be written")
                    .caused_by(error)
            })?;
            output::line(text);
        } else {
            if place > 0 {
                output::line("");
            }
            output::text(&as_text(analysis));
        }
        for verdict in rules.iter().flat_map(|rules| rules.judge(analysis)) {
            is_broken |= verdict.is_broken();
            // Beside JSON, so that it can still be read.
            if options.json {
                output::error_line(verdict.to_string());
            } else {
                output::line(verdict.to_string());
            }
        }
    }
    Ok(u8::from(is_broken))
}

/// Analyzes what is meant: an archive where the text is a path, else an image, else a file of that name.
fn analyses(engine: &Engine, what: &str) -> Result<Vec<Analysis>> {
    let path = Path::new(what);
    if what == "-" {
        return engine.analyze_archive(Archive::Stream(&mut io::stdin()));
    }
    if what.starts_with(['.', '/']) {
        return engine.analyze_archive(Archive::Path(path));
    }
    match engine.analyze(what) {
        Err(error) if *error.kind() == ErrorKind::NotFound && engine::is_there(path) => {
            engine.analyze_archive(Archive::Path(path))
        }
        other => Ok(vec![other?]),
    }
}

fn as_text(analysis: &Analysis) -> String {
    let count = analysis.hidden.len();
    let facts = [
        format!("image\t{} ({})", analysis.name, analysis.id.0.short()),
        format!(
            "size\t{} in {}, {} above the lowest",
            size(analysis.size),
            counted(analysis.layers.len(), "layer"),
            size(analysis.user_size)
        ),
        format!(
            "wasted\t{} in {}, {} of what is above the lowest",
            size(analysis.wasted),
            counted(count, "file"),
            percent(analysis.user_wasted_percent)
        ),
        format!("efficiency\t{}", percent(analysis.efficiency)),
    ];
    let layers = analysis.layers.iter().enumerate().map(|(place, layer)| {
        let words: Vec<&str> = layer.created_by.split_whitespace().collect();
        vec![
            (place + 1).to_string(),
            size(layer.size),
            size(layer.wasted),
            layer.added.to_string(),
            layer.changed.to_string(),
            layer.removed.to_string(),
            shorten(&words.join(" "), 45),
        ]
    });
    let head = ["LAYER", "SIZE", "WASTED", "ADDED", "CHANGED", "REMOVED", "CREATED BY"];
    let mut text = table::align(&facts) + "\n" + &table::layout(&head, &layers.collect::<Vec<_>>());
    if count > 0 {
        let hidden = analysis.hidden.iter().take(LISTED).map(|copy| {
            let fate = match copy.fate {
                Fate::Replaced => "replaced",
                Fate::Removed => "removed",
            };
            vec![
                size(copy.size),
                (copy.layer + 1).to_string(),
                format!("{fate} by {}", copy.hidden_by + 1),
                shown(&copy.path),
            ]
        });
        let head = ["WASTED", "IN LAYER", "FATE", "PATH"];
        text += "\n";
        text += &table::layout(&head, &hidden.collect::<Vec<_>>());
    }
    let rest = count.saturating_sub(LISTED);
    let more =
        if rest > 0 { format!("and {rest} more; --json lists all\n") } else { String::new() };
    text + &more
}

/// Writes a path so that a terminal obeys nothing in it.
fn shown(path: &str) -> String {
    format!("/{path}")
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

/// Writes a number with its word.
fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Writes a share of one.
fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
