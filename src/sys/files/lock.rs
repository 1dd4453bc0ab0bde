//! Locks of open files that are waited for, but not for ever (`flock(2)`).

use std::{
    fs::{File, TryLockError},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::sys::{At as _, Result};

/// How often a lock is asked for again that somebody else has: it says nothing when it is free.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Waits until nobody else has an open file locked (`flock(2)`), or, `shared`, nobody but others who share, and locks it until it is closed; `false` when
/// that is not so within `patience`.
///
/// # Errors
/// What the kernel says, with the path.
pub fn lock_whole(file: &File, path: &Path, shared: bool, patience: Duration) -> Result<bool> {
    let begun = Instant::now();
    loop {
        match if shared { file.try_lock_shared() } else { file.try_lock() } {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error).at_path("lock", path),
        }
    }
}
