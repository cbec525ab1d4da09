//! Who is connected, to which groups, and what reaches them.
//!
//! Groups live inside a property. Only the publisher changes subscriptions and sends durable events, in
//! commit order; connections join and leave independently.

mod backlog;
mod connection;
mod effects;
#[cfg(test)]
mod memory;
mod presence;
mod property;
mod publish;
mod queue;
mod resume;
mod subscribers;
#[cfg(test)]
mod tests;
mod waking;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    chat::Staff,
    protocol::{Acknowledgment, CommandError, Id, OnlinePerson, Timestamp},
};

pub use backlog::Backlog;
pub use connection::{Connection, encode};
pub use effects::Effect;
use property::Property;
pub use queue::{Outgoing, Queue};
pub use resume::Replay;
pub use waking::Waking;

/// Takes a lock; the data behind it is consistent also after a panic elsewhere, as every change of
/// it is a single step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All connections of this server.
#[derive(Debug)]
pub struct Hub {
    properties: Mutex<HashMap<Id, Property>>,
    next_connection: AtomicU64,
    /// Counts account changes: a proof that was checked before the last one must be checked again.
    accounts: AtomicU64,
    grace: std::time::Duration,
    /// 0: any number.
    connections_per_person: usize,
    /// Bytes of the queues' shared memory that are in use.
    backlog: backlog::Bytes,
}

/// Why a connection was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJoined {
    /// Accounts have changed since `account_changes` was read, so the proof must be checked again.
    AccountsChanged,
    /// The person has as many connections as one person may have.
    TooMany,
}

impl Hub {
    /// A hub without connections. `seqs` has the newest and the newest no longer kept event of each
    /// property; `grace` is how long a person may be gone unnoticed; 0 `connections_per_person` are any number.
    #[must_use]
    pub fn new(
        seqs: Vec<(Id, i64, i64)>,
        grace: std::time::Duration,
        connections_per_person: usize,
    ) -> Self {
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
            connections_per_person,
            backlog: backlog::Bytes::default(),
        }
    }

    /// How many account changes there were: read it before checking a proof, and give it to
    /// [`Hub::join`].
    #[must_use]
    pub fn account_changes(&self) -> u64 {
        self.accounts.load(Ordering::SeqCst)
    }

    /// Everyone online in a department, in the order of their names.
    #[must_use]
    pub fn online_in(&self, property_id: Id, department_id: Id) -> Vec<OnlinePerson> {
        let properties = lock(&self.properties);
        properties
            .get(&property_id)
            .map(|property| property.online_in(department_id))
            .unwrap_or_default()
    }

    /// Adds a person's connection.
    ///
    /// # Errors
    /// [`NotJoined`].
    pub fn join(
        self: &Arc<Self>,
        staff: Arc<Staff>,
        session: (Id, Timestamp),
        account_changes: u64,
    ) -> Result<Arc<Connection>, NotJoined> {
        let mut properties = lock(&self.properties);
        if account_changes != self.account_changes() {
            return Err(NotJoined::AccountsChanged);
        }
        let property = properties.entry(staff.property.id).or_default();
        let most = self.connections_per_person;
        if most > 0 && property.connections_of(staff.id) >= most {
            return Err(NotJoined::TooMany);
        }
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let backlog = Backlog {
            of_property: Arc::clone(&property.backlog),
            of_all: Arc::clone(&self.backlog),
        };
        let connection = Arc::new(Connection::new(id, staff, session, backlog));
        property.connections.insert(connection.id, Arc::clone(&connection));
        for department in &connection.staff.departments {
            property
                .departments
                .entry(department.id)
                .or_default()
                .insert(connection.id, Arc::clone(&connection));
        }
        property.arrived(&connection.staff);
        Ok(connection)
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

    /// After the grace period, colleagues get `user_disconnected`, unless the person has reconnected.
    fn announce_departure(self: &Arc<Self>, connection: &Connection, visit: u64) {
        let hub = Arc::clone(self);
        let staff = Arc::clone(&connection.staff);
        tokio::spawn(async move {
            tokio::time::sleep(hub.grace).await;
            let mut properties = lock(&hub.properties);
            if let Some(property) = properties.get_mut(&staff.property.id) {
                property.stayed_away(staff.id, visit);
            }
        });
    }

    /// A connection wants a conversation's events: acknowledges that, which is the moment from which they
    /// come.
    ///
    /// # Errors
    /// [`CommandError::InvalidField`]: it is subscribed to as many as it may be.
    pub fn subscribe(
        &self,
        connection: &Arc<Connection>,
        conversation_id: Id,
        timestamp: Timestamp,
    ) -> Result<(), CommandError> {
        let mut properties = lock(&self.properties);
        let property = properties.entry(connection.staff.property.id).or_default();
        if !property.subscribe(connection, &[conversation_id]) {
            return Err(CommandError::InvalidField("conversation_id"));
        }
        let acknowledgment = Acknowledgment::Subscribed { conversation_id, timestamp };
        let since = Some(property.published_seq);
        connection.acknowledge_subscription(acknowledgment, conversation_id, since);
        Ok(())
    }

    /// It wants them no longer: acknowledges that.
    pub fn unsubscribe(&self, connection: &Connection, conversation_id: Id, timestamp: Timestamp) {
        let mut properties = lock(&self.properties);
        let property = properties.entry(connection.staff.property.id).or_default();
        property.unsubscribe(connection, conversation_id);
        let acknowledgment = Acknowledgment::Unsubscribed { conversation_id, timestamp };
        connection.acknowledge_subscription(acknowledgment, conversation_id, None);
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.properties).values().map(|property| property.connections.len()).sum()
    }
}
