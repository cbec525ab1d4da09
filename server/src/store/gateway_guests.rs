//! Guests as gateways name them: by number, or by a reference of their own.

use sqlx::{Row, SqliteConnection};

use crate::{
    chat::{GuestKey, GuestMessage},
    protocol::{Id, Timestamp},
    text::{PersonName, folded, room_key},
};

use super::{StoreError, guests, numbers::OWNER_FIRST};

/// What a gateway knows of a guest, compared with what is stored.
#[derive(Debug)]
pub struct KnownGuest {
    /// The guest's id.
    pub id: Id,
    /// Whether something the gateway says is news: [`update`] stores it.
    pub has_news: bool,
    /// Whether the gateway writes the guest's address differently from last time.
    pub has_other_address: bool,
    /// Whether messages to the guest wait because nothing reaches them.
    pub is_waited_for: bool,
}

/// The guest that a gateway's message is from.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(
    writer: &mut SqliteConnection,
    message: &GuestMessage,
) -> Result<Option<KnownGuest>, StoreError> {
    let columns = "select g.id, g.gateway_id, g.name, r.number, r.number_key, r.key_is_shared,
        exists (select 1 from stay e where e.guest_id = g.id) as has_stayed,
        (select a.address from gateway_address a where a.gateway_id = ?3 and a.guest_id = g.id) as address,
        exists (select 1 from conversation c where c.guest_id = g.id and c.no_way_id is not null) as is_waited_for
        from";
    let place = "left join stay s on s.guest_id = g.id and s.checked_out_at is null
         left join room r on r.id = s.room_id";
    let row = match &message.guest {
        GuestKey::WhatsappNumber(number) => {
            let sql = format!(
                "{columns} guest g {place} where g.property_id = ?1 and g.whatsapp_number = ?2
                 {OWNER_FIRST}"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(message.property_id)
                .bind(number.clone())
                .bind(message.gateway_id)
        }
        GuestKey::Ref(guest_ref) => {
            let sql = format!(
                "{columns} gateway_guest k join guest g on g.id = k.guest_id {place}
                 where k.gateway_id = ?1 and k.guest_ref = ?2"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(message.gateway_id)
                .bind(guest_ref.clone())
                .bind(message.gateway_id)
        }
    }
    .fetch_optional(writer)
    .await?;
    row.map(|row| {
        let is_shared: Option<bool> = row.try_get("key_is_shared")?;
        let room: Option<String> =
            row.try_get(if is_shared == Some(true) { "number" } else { "number_key" })?;
        let told = message.room_number.as_deref();
        let told =
            told.map(|told| if is_shared == Some(true) { told.to_owned() } else { room_key(told) });
        let gateway: Option<Id> = row.try_get("gateway_id")?;
        let name: String = row.try_get("name")?;
        let address: Option<String> = row.try_get("address")?;
        let has_stayed: bool = row.try_get("has_stayed")?;
        Ok(KnownGuest {
            has_other_address: address.as_ref() != Some(&message.address),
            is_waited_for: row.try_get("is_waited_for")?,
            id: row.try_get("id")?,
            has_news: gateway != Some(message.gateway_id)
                || (told.is_some() && told != room)
                || message.name.as_ref().is_some_and(|told| {
                    *told != name
                        && (name == called(&message.guest) || room.is_none() && has_stayed)
                }),
        })
    })
    .transpose()
}

/// What a guest is called whose name, number and address show nothing.
pub(super) const NAMELESS: &str = "Guest";

/// What a guest is called as long as nobody knows their name.
fn called(guest: &GuestKey) -> String {
    match guest {
        GuestKey::WhatsappNumber(number) => format!("+{number}"),
        GuestKey::Ref(guest_ref) => {
            PersonName::cleaned(guest_ref).map_or_else(|| NAMELESS.to_owned(), String::from)
        }
    }
}

/// Stores a guest whom only the gateway knew. Without a name they are called by number or reference.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(
    writer: &mut SqliteConnection,
    message: &GuestMessage,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let number = match &message.guest {
        GuestKey::WhatsappNumber(number) => Some(number.clone()),
        GuestKey::Ref(_) => None,
    };
    let name = message.name.clone().unwrap_or_else(|| called(&message.guest));
    let folded_name = folded(&name);
    let id = sqlx::query(
        "insert into guest (property_id, name, whatsapp_number, gateway_id, created_at, folded_name)
         values (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(message.property_id)
    .bind(name)
    .bind(number)
    .bind(message.gateway_id)
    .bind(now.as_millis())
    .bind(folded_name)
    .execute(&mut *writer)
    .await?
    .last_insert_rowid();
    if let GuestKey::Ref(guest_ref) = &message.guest {
        sqlx::query(
            "insert into gateway_guest (gateway_id, guest_ref, guest_id) values (?1, ?2, ?3)",
        )
        .bind(message.gateway_id)
        .bind(guest_ref.clone())
        .bind(id)
        .execute(writer)
        .await?;
    }
    Ok(id)
}

/// Stores what a gateway's message tells about a guest: that replies leave through it, and the room.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(
    writer: &mut SqliteConnection,
    guest_id: Id,
    message: &GuestMessage,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A guest who stays is called what the house calls them, and so is one who has not arrived yet. After a guest
    // has left, the number may be another person's.
    sqlx::query(
        "update guest set gateway_id = ?2,
            name = iif(n.is_open, coalesce(?4, name), name),
            folded_name = iif(n.is_open, coalesce(?5, folded_name), folded_name)
         from (select g.name = ?3 or (
                exists (select 1 from stay where guest_id = g.id)
                and not exists (select 1 from stay where guest_id = g.id and checked_out_at is null)) as is_open
            from guest g where g.id = ?1) n
         where guest.id = ?1",
    )
    .bind(guest_id)
    .bind(message.gateway_id)
    .bind(called(&message.guest))
    .bind(message.name.clone())
    .bind(message.name.as_deref().map(folded))
    .execute(&mut *writer)
    .await?;
    let Some(room_number) = &message.room_number else { return Ok(()) };
    let ((room_id, ..), _) =
        guests::add_room(writer, message.property_id, room_number, None).await?;
    sqlx::query(
        "update stay set checked_out_at = ?3 where guest_id = ?1 and checked_out_at is null
            and room_id <> ?2",
    )
    .bind(guest_id)
    .bind(room_id)
    .bind(now.as_millis())
    .execute(&mut *writer)
    .await?;
    sqlx::query(
        "insert into stay (property_id, guest_id, room_id, checked_in_at)
         select ?2, ?1, ?3, ?4
         where not exists (select 1 from stay where guest_id = ?1 and checked_out_at is null)",
    )
    .bind(guest_id)
    .bind(message.property_id)
    .bind(room_id)
    .bind(now.as_millis())
    .execute(writer)
    .await?;
    Ok(())
}
