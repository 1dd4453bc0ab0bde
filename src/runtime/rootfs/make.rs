//! The mounts of a plan, made by descriptor.

use std::{os::fd::AsFd, path::Path};

use crate::{
    runtime::mounts::{PlannedMount, Source},
    sys::{
        self,
        cgroup::Hierarchies,
        mount::{self, Attributes, Change, Filesystem, Mount},
        root,
    },
};

/// Makes a mount, attached nowhere yet.
pub(super) fn make(planned: &mut PlannedMount, is_rootless: bool) -> sys::Result<Mount> {
    let attributes = planned.attributes();
    if let Source::Bind { path, is_recursive, ready } = &mut planned.source {
        let mount = match ready.take() {
            Some(mount) => mount,
            None => Mount::copy_path(path, *is_recursive)?,
        };
        let is_recursive = *is_recursive;
        change_bind(planned, &mount, is_recursive)?;
        return Ok(mount);
    }
    match &planned.source {
        Source::Filesystem { kind, options, copies_up } => {
            let later =
                if *copies_up { Attributes::MOUNT_ATTR_RDONLY } else { Attributes::empty() };
            match make_filesystem(kind, options, attributes & !later) {
                // Only the owner of a network namespace may mount its sysfs; the host's, unwritable, shows as much.
                Err(_) if kind == "sysfs" && is_rootless => {
                    let mount = Mount::copy_path(Path::new("/sys"), true)?;
                    mount.isolate(attributes | Attributes::MOUNT_ATTR_RDONLY, true)?;
                    Ok(mount)
                }
                other => other,
            }
        }
        Source::Cgroup(Hierarchies::Separate(_)) => make_filesystem(
            "tmpfs",
            &[("mode".to_owned(), "755".to_owned())],
            attributes & !Attributes::MOUNT_ATTR_RDONLY,
        ),
        _ => make_filesystem("cgroup2", &[], attributes),
    }
}

/// Changes a copy of a mount: first it alone, then it and those below it.
fn change_bind(planned: &PlannedMount, mount: &Mount, is_recursive: bool) -> sys::Result<()> {
    let [one, all] = planned.changes;
    if !one.is_empty() {
        mount::change(mount, one, false)?;
    }
    if !planned.travels() {
        return mount.cut_off(all, is_recursive);
    }
    if all.is_empty() {
        return Ok(());
    }
    mount::change(mount, all, is_recursive)
}

/// Adds the attributes that stood in the way of filling it.
pub(super) fn finish(planned: &PlannedMount, mount: &Mount) -> sys::Result<()> {
    mount::change(mount, Change::adding(planned.attributes()), false)
}

/// Changes what is mounted at `target`.
pub(super) fn remount(
    planned: &PlannedMount,
    options: &[(String, String)],
    target: impl AsFd,
) -> sys::Result<()> {
    if !options.is_empty() {
        let filesystem = Filesystem::pick(&target, &planned.target)?;
        for (key, value) in options {
            filesystem.set(key, value)?;
        }
        filesystem.reconfigure()?;
    }
    let [one, all] = planned.changes;
    if !one.is_empty() {
        mount::change(&target, one, false)?;
    }
    if all.is_empty() { Ok(()) } else { mount::change(&target, all, true) }
}

fn make_filesystem(
    kind: &str,
    options: &[(String, String)],
    attributes: Attributes,
) -> sys::Result<Mount> {
    let filesystem = Filesystem::open(kind)?;
    for (key, value) in options {
        filesystem.set(key, value)?;
    }
    filesystem.mount(attributes)
}

/// Mounts one hierarchy of version 1: the control group namespace shows the container's own group as its root.
pub(super) fn mount_hierarchy(on: &Mount, name: &str, attributes: Attributes) -> sys::Result<()> {
    let attributes = attributes
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    let controllers: Vec<(String, String)> =
        name.split(',').map(|controller| (controller.to_owned(), String::new())).collect();
    let mount = make_filesystem("cgroup", &controllers, attributes)?;
    mount.attach(root::make_directory(on, name)?)
}

/// Makes a directory in which nothing is and nothing can be made.
pub(super) fn empty_directory() -> sys::Result<Mount> {
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    make_filesystem("tmpfs", &[("mode".to_owned(), "755".to_owned())], attributes)
}
