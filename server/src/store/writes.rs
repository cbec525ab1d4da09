//! Writes a batch: few statements, whatever its size, because each costs about 65 µs through sqlx.

use serde::Serialize;
use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::{
    chat::{Event, EventKind, MessageRow, Working},
    protocol::{ConversationStatus, Id, PersonType, Timestamp},
};

use super::{StoreError, deliveries, lines, working::json};

/// What every batch writes: messages, events and changed conversations, from three lists. `$4` and not `?4`: SQLite
/// numbers the parameters of each statement of a text from 1, and counts those that `?4` skips; sqlx would give them
/// its next arguments.
const ROWS: &str = "
    insert into message
        (id, conversation_id, staff_id, guest_id, content, client_id, gateway_id, external_id, created_at,
         no_way_channel)
    select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
        value->>9
    from json_each($1);
    insert into event
        (seq, property_id, conversation_id, department_id, kind, message_id, staff_id, to_department_id, at, line_id)
    select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
        value->>9
    from json_each($2);
    update conversation set
        department_id = n.value->>1, status = n.value->>2, last_message_id = n.value->>3,
        staff_read_id = n.value->>4, guest_read_id = n.value->>5, waiting_since = n.value->>6,
        active_at = n.value->>7, updated_at = n.value->>8, closed_at = n.value->>9
    from json_each($3) n where conversation.id = n.value->>0;";

/// How far the replies of conversations have come.
const MARKS: &str = "
    update conversation set
        undelivered_since = n.value->>1, settled_id = n.value->>2, no_way_id = n.value->>3
    from json_each($4) n where conversation.id = n.value->>0;";

/// New deliveries.
const NEW_DELIVERIES: &str = "
    insert into delivery (message_id, id, conversation_id, gateway_id, channel, state, at, next_attempt_at)
    select value->>0, value->>1, value->>2, value->>3, 'gateway', 'stored', value->>4, value->>4
    from json_each($5);";

/// Deliveries that have changed; those that waited for a way to their guest had no row until now.
const CHANGED_DELIVERIES: &str = "
    update message set no_way_channel = null
    where id in (select value->>0 from json_each($6)) and no_way_channel is not null;
    insert into delivery
        (message_id, id, conversation_id, gateway_id, channel, state, reason_code, reason, at, attempts,
         next_attempt_at, last_error)
    select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
        value->>9, value->>10, value->>11
    from json_each($6) where true
    on conflict do update set
        id = excluded.id, gateway_id = excluded.gateway_id, channel = excluded.channel, state = excluded.state,
        reason_code = excluded.reason_code, reason = excluded.reason, at = excluded.at,
        attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at, last_error = excluded.last_error;";

/// Starts the writing transaction. Never cancelled: the journal waits for it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn begin(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("begin immediate").execute(writer).await?;
    Ok(())
}

/// Ends it: from here on the rows survive the power going out.
///
/// # Errors
/// [`StoreError::Database`]: nothing was stored.
pub async fn commit(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("commit").execute(writer).await?;
    Ok(())
}

/// Undoes it, if there is one.
pub async fn rollback(writer: &mut SqliteConnection) {
    // After some failures SQLite has rolled back by itself, and says that there is nothing to undo.
    let _ = sqlx::query("rollback").execute(writer).await;
}

/// What [`probe_room`] writes: as much as 256 messages of a kibibyte.
const PROBE_BYTES: i64 = 256 * 1024;

/// Writes something that changes nothing, to see whether storage works.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn probe(writer: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("insert into meta values ('probed_at', ?1) on conflict do update set value = ?1")
        .bind(now.to_string())
        .execute(writer)
        .await?;
    Ok(())
}

/// Writes as much as a large batch does, and deletes it again: on a full disk there may be room for a few
/// bytes, but not for the next batch.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn probe_room(writer: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("insert into meta values ('probe', hex(zeroblob(?1))) on conflict do nothing")
        .bind(PROBE_BYTES / 2)
        .execute(&mut *writer)
        .await?;
    sqlx::query("delete from meta where key = 'probe'").execute(&mut *writer).await?;
    probe(writer, now).await
}

/// Whether the batch needs no statement beside the common ones.
#[must_use]
pub fn is_plain(working: &Working) -> bool {
    let writes = &working.writes;
    writes.created.is_empty()
        && writes.read_marks.is_empty()
        && writes.audits.is_empty()
        && writes.lines.is_empty()
        && writes.health.is_empty()
}

/// Writes a plain batch and commits it.
///
/// # Errors
/// [`StoreError::Database`]: nothing was stored.
pub async fn write_and_commit(
    writer: &mut SqliteConnection,
    working: &Working,
) -> Result<(), StoreError> {
    write_rows(writer, working, true).await
}

/// Writes any batch into the transaction that is open.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn write(writer: &mut SqliteConnection, working: &Working) -> Result<(), StoreError> {
    let writes = &working.writes;
    if !writes.created.is_empty() {
        insert_conversations(writer, working).await?;
    }
    write_rows(writer, working, false).await?;
    if !writes.lines.is_empty() {
        lines::insert(writer, &writes.lines).await?;
    }
    if !writes.read_marks.is_empty() {
        sqlx::query(
            "insert into read_mark (staff_id, conversation_id, message_id)
             select value->>0, value->>1, value->>2 from json_each(?1) where true
             on conflict do update set message_id = excluded.message_id",
        )
        .bind(json(&writes.read_marks)?)
        .execute(&mut *writer)
        .await?;
    }
    deliveries::note_health(writer, &writes.health).await
}

async fn insert_conversations(
    writer: &mut SqliteConnection,
    working: &Working,
) -> Result<(), StoreError> {
    let rows: Vec<_> = working
        .writes
        .created
        .iter()
        .filter_map(|row| working.conversations.get(&row.id).map(|state| (row, state)))
        .map(|(row, state)| {
            (
                state.id,
                state.property_id,
                state.guest_id,
                state.department_id,
                &state.conversation_type,
                row.created_by,
                &row.client_id,
                state.created_at.as_millis(),
            )
        })
        .collect();
    sqlx::query(
        "insert into conversation
            (id, property_id, guest_id, department_id, conversation_type, status, created_by, client_id,
             active_at, created_at, updated_at)
         select value->>0, value->>1, value->>2, value->>3, value->>4, 'active', value->>5, value->>6,
            value->>7, value->>7, value->>7
         from json_each(?1)",
    )
    .bind(json(&rows)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// Writes the rows of a batch in one round trip, and no statement that has nothing to write. With
/// `is_transaction`, as a transaction of its own.
async fn write_rows(
    writer: &mut SqliteConnection,
    working: &Working,
    is_transaction: bool,
) -> Result<(), StoreError> {
    let writes = &working.writes;
    let messages: Vec<_> = writes
        .messages
        .iter()
        .map(|row| {
            (
                row.id,
                row.conversation_id,
                row.staff_id,
                row.guest_id,
                &row.content,
                &row.client_id,
                row.gateway_id,
                &row.external_id,
                row.created_at.as_millis(),
                row.delivery.filter(|_| row.has_no_way()).map(|delivery| delivery.channel),
            )
        })
        .collect();
    let events: Vec<_> = writes.new_events().iter().map(event_row).collect();
    let changed: Vec<_> = writes
        .changed
        .iter()
        .filter_map(|id| working.conversations.get(id))
        .map(|state| {
            (
                state.id,
                state.department_id,
                match state.status {
                    ConversationStatus::Active => "active",
                    ConversationStatus::Closed => "closed",
                },
                state.last_message_id,
                state.staff_read_id,
                state.guest_read_id,
                state.waiting_since.map(Timestamp::as_millis),
                state.active_at.as_millis(),
                state.updated_at.as_millis(),
                state.closed_at.map(Timestamp::as_millis),
            )
        })
        .collect();
    let marks: Vec<_> = writes
        .marked
        .iter()
        .filter_map(|id| working.conversations.get(id))
        .map(|state| {
            let (undelivered_since, settled_id, no_way_id) = state.delivery_marks();
            (state.id, undelivered_since.map(Timestamp::as_millis), settled_id, no_way_id)
        })
        .collect();
    let new: Vec<_> = writes.messages.iter().filter_map(new_delivery).collect();
    let moved: Vec<_> = writes.deliveries.values().map(deliveries::written).collect();
    let mut sql = String::with_capacity(4096);
    for (part, is_needed) in [
        ("begin immediate;", is_transaction),
        (ROWS, true),
        (MARKS, !marks.is_empty()),
        (NEW_DELIVERIES, !new.is_empty()),
        (CHANGED_DELIVERIES, !moved.is_empty()),
        ("commit", is_transaction),
    ] {
        if is_needed {
            sql.push_str(part);
        }
    }
    sqlx::query(AssertSqlSafe(sql))
        .bind(json(&messages)?)
        .bind(json(&events)?)
        .bind(json(&changed)?)
        .bind(json(&marks)?)
        .bind(json(&new)?)
        .bind(json(&moved)?)
        .execute(writer)
        .await?;
    Ok(())
}

/// A message that leaves through a gateway, in the order of the columns. The gateway gets a name for it that never
/// changes.
fn new_delivery(row: &MessageRow) -> Option<impl Serialize> {
    let gateway_id = row.delivery?.gateway_id?;
    let name = uuid::Uuid::new_v4().to_string();
    Some((row.id, name, row.conversation_id, gateway_id, row.created_at.as_millis()))
}

type EventRow =
    (i64, Id, Id, Id, &'static str, Option<Id>, Option<Id>, Option<Id>, i64, Option<Id>);

fn event_row(event: &Event) -> EventRow {
    let (mut message_id, mut staff_id, mut to_department_id) = (None, None, None);
    let mut line = None;
    match &event.kind {
        EventKind::Message(message) => {
            (message_id, staff_id) = (Some(message.id), message.sender_id);
        }
        EventKind::NewConversation { message_id: newest, .. } => message_id = *newest,
        EventKind::Closed(data) | EventKind::Reopened(data) => line = data.line.as_ref(),
        EventKind::Transferred { data, to_department_id: to } => {
            (line, to_department_id) = (data.line.as_ref(), Some(*to));
        }
        EventKind::Read(read) => {
            message_id = Some(read.message_id);
            staff_id = read.reader_id.filter(|_| read.reader_type == PersonType::Staff);
        }
        EventKind::Delivery(update) => message_id = Some(update.message_id),
        EventKind::Guest(_) => {}
        EventKind::Line(update) => line = Some(&update.line),
    }
    (
        event.seq,
        event.property_id,
        event.conversation_id,
        event.department_id,
        event.kind.name(),
        message_id,
        staff_id,
        to_department_id,
        event.at.as_millis(),
        line.map(|line| line.id),
    )
}
