//! Contract 1.8: what happened to a conversation stands between its messages.

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::common::{House, Person};

async fn call(person: &Person, name: &str, body: Value) -> Value {
    person.post(&format!("/chat/conversations/{name}/"), body).await.expect(200)
}

async fn page(person: &Person, id: i64, query: &str) -> Value {
    person.get(&format!("/chat/conversations/{id}/messages/{query}")).await.expect(200)
}

/// What a page shows, in the order of a screen: messages by their texts, lines by their kinds.
fn shown(page: &Value) -> Vec<String> {
    let mut lines = page["lines"].as_array().unwrap().iter().peekable();
    let mut shown = Vec::new();
    let kind = |line: &Value| line["kind"].as_str().unwrap().to_owned();
    for message in page["results"].as_array().unwrap() {
        while let Some(line) =
            lines.next_if(|line| line["after_message_id"].as_i64() < message["id"].as_i64())
        {
            shown.push(kind(line));
        }
        shown.push(message["content"].as_str().unwrap().to_owned());
    }
    shown.extend(lines.map(kind));
    shown
}

#[tokio::test]
async fn closing_reopening_and_transferring_leave_lines_in_frames_and_pages() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception", "housekeeping"]).await;
    let bob = house.staff("bob", &["reception", "housekeeping"]).await;
    let gateway = house.gateway("sms", None).await;
    let written = gateway.writes("1", "+47 1", "The tap drips").await;
    let id = written["conversation_id"].as_i64().unwrap();
    let (mut inside, mut beside) = (bob.connect().await, bob.connect().await);
    inside.subscribe(id).await;
    beside.everything().await;
    inside.everything().await;
    let before = bob.conversation(id).await;
    let body = json!({"conversation_id": id});

    call(&ana, "close", body.clone()).await;
    call(&ana, "close", body.clone()).await;
    call(&ana, "reopen", body.clone()).await;
    call(&ana, "reopen", body.clone()).await;
    let transfer =
        json!({"conversation_id": id, "department": "housekeeping", "note": " Room 12\n"});
    call(&ana, "transfer", transfer.clone()).await;
    call(&ana, "transfer", transfer).await;

    let mut lines = Vec::new();
    for kind in ["closed", "reopened", "transferred"] {
        let frame = inside.updated(kind).await;
        assert_eq!(beside.updated(kind).await, frame);
        let line = frame["data"]["data"]["line"].clone();
        assert_eq!(line["kind"], kind);
        assert_eq!(line["conversation_id"], id);
        assert_eq!(line["after_message_id"], written["message_id"]);
        assert_eq!((&line["staff_id"], &line["staff_name"]), (&json!(ana.id), &json!("Ana")));
        assert_eq!(line["at"], frame["data"]["data"]["updated_at"]);
        lines.push(line);
    }
    for socket in [&mut inside, &mut beside] {
        socket.frame("new_conversation").await;
        socket.nothing_more().await;
    }
    assert!(lines[0]["detail"].is_null() && lines[1]["detail"].is_null());
    let moved =
        json!({"from_department": "reception", "department": "housekeeping", "note": "Room 12"});
    assert_eq!(lines[2]["detail"], moved);
    assert!(lines.is_sorted_by_key(|line| line["id"].as_i64()));
    assert_eq!(page(&bob, id, "").await["lines"], json!(lines));

    // None of it is a message, or makes anything unread or answered.
    let after = bob.conversation(id).await;
    for member in ["last_message_preview", "last_message_at", "unread_count", "waiting_since"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert!(after["waiting_since"].is_string());
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
    // After a restart, ids go on.
    drop((inside, beside));
    let house = house.restart().await;
    call(&ana, "close", body).await;
    let last = page(&bob, id, "").await["lines"][3]["id"].as_i64();
    assert!(last > lines[2]["id"].as_i64());
    drop(house);
}

#[tokio::test]
async fn each_line_is_on_the_page_of_the_message_that_it_follows() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let id = house.conversation("reception").await;
    let body = json!({"conversation_id": id});
    let mut socket = ana.connect().await;
    let mut ids = Vec::new();
    call(&ana, "close", body.clone()).await;
    assert_eq!(shown(&page(&ana, id, "").await), ["closed"], "before there is any message");
    call(&ana, "reopen", body.clone()).await;
    for text in ["one", "two", "three", "four"] {
        socket.send_text(id, text).await;
        let frames = socket.everything().await;
        let stored = frames.iter().find(|frame| frame["status"] == "received").unwrap();
        ids.push(stored["message_id"].as_i64().unwrap());
        if text == "two" || text == "four" {
            call(&ana, "close", body.clone()).await;
            call(&ana, "reopen", body.clone()).await;
        }
    }
    let all = page(&ana, id, "").await;
    let everything = [
        "closed", "reopened", "one", "two", "closed", "reopened", "three", "four", "closed",
        "reopened",
    ];
    assert_eq!(shown(&all), everything);
    let newest = page(&ana, id, "?limit=2").await;
    assert_eq!(shown(&newest), ["three", "four", "closed", "reopened"]);
    let three = page(&ana, id, "?limit=1&before=4000000").await;
    assert_eq!(shown(&three), ["four", "closed", "reopened"]);
    let older = page(&ana, id, &format!("?limit=1&before={}", ids[2])).await;
    assert_eq!(shown(&older), ["two", "closed", "reopened"]);
    let first = page(&ana, id, &format!("?before={}", ids[1])).await;
    assert_eq!(shown(&first), ["closed", "reopened", "one"]);
    let later = page(&ana, id, &format!("?limit=2&after={}", ids[0])).await;
    assert_eq!(shown(&later), ["two", "closed", "reopened", "three"]);
    let from_the_start = page(&ana, id, "?limit=1&after=0").await;
    assert_eq!(shown(&from_the_start), ["closed", "reopened", "one"]);
    let nothing = page(&ana, id, &format!("?after={}", ids[3])).await;
    assert_eq!(shown(&nothing), Vec::<String>::new());
    // Page by page, each line comes once.
    let mut pages = Vec::new();
    let mut before = i64::MAX >> 11;
    while before > ids[0] {
        let page = page(&ana, id, &format!("?limit=1&before={before}")).await;
        before = page["results"][0]["id"].as_i64().unwrap();
        pages.push(shown(&page));
    }
    pages.reverse();
    assert_eq!(pages.concat(), everything);
}

#[tokio::test]
async fn lines_are_exported_and_erased_with_their_conversation() {
    let house = House::start().await;
    let id = house.conversation("reception").await;
    let guest = house.admin.conversation(id).await["guest_info"]["id"].clone();
    let transfer =
        json!({"conversation_id": id, "department": "restaurant", "note": "Allergic to nuts"});
    call(&house.admin, "transfer", transfer).await;
    call(&house.admin, "close", json!({"conversation_id": id})).await;
    let export = house.admin.get(&format!("/guests/{guest}/export/")).await.expect(200);
    let lines = &export["conversations"][0]["lines"];
    assert_eq!(lines[0]["detail"]["note"], "Allergic to nuts");
    assert_eq!(lines[1]["kind"], "closed");
    let pdf = house.admin.get(&format!("/guests/{guest}/export/?format=pdf")).await;
    assert_eq!((pdf.status, pdf.header("content-type")), (200, "application/pdf"));

    let other = house.conversation("reception").await;
    call(&house.admin, "close", json!({"conversation_id": other})).await;
    house.admin.delete(&format!("/guests/{guest}/")).await.expect(204);
    let url = format!("sqlite://{}", house.data_dir().join("frontdesk.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let left: Vec<i64> = sqlx::query_scalar("select conversation_id from line")
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(left, [other]);
    drop(database);
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
    let stopped = house.stop().await;
    let bytes = std::fs::read(stopped.data_dir().join("frontdesk.db")).unwrap();
    assert!(!bytes.windows(16).any(|window| window == b"Allergic to nuts"));
}
