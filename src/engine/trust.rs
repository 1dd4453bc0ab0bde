//! The policy for images: read when something is to come in or to run, and asked each time, so that what it says now counts.

use std::path::{Path, PathBuf};

use super::{Engine, EngineError, ErrorKind, Result};
use crate::{
    image::Policy,
    model::{ContainerId, Image, ImageId, ImageReference, Signature},
    sys::files,
};

/// Where the policy for images lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyFile {
    /// In this very file, which must be there.
    Named(PathBuf),
    /// In the first of these files that is there; without any, everything is accepted.
    Usual(Vec<PathBuf>),
}

impl Default for PolicyFile {
    fn default() -> Self {
        Self::Usual(Vec::new())
    }
}

impl PolicyFile {
    /// Reads the policy. Without one this costs an open(2) for each place.
    fn read(&self) -> Result<Option<Policy>> {
        let paths = match self {
            Self::Named(path) => return Ok(Some(Policy::read(path, &files::read(path)?)?)),
            Self::Usual(paths) => paths,
        };
        for (place, path) in paths.iter().enumerate() {
            let error = match files::read(path) {
                Ok(bytes) => return Ok(Some(Policy::read(path, &bytes)?)),
                Err(error) => error,
            };
            // A home that belongs to somebody else has no policy for this user; what lies in the last place counts for all.
            let is_elsewhere = place + 1 < paths.len() && !files::exists(path);
            match error.errno() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                Some(libc::EACCES) if is_elsewhere => {}
                _ => return Err(unreadable(path, error)),
            }
        }
        Ok(None)
    }
}

fn unreadable(path: &Path, error: crate::sys::SysError) -> EngineError {
    EngineError::new(ErrorKind::Permission, "the policy for images cannot be read")
        .caused_by(error)
        .hint(format!("let {} be read; until then nothing is let in", path.display()))
}

impl Engine {
    /// Gives the policy that counts now, if there is one.
    pub(super) fn policy(&self) -> Result<Option<Policy>> {
        self.config().policy.read()
    }

    /// Gives what an image was accepted by when it was pulled, the oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn signatures(&self, image: ImageId) -> Result<Vec<Signature>> {
        self.store().read(|records| Ok(records.signatures(image)?))
    }

    /// Refuses an image, called so, that the policy does not let run.
    pub(super) fn admit(&self, image: &Image, called: &str) -> Result<()> {
        let Some(policy) = self.policy()? else { return Ok(()) };
        let kept = self.signatures(image.id)?;
        match called.parse::<ImageReference>() {
            Ok(reference) if image.references.contains(&reference) || !is_id(called, image.id) => {
                return Ok(policy.judge_stored(&reference, &kept)?);
            }
            _ => {}
        }
        // Called by its id it is whatever one of its names lets it be.
        let mut refusal = None;
        for reference in &image.references {
            match policy.judge_stored(reference, &kept) {
                Ok(()) => return Ok(()),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            Some(error) => Err(error.into()),
            None => Ok(policy.judge_nameless(&format!("image {}", image.id.0.short()))?),
        }
    }

    /// Refuses a container of an image that the policy does not let run any more.
    pub(super) fn admit_again(&self, id: ContainerId) -> Result<()> {
        // The records are read only where there is something to hold them against.
        if self.policy()?.is_none() {
            return Ok(());
        }
        let container = self.container_by_id(id)?;
        let image = self.image(&container.image.to_string())?;
        self.admit(&image, &container.image_name)
    }
}

/// Tells whether a text is an image's id, or the beginning of it.
fn is_id(text: &str, id: ImageId) -> bool {
    id.0.hex().starts_with(text.strip_prefix("sha256:").unwrap_or(text))
}
