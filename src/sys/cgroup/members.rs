//! What is in a group: its processes, and the groups below it.

use std::path::{Path, PathBuf};

use super::Cgroup;
use crate::sys::files;

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
