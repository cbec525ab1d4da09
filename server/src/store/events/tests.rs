//! Replays are read in small pieces.

use sqlx::SqliteConnection;

use super::*;
use crate::{
    Config,
    app::{App, Holder},
    demo,
    hub::encode,
    protocol::CONTENT_MAX_CHARS,
};

/// So many more events of a department, all of one conversation of the demo hotel.
async fn add_events(writer: &mut SqliteConnection, department: &str, count: i64) {
    sqlx::query(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < ?2)
         insert into event (property_id, conversation_id, department_id, kind, at)
         select 1, (select min(id) from conversation), (select id from department where slug = ?1), 'closed', 0
         from n",
    )
    .bind(department.to_owned())
    .bind(count)
    .execute(writer)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_piece_of_a_replay_looks_at_so_many_events_however_few_concern_the_audience() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(Config::new(folder.path()), Holder::Server).await.unwrap();
    demo::fill_if_empty(&app).await.unwrap();
    let mut writer = super::super::open_writer(folder.path()).await.unwrap();
    let begin = || sqlx::query_scalar::<_, i64>("select coalesce(max(seq), 0) from event");
    let first = begin().fetch_one(app.store.pool()).await.unwrap();
    add_events(&mut writer, "restaurant", 2_400).await;
    add_events(&mut writer, "reception", 3).await;
    let last = begin().fetch_one(app.store.pool()).await.unwrap();
    let department: Id = sqlx::query_scalar("select id from department where slug = 'reception'")
        .fetch_one(app.store.pool())
        .await
        .unwrap();
    let audience =
        Audience { property_id: 1, departments: vec![department], conversations: vec![] };
    let (mut after, mut pieces) = (first, Vec::new());
    while after < last {
        let page = replay(&app.store, &audience, (after, last)).await.unwrap();
        assert!(page.reached > after, "it stands still");
        after = page.reached;
        pieces.push((page.reached - first, page.events.len()));
    }
    assert_eq!(pieces, [(1_000, 0), (2_000, 0), (2_403, 3)]);
    app.close().await;
}

#[tokio::test]
async fn a_piece_of_a_replay_has_so_many_bytes_as_the_client_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::open(Config::new(folder.path()), Holder::Server).await.unwrap();
    demo::fill_if_empty(&app).await.unwrap();
    let mut writer = super::super::open_writer(folder.path()).await.unwrap();
    let newest = || sqlx::query_scalar::<_, i64>("select max(seq) from event");
    let first = newest().fetch_one(app.store.pool()).await.unwrap();
    // Each of these characters is one byte, and six in JSON.
    sqlx::query(
        "update message set content = ?1 where id = (select max(id) from message where guest_id is not null)",
    )
    .bind("\u{1}".repeat(CONTENT_MAX_CHARS))
    .execute(&mut writer)
    .await
    .unwrap();
    sqlx::query(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 10)
         insert into event (property_id, conversation_id, department_id, kind, message_id, at)
         select 1, m.conversation_id, c.department_id, 'message', m.id, 0 from n, message m
         join conversation c on c.id = m.conversation_id
         where m.id = (select max(id) from message where guest_id is not null)",
    )
    .execute(&mut writer)
    .await
    .unwrap();
    let last = newest().fetch_one(app.store.pool()).await.unwrap();
    let departments = sqlx::query_scalar("select id from department where property_id = 1");
    let departments = departments.fetch_all(app.store.pool()).await.unwrap();
    let audience = Audience { property_id: 1, departments, conversations: vec![] };
    let (mut after, mut pieces) = (first, Vec::new());
    while after < last {
        let page = replay(&app.store, &audience, (after, last)).await.unwrap();
        after = page.reached;
        let sizes = page.events.iter().map(|event| encode(&event.frame(true)).len());
        let bytes: usize = sizes.sum();
        assert!(bytes < PAGE_BYTES + 6 * CONTENT_MAX_CHARS + 1024, "{bytes}");
        pieces.push(page.events.len());
    }
    assert_eq!(pieces, [4, 4, 2]);
    app.close().await;
}
