//! What a container uses.

use std::time::Duration;

use super::Timestamp;

/// One reading of what a container has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time used since the container started.
    pub cpu: Duration,
    /// Memory in use in bytes, without page cache that can be dropped.
    pub memory: u64,
    /// The most memory it may use, in bytes.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
}

impl Usage {
    /// Gives the share of one processor used between an earlier reading and this one, in per cent.
    pub fn cpu_percent(&self, earlier: &Self, apart: Duration) -> f64 {
        if apart.is_zero() {
            return 0.0;
        }
        let used = self.cpu.saturating_sub(earlier.cpu);
        used.as_secs_f64() / apart.as_secs_f64() * 100.0
    }
}

/// One reading of all that a container uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Processor, memory, processes.
    pub usage: Usage,
    /// Bytes received over its network.
    pub received: u64,
    /// Bytes sent over its network.
    pub sent: u64,
    /// Bytes read from block devices; `None` where nobody counts them.
    pub read: Option<u64>,
    /// Bytes written to block devices; `None` where nobody counts them.
    pub written: Option<u64>,
}

/// A process of a container, as the host sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its user, by the host's names.
    pub user: String,
    /// Its number on the host.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Percent of one processor since it started.
    pub share: u64,
    /// When it started.
    pub started: Timestamp,
    /// Its terminal: `pts/0`, or `?`.
    pub terminal: String,
    /// Seconds of processor time.
    pub seconds: u64,
    /// Its program and arguments.
    pub command: String,
}
