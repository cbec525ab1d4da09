//! Second factors and recovery codes.

use sqlx::{Row, SqliteConnection};

use crate::{
    auth::TotpSecret,
    protocol::{Id, Timestamp},
};

use super::{Store, StoreError};

/// Whether the property asks for a second factor that the person does not have: `s` is the staff row,
/// `p` that of their property.
pub(super) const IS_MISSING: &str = "(p.second_factor_required
    and (s.is_admin or s.user_type = 'hotel_admin')
    and not exists (select 1 from second_factor f
        where f.staff_id = s.id and f.confirmed_at is not null))";

/// A second factor in use, as its owner sees it.
#[derive(Debug)]
pub struct InUse {
    /// Since when.
    pub confirmed_at: Timestamp,
    /// Recovery codes that are left.
    pub recovery_codes: u32,
}

/// A second factor, with what codes are checked against.
#[derive(Debug)]
pub(crate) struct SecondFactor {
    pub(crate) secret: TotpSecret,
    pub(crate) is_confirmed: bool,
}

/// The second factor that a person's sign-ins need. Returns `None` without one, and for one that has
/// only begun.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn in_use(store: &Store, staff_id: Id) -> Result<Option<InUse>, StoreError> {
    sqlx::query(
        "select confirmed_at, (select count(*) from recovery_code c where c.staff_id = ?1) as codes
         from second_factor where staff_id = ?1 and confirmed_at is not null",
    )
    .bind(staff_id)
    .fetch_optional(store.pool())
    .await?
    .map(|row| {
        let recovery_codes = row.try_get("codes")?;
        Ok(InUse { confirmed_at: row.try_get("confirmed_at")?, recovery_codes })
    })
    .transpose()
}

/// What codes of a person are checked against, inside a transaction.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Damaged`].
pub(crate) async fn of_staff(
    writer: &mut SqliteConnection,
    staff_id: Id,
) -> Result<Option<SecondFactor>, StoreError> {
    let sql = "select secret, confirmed_at is not null as is_confirmed
               from second_factor where staff_id = ?1";
    let row = sqlx::query(sql).bind(staff_id).fetch_optional(writer).await?;
    row.map(|row| {
        let secret = TotpSecret::from_bytes(row.try_get("secret")?);
        Ok(SecondFactor {
            secret: secret.ok_or(StoreError::Damaged("the secret of a second factor"))?,
            is_confirmed: row.try_get("is_confirmed")?,
        })
    })
    .transpose()
}

/// Begins a second factor, in place of one that was begun and never confirmed. Returns `false` if
/// there is a confirmed one.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn begin(
    writer: &mut SqliteConnection,
    staff_id: Id,
    secret: &TotpSecret,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let begun = sqlx::query(
        "insert into second_factor (staff_id, secret, created_at) values (?1, ?2, ?3)
         on conflict do update set secret = excluded.secret, created_at = excluded.created_at
            where confirmed_at is null",
    )
    .bind(staff_id)
    .bind(secret.as_bytes())
    .bind(now.as_millis())
    .execute(writer)
    .await?;
    Ok(begun.rows_affected() > 0)
}

/// The secret of a second factor that was begun after that time and is not confirmed. One that was
/// begun before is taken away by the next that is begun.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Damaged`].
pub(crate) async fn begun(
    writer: &mut SqliteConnection,
    staff_id: Id,
    after: Timestamp,
) -> Result<Option<TotpSecret>, StoreError> {
    let sql = "select secret from second_factor
               where staff_id = ?1 and confirmed_at is null and created_at > ?2";
    let query = sqlx::query_scalar::<_, Vec<u8>>(sql).bind(staff_id).bind(after.as_millis());
    let secret = query.fetch_optional(writer).await?;
    let read = |secret: Vec<u8>| {
        TotpSecret::from_bytes(&secret).ok_or(StoreError::Damaged("the secret of a second factor"))
    };
    secret.map(read).transpose()
}

/// From now on sign-ins need it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn confirm(
    writer: &mut SqliteConnection,
    staff_id: Id,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("update second_factor set confirmed_at = ?2 where staff_id = ?1")
        .bind(staff_id)
        .bind(now.as_millis())
        .execute(writer)
        .await?;
    Ok(())
}

/// Notes the time step of the code that a person used last, for the next start.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_step(
    writer: &mut SqliteConnection,
    staff_id: Id,
    step: i64,
) -> Result<(), StoreError> {
    sqlx::query("update second_factor set used_step = ?2 where staff_id = ?1")
        .bind(staff_id)
        .bind(step)
        .execute(writer)
        .await?;
    Ok(())
}

/// The time step of the code that each person used last.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn used_steps(store: &Store) -> Result<Vec<(Id, i64)>, StoreError> {
    let sql = "select staff_id, used_step from second_factor where confirmed_at is not null";
    Ok(sqlx::query_as(sql).fetch_all(store.pool()).await?)
}

/// Takes a recovery code. Returns `false` if there is no such one (any more).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn use_recovery_code(
    writer: &mut SqliteConnection,
    staff_id: Id,
    code_hash: &[u8],
) -> Result<bool, StoreError> {
    let sql = "delete from recovery_code where staff_id = ?1 and code_hash = ?2";
    let used = sqlx::query(sql).bind(staff_id).bind(code_hash).execute(writer).await?;
    Ok(used.rows_affected() > 0)
}

/// Puts recovery codes in the place of those that there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_recovery_codes(
    writer: &mut SqliteConnection,
    staff_id: Id,
    hashes: &[Vec<u8>],
) -> Result<(), StoreError> {
    sqlx::query("delete from recovery_code where staff_id = ?1")
        .bind(staff_id)
        .execute(&mut *writer)
        .await?;
    for hash in hashes {
        sqlx::query("insert into recovery_code (staff_id, code_hash) values (?1, ?2)")
            .bind(staff_id)
            .bind(hash.as_slice())
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

/// Takes a second factor away, with its recovery codes. Returns whether there was a confirmed one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(writer: &mut SqliteConnection, staff_id: Id) -> Result<bool, StoreError> {
    let sql = "delete from second_factor where staff_id = ?1 returning confirmed_at is not null";
    let removed = sqlx::query_scalar(sql).bind(staff_id).fetch_optional(writer).await?;
    Ok(removed.unwrap_or(false))
}

/// Whom the property asks for a second factor that they do not have: all of them, or that one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn missing(
    writer: &mut SqliteConnection,
    property_id: Id,
    staff_id: Option<Id>,
) -> Result<Vec<Id>, StoreError> {
    let sql = format!(
        "select s.id from staff s join property p on p.id = s.property_id
         where p.id = ?1 and s.id = coalesce(?2, s.id) and {IS_MISSING}"
    );
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(property_id)
        .bind(staff_id)
        .fetch_all(writer)
        .await?)
}
