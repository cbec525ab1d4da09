//! What the writer looks up for changes that name guests and departments.

use sqlx::{Row, SqliteConnection};

use crate::{
    chat::{ConversationState, Creation, GuestKey, GuestMessage, GuestSelector, LastTransfer},
    protocol::{ConversationStatus, Id, Timestamp},
    text::{PersonName, folded, room_key},
};

use super::{
    StoreError, guests,
    numbers::{self, OWNER_FIRST},
};

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
    let row = sqlx::query(
        "select g.property_id, g.name, r.number,
            (select w.id from gateway w where w.id = g.gateway_id and w.callback_url is not null)
                as reply_gateway_id, g.gateway_id is not null as came_through_gateway
         from guest g
         left join stay s on s.guest_id = g.id and s.checked_out_at is null
         left join room r on r.id = s.room_id
         where g.id = ?1",
    )
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
        undelivered_since: None,
        settled_id: 0,
        reply_gateway_id: row.try_get("reply_gateway_id")?,
        came_through_gateway: row.try_get("came_through_gateway")?,
    })
}

/// What a gateway knows of a guest, compared with what is stored.
#[derive(Debug)]
pub struct KnownGuest {
    /// The guest's id.
    pub id: Id,
    /// Whether something the gateway says is news: [`update_guest`] stores it.
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
pub async fn gateway_guest(
    writer: &mut SqliteConnection,
    message: &GuestMessage,
) -> Result<Option<KnownGuest>, StoreError> {
    let columns = "select g.id, g.gateway_id, g.name, r.number, r.number_key, r.key_is_shared,
        exists (select 1 from stay e where e.guest_id = g.id) as has_stayed,
        (select a.address from gateway_address a where a.gateway_id = ?3 and a.guest_id = g.id) as address,
        exists (select 1 from conversation c
            join delivery d on d.conversation_id = c.id and d.state in ('stored', 'failed')
            where c.guest_id = g.id and d.state = 'stored' and d.gateway_id is null) as is_waited_for
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
pub async fn insert_guest(
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
pub async fn update_guest(
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
