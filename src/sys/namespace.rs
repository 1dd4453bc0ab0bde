//! Entering and leaving namespaces (`namespaces(7)`, `setns(2)`).

use std::{
    ffi::CString,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use nix::sched::CloneFlags;
use rustix::{
    fs::{Mode, OFlags},
    process::{DumpableBehavior, set_dumpable_behavior},
};

use super::{At as _, Result, SysError};

/// Opens a namespace file such as `/proc/PID/ns/net`.
///
/// # Errors
/// What the kernel says, with the path.
pub fn open(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).at_path("open", path)
}

/// Moves this thread into the namespaces `which` of a process (by pidfd) or into one namespace (by its file); a process namespace takes
/// only children made from now on.
///
/// # Errors
/// What the kernel says.
pub fn enter(target: impl AsFd, which: CloneFlags) -> Result<()> {
    nix::sched::setns(target, which).at("enter", format_args!("namespaces {which:?}"))
}

/// Gives this process a control group namespace whose root is the group it is in now.
///
/// # Errors
/// What the kernel says.
pub fn unshare_cgroup() -> Result<()> {
    nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP).at("unshare", "the control group namespace")
}

/// Makes a network namespace; this process stays in its own.
///
/// # Errors
/// What the kernel says.
pub fn make_network() -> Result<OwnedFd> {
    let place = Path::new("/proc/self/ns/net");
    let own = open(place)?;
    nix::sched::unshare(CloneFlags::CLONE_NEWNET).at("unshare", "the network namespace")?;
    let made = open(place);
    enter(own, CloneFlags::CLONE_NEWNET)?;
    made
}

/// Makes a time namespace whose clocks are set off as `offsets` say (lines of clock, seconds, nanoseconds), and enters it (`time_namespaces(7)`).
///
/// # Errors
/// What the kernel says; out of range when a clock would be before zero.
pub fn make_time(offsets: &str) -> Result<()> {
    let kind = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);
    nix::sched::unshare(kind).at("unshare", "the time namespace")?;
    if !offsets.is_empty() {
        super::files::write(Path::new("/proc/self/timens_offsets"), offsets)?;
    }
    // Without this, only children would be in it.
    enter(open(Path::new("/proc/self/ns/time_for_children"))?, kind)
}

/// Tells whether an open namespace file is the namespace of this kind (a name in `/proc/self/ns`) that this process is in.
///
/// # Errors
/// What the kernel says.
pub fn is_own(namespace: impl AsFd, kind: &str) -> Result<bool> {
    let own = open(&Path::new("/proc/self/ns").join(kind))?;
    let own = rustix::fs::fstat(own).at("stat", kind)?;
    let other = rustix::fs::fstat(namespace).at("stat", kind)?;
    Ok((own.st_dev, own.st_ino) == (other.st_dev, other.st_ino))
}

/// Sets host and domain name of this UTS namespace; an empty one is left as it is.
///
/// # Errors
/// What the kernel says.
pub fn set_names(host: &str, domain: &str) -> Result<()> {
    if !host.is_empty() {
        nix::unistd::sethostname(host).at("set the host name", host)?;
    }
    if domain.is_empty() {
        return Ok(());
    }
    // SAFETY: the pointer and the length are those of one living string.
    match unsafe { libc::setdomainname(domain.as_ptr().cast(), domain.len()) } {
        0 => Ok(()),
        _ => Err(SysError::last("set the domain name", domain)),
    }
}

/// Says whether other processes of the same user may look into this one through `/proc` and `ptrace(2)` (`PR_SET_DUMPABLE`); executing a
/// program makes it so again.
///
/// # Errors
/// What the kernel says.
pub fn set_inspectable(inspectable: bool) -> Result<()> {
    set_dumpable_behavior(if inspectable {
        DumpableBehavior::Dumpable
    } else {
        DumpableBehavior::NotDumpable
    })
    .at("set whether to dump", "this process")
}

/// Tells which of the ids `0..` a file like `/proc/self/gid_map` maps: pairs of first id and how many (`user_namespaces(7)`).
pub fn mapped_ranges(map: &str) -> Vec<(u32, u32)> {
    map.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let first = fields.next()?.parse().ok()?;
            let count = fields.nth(1)?.parse().ok()?;
            Some((first, count))
        })
        .collect()
}

/// Turns a text into one for the kernel.
///
/// # Errors
/// When it holds a NUL byte.
pub fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|error| {
        let reason = std::io::Error::new(std::io::ErrorKind::InvalidInput, error);
        SysError::new("pass", format_args!("{text:?}"), reason)
    })
}
