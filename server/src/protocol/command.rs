//! What a client sends over a WebSocket, and how bytes become one.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, json, value::RawValue};
use ts_rs::TS;

use crate::text::has_visible_character;

use super::{CLIENT_ID_MAX_CHARS, CONTENT_MAX_CHARS, CommandError, ErrorFrame, ID_LIMIT, Id};

/// Most conversations that one connection may be subscribed to; a `resume` names no more.
pub const RESUME_MAX_CONVERSATIONS: usize = 5_000;

/// What some command knows.
const KNOWN_MEMBERS: [&str; 9] = [
    "type",
    "conversation_id",
    "content",
    "client_id",
    "message_id",
    "is_typing",
    "epoch",
    "last_seq",
    "conversation_ids",
];

/// One frame from a client to the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Command {
    /// A staff member wants a conversation's events. Acknowledged with `subscribed`.
    SubscribeConversation {
        /// The conversation.
        conversation_id: Id,
    },
    /// A staff member wants them no longer. Acknowledged with `unsubscribed`.
    UnsubscribeConversation {
        /// The conversation.
        conversation_id: Id,
    },
    /// A staff member answers. Acknowledged with `received` once it is on disk.
    Text {
        /// The conversation.
        conversation_id: Id,
        /// The text; stored trimmed.
        content: String,
        /// The client's own id for it: repeating the command with it never stores it twice.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        client_id: Option<String>,
    },
    /// A staff member has read the conversation. Acknowledged with `marked_read`.
    MarkRead {
        /// The conversation.
        conversation_id: Id,
        /// Up to and including this message; without it, the newest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        message_id: Option<Id>,
    },
    /// A staff member types, or stopped. Repeated every 3 s; not acknowledged.
    Typing {
        /// The conversation.
        conversation_id: Id,
        /// Whether they type.
        is_typing: bool,
    },
    /// A staff member ends the conversation. Acknowledged with `conversation_closed`.
    CloseConversation {
        /// The conversation.
        conversation_id: Id,
    },
    /// A client that was away wants what it missed. Acknowledged with `resuming`, then `resumed`
    /// or `resync_required`.
    Resume(Resume),
}

/// Where a client stood when it lost its connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Resume {
    /// The database that `last_seq` speaks of; `null` with a `last_seq` of `null`.
    pub epoch: Option<String>,
    /// The newest event that the client has; `null`: it asks for no past events.
    pub last_seq: Option<i64>,
    /// Conversations to be subscribed to, at most 5,000.
    pub conversation_ids: Vec<Id>,
}

/// What a frame names, as far as it could be read: its `error` frame repeats it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The conversation.
    pub conversation_id: Option<Id>,
    /// The client's own id.
    pub client_id: Option<String>,
}

impl Named {
    /// The `error` frame that tells the sender why.
    #[must_use]
    pub fn error(self, error: CommandError) -> ErrorFrame {
        let Self { conversation_id, client_id } = self;
        ErrorFrame { conversation_id, client_id, ..ErrorFrame::from(error) }
    }
}

/// The members of a frame that some command knows. All others are passed over, whatever they hold.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<Cow<'de, str>>()? {
            if KNOWN_MEMBERS.contains(&name.as_ref()) {
                let raw: &RawValue = object.next_value()?;
                // What is JSON and still cannot be held (too deep, too large, half a character) is of no
                // member's type, and neither is an object.
                let value = serde_json::from_str(raw.get()).unwrap_or_else(|_| json!({}));
                members.insert(name.into_owned(), value);
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Members(members))
    }
}

impl Command {
    /// Reads one text frame: what it names, and the command that it is or why it is none. The checks
    /// come in the contract's order (1.4); those that depend on stored state come later, in `chat`.
    pub fn parse(frame: &str) -> (Named, Result<Self, CommandError>) {
        // Some programs write a byte order mark before a text.
        let frame = frame.strip_prefix('\u{feff}').unwrap_or(frame);
        let Ok(Members(members)) = serde_json::from_str(frame) else {
            return (Named::default(), Err(CommandError::InvalidJson));
        };
        let name = match members.get("type") {
            None => "text",
            Some(Value::String(name)) => name.as_str(),
            // No name is like this one: it falls through to `InvalidType`.
            Some(_) => "",
        };
        let conversation_id = id(&members, "conversation_id");
        let client_id = client_id(&members);
        let command = match name {
            "resume" => Resume::parse(&members).map(Self::Resume),
            _ => Self::from_members(name, &members, &conversation_id, &client_id),
        };
        let named = Named {
            conversation_id: conversation_id.ok().flatten(),
            client_id: client_id.ok().flatten(),
        };
        (named, command)
    }

    /// Makes the command of this name, checking its members in the contract's order.
    fn from_members(
        name: &str,
        members: &Map<String, Value>,
        conversation_id: &Result<Option<Id>, CommandError>,
        client_id: &Result<Option<String>, CommandError>,
    ) -> Result<Self, CommandError> {
        let conversation_id = || (*conversation_id)?.ok_or(CommandError::ConversationIdRequired);
        Ok(match name {
            "text" => {
                let conversation_id = conversation_id()?;
                let content = match members.get("content") {
                    None | Some(Value::Null) => None,
                    Some(Value::String(content)) => Some(content.trim()),
                    Some(_) => return Err(CommandError::InvalidField("content")),
                };
                let client_id = client_id.clone()?;
                let content = check_content(content).map_err(|error| {
                    // What is wrong with a field comes first.
                    let is_wrong = client_id.as_deref().is_some_and(has_nul);
                    if is_wrong { CommandError::InvalidField("client_id") } else { error }
                })?;
                Self::Text { conversation_id, content, client_id }
            }
            "mark_read" => {
                let conversation_id = conversation_id()?;
                Self::MarkRead { conversation_id, message_id: id(members, "message_id")? }
            }
            "typing" => {
                let conversation_id = conversation_id()?;
                match members.get("is_typing") {
                    Some(Value::Bool(is_typing)) => {
                        Self::Typing { conversation_id, is_typing: *is_typing }
                    }
                    _ => return Err(CommandError::InvalidField("is_typing")),
                }
            }
            "subscribe_conversation" => {
                Self::SubscribeConversation { conversation_id: conversation_id()? }
            }
            "unsubscribe_conversation" => {
                Self::UnsubscribeConversation { conversation_id: conversation_id()? }
            }
            "close_conversation" => Self::CloseConversation { conversation_id: conversation_id()? },
            _ => return Err(CommandError::InvalidType),
        })
    }

    /// The command's name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SubscribeConversation { .. } => "subscribe_conversation",
            Self::UnsubscribeConversation { .. } => "unsubscribe_conversation",
            Self::Text { .. } => "text",
            Self::MarkRead { .. } => "mark_read",
            Self::Typing { .. } => "typing",
            Self::CloseConversation { .. } => "close_conversation",
            Self::Resume(_) => "resume",
        }
    }
}

impl Resume {
    fn parse(members: &Map<String, Value>) -> Result<Self, CommandError> {
        let epoch = match members.get("epoch") {
            None | Some(Value::Null) => None,
            Some(Value::String(epoch)) => Some(epoch.clone()),
            Some(_) => return Err(CommandError::InvalidField("epoch")),
        };
        let last_seq = match members.get("last_seq") {
            None | Some(Value::Null) => None,
            Some(seq) => Some(
                seq.as_i64()
                    .filter(|seq| (0..ID_LIMIT).contains(seq))
                    .ok_or(CommandError::InvalidField("last_seq"))?,
            ),
        };
        let conversation_ids = match members.get("conversation_ids") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(ids)) if ids.len() <= RESUME_MAX_CONVERSATIONS => ids
                .iter()
                .map(as_id)
                .collect::<Option<_>>()
                .ok_or(CommandError::InvalidField("conversation_ids"))?,
            Some(_) => return Err(CommandError::InvalidField("conversation_ids")),
        };
        Ok(Self { epoch, last_seq, conversation_ids })
    }
}

/// Checks the length of a text that is trimmed already. Its characters are checked by [`check_characters`], after
/// texts that are stored under the same `client_id` were answered: some of them are older than that check.
///
/// # Errors
/// [`CommandError::EmptyContent`] (also for none) and [`CommandError::ContentTooLong`].
pub fn check_content(content: Option<&str>) -> Result<String, CommandError> {
    match content {
        None | Some("") => Err(CommandError::EmptyContent),
        // Bytes are counted first: a code point has one to four of them.
        Some(text)
            if text.len() > CONTENT_MAX_CHARS && text.chars().count() > CONTENT_MAX_CHARS =>
        {
            Err(CommandError::ContentTooLong)
        }
        Some(text) => Ok(text.to_owned()),
    }
}

/// Checks what a text consists of, and the `client_id` that comes with it.
///
/// # Errors
/// [`CommandError::InvalidField`] for U+0000, and [`CommandError::EmptyContent`] without a visible character.
pub fn check_characters(content: &str, client_id: Option<&str>) -> Result<(), CommandError> {
    if client_id.is_some_and(has_nul) {
        Err(CommandError::InvalidField("client_id"))
    } else if !has_visible_character(content) {
        Err(CommandError::EmptyContent)
    } else if has_nul(content) {
        Err(CommandError::InvalidField("content"))
    } else {
        Ok(())
    }
}

/// Whether a text has U+0000 in it, which other programs take for its end.
pub(crate) fn has_nul(text: &str) -> bool {
    text.as_bytes().contains(&0)
}

fn as_id(value: &Value) -> Option<Id> {
    value.as_i64().filter(|id| (1..ID_LIMIT).contains(id))
}

fn id(members: &Map<String, Value>, field: &'static str) -> Result<Option<Id>, CommandError> {
    match members.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => as_id(value).map(Some).ok_or(CommandError::InvalidField(field)),
    }
}

fn client_id(members: &Map<String, Value>) -> Result<Option<String>, CommandError> {
    match members.get("client_id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if (1..=CLIENT_ID_MAX_CHARS).contains(&id.chars().count()) => {
            Ok(Some(id.clone()))
        }
        Some(_) => Err(CommandError::InvalidField("client_id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(frame: &str) -> String {
        Command::parse(frame).1.unwrap_err().to_string()
    }

    #[test]
    fn checks_come_in_the_contracts_order() {
        for no_object in ["", "{", "[]", "1", "null", "\"text\""] {
            assert_eq!(error(no_object), "Invalid JSON format", "{no_object}");
        }
        assert_eq!(error(r#"{"type":"nonsense"}"#), "Invalid message type");
        assert_eq!(error(r#"{"type":7}"#), "Invalid message type");
        assert_eq!(error(r#"{"type":"text","content":3}"#), "Conversation ID is required");
        assert_eq!(
            error(r#"{"type":"text","conversation_id":"1","content":""}"#),
            "Invalid value for conversation_id"
        );
        assert_eq!(
            error(r#"{"conversation_id":1,"content":5,"client_id":5}"#),
            "Invalid value for content"
        );
        assert_eq!(
            error(r#"{"conversation_id":1,"content":"  ","client_id":""}"#),
            "Invalid value for client_id"
        );
        assert_eq!(
            error(r#"{"conversation_id":1,"content":" \n "}"#),
            "Message content cannot be empty"
        );
        assert_eq!(error(r#"{"conversation_id":1}"#), "Message content cannot be empty");
        assert_eq!(
            error(r#"{"type":"typing","conversation_id":1}"#),
            "Invalid value for is_typing"
        );
    }

    #[test]
    fn a_name_is_the_command_of_that_name_or_none() {
        for name in [
            "text",
            "mark_read",
            "typing",
            "subscribe_conversation",
            "unsubscribe_conversation",
            "close_conversation",
            "resume",
        ] {
            let frame = format!(
                r#"{{"type":"{name}","conversation_id":1,"content":"a","is_typing":true}}"#
            );
            assert_eq!(Command::parse(&frame).1.unwrap().name(), name);
        }
        for unknown in ["", "Text", "close", "close_conversation ", "typing_stopped"] {
            let frame = format!(r#"{{"type":"{unknown}","conversation_id":1}}"#);
            assert_eq!(error(&frame), "Invalid message type", "{unknown}");
        }
    }

    #[test]
    fn a_text_is_trimmed_and_measured_in_code_points() {
        let text = |length: usize| {
            format!(r#"{{"conversation_id":1,"content":" {} "}}"#, "ü".repeat(length))
        };
        assert!(matches!(
            Command::parse(&text(4096)).1,
            Ok(Command::Text { content, .. }) if content.chars().count() == 4096
        ));
        assert_eq!(error(&text(4097)), "Message content is too long (max 4096 characters)");
    }

    #[test]
    fn what_a_frame_names_is_read_also_when_it_is_refused() {
        let named = Named { conversation_id: Some(9), client_id: Some("a".to_owned()) };
        for frame in [
            r#"{"conversation_id":9,"content":"","client_id":"a"}"#,
            r#"{"type":"nonsense","conversation_id":9,"client_id":"a"}"#,
            r#"{"type":"typing","conversation_id":9,"client_id":"a"}"#,
            r#"{"type":"mark_read","conversation_id":9,"client_id":"a"}"#,
        ] {
            assert_eq!(Command::parse(frame).0, named, "{frame}");
        }
    }

    #[test]
    fn members_that_no_command_knows_may_hold_anything() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        let typing = Command::Typing { conversation_id: 1, is_typing: true };
        for member in [deep.as_str(), "1e999", r#""\ud800""#] {
            // Nor does one that another command knows.
            let frame = format!(
                r#"{{"content":{member},"type":"typing","conversation_id":1,"is_typing":true}}"#
            );
            assert_eq!(Command::parse(&frame).1, Ok(typing.clone()), "{member:.20}");
            let frame = format!(r#"{{"conversation_id":1,"content":{member}}}"#);
            assert_eq!(error(&frame), "Invalid value for content", "{member:.20}");
            let frame =
                format!(r#"{{"x":{member},"type":"typing","conversation_id":1,"is_typing":true}}"#);
            assert_eq!(Command::parse(&frame).1, Ok(typing.clone()), "{member:.20}");
        }
    }

    #[test]
    fn ids_that_javascript_cannot_hold_are_refused() {
        for id in ["0", "-1", "9007199254740992", "1.5", "1e30", "true", "[]"] {
            let frame = format!(r#"{{"type":"subscribe_conversation","conversation_id":{id}}}"#);
            assert_eq!(error(&frame), "Invalid value for conversation_id", "{id}");
        }
    }
}
