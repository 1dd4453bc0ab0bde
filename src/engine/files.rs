//! The files of a container: copied in and out, exported, compared with its image.
//!
//! Every path is resolved by descriptor beneath the root of the container, where links of the container lead to places of the container
//! (CVE-2018-15664); no program of anybody is executed for it (CVE-2019-14271, CVE-2026-41567).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Write,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use super::{Engine, EngineError, ErrorKind, Result, containers::existing};
use crate::{
    image,
    model::{Change, Container, ContainerId, State},
    sys::{
        copy::{self, Manner},
        files,
        overlay::Layers,
        root::Root,
        tree::{self, Found, Kind},
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
    /// Whether owners are kept; else everything belongs to who copies, or to root inside.
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
            let container = self.container_by_id(*id)?;
            if container.config.read_only && !container.state.is_live() {
                return Err(EngineError::new(
                    ErrorKind::Permission,
                    format!("the root file system of container {} is read-only", container.name),
                ));
            }
        }
        let (from, source) = self.side(source)?;
        let (to, target) = self.side(target)?;
        copy::between(
            copy::Place { root: &from, path: &source },
            copy::Place { root: &to, path: &target },
            Manner { keeps_owners: options.keeps_owners, follows_link: options.follows_link },
        )
        .map_err(|error| {
            if error.is_not_found() {
                EngineError::new(ErrorKind::NotFound, error.to_string())
            } else {
                error.into()
            }
        })
    }

    /// Writes all files of a container as a tar archive.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when one cannot be read, or the archive cannot be written.
    pub fn export(&self, id: ContainerId, out: &mut dyn Write) -> Result<()> {
        let root = self.root_of(&self.container_by_id(id)?)?;
        let mut archive = tar::Builder::new(out);
        let mut names = HashMap::new();
        tree::walk(&root, &mut |found| append(&mut archive, found, &mut names))?;
        archive.finish().map_err(unwritten)
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
        let mut layers = image
            .layers
            .iter()
            .map(|layer| image::layer_index(self.layout(), layer.chain))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        layers.push(Vec::new());
        let view = image::compare(&layers, true);
        let known: BTreeSet<&str> =
            view.iter().map(|entry| entry.entry.path.trim_matches('/')).collect();
        let mut changes = BTreeMap::new();
        tree::walk::<EngineError>(files::pin(&upper)?, &mut |found| {
            let path = found.path.display().to_string();
            let is_known = known.contains(path.as_str());
            let change = match (is_whiteout(&found), is_known) {
                (true, _) => Change::Removed,
                (false, true) => Change::Changed,
                (false, false) => Change::Added,
            };
            changes.insert(format!("/{path}"), change);
            Ok(())
        })?;
        Ok(changes.into_iter().map(|(path, change)| (change, path)).collect())
    }

    fn side(&self, side: &Side) -> Result<(Root, String)> {
        match side {
            Side::Host(path) => {
                let text = path.to_str().ok_or_else(|| {
                    EngineError::new(
                        ErrorKind::Invalid,
                        format!("path {} is not text", path.display()),
                    )
                })?;
                Ok((Root::own()?, text.to_owned()))
            }
            Side::Container(id, path) => {
                let root = self.root_of(&self.container_by_id(*id)?)?;
                Ok((Root::new(root), format!("/{}", path.trim_start_matches('/'))))
            }
        }
    }

    /// Opens the root of a container: with all its mounts where it runs, else its layers.
    fn root_of(&self, container: &Container) -> Result<OwnedFd> {
        let init = match container.state {
            State::Running { .. } => self.store().read(|records| {
                let processes = records.processes(container.id)?;
                Ok::<_, EngineError>(processes.and_then(|processes| processes.init))
            })?,
            _ => None,
        };
        if let Some(init) = init {
            let root = files::pin(Path::new(&format!("/proc/{}/root", init.pid)));
            // Only after the opening: the number may be another's.
            if let (Ok(root), true) = (root, init.is_alive()) {
                return Ok(root);
            }
        }
        let image =
            self.store().read(|records| Ok::<_, EngineError>(records.image(container.image)?))?;
        let image = image.ok_or_else(|| {
            EngineError::new(
                ErrorKind::Storage,
                format!("the image of container {} is gone", container.name),
            )
        })?;
        let overlay = image::overlay(self.layout(), &image, container.id)?;
        let layers = Layers { lowers: &overlay.lowers, upper: &overlay.upper, work: &overlay.work };
        Ok(layers.open(self.is_rootless())?)
    }
}

/// Tells whether an entry of an upper directory hides what is below (overlayfs.rst, "whiteouts").
fn is_whiteout(found: &Found) -> bool {
    found.kind == Kind::Character && found.device == (0, 0)
}

/// Adds something to an archive; a further name of a file that is in it already becomes a link.
fn append(
    archive: &mut tar::Builder<&mut dyn Write>,
    found: Found,
    names: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(found.mode);
    header.set_uid(found.uid.into());
    header.set_gid(found.gid.into());
    header.set_mtime(u64::try_from(found.changed).unwrap_or(0));
    header.set_size(0);
    if let Some(first) = found.identity.and_then(|identity| names.get(&identity)) {
        header.set_entry_type(tar::EntryType::Link);
        return archive.append_link(&mut header, &found.path, first).map_err(unwritten);
    }
    if let Some(identity) = found.identity {
        names.insert(identity, found.path.clone());
    }
    let kind = match found.kind {
        Kind::Directory => tar::EntryType::Directory,
        Kind::File => tar::EntryType::Regular,
        Kind::Link => tar::EntryType::Symlink,
        Kind::Character => tar::EntryType::Char,
        Kind::Block => tar::EntryType::Block,
        Kind::Fifo => tar::EntryType::Fifo,
        // A socket is nothing without its process.
        Kind::Socket => return Ok(()),
    };
    header.set_entry_type(kind);
    if let Some(target) = &found.target {
        return archive.append_link(&mut header, &found.path, target).map_err(unwritten);
    }
    if matches!(kind, tar::EntryType::Char | tar::EntryType::Block) {
        let (major, minor) = found.device;
        header
            .set_device_major(major)
            .and_then(|()| header.set_device_minor(minor))
            .map_err(unwritten)?;
    }
    match found.file {
        Some(file) => {
            header.set_size(found.size);
            // Exactly as many bytes as were promised, however the file changes meanwhile.
            let padded = std::io::Read::chain(file, std::io::repeat(0));
            let exact = std::io::Read::take(padded, found.size);
            archive.append_data(&mut header, &found.path, exact).map_err(unwritten)
        }
        None => archive.append_data(&mut header, &found.path, std::io::empty()).map_err(unwritten),
    }
}

fn unwritten(error: std::io::Error) -> EngineError {
    EngineError::new(ErrorKind::Storage, "the archive cannot be written").caused_by(error)
}
