//! The clock that all processes of the machine share.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Gives the time since some moment before all processes began (`CLOCK_MONOTONIC`, `clock_gettime(2)`); in a time namespace, since another one.
pub fn now() -> Duration {
    read(ClockId::Monotonic)
}

/// Gives what [`now`] was when this process began, as far as it was not kept waiting since: for the beginning of `main`.
pub fn begun() -> Duration {
    now().saturating_sub(read(ClockId::ProcessCPUTime))
}

/// Gives how long this thread has computed: what tests bound, because that is the same on a busy machine.
#[cfg(test)]
pub(crate) fn spent() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes() {
        let (begun, now) = (begun(), now());
        assert!(begun < now);
        assert!(super::now() >= now);
    }
}
