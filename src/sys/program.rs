//! The last steps before a program takes a process over, and the taking over (`execve(2)`).

use std::{
    ffi::{CStr, CString},
    io,
    os::fd::{AsFd, OwnedFd},
};

pub use rustix::process::Resource;
use rustix::{
    fs::Mode,
    process::{Rlimit, fchdir, getcwd, setrlimit, setsid, umask},
};

use super::{At as _, Result, SysError};

/// Sets a resource limit (`getrlimit(2)`), `u64::MAX` meaning none.
///
/// # Errors
/// What the kernel says; not permitted above the hard limit that this process has itself.
pub fn set_limit(resource: Resource, soft: u64, hard: u64) -> Result<()> {
    let bound = |number: u64| (number != u64::MAX).then_some(number);
    let limit = Rlimit { current: bound(soft), maximum: bound(hard) };
    setrlimit(resource, limit).at("set limit", format_args!("{resource:?} to {soft}:{hard}"))
}

/// Sets which permission bits new files lack.
pub fn set_umask(bits: u32) {
    umask(Mode::from_raw_mode(bits));
}

/// Makes this process the leader of a new session.
///
/// # Errors
/// What the kernel says.
pub fn new_session() -> Result<()> {
    setsid().at("begin", "a session").map(drop)
}

/// Gives this process, and what it clones, the session keyring of this name, which is made if it is not there (`keyctl(2)`): keys of
/// whoever called stay out of reach. Where this process may have no keyrings at all, there is nothing to keep out of reach.
///
/// # Errors
/// What the kernel says, when it has keyrings; disk quota exceeded when this user has too many.
pub fn join_keyring(name: &str) -> Result<()> {
    /// Everything to who possesses it; to the same user seeing, reading, searching, linking (`keyrings(7)`).
    const PERMISSIONS: libc::c_ulong = 0x3f1b_0000;
    let text = super::namespace::c_string(name)?;
    let join = libc::c_ulong::from(libc::KEYCTL_JOIN_SESSION_KEYRING);
    // SAFETY: the name ends with a zero and lives as long as the call.
    let keyring = unsafe { libc::syscall(libc::SYS_keyctl, join, text.as_ptr()) };
    if keyring < 0 {
        let error = SysError::last("join session keyring", name);
        let is_without = matches!(error.errno(), Some(libc::ENOSYS | libc::EPERM));
        return if is_without { Ok(()) } else { Err(error) };
    }
    let permit = libc::c_ulong::from(libc::KEYCTL_SETPERM);
    // SAFETY: numbers only.
    match unsafe { libc::syscall(libc::SYS_keyctl, permit, keyring, PERMISSIONS) } {
        0 => Ok(()),
        _ => Err(SysError::last("set who may use session keyring", name)),
    }
}

/// Makes an open directory the working directory, and makes sure that it is inside the root (CVE-2024-21626).
///
/// # Errors
/// What the kernel says; not found when the directory is outside the root.
pub fn enter_directory(directory: impl AsFd, name: &str) -> Result<()> {
    fchdir(directory).at("enter", name)?;
    let path = getcwd(Vec::new()).at("find the path of", name)?;
    if path.as_bytes().starts_with(b"/") {
        return Ok(());
    }
    Err(SysError::new("enter", name, io::Error::other("it is outside of the container")))
}

/// Puts descriptors in the places 0, 1 and 2.
///
/// # Errors
/// What the kernel says.
pub fn set_stdio([stdin, stdout, stderr]: [&OwnedFd; 3]) -> Result<()> {
    nix::unistd::dup2_stdin(stdin).at("replace", "standard input")?;
    nix::unistd::dup2_stdout(stdout).at("replace", "standard output")?;
    nix::unistd::dup2_stderr(stderr).at("replace", "standard error")
}

/// Marks every descriptor but 0, 1, 2 and the `kept` after them to be closed by the next `execve(2)` (CVE-2024-21626).
///
/// # Errors
/// What the kernel says.
pub fn close_on_exec_above_stdio(kept: u32) -> Result<()> {
    let first = kept.saturating_add(3);
    // SAFETY: numbers only; nothing is closed now.
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match answer {
        0 => Ok(()),
        _ => Err(SysError::last("mark", "descriptors to be closed")),
    }
}

/// Gives every signal its default action and blocks none: a program would inherit what is ignored or blocked here.
pub fn reset_signals() {
    for signal in 1..=SIGNALS {
        // SAFETY: the default action runs no code of ours; SIGKILL, SIGSTOP and the C library's own two refuse, which is right.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // An empty mask is always accepted.
    let _never_refused = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// Executes a program; comes back only with the reason why not.
pub fn execute(path: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    match nix::unistd::execve(path, arguments, environment) {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}

/// The last signal's number (`signal(7)`).
const SIGNALS: i32 = 64;

/// Tells whether something is at a path, for this process as it is now.
pub fn exists(path: &CStr) -> bool {
    rustix::fs::lstat(path).is_ok()
}

/// Tells why this process may not execute what is at a path, as far as its permission bits say.
///
/// # Errors
/// What the kernel says.
pub fn check_executable(path: &CStr) -> io::Result<()> {
    use rustix::{
        fs::{Access, AtFlags, CWD, accessat},
        io::Errno,
    };
    if is_directory(path) {
        return Err(Errno::ACCESS.into());
    }
    let answer = match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // A filter that is older than faccessat2(2) says so, never the bits; the older call asks for the real user, who is the same by then.
        Err(Errno::PERM | Errno::NOSYS) => accessat(CWD, path, Access::EXEC_OK, AtFlags::empty()),
        other => other,
    };
    answer.map_err(Into::into)
}

/// Tells whether this process has a descriptor of this number.
pub fn is_open(number: u32) -> bool {
    let Ok(number) = i32::try_from(number) else { return false };
    // SAFETY: the call looks a number up and changes nothing.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// Tells whether a path leads to a directory.
pub fn is_directory(path: &CStr) -> bool {
    rustix::fs::stat(path).is_ok_and(|status| {
        rustix::fs::FileType::from_raw_mode(status.st_mode) == rustix::fs::FileType::Directory
    })
}
