//! What the writer has loaded of conversations and staff, and what it is about to write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    audit,
    protocol::{Channel, ConversationStatus, Id, Line, LineKind, Timestamp},
};

use super::{DeliveryRow, Event, GatewayHealth};

/// A conversation, as the rules see it.
#[derive(Clone, Debug)]
pub struct ConversationState {
    pub id: Id,
    pub property_id: Id,
    pub guest_id: Id,
    pub guest_name: String,
    /// Room of the guest's active stay.
    pub room_number: Option<String>,
    pub department_id: Id,
    /// Slug.
    pub department: String,
    pub conversation_type: String,
    pub status: ConversationStatus,
    pub last_message_id: Id,
    /// One line of the newest message; empty without messages.
    pub last_message_preview: String,
    /// Newest message read by any staff member.
    pub staff_read_id: Id,
    /// Newest message read by the guest.
    pub guest_read_id: Id,
    /// Time of the oldest guest message without an answer.
    pub waiting_since: Option<Timestamp>,
    /// Newest message, else creation.
    pub active_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Whether guest and texts were removed at the end of the retention period: it cannot be reopened.
    pub is_anonymised: bool,
    /// When the oldest staff message was written that the guest does not have; see `settled_id`.
    pub undelivered_since: Option<Timestamp>,
    /// Staff messages up to this one do not count as undelivered: the guest wrote after them, or the
    /// conversation was closed.
    pub settled_id: Id,
    /// The oldest staff message that waits because nothing reaches the guest.
    pub no_way_id: Option<Id>,
    /// The gateway that takes replies to the guest.
    pub reply_gateway_id: Option<Id>,
    /// Whether the guest's latest message came through a gateway.
    pub came_through_gateway: bool,
}

impl ConversationState {
    /// What says how far the replies have come: it changes less often than the rest, and is written apart.
    #[must_use]
    pub const fn delivery_marks(&self) -> (Option<Timestamp>, Id, Option<Id>) {
        (self.undelivered_since, self.settled_id, self.no_way_id)
    }
}

/// A staff member, as the rules see them: as the database has them now, not as they signed in.
#[derive(Clone, Debug)]
pub struct StaffState {
    pub property_id: Id,
    pub name: String,
    /// Ids of their departments.
    pub departments: Vec<Id>,
}

/// A text that was stored under a `client_id`.
#[derive(Clone, Debug)]
pub struct KnownText {
    pub message_id: Id,
    pub conversation_id: Id,
    pub content: String,
    pub created_at: Timestamp,
}

/// The last transfer of a conversation.
#[derive(Clone, Debug)]
pub struct LastTransfer {
    /// The staff member who transferred it.
    pub staff_id: Id,
    /// Slug of the department that had it.
    pub from_department: String,
    /// When.
    pub at: Timestamp,
    /// Whether a staff member has written in it since.
    pub is_answered: bool,
}

/// What a batch works on. Conversations and staff stay between batches (there is one writer, so
/// they cannot go stale); the rest is loaded for each batch.
#[derive(Debug, Default)]
pub struct Working {
    pub conversations: HashMap<Id, ConversationState>,
    pub staff: HashMap<Id, StaffState>,
    /// By staff member and `client_id`.
    pub known_texts: HashMap<(Id, String), KnownText>,
    /// Own read marks, by staff member and conversation.
    pub read_marks: HashMap<(Id, Id), Id>,
    /// Active conversation of a guest in a department, where a change asks for it.
    pub active: HashMap<(Id, Id), Option<Id>>,
    /// Departments by property and slug, where a change asks for them.
    pub departments: HashMap<(Id, String), Id>,
    /// Messages of this batch by gateway and external id: message and conversation.
    pub external: HashMap<(Id, String), (Id, Id)>,
    /// The newest message of a conversation up to an id, 0 without one, where a change asks for it.
    pub newest: HashMap<(Id, Id), Id>,
    /// Time of the oldest guest message without an answer, where a conversation is opened again.
    pub unanswered: HashMap<Id, Option<Timestamp>>,
    /// The last transfer of a conversation, where somebody without access to it wants to transfer it.
    pub last_transfers: HashMap<Id, LastTransfer>,
    pub writes: Writes,
}

/// Rows on their way to the database.
#[derive(Debug, Default)]
pub struct Writes {
    pub created: Vec<CreatedRow>,
    pub messages: Vec<MessageRow>,
    pub lines: Vec<LineRow>,
    pub events: Vec<Event>,
    /// How many of `events` are in the open transaction already; they stay, to be told.
    pub written_events: usize,
    /// What the outbox has to send.
    pub to_deliver: ToDeliver,
    /// Deliveries that have changed, by message.
    pub deliveries: BTreeMap<Id, DeliveryRow>,
    /// What was seen of gateways.
    pub health: Vec<GatewayHealth>,
    /// Conversations to be written back.
    pub changed: Vec<Id>,
    /// Conversations whose [delivery marks](ConversationState::delivery_marks) are to be written back.
    pub marked: BTreeSet<Id>,
    /// Read marks to be set: staff member, conversation, message.
    pub read_marks: Vec<(Id, Id, Id)>,
    /// What the audit log says of it.
    pub(crate) audits: Vec<audit::Entry>,
}

/// A conversation that is not in the database yet.
#[derive(Debug)]
pub struct CreatedRow {
    pub id: Id,
    /// The staff member who started it, and the id they gave to that.
    pub created_by: Option<Id>,
    pub client_id: Option<String>,
}

/// A line on its way to the database.
#[derive(Debug)]
pub struct LineRow {
    pub property_id: Id,
    pub kind: LineKind,
    pub line: Line,
    /// Of a transfer: the conversation as it was just before.
    pub transferred: Option<TransferredState>,
}

/// A conversation at the moment of its transfer, with times in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct TransferredState {
    pub from_department_id: Id,
    pub to_department_id: Id,
    pub waiting_since: Option<i64>,
    pub staff_read_id: Id,
    pub guest_read_id: Id,
    pub active_at: i64,
}

/// A message on its way to the database.
#[derive(Debug)]
pub struct MessageRow {
    pub id: Id,
    pub conversation_id: Id,
    pub staff_id: Option<Id>,
    pub guest_id: Option<Id>,
    pub content: String,
    pub client_id: Option<String>,
    pub gateway_id: Option<Id>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    /// How a staff member's message leaves.
    pub delivery: Option<NewDelivery>,
}

impl MessageRow {
    /// Whether it waits because nothing reaches the guest.
    #[must_use]
    pub fn has_no_way(&self) -> bool {
        self.delivery.is_some_and(|delivery| delivery.gateway_id.is_none())
    }
}

/// How a new message leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The channel.
    pub channel: Channel,
    /// The gateway; `None` while nothing reaches the guest.
    pub gateway_id: Option<Id>,
}

/// What the outbox has to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToDeliver {
    /// Gateways with replies that may leave now.
    pub gateways: BTreeSet<Id>,
    /// Gateways and conversations of replies that a person has sent again.
    pub retried: BTreeSet<(Id, Id)>,
}

impl ToDeliver {
    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gateways.is_empty() && self.retried.is_empty()
    }

    /// Adds what another commit has to send.
    pub fn add(&mut self, more: Self) {
        self.gateways.extend(more.gateways);
        self.retried.extend(more.retried);
    }
}

impl Writes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.lines.is_empty()
            && self.new_events().is_empty()
            && self.changed.is_empty()
            && self.marked.is_empty()
            && self.read_marks.is_empty()
            && self.deliveries.is_empty()
            && self.health.is_empty()
            && self.audits.is_empty()
    }

    /// The events that are not in the transaction yet.
    #[must_use]
    pub fn new_events(&self) -> &[Event] {
        self.events.get(self.written_events..).unwrap_or_default()
    }

    /// Everything is in the open transaction.
    pub fn written(&mut self) {
        self.created.clear();
        self.messages.clear();
        self.lines.clear();
        self.changed.clear();
        self.marked.clear();
        self.read_marks.clear();
        self.deliveries.clear();
        self.health.clear();
        self.audits.clear();
        self.written_events = self.events.len();
    }

    /// Notes that a conversation must be written back.
    pub fn touch(&mut self, conversation_id: Id) {
        if self.changed.last() != Some(&conversation_id) && !self.changed.contains(&conversation_id)
        {
            self.changed.push(conversation_id);
        }
    }
}

impl Working {
    /// Forgets what was loaded for one batch only; everything when `all`.
    pub fn forget(&mut self, all: bool) {
        self.known_texts.clear();
        self.read_marks.clear();
        self.active.clear();
        self.departments.clear();
        self.external.clear();
        self.newest.clear();
        self.unanswered.clear();
        self.last_transfers.clear();
        self.writes = Writes::default();
        if all {
            self.conversations.clear();
            self.staff.clear();
        }
    }
}
