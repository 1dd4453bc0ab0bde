//! Network namespaces (`network_namespaces(7)`), which are a property of each thread.

use std::{
    fs::File,
    os::fd::{AsFd as _, BorrowedFd},
    path::Path,
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};

use crate::sys::{At as _, Result, SysError, files};

/// Opens the network namespace of this thread.
///
/// # Errors
/// What the kernel says.
pub fn current() -> Result<File> {
    files::open(Path::new("/proc/thread-self/ns/net"))
}

/// Moves this thread into a network namespace.
///
/// # Errors
/// What the kernel says.
pub fn enter(target: BorrowedFd<'_>) -> Result<()> {
    setns(target, CloneFlags::CLONE_NEWNET).at("enter", "a network namespace")
}

/// Moves this thread into a new network namespace that nobody else is in.
///
/// # Errors
/// What the kernel says.
pub fn create() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).at("create", "a network namespace")
}

/// Runs `body` in another network namespace and comes back.
///
/// Root of a user namespace may enter the namespaces it owns but not come back into the machine's own, which it does not own.
/// Then a thread that ends there does it.
///
/// # Errors
/// What `body` says, or what the kernel says of the way there.
pub fn inside<T: Send>(
    target: BorrowedFd<'_>,
    body: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let home = current()?;
    if enter(home.as_fd()).is_err() {
        return from_thread(target, body);
    }
    enter(target)?;
    let result = body();
    setns(home, CloneFlags::CLONE_NEWNET).at("return to", "the own network namespace")?;
    result
}

/// Runs `body` in another network namespace, in a thread that ends with it.
///
/// # Errors
/// What `body` says, or what the kernel says of the way there.
pub fn from_thread<T: Send>(
    target: BorrowedFd<'_>,
    body: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    thread::scope(|scope| {
        let visit = thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, || {
                enter(target)?;
                body()
            })
            .at("start", "a thread")?;
        visit.join().unwrap_or_else(|_panic| {
            Err(SysError::new(
                "finish",
                "a visit to a network namespace",
                std::io::Error::other("its thread panicked"),
            ))
        })
    })
}
