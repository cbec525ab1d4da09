//! Sessions: one row per sign-in.

use sqlx::{FromRow, Row, SqliteConnection};

use crate::{
    auth::session_end,
    chat::Staff,
    protocol::{Id, Timestamp},
};

use super::{Store, StoreError, staff, working::json};

/// A session and the person it belongs to.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub staff: Staff,
    /// Whether their account is disabled.
    pub is_disabled: bool,
    /// When it was last written as used.
    pub last_used_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session, as its owner sees it in a list.
#[derive(Debug, FromRow)]
pub struct SessionRow {
    /// Its id.
    pub id: Id,
    /// What the program called itself.
    pub user_agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last written as used.
    pub last_used_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The session of a token, by the token's hash.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_token(store: &Store, token_hash: &[u8]) -> Result<Option<Session>, StoreError> {
    let sql = staff::select(
        "session e join staff s on s.id = e.staff_id",
        "e.id as session_id, e.last_used_at, e.expires_at, ",
        "where e.token_hash = ?1",
    );
    let row = sqlx::query(sql).bind(token_hash).fetch_optional(store.pool()).await?;
    row.map(|row| {
        Ok(Session {
            id: row.try_get("session_id")?,
            is_disabled: staff::is_disabled(&row)?,
            staff: staff::person(&row)?,
            last_used_at: row.try_get("last_used_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    })
    .transpose()
}

/// Begins a session.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    writer: &mut SqliteConnection,
    staff_id: Id,
    token_hash: &[u8],
    user_agent: &str,
    now: Timestamp,
) -> Result<Id, StoreError> {
    Ok(sqlx::query(
        "insert into session (staff_id, token_hash, user_agent, created_at, last_used_at, expires_at)
         values (?1, ?2, ?3, ?4, ?4, ?5)",
    )
    .bind(staff_id)
    .bind(token_hash)
    .bind(user_agent)
    .bind(now.as_millis())
    .bind(session_end(now).as_millis())
    .execute(writer)
    .await?
    .last_insert_rowid())
}

/// Writes sessions as used now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn touch(
    writer: &mut SqliteConnection,
    ids: &[Id],
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "update session set last_used_at = ?2, expires_at = ?3
         where id in (select value from json_each(?1))",
    )
    .bind(json(&ids)?)
    .bind(now.as_millis())
    .bind(session_end(now).as_millis())
    .execute(writer)
    .await?;
    Ok(())
}

/// Sessions of a person that have not ended, the newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_staff(
    store: &Store,
    staff_id: Id,
    now: Timestamp,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from session where staff_id = ?1 and expires_at > ?2 order by id desc",
    )
    .bind(staff_id)
    .bind(now.as_millis())
    .fetch_all(store.pool())
    .await?)
}

/// Ends one session of a person; returns whether there was one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end(writer: &mut SqliteConnection, staff_id: Id, id: Id) -> Result<bool, StoreError> {
    let ended = sqlx::query("delete from session where id = ?1 and staff_id = ?2")
        .bind(id)
        .bind(staff_id)
        .execute(writer)
        .await?;
    Ok(ended.rows_affected() > 0)
}

/// Ends the sessions of a person of a property, except one that may stay; returns which.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end_all(
    writer: &mut SqliteConnection,
    (property_id, staff_id): (Id, Id),
    except: Option<Id>,
) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "delete from session
         where staff_id = (select id from staff where property_id = ?1 and id = ?2) and id is not ?3
         returning id",
    )
    .bind(property_id)
    .bind(staff_id)
    .bind(except)
    .fetch_all(writer)
    .await?)
}

/// Deletes sessions that have ended by now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete_expired(
    writer: &mut SqliteConnection,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("delete from session where expires_at <= ?1")
        .bind(now.as_millis())
        .execute(writer)
        .await?;
    Ok(())
}
