//! Programs of others that are run at points of a container's life (config.md, "POSIX-platform Hooks").
//!
//! | hook | where | who calls it |
//! |---|---|---|
//! | `prestart`, `createRuntime` | the caller's namespaces, mounts made but not yet the root | [`super::Created::run_hooks`] |
//! | `createContainer` | the container's namespaces, path of the host, before the root changes | the first process |
//! | `startContainer` | the container's namespaces, path of the container, with the rights of its program | the first process, after the word to start |
//! | `poststart` | the caller's namespaces | the caller, by [`run`], after [`super::Created::start`]; a failure is to stop the container |
//! | `poststop` | the caller's namespaces | the caller, by [`run_all`], when everything is removed; failures are only told |

use std::{io::Read as _, os::fd::AsFd as _, time::Duration};

use oci_spec::runtime::{Hook, Spec};
use serde_json::Value;

use super::{
    InitError, RuntimeError,
    protocol::{Order, Report, hear, say},
};
use crate::sys::{
    channel::Channel,
    command::{self, Job},
};

/// Runs hooks in their order, with the container's state on standard input; the first that fails is the last.
///
/// # Errors
/// [`RuntimeError::Hook`] with its path and what it said.
pub fn run(hooks: &[Hook], state: &Value) -> Result<(), RuntimeError> {
    hooks.iter().try_for_each(|hook| run_one(hook, state))
}

/// Runs all hooks in their order, also after one has failed, and gives the failures.
pub fn run_all(hooks: &[Hook], state: &Value) -> Vec<RuntimeError> {
    hooks.iter().filter_map(|hook| run_one(hook, state).err()).collect()
}

fn run_one(hook: &Hook, state: &Value) -> Result<(), RuntimeError> {
    let patience = hook.timeout().and_then(|seconds| u64::try_from(seconds).ok());
    let path = hook.path();
    command::run(&Job {
        path,
        arguments: hook.args().as_deref().unwrap_or_default(),
        environment: hook.env().as_deref().unwrap_or_default(),
        input: state.to_string().as_bytes(),
        patience: patience.map(Duration::from_secs),
    })
    .map_err(|error| RuntimeError::Hook {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// The hooks that the first process runs.
#[derive(Debug, Default)]
pub(super) struct InnerHooks {
    create: Vec<Hook>,
    start: Vec<Hook>,
}

impl InnerHooks {
    /// Reads them; `None` when the container has no hooks before its start at all. All hooks are looked at.
    pub(super) fn resolve(spec: &Spec) -> Result<Option<Self>, RuntimeError> {
        let Some(hooks) = spec.hooks() else { return Ok(None) };
        let list = |list: &Option<Vec<Hook>>| list.clone().unwrap_or_default();
        let inner =
            Self { create: list(hooks.create_container()), start: list(hooks.start_container()) };
        let outer = [before(spec), list(hooks.poststart()), list(hooks.poststop())];
        for hook in outer.iter().flatten().chain(&inner.create).chain(&inner.start) {
            check(hook)?;
        }
        let is_any = ![&outer[0], &inner.create, &inner.start].iter().all(|list| list.is_empty());
        Ok(is_any.then_some(inner))
    }

    /// Waits until the hooks outside have run, then runs `createContainer`; gives what is to be run at the start.
    pub(super) fn at_creation(self, channel: &Channel) -> Result<AtStart, InitError> {
        say(channel, &Report::Mounted, None)?;
        let Some((Order::Hooked, Some(file))) = hear::<Order>(channel)? else {
            return Err(InitError::Abandoned);
        };
        let mut text = String::new();
        let read = std::fs::File::from(file).read_to_string(&mut text);
        let state = read.ok().and_then(|_| serde_json::from_str::<Value>(&text).ok());
        let state = state.ok_or_else(|| InitError::Protocol("the state is no JSON".to_owned()))?;
        run(&self.create, &state).map_err(inside)?;
        say(channel, &Report::Hooked, None)?;
        Ok(AtStart { hooks: self.start, state: with_status(state, "created") })
    }
}

/// What is run in the container before its program.
#[derive(Debug, Default)]
pub(super) struct AtStart {
    hooks: Vec<Hook>,
    state: Value,
}

impl AtStart {
    /// Tells whether there is nothing to run.
    pub(super) const fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    /// Runs `startContainer`.
    pub(super) fn run(&self) -> Result<(), InitError> {
        run(&self.hooks, &self.state).map_err(inside)
    }
}

/// Runs the hooks outside while the first process waits, and then lets it run its own.
pub(super) fn run_outside(
    channel: &Channel,
    spec: &Spec,
    state: &Value,
) -> Result<(), RuntimeError> {
    await_report(channel, &Report::Mounted)?;
    run(&before(spec), state)?;
    let file = command::file_of(state.to_string().as_bytes())?;
    // If it has ended already, the next line hears why.
    drop(say(channel, &Order::Hooked, Some(file.as_fd())));
    await_report(channel, &Report::Hooked)
}

fn await_report(channel: &Channel, wanted: &Report) -> Result<(), RuntimeError> {
    match hear::<Report>(channel)? {
        Some((report, _)) if report == *wanted => Ok(()),
        Some((Report::Failed(error), _)) => Err(error.into()),
        Some((other, _)) => Err(InitError::Protocol(format!("{other:?} before {wanted:?}")).into()),
        None => Err(InitError::Died(0).into()),
    }
}

/// Gives those that are run in the caller's namespaces before the container is ready, the deprecated ones first.
fn before(spec: &Spec) -> Vec<Hook> {
    let Some(hooks) = spec.hooks() else { return Vec::new() };
    // `prestart` has only a deprecated accessor; its JSON shows it without saying so.
    let prestart = serde_json::to_value(hooks).ok().and_then(|mut json| {
        serde_json::from_value::<Vec<Hook>>(json.get_mut("prestart")?.take()).ok()
    });
    let create = hooks.create_runtime().clone().unwrap_or_default();
    prestart.unwrap_or_default().into_iter().chain(create).collect()
}

fn check(hook: &Hook) -> Result<(), RuntimeError> {
    let path = hook.path().display();
    if !hook.path().is_absolute() {
        return Err(RuntimeError::unfit(format_args!("hooks: path {path} is not absolute")));
    }
    match hook.timeout() {
        Some(..=0) => {
            Err(RuntimeError::unfit(format_args!("hooks: timeout of {path} is not above zero")))
        }
        _ => Ok(()),
    }
}

/// Gives a state with another status.
fn with_status(mut state: Value, status: &str) -> Value {
    if let Some(state) = state.as_object_mut() {
        state.insert("status".to_owned(), status.into());
    }
    state
}

fn inside(error: RuntimeError) -> InitError {
    match error {
        RuntimeError::Hook { path, reason } => InitError::Hook { path, reason },
        other => InitError::Protocol(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(hooks: &Value) -> Spec {
        serde_json::from_value(json!({"ociVersion": "1.2.0", "hooks": hooks})).unwrap()
    }

    #[test]
    fn hooks_that_make_no_sense_are_refused() {
        for kind in [
            "prestart",
            "createRuntime",
            "createContainer",
            "startContainer",
            "poststart",
            "poststop",
        ] {
            for (hook, word) in [
                (json!({"path": "relative"}), "absolute"),
                (json!({"path": "/x", "timeout": 0}), "timeout"),
            ] {
                let error = InnerHooks::resolve(&spec(&json!({kind: [hook]}))).unwrap_err();
                assert!(error.to_string().contains(word), "{kind} {error}");
            }
            let fine = InnerHooks::resolve(&spec(&json!({kind: [{"path": "/x"}]}))).unwrap();
            assert_eq!(fine.is_some(), !kind.starts_with("post"), "{kind}");
        }
        assert!(InnerHooks::resolve(&spec(&json!({}))).unwrap().is_none());
    }

    #[test]
    fn the_deprecated_come_first() {
        let found = before(&spec(
            &json!({"createRuntime": [{"path": "/b"}], "prestart": [{"path": "/a"}]}),
        ));
        let paths: Vec<_> = found.iter().map(|hook| hook.path().display().to_string()).collect();
        assert_eq!(paths, ["/a", "/b"]);
    }
}
