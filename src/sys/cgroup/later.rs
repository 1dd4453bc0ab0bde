//! Controllers that a group gets while there are processes in it already.

use std::collections::BTreeSet;

use super::{Cgroup, Reach, Version, group::Group, hierarchy::detect, is_root_of_host};
use crate::sys::Result;

/// How often is looked for processes that were made while others were moved.
const ROUNDS: usize = 8;

impl Cgroup {
    /// Has version 1 count what the group reads and writes from now on; version 2 does so anyway.
    ///
    /// The hierarchy of `blkio` is not among the few that each start pays for. To move a process takes the kernel 3 to 8 ms the first time and 10
    /// microseconds each time that follows at once ([`Cgroup::join`] says why), so this is for a group that is settled.
    ///
    /// # Errors
    /// What the kernel says; the group is as it was.
    pub fn count_io(&mut self) -> Result<()> {
        let counts = |group: &Group| {
            (group.version == Version::Two && group.controllers.is_empty()) || group.has("blkio")
        };
        if self.groups.iter().any(counts) {
            return Ok(());
        }
        let hierarchies = detect(is_root_of_host(), Reach::All)?;
        let counting = hierarchies.iter().find(|hierarchy| {
            hierarchy.version == Version::One
                && hierarchy.controllers.iter().any(|one| one == "blkio")
        });
        let Some(counting) = counting else { return Ok(()) };
        let Some(group) = Group::create(counting, &self.name, Reach::Few)? else { return Ok(()) };
        let later = Self { name: self.name.clone(), groups: vec![group] };
        for _ in 0..ROUNDS {
            let moved: BTreeSet<i32> = later.members().into_iter().collect();
            let left: Vec<i32> =
                self.members().into_iter().filter(|pid| !moved.contains(pid)).collect();
            if left.is_empty() {
                break;
            }
            for pid in left {
                for group in &later.groups {
                    // One that has ended meanwhile needs no place.
                    drop(group.write("cgroup.procs", &pid.to_string()));
                }
            }
        }
        self.groups.extend(later.groups);
        Ok(())
    }
}
