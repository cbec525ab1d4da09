//! What the server sends over a WebSocket.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    ConversationStatus, ConversationUpdate, ErrorFrame, Extensible, Id, Message, PersonType,
    PropertyInfo, Timestamp, extensible::null_or_value,
};

/// Position of a durable event in the property's log; grows, with gaps. `None` on frames that only
/// show a shape of the original document.
pub type Seq = Option<i64>;

/// One frame from the server to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Frame {
    /// A message was created. To connections subscribed to its conversation, and to the guest.
    Message {
        /// See [`Seq`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        seq: Seq,
        /// The message.
        data: Message,
    },
    /// A conversation began, or came into this department. To all of the department.
    NewConversation {
        /// See [`Seq`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        seq: Seq,
        /// The conversation.
        data: NewConversation,
    },
    /// Something happened to a conversation. To all of the department; `new_message` only to those
    /// that are not subscribed.
    ConversationUpdate {
        /// See [`Seq`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        seq: Seq,
        /// What happened.
        data: ConversationUpdate,
    },
    /// A colleague came or went. To everyone who shares a department with them.
    UserStatus {
        /// Who.
        data: UserStatus,
    },
    /// Somebody types. To subscribed connections, except the typist's own.
    Typing {
        /// Who and where.
        data: Typing,
    },
    /// The property has another name, time zone or country. To all its connections that have sent
    /// `resume`; in no replay.
    Property {
        /// What it is now.
        data: PropertyInfo,
    },
    /// The command was carried out. Only to the connection that sent it.
    Acknowledgment(Acknowledgment),
    /// The command was refused. Only to the connection that sent it.
    Error(ErrorFrame),
}

impl Frame {
    /// Bytes that it has as JSON.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let mut counted = Counted(0);
        // Serializing a `Frame` cannot fail.
        let _ = serde_json::to_writer(&mut counted, self);
        counted.0
    }
}

/// Counts what is written, and forgets it.
struct Counted(usize);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The `data` of `new_conversation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct NewConversation {
    /// The conversation's id.
    pub id: Id,
    /// The guest's name.
    pub guest_name: String,
    /// Slug of the department.
    pub department: String,
    /// A label.
    pub conversation_type: String,
    /// `active`.
    pub status: Extensible<ConversationStatus>,
    /// When it was created.
    pub created_at: Timestamp,
    /// One line of its newest message; `""` without messages.
    pub last_message_preview: String,
    /// Room of the guest's active stay; absent in the original document.
    #[serde(default)]
    pub room_number: Option<String>,
    /// Since when the guest waits for an answer after this event; `null`: nobody waits. In a replay it is
    /// the present value. Absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "null_or_value")]
    #[ts(as = "Option<Option<Timestamp>>", optional)]
    pub waiting_since: Option<Option<Timestamp>>,
}

/// The `data` of `user_status`: people, not sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UserStatus {
    /// `user_connected` or `user_disconnected`.
    #[serde(rename = "type")]
    pub status: Extensible<UserStatusType>,
    /// The staff member.
    pub user_id: Id,
    /// Their name.
    pub user_name: String,
    /// Slug of their first department.
    pub department: String,
    /// Slugs of all their departments; absent in the original document.
    #[serde(default)]
    pub departments: Vec<String>,
}

/// Which way a person went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum UserStatusType {
    /// The person's first connection.
    UserConnected,
    /// The last connection is gone and has stayed gone for 5 s.
    UserDisconnected,
}

/// The `data` of `typing`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Typing {
    /// The conversation.
    pub conversation_id: Id,
    /// The staff member's or guest's id.
    pub user_id: Option<Id>,
    /// Their name.
    pub user_name: String,
    /// Whether they still type.
    pub is_typing: bool,
    /// Who types; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sender_type: Option<Extensible<PersonType>>,
}

/// A colleague who is connected, or was less than 5 s ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, utoipa::ToSchema)]
#[ts(export)]
pub struct OnlinePerson {
    /// The staff member.
    pub user_id: Id,
    /// Their name.
    pub user_name: String,
    /// Slug of their first department.
    pub department: String,
}

/// The command was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "status", rename_all = "snake_case")]
#[ts(export)]
pub enum Acknowledgment {
    /// The text is on disk and survives the power going out.
    Received {
        /// The stored message.
        message_id: Id,
        /// Its conversation.
        conversation_id: Id,
        /// When the message was stored.
        timestamp: Timestamp,
        /// The `client_id` of the text, when it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        client_id: Option<String>,
        /// `true`: the same text had been stored before, and was not stored again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        duplicate: Option<bool>,
    },
    /// The read mark stands.
    MarkedRead {
        /// The conversation.
        conversation_id: Id,
        /// When.
        timestamp: Timestamp,
    },
    /// From here on this connection gets the conversation's events.
    Subscribed {
        /// The conversation.
        conversation_id: Id,
        /// When.
        timestamp: Timestamp,
    },
    /// From here on it does not.
    Unsubscribed {
        /// The conversation.
        conversation_id: Id,
        /// When.
        timestamp: Timestamp,
    },
    /// The conversation is closed.
    ConversationClosed {
        /// The conversation.
        conversation_id: Id,
        /// When.
        timestamp: Timestamp,
    },
    /// Live events wait; what was missed comes next.
    Resuming {
        /// When.
        timestamp: Timestamp,
    },
    /// Nothing is missing any more; live again.
    Resumed(Resumed),
    /// What was missed cannot be told: read the lists again.
    ResyncRequired(Resumed),
}

/// Where a connection stands after `resume`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Resumed {
    /// The life of this database.
    pub epoch: String,
    /// The newest event that is contained in what was sent.
    pub seq: i64,
    /// When.
    pub timestamp: Timestamp,
    /// Everyone online who shares a department.
    pub online: Vec<OnlinePerson>,
    /// Named conversations that may not be accessed.
    pub denied: Vec<Id>,
}
