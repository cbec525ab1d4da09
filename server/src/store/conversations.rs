//! Reads conversations as one staff member sees them.

use sqlx::{AssertSqlSafe, Row, sqlite::SqliteRow};

use crate::protocol::{
    Channel, Conversation, ConversationStatus, GuestInfo, Id, Timestamp, preview,
};

use super::{Search, Store, StoreError, gateways::reply_gateway, transfers, working::status};

/// Which conversations a list shows.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Whose list: unread counts are theirs.
    pub staff_id: Id,
    /// Their property.
    pub property_id: Id,
    /// The departments to show.
    pub departments: Vec<Id>,
    /// Only these; `None`: all.
    pub status: Option<ConversationStatus>,
    /// Only those in which a guest waits for an answer.
    pub waiting: bool,
    /// Only those with a message that has failed, or that has not been delivered although it was written
    /// before this time.
    pub not_reached_since: Option<Timestamp>,
    /// Words of guests' names, rooms or numbers, in any order.
    pub search: Option<String>,
    /// ISO 3166-1 alpha-2 code of the country of numbers without one.
    pub country: Option<String>,
    /// Only those with this guest.
    pub guest_id: Option<Id>,
    /// Conversations that the person has transferred to other departments.
    pub transferred: TransferredFilter,
    /// Only those after this place in the list.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: u32,
}

/// What a list has of the conversations that the person transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferredFilter {
    /// Only what is in the departments of the list.
    None,
    /// Also those in other departments that were transferred after this time, as they were then.
    Also(Timestamp),
    /// Only those that were transferred after this time.
    Only(Timestamp),
}

/// A place in a list: the activity time (ms) and id of its last row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Milliseconds since 1970.
    pub active_at: i64,
    /// The conversation.
    pub id: Id,
}

/// A page of a list, and the newest event that it contains.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Rows, in order.
    pub rows: Vec<T>,
    /// Whether there are more in the direction asked.
    pub has_more: bool,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// The newest event of the property in this state.
    pub seq: i64,
}

/// Columns of a conversation as staff member ?1 sees it, from `conversation c`.
pub(super) const COLUMNS: &str = "c.*, d.slug, g.name as guest_name, g.whatsapp_number, g.language,
    r.number as room_number, last.content, last.created_at as last_message_at,
    via.name as reply_via, via.refuses_status,
    (select count(*) from message m
     where m.conversation_id = c.id and m.guest_id is not null
       and m.id > max(coalesce(mark.message_id, 0), coalesce(mine.joined_message_id, 0))) as unread_count";

pub(super) const JOINS: &str = concat!(
    "join department d on d.id = c.department_id
    join guest g on g.id = c.guest_id
    left join stay s on s.guest_id = g.id and s.checked_out_at is null
    left join room r on r.id = s.room_id
    left join message last on last.id = c.last_message_id
    ",
    reply_gateway!(),
    "
    left join read_mark mark on mark.staff_id = ?1 and mark.conversation_id = c.id
    left join staff_department mine on mine.staff_id = ?1 and mine.department_id = c.department_id"
);

/// Whether staff must be told that a guest has not got a message: it has waited for two minutes (?8 is two
/// minutes ago), or has failed.
macro_rules! not_reached {
    () => {
        "c.status = 'active' and c.undelivered_since is not null and (c.undelivered_since <= ?8 or exists (
            select 1 from delivery f where f.conversation_id = c.id
                and f.state = 'failed' and f.message_id > c.settled_id))"
    };
}

const SEQ: &str = "(select max(coalesce((select max(seq) from event where property_id = ?2), 0), pruned_seq) as newest
    from property where id = ?2)";

/// One page of a list, newest activity first. Each department and status is walked along its own
/// index, or the guest along theirs, and no further than the page.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(store: &Store, query: &ListQuery) -> Result<Page<Conversation>, StoreError> {
    let after = query.after.unwrap_or(Cursor { active_at: i64::MAX, id: Id::MAX });
    let search = Search::new(query.search.as_deref(), query.country.as_deref());
    let rows = sqlx::query(AssertSqlSafe(list_sql(query, search.as_ref())))
        .bind(query.staff_id)
        .bind(query.property_id)
        .bind(after.active_at)
        .bind(after.id)
        .bind(query.limit + 1)
        .bind(query.guest_id)
        .bind(query.transferred.since().map(Timestamp::as_millis))
        .bind(query.not_reached_since.map(Timestamp::as_millis));
    let rows = match search {
        Some(search) => search.bind(rows),
        None => rows,
    };
    let rows = rows.fetch_all(store.pool()).await?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let seq = rows.first().map(|row| row.try_get("newest")).transpose()?.unwrap_or(0);
    let mut page = Page { rows: Vec::new(), has_more: false, next: None, seq };
    let mut last = None;
    for row in &rows {
        if row.try_get::<Option<Id>, _>("id")?.is_none() {
            break;
        }
        if page.rows.len() == limit {
            page.has_more = true;
            page.next = last;
            break;
        }
        last = Some(Cursor { active_at: row.try_get("page_active_at")?, id: row.try_get("id")? });
        let is_transferred = row.try_get::<Option<Id>, _>("transfer_id")?.is_some();
        let listed = conversation(row)?;
        page.rows.push(if is_transferred {
            transfers::as_transferred(listed, row)?
        } else {
            listed
        });
    }
    Ok(page)
}

/// One conversation of a property, with its department's id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn one(
    store: &Store,
    staff_id: Id,
    property_id: Id,
    id: Id,
) -> Result<Option<(Id, Conversation)>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(one_sql()))
        .bind(staff_id)
        .bind(property_id)
        .bind(id)
        .fetch_optional(store.pool())
        .await?;
    row.map(|row| Ok((row.try_get("department_id")?, conversation(&row)?))).transpose()
}

impl TransferredFilter {
    const fn since(self) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::Also(since) | Self::Only(since) => Some(since),
        }
    }
}

fn one_sql() -> String {
    format!("select {COLUMNS} from conversation c {JOINS} where c.property_id = ?2 and c.id = ?3")
}

fn list_sql(query: &ListQuery, search: Option<&Search>) -> String {
    let (search_joins, search) = match search {
        Some(search) => (
            "join guest g on g.id = c.guest_id
             left join stay s on s.guest_id = g.id and s.checked_out_at is null
             left join room r on r.id = s.room_id",
            format!("and {}", search.condition(9)),
        ),
        None => ("", String::new()),
    };
    let walk = |only: String| {
        format!(
            "select * from (select c.id, c.active_at, null as transfer_id from conversation c {search_joins}
             where {only} and (c.active_at, c.id) < (?3, ?4) {search}
             order by c.active_at desc, c.id desc limit ?5)"
        )
    };
    let statuses: &[&str] = match query.status {
        _ if query.not_reached_since.is_some() && query.waiting => {
            &[concat!(not_reached!(), " and c.waiting_since is not null")]
        }
        _ if query.not_reached_since.is_some() => &[not_reached!()],
        _ if query.waiting => &["c.waiting_since is not null"],
        Some(ConversationStatus::Active) => &["c.status = 'active'"],
        Some(ConversationStatus::Closed) => &["c.status = 'closed'"],
        None => &["c.status = 'active'", "c.status = 'closed'"],
    };
    let mut walks = Vec::new();
    let departments: Vec<_> = query.departments.iter().map(Id::to_string).collect();
    let departments = departments.join(", ");
    let walk_transferred =
        |only_others| transfers::walk((&departments, only_others), query, (search_joins, &search));
    if matches!(query.transferred, TransferredFilter::Only(_)) {
        walks.push(walk_transferred(false));
    } else if query.guest_id.is_some() {
        // One guest has few conversations: the `+` keeps SQLite from walking the departments instead.
        let statuses = statuses.join(" or ");
        walks.push(walk(format!(
            "c.guest_id = ?6 and +c.department_id in ({departments}) and +({statuses})"
        )));
    } else {
        for department in &query.departments {
            let of_status = |only| walk(format!("c.department_id = {department} and {only}"));
            walks.extend(statuses.iter().map(of_status));
        }
    }
    if matches!(query.transferred, TransferredFilter::Also(_)) {
        walks.push(walk_transferred(true));
    }
    if walks.is_empty() {
        walks.push("select null as id, 0 as active_at, null as transfer_id where 0".to_owned());
    }
    let walks = walks.join(" union all ");
    format!(
        "select * from {SEQ} left join (
            select {COLUMNS}, page.page_active_at, {} from
              (select id as page_id, active_at as page_active_at, transfer_id as page_transfer_id
               from ({walks}) order by active_at desc, id desc limit ?5) page
            join conversation c on c.id = page.page_id {JOINS}
            left join line t on t.id = page.page_transfer_id {}
         ) order by page_active_at desc, id desc",
        transfers::COLUMNS,
        transfers::JOINS,
    )
}

/// What is wrong with a gateway that has refused a reply with this HTTP status.
pub(super) fn reply_problem(status: u16) -> String {
    format!("refuses replies ({status})")
}

pub(super) fn conversation(row: &SqliteRow) -> Result<Conversation, StoreError> {
    let reply_via: Option<String> = row.try_get("reply_via")?;
    let refuses: Option<u16> = row.try_get("refuses_status")?;
    let digits: Option<String> = row.try_get("whatsapp_number")?;
    Ok(Conversation {
        id: row.try_get("id")?,
        guest_info: GuestInfo {
            id: row.try_get("guest_id")?,
            name: row.try_get("guest_name")?,
            whatsapp_number: digits.map(|digits| format!("+{digits}")),
            room_number: row.try_get("room_number")?,
            language: row.try_get("language")?,
        },
        department: row.try_get("slug")?,
        conversation_type: row.try_get("conversation_type")?,
        status: status(row)?.into(),
        unread_count: row.try_get("unread_count")?,
        waiting_since: row.try_get("waiting_since")?,
        last_message_preview: row
            .try_get::<Option<&str>, _>("content")?
            .map(preview)
            .unwrap_or_default(),
        last_message_at: row.try_get("last_message_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        closed_at: row.try_get("closed_at")?,
        reply_channel: reply_via.as_ref().map(|_| Channel::Gateway.into()),
        reply_via,
        reply_problem: refuses.map(reply_problem),
        undelivered_since: row.try_get("undelivered_since")?,
        read_only: false,
    })
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    let query = |status, waiting| ListQuery {
        staff_id: 1,
        property_id: 1,
        departments: vec![1, 2],
        status,
        waiting,
        not_reached_since: None,
        search: None,
        country: None,
        guest_id: None,
        transferred: TransferredFilter::None,
        after: None,
        limit: 50,
    };
    let search = Search::new(Some("amelia 204"), None);
    vec![
        ("list of found conversations", list_sql(&query(None, false), search.as_ref())),
        (
            "list of active conversations",
            list_sql(&query(Some(ConversationStatus::Active), false), None),
        ),
        ("list of all conversations", list_sql(&query(None, false), None)),
        ("list of waiting conversations", list_sql(&query(None, true), None)),
        (
            "list of conversations that are not reached",
            list_sql(
                &ListQuery {
                    not_reached_since: Some(Timestamp::from_millis(0)),
                    ..query(None, false)
                },
                None,
            ),
        ),
        (
            "guest's conversations",
            list_sql(&ListQuery { guest_id: Some(1), ..query(None, false) }, None),
        ),
        (
            "list of transferred conversations",
            list_sql(
                &ListQuery {
                    transferred: TransferredFilter::Only(Timestamp::from_millis(0)),
                    ..query(None, false)
                },
                None,
            ),
        ),
        ("one conversation", one_sql()),
    ]
}
