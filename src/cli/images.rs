//! The verbs of images.

use std::io::{self, IsTerminal as _};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Surroundings, analyze,
    arguments::{
        HistoryOptions, ImageVerb, ImagesOptions, LoadOptions, RemoveImages, SaveOptions,
        TagOptions,
    },
    containers::for_all,
    filter::Filters,
    inspect,
    listing::{self, Row, moment, span},
    making, output, prune, registries,
    transfer::{Output, Stopping, Transfer},
};
use crate::{
    engine::{Archive, Destination, Engine, EngineError, ErrorKind, Force, Result},
    model::{HistoryEntry, Image, ImageReference, units},
};

pub(super) fn dispatch(
    engine: &Engine,
    surroundings: &Surroundings,
    verb: ImageVerb,
) -> Result<u8> {
    match verb {
        ImageVerb::Ls(options) => list(engine, &options),
        ImageVerb::Pull(options) => registries::pull(engine, &options),
        ImageVerb::Push(options) => registries::push(engine, &options),
        ImageVerb::Load(options) => load(engine, &options),
        ImageVerb::Save(options) => save(engine, &options),
        ImageVerb::Import(options) => making::import(engine, surroundings, options),
        ImageVerb::Prune(options) => prune::images(engine, &options),
        ImageVerb::Tag(options) => tag(engine, &options),
        ImageVerb::Rm(options) => Ok(remove(engine, &options)),
        ImageVerb::History(options) => history(engine, &options),
        ImageVerb::Analyze(options) => analyze::run(engine, &options),
        ImageVerb::Inspect(options) => inspect::run(engine, &options.among("image")),
    }
}

/// Loads an archive and says what came in.
pub(super) fn load(engine: &Engine, options: &LoadOptions) -> Result<u8> {
    let stopping = Stopping::new();
    let mut piped;
    let archive = if let Some(path) = &options.input {
        Archive::Path(path)
    } else {
        piped = stopping.archive()?;
        Archive::Stream(&mut piped)
    };
    let mut transfer = Transfer::new(told(options.quiet), "Loaded");
    let all = engine.load(archive, stopping.cancel(), &mut |progress| transfer.tell(&progress))?;
    drop(transfer);
    for loaded in all {
        if loaded.references.is_empty() {
            output::line(format!("Loaded image ID: {}", loaded.image));
        }
        for reference in &loaded.references {
            output::line(format!("Loaded image: {reference}"));
        }
    }
    Ok(0)
}

/// Saves images into an archive.
pub(super) fn save(engine: &Engine, options: &SaveOptions) -> Result<u8> {
    let stopping = Stopping::new();
    let mut stdout;
    let destination = match &options.output {
        Some(path) => Destination::Path(path),
        None if io::stdout().is_terminal() => {
            let message = "an archive is not for a terminal";
            return Err(EngineError::new(ErrorKind::Invalid, message)
                .hint("name a file with -o, or send the output somewhere"));
        }
        None => {
            stdout = io::stdout().lock();
            Destination::Stream(&mut stdout)
        }
    };
    let mut transfer = Transfer::new(told(options.quiet), "Saved");
    let mut tell = |progress| transfer.tell(&progress);
    engine.save(&options.names, destination, stopping.cancel(), &mut tell)?;
    Ok(0)
}

/// Gives where it is told how far an archive has come: standard output is for what came of it.
const fn told(quiet: bool) -> Output {
    if quiet { Output::None } else { Output::Error }
}

/// Gives an image a further name.
pub(super) fn tag(engine: &Engine, options: &TagOptions) -> Result<u8> {
    engine.tag(&options.source, &options.target)?;
    Ok(0)
}

/// Removes images or names of them, and says what went.
pub(super) fn remove(engine: &Engine, options: &RemoveImages) -> u8 {
    let force = if options.force { Force::Yes } else { Force::No };
    for_all(&options.names, |name| {
        let removed = engine.remove_image(name, force)?;
        for reference in &removed.untagged {
            output::line(format!("Untagged: {reference}"));
        }
        if let Some(id) = removed.deleted {
            output::line(format!("Deleted: {id}"));
        }
        Ok(())
    })
}

/// Takes names away and keeps the data.
pub(super) fn untag(engine: &Engine, names: &[String]) -> u8 {
    for_all(names, |name| {
        let reference: ImageReference =
            name.parse().map_err(|error: crate::model::ReferenceError| {
                EngineError::new(ErrorKind::Invalid, error.to_string())
            })?;
        engine.untag(&reference)?;
        output::line(format!("Untagged: {reference}"));
        Ok(())
    })
}

/// Lists images, one row for each name.
pub(super) fn list(engine: &Engine, options: &ImagesOptions) -> Result<u8> {
    let filters = Filters::parse(&options.filters, &["dangling", "label", "reference"])?;
    filters.only("dangling", &["true", "false", "1", "0"])?;
    let now = Timestamp::now();
    let wanted = options.name.as_deref();
    let mut rows: Vec<ImageRow> = Vec::new();
    for image in engine.overview()?.images {
        let dangling = if image.references.is_empty() { ["true", "1"] } else { ["false", "0"] };
        if !filters.any("dangling", |wanted| dangling.contains(&wanted))
            || !filters.labels(&image.config.labels)
        {
            continue;
        }
        let names: Vec<Option<&ImageReference>> = match image.references.as_slice() {
            [] => vec![None],
            names => names.iter().map(Some).collect(),
        };
        rows.extend(
            names
                .into_iter()
                .map(|name| ImageRow::of(&image, name, now, options.no_trunc))
                .filter(|row| wanted.is_none_or(|name| row.is_named(name)))
                .filter(|row| filters.any("reference", |name| row.is_named(name))),
        );
    }
    if options.digests {
        let rows: Vec<DigestRow> = rows.into_iter().map(DigestRow).collect();
        listing::print(&rows, options.quiet, options.format.as_deref())?;
    } else {
        listing::print(&rows, options.quiet, options.format.as_deref())?;
    }
    Ok(0)
}

/// Tells how an image was built, newest step first.
pub(super) fn history(engine: &Engine, options: &HistoryOptions) -> Result<u8> {
    let image = engine.image(&options.image)?;
    let now = Timestamp::now();
    let rows: Vec<StepRow> = engine
        .history(&options.image)?
        .into_iter()
        .enumerate()
        .map(|(number, (step, size))| {
            // Only the newest step has an image of its own here; builders leave the others nameless too.
            let id =
                if number == 0 { id_of(&image, options.no_trunc) } else { "<missing>".to_owned() };
            let row = StepRow::of(id, &step, size, now, options.no_trunc);
            if options.human { row } else { row.exact(&step, size) }
        })
        .collect();
    listing::print(&rows, options.quiet, options.format.as_deref())?;
    Ok(0)
}

fn id_of(image: &Image, whole: bool) -> String {
    if whole { image.id.to_string() } else { image.id.0.short() }
}

/// A row of `images`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageRow {
    repository: String,
    tag: String,
    #[serde(rename = "ID")]
    id: String,
    digest: String,
    created_at: String,
    created_since: String,
    size: String,
}

impl ImageRow {
    fn of(image: &Image, name: Option<&ImageReference>, now: Timestamp, whole: bool) -> Self {
        let none = || "<none>".to_owned();
        Self {
            repository: name.map_or_else(none, ImageReference::familiar_name),
            tag: name.and_then(ImageReference::tag).map_or_else(none, str::to_owned),
            id: id_of(image, whole),
            digest: image.manifest.to_string(),
            created_at: image.created.map_or_else(|| "N/A".to_owned(), moment),
            created_since: image
                .created
                .map_or_else(|| "N/A".to_owned(), |created| format!("{} ago", span(created, now))),
            size: units::size(image.size()),
        }
    }

    /// Tells whether a name, with or without its tag, means this row; `*` stands for anything but a slash, as with Docker.
    fn is_named(&self, name: &str) -> bool {
        // As people write it: what is said about the default registry is not repeated in the row.
        let name = ["docker.io/library/", "docker.io/"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(name);
        fits(&self.repository, name) || fits(&format!("{}:{}", self.repository, self.tag), name)
    }
}

/// Tells whether a text fits a pattern with `*` for anything but a slash.
fn fits(text: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    let reach = rest.find('/').unwrap_or(rest.len());
    rest.char_indices()
        .map(|(place, _)| place)
        .chain([rest.len()])
        .take_while(|place| *place <= reach)
        .any(|place| rest.get(place..).is_some_and(|rest| fits(rest, after)))
}

impl Row for ImageRow {
    const HEAD: &'static [&'static str] = &["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("ID", "IMAGE ID"),
        ("Digest", "DIGEST"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("Size", "SIZE"),
    ];

    fn cells(&self) -> Vec<String> {
        [&self.repository, &self.tag, &self.id, &self.created_since, &self.size]
            .map(Clone::clone)
            .to_vec()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// A row of `images --digests`.
#[derive(Serialize)]
#[serde(transparent)]
struct DigestRow(ImageRow);

impl Row for DigestRow {
    const HEAD: &'static [&'static str] =
        &["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"];
    const FIELDS: &'static [(&'static str, &'static str)] = ImageRow::FIELDS;

    fn cells(&self) -> Vec<String> {
        let mut cells = self.0.cells();
        cells.insert(2, self.0.digest.clone());
        cells
    }

    fn id(&self) -> &str {
        &self.0.id
    }
}

/// A row of `history`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StepRow {
    #[serde(rename = "ID")]
    id: String,
    created_at: String,
    created_since: String,
    created_by: String,
    size: String,
    comment: String,
}

impl StepRow {
    fn of(id: String, step: &HistoryEntry, size: u64, now: Timestamp, whole: bool) -> Self {
        let words: Vec<&str> = step.created_by.split_whitespace().collect();
        let created_by = words.join(" ");
        Self {
            id,
            created_at: step.created.map_or_else(|| "N/A".to_owned(), moment),
            created_since: step
                .created
                .map_or_else(|| "N/A".to_owned(), |created| format!("{} ago", span(created, now))),
            created_by: if whole { created_by } else { listing::shorten(&created_by, 45) },
            size: units::size(size),
            comment: step.comment.clone(),
        }
    }

    /// Has bytes and moments in place of what people read.
    fn exact(self, step: &HistoryEntry, size: u64) -> Self {
        let created = step.created.map_or_else(|| "N/A".to_owned(), |at| at.to_string());
        Self { size: size.to_string(), created_since: created, ..self }
    }
}

impl Row for StepRow {
    const HEAD: &'static [&'static str] = &["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"];
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("ID", "IMAGE"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ];

    fn cells(&self) -> Vec<String> {
        [&self.id, &self.created_since, &self.created_by, &self.size, &self.comment]
            .map(Clone::clone)
            .to_vec()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stop_at_slashes() {
        for (text, pattern, expected) in [
            ("debian", "debian", true),
            ("debian", "deb*", true),
            ("debian", "*", true),
            ("debian", "*ian", true),
            ("debian:12", "debian:*", true),
            ("me/mine", "*", false),
            ("me/mine", "me/*", true),
            ("me/mine", "*/*", true),
            ("debian", "d*x", false),
            ("debian", "debian*", true),
        ] {
            assert_eq!(fits(text, pattern), expected, "{text} {pattern}");
        }
    }
}
