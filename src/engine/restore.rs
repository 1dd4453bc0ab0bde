//! Starting what should run after the machine came up.

use super::{Engine, EngineError, ErrorKind, Result};
use crate::{
    model::{Container, RestartPolicy, State},
    sys::process::boot_id,
};

/// A container that was to be started, and what came of that.
#[derive(Debug)]
pub struct Restored {
    /// The container, as it was before.
    pub container: Container,
    /// Why it does not run, if it does not.
    pub failure: Option<EngineError>,
}

impl Engine {
    /// Starts the containers that ought to run by their restart policies and do not, oldest first; one that needs another one after that.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`]; that one does not start is told of it alone.
    pub fn restore(&self) -> Result<Vec<Restored>> {
        let boot = boot_id()?;
        let mut waiting = self.overview()?.containers;
        waiting.retain(|container| is_missing(container, &boot));
        let mut restored = Vec::new();
        // Newest first, and taken from the end.
        while !waiting.is_empty() {
            let (mut left, mut is_further) = (Vec::new(), false);
            while let Some(container) = waiting.pop() {
                match self.start(container.id) {
                    Err(failure) if failure.kind() == &ErrorKind::Conflict => {
                        // Someone else was quicker, or it needs one that is still to come.
                        if !self.is_live(container.id)? {
                            left.push((container, failure));
                        }
                    }
                    started => {
                        is_further = true;
                        restored.push(Restored { container, failure: started.err() });
                    }
                }
            }
            if !is_further {
                let told = left
                    .into_iter()
                    .map(|(container, failure)| Restored { container, failure: Some(failure) });
                restored.extend(told);
                break;
            }
            waiting = left.into_iter().rev().map(|(container, _)| container).collect();
        }
        Ok(restored)
    }
}

/// Tells whether a container ought to run and does not (moby, `restore` and `RestartManager.ShouldRestart`). What someone stopped in this boot stays
/// down: Docker starts it when its daemon starts, and here nothing starts but the machine.
fn is_missing(container: &Container, boot: &str) -> bool {
    let State::Exited { exit, restarts, stopped_in, .. } = &container.state else { return false };
    let policy = container.config.restart;
    match policy {
        RestartPolicy::No => false,
        RestartPolicy::Always => stopped_in.as_deref() != Some(boot),
        RestartPolicy::UnlessStopped => stopped_in.is_none(),
        RestartPolicy::OnFailure { .. } => {
            stopped_in.is_none() && policy.restarts_after(exit, *restarts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContainerConfig, ContainerId, Digest, Exit, ImageId, Timestamp};

    fn container(policy: &str, code: i32, restarts: u32, stopped_in: Option<&str>) -> Container {
        Container {
            id: ContainerId::from_bytes([1; 32]),
            name: "a".parse().unwrap(),
            image: ImageId(Digest::from_bytes([2; 32])),
            image_name: "i".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            config: ContainerConfig {
                restart: policy.parse().unwrap(),
                ..ContainerConfig::default()
            },
            state: State::Exited {
                started: None,
                finished: Timestamp::UNIX_EPOCH,
                exit: Exit { code, ..Exit::default() },
                restarts,
                stopped_in: stopped_in.map(str::to_owned),
            },
            endpoints: Vec::new(),
        }
    }

    #[test]
    fn what_ought_to_run_is_missing() {
        for (policy, code, restarts, stopped_in, missing) in [
            ("no", 137, 0, None, false),
            ("always", 0, 0, None, true),
            ("always", 143, 0, Some("before"), true),
            ("always", 143, 0, Some("now"), false),
            ("unless-stopped", 137, 9, None, true),
            ("unless-stopped", 0, 0, Some("before"), false),
            ("unless-stopped", 0, 0, Some("now"), false),
            ("on-failure", 137, 9, None, true),
            ("on-failure", 0, 0, None, false),
            ("on-failure", 143, 0, Some("before"), false),
            ("on-failure:3", 1, 2, None, true),
            ("on-failure:3", 1, 3, None, false),
        ] {
            let container = container(policy, code, restarts, stopped_in);
            assert_eq!(is_missing(&container, "now"), missing, "{policy} {code} {stopped_in:?}");
        }
        let never = Container { state: State::Created, ..container("always", 0, 0, None) };
        assert!(!is_missing(&never, "now"));
    }
}
