//! The groups of one property, and who is in them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    chat::Staff,
    protocol::{CloseCode, Id, OnlinePerson, RESUME_MAX_CONVERSATIONS, Resumed, Timestamp},
};

use super::{Connection, backlog::Bytes, lock, presence::Person, subscribers::Subscribers};

pub(super) type Connections = HashMap<u64, Arc<Connection>>;

/// The groups of one property.
#[derive(Debug, Default)]
pub(super) struct Property {
    /// The newest event that was published.
    pub(super) published_seq: i64,
    /// Events up to here are no longer kept.
    pub(super) pruned_seq: i64,
    pub(super) connections: Connections,
    pub(super) departments: HashMap<Id, Connections>,
    pub(super) subscribers: Subscribers,
    pub(super) people: HashMap<Id, Person>,
    /// Bytes of the queues' shared memory that its connections use.
    pub(super) backlog: Bytes,
}

impl Property {
    /// Subscribes a connection to these conversations, or to none of them where it would then have
    /// more than it may. Returns whether it did.
    #[must_use]
    pub(super) fn subscribe(&mut self, connection: &Arc<Connection>, wanted: &[Id]) -> bool {
        // A connection that has left in the meantime must not be added again.
        if !self.connections.contains_key(&connection.id) {
            return true;
        }
        let mut subscriptions = lock(&connection.subscriptions);
        let new: BTreeSet<Id> =
            wanted.iter().copied().filter(|id| !subscriptions.contains(id)).collect();
        if subscriptions.len() + new.len() > RESUME_MAX_CONVERSATIONS {
            return false;
        }
        for conversation_id in &new {
            self.subscribers.add(*conversation_id, connection);
        }
        subscriptions.extend(new);
        true
    }

    pub(super) fn unsubscribe(&mut self, connection: &Connection, conversation_id: Id) {
        lock(&connection.subscriptions).remove(&conversation_id);
        self.subscribers.remove(conversation_id, connection.id);
    }

    pub(super) fn unsubscribe_all(&mut self, conversation_id: Id) {
        self.unsubscribe_where(conversation_id, |_| true);
    }

    pub(super) fn keep_subscribers_in(&mut self, conversation_id: Id, department_id: Id) {
        self.unsubscribe_where(conversation_id, |each| !each.staff.is_in(department_id));
    }

    fn unsubscribe_where(&mut self, conversation_id: Id, whom: impl Fn(&Connection) -> bool) {
        let subscribers = self.subscribers.of(conversation_id);
        let ended: Vec<_> = subscribers.filter(|each| whom(each)).map(Arc::clone).collect();
        for connection in ended {
            self.unsubscribe(&connection, conversation_id);
        }
    }

    /// Takes a connection out of every group.
    pub(super) fn remove(&mut self, connection: &Connection) {
        self.connections.remove(&connection.id);
        for department in &connection.staff.departments {
            if let Some(members) = self.departments.get_mut(&department.id) {
                members.remove(&connection.id);
            }
        }
        for conversation_id in std::mem::take(&mut *lock(&connection.subscriptions)) {
            self.subscribers.remove(conversation_id, connection.id);
        }
    }

    /// Closes some connections: nothing that happens from here on reaches them.
    pub(super) fn close(&mut self, code: CloseCode, whom: &dyn Fn(&Connection) -> bool) {
        let ended: Vec<_> =
            self.connections.values().filter(|each| whom(each)).map(Arc::clone).collect();
        for connection in ended {
            connection.queue.close(code);
            self.remove(&connection);
        }
    }

    pub(super) fn resumed(
        &self,
        connection: &Connection,
        epoch: &str,
        denied: Vec<Id>,
        timestamp: Timestamp,
    ) -> Resumed {
        Resumed {
            epoch: epoch.to_owned(),
            seq: self.published_seq,
            timestamp,
            online: self.online(&connection.staff),
            denied,
        }
    }

    /// Everyone online who shares a department with the person, in the order of their names.
    pub(super) fn online(&self, staff: &Staff) -> Vec<OnlinePerson> {
        self.online_where(|each| each.shares_department(staff))
    }

    /// Everyone online in a department, in the order of their names.
    pub(super) fn online_in(&self, department_id: Id) -> Vec<OnlinePerson> {
        self.online_where(|each| each.is_in(department_id))
    }

    fn online_where(&self, is_wanted: impl Fn(&Staff) -> bool) -> Vec<OnlinePerson> {
        let mut online: Vec<_> = self
            .people
            .values()
            .filter(|person| is_wanted(&person.staff))
            .map(|person| person.staff.to_online())
            .collect();
        online.sort_by(|a, b| (&a.user_name, a.user_id).cmp(&(&b.user_name, b.user_id)));
        online
    }
}
