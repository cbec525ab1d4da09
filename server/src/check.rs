//! Checks that the database file is intact and that its rows follow the rules.

use std::path::Path;

use serde::Serialize;
use sqlx::{Connection as _, SqliteConnection};

use crate::store::{self, NoDatabase, StoreError, backup, upgrade};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, as a statement.
    pub check: String,
    /// Whether the rule holds.
    pub ok: bool,
    /// If it does not hold, the first few rows that break it. If it holds (`ok`), remarks: rows of an
    /// earlier version that somebody may want to change.
    pub problems: Vec<String>,
}

/// Why the database could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no database.
    #[error(transparent)]
    Missing(#[from] NoDatabase),
    /// It cannot be read.
    #[error("the database cannot be read: {}", .0.explain())]
    Store(#[from] StoreError),
    /// It is the database of another program.
    #[error("{0} is not a Frontdesk database; check --data-dir")]
    Foreign(String),
}

/// Checks the database in the data directory, also while a server is using it. Changes nothing.
///
/// # Errors
/// [`CheckError`] when it cannot be read at all.
pub async fn run(data_dir: &Path) -> Result<Vec<Finding>, CheckError> {
    let file = store::database_in(data_dir)?;
    let mut connection = backup::open_to_read(&file).await?;
    let ours = backup::is_ours(&mut connection).await?;
    let findings = if ours { findings(&mut connection).await? } else { Vec::new() };
    let _ = connection.close().await;
    if ours { Ok(findings) } else { Err(CheckError::Foreign(file.display().to_string())) }
}

/// The results of all checks of one database.
pub(crate) async fn findings(
    connection: &mut SqliteConnection,
) -> Result<Vec<Finding>, StoreError> {
    // One snapshot for all, also while others write.
    let mut transaction = connection.begin().await?;
    let mut findings = vec![
        finding(
            "the database file is intact (integrity_check)",
            backup::integrity(&mut transaction).await?,
        ),
        finding(
            "all references point to existing rows (foreign_key_check)",
            backup::dangling(&mut transaction).await?,
        ),
    ];
    for invariant in backup::INVARIANTS {
        let broken = backup::broken(&mut transaction, invariant).await?;
        let problems = broken.iter().map(|id| format!("{} {id}", invariant.of)).collect();
        findings.push(finding(invariant.name, problems));
    }
    for (what, shared) in upgrade::shared(&mut transaction).await? {
        findings.push(Finding { check: what.to_owned(), ok: true, problems: shared });
    }
    transaction.rollback().await.map_err(StoreError::from)?;
    Ok(findings)
}

fn finding(check: &str, problems: Vec<String>) -> Finding {
    Finding { check: check.to_owned(), ok: problems.is_empty(), problems }
}
