//! How guests are reached, and which conversations with them are open: what staff see before they write to somebody.

use std::collections::HashMap;

use sqlx::FromRow;

use crate::protocol::{Id, Timestamp};

use super::{Store, StoreError, conversations::reply_problem, gateways::reply_gateway};

/// An open conversation of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenConversation {
    /// Its id.
    pub id: Id,
    /// Slug of its department.
    pub department: String,
    /// Time of the oldest guest message without an answer.
    pub waiting_since: Option<Timestamp>,
}

/// How one guest is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Name of the gateway that takes replies to the guest; `None`: nothing reaches them.
    pub reply_via: Option<String>,
    /// What is wrong with that gateway.
    pub reply_problem: Option<String>,
    /// Open conversations, the oldest first.
    pub conversations: Vec<OpenConversation>,
}

#[derive(FromRow)]
struct ContactRow {
    guest_id: Id,
    reply_via: Option<String>,
    refuses_status: Option<u16>,
    id: Option<Id>,
    department: Option<String>,
    waiting_since: Option<Timestamp>,
}

/// `?1`: property; `?2`: guests, as a JSON array.
const CONTACTS: &str = concat!(
    "select g.id as guest_id, via.name as reply_via, via.refuses_status, c.id, d.slug as department, c.waiting_since
     from guest g
     ",
    reply_gateway!(),
    "
     left join conversation c on c.guest_id = g.id and c.status = 'active'
     left join department d on d.id = c.department_id
     where g.property_id = ?1 and g.id in (select value from json_each(?2))
     order by g.id, c.id"
);

/// How these guests of a property are reached.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_guests(
    store: &Store,
    property_id: Id,
    guests: &[Id],
) -> Result<HashMap<Id, Contact>, StoreError> {
    let guests = serde_json::Value::from(guests).to_string();
    let rows: Vec<ContactRow> =
        sqlx::query_as(CONTACTS).bind(property_id).bind(guests).fetch_all(store.pool()).await?;
    let mut contacts = HashMap::<Id, Contact>::new();
    for row in rows {
        let contact = contacts.entry(row.guest_id).or_default();
        contact.reply_via = row.reply_via;
        contact.reply_problem = row.refuses_status.map(reply_problem);
        if let (Some(id), Some(department)) = (row.id, row.department) {
            let waiting_since = row.waiting_since;
            contact.conversations.push(OpenConversation { id, department, waiting_since });
        }
    }
    Ok(contacts)
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    vec![("how guests are reached", CONTACTS.to_owned())]
}
