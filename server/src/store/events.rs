//! The log of what happened: replay, its bounds, and what is kept.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    chat::{Event, EventKind, Gone},
    protocol::{
        ClosedConversation, ConversationStatus, DeliveryUpdate, GuestInfo, GuestUpdate, Id, Line,
        LineUpdate, NewConversation, PersonType, Read, Transferred, preview,
    },
};

use super::{
    Store, StoreError,
    deliveries::{self, SHOWN},
    lines, messages,
    working::json,
};

#[cfg(test)]
mod tests;

/// The life of this database. Made once; a restored backup gets another one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn epoch(writer: &mut SqliteConnection) -> Result<String, StoreError> {
    let fresh = uuid::Uuid::new_v4().simple().to_string();
    sqlx::query("insert into meta (key, value) values ('epoch', ?1) on conflict do nothing")
        .bind(fresh)
        .execute(&mut *writer)
        .await?;
    epoch_of(writer).await
}

/// The life of a database that was opened before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn epoch_of(connection: &mut SqliteConnection) -> Result<String, StoreError> {
    let epoch = sqlx::query_scalar("select value from meta where key = 'epoch'");
    Ok(epoch.fetch_optional(connection).await?.unwrap_or_default())
}

/// The newest and the newest no longer kept event of each property.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn seqs(store: &Store) -> Result<Vec<(Id, i64, i64)>, StoreError> {
    Ok(sqlx::query_as(
        "select id, max(coalesce((select max(seq) from event where property_id = property.id), 0), pruned_seq),
            pruned_seq
         from property",
    )
    .fetch_all(store.pool())
    .await?)
}

/// What a person may be told of: their departments, and conversations they are subscribed to.
#[derive(Clone, Debug)]
pub struct Audience {
    /// The property.
    pub property_id: Id,
    /// The person's departments.
    pub departments: Vec<Id>,
    /// Their connection's subscriptions.
    pub conversations: Vec<Id>,
}

/// Texts, names, rooms, delivery states and waiting times are those of now.
fn replay_sql() -> String {
    format!(
        "select e.seq, e.kind, e.at, e.department_id, e.message_id as event_message_id,
            e.to_department_id, e.staff_id as actor_id, d.slug, t.slug as to_slug, st.name as staff_name,
            e.conversation_id as the_conversation_id, c.conversation_type,
            c.created_at as conversation_created_at, c.waiting_since, c.undelivered_since,
            g.id as the_guest_id, g.name as guest_name, g.whatsapp_number, g.language,
            r.number as room_number,
            m.id, m.conversation_id, m.staff_id, m.content, m.client_id, m.created_at,
            m.guest_id is null and ifnull(dl.state = 'read', 0) as is_read,
            {SHOWN}, {}
         from event e
         left join conversation c on c.id = e.conversation_id
         left join guest g on g.id = c.guest_id
         join department d on d.id = e.department_id
         left join department t on t.id = e.to_department_id
         left join message m on m.id = e.message_id
         left join delivery dl on dl.message_id = m.id
         left join staff st on st.id = e.staff_id
         left join stay s on s.guest_id = g.id and s.checked_out_at is null
         left join room r on r.id = s.room_id
         left join line l on l.id = e.line_id
         left join staff by on by.id = l.staff_id
         where e.property_id = ?1 and e.seq > ?2 and e.seq <= ?3
           and (e.department_id in (select value from json_each(?4))
                or e.conversation_id in (select value from json_each(?5)))
         order by e.seq limit 200",
        lines::COLUMNS
    )
}

/// Most events in a page.
pub(crate) const PAGE_EVENTS: usize = 200;

/// Events of the property that are read for a page at most, also where few of them concern the audience.
const SCANNED_EVENTS: i64 = 1_000;

/// The last event that is read for a page: number `?4` after `?2`, if there are as many up to `?3`.
const WINDOW: &str = "select seq from event where property_id = ?1 and seq > ?2 and seq <= ?3
     order by seq limit 1 offset ?4 - 1";

/// A page whose frames have this many bytes takes no more events: many slow readers must not hold much.
pub(crate) const PAGE_BYTES: usize = 96 * 1024;

/// A part of the past.
#[derive(Debug)]
pub struct Page {
    /// What concerns the audience, in order.
    pub events: Vec<Event>,
    /// Up to this event nothing is missing.
    pub reached: i64,
    /// The newest event of the property that is forgotten. Read after the events: if it is not after their
    /// beginning, none of them is missing.
    pub pruned_seq: i64,
}

/// The first events after one and up to another that concern the audience.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn replay(
    store: &Store,
    audience: &Audience,
    (after, up_to): (i64, i64),
) -> Result<Page, StoreError> {
    let mut connection = store.pool().acquire().await?;
    let up_to = window(&mut connection, audience.property_id, (after, up_to)).await?;
    let (departments, conversations) =
        (json(&audience.departments)?, json(&audience.conversations)?);
    let mut rows = sqlx::query(AssertSqlSafe(replay_sql()))
        .bind(audience.property_id)
        .bind(after)
        .bind(up_to)
        .bind(departments)
        .bind(conversations)
        .fetch(&mut *connection);
    let (mut events, mut size_bytes, mut reached) = (Vec::new(), 0, up_to);
    while let Some(row) = rows.try_next().await? {
        let event = event(&row, audience.property_id)?;
        size_bytes += event.frame(true).size_bytes();
        let seq = event.seq;
        events.push(event);
        if events.len() == PAGE_EVENTS || size_bytes >= PAGE_BYTES {
            reached = seq;
            break;
        }
    }
    drop(rows);
    let pruned_seq = sqlx::query_scalar("select pruned_seq from property where id = ?1")
        .bind(audience.property_id)
        .fetch_one(&mut *connection)
        .await?;
    Ok(Page { events, reached, pruned_seq })
}

/// The last event that is read for a page.
async fn window(
    connection: &mut SqliteConnection,
    property_id: Id,
    (after, up_to): (i64, i64),
) -> Result<i64, StoreError> {
    // The numbers are those of all properties: there are not more events than that.
    if up_to - after <= SCANNED_EVENTS {
        return Ok(up_to);
    }
    let end: Option<i64> = sqlx::query_scalar(WINDOW)
        .bind(property_id)
        .bind(after)
        .bind(up_to)
        .bind(SCANNED_EVENTS)
        .fetch_optional(connection)
        .await?;
    Ok(end.unwrap_or(up_to))
}

/// The line that records the event; events that are older than lines have none.
fn recorded(row: &SqliteRow) -> Result<Option<Line>, StoreError> {
    let id: Option<Id> = row.try_get("line_id")?;
    id.map(|_| lines::line(row)).transpose()
}

fn event(row: &SqliteRow, property_id: Id) -> Result<Event, StoreError> {
    let at = row.try_get("at")?;
    let conversation_id: Id = row.try_get("the_conversation_id")?;
    let seq = row.try_get("seq")?;
    let department_id = row.try_get("department_id")?;
    let department: String = row.try_get("slug")?;
    let kind: &str = row.try_get("kind")?;
    if kind == "erased" {
        let gone = Gone { id: conversation_id, department_id, department, seq };
        return Ok(Event::erased(&gone, property_id, at));
    }
    let guest_name: String = row.try_get("guest_name")?;
    let closed = |status| -> Result<_, StoreError> {
        Ok(ClosedConversation {
            id: conversation_id,
            guest_name: row.try_get("guest_name")?,
            department: row.try_get("slug")?,
            status: ConversationStatus::into(status),
            updated_at: at,
            erased: None,
            room_number: None,
            line: recorded(row)?,
            waiting_since: None,
        })
    };
    let kind = match kind {
        "message" => EventKind::Message(Box::new(messages::message(row)?)),
        "new_conversation" => EventKind::NewConversation {
            data: NewConversation {
                id: conversation_id,
                guest_name,
                department,
                conversation_type: row.try_get("conversation_type")?,
                status: ConversationStatus::Active.into(),
                created_at: row.try_get("conversation_created_at")?,
                last_message_preview: row
                    .try_get::<Option<&str>, _>("content")?
                    .map(preview)
                    .unwrap_or_default(),
                room_number: row.try_get("room_number")?,
                waiting_since: Some(row.try_get("waiting_since")?),
            },
            message_id: row.try_get("event_message_id")?,
        },
        "closed" => EventKind::Closed(closed(ConversationStatus::Closed)?),
        "reopened" => EventKind::Reopened(ClosedConversation {
            room_number: Some(row.try_get("room_number")?),
            waiting_since: Some(row.try_get("waiting_since")?),
            ..closed(ConversationStatus::Active)?
        }),
        "transferred" => EventKind::Transferred {
            data: Transferred {
                id: conversation_id,
                guest_name,
                department: row.try_get("to_slug")?,
                from_department: department,
                status: ConversationStatus::Active.into(),
                updated_at: at,
                line: recorded(row)?,
                waiting_since: Some(row.try_get("waiting_since")?),
            },
            to_department_id: row.try_get("to_department_id")?,
        },
        "read" => {
            let reader_id: Option<Id> = row.try_get("actor_id")?;
            EventKind::Read(Read {
                conversation_id,
                department,
                reader_type: if reader_id.is_some() {
                    PersonType::Staff
                } else {
                    PersonType::Guest
                }
                .into(),
                reader_id: match reader_id {
                    Some(staff) => Some(staff),
                    None => row.try_get("the_guest_id")?,
                },
                reader_name: row
                    .try_get::<Option<String>, _>("staff_name")?
                    .unwrap_or_else(|| guest_name.clone()),
                guest_name,
                message_id: row.try_get("event_message_id")?,
                read_at: at,
            })
        }
        "delivery" => {
            // The delivery goes with its conversation, and so do the events of it.
            let shown = deliveries::shown(row)?
                .ok_or(StoreError::Damaged("an event of a delivery that is not there"))?;
            EventKind::Delivery(DeliveryUpdate {
                conversation_id,
                guest_name,
                department,
                message_id: row.try_get("event_message_id")?,
                state: shown.state,
                reason: shown.reason,
                reason_code: shown.reason_code,
                undelivered_since: row.try_get("undelivered_since")?,
                at: shown.at,
            })
        }
        "guest" => EventKind::Guest(GuestUpdate {
            conversation_id,
            guest_info: guest_info(row, guest_name.clone())?,
            guest_name,
            department,
            at,
        }),
        "line" => EventKind::Line(LineUpdate {
            conversation_id,
            guest_name,
            department,
            line: lines::line(row)?,
        }),
        _ => return Err(StoreError::Damaged("an event of an unknown kind")),
    };
    Ok(Event { seq, property_id, conversation_id, department_id, at, kind })
}

fn guest_info(row: &SqliteRow, name: String) -> Result<GuestInfo, StoreError> {
    let digits: Option<String> = row.try_get("whatsapp_number")?;
    Ok(GuestInfo {
        id: row.try_get("the_guest_id")?,
        name,
        whatsapp_number: digits.map(|digits| format!("+{digits}")),
        room_number: row.try_get("room_number")?,
        language: row.try_get("language")?,
    })
}

/// Forgets events from before `before` (ms since 1970), at most `limit` of them, but never a
/// property's newest: its `seq` stands for the state of its lists. Returns what each property has
/// lost up to now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(
    writer: &mut SqliteConnection,
    before: i64,
    limit: u32,
) -> Result<Vec<(Id, i64)>, StoreError> {
    let pruned = sqlx::query_as::<_, (Id, i64)>(
        "delete from event where seq in (
            select seq from event e where e.at < ?1
              and e.seq < (select max(seq) from event where property_id = e.property_id)
            order by seq limit ?2)
         returning property_id, seq",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(&mut *writer)
    .await?;
    let mut newest = std::collections::BTreeMap::new();
    for (property_id, seq) in pruned {
        let up_to = newest.entry(property_id).or_insert(seq);
        *up_to = seq.max(*up_to);
    }
    for (property_id, seq) in &newest {
        sqlx::query("update property set pruned_seq = ?2 where id = ?1")
            .bind(property_id)
            .bind(seq)
            .execute(&mut *writer)
            .await?;
    }
    Ok(newest.into_iter().collect())
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    vec![("replay", replay_sql()), ("end of a piece of a replay", WINDOW.to_owned())]
}
