//! What of control groups an ordinary user was given (`cgroup-v2.rst`, "Delegation").

use rustix::fs::{Access, access};

use super::{
    group::{handed_down, is_inhabited},
    hierarchy::{Hierarchy, Reach, Version, detect},
};

/// Lists the controllers that the groups which this process may make have, by their names in version 2; none where it may make none.
pub fn delegated() -> Vec<String> {
    let hierarchies = detect(super::is_root_of_host(), Reach::Few).unwrap_or_default();
    among(&hierarchies)
}

fn among(hierarchies: &[Hierarchy]) -> Vec<String> {
    let mut controllers = Vec::new();
    for hierarchy in hierarchies {
        let mut bases = hierarchy.bases.iter();
        // One missing hierarchy, and no group is made at all.
        let Some(base) = bases.find(|base| access(*base, Access::WRITE_OK).is_ok()) else {
            return Vec::new();
        };
        match hierarchy.version {
            Version::One => controllers.extend(hierarchy.controllers.iter().map(|name| {
                let name = name.as_str();
                if name == "blkio" { "io".to_owned() } else { name.to_owned() }
            })),
            Version::Two => controllers.extend(handed_down(base, is_inhabited(base))),
        }
    }
    controllers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files;

    #[test]
    fn controllers_are_those_of_the_first_place_where_groups_may_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        files::make_dir(&place("mine")).unwrap();
        files::write(&place("mine/cgroup.controllers"), "cpu memory pids\n").unwrap();
        files::write(&place("mine/cgroup.subtree_control"), "memory\n").unwrap();
        let two = |bases: &[&str]| Hierarchy {
            version: Version::Two,
            controllers: Vec::new(),
            bases: bases.iter().map(|name| place(name)).collect(),
        };
        assert_eq!(among(&[two(&["absent", "mine"])]), ["cpu", "memory", "pids"]);
        assert_eq!(among(&[two(&["absent"])]), [""; 0]);
        // A group with processes of its own hands down only what it does already.
        files::write(&place("mine/cgroup.type"), "domain\n").unwrap();
        files::write(&place("mine/cgroup.procs"), "7\n").unwrap();
        assert_eq!(among(&[two(&["mine"])]), ["memory"]);
        let one = |names: &[&str], base: &str| Hierarchy {
            version: Version::One,
            controllers: names.iter().map(ToString::to_string).collect(),
            bases: vec![place(base)],
        };
        assert_eq!(among(&[one(&["memory"], "mine"), one(&["blkio"], "mine")]), ["memory", "io"]);
        assert_eq!(among(&[one(&["memory"], "mine"), one(&["pids"], "absent")]), [""; 0]);
        assert_eq!(among(&[]), [""; 0]);
    }
}
