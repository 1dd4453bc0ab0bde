//! What is in a group: its processes, and the groups below it.

use std::path::{Path, PathBuf};

use super::Cgroup;
use crate::sys::{Result, files};

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

    /// Removes it with the groups that were made below it, waiting briefly for dying processes; its absence is no failure.
    ///
    /// # Errors
    /// What the kernel says; busy when processes live on in it.
    pub fn remove_tree(&self) -> Result<()> {
        for group in &self.groups {
            // The deepest first. Those that are busy keep the group itself busy, which is then the failure.
            for below in with_those_below(&group.path).iter().skip(1).rev() {
                drop(files::remove_dir(below));
            }
        }
        self.remove()
    }
}

fn processes(group: &Path) -> Vec<i32> {
    let text = files::read_text(&group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Lists a group's directory and those below it, each before those below itself.
fn with_those_below(group: &Path) -> Vec<PathBuf> {
    let mut found = vec![group.to_path_buf()];
    let mut next = 0;
    while let Some(path) = found.get(next) {
        let entries = files::list(path).unwrap_or_default();
        found.extend(entries.into_iter().filter(|entry| files::is_dir(entry)));
        next += 1;
    }
    found
}
