//! What the writer looks up for changes that name guests and departments.

use sqlx::{Row, SqliteConnection};

use crate::{
    chat::{ConversationState, Creation, GuestSelector, LastTransfer},
    protocol::{ConversationStatus, Id, Timestamp},
    text::room_key,
};

use super::{StoreError, gateways::reply_gateway, numbers};

/// The next free ids.
#[derive(Clone, Copy, Debug)]
pub struct NextIds {
    /// Of a message.
    pub message: Id,
    /// Of a conversation.
    pub conversation: Id,
    /// Of a line.
    pub line: Id,
    /// The `seq` of an event.
    pub event: i64,
}

/// The next free ids: one more than was ever given out.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn next_ids(writer: &mut SqliteConnection) -> Result<NextIds, StoreError> {
    let next = async |writer: &mut SqliteConnection, table: &'static str| {
        sqlx::query_scalar::<_, i64>(
            "select coalesce((select seq from sqlite_sequence where name = ?1), 0) + 1",
        )
        .bind(table)
        .fetch_one(writer)
        .await
    };
    Ok(NextIds {
        message: next(&mut *writer, "message").await?,
        conversation: next(&mut *writer, "conversation").await?,
        line: next(&mut *writer, "line").await?,
        event: next(writer, "event").await?,
    })
}

/// The last transfer of a conversation; lines and messages of earlier changes are stored.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn last_transfer(
    writer: &mut SqliteConnection,
    conversation_id: Id,
) -> Result<Option<LastTransfer>, StoreError> {
    let row = sqlx::query(
        "select l.staff_id, l.at, d.slug,
            exists (select 1 from message where conversation_id = ?1 and id > l.after_message_id
                and staff_id is not null) as is_answered
         from line l join department d on d.id = l.from_department_id
         where l.conversation_id = ?1 and l.kind = 'transferred' order by l.id desc limit 1",
    )
    .bind(conversation_id)
    .fetch_optional(writer)
    .await?;
    row.map(|row| {
        Ok(LastTransfer {
            staff_id: row.try_get("staff_id")?,
            from_department: row.try_get("slug")?,
            at: row.try_get("at")?,
            is_answered: row.try_get("is_answered")?,
        })
    })
    .transpose()
}

/// The active conversations of a guest, in ascending order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn active_conversations(
    writer: &mut SqliteConnection,
    guest_id: Id,
) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select id from conversation where guest_id = ?1 and status = 'active' order by id",
    )
    .bind(guest_id)
    .fetch_all(writer)
    .await?)
}

/// A department by slug.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn department(
    writer: &mut SqliteConnection,
    property_id: Id,
    slug: &str,
) -> Result<Option<Id>, StoreError> {
    Ok(sqlx::query_scalar("select id from department where property_id = ?1 and slug = ?2")
        .bind(property_id)
        .bind(slug)
        .fetch_optional(writer)
        .await?)
}

/// The newest message of a conversation up to and including an id; 0 without one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn newest_message(
    writer: &mut SqliteConnection,
    conversation_id: Id,
    up_to: Id,
) -> Result<Id, StoreError> {
    Ok(sqlx::query_scalar(
        "select coalesce(max(id), 0) from message where conversation_id = ?1 and id <= ?2",
    )
    .bind(conversation_id)
    .bind(up_to)
    .fetch_one(writer)
    .await?)
}

/// When the oldest message of the guest came that no staff member has answered.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unanswered_since(
    writer: &mut SqliteConnection,
    conversation_id: Id,
) -> Result<Option<Timestamp>, StoreError> {
    let since: Option<i64> = sqlx::query_scalar(
        "select created_at from message where conversation_id = ?1 and guest_id is not null
            and id > coalesce((select max(id) from message
                where conversation_id = ?1 and staff_id is not null), 0)
         order by id limit 1",
    )
    .bind(conversation_id)
    .fetch_optional(writer)
    .await?;
    Ok(since.map(Timestamp::from_millis))
}

/// The guest's active conversation with a department.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn active_conversation(
    writer: &mut SqliteConnection,
    (guest_id, department_id): (Id, Id),
) -> Result<Option<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "select id from conversation where guest_id = ?1 and department_id = ?2 and status = 'active'",
    )
    .bind(guest_id)
    .bind(department_id)
    .fetch_optional(writer)
    .await?)
}

/// The conversation that a staff member started under a `client_id`, and whether `new` is the request
/// that started it: with the same guest, department, label and first text. A guest who has left the
/// room is still meant by it; a conversation that was handed on may have begun in any department.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn creation(
    writer: &mut SqliteConnection,
    new: &Creation,
    client_id: &str,
) -> Result<Option<(Id, bool)>, StoreError> {
    let (guest_id, number, room) = match &new.guest {
        GuestSelector::Id(id) => (Some(*id), None, None),
        GuestSelector::WhatsappNumber(number) => (None, Some(number.clone()), None),
        GuestSelector::RoomNumber(number) => (None, None, Some(room_key(number))),
    };
    Ok(sqlx::query_as(
        "select c.id,
            (c.guest_id is ?3
                or exists (select 1 from guest g where g.id = c.guest_id and g.whatsapp_number = ?4)
                or exists (select 1 from stay s join room r on r.id = s.room_id
                    where s.guest_id = c.guest_id and r.number_key = ?5))
            and (d.slug = ?6
                or exists (select 1 from audit a where a.property_id = c.property_id
                    and a.subject = 'conversation' and a.subject_id = c.id
                    and a.action = 'transferred'))
            and c.conversation_type = ?7
            and m.content is ?8
         from conversation c
         join department d on d.id = c.department_id
         left join message m on m.staff_id = c.created_by and m.client_id = c.client_id
            and m.conversation_id = c.id and m.client_id is not null and m.staff_id is not null
         where c.created_by = ?1 and c.client_id = ?2 and c.client_id is not null",
    )
    .bind(new.staff)
    .bind(client_id.to_owned())
    .bind(guest_id)
    .bind(number)
    .bind(room)
    .bind(new.department.clone())
    .bind(new.conversation_type.clone())
    .bind(new.content.clone())
    .fetch_optional(writer)
    .await?)
}

/// The message that a gateway brought under an external id: message and conversation.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn external(
    writer: &mut SqliteConnection,
    gateway_id: Id,
    external_id: &str,
) -> Result<Option<(Id, Id)>, StoreError> {
    Ok(sqlx::query_as(
        "select id, conversation_id from message
         where gateway_id = ?1 and external_id = ?2 and external_id is not null",
    )
    .bind(gateway_id)
    .bind(external_id)
    .fetch_optional(writer)
    .await?)
}

/// Guests of a property that a staff member may mean: none, one, or several in a room.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn select_guests(
    writer: &mut SqliteConnection,
    property_id: Id,
    guest: &GuestSelector,
) -> Result<Vec<Id>, StoreError> {
    let query = match guest {
        GuestSelector::Id(id) => {
            sqlx::query_scalar("select id from guest where property_id = ?1 and id = ?2")
                .bind(property_id)
                .bind(*id)
        }
        GuestSelector::WhatsappNumber(number) => {
            let owner = numbers::owner(writer, property_id, number).await?;
            return Ok(owner.map(|owner| owner.id).into_iter().collect());
        }
        GuestSelector::RoomNumber(number) => sqlx::query_scalar(
            "select guest_id from stay where checked_out_at is null and room_id =
                (select id from room where property_id = ?1 and number_key = ?2
                 order by number <> ?3, id limit 1)
             limit 2",
        )
        .bind(property_id)
        .bind(room_key(number))
        .bind(number.clone()),
    };
    Ok(query.fetch_all(writer).await?)
}

/// A conversation of this guest that does not exist yet: id 0, no messages.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn blank_conversation(
    writer: &mut SqliteConnection,
    guest_id: Id,
    (department_id, department): (Id, &str),
    conversation_type: &str,
    now: Timestamp,
) -> Result<ConversationState, StoreError> {
    let row = sqlx::query(concat!(
        "select g.property_id, g.name, r.number, via.id as reply_gateway_id,
                g.gateway_id is not null as came_through_gateway
             from guest g
             left join stay s on s.guest_id = g.id and s.checked_out_at is null
             left join room r on r.id = s.room_id
             ",
        reply_gateway!(),
        " where g.id = ?1"
    ))
    .bind(guest_id)
    .fetch_one(writer)
    .await?;
    Ok(ConversationState {
        id: 0,
        property_id: row.try_get("property_id")?,
        guest_id,
        guest_name: row.try_get("name")?,
        room_number: row.try_get("number")?,
        department_id,
        department: department.to_owned(),
        conversation_type: conversation_type.to_owned(),
        status: ConversationStatus::Active,
        last_message_id: 0,
        last_message_preview: String::new(),
        staff_read_id: 0,
        guest_read_id: 0,
        waiting_since: None,
        active_at: now,
        created_at: now,
        updated_at: now,
        closed_at: None,
        is_anonymised: false,
        undelivered_since: None,
        settled_id: 0,
        no_way_id: None,
        reply_gateway_id: row.try_get("reply_gateway_id")?,
        came_through_gateway: row.try_get("came_through_gateway")?,
    })
}
