//! From columns to words and back.

use std::{collections::BTreeMap, error::Error, path::Path, str::FromStr};

use rusqlite::{
    Row,
    ffi::{
        SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_TRIGGER,
        SQLITE_CONSTRAINT_UNIQUE,
    },
    types::Type,
};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IntoDeserializer as _, value::StrDeserializer},
};

use super::StoreError;
use crate::model::{
    Container, Dependent, Endpoint, Event, Image, Layer, Network, State, Timestamp,
};

/// Wraps what SQLite says, naming the file.
pub(super) fn broken(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Records { path: path.to_owned(), source: source.into() }
}

/// Tells whether a statement failed because a unique value is taken.
pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(error.extended_code, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY)
    })
}

/// Tells whether a statement failed because of a foreign key. `ON DELETE RESTRICT` is reported as a failed trigger.
pub(super) fn is_referred(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(error.extended_code, SQLITE_CONSTRAINT_FOREIGNKEY | SQLITE_CONSTRAINT_TRIGGER)
    })
}

fn unreadable(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

/// Reads a column that holds the text form of a value.
pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error: T::Err| unreadable(column, error))
}

/// Reads a column that holds the 64 digits of a digest.
pub(super) fn digest<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>,
{
    let text = row.get_ref(column)?.as_str()?;
    format!("sha256:{text}").parse().map_err(|error: T::Err| unreadable(column, error))
}

/// Reads a column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| unreadable(column, error))
}

/// Reads a column that holds one word of a closed set.
fn word<'de, T: Deserialize<'de>>(row: &'de Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: StrDeserializer<'de, serde::de::value::Error> =
        row.get_ref(column)?.as_str()?.into_deserializer();
    T::deserialize(text).map_err(|error| unreadable(column, error))
}

/// Reads a column that counts something.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| unreadable(column, error))
}

/// Writes a count; SQLite's integers end at 2 to the 63rd, which no count of bytes or lines reaches.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a column that holds nanoseconds since 1970.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let nanoseconds: i64 = row.get(column)?;
    Timestamp::from_nanosecond(nanoseconds.into()).map_err(|error| unreadable(column, error))
}

/// Writes a time as nanoseconds since 1970; what does not fit (before 1677, after 2262) becomes the nearest that does.
pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// Writes a value as JSON.
pub(super) fn to_json(path: &Path, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| broken(path, source))
}

/// The columns that [`image`] reads.
pub(super) const IMAGE: &str = "id, manifest, created, stored, config";

/// Reads an image without its references and layers.
pub(super) fn image(row: &Row<'_>) -> rusqlite::Result<Image> {
    let created: Option<String> = row.get(2)?;
    Ok(Image {
        id: digest(row, 0)?,
        manifest: digest(row, 1)?,
        references: Vec::new(),
        created: match created {
            Some(_) => Some(parsed(row, 2)?),
            None => None,
        },
        stored: time(row, 3)?,
        layers: Vec::new(),
        config: json(row, 4)?,
    })
}

/// The columns that [`layer`] reads, of `layers` joined with `image_layers`.
pub(super) const LAYER: &str = "chain, diff, blob, size, entries";

/// Reads a layer.
pub(super) fn layer(row: &Row<'_>) -> rusqlite::Result<Layer> {
    Ok(Layer {
        chain: digest(row, 0)?,
        diff: digest(row, 1)?,
        blob: digest(row, 2)?,
        size: count(row, 3)?,
        entries: count(row, 4)?,
    })
}

/// The columns that [`container`] reads.
pub(super) const CONTAINER: &str = "id, name, image, image_name, created, config, state";

/// Reads a container without its endpoints.
pub(super) fn container(row: &Row<'_>) -> rusqlite::Result<Container> {
    Ok(Container {
        id: parsed(row, 0)?,
        name: parsed(row, 1)?,
        image: digest(row, 2)?,
        image_name: row.get(3)?,
        created: time(row, 4)?,
        config: json(row, 5)?,
        state: json(row, 6)?,
        endpoints: Vec::new(),
    })
}

/// Reads a dependent of an image: id, name, state.
pub(super) fn dependent(row: &Row<'_>) -> rusqlite::Result<Dependent> {
    Ok(Dependent { id: parsed(row, 0)?, name: parsed(row, 1)?, state: json::<State>(row, 2)? })
}

/// The columns that [`network`] reads.
pub(super) const NETWORK: &str = "id, name, subnet, gateway, bridge, created";

/// Reads a network without its endpoints.
pub(super) fn network(row: &Row<'_>) -> rusqlite::Result<Network> {
    Ok(Network {
        id: parsed(row, 0)?,
        name: parsed(row, 1)?,
        subnet: parsed(row, 2)?,
        gateway: parsed(row, 3)?,
        bridge: row.get(4)?,
        created: time(row, 5)?,
        endpoints: Vec::new(),
    })
}

/// The question whose rows [`endpoint`] reads; names and the subnet are those of now.
pub(super) const ENDPOINTS: &str = "SELECT network, networks.name, container, containers.name, address, subnet, gateway, mac, interface
    FROM endpoints JOIN networks ON networks.id = network JOIN containers ON containers.id = container";

/// Reads an endpoint.
pub(super) fn endpoint(row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    let subnet: ipnet::Ipv4Net = parsed(row, 5)?;
    Ok(Endpoint {
        network: parsed(row, 0)?,
        network_name: parsed(row, 1)?,
        container: parsed(row, 2)?,
        container_name: parsed(row, 3)?,
        address: parsed(row, 4)?,
        prefix: subnet.prefix_len(),
        gateway: parsed(row, 6)?,
        mac: row.get(7)?,
        interface: row.get(8)?,
    })
}

/// Reads a line of the journal.
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        sequence: count(row, 0)?,
        time: time(row, 1)?,
        subject: word(row, 2)?,
        id: row.get(3)?,
        occurrence: word(row, 4)?,
        attributes: json::<BTreeMap<String, String>>(row, 5)?,
    })
}
