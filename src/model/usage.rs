//! What a container uses.

use std::time::Duration;

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
