//! The write-ahead log of the records. Whoever opens the store first reads all of it, so it must not grow long; to shorten it costs two syncs, so nobody who is
//! waited for does that (<https://www.sqlite.org/wal.html#ckpt>).

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use rusqlite::{Connection, hooks::Wal, wal::CheckpointMode};

/// From so many pages on, who has nothing else to do shortens it.
const LONG: i32 = 96;

/// From so many pages on, whoever has written last shortens it.
const TOO_LONG: i32 = 1024;

/// How long the log was when this connection wrote last.
#[derive(Debug, Default)]
pub(super) struct Log(Arc<AtomicI32>);

impl Log {
    /// Watches how long it grows.
    pub(super) fn of(connection: &mut Connection) -> rusqlite::Result<Self> {
        let log = Self::default();
        let pages = Arc::clone(&log.0);
        connection.wal_hook(Some(move |wal: &mut Wal, now| {
            pages.store(now, Ordering::Relaxed);
            if now >= TOO_LONG {
                // What was written is safe where it is.
                drop(wal.checkpoint());
            }
            Ok(())
        }))?;
        Ok(log)
    }

    /// Shortens it if it is long; what others are reading or writing is left for the next one.
    pub(super) fn shorten(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.0.load(Ordering::Relaxed) < LONG {
            return Ok(());
        }
        connection.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE).map(drop)
    }
}
