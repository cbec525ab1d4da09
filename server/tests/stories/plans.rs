//! Lists, pages, unread counts and replays are indexed queries: the plans of a real database say so.

use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::common::House;

/// What each kind of read walks along.
const INDEXES: [(&str, &str); 16] = [
    ("list of active", "INDEX conversation_list (department_id=? AND status=? AND active_at<?)"),
    ("list of all", "INDEX conversation_list (department_id=? AND status=? AND active_at<?)"),
    ("list of waiting", "INDEX conversation_waiting (department_id=? AND active_at<?)"),
    (
        "list of conversations that are not reached",
        "INDEX conversation_list (department_id=? AND status=? AND active_at<?)",
    ),
    ("guest's conversations", "INDEX conversation_by_guest (guest_id=? AND active_at<?)"),
    ("list of transferred", "INDEX line_transferred (staff_id=? AND at>?)"),
    ("conversation as it was transferred", "INDEX line_transferred (staff_id=? AND at>?)"),
    ("lines of a page", "INDEX line_by_conversation (conversation_id=?"),
    ("list of", "INDEX message_unread (conversation_id=? AND id>?)"),
    ("one conversation", "INDEX message_unread (conversation_id=? AND id>?)"),
    ("newest messages", "INDEX message_by_conversation (conversation_id=? AND id<?)"),
    ("messages after", "INDEX message_by_conversation (conversation_id=? AND id>?)"),
    ("replay", "INDEX event_by_property (property_id=? AND seq>? AND seq<?)"),
    ("end of a piece of a replay", "INDEX event_by_property (property_id=? AND seq>? AND seq<?)"),
    ("due replies", "INDEX delivery_waiting (gateway_id=?"),
    ("gateways with replies", "INDEX delivery_waiting (gateway_id>?)"),
];

/// A table or an index that is walked from end to end. What a statement has gathered itself, a page
/// at most, may be.
fn is_walk(step: &str) -> bool {
    step.strip_prefix("SCAN ").is_some_and(|what| {
        !["(subquery-", "page", "json_each ", "waiting"].iter().any(|own| what.starts_with(own))
    })
}

#[tokio::test]
async fn no_read_walks_through_a_whole_table() {
    assert!(is_walk("SCAN event") && is_walk("SCAN c USING INDEX conversation_list"));
    let house = House::start().await;
    let url = format!("sqlite://{}", house.data_dir().join("frontdesk.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let mut seen = [false; INDEXES.len()];
    for (name, sql) in frontdesk_server::read_statements() {
        let sql = AssertSqlSafe(format!("explain query plan {sql}"));
        let rows = sqlx::query(sql).fetch_all(&mut database).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
        for step in &plan {
            assert!(!is_walk(step), "{name} walks: {step}\n{plan:#?}");
        }
        for ((kind, index), seen) in INDEXES.iter().zip(&mut seen) {
            if name.starts_with(kind) {
                *seen = true;
                assert!(plan.iter().any(|step| step.contains(index)), "{name}: {plan:#?}");
            }
        }
    }
    assert_eq!(seen, [true; INDEXES.len()]);
}
