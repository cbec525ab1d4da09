//! Lines: what happened to conversations, shown between their messages.

use sqlx::{AssertSqlSafe, Row, sqlite::SqliteRow};

use crate::protocol::{Extensible, Id, Line, LineKind, Message};

use super::{Store, StoreError};

/// Columns of a line, from `line l` and the staff member `by` who made it.
pub(super) const COLUMNS: &str = "l.id as line_id, l.conversation_id as line_conversation_id,
    l.kind as line_kind, l.at as line_at, l.after_message_id as line_after, l.staff_id as line_staff_id,
    by.name as line_staff_name, l.detail as line_detail";

/// The lines of a page of messages: those after its first message and before the first message of the
/// next page (?3 and ?4 are the page's first and last message); the page that begins the conversation also
/// has the lines before its first message.
fn page_sql() -> String {
    format!(
        "select {COLUMNS} from line l left join staff by on by.id = l.staff_id
         where l.property_id = ?1 and l.conversation_id = ?2
           and (l.after_message_id between ?3 and ?4
                or (l.after_message_id = 0
                    and not exists (select 1 from message where conversation_id = ?2 and id < ?3)))
         order by l.id"
    )
}

/// The lines that stand between and after these messages, which are a page of a conversation in ascending
/// order. A page without messages has lines only where the conversation has no messages at all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_page(
    store: &Store,
    (property_id, conversation_id): (Id, Id),
    messages: &[Message],
) -> Result<Vec<Line>, StoreError> {
    let id = |message: Option<&Message>| message.map_or(Id::MAX, |message| message.id);
    let rows = sqlx::query(AssertSqlSafe(page_sql()))
        .bind(property_id)
        .bind(conversation_id)
        .bind(id(messages.first()))
        .bind(id(messages.last()))
        .fetch_all(store.pool())
        .await?;
    rows.iter().map(line).collect()
}

/// Reads a line from [`COLUMNS`].
pub(super) fn line(row: &SqliteRow) -> Result<Line, StoreError> {
    let after: Id = row.try_get("line_after")?;
    let detail: Option<&str> = row.try_get("line_detail")?;
    Ok(Line {
        id: row.try_get("line_id")?,
        conversation_id: row.try_get("line_conversation_id")?,
        kind: kind(row.try_get("line_kind")?)?.into(),
        at: row.try_get("line_at")?,
        after_message_id: (after > 0).then_some(after),
        staff_id: row.try_get("line_staff_id")?,
        staff_name: row.try_get("line_staff_name")?,
        detail: detail
            .map(|detail| serde_json::from_str(detail).map(Extensible::Known))
            .transpose()
            .map_err(|_| StoreError::Damaged("the detail of a line"))?,
    })
}

fn kind(name: &str) -> Result<LineKind, StoreError> {
    match name {
        "closed" => Ok(LineKind::Closed),
        "reopened" => Ok(LineKind::Reopened),
        "transferred" => Ok(LineKind::Transferred),
        "guest_number" => Ok(LineKind::GuestNumber),
        _ => Err(StoreError::Damaged("the kind of a line")),
    }
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    vec![("lines of a page", page_sql())]
}
