//! Replies that were stored before deliveries had states.

use std::path::Path;

use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::{
    chat::EventKind,
    protocol::{DeliveryState, Timestamp},
    store,
};

use super::number_passed_on;

/// The database of 0.1.0: one conversation in which the guest has written, and one in which a reply waits.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/0.1.0.db");

/// More of what an older database may hold. Conversation 2 is active, conversation 3 is closed.
const MORE: &str = "
    insert into guest (id, property_id, name, created_at) values (2, 1, 'Li Na', 0);
    insert into conversation
        (id, property_id, guest_id, department_id, conversation_type, status, last_message_id, active_at, created_at,
         updated_at, closed_at)
    values (3, 1, 2, 1, 'general', 'closed', 6, 0, 0, 0, 9);
    insert into message (id, conversation_id, staff_id, guest_id, content, created_at) values
        (3, 2, 1, null, 'no gateway then', 1795470937600),
        (4, 2, null, 1, 'thanks', 1795470937700),
        (5, 2, 1, null, 'given up', 1795470937800),
        (6, 3, 1, null, 'closed', 1795470937900),
        (7, 2, 1, null, 'accepted', 1795470938000);
    update conversation set last_message_id = 7 where id = 2;
    insert into delivery
        (message_id, id, conversation_id, gateway_id, status, attempts, next_attempt_at, last_error, finished_at)
    values
        (5, 'five', 2, 1, 'failed', 900, 0, 'the gateway answered 500', 1795999999999),
        (6, 'six', 3, 1, 'pending', 2, 1795470999999, 'refused', null),
        (7, 'seven', 2, 1, 'delivered', 1, 0, null, 1795470938100);";

async fn opened(folder: &Path) -> SqliteConnection {
    let file = folder.join(store::DATABASE_FILE);
    std::fs::copy(FIXTURE, &file).unwrap();
    let mut old = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::raw_sql(MORE).execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let mut writer = store::open_writer(folder).await.unwrap();
    store::migrate(&mut writer).await.unwrap();
    writer
}

#[tokio::test]
async fn an_older_databases_replies_get_their_states_and_old_answers_get_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = opened(folder.path()).await;
    let rows = sqlx::query("select * from delivery order by message_id")
        .fetch_all(&mut writer)
        .await
        .unwrap();
    let text = |index: usize, column: &str| rows[index].get::<Option<String>, _>(column);
    let shown: Vec<_> = (0..rows.len())
        .map(|index| {
            let (message, at): (i64, i64) = (rows[index].get("message_id"), rows[index].get("at"));
            (message, text(index, "state").unwrap(), text(index, "reason_code"), at)
        })
        .collect();
    let gave_up = Some("gave_up".to_owned());
    assert_eq!(
        shown,
        [
            (2, "stored".to_owned(), None, 1_795_470_937_517),
            (5, "failed".to_owned(), gave_up, 1_795_999_999_999),
            (6, "stored".to_owned(), None, 1_795_470_937_900),
            (7, "sent".to_owned(), None, 1_795_470_938_100),
        ]
    );
    assert_eq!(text(1, "reason").unwrap(), "the gateway answered 500");
    assert_eq!(text(1, "id").unwrap(), "five");
    assert_eq!(rows[2].get::<Option<i64>, _>("next_attempt_at"), Some(1_795_470_999_999));
    // Message 3 has no delivery, and what was written before the guest's message is settled.
    let since: Vec<Option<i64>> =
        sqlx::query_scalar("select undelivered_since from conversation order by id")
            .fetch_all(&mut writer)
            .await
            .unwrap();
    assert_eq!(since, [None, Some(1_795_470_937_800), None]);
    for invariant in store::backup::INVARIANTS {
        let broken = store::backup::broken(&mut writer, invariant).await.unwrap();
        assert_eq!(broken, Vec::<i64>::new(), "{}", invariant.name);
    }
    assert_eq!(store::backup::dangling(&mut writer).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn replies_to_a_guest_whose_number_was_passed_on_fail() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = opened(folder.path()).await;
    sqlx::raw_sql(
        "insert into gateway (id, property_id, name, key_hash, signing_secret, created_at)
         values (2, 1, 'pms', randomblob(32), 'secret', 0);
         insert into gateway_guest (gateway_id, guest_ref, guest_id) values (2, 'G-1', 1);
         insert into gateway_address (gateway_id, guest_id, address) values (1, 1, '+49 151'), (2, 1, 'G-1');
         insert into message (id, conversation_id, staff_id, content, created_at, no_way_channel) values
            (8, 2, 1, 'by reference', 1795470939000, null), (9, 2, 1, 'no way', 1795470939000, 'desk');
         insert into delivery (message_id, id, conversation_id, gateway_id, channel, state, at, next_attempt_at)
         values (8, 'eight', 2, 2, 'gateway', 'stored', 1795470939000, 0);
         update conversation set last_message_id = 9, no_way_id = 9 where id = 2",
    )
    .execute(&mut writer)
    .await
    .unwrap();
    let now = Timestamp::from_millis(1_795_470_940_000);
    let events = number_passed_on(&mut writer, 1, now).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| match &event.kind {
            EventKind::Delivery(update) => (update.message_id, update.state.known().copied()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(2, Some(DeliveryState::Failed)), (9, Some(DeliveryState::Failed))]);
    let stored: Vec<i64> =
        sqlx::query_scalar("select seq from event where kind = 'delivery' order by seq")
            .fetch_all(&mut writer)
            .await
            .unwrap();
    assert_eq!(stored, events.iter().map(|event| event.seq).collect::<Vec<_>>());
    let states: Vec<(i64, String, Option<String>)> = sqlx::query_as(
        "select message_id, state, reason_code from delivery where conversation_id = 2 and message_id in (2, 8, 9)
         order by message_id",
    )
    .fetch_all(&mut writer)
    .await
    .unwrap();
    let failed = |id| (id, "failed".to_owned(), Some("number_passed_on".to_owned()));
    assert_eq!(states, [failed(2), (8, "stored".to_owned(), None), failed(9)]);
    let addresses: Vec<String> = sqlx::query_scalar("select address from gateway_address")
        .fetch_all(&mut writer)
        .await
        .unwrap();
    assert_eq!(addresses, ["G-1"]);
}
