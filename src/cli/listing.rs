//! Lists: as a table, by Go template, as JSON lines, or ids alone.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{output, table, template::Format};
use crate::{engine::Result, model::units};

/// A row of a list: its fields by Docker's names for templates, its cells for the table.
pub(super) trait Row: Serialize {
    /// The heads of the table's columns.
    const HEAD: &'static [&'static str];

    /// The fields that a template can name, and their heads.
    const FIELDS: &'static [(&'static str, &'static str)];

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
            if let Some(template) = format.strip_prefix("table ") {
                output::text(&by_template(rows, template)?);
                return Ok(());
            }
            let template = if format == "json" { "{{json .}}" } else { format };
            let format = Format::parse(template)?;
            for row in rows {
                output::line(format.fill(row)?);
            }
        }
    }
    Ok(())
}

/// Lays out a table whose columns a template says, separated by tabs; the heads are filled in by the same template.
fn by_template<R: Row>(rows: &[R], template: &str) -> Result<String> {
    let format = Format::parse(template)?;
    let heads: BTreeMap<&str, &str> = R::FIELDS.iter().copied().collect();
    let mut lines = vec![format.fill(&heads)?];
    for row in rows {
        lines.push(format.fill(row)?);
    }
    Ok(table::align(&lines))
}

/// Says roughly how long ago something was.
pub(super) fn span(since: Timestamp, now: Timestamp) -> String {
    let span = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    units::rough_span(span)
}

/// Writes a moment as Docker's lists do.
pub(super) fn moment(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

/// Shortens text to a number of characters, with an ellipsis, as Docker does in its tables.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Crate {
        #[serde(rename = "ID")]
        id: &'static str,
        #[serde(rename = "Names")]
        names: &'static str,
    }

    impl Row for Crate {
        const HEAD: &'static [&'static str] = &["CRATE ID", "NAMES"];
        const FIELDS: &'static [(&'static str, &'static str)] =
            &[("ID", "CRATE ID"), ("Names", "NAMES")];

        fn cells(&self) -> Vec<String> {
            vec![self.id.to_owned(), self.names.to_owned()]
        }

        fn id(&self) -> &str {
            self.id
        }
    }

    #[test]
    fn a_table_by_template_has_heads_and_columns() {
        let rows = [Crate { id: "1", names: "oranges" }, Crate { id: "22", names: "oil" }];
        assert_eq!(
            by_template(&rows, "{{.Names}}\\t{{.ID}}").unwrap(),
            "NAMES     CRATE ID\noranges   1\noil       22\n"
        );
        assert_eq!(by_template::<Crate>(&[], "{{.ID}}").unwrap(), "CRATE ID\n");
        assert!(by_template(&rows, "{{.Nmaes}}").is_err());
    }

    #[test]
    fn moments_are_written_as_docker_writes_them() {
        let text = moment(Timestamp::from_second(86_400).unwrap());
        assert_eq!(text, "1970-01-02 00:00:00 +0000 UTC");
    }
}
