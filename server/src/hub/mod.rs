//! Who is connected, to which groups, and what reaches them.
//!
//! Groups live inside a property. Only the publisher changes subscriptions and tells durable events,
//! in commit order; connections come and go on their own.

mod presence;
mod property;
mod queue;
#[cfg(test)]
mod tests;
mod waking;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;

use crate::{
    chat::{Event, EventKind, Gone, Staff},
    protocol::{Acknowledgment, Frame, Id, PersonType, Timestamp, Typing},
};

use property::{Connections, Property};
pub use queue::{Outgoing, Queue, Replay};
pub use waking::Waking;

/// Takes a lock; the data behind it is consistent also after a panic elsewhere, as every change of
/// it is a single step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why the server ends a connection (contract 1.1, 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1001: the server stops.
    GoingAway,
    /// 1003: a binary frame.
    Unsupported,
    /// 1007: bytes that are not UTF-8.
    InvalidText,
    /// 1008: it went on although it was told to slow down.
    Policy,
    /// 1009: a frame over the limit.
    TooBig,
    /// 1013: it read too slowly.
    TooSlow,
    /// 4401: its session ended.
    SessionEnded,
    /// 4403: the person's departments changed.
    DepartmentsChanged,
}

impl CloseCode {
    /// The number on the wire and a word for people who read logs.
    #[must_use]
    pub const fn on_the_wire(self) -> (u16, &'static str) {
        match self {
            Self::GoingAway => (1001, "server is stopping"),
            Self::Unsupported => (1003, "text frames only"),
            Self::InvalidText => (1007, "not UTF-8"),
            Self::Policy => (1008, "too many messages"),
            Self::TooBig => (1009, "frame is too big"),
            Self::TooSlow => (1013, "reader is too slow"),
            Self::SessionEnded => (4401, "session ended"),
            Self::DepartmentsChanged => (4403, "departments changed"),
        }
    }
}

/// What a committed change means for live connections, beside its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These sessions ended: their connections close with 4401.
    EndSessions(Vec<Id>),
    /// All sessions of this staff member ended: 4401.
    EndStaff(Id),
    /// This staff member's departments changed, or what else decides whether they may connect: 4403.
    DepartmentsChanged(Id),
    /// Events up to `seq` are no longer kept.
    Pruned { property_id: Id, seq: i64 },
    /// These conversations are gone, and every event up to the last of their ends.
    Erased { property_id: Id, conversations: Vec<Gone>, at: Timestamp },
}

/// One WebSocket of a staff member.
#[derive(Debug)]
pub struct Connection {
    /// Unique while the server runs.
    pub id: u64,
    /// Who.
    pub staff: Arc<Staff>,
    /// The session that let them in.
    pub session_id: Id,
    expires_at: AtomicI64,
    /// What waits for it.
    pub queue: Queue,
    /// Durable events come from the replay, not live.
    replaying: AtomicBool,
    /// The conversations it is subscribed to; touched only with the hub's lock held.
    subscriptions: Mutex<BTreeSet<Id>>,
}

impl Connection {
    /// Queues one frame.
    pub fn send(&self, frame: &Frame) {
        self.queue.push(Outgoing::Frame(encode(frame)));
    }

    /// Whether events reach it as they happen, rather than through a replay.
    fn is_live(&self) -> bool {
        !self.replaying.load(Ordering::Relaxed)
    }
}

/// A frame as the bytes that every receiver shares.
#[must_use]
pub fn encode(frame: &Frame) -> Utf8Bytes {
    // A `Frame` holds nothing that JSON cannot say, so this cannot fail; an empty object tells.
    serde_json::to_string(frame).unwrap_or_else(|_| "{}".to_owned()).into()
}

/// All connections of this server.
#[derive(Debug)]
pub struct Hub {
    properties: Mutex<HashMap<Id, Property>>,
    next_connection: AtomicU64,
    /// Counts account changes: a proof that was checked before the last one must be checked again.
    accounts: AtomicU64,
    grace: std::time::Duration,
}

impl Hub {
    /// A hub without connections. `seqs` has the newest and the newest no longer kept event of each
    /// property; `grace` is how long a person may be gone unnoticed.
    #[must_use]
    pub fn new(seqs: Vec<(Id, i64, i64)>, grace: std::time::Duration) -> Self {
        let properties = seqs
            .into_iter()
            .map(|(id, published_seq, pruned_seq)| {
                (id, Property { published_seq, pruned_seq, ..Property::default() })
            })
            .collect();
        Self {
            properties: Mutex::new(properties),
            next_connection: AtomicU64::new(1),
            accounts: AtomicU64::new(0),
            grace,
        }
    }

    /// How many account changes there were: read it before checking a proof, and give it to
    /// [`Hub::join`].
    #[must_use]
    pub fn account_changes(&self) -> u64 {
        self.accounts.load(Ordering::SeqCst)
    }

    /// Lets a person in. `None`: accounts have changed since `account_changes` was read, so the
    /// proof must be checked again.
    pub fn join(
        self: &Arc<Self>,
        staff: Arc<Staff>,
        (session_id, expires_at): (Id, Timestamp),
        account_changes: u64,
    ) -> Option<Arc<Connection>> {
        let mut properties = lock(&self.properties);
        if account_changes != self.account_changes() {
            return None;
        }
        let connection = Arc::new(Connection {
            id: self.next_connection.fetch_add(1, Ordering::Relaxed),
            staff,
            session_id,
            expires_at: AtomicI64::new(expires_at.as_millis()),
            queue: Queue::default(),
            replaying: AtomicBool::new(false),
            subscriptions: Mutex::default(),
        });
        let property = properties.entry(connection.staff.property.id).or_default();
        property.connections.insert(connection.id, Arc::clone(&connection));
        for department in &connection.staff.departments {
            property
                .departments
                .entry(department.id)
                .or_default()
                .insert(connection.id, Arc::clone(&connection));
        }
        property.arrived(&connection.staff);
        Some(connection)
    }

    /// A connection is gone.
    pub fn leave(self: &Arc<Self>, connection: &Connection) {
        let mut properties = lock(&self.properties);
        let Some(property) = properties.get_mut(&connection.staff.property.id) else { return };
        property.remove(connection);
        let left = property.departed(connection.staff.id);
        drop(properties);
        if let Some(visit) = left {
            self.announce_departure(connection, visit);
        }
    }

    /// After the grace, colleagues hear that the person is gone, unless they came back.
    fn announce_departure(self: &Arc<Self>, connection: &Connection, visit: u64) {
        let hub = Arc::clone(self);
        let staff = Arc::clone(&connection.staff);
        tokio::spawn(async move {
            tokio::time::sleep(hub.grace).await;
            let mut properties = lock(&hub.properties);
            if let Some(property) = properties.get_mut(&staff.property.id) {
                property.stayed_away(&staff, visit);
            }
        });
    }

    /// A connection wants (or no longer wants) a conversation's events; the acknowledgment follows
    /// from the same place, so that it is the moment from which they come.
    pub fn subscribe(&self, connection: &Arc<Connection>, conversation_id: Id, wanted: bool) {
        let mut properties = lock(&self.properties);
        let Some(property) = properties.get_mut(&connection.staff.property.id) else { return };
        if wanted {
            property.subscribe(connection, conversation_id);
        } else {
            property.unsubscribe(connection, conversation_id);
        }
    }

    /// Tells one event: each frame is serialised once, each receiver's queue gets one. The receivers
    /// read it once they are woken.
    pub fn publish(&self, event: &Event, waking: &mut Waking) {
        let mut properties = lock(&self.properties);
        let property = properties.entry(event.property_id).or_default();
        property.published_seq = event.seq;
        let nobody = Connections::new();
        let subscribers = property.conversations.get(&event.conversation_id).unwrap_or(&nobody);
        let department = property.departments.get(&event.department_id).unwrap_or(&nobody);
        let mut frames: [Option<Utf8Bytes>; 2] = [None, None];
        let [plain, to_subscribers] = &mut frames;
        let mut tell = |connection: &Arc<Connection>, subscribed: bool| {
            if !connection.is_live() {
                return;
            }
            let frame = if subscribed && event.differs_for_subscribers() {
                to_subscribers.get_or_insert_with(|| encode(&event.frame(true)))
            } else {
                plain.get_or_insert_with(|| encode(&event.frame(false)))
            };
            if connection.queue.push_asleep(Outgoing::Frame(frame.clone())) {
                waking.add(connection);
            }
        };
        for (id, connection) in department {
            tell(connection, subscribers.contains_key(id));
        }
        for (id, connection) in subscribers {
            if !department.contains_key(id) {
                tell(connection, true);
            }
        }
        if let EventKind::Transferred { to_department_id, .. } = &event.kind {
            property.keep_subscribers_in(event.conversation_id, *to_department_id);
        }
    }

    /// Tells the other subscribers that a staff member types.
    pub fn typing(&self, typist: &Connection, conversation_id: Id, is_typing: bool) {
        let properties = lock(&self.properties);
        let subscribers = properties
            .get(&typist.staff.property.id)
            .and_then(|property| property.conversations.get(&conversation_id));
        let Some(subscribers) = subscribers else { return };
        let frame = encode(&Frame::Typing {
            data: Typing {
                conversation_id,
                user_id: Some(typist.staff.id),
                user_name: typist.staff.name.clone(),
                is_typing,
                sender_type: Some(PersonType::Staff),
            },
        });
        for connection in subscribers.values() {
            if connection.staff.id != typist.staff.id && connection.is_live() {
                connection.queue.push(Outgoing::Frame(frame.clone()));
            }
        }
    }

    /// Starts telling a connection what it missed: subscribes it, has live events wait, and answers
    /// `resuming`. A client that asks for no past events, and one that is beyond telling, get the
    /// closing acknowledgment at once.
    pub fn resume(
        &self,
        connection: &Arc<Connection>,
        epoch: &str,
        resume: &crate::protocol::Resume,
        subscribe: &[Id],
        denied: Vec<Id>,
        now: Timestamp,
    ) {
        let mut properties = lock(&self.properties);
        let property = properties.entry(connection.staff.property.id).or_default();
        for id in subscribe {
            property.subscribe(connection, *id);
        }
        connection.send(&Frame::Acknowledgment(Acknowledgment::Resuming { timestamp: now }));
        connection.replaying.store(false, Ordering::Relaxed);
        let Some(after_seq) = resume.last_seq else {
            let resumed = property.resumed(connection, epoch, denied, now);
            connection.send(&Frame::Acknowledgment(Acknowledgment::Resumed(resumed)));
            return;
        };
        let known = resume.epoch.as_deref() == Some(epoch)
            && (property.pruned_seq..=property.published_seq).contains(&after_seq);
        if known {
            connection.replaying.store(true, Ordering::Relaxed);
            connection.queue.push(Outgoing::Replay(Replay { after_seq, denied }));
        } else {
            let resumed = property.resumed(connection, epoch, denied, now);
            connection.send(&Frame::Acknowledgment(Acknowledgment::ResyncRequired(resumed)));
        }
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

    /// Goes live with `resync_required`: events that the client does not have were forgotten meanwhile.
    pub fn resync(&self, connection: &Connection, epoch: &str, denied: &[Id], now: Timestamp) {
        let properties = lock(&self.properties);
        let Some(property) = properties.get(&connection.staff.property.id) else { return };
        connection.replaying.store(false, Ordering::Relaxed);
        let resumed = property.resumed(connection, epoch, denied.to_vec(), now);
        connection.send(&Frame::Acknowledgment(Acknowledgment::ResyncRequired(resumed)));
    }

    /// Goes live if nothing was told since `seq`: answers `resumed` and returns whether it did.
    pub fn go_live(
        &self,
        connection: &Connection,
        epoch: &str,
        seq: i64,
        denied: &[Id],
        now: Timestamp,
    ) -> bool {
        let properties = lock(&self.properties);
        let Some(property) = properties.get(&connection.staff.property.id) else { return false };
        if property.published_seq > seq {
            return false;
        }
        connection.replaying.store(false, Ordering::Relaxed);
        let resumed = property.resumed(connection, epoch, denied.to_vec(), now);
        connection.send(&Frame::Acknowledgment(Acknowledgment::Resumed(resumed)));
        true
    }

    /// Carries out what a committed change means for live connections.
    pub fn apply(&self, effect: &Effect) {
        use CloseCode::{DepartmentsChanged, SessionEnded};
        match effect {
            Effect::EndSessions(ids) => {
                self.end(SessionEnded, &|each| ids.contains(&each.session_id));
            }
            Effect::EndStaff(id) => self.end(SessionEnded, &|each| each.staff.id == *id),
            Effect::DepartmentsChanged(id) => {
                self.end(DepartmentsChanged, &|each| each.staff.id == *id);
            }
            Effect::Pruned { property_id, seq } => {
                lock(&self.properties).entry(*property_id).or_default().pruned_seq = *seq;
            }
            Effect::Erased { property_id, conversations, at } => {
                self.erase(*property_id, conversations, *at);
            }
        }
    }

    /// Closes the connections of accounts that changed; who is being let in is checked again.
    fn end(&self, code: CloseCode, whom: &dyn Fn(&Connection) -> bool) {
        self.accounts.fetch_add(1, Ordering::SeqCst);
        for property in lock(&self.properties).values_mut() {
            property.close(code, whom);
        }
    }

    /// Tells whoever may see them that these conversations are gone, and lets nobody catch up from
    /// before that.
    fn erase(&self, property_id: Id, conversations: &[Gone], at: Timestamp) {
        let mut waking = Waking::default();
        for gone in conversations {
            self.publish(&Event::erased(gone, property_id, at), &mut waking);
        }
        while !waking.is_empty() {
            waking.wake_some();
        }
        let mut properties = lock(&self.properties);
        let property = properties.entry(property_id).or_default();
        for gone in conversations {
            property.pruned_seq = property.pruned_seq.max(gone.seq);
            let subscribers = property.conversations.get(&gone.id).cloned().unwrap_or_default();
            for connection in subscribers.values() {
                property.unsubscribe(connection, gone.id);
            }
        }
    }

    /// Closes the connections whose sessions have expired by now.
    pub fn expire(&self, now: Timestamp) {
        for property in lock(&self.properties).values_mut() {
            property.close(CloseCode::SessionEnded, &|each| {
                each.expires_at.load(Ordering::Relaxed) <= now.as_millis()
            });
        }
    }

    /// The sessions that have a connection now, each once; from here on they last until `expires_at`.
    pub fn extend_sessions(&self, expires_at: Timestamp) -> Vec<Id> {
        let mut sessions: Vec<Id> = lock(&self.properties)
            .values()
            .flat_map(|property| property.connections.values())
            .map(|connection| {
                connection.expires_at.store(expires_at.as_millis(), Ordering::Relaxed);
                connection.session_id
            })
            .collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Closes every connection, when the server stops.
    pub fn close_all(&self) {
        for property in lock(&self.properties).values_mut() {
            property.close(CloseCode::GoingAway, &|_| true);
        }
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.properties).values().map(|property| property.connections.len()).sum()
    }
}
