//! What a command can be refused with: stable codes and exact texts (contract 1.4).

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{CONTENT_MAX_CHARS, Extensible, Id};

/// The stable name of a refusal, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ErrorCode {
    /// Not JSON, or JSON that is no object.
    InvalidJson,
    /// No such command.
    InvalidType,
    /// `conversation_id` is missing.
    ConversationIdRequired,
    /// A member has the wrong type or range.
    InvalidField,
    /// Nothing left of `content` after trimming.
    EmptyContent,
    /// More than 4,096 code points.
    ContentTooLong,
    /// No such conversation in this property.
    ConversationNotFound,
    /// The conversation belongs to a department that the person is not in.
    AccessDenied,
    /// Texts to a closed conversation are refused.
    ConversationClosed,
    /// The `client_id` belongs to another text.
    ClientIdReused,
    /// More commands than the connection may send.
    RateLimited,
    /// Storage failed: nothing was stored, nothing was broadcast.
    Unavailable,
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// See [`ErrorCode::InvalidJson`].
    #[error("Invalid JSON format")]
    InvalidJson,
    /// See [`ErrorCode::InvalidType`].
    #[error("Invalid message type")]
    InvalidType,
    /// See [`ErrorCode::ConversationIdRequired`].
    #[error("Conversation ID is required")]
    ConversationIdRequired,
    /// See [`ErrorCode::InvalidField`]; holds the member's name.
    #[error("Invalid value for {0}")]
    InvalidField(&'static str),
    /// See [`ErrorCode::EmptyContent`].
    #[error("Message content cannot be empty")]
    EmptyContent,
    /// See [`ErrorCode::ContentTooLong`].
    #[error("Message content is too long (max {CONTENT_MAX_CHARS} characters)")]
    ContentTooLong,
    /// See [`ErrorCode::ConversationNotFound`].
    #[error("Conversation not found")]
    ConversationNotFound,
    /// See [`ErrorCode::AccessDenied`].
    #[error("Access denied to this conversation")]
    AccessDenied,
    /// See [`ErrorCode::ConversationClosed`].
    #[error("Conversation is closed")]
    ConversationClosed,
    /// See [`ErrorCode::ClientIdReused`].
    #[error("Client ID was already used for another message")]
    ClientIdReused,
    /// See [`ErrorCode::RateLimited`].
    #[error("Too many messages, slow down")]
    RateLimited,
    /// See [`ErrorCode::Unavailable`].
    #[error("Not saved, please try again")]
    Unavailable,
}

impl CommandError {
    /// The stable code that goes with the text.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::InvalidJson => ErrorCode::InvalidJson,
            Self::InvalidType => ErrorCode::InvalidType,
            Self::ConversationIdRequired => ErrorCode::ConversationIdRequired,
            Self::InvalidField(_) => ErrorCode::InvalidField,
            Self::EmptyContent => ErrorCode::EmptyContent,
            Self::ContentTooLong => ErrorCode::ContentTooLong,
            Self::ConversationNotFound => ErrorCode::ConversationNotFound,
            Self::AccessDenied => ErrorCode::AccessDenied,
            Self::ConversationClosed => ErrorCode::ConversationClosed,
            Self::ClientIdReused => ErrorCode::ClientIdReused,
            Self::RateLimited => ErrorCode::RateLimited,
            Self::Unavailable => ErrorCode::Unavailable,
        }
    }
}

impl From<CommandError> for ErrorFrame {
    fn from(error: CommandError) -> Self {
        Self {
            message: error.to_string(),
            code: Some(error.code().into()),
            conversation_id: None,
            client_id: None,
        }
    }
}

/// The `error` frame: the document's `message`, the stable `code`, and what of the command is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ErrorFrame {
    /// The exact text of the contract.
    pub message: String,
    /// The same for programs; absent in the original document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub code: Option<Extensible<ErrorCode>>,
    /// The conversation that the command named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub conversation_id: Option<Id>,
    /// The `client_id` that the command carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub client_id: Option<String>,
}
