//! `stats` and `top`: what containers use, and which processes they have.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    cli::{
        arguments::{StatsOptions, TopOptions},
        listing::{self, Row},
        output, table,
    },
    engine::{Engine, EngineError, ErrorKind, Result},
    model::{
        Container, ContainerId, State, Statistics,
        units::{binary_size, size},
    },
};

/// How far two readings are apart.
const PERIOD: Duration = Duration::from_secs(1);

/// A row of `stats`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatsRow {
    #[serde(rename = "BlockIO")]
    block_io: String,
    #[serde(rename = "CPUPerc")]
    cpu: String,
    container: String,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "MemPerc")]
    memory_share: String,
    #[serde(rename = "MemUsage")]
    memory: String,
    name: String,
    #[serde(rename = "NetIO")]
    network: String,
    #[serde(rename = "PIDs")]
    pids: String,
}

impl Row for StatsRow {
    const HEAD: &'static [&'static str] = &[
        "CONTAINER ID",
        "NAME",
        "CPU %",
        "MEM USAGE / LIMIT",
        "MEM %",
        "NET I/O",
        "BLOCK I/O",
        "PIDS",
    ];

    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("Name", "NAME"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ];

    fn cells(&self) -> Vec<String> {
        [
            &self.id,
            &self.name,
            &self.cpu,
            &self.memory,
            &self.memory_share,
            &self.network,
            &self.block_io,
            &self.pids,
        ]
        .map(Clone::clone)
        .to_vec()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

type Readings = BTreeMap<ContainerId, Statistics>;

/// Prints what containers use, again and again unless told not to.
pub(super) fn run(engine: &Engine, options: &StatsOptions) -> Result<u8> {
    let machine = engine.memory_of_machine();
    let (mut before, mut since) = (Readings::new(), Instant::now());
    let is_screen = io::stdout().is_terminal() && !options.no_stream;
    loop {
        let containers = chosen(engine, options)?;
        let live = containers.iter().filter(|one| is_running(one));
        let ids: Vec<ContainerId> = live.map(|one| one.id).collect();
        let now = engine.statistics(&ids)?;
        let apart = since.elapsed();
        // The share of a processor needs two readings.
        if !before.is_empty() || ids.is_empty() {
            if is_screen {
                output::text("\x1b[2J\x1b[H");
            }
            let shown = Shown { before: &before, now: &now, apart, machine };
            let row = |one: &Container| shown.row(one, options.no_trunc);
            let rows: Vec<StatsRow> = containers.iter().map(row).collect();
            listing::print(&rows, false, options.format.as_deref())?;
            if options.no_stream {
                return Ok(0);
            }
        }
        if !output::is_heard() {
            return Ok(0);
        }
        (before, since) = (now, Instant::now());
        thread::sleep(PERIOD);
    }
}

const fn is_running(container: &Container) -> bool {
    matches!(container.state, State::Running { .. })
}

/// Finds the containers that are meant: those that were named, or all that run, or all.
fn chosen(engine: &Engine, options: &StatsOptions) -> Result<Vec<Container>> {
    if !options.names.is_empty() {
        return options.names.iter().map(|name| engine.container(name)).collect();
    }
    let all = engine.overview()?.containers.into_iter();
    Ok(all.filter(|one| options.all || is_running(one)).collect())
}

/// Two readings, and what they are seen against.
struct Shown<'a> {
    before: &'a Readings,
    now: &'a Readings,
    apart: Duration,
    /// Bytes of memory that the machine has.
    machine: u64,
}

impl Shown<'_> {
    fn row(&self, container: &Container, is_whole: bool) -> StatsRow {
        let Self { before, now, apart, machine } = *self;
        let id = if is_whole { container.id.hex() } else { container.id.short() };
        let unknown = || "--".to_owned();
        let pair = |one: String, two: String| format!("{one} / {two}");
        let reading = now.get(&container.id);
        let count = |bytes: Option<u64>| bytes.map_or_else(unknown, size);
        StatsRow {
            cpu: reading.map_or_else(unknown, |reading| {
                let earlier = before.get(&container.id);
                let share = earlier.map(|earlier| reading.usage.cpu_percent(&earlier.usage, apart));
                format!("{:.2}%", share.unwrap_or(0.0))
            }),
            memory: reading.map_or_else(
                || pair(unknown(), unknown()),
                |reading| {
                    let limit = reading.usage.memory_limit.unwrap_or(machine);
                    pair(binary_size(reading.usage.memory), binary_size(limit))
                },
            ),
            memory_share: reading.map_or_else(unknown, |reading| {
                let limit = reading.usage.memory_limit.unwrap_or(machine).max(1);
                #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
                let share = reading.usage.memory as f64 / limit as f64 * 100.0;
                format!("{share:.2}%")
            }),
            network: reading.map_or_else(
                || pair(unknown(), unknown()),
                |reading| pair(size(reading.received), size(reading.sent)),
            ),
            block_io: pair(
                count(reading.and_then(|reading| reading.read)),
                count(reading.and_then(|reading| reading.written)),
            ),
            pids: reading.map_or_else(unknown, |reading| reading.usage.pids.to_string()),
            container: id.clone(),
            id,
            name: container.name.to_string(),
        }
    }
}

/// Lists the processes of a container, as `ps -ef` does.
pub(super) fn top(engine: &Engine, options: &TopOptions) -> Result<u8> {
    if !options.ps.is_empty() && options.ps != ["-ef"] {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            format!("top lists what ps -ef does; '{}' is not here", options.ps.join(" ")),
        )
        .hint(format!(
            "run ps inside, if the image has it: estiba exec {} ps",
            options.container
        )));
    }
    let processes = engine.processes(engine.container(&options.container)?.id)?;
    let rows: Vec<Vec<String>> = processes
        .into_iter()
        .map(|one| {
            let (minutes, seconds) = (one.seconds / 60, one.seconds % 60);
            vec![
                one.user,
                one.pid.to_string(),
                one.parent.to_string(),
                one.share.to_string(),
                one.started.strftime("%H:%M").to_string(),
                one.terminal,
                format!("{:02}:{:02}:{seconds:02}", minutes / 60, minutes % 60),
                one.command,
            ]
        })
        .collect();
    let head = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
    output::text(&table::layout(&head, &rows));
    Ok(0)
}
