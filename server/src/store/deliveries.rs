//! The outbox: replies that wait to leave through a gateway or for a way to their guest.

use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    chat::{DeliveryRow, GatewayHealth, LoadedDelivery, WAITS_FOR_A_WAY},
    protocol::{Delivery, DeliveryReason, DeliveryState, Id, Timestamp},
};

use super::{Store, StoreError, working::json};

mod outbox;
mod passed_on;
#[cfg(test)]
mod tests;

pub(in crate::store) use outbox::statements;
pub use outbox::{Due, due, gateways_with_replies, move_waiting, overdue};
pub use passed_on::number_passed_on;

/// How many replies wait and have failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wait for their gateway.
    pub pending: i64,
    /// Wait because nothing reaches their guest.
    pub no_way: i64,
    /// Were refused, or given up.
    pub failed: i64,
}

/// How many replies wait and have failed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn counts(store: &Store) -> Result<Counts, StoreError> {
    let row = sqlx::query(
        "select (select count(*) from delivery where next_attempt_at is not null) as pending,
            (select count(*) from conversation c
             join message m on m.conversation_id = c.id and m.id >= c.no_way_id and m.no_way_channel is not null
             where c.no_way_id is not null) as no_way,
            (select count(*) from delivery where state = 'failed') as failed",
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Counts {
        pending: row.try_get("pending")?,
        no_way: row.try_get("no_way")?,
        failed: row.try_get("failed")?,
    })
}

/// A word of the protocol, as the database holds it.
///
/// # Errors
/// [`StoreError::Damaged`] for a word that this version does not know.
pub(super) fn word<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, StoreError> {
    T::deserialize(IntoDeserializer::<value::Error>::into_deserializer(text))
        .map_err(|_| StoreError::Damaged("a word that this version does not know"))
}

fn delivery(row: &SqliteRow) -> Result<DeliveryRow, StoreError> {
    let reason_code: Option<&str> = row.try_get("reason_code")?;
    Ok(DeliveryRow {
        message_id: row.try_get("message_id")?,
        conversation_id: row.try_get("conversation_id")?,
        delivery_id: row.try_get("id")?,
        gateway_id: row.try_get("gateway_id")?,
        channel: word(row.try_get("channel")?)?,
        state: word(row.try_get("state")?)?,
        reason_code: reason_code.map(word).transpose()?,
        reason: row.try_get("reason")?,
        at: row.try_get("at")?,
        attempts: row.try_get("attempts")?,
        next_attempt_at: row.try_get("next_attempt_at")?,
        last_error: row.try_get("last_error")?,
    })
}

/// The columns that [`shown`] reads, and the `channel`, from a `message m` and its `delivery dl`, if any.
pub(super) const SHOWN: &str = "coalesce(m.no_way_channel, dl.channel) as channel,
    iif(m.no_way_channel is null, dl.state, 'stored') as delivery_state,
    iif(m.no_way_channel is null, dl.reason_code, 'no_way') as reason_code, dl.reason,
    iif(m.no_way_channel is null, dl.at, m.created_at) as delivery_at";

/// How far a message has come, as staff see it; from the columns `delivery_state`, `reason_code`, `reason`
/// and `delivery_at` of a row of messages. Returns `None` for a message without a delivery.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) fn shown(row: &SqliteRow) -> Result<Option<Delivery>, StoreError> {
    let Some(state) = row.try_get::<Option<&str>, _>("delivery_state")? else { return Ok(None) };
    let reason_code: Option<&str> = row.try_get("reason_code")?;
    Ok(Some(Delivery {
        state: word::<DeliveryState>(state)?.into(),
        reason: row.try_get("reason")?,
        reason_code: reason_code.map(word::<DeliveryReason>).transpose()?.map(Into::into),
        at: row.try_get("delivery_at")?,
    }))
}

/// Loads the deliveries of these messages, to change them; messages without one are left out.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn load(
    writer: &mut SqliteConnection,
    message_ids: &[Id],
) -> Result<Vec<LoadedDelivery>, StoreError> {
    let rows = sqlx::query(
        "select m.id as message_id, m.conversation_id, m.created_at, d.id, d.gateway_id,
            coalesce(m.no_way_channel, d.channel) as channel, coalesce(d.state, 'stored') as state,
            iif(m.no_way_channel is null, d.reason_code, 'no_way') as reason_code, d.reason,
            coalesce(d.at, m.created_at) as at, coalesce(d.attempts, 0) as attempts, d.next_attempt_at, d.last_error,
            (select y.created_at from message y left join delivery x on x.message_id = y.id
             where y.conversation_id = c.id and y.id > c.settled_id
               and (y.no_way_channel is not null or x.state in ('stored', 'failed'))
               and y.id not in (select value from json_each(?1))
             order by y.id limit 1) as others_since,
            (select y.id from message y
             where y.conversation_id = c.id and y.id >= c.no_way_id and y.no_way_channel is not null
               and y.id not in (select value from json_each(?1))
             order by y.id limit 1) as others_no_way_id
         from (select distinct value as id from json_each(?1)) k
         join message m on m.id = k.id
         join conversation c on c.id = m.conversation_id
         left join delivery d on d.message_id = m.id
         where m.no_way_channel is not null or d.message_id is not null
         order by m.id",
    )
    .bind(json(&message_ids)?)
    .fetch_all(writer)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(LoadedDelivery {
                row: delivery(row)?,
                created_at: row.try_get("created_at")?,
                others_since: row.try_get("others_since")?,
                others_no_way_id: row.try_get("others_no_way_id")?,
            })
        })
        .collect()
}

/// The messages whose replies a gateway calls so, each with its `delivery_id`; those that are unknown, or
/// another gateway's, are left out.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn messages_of(
    writer: &mut SqliteConnection,
    gateway_id: Id,
    delivery_ids: &[&str],
) -> Result<Vec<(String, Id)>, StoreError> {
    Ok(sqlx::query_as(
        "select d.id, d.message_id from (select distinct value as id from json_each(?1)) k
         join delivery d on d.id = k.id and d.id is not null
         where d.gateway_id = ?2",
    )
    .bind(json(&delivery_ids)?)
    .bind(gateway_id)
    .fetch_all(writer)
    .await?)
}

/// A staff message of a property and its conversation. Returns `None` for an unknown message.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn conversation_of(
    writer: &mut SqliteConnection,
    property_id: Id,
    message_id: Id,
) -> Result<Option<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select c.id from message m join conversation c on c.id = m.conversation_id
         where m.id = ?2 and c.property_id = ?1",
    )
    .bind(property_id)
    .bind(message_id)
    .fetch_optional(writer)
    .await?)
}

/// Messages of a conversation that wait because nothing reaches the guest.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn without_way(
    writer: &mut SqliteConnection,
    conversation_id: Id,
) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select m.id from conversation c
         join message m on m.conversation_id = c.id and m.id >= c.no_way_id and m.no_way_channel is not null
         where c.id = ?1 order by m.id",
    )
    .bind(conversation_id)
    .fetch_all(writer)
    .await?)
}

/// Messages to a guest that wait because nothing reaches them, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn without_way_to(
    writer: &mut SqliteConnection,
    guest_id: Id,
) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select m.id from conversation c
         join message m on m.conversation_id = c.id and m.id >= c.no_way_id and m.no_way_channel is not null
         where c.guest_id = ?1 and c.no_way_id is not null order by m.id",
    )
    .bind(guest_id)
    .fetch_all(writer)
    .await?)
}

/// Replies without a way whose wait is over, and why, at most `limit`: written a day ago, or to a guest
/// whose stay ended a while ago.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn ended_waits(
    store: &Store,
    now: Timestamp,
    after_stay: std::time::Duration,
    limit: u32,
) -> Result<Vec<(Id, DeliveryReason)>, StoreError> {
    let day_ago = now.minus(WAITS_FOR_A_WAY);
    let too_old: Vec<Id> = sqlx::query_scalar(
        "select m.id from conversation c
         join message m on m.conversation_id = c.id and m.id >= c.no_way_id and m.no_way_channel is not null
         where c.no_way_id is not null and m.created_at <= ?1 order by m.id limit ?2",
    )
    .bind(day_ago.as_millis())
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    // What was written before a stay ended more than a day ago is too old already.
    let stay_ended: Vec<Id> = sqlx::query_scalar(
        "select distinct m.id from stay s
         join conversation c on c.guest_id = s.guest_id and c.no_way_id is not null
         join message m on m.conversation_id = c.id and m.id >= c.no_way_id and m.no_way_channel is not null
         where s.checked_out_at <= ?1 and s.checked_out_at > ?2 and s.checked_out_at is not null
           and m.created_at > ?3 and m.created_at <= s.checked_out_at
           and not exists (select 1 from stay a where a.guest_id = s.guest_id and a.checked_out_at is null)
         order by m.id limit ?4",
    )
    .bind(now.minus(after_stay).as_millis())
    .bind(day_ago.minus(after_stay).as_millis())
    .bind(day_ago.as_millis())
    .bind(limit)
    .fetch_all(store.pool())
    .await?;
    let too_old = too_old.into_iter().map(|id| (id, DeliveryReason::TooOld));
    let stay_ended = stay_ended.into_iter().map(|id| (id, DeliveryReason::StayEnded));
    Ok(too_old.chain(stay_ended).collect())
}

/// Notes what was seen of gateways.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_health(
    writer: &mut SqliteConnection,
    seen: &[GatewayHealth],
) -> Result<(), StoreError> {
    for each in seen {
        let (status, reason, at) = match &each.error {
            Some(error) => (error.status, Some(error.reason.clone()), Some(error.at.as_millis())),
            None => (None, None, None),
        };
        sqlx::query(
            "update gateway set refuses_status = ?2,
                last_error_status = iif(?5 is null, last_error_status, ?3),
                last_error_reason = coalesce(?4, last_error_reason),
                last_error_at = coalesce(?5, last_error_at)
             where id = ?1",
        )
        .bind(each.gateway_id)
        .bind(each.refuses)
        .bind(status)
        .bind(reason)
        .bind(at)
        .execute(&mut *writer)
        .await?;
    }
    Ok(())
}

/// Notes how a gateway wrote a guest's address.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_address(
    writer: &mut SqliteConnection,
    (gateway_id, guest_id): (Id, Id),
    address: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into gateway_address (gateway_id, guest_id, address) values (?1, ?2, ?3)
         on conflict do update set address = excluded.address",
    )
    .bind(gateway_id)
    .bind(guest_id)
    .bind(address)
    .execute(writer)
    .await?;
    Ok(())
}

/// The new values of a changed delivery, in the order in which a batch writes them.
pub(super) fn written(row: &DeliveryRow) -> impl Serialize {
    (
        row.message_id,
        &row.delivery_id,
        row.conversation_id,
        row.gateway_id,
        row.channel,
        row.state,
        row.reason_code,
        &row.reason,
        row.at.as_millis(),
        row.attempts,
        row.next_attempt_at.map(Timestamp::as_millis),
        &row.last_error,
    )
}
