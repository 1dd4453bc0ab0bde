//! The files of a container: copied in and out, exported, compared with its image.
//!
//! Every path is resolved by descriptor beneath the root of the container, where links of the container lead to places of the container
//! (CVE-2018-15664); no program of anybody is executed for it (CVE-2019-14271, CVE-2026-41567).

mod archive;
mod visit;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    path::PathBuf,
};

use rustix::fs::OFlags;

use self::visit::Purpose;
use super::{Engine, EngineError, ErrorKind, Result, containers::existing};
use crate::{
    image::{self, Strata},
    model::{Change, ContainerId},
    sys::{
        SysError,
        copy::{self, Manner},
        files,
        root::{Links, Root},
        tree::{self, Depth, Found, Kind},
    },
};

/// A place that is copied from or to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// An absolute path of the host.
    Host(PathBuf),
    /// A path of a container; relative ones begin at its root.
    Container(ContainerId, String),
}

/// How something is copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Whether owners, set-user-id bits, capabilities and access lists are kept; else everything belongs to who copies, or to root inside.
    pub keeps_owners: bool,
    /// Whether a link at the source is followed.
    pub follows_link: bool,
}

impl Engine {
    /// Copies a file or a directory with all that is in it, as `docker cp` does.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the source or the directory of the target is not there, [`ErrorKind::Invalid`] for a directory over a file,
    /// [`ErrorKind::Permission`] when the container's root is read-only.
    pub fn copy(&self, source: &Side, target: &Side, options: CopyOptions) -> Result<()> {
        if let Side::Container(id, _) = target {
            self.refuse_read_only(*id)?;
        }
        let (id, inside, outside, is_inward) = match (source, target) {
            (Side::Container(id, inside), Side::Host(outside)) => (*id, inside, outside, false),
            (Side::Host(outside), Side::Container(id, inside)) => (*id, inside, outside, true),
            _ => {
                let message = "must specify one container, as source or as target";
                return Err(EngineError::new(ErrorKind::Invalid, message));
            }
        };
        let outside = outside.to_str().ok_or_else(|| {
            let message = format!("path {} is not text", outside.display());
            EngineError::new(ErrorKind::Invalid, message)
        })?;
        let inside = &inner(inside);
        let manner =
            Manner { keeps_owners: options.keeps_owners, follows_link: options.follows_link };
        self.visit(id, Purpose::Copy, |root| {
            let (root, own) = (Root::new(root), Root::own()?);
            let within = copy::Place { root: &root, path: inside };
            let without = copy::Place { root: &own, path: outside };
            let (from, to) = if is_inward { (without, within) } else { (within, without) };
            copy::between(from, to, manner).map_err(absent)
        })
    }

    /// Writes a file of a container, or a directory with all that is in it, as a tar archive whose names begin with its own; those of a path that ends in `/.` do not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Storage`] when one cannot be read, or the archive cannot be written.
    pub fn copy_to_archive(
        &self,
        id: ContainerId,
        path: &str,
        follows_link: bool,
        out: &mut (dyn Write + Send),
    ) -> Result<()> {
        let path = inner(path);
        self.visit(id, Purpose::Copy, |root| {
            archive::write_place(&Root::new(root), &path, follows_link, out)
        })
    }

    /// Unpacks a tar archive into a directory of a container, in place of what has the same names there. It may be compressed with gzip or zstd. A broken one
    /// changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a broken archive, [`ErrorKind::NotFound`] when the directory is not there, [`ErrorKind::Permission`] as [`Engine::copy`].
    pub fn copy_from_archive(
        &self,
        id: ContainerId,
        path: &str,
        archive: impl Read + Send,
    ) -> Result<()> {
        self.refuse_read_only(id)?;
        // First, so that nobody waits for a slow pipe.
        let spread = image::spread(self.layout(), archive, self.ownership())?;
        let path = inner(path);
        self.visit(id, Purpose::Copy, |root| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let target = Root::new(root).open(&path, flags, Links::Follow).map_err(absent)?;
            Ok(copy::into(files::pin(&spread.directory())?, target)?)
        })
    }

    /// Writes all files of a container as a tar archive.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when one cannot be read, or the archive cannot be written.
    pub fn export(&self, id: ContainerId, out: &mut (dyn Write + Send)) -> Result<()> {
        self.visit(id, Purpose::Look, |root| archive::write_all(root, out))
    }

    /// Tells what a container has changed over its image, sorted by path.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn changes(&self, id: ContainerId) -> Result<Vec<(Change, String)>> {
        let (container, image) = self.store().read(|records| {
            let container = existing(records, id)?;
            let image = records.image(container.image)?;
            Ok::<_, EngineError>((container, image))
        })?;
        let Some(image) = image else { return Ok(Vec::new()) };
        let upper = image::written(self.layout(), container.id);
        if !files::exists(&upper) {
            return Ok(Vec::new());
        }
        let strata = Strata::read(self.layout(), &image.layers)?;
        let view = strata.seen();
        let known: BTreeSet<&str> = view.iter().map(|entry| entry.path.as_str()).collect();
        let mut changes = BTreeMap::new();
        let mut alone = Vec::new();
        tree::walk::<EngineError>(files::pin(&upper)?, Depth::Layer, &mut |found| {
            let path = found.path.display().to_string();
            let is_known = known.contains(path.as_str());
            let change = match (is_whiteout(&found), is_known) {
                (true, _) => Change::Removed,
                (false, true) => Change::Changed,
                (false, false) => Change::Added,
            };
            if found.is_opaque {
                alone.push(path.clone());
            }
            changes.insert(path, change);
            Ok(())
        })?;
        // One that was removed meanwhile was seen in part.
        self.container_by_id(id)?;
        for path in hidden(&known, &changes, &alone) {
            changes.insert(path, Change::Removed);
        }
        let changes = changes.into_iter().map(|(path, change)| (format!("/{path}"), change));
        Ok(changes.map(|(path, change)| (change, path)).collect())
    }

    fn refuse_read_only(&self, id: ContainerId) -> Result<()> {
        let container = self.container_by_id(id)?;
        if !container.config.read_only || container.state.is_live() {
            return Ok(());
        }
        Err(EngineError::new(
            ErrorKind::Permission,
            format!("the root file system of container {} is read-only", container.name),
        ))
    }
}

/// Gives a path of a container, which begins at its root whether it says so or not.
fn inner(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

/// Tells what is not there from what went wrong.
fn absent(error: SysError) -> EngineError {
    if error.is_not_found() {
        EngineError::new(ErrorKind::NotFound, error.to_string())
    } else {
        error.into()
    }
}

/// Lists what of the image cannot be seen any more because a directory was removed and made anew; not what is in such a thing.
fn hidden(
    known: &BTreeSet<&str>,
    written: &BTreeMap<String, Change>,
    alone: &[String],
) -> Vec<String> {
    let is_below = |path: &str| {
        alone.iter().any(|top| path.strip_prefix(top.as_str()).is_some_and(|r| r.starts_with('/')))
    };
    let is_first = |path: &str| {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        written.get(above).is_some_and(|change| *change != Change::Removed)
    };
    known
        .iter()
        .filter(|path| !written.contains_key(**path) && is_below(path) && is_first(path))
        .map(ToString::to_string)
        .collect()
}

/// Tells whether an entry of an upper directory hides what is below (overlayfs.rst, "whiteouts").
fn is_whiteout(found: &Found) -> bool {
    found.kind == Kind::Character && found.device == (0, 0)
}
