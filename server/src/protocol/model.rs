//! Conversations, messages and people, as lists and frames show them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::{Id, PREVIEW_MAX_CHARS, Timestamp};

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
    pub sender_type: PersonType,
    /// The staff member who wrote it; `null` for a guest's.
    pub sender_id: Option<Id>,
    /// The writer's name.
    pub sender_name: String,
    /// What it holds.
    pub message_type: MessageType,
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
    pub status: ConversationStatus,
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
    /// Name of the gateway that takes replies to this guest; `null`: replies stay in the house.
    pub reply_via: Option<String>,
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
    pub user_type: UserType,
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

/// The first line of a list row: `content` on one line, at most 100 characters, cut at a character
/// boundary and ending in `…` when cut.
#[must_use]
pub fn preview(content: &str) -> String {
    let mut line = String::with_capacity(content.len().min(PREVIEW_MAX_CHARS * 4));
    let mut chars = 0;
    for word in content.split_whitespace() {
        let gap = usize::from(chars > 0);
        let length = word.chars().count();
        if chars + gap + length > PREVIEW_MAX_CHARS {
            if chars + gap < PREVIEW_MAX_CHARS - 1 {
                if gap == 1 {
                    line.push(' ');
                }
                line.extend(word.chars().take(PREVIEW_MAX_CHARS - 1 - chars - gap));
            } else {
                // The line may be exactly full: make room for the ellipsis.
                while line.chars().count() > PREVIEW_MAX_CHARS - 1 {
                    line.pop();
                }
            }
            line.push('…');
            return line;
        }
        if gap == 1 {
            line.push(' ');
        }
        line.push_str(word);
        chars += gap + length;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::preview;

    #[test]
    fn a_preview_is_one_line_of_at_most_100_characters() {
        assert_eq!(preview("two\n more \ttowels"), "two more towels");
        assert_eq!(preview(""), "");
        let exact = "x".repeat(100);
        assert_eq!(preview(&exact), exact);
        let cut = preview(&"ü".repeat(101));
        assert_eq!(cut.chars().count(), 100);
        assert!(cut.ends_with("ü…"));
        for length in 90..=110 {
            let line = preview(&format!("{} word after word", "y".repeat(length)));
            assert!(line.chars().count() <= 100, "{length}: {line}");
            assert!(line.ends_with('…') || length + 16 <= 100, "{length}: {line}");
        }
    }
}
