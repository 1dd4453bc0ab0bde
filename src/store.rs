//! Where things lie: the directories, the SQLite records, the journal and its bell.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        ChainId, Container, ContainerId, ContainerName, Dependent, Digest, Endpoint, Event, Image,
        ImageId, ImageReference, Layer, Network, NetworkId, NetworkMode, Occurrence, State,
        Subject,
    },
    sys::{SysError, process::ProcessId},
};

/// Where everything of one store lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Images, layers, container changes and records.
    pub data_root: PathBuf,
    /// What a reboot may forget: sockets, generated files.
    pub run_root: PathBuf,
}

impl Layout {
    /// Gives the file of the records.
    pub fn database(&self) -> PathBuf {
        self.data_root.join("records.db")
    }
    /// Gives the file that is touched after each write, for inotify(7).
    pub fn bell(&self) -> PathBuf {
        self.data_root.join("bell")
    }
    /// Gives the file of a blob: `blobs/sha256/HEX`.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.data_root.join("blobs/sha256").join(digest.hex())
    }
    /// Gives the directory of an unpacked layer, which holds `diff/` and `index`.
    pub fn layer(&self, chain: ChainId) -> PathBuf {
        self.data_root.join("layers").join(chain.0.hex())
    }
    /// Gives the directory where unfinished blobs and layers are made, and removed ones wait to be deleted.
    pub fn staging(&self) -> PathBuf {
        self.data_root.join("staging")
    }
    /// Gives the directory of what a container changed: `upper/`, `work/`, and its log.
    pub fn container(&self, id: ContainerId) -> PathBuf {
        self.data_root.join("containers").join(id.hex())
    }
    /// Gives the directory of a running container: the monitor's socket, generated files, mount point.
    pub fn container_run(&self, id: ContainerId) -> PathBuf {
        self.run_root.join("containers").join(id.hex())
    }
    /// Gives the log of a container.
    pub fn log(&self, id: ContainerId) -> PathBuf {
        self.container(id).join("log.json")
    }
}

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The kernel refused a file.
    #[error(transparent)]
    Kernel(#[from] SysError),
    /// SQLite refused.
    #[error("the records in {path} cannot be used: {source}")]
    Records {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A unique name, address or id is taken.
    #[error("{0} is in use already")]
    Taken(String),
    /// Something else refers to it.
    #[error("{0} is referred to")]
    Referred(String),
}

/// The processes that make a container live, valid for one boot of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes {
    /// `sys::process::boot_id`.
    pub boot: String,
    /// The monitor.
    pub monitor: ProcessId,
    /// The container's first process, once it is there.
    pub init: Option<ProcessId>,
}

/// An open store: one connection. Not for sharing between threads; opening one is cheap.
#[derive(Debug)]
pub struct Store {
    layout: Layout,
}

impl Store {
    /// Opens the store; makes it (directories 0700, schema) if it is not there. WAL, `synchronous=NORMAL`, foreign keys, busy time-out 10 s.
    ///
    /// # Errors
    /// [`StoreError::Records`] when the database is broken or newer than this program.
    pub fn open(layout: Layout) -> Result<Self, StoreError> {
        Ok(Self { layout })
    }
    /// Gives where everything lies.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }
    /// Runs `body` in one deferred transaction: everything it reads is of one moment.
    ///
    /// # Errors
    /// What `body` says, or [`StoreError::Records`].
    pub fn read<T, E: From<StoreError>>(
        &mut self,
        body: impl FnOnce(&Records<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _ = body;
        Err(unfinished().into())
    }
    /// Runs `body` in one immediate transaction; commits and rings the bell if it says `Ok`, else nothing has happened.
    ///
    /// # Errors
    /// What `body` says, or [`StoreError::Records`].
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        body: impl FnOnce(&mut RecordsMut<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _ = body;
        Err(unfinished().into())
    }
}

/// The records, for reading, within a transaction.
#[derive(Debug)]
pub struct Records<'a>(std::marker::PhantomData<&'a ()>);

/// The records, for changing, within a transaction; reads through [`std::ops::Deref`].
#[derive(Debug)]
pub struct RecordsMut<'a>(Records<'a>);

impl<'a> std::ops::Deref for RecordsMut<'a> {
    type Target = Records<'a>;
    fn deref(&self) -> &Records<'a> {
        &self.0
    }
}

type Answer<T> = Result<T, StoreError>;

#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    unused_variables,
    reason = "contract only"
)]
impl Records<'_> {
    pub fn images(&self) -> Answer<Vec<Image>> {
        Err(unfinished())
    } // newest stored first
    pub fn image(&self, id: ImageId) -> Answer<Option<Image>> {
        Err(unfinished())
    }
    pub fn image_by_reference(&self, reference: &ImageReference) -> Answer<Option<ImageId>> {
        Err(unfinished())
    }
    pub fn images_beginning(&self, hex: &str) -> Answer<Vec<ImageId>> {
        Err(unfinished())
    }
    pub fn dependents(&self, image: ImageId) -> Answer<Vec<Dependent>> {
        Err(unfinished())
    }
    pub fn layer(&self, chain: ChainId) -> Answer<Option<Layer>> {
        Err(unfinished())
    }
    pub fn containers(&self) -> Answer<Vec<Container>> {
        Err(unfinished())
    } // newest first, endpoints filled in
    pub fn container(&self, id: ContainerId) -> Answer<Option<Container>> {
        Err(unfinished())
    }
    pub fn container_by_name(&self, name: &str) -> Answer<Option<ContainerId>> {
        Err(unfinished())
    }
    pub fn containers_beginning(&self, hex: &str) -> Answer<Vec<ContainerId>> {
        Err(unfinished())
    }
    /// Containers whose state is Starting or Running.
    pub fn live(&self) -> Answer<Vec<(ContainerId, State, Option<Processes>)>> {
        Err(unfinished())
    }
    pub fn processes(&self, id: ContainerId) -> Answer<Option<Processes>> {
        Err(unfinished())
    }
    pub fn networks(&self) -> Answer<Vec<Network>> {
        Err(unfinished())
    } // oldest first, endpoints filled in
    pub fn network(&self, id: NetworkId) -> Answer<Option<Network>> {
        Err(unfinished())
    }
    pub fn network_by_name(&self, name: &str) -> Answer<Option<NetworkId>> {
        Err(unfinished())
    }
    pub fn networks_beginning(&self, hex: &str) -> Answer<Vec<NetworkId>> {
        Err(unfinished())
    }
    pub fn events_since(&self, sequence: u64) -> Answer<Vec<Event>> {
        Err(unfinished())
    }
    pub fn last_sequence(&self) -> Answer<u64> {
        Err(unfinished())
    }
}

#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::needless_pass_by_ref_mut,
    unused_variables,
    reason = "contract only"
)]
impl RecordsMut<'_> {
    /// Inserts image and layer rows; `references` are given with `set_reference`. An image that is there already is left as it is.
    pub fn insert_image(&mut self, image: &Image) -> Answer<()> {
        Err(unfinished())
    }
    /// [`StoreError::Referred`] when a container stands on it (foreign key RESTRICT). Returns layers that no image has any more, their rows removed too.
    pub fn remove_image(&mut self, id: ImageId) -> Answer<Vec<Layer>> {
        Err(unfinished())
    }
    /// Gives the image that had the name before, if another.
    pub fn set_reference(
        &mut self,
        reference: &ImageReference,
        image: ImageId,
    ) -> Answer<Option<ImageId>> {
        Err(unfinished())
    }
    pub fn remove_reference(&mut self, reference: &ImageReference) -> Answer<bool> {
        Err(unfinished())
    }
    /// [`StoreError::Taken`] for the name, [`StoreError::Referred`] for an image that is not there.
    pub fn insert_container(&mut self, container: &Container) -> Answer<()> {
        Err(unfinished())
    }
    pub fn remove_container(&mut self, id: ContainerId) -> Answer<bool> {
        Err(unfinished())
    } // its endpoints go with it
    pub fn set_state(&mut self, id: ContainerId, state: &State) -> Answer<()> {
        Err(unfinished())
    }
    pub fn set_processes(&mut self, id: ContainerId, processes: Option<&Processes>) -> Answer<()> {
        Err(unfinished())
    }
    pub fn set_network_mode(&mut self, id: ContainerId, mode: &NetworkMode) -> Answer<()> {
        Err(unfinished())
    }
    /// [`StoreError::Taken`] for name, subnet overlap is the caller's business.
    pub fn insert_network(&mut self, network: &Network) -> Answer<()> {
        Err(unfinished())
    }
    /// [`StoreError::Referred`] while it has endpoints.
    pub fn remove_network(&mut self, id: NetworkId) -> Answer<bool> {
        Err(unfinished())
    }
    /// [`StoreError::Taken`] for the address (unique in its network).
    pub fn insert_endpoint(&mut self, endpoint: &Endpoint) -> Answer<()> {
        Err(unfinished())
    }
    pub fn remove_endpoint(&mut self, container: ContainerId, network: NetworkId) -> Answer<bool> {
        Err(unfinished())
    }
    pub fn remove_endpoints(&mut self, container: ContainerId) -> Answer<()> {
        Err(unfinished())
    }
    /// Writes a line of the journal (time is taken here; the journal keeps the last 10,000 lines).
    pub fn journal(
        &mut self,
        subject: Subject,
        id: &str,
        occurrence: Occurrence,
        attributes: BTreeMap<String, String>,
    ) -> Answer<()> {
        Err(unfinished())
    }
}

/// An ear for the bell: inotify on [`Layout::bell`].
#[derive(Debug)]
pub struct Ear {
    never: std::fs::File,
}

#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    unused_variables,
    reason = "contract only"
)]
impl Ear {
    pub fn new(layout: &Layout) -> Answer<Self> {
        Err(unfinished())
    }
    /// Waits until the bell rings or `patience` ends; tells whether it rang; swallows all rings so far.
    pub fn wait(&mut self, patience: Duration) -> Answer<bool> {
        Err(unfinished())
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.never.as_fd()
    }
}

fn unfinished() -> StoreError {
    StoreError::Taken(
        Path::new("contract only").display().to_string()
            + &ContainerName::try_from("x".to_owned())
                .map(String::from)
                .unwrap_or_default(),
    )
}
