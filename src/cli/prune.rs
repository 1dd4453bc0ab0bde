//! `prune`: what would go is shown first, then it is asked, then it goes.

use std::io::{self, BufRead as _, IsTerminal as _};

use jiff::Timestamp;

use super::{
    arguments::{ImagePruneOptions, PruneOptions, read_moment},
    failure,
    filter::Filters,
    output,
};
use crate::{
    engine::{
        Engine, EngineError, ErrorKind, LabelFilter, PrunePlan, PruneRequest, Result, Unused,
    },
    model::units,
};

/// Removes containers that do not run.
pub(super) fn containers(engine: &Engine, options: &PruneOptions) -> Result<u8> {
    let request = PruneRequest { containers: true, ..PruneRequest::default() };
    run(engine, options, &request, "all stopped containers")
}

/// Removes networks that no container joins.
pub(super) fn networks(engine: &Engine, options: &PruneOptions) -> Result<u8> {
    let request = PruneRequest { networks: true, ..PruneRequest::default() };
    run(engine, options, &request, "all networks that no container joins")
}

/// Removes images that no container stands on.
pub(super) fn images(engine: &Engine, options: &ImagePruneOptions) -> Result<u8> {
    let request = PruneRequest { images: unused(options), ..PruneRequest::default() };
    let what = if options.all {
        "all images that no container stands on"
    } else {
        "all images without a name that no container stands on"
    };
    run(engine, &options.prune, &request, what)
}

/// Removes all of these.
pub(super) fn everything(engine: &Engine, options: &ImagePruneOptions) -> Result<u8> {
    let request = PruneRequest {
        containers: true,
        networks: true,
        images: unused(options),
        ..PruneRequest::default()
    };
    let what = if options.all {
        "all stopped containers, all networks that no container joins, and then all images that no container stands on"
    } else {
        "all stopped containers, all networks that no container joins, and then all images without a name that no container stands on"
    };
    run(engine, &options.prune, &request, what)
}

fn run(engine: &Engine, options: &PruneOptions, request: &PruneRequest, what: &str) -> Result<u8> {
    let filters = Filters::parse(&options.filters, &["until", "label", "label!"])?;
    let mut labels = label_filters(&filters, "label", false);
    labels.extend(label_filters(&filters, "label!", true));
    let request = PruneRequest { until: until(&filters)?, labels, ..request.clone() };
    let plan = engine.plan_prune(&request)?;
    if plan.is_empty() {
        output::line("Nothing to remove.");
        output::line("Total reclaimed space: 0B");
        return Ok(0);
    }
    if !options.force {
        output::line(format!("This will remove {what}:"));
        show(&plan);
        output::line(format!("That gives back {}.", units::size(plan.bytes())));
        if !agreed()? {
            return Ok(1);
        }
    }
    let pruned = engine.prune(plan);
    tell(&pruned.gone);
    for error in &pruned.refused {
        failure::report(error, false);
    }
    output::line(format!("Total reclaimed space: {}", units::size(pruned.gone.bytes())));
    Ok(u8::from(!pruned.refused.is_empty()))
}

fn label_filters(filters: &Filters, key: &str, is_unwanted: bool) -> Vec<LabelFilter> {
    let one = |text: &str| {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        LabelFilter { key: key.to_owned(), value, is_unwanted }
    };
    filters.values(key).map(one).collect()
}

/// Reads `until`: a time, or how long ago.
fn until(filters: &Filters) -> Result<Option<Timestamp>> {
    let mut until: Option<Timestamp> = None;
    for text in filters.values("until") {
        let moment = read_moment(text).map_err(|message| {
            let message = format!("filter until={text} makes no sense: {message}");
            EngineError::new(ErrorKind::Invalid, message)
        })?;
        until = Some(until.map_or(moment, |known| known.min(moment)));
    }
    Ok(until)
}

const fn unused(options: &ImagePruneOptions) -> Unused {
    if options.all { Unused::All } else { Unused::Nameless }
}

/// Shows what would go.
fn show(plan: &PrunePlan) {
    for (container, bytes) in &plan.containers {
        let state = container.state.word();
        let (name, image) = (&container.name, &container.image_name);
        output::line(format!("  container {name}, {state}, of {image}: {}", units::size(*bytes)));
    }
    for network in &plan.networks {
        output::line(format!("  network {}, {}", network.name, network.subnet));
    }
    for (image, bytes) in &plan.images {
        let names: Vec<String> = image.references.iter().map(ToString::to_string).collect();
        let names = if names.is_empty() { image.id.0.short() } else { names.join(", ") };
        output::line(format!("  image {names}: {}", units::size(*bytes)));
    }
}

/// Says what went, in Docker's words.
fn tell(gone: &PrunePlan) {
    if !gone.containers.is_empty() {
        output::line("Deleted Containers:");
        gone.containers.iter().for_each(|(container, _)| output::line(container.id.hex()));
        output::line("");
    }
    if !gone.networks.is_empty() {
        output::line("Deleted Networks:");
        gone.networks.iter().for_each(|network| output::line(network.name.to_string()));
        output::line("");
    }
    if !gone.images.is_empty() {
        output::line("Deleted Images:");
        for (image, _) in &gone.images {
            image.references.iter().for_each(|name| output::line(format!("untagged: {name}")));
            output::line(format!("deleted: {}", image.id));
        }
        output::line("");
    }
}

fn agreed() -> Result<bool> {
    if !io::stdin().is_terminal() {
        let message = "nobody can be asked whether that is meant";
        return Err(EngineError::new(ErrorKind::Invalid, message).hint("say it with --force"));
    }
    output::text("Are you sure you want to continue? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| {
        EngineError::new(ErrorKind::Invalid, "the terminal cannot be read").caused_by(error)
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
