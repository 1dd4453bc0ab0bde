//! Containers that are there, changed: their limits, their name, whether they stand still.

use std::borrow::Cow;

use super::{
    Engine, EngineError, ErrorKind, Result,
    containers::{attributes, cgroup_name, existing},
    lifecycle::check_allows,
    plan, spec,
};
use crate::{
    model::{
        Container, ContainerId, ContainerName, Occurrence, Resources, State, Subject,
        UpdateContainer, Verb,
    },
    monitor::{Client, MonitorError},
    runtime,
    store::StoreError,
    sys::cgroup::{self, Cgroup, Reach},
};

impl Engine {
    /// Changes the limits of a container, at once if it runs, and whether it starts again; what `change` does not say stays as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for limits that make no sense, [`ErrorKind::Kernel`] when the kernel refuses one, [`ErrorKind::Conflict`] when
    /// it was started without what the limit needs.
    pub fn update(&self, id: ContainerId, change: &UpdateContainer) -> Result<()> {
        let container = self.container_by_id(id)?;
        let resources = container.config.resources.updated(&change.resources);
        plan::resources::check(&resources)?;
        if let Some(policy) = change.restart {
            plan::life::check_update(&container, policy)?;
        }
        if resources != container.config.resources && container.state.is_live() {
            let held = self.holding(&resources).0;
            if matches!(container.state, State::Running { .. }) {
                limit(&container, &held)?;
            }
            self.limit_next_runs(&container, &held)?;
        }
        self.store().write(|records| {
            let mut container = existing(records, id)?;
            // Of what it says now: somebody else may have changed other limits meanwhile.
            container.config.resources = container.config.resources.updated(&change.resources);
            container.config.restart = change.restart.unwrap_or(container.config.restart);
            records.set_config(id, &container.config)?;
            let attributes = attributes(&container);
            Ok(records.journal(Subject::Container, &id.hex(), Occurrence::Update, attributes)?)
        })
    }

    /// Tells the monitor of a container, which starts it again by itself, what it may use then.
    fn limit_next_runs(&self, container: &Container, resources: &Resources) -> Result<()> {
        let limits = spec::resources::linux(resources)?;
        let told = Client::connect(self.layout(), container.id)
            .and_then(|mut client| client.limit(limits));
        match told {
            // It has ended meanwhile: the next start reads the record.
            Err(MonitorError::Gone(_)) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Names the flags whose limits do not hold, because an ordinary user was not given the control groups for them. Root is told by the start instead.
    pub fn limits_that_do_not_hold(&self, asked: &Resources) -> Vec<&'static str> {
        self.holding(asked).1
    }

    /// Leaves out the limits that do not hold, and names their flags.
    pub(super) fn holding<'a>(
        &self,
        asked: &'a Resources,
    ) -> (Cow<'a, Resources>, Vec<&'static str>) {
        if !self.is_rootless() || asked.is_default() {
            return (Cow::Borrowed(asked), Vec::new());
        }
        let (held, flags) = asked.held_by(&cgroup::delegated());
        (Cow::Owned(held), flags)
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when another has it.
    pub fn rename(&self, id: ContainerId, name: &ContainerName) -> Result<()> {
        self.store().write(|records| {
            let mut container = existing(records, id)?;
            if container.name == *name {
                return Err(EngineError::new(
                    ErrorKind::Invalid,
                    format!("container {name} has that name already"),
                ));
            }
            records.set_name(id, name).map_err(|error| match error {
                StoreError::Taken(_) => EngineError::new(
                    ErrorKind::Conflict,
                    format!("the name {name} is used by another container"),
                )
                .hint(format!(
                    "choose another, or rename that one first: estiba rename {name} NEW"
                )),
                other => other.into(),
            })?;
            let old = std::mem::replace(&mut container.name, name.clone());
            let mut attributes = attributes(&container);
            attributes.insert("oldName".to_owned(), format!("/{old}"));
            Ok(records.journal(Subject::Container, &id.hex(), Occurrence::Rename, attributes)?)
        })
    }

    /// Makes every process of a container stand still.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run or stands still already, [`ErrorKind::Kernel`] without a control group.
    pub fn pause(&self, id: ContainerId) -> Result<()> {
        self.set_paused(id, true)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// As [`Engine::pause`].
    pub fn unpause(&self, id: ContainerId) -> Result<()> {
        self.set_paused(id, false)
    }

    /// Lets the processes of a container go on, if they stand still, so that they can end: in version 1 of control groups what stands still does not even
    /// die. That somebody else did so, or that it has ended, is as good.
    pub(super) fn thaw(&self, container: &Container) -> Result<()> {
        let State::Running { paused: true, .. } = container.state else { return Ok(()) };
        match self.unpause(container.id) {
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                Ok(())
            }
            unpaused => unpaused,
        }
    }

    /// Within one transaction, so that the record says what is so.
    fn set_paused(&self, id: ContainerId, paused: bool) -> Result<()> {
        let verb = if paused { Verb::Pause } else { Verb::Unpause };
        self.store().write(|records| {
            let container = existing(records, id)?;
            check_allows(&container, verb)?;
            let State::Running { started, restarts, health, .. } = container.state else {
                return Ok(());
            };
            let group = group(&container)?;
            if paused { group.freeze() } else { group.thaw() }?;
            let state = State::Running { started, paused, restarts, health };
            let recorded = records.set_state(id, &state).and_then(|()| {
                let occurrence = if paused { Occurrence::Pause } else { Occurrence::Unpause };
                records.journal(Subject::Container, &id.hex(), occurrence, attributes(&container))
            });
            if recorded.is_err() && paused {
                // What nobody knows of would stand still for ever.
                group.thaw()?;
            }
            Ok(recorded?)
        })
    }
}

/// Finds the control group of a container that lives.
pub(super) fn group(container: &Container) -> Result<Cgroup> {
    Cgroup::find_with(&cgroup_name(container), Reach::All).ok_or_else(|| {
        EngineError::new(
            ErrorKind::Kernel,
            format!("container {} has no control group", container.name),
        )
        .hint("this user may not make control groups: let systemd delegate one, or run as root")
    })
}

fn limit(container: &Container, resources: &Resources) -> Result<()> {
    let Some(asked) = spec::resources::linux(resources)? else { return Ok(()) };
    let wanted = runtime::resources(&asked)
        .map_err(|error| EngineError::new(ErrorKind::Invalid, error.to_string()))?;
    group(container)?.apply(&wanted).map_err(|error| {
        if !error.is_not_found() {
            return error.into();
        }
        EngineError::new(
            ErrorKind::Conflict,
            format!(
                "container {} was started without what this limit needs: {error}",
                container.name
            ),
        )
        .hint(format!("stop it, update it, and start it: estiba stop {}", container.name))
    })
}
