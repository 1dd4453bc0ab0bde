//! Containers as records: made, found, looked at, removed.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    Claimed, Engine, EngineError, ErrorKind, Force, LogOptions, LogReader, Result, names, plan,
    start::occupy,
};
use crate::{
    image,
    model::{
        Container, ContainerId, ContainerName, CreateContainer, DEFAULT_NETWORK, Exit, Image,
        LogDriver, NetworkMode, NetworkRequest, Occurrence, State, Subject, Timestamp, Verb,
    },
    monitor::log,
    store::{Records, RecordsMut, StoreError},
    sys::{
        cgroup::{Cgroup, Reach},
        files,
    },
};

/// How often a name is made up before giving up.
const NAME_ATTEMPTS: usize = 8;

impl Engine {
    /// Finds a container by name, id, or the beginning of an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or [`ErrorKind::Invalid`] when several begin so.
    pub fn container(&self, name: &str) -> Result<Container> {
        self.store().read(|records| {
            let id = match records.container_by_name(name)? {
                Some(id) => id,
                None => only_one("container", name, &records.containers_beginning(name)?)?,
            };
            existing(records, id)
        })
    }

    /// Finds a container by its whole id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn container_by_id(&self, id: ContainerId) -> Result<Container> {
        self.store().read(|records| existing(records, id))
    }

    /// Makes a container. It does not run yet.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown image or network, [`ErrorKind::Conflict`] for a name in use,
    /// [`ErrorKind::Permission`] for an image that the policy does not let run,
    /// [`ErrorKind::Invalid`] for a request that makes no sense.
    pub fn create(&self, request: &CreateContainer) -> Result<Container> {
        let (image, draft) = self.draft(request)?;
        Self::naming(request, |name| {
            let container = draft(name);
            self.store().write(|records| insert(records, &container, &image))?;
            Ok(container)
        })
    }

    /// Makes a container and claims it for a start, in one transaction.
    ///
    /// # Errors
    /// As [`Engine::create`] and [`Engine::claim`].
    pub fn create_claimed(&self, request: &CreateContainer) -> Result<Claimed<'_>> {
        let (image, draft) = self.draft(request)?;
        let (monitor, claimant) = self.claimant()?;
        let (container, networks) = Self::naming(request, |name| {
            let container = draft(name);
            self.store().write(|records| {
                insert(records, &container, &image)?;
                occupy(records, container, &claimant)
            })
        })?;
        Ok(Claimed::new(self, (monitor, claimant), container, image, networks))
    }

    /// Plans a container, which only needs a name.
    fn draft(
        &self,
        request: &CreateContainer,
    ) -> Result<(Image, impl Fn(ContainerName) -> Container + use<>)> {
        let image = self.image(&request.image)?;
        self.admit(&image, &request.image)?;
        let id = ContainerId::from_bytes(names::random()?);
        let network = self.network_mode(request.network.as_ref())?;
        let request = &*self.with_neighbours(request)?;
        let hostname = match network {
            _ if request.isolation.uts_host => host_name(),
            NetworkMode::Host => host_name(),
            NetworkMode::Container(other) => self.container_by_id(other)?.config.hostname,
            _ => id.short(),
        };
        let config = plan::resolve(request, &image, network, hostname)?;
        let (of, image_name) = (image.id, request.image.clone());
        let draft = move |name| Container {
            id,
            name,
            image: of,
            image_name: image_name.clone(),
            created: Timestamp::now(),
            config: config.clone(),
            state: State::Created,
            endpoints: Vec::new(),
        };
        Ok((image, draft))
    }

    /// Lets `record` write a container down under the name that was asked for, or under made-up ones until one is free.
    fn naming<T>(
        request: &CreateContainer,
        record: impl Fn(ContainerName) -> Result<T>,
    ) -> Result<T> {
        if let Some(name) = &request.name {
            return record(name.clone());
        }
        let mut attempt = 0;
        loop {
            let name = names::make_up(names::random()?, attempt);
            let name = name.parse().map_err(|error: crate::model::NameError| {
                EngineError::new(ErrorKind::Internal, "a made-up name is none").caused_by(error)
            })?;
            match record(name) {
                Err(error) if error.kind() == &ErrorKind::Conflict && attempt < NAME_ATTEMPTS => {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// Turns the networks that were asked for by name into ids; none named means the default bridge.
    fn network_mode(&self, request: Option<&NetworkRequest>) -> Result<NetworkMode> {
        match request {
            Some(NetworkRequest::None) => Ok(NetworkMode::None),
            Some(NetworkRequest::Host) => Ok(NetworkMode::Host),
            Some(NetworkRequest::Container(name)) => {
                Ok(NetworkMode::Container(self.container(name)?.id))
            }
            Some(NetworkRequest::Named(names)) => {
                let mut ids = Vec::new();
                for name in names {
                    if ["none", "host"].contains(&name.as_str()) {
                        return Err(EngineError::new(
                            ErrorKind::Invalid,
                            format!("network {name} cannot be joined together with others"),
                        ));
                    }
                    let id = self.network(name)?.id;
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
                Ok(NetworkMode::Bridges(ids))
            }
            None => Ok(NetworkMode::Bridges(vec![self.network(DEFAULT_NETWORK)?.id])),
        }
    }

    /// Removes a container and everything it changed.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it runs and `force` says no.
    pub fn remove(&self, id: ContainerId, force: Force) -> Result<()> {
        if force == Force::Yes {
            self.kill_and_wait(id)?;
        }
        let visitors = self.lock_out_visitors(id)?;
        let aside = self.layout().staging().join(id.hex());
        let removed = self.store().write(|records| {
            let Some(container) = records.container(id)? else {
                // With --rm its monitor was quicker, and that is what was wanted.
                return if force == Force::Yes { Ok(false) } else { Err(unknown(id)) };
            };
            if !container.state.allows(Verb::Remove) {
                return Err(EngineError::new(
                    ErrorKind::Conflict,
                    format!("container {} is {}", container.name, container.state.word()),
                )
                .hint(format!("stop it first, or use force: estiba rm -f {}", container.name)));
            }
            records.remove_container(id)?;
            records.journal(
                Subject::Container,
                &id.hex(),
                Occurrence::Destroy,
                attributes(&container),
            )?;
            // Moved aside under the transaction: from here on no record and no directory speak of it, whatever is killed next.
            match files::rename(&self.layout().container(id), &aside) {
                Err(error) if !error.is_not_found() => Err(error.into()),
                _ => Ok(true),
            }
        })?;
        drop(visitors);
        if removed {
            files::remove_tree(&aside)?;
        }
        Ok(())
    }

    /// Waits until a container does not run, and tells how it ended; one that was never started has ended with 0.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is gone.
    pub fn wait(&self, id: ContainerId) -> Result<Exit> {
        match self.wait_at_most(id, None)? {
            Some(exit) => Ok(exit),
            None => {
                Err(EngineError::new(ErrorKind::Internal, "waiting without limit came back early"))
            }
        }
    }

    /// Opens a container's log.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such container, [`ErrorKind::Invalid`] when its log is not kept.
    pub fn logs(&self, id: ContainerId, options: LogOptions) -> Result<LogReader> {
        LogReader::open(self, &self.container_by_id(id)?, options)
    }

    /// Gives the file that others may read a container's log from, once there is one; the format is Docker's.
    pub fn log_path(&self, container: &Container) -> Option<PathBuf> {
        let driver = container.config.log.driver;
        let is_shared = driver == LogDriver::JsonFile && container.state != State::Created;
        let chain = log::Chain::of(self.layout(), container.id, driver).filter(|_| is_shared)?;
        Some(chain.newest().to_owned())
    }

    /// Tells how many bytes a container has written over its image.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn written(&self, id: ContainerId) -> Result<u64> {
        Ok(files::tree_size(&image::written(self.layout(), id))?)
    }

    /// Finds the control group of a container, whoever chose where it lies; the record is read only where it does not lie as usual.
    pub(super) fn group_of(&self, id: ContainerId, reach: Reach) -> Result<Option<Cgroup>> {
        match Cgroup::find_with(&usual_cgroup_name(id), reach) {
            None => self.group_elsewhere(id, reach),
            usual => Ok(usual),
        }
    }

    fn group_elsewhere(&self, id: ContainerId, reach: Reach) -> Result<Option<Cgroup>> {
        let container =
            self.store().read(|records| Ok::<_, EngineError>(records.container(id)?))?;
        Ok(container
            .filter(|container| !container.config.isolation.cgroup_parent.is_empty())
            .and_then(|container| Cgroup::find_with(&cgroup_name(&container), reach)))
    }

    pub(super) fn is_live(&self, id: ContainerId) -> Result<bool> {
        self.store().read(|records| {
            Ok(records.container(id)?.is_some_and(|container| container.state.is_live()))
        })
    }

    /// Waits for the end of a container, at most `patience`.
    pub(super) fn wait_at_most(
        &self,
        id: ContainerId,
        patience: Option<Duration>,
    ) -> Result<Option<Exit>> {
        let container = self.container_by_id(id)?;
        match container.state {
            State::Created => Ok(Some(Exit::default())),
            State::Exited { exit, .. } => Ok(Some(exit)),
            State::Starting | State::Running { .. } | State::Restarting { .. } => {
                self.wait_for_monitor(id, patience)
            }
        }
    }
}

/// Writes a new container down.
fn insert(records: &mut RecordsMut<'_>, container: &Container, image: &Image) -> Result<()> {
    records.insert_container(container).map_err(|error| match error {
        StoreError::Taken(_) => EngineError::new(
            ErrorKind::Conflict,
            format!("the name {} is used by another container", container.name),
        )
        .hint(format!("choose another, or remove that one: estiba rm {}", container.name)),
        StoreError::Referred(_) => EngineError::new(
            ErrorKind::Gone,
            format!("image {} was removed meanwhile", image.display_name()),
        ),
        other => other.into(),
    })?;
    let (id, attributes) = (container.id.hex(), attributes(container));
    Ok(records.journal(Subject::Container, &id, Occurrence::Create, attributes)?)
}

/// The particulars that every journal line about a container carries.
pub(super) fn attributes(container: &Container) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("name".to_owned(), container.name.to_string()),
        ("image".to_owned(), container.image_name.clone()),
    ])
}

/// The name of a container's control group.
pub(super) fn cgroup_name(container: &Container) -> String {
    match container.config.isolation.cgroup_parent.as_str() {
        "" => usual_cgroup_name(container.id),
        parent => {
            let parts: Vec<&str> =
                parent.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            format!("{}/{}", parts.join("/"), container.id)
        }
    }
}

/// The name of the control group of a container for which nobody chose another.
pub(super) fn usual_cgroup_name(id: ContainerId) -> String {
    format!("estiba/{id}")
}

pub(super) fn existing(records: &Records<'_>, id: ContainerId) -> Result<Container> {
    records.container(id)?.ok_or_else(|| unknown(id))
}

fn unknown(id: ContainerId) -> EngineError {
    EngineError::new(ErrorKind::NotFound, format!("no such container: {}", id.short()))
}

/// Chooses the only candidate for the beginning of an id.
pub(super) fn only_one<T: Copy>(kind: &str, name: &str, candidates: &[T]) -> Result<T> {
    match candidates {
        [only] => Ok(*only),
        [] => Err(EngineError::new(ErrorKind::NotFound, format!("no such {kind}: {name}"))),
        several => Err(EngineError::new(
            ErrorKind::Invalid,
            format!("{name} is the beginning of {} {kind} ids", several.len()),
        )
        .hint("write more of the id")),
    }
}

/// What the host calls itself; a container that shares its network shares this too, as with Docker.
fn host_name() -> String {
    nix::unistd::gethostname().map_or_else(
        |_errno| "localhost".to_owned(),
        |name| name.to_string_lossy().chars().take(64).collect(),
    )
}
