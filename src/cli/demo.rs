//! `estiba demo`: something to look at, made from what is on this machine; and `demo --down`, which removes all of it.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Seek as _},
};

use super::{arguments::DemoOptions, output};
use crate::{
    engine::{
        Archive, Cancel, Engine, EngineError, ErrorKind, Force, Result,
        starter::{self, APP, LABEL, STARTER},
    },
    model::{ContainerName, CreateContainer, CreateNetwork, DEFAULT_NETWORK, NetworkRequest},
};

const NETWORK: &str = "demo-net";
/// Name, image and network of each container.
const CONTAINERS: [(&str, &str, &str); 3] = [
    ("demo-web-1", STARTER, DEFAULT_NETWORK),
    ("demo-web-2", STARTER, DEFAULT_NETWORK),
    ("demo-app", APP, NETWORK),
];

/// Sets the demo up or takes it down; tells whether the screen is to be opened.
pub(super) fn run(engine: &Engine, options: &DemoOptions) -> Result<bool> {
    if options.down {
        down(engine)?;
        return Ok(false);
    }
    load_images(engine)?;
    make_network(engine)?;
    for (name, image, network) in CONTAINERS {
        start(engine, name, image, network)?;
    }
    Ok(io::stdout().is_terminal() && io::stdin().is_terminal())
}

fn load_images(engine: &Engine) -> Result<()> {
    output::line("making the images from programs of this machine");
    let failed = |error: io::Error| {
        EngineError::new(ErrorKind::Storage, "the starter image cannot be kept for loading")
            .caused_by(error)
    };
    let mut file = engine.scratch_file()?;
    starter::write_archive(&mut file)?;
    file.rewind().map_err(failed)?;
    let archive = Archive::Stream(&mut file);
    for loaded in engine.load(archive, &Cancel::default(), &mut |_progress| {})? {
        for reference in loaded.references {
            output::line(format!("  image {reference}"));
        }
    }
    Ok(())
}

fn make_network(engine: &Engine) -> Result<()> {
    match engine.network(NETWORK) {
        Err(error) if error.kind() == &ErrorKind::NotFound => {}
        other => return other.map(drop),
    }
    let network = engine.create_network(&CreateNetwork {
        name: name(NETWORK)?,
        subnet: None,
        gateway: None,
    })?;
    output::line(format!("  network {} {}", network.name, network.subnet));
    Ok(())
}

/// Starts a container of the demo; one that is there already is used.
fn start(engine: &Engine, container: &str, image: &str, network: &str) -> Result<()> {
    let found = match engine.container(container) {
        Err(error) if error.kind() == &ErrorKind::NotFound => engine.create(&CreateContainer {
            name: Some(name(container)?),
            // As a person would write it.
            image: image.trim_end_matches(":latest").to_owned(),
            command: vec!["/bin/worker".to_owned()],
            hostname: Some(container.to_owned()),
            labels: BTreeMap::from([(LABEL.to_owned(), "1".to_owned())]),
            network: Some(NetworkRequest::Named(vec![network.to_owned()])),
            ..CreateContainer::default()
        })?,
        other => other?,
    };
    if !found.state.is_live() {
        engine.start(found.id)?;
    }
    output::line(format!("  container {container} from {image} on {network}"));
    Ok(())
}

/// Removes containers, images and the network, also of a demo that came only half way.
fn down(engine: &Engine) -> Result<()> {
    let overview = engine.overview()?;
    let is_demo = |labels: &BTreeMap<String, String>| labels.contains_key(LABEL);
    for container in
        overview.containers.iter().filter(|container| is_demo(&container.config.labels))
    {
        engine.remove(container.id, Force::Yes)?;
        output::line(format!("removed container {}", container.name));
    }
    for image in overview.images.iter().filter(|image| is_demo(&image.config.labels)) {
        engine.remove_image(&image.id.to_string(), Force::Yes)?;
        output::line(format!("removed image {}", image.display_name()));
    }
    if let Some(network) = overview.networks.iter().find(|network| network.name.as_str() == NETWORK)
    {
        engine.remove_network(network.id)?;
        output::line(format!("removed network {NETWORK}"));
    }
    Ok(())
}

fn name(text: &str) -> Result<ContainerName> {
    text.parse().map_err(|error: crate::model::NameError| {
        EngineError::new(ErrorKind::Internal, "a name of the demo is none").caused_by(error)
    })
}
