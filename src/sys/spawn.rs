//! What a process does to stand alone, and what it owes to its children.

use std::{
    ffi::CStr,
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        stat::{Mode, umask},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, fork, setsid},
};

use super::{At as _, Result, SysError, files, namespace, process::ProcessId, schedule::Beside};

/// On which side of [`stand_alone`] this process is.
#[derive(Debug)]
pub enum Side {
    /// The one that was started: it has nothing left to do, and whoever waits for it may go on.
    Started,
    /// The one that stands alone.
    Alone {
        /// What was standard input.
        channel: OwnedFd,
    },
}

/// Makes a process of its own out of one that was just executed with a channel as its standard input: nobody's child, leader of a session, in `/`,
/// sub-reaper (`PR_SET_CHILD_SUBREAPER`), called `name`, with no other descriptor. For the beginning of `main`: while there is one thread and nothing is open.
///
/// # Errors
/// What the kernel says.
pub fn stand_alone(name: &CStr) -> Result<Side> {
    close_inherited(0)?;
    // SAFETY: this process has one thread, so the child inherits no lock that is held.
    let forked = unsafe { fork() }.at("fork", "this process")?;
    if let ForkResult::Parent { .. } = forked {
        return Ok(Side::Started);
    }
    Ok(Side::Alone { channel: leave_caller(name)? })
}

/// A child that [`start_apart`] has made.
#[derive(Debug)]
pub struct Apart {
    /// The child.
    pub process: ProcessId,
    /// The end of the channel that stays here.
    pub channel: OwnedFd,
    /// If it was sent to other processors.
    pub beside: Option<Beside>,
}

/// Executes a program, which the child opens, in a child of this process, with its end of a channel as standard input and nowhere as output, without
/// environment; gives it at once: what goes wrong shows as an end of the channel. If there is room, it begins beside this process. For the beginning of
/// `main`: while there is one thread.
///
/// # Errors
/// What the kernel says of making the child.
pub fn start_apart(
    program: impl FnOnce() -> Result<OwnedFd>,
    arguments: &[&CStr],
    has_room: bool,
) -> Result<Apart> {
    let (ours, theirs) = UnixStream::pair().at("make", "a pair of sockets")?;
    // Not the way of `Command`, which waits until the program is executed.
    // SAFETY: this process has one thread, so the child inherits no lock that is held.
    let forked = unsafe { fork() }.at("fork", "this process")?;
    if let ForkResult::Parent { child } = forked {
        let beside = has_room.then(|| Beside::send(child.as_raw())).flatten();
        return Ok(Apart { process: ProcessId::of(child.as_raw())?, channel: ours.into(), beside });
    }
    let nowhere = files::open_with(Path::new("/dev/null"), OpenOptions::new().write(true));
    let failed = nowhere
        .and_then(|nowhere| {
            dup2_stdout(&nowhere).at("replace", "standard output")?;
            dup2_stderr(&nowhere).at("replace", "standard error")?;
            dup2_stdin(&theirs).at("replace", "standard input")
        })
        .and_then(|()| {
            let program = program()?;
            let name = namespace::c_string(&files::name_of(&program))?;
            execve(&name, arguments, &[] as &[&CStr; 0]).at("execute", "this program")
        });
    let code = i32::from(failed.is_err());
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

/// As [`stand_alone`], but this process stays its caller's child. Gives what was standard input.
///
/// # Errors
/// What the kernel says.
pub fn stand_by(name: &CStr) -> Result<OwnedFd> {
    close_inherited(0)?;
    leave_caller(name)
}

/// Leaves what the caller's session, directory and masks would do to this process; gives what was standard input.
fn leave_caller(name: &CStr) -> Result<OwnedFd> {
    let channel = io::stdin().as_fd().try_clone_to_owned().at("duplicate", "standard input")?;
    dup2_stdin(files::open(Path::new("/dev/null"))?).at("replace", "standard input")?;
    setsid().at("begin", "a session")?;
    chdir("/").at("enter", "/")?;
    umask(Mode::from_bits_truncate(0o022));
    prctl::set_child_subreaper(true).at("become", "a sub-reaper")?;
    prctl::set_name(name).at("name", "this process")?;
    Ok(channel)
}

/// Closes what the one who executed this process left open, but for the standard streams and the `kept` descriptors after them
/// (`close_range(2)`). For the beginning of `main`: while nothing in this process owns a descriptor.
///
/// # Errors
/// What the kernel says.
pub fn close_inherited(kept: u32) -> Result<()> {
    let first = kept.saturating_add(3);
    // SAFETY: the call takes numbers only; at the beginning of main nothing in this process owns a descriptor beyond the standard streams.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0_u32) };
    if answer == 0 { Ok(()) } else { Err(SysError::last("close", "inherited descriptors")) }
}

/// Sends a signal to the process of a pidfd (`pidfd_send_signal(2)`); real-time signals too, which rustix cannot name.
///
/// # Errors
/// What the kernel says.
pub fn send_signal(pidfd: BorrowedFd<'_>, number: i32) -> Result<()> {
    // SAFETY: the descriptor is open while it is borrowed; a null siginfo is allowed and means that of kill(2).
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            number,
            std::ptr::null::<libc::siginfo_t>(),
            0_u32,
        )
    };
    if answer == 0 { Ok(()) } else { Err(SysError::last("signal", "a process")) }
}

/// Reaps children that ended, until it meets one of `own`, whose end another part of this process waits for.
pub fn reap_orphans(own: &[i32]) {
    while let Some(pid) = ended_child() {
        if own.contains(&pid) {
            return;
        }
        // Only this thread reaps, so the child that was just seen is still there.
        if waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD) {
            return;
        }
    }
}

/// Looks for a child that has ended and leaves it as it is (`waitid(2)`, WNOWAIT).
fn ended_child() -> Option<i32> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    let mut status = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the kernel fills a siginfo that outlives the call.
    let answer = unsafe { libc::waitid(libc::P_ALL, 0, status.as_mut_ptr(), flags) };
    if answer != 0 {
        return None;
    }
    // SAFETY: all zeros is a valid siginfo, and the kernel may have filled it.
    let status = unsafe { status.assume_init() };
    // SAFETY: waitid fills this field, or leaves the zero that says that no child has ended.
    let pid = unsafe { status.si_pid() };
    (pid != 0).then_some(pid)
}

/// Gives back the pages of program code and constants that this process has read from their files; those that it needs again come back by
/// page faults. Starting a container takes far more code than waiting for its end: 6 of 8 MB.
pub fn forget_code() {
    // SAFETY: the callback has the type that is asked for, and looks at nothing but its first argument.
    unsafe { libc::dl_iterate_phdr(Some(forget_object), std::ptr::null_mut()) };
}

/// Gives back the read-only segments of one loaded object (`dl_iterate_phdr(3)`).
extern "C" fn forget_object(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the linker passes a description that lives during the call.
    let object = unsafe { &*object };
    // SAFETY: the linker says where its program headers are and how many, and they stay mapped.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
    let page = rustix::param::page_size();
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        if header.p_flags & libc::PF_W == 0 {
            let start = usize::try_from(object.dlpi_addr + header.p_vaddr).unwrap_or_default();
            let length = usize::try_from(header.p_memsz).unwrap_or_default() + start % page;
            let start = std::ptr::without_provenance_mut(start - start % page);
            // SAFETY: what was never writable is as it is in the file, from which the kernel reads it again at the next access; what
            // the linker has relocated lies in writable segments.
            unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
        }
    }
    0
}

/// Makes this process the parent of all orphans below it (`PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// What the kernel says.
pub fn adopt_orphans() -> Result<()> {
    prctl::set_child_subreaper(true).at("become", "a sub-reaper")
}

/// Gives freed memory back to the kernel, where the C library would keep it (`malloc_trim(3)`).
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call has no condition; glibc locks its own arenas.
    unsafe {
        libc::malloc_trim(0)
    };
}
