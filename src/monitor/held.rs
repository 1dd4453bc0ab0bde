//! What a monitor holds for its container outside of it, and gives back.

use std::path::{Path, PathBuf};

use super::StartFailure;
use crate::{
    model::Endpoint,
    network,
    store::Store,
    sys::{cgroup::Cgroup, files, process::ProcessId},
};

/// Everything acquired so far. Each acquisition is written down here at once; the end of a container and a start that failed give back the same things.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The monitor's socket, generated files.
    pub(super) run_dir: Option<PathBuf>,
    pub(super) cgroup: Option<Cgroup>,
    /// The links that were made.
    pub(super) endpoints: Vec<Endpoint>,
    /// Links that are switched off.
    pub(super) unplugged: Vec<Endpoint>,
    /// Directories that nobody looks for any more.
    pub(super) leftovers: Vec<PathBuf>,
    /// The records, once the end of the container stands there.
    pub(super) store: Option<Store>,
}

impl Held {
    /// Gives back all but the directory, latest first; [`Held::clear`] does what takes long. A failure does not stop the rest; all failures are listed.
    pub(super) fn release(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        for endpoint in self.endpoints.drain(..).rev() {
            if let Err(error) = network::unplug(&endpoint) {
                failures.push(error.to_string());
            }
            self.unplugged.push(endpoint);
        }
        if let Some(Err(error)) = self.cgroup.take().map(|cgroup| cgroup.remove()) {
            failures.push(error.to_string());
        }
        failures
    }

    /// Moves a directory into `ended` under this monitor's name, to be deleted later; in place of what cannot be moved, it is deleted at once.
    /// The next `Engine::open` deletes what the dead have left there.
    pub(super) fn hide(&mut self, path: &Path, ended: &Path) {
        let moved = ProcessId::current().and_then(|monitor| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let aside = ended.join(format!("{name}.{monitor}"));
            files::rename(path, &aside)?;
            Ok(aside)
        });
        match moved {
            Ok(aside) => self.leftovers.push(aside),
            // Nobody is told: without a record nothing looks for it any more.
            Err(_) => drop(files::remove_tree(path)),
        }
    }

    /// Deletes what is left of all that was given back, and shortens the log of the records. Each link costs a wait for all processors and each file can
    /// cost one for the disk, so this is the last thing to do: whoever waits for the end of the container does not wait for this.
    pub(super) fn clear(&mut self) {
        // Nobody is left to be told. A link goes with its network namespace too, and nothing looks for the directories any more.
        for endpoint in self.unplugged.drain(..) {
            drop(network::detach(&endpoint));
        }
        for path in self.leftovers.drain(..) {
            drop(files::remove_tree(&path));
        }
        if let Some(store) = self.store.take() {
            store.shorten_log();
        }
    }

    /// Removes the directory, and with it the socket: nobody finds this monitor any more.
    pub(super) fn remove_run_dir(&mut self) -> Vec<String> {
        let removed = self.run_dir.take().map(|path| files::remove_tree(&path));
        removed.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect()
    }
}

impl StartFailure {
    /// Adds what could not be undone after the cause, which stays first.
    pub(super) fn and(mut self, failures: &[String]) -> Self {
        for failure in failures {
            self.message.push_str("; then ");
            self.message.push_str(failure);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_stays_first() {
        let failure = StartFailure::new("cannot mount x").and(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(failure.message, "cannot mount x; then a; then b");
        assert_eq!(failure.exit_code, 125);
    }

    #[test]
    fn the_directory_goes_with_all_that_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = dir.path().join("run");
        files::make_private_dir(&run_dir.join("rootfs")).unwrap();
        let mut held = Held { run_dir: Some(run_dir.clone()), ..Held::default() };
        assert!(held.release().is_empty());
        assert!(files::exists(&run_dir));
        assert!(held.remove_run_dir().is_empty());
        assert!(!files::exists(&run_dir));
        assert!(held.remove_run_dir().is_empty());
    }
}
