//! Lists: as a table, by Go template, as JSON lines, or ids alone.

use serde::Serialize;

use super::{output, table, template::Format};
use crate::engine::Result;

/// A row of a list: its fields by Docker's names for templates, its cells for the table.
pub(super) trait Row: Serialize {
    /// The heads of the table's columns.
    const HEAD: &'static [&'static str];

    /// Gives the cells, one for each head.
    fn cells(&self) -> Vec<String>;

    /// Gives what `--quiet` prints.
    fn id(&self) -> &str;
}

/// Prints rows as the flags say.
///
/// # Errors
/// When the template is wrong.
pub(super) fn print<R: Row>(rows: &[R], quiet: bool, format: Option<&str>) -> Result<()> {
    match format {
        None if quiet => rows.iter().for_each(|row| output::line(row.id())),
        None | Some("table") => {
            let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
            output::text(&table::layout(R::HEAD, &cells));
        }
        Some(format) => {
            let template = match format.strip_prefix("table ") {
                Some(template) => template,
                None if format == "json" => "{{json .}}",
                None => format,
            };
            let format = Format::parse(template)?;
            for row in rows {
                output::line(format.fill(row)?);
            }
        }
    }
    Ok(())
}

/// Shortens text to a number of characters, with an ellipsis, as Docker does in its tables.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
