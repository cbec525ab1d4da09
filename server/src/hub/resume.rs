//! Catching up: from `resuming`, through the replay, to live.

use std::sync::{Arc, atomic::Ordering};

use crate::protocol::{Acknowledgment, CommandError, Frame, Id, Resume, Timestamp};

use super::{Connection, Hub, Outgoing, Replay, lock};

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
            let replay = Replay { after_seq, denied, resume: number };
            connection.queue.push(Outgoing::Replay(replay));
        } else {
            let resumed = property.resumed(connection, epoch, denied, now);
            connection.send(&Frame::Acknowledgment(Acknowledgment::ResyncRequired(resumed)));
        }
        Ok(())
    }

    /// The newest event of the connection's property that was told, and the conversations that the
    /// connection is subscribed to: the bounds of the next page of its replay.
    #[must_use]
    pub fn replay_bounds(&self, connection: &Connection) -> (i64, Vec<Id>) {
        let properties = lock(&self.properties);
        let Some(property) = properties.get(&connection.staff.property.id) else {
            return (0, Vec::new());
        };
        (property.published_seq, lock(&connection.subscriptions).iter().copied().collect())
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
