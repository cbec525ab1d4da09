//! Taking guests and conversations out of the database, and making sure that nothing of them is left
//! in its files.

use sqlx::{Row as _, SqliteConnection};

use crate::{
    chat::Gone,
    protocol::{Id, Timestamp},
};

use super::{Store, StoreError, guests::GuestData, working::json};

/// Under this name `meta` says that the files still have to be cleared.
const CLEARING: &str = "clearing_wanted";

/// What guests are called whose conversations are kept without them.
const ANONYMOUS: &str = "Anonymous guest";

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many conversations.
    pub conversations: usize,
    /// How many messages they had.
    pub messages: u64,
    /// What is told of it, in order.
    pub gone: Vec<Gone>,
}

/// Erases a guest with everything that was written to and by them. Returns `None` if the property has
/// no such guest.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn erase_guest(
    writer: &mut SqliteConnection,
    property_id: Id,
    guest_id: Id,
    now: Timestamp,
) -> Result<Option<Erased>, StoreError> {
    let known: Option<Id> =
        sqlx::query_scalar("select id from guest where property_id = ?1 and id = ?2")
            .bind(property_id)
            .bind(guest_id)
            .fetch_optional(&mut *writer)
            .await?;
    if known.is_none() {
        return Ok(None);
    }
    let ids: Vec<Id> = sqlx::query_scalar("select id from conversation where guest_id = ?1")
        .bind(guest_id)
        .fetch_all(&mut *writer)
        .await?;
    let erased = delete_conversations(writer, property_id, &ids, now).await?;
    for statement in [
        "delete from gateway_guest where guest_id = ?1",
        "delete from gateway_address where guest_id = ?1",
        "delete from stay where guest_id = ?1",
        "delete from guest where id = ?1",
    ] {
        sqlx::query(statement).bind(guest_id).execute(&mut *writer).await?;
    }
    want_clearing(writer).await?;
    Ok(Some(erased))
}

/// Deletes conversations with all that belongs to them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete_conversations(
    writer: &mut SqliteConnection,
    property_id: Id,
    ids: &[Id],
    now: Timestamp,
) -> Result<Erased, StoreError> {
    let gone = take_leave(writer, property_id, ids, now).await?;
    let conversations = ids.len();
    let ids = json(&ids)?;
    let mut messages = 0;
    for (statement, counts) in [
        ("delete from delivery where conversation_id in (select value from json_each(?1))", false),
        ("delete from read_mark where conversation_id in (select value from json_each(?1))", false),
        ("delete from line where conversation_id in (select value from json_each(?1))", false),
        ("delete from message where conversation_id in (select value from json_each(?1))", true),
        ("delete from conversation where id in (select value from json_each(?1))", false),
    ] {
        let done = sqlx::query(statement).bind(ids.clone()).execute(&mut *writer).await?;
        if counts {
            messages = done.rows_affected();
        }
    }
    Ok(Erased { conversations, messages, gone })
}

/// Anonymises conversations: keeps times and the staff who answered, and removes texts and the guest.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn anonymise_conversations(
    writer: &mut SqliteConnection,
    property_id: Id,
    ids: &[Id],
    now: Timestamp,
) -> Result<Erased, StoreError> {
    let gone = take_leave(writer, property_id, ids, now).await?;
    let nobody = anonymous_guest(writer, property_id, now).await?;
    let conversations = ids.len();
    let ids = json(&ids)?;
    sqlx::query("delete from delivery where conversation_id in (select value from json_each(?1))")
        .bind(ids.clone())
        .execute(&mut *writer)
        .await?;
    // Notes and numbers say who the guest was.
    for statement in [
        "delete from line where kind = 'guest_number'
            and conversation_id in (select value from json_each(?1))",
        "update line set detail = json_set(detail, '$.note', null) where kind = 'transferred'
            and conversation_id in (select value from json_each(?1))",
    ] {
        sqlx::query(statement).bind(ids.clone()).execute(&mut *writer).await?;
    }
    // Gateways' names for messages and people's `client_id`s may say who wrote, too.
    let messages = sqlx::query(
        "update message set content = '…', client_id = null, gateway_id = null, external_id = null,
            guest_id = iif(guest_id is null, null, ?2)
         where conversation_id in (select value from json_each(?1))",
    )
    .bind(ids.clone())
    .bind(nobody)
    .execute(&mut *writer)
    .await?
    .rows_affected();
    sqlx::query(
        "update conversation set guest_id = ?2, client_id = null, anonymised_at = ?3
         where id in (select value from json_each(?1))",
    )
    .bind(ids)
    .bind(nobody)
    .bind(now.as_millis())
    .execute(writer)
    .await?;
    Ok(Erased { conversations, messages, gone })
}

/// Puts an event in the place of all events of each conversation: that it is gone. Every department that
/// these events would have been told to is told that instead, whenever it comes back.
async fn take_leave(
    writer: &mut SqliteConnection,
    property_id: Id,
    ids: &[Id],
    now: Timestamp,
) -> Result<Vec<Gone>, StoreError> {
    let ids = json(&ids)?;
    let departments: Vec<(Id, Id)> = sqlx::query_as(
        "select id, department_id from conversation
         where property_id = ?1 and id in (select value from json_each(?2))
         union
         select conversation_id, department_id from event
         where property_id = ?1 and conversation_id in (select value from json_each(?2))
         order by 1, 2",
    )
    .bind(property_id)
    .bind(ids.clone())
    .fetch_all(&mut *writer)
    .await?;
    sqlx::query(
        "delete from event
         where property_id = ?1 and conversation_id in (select value from json_each(?2))",
    )
    .bind(property_id)
    .bind(ids)
    .execute(&mut *writer)
    .await?;
    let mut gone = Vec::with_capacity(departments.len());
    for (id, department_id) in departments {
        let row = sqlx::query(
            "insert into event (property_id, conversation_id, department_id, kind, at)
             values (?1, ?2, ?3, 'erased', ?4)
             returning seq, (select slug from department where id = ?3) as slug",
        )
        .bind(property_id)
        .bind(id)
        .bind(department_id)
        .bind(now.as_millis())
        .fetch_one(&mut *writer)
        .await?;
        let (seq, department) = (row.try_get("seq")?, row.try_get("slug")?);
        gone.push(Gone { id, department_id, department, seq });
    }
    Ok(gone)
}

/// The guest of all conversations of the property that are kept without theirs.
async fn anonymous_guest(
    writer: &mut SqliteConnection,
    property_id: Id,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let key = format!("anonymous_guest_{property_id}");
    let known: Option<Id> = sqlx::query_scalar(
        "select g.id from meta m join guest g on g.id = cast(m.value as integer) where m.key = ?1",
    )
    .bind(key.clone())
    .fetch_optional(&mut *writer)
    .await?;
    if let Some(id) = known {
        return Ok(id);
    }
    let data = GuestData { name: Some(ANONYMOUS.to_owned()), ..GuestData::default() };
    let id = super::guests::create(writer, property_id, &data, now).await?;
    let id = id.ok_or(StoreError::Damaged("a guest without a number that has one"))?;
    sqlx::query(
        "insert into meta values (?1, ?2) on conflict do update set value = excluded.value",
    )
    .bind(key)
    .bind(id.to_string())
    .execute(writer)
    .await?;
    Ok(id)
}

/// How long a property keeps its closed conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For so many days; `None`: for ever.
    pub days: Option<i64>,
    /// Whether they are kept without guest and texts after that.
    pub anonymises: bool,
}

/// What each property has chosen.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn retention(
    connection: &mut SqliteConnection,
) -> Result<Vec<(Id, String, Retention)>, StoreError> {
    let rows = sqlx::query_as::<_, (Id, String, Option<i64>, bool)>(
        "select id, name, retention_days, retention = 'anonymise' from property order by id",
    )
    .fetch_all(connection)
    .await?;
    let read = |(id, name, days, anonymises)| (id, name, Retention { days, anonymises });
    Ok(rows.into_iter().map(read).collect())
}

/// The same, for reading.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn properties(store: &Store) -> Result<Vec<(Id, String, Retention)>, StoreError> {
    let mut connection = store.pool().acquire().await?;
    retention(&mut connection).await
}

/// Conversations of a property that were closed before a time and are still whole, at most `limit`. A
/// reply that is still on its way out keeps its conversation.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn outlived(
    writer: &mut SqliteConnection,
    property_id: Id,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select id from conversation c
         where property_id = ?1 and closed_at < ?2 and closed_at is not null and anonymised_at is null
           and not exists (select 1 from delivery where conversation_id = c.id and next_attempt_at is not null)
         order by closed_at limit ?3",
    )
    .bind(property_id)
    .bind(before.as_millis())
    .bind(limit)
    .fetch_all(writer)
    .await?)
}

async fn want_clearing(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("insert into meta values (?1, 'yes') on conflict do nothing")
        .bind(CLEARING)
        .execute(writer)
        .await?;
    Ok(())
}

/// Whether something was erased since the files were cleared.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_clearing_wanted(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select count(*) > 0 from meta where key = ?1")
        .bind(CLEARING)
        .fetch_one(connection)
        .await?)
}

/// Rewrites the whole database, so that no page holds deleted or moved data, and empties its journal file.
/// Outside of any transaction.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Damaged`] when somebody read all the while. The database is
/// as good as before, and has to be cleared another time.
pub async fn clear_files(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("vacuum").execute(&mut *writer).await?;
    super::backup::fold_journal(writer).await?;
    sqlx::query("delete from meta where key = ?1").bind(CLEARING).execute(writer).await?;
    Ok(())
}
