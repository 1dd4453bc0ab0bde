//! What containers use and which processes they have.

use std::collections::BTreeMap;

use super::{
    Engine, EngineError, ErrorKind, Result, containers::cgroup_name, lifecycle::check_allows,
};
use crate::{
    model::{ContainerId, Process, Statistics, Timestamp, Verb},
    sys::{
        cgroup::{Cgroup, Reach},
        files, process,
    },
};

impl Engine {
    /// Reads all that running containers use; those that ended meanwhile are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub fn statistics(&self, ids: &[ContainerId]) -> Result<BTreeMap<ContainerId, Statistics>> {
        let usage = self.usage(ids)?;
        let mut all = BTreeMap::new();
        for (id, usage) in usage {
            let init = self.store().read(|records| {
                Ok::<_, EngineError>(records.processes(id)?.and_then(|processes| processes.init))
            })?;
            let Some(init) = init.filter(process::ProcessId::is_alive) else { continue };
            let network = files::read_text(format!("/proc/{}/net/dev", init.pid).as_ref());
            let (received, sent) = network.map_or((0, 0), |text| traffic(&text));
            let io = self
                .group_of(id, Reach::All)?
                .map(|group| group.statistics().io)
                .filter(|io| !io.is_empty());
            let sum = |operation: &str| {
                let of_kind = |one: &&crate::sys::cgroup::IoCount| one.operation == operation;
                io.as_ref().map(|io| io.iter().filter(of_kind).map(|one| one.bytes).sum())
            };
            let (read, written) = (sum("Read"), sum("Write"));
            all.insert(id, Statistics { usage, received, sent, read, written });
        }
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

/// Sums up bytes received and sent over all links but loopback (`/proc/net/dev`, `proc_pid_net(5)`).
fn traffic(text: &str) -> (u64, u64) {
    let links = text.lines().skip(2).filter_map(|line| line.split_once(':'));
    links.filter(|(name, _)| name.trim() != "lo").fold((0, 0), |(received, sent), (_, rest)| {
        let numbers: Vec<u64> =
            rest.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let number = |place: usize| numbers.get(place).copied().unwrap_or(0);
        (received + number(0), sent + number(8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_that_of_all_links_but_loopback() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0\n  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
        assert_eq!(traffic(text), (101, 202));
        assert_eq!(traffic(""), (0, 0));
    }
}
