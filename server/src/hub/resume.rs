//! Catching up: from `resuming`, through the replay, to live.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use axum::extract::ws::Utf8Bytes;

use crate::{
    chat::{Event, EventKind, Staff},
    protocol::{Acknowledgment, CommandError, Frame, Id, Resume, Timestamp},
};

use super::{Connection, Hub, Outgoing, encode, lock, subscribers::in_tree};

/// Bytes that a subscription takes in a [`Replay`] at most.
pub(super) const SUBSCRIPTION_BYTES: usize = in_tree(size_of::<(Id, i64)>());

/// A replay that a connection asked for, and how far it has come.
#[derive(Debug)]
pub struct Replay {
    /// The newest event that the client has.
    pub after_seq: i64,
    /// What the client is subscribed to as far as it has been told (the hub is ahead of it), and after which event
    /// that begins: for what was there at the beginning of the replay, the one that the client had.
    pub subscriptions: BTreeMap<Id, i64>,
    /// What was there at the beginning.
    pub begun: Begun,
    /// Conversations it named and may not access: said again at the end.
    pub denied: Vec<Id>,
    /// Which of the connection's `resume`s asked for it.
    pub resume: u64,
}

impl Replay {
    /// Bytes that it refers to.
    pub(super) fn size_bytes(&self) -> usize {
        self.subscriptions.len() * SUBSCRIPTION_BYTES + self.denied.capacity() * size_of::<Id>()
    }

    /// An acknowledgment has told the client that it is subscribed to what comes after the event in
    /// `since`, or no longer.
    pub fn subscription(&mut self, conversation_id: Id, since: Option<i64>) {
        match since {
            // Repeating changes nothing.
            Some(since) => {
                self.subscriptions.entry(conversation_id).or_insert(since);
            }
            None => {
                self.subscriptions.remove(&conversation_id);
            }
        }
    }

    /// The frame of an event for this person, and what follows for what comes after it. Returns `None`
    /// if it does not concern them any more.
    pub fn tell(&mut self, event: &Event, staff: &Staff) -> Option<Utf8Bytes> {
        let told_after = self.subscriptions.get(&event.conversation_id).copied();
        let is_told = told_after.is_some_and(|seq| event.seq > seq);
        if !is_told && !staff.is_in(event.department_id) {
            return None;
        }
        if let EventKind::Transferred { to_department_id, .. } = &event.kind
            && told_after.is_some_and(|seq| event.seq > self.begun.stands_after(seq))
            && !staff.is_in(*to_department_id)
        {
            self.subscriptions.remove(&event.conversation_id);
        }
        // In the person's own department its form is the one that the client waits for by now.
        Some(encode(&event.frame(told_after.is_some())))
    }
}

/// Where the subscriptions begin that were there when a replay began.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Events of other departments are told after this one, the newest that the client had.
    pub told_after: i64,
    /// A transfer after this event ends them, as it does for those who are live. One before it had happened
    /// when the client asked.
    pub stands_after: i64,
}

impl Begun {
    /// After which event a transfer ends a subscription that is told after `told_after`.
    const fn stands_after(self, told_after: i64) -> i64 {
        // A subscription that was added later begins after what had happened then: not before `stands_after`.
        if told_after == self.told_after { self.stands_after } else { told_after }
    }
}

impl Hub {
    /// Starts telling a connection what it missed: subscribes it, has live events wait, and answers
    /// `resuming`. A client that asks for no past events, or for some that are not kept any more, gets
    /// the closing acknowledgment at once.
    ///
    /// # Errors
    /// [`CommandError::InvalidField`]: it would be subscribed to more conversations than it may be.
    /// Nothing has changed.
    pub fn resume(
        &self,
        connection: &Arc<Connection>,
        epoch: &str,
        resume: &Resume,
        subscribe: &[Id],
        denied: Vec<Id>,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let mut properties = lock(&self.properties);
        let property = properties.entry(connection.staff.property.id).or_default();
        if !property.subscribe(connection, subscribe) {
            return Err(CommandError::InvalidField("conversation_ids"));
        }
        connection.send(&Frame::Acknowledgment(Acknowledgment::Resuming { timestamp: now }));
        let number = connection.resumes.fetch_add(1, Ordering::Relaxed) + 1;
        if connection.replaying.swap(false, Ordering::Relaxed) {
            connection.queue.push(Outgoing::Live);
        }
        let Some(after_seq) = resume.last_seq else {
            let resumed = property.resumed(connection, epoch, denied, now);
            connection.send(&Frame::Acknowledgment(Acknowledgment::Resumed(resumed)));
            return Ok(());
        };
        let known = resume.epoch.as_deref() == Some(epoch)
            && (property.pruned_seq..=property.published_seq).contains(&after_seq);
        if known {
            connection.replaying.store(true, Ordering::Relaxed);
            let begun = Begun { told_after: after_seq, stands_after: property.published_seq };
            let subscriptions =
                lock(&connection.subscriptions).iter().map(|id| (*id, after_seq)).collect();
            let replay = Replay { after_seq, subscriptions, begun, denied, resume: number };
            connection.queue.push(Outgoing::Replay(replay));
        } else {
            let resumed = property.resumed(connection, epoch, denied, now);
            connection.send(&Frame::Acknowledgment(Acknowledgment::ResyncRequired(resumed)));
        }
        Ok(())
    }

    /// The newest event of the connection's property that was told: so far its replay has to come.
    #[must_use]
    pub fn published_seq(&self, connection: &Connection) -> i64 {
        let properties = lock(&self.properties);
        properties.get(&connection.staff.property.id).map_or(0, |property| property.published_seq)
    }

    /// Goes live with `resync_required`: events that the client does not have are no longer kept.
    /// Returns whether it did: a replay that a later `resume` has replaced ends nothing.
    pub fn resync(
        &self,
        connection: &Connection,
        epoch: &str,
        replay: &Replay,
        now: Timestamp,
    ) -> bool {
        let properties = lock(&self.properties);
        let Some(property) = properties.get(&connection.staff.property.id) else { return false };
        if !connection.waits_for(replay) {
            return false;
        }
        connection.replaying.store(false, Ordering::Relaxed);
        let resumed = property.resumed(connection, epoch, replay.denied.clone(), now);
        connection.send(&Frame::Acknowledgment(Acknowledgment::ResyncRequired(resumed)));
        true
    }

    /// Goes live if nothing was told since the replay's place: answers `resumed`. Returns whether it
    /// did: a replay that a later `resume` has replaced ends nothing.
    pub fn go_live(
        &self,
        connection: &Connection,
        epoch: &str,
        replay: &Replay,
        now: Timestamp,
    ) -> bool {
        let properties = lock(&self.properties);
        let Some(property) = properties.get(&connection.staff.property.id) else { return false };
        if property.published_seq > replay.after_seq || !connection.waits_for(replay) {
            return false;
        }
        connection.replaying.store(false, Ordering::Relaxed);
        let resumed = property.resumed(connection, epoch, replay.denied.clone(), now);
        connection.send(&Frame::Acknowledgment(Acknowledgment::Resumed(resumed)));
        true
    }
}
