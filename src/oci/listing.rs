//! What is said about containers: their state, a list of them, their processes.

use std::{fmt::Write as _, process::Command};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Context, Failure,
    arguments::Format,
    container::{Container, Status},
    output,
    record::{Place, Record},
};
use crate::sys::cgroup::Cgroup;

/// The state of the specification, and what runc says beyond it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct State<'a> {
    oci_version: &'a str,
    id: &'a str,
    pid: i32,
    status: &'static str,
    bundle: &'a std::path::Path,
    rootfs: &'a std::path::Path,
    created: &'a str,
    #[serde(skip_serializing_if = "std::collections::HashMap::is_empty")]
    annotations: &'a std::collections::HashMap<String, String>,
    owner: &'a str,
}

impl<'a> State<'a> {
    fn of(container: &'a Container) -> Self {
        let record = &container.record;
        let status = container.status();
        let init = record.init.filter(|_| status != Status::Stopped);
        Self {
            oci_version: &record.oci_version,
            id: &record.id,
            pid: init.map_or(0, |init| init.pid),
            status: status.word(),
            bundle: &record.bundle,
            rootfs: &record.rootfs,
            created: &record.created,
            annotations: &record.annotations,
            owner: &record.owner,
        }
    }
}

/// Gives the state of the specification, which hooks read on their standard input.
pub(super) fn state_for_hooks(record: &Record, status: Status, pid: i32) -> Value {
    json!({
        "ociVersion": record.oci_version,
        "id": record.id,
        "status": status.word(),
        "pid": pid,
        "bundle": record.bundle,
        "annotations": record.annotations,
    })
}

/// Prints the state of a container.
pub(super) fn state(context: &Context<'_>, id: &str) -> Result<u8, Failure> {
    let container = Container::find(context, id)?;
    output::line(&to_json(&State::of(&container), true)?);
    Ok(0)
}

/// Lists containers.
pub(super) fn list(context: &Context<'_>, format: Format, quiet: bool) -> Result<u8, Failure> {
    let mut containers = Vec::new();
    for place in Place::all(context)? {
        // One that is being removed just now, or is not written down yet, is not there.
        containers.extend(Container::at(place)?);
    }
    let states: Vec<State<'_>> = containers.iter().map(State::of).collect();
    if quiet {
        for state in &states {
            output::line(state.id);
        }
    } else if format == Format::Json {
        output::line(&to_json(&states, false)?);
    } else {
        let head = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
        let rows = states.iter().map(|state| {
            [
                state.id.to_owned(),
                state.pid.to_string(),
                state.status.to_owned(),
                state.bundle.display().to_string(),
                state.created.to_owned(),
                state.owner.to_owned(),
            ]
        });
        print_table(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    Ok(0)
}

/// Prints columns of twelve characters at least, three apart.
fn print_table<const N: usize>(rows: &[[String; N]]) {
    let mut widths = [12; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count() + 3);
        }
    }
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // A text takes everything.
            let _written = write!(line, "{cell:width$}");
        }
        output::line(line.trim_end());
    }
}

/// Lists the processes of a container.
pub(super) fn processes(
    context: &Context<'_>,
    id: &str,
    format: Format,
    options: &[String],
) -> Result<u8, Failure> {
    let container = Container::find(context, id)?;
    let cgroup = container.cgroup();
    let mut pids = cgroup.as_ref().map(Cgroup::members).unwrap_or_default();
    if cgroup.is_none() {
        // Without a group only the first process is known.
        pids.extend(container.living().map(|init| init.pid));
    }
    if format == Format::Json {
        output::line(&to_json(&pids, false)?);
        return Ok(0);
    }
    let options = if options.is_empty() { &["-ef".to_owned()][..] } else { options };
    let called = Command::new("ps").args(options).output();
    let called = called.map_err(|error| Failure::new(format!("ps cannot be executed: {error}")))?;
    if !called.status.success() {
        return Err(Failure::new(String::from_utf8_lossy(&called.stderr).trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&called.stdout);
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let column = head.split_whitespace().position(|title| title == "PID");
    let column = column.ok_or_else(|| Failure::new("ps was not asked for the column PID"))?;
    output::line(head);
    for line in lines {
        let pid = line.split_whitespace().nth(column).and_then(|text| text.parse::<i32>().ok());
        if pid.is_some_and(|pid| pids.contains(&pid)) {
            output::line(line);
        }
    }
    Ok(0)
}

fn to_json(value: &impl Serialize, pretty: bool) -> Result<String, Failure> {
    let text =
        if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map_err(|error| Failure::new(error.to_string()))
}
