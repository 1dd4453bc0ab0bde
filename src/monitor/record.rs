//! Writing down how a container ended. The store is open only for that, and while an early end is likely: a monitor that waits must not cost a database.

use std::{collections::BTreeMap, time::Duration};

use super::held::Held;
use crate::{
    model::{Container, Exit, Occurrence, State, Subject, Timestamp},
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
        let recorded = records.container(container.id)?;
        if recorded.is_none_or(|recorded| recorded.state != State::Starting) {
            return Ok(());
        }
        records.set_processes(container.id, Some(&processes))?;
        records.set_state(container.id, &State::Running { started, paused: false })?;
        journal(records, container, Occurrence::Start, None)
    })?;
    Ok(store)
}

/// Writes a line about a container into the journal.
fn journal(
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

/// A container that has ended.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) container: &'a Container,
    pub(super) layout: &'a Layout,
    /// When its program was executed, if it was.
    pub(super) started: Option<Timestamp>,
    pub(super) exit: &'a Exit,
}

impl Ended<'_> {
    /// Writes it down, and leaves in `held` what is not needed any more: the run directory, and everything when it was asked to remove itself.
    /// `open` is the store if it is open already.
    pub(super) fn record(&self, held: &mut Held, mut open: Option<Store>) {
        let finished = Timestamp::now();
        for attempt in 1..=ATTEMPTS {
            held.store = self.write(held, finished, open.take()).ok();
            let is_written = held.store.is_some();
            if is_written || (attempt < ATTEMPTS && poll::wait(&mut [], Some(PAUSE)).is_err()) {
                break;
            }
        }
        self.hide_run_dir(held);
    }

    fn write(
        &self,
        held: &mut Held,
        finished: Timestamp,
        open: Option<Store>,
    ) -> Result<Store, StoreError> {
        let mut store = open.map_or_else(|| Store::open(self.layout.clone()), Ok)?;
        store.write::<_, StoreError>(|records| {
            let id = self.container.id;
            let recorded = records.container(id)?;
            let is_live = recorded.is_some_and(|recorded| recorded.state.is_live());
            if is_live {
                self.change(records, finished)?;
            }
            // Within the transaction: nobody can start the container again before its directory is gone, and nobody who finds no
            // monitor reads that it runs. If this process is killed next, no directory is without a record or a dead owner in its name.
            self.hide_run_dir(held);
            if is_live && self.container.config.auto_remove {
                let [ended, _] = self.layout.ended();
                held.hide(&self.layout.container(id), &ended);
            }
            Ok(())
        })?;
        Ok(store)
    }

    fn hide_run_dir(&self, held: &mut Held) {
        if let Some(path) = held.run_dir.take() {
            let [_, ended] = self.layout.ended();
            held.hide(&path, &ended);
        }
    }

    fn change(&self, records: &mut RecordsMut<'_>, finished: Timestamp) -> Result<(), StoreError> {
        let id = self.container.id;
        records.set_state(
            id,
            &State::Exited { started: self.started, finished, exit: self.exit.clone() },
        )?;
        records.set_processes(id, None)?;
        records.remove_endpoints(id)?;
        if self.exit.oom {
            self.journal(records, Occurrence::Oom)?;
        }
        self.journal(records, Occurrence::Die)?;
        if self.container.config.auto_remove {
            records.remove_container(id)?;
            self.journal(records, Occurrence::Destroy)?;
        }
        Ok(())
    }

    fn journal(
        &self,
        records: &mut RecordsMut<'_>,
        occurrence: Occurrence,
    ) -> Result<(), StoreError> {
        let code = (occurrence == Occurrence::Die).then_some(self.exit.code);
        journal(records, self.container, occurrence, code)
    }
}

#[cfg(test)]
mod tests;
