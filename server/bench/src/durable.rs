//! What storing a message costs: sqlx alone, and SQLite alone, with the rows that the server writes.

use std::{path::Path, time::Instant};

use anyhow::Result;
use serde_json::json;
use sqlx::{
    Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::settings::{CONTENT_BYTES, Settings};

/// The rows of one message, each statement from one list: what `store/writes.rs` does.
const WRITE: &str = "begin immediate;
    insert into message (id, conversation_id, staff_id, content, created_at)
    select value->>0, value->>1, value->>2, value->>3, value->>4 from json_each(?1);
    insert into event (seq, property_id, conversation_id, department_id, kind, message_id, staff_id, at)
    select value->>0, value->>1, value->>2, value->>3, 'message', value->>4, value->>5, value->>6
    from json_each(?2);
    update conversation set last_message_id = n.value->>1, waiting_since = null, active_at = n.value->>2,
        updated_at = n.value->>2
    from json_each(?3) n where conversation.id = n.value->>0;
    commit";

/// The database of a server that does not run: where its rows go.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The database file.
    pub file: &'a Path,
    /// Conversations to write to, with their properties and departments, and a staff member each.
    pub places: &'a [Place],
}

/// A conversation to write to.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The conversation.
    pub conversation_id: i64,
    /// Its property.
    pub property_id: i64,
    /// Its department.
    pub department_id: i64,
    /// Who writes.
    pub staff_id: i64,
}

/// Every conversation of a database, with somebody who may write to it.
///
/// # Errors
/// When the database cannot be read.
pub async fn places(file: &Path) -> Result<Vec<Place>> {
    let mut connection = open(file).await?;
    let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
        "select c.id, c.property_id, c.department_id,
            (select min(staff_id) from staff_department d where d.department_id = c.department_id)
         from conversation c order by c.id",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(rows
        .into_iter()
        .map(|(conversation_id, property_id, department_id, staff_id)| Place {
            conversation_id,
            property_id,
            department_id,
            staff_id,
        })
        .collect())
}

async fn open(file: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", "-8192")
        .pragma("temp_store", "memory");
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// The lists of one transaction of `size` messages, the ids counting on.
fn lists(places: &[Place], size: usize, next_id: &mut i64, next_seq: &mut i64) -> [String; 3] {
    const TIME: i64 = 1_760_000_000_000;
    let content = "x".repeat(CONTENT_BYTES);
    let (mut messages, mut events, mut conversations) = (Vec::new(), Vec::new(), Vec::new());
    for place in places.iter().cycle().take(size) {
        let (id, seq) = (*next_id, *next_seq);
        (*next_id, *next_seq) = (id + 1, seq + 1);
        messages.push(json!([id, place.conversation_id, place.staff_id, content, TIME]));
        events.push(json!([
            seq,
            place.property_id,
            place.conversation_id,
            place.department_id,
            id,
            place.staff_id,
            TIME
        ]));
        conversations.push(json!([place.conversation_id, id, TIME + id]));
    }
    [json!(messages).to_string(), json!(events).to_string(), json!(conversations).to_string()]
}

/// Messages a second that sqlx alone stores, `size` in a transaction.
///
/// # Errors
/// When the database refuses.
pub async fn sqlx_alone(target: Target<'_>, size: usize, settings: Settings) -> Result<f64> {
    let mut connection = open(target.file).await?;
    let (mut next_id, mut next_seq) = sqlx::query_as::<_, (i64, i64)>(
        "select (select coalesce(max(id), 0) + 1 from message), (select coalesce(max(seq), 0) + 1 from event)",
    )
    .fetch_one(&mut connection)
    .await?;
    let started = Instant::now();
    let mut measured_from = started;
    let mut stored: u32 = 0;
    let mut is_warm = false;
    while started.elapsed() < settings.warm_up + settings.measured {
        if !is_warm && started.elapsed() >= settings.warm_up {
            (is_warm, stored, measured_from) = (true, 0, Instant::now());
        }
        let [messages, events, conversations] =
            lists(target.places, size, &mut next_id, &mut next_seq);
        sqlx::query(WRITE)
            .bind(messages)
            .bind(events)
            .bind(conversations)
            .execute(&mut connection)
            .await?;
        stored += u32::try_from(size)?;
    }
    let rate = f64::from(stored) / measured_from.elapsed().as_secs_f64();
    connection.close().await?;
    Ok(rate)
}

/// Messages a second that SQLite alone stores, `size` in a transaction, a prepared statement a row.
///
/// # Errors
/// When the database refuses.
#[cfg(feature = "plain-sqlite")]
pub fn plain_sqlite(target: Target<'_>, size: usize, settings: Settings) -> Result<f64> {
    const TIME: i64 = 1_760_000_000_000;
    let connection = rusqlite::Connection::open(target.file)?;
    connection.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;
         pragma cache_size = -8192; pragma temp_store = memory;",
    )?;
    let next = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mut id = next("select coalesce(max(id), 0) + 1 from message")?;
    let mut seq = next("select coalesce(max(seq), 0) + 1 from event")?;
    let content = "x".repeat(CONTENT_BYTES);
    let mut message = connection.prepare(
        "insert into message (id, conversation_id, staff_id, content, created_at) values (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut event = connection.prepare(
        "insert into event (seq, property_id, conversation_id, department_id, kind, message_id, staff_id, at)
         values (?1, ?2, ?3, ?4, 'message', ?5, ?6, ?7)",
    )?;
    let mut conversation = connection.prepare(
        "update conversation set last_message_id = ?2, waiting_since = null, active_at = ?3, updated_at = ?3
         where id = ?1",
    )?;
    let started = Instant::now();
    let mut measured_from = started;
    let mut stored: u32 = 0;
    let mut is_warm = false;
    while started.elapsed() < settings.warm_up + settings.measured {
        if !is_warm && started.elapsed() >= settings.warm_up {
            (is_warm, stored, measured_from) = (true, 0, Instant::now());
        }
        connection.execute_batch("begin immediate")?;
        for place in target.places.iter().cycle().take(size) {
            message.execute((id, place.conversation_id, place.staff_id, &content, TIME))?;
            event.execute((
                seq,
                place.property_id,
                place.conversation_id,
                place.department_id,
                id,
                place.staff_id,
                TIME,
            ))?;
            conversation.execute((place.conversation_id, id, TIME + id))?;
            (id, seq) = (id + 1, seq + 1);
        }
        connection.execute_batch("commit")?;
        stored += u32::try_from(size)?;
    }
    Ok(f64::from(stored) / measured_from.elapsed().as_secs_f64())
}
