//! Reading the log without a server: `audit verify` and `audit list`. Nothing is changed.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use crate::{
    backup::daily,
    protocol::Id,
    store::{self, NoDatabase, StoreError, audit, backup, events},
};

use super::Stored;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is no database.
    #[error(transparent)]
    Missing(#[from] NoDatabase),
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
    /// How many daily backups knew an entry of it: each must still be there.
    pub backups: usize,
}

/// The newest entries that a backup has: property, place, hash.
type Heads = Vec<(Id, i64, String)>;

async fn open(data_dir: &Path) -> Result<SqliteConnection, AuditError> {
    Ok(backup::open_to_read(&store::database_in(data_dir)?).await?)
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

/// Follows the chain of one property, or of all, from the first entry to the last, and compares it with what
/// the daily backups have. `known`: a hash that was noted earlier, which must still be there.
///
/// # Errors
/// [`AuditError`] when it cannot be read at all.
pub async fn verify(
    data_dir: &Path,
    property: Option<Id>,
    known: Option<&str>,
) -> Result<Vec<Chain>, AuditError> {
    let mut connection = open(data_dir).await?;
    // Before the chain: it only ever grows.
    let backups = heads_of_backups(data_dir, &events::epoch_of(&mut connection).await?).await;
    let mut chains = Vec::new();
    for id in properties(&mut connection, property).await? {
        let mut chain = audit::follow(&mut connection, id, known).await?;
        for (_, seq, hash) in backups.iter().flatten().filter(|(of, ..)| *of == id) {
            chain.backups += 1;
            let here = audit::hash_of(&mut connection, id, *seq).await?;
            if chain.broken.is_none() && here.as_ref() != Some(hash) {
                let place = chain.entries.min(*seq - 1) + 1;
                chain.broken = Some((place, "a backup has a different entry at this position"));
            }
        }
        chains.push(chain);
    }
    let _ = connection.close().await;
    Ok(chains)
}

/// What the daily backups of this life of the database know. One that cannot be read knows nothing.
async fn heads_of_backups(data_dir: &Path, epoch: &str) -> Vec<Heads> {
    let mut known = Vec::new();
    for file in daily::kept(data_dir) {
        match heads_of_backup(&file, epoch).await {
            Ok(heads) => known.extend(heads),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "a daily backup could not be compared with the audit log");
            }
        }
    }
    known
}

async fn heads_of_backup(file: &Path, epoch: &str) -> Result<Option<Heads>, StoreError> {
    let mut backup = backup::open_to_read(file).await?;
    let is_of_this_life = events::epoch_of(&mut backup).await? == epoch;
    let heads = if is_of_this_life { Some(audit::heads(&mut backup).await?) } else { None };
    let _ = backup.close().await;
    Ok(heads)
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
        entries.extend(audit::page(&mut connection, id, &wanted).await?);
    }
    let _ = connection.close().await;
    Ok(entries)
}
