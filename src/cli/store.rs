//! `system df` and `system check`: what takes how much room, and whether all is whole.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    arguments::{CheckOptions, DiskOptions},
    listing::{self, Row, moment, span},
    output,
    plain::plain,
    template::Format,
};
use crate::{
    engine::{ContainerMeasure, Depth, Engine, ImageMeasure, Measure, Remedy, Result},
    model::units,
};

/// Shows what takes how much room.
pub(super) fn disk(engine: &Engine, options: &DiskOptions) -> Result<u8> {
    let measure = engine.measure()?;
    if options.verbose {
        return verbose(&measure, options.format.as_deref());
    }
    let rows = totals(&measure);
    listing::print(&rows, false, options.format.as_deref())?;
    Ok(0)
}

fn totals(measure: &Measure) -> [TotalRow; 3] {
    let standing = measure.images.iter().filter(|it| it.containers > 0).count();
    let live = |it: &&ContainerMeasure| it.container.state.is_live();
    let written: u64 = measure.containers.iter().map(|it| it.written).sum();
    let idle: u64 = measure.containers.iter().filter(|it| !live(it)).map(|it| it.written).sum();
    [
        TotalRow::of(
            "Images",
            (measure.images.len(), standing),
            (measure.layers, measure.idle_layers),
        ),
        TotalRow::of(
            "Containers",
            (measure.containers.len(), measure.containers.iter().filter(live).count()),
            (written, idle),
        ),
        TotalRow::of(
            "Blobs",
            (measure.blob_count, measure.used_blob_count),
            (measure.blobs, measure.idle_blobs),
        ),
    ]
}

/// Writes bytes as templates know numbers, with a sign.
fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A row of `system df`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TotalRow {
    #[serde(rename = "Type")]
    kind: &'static str,
    total_count: String,
    active: String,
    size: String,
    reclaimable: String,
    bytes: i64,
    reclaimable_bytes: i64,
}

impl TotalRow {
    fn of(kind: &'static str, (total, active): (usize, usize), (size, idle): (u64, u64)) -> Self {
        let percent = (idle * 100).checked_div(size);
        Self {
            kind,
            total_count: total.to_string(),
            active: active.to_string(),
            size: units::size(size),
            reclaimable: match percent {
                Some(percent) => format!("{} ({percent}%)", units::size(idle)),
                None => units::size(idle),
            },
            bytes: number(size),
            reclaimable_bytes: number(idle),
        }
    }
}

impl Row for TotalRow {
    const HEAD: &'static [&'static str] = &["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"];
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ];

    fn cells(&self) -> Vec<String> {
        [&self.total_count, &self.active, &self.size, &self.reclaimable].iter().fold(
            vec![self.kind.to_owned()],
            |mut cells, cell| {
                cells.push((*cell).clone());
                cells
            },
        )
    }

    fn id(&self) -> &str {
        self.kind
    }
}

/// Everything, for `-v`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Everything {
    images: Vec<ImageRow>,
    containers: Vec<ContainerRow>,
    layers_bytes: i64,
    blobs_bytes: i64,
}

fn verbose(measure: &Measure, format: Option<&str>) -> Result<u8> {
    let now = Timestamp::now();
    let images: Vec<ImageRow> =
        measure.images.iter().flat_map(|it| ImageRow::of(it, now)).collect();
    let containers: Vec<ContainerRow> =
        measure.containers.iter().map(|it| ContainerRow::of(it, now)).collect();
    let everything = Everything {
        images,
        containers,
        layers_bytes: number(measure.layers),
        blobs_bytes: number(measure.blobs),
    };
    match format {
        None | Some("table") => {
            output::line("Images space usage:\n");
            listing::print(&everything.images, false, None)?;
            output::line("\nContainers space usage:\n");
            listing::print(&everything.containers, false, None)?;
            output::line(format!(
                "\nLayers: {}, each counted once. Blobs, kept for push and save: {}.",
                units::size(measure.layers),
                units::size(measure.blobs)
            ));
        }
        Some("json") => output::line(Format::parse("{{json .}}")?.fill(&everything)?),
        Some(template) => output::line(Format::parse(template)?.fill(&everything)?),
    }
    Ok(0)
}

/// An image of `system df -v`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageRow {
    repository: String,
    tag: String,
    #[serde(rename = "ID")]
    id: String,
    created_at: String,
    created_since: String,
    size: String,
    shared_size: String,
    unique_size: String,
    containers: String,
    size_bytes: i64,
    shared_bytes: i64,
    unique_bytes: i64,
    unique_blob_bytes: i64,
}

impl ImageRow {
    /// Gives a row for each name, as Docker does.
    fn of(measure: &ImageMeasure, now: Timestamp) -> Vec<Self> {
        let image = &measure.image;
        let size = measure.shared + measure.unique;
        let names: Vec<_> = match image.references.as_slice() {
            [] => vec![None],
            names => names.iter().map(Some).collect(),
        };
        let none = || "<none>".to_owned();
        names
            .into_iter()
            .map(|name| Self {
                repository: name.map_or_else(none, crate::model::ImageReference::familiar_name),
                tag: name.and_then(|name| name.tag()).map_or_else(none, str::to_owned),
                id: image.id.0.short(),
                created_at: image.created.map_or_else(|| "N/A".to_owned(), moment),
                created_since: image
                    .created
                    .map_or_else(|| "N/A".to_owned(), |then| format!("{} ago", span(then, now))),
                size: units::size(size),
                shared_size: units::size(measure.shared),
                unique_size: units::size(measure.unique),
                containers: measure.containers.to_string(),
                size_bytes: number(size),
                shared_bytes: number(measure.shared),
                unique_bytes: number(measure.unique),
                unique_blob_bytes: number(measure.unique_blobs),
            })
            .collect()
    }
}

impl Row for ImageRow {
    const HEAD: &'static [&'static str] = &[
        "REPOSITORY",
        "TAG",
        "IMAGE ID",
        "CREATED",
        "SIZE",
        "SHARED SIZE",
        "UNIQUE SIZE",
        "CONTAINERS",
    ];
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    fn cells(&self) -> Vec<String> {
        [
            &self.repository,
            &self.tag,
            &self.id,
            &self.created_since,
            &self.size,
            &self.shared_size,
            &self.unique_size,
            &self.containers,
        ]
        .map(Clone::clone)
        .to_vec()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// A container of `system df -v`, with Docker's field names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerRow {
    #[serde(rename = "ID")]
    id: String,
    image: String,
    size: String,
    virtual_size: String,
    running_for: String,
    state: &'static str,
    names: String,
    size_bytes: i64,
    image_bytes: i64,
}

impl ContainerRow {
    fn of(measure: &ContainerMeasure, now: Timestamp) -> Self {
        let container = &measure.container;
        Self {
            id: container.id.short(),
            image: container.image_name.clone(),
            size: units::size(measure.written),
            virtual_size: units::size(measure.written + measure.image),
            running_for: format!("{} ago", span(container.created, now)),
            state: container.state.word(),
            names: container.name.to_string(),
            size_bytes: number(measure.written),
            image_bytes: number(measure.image),
        }
    }
}

impl Row for ContainerRow {
    const HEAD: &'static [&'static str] =
        &["CONTAINER ID", "IMAGE", "SIZE", "WITH IMAGE", "CREATED", "STATE", "NAMES"];
    const FIELDS: &'static [(&'static str, &'static str)] = &[];

    fn cells(&self) -> Vec<String> {
        let state = self.state.to_owned();
        [
            &self.id,
            &self.image,
            &self.size,
            &self.virtual_size,
            &self.running_for,
            &state,
            &self.names,
        ]
        .map(Clone::clone)
        .to_vec()
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Looks whether all is whole, and says what is not and what was done about it; 1 when something is left to do.
pub(super) fn check(engine: &Engine, options: &CheckOptions) -> Result<u8> {
    let depth = if options.deep { Depth::Deep } else { Depth::Quick };
    let checkup = engine.check(depth, options.repair)?;
    let mut is_whole = true;
    for problem in &checkup.problems {
        let images = match problem.images.as_slice() {
            [] => String::new(),
            images => format!(" (of {})", images.join(", ")),
        };
        // It may name a file of an image.
        output::line(plain(&format!("{}: {}{images}", problem.object, problem.reason)));
        let step = match &problem.remedy {
            Remedy::Done(what) => (*what).to_owned(),
            Remedy::Possible(what) => {
                is_whole = false;
                format!("{what}: estiba system check --repair")
            }
            Remedy::Manual(step) => {
                is_whole = false;
                step.clone()
            }
        };
        output::line(format!("  {}", plain(&step)));
    }
    let extent = checkup.extent;
    output::line(format!(
        "{} images, {} layers, {} blobs, {} entries: {}",
        extent.images,
        extent.layers,
        extent.blobs,
        extent.entries,
        match (checkup.problems.len(), is_whole) {
            (0, _) => "all is whole",
            (_, true) => "all is whole now",
            (_, false) => "something is left to do",
        }
    ));
    Ok(u8::from(!is_whole))
}
