//! The records, for changing.

use std::{collections::BTreeMap, ops::Deref};

use rusqlite::Params;

use super::{
    Processes, Records, StoreError,
    rows::{self, broken, is_referred, is_taken, to_json},
};
use crate::model::{
    Container, ContainerConfig, ContainerId, ContainerName, Endpoint, Image, ImageId,
    ImageReference, Layer, Network, NetworkId, NetworkMode, Occurrence, Signature, State, Subject,
    Timestamp,
};

/// How many lines the journal keeps.
const JOURNAL_LINES: i64 = 10_000;

/// The records, for changing, within a transaction; reads through [`Deref`].
///
/// Every method can fail with [`StoreError::Records`]; those that fail otherwise too say so.
#[derive(Debug)]
pub struct RecordsMut<'a>(Records<'a>);

impl<'a> Deref for RecordsMut<'a> {
    type Target = Records<'a>;
    fn deref(&self) -> &Records<'a> {
        &self.0
    }
}

type Answer<T> = Result<T, StoreError>;

#[expect(clippy::missing_errors_doc, reason = "the type says it once for all of them")]
impl<'a> RecordsMut<'a> {
    pub(super) const fn new(records: Records<'a>) -> Self {
        Self(records)
    }

    /// Inserts image and layer rows; `references` are given with [`RecordsMut::set_reference`]. An image that is there already is left as it is.
    pub fn insert_image(&mut self, image: &Image) -> Answer<()> {
        let inserted = self.change(
            "INSERT INTO images (id, manifest, created, stored, config) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (id) DO NOTHING",
            (
                image.id.0.hex(),
                image.manifest.hex(),
                image.created.map(|time| time.to_string()),
                rows::nanoseconds(image.stored),
                to_json(self.path(), &image.config)?,
            ),
        )?;
        if inserted == 0 {
            return Ok(());
        }
        for (position, layer) in (0_i64..).zip(&image.layers) {
            self.change(
                "INSERT INTO layers (chain, diff, size, entries) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (chain) DO NOTHING",
                (
                    layer.chain.0.hex(),
                    layer.diff.0.hex(),
                    rows::integer(layer.size),
                    rows::integer(layer.entries),
                ),
            )?;
            self.change(
                "INSERT INTO image_layers (image, position, chain, blob) VALUES (?1, ?2, ?3, ?4)",
                (image.id.0.hex(), position, layer.chain.0.hex(), layer.blob.hex()),
            )?;
        }
        Ok(())
    }

    /// Removes an image and its names. Returns layers that no image has any more, their rows removed too.
    ///
    /// [`StoreError::Referred`] when a container stands on it (foreign key RESTRICT).
    pub fn remove_image(&mut self, id: ImageId) -> Answer<Vec<Layer>> {
        let Some(image) = self.image(id)? else {
            return Ok(Vec::new());
        };
        self.execute("DELETE FROM images WHERE id = ?1", [id.0.hex()])
            .map_err(|error| self.refusal(error, || format!("image {}", image.display_name())))?;
        let mut orphans = Vec::new();
        for layer in image.layers {
            let removed = self.change(
                "DELETE FROM layers WHERE chain = ?1
                    AND NOT EXISTS (SELECT 1 FROM image_layers WHERE chain = ?1)",
                [layer.chain.0.hex()],
            )?;
            if removed > 0 {
                orphans.push(layer);
            }
        }
        Ok(orphans)
    }

    /// Gives an image a name. Gives the image that had the name before, if another.
    ///
    /// [`StoreError::Referred`] when there is no such image.
    pub fn set_reference(
        &mut self,
        reference: &ImageReference,
        image: ImageId,
    ) -> Answer<Option<ImageId>> {
        let before = self.image_by_reference(reference)?;
        if before == Some(image) {
            return Ok(None);
        }
        self.execute(
            "INSERT INTO image_references (name, image) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET image = excluded.image",
            (reference.canonical(), image.0.hex()),
        )
        .map_err(|error| self.refusal(error, || format!("image {}", image.0.short())))?;
        Ok(before)
    }

    /// Keeps what an image was accepted by; what is there already is not kept twice.
    pub fn insert_signature(&mut self, image: ImageId, signature: &Signature) -> Answer<()> {
        let signature = to_json(self.path(), signature)?;
        self.change(
            "INSERT INTO signatures (image, signature) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            (image.0.hex(), signature),
        )
        .map(drop)
    }

    /// Takes a name away; tells whether it was there.
    pub fn remove_reference(&mut self, reference: &ImageReference) -> Answer<bool> {
        self.change("DELETE FROM image_references WHERE name = ?1", [reference.canonical()])
            .map(|removed| removed > 0)
    }

    /// Inserts a container; its endpoints are inserted by themselves.
    ///
    /// [`StoreError::Taken`] for the name, [`StoreError::Referred`] for an image that is not there.
    pub fn insert_container(&mut self, container: &Container) -> Answer<()> {
        self.execute(
            "INSERT INTO containers (id, name, image, image_name, created, config, state, live)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                container.id.hex(),
                container.name.as_str(),
                container.image.0.hex(),
                &container.image_name,
                rows::nanoseconds(container.created),
                to_json(self.path(), &container.config)?,
                to_json(self.path(), &container.state)?,
                container.state.is_live(),
            ),
        )
        .map(|_inserted| ())
        .map_err(|error| {
            let taken = is_taken(&error);
            self.refusal(error, || {
                if taken {
                    format!("the container name {}", container.name)
                } else {
                    format!("image {}", container.image.0.short())
                }
            })
        })
    }

    /// Changes what a container runs and how.
    pub fn set_config(&mut self, id: ContainerId, config: &ContainerConfig) -> Answer<()> {
        let config = to_json(self.path(), config)?;
        self.change("UPDATE containers SET config = ?2 WHERE id = ?1", (id.hex(), config)).map(drop)
    }

    /// Gives a container another name.
    ///
    /// [`StoreError::Taken`] when another has it.
    pub fn set_name(&mut self, id: ContainerId, name: &ContainerName) -> Answer<()> {
        self.execute("UPDATE containers SET name = ?2 WHERE id = ?1", (id.hex(), name.as_str()))
            .map(drop)
            .map_err(|error| self.refusal(error, || format!("the container name {name}")))
    }

    /// Removes a container, its endpoints with it; tells whether it was there.
    pub fn remove_container(&mut self, id: ContainerId) -> Answer<bool> {
        self.change("DELETE FROM containers WHERE id = ?1", [id.hex()]).map(|removed| removed > 0)
    }

    /// Records what a container is doing; nothing happens when it is gone.
    pub fn set_state(&mut self, id: ContainerId, state: &State) -> Answer<()> {
        let text = to_json(self.path(), state)?;
        self.change(
            "UPDATE containers SET state = ?2, live = ?3 WHERE id = ?1",
            (id.hex(), text, state.is_live()),
        )
        .map(|_updated| ())
    }

    /// Records the processes of a container; nothing happens when it is gone.
    pub fn set_processes(&mut self, id: ContainerId, processes: Option<&Processes>) -> Answer<()> {
        let text = match processes {
            Some(processes) => Some(to_json(self.path(), processes)?),
            None => None,
        };
        self.change("UPDATE containers SET processes = ?2 WHERE id = ?1", (id.hex(), text))
            .map(|_updated| ())
    }

    /// Records which networks a container joins; nothing happens when it is gone.
    pub fn set_network_mode(&mut self, id: ContainerId, mode: &NetworkMode) -> Answer<()> {
        let config: Option<ContainerConfig> =
            self.one("SELECT config FROM containers WHERE id = ?1", [id.hex()], |row| {
                rows::json(row, 0)
            })?;
        let Some(config) = config else {
            return Ok(());
        };
        let config = ContainerConfig { network: mode.clone(), ..config };
        let text = to_json(self.path(), &config)?;
        self.change("UPDATE containers SET config = ?2 WHERE id = ?1", (id.hex(), text))
            .map(|_updated| ())
    }

    /// Inserts a network; its endpoints are inserted by themselves. That subnets do not overlap is the caller's business.
    ///
    /// [`StoreError::Taken`] for the name.
    pub fn insert_network(&mut self, network: &Network) -> Answer<()> {
        self.execute(
            "INSERT INTO networks (id, name, subnet, gateway, bridge, created)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                network.id.hex(),
                network.name.as_str(),
                network.subnet.to_string(),
                network.gateway.to_string(),
                &network.bridge,
                rows::nanoseconds(network.created),
            ),
        )
        .map(|_inserted| ())
        .map_err(|error| self.refusal(error, || format!("the network name {}", network.name)))
    }

    /// Removes a network; tells whether it was there.
    ///
    /// [`StoreError::Referred`] while it has endpoints.
    pub fn remove_network(&mut self, id: NetworkId) -> Answer<bool> {
        self.execute("DELETE FROM networks WHERE id = ?1", [id.hex()])
            .map(|removed| removed > 0)
            .map_err(|error| self.refusal(error, || format!("network {}", id.short())))
    }

    /// Inserts an endpoint.
    ///
    /// [`StoreError::Taken`] for the address (unique in its network) or when the container is in that network already,
    /// [`StoreError::Referred`] for a container or network that is not there.
    pub fn insert_endpoint(&mut self, endpoint: &Endpoint) -> Answer<()> {
        self.execute(
            "INSERT INTO endpoints (container, network, address, mac, interface) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                endpoint.container.hex(),
                endpoint.network.hex(),
                endpoint.address.to_string(),
                endpoint.mac,
                &endpoint.interface,
            ),
        )
        .map(|_inserted| ())
        .map_err(|error| {
            let network = &endpoint.network_name;
            self.refusal(error, || format!("address {} in network {network}", endpoint.address))
        })
    }

    /// Removes a container's place in one network; tells whether it was there.
    pub fn remove_endpoint(&mut self, container: ContainerId, network: NetworkId) -> Answer<bool> {
        self.change(
            "DELETE FROM endpoints WHERE container = ?1 AND network = ?2",
            (container.hex(), network.hex()),
        )
        .map(|removed| removed > 0)
    }

    /// Removes a container's places in all networks.
    pub fn remove_endpoints(&mut self, container: ContainerId) -> Answer<()> {
        self.change("DELETE FROM endpoints WHERE container = ?1", [container.hex()])
            .map(|_removed| ())
    }

    #[expect(clippy::needless_pass_by_value, reason = "the map is made for this one line")]
    /// Writes a line of the journal (time is taken here; the journal keeps the last 10,000 lines).
    pub fn journal(
        &mut self,
        subject: Subject,
        id: &str,
        occurrence: Occurrence,
        attributes: BTreeMap<String, String>,
    ) -> Answer<()> {
        self.change(
            "INSERT INTO journal (time, subject, id, occurrence, attributes) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                rows::nanoseconds(Timestamp::now()),
                subject.to_string(),
                id,
                occurrence.to_string(),
                to_json(self.path(), &attributes)?,
            ),
        )?;
        let oldest = self.connection().last_insert_rowid() - JOURNAL_LINES;
        self.change("DELETE FROM journal WHERE sequence <= ?1", [oldest]).map(|_removed| ())
    }

    fn execute(&self, statement: &str, parameters: impl Params) -> rusqlite::Result<usize> {
        self.connection().prepare_cached(statement)?.execute(parameters)
    }

    fn change(&self, statement: &str, parameters: impl Params) -> Answer<usize> {
        self.execute(statement, parameters).map_err(|source| broken(self.path(), source))
    }

    /// Turns a broken rule into the error that names what it is about.
    fn refusal(&self, error: rusqlite::Error, object: impl FnOnce() -> String) -> StoreError {
        if is_taken(&error) {
            StoreError::Taken(object())
        } else if is_referred(&error) {
            StoreError::Referred(object())
        } else {
            broken(self.path(), error)
        }
    }
}
