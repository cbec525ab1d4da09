//! What deserves a person's attention: which events cause a notification and a sound, what is repeated, and what
//! is counted.
//!
//! [`Attention`] is a state machine without a socket, a screen or a clock. It gets one [`Input`] at a time with the
//! time at which it happened, and returns what has to be signalled. Everything else that the screen shows can be
//! asked for at any time. The browser's client follows the same rule: both run `client-cases/attention.json`.
//!
//! Times are milliseconds of the server's clock.

mod bursts;
mod frames;
mod presence;
mod repeats;
mod types;
mod waits;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use frontdesk_server::protocol::{Conversation, ConversationStatus, Id, Timestamp};

use bursts::Bursts;
pub(crate) use presence::Presence;
use presence::Watching;
pub(crate) use types::{
    About, Alert, Connection, Input, Longest, NotDelivered, Pause, Preferences, Signal, SignalKind,
    Sound, Status,
};
use waits::{Started, Undelivered, Wait};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// After this wait a guest is shown in amber, and alerts repeat.
pub(crate) const AMBER: i64 = 5 * MINUTE;

/// After this wait a guest is shown in red.
pub(crate) const RED: i64 = 15 * MINUTE;

/// A conversation whose first message is a guest's is announced just before that message: until then it looks as
/// if a colleague had started it.
const FIRST_MESSAGE_WITHIN: i64 = SECOND;

/// A person's own call over HTTP and the event that it causes may arrive in either order, but not further apart.
const OWN_ACTION_WITHIN: i64 = 30 * SECOND;

/// How long the connection may be lost before a notification reports it.
const OFFLINE_AFTER: i64 = MINUTE;

/// How often that is said again.
const OFFLINE_EVERY: i64 = 10 * MINUTE;

/// Most waiting guests that are remembered. The newest ones beyond that are not counted.
const MAX_WAITS: usize = 5_000;

/// Most conversations in one [`Alert`].
const MAX_IN_ALERT: usize = 50;

/// Most conversations that are followed for typing colleagues.
const MAX_FOLLOWED: usize = 200;

/// Most of the person's own messages that are remembered; the oldest are forgotten.
const MAX_OWN_MESSAGES: usize = 2_000;

/// Most entries in each of the other collections; the oldest are forgotten.
const MAX_OTHERS: usize = 1_000;

/// The connection, and when its absence is signalled.
#[derive(Clone, Copy, Debug)]
struct Link {
    status: Status,
    /// When the next notification says that it is not there.
    signal_at: Option<i64>,
    /// One has said so.
    was_signalled: bool,
}

/// The rule for one signed-in person. See the module.
#[derive(Debug)]
pub(crate) struct Attention {
    me: Id,
    departments: BTreeSet<String>,
    preferences: Preferences,
    pause: Option<Pause>,
    watching: Watching,
    link: Link,
    waits: BTreeMap<Id, Wait>,
    /// By conversation.
    undelivered: BTreeMap<Id, Undelivered>,
    /// Conversations that nobody waits in yet.
    started: BTreeMap<Id, Started>,
    own_messages: VecDeque<Id>,
    /// Conversations in which the person acted by a call over HTTP, and until when that counts.
    own_actions: BTreeMap<Id, i64>,
    /// What has to be signalled once the missed events have come.
    held: BTreeSet<Id>,
    /// No repeats before.
    silenced_until: i64,
    /// Nobody is due for a repeat before: with thousands of waits, not every event has to look at all of them.
    repeats_from: i64,
    bursts: Bursts,
    /// Events up to this one are in the list that was read.
    listed_seq: Option<i64>,
    has_list: bool,
    /// The list of answers that were not delivered was read before.
    has_undelivered: bool,
    /// The newest event of each conversation that changed after the list.
    changed: BTreeMap<Id, i64>,
}

impl Attention {
    /// For a person who has just signed in; there is no connection yet.
    pub(crate) fn new(
        me: Id,
        departments: BTreeSet<String>,
        preferences: Preferences,
        now: i64,
    ) -> Self {
        let link = Link {
            status: Status::Connecting,
            signal_at: Some(now + OFFLINE_AFTER),
            was_signalled: false,
        };
        Self {
            me,
            departments,
            preferences,
            pause: None,
            watching: Watching::default(),
            link,
            waits: BTreeMap::new(),
            undelivered: BTreeMap::new(),
            started: BTreeMap::new(),
            own_messages: VecDeque::new(),
            own_actions: BTreeMap::new(),
            held: BTreeSet::new(),
            silenced_until: i64::MIN,
            repeats_from: i64::MIN,
            bursts: Bursts::default(),
            listed_seq: None,
            has_list: false,
            has_undelivered: false,
            changed: BTreeMap::new(),
        }
    }

    /// Takes in what happened at `now`, and returns what has to be signalled.
    pub(crate) fn apply(&mut self, input: Input<'_>, now: i64) -> Vec<Signal> {
        let mut signals = Vec::new();
        if !matches!(input, Input::Frame(_)) {
            self.repeats_from = i64::MIN;
        }
        match input {
            Input::Frame(frame) => self.frame(frame, now, &mut signals),
            Input::List { seq, conversations } => {
                self.list(seq, conversations, now, &mut signals);
            }
            Input::NotDelivered { seq, answers } => {
                self.undelivered_listed(seq, answers, now, &mut signals);
            }
            Input::Presence(presence) => self.watching.set(presence, now),
            Input::PageStopped { answered_at } => self.page_stopped(answered_at, now, &mut signals),
            Input::Locked(locked) => self.watching.locked = locked,
            Input::Open(conversation_id) => self.open(conversation_id, now),
            Input::Preferences(preferences) => self.preferences = preferences,
            Input::Pause(pause) => self.pause = pause,
            Input::Silence => self.silenced_until = now + self.preferences.hold(),
            Input::Own(conversation_id) => self.own(conversation_id, now),
            Input::OwnMessage(message_id) => self.wrote(message_id),
            Input::Departments(departments) => {
                self.waits.retain(|_, wait| departments.contains(&wait.about.department));
                self.departments = departments;
            }
            Input::Connection(connection) => self.connection(connection, now, &mut signals),
            Input::Time => {}
        }
        self.seen(now);
        self.due(now, &mut signals);
        signals
    }

    /// The server's time turned out to be earlier than was thought: what was noted in the time before moves with it.
    /// Otherwise a person would count as present, and sounds as just played, for as long as the clock was wrong.
    pub(crate) fn clock_went_back(&mut self, by: i64) {
        let back = |at: &mut i64| *at = at.saturating_sub(by);
        self.watching.clock_went_back(by);
        self.bursts.clock_went_back(by);
        back(&mut self.silenced_until);
        self.link.signal_at.as_mut().map(back);
        self.own_actions.values_mut().for_each(back);
        self.started.values_mut().for_each(|started| back(&mut started.due_at));
        for wait in self.waits.values_mut() {
            wait.signalled_at.as_mut().map(back);
            back(&mut wait.held_until);
            back(&mut wait.typed_until);
        }
        for entry in self.undelivered.values_mut() {
            entry.signalled_at.as_mut().map(back);
            back(&mut entry.since);
            back(&mut entry.held_until);
        }
        self.repeats_from = i64::MIN;
    }

    /// When [`Input::Time`] has something to do.
    pub(crate) fn next_due(&self, now: i64) -> Option<i64> {
        let limits = self.waits.values().flat_map(|wait| {
            [wait.since + AMBER, wait.since + RED].into_iter().filter(|limit| *limit > now)
        });
        let always = [
            self.link_due(now),
            self.pause_ends(now),
            self.watching.in_front_until(now),
            limits.min(),
        ];
        // Without a connection nobody knows whether a guest still waits.
        let connected = if self.link.status == Status::Connected {
            let started = self.started.values().map(|started| started.due_at).min();
            [self.repeat_due(now), self.undelivered_due(now), started]
        } else {
            [None; 3]
        };
        always.into_iter().chain(connected).flatten().min()
    }

    /// The conversation in front of the person. Only there is what comes in marked as read.
    pub(crate) fn in_front(&self, now: i64) -> Option<Id> {
        self.watching.in_front(now)
    }

    /// The line above the list; `None` while nobody waits.
    pub(crate) fn alert(&self, now: i64) -> Option<Alert> {
        let mut waiting: Vec<_> = self.waiting(now).collect();
        waiting.sort_unstable_by_key(|(id, wait)| (wait.since, *id));
        let (_, longest) = *waiting.first()?;
        Some(Alert {
            conversation_ids: waiting.iter().take(MAX_IN_ALERT).map(|(id, _)| *id).collect(),
            count: waiting.len(),
            is_past_red: longest.since + RED <= now,
            longest: Some(Longest {
                conversation_id: longest.about.conversation_id,
                guest_name: longest.about.guest_name.clone(),
                room_number: longest.about.room_number.clone(),
                department: longest.about.department.clone(),
                waiting_since: Timestamp::from_millis(longest.since),
            }),
        })
    }

    /// How many conversations have something unread and a waiting guest: for the title and the tray.
    pub(crate) fn count(&self) -> usize {
        self.waits.values().filter(|wait| wait.is_unread).count()
    }

    /// Conversations to subscribe to, so that typing colleagues are noticed.
    pub(crate) fn followed(&self, now: i64) -> BTreeSet<Id> {
        let mut past: Vec<_> =
            self.waits.iter().filter(|(_, wait)| wait.since + AMBER <= now).collect();
        past.sort_unstable_by_key(|(id, wait)| (wait.since, **id));
        past.into_iter().take(MAX_FOLLOWED).map(|(id, _)| *id).collect()
    }

    /// What the title and the tray say of the connection.
    pub(crate) fn status(&self) -> Status {
        self.link.status
    }

    /// The pause, while it lasts.
    pub(crate) fn pause(&self, now: i64) -> Option<Pause> {
        self.pause.filter(|pause| pause.until.is_none_or(|until| now < until))
    }

    /// Whether it is known that the person wrote this message.
    pub(crate) fn is_own_message(&self, message_id: Id) -> bool {
        self.own_messages.contains(&message_id)
    }

    /// Those who wait and are not in front of the person.
    fn waiting(&self, now: i64) -> impl Iterator<Item = (Id, &Wait)> {
        let in_front = self.in_front(now);
        let others = self.waits.iter().filter(move |(id, _)| Some(**id) != in_front);
        others.map(|(id, wait)| (*id, wait))
    }

    fn open(&mut self, conversation_id: Option<Id>, now: i64) {
        self.watching.open = conversation_id;
        if let Some(wait) = conversation_id.and_then(|id| self.waits.get_mut(&id)) {
            wait.held_until = now + self.preferences.hold();
        }
    }

    fn own(&mut self, conversation_id: Id, now: i64) {
        self.started.remove(&conversation_id);
        self.own_actions.insert(conversation_id, now + OWN_ACTION_WITHIN);
        if self.own_actions.len() > MAX_OTHERS {
            self.own_actions.pop_first();
        }
    }

    /// The page stopped after `answered_at`: what came since then was in front of nobody.
    fn page_stopped(&mut self, answered_at: i64, now: i64, signals: &mut Vec<Signal>) {
        self.watching.left();
        let unseen = self.waits.iter().filter(|(_, wait)| wait.last_at >= answered_at);
        let unseen: Vec<_> = unseen.map(|(id, _)| *id).collect();
        self.deserve_all(&unseen, now, signals);
    }

    /// Whether what happened to a conversation now was the person's own doing.
    fn is_own_action(&mut self, conversation_id: Id, now: i64) -> bool {
        self.own_actions.retain(|_, until| now < *until);
        self.own_actions.contains_key(&conversation_id)
    }

    fn wrote(&mut self, message_id: Id) {
        if self.own_messages.contains(&message_id) {
            return;
        }
        self.own_messages.push_back(message_id);
        if self.own_messages.len() > MAX_OWN_MESSAGES {
            self.own_messages.pop_front();
        }
    }

    /// What the person has in front of them needs no signal later.
    fn seen(&mut self, now: i64) {
        if let Some(id) = self.in_front(now) {
            self.undelivered.remove(&id);
            self.started.remove(&id);
        }
    }

    fn list(
        &mut self,
        seq: i64,
        conversations: &[Conversation],
        now: i64,
        signals: &mut Vec<Signal>,
    ) {
        self.changed.retain(|_, changed| *changed > seq);
        let mut before = std::mem::take(&mut self.waits);
        // What is newer than the list stays as it is.
        for id in self.changed.keys() {
            if let Some(wait) = before.remove(id) {
                self.waits.insert(*id, wait);
            }
        }
        let mut arrived = Vec::new();
        for conversation in conversations {
            let id = conversation.id;
            let Some(since) = conversation.waiting_since else { continue };
            if self.changed.contains_key(&id)
                || conversation.status != ConversationStatus::Active
                || !self.departments.contains(&conversation.department)
            {
                continue;
            }
            let known = before.remove(&id);
            let wait = Wait::listed(conversation, since, known.as_ref());
            if known.is_none_or(|known| known.last_at < wait.last_at) {
                arrived.push(id);
            }
            self.insert(id, wait);
        }
        self.listed_seq = Some(seq);
        // Those who wait when a person signs in are on the screen; they are not news.
        let is_first = !std::mem::replace(&mut self.has_list, true);
        // Where the connection was long gone, one notification says what waits.
        if !is_first && !self.link.was_signalled {
            self.deserve_all(&arrived, now, signals);
        }
        self.say_back(now, signals);
    }

    fn insert(&mut self, id: Id, wait: Wait) {
        if self.waits.len() < MAX_WAITS || self.waits.contains_key(&id) {
            self.repeats_from = self.repeats_from.min(wait.since + AMBER);
            self.waits.insert(id, wait);
        }
    }

    fn connection(&mut self, connection: Connection, now: i64, signals: &mut Vec<Signal>) {
        let status = match connection {
            Connection::Connected | Connection::Resync => Status::Connected,
            Connection::Lost => Status::Offline,
            Connection::SignedOut => Status::SignedOut,
        };
        let before = std::mem::replace(&mut self.link.status, status);
        if status == Status::SignedOut {
            // Nobody here may see any of it any more.
            self.waits.clear();
            self.undelivered.clear();
            self.started.clear();
            self.held.clear();
            self.has_list = false;
        }
        if status == Status::Connected {
            self.link.signal_at = None;
            if connection == Connection::Resync {
                // Another database may count from another number.
                self.listed_seq = None;
                self.changed.clear();
            }
            let held: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
            if !self.link.was_signalled {
                self.deserve_all(&held, now, signals);
            } else if connection == Connection::Connected && self.has_list {
                // Otherwise it is said when the list has been read.
                self.say_back(now, signals);
            }
        } else if before != status && (before == Status::Connected || status == Status::SignedOut) {
            self.link.signal_at = Some(now + OFFLINE_AFTER);
        }
    }

    /// The connection is back after a notification said that it was gone: says what waits.
    fn say_back(&mut self, now: i64, signals: &mut Vec<Signal>) {
        if self.link.status != Status::Connected || !std::mem::take(&mut self.link.was_signalled) {
            return;
        }
        if self.silent_pause(now).is_some() {
            return;
        }
        let signal = self.about_all(SignalKind::Back, now);
        self.signalled_all(now);
        signals.push(signal);
    }

    fn link_due(&self, now: i64) -> Option<i64> {
        let due = self.link.signal_at?;
        match self.silent_pause(now) {
            Some(Pause { until }) => Some(due.max(until?)),
            None => Some(due),
        }
    }

    /// A pause in which not even waits past red sound. In any other, the person counts on those sounds: they are told
    /// when there can be none.
    fn silent_pause(&self, now: i64) -> Option<Pause> {
        self.pause(now).filter(|_| !self.preferences.sound_past_red_in_pause)
    }

    fn pause_ends(&self, now: i64) -> Option<i64> {
        self.pause(now)?.until
    }

    /// Signals what is due.
    fn due(&mut self, now: i64, signals: &mut Vec<Signal>) {
        if self.pause.is_some() && self.pause(now).is_none() {
            self.pause = None;
            self.repeats_from = i64::MIN;
        }
        self.started_due(now, signals);
        if self.link_due(now).is_some_and(|due| due <= now) {
            let kind = match self.link.status {
                Status::SignedOut => SignalKind::SignedOut,
                _ => SignalKind::Offline,
            };
            self.link.was_signalled = kind == SignalKind::Offline;
            self.link.signal_at = Some(now + OFFLINE_EVERY);
            let sound = self.has_sound();
            // No guest can be seen to wait: that is as urgent as one who has waited too long.
            let (about, count, urgent, notify) = (None, 0, true, true);
            signals.push(Signal { kind, about, count, urgent, notify, sound });
        }
        // Without a connection nobody knows whether a guest still waits.
        if self.link.status == Status::Connected {
            if self.repeats_from <= now {
                self.repeats(now, signals);
            }
            self.undelivered_repeats(now, signals);
        }
    }

    fn has_sound(&self) -> bool {
        self.preferences.sound != Sound::None
    }
}

#[cfg(test)]
mod tests;
