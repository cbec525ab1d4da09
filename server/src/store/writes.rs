//! Writes a batch: few statements, whatever its size, because each costs about 65 µs through sqlx.

use serde::Serialize;
use sqlx::SqliteConnection;

use crate::{
    chat::{Event, EventKind, MessageRow, NewDelivery, Working},
    protocol::{ConversationStatus, DeliveryReason, Id, PersonType, Timestamp},
};

use super::{StoreError, deliveries, lines, working::json};

/// Messages, events and changed conversations, from three lists. `$4` and not `?4`: SQLite numbers the parameters
/// of each statement of a text from 1, and counts those that `?4` skips; sqlx would give them its next arguments.
macro_rules! write_rows {
    () => {
        "insert into message
            (id, conversation_id, staff_id, guest_id, content, client_id, gateway_id, external_id, created_at)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8
         from json_each($1);
         insert into event
            (seq, property_id, conversation_id, department_id, kind, message_id, staff_id, to_department_id, at, line_id)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
            value->>9
         from json_each($2);
         update conversation set
            department_id = n.value->>1, status = n.value->>2, last_message_id = n.value->>3,
            staff_read_id = n.value->>4, guest_read_id = n.value->>5, waiting_since = n.value->>6,
            active_at = n.value->>7, updated_at = n.value->>8, closed_at = n.value->>9,
            undelivered_since = n.value->>10, settled_id = n.value->>11
         from json_each($3) n where conversation.id = n.value->>0"
    };
}

/// New and changed deliveries, from two lists.
macro_rules! write_deliveries {
    () => {
        "; insert into delivery
            (message_id, id, conversation_id, gateway_id, channel, state, reason_code, at, next_attempt_at)
         select value->>0, value->>1, value->>2, value->>3, value->>4, 'stored', value->>5, value->>6, value->>7
         from json_each($4);
         update delivery set
            id = n.value->>1, gateway_id = n.value->>2, channel = n.value->>3, state = n.value->>4,
            reason_code = n.value->>5, reason = n.value->>6, at = n.value->>7, attempts = n.value->>8,
            next_attempt_at = n.value->>9, last_error = n.value->>10
         from json_each($5) n where delivery.message_id = n.value->>0"
    };
}

/// What a batch writes, with and without deliveries.
const WRITE: [&str; 2] = [write_rows!(), concat!(write_rows!(), write_deliveries!())];

/// The same as a transaction of its own: one round trip for the common batch.
const WRITE_AND_COMMIT: [&str; 2] = [
    concat!("begin immediate; ", write_rows!(), "; commit"),
    concat!("begin immediate; ", write_rows!(), write_deliveries!(), "; commit"),
];

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
    write_rows(writer, WRITE_AND_COMMIT, working).await
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
    write_rows(writer, WRITE, working).await?;
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

async fn write_rows(
    writer: &mut SqliteConnection,
    [without, with]: [&'static str; 2],
    working: &Working,
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
                state.undelivered_since.map(Timestamp::as_millis),
                state.settled_id,
            )
        })
        .collect();
    let delivers = !writes.deliveries.is_empty()
        || writes.messages.iter().any(|message| message.delivery.is_some());
    let statements = if delivers { with } else { without };
    let mut query =
        sqlx::query(statements).bind(json(&messages)?).bind(json(&events)?).bind(json(&changed)?);
    if delivers {
        let new: Vec<_> = writes.messages.iter().filter_map(new_delivery).collect();
        let moved: Vec<_> = writes.deliveries.values().map(deliveries::written).collect();
        query = query.bind(json(&new)?).bind(json(&moved)?);
    }
    query.execute(writer).await?;
    Ok(())
}

/// How a new message leaves, in the order of the columns. A gateway gets a name for it that never changes.
fn new_delivery(row: &MessageRow) -> Option<impl Serialize> {
    let NewDelivery { channel, gateway_id } = row.delivery?;
    let at = row.created_at.as_millis();
    Some((
        row.id,
        gateway_id.map(|_| uuid::Uuid::new_v4().to_string()),
        row.conversation_id,
        gateway_id,
        channel,
        gateway_id.is_none().then_some(DeliveryReason::NoWay),
        at,
        gateway_id.map(|_| at),
    ))
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
