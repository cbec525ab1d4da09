//! The outbox: replies that wait to leave through a gateway.

use serde::Serialize;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::protocol::{Id, Timestamp};

use super::{Store, StoreError, working::json};

/// A reply that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// The message that leaves.
    pub message_id: Id,
    /// Its conversation: the next reply of it waits for this one.
    pub conversation_id: Id,
    /// The gateway it leaves through.
    pub gateway_id: Id,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written.
    pub created_at: Timestamp,
    /// Where it goes; `None` when the gateway takes no replies any more.
    pub callback_url: Option<String>,
    /// What it is signed with.
    pub signing_secret: String,
    /// What the gateway gets.
    pub body: Body,
}

/// The body of a delivery (contract 3).
#[derive(Clone, Debug, Serialize)]
pub struct Body {
    /// The same over all attempts.
    pub delivery_id: String,
    /// The message.
    pub message_id: Id,
    /// Its conversation.
    pub conversation_id: Id,
    /// Who it is for.
    pub guest: BodyGuest,
    /// Where they stay.
    pub room_number: Option<String>,
    /// Slug of the department that answers.
    pub department: String,
    /// Who answers.
    pub sender_name: String,
    /// The text.
    pub content: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// The guest of a delivery.
#[derive(Clone, Debug, Serialize)]
pub struct BodyGuest {
    /// Their id.
    pub id: Id,
    /// Their name.
    pub name: String,
    /// International number with `+`, or `null`.
    pub whatsapp_number: Option<String>,
    /// What this gateway calls them, or `null`.
    pub guest_ref: Option<String>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway has it.
    Delivered,
    /// It is tried again at this time.
    Retry { at: Timestamp, error: String },
    /// It is never tried again.
    Failed { error: String },
}

/// How many replies wait and have been given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Still to be delivered.
    pub pending: i64,
    /// Given up.
    pub failed: i64,
}

/// The oldest undelivered reply of each conversation, as far as it is due; at most so many of one
/// gateway, so that one that does not answer does not hold up the others.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn due(store: &Store, now: Timestamp, per_gateway: u32) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query(
        "select d.message_id, d.id, d.conversation_id, d.gateway_id, d.attempts, w.callback_url,
            w.signing_secret, m.content, m.created_at, s.name as sender_name, p.slug,
            g.id as guest_id, g.name as guest_name, g.whatsapp_number, r.number as room_number,
            (select k.guest_ref from gateway_guest k
             where k.gateway_id = d.gateway_id and k.guest_id = g.id) as guest_ref
         from (
            select *, row_number() over (partition by gateway_id order by next_attempt_at) as place
            from delivery d
            where d.status = 'pending' and d.next_attempt_at <= ?1
              and not exists (
                select 1 from delivery e where e.status = 'pending'
                  and e.conversation_id = d.conversation_id and e.message_id < d.message_id)
         ) d
         join gateway w on w.id = d.gateway_id
         join message m on m.id = d.message_id
         join staff s on s.id = m.staff_id
         join conversation c on c.id = d.conversation_id
         join department p on p.id = c.department_id
         join guest g on g.id = c.guest_id
         left join stay y on y.guest_id = g.id and y.checked_out_at is null
         left join room r on r.id = y.room_id
         where d.place <= ?2
         order by d.next_attempt_at",
    )
    .bind(now.as_millis())
    .bind(per_gateway)
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(|row| read(row).map_err(StoreError::from)).collect()
}

fn read(row: &SqliteRow) -> Result<Due, sqlx::Error> {
    let created_at = row.try_get("created_at")?;
    let number: Option<String> = row.try_get("whatsapp_number")?;
    Ok(Due {
        message_id: row.try_get("message_id")?,
        conversation_id: row.try_get("conversation_id")?,
        gateway_id: row.try_get("gateway_id")?,
        attempts: row.try_get("attempts")?,
        created_at,
        callback_url: row.try_get("callback_url")?,
        signing_secret: row.try_get("signing_secret")?,
        body: Body {
            delivery_id: row.try_get("id")?,
            message_id: row.try_get("message_id")?,
            conversation_id: row.try_get("conversation_id")?,
            guest: BodyGuest {
                id: row.try_get("guest_id")?,
                name: row.try_get("guest_name")?,
                whatsapp_number: number.map(|digits| format!("+{digits}")),
                guest_ref: row.try_get("guest_ref")?,
            },
            room_number: row.try_get("room_number")?,
            department: row.try_get("slug")?,
            sender_name: row.try_get("sender_name")?,
            content: row.try_get("content")?,
            created_at,
        },
    })
}

/// When the next reply is due, after `now`. Returns `None` if none waits.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn next_due(store: &Store, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> = sqlx::query_scalar(
        "select min(next_attempt_at) from delivery where status = 'pending' and next_attempt_at > ?1",
    )
    .bind(now.as_millis())
    .fetch_one(store.pool())
    .await?;
    Ok(at.map(Timestamp::from_millis))
}

/// How many replies wait and have been given up.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn counts(store: &Store) -> Result<Counts, StoreError> {
    let row = sqlx::query(
        "select count(*) filter (where status = 'pending') as pending,
            count(*) filter (where status = 'failed') as failed
         from delivery where status <> 'delivered'",
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Counts { pending: row.try_get("pending")?, failed: row.try_get("failed")? })
}

/// Notes what became of some attempts.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn record(
    writer: &mut SqliteConnection,
    outcomes: &[(Id, Outcome)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows: Vec<_> = outcomes
        .iter()
        .map(|(message_id, outcome)| match outcome {
            Outcome::Delivered => (message_id, "delivered", None, None, Some(now.as_millis())),
            Outcome::Retry { at, error } => {
                (message_id, "pending", Some(at.as_millis()), Some(error), None)
            }
            Outcome::Failed { error } => {
                (message_id, "failed", None, Some(error), Some(now.as_millis()))
            }
        })
        .collect();
    sqlx::query(
        "update delivery set
            status = n.value->>1, attempts = attempts + 1,
            next_attempt_at = coalesce(n.value->>2, next_attempt_at),
            last_error = n.value->>3, finished_at = n.value->>4
         from json_each(?1) n where delivery.message_id = n.value->>0",
    )
    .bind(json(&rows)?)
    .execute(writer)
    .await?;
    Ok(())
}
