//! Conversations, messages and people, as lists and frames show them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::{Channel, Delivery, Extensible, Id, Timestamp, extensible::null_or_value};

/// Who wrote, typed or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum PersonType {
    /// A staff member.
    Staff,
    /// A guest.
    Guest,
}

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum MessageType {
    /// Plain text.
    Text,
}

/// Whether a conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ConversationStatus {
    /// Texts are accepted.
    Active,
    /// Ended; texts are refused until it is reopened.
    Closed,
}

/// What an account is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[clap(rename_all = "snake_case")]
#[ts(export)]
pub enum UserType {
    /// Answers guests; may connect to `/ws/chat/`.
    DepartmentStaff,
    /// Administers the property; implies `is_admin`, does not connect.
    HotelAdmin,
}

/// The guest, as a `message` frame names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct MessageGuest {
    /// The guest's id.
    pub id: Id,
    /// The guest's name.
    pub name: String,
    /// The room of the guest's active stay; `null` without one.
    pub room_number: Option<String>,
}

/// The guest, as a conversation shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct GuestInfo {
    /// The guest's id.
    pub id: Id,
    /// The guest's name.
    pub name: String,
    /// International number with `+`, or `null`.
    pub whatsapp_number: Option<String>,
    /// The room of the guest's active stay; `null` without one.
    pub room_number: Option<String>,
    /// BCP 47 tag of the language the guest speaks, or `null`.
    pub language: Option<String>,
}

/// One message: the `data` of a `message` frame and a row of a message page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Message {
    /// Grows within a conversation: the order of the messages.
    pub id: Id,
    /// The conversation it belongs to.
    pub conversation_id: Id,
    /// Who wrote it.
    #[schema(value_type = PersonType)]
    pub sender_type: Extensible<PersonType>,
    /// The staff member who wrote it; `null` for a guest's.
    pub sender_id: Option<Id>,
    /// The writer's name.
    pub sender_name: String,
    /// What it holds.
    #[schema(value_type = MessageType)]
    pub message_type: Extensible<MessageType>,
    /// The text, trimmed, at most 4,096 code points.
    pub content: String,
    /// When the server accepted it.
    pub created_at: Timestamp,
    /// A guest's message: read by any staff member; a staff member's: read by the guest.
    pub is_read: bool,
    /// The id its sender gave it, or `null`.
    pub client_id: Option<String>,
    /// Slug of the conversation's department.
    pub department: String,
    /// The guest of the conversation.
    pub guest_info: MessageGuest,
    /// How it came from the guest, or leaves for them; `null`: the server does not say.
    #[serde(default)]
    #[schema(value_type = Option<Channel>)]
    pub channel: Option<Extensible<Channel>>,
    /// How far a staff member's message has come; `null` for a guest's, and where the server does not say.
    #[serde(default)]
    pub delivery: Option<Delivery>,
    /// Since when the guest of the conversation waits for an answer (in a frame: after this message; in
    /// a replay and on a page: now); `null`: nobody waits.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[schema(value_type = Option<Timestamp>)]
    #[ts(as = "Option<Option<Timestamp>>", optional)]
    pub waiting_since: Option<Option<Timestamp>>,
}

/// One conversation, as lists and `GET /chat/conversations/{id}/` show it to one staff member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Conversation {
    /// The conversation's id.
    pub id: Id,
    /// The guest it is with.
    pub guest_info: GuestInfo,
    /// Slug of its department.
    pub department: String,
    /// A label (`general`, …).
    pub conversation_type: String,
    /// Whether it goes on.
    #[schema(value_type = ConversationStatus)]
    pub status: Extensible<ConversationStatus>,
    /// Guest messages after the asking person's own read mark.
    pub unread_count: i64,
    /// Time of the oldest guest message without an answer, or `null`.
    pub waiting_since: Option<Timestamp>,
    /// One line of the newest message, at most 100 characters; `""` without messages.
    pub last_message_preview: String,
    /// Time of the newest message; `null` without messages.
    pub last_message_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was closed; `null` while active.
    pub closed_at: Option<Timestamp>,
    /// The channel through which replies reach this guest; `null`: nothing reaches them.
    #[serde(default)]
    #[schema(value_type = Option<Channel>)]
    pub reply_channel: Option<Extensible<Channel>>,
    /// Name of the gateway that takes replies to this guest; `null`: nothing reaches them.
    pub reply_via: Option<String>,
    /// What is wrong with that channel, in English; `null`: nothing.
    #[serde(default)]
    pub reply_problem: Option<String>,
    /// When the oldest staff message was written that has not left or has failed; `null`: there is none.
    #[serde(default)]
    pub undelivered_since: Option<Timestamp>,
    /// `true`: the conversation as it was when the asking person transferred it to a department that they
    /// are not in. They can do nothing but read it. Absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub read_only: bool,
}

/// The property that an account belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct PropertyInfo {
    /// The property's id.
    pub id: Id,
    /// The hotel's name.
    pub name: String,
    /// IANA time zone in which its days begin.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2 code of its country; `null`: only international telephone numbers are read.
    #[serde(default)]
    pub country: Option<String>,
}

/// The signed-in person, as `POST /auth/login/` and `GET /auth/me/` show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct User {
    /// The staff member's id.
    pub id: Id,
    /// What they sign in with; unique on the server.
    pub username: String,
    /// What colleagues and guests see.
    pub name: String,
    /// What the account is for.
    #[schema(value_type = UserType)]
    pub user_type: Extensible<UserType>,
    /// Slugs of their departments, the first one first.
    pub departments: Vec<String>,
    /// Whether admin calls are open to them.
    pub is_admin: bool,
    /// The property they belong to.
    pub property: PropertyInfo,
    /// Whether the property asks them for a second factor that they do not have yet: until then
    /// nothing but their own account is open to them. Absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>", optional)]
    pub needs_second_factor: bool,
}
