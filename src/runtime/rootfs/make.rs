//! The mounts of a plan, made by descriptor.

use std::{os::fd::AsFd, path::Path};

use crate::{
    runtime::mounts::{Groups, PlannedMount, Shown, Source},
    sys::{
        self,
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
    if let Source::Cgroup(Groups::One(shown)) = &mut planned.source {
        return shown.make(attributes);
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
        // Its directories are still to be made.
        Source::Cgroup(_) => make_filesystem(
            "tmpfs",
            &[("mode".to_owned(), "755".to_owned())],
            attributes & !Attributes::MOUNT_ATTR_RDONLY,
        ),
        Source::Bind { .. } | Source::Remount { .. } => {
            let reason = rustix::io::Errno::INVAL;
            Err(sys::SysError::new("make", planned.source_name(), reason))
        }
    }
}

/// Mounts each hierarchy of control groups in a directory of its own, with the names that lead there besides.
pub(super) fn fill_with_hierarchies(
    on: &Mount,
    each: &mut [(String, Shown)],
    attributes: Attributes,
) -> sys::Result<()> {
    let mut all = attributes;
    for (name, shown) in each {
        all |= shown.attributes(attributes);
        shown.make(attributes)?.attach(root::make_directory(on, name)?)?;
        for link in &shown.links {
            root::link(name, on, link)?;
        }
    }
    on.restrict(all, false)
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
