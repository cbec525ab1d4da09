//! A copy of the database into a file, and back.

pub mod daily;
pub mod lost;

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use sqlx::Connection as _;

use crate::{
    app::{Holder, OpenError, lock_directory},
    check,
    clock::Clock,
    files,
    store::{
        self, DATABASE_FILE, NoDatabase, StoreError,
        backup::{self, Replaced},
    },
};

/// Name under which a copy waits until it is complete.
const RESTORING_FILE: &str = "frontdesk.db.restoring";

/// What the name of a backup ends with until it is complete.
const PARTIAL: &str = ".partial";

/// A partial file that was written this recently is taken for one that is being written.
#[cfg(not(target_os = "linux"))]
const IN_USE_FOR: std::time::Duration = std::time::Duration::from_hours(1);

/// The first bytes of a database.
const SQLITE_HEAD: &[u8] = b"SQLite format 3\0";

/// A backup that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where.
    pub file: PathBuf,
    /// How big it is.
    pub size_bytes: u64,
}

/// A backup that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the database was put that stood there before, if one did.
    pub kept: Option<PathBuf>,
    /// Whether that one could not be read, so that nobody knows which ids it has given.
    pub was_unreadable: bool,
}

/// Why there is no backup. Nothing was written or overwritten.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences name the members")]
pub enum BackupError {
    /// There is nothing to be copied.
    #[error(transparent)]
    Missing(#[from] NoDatabase),
    /// The file is there already.
    #[error("{0} already exists; choose another name, or delete the file")]
    Exists(String),
    /// The file cannot be written.
    #[error(
        "{file} cannot be written ({source}); check the free disk space and this user's write access"
    )]
    File { file: String, source: io::Error },
    /// The database cannot be copied.
    #[error("the database could not be copied: {}", .0.explain())]
    Store(#[from] StoreError),
}

/// Why nothing was restored. The database is as it was.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences name the members")]
pub enum RestoreError {
    /// The data directory is in use or cannot be used.
    #[error("{0}")]
    Directory(#[from] OpenError),
    /// The backup cannot be read.
    #[error("{file} cannot be read ({source}); specify a file that `backup` wrote")]
    File { file: String, source: io::Error },
    /// It is no backup.
    #[error("{file} is not a Frontdesk backup ({reason}); specify a file that `backup` wrote")]
    NoBackup { file: String, reason: String },
    /// It is of a newer version.
    #[error("{0} was written by a newer version of Frontdesk; install that version, then restore")]
    Newer(String),
    /// It is damaged.
    #[error("{file} is damaged: {problem}; use another backup")]
    Damaged { file: String, problem: String },
    /// The copy cannot be made or put in its place.
    #[error(
        "the backup could not be copied to {directory} ({source}); check the free disk space and this user's write access"
    )]
    Place { directory: String, source: io::Error },
}

/// Copies the database as it is at this moment, also while a server runs on it.
///
/// # Errors
/// [`BackupError`]; then there is no file.
pub async fn create(data_dir: &Path, file: &Path) -> Result<Backup, BackupError> {
    let database = store::database_in(data_dir)?;
    let named = file.display().to_string();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(named.clone()),
        _ => BackupError::File { file: named.clone(), source },
    };
    let file = std::path::absolute(file).map_err(failed)?;
    // Nobody must take half a copy for a backup: it gets its name when it is complete.
    let partial = Partial(beside(&file, PARTIAL));
    let name = partial.0.to_str().map(str::to_owned).ok_or_else(|| {
        failed(io::Error::new(io::ErrorKind::InvalidFilename, "the name is not UTF-8"))
    })?;
    let (wanted, empty) = (file.clone(), partial.0.clone());
    let begun = files::blocking(move || {
        if wanted.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if let Some(folder) = wanted.parent() {
            remove_killed(folder);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = fs::remove_file(&empty);
        let begun = files::create_own(&empty)?;
        // Other backups into this folder do not remove the file while it is locked. On other systems than
        // Linux, SQLite could not write it then.
        #[cfg(target_os = "linux")]
        begun.lock()?;
        Ok(begun)
    })
    .await
    .map_err(failed)?;
    let mut connection = backup::open_to_copy(&database).await?;
    let copied = backup::copy_into(&mut connection, &name).await;
    let _ = connection.close().await;
    // Not before: closing a file removes the locks that SQLite has on it.
    drop(begun);
    copied?;
    let published = files::blocking(move || {
        let size_bytes = sync(&partial.0)?;
        publish(&partial.0, &file)?;
        Ok(Backup { file, size_bytes })
    });
    published.await.map_err(failed)
}

/// Removes what killed backups into a folder have left: files whose name ends with `.partial`, that are a database or
/// empty, and that no backup is writing.
fn remove_killed(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.path();
        let is_partial = entry.file_name().to_string_lossy().ends_with(PARTIAL);
        if is_partial && entry.file_type().is_ok_and(|kind| kind.is_file()) && is_killed(&file) {
            drop(Partial(file));
        }
    }
}

/// Whether a file is the beginning of a backup that is not being written any more.
fn is_killed(file: &Path) -> bool {
    let Ok(mut content) = File::open(file) else { return false };
    #[cfg(target_os = "linux")]
    let is_in_use = content.try_lock().is_err();
    #[cfg(not(target_os = "linux"))]
    let is_in_use = content
        .metadata()
        .and_then(|metadata| metadata.modified())
        .map_or(true, |at| at.elapsed().map_or(true, |since| since < IN_USE_FOR));
    if is_in_use {
        return false;
    }
    let mut head = Vec::new();
    let read = content.by_ref().take(SQLITE_HEAD.len() as u64).read_to_end(&mut head);
    read.is_ok() && (head.is_empty() || head == SQLITE_HEAD)
}

/// Removes the partial files of backups and restores that were killed. The caller is the only user of the
/// data directory.
///
/// # Errors
/// What the system says.
pub(crate) fn sweep(data_dir: &Path) -> io::Result<()> {
    drop(Partial(data_dir.join(RESTORING_FILE)));
    daily::sweep(data_dir)
}

/// Puts a backup in the place of the database, as a new life of it: another epoch, and no id that
/// may have been given since, here or before an earlier restoring. The database that was there is kept beside it.
///
/// # Errors
/// [`RestoreError`]; then the database is as it was.
pub async fn restore(
    data_dir: &Path,
    file: &Path,
    clock: &Clock,
) -> Result<Restored, RestoreError> {
    let _lock = lock_directory(data_dir, Holder::Command)?;
    let name = file.display().to_string();
    let place = |source| RestoreError::Place { directory: data_dir.display().to_string(), source };
    let copy = Partial(data_dir.join(RESTORING_FILE));
    let mut from =
        File::open(file).map_err(|source| RestoreError::File { file: name.clone(), source })?;
    let _ = fs::remove_file(&copy.0);
    let mut to = files::create_own(&copy.0).map_err(place)?;
    io::copy(&mut from, &mut to).map_err(place)?;
    drop(to);
    let replaced = replaced(data_dir).await;
    prepare(&copy.0, &name, &replaced, clock).await?;
    sync(&copy.0).map_err(place)?;
    let kept = set_aside(data_dir, clock).await.map_err(place)?;
    fs::rename(&copy.0, data_dir.join(DATABASE_FILE)).map_err(place)?;
    sync_directory(data_dir);
    Ok(Restored { kept, was_unreadable: matches!(replaced, Replaced::Unknown) })
}

/// What is known of the database that is about to be replaced. One that is damaged must not stand in the
/// way of its backup.
async fn replaced(data_dir: &Path) -> Replaced {
    let database = data_dir.join(DATABASE_FILE);
    if !database.exists() {
        return Replaced::Nothing;
    }
    let Ok(mut connection) = backup::open_to_read(&database).await else {
        return Replaced::Unknown;
    };
    let replaced = backup::replaced(&mut connection).await;
    let _ = connection.close().await;
    replaced.unwrap_or(Replaced::Unknown)
}

/// Checks the copy, brings it up to date and gives it its new life.
async fn prepare(
    copy: &Path,
    name: &str,
    replaced: &Replaced,
    clock: &Clock,
) -> Result<(), RestoreError> {
    let no_backup = |error: StoreError| RestoreError::NoBackup {
        file: name.to_owned(),
        reason: error.explain(),
    };
    let mut connection = backup::open_to_restore(copy).await.map_err(no_backup)?;
    if !backup::is_ours(&mut connection).await.map_err(no_backup)? {
        let reason = "it is a database of another program".to_owned();
        return Err(RestoreError::NoBackup { file: name.to_owned(), reason });
    }
    let damaged = |problem: String| RestoreError::Damaged { file: name.to_owned(), problem };
    let whole = backup::integrity(&mut connection).await.map_err(no_backup)?;
    if let Some(problem) = whole.into_iter().next() {
        return Err(damaged(problem));
    }
    store::migrate(&mut connection).await.map_err(|error| match error {
        StoreError::Newer => RestoreError::Newer(name.to_owned()),
        error => damaged(error.to_string()),
    })?;
    let findings = check::findings(&mut connection).await.map_err(|e| damaged(e.to_string()))?;
    if let Some(finding) = findings.into_iter().find(|finding| !finding.ok) {
        return Err(damaged(format!("failed check: {}", finding.check)));
    }
    let begun = backup::begin_new_life(&mut connection, replaced, clock.now()).await;
    begun.map_err(|e| damaged(e.to_string()))?;
    connection.close().await.map_err(|error| damaged(error.to_string()))
}

/// Gives the database that is there, if any, another name. It stays in its place under its own name
/// too, until the restored one replaces it in one step: there is never no database.
async fn set_aside(data_dir: &Path, clock: &Clock) -> io::Result<Option<PathBuf>> {
    let database = data_dir.join(DATABASE_FILE);
    if !database.exists() {
        return Ok(None);
    }
    let time = clock.now().utc().strftime("%FT%H-%M-%S-%3fZ");
    let aside = data_dir.join(format!("{DATABASE_FILE}.before-restore-{time}"));
    // A journal file left beside it belongs to the old database: it would spoil the restored one.
    if fold(data_dir).await.is_err() {
        for suffix in ["-wal", "-shm"] {
            let journal = beside(&database, suffix);
            if journal.exists() {
                fs::rename(&journal, beside(&aside, suffix))?;
            }
        }
    }
    if fs::hard_link(&database, &aside).is_err() {
        fs::copy(&database, &aside)?;
        sync(&aside)?;
    }
    sync_directory(data_dir);
    Ok(Some(aside))
}

async fn fold(data_dir: &Path) -> Result<(), StoreError> {
    let mut connection = store::open_writer(data_dir).await?;
    backup::fold_journal(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// A file that goes away unless it got another name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_file(beside(&self.0, "-journal"));
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    PathBuf::from(name)
}

/// Has everything of a file on disk; returns its size in bytes.
fn sync(file: &Path) -> io::Result<u64> {
    let file = File::options().read(true).write(true).open(file)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Has a folder's names on disk, where folders can be opened.
fn sync_directory(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

/// Gives a complete file its name, if nobody has it.
fn publish(partial: &Path, file: &Path) -> io::Result<()> {
    match fs::hard_link(partial, file) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Memory sticks know no second name for a file.
        Err(_) if file.symlink_metadata().is_ok() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Err(_) => fs::rename(partial, file)?,
    }
    if let Some(directory) = file.parent() {
        sync_directory(directory);
    }
    Ok(())
}
