//! Catching up: from `resuming`, through the replay, to live.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use axum::extract::ws::Utf8Bytes;

use crate::{
    chat::{Event, EventKind, Staff},
    protocol::{Acknowledgment, CommandError, Frame, Id, Resume, Timestamp},
};

use super::{Connection, Hub, Outgoing, encode, lock};

/// A replay that a connection asked for, and how far it has come.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The newest event that the client has.
    pub after_seq: i64,
    /// The newest event at its beginning. A transfer after it ends a subscription, as it does for those
    /// who are live; one before it was there when the client asked.
    pub began_seq: i64,
    /// What the client is subscribed to as far as it has been told. The hub is ahead of it.
    pub subscriptions: BTreeSet<Id>,
    /// Conversations it named and may not access: said again at the end.
    pub denied: Vec<Id>,
    /// Which of the connection's `resume`s asked for it.
    pub resume: u64,
}

impl Replay {
    /// An acknowledgment has told the client that it is subscribed, or no longer.
    pub fn subscription(&mut self, conversation_id: Id, wanted: bool) {
        if wanted {
            self.subscriptions.insert(conversation_id);
        } else {
            self.subscriptions.remove(&conversation_id);
        }
    }

    /// The frame of an event for this person, and what follows for what comes after it. Returns `None`
    /// if it does not concern them any more.
    pub fn tell(&mut self, event: &Event, staff: &Staff) -> Option<Utf8Bytes> {
        let subscribed = self.subscriptions.contains(&event.conversation_id);
        if !subscribed && !staff.is_in(event.department_id) {
            return None;
        }
        if let EventKind::Transferred { to_department_id, .. } = &event.kind
            && event.seq > self.began_seq
            && !staff.is_in(*to_department_id)
        {
            self.subscriptions.remove(&event.conversation_id);
        }
        Some(encode(&event.frame(subscribed)))
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
            let replay = Replay {
                after_seq,
                began_seq: property.published_seq,
                subscriptions: lock(&connection.subscriptions).clone(),
                denied,
                resume: number,
            };
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
