//! What is recorded of the computer's clock, and stored times that move with it.

use std::time::Duration;

use sqlx::{Row, SqliteConnection};

use crate::{clock::Jump, protocol::Timestamp};

use super::{StoreError, working::json};

/// Stored times that decide when something ends or may be tried again. All of them are in the future or compared with
/// the present; times that only say when something happened are not changed.
const SHIFTED: [&str; 3] = [
    "update session set created_at = created_at + ?1, last_used_at = last_used_at + ?1, expires_at = expires_at + ?1",
    "update sign_in_failure set last_at = last_at + ?1",
    "update delivery set next_attempt_at = next_attempt_at + ?1 where next_attempt_at is not null",
];

/// The recorded time, and the unconfirmed jump, if any. `None` in a new database.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn recorded(
    connection: &mut SqliteConnection,
) -> Result<Option<(Timestamp, Option<Jump>)>, StoreError> {
    let row = sqlx::query("select * from clock").fetch_optional(&mut *connection).await?;
    let Some(row) = row else {
        // Older versions recorded the time of their last start.
        let probed: Option<String> =
            sqlx::query_scalar("select value from meta where key = 'probed_at'")
                .fetch_optional(connection)
                .await?;
        let probed = probed.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        return Ok(probed.map(|at| (Timestamp::from_millis(at.as_millisecond()), None)));
    };
    let at: Option<Timestamp> = row.try_get("jumped_at")?;
    let names: &str = row.try_get("kept_backups")?;
    let kept_backups = serde_json::from_str(names)
        .map_err(|_| StoreError::Damaged("the names of backups from before the clock jumped"))?;
    let ran: i64 = row.try_get("ran_millis")?;
    let millis = row.try_get("jump_millis")?;
    let ran = Duration::from_millis(ran.try_into().unwrap_or(0));
    let jump = at.map(|at| Jump { at, millis, ran, kept_backups });
    Ok(Some((row.try_get("recorded_at")?, jump)))
}

/// Records the time of day, and the unconfirmed jump, if any.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn record(
    writer: &mut SqliteConnection,
    now: Timestamp,
    jump: Option<&Jump>,
) -> Result<(), StoreError> {
    let names = jump.map_or(&[][..], |jump| jump.kept_backups.as_slice());
    let ran = jump.map_or(0, |jump| i64::try_from(jump.ran.as_millis()).unwrap_or(i64::MAX));
    sqlx::query(
        "insert into clock (id, recorded_at, jumped_at, jump_millis, ran_millis, kept_backups)
         values (1, ?1, ?2, ?3, ?4, ?5)
         on conflict do update set recorded_at = ?1, jumped_at = ?2, jump_millis = ?3, ran_millis = ?4,
            kept_backups = ?5",
    )
    .bind(now.as_millis())
    .bind(jump.map(|jump| jump.at.as_millis()))
    .bind(jump.map_or(0, |jump| jump.millis))
    .bind(ran)
    .bind(json(&names)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// Shifts the ends of sessions, the waits after wrong passwords and the pauses between deliveries by so many
/// milliseconds: they last as long as they would have without the jump.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn shift(writer: &mut SqliteConnection, millis: i64) -> Result<(), StoreError> {
    for statement in SHIFTED {
        sqlx::query(statement).bind(millis).execute(&mut *writer).await?;
    }
    Ok(())
}
