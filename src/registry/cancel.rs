//! How somebody who asked for a transfer says that it is not wanted any more.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::RegistryError;

/// Ends transfers from another thread: what waits wakes, what reads or writes fails with [`RegistryError::Cancelled`]. Cheap to clone.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    is_cancelled: bool,
    agents: Vec<ureq::Agent>,
}

impl Cancel {
    /// Says that it is not wanted any more; there is no way back.
    pub fn cancel(&self) {
        let agents = {
            let mut state = self.state();
            state.is_cancelled = true;
            std::mem::take(&mut state.agents)
        };
        self.0.woken.notify_all();
        // Shuts every connection down, under the hands of whoever reads from it.
        agents.into_iter().for_each(ureq::Agent::shutdown);
    }

    /// Tells whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state().is_cancelled
    }

    /// Fails if it was cancelled.
    ///
    /// # Errors
    /// [`RegistryError::Cancelled`].
    pub fn check(&self) -> Result<(), RegistryError> {
        if self.is_cancelled() { Err(RegistryError::Cancelled) } else { Ok(()) }
    }

    /// Waits, unless it is cancelled meanwhile.
    ///
    /// # Errors
    /// [`RegistryError::Cancelled`].
    pub(super) fn wait(&self, time: Duration) -> Result<(), RegistryError> {
        let waited =
            self.0.woken.wait_timeout_while(self.state(), time, |state| !state.is_cancelled);
        drop(waited);
        self.check()
    }

    /// Has an agent's connections shut down when it is cancelled.
    pub(super) fn watch(&self, agent: &ureq::Agent) {
        let mut state = self.state();
        if state.is_cancelled {
            drop(state);
            agent.clone().shutdown();
        } else {
            state.agents.push(agent.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}
