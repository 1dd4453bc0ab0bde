//! The control groups that a container is shown: from its own group on, and never those above it.
//!
//! In a control group namespace of its own a fresh mount begins there; without one it would show the whole machine, with `release_agent` at
//! its top (CVE-2022-0492), so the group's own directory is bound. Who has no group is in somebody else's, and may write nothing
//! (CVE-2023-25809).

use crate::sys::{
    self,
    cgroup::{Cgroup, Hierarchy},
    mount::{Attributes, Mount},
};

/// What a mount of control groups shows.
#[derive(Debug)]
pub(in crate::runtime) enum Groups {
    /// One hierarchy (version 2), or nothing.
    One(Shown),
    /// A directory for each hierarchy (version 1).
    Each(Vec<(String, Shown)>),
}

/// One hierarchy.
#[derive(Debug)]
pub(in crate::runtime) struct Shown {
    /// Names that lead to its directory besides.
    pub(in crate::runtime) links: Vec<String>,
    origin: Origin,
    /// Whether it refuses writes whatever the spec says.
    is_read_only: bool,
}

/// Where it comes from.
#[derive(Debug)]
enum Origin {
    /// A copy of the mount of the group's directory, made outside.
    Group(Option<Mount>),
    /// A fresh mount, which begins at the root of the control group namespace.
    Namespace(Hierarchy),
    /// An empty directory.
    Nothing,
}

/// What of a container decides which control groups it is shown.
#[derive(Debug, Clone, Copy)]
pub(in crate::runtime) struct Membership<'a> {
    /// Its group.
    pub(in crate::runtime) group: Option<&'a Cgroup>,
    /// Whether it has a control group namespace that is not this process's.
    pub(in crate::runtime) has_namespace: bool,
}

impl Groups {
    pub(super) fn resolve(membership: Membership<'_>, is_rootless: bool) -> sys::Result<Self> {
        let is_read_only = membership.group.is_none();
        let hierarchies = membership.group.map_or_else(Hierarchy::all, Cgroup::hierarchies);
        // Of version 1 a user namespace may be shown the groups of others, which are in the way.
        let may_mount = |one: &Hierarchy| !is_read_only || !is_rootless || one.name.is_none();
        let mut each = Vec::new();
        for one in hierarchies {
            let (name, links) = (one.name.clone(), one.links().to_vec());
            let origin = match membership.has_namespace {
                true if may_mount(&one) => Origin::Namespace(one),
                false if !is_read_only => Origin::Group(one.copy_group()?),
                _ => continue,
            };
            let shown = Shown { links, origin, is_read_only };
            match name {
                None => return Ok(Self::One(shown)),
                Some(name) => each.push((name, shown)),
            }
        }
        if each.is_empty() {
            let nothing = Shown { links: Vec::new(), origin: Origin::Nothing, is_read_only: true };
            return Ok(Self::One(nothing));
        }
        Ok(Self::Each(each))
    }
}

impl Shown {
    /// Gives the attributes of its mount, where the spec asks for `asked`.
    pub(in crate::runtime) fn attributes(&self, asked: Attributes) -> Attributes {
        let forced =
            if self.is_read_only { Attributes::MOUNT_ATTR_RDONLY } else { Attributes::empty() };
        asked
            | forced
            | Attributes::MOUNT_ATTR_NOSUID
            | Attributes::MOUNT_ATTR_NODEV
            | Attributes::MOUNT_ATTR_NOEXEC
    }

    /// Makes its mount, attached nowhere yet.
    pub(in crate::runtime) fn make(&mut self, asked: Attributes) -> sys::Result<Mount> {
        let attributes = self.attributes(asked);
        match &mut self.origin {
            Origin::Namespace(hierarchy) => hierarchy.mount(attributes),
            Origin::Group(copy) => {
                let gone =
                    || sys::SysError::new("show", "a control group", rustix::io::Errno::NOENT);
                let mount = copy.take().ok_or_else(gone)?;
                mount.isolate(attributes, false)?;
                Ok(mount)
            }
            Origin::Nothing => super::empty_directory(),
        }
    }
}
