//! Where things lie: the directories, the SQLite records, the journal and its bell.
//!
//! Records are the truth about what exists; directories hold the bytes. What one record needs of another is said as a foreign key, so
//! that the dependency rule ("an image that a container stands on cannot be removed") holds in the very statement that would break it,
//! whoever runs it. Every change appends to the journal in its own transaction; after the commit the bell rings, which wakes each
//! process that holds an [`Ear`].
//!
//! Not here: what a layer contains (`image`), which addresses are free (`network`), the order of steps and their undo (`engine`).
//!
//! 2026-11-24: a change is durable against the death of any process at any instant; against a power cut only as far as the last
//! checkpoint (`synchronous=NORMAL`, <https://www.sqlite.org/wal.html#performance_considerations>), because a sync for each change would
//! be the longest part of starting a container.

mod bell;
mod changes;
mod log;
mod records;
mod reserve;
mod rows;
mod schema;

use std::{fs::File, path::PathBuf};

use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};

pub use bell::Ear;
pub use changes::RecordsMut;
use log::Log;
pub use records::Records;

use crate::{
    model::{ChainId, ContainerId, Digest},
    sys::{At as _, SysError, files, process::ProcessId},
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
    /// Gives the file that keeps room on the disk for the records.
    pub fn reserve(&self) -> PathBuf {
        self.data_root.join("reserve")
    }
    /// Gives the file of a blob: `blobs/sha256/HEX`.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.data_root.join("blobs/sha256").join(digest.hex())
    }
    /// Gives the directory of an unpacked layer, which holds `diff/` and `index`.
    pub fn layer(&self, chain: ChainId) -> PathBuf {
        self.data_root.join("layers").join(chain.0.hex())
    }
    /// Gives the lowest layer of every container: empty files and directories where each has something mounted.
    pub fn mount_points(&self) -> PathBuf {
        self.data_root.join("mount-points/diff")
    }
    /// Gives the directory where unfinished blobs and layers are made, and removed ones wait to be deleted.
    pub fn staging(&self) -> PathBuf {
        self.data_root.join("staging")
    }
    /// Gives the directory of blobs that a broken transfer left behind, for the next one to go on with; a name is the digest's.
    pub fn partials(&self) -> PathBuf {
        self.data_root.join("partial")
    }
    /// Gives the directory of what a container changed: `upper/`, `work/`, and its log.
    pub fn container(&self, id: ContainerId) -> PathBuf {
        self.data_root.join("containers").join(id.hex())
    }
    /// Gives the directory of a running container: the monitor's socket, generated files.
    pub fn container_run(&self, id: ContainerId) -> PathBuf {
        self.run_root.join("containers").join(id.hex())
    }
    /// Gives the directories where a monitor moves what nobody looks for any more before it deletes that: of the container's changes, and
    /// of its run directory. A name is the container's and the monitor's.
    pub fn ended(&self) -> [PathBuf; 2] {
        [self.data_root.join("ended"), self.run_root.join("ended")]
    }
    /// Waits until no other process, and no other thread of this one, does what is done in turn; that ends with the file.
    ///
    /// # Errors
    /// [`StoreError::Kernel`].
    pub fn take_turn(&self) -> Result<File, StoreError> {
        let path = self.bell();
        let file = files::open_with(&path, bell::options())?;
        file.lock().at_path("lock", &path)?;
        Ok(file)
    }
    /// Gives what the last checks of a container's health found.
    pub fn health(&self, id: ContainerId) -> PathBuf {
        self.container(id).join("health.json")
    }
    /// Gives what the names of the files of a container's log begin with.
    pub fn log(&self, id: ContainerId) -> PathBuf {
        self.container(id).join("log")
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
    database: PathBuf,
    connection: Connection,
    log: Log,
}

impl Store {
    /// Opens the store; makes it (directories 0700, schema) if it is not there. WAL, `synchronous=NORMAL`, foreign keys, busy time-out 10 s.
    ///
    /// # Errors
    /// [`StoreError::Records`] when the database is broken or newer than this program.
    pub fn open(layout: Layout) -> Result<Self, StoreError> {
        let database = layout.database();
        let free = reserve::release_if_low(&layout);
        let mut connection = schema::open(&layout)?;
        reserve::provide(&layout, free);
        let log = Log::of(&mut connection).map_err(|source| rows::broken(&database, source))?;
        Ok(Self { layout, database, connection, log })
    }

    /// Brings what was written into the database, if enough of it waits for that: for when nobody waits, because it costs two syncs.
    pub fn shorten_log(&self) {
        // Whatever keeps it from that, the next one has more reason to try.
        drop(self.log.shorten(&self.connection));
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
        let broken = |source| rows::broken(&self.database, source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(broken)?;
        // Dropping the transaction rolls it back, which for one that only read is its end.
        body(&Records::new(&transaction, &self.database))
    }

    /// Runs `body` in one immediate transaction; commits and rings the bell if it says `Ok`, else nothing has happened.
    ///
    /// The bell stays silent when `body` changed nothing.
    ///
    /// # Errors
    /// What `body` says, or [`StoreError::Records`].
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        body: impl FnOnce(&mut RecordsMut<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let broken = |source| rows::broken(&self.database, source);
        reserve::release_if_low(&self.layout);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(broken)?;
        let before = transaction.total_changes();
        let value = body(&mut RecordsMut::new(Records::new(&transaction, &self.database)))?;
        let changed = transaction.total_changes() != before;
        transaction.commit().map_err(broken)?;
        if changed {
            bell::ring(&self.layout);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
