//! Fills the writer's working set: one query for all of a batch.

use std::collections::HashMap;

use sqlx::{
    Decode, Row, Sqlite, SqliteConnection, Type,
    error::BoxDynError,
    sqlite::{SqliteRow, SqliteTypeInfo, SqliteValueRef},
};

use crate::{
    chat::{ConversationState, KnownText, Owner, StaffState},
    protocol::{ConversationStatus, Id, Timestamp, preview},
};

use super::{StoreError, gateways::reply_gateway};

impl Type<Sqlite> for Timestamp {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(kind: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(kind)
    }
}

impl<'r> Decode<'r, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <i64 as Decode<'r, Sqlite>>::decode(value).map(Self::from_millis)
    }
}

/// Reads a status.
///
/// # Errors
/// [`StoreError::Damaged`] for one that this version does not know.
pub(super) fn status(row: &SqliteRow) -> Result<ConversationStatus, StoreError> {
    match row.try_get("status")? {
        "active" => Ok(ConversationStatus::Active),
        "closed" => Ok(ConversationStatus::Closed),
        _ => Err(StoreError::Damaged("the status of a conversation")),
    }
}

/// A list of values as `json_each` reads it.
pub(super) fn json<T: serde::Serialize>(values: &T) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|_| StoreError::Damaged("a value that is no JSON"))
}

/// Conversations by id; unknown ids are left out.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn conversations(
    writer: &mut SqliteConnection,
    ids: &[Id],
) -> Result<Vec<ConversationState>, StoreError> {
    let rows = sqlx::query(concat!(
        "select c.*, d.slug, g.name as guest_name, r.number as room_number, m.content,
            via.id as reply_gateway_id, g.gateway_id is not null as came_through_gateway
         from json_each(?1) k
         join conversation c on c.id = k.value
         join department d on d.id = c.department_id
         join guest g on g.id = c.guest_id
         left join message m on m.id = c.last_message_id
         left join stay s on s.guest_id = g.id and s.checked_out_at is null
         left join room r on r.id = s.room_id
         ",
        reply_gateway!()
    ))
    .bind(json(&ids)?)
    .fetch_all(writer)
    .await?;
    rows.iter().map(conversation).collect()
}

/// Who has these conversations; unknown ids are left out.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn owners(
    writer: &mut SqliteConnection,
    ids: &[Id],
) -> Result<HashMap<Id, Owner>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Id, Id, Id)> = sqlx::query_as(
        "select c.id, c.property_id, c.department_id
         from json_each(?1) k cross join conversation c on c.id = k.value",
    )
    .bind(json(&ids)?)
    .fetch_all(writer)
    .await?;
    let owner = |(id, property_id, department_id)| (id, Owner { property_id, department_id });
    Ok(rows.into_iter().map(owner).collect())
}

fn conversation(row: &SqliteRow) -> Result<ConversationState, StoreError> {
    Ok(ConversationState {
        id: row.try_get("id")?,
        property_id: row.try_get("property_id")?,
        guest_id: row.try_get("guest_id")?,
        guest_name: row.try_get("guest_name")?,
        room_number: row.try_get("room_number")?,
        department_id: row.try_get("department_id")?,
        department: row.try_get("slug")?,
        conversation_type: row.try_get("conversation_type")?,
        status: status(row)?,
        last_message_id: row.try_get("last_message_id")?,
        last_message_preview: row
            .try_get::<Option<&str>, _>("content")?
            .map(preview)
            .unwrap_or_default(),
        staff_read_id: row.try_get("staff_read_id")?,
        guest_read_id: row.try_get("guest_read_id")?,
        waiting_since: row.try_get("waiting_since")?,
        active_at: row.try_get("active_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        closed_at: row.try_get("closed_at")?,
        is_anonymised: row.try_get::<Option<Timestamp>, _>("anonymised_at")?.is_some(),
        undelivered_since: row.try_get("undelivered_since")?,
        settled_id: row.try_get("settled_id")?,
        no_way_id: row.try_get("no_way_id")?,
        reply_gateway_id: row.try_get("reply_gateway_id")?,
        came_through_gateway: row.try_get("came_through_gateway")?,
    })
}

/// Staff who may act, by id; unknown and disabled ones are left out.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn staff(
    writer: &mut SqliteConnection,
    ids: &[Id],
) -> Result<Vec<(Id, StaffState)>, StoreError> {
    let rows = sqlx::query(
        "select s.id, s.property_id, s.name,
            (select json_group_array(department_id) from staff_department where staff_id = s.id)
                as departments
         from json_each(?1) k join staff s on s.id = k.value where s.disabled_at is null",
    )
    .bind(json(&ids)?)
    .fetch_all(writer)
    .await?;
    rows.iter()
        .map(|row| {
            let departments = serde_json::from_str(row.try_get("departments")?)
                .map_err(|_| StoreError::Damaged("departments of a staff member"))?;
            let state = StaffState {
                property_id: row.try_get("property_id")?,
                name: row.try_get("name")?,
                departments,
            };
            Ok((row.try_get("id")?, state))
        })
        .collect()
}

/// Texts that were stored under these `client_id`s of these staff members.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn known_texts(
    writer: &mut SqliteConnection,
    keys: &[(Id, &str)],
) -> Result<Vec<((Id, String), KnownText)>, StoreError> {
    let rows = sqlx::query(
        "select m.staff_id, m.client_id, m.id, m.conversation_id, m.content, m.created_at
         from json_each(?1) k
         cross join message m on m.staff_id = k.value->>0 and m.client_id = k.value->>1
            and m.client_id is not null and m.staff_id is not null",
    )
    .bind(json(&keys)?)
    .fetch_all(writer)
    .await?;
    rows.iter()
        .map(|row| {
            let known = KnownText {
                message_id: row.try_get("id")?,
                conversation_id: row.try_get("conversation_id")?,
                content: row.try_get("content")?,
                created_at: row.try_get("created_at")?,
            };
            Ok(((row.try_get("staff_id")?, row.try_get("client_id")?), known))
        })
        .collect()
}

/// Read marks of these staff members in these conversations. Messages from before somebody joined
/// the department count as read.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn read_marks(
    writer: &mut SqliteConnection,
    keys: &[(Id, Id)],
) -> Result<Vec<((Id, Id), Id)>, StoreError> {
    let rows = sqlx::query_as::<_, (Id, Id, Id)>(
        "select m.staff_id, m.conversation_id, m.message_id
         from json_each(?1) k
         cross join read_mark m on m.staff_id = k.value->>0 and m.conversation_id = k.value->>1",
    )
    .bind(json(&keys)?)
    .fetch_all(writer)
    .await?;
    Ok(rows.into_iter().map(|(staff, conversation, mark)| ((staff, conversation), mark)).collect())
}
