//! Processes by descriptor: their number may be reused, their descriptor not (`pidfd_open(2)`).

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use super::{At as _, Result, SysError};

/// Opens the process that has this number now.
///
/// # Errors
/// What the kernel says.
pub fn open(pid: i32) -> Result<OwnedFd> {
    let number = Pid::from_raw(pid)
        .ok_or_else(|| SysError::new("open", "process 0", rustix::io::Errno::SRCH))?;
    pidfd_open(number, PidfdFlags::empty()).at("open process", pid)
}

/// Gives the number of the process of a pidfd (`proc_pid_fdinfo(5)`); `None` when it has been reaped.
pub fn number(pidfd: impl AsFd) -> Option<i32> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_fd().as_raw_fd());
    let text = super::files::read_text(path.as_ref()).ok()?;
    let number = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    number.trim().parse().ok().filter(|&pid| pid > 0)
}

/// Kills it and, as it is our child, waits until it is gone. It being gone already is no failure.
pub fn kill_and_reap(pidfd: impl AsFd) {
    // Either it dies now or it is dead already: the answer changes nothing.
    let _dead_already = pidfd_send_signal(pidfd.as_fd(), Signal::KILL);
    reap(pidfd);
}

/// Waits until a child of ours has ended.
pub fn reap(pidfd: impl AsFd) {
    let _reaped_already = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
}

/// Tells how a child of ours ended, without reaping it: the exit code, or 128 plus the signal; `None` while it lives.
pub fn ending(pidfd: impl AsFd) -> Option<i32> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), options).ok()??;
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
}
