//! People, not sockets: who is here, and when colleagues hear of it.

use std::sync::Arc;

use crate::{
    chat::Staff,
    protocol::{Frame, Id, UserStatus, UserStatusType},
};

use super::{
    Outgoing, encode,
    property::{Connections, Property},
};

/// A person who is connected, or was less than the grace ago.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) staff: Arc<Staff>,
    connections: usize,
    /// Counts the times the last connection went: a departure that was undone is not announced.
    visit: u64,
}

impl Property {
    /// How many connections a person has.
    pub(super) fn connections_of(&self, staff: Id) -> usize {
        self.people.get(&staff).map_or(0, |person| person.connections)
    }

    /// A connection of this person came.
    pub(super) fn arrived(&mut self, staff: &Arc<Staff>) {
        let Some(person) = self.people.get_mut(&staff.id) else {
            let person = Person { staff: Arc::clone(staff), connections: 1, visit: 0 };
            self.people.insert(staff.id, person);
            self.tell_colleagues(staff, UserStatusType::UserConnected, |_| true);
            return;
        };
        person.connections += 1;
        let before = std::mem::replace(&mut person.staff, Arc::clone(staff));
        if before.departments == staff.departments {
            return;
        }
        // They changed departments: gone for those they left, here for those they came to.
        self.tell_colleagues(&before, UserStatusType::UserDisconnected, |colleague| {
            !colleague.shares_department(staff)
        });
        self.tell_colleagues(staff, UserStatusType::UserConnected, |colleague| {
            !colleague.shares_department(&before)
        });
    }

    /// A connection of this person went. The last one: returns which visit ended.
    pub(super) fn departed(&mut self, staff: Id) -> Option<u64> {
        let person = self.people.get_mut(&staff)?;
        person.connections = person.connections.saturating_sub(1);
        if person.connections > 0 {
            return None;
        }
        person.visit += 1;
        Some(person.visit)
    }

    /// The grace is over: unless the person came back, they are gone.
    pub(super) fn stayed_away(&mut self, staff: Id, visit: u64) {
        let gone = self
            .people
            .get(&staff)
            .is_some_and(|person| person.connections == 0 && person.visit == visit);
        if gone && let Some(person) = self.people.remove(&staff) {
            self.tell_colleagues(&person.staff, UserStatusType::UserDisconnected, |_| true);
        }
    }

    /// The person has another name now.
    pub(super) fn renamed(&mut self, staff: Id, name: &str) {
        if let Some(person) = self.people.get_mut(&staff) {
            name.clone_into(&mut Arc::make_mut(&mut person.staff).name);
        }
    }

    /// One frame to every connection that shares a department with the person, as far as `whom` says so,
    /// but not to their own.
    fn tell_colleagues(
        &self,
        staff: &Staff,
        status: UserStatusType,
        whom: impl Fn(&Staff) -> bool,
    ) {
        let frame = encode(&Frame::UserStatus {
            data: UserStatus {
                status: status.into(),
                user_id: staff.id,
                user_name: staff.name.clone(),
                department: staff.first_department(),
                departments: staff.departments.iter().map(|each| each.slug.clone()).collect(),
            },
        });
        let mut told = Connections::new();
        for department in &staff.departments {
            for (id, connection) in self.departments.get(&department.id).into_iter().flatten() {
                // At the end of a replay comes the list of everyone who is online.
                let colleague = &connection.staff;
                if colleague.id != staff.id && connection.is_live() && whom(colleague) {
                    told.insert(*id, Arc::clone(connection));
                }
            }
        }
        for connection in told.values() {
            connection.queue.push(Outgoing::Frame(frame.clone()));
        }
    }
}
