//! One client's side of the protocol, without a socket: what comes in, and what has to go out.
//!
//! It lives as long as the sign-in. Sockets come and go beneath it; `resume` closes the gaps between them,
//! and each durable event passes exactly once, by its `seq`.

use std::collections::{BTreeMap, BTreeSet};

use frontdesk_server::protocol::{
    Acknowledgment, Command, Frame, Id, OnlinePerson, RESUME_MAX_CONVERSATIONS, Resume, Resumed,
    Timestamp, UserStatusType,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    pace::Pace,
    pending::{Answer, Pending},
    push::{ConnectionState, Push},
    received::{self, Received},
};
use crate::{
    error::{Error, Result},
    outbox::{Keeping, Kept, Outbox, Text},
};

/// A point in the server's history: everything up to it is known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Position {
    /// The life of the database.
    pub(crate) epoch: String,
    /// The newest event.
    pub(crate) seq: i64,
}

/// What the link wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Write this frame to the socket.
    Send(String),
    /// Tell the window.
    Push(Push),
    /// An event for the attention rule; a durable one that was not seen before.
    Event(Box<Frame>),
    /// The past is told, up to this time of the server's.
    CaughtUp(Timestamp),
    /// The past cannot be told. What began since the time of the last [`Effect::CaughtUp`] is news.
    Lost(Timestamp),
    /// Something is overdue: see whether the server is still there.
    Ask,
    /// The server could not say where this client stands, or owes an answer: try on a new socket.
    Reconnect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No socket.
    Down,
    /// `resume` went out; durable frames from now to `resuming` come again in the replay.
    Asking,
    /// The replay runs.
    Replaying,
    /// Nothing is missing.
    Live,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Link {
    phase: Phase,
    epoch: Option<String>,
    last_seq: Option<i64>,
    /// The lists have to be read again although the server can tell what was missed.
    reread: bool,
    /// What the window has subscribed to.
    subscribed: BTreeSet<Id>,
    /// What is subscribed to beside that, so that typing colleagues are noticed.
    followed: BTreeSet<Id>,
    /// The part of it that the server has been asked for.
    following: BTreeSet<Id>,
    /// What the last `resume` named.
    named: BTreeSet<Id>,
    online: BTreeMap<Id, OnlinePerson>,
    /// The server's time at the last `resumed`.
    caught_up_at: Timestamp,
    outbox: Outbox,
    pending: Pending,
    pace: Pace,
    /// When a text that had to be held back may go.
    paced_until: Option<Instant>,
    /// The interface does not know the outbox as it is now.
    outbox_changed: bool,
    effects: Vec<Effect>,
}

impl Link {
    /// `from`: where the window has read the lists. Without it they are read once the connection is there.
    pub(crate) fn new(outbox: Outbox, from: Option<Position>, now: Instant) -> Self {
        let reread = from.is_none();
        let (epoch, last_seq) = from.map(|from| (from.epoch, from.seq)).unzip();
        Self {
            phase: Phase::Down,
            epoch,
            last_seq,
            reread,
            subscribed: BTreeSet::new(),
            followed: BTreeSet::new(),
            following: BTreeSet::new(),
            named: BTreeSet::new(),
            online: BTreeMap::new(),
            caught_up_at: Timestamp::default(),
            outbox,
            pending: Pending::default(),
            pace: Pace::new(now),
            paced_until: None,
            outbox_changed: true,
            effects: Vec::new(),
        }
    }

    /// What has to be done since the last call, in order.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        // Last: a text leaves the outbox after its acknowledgment was shown.
        if std::mem::take(&mut self.outbox_changed) {
            let (texts, kept) = (self.outbox.texts(), self.outbox.keeping());
            self.effects.push(Effect::Push(Push::Outbox { texts, kept }));
        }
        std::mem::take(&mut self.effects)
    }

    /// Texts that have to be written down before any effect is carried out.
    pub(crate) fn take_unsaved(&mut self) -> Option<Vec<Kept>> {
        self.outbox.take_unsaved()
    }

    /// It was tried to write them down.
    pub(crate) fn set_keeping(&mut self, keeping: Keeping) {
        self.outbox_changed |= self.outbox.set_keeping(keeping);
    }

    /// Whether nothing is missing.
    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// A socket is open: ask for what was missed.
    pub(crate) fn opened(&mut self) {
        self.phase = Phase::Asking;
        self.named.clone_from(&self.subscribed);
        self.named.extend(&self.followed);
        self.following.clone_from(&self.followed);
        self.send(&Command::Resume(Resume {
            epoch: self.epoch.clone(),
            last_seq: self.last_seq,
            conversation_ids: self.named.iter().copied().collect(),
        }));
    }

    /// The socket is gone. `departments_changed`: the server closed it for that reason, and the past of
    /// departments that are new to the person is in no replay.
    pub(crate) fn closed(&mut self, departments_changed: bool) {
        self.phase = Phase::Down;
        self.reread |= departments_changed;
        self.pending.connection_lost();
        self.outbox.connection_lost();
        self.outbox_changed = true;
    }

    /// A frame from the server.
    pub(crate) fn frame(&mut self, text: &str, now: Instant) {
        let frame = match received::read(text) {
            Some(Received::Known(frame)) => frame,
            Some(Received::Unknown { seq }) => {
                if seq.is_none() || self.admits(seq) {
                    self.push_frame(text);
                }
                return;
            }
            None => return tracing::warn!("the server sent something that is not a frame"),
        };
        match &*frame {
            Frame::Acknowledgment(acknowledgment) => {
                self.push_frame(text);
                self.acknowledged(acknowledgment, now);
                if matches!(acknowledgment, Acknowledgment::Received { .. }) {
                    self.effects.push(Effect::Event(frame));
                }
                self.pump(now);
            }
            Frame::Error(refusal) => {
                self.push_frame(text);
                self.refused(refusal, now);
                self.pump(now);
            }
            Frame::UserStatus { data } => {
                let person = OnlinePerson {
                    user_id: data.user_id,
                    user_name: data.user_name.clone(),
                    department: data.department.clone(),
                };
                match data.status.known() {
                    Some(UserStatusType::UserConnected) => {
                        self.online.insert(data.user_id, person);
                    }
                    Some(UserStatusType::UserDisconnected) => {
                        self.online.remove(&data.user_id);
                    }
                    None => {}
                }
                self.push_frame(text);
            }
            Frame::Property { .. } => self.push_frame(text),
            Frame::Typing { .. } => {
                self.push_frame(text);
                self.effects.push(Effect::Event(frame));
            }
            Frame::Message { seq, .. }
            | Frame::NewConversation { seq, .. }
            | Frame::ConversationUpdate { seq, .. } => {
                if self.admits(*seq) {
                    self.push_frame(text);
                    self.effects.push(Effect::Event(frame));
                }
            }
        }
    }

    /// Queues a text of a new `client_id`.
    pub(crate) fn send_text(&mut self, text: Text, now: Instant) -> Result<()> {
        self.outbox.add(Text { epoch: self.epoch.clone(), ..text }, now)?;
        self.outbox_changed = true;
        self.pump(now);
        Ok(())
    }

    /// Queues a refused text again.
    pub(crate) fn retry_text(&mut self, client_id: &str, now: Instant) {
        self.outbox.retry(client_id, self.epoch.as_deref());
        self.outbox_changed = true;
        self.pump(now);
    }

    /// Takes a text back that the server cannot have.
    pub(crate) fn withdraw_text(&mut self, client_id: &str) -> Result<()> {
        self.outbox.withdraw(client_id)?;
        self.outbox_changed = true;
        Ok(())
    }

    /// Carries out a command other than a text, and answers when the server has.
    pub(crate) fn command(&mut self, command: Command, answer: Answer, now: Instant) {
        let about = match &command {
            Command::Typing { conversation_id, .. } => {
                // Old news is worth nothing: it goes now or never.
                if self.is_live() {
                    self.send(&command);
                    let about = *conversation_id;
                    self.pending.typed(command, about, now);
                }
                let _ = answer.send(Ok(None));
                return;
            }
            Command::SubscribeConversation { conversation_id } => {
                let known = self.subscribed.contains(conversation_id);
                if !known && self.subscribed.len() >= RESUME_MAX_CONVERSATIONS {
                    let full = Error::new("busy", "Too many conversations are open.");
                    let _ = answer.send(Err(full));
                    return;
                }
                self.subscribed.insert(*conversation_id);
                *conversation_id
            }
            Command::UnsubscribeConversation { conversation_id } => {
                self.subscribed.remove(conversation_id);
                if self.following.contains(conversation_id) {
                    let _ = answer.send(Ok(None));
                    return;
                }
                *conversation_id
            }
            Command::MarkRead { conversation_id, .. }
            | Command::CloseConversation { conversation_id } => *conversation_id,
            Command::Text { .. } | Command::Resume(_) => {
                let _ = answer.send(Err(Error::internal("not a command of the window")));
                return;
            }
        };
        let is_subscription = matches!(
            command,
            Command::SubscribeConversation { .. } | Command::UnsubscribeConversation { .. }
        );
        if is_subscription && !self.is_live() {
            // The next `resume` says it, or what follows the one that is under way.
            let _ = answer.send(Ok(None));
            return;
        }
        self.pending.add(command, about, Some(answer), now);
        self.pump(now);
    }

    /// The conversation on the screen. With a connection the window says by commands what it follows;
    /// without one, only this is followed after the next.
    pub(crate) fn set_open(&mut self, conversation_id: Option<Id>) {
        if !self.is_live() {
            self.subscribed = conversation_id.into_iter().collect();
        }
    }

    /// What to subscribe to beside the window's own subscriptions.
    pub(crate) fn set_followed(&mut self, followed: BTreeSet<Id>, now: Instant) {
        self.followed = followed;
        self.pump(now);
    }

    /// Does what is due at `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.pending.expire(now, self.is_live()) {
            self.effects.push(Effect::Reconnect);
        }
        if self.outbox.mark_overdue(now) {
            self.outbox_changed = true;
            self.effects.push(Effect::Ask);
        }
        self.pump(now);
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        [self.pending.next_expiry(), self.outbox.next_overdue(), self.paced_until]
            .into_iter()
            .flatten()
            .min()
    }

    /// Tells a window that was reloaded where things stand.
    pub(crate) fn tell_all(&mut self) {
        self.outbox_changed = true;
        if !self.is_live() {
            // What is told from the next connection on is not all that it has missed.
            self.reread = true;
            return;
        }
        let connected = Push::Connection { connection: ConnectionState::Connected };
        self.effects.push(Effect::Push(connected));
        // As if it had just been connected: from here on events are told, and the past is in the lists.
        let resumed = Frame::Acknowledgment(Acknowledgment::Resumed(Resumed {
            epoch: self.epoch.clone().unwrap_or_default(),
            seq: self.last_seq.unwrap_or_default(),
            timestamp: self.caught_up_at,
            online: self.online.values().cloned().collect(),
            denied: Vec::new(),
        }));
        match serde_json::to_string(&resumed) {
            Ok(frame) => self.push_frame(&frame),
            Err(error) => tracing::error!(%error, "a frame cannot be written"),
        }
        self.effects.push(Effect::Push(Push::Resync));
    }

    /// Whether a durable frame is news.
    fn admits(&mut self, seq: Option<i64>) -> bool {
        if self.phase == Phase::Asking {
            return false;
        }
        // Without a number it cannot be told apart; the original protocol has none.
        let Some(seq) = seq else { return true };
        if self.last_seq.is_some_and(|last| seq <= last) {
            return false;
        }
        self.last_seq = Some(seq);
        true
    }

    /// Hands over what may go.
    fn pump(&mut self, now: Instant) {
        self.paced_until = None;
        if self.phase != Phase::Live {
            return;
        }
        let follows_at = self.follow(now);
        while let Some(command) = self.pending.next() {
            self.send(&command);
        }
        self.paced_until = follows_at;
        while let Some(text) = self.outbox.next().cloned() {
            if let Err(later) = self.pace.take(now) {
                self.paced_until = Some(follows_at.map_or(later, |at| at.min(later)));
                return;
            }
            self.outbox.handed_over(&text.client_id, now);
            self.outbox_changed = true;
            self.send(&Command::Text {
                conversation_id: text.conversation_id,
                content: text.content,
                client_id: Some(text.client_id),
            });
        }
    }

    fn send(&mut self, command: &Command) {
        match serde_json::to_string(command) {
            Ok(frame) => self.effects.push(Effect::Send(frame)),
            Err(error) => tracing::error!(%error, "a command cannot be written"),
        }
    }

    fn push_frame(&mut self, text: &str) {
        match RawValue::from_string(text.to_owned()) {
            Ok(frame) => self.effects.push(Effect::Push(Push::Frame { frame })),
            Err(error) => tracing::error!(%error, "a frame cannot be passed on"),
        }
    }
}

mod answers;
mod follow;

#[cfg(test)]
mod tests;
