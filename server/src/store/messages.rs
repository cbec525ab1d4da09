//! Reads pages of messages.

use sqlx::{AssertSqlSafe, Row, sqlite::SqliteRow};

use crate::protocol::{Channel, DeliveryState, Id, Message, MessageGuest, MessageType, PersonType};

use super::{
    Store, StoreError,
    conversations::Page,
    deliveries::{self, SHOWN},
    transfers::Bounds,
};

/// Which end of a conversation a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The newest messages.
    Newest,
    /// Those just before this one.
    Before(Id),
    /// Those just after this one.
    After(Id),
}

const COLUMNS: &str = "m.*, st.name as staff_name, d.slug, g.id as the_guest_id,
    g.name as guest_name, r.number as room_number, c.waiting_since,
    case when m.guest_id is null
            then m.id <= coalesce(?6, c.guest_read_id) or (?6 is null and ifnull(dl.state = 'read', 0))
        else m.id <= coalesce(?7, c.staff_read_id) end as is_read";

const JOINS: &str = "join department d on d.id = c.department_id
    join guest g on g.id = c.guest_id
    left join staff st on st.id = m.staff_id
    left join stay s on s.guest_id = g.id and s.checked_out_at is null
    left join room r on r.id = s.room_id
    left join delivery dl on dl.message_id = m.id";

fn sql(place: Place, is_bounded: bool) -> String {
    let (bound, order) = match place {
        Place::After(_) => ("m.id > ?3", "asc"),
        Place::Newest | Place::Before(_) => ("m.id < ?3", "desc"),
    };
    let end = if is_bounded { "and m.id <= ?5" } else { "" };
    format!(
        "select * from (
            select max(coalesce((select max(seq) from event where property_id = ?1), 0), pruned_seq)
                as newest
            from property where id = ?1)
         left join (
            select {COLUMNS}, {SHOWN} from conversation c
            join message m on m.conversation_id = c.id {JOINS}
            where c.property_id = ?1 and c.id = ?2 and m.conversation_id = ?2 and {bound} {end}
            order by m.id {order} limit ?4
         ) order by id asc"
    )
}

/// One page of a conversation's messages, in ascending order; `has_more` refers to the requested direction.
/// With `bounds`, as they were then.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    store: &Store,
    property_id: Id,
    conversation_id: Id,
    place: Place,
    limit: u32,
    bounds: Option<&Bounds>,
) -> Result<Page<Message>, StoreError> {
    let bound = match place {
        Place::Newest => Id::MAX,
        Place::Before(id) | Place::After(id) => id,
    };
    let rows = sqlx::query(AssertSqlSafe(sql(place, bounds.is_some())))
        .bind(property_id)
        .bind(conversation_id)
        .bind(bound)
        .bind(limit + 1)
        .bind(bounds.map_or(Id::MAX, |bounds| bounds.message_id))
        .bind(bounds.map(|bounds| bounds.read_ids.1))
        .bind(bounds.map(|bounds| bounds.read_ids.0))
        .fetch_all(store.pool())
        .await?;
    let seq = rows.first().map(|row| row.try_get("newest")).transpose()?.unwrap_or(0);
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<Option<Id>, _>("id")?.is_some() {
            let mut message = message(row)?;
            if let Some(bounds) = bounds {
                as_transferred(&mut message, bounds);
            }
            messages.push(message);
        }
    }
    let has_more = messages.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if has_more {
        match place {
            Place::After(_) => drop(messages.pop()),
            Place::Newest | Place::Before(_) => drop(messages.remove(0)),
        }
    }
    Ok(Page { rows: messages, has_more, next: None, seq })
}

/// Shows a message as it was at a transfer. Of a delivery, only the present state is kept: one that changed after the
/// transfer is left out.
fn as_transferred(message: &mut Message, bounds: &Bounds) {
    message.department.clone_from(&bounds.department);
    message.waiting_since = Some(bounds.waiting_since);
    if message.delivery.as_ref().is_some_and(|delivery| delivery.at > bounds.at) {
        // A message that is tried again can move to another channel.
        (message.delivery, message.channel) = (None, None);
    }
    message.is_read |= message.delivery.as_ref().is_some_and(|it| it.state == DeliveryState::Read);
}

/// One message of a property.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn one(
    store: &Store,
    property_id: Id,
    message_id: Id,
) -> Result<Option<Message>, StoreError> {
    let sql = format!(
        "select {COLUMNS}, {SHOWN} from message m join conversation c on c.id = m.conversation_id {JOINS}
         where m.id = ?2 and c.property_id = ?1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(property_id)
        .bind(message_id)
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(None::<i64>)
        .fetch_optional(store.pool())
        .await?;
    row.as_ref().map(message).transpose()
}

/// Reads a message; `the_guest_id` and `guest_name` are the conversation's.
pub(super) fn message(row: &SqliteRow) -> Result<Message, StoreError> {
    let sender_id: Option<Id> = row.try_get("staff_id")?;
    let channel = match (row.try_get::<Option<&str>, _>("channel")?, sender_id) {
        (Some(channel), _) => deliveries::word(channel)?,
        // Every guest's message came through a gateway; staff messages from before deliveries have none.
        (None, None) => Channel::Gateway,
        (None, Some(_)) => Channel::Desk,
    };
    let guest_name: String = row.try_get("guest_name")?;
    Ok(Message {
        id: row.try_get("id")?,
        conversation_id: row.try_get("conversation_id")?,
        sender_type: if sender_id.is_some() { PersonType::Staff } else { PersonType::Guest }.into(),
        sender_id,
        sender_name: row
            .try_get::<Option<String>, _>("staff_name")?
            .unwrap_or_else(|| guest_name.clone()),
        message_type: MessageType::Text.into(),
        content: row.try_get("content")?,
        created_at: row.try_get("created_at")?,
        is_read: row.try_get("is_read")?,
        client_id: row.try_get("client_id")?,
        department: row.try_get("slug")?,
        guest_info: MessageGuest {
            id: row.try_get("the_guest_id")?,
            name: guest_name,
            room_number: row.try_get("room_number")?,
        },
        channel: Some(channel.into()),
        delivery: deliveries::shown(row)?,
        waiting_since: Some(row.try_get("waiting_since")?),
    })
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    vec![
        ("newest messages", sql(Place::Newest, false)),
        ("messages after one", sql(Place::After(1), false)),
    ]
}
