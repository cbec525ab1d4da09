//! Who has a number, and how it passes to another guest.

use sqlx::SqliteConnection;

use crate::{chat::Event, protocol::Id, text::folded};

use super::{
    StoreError, deliveries,
    guest_events::{By, GuestBefore},
    working::json,
};

/// The order of guests who share a number: who wrote last comes first, else the older one. One guest alone is not
/// looked up.
pub(super) const OWNER_FIRST: &str = "order by case when g.number_is_shared then
        (select -coalesce(max(m.id), 0) from conversation c
         join message m on m.conversation_id = c.id and m.guest_id is not null where c.guest_id = g.id) end,
    g.id limit 1";

/// The guest who has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Their id.
    pub id: Id,
    /// Their name.
    pub name: String,
}

impl Owner {
    /// Whether this is their name, as searches compare names.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        folded(&self.name) == folded(name)
    }
}

/// The guest of a property who has a number.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn owner(
    writer: &mut SqliteConnection,
    property_id: Id,
    number: &str,
) -> Result<Option<Owner>, StoreError> {
    let sql = format!(
        "select g.id, g.name from guest g
         where g.property_id = ?1 and g.whatsapp_number = ?2 {OWNER_FIRST}"
    );
    let row: Option<(Id, String)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(property_id)
        .bind(number.to_owned())
        .fetch_optional(writer)
        .await?;
    Ok(row.map(|(id, name)| Owner { id, name }))
}

/// What follows when a number is taken over.
#[derive(Clone, Debug, Default)]
pub struct TakenOver {
    /// Who had it until now.
    pub former: Vec<Id>,
    /// The events for them.
    pub events: Vec<Event>,
}

/// Whether a guest can have a number.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Nobody else has it any more.
    Free(TakenOver),
    /// This guest has it.
    Taken(Id),
    /// Another guest has it, whose number the staff member may not change.
    Denied,
}

/// Whether a staff member may change a guest's number, to which replies go and whose owner writes as the guest: admins, the
/// members of the property's first department, and those of the department of an active conversation with the guest may.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn may_change(
    writer: &mut SqliteConnection,
    (property_id, guest_id): (Id, Id),
    staff_id: Id,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from staff s where s.id = ?3 and s.property_id = ?1
                and (s.is_admin or s.user_type = 'hotel_admin'))
            or exists (select 1 from staff_department m where m.staff_id = ?3
                and m.department_id = (select min(id) from department where property_id = ?1))
            or exists (select 1 from conversation c
                join staff_department m on m.staff_id = ?3 and m.department_id = c.department_id
                where c.guest_id = ?2 and c.property_id = ?1 and c.status = 'active')",
    )
    .bind(property_id)
    .bind(guest_id)
    .bind(staff_id)
    .fetch_one(writer)
    .await?)
}

/// Clears the way for `guest` (`None`: a new one) to have a number: `from` is the guest from whom it is to be taken
/// over.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim(
    writer: &mut SqliteConnection,
    (property_id, guest): (Id, Option<Id>),
    number: &str,
    from: Option<Id>,
    by: By,
) -> Result<Claim, StoreError> {
    let owners: Vec<Id> = sqlx::query_scalar(
        "select id from guest where property_id = ?1 and whatsapp_number = ?2 order by id",
    )
    .bind(property_id)
    .bind(number.to_owned())
    .fetch_all(&mut *writer)
    .await?;
    let others: Vec<Id> = owners.into_iter().filter(|owner| Some(*owner) != guest).collect();
    let is_taken_over = from.is_some_and(|from| others.contains(&from));
    if others.is_empty() || is_taken_over {
        let mut before = Vec::new();
        for other in &others {
            if let Some(staff_id) = by.staff_id
                && !may_change(writer, (property_id, *other), staff_id).await?
            {
                return Ok(Claim::Denied);
            }
        }
        for other in &others {
            before.push(GuestBefore::read(writer, (property_id, *other), by).await?);
        }
        release(writer, &others).await?;
        let mut events = Vec::new();
        for guest in before {
            events.extend(guest.changed(writer).await?);
        }
        for other in &others {
            events.extend(deliveries::number_passed_on(writer, *other, by.at).await?);
        }
        return Ok(Claim::Free(TakenOver { former: others, events }));
    }
    let owner = owner(writer, property_id, number).await?.map(|owner| owner.id);
    let owner = owner.filter(|owner| others.contains(owner)).or(others.first().copied());
    Ok(owner.map_or_else(|| Claim::Free(TakenOver::default()), Claim::Taken))
}

/// Takes the number away from guests: it is another person's from now on.
async fn release(writer: &mut SqliteConnection, guests: &[Id]) -> Result<(), StoreError> {
    if guests.is_empty() {
        return Ok(());
    }
    let guests = json(&guests)?;
    // A gateway that knows the guest by a reference of its own still reaches them.
    sqlx::query(
        "update guest set whatsapp_number = null, number_is_shared = 0,
            gateway_id = (select k.gateway_id from gateway_guest k
                where k.guest_id = guest.id and k.gateway_id = guest.gateway_id)
         where id in (select value from json_each(?1))",
    )
    .bind(guests)
    .execute(writer)
    .await?;
    Ok(())
}

/// A guest who shared a number has another one now: a guest who is left alone with it no longer shares it.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn unshare(
    writer: &mut SqliteConnection,
    property_id: Id,
    number: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "update guest set number_is_shared = 0
         where property_id = ?1 and whatsapp_number = ?2 and 1 =
            (select count(*) from guest where property_id = ?1 and whatsapp_number = ?2)",
    )
    .bind(property_id)
    .bind(number.to_owned())
    .execute(writer)
    .await?;
    Ok(())
}
