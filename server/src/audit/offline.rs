//! Reading the log without a server: `audit verify` and `audit list`. Nothing is changed.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use crate::{
    protocol::Id,
    store::{self, StoreError, audit, backup},
};

use super::Stored;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is no database.
    #[error("there is no database in {0}; is --data-dir right?")]
    Missing(String),
    /// There is no such property.
    #[error("there is no property {0}")]
    NoProperty(Id),
    /// It cannot be read.
    #[error("the audit log cannot be read: {}", .0.explain())]
    Store(#[from] StoreError),
}

/// What following one chain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Whose chain.
    pub property_id: Id,
    /// How many entries follow from each other.
    pub entries: i64,
    /// The hash of the last of them.
    pub hash: String,
    /// The first entry that does not follow, and why.
    pub broken: Option<(i64, &'static str)>,
    /// Whether the entry with the hash that was asked for is among them.
    pub has_known: bool,
}

async fn open(data_dir: &Path) -> Result<SqliteConnection, AuditError> {
    let file = data_dir.join(store::DATABASE_FILE);
    if !file.exists() {
        return Err(AuditError::Missing(data_dir.display().to_string()));
    }
    Ok(backup::open_to_read(&file).await?)
}

/// The wanted property, or all of them.
async fn properties(
    connection: &mut SqliteConnection,
    wanted: Option<Id>,
) -> Result<Vec<Id>, AuditError> {
    let mut ids = audit::properties(connection).await?;
    if let Some(wanted) = wanted {
        ids.retain(|id| *id == wanted);
        if ids.is_empty() {
            return Err(AuditError::NoProperty(wanted));
        }
    }
    Ok(ids)
}

/// Follows the chain of one property, or of all, from the first entry to the last. `known`: a hash
/// that was noted earlier, which must still be there.
///
/// # Errors
/// [`AuditError`] when it cannot be read at all.
pub async fn verify(
    data_dir: &Path,
    property: Option<Id>,
    known: Option<&str>,
) -> Result<Vec<Chain>, AuditError> {
    let mut connection = open(data_dir).await?;
    let mut chains = Vec::new();
    for id in properties(&mut connection, property).await? {
        chains.push(audit::follow(&mut connection, id, known).await?);
    }
    let _ = connection.close().await;
    Ok(chains)
}

/// The newest entries of one property, or of each, the newest first.
///
/// # Errors
/// [`AuditError`] when it cannot be read.
pub async fn list(
    data_dir: &Path,
    property: Option<Id>,
    limit: u32,
) -> Result<Vec<Stored>, AuditError> {
    let mut connection = open(data_dir).await?;
    let mut entries = Vec::new();
    for id in properties(&mut connection, property).await? {
        let wanted = audit::Wanted { before: i64::MAX, limit, ..audit::Wanted::default() };
        entries.extend(audit::page_in(&mut connection, id, &wanted).await?);
    }
    let _ = connection.close().await;
    Ok(entries)
}
