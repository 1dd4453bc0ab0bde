//! The engine: every verb that changes or tells something, for every front end alike.
//!
//! The engine keeps the order of steps and their undo, and the dependency rule. It never prints, reads the environment or
//! exits; it knows no widget and no wire format. Its verbs block (on SQLite, on the kernel, on a monitor): a front end with a
//! loop calls them off the loop. An [`Engine`] is cheap to clone and may be used from many threads.
//!
//! | file | verbs |
//! |---|---|
//! | `containers` | create, find, remove, wait, logs |
//! | `alter` | update, rename, pause, unpause |
//! | `lifecycle`, `start` | start, stop, restart, kill, attach, exec |
//! | `images` | load, find, tag, untag, remove, history, analysis: **the dependency rule** |
//! | `archives` | save |
//! | `making` | commit, import |
//! | `prune`, `measure` | remove what nobody uses; what takes how much room |
//! | `check` | whether the store is whole |
//! | `transfers` | pull, push, login, logout |
//! | `registries`, `credentials` | how a registry is reached, and as whom |
//! | `networks` | create, find, remove, connect, disconnect |
//! | `files` | copy in and out, export, changes |
//! | `explore` | layer trees, waste, images compared, files inside read and taken out, changes taken back |
//! | `observe` | statistics and their history, processes |
//! | `neighbours` | what a container has of others |
//! | `restore` | start what ought to run after a reboot |
//! | `reconcile` | what [`Engine::open`] puts right after a kill -9 or a reboot |
//! | `plan`, `spec` | from a request to a record, from a record to the runtime's spec; pure |
//! | `starter` | the image that the demo makes out of this machine's programs |
//! | `trust` | what the policy for images says of one |
//! | `session` | standard streams, logs and the bell, as the front ends hold them |

mod alter;
mod archives;
mod check;
mod containers;
mod credentials;
mod error;
mod explore;
mod files;
mod images;
mod lifecycle;
mod making;
mod measure;
mod names;
mod neighbours;
mod networks;
mod observe;
mod plan;
mod prune;
mod reconcile;
mod registries;
mod restore;
mod session;
mod spec;
mod start;
pub mod starter;
mod transfers;
mod trust;

use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use archives::Destination;
pub use check::{Checkup, Problem, Remedy};
pub use credentials::Kept;
pub use error::{EngineError, ErrorKind};
pub use explore::Shelf;
pub use files::{CopyOptions, Side};
pub use making::{CommitRequest, ImportRequest, signal_name};
pub use measure::{ContainerMeasure, ImageMeasure, Measure};
pub use prune::{LabelFilter, PrunePlan, PruneRequest, Pruned, Unused};
pub use registries::{Proxies, RegistryFiles};
pub use restore::Restored;
pub use session::{LogLine, LogOptions, LogReader, Session, SessionEnd, Stream, Watch};
pub use start::Claimed;
pub use trust::PolicyFile;

pub use crate::{
    image::{Archive, Depth, Excerpt, Extracted, Loaded, Progress, Pulled, Pushed},
    registry::Cancel,
};
use crate::{
    image::{Ownership, Strata},
    model::{Container, ContainerId, Event, Image, ImageId, ImageReference, Network, Signature},
    monitor::{Nascent, ring},
    network::Place,
    store::{Layout, Store},
    sys::{self, clock},
};

/// The result of a verb.
pub type Result<T> = std::result::Result<T, EngineError>;

/// Where an engine keeps things and as whom it runs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Images, layers, container changes and records.
    pub data_root: PathBuf,
    /// What a reboot may forget: sockets, generated files.
    pub run_root: PathBuf,
    /// The program that is executed as monitor: this very binary.
    pub program: PathBuf,
    /// As whom it runs.
    pub privilege: Privilege,
    /// Where it is written how registries are reached.
    pub registries: RegistryFiles,
    /// Where it is written which images are let in.
    pub policy: PolicyFile,
}

/// As whom an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// As the machine's root.
    Rootful,
    /// As root of a user namespace.
    Rootless {
        /// How many ids the namespace has; 1 means that every owner in an image becomes the user.
        ids: u32,
    },
}

/// Everything that there is, read at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// All images, newest first.
    pub images: Vec<Image>,
    /// All containers, newest first.
    pub containers: Vec<Container>,
    /// All networks, oldest first.
    pub networks: Vec<Network>,
    /// What images were accepted by, of those that were pulled under a policy that wants signatures.
    pub signatures: BTreeMap<ImageId, Vec<Signature>>,
    /// The journal's last entry that is contained in this.
    pub sequence: u64,
}

/// What a removal of an image did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageRemoved {
    /// Names that were taken away.
    pub untagged: Vec<ImageReference>,
    /// The image, if its data went too.
    pub deleted: Option<ImageId>,
    /// The bytes of layers that no other image needed.
    pub freed: u64,
}

/// Whether something runs on when removal is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Force {
    /// Refuse.
    #[default]
    No,
    /// Kill it first (a container), or take all names away (an image). Never removes an image that a container stands on.
    Yes,
}

/// Reads a file of the user's, for front ends, which do not enter the floor of files themselves.
///
/// # Errors
/// What the kernel says, with the path.
pub fn read_file(path: &std::path::Path) -> Result<Vec<u8>> {
    Ok(sys::files::read(path)?)
}

/// Reads the clock that [`Mark`](crate::model::Mark)s tell of, for front ends.
pub fn now() -> Duration {
    clock::now()
}

/// Finds the file of this very program, for front ends that tell others what to call.
///
/// # Errors
/// What the kernel says.
pub fn program_file() -> Result<PathBuf> {
    Ok(sys::files::target(std::path::Path::new("/proc/self/exe"))?)
}

/// Tells whether a file of the user's is there.
pub fn is_there(path: &std::path::Path) -> bool {
    sys::files::exists(path)
}

/// Writes a file of the user's that must not be there yet.
///
/// # Errors
/// What the kernel says, with the path.
pub fn write_new_file(path: &std::path::Path, bytes: &[u8]) -> Result<()> {
    let mut file = sys::files::create_new(path)?;
    std::io::Write::write_all(&mut file, bytes).map_err(|error| {
        EngineError::new(ErrorKind::Storage, format!("cannot write {}", path.display()))
            .caused_by(error)
    })
}

/// Makes a file of the user's, or empties the one that is there.
///
/// # Errors
/// What the kernel says, with the path.
pub fn create_file(path: &std::path::Path) -> Result<File> {
    let mut options = std::fs::OpenOptions::new();
    Ok(sys::files::open_with(path, options.write(true).create(true).truncate(true))?)
}

/// The engine: the one thing a front end holds.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: EngineConfig,
    layout: Layout,
    /// Held for one transaction, never while waiting for a process.
    store: Mutex<Store>,
    /// A monitor for the next start.
    foreseen: Mutex<Option<Nascent>>,
    /// The rings that were read last, open.
    rings: Mutex<BTreeMap<ContainerId, ring::Reader>>,
    /// The layers of the image that was looked into last.
    explored: Mutex<Option<(ImageId, Arc<Strata>)>>,
}

impl Engine {
    /// Opens the store, makes it if it is not there, and puts right what a killed process left behind.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the store cannot be made, opened or understood.
    pub fn open(config: EngineConfig) -> Result<Self> {
        let layout =
            Layout { data_root: config.data_root.clone(), run_root: config.run_root.clone() };
        let store = Mutex::new(Store::open(layout.clone())?);
        let shared = Shared {
            config,
            layout,
            store,
            foreseen: Mutex::default(),
            rings: Mutex::default(),
            explored: Mutex::default(),
        };
        let engine = Self { shared: Arc::new(shared) };
        engine.reconcile()?;
        Ok(engine)
    }

    /// Gives the configuration it was opened with.
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// Reads everything at one moment.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn overview(&self) -> Result<Overview> {
        self.store().read(|records| {
            Ok(Overview {
                images: records.images()?,
                containers: records.containers()?,
                networks: records.networks()?,
                signatures: records.all_signatures()?,
                sequence: records.last_sequence()?,
            })
        })
    }

    /// Reads what happened after an entry of the journal.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn events_since(&self, sequence: u64) -> Result<Vec<Event>> {
        self.store().read(|records| Ok(records.events_since(sequence)?))
    }

    /// Begins to listen for changes by any process.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`].
    pub fn watch(&self) -> Result<Watch> {
        Watch::new(self)
    }

    /// Makes a file without a name on the disk of the store, for an archive that is too big for memory.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn scratch_file(&self) -> Result<File> {
        Ok(sys::files::unnamed(&self.layout().staging())?)
    }

    fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic while holding it has rolled its transaction back; the connection is as good as before.
        self.shared.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_rootless(&self) -> bool {
        self.shared.config.privilege != Privilege::Rootful
    }

    fn place(&self) -> Place {
        if self.is_rootless() {
            Place::Shared { run_root: self.layout().run_root.clone() }
        } else {
            Place::Host
        }
    }

    fn ownership(&self) -> Ownership {
        if self.is_rootless() { Ownership::Mapped } else { Ownership::Kept }
    }
}
