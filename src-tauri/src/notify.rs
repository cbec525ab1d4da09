//! Who is told of what by the desktop's own notifications.
//!
//! [`decide`] is a pure function of an event; [`Notifier`] remembers what it needs, and [`show`] talks to
//! the desktop.

mod part;
mod show;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use frontdesk_server::protocol::{
    Conversation, ConversationUpdate, Frame, Id, NewConversation, PersonType, Timestamp, preview,
};
use tokio::time::Instant;

pub(crate) use part::Part;
pub(crate) use show::Shown;

/// A conversation that a guest's first message opens is announced just before that message.
const FIRST_MESSAGE_WITHIN: Duration = Duration::from_millis(400);

/// So many conversations are remembered as told; older ones do not begin again.
const REMEMBERED: usize = 20_000;

/// A person takes part in so many conversations at most; the one they wrote in longest ago is forgotten.
const TAKEN_PART: usize = 500;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Where a click leads.
    pub(crate) conversation_id: Id,
    /// Room and guest.
    pub(crate) title: String,
    /// The first line.
    pub(crate) body: String,
}

/// What a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The window is in front.
    pub(crate) looking: bool,
    /// The person wants none.
    pub(crate) quiet: bool,
    /// Conversations that were told, or seen.
    pub(crate) told: &'a BTreeSet<Id>,
    /// Conversations that the person takes part in.
    pub(crate) mine: &'a VecDeque<Id>,
}

/// Whether an event is worth a notification, and which.
pub(crate) fn decide(frame: &Frame, context: Context<'_>) -> Option<Notification> {
    if context.looking || context.quiet {
        return None;
    }
    match frame {
        Frame::NewConversation { data, .. } => {
            (!context.told.contains(&data.id)).then(|| of_conversation(data))
        }
        Frame::Message { data, .. } if data.sender_type == PersonType::Guest => {
            context.mine.contains(&data.conversation_id).then(|| Notification {
                conversation_id: data.conversation_id,
                title: title(data.guest_info.room_number.as_deref(), &data.guest_info.name),
                body: preview(&data.content),
            })
        }
        Frame::ConversationUpdate { data: ConversationUpdate::NewMessage(message), .. }
            if message.sender_type.as_ref().is_none_or(|it| *it != PersonType::Staff) =>
        {
            context.mine.contains(&message.conversation_id).then(|| Notification {
                conversation_id: message.conversation_id,
                title: title(None, &message.guest_name),
                body: message.last_message_preview.clone(),
            })
        }
        _ => None,
    }
}

fn of_conversation(new: &NewConversation) -> Notification {
    Notification {
        conversation_id: new.id,
        title: title(new.room_number.as_deref(), &new.guest_name),
        body: new.last_message_preview.clone(),
    }
}

fn title(room_number: Option<&str>, name: &str) -> String {
    room_number.map_or_else(|| name.to_owned(), |room| format!("{room} · {name}"))
}

/// The words of a message, whoever wrote it.
fn words(frame: &Frame) -> Option<(Id, String)> {
    match frame {
        Frame::Message { data, .. } => Some((data.conversation_id, preview(&data.content))),
        Frame::ConversationUpdate { data: ConversationUpdate::NewMessage(message), .. } => {
            Some((message.conversation_id, message.last_message_preview.clone()))
        }
        _ => None,
    }
}

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    me: Option<Id>,
    told: BTreeSet<Id>,
    /// The one they wrote in last comes last.
    mine: VecDeque<Id>,
    /// What is kept of it is not what stands here.
    unsaved: bool,
    /// Notifications that wait for their conversation's first message.
    waiting: BTreeMap<Id, (Notification, Instant)>,
    /// Everything up to here was told as events, but for the gap.
    caught_up_at: Option<Timestamp>,
    gap: Option<Gap>,
}

/// A time whose events are lost. What began in it has to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) since: Timestamp,
    until: Timestamp,
}

impl Notifier {
    /// For a person who signed in, and the conversations in which they have taken part.
    pub(crate) fn new(me: Id, mine: Vec<Id>) -> Self {
        Self { me: Some(me), mine: mine.into(), ..Self::default() }
    }

    /// An event came. Returns what to show now.
    pub(crate) fn event(
        &mut self,
        frame: &Frame,
        looking: bool,
        quiet: bool,
        now: Instant,
    ) -> Option<Notification> {
        if let Some((id, words)) = words(frame)
            && let Some((mut notification, _)) = self.waiting.remove(&id)
        {
            notification.body = words;
            return Some(notification);
        }
        let context = Context { looking, quiet, told: &self.told, mine: &self.mine };
        let decided = decide(frame, context);
        match frame {
            // Also when it is not shown: who saw it come in needs no notification later.
            Frame::NewConversation { data, .. } => self.remember(data.id),
            Frame::Message { data, .. }
                if data.sender_id.is_some() && data.sender_id == self.me =>
            {
                self.takes_part(data.conversation_id);
            }
            _ => {}
        }
        let notification = decided?;
        if notification.body.is_empty() {
            let id = notification.conversation_id;
            self.waiting.insert(id, (notification, now + FIRST_MESSAGE_WITHIN));
            return None;
        }
        Some(notification)
    }

    /// The person wrote in a conversation.
    pub(crate) fn takes_part(&mut self, conversation_id: Id) {
        if self.mine.back() == Some(&conversation_id) {
            return;
        }
        self.mine.retain(|known| *known != conversation_id);
        self.mine.push_back(conversation_id);
        if self.mine.len() > TAKEN_PART {
            self.mine.pop_front();
        }
        self.unsaved = true;
    }

    /// The conversations in which the person takes part, unless they are written down already.
    pub(crate) fn take_unsaved(&mut self) -> Option<Vec<Id>> {
        std::mem::take(&mut self.unsaved).then(|| self.mine.iter().copied().collect())
    }

    /// Everything up to `at` was told as events.
    pub(crate) fn caught_up(&mut self, at: Timestamp) {
        self.caught_up_at = Some(at);
    }

    /// The past up to `now` cannot be told as events. Where anything was told before, there is a gap.
    pub(crate) fn lost(&mut self, now: Timestamp) {
        if let Some(since) = self.caught_up_at.replace(now) {
            let since = self.gap.map_or(since, |gap| gap.since);
            self.gap = Some(Gap { since, until: now });
        }
    }

    /// What has to be looked for.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.gap
    }

    /// All of it was found, unless more is lost by now.
    pub(crate) fn filled(&mut self, gap: Gap) {
        self.gap = self.gap.filter(|now| *now != gap);
    }

    /// A conversation that began while events were lost, or one of the person's own that waits since.
    pub(crate) fn missed(
        &mut self,
        conversation: &Conversation,
        since: Timestamp,
        looking: bool,
        quiet: bool,
    ) -> Option<Notification> {
        let is_new = conversation.created_at > since && !self.told.contains(&conversation.id);
        let waits = self.mine.contains(&conversation.id)
            && conversation.waiting_since.is_some()
            && conversation.last_message_at.is_some_and(|at| at > since);
        if !is_new && !waits {
            return None;
        }
        self.remember(conversation.id);
        (!looking && !quiet).then(|| Notification {
            conversation_id: conversation.id,
            title: title(
                conversation.guest_info.room_number.as_deref(),
                &conversation.guest_info.name,
            ),
            body: conversation.last_message_preview.clone(),
        })
    }

    /// When [`Self::due`] has something.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.waiting.values().map(|(_, due)| *due).min()
    }

    /// Notifications that have waited long enough for a first message.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Notification> {
        let mut due = Vec::new();
        self.waiting.retain(|_, (notification, at)| {
            if *at <= now {
                due.push(notification.clone());
            }
            *at > now
        });
        due
    }

    fn remember(&mut self, id: Id) {
        self.told.insert(id);
        if self.told.len() > REMEMBERED {
            self.told.pop_first();
        }
    }
}

#[cfg(test)]
mod tests;
