//! The engine: every verb that changes or tells something, for every front end alike.
//!
//! The engine keeps the order of steps and their undo, and the dependency rule. It never prints, reads the environment or
//! exits; it knows no widget and no wire format. Its verbs block (on SQLite, on the kernel, on a monitor): a front end with a
//! loop calls them off the loop. An [`Engine`] is cheap to clone and may be used from many threads.

mod error;

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

pub use error::{EngineError, ErrorKind};

use crate::model::{
    ChangedEntry, Container, ContainerId, CreateContainer, CreateNetwork, Event, ExecRequest, Exit,
    HistoryEntry, Image, ImageId, ImageReference, Network, NetworkId, Usage,
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
    /// The journal's last entry that is contained in this.
    pub sequence: u64,
}

/// The engine.
#[derive(Debug, Clone)]
pub struct Engine {
    config: EngineConfig,
}

/// Where an image archive is read from.
#[expect(missing_debug_implementations, reason = "a reader has none")]
pub enum Archive<'a> {
    /// A file or an unpacked OCI layout.
    Path(&'a Path),
    /// A stream, such as standard input.
    Stream(&'a mut (dyn Read + Send)),
}

/// An image that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The image.
    pub image: ImageId,
    /// The names the archive gave it.
    pub references: Vec<ImageReference>,
}

/// How far a load has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done: `read`, `unpack`.
    pub phase: &'static str,
    /// To what.
    pub object: String,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, where known.
    pub total: Option<u64>,
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

/// Which lines of a log are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Go on with what comes, until the container ends.
    pub follow: bool,
}

/// One line, or piece of a long line, that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it came.
    pub time: crate::model::Timestamp,
    /// Which stream it was written to.
    pub stream: Stream,
    /// The bytes, with the line feed if there was one.
    pub bytes: Vec<u8>,
}

/// A standard stream that a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output; the only one of a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Engine {
    /// Opens the store, makes it if it is not there, and puts right what a killed process left behind.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the store cannot be made, opened or understood.
    pub fn open(config: EngineConfig) -> Result<Self> {
        Ok(Self { config })
    }

    /// Gives the configuration it was opened with.
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Reads everything at one moment.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn overview(&self) -> Result<Overview> {
        unfinished()
    }

    /// Finds a container by name, id, or the beginning of an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Invalid`] when several begin so.
    pub fn container(&self, name: &str) -> Result<Container> {
        let _ = name;
        unfinished()
    }

    /// Makes a container. It does not run yet.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown image or network, [`ErrorKind::Conflict`] for a name in use,
    /// [`ErrorKind::Invalid`] for a request that makes no sense.
    pub fn create(&self, request: &CreateContainer) -> Result<Container> {
        let _ = request;
        unfinished()
    }

    /// Starts a container and returns when its program has begun.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it runs, [`ErrorKind::CannotRun`] or [`ErrorKind::NoProgram`] when its program cannot be executed,
    /// [`ErrorKind::Kernel`] when the kernel refuses a step.
    pub fn start(&self, id: ContainerId) -> Result<()> {
        let _ = id;
        unfinished()
    }

    /// Starts a container with its standard streams joined before its program begins, so that nothing of it is missed.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_attached(&self, id: ContainerId) -> Result<Session> {
        let _ = id;
        unfinished()
    }

    /// Asks a container to stop, kills it when `grace` is over, and returns when it has ended.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn stop(&self, id: ContainerId, grace: Duration) -> Result<Exit> {
        let _ = (id, grace);
        unfinished()
    }

    /// Stops a container if it runs, and starts it.
    ///
    /// # Errors
    /// As [`Engine::stop`] and [`Engine::start`].
    pub fn restart(&self, id: ContainerId, grace: Duration) -> Result<()> {
        let _ = (id, grace);
        unfinished()
    }

    /// Sends a signal to a container's first process.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn kill(&self, id: ContainerId, signal: i32) -> Result<()> {
        let _ = (id, signal);
        unfinished()
    }

    /// Removes a container and everything it changed.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it runs and `force` says no.
    pub fn remove(&self, id: ContainerId, force: Force) -> Result<()> {
        let _ = (id, force);
        unfinished()
    }

    /// Waits until a container does not run, and tells how it ended.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is gone.
    pub fn wait(&self, id: ContainerId) -> Result<Exit> {
        let _ = id;
        unfinished()
    }

    /// Opens a container's log.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such container.
    pub fn logs(&self, id: ContainerId, options: LogOptions) -> Result<LogReader> {
        let _ = (id, options);
        unfinished()
    }

    /// Joins the standard streams of a running container.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn attach(&self, id: ContainerId) -> Result<Session> {
        let _ = id;
        unfinished()
    }

    /// Runs a further program in a running container.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run, [`ErrorKind::CannotRun`] or [`ErrorKind::NoProgram`] when the program cannot be executed.
    pub fn exec(&self, id: ContainerId, request: &ExecRequest) -> Result<Session> {
        let _ = (id, request);
        unfinished()
    }

    /// Reads what running containers use; those that ended meanwhile are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn usage(&self, ids: &[ContainerId]) -> Result<BTreeMap<ContainerId, Usage>> {
        let _ = ids;
        unfinished()
    }

    /// Loads every image of an OCI layout (folder or tar) or a docker-archive; which one it is, it finds out.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the archive is broken or hostile; the store is as it was.
    pub fn load(
        &self,
        archive: Archive<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Loaded>> {
        let _ = (archive, progress);
        unfinished()
    }

    /// Finds an image by reference, id, or the beginning of an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Invalid`] when several begin so.
    pub fn image(&self, name: &str) -> Result<Image> {
        let _ = name;
        unfinished()
    }

    /// Gives an image a further name; a name that another image had moves.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for the image.
    pub fn tag(&self, image: &str, reference: &ImageReference) -> Result<()> {
        let _ = (image, reference);
        unfinished()
    }

    /// Takes one name away from its image. The data stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when no image has that name.
    pub fn untag(&self, reference: &ImageReference) -> Result<()> {
        let _ = reference;
        unfinished()
    }

    /// Removes what `docker rmi NAME` would: a name, and with the last one the image.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`], with the containers that stand on the image; [`ErrorKind::Conflict`] when several names point at an id and `force` says no.
    pub fn remove_image(&self, name: &str, force: Force) -> Result<ImageRemoved> {
        let _ = (name, force);
        unfinished()
    }

    /// Tells how an image was built, newest step first, with the size of each step's layer.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn history(&self, image: &str) -> Result<Vec<(HistoryEntry, u64)>> {
        let _ = image;
        unfinished()
    }

    /// Gives the paths that layer number `layer` (0 is the lowest) of an image adds, changes and removes, sorted so that a directory comes before
    /// what is in it. `stacked` adds what the layers below have and this one leaves.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn layer_tree(
        &self,
        image: ImageId,
        layer: usize,
        stacked: bool,
    ) -> Result<Vec<ChangedEntry>> {
        let _ = (image, layer, stacked);
        unfinished()
    }

    /// Makes a bridge network.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] for a name or subnet in use, [`ErrorKind::Exhausted`] when the pool has no subnet left.
    pub fn create_network(&self, request: &CreateNetwork) -> Result<Network> {
        let _ = request;
        unfinished()
    }

    /// Finds a network by name, id, or the beginning of an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Invalid`] when several begin so.
    pub fn network(&self, name: &str) -> Result<Network> {
        let _ = name;
        unfinished()
    }

    /// Removes a network.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`], with the containers that have endpoints in it; [`ErrorKind::Invalid`] for the default network.
    pub fn remove_network(&self, id: NetworkId) -> Result<()> {
        let _ = id;
        unfinished()
    }

    /// Lets a container join a network, at once if it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it is in it already, or uses the host's network or none.
    pub fn connect(&self, network: NetworkId, container: ContainerId) -> Result<()> {
        let _ = (network, container);
        unfinished()
    }

    /// Lets a container leave a network, at once if it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it is not in it.
    pub fn disconnect(&self, network: NetworkId, container: ContainerId) -> Result<()> {
        let _ = (network, container);
        unfinished()
    }

    /// Reads what happened after an entry of the journal.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn events_since(&self, sequence: u64) -> Result<Vec<Event>> {
        let _ = sequence;
        unfinished()
    }

    /// Begins to listen for changes by any process.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`].
    pub fn watch(&self) -> Result<Watch> {
        unfinished()
    }
}

/// A container's log, read from its beginning or from its last lines.
#[derive(Debug)]
pub struct LogReader {}

impl LogReader {
    /// Gives the next line; waits for it while following, at most `patience`. `Ok(None)` means that none came: at the end of the log, or that
    /// patience ended; [`LogReader::is_finished`] tells which.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the log cannot be read.
    pub fn next_line(&mut self, patience: Duration) -> Result<Option<LogLine>> {
        let _ = patience;
        unfinished()
    }

    /// Tells whether no further line can come.
    pub const fn is_finished(&self) -> bool {
        true
    }
}

/// The standard streams of a container or of a program executed in it.
#[derive(Debug)]
pub struct Session {}

/// How [`Session::drive`] came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// The program ended.
    Exited(Exit),
    /// The user typed the detach keys (ctrl-p ctrl-q); the program runs on.
    Detached,
}

impl Session {
    /// Copies between descriptors of the caller and the program until the program ends or the user detaches. With a terminal on both
    /// sides it keeps the sizes equal; the caller has put its own terminal into raw mode. Blocks.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] when the monitor died.
    pub fn drive(
        self,
        stdin: Option<std::os::fd::BorrowedFd<'_>>,
        stdout: std::os::fd::BorrowedFd<'_>,
        stderr: std::os::fd::BorrowedFd<'_>,
    ) -> Result<SessionEnd> {
        let _ = (stdin, stdout, stderr);
        unfinished()
    }
}

/// A bell that rings when the journal has grown, whoever wrote it.
#[derive(Debug)]
pub struct Watch {}

impl Watch {
    /// Waits until the bell rings or `patience` ends; tells whether it rang.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`].
    pub fn wait(&mut self, patience: Duration) -> Result<bool> {
        let _ = patience;
        unfinished()
    }
}

fn unfinished<T>() -> Result<T> {
    Err(EngineError::new(ErrorKind::Internal, "not built yet"))
}
