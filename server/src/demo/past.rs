//! What was said in the last week: `past.json`.

use serde::Deserialize;

use crate::{protocol::ConversationStatus, store::StoreError};

/// When a story began.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum When {
    /// So many days ago, at this hour and minute.
    DaysAgo(i64, i64, i64),
    /// So many minutes before the hotel was filled.
    MinutesAgo(i64),
}

/// One conversation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    pub(super) guest: String,
    pub(super) department: String,
    pub(super) status: ConversationStatus,
    pub(super) began: When,
    /// Minutes after the line before, who (nobody: the guest), what.
    pub(super) lines: Vec<(i64, String, String)>,
}

/// All of them.
///
/// # Errors
/// [`StoreError::Damaged`]: the file is not what it should be.
pub(super) fn past() -> Result<Vec<Story>, StoreError> {
    serde_json::from_str(include_str!("past.json"))
        .map_err(|_| StoreError::Damaged("the demo's stories"))
}
