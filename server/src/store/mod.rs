//! All SQL stands here. SQLite through sqlx: one connection writes (the journal's), a pool reads
//! snapshots and never waits for it.

pub mod audit;
pub mod backup;
pub mod clock;
pub mod contact;
pub mod conversations;
pub mod deliveries;
pub mod demo;
pub mod departments;
pub mod erasure;
pub mod events;
mod explain;
pub mod export;
pub mod gateway_guests;
pub mod gateways;
pub mod guest_events;
pub mod guests;
pub mod lines;
pub mod lookups;
pub mod messages;
pub mod numbers;
pub mod pages;
pub mod properties;
mod search;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod staff;
pub mod transfers;
pub mod upgrade;
pub mod working;
pub mod writes;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use search::Search;
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    error::ErrorKind,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// Every schema change, oldest first.
static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

/// Name of the database in the data directory.
pub const DATABASE_FILE: &str = "frontdesk.db";

/// Connections that read at the same time; more only queue for the disk.
pub(crate) const READERS: u32 = 4;

/// How long a statement waits for another program's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache per connection.
#[cfg(test)]
pub(crate) const CACHE_BYTES: usize = 8192 * 1024;

/// The same in KiB (negative: SQLite's way of saying KiB rather than pages).
const CACHE_KIB: &str = "-8192";

/// What storage can answer instead of data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not.
    #[error("database error: {0}")]
    Database(#[from] sqlx::Error),
    /// A schema change failed.
    #[error("the database could not be upgraded to this version: {0}")]
    Migration(MigrateError),
    /// The database was written by a newer Frontdesk.
    #[error("the database was written by a newer version of Frontdesk; install that version")]
    Newer,
    /// A row breaks an invariant.
    #[error("the database contains unexpected data: {0}")]
    Damaged(&'static str),
}

impl StoreError {
    /// Whether a unique index refused the row; `column` is one of its columns (`staff.username`).
    #[must_use]
    pub fn is_unique_violation(&self, column: &str) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.is_unique_violation() && error.message().contains(column)
            }
            _ => false,
        }
    }

    /// Which kind of rule of the schema refused the row, if one did. Input is validated earlier; reaching
    /// this means that a check is missing, and not that storage failed.
    #[must_use]
    pub fn broken_rule(&self) -> Option<BrokenRule> {
        let Self::Database(sqlx::Error::Database(error)) = self else { return None };
        match error.kind() {
            ErrorKind::UniqueViolation => Some(BrokenRule::Taken),
            ErrorKind::ForeignKeyViolation => Some(BrokenRule::Missing),
            ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Some(BrokenRule::Value),
            _ => None,
        }
    }
}

/// A kind of rule of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenRule {
    /// Only one may be called so.
    Taken,
    /// What the row refers to must be there.
    Missing,
    /// What a value may be.
    Value,
}

/// What reads use: consistent snapshots that never wait for the writer.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIB)
        .pragma("temp_store", "memory")
        // What is deleted is overwritten, so that a file never holds it longer than the database does.
        .pragma("secure_delete", "on")
}

/// The data directory has no database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no database in {0}; check --data-dir")]
pub struct NoDatabase(String);

/// The path of the database in the data directory.
///
/// # Errors
/// [`NoDatabase`].
pub fn database_in(data_dir: &Path) -> Result<PathBuf, NoDatabase> {
    let file = data_dir.join(DATABASE_FILE);
    if file.exists() { Ok(file) } else { Err(NoDatabase(data_dir.display().to_string())) }
}

/// Opens the one writing connection.
///
/// # Errors
/// [`StoreError::Database`] when the file cannot be opened or is no database.
pub async fn open_writer(data_dir: &Path) -> Result<SqliteConnection, StoreError> {
    let options = options(&data_dir.join(DATABASE_FILE));
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::Newer`] for a database of a newer version (untouched), [`StoreError::Migration`].
pub async fn migrate(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    // Not `run`: its future cannot be sent between threads.
    MIGRATIONS.run_direct(None, writer, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer,
        error => StoreError::Migration(error),
    })
}

/// Whether the database in the data directory has exactly the schema of this version; changes nothing.
///
/// # Errors
/// [`StoreError::Database`] when it cannot be read.
pub async fn is_up_to_date(data_dir: &Path) -> Result<bool, StoreError> {
    let mut connection = backup::open_to_read(&data_dir.join(DATABASE_FILE)).await?;
    let newest: i64 = sqlx::query_scalar("select max(version) from _sqlx_migrations")
        .fetch_one(&mut connection)
        .await?;
    let _ = connection.close().await;
    Ok(MIGRATIONS.iter().map(|migration| migration.version).max() == Some(newest))
}

impl Store {
    /// Opens the reading pool on a database that exists and is up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let options = options(&data_dir.join(DATABASE_FILE)).pragma("query_only", "on");
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// The pool, for the reading functions beside this one.
    #[must_use]
    pub const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Closes every reading connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The SQL of lists, pages, unread counts and replay, by name: what the tests explain.
#[must_use]
pub fn read_statements() -> Vec<(&'static str, String)> {
    let mut statements = conversations::statements();
    statements.extend(lines::statements());
    statements.extend(messages::statements());
    statements.extend(transfers::statements());
    statements.extend(events::statements());
    statements.extend(contact::statements());
    statements.extend(deliveries::statements());
    statements.extend(gateways::statements());
    statements
}
