//! What a container is shown of the control groups: the hierarchies, each from the container's own group on.

use std::path::{Path, PathBuf};

use super::{
    Cgroup, Reach,
    group::{Group, Version},
    hierarchy::detect,
    is_root_of_host,
};
use crate::sys::{
    Result,
    mount::{Attributes, Filesystem, Mount},
};

/// A hierarchy as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// The name of its directory; `None` for version 2 alone, which has the place to itself.
    pub name: Option<String>,
    version: Version,
    controllers: Vec<String>,
    group: Option<PathBuf>,
}

impl Hierarchy {
    /// Lists those that are used, for who has no group.
    pub fn all() -> Vec<Self> {
        let found = detect(is_root_of_host(), Reach::Few).unwrap_or_default();
        let one =
            |one: &super::hierarchy::Hierarchy| Self::new(one.version, &one.controllers, None);
        found.iter().map(one).collect()
    }

    fn new(version: Version, controllers: &[String], group: Option<&Path>) -> Self {
        let name = match version {
            Version::Two if controllers.is_empty() => None,
            Version::Two => Some("unified".to_owned()),
            Version::One => {
                let names = controllers.iter().map(|one| one.trim_start_matches(NAMED));
                Some(names.collect::<Vec<_>>().join(","))
            }
        };
        let (controllers, group) = (controllers.to_vec(), group.map(Path::to_path_buf));
        Self { name, version, controllers, group }
    }

    /// Lists the names by which others look for its directory: each of several controllers of version 1.
    pub fn links(&self) -> &[String] {
        match (self.version, self.controllers.as_slice()) {
            (Version::One, several @ [_, _, ..]) => several,
            _ => &[],
        }
    }

    /// Copies the mount of the group's own directory, which becomes the root of what is shown; `None` without a group.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn copy_group(&self) -> Result<Option<Mount>> {
        let copy = |group: &PathBuf| Mount::copy_path(group, false);
        self.group.as_ref().map(copy).transpose()
    }

    /// Mounts it anew: its root is that of the control group namespace of this process.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn mount(&self, attributes: Attributes) -> Result<Mount> {
        if self.version == Version::Two {
            return Filesystem::open("cgroup2")?.mount(attributes);
        }
        let filesystem = Filesystem::open("cgroup")?;
        for controller in &self.controllers {
            match controller.strip_prefix(NAMED) {
                Some(name) => {
                    filesystem.set("none", "")?;
                    filesystem.set("name", name)?;
                }
                None => filesystem.set(controller, "")?,
            }
        }
        filesystem.mount(attributes)
    }
}

/// What stands before the name of a hierarchy of version 1 that has no controller.
const NAMED: &str = "name=";

impl Cgroup {
    /// Lists the hierarchies that the group is in, as whoever is in it is shown them.
    pub fn hierarchies(&self) -> Vec<Hierarchy> {
        let one =
            |group: &Group| Hierarchy::new(group.version, &group.controllers, Some(&group.path));
        self.groups.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_named_as_programs_look_for_them() {
        let shown = |version, controllers: &[&str]| {
            let controllers: Vec<String> = controllers.iter().map(|&one| one.to_owned()).collect();
            let shown = Hierarchy::new(version, &controllers, None);
            (shown.name.clone(), shown.links().to_vec())
        };
        let named = |name: &str, links: &[&str]| {
            (Some(name.to_owned()), links.iter().map(|&one| one.to_owned()).collect())
        };
        assert_eq!(shown(Version::Two, &[]), (None, Vec::new()));
        assert_eq!(shown(Version::Two, &["hugetlb", "misc"]), named("unified", &[]));
        assert_eq!(shown(Version::One, &["memory"]), named("memory", &[]));
        assert_eq!(shown(Version::One, &["name=systemd"]), named("systemd", &[]));
        let both = named("cpu,cpuacct", &["cpu", "cpuacct"]);
        assert_eq!(shown(Version::One, &["cpu", "cpuacct"]), both);
    }
}
