//! A number that belongs to another guest now.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use crate::{
    chat::{DeliveryNews, Event, Moment, Working, bring_up_to_date},
    protocol::{DeliveryReason, Id, Timestamp},
    store::{StoreError, lookups, working, writes},
};

/// The guest's number belongs to another guest now: replies that still wait would reach that person, so they
/// fail, and gateways forget the address. A gateway that knows the guest by a reference of its own still reaches
/// them. Stores the events of it and returns them, to be handed to the hub (`Effect::Happened`).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn number_passed_on(
    writer: &mut SqliteConnection,
    guest_id: Id,
    now: Timestamp,
) -> Result<Vec<Event>, StoreError> {
    sqlx::query(
        "delete from gateway_address where guest_id = ?1 and not exists (select 1 from gateway_guest k
            where k.gateway_id = gateway_address.gateway_id and k.guest_id = ?1)",
    )
    .bind(guest_id)
    .execute(&mut *writer)
    .await?;
    let ids: Vec<Id> = sqlx::query_scalar(
        "select d.message_id from conversation c
         join delivery d on d.conversation_id = c.id and d.next_attempt_at is not null
         where c.guest_id = ?1 and not exists (select 1 from gateway_guest k
            where k.gateway_id = d.gateway_id and k.guest_id = ?1)
         union all
         select m.id from conversation c
         join message m on m.conversation_id = c.id and m.id >= c.no_way_id and m.no_way_channel is not null
         where c.guest_id = ?1 and c.no_way_id is not null
         order by 1",
    )
    .bind(guest_id)
    .fetch_all(&mut *writer)
    .await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let loaded = super::load(writer, &ids).await?;
    let conversations: HashSet<Id> = loaded.iter().map(|each| each.row.conversation_id).collect();
    let conversations: Vec<Id> = conversations.into_iter().collect();
    let mut working = Working::default();
    for state in working::conversations(writer, &conversations).await? {
        working.conversations.insert(state.id, state);
    }
    let next = lookups::next_ids(writer).await?;
    let mut moment = Moment {
        now,
        next_message_id: next.message,
        next_conversation_id: next.conversation,
        next_seq: next.event,
        next_line_id: next.line,
    };
    let failed = DeliveryNews::Failed {
        code: DeliveryReason::NumberPassedOn,
        reason: "the number now belongs to another guest".to_owned(),
    };
    let news: Vec<_> = ids.into_iter().map(|id| (id, failed.clone())).collect();
    bring_up_to_date(&mut working, &mut moment, loaded, &news)
        .map_err(|_| StoreError::Damaged("a delivery without its conversation"))?;
    writes::write(writer, &working).await?;
    Ok(std::mem::take(&mut working.writes.events))
}
