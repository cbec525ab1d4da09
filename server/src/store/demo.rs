//! The demo hotel's rows: what no command writes, as it lies in the past.

use sqlx::{Row as _, SqliteConnection};

use crate::protocol::{Id, Timestamp};

use super::{StoreError, backup, working::json};

/// Marks a database as the demo hotel's.
const MARK: &str = "demo";

/// What a data directory holds, as far as the demo hotel cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// No property at all.
    Nothing,
    /// The demo hotel.
    Demo,
    /// Something else.
    Other,
}

/// A conversation of the past.
#[derive(Clone, Debug)]
pub struct PastConversation {
    /// Whose.
    pub guest_id: Id,
    /// With whom.
    pub department_id: Id,
    /// Its messages, oldest first.
    pub messages: Vec<PastMessage>,
    /// When it was closed, if it was.
    pub closed_at: Option<Timestamp>,
}

/// A message of the past.
#[derive(Clone, Debug)]
pub struct PastMessage {
    /// Who answered; without one the guest wrote.
    pub staff_id: Option<Id>,
    /// The text.
    pub content: String,
    /// When.
    pub at: Timestamp,
}

/// What is in a database file, without changing it.
///
/// # Errors
/// [`StoreError::Database`] when it is no database.
pub async fn contents_of(file: &std::path::Path) -> Result<Contents, StoreError> {
    use sqlx::Connection as _;
    let mut connection = backup::open_to_read(file).await?;
    let tables: i64 =
        sqlx::query_scalar("select count(*) from sqlite_schema").fetch_one(&mut connection).await?;
    // A server that was killed before its first migration leaves an empty file.
    let contents = if tables == 0 {
        Contents::Nothing
    } else if backup::is_ours(&mut connection).await? {
        contents(&mut connection).await?
    } else {
        Contents::Other
    };
    let _ = connection.close().await;
    Ok(contents)
}

/// What is in an open database.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn contents(connection: &mut SqliteConnection) -> Result<Contents, StoreError> {
    let row = sqlx::query(
        "select exists (select 1 from property) as any_property,
            exists (select 1 from meta where key = ?1) as is_demo",
    )
    .bind(MARK)
    .fetch_one(connection)
    .await?;
    Ok(match (row.try_get("any_property")?, row.try_get("is_demo")?) {
        (_, true) => Contents::Demo,
        (false, false) => Contents::Nothing,
        (true, false) => Contents::Other,
    })
}

/// Marks the database as the demo hotel's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mark(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("insert into meta (key, value) values (?1, 'yes')")
        .bind(MARK)
        .execute(writer)
        .await?;
    Ok(())
}

/// Has guests' replies leave through a gateway, as if it had brought their latest message, and gives
/// them the days of their stay.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn settle_guest(
    writer: &mut SqliteConnection,
    (guest_id, gateway_id): (Id, Id),
    guest_ref: &str,
) -> Result<(), StoreError> {
    sqlx::query("update guest set gateway_id = ?2 where id = ?1")
        .bind(guest_id)
        .bind(gateway_id)
        .execute(&mut *writer)
        .await?;
    sqlx::query("insert into gateway_guest (gateway_id, guest_ref, guest_id) values (?1, ?2, ?3)")
        .bind(gateway_id)
        .bind(guest_ref)
        .bind(guest_id)
        .execute(writer)
        .await?;
    Ok(())
}

/// Writes the past: conversations with their messages, in the order of time. What was answered has
/// been read by everybody in the department.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert_past(
    writer: &mut SqliteConnection,
    (property_id, gateway_id): (Id, Id),
    mut past: Vec<PastConversation>,
) -> Result<(), StoreError> {
    past.sort_by_key(|conversation| conversation.messages.first().map(|message| message.at));
    let mut conversations = Vec::new();
    let mut messages = Vec::new();
    for (id, conversation) in (1_i64..).zip(&past) {
        conversations.push((id, conversation.guest_id, conversation.department_id));
        messages.extend(conversation.messages.iter().map(|message| (id, conversation, message)));
    }
    messages.sort_by_key(|(_, _, message)| message.at);
    sqlx::query(
        "insert into conversation
            (id, property_id, guest_id, department_id, conversation_type, status, active_at, created_at, updated_at)
         select value->>0, ?2, value->>1, value->>2, 'general', 'active', 0, 0, 0 from json_each(?1)",
    )
    .bind(json(&conversations)?)
    .bind(property_id)
    .execute(&mut *writer)
    .await?;
    let rows: Vec<_> = (1_i64..)
        .zip(&messages)
        .map(|(id, (conversation_id, conversation, message))| {
            let guest_id = message.staff_id.is_none().then_some(conversation.guest_id);
            (
                id,
                conversation_id,
                message.staff_id,
                guest_id,
                &message.content,
                message.at.as_millis(),
            )
        })
        .collect();
    sqlx::query(
        "insert into message
            (id, conversation_id, staff_id, guest_id, content, created_at, gateway_id, external_id)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5,
            iif(value->>3 is null, null, ?2), iif(value->>3 is null, null, 'past-' || (value->>0))
         from json_each(?1)",
    )
    .bind(json(&rows)?)
    .bind(gateway_id)
    .execute(&mut *writer)
    .await?;
    let closed: Vec<_> = (1_i64..)
        .zip(&past)
        .map(|(id, conversation)| (id, conversation.closed_at.map(Timestamp::as_millis)))
        .collect();
    sum_up(writer, json(&closed)?).await
}

/// What a conversation's row says of its messages.
async fn sum_up(writer: &mut SqliteConnection, closed: String) -> Result<(), StoreError> {
    sqlx::query(
        "update conversation as c set
            closed_at = n.value->>1,
            status = iif(n.value->>1 is null, 'active', 'closed'),
            last_message_id = (select max(id) from message where conversation_id = c.id),
            guest_read_id = coalesce((select max(id) from message
                where conversation_id = c.id and guest_id is not null), 0),
            staff_read_id = coalesce((select max(id) from message
                where conversation_id = c.id and staff_id is not null), 0),
            created_at = (select min(created_at) from message where conversation_id = c.id),
            active_at = (select max(created_at) from message where conversation_id = c.id),
            updated_at = coalesce(n.value->>1, (select max(created_at) from message where conversation_id = c.id)),
            waiting_since = iif(n.value->>1 is null, (select min(created_at) from message m
                where m.conversation_id = c.id and m.guest_id is not null and m.id > coalesce(
                    (select max(id) from message where conversation_id = c.id and staff_id is not null), 0)), null)
         from json_each(?1) n where c.id = n.value->>0",
    )
    .bind(closed)
    .execute(&mut *writer)
    .await?;
    // A closed conversation has been read to its end, also when the guest had the last word.
    sqlx::query(
        "update conversation set staff_read_id = last_message_id where status = 'closed';
         insert into read_mark (staff_id, conversation_id, message_id)
         select sd.staff_id, c.id, c.staff_read_id
         from conversation c join staff_department sd on sd.department_id = c.department_id
         where c.staff_read_id > 0",
    )
    .execute(writer)
    .await?;
    Ok(())
}

/// Gives the gateway of the simulated guests another key, and the address where they read replies.
/// Returns whether there is one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn move_gateway(
    writer: &mut SqliteConnection,
    name: &str,
    key_hash: Vec<u8>,
    callback_url: String,
) -> Result<bool, StoreError> {
    let moved = sqlx::query(
        "update gateway set key_hash = ?2, callback_url = ?3
         where id = (select min(id) from gateway where name = ?1)",
    )
    .bind(name)
    .bind(key_hash)
    .bind(callback_url)
    .execute(writer)
    .await?;
    Ok(moved.rows_affected() > 0)
}
