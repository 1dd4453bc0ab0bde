//! The root file system itself: a directory of the host, or an overlay.

use std::{os::fd::OwnedFd, path::Path};

use nix::errno::Errno;

use super::is;
use crate::{
    runtime::{
        InitError, Rootfs,
        error::Step as _,
        plan::{Plan, PlannedRoot},
    },
    sys::{
        self, files,
        mount::{self, Attributes, Mount, Propagation},
        overlay::{Changes, Layers},
        root::Root,
    },
};

/// Mounts it where only this mount namespace sees it.
pub(super) fn mount_root(plan: &Plan<'_>) -> Result<Root, InitError> {
    let (at, mounted) = match &plan.root.source {
        Rootfs::Directory(path) => (path, bind_root(path, &plan.root)),
        Rootfs::Overlay { lowers, upper, work, at, is_volatile } => {
            let overlay = Overlay {
                layers: Layers { lowers, changes: Some(Changes { upper, work }) },
                at,
                is_rootless: plan.is_rootless,
                is_volatile: *is_volatile,
                attributes: plan.root.attributes(),
            };
            (at, overlay.mount())
        }
    };
    mounted.map(Root::new).step(|cause| InitError::Root { at: at.display().to_string(), cause })
}

/// Mounts a directory on itself, because only the root of a mount can become the root.
fn bind_root(path: &Path, root: &PlannedRoot) -> sys::Result<OwnedFd> {
    let attributes = root.attributes();
    let fresh;
    let (mount, at) = if let Some(ready) = &root.ready {
        // The way there may be closed to the user namespace; what is on top of the old root hides no less.
        (ready, Path::new("/"))
    } else {
        fresh = Mount::copy_path(path, true)?;
        (&fresh, path)
    };
    if root.propagation.is_some_and(|(kind, _)| kind == Propagation::Slave) {
        mount.restrict(attributes, true)?;
    } else {
        mount.isolate(attributes, true)?;
    }
    mount.attach(files::pin(at)?)?;
    mount.root()
}

/// An overlay to be mounted.
struct Overlay<'a> {
    layers: Layers<'a>,
    at: &'a Path,
    is_rootless: bool,
    is_volatile: bool,
    attributes: Attributes,
}

impl Overlay<'_> {
    fn mount(&self) -> sys::Result<OwnedFd> {
        match self.mount_by_layers() {
            // Before Linux 6.5 the option is unknown.
            Err(error) if is(&error, Errno::EINVAL) => {
                self.mount_by_options().map_err(|_same_again| error)
            }
            other => other,
        }
    }

    fn mount_by_layers(&self) -> sys::Result<OwnedFd> {
        let mount = self.layers.mount(self.flags(), self.attributes)?;
        mount.attach(files::pin(self.at)?)?;
        Ok(mount.into_root())
    }

    /// One string of at most a page: descriptors instead of paths keep it short and free of `:` and `,`.
    fn mount_by_options(&self) -> sys::Result<OwnedFd> {
        let mut pins = Vec::new();
        let mut options: Vec<(&str, String)> = Vec::new();
        for (key, path) in self.layers.options("lowerdir") {
            let pin = files::pin(path)?;
            let name = files::name_of(&pin);
            match options.iter_mut().find(|(known, _)| *known == key) {
                Some((_, value)) => *value = format!("{value}:{name}"),
                None => options.push((key, name)),
            }
            pins.push(pin);
        }
        let mut text: Vec<String> =
            options.iter().map(|(key, value)| format!("{key}={value}")).collect();
        text.extend(self.flags().map(str::to_owned));
        mount::overlay_by_options(self.at, &text.join(","))?;
        files::pin(self.at)
    }

    /// Without `volatile` the end of an overlay syncs the whole file system that its changes are on, whoever wrote there: half a
    /// second beside a busy neighbour (kernel.org/doc/html/latest/filesystems/overlayfs.html#volatile-mount).
    fn flags(&self) -> impl Iterator<Item = &'static str> {
        [("userxattr", self.is_rootless), ("volatile", self.is_volatile)]
            .into_iter()
            .filter_map(|(flag, is_set)| is_set.then_some(flag))
    }
}
