//! What an event changes.

use frontdesk_server::protocol::{
    Acknowledgment, ClosedConversation, ConversationUpdate, DeliveryState, DeliveryUpdate, Frame,
    Id, Line, Message, NewConversation, NewMessage, PersonType, Read, Timestamp, Transferred,
    Typing, preview,
};

use super::{About, Attention, SECOND, Signal, waits::Wait};

/// Somebody who types says so every 3 s. The answer itself comes before this is over.
const TYPES_FOR: i64 = 6 * SECOND;

/// Conversations that changed after the list; the oldest are taken to be in it.
const MAX_CHANGED: usize = 10_000;

/// A message, in either of the two forms in which it comes.
struct Written {
    about: About,
    message_id: Option<Id>,
    /// Whether a guest wrote it.
    by_guest: bool,
    at: i64,
    /// `None`: the frame does not say.
    waiting_since: Option<Option<Timestamp>>,
}

impl Attention {
    pub(super) fn frame(&mut self, frame: &Frame, now: i64, signals: &mut Vec<Signal>) {
        match frame {
            Frame::Message { seq, data } => {
                if data.sender_id == Some(self.me) && data.sender_type == PersonType::Staff {
                    self.wrote(data.id);
                }
                if self.is_newer(*seq, data.conversation_id) {
                    self.written(of_message(data), now, signals);
                }
            }
            Frame::NewConversation { seq, data } if self.is_newer(*seq, data.id) => {
                self.new_conversation(data, now, signals);
            }
            Frame::ConversationUpdate { seq, data } => {
                let Some(id) = conversation_of(data) else { return };
                if self.is_newer(*seq, id) {
                    self.update(data, now, signals);
                }
            }
            Frame::Typing { data } => self.typing(data, now),
            Frame::Acknowledgment(Acknowledgment::Received { message_id, .. }) => {
                self.wrote(*message_id);
            }
            _ => {}
        }
    }

    /// Whether an event happened after the list was read.
    fn is_newer(&mut self, seq: Option<i64>, conversation_id: Id) -> bool {
        // The original protocol does not number its events.
        let Some(seq) = seq else { return true };
        if self.listed_seq.is_some_and(|listed| seq <= listed) {
            return false;
        }
        self.changed.insert(conversation_id, seq);
        if self.changed.len() > MAX_CHANGED {
            self.changed.pop_first();
        }
        true
    }

    fn written(&mut self, written: Written, now: i64, signals: &mut Vec<Signal>) {
        let id = written.about.conversation_id;
        self.started.remove(&id);
        let before = self.waits.remove(&id);
        let since = match written.waiting_since {
            Some(since) => since.map(Timestamp::as_millis),
            None if written.by_guest => Some(before.as_ref().map_or(written.at, |it| it.since)),
            None => None,
        };
        if written.by_guest {
            // The guest is reached by another way now, or the answer does not matter any more.
            self.undelivered.remove(&id);
        }
        let Some(since) = since else { return };
        let mut wait = Wait::new(written.about, since);
        if let Some(before) = before {
            let about = About {
                room_number: wait.about.room_number.or(before.about.room_number),
                ..wait.about
            };
            wait = Wait { about, since, ..before };
        }
        wait.last_at = written.at;
        if written.by_guest {
            wait.last_message_id = written.message_id;
            wait.is_unread = true;
        }
        self.insert(id, wait);
        if written.by_guest {
            self.deserve(id, now, signals);
        }
    }

    fn new_conversation(&mut self, new: &NewConversation, now: i64, signals: &mut Vec<Signal>) {
        let about = About {
            conversation_id: new.id,
            guest_name: new.guest_name.clone(),
            room_number: new.room_number.clone(),
            department: new.department.clone(),
            preview: new.last_message_preview.clone(),
            waiting_since: None,
        };
        self.arrived(about, new.waiting_since.flatten(), true, now, signals);
    }

    /// A conversation is in one of the person's departments now.
    fn arrived(
        &mut self,
        about: About,
        waiting_since: Option<Timestamp>,
        is_start: bool,
        now: i64,
        signals: &mut Vec<Signal>,
    ) {
        let id = about.conversation_id;
        let is_own = self.is_own_action(id, now);
        match waiting_since {
            Some(since) => {
                self.insert(id, Wait::new(about, since.as_millis()));
                if !is_own {
                    self.deserve(id, now, signals);
                }
            }
            None if is_start && !is_own => self.start(about, now),
            None => {}
        }
    }

    fn update(&mut self, update: &ConversationUpdate, now: i64, signals: &mut Vec<Signal>) {
        match update {
            ConversationUpdate::NewMessage(message) => {
                self.written(of_new_message(message), now, signals);
            }
            ConversationUpdate::Closed(closed) => self.gone(closed.id),
            ConversationUpdate::Reopened(reopened) => self.reopened(reopened, now, signals),
            ConversationUpdate::Transferred(transferred) => self.transferred(transferred, now),
            ConversationUpdate::Read(read) => self.read(read),
            ConversationUpdate::Guest(guest) => {
                let info = &guest.guest_info;
                for about in self.abouts(guest.conversation_id) {
                    about.guest_name.clone_from(&info.name);
                    about.room_number.clone_from(&info.room_number);
                }
            }
            ConversationUpdate::Delivery(delivery) => self.delivery(delivery, now, signals),
            _ => {}
        }
    }

    fn reopened(&mut self, reopened: &ClosedConversation, now: i64, signals: &mut Vec<Signal>) {
        self.note_own(reopened.line.as_ref(), reopened.id, now);
        let about = About {
            room_number: reopened.room_number.clone().flatten(),
            ..about(reopened.id, &reopened.guest_name, &reopened.department)
        };
        self.arrived(about, reopened.waiting_since.flatten(), false, now, signals);
    }

    /// The new department gets `new_conversation` as an event of its own.
    fn transferred(&mut self, transferred: &Transferred, now: i64) {
        self.note_own(transferred.line.as_ref(), transferred.id, now);
        self.gone(transferred.id);
    }

    /// A line says who acted.
    fn note_own(&mut self, line: Option<&Line>, conversation_id: Id, now: i64) {
        if line.is_some_and(|line| line.staff_id == Some(self.me)) {
            self.own(conversation_id, now);
        }
    }

    fn gone(&mut self, id: Id) {
        self.waits.remove(&id);
        self.undelivered.remove(&id);
        self.started.remove(&id);
    }

    /// A mark on an older message leaves the later ones unread.
    fn read(&mut self, read: &Read) {
        if read.reader_type == PersonType::Staff
            && read.reader_id == Some(self.me)
            && let Some(wait) = self.waits.get_mut(&read.conversation_id)
            && wait.last_message_id.is_none_or(|last| last <= read.message_id)
        {
            wait.is_unread = false;
        }
    }

    fn delivery(&mut self, delivery: &DeliveryUpdate, now: i64, signals: &mut Vec<Signal>) {
        let id = delivery.conversation_id;
        let has_failed =
            matches!(delivery.state.known(), Some(DeliveryState::Failed | DeliveryState::None));
        if has_failed && self.is_own_message(delivery.message_id) {
            let about = about(id, &delivery.guest_name, &delivery.department);
            self.not_delivered(about, delivery.message_id, now, signals);
            return;
        }
        let is_over = delivery.undelivered_since.is_none()
            || self.undelivered.get(&id).is_some_and(|it| it.message_id == delivery.message_id);
        if is_over && !has_failed {
            self.undelivered.remove(&id);
        }
    }

    fn typing(&mut self, typing: &Typing, now: i64) {
        let is_guest = typing.sender_type.as_ref().is_some_and(|it| *it == PersonType::Guest);
        if typing.is_typing
            && !is_guest
            && let Some(wait) = self.waits.get_mut(&typing.conversation_id)
        {
            wait.typed_until = now + TYPES_FOR;
        }
    }

    fn abouts(&mut self, id: Id) -> impl Iterator<Item = &mut About> {
        let wait = self.waits.get_mut(&id).map(|wait| &mut wait.about);
        let undelivered = self.undelivered.get_mut(&id).map(|it| &mut it.about);
        let started = self.started.get_mut(&id).map(|it| &mut it.about);
        [wait, undelivered, started].into_iter().flatten()
    }
}

fn about(conversation_id: Id, guest_name: &str, department: &str) -> About {
    About {
        conversation_id,
        guest_name: guest_name.to_owned(),
        room_number: None,
        department: department.to_owned(),
        preview: String::new(),
        waiting_since: None,
    }
}

fn of_message(message: &Message) -> Written {
    let by_guest = message.sender_type == PersonType::Guest;
    Written {
        about: About {
            room_number: message.guest_info.room_number.clone(),
            preview: if by_guest { preview(&message.content) } else { String::new() },
            ..about(message.conversation_id, &message.guest_info.name, &message.department)
        },
        message_id: Some(message.id),
        by_guest,
        at: message.created_at.as_millis(),
        waiting_since: message.waiting_since,
    }
}

fn of_new_message(message: &NewMessage) -> Written {
    Written {
        about: About {
            room_number: message.room_number.clone().flatten(),
            preview: message.last_message_preview.clone(),
            ..about(message.conversation_id, &message.guest_name, &message.department)
        },
        message_id: message.message_id,
        // Without a word about it, a guest is the safer guess.
        by_guest: !message.sender_type.as_ref().is_some_and(|it| *it == PersonType::Staff),
        at: message.last_message_at.as_millis(),
        waiting_since: message.waiting_since,
    }
}

fn conversation_of(update: &ConversationUpdate) -> Option<Id> {
    Some(match update {
        ConversationUpdate::NewMessage(message) => message.conversation_id,
        ConversationUpdate::Closed(it) | ConversationUpdate::Reopened(it) => it.id,
        ConversationUpdate::Transferred(it) => it.id,
        ConversationUpdate::Read(it) => it.conversation_id,
        ConversationUpdate::Guest(it) => it.conversation_id,
        ConversationUpdate::Delivery(it) => it.conversation_id,
        _ => return None,
    })
}
