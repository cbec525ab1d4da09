//! Lines: what happened to conversations, shown between their messages.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

use crate::{
    chat::LineRow,
    protocol::{Extensible, Id, Line, LineKind, Message},
};

use super::{Store, StoreError, working::json};

/// Columns of a line, from `line l` and the staff member `by` who made it.
pub(super) const COLUMNS: &str = "l.id as line_id, l.conversation_id as line_conversation_id,
    l.kind as line_kind, l.at as line_at, l.after_message_id as line_after, l.staff_id as line_staff_id,
    by.name as line_staff_name, l.detail as line_detail";

/// Stores lines.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn insert(
    writer: &mut SqliteConnection,
    lines: &[LineRow],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(lines.len());
    for LineRow { property_id, kind, line, transferred } in lines {
        rows.push((
            (line.id, property_id, line.conversation_id, name(*kind), line.at.as_millis()),
            (line.after_message_id.unwrap_or(0), line.staff_id),
            line.detail.as_ref().map(json).transpose()?,
            transferred.map(|it| {
                let reads = (it.staff_read_id, it.guest_read_id);
                (it.from_department_id, it.to_department_id, it.waiting_since, reads, it.active_at)
            }),
        ));
    }
    sqlx::query(
        "insert into line (id, property_id, conversation_id, kind, at, after_message_id, staff_id, detail,
            from_department_id, to_department_id, waiting_since, staff_read_id, guest_read_id, active_at)
         select value->>'$[0][0]', value->>'$[0][1]', value->>'$[0][2]', value->>'$[0][3]',
            value->>'$[0][4]', value->>'$[1][0]', value->>'$[1][1]', value->>'$[2]',
            value->>'$[3][0]', value->>'$[3][1]', value->>'$[3][2]', value->>'$[3][3][0]',
            value->>'$[3][3][1]', value->>'$[3][4]'
         from json_each(?1)",
    )
    .bind(json(&rows)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// Stores the line of a changed number; returns its id and the name of the staff member in it.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn add_number_change(
    writer: &mut SqliteConnection,
    property_id: Id,
    line: &Line,
) -> Result<(Id, Option<String>), StoreError> {
    Ok(sqlx::query_as(
        "insert into line (property_id, conversation_id, kind, at, after_message_id, staff_id, detail)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         returning id, (select name from staff where id = ?6)",
    )
    .bind(property_id)
    .bind(line.conversation_id)
    .bind(name(LineKind::GuestNumber))
    .bind(line.at.as_millis())
    .bind(line.after_message_id.unwrap_or(0))
    .bind(line.staff_id)
    .bind(line.detail.as_ref().map(json).transpose()?)
    .fetch_one(writer)
    .await?)
}

/// The lines of a page of messages: those after its first message and before the first message of the
/// next page (?3 and ?4 are the page's first and last message); the page that begins the conversation also
/// has the lines before its first message.
fn page_sql() -> String {
    format!(
        "select {COLUMNS} from line l left join staff by on by.id = l.staff_id
         where l.property_id = ?1 and l.conversation_id = ?2
           and l.id <= ?5
           and (l.after_message_id between ?3 and ?4
                or (l.after_message_id = 0
                    and not exists (select 1 from message where conversation_id = ?2 and id < ?3)))
         order by l.id"
    )
}

/// The lines that stand between and after these messages, which are a page of a conversation in ascending
/// order; no line is newer than `up_to`. A page without messages has lines only where the conversation has
/// no messages at all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_page(
    store: &Store,
    (property_id, conversation_id): (Id, Id),
    messages: &[Message],
    up_to: Id,
) -> Result<Vec<Line>, StoreError> {
    let id = |message: Option<&Message>| message.map_or(Id::MAX, |message| message.id);
    let rows = sqlx::query(AssertSqlSafe(page_sql()))
        .bind(property_id)
        .bind(conversation_id)
        .bind(id(messages.first()))
        .bind(id(messages.last()))
        .bind(up_to)
        .fetch_all(store.pool())
        .await?;
    rows.iter().map(line).collect()
}

/// All lines of a conversation, in order.
///
/// # Errors
/// [`StoreError::Database`].
pub(super) async fn of_conversation(
    connection: &mut SqliteConnection,
    conversation_id: Id,
) -> Result<Vec<Line>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from line l left join staff by on by.id = l.staff_id
         where l.conversation_id = ?1 order by l.id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(conversation_id).fetch_all(connection).await?;
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

const fn name(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Closed => "closed",
        LineKind::Reopened => "reopened",
        LineKind::Transferred => "transferred",
        LineKind::GuestNumber => "guest_number",
    }
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
