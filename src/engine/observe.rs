//! What containers use and which processes they have.

use std::{collections::BTreeMap, sync::PoisonError};

use super::{
    Engine, EngineError, ErrorKind, Result, containers::cgroup_name, lifecycle::check_allows,
};
use crate::{
    model::{
        Container, ContainerId, HealthHistory, NetworkMode, Process, Readings, Sample, Timestamp,
        Verb,
    },
    monitor::{self, ring},
    sys::{
        cgroup::{Cgroup, Reach, Reading},
        clock,
        counter::Traffic,
        files,
        process::{self, FamilyUsage},
    },
};

impl Engine {
    /// Reads what the last checks of a container's health found; nothing where none has ended.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn health(&self, id: ContainerId) -> Result<HealthHistory> {
        let path = self.layout().health(id);
        let Some(text) = files::read_if_there(&path)? else { return Ok(HealthHistory::default()) };
        serde_json::from_slice(&text).map_err(|error| {
            let words = format!("{} cannot be read", path.display());
            EngineError::new(ErrorKind::Storage, words).caused_by(error)
        })
    }

    /// Reads all that running containers use; those that ended meanwhile are left out.
    ///
    /// A sample a second stands in each container's ring, which costs four reads; a container that is too young for that, or has no control
    /// group, is read itself, and has no sample before that one.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn statistics(&self, ids: &[ContainerId]) -> Result<BTreeMap<ContainerId, Readings>> {
        let now = clock::now();
        let (mut all, mut without) = (BTreeMap::new(), Vec::new());
        let mut rings = self.shared.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = std::mem::take(&mut *rings);
        for &id in ids {
            let kept = known.remove(&id).and_then(|ring| Some((ring.latest(now)?, ring)));
            // The container may have been started again meanwhile.
            let anew = || {
                let ring = ring::Reader::open(self.layout(), id).ok()?;
                Some((ring.latest(now)?, ring))
            };
            match kept.or_else(anew) {
                Some((readings, ring)) => {
                    all.insert(id, readings);
                    rings.insert(id, ring);
                }
                None => without.push(id),
            }
        }
        drop(rings);
        if !without.is_empty() {
            let alone = |(id, last)| (id, Readings { last, before: None });
            all.extend(self.read_itself(&without)?.into_iter().map(alone));
        }
        Ok(all)
    }

    /// Reads what a running container used over the last hour, oldest first: every ten seconds, and every second of the last four minutes. Empty until
    /// it is a second old, and where there are no control groups.
    pub fn samples(&self, id: ContainerId) -> Vec<Sample> {
        ring::Reader::open(self.layout(), id).map_or_else(|_| Vec::new(), |ring| ring.all())
    }

    /// Reads what containers without a ring use.
    fn read_itself(&self, ids: &[ContainerId]) -> Result<Vec<(ContainerId, Sample)>> {
        let live: Vec<(Container, i32)> = self.store().read(|records| {
            let mut live = Vec::new();
            for &id in ids {
                let init = records.processes(id)?.and_then(|processes| processes.init);
                let init = init.filter(process::ProcessId::is_alive);
                live.extend(records.container(id)?.zip(init.map(|init| init.pid)));
            }
            Ok::<_, EngineError>(live)
        })?;
        let at = clock::now();
        let (mut all, mut without) = (Vec::new(), Vec::new());
        let names = live.iter().map(|(container, _)| cgroup_name(container));
        let groups: Vec<_> = Cgroup::find_each(names, Reach::All).collect();
        for ((container, init), group) in live.iter().zip(groups) {
            let traffic = || Traffic::of(*init).and_then(|traffic| traffic.read()).ok();
            let traffic = has_network(container).then(traffic).flatten();
            match group.map(|group| group.read()) {
                Some(Ok(reading)) => {
                    let statistics = monitor::statistics(reading, traffic);
                    all.push((container.id, Sample { at, statistics }));
                }
                // It ended between finding and reading.
                Some(Err(_)) => {}
                None => without.push((container.id, *init, traffic)),
            }
        }
        // Process by process, where this user may not make control groups.
        let roots: Vec<i32> = without.iter().map(|(_, init, _)| *init).collect();
        let sums = if roots.is_empty() { Vec::new() } else { process::family_usage(&roots)? };
        all.extend(without.into_iter().zip(sums).map(|((id, _, traffic), sum)| {
            let FamilyUsage { cpu, memory, threads, .. } = sum;
            let usage = Reading { cpu, memory, pids: threads, ..Reading::default() };
            (id, Sample { at, statistics: monitor::statistics(usage, traffic) })
        }));
        Ok(all)
    }

    /// Tells how much memory the machine has, in bytes.
    pub fn memory_of_machine(&self) -> u64 {
        let text = files::read_text("/proc/meminfo".as_ref()).unwrap_or_default();
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// Lists the processes of a container, by their numbers on the host.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it does not run.
    pub fn processes(&self, id: ContainerId) -> Result<Vec<Process>> {
        let container = self.container_by_id(id)?;
        check_allows(&container, Verb::Top)?;
        let pids = if let Some(group) = Cgroup::find(&cgroup_name(&container)) {
            group.members()
        } else {
            // Without a group: the first process and those that come from it.
            let init = self.store().read(|records| {
                Ok::<_, EngineError>(records.processes(id)?.and_then(|processes| processes.init))
            })?;
            init.map_or_else(|| Ok(Vec::new()), |init| process::family(init.pid))?
        };
        let row = |row: process::Row| -> Result<Process> {
            let started = i64::try_from(row.started).unwrap_or(0);
            let started = Timestamp::from_second(started).map_err(|error| {
                EngineError::new(ErrorKind::Internal, "a process started at no time")
                    .caused_by(error)
            })?;
            Ok(Process {
                user: row.user,
                pid: row.pid,
                parent: row.parent,
                share: row.share,
                started,
                terminal: row.terminal,
                seconds: row.seconds,
                command: row.command,
            })
        };
        process::rows(&pids)?.into_iter().map(row).collect()
    }
}

/// Tells whether a container has a network namespace of its own.
const fn has_network(container: &Container) -> bool {
    matches!(container.config.network, NetworkMode::Bridges(_) | NetworkMode::None)
}
