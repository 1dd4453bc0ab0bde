//! Room on the disk that is kept for the records: where a container has filled it, that container can still be ended and removed.

use super::Layout;
use crate::sys::{Result, files};

/// What is kept, in bytes: more than the write-ahead log takes.
const SIZE: u64 = 4 << 20;
/// With less room than this on the disk, what is kept is given up.
const LOW: u64 = 1 << 20;
/// With more room than this it is kept (again).
const PLENTY: u64 = 4 * SIZE;

/// Gives up what is kept when the disk is as good as full; tells how much room there was. For before anything is written.
pub(super) fn release_if_low(layout: &Layout) -> u64 {
    // A disk that cannot be measured, or is not there yet, says itself what is wrong with it when it is written to.
    let free = files::free_in(&layout.data_root).unwrap_or(u64::MAX);
    if free < LOW {
        drop(files::remove_file(&layout.reserve()));
    }
    free
}

/// Keeps room, when there is `free` so much, unless that is done.
pub(super) fn provide(layout: &Layout, free: u64) {
    if free > PLENTY && !files::exists(&layout.reserve()) {
        // Without it all goes well until the disk is full, and some file systems cannot keep room.
        drop(keep(layout));
    }
}

/// Makes the file where what is unfinished lies, so that it has its size when it has its name.
fn keep(layout: &Layout) -> Result<()> {
    let fresh = layout.staging().join(format!("reserve.{}", std::process::id()));
    let kept =
        files::allocate(&fresh, SIZE).and_then(|()| files::rename(&fresh, &layout.reserve()));
    kept.inspect_err(|_cause| drop(files::remove_file(&fresh)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_once_there_is_plenty() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { data_root: dir.path().to_owned(), run_root: dir.path().join("run") };
        files::make_dir(&layout.staging()).unwrap();
        provide(&layout, PLENTY);
        assert!(!files::exists(&layout.reserve()));
        provide(&layout, PLENTY + 1);
        assert_eq!(files::read(&layout.reserve()).unwrap().len() as u64, SIZE);
        assert_eq!(files::list(&layout.staging()).unwrap().len(), 0);
        assert!(release_if_low(&layout) > LOW, "this machine's disk is full");
        assert!(files::exists(&layout.reserve()));
    }
}
