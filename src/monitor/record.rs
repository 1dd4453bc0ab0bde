//! Writing down how a container ended. The store is open only for that, and while an early end is likely: a monitor that waits must not cost a database.

use std::{collections::BTreeMap, time::Duration};

use super::{Launch, StartFailure, held::Held};
use crate::{
    model::{Container, Exit, Health, Occurrence, State, Subject, Timestamp},
    store::{Layout, Processes, RecordsMut, Store, StoreError},
    sys::{
        poll,
        process::{ProcessId, boot_id},
    },
};

/// How often a store that refuses is asked; it waits for others by itself. Later, the next `Engine::open` finds the container without its monitor.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// Opens the records, and reads what will be changed: what is needed for that is at hand then.
pub(super) fn open_records(container: &Container, layout: &Layout) -> Result<Store, StoreError> {
    let mut store = Store::open(layout.clone())?;
    store.read::<_, StoreError>(|records| records.container(container.id))?;
    Ok(store)
}

/// Writes down that a container runs, unless it was removed meanwhile; gives the store, open.
pub(super) fn record_start(
    container: &Container,
    store: Result<Store, StoreError>,
    (init, started): (ProcessId, Timestamp),
) -> Result<Store, StoreError> {
    let monitor = ProcessId::current()?;
    let processes = Processes { boot: boot_id()?, monitor, init: Some(init) };
    let mut store = store?;
    store.write(|records| {
        let restarts = match records.container(container.id)?.map(|recorded| recorded.state) {
            Some(State::Starting) => 0,
            Some(State::Restarting { restarts, .. }) => restarts,
            _ => return Ok(()),
        };
        let health = container.config.health.command().map(|_asked| Health::Starting);
        records.set_processes(container.id, Some(&processes))?;
        let state = State::Running { started, paused: false, restarts, health };
        records.set_state(container.id, &state)?;
        journal(records, container, Occurrence::Start, None)
    })?;
    Ok(store)
}

/// Writes a line about a container into the journal.
pub(super) fn journal(
    records: &mut RecordsMut<'_>,
    container: &Container,
    occurrence: Occurrence,
    code: Option<i32>,
) -> Result<(), StoreError> {
    let mut attributes = BTreeMap::from([
        ("name".to_owned(), container.name.to_string()),
        ("image".to_owned(), container.image_name.clone()),
    ]);
    attributes.extend(code.map(|code| ("exitCode".to_owned(), code.to_string())));
    records.journal(Subject::Container, &container.id.hex(), occurrence, attributes)
}

/// Why a container ended, which decides what is to follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Cause {
    /// It ended by itself: its policy says whether it starts again.
    #[default]
    Itself,
    /// Someone asked it to.
    Hand,
    /// The machine goes down, or it could not even start.
    Machine,
}

/// Writes down that a start failed.
pub(super) fn record_failure(launch: &Launch, held: &mut Held, failure: &StartFailure) -> Exit {
    let exit =
        Exit { code: failure.exit_code, error: Some(failure.message.clone()), ..Exit::default() };
    let (container, layout) = (&launch.container, &launch.layout);
    Ended { container, layout, started: None, exit: &exit, cause: Cause::Machine }
        .record(held, None);
    exit
}

/// Writes down that a container that was to start again will not; gives how its last run ended.
pub(super) fn record_rest(
    container: &Container,
    layout: &Layout,
    held: &mut Held,
    cause: Cause,
) -> Exit {
    let id = container.id;
    let mut last = Exit::default();
    insist(|| {
        let mut store = Store::open(layout.clone())?;
        store.write(|records| {
            let state = records.container(id)?.map(|recorded| recorded.state);
            if let Some(State::Restarting { started, finished, exit, restarts }) = state {
                last = exit.clone();
                let stopped_in = if cause == Cause::Hand { Some(boot_id()?) } else { None };
                let state = State::Exited { started, finished, exit, restarts, stopped_in };
                records.set_state(id, &state)?;
                records.set_processes(id, None)?;
                records.remove_endpoints(id)?;
            }
            hide_run_dir(layout, held);
            Ok::<_, StoreError>(())
        })
    });
    hide_run_dir(layout, held);
    last
}

/// Tries again what the store refuses; `None` when it refused to the last.
fn insist<T>(mut write: impl FnMut() -> Result<T, StoreError>) -> Option<T> {
    for attempt in 1..=ATTEMPTS {
        match write() {
            Ok(done) => return Some(done),
            Err(_) if attempt < ATTEMPTS && poll::wait(&mut [], Some(PAUSE)).is_ok() => {}
            Err(_) => break,
        }
    }
    None
}

fn hide_run_dir(layout: &Layout, held: &mut Held) {
    if let Some(path) = held.run_dir.take() {
        let [_, ended] = layout.ended();
        held.hide(&path, &ended);
    }
}

/// A container that has ended.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) container: &'a Container,
    pub(super) layout: &'a Layout,
    /// When its program was executed, if it was.
    pub(super) started: Option<Timestamp>,
    pub(super) exit: &'a Exit,
    pub(super) cause: Cause,
}

impl Ended<'_> {
    /// Writes it down, and leaves in `held` what is not needed any more: the run directory, and everything when it was asked to remove itself.
    /// `open` is the store if it is open already. Tells whether it is to start again; then it keeps its directory and its addresses.
    pub(super) fn record(&self, held: &mut Held, mut open: Option<Store>) -> bool {
        let finished = Timestamp::now();
        let written = insist(|| self.write(held, finished, open.take()));
        let is_followed = written.as_ref().is_some_and(|(_, is_followed)| *is_followed);
        held.store = written.map(|(store, _)| store);
        if !is_followed {
            hide_run_dir(self.layout, held);
        }
        is_followed
    }

    fn write(
        &self,
        held: &mut Held,
        finished: Timestamp,
        open: Option<Store>,
    ) -> Result<(Store, bool), StoreError> {
        let mut store = open.map_or_else(|| Store::open(self.layout.clone()), Ok)?;
        let is_followed = store.write::<_, StoreError>(|records| {
            let id = self.container.id;
            let recorded = records.container(id)?.filter(|recorded| recorded.state.is_live());
            if let Some(recorded) = &recorded
                && self.is_followed(recorded)
            {
                self.change_for_now(records, recorded, finished)?;
                return Ok(true);
            }
            let is_live = recorded.is_some();
            if let Some(recorded) = recorded {
                self.change(records, &recorded, finished)?;
            }
            // Within the transaction: nobody can start the container again before its directory is gone, and nobody who finds no
            // monitor reads that it runs. If this process is killed next, no directory is without a record or a dead owner in its name.
            hide_run_dir(self.layout, held);
            if is_live && self.container.config.auto_remove {
                let [ended, _] = self.layout.ended();
                held.hide(&self.layout.container(id), &ended);
            }
            Ok(false)
        })?;
        Ok((store, is_followed))
    }

    /// Tells whether a further run is to follow. The policy is the one of now: it can be changed while the container runs.
    fn is_followed(&self, recorded: &Container) -> bool {
        let restarts = recorded.state.restarts();
        self.cause == Cause::Itself
            && !recorded.config.auto_remove
            && recorded.config.restart.restarts_after(self.exit, restarts)
    }

    /// Writes down the end of a run that is not the last.
    fn change_for_now(
        &self,
        records: &mut RecordsMut<'_>,
        recorded: &Container,
        finished: Timestamp,
    ) -> Result<(), StoreError> {
        let id = self.container.id;
        let processes = Processes { boot: boot_id()?, monitor: ProcessId::current()?, init: None };
        let state = State::Restarting {
            started: self.started,
            finished,
            exit: self.exit.clone(),
            restarts: recorded.state.restarts() + 1,
        };
        records.set_state(id, &state)?;
        records.set_processes(id, Some(&processes))?;
        self.journal_end(records, recorded)
    }

    fn change(
        &self,
        records: &mut RecordsMut<'_>,
        recorded: &Container,
        finished: Timestamp,
    ) -> Result<(), StoreError> {
        let id = self.container.id;
        let stopped_in = if self.cause == Cause::Hand { Some(boot_id()?) } else { None };
        let restarts = recorded.state.restarts();
        let (started, exit) = (self.started, self.exit.clone());
        records.set_state(id, &State::Exited { started, finished, exit, restarts, stopped_in })?;
        records.set_processes(id, None)?;
        records.remove_endpoints(id)?;
        self.journal_end(records, recorded)?;
        if self.container.config.auto_remove {
            records.remove_container(id)?;
            journal(records, recorded, Occurrence::Destroy, None)?;
        }
        Ok(())
    }

    fn journal_end(
        &self,
        records: &mut RecordsMut<'_>,
        recorded: &Container,
    ) -> Result<(), StoreError> {
        if self.exit.oom {
            journal(records, recorded, Occurrence::Oom, None)?;
        }
        journal(records, recorded, Occurrence::Die, Some(self.exit.code))
    }
}

#[cfg(test)]
mod tests;
