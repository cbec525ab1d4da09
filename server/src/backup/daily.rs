//! A backup a day, made by the server itself, and only so many of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::civil::Date;

use sqlx::Connection as _;

use crate::{
    files,
    protocol::Timestamp,
    store::{backup as store, database_in as store_file},
};

use super::{Backup, BackupError, PARTIAL, create};

/// Folder of the daily backups in the data directory.
pub const FOLDER: &str = "backups";

const PREFIX: &str = "frontdesk-";
const SUFFIX: &str = ".db";

/// Makes the day's backup, unless there is one or the database has no account, and removes the oldest beyond
/// `keep`. Days are those of UTC: none is skipped and none comes twice when the clocks change. Files named in
/// `spared` (from before the clock jumped) are neither counted nor removed.
///
/// # Errors
/// [`BackupError`]; older backups are still there.
pub async fn keep(
    data_dir: &Path,
    now: Timestamp,
    keep: u32,
    spared: &[String],
) -> Result<Option<Backup>, BackupError> {
    let folder = data_dir.join(FOLDER);
    let named = folder.display().to_string();
    let failed = |source| BackupError::File { file: named.clone(), source };
    let file = folder.join(format!("{PREFIX}{}{SUFFIX}", now.utc().date()));
    let (home, wanted) = (data_dir.to_owned(), file.clone());
    let is_there = files::blocking(move || {
        // A data directory that was removed under a running server is not made again.
        files::make_own_subdirectory(&folder)?;
        sweep(&home)?;
        Ok(wanted.symlink_metadata().is_ok())
    });
    if is_there.await.map_err(failed)? {
        return Ok(None);
    }
    // A database that has lost its accounts must not push out the backups that have them.
    if !has_accounts(data_dir).await? {
        return Ok(None);
    }
    let made = create(data_dir, &file).await?;
    // Only now: a backup that fails must not cost another one.
    let (home, spared) = (data_dir.to_owned(), spared.to_vec());
    files::blocking(move || remove_beyond(&home, &file, keep, &spared)).await.map_err(failed)?;
    Ok(Some(made))
}

async fn has_accounts(data_dir: &Path) -> Result<bool, BackupError> {
    let mut connection = store::open_to_read(&store_file(data_dir)?).await?;
    let contents = store::contents(&mut connection).await;
    let _ = connection.close().await;
    Ok(contents?.has_accounts)
}

/// Removes what daily backups left that were killed: no other is being made meanwhile.
pub(super) fn sweep(data_dir: &Path) -> io::Result<()> {
    let folder = data_dir.join(FOLDER);
    let names = match names(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    let is_left = |name: &&String| {
        let partial = name.strip_suffix("-journal").unwrap_or(name).strip_suffix(PARTIAL);
        partial.is_some_and(is_daily)
    };
    names.iter().filter(is_left).try_for_each(|name| fs::remove_file(folder.join(name)))
}

/// The daily backups that there are, the oldest first.
pub(crate) fn kept(data_dir: &Path) -> Vec<PathBuf> {
    let folder = data_dir.join(FOLDER);
    // The names sort by day.
    kept_names(data_dir).iter().map(|name| folder.join(name)).collect()
}

/// File names of the daily backups that there are, the oldest first.
pub(crate) fn kept_names(data_dir: &Path) -> Vec<String> {
    let mut names = names(&data_dir.join(FOLDER)).unwrap_or_default();
    names.retain(|name| is_daily(name));
    names.sort_unstable();
    names
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into_string()));
    // A name that is not UTF-8 is none of ours.
    Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn is_daily(name: &str) -> bool {
    day_of(name).is_some()
}

/// The day in the name of a daily backup; `None`: it is the name of something else.
pub(super) fn day_of(name: &str) -> Option<Date> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

/// Removes the oldest daily backups, never the one that was just made: a clock that was wrong may
/// have left some that claim to be newer. Other files in the folder are nobody's business.
fn remove_beyond(data_dir: &Path, made: &Path, keep: u32, spared: &[String]) -> io::Result<()> {
    let mut others = kept(data_dir);
    others.retain(|file| {
        let is_spared = spared.iter().any(|name| file.file_name() == Some(name.as_ref()));
        file.file_name() != made.file_name() && !is_spared
    });
    let keep = usize::try_from(keep).unwrap_or(usize::MAX).saturating_sub(1);
    let too_many = others.len().saturating_sub(keep);
    let oldest: Vec<PathBuf> = others.into_iter().take(too_many).collect();
    oldest.iter().try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_data_directory_that_is_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let now = Timestamp::from_millis(1_700_000_000_000);
        let refused = keep(&data_dir, now, 7, &[]).await;
        assert!(matches!(refused, Err(BackupError::File { .. })), "{refused:?}");
        assert!(!data_dir.exists());
    }
}
