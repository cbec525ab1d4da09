//! Closed conversations go when their property does not want to keep them any longer.

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};

use crate::common::{Callback, House, callback::Reply, until};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A house whose clock the test turns.
async fn house() -> (House, impl Fn(i64)) {
    let clock = Clock::standing_at(Timestamp::from_millis(1_795_000_000_000));
    let Clock::Manual(hand) = clock.clone() else { panic!("it goes by itself") };
    let house = House::start_with(|config| config.clock = clock).await;
    let turn = move |days: i64| {
        hand.fetch_add(days * DAY_MILLIS, std::sync::atomic::Ordering::SeqCst);
    };
    (house, turn)
}

async fn close(house: &House, id: i64) {
    let body = json!({"conversation_id": id});
    house.admin.post("/chat/conversations/close/", body).await.expect(200);
}

async fn is_there(house: &House, id: i64) -> bool {
    house.admin.get(&format!("/chat/conversations/{id}/")).await.status == 200
}

async fn actions(house: &House, id: i64) -> Vec<Value> {
    let path = format!("/audit/?subject=conversation&subject_id={id}");
    let page = house.admin.get(&path).await.expect(200);
    page["results"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect()
}

#[tokio::test]
async fn what_was_closed_long_enough_ago_is_deleted_and_nothing_else() {
    let (house, turn) = house().await;
    let set = house.cli(&["property", "set", "--retention-days", "10"]).await.object();
    assert_eq!((&set["retention_days"], &set["retention"]), (&json!(10), &json!("delete")));
    let texts = house.gateway("sms", None).await;
    let old = texts.writes("1", "+47 1", "Verysecrettext").await;
    let (old, open) =
        (old["conversation_id"].as_i64().unwrap(), house.conversation("restaurant").await);
    close(&house, old).await;
    turn(5);
    let young = house.conversation("reception").await;
    close(&house, young).await;
    turn(5);
    // Ten days to the minute are not more than ten days. What came last tells that the house was kept.
    let house = house.restart().await;
    assert!(is_there(&house, old).await);
    turn(1);
    let house = house.restart().await;
    until("the old conversation to go", async || !is_there(&house, old).await).await;
    assert!(is_there(&house, young).await && is_there(&house, open).await);
    assert_eq!(actions(&house, old).await, ["deleted", "closed"]);
    let ids: Vec<_> =
        house.admin.list("?status=all").await.iter().map(|c| c["id"].clone()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
    // What was deleted is overwritten, not only given free.
    let stopped = house.stop().await;
    let bytes = std::fs::read(stopped.data_dir().join("frontdesk.db")).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"Verysecrettext"));
}

#[tokio::test]
async fn without_a_setting_everything_is_kept() {
    let (house, turn) = house().await;
    let id = house.conversation("reception").await;
    close(&house, id).await;
    let kept = house.cli(&["property", "list"]).await.object();
    assert_eq!((&kept["retention_days"], &kept["name"]), (&Value::Null, &json!("Hotel Aurora")));
    // A second property that wants it: when its conversations are gone, ours had their turn.
    house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let days = ["--property", "2", "property", "set", "--retention-days", "1"];
    house.cli(&days).await.object();
    let gateway = ["--property", "2", "gateway", "create", "--name", "sms"];
    let key = house.cli(&gateway).await.object()["key"].as_str().unwrap().to_owned();
    let body = json!({"external_id": "1", "whatsapp_number": "+47 1", "content": "Hello"});
    let theirs = house.anyone.with_token(&key).post("/gateway/messages/", body).await.expect(201);
    let line =
        ["--property", "2", "staff", "create", "--username", "bo", "--name", "Bo", "--admin"];
    let line = [&line[..], &["--department", "reception"]].concat();
    let made = house.cli(&line).await.object();
    let body = json!({"username": "bo", "password": made["password"]});
    let signed_in = house.anyone.post("/auth/login/", body).await.expect(200);
    let bo = house.anyone.with_token(signed_in["token"].as_str().unwrap());
    let theirs = theirs["conversation_id"].as_i64().unwrap();
    let body = json!({"conversation_id": theirs});
    bo.post("/chat/conversations/close/", body).await.expect(200);
    turn(20);
    let house = house.restart().await;
    let path = format!("/chat/conversations/{theirs}/");
    until("theirs to go", async || bo.get(&path).await.status == 404).await;
    assert!(is_there(&house, id).await);
    let off = ["--property", "2", "property", "set", "--retention-days", "0"];
    assert_eq!(house.cli(&off).await.object()["retention_days"], Value::Null);
    house.cli(&["--property", "2", "property", "set"]).await.failure(2);
}

#[tokio::test]
async fn anonymised_conversations_keep_their_times_and_nothing_of_the_guest() {
    let (house, turn) = house().await;
    let gateway = house.gateway("sms", None).await;
    let line = ["property", "set", "--retention-days", "10", "--retention", "anonymise"];
    assert_eq!(house.cli(&line).await.object()["retention"], "anonymise");
    let id = gateway.writes("verysecretid", "+4790000001", "Verysecrettext").await;
    let id = id["conversation_id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    let answer = json!({"type": "text", "conversation_id": id, "content": "Verysecretanswer",
        "client_id": "verysecretclientid"});
    socket.send(answer).await;
    socket.acknowledged("received").await;
    let transfer =
        json!({"conversation_id": id, "department": "restaurant", "note": "Verysecretnote"});
    house.admin.post("/chat/conversations/transfer/", transfer).await.expect(200);
    let path = format!("/guests/{}/", house.admin.conversation(id).await["guest_info"]["id"]);
    let number = json!({"whatsapp_number": "+4790000001"});
    house.admin.patch(&path, json!({"whatsapp_number": "+4790000099"})).await.expect(200);
    house.admin.patch(&path, number).await.expect(200);
    close(&house, id).await;
    let before = house.admin.conversation(id).await;
    turn(11);
    let house = house.restart().await;
    let guest = async || house.admin.conversation(id).await["guest_info"]["name"].clone();
    until("the guest to be nobody", async || guest().await == "Anonymous guest").await;
    let after = house.admin.conversation(id).await;
    for same in ["id", "department", "status", "created_at", "closed_at", "last_message_at"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(after["guest_info"]["whatsapp_number"], Value::Null);
    assert_eq!(house.admin.texts(id).await, ["…", "…"]);
    let page = house.admin.get(&format!("/chat/conversations/{id}/messages/")).await.expect(200);
    let kinds: Vec<_> =
        page["lines"].as_array().unwrap().iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["transferred", "closed"]);
    let moved = json!({"from_department": "reception", "department": "restaurant", "note": null});
    assert_eq!(page["lines"][0]["detail"], moved);
    assert_eq!(actions(&house, id).await[0], "anonymised");
    let copy = house.data_dir().with_extension("backup");
    house.cli(&["backup", copy.to_str().unwrap()]).await.object();
    let bytes = std::fs::read(&copy).unwrap();
    for secret in [
        "Verysecrettext",
        "Verysecretanswer",
        "verysecretid",
        "verysecretclientid",
        "Verysecretnote",
        "4790000099",
    ] {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in the backup");
    }
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
    // It stays as it is: nothing is written into it again, and nobody gets the name.
    let body = json!({"conversation_id": id});
    let reopen = house.admin.post("/chat/conversations/reopen/", body).await;
    reopen.problem(409, "anonymised");
    let nobody = after["guest_info"]["id"].clone();
    let renamed = house.admin.patch(&format!("/guests/{nobody}/"), json!({"name": "Amelia"})).await;
    renamed.problem(409, "anonymised");
    let stay = json!({"guest_id": nobody, "room_number": "12"});
    house.admin.post("/stays/", stay).await.problem(409, "anonymised");
    let body = json!({"guest_id": nobody, "department": "reception"});
    house.admin.post("/chat/conversations/create/", body).await.problem(409, "anonymised");
    assert_eq!(house.admin.conversation(id).await, after);
    // The guest is not erased: only what was said long ago is gone.
    let known = house.admin.get("/guests/?q=4790000001").await.expect(200);
    assert_eq!(known["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reply_that_is_still_on_its_way_keeps_its_conversation() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    callback.will_answer(std::iter::repeat_n(Reply::Status(500), 1000));
    let gateway = house.gateway("sms", Some(&callback.url)).await;
    house.cli(&["property", "set", "--retention-days", "1"]).await.object();
    let waits = gateway.writes("1", "+47 1", "Hello").await["conversation_id"].as_i64().unwrap();
    let goes = gateway.writes("2", "+47 2", "Hello").await["conversation_id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    socket.send_text(waits, "On our way").await;
    socket.acknowledged("received").await;
    callback.next().await;
    close(&house, waits).await;
    close(&house, goes).await;
    turn(2);
    let house = house.restart().await;
    until("the other one to go", async || !is_there(&house, goes).await).await;
    assert!(is_there(&house, waits).await);
}
