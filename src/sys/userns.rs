//! The user namespace in which an ordinary user's Estiba is root (`user_namespaces(7)`).
//!
//! Invariant: all living Estiba processes of one user and one `run_root` are in the same user namespace. Only then may each of them
//! signal, mount and share networks with the others' containers, whoever was started first and whoever ended since.

mod ids;

use std::{
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns, unshare},
    sys::{
        prctl,
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Gid, Pid, Uid, User, fork, getpid, pipe2, setresgid, setresuid},
};

use super::{At as _, Result, SysError, files, holders::Holders};
use ids::Mapping;

/// The list of its holders, in `run_root`.
const LIST: &str = "userns";

/// Enters the user namespace that all Estiba processes of this user and `run_root` share: joins that of a living one, or makes a new one with the ids of
/// `/etc/subuid` and `/etc/subgid` (through `newuidmap`/`newgidmap` where they are) or this user's single id. Gives the number of ids. Must be called while single-threaded.
///
/// # Errors
/// What the kernel says, naming the setting that forbids it.
pub fn enter(run_root: &Path) -> Result<u32> {
    let holders = Holders::lock(run_root, LIST)?;
    // A process that is not "dumpable" has its files in /proc taken away from it and from those who want to join it (proc(5)).
    stay_visible()?;
    if let Some(namespace) = holders.namespace("user")? {
        setns(namespace, CloneFlags::CLONE_NEWUSER).at("join", "the user namespace of Estiba")?;
    } else {
        create()?;
    }
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid).at("take", "group 0 of the user namespace")?;
    setresuid(uid, uid, uid).at("take", "user 0 of the user namespace")?;
    // Changing ids takes it away again.
    stay_visible()?;
    holders.enlist()?;
    number_of_ids()
}

/// Writes this process down as one that is in the shared user namespace, which it has inherited: a monitor does so, because it is to outlive who started it.
///
/// # Errors
/// What the kernel says, with the path of the list.
pub fn enlist(run_root: &Path) -> Result<()> {
    Holders::lock(run_root, LIST)?.enlist()
}

/// Tells whether this process is root of the machine itself: root, and in no user namespace but the first.
pub fn is_root_of_machine() -> bool {
    let whole = |file: &str| {
        files::read_text(Path::new(file)).is_ok_and(|text| ids::count(&text) == u32::MAX)
    };
    Uid::effective().is_root() && whole("/proc/self/uid_map")
}

fn number_of_ids() -> Result<u32> {
    let count = |file: &str| Ok(ids::count(&files::read_text(Path::new(file))?));
    Ok(count("/proc/self/uid_map")?.min(count("/proc/self/gid_map")?))
}

fn stay_visible() -> Result<()> {
    prctl::set_dumpable(true).at("make visible", "this process")
}

/// Makes a user namespace, with as many ids as the user may have.
fn create() -> Result<()> {
    let (uid, gid) = (Uid::current(), Gid::current());
    // The names are looked up before the ids in them change.
    let mapping = subordinate(uid, gid)?;
    let outside = mapping.as_ref().map(Outside::wait_for).transpose()?;
    unshare(CloneFlags::CLONE_NEWUSER).map_err(refused)?;
    if outside.is_some_and(Outside::map) {
        return Ok(());
    }
    map_single(uid, gid)
}

/// Maps this user's own ids to 0, which needs nobody's permission.
fn map_single(uid: Uid, gid: Gid) -> Result<()> {
    let map = |file: &str, text: String| {
        files::write(Path::new(file), text).map_err(|error| match error.errno() {
            // AppArmor lets the namespace be made and then allows nothing in it.
            Some(libc::EPERM) => refused(Errno::EPERM),
            _ => error,
        })
    };
    // The programs may have got half-way: what they wrote stands and cannot be written again.
    let is_free = |file: &str| Ok(files::read(Path::new(file))?.is_empty());
    if is_free("/proc/self/uid_map")? {
        map("/proc/self/uid_map", format!("0 {uid} 1\n"))?;
    }
    if is_free("/proc/self/gid_map")? {
        // user_namespaces(7): without privilege groups can be mapped only when setgroups(2) is off.
        map("/proc/self/setgroups", "deny".to_owned())?;
        map("/proc/self/gid_map", format!("0 {gid} 1\n"))?;
    }
    Ok(())
}

/// Reads which further ids this user may map; `None` when there are no users' or no groups'.
fn subordinate(uid: Uid, gid: Gid) -> Result<Option<Mapping>> {
    let user = User::from_uid(uid).at("look up user", uid)?;
    let name = user.map(|user| user.name);
    let read = |file: &str| -> Result<Vec<ids::Range>> {
        let text = files::read_if_there(Path::new(file))?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        Ok(ids::ranges(&text, name.as_deref(), uid.as_raw()))
    };
    let mapping = Mapping {
        users: ids::arguments(uid.as_raw(), &read("/etc/subuid")?),
        groups: ids::arguments(gid.as_raw(), &read("/etc/subgid")?),
    };
    Ok(mapping.is_worth_it().then_some(mapping))
}

/// A child that stays in the parent's old namespace, from where alone the privileged programs can write the maps of the new one.
struct Outside {
    child: Pid,
    bell: OwnedFd,
}

impl Outside {
    /// Makes the child, which waits until it is told that the namespace is there.
    fn wait_for(mapping: &Mapping) -> Result<Self> {
        let (listener, bell) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).at("create", "a pipe")?;
        let parent = getpid();
        // SAFETY: the process is single-threaded (a condition of `enter`), so the child inherits no lock that another thread holds.
        match unsafe { fork() }.at("create", "a process")? {
            ForkResult::Parent { child } => Ok(Self { child, bell }),
            ForkResult::Child => {
                drop(bell);
                let is_mapped = was_rung(listener) && mapping.write(parent);
                // SAFETY: ends this process at once; nothing of the parent's is flushed or dropped twice.
                unsafe { libc::_exit(i32::from(!is_mapped)) }
            }
        }
    }

    /// Lets the child write the maps, and tells whether it did.
    fn map(self) -> bool {
        let is_told = std::fs::File::from(self.bell).write_all(&[1]).is_ok();
        let status = loop {
            match waitpid(self.child, None) {
                Err(Errno::EINTR) => {}
                other => break other,
            }
        };
        is_told && matches!(status, Ok(WaitStatus::Exited(_, 0)))
    }
}

fn was_rung(listener: OwnedFd) -> bool {
    std::fs::File::from(listener).read_exact(&mut [0]).is_ok()
}

impl Mapping {
    /// Runs the two programs of shadow(5) for a process.
    fn write(&self, process: Pid) -> bool {
        let run = |program: &str, arguments: &[String]| {
            Command::new(program)
                .arg(process.to_string())
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        run("newuidmap", &self.users) && run("newgidmap", &self.groups)
    }
}

/// Says that no user namespace may be made, and which setting is likely to forbid it.
fn refused(errno: Errno) -> SysError {
    let read = |name: &str| {
        files::read_text(&Path::new("/proc/sys").join(name)).map(|text| text.trim().to_owned()).ok()
    };
    let setting = forbidding_setting(errno, read);
    SysError::new("create", format_args!("a user namespace ({setting})"), errno)
}

/// Finds the setting that forbids user namespaces, as `sysctl` spells it.
fn forbidding_setting(errno: Errno, read: impl Fn(&str) -> Option<String>) -> &'static str {
    const SWITCHED_OFF: [(&str, &str, &str); 3] = [
        ("user/max_user_namespaces", "0", "the setting user.max_user_namespaces is 0"),
        (
            "kernel/unprivileged_userns_clone",
            "0",
            "the setting kernel.unprivileged_userns_clone is 0",
        ),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "the setting kernel.apparmor_restrict_unprivileged_userns is 1",
        ),
    ];
    let off =
        SWITCHED_OFF.into_iter().find(|(file, value, _)| read(file).as_deref() == Some(value));
    match (off, errno) {
        (Some((_, _, words)), _) => words,
        (None, Errno::ENOSPC | Errno::EUSERS) => {
            "the setting user.max_user_namespaces allows no more"
        }
        _ => "a security policy of this machine or of the container it is",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_forbids_is_named() {
        let cases = [
            (Errno::ENOSPC, "user/max_user_namespaces", "0", "user.max_user_namespaces is 0"),
            (Errno::ENOSPC, "user/max_user_namespaces", "9", "allows no more"),
            (
                Errno::EPERM,
                "kernel/unprivileged_userns_clone",
                "0",
                "kernel.unprivileged_userns_clone",
            ),
            (
                Errno::EPERM,
                "kernel/apparmor_restrict_unprivileged_userns",
                "1",
                "kernel.apparmor_restrict",
            ),
            (Errno::EPERM, "kernel/unprivileged_userns_clone", "1", "security policy"),
        ];
        for (errno, file, value, words) in cases {
            let read = |asked: &str| (asked == file).then(|| value.to_owned());
            let said = forbidding_setting(errno, read);
            assert!(said.contains(words), "{errno} {file} {value}: {said}");
        }
    }
}
