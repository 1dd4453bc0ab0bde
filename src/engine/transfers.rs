//! Images from registries and to them, and the logins for that. Nothing of it is prepared before it is asked for.

use super::{
    Cancel, Engine, EngineError, ErrorKind, Kept, Progress, Result, credentials::Credentials,
    registries::logical,
};
use crate::{
    image::{self, Pulled, Pushed, Wish},
    model::{ImageReference, Occurrence, Platform, Subject},
    registry::{Endpoint, Login, Secret, Settings},
};

impl Engine {
    /// Pulls images, all over one queue, for this machine or for `platform`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Permission`] and [`ErrorKind::Registry`] for what registries do, [`ErrorKind::Invalid`] for an
    /// image that is broken or hostile, or a policy that is, [`ErrorKind::Permission`] for an image that the policy does not let in,
    /// [`ErrorKind::Cancelled`]; no image came in.
    pub fn pull(
        &self,
        references: &[ImageReference],
        platform: Option<&Platform>,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Pulled>> {
        let mut wishes = Vec::with_capacity(references.len());
        for reference in references {
            let repository = self.config().registries.repository(reference, cancel)?;
            wishes.push(Wish { reference: reference.clone(), repository });
        }
        let policy = self.policy()?;
        let what = (wishes.as_slice(), platform, policy.as_ref());
        Ok(image::pull(self.layout(), self.ownership(), what, cancel, progress)?)
    }

    /// Pushes an image under one of its names.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a name that no image here has, else as [`Engine::pull`].
    pub fn push(
        &self,
        reference: &ImageReference,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Pushed> {
        let image =
            self.store().read(|records| match records.image_by_reference(reference)? {
                Some(id) => Ok(records.image(id)?),
                None => Ok::<_, EngineError>(None),
            })?;
        let image = image.ok_or_else(|| {
            let message = format!("an image does not exist locally with the tag: {reference}");
            EngineError::new(ErrorKind::NotFound, message)
                .hint(format!("give it the name first: estiba tag IMAGE {reference}"))
        })?;
        let repository = self.config().registries.repository(reference, cancel)?;
        let pushed = image::push(self.layout(), &image, (reference, &repository), progress);
        // What was cancelled fails in whatever way its threads noticed first.
        cancel.check()?;
        let pushed = pushed?;
        self.store().write(|records| {
            let attributes = [("name".to_owned(), reference.to_string())].into();
            records.journal(Subject::Image, &image.id.to_string(), Occurrence::Push, attributes)
        })?;
        Ok(pushed)
    }

    /// Reads a manifest or an index in a registry, as it is.
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub fn remote_manifest(&self, reference: &ImageReference, cancel: &Cancel) -> Result<Vec<u8>> {
        let repository = self.config().registries.repository(reference, cancel)?;
        let named = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or_default().to_owned(),
        };
        Ok(repository.manifest(&named)?.bytes)
    }

    /// Lists the tags that a repository has in its registry; tag and digest of the reference mean nothing.
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub fn remote_tags(&self, reference: &ImageReference, cancel: &Cancel) -> Result<Vec<String>> {
        Ok(self.config().registries.repository(reference, cancel)?.tags()?)
    }

    /// Lists the repositories that a registry has, if it tells.
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub fn remote_repositories(&self, host: &str, cancel: &Cancel) -> Result<Vec<String>> {
        Ok(self.config().registries.endpoint(host, cancel)?.catalog()?)
    }

    /// Tries a login with a registry and keeps it if it is accepted.
    ///
    /// # Errors
    /// [`ErrorKind::Permission`] when it is not accepted, [`ErrorKind::Registry`] when nobody answers, [`ErrorKind::Storage`] and
    /// [`ErrorKind::Invalid`] when it cannot be kept.
    pub fn login(&self, host: &str, name: &str, secret: &str) -> Result<Kept> {
        let files = &self.config().registries;
        let secret = Secret::new(secret.to_owned());
        let login = Login::Password { name: name.to_owned(), secret: secret.clone() };
        let settings = Settings { login: Some(login), ..files.host(host)? };
        Endpoint::new(settings, &Cancel::default())?.check().map_err(|error| {
            let error = EngineError::from(error);
            match error.kind() {
                // That a login is needed is known.
                ErrorKind::Permission => EngineError::new(ErrorKind::Permission, error.to_string())
                    .hint("check the name and the password"),
                _ => error,
            }
        })?;
        Credentials::new(files.docker_config.as_deref()).keep(logical(host), name, &secret)
    }

    /// Forgets a login; tells whether there was one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] and [`ErrorKind::Invalid`] for the file, or the helper that keeps it.
    pub fn logout(&self, host: &str) -> Result<bool> {
        let path = self.config().registries.docker_config.as_deref();
        Credentials::new(path).forget(logical(host))
    }
}
