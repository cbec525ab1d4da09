//! What is due to leave, and what the gateway gets.

use std::time::Duration;

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};

use crate::{
    protocol::{Id, Timestamp},
    store::{Store, StoreError},
};

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
    /// Whether the gateway refused all replies when it was last asked.
    pub gateway_refuses: bool,
    /// What it is signed with.
    pub signing_secret: String,
    /// What the gateway gets.
    pub body: Body,
}

/// The body of a delivery.
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
    /// Exactly what this gateway gave as their number or name in their latest message through it; else the
    /// number, else `guest_ref`.
    pub address: Option<String>,
}

/// The oldest reply of each conversation that waits for its gateway, as far as it is due; at most so many of
/// one gateway, so that one that does not answer does not hold up the others. A time that is further away
/// than `longest_pause` can only come from a clock that was wrong: such a reply is due.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn due(
    store: &Store,
    now: Timestamp,
    longest_pause: Duration,
    per_gateway: u32,
) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query(
        "select d.message_id, d.id, d.conversation_id, d.gateway_id, d.attempts, w.callback_url,
            w.refuses_status is not null as gateway_refuses,
            w.signing_secret, m.content, m.created_at, s.name as sender_name, p.slug,
            g.id as guest_id, g.name as guest_name, g.whatsapp_number, r.number as room_number,
            (select k.guest_ref from gateway_guest k
             where k.gateway_id = d.gateway_id and k.guest_id = g.id) as guest_ref,
            (select a.address from gateway_address a
             where a.gateway_id = d.gateway_id and a.guest_id = g.id) as address
         from (
            select *, row_number() over (partition by gateway_id order by next_attempt_at) as place
            from delivery d
            where d.next_attempt_at is not null and (d.next_attempt_at <= ?1 or d.next_attempt_at > ?3)
              and not exists (
                select 1 from delivery e where e.conversation_id = d.conversation_id
                  and e.message_id < d.message_id and e.state in ('stored', 'failed')
                  and e.next_attempt_at is not null)
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
    .bind(now.plus(longest_pause).as_millis())
    .fetch_all(store.pool())
    .await?;
    rows.iter().map(|row| read(row).map_err(StoreError::from)).collect()
}

fn read(row: &SqliteRow) -> Result<Due, sqlx::Error> {
    let created_at = row.try_get("created_at")?;
    let number: Option<String> = row.try_get("whatsapp_number")?;
    let whatsapp_number = number.map(|digits| format!("+{digits}"));
    let guest_ref: Option<String> = row.try_get("guest_ref")?;
    let address: Option<String> = row.try_get("address")?;
    Ok(Due {
        message_id: row.try_get("message_id")?,
        conversation_id: row.try_get("conversation_id")?,
        gateway_id: row.try_get("gateway_id")?,
        attempts: row.try_get("attempts")?,
        created_at,
        callback_url: row.try_get("callback_url")?,
        gateway_refuses: row.try_get("gateway_refuses")?,
        signing_secret: row.try_get("signing_secret")?,
        body: Body {
            delivery_id: row.try_get("id")?,
            message_id: row.try_get("message_id")?,
            conversation_id: row.try_get("conversation_id")?,
            guest: BodyGuest {
                id: row.try_get("guest_id")?,
                name: row.try_get("guest_name")?,
                address: address.or_else(|| whatsapp_number.clone()).or_else(|| guest_ref.clone()),
                whatsapp_number,
                guest_ref,
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
        "select min(next_attempt_at) from delivery
         where next_attempt_at is not null and next_attempt_at > ?1",
    )
    .bind(now.as_millis())
    .fetch_one(store.pool())
    .await?;
    Ok(at.map(Timestamp::from_millis))
}
