//! How the records are laid out, and how a database gets that way.

use std::{io, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use super::{Layout, StoreError, rows::broken};
use crate::sys::files;

/// The layout of the records that this program reads and writes, kept in `user_version`.
const VERSION: i64 = 2;

/// How long a statement waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// The size of a page, in bytes: few rows are longer, and each change writes whole pages.
const PAGE: i64 = 1024;

/// Every id is the lower-case hexadecimal digits alone; every time is nanoseconds since 1970.
const TABLES: &str = "
CREATE TABLE images (
    id TEXT PRIMARY KEY,
    manifest TEXT NOT NULL,
    created TEXT,
    stored INTEGER NOT NULL,
    config TEXT NOT NULL
) STRICT;
CREATE TABLE image_references (
    name TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE
) STRICT;
CREATE INDEX references_of_image ON image_references (image);
CREATE TABLE layers (
    chain TEXT PRIMARY KEY,
    diff TEXT NOT NULL,
    size INTEGER NOT NULL,
    entries INTEGER NOT NULL
) STRICT;
-- The blob belongs to the pair: two images may have one layer in differently compressed blobs.
CREATE TABLE image_layers (
    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
    position INTEGER NOT NULL,
    chain TEXT NOT NULL REFERENCES layers ON DELETE RESTRICT,
    blob TEXT NOT NULL,
    PRIMARY KEY (image, position)
) STRICT;
CREATE INDEX images_of_layer ON image_layers (chain);
CREATE INDEX images_of_blob ON image_layers (blob);
CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL REFERENCES images ON DELETE RESTRICT,
    image_name TEXT NOT NULL,
    created INTEGER NOT NULL,
    config TEXT NOT NULL,
    state TEXT NOT NULL,
    live INTEGER NOT NULL,
    processes TEXT
) STRICT;
CREATE INDEX containers_of_image ON containers (image);
CREATE INDEX live_containers ON containers (live) WHERE live = 1;
CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    subnet TEXT NOT NULL,
    gateway TEXT NOT NULL,
    bridge TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE endpoints (
    container TEXT NOT NULL REFERENCES containers ON DELETE CASCADE,
    network TEXT NOT NULL REFERENCES networks ON DELETE RESTRICT,
    address TEXT NOT NULL,
    mac BLOB NOT NULL,
    interface TEXT NOT NULL,
    PRIMARY KEY (container, network),
    UNIQUE (network, address)
) STRICT;
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    subject TEXT NOT NULL,
    id TEXT NOT NULL,
    occurrence TEXT NOT NULL,
    attributes TEXT NOT NULL
) STRICT;
";

/// What version 2 has beyond version 1: what images were accepted by, as JSON.
const SIGNATURES: &str = "
CREATE TABLE signatures (
    image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
    signature TEXT NOT NULL,
    PRIMARY KEY (image, signature)
) STRICT;
";

/// Opens a connection, making what is not there. When all is there, this costs an open(2), one page and a mkdir(2).
pub(super) fn open(layout: &Layout) -> Result<Connection, StoreError> {
    files::make_private_dir(&layout.run_root.join("containers"))?;
    files::make_private_dir(&layout.run_root.join("ended"))?;
    files::refuse_other_writers(&layout.run_root)?;
    if files::exists(&layout.database()) {
        files::refuse_other_writers(&layout.data_root)?;
        let connection = connect(layout)?;
        if version(layout, &connection)? == VERSION {
            return Ok(connection);
        }
    }
    create(layout)
}

/// Makes directories, database and tables, and what an older database does not have, unless another process does so first.
fn create(layout: &Layout) -> Result<Connection, StoreError> {
    for part in ["blobs/sha256", "layers", "staging", "containers", "ended"] {
        files::make_private_dir(&layout.data_root.join(part))?;
    }
    files::refuse_other_writers(&layout.data_root)?;
    // One at a time: a change of the journal mode does not wait for others, it fails (sqlite.org/pragma.html#pragma_journal_mode).
    let _turn = layout.take_turn()?;
    if !files::exists(&layout.database()) {
        files::create_new(&layout.database())?;
    }
    let mut connection = connect(layout)?;
    let made = match version(layout, &connection)? {
        VERSION => Ok(()),
        0 => make_tables(&mut connection),
        _ => complete(&mut connection, SIGNATURES),
    };
    made.map_err(|source| broken(&layout.database(), source))?;
    Ok(connection)
}

fn make_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    complete(connection, &format!("{TABLES}{SIGNATURES}"))
}

/// Makes tables, with which the database is as this program knows it.
fn complete(connection: &mut Connection, tables: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(tables)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn connect(layout: &Layout) -> Result<Connection, StoreError> {
    let path = layout.database();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(&path, flags)
        .and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
            // The last one to leave does not tidy up: that would cost each command two syncs. The next one reads the log instead, which
            // `log` keeps short (sqlite.org/c3ref/c_dbconfig_defensive.html, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE).
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(connection)
        })
        .map_err(|source| broken(&path, source))
}

/// Reads the version: 0 for a database without tables.
fn version(layout: &Layout, connection: &Connection) -> Result<i64, StoreError> {
    let path = layout.database();
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|source| broken(&path, source))?;
    if (0..=VERSION).contains(&found) {
        return Ok(found);
    }
    let words = format!(
        "they have version {found}, this program knows version {VERSION}; a newer Estiba wrote them"
    );
    Err(StoreError::Records { path, source: io::Error::other(words).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Layout) {
        let root = tempfile::tempdir().unwrap();
        let layout =
            Layout { data_root: root.path().join("data"), run_root: root.path().join("run") };
        (root, layout)
    }

    #[test]
    fn a_newer_store_is_refused_by_version() {
        let (_root, layout) = place();
        let connection = open(&layout).unwrap();
        connection.pragma_update(None, "user_version", 7).unwrap();
        drop(connection);
        let refusal = open(&layout).unwrap_err().to_string();
        assert!(refusal.contains("version 7"), "{refusal}");
    }

    #[test]
    fn an_older_store_gets_what_it_does_not_have() {
        let (_root, layout) = place();
        let connection = open(&layout).unwrap();
        connection.execute_batch("DROP TABLE signatures; PRAGMA user_version = 1;").unwrap();
        drop(connection);
        let connection = open(&layout).unwrap();
        assert_eq!(version(&layout, &connection).unwrap(), VERSION);
        let count = "SELECT count(*) FROM signatures";
        assert_eq!(connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }

    #[test]
    fn a_broken_database_is_an_error_that_names_it() {
        let (_root, layout) = place();
        files::make_private_dir(&layout.data_root).unwrap();
        files::write(&layout.database(), "no database ".repeat(1000)).unwrap();
        let error = open(&layout).unwrap_err().to_string();
        assert!(error.contains("records.db"), "{error}");
    }
}
