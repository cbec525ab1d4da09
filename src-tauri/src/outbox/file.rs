//! The texts that wait, in one encrypted file beside the settings.

use std::{
    io,
    path::{Path, PathBuf},
};

use frontdesk_server::protocol::{ErrorFrame, Id, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sealed::{Key, Kind, Owner, SealedFile};

/// A text as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) client_id: String,
    pub(crate) conversation_id: Id,
    pub(crate) content: String,
    pub(crate) created_at: Timestamp,
    /// The life of the database whose conversation it is; `""`: not known.
    #[serde(default)]
    pub(crate) epoch: String,
    pub(crate) may_have_arrived: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<ErrorFrame>,
}

/// What was in the file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: OutboxFile,
    /// The oldest first.
    pub(crate) texts: Vec<Kept>,
    /// Where a file is now that does not open with this key.
    pub(crate) set_aside: Option<PathBuf>,
}

/// The file, held by this program alone.
#[derive(Debug)]
pub(crate) struct OutboxFile(SealedFile);

impl OutboxFile {
    /// Opens the file of a person, or prepares to make it.
    ///
    /// # Errors
    /// As for [`SealedFile::open`].
    pub(crate) fn open(folder: &Path, owner: &Owner, key: &Key) -> io::Result<Found> {
        let opened = SealedFile::open(folder, owner, Kind::Outbox, key)?;
        let texts = opened.content.unwrap_or_default();
        Ok(Found { file: Self(opened.file), texts, set_aside: opened.set_aside })
    }

    /// Replaces what is kept; it is on disk afterwards. Nothing at all needs no file.
    ///
    /// # Errors
    /// When the disk does not take it; what was kept before is still there.
    pub(crate) fn write(&self, texts: &[Kept]) -> io::Result<()> {
        if texts.is_empty() {
            return self.remove();
        }
        self.0.write(&texts)
    }

    /// Keeps nothing any more.
    ///
    /// # Errors
    /// When the file is there and stays there.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.0.remove()
    }
}

#[cfg(test)]
mod tests;
