//! The records, for reading.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::{
    Processes, StoreError,
    rows::{self, broken},
};
use crate::model::{
    ChainId, Container, ContainerId, Dependent, Digest, Endpoint, Event, Image, ImageId,
    ImageReference, Layer, Network, NetworkId, Signature, State,
};

/// The records, for reading, within a transaction.
///
/// Every method fails with [`StoreError::Records`] and nothing else.
#[derive(Debug)]
pub struct Records<'a> {
    connection: &'a Connection,
    path: &'a Path,
}

type Answer<T> = Result<T, StoreError>;

#[expect(clippy::missing_errors_doc, reason = "the type says it once for all of them")]
impl<'a> Records<'a> {
    pub(super) const fn new(connection: &'a Connection, path: &'a Path) -> Self {
        Self { connection, path }
    }

    /// Gives all images, the newest in the store first.
    pub fn images(&self) -> Answer<Vec<Image>> {
        let order = "ORDER BY stored DESC, rowid DESC";
        let mut images =
            self.all(&format!("SELECT {} FROM images {order}", rows::IMAGE), [], rows::image)?;
        let mut references = self
            .grouped("SELECT image, name FROM image_references ORDER BY rowid", |row| {
                Ok((rows::digest::<ImageId>(row, 0)?, rows::parsed(row, 1)?))
            })?;
        let mut layers = self.grouped(
            &format!(
                "SELECT {}, image FROM image_layers JOIN layers USING (chain) ORDER BY image, position",
                rows::LAYER
            ),
            |row| Ok((rows::digest::<ImageId>(row, 5)?, rows::layer(row)?)),
        )?;
        for image in &mut images {
            image.references = references.remove(&image.id).unwrap_or_default();
            image.layers = layers.remove(&image.id).unwrap_or_default();
        }
        Ok(images)
    }

    /// Gives one image.
    pub fn image(&self, id: ImageId) -> Answer<Option<Image>> {
        let hex = id.0.hex();
        let question = format!("SELECT {} FROM images WHERE id = ?1", rows::IMAGE);
        let Some(mut image) = self.one(&question, [&hex], rows::image)? else {
            return Ok(None);
        };
        image.references = self.all(
            "SELECT name FROM image_references WHERE image = ?1 ORDER BY rowid",
            [&hex],
            |row| rows::parsed(row, 0),
        )?;
        image.layers = self.all(
            &format!(
                "SELECT {} FROM image_layers JOIN layers USING (chain) WHERE image = ?1 ORDER BY position",
                rows::LAYER
            ),
            [&hex],
            rows::layer,
        )?;
        Ok(Some(image))
    }

    /// Gives what an image was accepted by, the oldest first.
    pub fn signatures(&self, id: ImageId) -> Answer<Vec<Signature>> {
        let question = "SELECT signature FROM signatures WHERE image = ?1 ORDER BY rowid";
        self.all(question, [id.0.hex()], |row| rows::json(row, 0))
    }

    /// Gives what images were accepted by, of all that have signatures.
    pub fn all_signatures(&self) -> Answer<BTreeMap<ImageId, Vec<Signature>>> {
        self.grouped("SELECT image, signature FROM signatures ORDER BY rowid", |row| {
            Ok((rows::digest::<ImageId>(row, 0)?, rows::json(row, 1)?))
        })
    }

    /// Gives the image that has this name.
    pub fn image_by_reference(&self, reference: &ImageReference) -> Answer<Option<ImageId>> {
        self.one(
            "SELECT image FROM image_references WHERE name = ?1",
            [reference.canonical()],
            |row| rows::digest(row, 0),
        )
    }

    /// Gives the images whose id begins with these digits; with anything else than digits, none.
    pub fn images_beginning(&self, hex: &str) -> Answer<Vec<ImageId>> {
        self.beginning("images", hex, rows::digest)
    }

    /// Gives the containers that stand on an image, oldest first.
    pub fn dependents(&self, image: ImageId) -> Answer<Vec<Dependent>> {
        self.all(
            "SELECT id, name, state FROM containers WHERE image = ?1 ORDER BY created, rowid",
            [image.0.hex()],
            rows::dependent,
        )
    }

    /// Gives a layer that some image has.
    pub fn layer(&self, chain: ChainId) -> Answer<Option<Layer>> {
        self.one(
            &format!(
                "SELECT {} FROM image_layers JOIN layers USING (chain) WHERE chain = ?1 LIMIT 1",
                rows::LAYER
            ),
            [chain.0.hex()],
            rows::layer,
        )
    }

    /// Tells whether an image other than `besides` has this blob as config, manifest or layer.
    pub fn is_blob_needed(&self, blob: Digest, besides: Option<ImageId>) -> Answer<bool> {
        self.one(
            "SELECT EXISTS (SELECT 1 FROM images WHERE (id = ?1 OR manifest = ?1) AND id IS NOT ?2)
                OR EXISTS (SELECT 1 FROM image_layers WHERE blob = ?1 AND image IS NOT ?2)",
            (blob.hex(), besides.map(|image| image.0.hex())),
            |row| row.get(0),
        )
        .map(|found| found.unwrap_or(false))
    }

    /// Tells whether some image has a layer in this very blob.
    pub fn is_blob_of(&self, blob: Digest, layer: ChainId) -> Answer<bool> {
        self.one(
            "SELECT EXISTS (SELECT 1 FROM image_layers WHERE blob = ?1 AND chain = ?2)",
            (blob.hex(), layer.0.hex()),
            |row| row.get(0),
        )
        .map(|found| found.unwrap_or(false))
    }

    /// Gives all containers, newest first, with their endpoints.
    pub fn containers(&self) -> Answer<Vec<Container>> {
        let mut containers = self.all(
            &format!(
                "SELECT {} FROM containers ORDER BY created DESC, rowid DESC",
                rows::CONTAINER
            ),
            [],
            rows::container,
        )?;
        let mut endpoints = self
            .grouped(&format!("{} ORDER BY interface", rows::ENDPOINTS), |row| {
                rows::endpoint(row).map(|endpoint| (endpoint.container, endpoint))
            })?;
        for container in &mut containers {
            container.endpoints = endpoints.remove(&container.id).unwrap_or_default();
        }
        Ok(containers)
    }

    /// Gives one container with its endpoints.
    pub fn container(&self, id: ContainerId) -> Answer<Option<Container>> {
        let question = format!("SELECT {} FROM containers WHERE id = ?1", rows::CONTAINER);
        let Some(mut container) = self.one(&question, [id.hex()], rows::container)? else {
            return Ok(None);
        };
        container.endpoints = self.endpoints("container = ?1 ORDER BY interface", &id.hex())?;
        Ok(Some(container))
    }

    /// Gives the container that has this name.
    pub fn container_by_name(&self, name: &str) -> Answer<Option<ContainerId>> {
        self.one("SELECT id FROM containers WHERE name = ?1", [name], |row| rows::parsed(row, 0))
    }

    /// Gives the containers whose id begins with these digits; with anything else than digits, none.
    pub fn containers_beginning(&self, hex: &str) -> Answer<Vec<ContainerId>> {
        self.beginning("containers", hex, rows::parsed)
    }

    /// Gives the containers whose state is Starting or Running.
    pub fn live(&self) -> Answer<Vec<(ContainerId, State, Option<Processes>)>> {
        self.all(
            "SELECT id, state, processes FROM containers WHERE live = 1 ORDER BY created, rowid",
            [],
            |row| Ok((rows::parsed(row, 0)?, rows::json(row, 1)?, processes(row, 2)?)),
        )
    }

    /// Gives the processes that make a container live.
    pub fn processes(&self, id: ContainerId) -> Answer<Option<Processes>> {
        self.one("SELECT processes FROM containers WHERE id = ?1", [id.hex()], |row| {
            processes(row, 0)
        })
        .map(Option::flatten)
    }

    /// Gives all networks, oldest first, with their endpoints.
    pub fn networks(&self) -> Answer<Vec<Network>> {
        let mut networks = self.all(
            &format!("SELECT {} FROM networks ORDER BY created, rowid", rows::NETWORK),
            [],
            rows::network,
        )?;
        let mut endpoints = self
            .grouped(&format!("{} ORDER BY endpoints.rowid", rows::ENDPOINTS), |row| {
                rows::endpoint(row).map(|endpoint| (endpoint.network, endpoint))
            })?;
        for network in &mut networks {
            network.endpoints = endpoints.remove(&network.id).unwrap_or_default();
        }
        Ok(networks)
    }

    /// Gives one network with its endpoints.
    pub fn network(&self, id: NetworkId) -> Answer<Option<Network>> {
        let question = format!("SELECT {} FROM networks WHERE id = ?1", rows::NETWORK);
        let Some(mut network) = self.one(&question, [id.hex()], rows::network)? else {
            return Ok(None);
        };
        network.endpoints = self.endpoints("network = ?1 ORDER BY endpoints.rowid", &id.hex())?;
        Ok(Some(network))
    }

    /// Gives the network that has this name.
    pub fn network_by_name(&self, name: &str) -> Answer<Option<NetworkId>> {
        self.one("SELECT id FROM networks WHERE name = ?1", [name], |row| rows::parsed(row, 0))
    }

    /// Gives the networks whose id begins with these digits; with anything else than digits, none.
    pub fn networks_beginning(&self, hex: &str) -> Answer<Vec<NetworkId>> {
        self.beginning("networks", hex, rows::parsed)
    }

    /// Gives the lines of the journal after `sequence`, oldest first.
    pub fn events_since(&self, sequence: u64) -> Answer<Vec<Event>> {
        self.all(
            "SELECT sequence, time, subject, id, occurrence, attributes FROM journal
                WHERE sequence > ?1 ORDER BY sequence",
            [rows::integer(sequence)],
            rows::event,
        )
    }

    /// Gives the number of the journal's last line; 0 when there has never been one.
    pub fn last_sequence(&self) -> Answer<u64> {
        self.one("SELECT ifnull(max(sequence), 0) FROM journal", [], |row| rows::count(row, 0))
            .map(Option::unwrap_or_default)
    }

    /// Says what SQLite finds wrong with the file, and which references lead nowhere; nothing when all is well. Reads everything.
    pub fn faults(&self) -> Answer<Vec<String>> {
        let mut faults: Vec<String> =
            self.all("PRAGMA integrity_check(20)", [], |row| row.get(0))?;
        faults.retain(|line| line != "ok");
        faults.extend(self.all("PRAGMA foreign_key_check", [], |row| {
            let (table, row, parent): (String, Option<i64>, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("row {} of {table} refers to nothing in {parent}", row.unwrap_or_default()))
        })?);
        Ok(faults)
    }

    fn endpoints(&self, condition: &str, id: &str) -> Answer<Vec<Endpoint>> {
        let question = format!("{} WHERE {condition}", rows::ENDPOINTS);
        self.all(&question, [id], rows::endpoint)
    }

    /// Finds ids by their beginning as a range of the primary key; `g` is the character after the last hexadecimal digit.
    fn beginning<T>(
        &self,
        table: &str,
        hex: &str,
        read: fn(&Row<'_>, usize) -> rusqlite::Result<T>,
    ) -> Answer<Vec<T>> {
        if !hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Vec::new());
        }
        self.all(
            &format!("SELECT id FROM {table} WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id"),
            [hex],
            |row| read(row, 0),
        )
    }

    pub(super) const fn connection(&self) -> &'a Connection {
        self.connection
    }

    pub(super) const fn path(&self) -> &'a Path {
        self.path
    }

    pub(super) fn one<T>(
        &self,
        question: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Answer<Option<T>> {
        self.connection
            .prepare_cached(question)
            .and_then(|mut statement| statement.query_row(parameters, read).optional())
            .map_err(|source| broken(self.path, source))
    }

    pub(super) fn all<T>(
        &self,
        question: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Answer<Vec<T>> {
        self.connection
            .prepare_cached(question)
            .and_then(|mut statement| statement.query_map(parameters, read)?.collect())
            .map_err(|source| broken(self.path, source))
    }

    /// Reads pairs and gathers them by their first half, order kept.
    fn grouped<K: Ord, V>(
        &self,
        question: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<(K, V)>,
    ) -> Answer<BTreeMap<K, Vec<V>>> {
        let mut groups = BTreeMap::<K, Vec<V>>::new();
        for (key, value) in self.all(question, [], read)? {
            groups.entry(key).or_default().push(value);
        }
        Ok(groups)
    }
}

fn processes(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Processes>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => rows::json(row, column).map(Some),
    }
}
