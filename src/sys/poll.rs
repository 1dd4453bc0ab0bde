//! Waiting for several descriptors at once (`poll(2)`).

use std::time::Duration;

pub use rustix::event::{PollFd, PollFlags};
use rustix::{event::Timespec, io::Errno};

use super::{At as _, Result};

/// Waits until one of `fds` is ready or `patience` is over; `None` is without end. A signal ends the wait early and is no failure.
///
/// # Errors
/// What the kernel says.
pub fn wait(fds: &mut [PollFd<'_>], patience: Option<Duration>) -> Result<()> {
    let timeout = patience.map(|patience| Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    });
    match rustix::event::poll(fds, timeout.as_ref()) {
        Ok(_ready) => Ok(()),
        Err(Errno::INTR) => {
            for fd in fds {
                fd.clear_revents();
            }
            Ok(())
        }
        Err(error) => Err(error).at("wait for", "descriptors"),
    }
}
