//! Images that are made here: of what a container has changed, and of the files of an archive.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{
    Cancel, Engine, EngineError, ErrorKind, Progress, Result,
    containers::{attributes, existing},
};
use crate::{
    image::{self, Instruction, Recipe},
    model::{
        Container, ContainerId, Image, ImageId, ImageReference, Occurrence, Platform, State,
        Subject,
    },
    registry,
    sys::files,
};

/// What is to be said of an image that is made of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitRequest {
    /// Its name, if it is to have one.
    pub reference: Option<ImageReference>,
    /// Who made it.
    pub author: String,
    /// A remark.
    pub message: String,
    /// Instructions like `CMD ["sh"]` that change what a container made from it runs.
    pub changes: Vec<String>,
    /// Whether the container's processes go on meanwhile.
    pub goes_on: bool,
}

/// What is to be said of an image that is made of an archive's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportRequest {
    /// Its name, if it is to have one.
    pub reference: Option<ImageReference>,
    /// A remark.
    pub message: String,
    /// Instructions like `CMD ["sh"]`, which say what a container made from it runs.
    pub changes: Vec<String>,
    /// For which machines it is; for such as this one if `None`.
    pub platform: Option<Platform>,
}

impl Engine {
    /// Makes an image of what a container has changed over its image, with the settings that it runs with. Its processes stand still meanwhile unless they are to go
    /// on: then a file that is being written may be half there.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an instruction that makes no sense or a file that cannot be in an image, [`ErrorKind::Storage`] when the disk is full; no image was
    /// made, and the container goes on.
    pub fn commit(&self, id: ContainerId, request: &CommitRequest) -> Result<ImageId> {
        let recipe = Recipe {
            reference: request.reference.clone(),
            author: request.author.clone(),
            comment: request.message.clone(),
            changes: instructions(&request.changes)?,
            ..Recipe::default()
        };
        check_name(recipe.reference.as_ref())?;
        let (container, image) = self.store().read(|records| {
            let container = existing(records, id)?;
            let image = records.image(container.image)?;
            Ok::<_, EngineError>((container, image))
        })?;
        let image = image.ok_or_else(|| {
            let message = format!("the image of container {} is gone", container.name);
            EngineError::new(ErrorKind::Storage, message)
        })?;
        let recipe = Recipe {
            run: run_of(&container, &image),
            created_by: container.config.args.join(" "),
            ..recipe
        };
        let stands_still = match container.state {
            State::Running { paused: false, .. } if !request.goes_on => {
                self.pause(id)?;
                true
            }
            _ => false,
        };
        let made = self.commit_files(&container, &image, &recipe);
        // Before anything is said of a failure: whatever went wrong, the container goes on.
        let going_on = if stands_still { self.unpause(id) } else { Ok(()) };
        let made = made?;
        going_on?;
        self.store().write(|records| {
            let mut attributes = attributes(&container);
            attributes.insert("comment".to_owned(), request.message.clone());
            attributes.insert("imageID".to_owned(), made.to_string());
            if let Some(name) = &request.reference {
                attributes.insert("imageRef".to_owned(), name.canonical());
            }
            records.journal(Subject::Container, &id.hex(), Occurrence::Commit, attributes)
        })?;
        Ok(made)
    }

    fn commit_files(
        &self,
        container: &Container,
        image: &Image,
        recipe: &Recipe,
    ) -> Result<ImageId> {
        // Until the layer is made, one that does not run is neither started nor removed.
        let _held =
            if container.state.is_live() { None } else { Some(self.hold_files(container)?) };
        let upper = image::written(self.layout(), container.id);
        if !files::exists(&upper) {
            // It is made when the container starts for the first time.
            image::overlay(self.layout(), image, container.id)?;
        }
        let upper = files::pin(&upper)?;
        Ok(image::commit(self.layout(), self.ownership(), (image, upper), recipe)?)
    }

    /// Makes an image with one layer from a tar, which may be compressed with gzip or zstd.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an instruction that makes no sense, or a tar that is broken or hostile, [`ErrorKind::Cancelled`]; no image
    /// was made.
    pub fn import(
        &self,
        tar: &mut (dyn Read + Send),
        request: &ImportRequest,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ImageId> {
        check_name(request.reference.as_ref())?;
        let recipe = Recipe {
            reference: request.reference.clone(),
            comment: request.message.clone(),
            changes: instructions(&request.changes)?,
            ..Recipe::default()
        };
        let here = Platform::here();
        let platform = request.platform.as_ref().unwrap_or(&here);
        let (what, watch) = ((tar, platform), (cancel, progress));
        let made = image::import(self.layout(), self.ownership(), what, &recipe, watch);
        if made.is_err() {
            cancel.check()?;
        }
        Ok(made?)
    }

    /// Opens a file of the user's, or what is at an `http://` or `https://` address, for [`Engine::import`].
    ///
    /// # Errors
    /// [`ErrorKind::Registry`] when the address does not give it, else what the kernel says.
    pub fn open_archive(
        &self,
        directory: &Path,
        name: &str,
        cancel: &Cancel,
    ) -> Result<Box<dyn Read + Send>> {
        let Some((_, rest)) =
            name.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        else {
            return Ok(Box::new(files::open(&directory.join(PathBuf::from(name)))?));
        };
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.contains('@') {
            return Err(EngineError::new(ErrorKind::Invalid, format!("{name} is no address")));
        }
        let mut settings = self.config().registries.host(host)?;
        settings.may_be_plain = name.starts_with("http:");
        Ok(Box::new(registry::open_address(settings, name, cancel)?))
    }
}

fn instructions(texts: &[String]) -> Result<Vec<Instruction>> {
    let read = |text: &String| text.parse::<Instruction>();
    Ok(texts.iter().map(read).collect::<std::result::Result<_, _>>()?)
}

fn check_name(reference: Option<&ImageReference>) -> Result<()> {
    match reference.filter(|name| name.digest().is_some()) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name} names a digest, not a tag");
            Err(EngineError::new(ErrorKind::Invalid, message))
        }
    }
}

/// Gives what a container runs as an image's config says it.
fn run_of(container: &Container, image: &Image) -> Map<String, Value> {
    let config = &container.config;
    let (entrypoint, command) = config.args.split_at(config.entrypoint.min(config.args.len()));
    let list = |words: &[String]| if words.is_empty() { Value::Null } else { json!(words) };
    let mut run = Map::new();
    run.insert("Env".to_owned(), list(&config.env));
    run.insert("Entrypoint".to_owned(), list(entrypoint));
    run.insert("Cmd".to_owned(), list(command));
    run.insert("WorkingDir".to_owned(), config.workdir.clone().into());
    run.insert("User".to_owned(), config.user.clone().into());
    let labels = if config.labels.is_empty() { Value::Null } else { json!(config.labels) };
    run.insert("Labels".to_owned(), labels);
    if config.stop_signal != libc::SIGTERM || image.config.stop_signal.is_some() {
        run.insert("StopSignal".to_owned(), signal_name(config.stop_signal).into());
    }
    run
}

/// Names a signal, like `SIGTERM`; a number where it has no name.
pub fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number)
        .map_or_else(|_| number.to_string(), |signal| signal.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_point_is_told_from_arguments() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (entrypoint, args, expected) in [
            (0, "sh -c x", (Value::Null, json!(["sh", "-c", "x"]))),
            (2, "/e -a b", (json!(["/e", "-a"]), json!(["b"]))),
            (1, "/e", (json!(["/e"]), Value::Null)),
        ] {
            let (mut container, image) = sample();
            container.config.entrypoint = entrypoint;
            container.config.args = words(args);
            let run = run_of(&container, &image);
            assert_eq!((run["Entrypoint"].clone(), run["Cmd"].clone()), expected, "{args}");
        }
    }

    fn sample() -> (Container, Image) {
        let digest = crate::model::Digest::from_bytes([1; 32]);
        let image = Image {
            id: ImageId(digest),
            manifest: digest,
            references: Vec::new(),
            created: None,
            stored: crate::model::Timestamp::UNIX_EPOCH,
            layers: Vec::new(),
            config: crate::model::ImageConfig::default(),
        };
        let container = Container {
            id: ContainerId::from_bytes([1; 32]),
            name: "web".parse().unwrap(),
            image: image.id,
            image_name: "x".to_owned(),
            created: crate::model::Timestamp::UNIX_EPOCH,
            config: crate::model::ContainerConfig::default(),
            state: State::Created,
            endpoints: Vec::new(),
        };
        (container, image)
    }
}
