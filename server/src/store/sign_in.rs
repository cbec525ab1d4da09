//! Wrong passwords that were tried, and devices that signed in before.

use std::net::IpAddr;

use sqlx::{Row, SqliteConnection};

use crate::{
    protocol::{Id, Timestamp},
    text::username_key,
};

use super::{Store, StoreError};

/// Devices kept for one person; those used longest ago are forgotten.
const DEVICES_KEPT: i64 = 20;

/// What failures are counted by.
pub type FailureKey = [u8; 32];

/// Failures of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one was.
    pub last: Timestamp,
    /// Whether this counts all failures of an account that exists.
    pub is_of_account: bool,
}

/// All failures that are remembered.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn failures(store: &Store) -> Result<Vec<(FailureKey, Failures)>, StoreError> {
    sqlx::query("select * from sign_in_failure")
        .fetch_all(store.pool())
        .await?
        .iter()
        .map(|row| {
            let key: &[u8] = row.try_get("key")?;
            let key = key.try_into().map_err(|_| StoreError::Damaged("a sign-in failure"))?;
            let failures = Failures {
                count: row.try_get("count")?,
                last: row.try_get("last_at")?,
                is_of_account: row.try_get("is_of_account")?,
            };
            Ok((key, failures))
        })
        .collect()
}

/// Writes failures as they stand now, `None` for those that are forgiven, and forgets what is older
/// than `forget_before`; of accounts that exist, what is older than `forget_accounts_before`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn write_failures(
    writer: &mut SqliteConnection,
    changed: &[(FailureKey, Option<Failures>)],
    (forget_before, forget_accounts_before): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    for (key, failures) in changed {
        let query = match failures {
            Some(Failures { count, last, is_of_account }) => sqlx::query(
                "insert into sign_in_failure (key, count, last_at, is_of_account) values (?1, ?2, ?3, ?4)
                 on conflict do update set count = ?2, last_at = ?3, is_of_account = ?4",
            )
            .bind(key.as_slice())
            .bind(*count)
            .bind(last.as_millis())
            .bind(*is_of_account),
            None => sqlx::query("delete from sign_in_failure where key = ?1").bind(key.as_slice()),
        };
        query.execute(&mut *writer).await?;
    }
    sqlx::query("delete from sign_in_failure where last_at < iif(is_of_account, ?2, ?1)")
        .bind(forget_before.as_millis())
        .bind(forget_accounts_before.as_millis())
        .execute(writer)
        .await?;
    Ok(())
}

/// Whether there is an account with this username, disabled or not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_account(store: &Store, username: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select 1 from staff where username_key = ?1)")
        .bind(username_key(username))
        .fetch_one(store.pool())
        .await?)
}

/// The device of this person that has this secret.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn known_device(
    store: &Store,
    username: &str,
    secret_hash: Option<&[u8]>,
) -> Result<Option<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select d.id from known_device d join staff s on s.id = d.staff_id
         where s.username_key = ?1 and (s.key_is_shared = 0 or s.username = ?2 collate binary)
            and d.secret_hash = ?3",
    )
    .bind(username_key(username))
    .bind(username)
    .bind(secret_hash)
    .fetch_optional(store.pool())
    .await?)
}

/// Remembers a device that signed in for the first time.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_device(
    writer: &mut SqliteConnection,
    staff_id: Id,
    secret_hash: &[u8],
    address: IpAddr,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into known_device (staff_id, secret_hash, address, created_at, last_used_at)
         values (?1, ?2, ?3, ?4, ?4)",
    )
    .bind(staff_id)
    .bind(secret_hash)
    .bind(address.to_string())
    .bind(now.as_millis())
    .execute(&mut *writer)
    .await?;
    sqlx::query(
        "delete from known_device where staff_id = ?1 and id not in (select id from known_device
            where staff_id = ?1 order by last_used_at desc, id desc limit ?2)",
    )
    .bind(staff_id)
    .bind(DEVICES_KEPT)
    .execute(writer)
    .await?;
    Ok(())
}

/// A known device signed in again.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn touch_device(
    writer: &mut SqliteConnection,
    id: Id,
    address: IpAddr,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("update known_device set address = ?2, last_used_at = ?3 where id = ?1")
        .bind(id)
        .bind(address.to_string())
        .bind(now.as_millis())
        .execute(writer)
        .await?;
    Ok(())
}
