//! Control groups, version 1, version 2 and both at once (cgroups(7)).

mod counters;
mod delegation;
pub mod devices;
mod freeze;
mod group;
mod hierarchy;
mod kill;
mod later;
mod members;
mod one;
mod resources;
mod statistics;
mod two;
mod view;

use std::{
    io,
    os::fd::OwnedFd,
    path::Path,
    time::{Duration, Instant},
};

pub use self::{
    counters::{Counters, Reading},
    delegation::delegated,
    hierarchy::Reach,
    resources::{Cpu, Device, Io, Memory, Network, Rdma, Resources, Throttle, counts_swap},
    statistics::{IoCount, Pressure, Stalls, Statistics},
    two::{io_weight_of, weight_of},
    view::Hierarchy,
};
use self::{
    group::Group,
    hierarchy::{Version, detect},
};
use super::{Result, SysError, files};

/// How long [`Cgroup::remove`] and [`Cgroup::kill_all`] wait for dying processes.
const PATIENCE: Duration = Duration::from_secs(2);

/// A control group of ours, in every hierarchy that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    name: String,
    groups: Vec<Group>,
}

/// Where root makes groups on a machine of version 1: there a process joins later what it is not made in.
#[derive(Debug)]
pub struct Ground {
    hierarchies: Vec<hierarchy::Hierarchy>,
    reach: Reach,
}

impl Ground {
    /// Looks for it; `None` for others, and where there is a group of version 2 among those that are used.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn find(reach: Reach) -> Result<Option<Self>> {
        let hierarchies = if is_root_of_host() { detect(true, reach)? } else { Vec::new() };
        let is_of_one = hierarchies.iter().all(|one| one.version == Version::One);
        let is_ground = is_of_one && !hierarchies.is_empty();
        Ok(is_ground.then_some(Self { hierarchies, reach }))
    }

    /// Gives the controllers that were looked for.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Plans the group `name`.
    pub fn plan(self, name: &str) -> Planned {
        let groups = self.hierarchies.iter().filter_map(|one| Group::plan(one, name)).collect();
        Planned { group: Cgroup { name: name.to_owned(), groups }, ground: self }
    }
}

/// A control group that is still to be made.
#[derive(Debug)]
pub struct Planned {
    group: Cgroup,
    ground: Ground,
}

impl Planned {
    /// Gives what it will be.
    pub const fn group(&self) -> &Cgroup {
        &self.group
    }

    /// Makes it.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn make(&self) -> Result<Option<Cgroup>> {
        Cgroup::create_among(&self.ground.hierarchies, &self.group.name, self.ground.reach)
    }
}

impl Cgroup {
    /// Makes the group `name` (like `estiba/HEX`) below where this process may make groups; `None` when it may nowhere (rootless without delegation).
    ///
    /// # Errors
    /// What the kernel says, other than that this process may not.
    pub fn create(name: &str) -> Result<Option<Self>> {
        Self::create_with(name, Reach::Few)
    }

    /// As [`Cgroup::create`], with these controllers.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn create_with(name: &str, reach: Reach) -> Result<Option<Self>> {
        Self::create_among(&detect(is_root_of_host(), reach)?, name, reach)
    }

    fn create_among(
        hierarchies: &[hierarchy::Hierarchy],
        name: &str,
        reach: Reach,
    ) -> Result<Option<Self>> {
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "it is no path below the top");
            return Err(SysError::new("make control group", name, reason));
        }
        let mut made = Self { name: name.to_owned(), groups: Vec::new() };
        for hierarchy in hierarchies {
            match Group::create(hierarchy, name, reach) {
                Ok(Some(group)) => made.groups.push(group),
                // One missing hierarchy leaves limits that would silently not hold: then rather none.
                Ok(None) => {
                    made.remove()?;
                    return Ok(None);
                }
                Err(error) => {
                    // The first cause is the one to tell.
                    drop(made.remove());
                    return Err(error);
                }
            }
        }
        Ok((!made.groups.is_empty()).then_some(made))
    }

    /// As [`Cgroup::create_with`], below the top of each hierarchy, whoever this process is: for a name that somebody else gave.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn create_at_top(name: &str, reach: Reach) -> Result<Option<Self>> {
        Self::create_among(&detect(true, reach)?, name, reach)
    }

    /// As [`Cgroup::find_with`], below the top of each hierarchy.
    pub fn find_at_top(name: &str, reach: Reach) -> Option<Self> {
        let hierarchies = detect(true, reach).unwrap_or_default();
        let groups: Vec<Group> =
            hierarchies.iter().filter_map(|one| Group::find(one, name)).collect();
        (!groups.is_empty()).then(|| Self { name: name.to_owned(), groups })
    }

    /// Names a group that exists; `None` when it does not.
    pub fn find(name: &str) -> Option<Self> {
        Self::find_with(name, Reach::Few)
    }

    /// Names a group that exists with these controllers; `None` when it does not.
    pub fn find_with(name: &str, reach: Reach) -> Option<Self> {
        Self::find_each([name.to_owned()], reach).next().flatten()
    }

    /// Names groups as [`Cgroup::find_with`] does. The hierarchies, which take longer to find than a group, are looked for once.
    pub fn find_each(
        names: impl IntoIterator<Item = String>,
        reach: Reach,
    ) -> impl Iterator<Item = Option<Self>> {
        let hierarchies = detect(is_root_of_host(), reach).unwrap_or_default();
        names.into_iter().map(move |name| {
            let groups = hierarchies.iter().filter_map(|one| Group::find(one, &name));
            let groups: Vec<Group> = groups.collect();
            (!groups.is_empty()).then_some(Self { name, groups })
        })
    }

    /// Gives the name it was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves this process, which has one thread, into the group.
    ///
    /// Version 1 lets a thread move itself without the lock that keeps the whole machine from forking; whoever moves another process
    /// waits for that lock, and so for an RCU grace period: 3 to 8 ms (`cgroup_procs_write_start()` in kernel/cgroup/cgroup.c, Linux 6.18).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn join(&self) -> Result<()> {
        self.groups.iter().try_for_each(|group| {
            let file = match group.version {
                Version::One => "tasks",
                Version::Two => "cgroup.procs",
            };
            group.write(file, "0")
        })
    }

    /// Opens a directory for `CLONE_INTO_CGROUP`, on pure version 2 only.
    pub fn clone_target(&self) -> Option<OwnedFd> {
        match self.groups.as_slice() {
            [group] if group.version == Version::Two => files::pin(&group.path).ok(),
            _ => None,
        }
    }

    /// Reads what the group uses now; what no controller counts is zero. Who reads more than once keeps [`Counters`].
    ///
    /// # Errors
    /// Not found when the group is gone.
    pub fn read(&self) -> Result<Reading> {
        Counters::open(self)?.read()
    }

    /// Counts how often the kernel killed something in the group for want of memory.
    pub fn oom_kills(&self) -> u64 {
        let count = |group: &Group| match group.version {
            Version::One => group.field("memory.oom_control", "oom_kill"),
            Version::Two => group.field("memory.events", "oom_kill"),
        };
        self.groups.iter().filter(|group| group.has("memory")).filter_map(count).sum()
    }

    /// Removes it with the groups that were made below it, waiting briefly for dying processes; its absence is no failure.
    ///
    /// # Errors
    /// What the kernel says; busy when processes live on in it.
    pub fn remove(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // All are tried; the first failure is told.
        let results: Vec<Result<()>> =
            self.groups.iter().map(|group| group.remove(deadline)).collect();
        results.into_iter().collect()
    }

    fn having(&self, controller: &str) -> Result<&Group> {
        self.groups.iter().find(|group| group.has(controller)).ok_or_else(|| {
            let reason = io::Error::new(
                io::ErrorKind::NotFound,
                "this machine has no such controller for control groups",
            );
            SysError::new("limit", controller, reason)
        })
    }
}

/// Tells whether this process is root outside of every user namespace (`user_namespaces(7)`).
fn is_root_of_host() -> bool {
    let map = files::read_text(Path::new("/proc/self/uid_map")).unwrap_or_default();
    let fields: Vec<&str> = map.split_ascii_whitespace().collect();
    nix::unistd::geteuid().is_root() && fields == ["0", "0", "4294967295"]
}

#[cfg(test)]
mod tests;
