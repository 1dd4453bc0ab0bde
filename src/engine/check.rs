//! Whether the store is whole, and putting right what is not.

use std::collections::BTreeSet;

use super::{Engine, EngineError, Result};
use crate::{
    image::{self, Depth, Extent, Finding, Suspect},
    model::{ChainId, ContainerId, ImageId},
    store::{Records, StoreError},
    sys::files,
};

/// What was found, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// How much was looked at.
    pub extent: Extent,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about, in words.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
    /// What the images are called that have it.
    pub images: Vec<String>,
    /// What was done, or is to be done.
    pub remedy: Remedy,
}

/// What becomes of a [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// It can be put right.
    Possible(&'static str),
    /// It was put right.
    Done(&'static str),
    /// It cannot be put right here, or could not be; what the user can do.
    Manual(String),
}

impl Engine {
    /// Looks whether records and files agree; with `repair` puts right what can be put right with what is here. A layer that is damaged is unpacked anew from
    /// its blob, unless a container runs on it; what no record tells of is removed.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](super::ErrorKind::Storage) when the records cannot be read at all.
    pub fn check(&self, depth: Depth, repair: bool) -> Result<Checkup> {
        let mut problems: Vec<Problem> = self
            .store()
            .read(|records| Ok::<_, EngineError>(records.faults()?))?
            .into_iter()
            .map(|reason| Problem {
                object: format!("records {}", self.layout().database().display()),
                reason,
                images: Vec::new(),
                remedy: Remedy::Manual("restore the file from a backup".to_owned()),
            })
            .collect();
        let (extent, findings) = image::check(self.layout(), self.ownership(), depth)?;
        let is_stray = |finding: &Finding| matches!(finding.suspect, Suspect::Stray(_));
        if repair && findings.iter().any(is_stray) {
            image::remove_strays(self.layout())?;
        }
        // Blobs last: from one that is damaged nothing is unpacked, its digest is wrong.
        for finding in &findings {
            let remedy = self.remedy(finding, repair)?;
            problems.push(Problem {
                object: match &finding.suspect {
                    Suspect::Layer(chain) => format!("layer {}", chain.0.short()),
                    Suspect::Blob(digest) => format!("blob {}", digest.short()),
                    Suspect::Stray(path) => path.display().to_string(),
                },
                reason: finding.reason.clone(),
                images: self.names(&finding.images)?,
                remedy,
            });
        }
        self.check_containers(repair, &mut problems)?;
        Ok(Checkup { extent, problems })
    }

    fn remedy(&self, finding: &Finding, repair: bool) -> Result<Remedy> {
        let again = || -> Result<Remedy> {
            let names = self.names(&finding.images)?.join(" ");
            Ok(Remedy::Manual(format!("fetch or load anew: {names}")))
        };
        match &finding.suspect {
            Suspect::Stray(_) if repair => Ok(Remedy::Done("removed")),
            Suspect::Stray(_) => Ok(Remedy::Possible("it can be removed")),
            Suspect::Layer(_) if !repair => {
                Ok(Remedy::Possible("it can be unpacked anew, if its blob is whole"))
            }
            Suspect::Layer(chain) => match self.unpack_anew(*chain, &finding.images)? {
                None => Ok(Remedy::Done("unpacked anew from its blob")),
                Some(reason) => match again()? {
                    Remedy::Manual(step) => Ok(Remedy::Manual(format!("{reason}; {step}"))),
                    other => Ok(other),
                },
            },
            Suspect::Blob(digest) => {
                if repair {
                    // Its layer may be whole, and containers run on; for everything else it is worth nothing.
                    image::drop_blob(self.layout(), *digest)?;
                }
                again()
            }
        }
    }

    /// Unpacks a layer anew; gives why it could not be done.
    fn unpack_anew(&self, chain: ChainId, images: &[ImageId]) -> Result<Option<String>> {
        let live = |records: &Records<'_>| {
            let mut containers = records.containers()?;
            containers.retain(|it| it.state.is_live() && images.contains(&it.image));
            let names = containers.iter().map(|it| it.name.to_string());
            Ok::<_, StoreError>(names.collect::<Vec<_>>())
        };
        let in_use = || {
            let names = self.store().read(live)?.join(" ");
            Ok(Some(format!("containers run on it, stop them first: {names}")))
        };
        // Before all the work, and again when it is done: a container may have been started meanwhile.
        let is_idle = |records: &Records<'_>| live(records).map(|live| live.is_empty());
        if !self.store().read(is_idle)? {
            return in_use();
        }
        match image::unpack_anew(self.layout(), self.ownership(), chain, &is_idle) {
            Ok(true) => Ok(None),
            Ok(false) => in_use(),
            Err(image::ImageError::Store(error)) => Err(error.into()),
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    /// Finds directories of containers that no record tells of.
    fn check_containers(&self, repair: bool, problems: &mut Vec<Problem>) -> Result<()> {
        let places =
            [self.layout().data_root.join("containers"), self.layout().run_root.join("containers")];
        // Within the one writer's transaction: a container gets record and directory in it, and loses both in it.
        let strays = self.store().write(|records| {
            let known: BTreeSet<ContainerId> =
                records.containers()?.into_iter().map(|container| container.id).collect();
            let mut strays = Vec::new();
            for path in places.iter().map(|place| files::list(place)) {
                for path in path? {
                    let id = path.file_name().and_then(|name| name.to_str()?.parse().ok());
                    if id.is_none_or(|id| !known.contains(&id)) {
                        let aside = path.file_name().map(|name| self.layout().staging().join(name));
                        match aside.filter(|_| repair && path.starts_with(&self.layout().data_root))
                        {
                            Some(aside) => files::rename(&path, &aside)?,
                            None if repair => files::remove_tree(&path)?,
                            None => {}
                        }
                        strays.push(path);
                    }
                }
            }
            Ok::<_, EngineError>(strays)
        })?;
        if repair && !strays.is_empty() {
            image::delete_staged(self.layout())?;
        }
        problems.extend(strays.into_iter().map(|path| Problem {
            object: path.display().to_string(),
            reason: "no container has it".to_owned(),
            images: Vec::new(),
            remedy: if repair {
                Remedy::Done("removed")
            } else {
                Remedy::Possible("it can be removed")
            },
        }));
        Ok(())
    }

    /// Gives what images are called.
    fn names(&self, ids: &[ImageId]) -> Result<Vec<String>> {
        self.store().read(|records| {
            let mut names = Vec::with_capacity(ids.len());
            for id in ids {
                names.push(match records.image(*id)? {
                    Some(image) => image.display_name(),
                    None => id.0.short(),
                });
            }
            Ok(names)
        })
    }
}
