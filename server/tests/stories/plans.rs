//! Lists, pages, unread counts and replays are indexed queries: the plans of a real database say so.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use crate::common::House;

#[tokio::test]
async fn no_read_walks_through_a_whole_table() {
    let house = House::start().await;
    let url = format!("sqlite://{}", house.data_dir().join("frontdesk.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let names: Vec<&str> =
        frontdesk_server::read_statements().into_iter().map(|(name, _)| name).collect();
    for expected in ["list of", "messages", "replay"] {
        assert!(names.iter().any(|name| name.contains(expected)), "{expected}: {names:?}");
    }
    for (name, sql) in frontdesk_server::read_statements() {
        let sql = AssertSqlSafe(format!("explain query plan {sql}"));
        let rows = sqlx::query(sql).fetch_all(&mut database).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("detail").unwrap()).collect();
        let searched: HashSet<_> = plan.iter().filter(|step| step.starts_with("SEARCH")).collect();
        assert!(!searched.is_empty(), "{name}: {plan:#?}");
        for step in &plan {
            // What a statement has gathered itself may be walked through; a table may not.
            let walked = step.strip_prefix("SCAN ").is_some_and(|what| {
                !["page", "json_each", "CONSTANT ROW", "state", "(subquery", "e", "asked"]
                    .iter()
                    .any(|own| what.split(' ').next() == Some(own) || what.starts_with(own))
            });
            assert!(!walked, "{name} walks: {step}\n{plan:#?}");
        }
    }
}
