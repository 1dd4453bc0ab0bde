//! The verbs of containers.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Surroundings,
    arguments::{
        ContainerVerb, CreateOptions, ExecOptions, ForceNames, LogOptions, PsOptions, RunOptions,
        StartOptions,
    },
    foreground, listing,
    listing::Row,
    output,
};
use crate::{
    cli::failure,
    engine::{Engine, EngineError, ErrorKind, Force, LogOptions as Wanted, Result, Stream},
    model::{Container, ContainerId, State, units},
};

/// How long `logs -f` waits before it asks whether the container still lives.
const LOG_PATIENCE: Duration = Duration::from_millis(200);

pub(super) fn dispatch(engine: &Engine, verb: ContainerVerb) -> Result<u8> {
    match verb {
        ContainerVerb::Ps(options) => list(engine, &options),
        ContainerVerb::Start(options) => start(engine, &options),
        ContainerVerb::Stop(options) => {
            let grace = Duration::from_secs(options.time);
            Ok(each(engine, &options.names, |id| engine.stop(id, grace).map(drop)))
        }
        ContainerVerb::Restart(options) => {
            let grace = Duration::from_secs(options.time);
            Ok(each(engine, &options.names, |id| engine.restart(id, grace)))
        }
        ContainerVerb::Kill(options) => {
            Ok(each(engine, &options.names, |id| engine.kill(id, options.signal)))
        }
        ContainerVerb::Rm(options) => Ok(remove(engine, &options)),
        ContainerVerb::Logs(options) => logs(engine, &options),
        ContainerVerb::Attach { container } => {
            let container = engine.container(&container)?;
            let session = engine.attach(container.id)?;
            foreground::drive(engine, &container, session)
        }
        ContainerVerb::Wait(options) => Ok(for_all(&options.names, |name| {
            let exit = engine.wait(engine.container(name)?.id)?;
            output::line(exit.code.to_string());
            Ok(())
        })),
    }
}

/// Makes a container and starts it, in front or in the background.
pub(super) fn run(
    engine: &Engine,
    surroundings: &Surroundings,
    options: Box<RunOptions>,
) -> Result<u8> {
    let detach = options.detach;
    let mut request = options.container.into_request(surroundings);
    if detach {
        // Nobody will ever type: an open standard input would only wait.
        request.open_stdin &= request.tty;
    }
    let container = engine.create(&request)?;
    if detach {
        engine.start(container.id)?;
        output::line(container.id.hex());
        return Ok(0);
    }
    foreground::start(engine, &container)
}

/// Makes a container.
pub(super) fn create(
    engine: &Engine,
    surroundings: &Surroundings,
    options: Box<CreateOptions>,
) -> Result<u8> {
    let container = engine.create(&options.container.into_request(surroundings))?;
    output::line(container.id.hex());
    Ok(0)
}

/// Runs a further program.
pub(super) fn exec(
    engine: &Engine,
    surroundings: &Surroundings,
    options: ExecOptions,
) -> Result<u8> {
    let container = engine.container(&options.container)?;
    let detach = options.detach;
    let request = options.into_request(surroundings);
    let session = engine.exec(container.id, &request)?;
    if detach {
        return Ok(0);
    }
    foreground::drive_exec(&request, session)
}

fn start(engine: &Engine, options: &StartOptions) -> Result<u8> {
    if !options.attach {
        return Ok(each(engine, &options.names, |id| engine.start(id)));
    }
    let [name] = options.names.as_slice() else {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            "only one container can be started with -a",
        ));
    };
    foreground::start(engine, &engine.container(name)?)
}

fn remove(engine: &Engine, options: &ForceNames) -> u8 {
    let force = if options.force { Force::Yes } else { Force::No };
    for_all(&options.names, |name| {
        match engine.container(name).and_then(|container| engine.remove(container.id, force)) {
            // As Docker: what is not there need not be removed by force.
            Err(error) if options.force && error.kind() == &ErrorKind::NotFound => Ok(()),
            done => done.map(|()| output::line(name)),
        }
    })
}

fn logs(engine: &Engine, options: &LogOptions) -> Result<u8> {
    let container = engine.container(&options.container)?;
    let wanted = Wanted { tail: options.tail.0, follow: options.follow };
    let mut reader = engine.logs(container.id, wanted)?;
    while !reader.is_finished() {
        let Some(line) = reader.next_line(LOG_PATIENCE)? else { continue };
        let mut bytes = Vec::new();
        if options.timestamps {
            bytes.extend(format!("{:.9} ", line.time).into_bytes());
        }
        bytes.extend(&line.bytes);
        match line.stream {
            Stream::Stdout => output::bytes(&bytes),
            Stream::Stderr => output::error_bytes(&bytes),
        }
    }
    Ok(0)
}

/// Does something to each container and prints its name; goes on after a failure.
fn each(engine: &Engine, names: &[String], verb: impl Fn(ContainerId) -> Result<()>) -> u8 {
    for_all(names, |name| {
        verb(engine.container(name)?.id)?;
        output::line(name);
        Ok(())
    })
}

/// Does something for each name; goes on after a failure, and ends with 1 if there was one.
pub(super) fn for_all(names: &[String], mut verb: impl FnMut(&str) -> Result<()>) -> u8 {
    let mut code = 0;
    for error in names.iter().filter_map(|name| verb(name).err()) {
        code = 1;
        failure::report(&error, false);
    }
    code
}

fn list(engine: &Engine, options: &PsOptions) -> Result<u8> {
    let mut containers = engine.overview()?.containers;
    let filters =
        options.filters.iter().map(|text| Filter::parse(text)).collect::<Result<Vec<_>>>()?;
    let wants_all = options.all
        || options.latest
        || filters.iter().any(|filter| matches!(filter, Filter::Status(_)));
    containers.retain(|container| {
        (wants_all || container.state.is_live())
            && filters.iter().all(|filter| filter.takes(container))
    });
    if options.latest {
        containers.truncate(1);
    }
    let now = Timestamp::now();
    let rows: Vec<ContainerRow> = containers
        .iter()
        .map(|container| ContainerRow::of(container, now, options.no_trunc))
        .collect();
    listing::print(&rows, options.quiet, options.format.as_deref())?;
    Ok(0)
}

/// What `ps --filter` asks for.
enum Filter {
    Name(String),
    Id(String),
    Status(String),
    Ancestor(String),
    Label(String, Option<String>),
    Network(String),
}

impl Filter {
    fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            EngineError::new(ErrorKind::Invalid, format!("filter '{text}' is not known"))
                .hint("filters are name=, id=, status=, ancestor=, label=, network=")
        };
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let value = value.to_owned();
        Ok(match key {
            "name" => Self::Name(value),
            "id" => Self::Id(value),
            "status" => Self::Status(value),
            "ancestor" => Self::Ancestor(value),
            "network" => Self::Network(value),
            "label" => match value.split_once('=') {
                Some((key, value)) => Self::Label(key.to_owned(), Some(value.to_owned())),
                None => Self::Label(value, None),
            },
            _ => return Err(wrong()),
        })
    }

    fn takes(&self, container: &Container) -> bool {
        match self {
            Self::Name(part) => container.name.as_str().contains(part.as_str()),
            Self::Id(beginning) => container.id.hex().starts_with(beginning.as_str()),
            Self::Status(word) => container.state.word() == word,
            Self::Ancestor(image) => {
                container.image_name == *image
                    || container.image.0.hex().starts_with(image.trim_start_matches("sha256:"))
                    || container.image_name.strip_suffix(":latest") == Some(image)
            }
            Self::Label(key, value) => container
                .config
                .labels
                .get(key)
                .is_some_and(|found| value.as_ref().is_none_or(|wanted| wanted == found)),
            Self::Network(name) => {
                container.endpoints.iter().any(|endpoint| endpoint.network_name.as_str() == name)
            }
        }
    }
}

/// A row of `ps`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerRow {
    #[serde(rename = "ID")]
    id: String,
    image: String,
    command: String,
    created_at: String,
    running_for: String,
    state: &'static str,
    status: String,
    ports: String,
    names: String,
    labels: String,
    networks: String,
    mounts: String,
}

impl ContainerRow {
    fn of(container: &Container, now: Timestamp, whole: bool) -> Self {
        let command = container.config.args.join(" ");
        let join = |parts: Vec<String>| parts.join(",");
        Self {
            id: if whole { container.id.hex() } else { container.id.short() },
            image: container.image_name.clone(),
            command: format!(
                "\"{}\"",
                if whole { command } else { listing::shorten(&command, 20) }
            ),
            created_at: container.created.to_string(),
            running_for: format!("{} ago", span(container.created, now)),
            state: container.state.word(),
            status: status(&container.state, now),
            ports: String::new(),
            names: container.name.to_string(),
            labels: join(
                container
                    .config
                    .labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect(),
            ),
            networks: join(
                container
                    .endpoints
                    .iter()
                    .map(|endpoint| endpoint.network_name.to_string())
                    .collect(),
            ),
            mounts: join(
                container.config.mounts.iter().map(|mount| mount.target.clone()).collect(),
            ),
        }
    }
}

impl Row for ContainerRow {
    const HEAD: &'static [&'static str] =
        &["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];

    fn cells(&self) -> Vec<String> {
        [
            &self.id,
            &self.image,
            &self.command,
            &self.running_for,
            &self.status,
            &self.ports,
            &self.names,
        ]
        .map(Clone::clone)
        .to_vec()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Says what a container is doing, in Docker's words.
fn status(state: &State, now: Timestamp) -> String {
    match state {
        State::Created => "Created".to_owned(),
        State::Starting => "Starting".to_owned(),
        State::Running { started } => format!("Up {}", span(*started, now)),
        State::Exited { finished, exit, .. } => {
            format!("Exited ({}) {} ago", exit.code, span(*finished, now))
        }
    }
}

/// Says roughly how long ago something was.
pub(super) fn span(since: Timestamp, now: Timestamp) -> String {
    let span = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    units::rough_span(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Exit;

    #[test]
    fn states_are_told_in_dockers_words() {
        let now = Timestamp::from_second(10_000).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let exited = State::Exited {
            started: None,
            finished: at(10_000 - 7200),
            exit: Exit { code: 3, ..Exit::default() },
        };
        for (state, text) in [
            (State::Created, "Created"),
            (State::Running { started: at(10_000 - 180) }, "Up 3 minutes"),
            (exited, "Exited (3) 2 hours ago"),
        ] {
            assert_eq!(status(&state, now), text);
        }
    }
}
