//! What the next start puts right: containers whose monitor was killed, or that a reboot ended.
//!
//! The records say which process answers for a live container. If that process is gone (number *and* start time, in this
//! boot), the container has ended, whatever the records say: what is left of it is killed, its control group and links are
//! removed, its addresses returned, and the record says how it ended as far as anyone can know. Processes do so in turn, and look again when
//! it is theirs: as soon as one of them has written down that a container ended it can be started again, and then another one must not go on
//! ending it.

use super::{Engine, EngineError, Result, lifecycle::exit_attributes};
use crate::{
    image,
    model::{Container, ContainerId, Exit, Occurrence, State, Subject, Timestamp},
    network,
    store::Processes,
    sys::{
        cgroup::Reach,
        files,
        process::{ProcessId, boot_id},
    },
};

impl Engine {
    /// Puts right whatever no living process answers for.
    pub(super) fn reconcile(&self) -> Result<()> {
        let (live, is_new) = self.store().read(|records| {
            let is_new = records.networks()?.is_empty();
            Ok::<_, EngineError>((records.live()?, is_new))
        })?;
        if is_new {
            self.create_default_network()?;
        }
        if !live.is_empty() {
            let boot = boot_id()?;
            if live.iter().any(|(_, _, processes)| !is_answered_for(processes.as_ref(), &boot)) {
                self.end_unanswered(&boot)?;
            }
        }
        if !files::list(&self.layout().staging())?.is_empty() {
            image::delete_staged(self.layout())?;
        }
        self.delete_ended()
    }

    /// Deletes what monitors were deleting when they were killed.
    fn delete_ended(&self) -> Result<()> {
        for path in self.layout().ended().iter().map(|ended| files::list(ended)) {
            for path in path? {
                let owner = path.extension().and_then(|owner| owner.to_str()?.parse().ok());
                if owner.is_none_or(|owner: ProcessId| owner.is_gone()) {
                    files::remove_tree(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Puts one container right, if nobody answers for it.
    pub(super) fn reconcile_one(&self, id: ContainerId) -> Result<()> {
        let boot = boot_id()?;
        let unanswered = || {
            let live = self.store().read(|records| Ok::<_, EngineError>(records.live()?))?;
            let mut found = live.into_iter().filter(|(one, ..)| *one == id);
            Ok::<_, EngineError>(
                found.find(|(.., processes)| !is_answered_for(processes.as_ref(), &boot)),
            )
        };
        if unanswered()?.is_some() {
            let _turn = self.layout().take_turn()?;
            if let Some((id, _, processes)) = unanswered()? {
                self.end(id, processes.as_ref(), &boot)?;
            }
        }
        Ok(())
    }

    /// Ends the containers that nobody answers for.
    fn end_unanswered(&self, boot: &str) -> Result<()> {
        let _turn = self.layout().take_turn()?;
        let live = self.store().read(|records| Ok::<_, EngineError>(records.live()?))?;
        for (id, _, processes) in live {
            if !is_answered_for(processes.as_ref(), boot) {
                // One that does not end, and may be full of processes, keeps nobody from the others: it is met again by the next command,
                // and by each that is about this container, which says why.
                drop(self.end(id, processes.as_ref(), boot));
            }
        }
        Ok(())
    }

    /// Ends a container that nobody answers for, while no other process does.
    fn end(&self, id: ContainerId, processes: Option<&Processes>, boot: &str) -> Result<()> {
        if let Some(init) =
            processes.filter(|found| found.boot == boot).and_then(|found| found.init)
        {
            init.kill()?;
        }
        if let Some(group) = self.group_of(id, Reach::All)? {
            group.kill_all()?;
            group.remove()?;
        }
        let Some(container) =
            self.store().read(|records| Ok::<_, EngineError>(records.container(id)?))?
        else {
            return Ok(());
        };
        if !self.is_rootless() {
            // In a user's shared namespace the links went with the container's own.
            container.endpoints.iter().try_for_each(network::detach)?;
        }
        files::remove_tree(&self.layout().container_run(id))?;
        let aside = self.layout().staging().join(id.hex());
        self.store().write(|records| {
            let is_unchanged = records.processes(id)?.as_ref() == processes
                && records.container(id)?.is_some_and(|now| now.state.is_live());
            if !is_unchanged {
                return Ok(());
            }
            let state = end_of(&container, processes.is_some_and(|found| found.boot != boot));
            // The end of a run that was to be followed by another has been told.
            let is_told = matches!(container.state, State::Restarting { .. });
            if let State::Exited { exit, .. } = &state
                && !is_told
            {
                let attributes = exit_attributes(&container, exit);
                records.journal(Subject::Container, &id.hex(), Occurrence::Die, attributes)?;
            }
            if container.config.auto_remove {
                records.remove_container(id)?;
                let attributes = super::containers::attributes(&container);
                records.journal(Subject::Container, &id.hex(), Occurrence::Destroy, attributes)?;
                return match files::rename(&self.layout().container(id), &aside) {
                    Err(error) if !error.is_not_found() => Err(error.into()),
                    _ => Ok(()),
                };
            }
            records.remove_endpoints(id)?;
            records.set_processes(id, None)?;
            records.set_state(id, &state)?;
            Ok::<_, EngineError>(())
        })?;
        Ok(files::remove_tree(&aside)?)
    }
}

/// Tells whether the process that answers for a live container may still run.
fn is_answered_for(processes: Option<&Processes>, boot: &str) -> bool {
    processes.is_some_and(|processes| processes.boot == boot && !processes.monitor.is_gone())
}

/// Says how a container ended that nobody watched.
fn end_of(container: &Container, was_reboot: bool) -> State {
    let restarts = container.state.restarts();
    let because = |reason: &str, exit: Exit| Exit { error: Some(reason.to_owned()), ..exit };
    let killed = Exit { code: 137, signal: Some(9), ..Exit::default() };
    let (started, finished, exit) = match (&container.state, was_reboot) {
        // Its last run ended by itself, and that is known.
        (State::Restarting { started, finished, exit, .. }, true) => {
            let reason = "the machine was restarted before it could be started again";
            (*started, *finished, because(reason, exit.clone()))
        }
        (State::Restarting { started, finished, exit, .. }, false) => {
            let reason = "its monitor was killed before it could start it again";
            (*started, *finished, because(reason, exit.clone()))
        }
        (State::Running { started, .. }, true) => {
            let reason = "the machine was restarted while it ran";
            (Some(*started), Timestamp::now(), because(reason, killed))
        }
        (State::Running { started, .. }, false) => {
            let reason = "its monitor was killed, and it ended then or just before";
            (Some(*started), Timestamp::now(), because(reason, killed))
        }
        (_, true) => {
            let reason = "the machine was restarted while it was about to start";
            (None, Timestamp::now(), because(reason, killed))
        }
        (_, false) => {
            let reason = "the program that started it was killed";
            (None, Timestamp::now(), because(reason, killed))
        }
    };
    State::Exited { started, finished, exit, restarts, stopped_in: None }
}
