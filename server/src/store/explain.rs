//! Texts for database errors, for the person who operates the server.

use sqlx::migrate::MigrateError;

use super::{BrokenRule, StoreError};

/// The bits of an extended result code that are the primary one.
const PRIMARY: u32 = 0xff;

/// The SQLite result codes for which there is advice.
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
                BrokenRule::Taken => format!("it already exists ({self})"),
                BrokenRule::Missing => {
                    format!("it belongs to something that no longer exists ({self})")
                }
                BrokenRule::Value => format!("one of the values cannot be stored ({self})"),
            };
        }
        if let Some(IO_WRITE | IO_INDEX_SIZE) = self.code() {
            return format!(
                "nothing can be written to the disk; if it is full, free some space and try \
                 again; otherwise check the disk ({self})"
            );
        }
        match self.code().map(|code| code & PRIMARY) {
            Some(BUSY) => {
                "another program has locked it; stop that program and try again".to_owned()
            }
            Some(READ_ONLY | CANNOT_OPEN) => {
                "it cannot be opened for writing; give this user write access".to_owned()
            }
            Some(IO) => format!("the disk reported an error ({self}); check the disk"),
            Some(FULL) => "the disk is full; free some space and try again".to_owned(),
            Some(CORRUPT | NO_DATABASE) => {
                "the file is damaged or is not a database; restore a backup".to_owned()
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
            (13, "free some space"),
            (778, "free some space"),
            (4874, "free some space"),
            (10, "reported an error"),
            (266, "reported an error"),
            (1288, "give this user"),
            (261, "another program"),
        ] {
            let error = StoreError::Database(sqlx::Error::Database(Box::new(Code(code))));
            assert!(error.explain().contains(words), "{code}: {}", error.explain());
        }
    }
}
