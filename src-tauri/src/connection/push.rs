//! What the window is told without asking: the interface's `BackendEvent`.

use frontdesk_server::protocol::Id;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    attention::{Alert, Pause},
    desk::Startup,
    error::Error,
    outbox::{Keeping, Text},
};

/// How the connection to the server stands; `since` is in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum ConnectionState {
    /// Live, and nothing was missed.
    Connected,
    /// Not there yet, or lost a moment ago.
    Reconnecting {
        /// When it was lost.
        since: i64,
        /// Why the last attempt failed, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Could not be reached for a while; attempts go on.
    Offline {
        /// When it was lost.
        since: i64,
        /// Why the last attempt failed, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// One thing that the window is told.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Push {
    /// A frame from the server, as it came; durable ones once.
    Frame {
        /// See `protocol::Frame`.
        frame: Box<RawValue>,
    },
    /// The connection's state changed.
    Connection {
        /// See [`ConnectionState`].
        connection: ConnectionState,
    },
    /// What was missed cannot be told: read the lists again.
    Resync,
    /// All unacknowledged texts, whenever that changes.
    Outbox {
        /// The oldest first.
        texts: Vec<Text>,
        /// What becomes of them when the program ends.
        kept: Keeping,
    },
    /// Where things stand is known now, or has changed without the window's doing.
    Startup {
        /// See [`Startup`].
        startup: Box<Startup>,
    },
    /// Something that the person has to know.
    Notice {
        /// One sentence for the screen.
        text: String,
    },
    /// The server shows another certificate than the one that was compared.
    CertificateChanged {
        /// With the fingerprints of both.
        failure: Box<Error>,
    },
    /// The sign-in ended.
    SignedOut {
        /// One sentence for the screen.
        reason: String,
    },
    /// The waiting guests, sent at each change; `None`: no guest is waiting.
    Alert {
        /// See [`Alert`].
        alert: Option<Alert>,
    },
    /// Notifications were paused, or the pause ended.
    Pause {
        /// In the computer's own time.
        pause: Option<Pause>,
    },
    /// Somebody clicked a notification.
    OpenConversation {
        /// The conversation to show.
        conversation_id: Id,
    },
}
