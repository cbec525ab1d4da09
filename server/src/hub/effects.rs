//! What changes of accounts, sessions and stored events mean for live connections.

use std::sync::atomic::Ordering;

use crate::{
    chat::{Event, Gone},
    protocol::{CloseCode, Frame, Id, PropertyInfo, Timestamp},
};

use super::{Connection, Hub, Outgoing, Waking, encode, lock};

/// What a committed change means for live connections, beside its events.
#[derive(Clone, Debug)]
pub enum Effect {
    /// These sessions ended: their connections close with 4401.
    EndSessions(Vec<Id>),
    /// All sessions of this staff member ended: 4401.
    EndStaff(Id),
    /// This staff member's departments changed, or what else decides whether they may connect: 4403.
    DepartmentsChanged(Id),
    /// This staff member has another name.
    Renamed { property_id: Id, staff_id: Id, name: String },
    /// The property has another name, time zone or country.
    PropertyChanged(PropertyInfo),
    /// Events up to `seq` are no longer kept.
    Pruned { property_id: Id, seq: i64 },
    /// These events happened, in this order.
    Happened(Vec<Event>),
    /// These conversations are gone.
    Erased { property_id: Id, gone: Vec<Gone>, at: Timestamp },
}

impl Hub {
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
            Effect::Renamed { property_id, staff_id, name } => {
                if let Some(property) = lock(&self.properties).get_mut(property_id) {
                    property.renamed(*staff_id, name);
                }
            }
            Effect::PropertyChanged(property) => self.announce_property(property),
            Effect::Pruned { property_id, seq } => {
                lock(&self.properties).entry(*property_id).or_default().pruned_seq = *seq;
            }
            Effect::Happened(events) => self.publish_all(events.iter()),
            Effect::Erased { property_id, gone, at } => self.erase(*property_id, gone, *at),
        }
    }

    /// Closes the connections of accounts that changed. People who are just being let in are checked
    /// again.
    fn end(&self, code: CloseCode, whom: &dyn Fn(&Connection) -> bool) {
        self.accounts.fetch_add(1, Ordering::SeqCst);
        for property in lock(&self.properties).values_mut() {
            property.close(code, whom);
        }
    }

    /// Sends what has changed about a property to all its connections that have resumed. The others, and
    /// those that connect later, read it over HTTP.
    fn announce_property(&self, info: &PropertyInfo) {
        let properties = lock(&self.properties);
        let Some(property) = properties.get(&info.id) else { return };
        let frame = encode(&Frame::Property { data: info.clone() });
        for connection in property.connections.values() {
            if connection.has_resumed() {
                connection.queue.push(Outgoing::Frame(frame.clone()));
            }
        }
    }

    /// Ends the subscriptions of conversations that are gone, and tells their departments.
    fn erase(&self, property_id: Id, gone: &[Gone], at: Timestamp) {
        if let Some(property) = lock(&self.properties).get_mut(&property_id) {
            for each in gone {
                property.unsubscribe_all(each.id);
            }
        }
        let erased: Vec<_> = gone.iter().map(|each| Event::erased(each, property_id, at)).collect();
        self.publish_all(erased.iter());
    }

    /// Publishes events that do not belong to a batch of changes.
    fn publish_all<'e>(&self, events: impl Iterator<Item = &'e Event>) {
        let mut waking = Waking::default();
        for event in events {
            self.publish(event, &mut waking);
        }
        while !waking.is_empty() {
            waking.wake_some();
        }
    }

    /// Closes the connections whose sessions have expired by now.
    pub fn expire(&self, now: Timestamp) {
        for property in lock(&self.properties).values_mut() {
            property.close(CloseCode::SessionEnded, &|each| {
                each.expires_at_ms.load(Ordering::Relaxed) <= now.as_millis()
            });
        }
    }

    /// Shifts the ends of sessions after the clock has jumped by this many milliseconds: they last as long as
    /// without the jump. People who are connecting at the moment are checked again.
    pub fn shift_sessions(&self, millis: i64) {
        let properties = lock(&self.properties);
        self.accounts.fetch_add(1, Ordering::SeqCst);
        for connection in properties.values().flat_map(|property| property.connections.values()) {
            connection.expires_at_ms.fetch_add(millis, Ordering::Relaxed);
        }
    }

    /// The sessions that have a connection now, each once; from here on they last until `expires_at`.
    pub fn extend_sessions(&self, expires_at: Timestamp) -> Vec<Id> {
        let mut sessions: Vec<Id> = lock(&self.properties)
            .values()
            .flat_map(|property| property.connections.values())
            .map(|connection| {
                connection.expires_at_ms.store(expires_at.as_millis(), Ordering::Relaxed);
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
}
