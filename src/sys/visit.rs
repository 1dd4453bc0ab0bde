//! Looks from where this process is not, on a thread of its own: the rest of the process stays where it is.

use std::{os::fd::OwnedFd, path::Path, thread};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    fs::CWD,
    mount::{OpenTreeFlags, open_tree},
};

use super::{At as _, Result, SysError, mount::Mount, namespace};

/// Does something on a thread and waits for it: it may leave the namespaces of this process.
///
/// # Errors
/// What `visit` says; that no thread can be made.
pub fn aside<T: Send, E: From<SysError> + Send>(
    visit: impl FnOnce() -> std::result::Result<T, E> + Send,
) -> std::result::Result<T, E> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("visit".to_owned());
        let thread = thread.spawn_scoped(scope, visit).at("start", "a thread")?;
        thread.join().unwrap_or_else(|_panic| {
            let reason = std::io::Error::other("its thread panicked");
            Err(SysError::new("visit", "a namespace", reason).into())
        })
    })
}

/// Copies the mount at a path in the mount namespace of others (a file like `/proc/PID/ns/mnt`); a link at the end of the path is not followed, and those before
/// it lead to places there.
///
/// # Errors
/// What the kernel says, with the path.
pub fn mount_of(namespace: &Path, path: &str) -> Result<Mount> {
    let theirs: OwnedFd = namespace::open(namespace)?;
    aside(|| {
        // Threads have one root together otherwise, and then none may enter another mount namespace.
        unshare(CloneFlags::CLONE_FS).at("unshare", "the root of a thread")?;
        namespace::enter(theirs, CloneFlags::CLONE_NEWNS)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let copy = open_tree(CWD, path, flags).at("copy the mount of", path)?;
        Ok(Mount::of_root(copy))
    })
}
