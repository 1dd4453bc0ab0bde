//! What a container has of others: their processes, their network, their mounts.

use std::{borrow::Cow, path::PathBuf};

use super::{Engine, EngineError, ErrorKind, Result, spec::Around};
use crate::{
    model::{Container, ContainerId, CreateContainer, Ipc, NetworkMode, Sharing, State},
    sys::process::ProcessId,
};

/// What [`Around`] borrows.
#[derive(Debug)]
pub(super) struct Neighbours {
    etc: PathBuf,
    pid_of: Option<ProcessId>,
    ipc_of: Option<ProcessId>,
    network_of: Option<ProcessId>,
    is_rootless: bool,
}

impl Neighbours {
    pub(super) fn around(&self) -> Around<'_> {
        Around {
            etc: &self.etc,
            is_rootless: self.is_rootless,
            pid_of: self.pid_of.map(|process| process.pid),
            ipc_of: self.ipc_of.map(|process| process.pid),
            network_of: self.network_of.map(|process| process.pid),
        }
    }

    /// Lists the first processes of those whose namespaces are joined.
    pub(super) fn processes(&self) -> Vec<ProcessId> {
        [self.pid_of, self.ipc_of, self.network_of].into_iter().flatten().collect()
    }
}

impl Engine {
    /// Puts ids in place of names of containers, and adds the mounts of those that were named.
    pub(super) fn with_neighbours<'a>(
        &self,
        request: &'a CreateContainer,
    ) -> Result<Cow<'a, CreateContainer>> {
        let isolation = &request.isolation;
        let shares = matches!(isolation.pid, Sharing::Container(_))
            || matches!(isolation.ipc, Ipc::Container(_));
        if request.volumes_from.is_empty() && !shares {
            return Ok(Cow::Borrowed(request));
        }
        let mut request = request.clone();
        if let Sharing::Container(name) = &mut request.isolation.pid {
            *name = self.container(name)?.id.hex();
        }
        if let Ipc::Container(name) = &mut request.isolation.ipc {
            let other = self.container(name)?;
            if other.config.isolation.ipc != Ipc::Shareable {
                return Err(EngineError::new(
                    ErrorKind::Conflict,
                    format!("container {} does not share its shared memory", other.name),
                )
                .hint("make that one with --ipc shareable"));
            }
            *name = other.id.hex();
        }
        for (name, is_read_only) in std::mem::take(&mut request.volumes_from) {
            for mut mount in self.container(&name)?.config.mounts {
                mount.read_only |= is_read_only;
                let place = mount.target.trim_end_matches('/');
                if !request.mounts.iter().any(|own| own.target.trim_end_matches('/') == place) {
                    request.mounts.push(mount);
                }
            }
        }
        Ok(Cow::Owned(request))
    }

    /// Finds the processes and files of others that a container needs to start.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when one that is needed does not run.
    pub(super) fn neighbours(&self, container: &Container) -> Result<Neighbours> {
        let config = &container.config;
        let pid_of = match &config.isolation.pid {
            Sharing::Container(id) => Some(self.first_process(container, id)?),
            Sharing::Own | Sharing::Host => None,
        };
        let ipc_of = match &config.isolation.ipc {
            Ipc::Container(id) => Some(self.first_process(container, id)?),
            _ => None,
        };
        let (network_of, owner) = match &config.network {
            NetworkMode::Container(id) => (Some(self.first_process(container, &id.hex())?), *id),
            _ => (None, container.id),
        };
        Ok(Neighbours {
            etc: self.layout().container_run(owner),
            pid_of,
            ipc_of,
            network_of,
            is_rootless: self.is_rootless(),
        })
    }

    fn first_process(&self, container: &Container, id: &str) -> Result<ProcessId> {
        let stopped = |name: &str| {
            EngineError::new(
                ErrorKind::Conflict,
                format!(
                    "container {} needs container {name}, which is not running",
                    container.name
                ),
            )
            .hint(format!("start it first: estiba start {name}"))
        };
        let Ok(id) = id.parse::<ContainerId>() else { return Err(stopped(id)) };
        self.store().read(|records| {
            let short = id.short();
            let Some(other) = records.container(id)? else { return Err(stopped(&short)) };
            let init = records.processes(id)?.and_then(|processes| processes.init);
            init.filter(|init| matches!(other.state, State::Running { .. }) && init.is_alive())
                .ok_or_else(|| stopped(other.name.as_str()))
        })
    }
}
