//! The root of a container: with all its mounts where it runs, else its layers, mounted for the while.
//!
//! Two overlays with the same changes are undefined behaviour (overlayfs.rst, "Sharing and copying layers"), so a visit of a container that does not run holds
//! a lock, and whoever starts or removes it waits for that. Who visits looks at the state when it has the lock, and who starts looks for visitors
//! when it has claimed the container, so that one of them always sees the other.

use std::{
    fs::File,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    engine::{Engine, EngineError, ErrorKind, Result},
    image,
    model::{Container, ContainerId, Mount, MountKind, State},
    sys::{
        files,
        mount::{self, Attributes},
        overlay::{Changes, Layers},
        root::{self, Links, Make, Root},
    },
};

/// How long a container that is about to start may take, and how often it is looked at when nothing is heard meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// How long others who look at a container's files are waited for: a reader of an export that has stopped reading would be waited for for ever.
const VISITORS: Duration = Duration::from_secs(10);

/// What a visitor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Looks at its own files.
    Look,
    /// Copies in or out, also through what is mounted into it.
    Copy,
}

/// Says that somebody looks at a container's files and does not come to an end.
fn is_visited(container: &Container) -> EngineError {
    let name = &container.name;
    let message = format!(
        "the files of container {name} are in use by another command (export, cp, commit or diff)"
    );
    EngineError::new(ErrorKind::Conflict, message)
        .hint("let whoever reads its output go on, or end that command, and try again")
}

impl Engine {
    /// Does something with the root of a container.
    pub(super) fn visit<T: Send>(
        &self,
        id: ContainerId,
        purpose: Purpose,
        visit: impl FnOnce(OwnedFd) -> Result<T> + Send,
    ) -> Result<T> {
        let mut watch = self.watch()?;
        let begun = Instant::now();
        loop {
            let container = self.container_by_id(id)?;
            if let Some(root) = self.live_root(&container)? {
                return visit(root);
            }
            let lock = self.lock_files(&container, purpose)?;
            // It may have begun, or gone, until the lock was there.
            let container = self.container_by_id(id)?;
            match container.state {
                State::Created | State::Exited { .. } => {
                    let done = self.visit_layers(&container, purpose, visit);
                    drop(lock);
                    return done;
                }
                _ => drop(lock),
            }
            if begun.elapsed() > PATIENCE {
                let name = &container.name;
                let message = format!("container {name} is about to start, and does not");
                return Err(EngineError::new(ErrorKind::Conflict, message));
            }
            watch.wait(PAUSE)?;
        }
    }

    /// Waits until nobody visits the files of a container that does not run, and keeps others from beginning to; [`ErrorKind::Conflict`] when they stay.
    pub(in crate::engine) fn lock_out_visitors(&self, id: ContainerId) -> Result<Option<File>> {
        let path = lock_of(&self.layout().container(id));
        // Made by the first visitor: a container that nobody visits has none.
        if !files::exists(&path) {
            return Ok(None);
        }
        match files::open(&path) {
            Err(error) if error.is_not_found() => Ok(None),
            file => {
                let file = file?;
                if files::lock_whole(&file, &path, false, VISITORS)? {
                    return Ok(Some(file));
                }
                Err(is_visited(&self.container_by_id(id)?))
            }
        }
    }

    /// Keeps a container that does not run from being started or removed until the file is closed; others may look meanwhile.
    pub(in crate::engine) fn hold_files(&self, container: &Container) -> Result<File> {
        self.lock_files(container, Purpose::Look)
    }

    fn lock_files(&self, container: &Container, purpose: Purpose) -> Result<File> {
        let place = self.layout().container(container.id);
        files::make_private_dir(&place)?;
        let path = lock_of(&place);
        let mut options = std::fs::OpenOptions::new();
        let file = files::open_with(&path, options.write(true).create(true).truncate(false))?;
        if !files::lock_whole(&file, &path, purpose == Purpose::Look, VISITORS)? {
            return Err(is_visited(container));
        }
        if self
            .store()
            .read(|records| Ok::<_, EngineError>(records.container(container.id)?))?
            .is_none()
        {
            // Whoever removed it may have done so before the directory was made.
            files::remove_tree(&place)?;
        }
        Ok(file)
    }

    /// Opens the root of a container that runs.
    fn live_root(&self, container: &Container) -> Result<Option<OwnedFd>> {
        let State::Running { .. } = container.state else { return Ok(None) };
        let init = self.store().read(|records| {
            let processes = records.processes(container.id)?;
            Ok::<_, EngineError>(processes.and_then(|processes| processes.init))
        })?;
        let Some(init) = init else { return Ok(None) };
        let root = files::pin(Path::new(&format!("/proc/{}/root", init.pid)));
        // Only after the opening: the number may be another's.
        Ok(root.ok().filter(|_| init.is_alive()))
    }

    fn visit_layers<T: Send>(
        &self,
        container: &Container,
        purpose: Purpose,
        visit: impl FnOnce(OwnedFd) -> Result<T> + Send,
    ) -> Result<T> {
        let image =
            self.store().read(|records| Ok::<_, EngineError>(records.image(container.image)?))?;
        let image = image.ok_or_else(|| {
            EngineError::new(
                ErrorKind::Storage,
                format!("the image of container {} is gone", container.name),
            )
        })?;
        let mut overlay = image::overlay(self.layout(), &image, container.id)?;
        let mut changes = Some(Changes { upper: &overlay.upper, work: &overlay.work });
        if purpose == Purpose::Look {
            // Nothing is prepared, and others may look at the same time.
            overlay.lowers.insert(0, overlay.upper.clone());
            changes = None;
        }
        let at = self.layout().run_root.join("rootfs");
        files::make_private_dir(&at)?;
        let mounts = &container.config.mounts;
        Layers { lowers: &overlay.lowers, changes }.visit(&at, self.is_rootless(), |root| {
            let root = Root::new(root);
            if purpose == Purpose::Copy {
                mounts.iter().try_for_each(|mount| show(mount, &root))?;
            }
            visit(root.into_directory())
        })
    }
}

fn lock_of(place: &Path) -> PathBuf {
    place.join("visitors")
}

/// Mounts what a container has mounted from the host, at a place that is found and pinned beneath its root (CVE-2026-42306).
fn show(mount: &Mount, root: &Root) -> Result<()> {
    let MountKind::Bind { source, is_flat, .. } = &mount.kind else { return Ok(()) };
    // A start would make it; until then there is nothing to be seen.
    if !files::exists(source) {
        return Ok(());
    }
    let copy = mount::Mount::copy_path(source, !is_flat)?;
    let make = match root::kind(&copy)? {
        rustix::fs::FileType::Directory => Make::Directory,
        _ => Make::File,
    };
    let mut attributes = Attributes::MOUNT_ATTR_NODEV;
    attributes.set(Attributes::MOUNT_ATTR_RDONLY, mount.read_only);
    copy.isolate(attributes, true)?;
    let place = root.make(&mount.target, make, Links::Follow)?;
    Ok(copy.attach(place)?)
}
