//! What SQL cannot compute when a database is brought up to date: folded names and keys, and numbers as the
//! present parser reads them. Done once for each version of these rules, in one transaction.

use std::collections::HashMap;

use sqlx::{Connection as _, SqliteConnection};

use crate::{
    protocol::Id,
    text::{Number, folded, folded_room, has_visible_character, room_key, username_key},
};

use super::{StoreError, gateway_guests::NAMELESS, working::json};

/// The version of the rules by which the stored keys were computed; another one has them computed again.
const TEXT_RULES: &str = "1";

/// Brings everything up to date that depends on how texts are read.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn apply_text_rules(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let applied: Option<String> =
        sqlx::query_scalar("select value from meta where key = 'text_rules'")
            .fetch_optional(&mut *writer)
            .await?;
    if applied.as_deref() == Some(TEXT_RULES) {
        return Ok(());
    }
    let mut transaction = writer.begin().await?;
    read_numbers(&mut transaction).await?;
    fold_names(&mut transaction).await?;
    fold_rooms(&mut transaction).await?;
    fold_usernames(&mut transaction).await?;
    sqlx::query("insert into meta values ('text_rules', ?1) on conflict do update set value = ?1")
        .bind(TEXT_RULES)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Rules that rows of an older version may break (their keys or numbers are now equal), each with a query
/// that lists the groups of such rows. These rows stay until somebody changes them.
const SHARED: [(&str, &str); 3] = [
    (
        "each room has its own number",
        "select group_concat(number || ' (room ' || id || ')', ', ' order by id) from room
         where key_is_shared = 1 group by property_id, number_key",
    ),
    (
        "each account has its own username",
        "select group_concat(username || ' (staff ' || id || ')', ', ' order by id) from staff
         where key_is_shared = 1 group by username_key",
    ),
    (
        "each guest has their own phone number",
        "select '+' || whatsapp_number || ': ' || group_concat(name || ' (guest ' || id || ')', ', ' order by id)
         from guest where number_is_shared = 1 group by property_id, whatsapp_number",
    ),
];

/// Rows that share a key or number; nothing in a database of an older version.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn shared(
    connection: &mut SqliteConnection,
) -> Result<Vec<(&'static str, Vec<String>)>, StoreError> {
    let has_keys: bool = sqlx::query_scalar(
        "select exists (select 1 from pragma_table_info('guest') where name = 'number_is_shared')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut found = Vec::new();
    for (what, sql) in SHARED.iter().filter(|_| has_keys) {
        found.push((*what, sqlx::query_scalar(*sql).fetch_all(&mut *connection).await?));
    }
    Ok(found)
}

/// Rows by what they have in common, each group in the order of its rows.
fn grouped<K: Eq + std::hash::Hash, V>(
    rows: impl IntoIterator<Item = (K, V)>,
) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, row) in rows {
        groups.entry(key).or_default().push(row);
    }
    groups
}

/// Reads every number again. Guests whose numbers turn out to be one number stay apart and share it.
async fn read_numbers(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let countries: HashMap<Id, Option<String>> = sqlx::query_as("select id, country from property")
        .fetch_all(&mut *writer)
        .await?
        .into_iter()
        .collect();
    let rows: Vec<(Id, Id, String)> = sqlx::query_as(
        "select property_id, id, whatsapp_number from guest
         where whatsapp_number is not null order by id",
    )
    .fetch_all(&mut *writer)
    .await?;
    let read = |(property_id, id, stored): (Id, Id, String)| {
        let country = countries.get(&property_id).and_then(Option::as_deref);
        let number = Number::read(&stored, country).map_or_else(|_| stored.clone(), String::from);
        ((property_id, number), (id, stored))
    };
    let groups = grouped(rows.into_iter().map(read));
    let mut changed = Vec::new();
    let mut shared = Vec::new();
    for ((_, number), guests) in &groups {
        for (id, stored) in guests {
            if guests.len() > 1 {
                shared.push(*id);
            }
            if stored != number {
                changed.push((*id, number, format!("+{stored}"), format!("+{number}")));
            }
        }
    }
    // Not held to be unique until all of them are read: one may take the digits that another one leaves. Who is
    // called by the number is called by the number as it is read now.
    sqlx::query("update guest set number_is_shared = 1 where whatsapp_number is not null")
        .execute(&mut *writer)
        .await?;
    sqlx::query(
        "update guest set whatsapp_number = n.value->>1,
            name = iif(guest.name = n.value->>2, n.value->>3, guest.name)
         from json_each(?1) n where guest.id = n.value->>0",
    )
    .bind(json(&changed)?)
    .execute(&mut *writer)
    .await?;
    sqlx::query(
        "update guest set number_is_shared = 0
         where number_is_shared = 1 and id not in (select value from json_each(?1))",
    )
    .bind(json(&shared)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// Folds the names of all guests. One that shows nothing becomes the number, or *Guest*.
async fn fold_names(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let rows: Vec<(Id, String, Option<String>)> =
        sqlx::query_as("select id, name, whatsapp_number from guest")
            .fetch_all(&mut *writer)
            .await?;
    let names: Vec<_> = rows
        .into_iter()
        .map(|(id, name, number)| {
            let name = if has_visible_character(&name) {
                name
            } else {
                number.map_or_else(|| NAMELESS.to_owned(), |number| format!("+{number}"))
            };
            let folded = folded(&name);
            (id, name, folded)
        })
        .collect();
    sqlx::query(
        "update guest set name = n.value->>1, folded_name = n.value->>2
         from json_each(?1) n where guest.id = n.value->>0",
    )
    .bind(json(&names)?)
    .execute(&mut *writer)
    .await?;
    let accounts: Vec<(Id, String)> =
        sqlx::query_as("select id, name from staff").fetch_all(&mut *writer).await?;
    let nameless = accounts.into_iter().filter(|(_, name)| !has_visible_character(name));
    let nameless: Vec<Id> = nameless.map(|(id, _)| id).collect();
    sqlx::query("update staff set name = username where id in (select value from json_each(?1))")
        .bind(json(&nameless)?)
        .execute(writer)
        .await?;
    Ok(())
}

/// Gives every room its key. Rooms with equal keys become the oldest of them when guests stay in at most one;
/// otherwise all of them stay and share it.
async fn fold_rooms(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let rows: Vec<(Id, Id, String, bool)> = sqlx::query_as(
        "select property_id, id, number, exists (select 1 from stay
            where room_id = room.id and checked_out_at is null)
         from room order by id",
    )
    .fetch_all(&mut *writer)
    .await?;
    let row = |(property_id, id, number, is_taken): (Id, Id, String, bool)| {
        ((property_id, room_key(&number)), (id, number, is_taken))
    };
    let mut keys = Vec::new();
    let mut merged = Vec::new();
    for ((_, key), rooms) in grouped(rows.into_iter().map(row)) {
        let is_shared = rooms.iter().filter(|(_, _, is_taken)| *is_taken).count() > 1;
        let oldest = rooms.first().map(|(id, ..)| *id);
        for (id, number, _) in rooms {
            match oldest.filter(|oldest| !is_shared && *oldest != id) {
                Some(oldest) => merged.push((id, oldest)),
                None => keys.push((id, key.clone(), folded_room(&number), is_shared)),
            }
        }
    }
    let merged = json(&merged)?;
    for sql in [
        "update stay set room_id = n.value->>1 from json_each(?1) n where stay.room_id = n.value->>0",
        "update room set floor = coalesce(room.floor, other.floor)
         from json_each(?1) n join room other on other.id = n.value->>0 where room.id = n.value->>1",
        "delete from room where id in (select value->>0 from json_each(?1))",
    ] {
        sqlx::query(sql).bind(merged.clone()).execute(&mut *writer).await?;
    }
    sqlx::query(
        "update room set number_key = n.value->>1, folded_number = n.value->>2, key_is_shared = n.value->>3
         from json_each(?1) n where room.id = n.value->>0",
    )
    .bind(json(&keys)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// Gives every account its key. Accounts with equal keys stay and share it.
async fn fold_usernames(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let rows: Vec<(Id, String)> = sqlx::query_as("select id, username from staff order by id")
        .fetch_all(&mut *writer)
        .await?;
    let groups = grouped(rows.into_iter().map(|(id, username)| (username_key(&username), id)));
    let keys: Vec<_> = groups
        .iter()
        .flat_map(|(key, ids)| ids.iter().map(move |id| (*id, key, ids.len() > 1)))
        .collect();
    sqlx::query(
        "update staff set username_key = n.value->>1, key_is_shared = n.value->>2
         from json_each(?1) n where staff.id = n.value->>0",
    )
    .bind(json(&keys)?)
    .execute(writer)
    .await?;
    Ok(())
}
