//! `stats` and `top`: what containers use, and which processes they have.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _},
    thread,
    time::Duration,
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
        Container, ContainerId, Rates, Readings, State,
        units::{binary_size, size},
    },
};

/// How far two readings are apart.
const PERIOD: Duration = Duration::from_secs(1);

/// A row of `stats`, with Docker's field names, and after them what Docker does not tell.
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
    throttled: String,
    throttled_time: String,
    #[serde(rename = "CPUPressure")]
    cpu_pressure: String,
    #[serde(rename = "MemPressure")]
    memory_pressure: String,
    #[serde(rename = "IOPressure")]
    io_pressure: String,
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
        ("Throttled", "THROTTLED"),
        ("ThrottledTime", "THROTTLED TIME"),
        ("CPUPressure", "CPU PRESSURE"),
        ("MemPressure", "MEM PRESSURE"),
        ("IOPressure", "IO PRESSURE"),
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

/// Prints what containers use, again and again unless told not to. What stands in their rings is printed at once; only for those that are too young,
/// or have none, is a second reading waited for.
pub(super) fn run(engine: &Engine, options: &StatsOptions) -> Result<u8> {
    let machine = engine.memory_of_machine();
    let is_screen = io::stdout().is_terminal() && !options.no_stream;
    let mut earlier = BTreeMap::new();
    let mut is_first = true;
    loop {
        let containers = chosen(engine, options)?;
        let live = containers.iter().filter(|one| is_running(one));
        let ids: Vec<ContainerId> = live.map(|one| one.id).collect();
        let mut readings = engine.statistics(&ids)?;
        for (id, reading) in &mut readings {
            reading.before = reading.before.or_else(|| earlier.get(id).copied());
        }
        earlier = readings.iter().map(|(id, reading)| (*id, reading.last)).collect();
        if !is_first || readings.values().all(|reading| reading.before.is_some()) {
            if is_screen {
                output::text("\x1b[2J\x1b[H");
            }
            let row = |one: &Container| row(one, readings.get(&one.id), machine, options.no_trunc);
            let rows: Vec<StatsRow> = containers.iter().map(row).collect();
            listing::print(&rows, false, options.format.as_deref())?;
            if options.no_stream {
                return Ok(0);
            }
        }
        if !output::is_heard() {
            return Ok(0);
        }
        is_first = false;
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

/// Words a reading; `machine` is how many bytes of memory the machine has.
fn row(
    container: &Container,
    reading: Option<&Readings>,
    machine: u64,
    is_whole: bool,
) -> StatsRow {
    let id = if is_whole { container.id.hex() } else { container.id.short() };
    let last = reading.map(|reading| reading.last.statistics);
    let rates = reading.and_then(|reading| Rates::between(&reading.before?, &reading.last));
    let limit = last.and_then(|last| last.usage.memory_limit).unwrap_or(machine);
    let pressure = |place: usize| {
        share(rates.and_then(|rates| rates.pressure).map(|pressure| pressure[place]))
    };
    let throttling = last.map(|last| last.throttling).filter(|one| one.periods > 0);
    StatsRow {
        cpu: share(last.map(|_| rates.map_or(0.0, |rates| rates.cpu))),
        memory: pair(
            last.map(|last| binary_size(last.usage.memory)),
            last.map(|_| binary_size(limit)),
        ),
        #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
        memory_share: share(
            last.map(|last| last.usage.memory as f64 / limit.max(1) as f64 * 100.0),
        ),
        network: pair(
            last.and_then(|last| last.received).map(size),
            last.and_then(|last| last.sent).map(size),
        ),
        block_io: pair(
            last.and_then(|last| last.read).map(size),
            last.and_then(|last| last.written).map(size),
        ),
        pids: known(last.map(|last| last.usage.pids.to_string())),
        throttled: share(rates.and_then(|rates| rates.throttled)),
        throttled_time: known(throttling.map(|one| format!("{:.2}s", one.time.as_secs_f64()))),
        cpu_pressure: pressure(0),
        memory_pressure: pressure(1),
        io_pressure: pressure(2),
        container: id.clone(),
        id,
        name: container.name.to_string(),
    }
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "--".to_owned())
}

fn share(share: Option<f64>) -> String {
    known(share.map(|share| format!("{share:.2}%")))
}

fn pair(one: Option<String>, two: Option<String>) -> String {
    format!("{} / {}", known(one), known(two))
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
