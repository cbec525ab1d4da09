//! What happens to conversations: the `data` of `conversation_update` frames.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    ConversationStatus, DeliveryReason, DeliveryState, Extensible, GuestInfo, Id, Line, PersonType,
    Timestamp, extensible::null_or_value,
};

/// The `data` of `conversation_update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[ts(export)]
pub enum ConversationUpdate {
    /// A message was created (for those not subscribed).
    NewMessage(NewMessage),
    /// Closed by a staff member.
    Closed(ClosedConversation),
    /// Active again.
    Reopened(ClosedConversation),
    /// Handed to another department.
    Transferred(Transferred),
    /// Somebody read up to a message.
    Read(Read),
    /// The guest's room, name, number or language changed.
    Guest(GuestUpdate),
    /// A message's delivery state changed.
    Delivery(DeliveryUpdate),
    /// A line was added that belongs to no other update.
    Line(LineUpdate),
}

/// A message, as those see it who are not subscribed to its conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct NewMessage {
    /// The conversation.
    pub conversation_id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// One line of the message.
    pub last_message_preview: String,
    /// When it was created.
    pub last_message_at: Timestamp,
    /// Name of its writer.
    pub message_from: String,
    /// The message's id; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub message_id: Option<Id>,
    /// Who wrote it; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sender_type: Option<Extensible<PersonType>>,
    /// Room of the guest's active stay, `null` without one; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[ts(as = "Option<Option<String>>", optional)]
    pub room_number: Option<Option<String>>,
    /// Since when the guest waits for an answer after this event; `null`: nobody waits. In a replay it is
    /// the present value. Absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[ts(as = "Option<Option<Timestamp>>", optional)]
    pub waiting_since: Option<Option<Timestamp>>,
}

/// A conversation that was closed or reopened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ClosedConversation {
    /// The conversation's id.
    pub id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// What it is now.
    pub status: Extensible<ConversationStatus>,
    /// When that happened.
    pub updated_at: Timestamp,
    /// `true`: the conversation is gone, and whatever a client holds of it must go too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub erased: Option<bool>,
    /// In `reopened`: the room of the guest's active stay, `null` without one. A client that did not have the
    /// conversation any more shows whose it is. Absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[ts(as = "Option<Option<String>>", optional)]
    pub room_number: Option<Option<String>>,
    /// The line that records it in the conversation; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub line: Option<Line>,
    /// Since when the guest waits for an answer after this event; `null`: nobody waits. In a replay it is
    /// the present value. Absent from
    /// `closed`: nobody waits in a closed conversation.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[ts(as = "Option<Option<Timestamp>>", optional)]
    pub waiting_since: Option<Option<Timestamp>>,
}

/// A conversation that was handed to another department.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Transferred {
    /// The conversation's id.
    pub id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department that has it now.
    pub department: String,
    /// Slug of the department that had it.
    pub from_department: String,
    /// What it is.
    pub status: Extensible<ConversationStatus>,
    /// When that happened.
    pub updated_at: Timestamp,
    /// The line that records it in the conversation; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub line: Option<Line>,
    /// Since when the guest waits for an answer after this event; `null`: nobody waits. In a replay it is
    /// the present value. Absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[ts(as = "Option<Option<Timestamp>>", optional)]
    pub waiting_since: Option<Option<Timestamp>>,
}

/// Somebody read a conversation up to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Read {
    /// The conversation.
    pub conversation_id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// Who read.
    pub reader_type: Extensible<PersonType>,
    /// The staff member or guest who read.
    pub reader_id: Option<Id>,
    /// The reader's name.
    pub reader_name: String,
    /// Up to and including this message.
    pub message_id: Id,
    /// When.
    pub read_at: Timestamp,
}

/// The guest of an active conversation, after a change. In a replay it holds the present values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GuestUpdate {
    /// The conversation.
    pub conversation_id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// The guest as the conversation shows them now.
    pub guest_info: GuestInfo,
    /// When the change was made.
    pub at: Timestamp,
}

/// How far a staff member's message has come. In a replay it holds the present values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DeliveryUpdate {
    /// The conversation.
    pub conversation_id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// The message.
    pub message_id: Id,
    /// How far it has come.
    pub state: Extensible<DeliveryState>,
    /// Why it has not arrived, in English; `null` where there is nothing to say.
    pub reason: Option<String>,
    /// The same for programs.
    pub reason_code: Option<Extensible<DeliveryReason>>,
    /// When the conversation's oldest undelivered message was written; `null`: there is none.
    pub undelivered_since: Option<Timestamp>,
    /// When the message reached this state.
    pub at: Timestamp,
}

/// A line that was added to a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LineUpdate {
    /// The conversation.
    pub conversation_id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// The line.
    pub line: Line,
}
