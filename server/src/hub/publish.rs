//! Who hears of what: events and typing.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;

use crate::{
    chat::{Event, EventKind},
    protocol::{Frame, Id, PersonType, Typing},
};

use super::{Connection, Hub, Outgoing, Waking, encode, lock, property::Connections};

impl Hub {
    /// Tells one event: each frame is serialised once, each receiver's queue gets one. The receivers
    /// read it once they are woken.
    pub fn publish(&self, event: &Event, waking: &mut Waking) {
        let mut properties = lock(&self.properties);
        let property = properties.entry(event.property_id).or_default();
        property.published_seq = event.seq;
        let nobody = Connections::new();
        let subscribers: Vec<_> = property.subscribers.of(event.conversation_id).collect();
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
            tell(connection, subscribers.binary_search_by_key(id, |each| each.id).is_ok());
        }
        for connection in subscribers {
            if !department.contains_key(&connection.id) {
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
        let Some(property) = properties.get(&typist.staff.property.id) else { return };
        let mut others = property
            .subscribers
            .of(conversation_id)
            .filter(|each| each.staff.id != typist.staff.id && each.is_live())
            .peekable();
        if others.peek().is_none() {
            return;
        }
        // They may have another name by now than when they connected.
        let person = property.people.get(&typist.staff.id).map_or(&typist.staff, |it| &it.staff);
        let frame = encode(&Frame::Typing {
            data: Typing {
                conversation_id,
                user_id: Some(typist.staff.id),
                user_name: person.name.clone(),
                is_typing,
                sender_type: Some(PersonType::Staff.into()),
            },
        });
        for connection in others {
            connection.queue.push(Outgoing::Frame(frame.clone()));
        }
    }
}
