//! What somebody wants to happen, and how that can end.

use crate::protocol::{Channel, CommandError, Id, Resume, Timestamp, check_characters, has_nul};

use super::{DeliveryNews, GatewayHealth};

/// Something that must happen in commit order. Staff ids are of people whose proof was checked.
#[derive(Clone, Debug)]
pub enum Change {
    /// A staff member wants something of one conversation.
    Conversation { staff: Id, conversation_id: Id, action: Action },
    /// A connection wants what it missed.
    Resume { staff: Id, resume: Resume },
    /// A staff member writes to a guest first.
    Create(Creation),
    /// A guest's message came in through a gateway.
    GuestMessage(GuestMessage),
    /// What became of replies that the outbox sent, or that waited for too long.
    Deliveries { news: Vec<(Id, DeliveryNews)>, health: Vec<GatewayHealth> },
    /// A gateway says how far replies have come that it accepted.
    Reports { gateway_id: Id, reports: Vec<DeliveryReport> },
    /// A staff member has a failed reply sent again.
    Retry(Retry),
    /// A frame that is not a command, or that exceeds the rate limit. It passes through the queue so that
    /// the answers of a connection keep the order of its frames: a client may match them by that order.
    Refuse(CommandError),
}

/// An action of a staff member on a conversation that they have access to.
#[derive(Clone, Debug)]
pub enum Action {
    /// They answer; `content` is trimmed and measured.
    Text { content: String, client_id: Option<String> },
    /// They have read up to `message_id`, or everything.
    MarkRead { message_id: Option<Id> },
    /// Their connection wants its events.
    Subscribe,
    /// It wants them no longer.
    Unsubscribe,
    /// They type, or stopped.
    Typing { is_typing: bool },
    /// They end it.
    Close,
    /// They take it up again.
    Reopen,
    /// They transfer it to another department (slug), with a note for the staff there.
    Transfer { department: String, note: Option<String> },
}

/// A conversation that a staff member starts.
#[derive(Clone, Debug)]
pub struct Creation {
    /// Who starts it.
    pub staff: Id,
    /// Their property.
    pub property_id: Id,
    /// With whom.
    pub guest: GuestSelector,
    /// Slug of any department of the property.
    pub department: String,
    /// A label.
    pub conversation_type: String,
    /// The first message, trimmed and measured.
    pub content: Option<String>,
    /// The same request again under this id starts nothing.
    pub client_id: Option<String>,
}

/// How a staff member names a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestSelector {
    /// By id.
    Id(Id),
    /// By the digits of the number.
    WhatsappNumber(String),
    /// By the room they stay in.
    RoomNumber(String),
}

/// How a gateway names a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestKey {
    /// By the digits of the number.
    WhatsappNumber(String),
    /// By the gateway's own name for them.
    Ref(String),
}

/// A guest's message from a gateway.
#[derive(Clone, Debug)]
pub struct GuestMessage {
    /// The property of the gateway.
    pub property_id: Id,
    /// The gateway.
    pub gateway_id: Id,
    /// What the message is called there: the same id again stores nothing.
    pub external_id: String,
    /// Who wrote.
    pub guest: GuestKey,
    /// The same, exactly as the gateway wrote it.
    pub address: String,
    /// Their name, as far as the gateway knows.
    pub name: Option<String>,
    /// Their room, as far as the gateway knows.
    pub room_number: Option<String>,
    /// Slug of the department it is for.
    pub department: String,
    /// The text, trimmed and measured.
    pub content: String,
}

impl GuestMessage {
    /// Checks what its members consist of. A message that is stored already is answered without it: it may be
    /// older than this check.
    ///
    /// # Errors
    /// [`CommandError::InvalidField`] for U+0000, and [`CommandError::EmptyContent`] without a visible character.
    pub fn check(&self) -> Result<(), CommandError> {
        if has_nul(&self.external_id) {
            return Err(CommandError::InvalidField("external_id"));
        }
        if matches!(&self.guest, GuestKey::Ref(guest_ref) if has_nul(guest_ref)) {
            return Err(CommandError::InvalidField("guest_ref"));
        }
        check_characters(&self.content, None)
    }
}

/// What a gateway says of a reply.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// What the gateway calls it.
    pub delivery_id: String,
    /// How far it has come.
    pub news: DeliveryNews,
}

/// A reply that is to be sent again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Who wants it.
    pub staff: Id,
    /// Their property.
    pub property_id: Id,
    /// The message.
    pub message_id: Id,
    /// The channel through which it shall leave; `None`: the one that reaches the guest now.
    pub channel: Option<Channel>,
}

/// What became of a change that was carried out.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A text or guest message is stored.
    Stored(Stored),
    /// The read mark stands.
    MarkedRead { conversation_id: Id },
    /// The connection may have the conversation's events.
    Subscribed { conversation_id: Id },
    /// It has them no longer.
    Unsubscribed { conversation_id: Id },
    /// The staff member's typing may be told.
    Typing { conversation_id: Id, is_typing: bool },
    /// What was missed can be told; `subscribe` of the named conversations are accessible.
    Resume { resume: Resume, subscribe: Vec<Id>, denied: Vec<Id> },
    /// The conversation is closed.
    Closed { conversation_id: Id },
    /// The conversation stands as asked (created, reopened, transferred).
    Conversation {
        id: Id,
        /// Whether this very change created it.
        created: bool,
    },
    /// The news of replies are stored.
    Deliveries,
    /// So are a gateway's reports; it has no replies with these names.
    Reports { unknown: Vec<String> },
    /// The reply is sent again.
    Retried,
}

/// A message that is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub message_id: Id,
    /// Where it is.
    pub conversation_id: Id,
    /// When it was stored.
    pub created_at: Timestamp,
    /// What its sender calls it.
    pub client_id: Option<String>,
    /// It had been stored before.
    pub duplicate: bool,
    /// Its conversation began with it.
    pub conversation_created: bool,
}

/// Why a change was not carried out. Nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One of the protocol's refusals.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The guest has an active conversation with that department.
    #[error("The guest already has an active conversation with this department")]
    ConversationExists { conversation_id: Id },
    /// No such guest, number, or nobody in that room.
    #[error("Guest not found")]
    GuestNotFound,
    /// More than one guest stays in that room.
    #[error("Several guests are checked in to this room; choose one of them")]
    SeveralGuests,
    /// No such department in this property.
    #[error("Department not found")]
    DepartmentNotFound,
    /// No such message in this property.
    #[error("Message not found")]
    MessageNotFound,
    /// The message has not failed: there is nothing to send again.
    #[error("This message has not failed, so it cannot be sent again")]
    NotFailed,
    /// Guest and texts were removed at the end of the retention period.
    #[error("This was anonymised when its retention period ended, and cannot be changed any more")]
    Anonymised,
    /// Nothing reaches the guest, or not through this channel.
    #[error("This guest cannot be reached at the moment; wait until the guest writes")]
    NoWay,
}
