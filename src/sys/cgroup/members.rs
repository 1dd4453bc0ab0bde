//! What is in a group: its processes, and the groups below it.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path, PathBuf},
};

use super::{Cgroup, group::Group};
use crate::sys::{Result, SysError, files};

impl Cgroup {
    /// Lists the processes in the group and in those below it.
    pub fn members(&self) -> Vec<i32> {
        let Some(group) = self.groups.first() else { return Vec::new() };
        let mut members: Vec<i32> =
            with_those_below(&group.path).iter().flat_map(|path| processes(path)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// Gives the group that a process joins which is to be with `pid`. A group of version 2 that hands controllers down takes no process itself
    /// (`cgroup-v2.rst`, "No Internal Process Constraint"): then it is the one below that `pid` is in.
    #[must_use]
    pub fn beside(&self, pid: i32) -> Self {
        let mut beside = self.clone();
        for group in &mut beside.groups {
            if !hands_down(&group.path) {
                continue;
            }
            let mut below = with_those_below(&group.path).into_iter();
            if let Some(path) = below.find(|path| processes(path).contains(&pid)) {
                group.path = path;
            }
        }
        beside
    }
}

impl Cgroup {
    /// Gives the groups below these that a process is to join: by the name of a controller a path, which is that of all hierarchies where the name is empty.
    /// A hierarchy that nothing is said of keeps its group.
    ///
    /// # Errors
    /// A controller that no hierarchy has; a path that leads elsewhere, or to no group.
    pub fn below(&self, places: &BTreeMap<String, PathBuf>) -> Result<Self> {
        let mut below = self.clone();
        for (controller, place) in places {
            let is_meant = |group: &&mut Group| controller.is_empty() || group.has(controller);
            let mut meant = below.groups.iter_mut().filter(is_meant).peekable();
            if meant.peek().is_none() {
                return Err(absent("enter", controller, "no hierarchy of its has this controller"));
            }
            let is_inner = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            let inner = place.strip_prefix("/").unwrap_or(place);
            for group in meant {
                let path = group.path.join(inner);
                if !inner.components().all(is_inner) || !files::is_dir(&path) {
                    let reason = "it is no group below that of the container";
                    return Err(absent("enter control group", place.display(), reason));
                }
                group.path = path;
            }
        }
        Ok(below)
    }
}

fn absent(action: &'static str, object: impl std::fmt::Display, reason: &str) -> SysError {
    SysError::new(action, object, io::Error::new(io::ErrorKind::NotFound, reason))
}

fn hands_down(group: &Path) -> bool {
    let text = files::read_text(&group.join("cgroup.subtree_control")).unwrap_or_default();
    !text.trim().is_empty()
}

fn processes(group: &Path) -> Vec<i32> {
    let text = files::read_text(&group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Lists a group's directory and those below it, each before those below itself.
pub(super) fn with_those_below(group: &Path) -> Vec<PathBuf> {
    let mut found = vec![group.to_path_buf()];
    let mut next = 0;
    while let Some(path) = found.get(next) {
        let entries = files::list(path).unwrap_or_default();
        found.extend(entries.into_iter().filter(|entry| files::is_dir(entry)));
        next += 1;
    }
    found
}
