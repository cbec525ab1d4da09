//! Failures of the database, in words for whoever runs the server.

use sqlx::migrate::MigrateError;

use super::{BrokenRule, StoreError};

/// The bits of an extended result code that are the primary one.
const PRIMARY: u32 = 0xff;

/// SQLite's result codes, as far as somebody can do something about them.
const BUSY: u32 = 5;
const READ_ONLY: u32 = 8;
const IO: u32 = 10;
const CORRUPT: u32 = 11;
/// Writing failed, or the file of the journal's index could not be made larger: extended codes.
const IO_WRITE: u32 = 778;
const IO_INDEX_SIZE: u32 = 4874;
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
        if let Some(IO_WRITE | IO_INDEX_SIZE) = self.code() {
            return format!(
                "the disk takes nothing more; if it is full, make room and try again, \
                 otherwise check the disk ({self})"
            );
        }
        match self.code().map(|code| code & PRIMARY) {
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

    /// The extended result code, if SQLite gave one.
    fn code(&self) -> Option<u32> {
        let (Self::Database(error)
        | Self::Migration(
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
        )) = self
        else {
            return None;
        };
        let sqlx::Error::Database(error) = error else { return None };
        error.code()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, error::Error, fmt};

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// An error with this extended code.
    #[derive(Debug)]
    struct Code(u32);

    impl fmt::Display for Code {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(formatter, "(code: {}) disk I/O error", self.0)
        }
    }

    impl Error for Code {}

    impl DatabaseError for Code {
        fn message(&self) -> &str {
            "disk I/O error"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.to_string().into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[test]
    fn a_full_disk_is_not_called_a_broken_one() {
        for (code, words) in [
            (13, "make room"),
            (778, "make room"),
            (4874, "make room"),
            (10, "does not answer"),
            (266, "does not answer"),
            (1288, "allow this user"),
            (261, "another program"),
        ] {
            let error = StoreError::Database(sqlx::Error::Database(Box::new(Code(code))));
            assert!(error.explain().contains(words), "{code}: {}", error.explain());
        }
    }
}
