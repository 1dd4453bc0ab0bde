//! What the engine is asked to do, from the first step to the last, and how far it has come.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    engine::{
        self, Archive, Cancel, CommitRequest, Destination, Engine, EngineError, ErrorKind,
        Extracted, Force, Progress, PrunePlan, Pruned, Result,
    },
    model::{ImageId, ImageReference},
    tui::{
        model::{Subject, spaced_size},
        msg::{Failure, Msg, Task},
        widgets::file_tree::FileTree,
    },
};

/// How long a container may take to stop before it is killed; as Docker has it.
const GRACE: Duration = Duration::from_secs(10);
/// SIGKILL (signal(7)).
const KILL: i32 = 9;

/// What is being done, as far as others must know.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks {
    cancels: Arc<Mutex<HashMap<u64, Cancel>>>,
    /// Held by who pulls: one after the other, so that what is pulled has the whole line.
    line: Arc<Mutex<()>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tasks {
    /// Lets a task end before it is done; one that is over is not disturbed.
    pub(super) fn cancel(&self, job: u64) {
        let cancel = held(&self.cancels).get(&job).cloned();
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
    }

    /// Does a task; `tell` is told how far it has come and what it has to say.
    pub(super) fn done(
        &self,
        engine: &Engine,
        (job, task): (u64, Task),
        tell: &dyn Fn(Msg),
    ) -> Result<()> {
        match task {
            Task::Pull(names) => {
                let words: Vec<_> = names.iter().map(ToString::to_string).collect();
                let words = format!("pull {}", words.join(" "));
                self.cancellable((job, &words), tell, |cancel, told| {
                    let _turn = held(&self.line);
                    pull(engine, &names, cancel, told)
                })
            }
            Task::Load(path) => {
                let words = format!("load {}", path.display());
                self.cancellable((job, &words), tell, |cancel, told| {
                    load(engine, &path, cancel, told)
                })
            }
            Task::Save(id, path) => {
                let words = format!("save to {}", path.display());
                self.cancellable((job, &words), tell, |cancel, told| {
                    save(engine, id, &path, cancel, told)
                })
            }
            Task::Extract(place, path, target) => {
                let Extracted { files, bytes, skipped } = engine.extract(&place, &path, &target)?;
                let left = match skipped {
                    0 => String::new(),
                    some => format!("; {some} that are no files were left out"),
                };
                let what = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
                let (size, there) = (spaced_size(bytes), target.display());
                tell(Msg::Told(format!("extracted {what}, {size}, to {there}{left}")));
                Ok(())
            }
            Task::Commit(id, name) => {
                let request =
                    CommitRequest { reference: Some(name.clone()), ..CommitRequest::default() };
                engine.commit(id, &request)?;
                tell(Msg::Told(format!("made {name}")));
                Ok(())
            }
            Task::Reset(id, path) => engine.reset(id, &path),
            Task::Prune(plan) => prune(engine, *plan, tell),
            other => plainly(engine, other),
        }
    }

    /// Does a task that can be stopped in the middle, and tells what it gives to say.
    fn cancellable(
        &self,
        (job, words): (u64, &str),
        tell: &dyn Fn(Msg),
        work: impl FnOnce(&Cancel, &mut dyn FnMut(Progress)) -> Result<Vec<String>>,
    ) -> Result<()> {
        let cancel = Cancel::default();
        held(&self.cancels).insert(job, cancel.clone());
        let done = work(&cancel, &mut |progress| tell(Msg::Progress(job, progress)));
        held(&self.cancels).remove(&job);
        let lines = done.map_err(|error| match error.kind() {
            ErrorKind::Cancelled => {
                EngineError::new(ErrorKind::Cancelled, format!("{words}: cancelled"))
            }
            _ => error,
        })?;
        for line in lines {
            tell(Msg::Told(line));
        }
        Ok(())
    }
}

/// Pulls images; gives what there is to say of it.
fn pull(
    engine: &Engine,
    names: &[ImageReference],
    cancel: &Cancel,
    told: &mut dyn FnMut(Progress),
) -> Result<Vec<String>> {
    // It may have waited for its turn.
    cancel.check()?;
    let pulled = engine.pull(names, None, cancel, told)?;
    let said = pulled.into_iter().map(|image| {
        let words = if image.is_new { "pulled" } else { "is up to date:" };
        format!("{words} {}", image.reference)
    });
    Ok(said.collect())
}

/// Loads an archive; gives what there is to say of it.
fn load(
    engine: &Engine,
    path: &Path,
    cancel: &Cancel,
    told: &mut dyn FnMut(Progress),
) -> Result<Vec<String>> {
    let loaded = engine.load(Archive::Path(path), cancel, told)?;
    let names = loaded.iter().flat_map(|image| &image.references);
    let names: Vec<_> = names.map(ToString::to_string).collect();
    Ok(vec![format!("loaded {}", names.join(", "))])
}

/// Saves an image by all its names, so that they are in the archive; gives what there is to say of it.
fn save(
    engine: &Engine,
    id: ImageId,
    path: &Path,
    cancel: &Cancel,
    told: &mut dyn FnMut(Progress),
) -> Result<Vec<String>> {
    if engine::is_there(path) {
        let message = format!("{} is there already", path.display());
        return Err(EngineError::new(ErrorKind::Conflict, message)
            .hint("name a file that is not there yet"));
    }
    let image = engine.image(&id.to_string())?;
    let names: Vec<_> = match image.references.as_slice() {
        [] => vec![id.to_string()],
        names => names.iter().map(ToString::to_string).collect(),
    };
    engine.save(&names, Destination::Path(path), cancel, told)?;
    Ok(vec![format!("saved to {}", path.display())])
}

/// Does a task of which there is nothing to say but that it is done.
fn plainly(engine: &Engine, task: Task) -> Result<()> {
    match task {
        Task::Start(id) => engine.start(id).map(drop),
        Task::Stop(id) => engine.stop(id, GRACE).map(drop),
        Task::Restart(id) => engine.restart(id, GRACE),
        Task::Pause(id) => engine.pause(id),
        Task::Unpause(id) => engine.unpause(id),
        Task::Kill(id) => engine.kill(id, KILL),
        Task::RemoveContainers(ids, force) => {
            ids.into_iter().try_for_each(|id| engine.remove(id, force))
        }
        Task::Untag(reference) => engine.untag(&reference),
        Task::RemoveImages(ids) => ids.into_iter().try_for_each(|id| remove_image(engine, id)),
        Task::RemoveWithImage(containers, image) => {
            for id in containers {
                if engine.container(&id.to_string())?.state.is_live() {
                    engine.stop(id, GRACE)?;
                }
                engine.remove(id, Force::No)?;
            }
            remove_image(engine, image)
        }
        Task::RemoveNetworks(ids) => ids.into_iter().try_for_each(|id| engine.remove_network(id)),
        Task::Run(request) => {
            let id = engine.create(&request)?.id;
            engine.start(id).map(drop).inspect_err(|_| {
                // The form is still open and is corrected: its name must be free for the next try. One that removes itself is gone.
                drop(engine.remove(id, Force::Yes));
            })
        }
        Task::CreateNetwork(request) => engine.create_network(&request).map(drop),
        // These have something to say.
        Task::Pull(_)
        | Task::Load(_)
        | Task::Save(..)
        | Task::Extract(..)
        | Task::Commit(..)
        | Task::Prune(_)
        | Task::Reset(..) => Ok(()),
    }
}

/// Removes what a plan says, and tells what went; what has come into use meanwhile stays, and the first of that is the error.
fn prune(engine: &Engine, plan: PrunePlan, tell: &dyn Fn(Msg)) -> Result<()> {
    let Pruned { gone, refused } = engine.prune(plan);
    let number = gone.containers.len() + gone.networks.len() + gone.images.len();
    if number > 0 {
        tell(Msg::Told(format!("pruned {number}: {} given back", spaced_size(gone.bytes()))));
    }
    refused.into_iter().next().map_or(Ok(()), Err)
}

/// Removes an image with all its names; never one that a container stands on.
fn remove_image(engine: &Engine, id: ImageId) -> Result<()> {
    engine.remove_image(&id.to_string(), Force::Yes).map(drop)
}

/// Asks a registry for the tags of a repository.
pub(super) fn tags(engine: &Engine, name: &str) -> std::result::Result<Vec<String>, Failure> {
    let reference: ImageReference = name.parse().map_err(|error| Failure {
        message: format!("{error}"),
        hint: None,
        grave: false,
    })?;
    engine.remote_tags(&reference, &Cancel::default()).map_err(Failure::from)
}

/// Lists files.
pub(super) fn files(engine: &Engine, subject: Subject) -> Result<FileTree> {
    Ok(match subject {
        Subject::Layer(image, layer, stacked) => {
            FileTree::new(engine.layer_tree(image, layer, stacked)?)
        }
        Subject::Waste(image, layer) => FileTree::of_hidden(engine.hidden(image, layer)?),
        Subject::Against(before, after) => FileTree::new(engine.compare_images(before, after)?),
        Subject::Changes(container) => FileTree::new(engine.own_changes(container)?),
    })
}

/// Sums up what of each layer of an image is not seen.
pub(super) fn waste(engine: &Engine, image: ImageId) -> Result<Vec<u64>> {
    let mut waste = vec![0; engine.strata(image)?.len()];
    for copy in engine.hidden(image, None)? {
        if let Some(sum) = waste.get_mut(copy.layer) {
            *sum += copy.size;
        }
    }
    Ok(waste)
}
