//! Guests, rooms and stays.

use sqlx::{AssertSqlSafe, FromRow, Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    protocol::{GuestInfo, Id, Timestamp},
    text::{folded, folded_room, room_key},
};

use super::{Search, Store, StoreError, numbers};

const GUEST: &str = "select g.id, g.name, g.whatsapp_number, g.language, r.number as room_number
     from guest g
     left join stay s on s.guest_id = g.id and s.checked_out_at is null
     left join room r on r.id = s.room_id";

fn guest(row: &SqliteRow) -> Result<GuestInfo, sqlx::Error> {
    let digits: Option<String> = row.try_get("whatsapp_number")?;
    Ok(GuestInfo {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        whatsapp_number: digits.map(|digits| format!("+{digits}")),
        room_number: row.try_get("room_number")?,
        language: row.try_get("language")?,
    })
}

/// What is known of a guest.
#[derive(Clone, Debug, Default)]
pub struct GuestData {
    /// Their name.
    pub name: Option<String>,
    /// Digits of their number.
    pub whatsapp_number: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
}

/// Guests of a property after an id, at most `limit`; `search`: words of their names, rooms or numbers, which
/// may be without the code of the property's `country`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    store: &Store,
    property_id: Id,
    (search, country): (Option<&str>, Option<&str>),
    (after, limit): (Id, u32),
) -> Result<Vec<GuestInfo>, StoreError> {
    let search = Search::new(search, country);
    let found = search.as_ref().map(|search| search.condition(4));
    let sql = format!(
        "{GUEST} where g.property_id = ?1 and g.id > ?2 and {} order by g.id limit ?3",
        found.as_deref().unwrap_or("1")
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(property_id).bind(after).bind(limit);
    let query = match search {
        Some(search) => search.bind(query),
        None => query,
    };
    let rows = query.fetch_all(store.pool()).await?;
    rows.iter().map(|row| guest(row).map_err(StoreError::from)).collect()
}

/// One guest of a property.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn one(store: &Store, property_id: Id, id: Id) -> Result<Option<GuestInfo>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!("{GUEST} where g.property_id = ?1 and g.id = ?2")))
        .bind(property_id)
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    Ok(row.as_ref().map(guest).transpose()?)
}

/// One guest of a property, inside a transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn info(
    writer: &mut SqliteConnection,
    property_id: Id,
    id: Id,
) -> Result<Option<GuestInfo>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!("{GUEST} where g.property_id = ?1 and g.id = ?2")))
        .bind(property_id)
        .bind(id)
        .fetch_optional(writer)
        .await?;
    Ok(row.as_ref().map(guest).transpose()?)
}

/// Stores a guest; `None`: another guest of the property has that number (see [`super::numbers::claim`]).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    writer: &mut SqliteConnection,
    property_id: Id,
    data: &GuestData,
    now: Timestamp,
) -> Result<Option<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "insert into guest (property_id, name, whatsapp_number, language, created_at, folded_name)
         values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing returning id",
    )
    .bind(property_id)
    .bind(data.name.clone().unwrap_or_default())
    .bind(data.whatsapp_number.clone())
    .bind(data.language.clone())
    .bind(now.as_millis())
    .bind(folded(data.name.as_deref().unwrap_or_default()))
    .fetch_optional(writer)
    .await?)
}

/// Changes a guest; what is `None` stays. Nobody else has the number (see [`numbers::claim`]). Returns whether the
/// property has that guest.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    data: &GuestData,
) -> Result<bool, StoreError> {
    let before: Option<(Option<String>, bool)> = sqlx::query_as(
        "select whatsapp_number, number_is_shared from guest where property_id = ?1 and id = ?2",
    )
    .bind(property_id)
    .bind(id)
    .fetch_optional(&mut *writer)
    .await?;
    let updated = sqlx::query(
        "update guest set name = coalesce(?3, name), folded_name = coalesce(?6, folded_name),
            number_is_shared = iif(?4 <> whatsapp_number, 0, number_is_shared),
            whatsapp_number = coalesce(?4, whatsapp_number), language = coalesce(?5, language)
         where property_id = ?1 and id = ?2",
    )
    .bind(property_id)
    .bind(id)
    .bind(data.name.clone())
    .bind(data.whatsapp_number.clone())
    .bind(data.language.clone())
    .bind(data.name.as_deref().map(folded))
    .execute(&mut *writer)
    .await?;
    if let Some((Some(number), true)) = before
        && data.whatsapp_number.as_ref().is_some_and(|new| *new != number)
    {
        numbers::unshare(writer, property_id, &number).await?;
    }
    Ok(updated.rows_affected() > 0)
}

/// Removes what is known of a guest: their number, their language.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    (number, language): (bool, bool),
) -> Result<(), StoreError> {
    if number {
        let removed: Option<(Option<String>, bool)> = sqlx::query_as(
            "select whatsapp_number, number_is_shared from guest where property_id = ?1 and id = ?2",
        )
        .bind(property_id)
        .bind(id)
        .fetch_optional(&mut *writer)
        .await?;
        sqlx::query(
            "update guest set whatsapp_number = null, number_is_shared = 0
             where property_id = ?1 and id = ?2",
        )
        .bind(property_id)
        .bind(id)
        .execute(&mut *writer)
        .await?;
        if let Some((Some(number), true)) = removed {
            numbers::unshare(writer, property_id, &number).await?;
        }
    }
    if language {
        sqlx::query("update guest set language = null where property_id = ?1 and id = ?2")
            .bind(property_id)
            .bind(id)
            .execute(writer)
            .await?;
    }
    Ok(())
}

/// A room: id, number and floor.
pub type RoomRow = (Id, String, Option<String>);

/// Rooms of a property by number.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn rooms(store: &Store, property_id: Id) -> Result<Vec<RoomRow>, StoreError> {
    Ok(sqlx::query_as(
        "select id, number, floor from room where property_id = ?1 order by length(number), number",
    )
    .bind(property_id)
    .fetch_all(store.pool())
    .await?)
}

/// What adding a room changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomAdded {
    /// It is new.
    New,
    /// It was there; its floor is another one now.
    Moved,
    /// It was there, as it is.
    Known,
}

/// The room of a property that a number means: the one with exactly this spelling, else the oldest one with the
/// same key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn room(
    writer: &mut SqliteConnection,
    property_id: Id,
    number: &str,
) -> Result<Option<RoomRow>, StoreError> {
    Ok(sqlx::query_as(
        "select id, number, floor from room where property_id = ?1 and number_key = ?2
         order by number <> ?3, id limit 1",
    )
    .bind(property_id)
    .bind(room_key(number))
    .bind(number.to_owned())
    .fetch_optional(writer)
    .await?)
}

/// Adds a room, or sets the floor of one that is there; returns it as it is stored now: with the number as it
/// was first written.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_room(
    writer: &mut SqliteConnection,
    property_id: Id,
    number: &str,
    floor: Option<&str>,
) -> Result<(RoomRow, RoomAdded), StoreError> {
    let given = floor.map(str::to_owned);
    let Some((id, number, before)) = room(&mut *writer, property_id, number).await? else {
        let id = sqlx::query_scalar(
            "insert into room (property_id, number, floor, number_key, folded_number)
             values (?1, ?2, ?3, ?4, ?5) returning id",
        )
        .bind(property_id)
        .bind(number)
        .bind(floor)
        .bind(room_key(number))
        .bind(folded_room(number))
        .fetch_one(writer)
        .await?;
        return Ok(((id, number.to_owned(), given), RoomAdded::New));
    };
    if given.is_none() || given == before {
        return Ok(((id, number, before), RoomAdded::Known));
    }
    sqlx::query("update room set floor = ?2 where id = ?1")
        .bind(id)
        .bind(floor)
        .execute(writer)
        .await?;
    Ok(((id, number, given), RoomAdded::Moved))
}

/// A stay.
#[derive(Debug, FromRow)]
pub struct StayRow {
    /// Its id.
    pub id: Id,
    /// Who stays.
    pub guest_id: Id,
    /// Their name.
    pub guest_name: String,
    /// Where.
    pub room_number: String,
    /// Since when.
    pub checked_in_at: Timestamp,
    /// The planned end.
    pub checks_out_at: Option<Timestamp>,
    /// The real end.
    pub checked_out_at: Option<Timestamp>,
}

const STAY: &str = "select s.*, g.name as guest_name, r.number as room_number
     from stay s join guest g on g.id = s.guest_id join room r on r.id = s.room_id";

/// Stays of a property, the newest first, before an id; `active`: only those not checked out;
/// `guest_id`: only that guest's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn stays(
    store: &Store,
    property_id: Id,
    (active, guest_id, before, limit): (bool, Option<Id>, Id, u32),
) -> Result<Vec<StayRow>, StoreError> {
    let sql = format!(
        "{STAY} where s.property_id = ?1 and (not ?2 or s.checked_out_at is null)
            and (?3 is null or s.guest_id = ?3) and s.id < ?4
         order by s.id desc limit ?5"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(property_id)
        .bind(active)
        .bind(guest_id)
        .bind(before)
        .bind(limit)
        .fetch_all(store.pool())
        .await?)
}

/// One stay of a property.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn one_stay(
    store: &Store,
    property_id: Id,
    id: Id,
) -> Result<Option<StayRow>, StoreError> {
    let sql = format!("{STAY} where s.property_id = ?1 and s.id = ?2");
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(property_id)
        .bind(id)
        .fetch_optional(store.pool())
        .await?)
}

/// The stay of a guest that has not ended, inside a transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn active_stay(
    writer: &mut SqliteConnection,
    property_id: Id,
    guest_id: Id,
) -> Result<Option<StayRow>, StoreError> {
    let sql =
        format!("{STAY} where s.property_id = ?1 and s.guest_id = ?2 and s.checked_out_at is null");
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(property_id)
        .bind(guest_id)
        .fetch_optional(writer)
        .await?)
}

/// A guest who was checked in.
#[derive(Debug)]
pub struct CheckedIn {
    /// The stay.
    pub stay_id: Id,
    /// The room's number as it was first written.
    pub room_number: String,
    /// `false`: the guest was in this room already, with the same planned end, and nothing has changed.
    pub is_new: bool,
}

/// Checks a guest into a room, adding an unknown room. A guest who stays elsewhere moves.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn check_in(
    writer: &mut SqliteConnection,
    (property_id, guest_id): (Id, Id),
    room_number: &str,
    checks_out_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<CheckedIn, StoreError> {
    let ((room_id, room_number, _), _) = add_room(writer, property_id, room_number, None).await?;
    let present: Option<Id> = sqlx::query_scalar(
        "select id from stay where guest_id = ?1 and room_id = ?2 and checked_out_at is null
           and (?3 is null or checks_out_at = ?3)",
    )
    .bind(guest_id)
    .bind(room_id)
    .bind(checks_out_at.map(Timestamp::as_millis))
    .fetch_optional(&mut *writer)
    .await?;
    if let Some(stay_id) = present {
        return Ok(CheckedIn { stay_id, room_number, is_new: false });
    }
    sqlx::query(
        "update stay set checked_out_at = ?2 where guest_id = ?1 and checked_out_at is null",
    )
    .bind(guest_id)
    .bind(now.as_millis())
    .execute(&mut *writer)
    .await?;
    let stay_id = sqlx::query(
        "insert into stay (property_id, guest_id, room_id, checked_in_at, checks_out_at)
         values (?1, ?2, ?3, ?4, ?5)",
    )
    .bind(property_id)
    .bind(guest_id)
    .bind(room_id)
    .bind(now.as_millis())
    .bind(checks_out_at.map(Timestamp::as_millis))
    .execute(writer)
    .await?
    .last_insert_rowid();
    Ok(CheckedIn { stay_id, room_number, is_new: true })
}

/// Ends a stay; returns whether there was one that had not ended.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn check_out(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = sqlx::query(
        "update stay set checked_out_at = ?3
         where property_id = ?1 and id = ?2 and checked_out_at is null",
    )
    .bind(property_id)
    .bind(id)
    .bind(now.as_millis())
    .execute(writer)
    .await?;
    Ok(ended.rows_affected() > 0)
}
