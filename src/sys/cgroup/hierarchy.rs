//! Which hierarchies of control groups this machine has, and where this process may make groups in them.

use std::path::{Path, PathBuf};

use crate::sys::{Result, files};

/// The controllers that the engine uses; every further hierarchy would cost each start a write and each end a removal.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "pids", "freezer"];

/// Those of version 1 that anybody may ask for besides; `systemd` is a name without a controller, by which others find their processes.
const FURTHER: [&str; 10] = [
    "blkio",
    "cpuset",
    "devices",
    "hugetlb",
    "misc",
    "name=systemd",
    "net_cls",
    "net_prio",
    "perf_event",
    "rdma",
];

/// Stands for the controllers of version 2 that has none because version 1 has them all. systemd finds its processes by it then ("hybrid" in
/// systemd's `CGROUP_DELEGATION.md`), and ends a unit that has none there.
const BARE: &str = "name=unified";

/// Which controllers are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those that the engine's limits need.
    Few,
    /// All that the machine has.
    All,
}

/// A kind of hierarchy (cgroups(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// One hierarchy per controller, or for a few together.
    One,
    /// One hierarchy for all.
    Two,
}

/// A mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// Its controllers, in the order of the kernel; none are listed for version 2 alone, which has all.
    pub(super) controllers: Vec<String>,
    /// Directories below which groups may be made, the best first.
    pub(super) bases: Vec<PathBuf>,
}

impl Hierarchy {
    /// Reads which controllers version 2 has where groups would be made.
    fn list_controllers(&mut self) {
        let base = self.bases.first().map(|base| base.join("cgroup.controllers"));
        let text = base.and_then(|path| files::read_text(&path).ok()).unwrap_or_default();
        self.controllers = text.split_ascii_whitespace().map(str::to_owned).collect();
        if self.controllers.is_empty() {
            self.controllers.push(BARE.to_owned());
        }
    }
}

/// Finds the hierarchies that are used: those of version 1 with a controller of ours, or else version 2.
pub(super) fn detect(is_root: bool, reach: Reach) -> Result<Vec<Hierarchy>> {
    let mounts = files::read_text(Path::new("/proc/self/mountinfo"))?;
    let groups = files::read_text(Path::new("/proc/self/cgroup"))?;
    let mut found = choose(&mounts, &groups, is_root, reach);
    if reach == Reach::All && found.iter().any(|one| one.version == Version::One) {
        // What version 1 does not have, version 2 may have beside it.
        let beside = found.iter_mut().filter(|one| one.version == Version::Two);
        beside.for_each(Hierarchy::list_controllers);
    }
    Ok(found)
}

fn choose(mounts: &str, groups: &str, is_root: bool, reach: Reach) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for mount in mounts.lines().filter_map(CgroupMount::parse) {
        let controllers = mount.controllers(reach);
        let is_known = found.iter().any(|one| one.controllers == controllers);
        if is_known || (mount.version == Version::One && controllers.is_empty()) {
            continue;
        }
        found.push(Hierarchy {
            bases: bases(&mount, own_group(groups, &mount), is_root),
            version: mount.version,
            controllers,
        });
    }
    if reach == Reach::Few && found.iter().any(|one| one.version == Version::One) {
        // The second version beside the first has no controllers that are used here.
        found.retain(|one| one.version == Version::One);
    }
    found
}

/// Root makes groups at the top, like every other engine. Anyone else makes them beside the group that this process is in, because a group
/// of version 2 with processes cannot give controllers to groups below it; and if not there, below its own.
fn bases(mount: &CgroupMount<'_>, own: Option<PathBuf>, is_root: bool) -> Vec<PathBuf> {
    if is_root {
        return vec![mount.point.clone()];
    }
    let Some(own) = own else {
        return Vec::new();
    };
    let beside = own.parent().filter(|beside| beside.starts_with(&mount.point));
    let beside = beside.map(Path::to_path_buf);
    beside.into_iter().chain([own]).collect()
}

/// Gives the directory of the group that this process is in.
fn own_group(groups: &str, mount: &CgroupMount<'_>) -> Option<PathBuf> {
    let controllers = mount.controllers(Reach::All);
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let is_it = match mount.version {
            Version::Two => names.is_empty(),
            Version::One => {
                names.split(',').any(|name| controllers.iter().any(|known| known == name))
            }
        };
        // What is mounted may be only a part of the hierarchy.
        let below = Path::new(path).strip_prefix(mount.root).ok()?;
        is_it.then(|| mount.point.join(below))
    })
}

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`) about control groups.
#[derive(Debug)]
struct CgroupMount<'a> {
    version: Version,
    root: &'a str,
    point: PathBuf,
    options: &'a str,
}

impl<'a> CgroupMount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let version = match after.next()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let mut before = before.split(' ').skip(3);
        Some(Self {
            version,
            root: before.next()?,
            point: PathBuf::from(before.next()?),
            options: after.nth(1)?,
        })
    }

    fn controllers(&self, reach: Reach) -> Vec<String> {
        if self.version == Version::Two {
            return Vec::new();
        }
        let names = self.options.split(',');
        let is_used = |name: &&str| {
            CONTROLLERS.contains(name) || (reach == Reach::All && FURTHER.contains(name))
        };
        let mut names: Vec<String> = names.filter(is_used).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n\
        36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n\
        39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const UNIFIED: &str =
        "25 19 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    fn found(mounts: &str, groups: &str, is_root: bool) -> Vec<(String, Vec<String>)> {
        let text = |path: &PathBuf| path.display().to_string();
        choose(mounts, groups, is_root, Reach::Few)
            .iter()
            .map(|one| (one.controllers.join(","), one.bases.iter().map(text).collect()))
            .collect()
    }

    #[test]
    fn beside_version_one_the_second_is_left_alone() {
        let groups = "9:name=systemd:/\n4:memory:/mine\n8:pids:/\n2:cpu,cpuacct:/\n0::/\n";
        assert_eq!(
            found(HYBRID, groups, true),
            [
                ("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
                ("memory", "/sys/fs/cgroup/memory"),
                ("pids", "/sys/fs/cgroup/pids"),
            ]
            .map(|(names, base)| (names.to_owned(), vec![base.to_owned()]))
        );
    }

    #[test]
    fn version_two_beside_version_one_has_what_its_top_lists_and_never_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut two = Hierarchy {
            version: Version::Two,
            controllers: Vec::new(),
            bases: vec![folder.path().to_owned()],
        };
        let group = |two: &Hierarchy| super::super::group::Group::at(two, PathBuf::new());
        assert!(group(&two).has("memory"));
        for (listed, has) in [("\n", false), ("memory misc\n", true)] {
            files::write(&folder.path().join("cgroup.controllers"), listed).unwrap();
            two.list_controllers();
            assert_eq!(group(&two).has("memory"), has);
        }
    }

    #[test]
    fn an_ordinary_user_begins_beside_its_own_group() {
        let groups = "0::/user.slice/user-7.slice/user@7.service/app.slice/shell.scope\n";
        let app = "/sys/fs/cgroup/user.slice/user-7.slice/user@7.service/app.slice";
        assert_eq!(
            found(UNIFIED, groups, false),
            [(String::new(), vec![app.to_owned(), format!("{app}/shell.scope")])]
        );
        assert_eq!(
            found(UNIFIED, groups, true),
            [(String::new(), vec!["/sys/fs/cgroup".to_owned()])]
        );
    }

    #[test]
    fn in_a_container_the_top_is_where_the_mount_begins() {
        let mounts = "9 8 0:2 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(
            found(mounts, "0::/docker/abc/x\n", false),
            [(String::new(), vec!["/sys/fs/cgroup".to_owned(), "/sys/fs/cgroup/x".to_owned()])]
        );
        assert_eq!(found(mounts, "0::/elsewhere\n", false), [(String::new(), Vec::new())]);
    }

    #[test]
    fn a_machine_without_control_groups_has_none() {
        assert!(choose("22 27 0:21 / /proc rw - proc proc rw\n", "", true, Reach::All).is_empty());
    }
}
