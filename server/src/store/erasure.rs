//! Taking guests and conversations out of the database, and making sure that nothing of them is left
//! in its files.

use sqlx::{Row as _, SqliteConnection};

use crate::{
    chat::Gone,
    protocol::{Id, Timestamp},
};

use super::{Store, StoreError, guests::GuestData, working::json};

/// Under this name `meta` says that the files still have to be cleared. The value grows with each erasure.
const CLEARING: &str = "clearing_wanted";

/// Beginning of the names in `meta` of guests whose erasure has begun; the id follows.
const ERASING: &str = "erasing_guest_";

/// Messages that are deleted or anonymised in one transaction: other changes wait for it.
pub const MESSAGES_AT_ONCE: u32 = 500;

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

/// A step of erasing a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something is left: another step must follow.
    Begun(Erased),
    /// Nothing of the guest is left.
    Done(Erased),
}

/// Begins or continues to erase a guest: at most [`MESSAGES_AT_ONCE`] of their messages, the oldest first, and
/// the guest with the last of them. With the first step the conversations disappear from all desks. Returns
/// `None` if the property has no such guest.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn erase_guest(
    writer: &mut SqliteConnection,
    property_id: Id,
    guest_id: Id,
    now: Timestamp,
) -> Result<Option<Step>, StoreError> {
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
    let mark = format!("{ERASING}{guest_id}");
    if let Some(erased) = delete_some_messages(writer, property_id, &ids, now).await? {
        sqlx::query("insert into meta values (?1, ?2) on conflict do nothing")
            .bind(mark)
            .bind(property_id.to_string())
            .execute(writer)
            .await?;
        return Ok(Some(Step::Begun(erased)));
    }
    let erased = delete_conversations(writer, property_id, &ids, now).await?;
    for statement in [
        "delete from gateway_guest where guest_id = ?1",
        "delete from gateway_address where guest_id = ?1",
        "delete from stay where guest_id = ?1",
        "delete from guest where id = ?1",
    ] {
        sqlx::query(statement).bind(guest_id).execute(&mut *writer).await?;
    }
    sqlx::query("delete from meta where key = ?1").bind(mark).execute(&mut *writer).await?;
    want_clearing(writer).await?;
    Ok(Some(Step::Done(erased)))
}

/// Guests whose erasure has begun and is not done, with their properties.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn being_erased(connection: &mut SqliteConnection) -> Result<Vec<(Id, Id)>, StoreError> {
    Ok(sqlx::query_as(
        "select cast(value as integer), cast(substr(key, length(?1) + 1) as integer) from meta
         where substr(key, 1, length(?1)) = ?1",
    )
    .bind(ERASING)
    .fetch_all(connection)
    .await?)
}

/// Deletes messages of conversations that have more of them than one transaction deletes, the oldest first.
/// Returns `None`, and does nothing, where they have no more than that. Until the rest is deleted, the
/// conversations exist, but no reply in them is sent any more, and clients get the event that they are gone.
async fn delete_some_messages(
    writer: &mut SqliteConnection,
    property_id: Id,
    conversations: &[Id],
    now: Timestamp,
) -> Result<Option<Erased>, StoreError> {
    let ids = json(&conversations)?;
    let messages: Vec<Id> = sqlx::query_scalar(
        "select id from message where conversation_id in (select value from json_each(?1))
         order by id limit ?2",
    )
    .bind(ids.clone())
    .bind(MESSAGES_AT_ONCE + 1)
    .fetch_all(&mut *writer)
    .await?;
    let limit = usize::try_from(MESSAGES_AT_ONCE).unwrap_or(usize::MAX);
    let Some(oldest) = messages.get(..limit).filter(|_| messages.len() > limit) else {
        return Ok(None);
    };
    let gone = take_leave(writer, property_id, conversations, now).await?;
    for statement in [
        "delete from line where conversation_id in (select value from json_each(?1))",
        "delete from delivery where state = 'stored' and conversation_id in (select value from json_each(?1))",
        "update message set no_way_channel = null
         where no_way_channel is not null and conversation_id in (select value from json_each(?1))",
        "update conversation set settled_id = last_message_id, undelivered_since = null, waiting_since = null,
            no_way_id = null
         where id in (select value from json_each(?1))",
    ] {
        sqlx::query(statement).bind(ids.clone()).execute(&mut *writer).await?;
    }
    let oldest = json(&oldest)?;
    for statement in [
        "delete from delivery where message_id in (select value from json_each(?1))",
        "delete from message where id in (select value from json_each(?1))",
    ] {
        sqlx::query(statement).bind(oldest.clone()).execute(&mut *writer).await?;
    }
    let messages = u64::from(MESSAGES_AT_ONCE);
    Ok(Some(Erased { conversations: 0, messages, gone }))
}

/// Deletes conversations that have been kept long enough, as many as one transaction may; of one with many messages a
/// part of these. Returns also which conversations are gone.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete_some(
    writer: &mut SqliteConnection,
    property_id: Id,
    ids: &[Id],
    now: Timestamp,
) -> Result<(Erased, Vec<Id>), StoreError> {
    let fitting = fitting(writer, ids).await?;
    if fitting.is_empty()
        && let Some(first) = ids.get(..1)
        && let Some(erased) = delete_some_messages(writer, property_id, first, now).await?
    {
        return Ok((erased, Vec::new()));
    }
    Ok((delete_conversations(writer, property_id, &fitting, now).await?, fitting))
}

/// Anonymises conversations that have been kept long enough, as many as one transaction may; of one with many
/// messages a part of these. Returns also which conversations are anonymous now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn anonymise_some(
    writer: &mut SqliteConnection,
    property_id: Id,
    ids: &[Id],
    now: Timestamp,
) -> Result<(Erased, Vec<Id>), StoreError> {
    let mut fitting = fitting(writer, ids).await?;
    if fitting.is_empty()
        && let Some(first) = ids.first()
    {
        let anonymised = sqlx::query(
            "update message set content = '…', client_id = null, gateway_id = null, external_id = null
             where id in (select id from message where conversation_id = ?1
                and (content <> '…' or client_id is not null or external_id is not null)
                order by id limit ?2)",
        )
        .bind(first)
        .bind(MESSAGES_AT_ONCE)
        .execute(&mut *writer)
        .await?;
        if anonymised.rows_affected() > 0 {
            return Ok((
                Erased { messages: anonymised.rows_affected(), ..Erased::default() },
                Vec::new(),
            ));
        }
        fitting.push(*first);
    }
    Ok((anonymise_conversations(writer, property_id, &fitting, now).await?, fitting))
}

/// The first of these conversations that together have no more messages than one transaction deletes.
async fn fitting(writer: &mut SqliteConnection, ids: &[Id]) -> Result<Vec<Id>, StoreError> {
    let counts: Vec<(Id, i64)> = sqlx::query_as(
        "select k.value, (select count(*) from (
            select 1 from message where conversation_id = k.value limit ?2))
         from json_each(?1) k",
    )
    .bind(json(&ids)?)
    .bind(MESSAGES_AT_ONCE + 1)
    .fetch_all(writer)
    .await?;
    let mut messages = 0;
    let fits = |(_, count): &&(Id, i64)| {
        messages += count;
        messages <= i64::from(MESSAGES_AT_ONCE)
    };
    Ok(counts.iter().take_while(fits).map(|(id, _)| *id).collect())
}

/// Deletes conversations with all that belongs to them.
async fn delete_conversations(
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
async fn anonymise_conversations(
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

/// Puts an event in the place of all events of each conversation: that it is gone. Every department that these
/// events would have been told to is told that instead, whenever it comes back. Where that is all that is left
/// of a conversation's events, it stays.
async fn take_leave(
    writer: &mut SqliteConnection,
    property_id: Id,
    ids: &[Id],
    now: Timestamp,
) -> Result<Vec<Gone>, StoreError> {
    let untold: Vec<Id> = sqlx::query_scalar(
        "select k.value from json_each(?1) k
         where not exists (select 1 from event where conversation_id = k.value and kind = 'erased')
            or exists (select 1 from event where conversation_id = k.value and kind <> 'erased')",
    )
    .bind(json(&ids)?)
    .fetch_all(&mut *writer)
    .await?;
    let ids = json(&untold)?;
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
    sqlx::query(
        "insert into meta values (?1, '1')
         on conflict do update set value = cast(cast(value as integer) + 1 as text)",
    )
    .bind(CLEARING)
    .execute(writer)
    .await?;
    Ok(())
}

/// Which erasures the files have not been cleared of; `None`: of none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn wanted_clearing(
    connection: &mut SqliteConnection,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select value from meta where key = ?1")
        .bind(CLEARING)
        .fetch_optional(connection)
        .await?)
}

/// Records that the files are cleared of these erasures. Returns whether these were all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn cleared(writer: &mut SqliteConnection, generation: &str) -> Result<bool, StoreError> {
    super::pages::forget_progress(&mut *writer).await?;
    let done = sqlx::query("delete from meta where key = ?1 and value = ?2")
        .bind(CLEARING)
        .bind(generation)
        .execute(writer)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether a guest is the property's *Anonymous guest*, who stands for the guests of all anonymised conversations.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_anonymous(
    connection: &mut SqliteConnection,
    guest_id: Id,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select count(*) > 0 from guest g
         join meta m on m.key = 'anonymous_guest_' || g.property_id and cast(m.value as integer) = g.id
         where g.id = ?1",
    )
    .bind(guest_id)
    .fetch_one(connection)
    .await?)
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;
    use crate::store::{departments, guests, migrate};

    /// A database with one guest and one closed conversation of this many messages.
    async fn database(messages: u32) -> (SqliteConnection, Id, Id) {
        let mut writer = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        migrate(&mut writer).await.unwrap();
        let now = Timestamp::from_millis(0);
        let property = departments::create_property(&mut writer, "Hotel", now).await.unwrap();
        let data = GuestData { name: Some("Amelia".to_owned()), ..Default::default() };
        let guest = guests::create(&mut writer, property, &data, now).await.unwrap().unwrap();
        sqlx::query(
            "insert into conversation (property_id, guest_id, department_id, conversation_type, status,
                active_at, created_at, updated_at, closed_at)
             select ?1, ?2, min(id), 'general', 'closed', 0, 0, 0, 0 from department",
        )
        .bind(property)
        .bind(guest)
        .execute(&mut writer)
        .await
        .unwrap();
        sqlx::query(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?1)
             insert into message (conversation_id, guest_id, content, created_at)
             select c.id, c.guest_id, 'Text ' || n.i, 0 from n, conversation c",
        )
        .bind(messages)
        .execute(&mut writer)
        .await
        .unwrap();
        (writer, property, guest)
    }

    async fn texts(writer: &mut SqliteConnection) -> i64 {
        let sql = "select count(*) from message where content glob 'Text *'";
        sqlx::query_scalar(sql).fetch_one(writer).await.unwrap()
    }

    #[tokio::test]
    async fn one_transaction_takes_only_so_many_messages() {
        let now = Timestamp::from_millis(1);
        let at_once = i64::from(MESSAGES_AT_ONCE);
        for way in ["erase", "delete", "anonymise"] {
            let (mut writer, property, guest) = database(3 * MESSAGES_AT_ONCE).await;
            let mut left = texts(&mut writer).await;
            assert_eq!(left, 3 * at_once);
            let mut steps = 0;
            while left > 0 {
                if way == "erase" {
                    erase_guest(&mut writer, property, guest, now).await.unwrap().unwrap();
                } else {
                    let ids = outlived(&mut writer, property, now, 50).await.unwrap();
                    if way == "delete" {
                        delete_some(&mut writer, property, &ids, now).await.unwrap();
                    } else {
                        anonymise_some(&mut writer, property, &ids, now).await.unwrap();
                    }
                }
                let before = left;
                left = texts(&mut writer).await;
                assert!(before - left <= at_once, "{way}: {before}, then {left}");
                steps += 1;
            }
            assert_eq!(steps, 3, "{way}");
        }
    }
}
