//! Failures of the database, in words for whoever runs the server.

use sqlx::migrate::MigrateError;

use super::{BrokenRule, StoreError};

/// SQLite's result codes, as far as somebody can do something about them.
const BUSY: u32 = 5;
const READ_ONLY: u32 = 8;
const IO: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;
const NO_DATABASE: u32 = 26;

impl StoreError {
    /// What happened and what to do.
    #[must_use]
    pub fn explain(&self) -> String {
        if let Some(rule) = self.broken_rule() {
            return match rule {
                BrokenRule::Taken => format!("there is one already ({self})"),
                BrokenRule::Missing => format!("what it belongs to is gone ({self})"),
                BrokenRule::Value => format!("a value is not one that can be stored ({self})"),
            };
        }
        match self.code() {
            Some(BUSY) => {
                "another program has it locked; end that program and try again".to_owned()
            }
            Some(READ_ONLY | CANNOT_OPEN) => {
                "it cannot be opened for writing; allow this user to write there".to_owned()
            }
            Some(IO) => format!("the disk does not answer as it should ({self}); check the disk"),
            Some(FULL) => "the disk is full; make room and try again".to_owned(),
            Some(CORRUPT | NO_DATABASE) => {
                "the file is damaged or no database; restore a backup".to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// The primary result code, if SQLite gave one.
    fn code(&self) -> Option<u32> {
        let (Self::Database(error)
        | Self::Migration(
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
        )) = self
        else {
            return None;
        };
        let sqlx::Error::Database(error) = error else { return None };
        error.code()?.parse::<u32>().ok().map(|code| code & 0xff)
    }
}
