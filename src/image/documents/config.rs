//! An image's config (image-spec, config.md; Docker's own is the same with more fields).

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{super::ImageError, or_default, read, wrong};
use crate::model::{DiffId, HealthCheck, HistoryEntry, ImageConfig, Timestamp};

/// An image's config, read.
#[derive(Debug, Clone)]
pub(in crate::image) struct Config {
    pub(in crate::image) created: Option<Timestamp>,
    pub(in crate::image) run: ImageConfig,
    pub(in crate::image) diffs: Vec<DiffId>,
}

#[derive(Debug, Deserialize)]
struct RawConfig {
    created: Option<String>,
    author: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    #[serde(default, deserialize_with = "or_default")]
    config: RawRun,
    rootfs: RawRootfs,
    #[serde(default, deserialize_with = "or_default")]
    history: Vec<RawHistory>,
}

#[derive(Debug, Deserialize)]
struct RawRootfs {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<DiffId>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawRun {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    exposed_ports: Names,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    volumes: Names,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    stop_signal: Option<String>,
    #[serde(deserialize_with = "or_default")]
    healthcheck: RawHealth,
}

/// Docker's `Healthcheck`; spans are nanoseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawHealth {
    #[serde(deserialize_with = "or_default")]
    test: Vec<String>,
    interval: i64,
    timeout: i64,
    start_period: i64,
    start_interval: i64,
    retries: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawHistory {
    created: Option<String>,
    #[serde(deserialize_with = "or_default")]
    created_by: String,
    #[serde(deserialize_with = "or_default")]
    comment: String,
    #[serde(deserialize_with = "or_default")]
    empty_layer: bool,
}

/// Reads an image's config.
///
/// # Errors
/// [`ImageError::Document`].
pub(in crate::image) fn config(bytes: &[u8], object: &str) -> Result<Config, ImageError> {
    let raw: RawConfig = read(bytes, object)?;
    if raw.rootfs.kind != "layers" {
        let found = raw.rootfs.kind;
        return Err(wrong(object, format!("its root file system is of type '{found}'")));
    }
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Config {
        created: time(raw.created.as_deref()),
        diffs: raw.rootfs.diff_ids,
        run: ImageConfig {
            architecture: raw.architecture,
            os: raw.os,
            author: filled(raw.author),
            env: raw.config.env,
            entrypoint: raw.config.entrypoint,
            command: raw.config.cmd,
            workdir: raw.config.working_dir,
            user: raw.config.user,
            labels: raw.config.labels,
            exposed_ports: names(raw.config.exposed_ports),
            volumes: names(raw.config.volumes),
            stop_signal: filled(raw.config.stop_signal),
            health: health(raw.config.healthcheck),
            history: raw.history.into_iter().map(history).collect(),
        },
    })
}

/// A set as Go writes it: an object with an empty object under each name.
type Names = serde_json::Map<String, serde_json::Value>;

fn names(set: Names) -> Vec<String> {
    set.into_iter().map(|(name, _)| name).collect()
}

/// A number that makes no sense is as good as absent: the default stands.
fn health(raw: RawHealth) -> HealthCheck {
    let span = |nanoseconds: i64| Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
    HealthCheck {
        test: raw.test,
        interval: span(raw.interval),
        timeout: span(raw.timeout),
        start_period: span(raw.start_period),
        start_interval: span(raw.start_interval),
        retries: u32::try_from(raw.retries).unwrap_or(0),
    }
}

fn history(raw: RawHistory) -> HistoryEntry {
    HistoryEntry {
        created: time(raw.created.as_deref()),
        created_by: raw.created_by,
        comment: raw.comment,
        empty_layer: raw.empty_layer,
    }
}

/// Reads a time; one that is none is as good as absent, since nothing depends on it.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_config_with_nulls_is_read() {
        let text = format!(
            r#"{{"created":"0001-01-01T00:00:00Z","config":{{"Env":null,"Cmd":["sh"],"ExposedPorts":{{"80/tcp":{{}}}},
            "Labels":null,"StopSignal":"","Hostname":"x","Healthcheck":{{"Test":["CMD","x"],"Interval":1500000000,"Retries":-2}}}},"history":[{{"created":"bad","created_by":"RUN","empty_layer":true}}],
            "rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}}}}"#
        );
        let read = config(text.as_bytes(), "x").unwrap();
        assert_eq!(read.run.command, ["sh"]);
        assert_eq!(read.run.exposed_ports, ["80/tcp"]);
        assert_eq!(read.run.stop_signal, None);
        assert_eq!(read.run.health.command(), Some(vec!["x".to_owned()]));
        assert_eq!((read.run.health.interval.as_millis(), read.run.health.retries), (1500, 0));
        assert_eq!(read.run.history[0].created, None);
        assert!(read.run.history[0].empty_layer);
        assert_eq!(read.diffs.len(), 1);
        assert!(read.created.is_some());
        assert!(config(text.replace("layers", "windows").as_bytes(), "x").is_err());
    }
}
