//! What happened to a conversation, as the conversation itself shows it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::{Extensible, Id, Timestamp};

/// Something that happened to a conversation and is shown between its messages. A line is not a message:
/// it has no effect on previews, unread counts and waiting times, and guests and gateways never get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Line {
    /// The line's id: the order of the lines.
    pub id: Id,
    /// The conversation it belongs to.
    pub conversation_id: Id,
    /// What happened.
    #[schema(value_type = LineKind)]
    pub kind: Extensible<LineKind>,
    /// When.
    pub at: Timestamp,
    /// The newest message at that time: the line stands after it. `null`: before the first message.
    pub after_message_id: Option<Id>,
    /// The staff member who did it; `null` for anybody else.
    pub staff_id: Option<Id>,
    /// That person's name.
    pub staff_name: Option<String>,
    /// `{from_department, department, note}` of `transferred`, `{from, to}` of `guest_number`, else `null`.
    #[schema(value_type = Option<LineDetail>)]
    pub detail: Option<Extensible<LineDetail>>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum LineKind {
    /// The conversation was closed.
    Closed,
    /// It was reopened.
    Reopened,
    /// It was transferred to another department.
    Transferred,
    /// The guest's number was changed.
    GuestNumber,
}

/// What else there is to say about a line, depending on its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(untagged)]
#[ts(export)]
pub enum LineDetail {
    /// Of a `transferred` line.
    Transferred(TransferDetail),
    /// Of a `guest_number` line.
    GuestNumber(NumberDetail),
}

/// From where to where a conversation was transferred, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct TransferDetail {
    /// Slug of the department that had the conversation.
    pub from_department: String,
    /// Slug of the department that got it.
    pub department: String,
    /// What the person who transferred it wrote to the new department; `null` without a note.
    pub note: Option<String>,
}

/// A guest's number before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub struct NumberDetail {
    /// International number with `+`; `null`: there was none.
    pub from: Option<String>,
    /// International number with `+`; `null`: there is none now.
    pub to: Option<String>,
}
