//! Making processes with all their namespaces at once (`clone(2)`).

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
};

use nix::sched::CloneFlags;

use super::{At as _, Result, SysError, namespace, pidfd, process::Stat};

/// A process just made.
#[derive(Debug)]
pub struct Child {
    /// Its number here.
    pub pid: i32,
    /// Readable when it has ended.
    pub pidfd: OwnedFd,
}

/// Makes a child in new namespaces, and in the control group `group` (version 2) if there is one, that runs `body` and exits with what
/// it returns. `parents` is what only the parent keeps: the child drops it first. The child is a copy of the whole caller; `body` may allocate because the caller has one thread only.
///
/// # Errors
/// What the kernel says; refused when this process has more than one thread, because the copy could find a lock held for ever.
pub fn spawn<T>(
    namespaces: CloneFlags,
    group: Option<BorrowedFd<'_>>,
    parents: T,
    body: impl FnOnce() -> i32,
) -> Result<(Child, T)> {
    let threads = Stat::read(nix::unistd::getpid().as_raw())?.threads;
    if threads != 1 {
        let reason = io::Error::other(format!("it has {threads} threads, not one"));
        return Err(SysError::new("clone", "this process", reason));
    }
    match clone(bits(namespaces), libc::SIGCHLD, group)? {
        Side::Parent(child) => Ok((child, parents)),
        Side::Child => {
            drop(parents);
            finish(body)
        }
    }
}

/// Makes a child as [`spawn`] does, in namespaces of others that only a parent can enter for it (of processes and of users, by pidfd or by their
/// file); nobody there can look into it before it executes a program (CVE-2019-5736).
///
/// A process in between enters them, which it may not be able to leave again: in a user namespace nobody may enter the
/// host's. The child is this process's own all the same (`CLONE_PARENT`).
///
/// # Errors
/// As [`spawn`].
pub fn spawn_among<T>(
    entries: &[(BorrowedFd<'_>, CloneFlags)],
    namespaces: CloneFlags,
    group: Option<BorrowedFd<'_>>,
    parents: T,
    body: impl FnOnce() -> i32,
) -> Result<(Child, T)> {
    let (told, tells) = io::pipe().at("create", "a pipe")?;
    let between = move || {
        let flags = bits(namespaces) | u64::from(libc::CLONE_PARENT.cast_unsigned());
        let cloned = entries
            .iter()
            .try_for_each(|(target, kind)| namespace::enter(target, *kind))
            .and_then(|()| namespace::set_inspectable(false))
            .and_then(|()| clone(flags, 0, group));
        let (pid, errno) = match cloned {
            Ok(Side::Child) => {
                drop(tells);
                finish(body)
            }
            Ok(Side::Parent(child)) => (child.pid, 0),
            Err(error) => (0, error.errno().unwrap_or(libc::EIO)),
        };
        let message = [pid.to_ne_bytes(), errno.to_ne_bytes()].concat();
        // If nobody listens any more, nobody needs the child either: it finds its channel closed.
        drop(io::Write::write_all(&mut &tells, &message));
        0
    };
    let (between, parents) = spawn(CloneFlags::empty(), None, parents, between)?;
    let mut numbers = [[0; 4]; 2];
    let heard = io::Read::read_exact(&mut &told, numbers.as_flattened_mut());
    pidfd::reap(&between.pidfd);
    heard.at("hear from", "the process in between")?;
    match numbers.map(i32::from_ne_bytes) {
        // It cannot be another process of that number: nobody has waited for it yet.
        [pid, 0] => Ok((Child { pid, pidfd: pidfd::open(pid)? }, parents)),
        [_, errno] => Err(io::Error::from_raw_os_error(errno))
            .at("clone into", "the process namespace of the container"),
    }
}

enum Side {
    Parent(Child),
    Child,
}

fn bits(flags: CloneFlags) -> u64 {
    flags.bits().cast_unsigned().into()
}

/// Runs the body of a child and ends it.
fn finish(body: impl FnOnce() -> i32) -> ! {
    // Unwinding must not reach the caller's frames: they belong to the parent.
    let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(125);
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

/// Forks. The caller must have one thread.
fn clone(flags: u64, exit_signal: i32, group: Option<BorrowedFd<'_>>) -> Result<Side> {
    let mut pidfd: i32 = -1;
    // SAFETY: `clone_args` is plain numbers, for which zero means "not given" (clone(2)).
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags | u64::from(libc::CLONE_PIDFD.cast_unsigned());
    arguments.pidfd = std::ptr::from_mut(&mut pidfd) as u64;
    arguments.exit_signal = exit_signal.cast_unsigned().into();
    if let Some(group) = group {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = u64::from(group.as_raw_fd().cast_unsigned());
    }
    // SAFETY: no new stack and no shared memory is asked for, so this is a fork; one thread, the caller's promise, holds no lock it
    // does not know of, so the child may go on with any code.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            std::ptr::from_ref(&arguments),
            size_of::<libc::clone_args>(),
        )
    };
    match pid {
        -1 => Err(refusal(group.is_some())),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(Child {
            pid: i32::try_from(pid).unwrap_or(i32::MAX),
            // SAFETY: the kernel has just made this descriptor for us (CLONE_PIDFD).
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        })),
    }
}

/// Says what the kernel refused. Who puts a process into a group must also be allowed to move one to it from where he is himself (`cgroup-v2.rst`,
/// "Delegation Containment"), which a user is not out of a group of root's, as at a login.
fn refusal(is_into_group: bool) -> SysError {
    let error = SysError::last("clone into", "new namespaces");
    if is_into_group && error.errno() == Some(libc::EACCES) {
        let object = "a control group from one that is not this user's (systemd-run --user --scope begins in one that is)";
        return SysError::new("clone into", object, error.source);
    }
    error
}

/// `clone(2)`; libc has it as a number that does not fit its own type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
