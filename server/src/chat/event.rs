//! What happened, once: the journal's entry and the frames made of it.

use crate::protocol::{
    ClosedConversation, ConversationStatus, ConversationUpdate, DeliveryUpdate, Frame, GuestUpdate,
    Id, LineUpdate, Message, NewConversation, NewMessage, Read, Timestamp, Transferred, preview,
};

/// What a client of the original document shows as the guest of a conversation that is gone.
const ERASED_GUEST: &str = "Erased guest";

/// Something durable that happened to a conversation.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its position in the log.
    pub seq: i64,
    /// The property to which the event belongs. It is sent to nobody outside.
    pub property_id: Id,
    /// The conversation.
    pub conversation_id: Id,
    /// The department that receives the event; for a transfer, the previous one.
    pub department_id: Id,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// A conversation that is gone, or that is no longer this guest's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Which one.
    pub id: Id,
    /// Its department.
    pub department_id: Id,
    /// That department's slug.
    pub department: String,
    /// The place of its end among the property's events.
    pub seq: i64,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A message was created.
    Message(Box<Message>),
    /// A conversation began, or came into this department.
    NewConversation {
        data: NewConversation,
        /// The message in its preview.
        message_id: Option<Id>,
    },
    /// Closed.
    Closed(ClosedConversation),
    /// Active again.
    Reopened(ClosedConversation),
    /// Handed to another department.
    Transferred { data: Transferred, to_department_id: Id },
    /// Read up to a message.
    Read(Read),
    /// The delivery state of a message changed.
    Delivery(DeliveryUpdate),
    /// The guest's room, name, number or language changed.
    Guest(GuestUpdate),
    /// A line was added that belongs to no other event.
    Line(LineUpdate),
}

impl EventKind {
    /// Its name in the database.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::NewConversation { .. } => "new_conversation",
            Self::Closed(_) => "closed",
            Self::Reopened(_) => "reopened",
            Self::Transferred { .. } => "transferred",
            Self::Read(_) => "read",
            Self::Delivery(_) => "delivery",
            Self::Guest(_) => "guest",
            Self::Line(_) => "line",
        }
    }
}

impl Event {
    /// The frame for a connection of the department that is not subscribed, or for one that is:
    /// the two differ for messages only.
    #[must_use]
    pub fn frame(&self, subscribed: bool) -> Frame {
        let seq = Some(self.seq);
        let update = |data| Frame::ConversationUpdate { seq, data };
        match &self.kind {
            EventKind::Message(message) if subscribed => {
                Frame::Message { seq, data: (**message).clone() }
            }
            EventKind::Message(message) => update(ConversationUpdate::NewMessage(NewMessage {
                conversation_id: message.conversation_id,
                guest_name: message.guest_info.name.clone(),
                department: message.department.clone(),
                last_message_preview: preview(&message.content),
                last_message_at: message.created_at,
                message_from: message.sender_name.clone(),
                message_id: Some(message.id),
                sender_type: Some(message.sender_type.clone()),
                room_number: Some(message.guest_info.room_number.clone()),
                waiting_since: message.waiting_since,
            })),
            EventKind::NewConversation { data, .. } => {
                Frame::NewConversation { seq, data: data.clone() }
            }
            EventKind::Closed(data) => update(ConversationUpdate::Closed(data.clone())),
            EventKind::Reopened(data) => update(ConversationUpdate::Reopened(data.clone())),
            EventKind::Transferred { data, .. } => {
                update(ConversationUpdate::Transferred(data.clone()))
            }
            EventKind::Read(data) => update(ConversationUpdate::Read(data.clone())),
            EventKind::Delivery(data) => update(ConversationUpdate::Delivery(data.clone())),
            EventKind::Guest(data) => update(ConversationUpdate::Guest(data.clone())),
            EventKind::Line(data) => update(ConversationUpdate::Line(data.clone())),
        }
    }

    /// A conversation is gone, told as its end: what every client understands.
    #[must_use]
    pub fn erased(gone: &Gone, property_id: Id, at: Timestamp) -> Self {
        let data = ClosedConversation {
            id: gone.id,
            guest_name: ERASED_GUEST.to_owned(),
            department: gone.department.clone(),
            status: ConversationStatus::Closed.into(),
            updated_at: at,
            erased: Some(true),
            room_number: None,
            line: None,
            waiting_since: None,
        };
        Self {
            seq: gone.seq,
            property_id,
            conversation_id: gone.id,
            department_id: gone.department_id,
            at,
            kind: EventKind::Closed(data),
        }
    }

    /// Whether subscribed connections get another frame than the rest of the department.
    #[must_use]
    pub const fn differs_for_subscribers(&self) -> bool {
        matches!(self.kind, EventKind::Message(_))
    }
}
