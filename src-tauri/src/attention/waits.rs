//! What waits, what was started, what was not delivered; and the first signal about each.

use std::collections::BTreeMap;

use frontdesk_server::protocol::{Conversation, Id, Timestamp};

use super::{
    About, Attention, FIRST_MESSAGE_WITHIN, MAX_OTHERS, NotDelivered, RED, Signal, SignalKind,
    Status, bursts::Sort,
};

/// A conversation whose guest waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) about: About,
    pub(super) since: i64,
    /// When the newest message came.
    pub(super) last_at: i64,
    /// The newest message, where it is known.
    pub(super) last_message_id: Option<Id>,
    pub(super) is_unread: bool,
    /// When a signal was last about it.
    pub(super) signalled_at: Option<i64>,
    /// It would have been signalled, but for a pause.
    pub(super) was_held_by_pause: bool,
    /// No repeats before: the person opened it.
    pub(super) held_until: i64,
    /// No repeats before: somebody types an answer.
    pub(super) typed_until: i64,
}

impl Wait {
    pub(super) fn new(about: About, since: i64) -> Self {
        Self {
            about: About { waiting_since: Some(since), ..about },
            since,
            last_at: since,
            last_message_id: None,
            is_unread: true,
            signalled_at: None,
            was_held_by_pause: false,
            held_until: i64::MIN,
            typed_until: i64::MIN,
        }
    }

    /// As a list shows it, with what was known of it before.
    pub(super) fn listed(
        conversation: &Conversation,
        since: Timestamp,
        known: Option<&Self>,
    ) -> Self {
        let about = About {
            conversation_id: conversation.id,
            guest_name: conversation.guest_info.name.clone(),
            room_number: conversation.guest_info.room_number.clone(),
            department: conversation.department.clone(),
            preview: conversation.last_message_preview.clone(),
            waiting_since: None,
        };
        let new = Self::new(about, since.as_millis());
        let last_at = conversation.last_message_at.map_or(new.since, Timestamp::as_millis);
        let known = known.cloned().unwrap_or_else(|| new.clone());
        let last_message_id = known.last_message_id.filter(|_| known.last_at == last_at);
        let is_unread = conversation.unread_count > 0;
        Self { about: new.about, since: new.since, last_at, last_message_id, is_unread, ..known }
    }
}

/// A conversation that somebody started, and nobody waits in.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) about: About,
    /// When it is signalled, unless a guest's message comes first.
    pub(super) due_at: i64,
}

/// An answer of the person that did not reach the guest.
#[derive(Clone, Debug)]
pub(super) struct Undelivered {
    pub(super) about: About,
    pub(super) message_id: Id,
    pub(super) since: i64,
    pub(super) signalled_at: Option<i64>,
    pub(super) held_until: i64,
}

impl Attention {
    /// A guest's message came, or a waiting guest arrived.
    pub(super) fn deserve(&mut self, id: Id, now: i64, signals: &mut Vec<Signal>) {
        self.deserve_all(&[id], now, signals);
    }

    /// The same for several at once.
    pub(super) fn deserve_all(&mut self, ids: &[Id], now: i64, signals: &mut Vec<Signal>) {
        if self.link.status != Status::Connected {
            // What was missed comes now; some of it may have been answered by a later event.
            self.held.extend(ids);
            return;
        }
        let in_front = self.in_front(now);
        let pause = self.pause(now);
        let past_red_in_pause = self.preferences.sound_past_red_in_pause;
        let mut deserving = Vec::new();
        for id in ids {
            let Some(wait) = self.waits.get_mut(id).filter(|_| Some(*id) != in_front) else {
                continue;
            };
            if pause.is_some() && !(past_red_in_pause && wait.since + RED <= now) {
                wait.was_held_by_pause = true;
                continue;
            }
            wait.signalled_at = Some(now);
            wait.was_held_by_pause = false;
            deserving.push(wait.about.clone());
        }
        if deserving.is_empty() {
            return;
        }
        if self.bursts.count(Sort::Message, deserving.len(), now) {
            signals.push(self.many(now, deserving.len()));
            return;
        }
        for about in deserving {
            let urgent = about.waiting_since.is_some_and(|since| since + RED <= now);
            let sound = self.has_sound() && self.bursts.may_sound(false, now);
            signals.push(Signal {
                kind: SignalKind::Message,
                about: Some(about),
                count: 1,
                urgent,
                notify: !self.watching.is_present(now),
                sound,
            });
        }
    }

    /// One signal for all who wait; for all that were started, where nobody waits.
    fn many(&mut self, now: i64, events: usize) -> Signal {
        let mut signal = self.about_all(SignalKind::Many, now);
        if signal.count == 0 {
            (signal.count, signal.sound) = (events, false);
        }
        signal
    }

    /// One signal for all who wait and are not in front.
    pub(super) fn about_all(&mut self, kind: SignalKind, now: i64) -> Signal {
        let is_back = kind == SignalKind::Back;
        let sound = self.has_sound() && self.bursts.may_sound(!is_back, now);
        let longest = self.waiting(now).min_by_key(|(id, wait)| (wait.since, *id));
        Signal {
            kind,
            count: self.waiting(now).count(),
            urgent: longest.is_some_and(|(_, wait)| wait.since + RED <= now),
            about: longest.map(|(_, wait)| wait.about.clone()),
            notify: is_back || !self.watching.is_present(now),
            sound,
        }
    }

    /// A signal was about all who wait.
    pub(super) fn signalled_all(&mut self, now: i64) {
        let in_front = self.in_front(now);
        for (id, wait) in &mut self.waits {
            if Some(*id) != in_front {
                wait.signalled_at = Some(now);
                wait.was_held_by_pause = false;
            }
        }
    }

    /// A conversation appeared in which nobody waits.
    pub(super) fn start(&mut self, about: About, now: i64) {
        let due_at = now + FIRST_MESSAGE_WITHIN;
        self.started.insert(about.conversation_id, Started { about, due_at });
        if self.started.len() > MAX_OTHERS {
            self.started.pop_first();
        }
    }

    /// Signals those that no guest's message has followed.
    pub(super) fn started_due(&mut self, now: i64, signals: &mut Vec<Signal>) {
        if self.link.status != Status::Connected {
            return;
        }
        let mut due = Vec::new();
        self.started.retain(|_, started| {
            if started.due_at <= now {
                due.push(started.about.clone());
            }
            started.due_at > now
        });
        if self.pause(now).is_some() || due.is_empty() || self.watching.is_present(now) {
            return;
        }
        if self.bursts.count(Sort::Message, due.len(), now) {
            let events = due.len();
            let mut signal = self.many(now, events);
            signal.sound = false;
            signals.push(signal);
            return;
        }
        signals.extend(due.into_iter().map(|about| Signal {
            kind: SignalKind::Started,
            about: Some(about),
            count: 1,
            urgent: false,
            notify: true,
            sound: false,
        }));
    }

    /// An answer of the person was not delivered.
    pub(super) fn not_delivered(
        &mut self,
        about: About,
        message_id: Id,
        now: i64,
        signals: &mut Vec<Signal>,
    ) {
        let id = about.conversation_id;
        if self.in_front(now) == Some(id) {
            return;
        }
        let known = self.undelivered.get(&id);
        if known.is_some_and(|known| known.message_id == message_id) {
            return;
        }
        let (signalled_at, held_until) = (None, i64::MIN);
        let entry = Undelivered { about, message_id, since: now, signalled_at, held_until };
        self.undelivered.insert(id, entry);
        if self.undelivered.len() > MAX_OTHERS {
            self.undelivered.pop_first();
        }
        if self.link.status == Status::Connected && self.pause(now).is_none() {
            self.signal_undelivered(&[id], now, signals);
        }
    }

    /// The person's answers that were not delivered were read from the server.
    pub(super) fn undelivered_listed(
        &mut self,
        seq: i64,
        answers: &[NotDelivered],
        now: i64,
        signals: &mut Vec<Signal>,
    ) {
        // Those that failed while nobody was signed in are on the screen: like waits, they are not news at the
        // sign-in, and repeated later.
        let is_first = !std::mem::replace(&mut self.has_undelivered, true);
        let in_front = self.in_front(now);
        // What is newer than the list stays as it is.
        let (newer, mut listed_before): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.undelivered)
                .into_iter()
                .partition(|(id, _)| self.has_changed_after(seq, *id));
        self.undelivered = newer;
        let mut news = Vec::new();
        for NotDelivered { about, message_id } in answers {
            let id = about.conversation_id;
            self.wrote(*message_id);
            if self.has_changed_after(seq, id)
                || in_front == Some(id)
                || !self.departments.contains(&about.department)
                || self.undelivered.len() >= MAX_OTHERS
            {
                continue;
            }
            let known = listed_before.remove(&id).filter(|known| known.message_id >= *message_id);
            let entry = known.unwrap_or_else(|| {
                news.push(id);
                let (about, message_id) = (about.clone(), *message_id);
                let (signalled_at, held_until) = (is_first.then_some(now), i64::MIN);
                Undelivered { about, message_id, since: now, signalled_at, held_until }
            });
            self.undelivered.insert(id, entry);
        }
        let is_signalled = self.link.status == Status::Connected && self.pause(now).is_none();
        if is_signalled && !is_first && !news.is_empty() {
            self.signal_undelivered(&news, now, signals);
        }
    }

    fn has_changed_after(&self, seq: i64, conversation_id: Id) -> bool {
        self.changed.get(&conversation_id).is_some_and(|changed| *changed > seq)
    }

    pub(super) fn signal_undelivered(&mut self, ids: &[Id], now: i64, signals: &mut Vec<Signal>) {
        let is_many = self.bursts.count(Sort::Undelivered, ids.len(), now);
        let count = if is_many { self.undelivered.len() } else { ids.len() };
        let sound = self.has_sound() && self.bursts.may_sound(is_many, now);
        let notify = !self.watching.is_present(now);
        let mut about = None;
        for id in ids {
            if let Some(entry) = self.undelivered.get_mut(id) {
                entry.signalled_at = Some(now);
                about.get_or_insert_with(|| entry.about.clone());
            }
        }
        let (kind, urgent) = (SignalKind::Undelivered, false);
        signals.push(Signal { kind, about, count, urgent, notify, sound });
    }
}
