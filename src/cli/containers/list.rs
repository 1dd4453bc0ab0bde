//! `ps`: containers as a list.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    cli::{
        arguments::PsOptions,
        filter::{Filters, fits_name},
        listing::{self, Row, moment, span},
    },
    engine::{Engine, EngineError, ErrorKind, Result},
    model::{Container, Health, ImageReference, MountKind, Network, NetworkMode, State, units},
};

/// What `--filter` knows.
const KEYS: &[&str] = &[
    "name", "id", "status", "exited", "ancestor", "before", "since", "label", "network", "volume",
    "publish", "expose", "health", "is-task",
];
/// What a container can be doing; the last two are Docker's, and none is ever that here.
const STATUSES: &[&str] =
    &["created", "starting", "running", "exited", "paused", "restarting", "removing", "dead"];

/// How a container can be; `none` when nobody asks.
const HEALTHS: &[&str] = &["starting", "healthy", "unhealthy", "none"];

/// Lists containers.
pub(super) fn run(engine: &Engine, options: &PsOptions) -> Result<u8> {
    let filters = Filters::parse(&options.filters, KEYS)?;
    filters.only("status", STATUSES)?;
    filters.only("health", HEALTHS)?;
    filters.only("is-task", &["true", "false"])?;
    let between = Between::of(engine, &filters)?;
    let overview = engine.overview()?;
    let (mut containers, networks) = (overview.containers, overview.networks);
    let wants_all = options.all
        || options.latest
        || options.last.is_some()
        || filters.has("status")
        || filters.has("exited");
    containers.retain(|container| {
        (wants_all || container.state.is_live())
            && between.has(container)
            && takes(&filters, container, &networks)
    });
    if let Some(most) = options.last.or_else(|| options.latest.then_some(1)) {
        containers.truncate(most);
    }
    let now = Timestamp::now();
    let mut rows = Vec::new();
    for container in &containers {
        let mut row = ContainerRow::of(container, &networks, now, options.no_trunc);
        if options.size {
            row.size = units::size(engine.written(container.id)?);
        }
        rows.push(row);
    }
    if options.size {
        let rows: Vec<SizedRow> = rows.into_iter().map(SizedRow).collect();
        listing::print(&rows, options.quiet, options.format.as_deref())?;
    } else {
        listing::print(&rows, options.quiet, options.format.as_deref())?;
    }
    Ok(0)
}

/// What the filters say that names others or numbers, read once.
struct Between {
    /// Only those made before all of these moments.
    before: Vec<Timestamp>,
    /// Only those made after all of these.
    since: Vec<Timestamp>,
}

impl Between {
    fn of(engine: &Engine, filters: &Filters) -> Result<Self> {
        if let Some(odd) = filters.values("exited").find(|code| code.parse::<i32>().is_err()) {
            let message = format!("filter exited={odd} makes no sense: it is an exit code");
            return Err(EngineError::new(ErrorKind::Invalid, message));
        }
        let moments = |key| -> Result<Vec<Timestamp>> {
            filters.values(key).map(|name| Ok(engine.container(name)?.created)).collect()
        };
        Ok(Self { before: moments("before")?, since: moments("since")? })
    }

    fn has(&self, container: &Container) -> bool {
        self.before.iter().all(|moment| container.created < *moment)
            && self.since.iter().all(|moment| container.created > *moment)
    }
}

fn takes(filters: &Filters, container: &Container, networks: &[Network]) -> bool {
    let code = match &container.state {
        State::Exited { exit, .. } => Some(exit.code.to_string()),
        _ => None,
    };
    filters.any("name", |part| fits_name(container.name.as_str(), part))
        && filters.any("id", |beginning| container.id.hex().starts_with(beginning))
        && filters.any("status", |word| container.state.word() == word)
        && filters.any("exited", |wanted| code.as_deref() == Some(wanted))
        && filters
            .any("health", |word| container.state.health().map_or("none", Health::word) == word)
        && filters.any("ancestor", |image| stands_on(container, image))
        && filters.labels(&container.config.labels)
        && filters.any("network", |wanted| {
            network_names(container, networks).iter().any(|name| name == wanted)
                || matches!(&container.config.network, NetworkMode::Bridges(ids)
                    if wanted.len() >= 12 && ids.iter().any(|id| id.hex().starts_with(wanted)))
        })
        && filters.any("volume", |wanted| {
            container.config.mounts.iter().any(|mount| {
                mount.target == wanted
                    || matches!(&mount.kind, MountKind::Bind { source, .. } if source.as_os_str() == wanted)
            })
        })
        // None is published yet, and there are no services.
        && !filters.has("publish")
        && filters.any("is-task", |wanted| wanted == "false")
        && filters.any("expose", |wanted| {
            exposed(container).iter().any(|port| is_among(port, wanted))
        })
}

/// Lists the networks of a container by name, also when it does not run.
fn network_names(container: &Container, networks: &[Network]) -> Vec<String> {
    match &container.config.network {
        NetworkMode::None => vec!["none".to_owned()],
        NetworkMode::Host => vec!["host".to_owned()],
        NetworkMode::Container(_) => Vec::new(),
        NetworkMode::Bridges(ids) => {
            let named = networks.iter().filter(|network| ids.contains(&network.id));
            named.map(|network| network.name.to_string()).collect()
        }
    }
}

/// Gives the ports that a container listens at, as it says, while it runs.
fn exposed(container: &Container) -> &[String] {
    match &container.config.network {
        NetworkMode::Bridges(_) if container.state.is_live() => {
            &container.config.isolation.exposed_ports
        }
        _ => &[],
    }
}

/// Tells whether a port like `80/tcp`, or one of some, is among those of a filter like `80`, `80-90` or `53/udp`.
fn is_among(port: &str, wanted: &str) -> bool {
    let read = |text: &str| {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?, protocol.to_owned()))
    };
    match (read(port), read(wanted)) {
        (Some((first, last, protocol)), Some((from, to, wanted))) => {
            protocol == wanted && first <= to && from <= last
        }
        _ => false,
    }
}

/// Tells whether a container was made from an image, by the name that was used then or by the image's id.
fn stands_on(container: &Container, image: &str) -> bool {
    let id = image.strip_prefix("sha256:").unwrap_or(image);
    let reference = |text: &str| text.parse::<ImageReference>().ok();
    (id.len() >= 4 && container.image.0.hex().starts_with(id))
        || reference(image).is_some_and(|wanted| reference(&container.image_name) == Some(wanted))
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
    local_volumes: &'static str,
    size: String,
}

impl ContainerRow {
    fn of(container: &Container, networks: &[Network], now: Timestamp, whole: bool) -> Self {
        let command = container.config.args.join(" ");
        let join = |parts: Vec<String>| parts.join(",");
        Self {
            id: if whole { container.id.hex() } else { container.id.short() },
            image: container.image_name.clone(),
            command: format!(
                "\"{}\"",
                if whole { command } else { listing::shorten(&command, 20) }
            ),
            created_at: moment(container.created),
            running_for: format!("{} ago", span(container.created, now)),
            state: container.state.word(),
            status: status(&container.state, now),
            ports: exposed(container).join(", "),
            names: container.name.to_string(),
            labels: join(
                container
                    .config
                    .labels
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect(),
            ),
            networks: join(network_names(container, networks)),
            mounts: join(sources(container, whole)),
            local_volumes: "0",
            size: String::new(),
        }
    }
}

/// Lists what of the host is mounted, as Docker does.
fn sources(container: &Container, whole: bool) -> Vec<String> {
    let source = |kind: &MountKind| match kind {
        MountKind::Bind { source, .. } => {
            let path = source.display().to_string();
            Some(if whole { path } else { listing::shorten(&path, 15) })
        }
        MountKind::Tmpfs { .. } => None,
    };
    container.config.mounts.iter().filter_map(|mount| source(&mount.kind)).collect()
}

impl Row for ContainerRow {
    const HEAD: &'static [&'static str] =
        &["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];

    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Ports", "PORTS"),
        ("Names", "NAMES"),
        ("Labels", "LABELS"),
        ("Networks", "NETWORKS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Size", "SIZE"),
    ];

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

/// A row of `ps --size`.
#[derive(Serialize)]
#[serde(transparent)]
struct SizedRow(ContainerRow);

impl Row for SizedRow {
    const HEAD: &'static [&'static str] =
        &["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES", "SIZE"];
    const FIELDS: &'static [(&'static str, &'static str)] = ContainerRow::FIELDS;

    fn cells(&self) -> Vec<String> {
        let mut cells = self.0.cells();
        cells.push(self.0.size.clone());
        cells
    }

    fn id(&self) -> &str {
        &self.0.id
    }
}

/// Says what a container is doing, in Docker's words.
fn status(state: &State, now: Timestamp) -> String {
    match state {
        State::Created => "Created".to_owned(),
        State::Starting => "Starting".to_owned(),
        State::Running { started, paused, health, .. } => {
            let more = match health {
                _ if *paused => " (Paused)",
                Some(Health::Starting) => " (health: starting)",
                Some(Health::Healthy) => " (healthy)",
                Some(Health::Unhealthy) => " (unhealthy)",
                None => "",
            };
            format!("Up {}{more}", span(*started, now))
        }
        State::Restarting { finished, exit, .. } => {
            format!("Restarting ({}) {} ago", exit.code, span(*finished, now))
        }
        State::Exited { finished, exit, .. } => {
            format!("Exited ({}) {} ago", exit.code, span(*finished, now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Exit;

    #[test]
    fn ports_are_found_by_number_range_and_protocol() {
        for (port, wanted, is_found) in [
            ("80/tcp", "80", true),
            ("80/tcp", "80/tcp", true),
            ("80/tcp", "79-81", true),
            ("80-90/tcp", "85", true),
            ("80/tcp", "80/udp", false),
            ("80/tcp", "8000-8080", false),
            ("80/tcp", "x", false),
        ] {
            assert_eq!(is_among(port, wanted), is_found, "{port} {wanted}");
        }
    }

    #[test]
    fn states_are_told_in_dockers_words() {
        let now = Timestamp::from_second(10_000).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let exit = Exit { code: 3, ..Exit::default() };
        let exited = State::exited(None, at(10_000 - 7200), exit.clone());
        let restarting =
            State::Restarting { started: None, finished: at(10_000 - 5), exit, restarts: 1 };
        let up = |paused, health| State::Running {
            started: at(10_000 - 180),
            paused,
            restarts: 0,
            health,
        };
        for (state, text) in [
            (State::Created, "Created"),
            (up(false, None), "Up 3 minutes"),
            (up(true, Some(Health::Healthy)), "Up 3 minutes (Paused)"),
            (up(false, Some(Health::Starting)), "Up 3 minutes (health: starting)"),
            (up(false, Some(Health::Healthy)), "Up 3 minutes (healthy)"),
            (up(false, Some(Health::Unhealthy)), "Up 3 minutes (unhealthy)"),
            (restarting, "Restarting (3) 5 seconds ago"),
            (exited, "Exited (3) 2 hours ago"),
        ] {
            assert_eq!(status(&state, now), text);
        }
    }
}
