//! A database that has lost its data, while a daily backup still has it: it must not be taken for a new hotel.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use sqlx::Connection as _;

use crate::{
    clock::Clock,
    store::{
        DATABASE_FILE, StoreError,
        backup::{self, Contents, Replaced},
    },
};

use super::daily;

/// Data that only the backups have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How the database has lost its data.
    pub state: State,
    /// Daily backups with accounts, the newest first; never empty.
    pub backups: Vec<Dated>,
}

/// How a database has lost its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no file.
    Missing,
    /// The file has no content.
    Empty,
    /// It has no accounts.
    WithoutAccounts,
    /// It is older than the newest backup.
    Older,
}

/// A daily backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// Its file.
    pub file: PathBuf,
    /// The day on which it was made, in UTC.
    pub day: Date,
}

impl fmt::Display for State {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Missing => "is missing",
            Self::Empty => "is empty",
            Self::WithoutAccounts => "has no accounts",
            Self::Older => "is older than its newest backup",
        })
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "the database {}, but there are backups", self.state)?;
        match self.backups.first() {
            Some(newest) => write!(to, " up to {}", newest.day.strftime("%-d %B %Y")),
            None => Ok(()),
        }
    }
}

/// Compares the database in a data directory with its daily backups. `None`: nothing is lost, or nobody can say.
/// Nothing is changed.
pub(crate) async fn find(data_dir: &Path) -> Option<Lost> {
    let mut backups = Vec::new();
    let mut newest = None;
    for Dated { file, day } in dated(data_dir) {
        let contents = contents(&file).await.ok().filter(|contents| contents.has_accounts);
        if let Some(contents) = contents {
            newest.get_or_insert(contents);
            backups.push(Dated { file, day });
        }
    }
    let state = state(&data_dir.join(DATABASE_FILE), &newest?).await?;
    Some(Lost { state, backups })
}

/// `None`: the database has what the backup has, or it is damaged, which is reported when it is opened.
async fn state(database: &Path, newest: &Contents) -> Option<State> {
    match database.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(State::Missing),
        Ok(file) if file.len() == 0 => return Some(State::Empty),
        _ => {}
    }
    let contents = contents(database).await.ok()?;
    if !contents.has_accounts {
        return Some(State::WithoutAccounts);
    }
    newest.is_ahead_of(&contents).then_some(State::Older)
}

/// Begins a new epoch in a database that goes on without lost data: its clients read everything again, and no id
/// that stands only in the backups is given twice.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn accept(
    database: &mut sqlx::SqliteConnection,
    lost: &Lost,
    clock: &Clock,
) -> Result<(), StoreError> {
    let Some(newest) = lost.backups.first() else { return Ok(()) };
    let mut connection = backup::open_to_read(&newest.file).await?;
    let known = backup::replaced(&mut connection).await;
    connection.close().await?;
    let replaced = match known? {
        Replaced::Known { sequences, .. } => {
            // The sessions of the database itself go on.
            let sessions = match backup::replaced(database).await? {
                Replaced::Known { sessions, .. } => sessions,
                Replaced::Nothing | Replaced::Unknown => Vec::new(),
            };
            Replaced::Known { sequences, sessions }
        }
        other => other,
    };
    backup::begin_new_life(database, &replaced, clock.now()).await
}

/// The daily backups, the newest first.
fn dated(data_dir: &Path) -> Vec<Dated> {
    let dated = daily::kept(data_dir).into_iter().rev().filter_map(|file| {
        let day = daily::day_of(file.file_name()?.to_str()?)?;
        Some(Dated { file, day })
    });
    dated.collect()
}

async fn contents(file: &Path) -> Result<Contents, StoreError> {
    let mut connection = backup::open_to_read(file).await?;
    let contents = backup::contents(&mut connection).await;
    let _ = connection.close().await;
    contents
}
