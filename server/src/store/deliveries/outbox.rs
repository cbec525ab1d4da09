//! What is due to leave, and what the gateway gets.

use serde::Serialize;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    protocol::{Id, Timestamp},
    store::{Store, StoreError, working::json},
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
    /// Whether the callback may be on this computer.
    pub may_call_loopback: bool,
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
    /// What this gateway, or one that it replaces, calls them, or `null`.
    pub guest_ref: Option<String>,
    /// Exactly what this gateway gave as their number or name in their latest message through it, else what a gateway
    /// gave that it replaces; else the number, else `guest_ref`.
    pub address: Option<String>,
}

/// The next replies of a gateway: of each conversation the oldest one that waits, only of the conversations in `only`, if
/// there are any, and of none of those in `except`. Those that were not tried for longest come first. A gateway that is disabled has none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn due(
    store: &Store,
    gateway_id: Id,
    (only, except): (Option<&[Id]>, &[Id]),
    limit: usize,
) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query(DUE)
        .bind(gateway_id)
        .bind(json(&except)?)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(only.map(|ids| json(&ids)).transpose()?)
        .fetch_all(store.pool())
        .await?;
    rows.iter().map(|row| read(row).map_err(StoreError::from)).collect()
}

/// `?1`: the gateway; `?2`: conversations that are left out, as a JSON array; `?3`: the limit; `?4`: the conversations that
/// are meant, as a JSON array, or null for all.
const DUE: &str = "select d.message_id, d.id, d.conversation_id, d.gateway_id, d.attempts, w.callback_url,
        w.refuses_status is not null as gateway_refuses, w.may_call_loopback,
        w.signing_secret, m.content, m.created_at, s.name as sender_name, p.slug,
        g.id as guest_id, g.name as guest_name, g.whatsapp_number, r.number as room_number,
        coalesce(
            (select k.guest_ref from gateway_guest k where k.gateway_id = w.id and k.guest_id = g.id),
            (select k.guest_ref from gateway_guest k join gateway o on o.id = k.gateway_id and o.replies_through = w.id
             where k.guest_id = g.id and o.id = g.gateway_id),
            (select k.guest_ref from gateway_guest k join gateway o on o.id = k.gateway_id and o.replies_through = w.id
             where k.guest_id = g.id)) as guest_ref,
        coalesce(
            (select a.address from gateway_address a where a.gateway_id = w.id and a.guest_id = g.id),
            (select a.address from gateway_address a join gateway o on o.id = a.gateway_id and o.replies_through = w.id
             where a.guest_id = g.id and o.id = g.gateway_id),
            (select a.address from gateway_address a join gateway o on o.id = a.gateway_id and o.replies_through = w.id
             where a.guest_id = g.id)) as address
     from delivery d
     join gateway w on w.id = d.gateway_id and w.disabled_at is null
     join message m on m.id = d.message_id
     join staff s on s.id = m.staff_id
     join conversation c on c.id = d.conversation_id
     join department p on p.id = c.department_id
     join guest g on g.id = c.guest_id
     left join stay y on y.guest_id = g.id and y.checked_out_at is null
     left join room r on r.id = y.room_id
     where d.gateway_id = ?1 and d.next_attempt_at is not null
       and d.conversation_id not in (select value from json_each(?2))
       and (?4 is null or d.conversation_id in (select value from json_each(?4)))
       and not exists (
            select 1 from delivery e where e.conversation_id = d.conversation_id
              and e.message_id < d.message_id and e.next_attempt_at is not null)
     order by d.next_attempt_at limit ?3";

/// Gateways with replies that wait. Walks from one to the next, however many replies there are.
const GATEWAYS: &str = "with recursive waiting (id) as (
        select min(gateway_id) from delivery where next_attempt_at is not null
        union all
        select (select min(gateway_id) from delivery where next_attempt_at is not null and gateway_id > waiting.id)
        from waiting where waiting.id is not null)
     select id from waiting where id is not null";

/// `?1`: a time in ms; `?2`: gateways, as a JSON array; `?3`: the limit.
const OVERDUE: &str = "select d.message_id, d.last_error from gateway w
     cross join delivery d on d.gateway_id = w.id and d.next_attempt_at is not null
     where (w.disabled_at is not null or w.id in (select value from json_each(?2))) and d.at <= ?1
     order by d.message_id limit ?3";

/// The gateways with replies that wait.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn gateways_with_replies(store: &Store) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar(GATEWAYS).fetch_all(store.pool()).await?)
}

/// Replies that wait since `before` for one of these gateways or for one that is disabled, at most `limit`, each with the
/// reason of its last failure.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn overdue(
    store: &Store,
    gateways: &[Id],
    before: Timestamp,
    limit: u32,
) -> Result<Vec<(Id, Option<String>)>, StoreError> {
    Ok(sqlx::query_as(OVERDUE)
        .bind(before.as_millis())
        .bind(json(&gateways)?)
        .bind(limit)
        .fetch_all(store.pool())
        .await?)
}

/// Moves the replies that wait for a gateway to another one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn move_waiting(
    writer: &mut SqliteConnection,
    (from, to): (Id, Id),
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "update delivery set gateway_id = ?2, next_attempt_at = ?3, attempts = 0
         where gateway_id = ?1 and next_attempt_at is not null",
    )
    .bind(from)
    .bind(to)
    .bind(now.as_millis())
    .execute(writer)
    .await?;
    Ok(())
}

pub(in crate::store) fn statements() -> Vec<(&'static str, String)> {
    vec![("due replies", DUE.to_owned()), ("gateways with replies", GATEWAYS.to_owned())]
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
        may_call_loopback: row.try_get("may_call_loopback")?,
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
