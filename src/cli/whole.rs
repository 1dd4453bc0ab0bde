//! What concerns the whole: `version` and `info`.

use serde::Serialize;

use super::{arguments::InfoOptions, output, template::Format};
use crate::{
    engine::{Engine, Privilege, Result},
    model::State,
};

/// Prints the version.
pub(super) fn version() {
    output::line(format!("estiba {}", env!("CARGO_PKG_VERSION")));
}

/// What `info` tells, by Docker's names where it has them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Whole {
    server_version: &'static str,
    containers: usize,
    containers_running: usize,
    containers_stopped: usize,
    images: usize,
    networks: usize,
    rootless: bool,
    architecture: &'static str,
    #[serde(rename = "OSType")]
    os_type: &'static str,
    docker_root_dir: String,
}

/// Prints what is here.
pub(super) fn describe(engine: &Engine, options: &InfoOptions) -> Result<u8> {
    let overview = engine.overview()?;
    let running = overview
        .containers
        .iter()
        .filter(|container| matches!(container.state, State::Running { .. }))
        .count();
    let whole = Whole {
        server_version: env!("CARGO_PKG_VERSION"),
        containers: overview.containers.len(),
        containers_running: running,
        containers_stopped: overview.containers.len() - running,
        images: overview.images.len(),
        networks: overview.networks.len(),
        rootless: engine.config().privilege != Privilege::Rootful,
        architecture: std::env::consts::ARCH,
        os_type: std::env::consts::OS,
        docker_root_dir: engine.config().data_root.display().to_string(),
    };
    match options.format.as_deref() {
        None => output::text(&as_text(&whole, engine.config().privilege)),
        Some("json") => output::line(Format::parse("{{json .}}")?.fill(&whole)?),
        Some(template) => output::line(Format::parse(template)?.fill(&whole)?),
    }
    Ok(0)
}

fn as_text(whole: &Whole, privilege: Privilege) -> String {
    let user = match privilege {
        Privilege::Rootful => "root".to_owned(),
        Privilege::Rootless { ids: 1 } => "an ordinary user with one id".to_owned(),
        Privilege::Rootless { ids } => format!("an ordinary user with {ids} ids"),
    };
    format!(
        "Version:     {}\nContainers:  {}\n  Running:   {}\n  Stopped:   {}\nImages:      {}\nNetworks:    {}\nRuns as:     {user}\nStore:       {}\n",
        whole.server_version,
        whole.containers,
        whole.containers_running,
        whole.containers_stopped,
        whole.images,
        whole.networks,
        whole.docker_root_dir,
    )
}
