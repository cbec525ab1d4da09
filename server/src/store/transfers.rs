//! Conversations that somebody transferred, as they were at that moment: the person may read them for a
//! while, wherever they are now.

use sqlx::{AssertSqlSafe, Row, sqlite::SqliteRow};

use crate::protocol::{Conversation, ConversationStatus, Id, Timestamp, preview};

use super::{
    Store, StoreError,
    conversations::{self, ListQuery},
};

/// Columns of a transfer, from its line `t`, its newest message `tm` and its department `td`.
pub(super) const COLUMNS: &str = "t.id as transfer_id, t.at as transfer_at,
    t.after_message_id as transfer_message_id, t.waiting_since as transfer_waiting_since,
    t.staff_read_id as transfer_staff_read_id, t.guest_read_id as transfer_guest_read_id,
    tm.content as transfer_content, tm.created_at as transfer_message_at, td.slug as transfer_slug";

/// What [`COLUMNS`] needs beside the line.
pub(super) const JOINS: &str = "left join message tm on tm.id = t.after_message_id
    left join department td on td.id = t.to_department_id";

/// A conversation as it was when a person transferred it.
#[derive(Clone, Debug)]
pub struct Transferred {
    /// As that person may see it.
    pub conversation: Conversation,
    /// What of its messages and lines they may see.
    pub bounds: Bounds,
}

/// The end of what somebody may see of a conversation that they transferred.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// When it was transferred.
    pub at: Timestamp,
    /// The newest line: the one that records the transfer.
    pub line_id: Id,
    /// The newest message; 0: there was none.
    pub message_id: Id,
    /// The newest message that any staff member, and that the guest, had read.
    pub read_ids: (Id, Id),
    /// Since when the guest waited.
    pub waiting_since: Option<Timestamp>,
    /// Slug of the department that got the conversation.
    pub department: String,
}

fn one_sql() -> String {
    format!(
        "select {}, {COLUMNS} from line t
         join conversation c on c.id = t.conversation_id {} {JOINS}
         where t.staff_id = ?1 and t.property_id = ?2 and t.conversation_id = ?3
           and t.kind = 'transferred' and t.at > ?4
         order by t.id desc limit 1",
        conversations::COLUMNS,
        conversations::JOINS,
    )
}

/// The conversation as it was when the person transferred it, if they did so after a time. The last
/// transfer counts.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn one(
    store: &Store,
    (staff_id, property_id): (Id, Id),
    conversation_id: Id,
    after: Timestamp,
) -> Result<Option<Transferred>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(one_sql()))
        .bind(staff_id)
        .bind(property_id)
        .bind(conversation_id)
        .bind(after.as_millis())
        .fetch_optional(store.pool())
        .await?;
    row.map(|row| {
        let bounds = Bounds {
            at: row.try_get("transfer_at")?,
            line_id: row.try_get("transfer_id")?,
            message_id: row.try_get("transfer_message_id")?,
            read_ids: (
                row.try_get("transfer_staff_read_id")?,
                row.try_get("transfer_guest_read_id")?,
            ),
            waiting_since: row.try_get("transfer_waiting_since")?,
            department: row.try_get("transfer_slug")?,
        };
        let conversation = as_transferred(conversations::conversation(&row)?, &row)?;
        Ok(Transferred { conversation, bounds })
    })
    .transpose()
}

/// The conversation of the row as it was at the transfer of the row.
pub(super) fn as_transferred(
    now: Conversation,
    row: &SqliteRow,
) -> Result<Conversation, StoreError> {
    let newest: Option<&str> = row.try_get("transfer_content")?;
    Ok(Conversation {
        id: now.id,
        guest_info: now.guest_info,
        department: row.try_get("transfer_slug")?,
        conversation_type: now.conversation_type,
        status: ConversationStatus::Active.into(),
        unread_count: 0,
        waiting_since: row.try_get("transfer_waiting_since")?,
        last_message_preview: newest.map(preview).unwrap_or_default(),
        last_message_at: row.try_get("transfer_message_at")?,
        created_at: now.created_at,
        updated_at: row.try_get("transfer_at")?,
        closed_at: None,
        reply_channel: None,
        reply_via: None,
        reply_problem: None,
        undelivered_since: None,
        read_only: true,
    })
}

/// Walks the transfers of person ?1 after the time ?7, the newest activity first: one of the walks of a
/// list, with the same parameters. `departments` are those of the list. Conversations in them are listed as
/// they are now, or not at all when `only_others`; the others as they were.
pub(super) fn walk(
    (departments, only_others): (&str, bool),
    query: &ListQuery,
    (search_joins, search): (&str, &str),
) -> String {
    let is_readable = format!("c.department_id in ({departments})");
    let active_at = format!("iif({is_readable}, c.active_at, t.active_at)");
    let status = format!("iif({is_readable}, c.status, 'active')");
    let waiting_since = format!("iif({is_readable}, c.waiting_since, t.waiting_since)");
    let listed = match query.status {
        _ if query.waiting => format!("{waiting_since} is not null"),
        Some(ConversationStatus::Active) => format!("{status} = 'active'"),
        Some(ConversationStatus::Closed) => format!("{status} = 'closed'"),
        None => "true".to_owned(),
    };
    let whose = if only_others {
        format!("not {is_readable}")
    } else {
        // One that was taken back, or came back, is where it was.
        "c.department_id <> t.from_department_id".to_owned()
    };
    format!(
        "select * from (select c.id, {active_at} as active_at,
            iif({is_readable}, null, t.id) as transfer_id
         from line t join conversation c on c.id = t.conversation_id {search_joins}
         where t.staff_id = ?1 and t.property_id = ?2 and t.kind = 'transferred' and t.at > ?7
           and t.id = (select max(id) from line where conversation_id = c.id and staff_id = ?1
                and kind = 'transferred')
           and (?6 is null or c.guest_id = ?6)
           and {whose} and {listed} and ({active_at}, c.id) < (?3, ?4) {search}
         order by 2 desc, c.id desc limit ?5)"
    )
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    vec![("conversation as it was transferred", one_sql())]
}
