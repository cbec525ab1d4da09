//! One WebSocket, as the hub knows it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;

use crate::{
    chat::Staff,
    protocol::{Acknowledgment, Frame, Id, Timestamp},
};

use super::{Outgoing, Queue, Replay, backlog::Backlog};

/// One WebSocket of a staff member.
#[derive(Debug)]
pub struct Connection {
    /// Unique while the server runs.
    pub id: u64,
    /// Who.
    pub staff: Arc<Staff>,
    /// The session that let them in.
    pub session_id: Id,
    /// When that session ends, in milliseconds.
    pub(super) expires_at_ms: AtomicI64,
    /// What waits for it.
    pub queue: Queue,
    /// Durable events come from the replay, not live.
    pub(super) replaying: AtomicBool,
    /// How many times it has asked to resume: only the last one counts.
    pub(super) resumes: AtomicU64,
    /// The conversations it is subscribed to; touched only with the hub's lock held.
    pub(super) subscriptions: Mutex<BTreeSet<Id>>,
}

impl Connection {
    pub(super) fn new(
        id: u64,
        staff: Arc<Staff>,
        (session_id, expires_at): (Id, Timestamp),
        backlog: Backlog,
    ) -> Self {
        Self {
            id,
            staff,
            session_id,
            expires_at_ms: AtomicI64::new(expires_at.as_millis()),
            queue: Queue::new(backlog),
            replaying: AtomicBool::new(false),
            resumes: AtomicU64::new(0),
            subscriptions: Mutex::default(),
        }
    }

    /// Queues one frame.
    pub fn send(&self, frame: &Frame) {
        self.queue.push(Outgoing::Frame(encode(frame)));
    }

    /// Whether events reach it as they happen, rather than through a replay.
    pub(super) fn is_live(&self) -> bool {
        !self.replaying.load(Ordering::Relaxed)
    }

    /// Whether it has ever asked to resume, and so takes frames that older clients do not know.
    pub(super) fn has_resumed(&self) -> bool {
        self.resumes.load(Ordering::Relaxed) > 0
    }

    /// Acknowledges that a subscription has begun after the event in `since`, or ended, at one place of
    /// the queue with what that means for a replay.
    pub(super) fn acknowledge_subscription(
        &self,
        acknowledgment: Acknowledgment,
        conversation_id: Id,
        since: Option<i64>,
    ) {
        let acknowledgment = encode(&Frame::Acknowledgment(acknowledgment));
        self.queue.push(Outgoing::Subscription { acknowledgment, conversation_id, since });
    }

    /// Whether this is the replay that it waits for, rather than one before a later `resume`.
    pub(super) fn waits_for(&self, replay: &Replay) -> bool {
        !self.is_live() && self.resumes.load(Ordering::Relaxed) == replay.resume
    }
}

/// A frame as the bytes that every receiver shares.
#[must_use]
pub fn encode(frame: &Frame) -> Utf8Bytes {
    // Serializing a `Frame` cannot fail; an empty object would show if it did.
    serde_json::to_string(frame).unwrap_or_else(|_| "{}".to_owned()).into()
}
