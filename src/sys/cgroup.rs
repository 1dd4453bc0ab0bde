//! Control groups, version 1, version 2 and both at once (cgroups(7)).

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

use super::{Result, SysError};

/// A control group of ours, in every hierarchy that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    name: String,
}

/// What a control group has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /** Processor time. */
    pub cpu: Duration,
    /** Bytes, droppable page cache not counted. */
    pub memory: u64,
    /** Bytes, if limited. */
    pub memory_limit: Option<u64>,
    /** Processes and threads. */
    pub pids: u64,
}

#[expect(
    missing_docs,
    clippy::missing_errors_doc,
    unused_variables,
    reason = "contract only"
)]
impl Cgroup {
    /// Makes the group `name` (like `estiba/HEX`) below where this process may make groups; `None` when it may nowhere (rootless without delegation).
    pub fn create(name: &str) -> Result<Option<Self>> {
        Ok(None)
    }
    /// Names a group that exists; `None` when it does not.
    pub fn find(name: &str) -> Option<Self> {
        None
    }
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn limit_memory(&self, bytes: u64) -> Result<()> {
        Ok(())
    }
    pub fn limit_cpu(&self, millicpus: u64) -> Result<()> {
        Ok(())
    }
    pub fn limit_pids(&self, pids: u64) -> Result<()> {
        Ok(())
    }
    pub fn add(&self, pid: i32) -> Result<()> {
        Ok(())
    }
    /// A directory for CLONE_INTO_CGROUP, on pure version 2 only.
    pub fn clone_target(&self) -> Option<OwnedFd> {
        None
    }
    pub fn read(&self) -> Result<Reading> {
        Ok(Reading::default())
    }
    pub fn oom_kills(&self) -> u64 {
        0
    }
    pub fn kill_all(&self) -> Result<()> {
        Ok(())
    }
    /// Removes it, waiting briefly for dying processes; its absence is no failure.
    pub fn remove(&self) -> Result<()> {
        let _: Option<(BorrowedFd<'_>, SysError)> = None;
        Ok(())
    }
}
