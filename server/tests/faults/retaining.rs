//! Many conversations are past their retention, while others write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::{
    common::{program::cli, soon},
    desk::Desk,
    erasing::write_on,
    report,
};

/// What a step may cost the others, in the long form.
const P99: Duration = Duration::from_millis(100);

async fn open(desk: &Desk) -> SqliteConnection {
    let url = format!("sqlite://{}", desk.data_dir.join("frontdesk.db").display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Closed conversations of three messages, and one with 3,000, which is more than one step takes.
async fn fill(desk: &Desk, conversations: u64) {
    let mut database = open(desk).await;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "begin;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < {conversations})
         insert into conversation (property_id, guest_id, department_id, conversation_type, status,
                active_at, created_at, updated_at, closed_at)
            select g.property_id, g.id, (select min(id) from department), 'general', 'closed', 0, 0, 0, 1
            from n, (select min(id) as id, property_id from guest) g;
         insert into message (conversation_id, guest_id, content, created_at)
            select c.id, c.guest_id, 'Message ' || n.i || ' of ' || c.id, 0
            from conversation c, (select 1 as i union select 2 union select 3) n where c.closed_at = 1;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
         insert into message (conversation_id, guest_id, content, created_at)
            select c.id, c.guest_id, 'Long ' || n.i, 0
            from n, (select max(id) as id, guest_id from conversation where closed_at = 1) c;
         insert into event (property_id, conversation_id, department_id, kind, message_id, at)
            select c.property_id, c.id, c.department_id, 'message', m.id, unixepoch() * 1000
            from message m join conversation c on c.id = m.conversation_id where c.closed_at = 1;
         update conversation set last_message_id =
            (select max(id) from message where conversation_id = conversation.id) where closed_at = 1;
         commit"
    )))
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
}

async fn left(desk: &Desk) -> i64 {
    let mut database = open(desk).await;
    let sql = "select count(*) from conversation where closed_at = 1 and anonymised_at is null";
    let left = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_past_their_retention_go_while_others_write() {
    let conversations = report::times(300, 20_000);
    let mut figures = Vec::new();
    for kind in ["delete", "anonymise"] {
        let folder = tempfile::tempdir().unwrap();
        let (desk, server) = Desk::open(folder.path().join("data")).await;
        server.kill().await;
        fill(&desk, conversations).await;
        let line = ["property", "set", "--retention-days", "10", "--retention", kind];
        cli(&desk.data_dir, &line).await.object();
        let server = desk.reopen().await;
        let before = Instant::now();
        let enough = Arc::new(AtomicBool::new(false));
        let writing = write_on(&desk, Arc::clone(&enough));
        let waiting = async {
            while left(&desk).await > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(10), waiting).await.unwrap();
        let all = before.elapsed();
        enough.store(true, Ordering::Relaxed);
        let mut took = soon("the writer to stop", writing).await.unwrap();
        took.sort_unstable();
        let p99 = took[took.len() * 99 / 100];
        if report::is_long() {
            assert!(p99 <= P99, "{p99:?}");
        }
        server.kill().await;
        desk.check().await;
        let mut database = open(&desk).await;
        let sql =
            "select count(*) from message where content glob 'Message *' or content glob 'Long *'";
        let texts: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
        assert_eq!(texts, 0, "{kind}");
        figures.push(format!(
            "{kind}: {conversations} in {:.1} s, meanwhile acknowledgment p99 {:.0} ms",
            all.as_secs_f64(),
            p99.as_secs_f64() * 1000.0
        ));
    }
    report::figure("retention", &figures.join("; "));
}
