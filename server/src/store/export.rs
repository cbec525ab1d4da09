//! Everything that is known of one guest, for handing it out.

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    guestdata::{
        Export, ExportedAddress, ExportedConversation, ExportedMessage, ExportedName, ExportedStay,
    },
    protocol::{Id, PersonType, Timestamp},
};

use super::{
    StoreError,
    deliveries::{self, SHOWN},
    lines,
    working::status,
};

/// Reads everything but the conversations. Returns `None` if the property has no such guest. The caller reads
/// this and the conversations in one transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn guest(
    connection: &mut SqliteConnection,
    (property_id, guest_id): (Id, Id),
    now: Timestamp,
) -> Result<Option<Export>, StoreError> {
    let row = sqlx::query(
        "select g.*, p.name as property_name, p.time_zone from guest g join property p on p.id = g.property_id
         where g.property_id = ?1 and g.id = ?2",
    )
    .bind(property_id)
    .bind(guest_id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let digits: Option<String> = row.try_get("whatsapp_number")?;
    Ok(Some(Export {
        exported_at: now,
        property: row.try_get("property_name")?,
        time_zone: row.try_get("time_zone")?,
        id: guest_id,
        name: row.try_get("name")?,
        whatsapp_number: digits.map(|digits| format!("+{digits}")),
        language: row.try_get("language")?,
        created_at: row.try_get("created_at")?,
        gateway_names: names(connection, guest_id).await?,
        gateway_addresses: addresses(connection, guest_id).await?,
        stays: stays(connection, guest_id).await?,
        conversations: Vec::new(),
    }))
}

async fn names(
    connection: &mut SqliteConnection,
    guest_id: Id,
) -> Result<Vec<ExportedName>, StoreError> {
    Ok(sqlx::query_as(
        "select w.name as gateway, r.guest_ref from gateway_guest r
         join gateway w on w.id = r.gateway_id
         where r.guest_id = ?1 order by w.name, r.guest_ref",
    )
    .bind(guest_id)
    .fetch_all(connection)
    .await?)
}

async fn addresses(
    connection: &mut SqliteConnection,
    guest_id: Id,
) -> Result<Vec<ExportedAddress>, StoreError> {
    Ok(sqlx::query_as(
        "select w.name as gateway, a.address from gateway_address a
         join gateway w on w.id = a.gateway_id
         where a.guest_id = ?1 order by w.name",
    )
    .bind(guest_id)
    .fetch_all(connection)
    .await?)
}

async fn stays(
    connection: &mut SqliteConnection,
    guest_id: Id,
) -> Result<Vec<ExportedStay>, StoreError> {
    Ok(sqlx::query_as(
        "select s.*, r.number as room_number from stay s join room r on r.id = s.room_id
         where s.guest_id = ?1 order by s.id",
    )
    .bind(guest_id)
    .fetch_all(connection)
    .await?)
}

/// The guest's first conversation after one of them (0: the very first), without its messages.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn next_conversation(
    connection: &mut SqliteConnection,
    guest_id: Id,
    after_id: Id,
) -> Result<Option<ExportedConversation>, StoreError> {
    let row = sqlx::query(
        "select c.*, d.name as department_name from conversation c
         join department d on d.id = c.department_id
         where c.guest_id = ?1 and c.id > ?2 order by c.id limit 1",
    )
    .bind(guest_id)
    .bind(after_id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id = row.try_get("id")?;
    Ok(Some(ExportedConversation {
        id,
        department: row.try_get("department_name")?,
        conversation_type: row.try_get("conversation_type")?,
        status: status(&row)?,
        created_at: row.try_get("created_at")?,
        closed_at: row.try_get("closed_at")?,
        messages: Vec::new(),
        lines: lines::of_conversation(connection, id).await?,
    }))
}

/// The messages of a conversation after one of them (0: from the first), at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn messages(
    connection: &mut SqliteConnection,
    conversation_id: Id,
    after_id: Id,
    limit: u32,
) -> Result<Vec<ExportedMessage>, StoreError> {
    let sql = format!(
        "select m.*, coalesce(s.name, g.name) as sender_name, {SHOWN}
         from message m left join delivery dl on dl.message_id = m.id
         left join staff s on s.id = m.staff_id left join guest g on g.id = m.guest_id
         where m.conversation_id = ?1 and m.id > ?2 order by m.id limit ?3"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(conversation_id)
        .bind(after_id)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let read = |row: &SqliteRow| -> Result<_, StoreError> {
        let by_guest = row.try_get::<Option<Id>, _>("guest_id")?.is_some();
        Ok(ExportedMessage {
            id: row.try_get("id")?,
            sender_type: if by_guest { PersonType::Guest } else { PersonType::Staff },
            sender_name: row.try_get("sender_name")?,
            content: row.try_get("content")?,
            created_at: row.try_get("created_at")?,
            delivery: deliveries::shown(row)?,
        })
    };
    rows.iter().map(read).collect()
}
