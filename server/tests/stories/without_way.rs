//! What staff write to a guest whom nothing reaches.

use serde_json::json;

use crate::{
    common::{Callback, House, callback::Reply, until},
    deliveries::{
        HOUR, MINUTE, SECOND, becomes, close, house, id, no_delivery, of, retried, retry, says,
        shown, state,
    },
};

/// A guest whom the desk checked in, and with whom it has begun to write.
async fn unreachable(house: &House) -> (i64, i64) {
    let guest = house.guest("204", "Amelia Hart").await;
    house
        .admin
        .patch(&format!("/guests/{guest}/"), json!({"whatsapp_number": "+447700900123"}))
        .await
        .expect(200);
    (guest, house.conversation_with(guest, "reception").await)
}

/// Somebody else's reply leaves: the outbox has looked at what is due.
async fn outbox_looks(house: &House, elsewhere: &mut Callback) {
    let number = house.number();
    let gateway = house.gateway(&format!("other{number}"), Some(&elsewhere.url)).await;
    let body = json!({
        "external_id": "1", "whatsapp_number": format!("+4477009{number:05}"),
        "department": "management", "content": "Hi",
    });
    let conversation = id(&gateway.message(body).await.expect(201));
    let mut socket = house.admin.connect().await;
    socket.send_text(conversation, "Hello").await;
    elsewhere.next().await;
    socket.leave().await;
}

#[tokio::test]
async fn a_reply_without_a_way_waits_and_is_sent_when_the_guest_writes() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let silent = house.gateway("silent", None).await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let (_, conversation) = unreachable(&house).await;
    let mut desk = house.admin.connect().await;
    desk.subscribe(conversation).await;
    desk.send_text(conversation, "Your taxi is here").await;
    let message = desk.acknowledged("received").await["message_id"].as_i64().unwrap();
    let live = desk.frame("message").await["data"].clone();
    assert_eq!(live["channel"], "desk");
    assert_eq!(live["delivery"]["state"], "stored");
    assert_eq!(live["delivery"]["reason_code"], "no_way");
    let row = house.admin.conversation(conversation).await;
    assert_eq!(row["undelivered_since"], live["created_at"]);
    for member in ["reply_channel", "reply_via", "reply_problem"] {
        assert!(row[member].is_null(), "{row}");
    }
    retry(&house.admin, message, json!({})).await.problem(409, "not_failed");
    retry(&house.admin, message, json!({"channel": "gateway"})).await.problem(409, "no_way");
    // Through a gateway that takes no replies, nothing reaches the guest; but they have written.
    silent.writes("1", "+44 7700 900123", "Hello?").await;
    desk.frame("message").await;
    desk.nothing_more().await;
    let row = house.admin.conversation(conversation).await;
    assert!(row["reply_via"].is_null() && row["undelivered_since"].is_null(), "{row}");
    assert_eq!(state(&house.admin, conversation, message).await, of("stored", "no_way"));
    sms.writes("1", "+44 7700 900123", "Is anybody there?").await;
    desk.frame("message").await;
    let stored = becomes(&mut desk, message, "stored").await;
    assert!(stored["reason_code"].is_null(), "{stored}");
    let delivery = callback.next().await;
    assert_eq!(delivery.content(), "Your taxi is here");
    assert_eq!(delivery.body["message_id"], message);
    becomes(&mut desk, message, "sent").await;
    desk.nothing_more().await;
    let row = house.admin.conversation(conversation).await;
    assert_eq!((&row["reply_channel"], &row["reply_via"]), (&json!("gateway"), &json!("sms")));
    assert_eq!(shown(&house.admin, conversation, message).await["channel"], "gateway");
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn what_waits_in_another_conversation_with_the_guest_leaves_too() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let (guest, reception) = unreachable(&house).await;
    let restaurant = house.conversation_with(guest, "restaurant").await;
    let mut desk = house.admin.connect().await;
    let first = says(&mut desk, restaurant, "Your table is ready").await;
    let second = says(&mut desk, reception, "Your taxi is here").await;
    sms.writes("1", "+44 7700 900123", "Hello?").await;
    desk.updated("new_message").await;
    becomes(&mut desk, first, "stored").await;
    becomes(&mut desk, second, "stored").await;
    let mut texts =
        [callback.next().await, callback.next().await].map(|it| it.content().to_owned());
    texts.sort();
    assert_eq!(texts, ["Your table is ready", "Your taxi is here"]);
    // The guest has written at reception only.
    assert!(house.admin.conversation(reception).await["undelivered_since"].is_null());
    until("both to be sent", async || {
        house.admin.conversation(restaurant).await["undelivered_since"].is_null()
    })
    .await;
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_reply_without_a_way_expires_after_a_day() {
    let (house, turn) = house().await;
    let (mut callback, mut elsewhere) = (Callback::start().await, Callback::start().await);
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let (_, conversation) = unreachable(&house).await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut desk = ana.connect().await;
    let old = says(&mut desk, conversation, "Yesterday").await;
    turn(HOUR);
    let young = says(&mut desk, conversation, "Today").await;
    let since = shown(&ana, conversation, young).await["created_at"].clone();
    turn(23 * HOUR - SECOND);
    outbox_looks(&house, &mut elsewhere).await;
    no_delivery(&mut desk).await;
    turn(30 * SECOND);
    outbox_looks(&house, &mut elsewhere).await;
    let none = becomes(&mut desk, old, "none").await;
    assert_eq!(none["reason_code"], "too_old");
    assert!(none["reason"].is_string());
    assert_eq!(none["undelivered_since"], since);
    // The guest's message opens a way for the younger one only, and that is final.
    sms.writes("1", "+44 7700 900123", "Hello?").await;
    desk.updated("new_message").await;
    becomes(&mut desk, young, "stored").await;
    assert_eq!(callback.next().await.content(), "Today");
    becomes(&mut desk, young, "sent").await;
    desk.nothing_more().await;
    retry(&ana, old, json!({})).await.problem(409, "not_failed");
    assert_eq!(state(&ana, conversation, old).await, of("none", "too_old"));
}

#[tokio::test]
async fn a_guest_who_writes_after_a_day_does_not_get_expired_replies() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let (_, conversation) = unreachable(&house).await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut desk = ana.connect().await;
    let old = says(&mut desk, conversation, "Yesterday").await;
    turn(24 * HOUR);
    sms.writes("1", "+44 7700 900123", "Hello?").await;
    // Whichever comes first: the guest's message, or the outbox's look at what waits.
    let frames = [desk.next().await, desk.next().await];
    let ended = frames.iter().find(|frame| frame["data"]["type"] == "delivery").unwrap();
    assert_eq!(ended["data"]["data"]["reason_code"], "too_old");
    let new = says(&mut desk, conversation, "Good morning").await;
    assert_eq!(callback.next().await.body["message_id"], new);
    assert_eq!(state(&ana, conversation, old).await, of("none", "too_old"));
}

#[tokio::test]
async fn closing_ends_the_wait_for_a_way_but_not_the_wait_for_a_gateway() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut desk = ana.connect().await;
    let (_, lost) = unreachable(&house).await;
    desk.frame("new_conversation").await;
    let without_way = says(&mut desk, lost, "Your taxi is here").await;
    close(&ana, lost).await;
    desk.updated("closed").await;
    let none = becomes(&mut desk, without_way, "none").await;
    assert_eq!(none["reason_code"], "conversation_closed");
    assert!(none["undelivered_since"].is_null());
    // The other one waits for its gateway.
    let conversation = id(&sms.writes("1", "+44 7700 900999", "Towels?").await);
    desk.everything().await;
    callback.will_answer([Reply::Status(503)]);
    let message = says(&mut desk, conversation, "Coming").await;
    callback.next().await;
    retried(&house, 1).await;
    close(&ana, conversation).await;
    desk.updated("closed").await;
    assert!(ana.conversation(conversation).await["undelivered_since"].is_null());
    assert!(ana.list("?not_reached=true").await.is_empty());
    turn(5 * SECOND);
    assert_eq!(callback.next().await.body["message_id"], message);
    becomes(&mut desk, message, "sent").await;
    // Opening a conversation again does not bring back what its end has settled.
    let body = json!({"conversation_id": lost});
    ana.post("/chat/conversations/reopen/", body).await.expect(200);
    assert!(ana.conversation(lost).await["undelivered_since"].is_null());
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_reply_without_a_way_expires_ten_minutes_after_the_stay() {
    let (house, turn) = house().await;
    let (callback, mut elsewhere) = (Callback::start().await, Callback::start().await);
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut desk = ana.connect().await;
    let (guest, conversation) = unreachable(&house).await;
    // Another guest moves, and a third one has a gateway that is down.
    let mover = house.guest("301", "Mo Ver").await;
    let moves = house.conversation_with(mover, "reception").await;
    let reached = id(&sms.writes("1", "+44 7700 900999", "Towels?").await);
    let third = ana.conversation(reached).await["guest_info"]["id"].clone();
    let body = json!({"guest_id": third, "room_number": "302"});
    house.admin.post("/stays/", body).await.expect(201);
    desk.everything().await;
    callback.will_answer((0..9).map(|_| Reply::Status(503)));
    let without_way = says(&mut desk, conversation, "Your taxi is here").await;
    let of_mover = says(&mut desk, moves, "Your new room is ready").await;
    let waiting = says(&mut desk, reached, "Coming").await;
    turn(SECOND);
    for stay in
        house.admin.get("/stays/?active=true").await.expect(200)["results"].as_array().unwrap()
    {
        if stay["guest_id"] == guest || stay["guest_id"] == third {
            let path = format!("/stays/{}/checkout/", stay["id"]);
            house.admin.post(&path, json!({})).await.expect(200);
        }
    }
    house.admin.post("/stays/", json!({"guest_id": mover, "room_number": "303"})).await.expect(201);
    desk.everything().await;
    turn(10 * MINUTE - SECOND);
    outbox_looks(&house, &mut elsewhere).await;
    no_delivery(&mut desk).await;
    turn(30 * SECOND);
    outbox_looks(&house, &mut elsewhere).await;
    assert_eq!(becomes(&mut desk, without_way, "none").await["reason_code"], "stay_ended");
    desk.nothing_more().await;
    assert_eq!(state(&ana, moves, of_mover).await, of("stored", "no_way"));
    assert_eq!(state(&ana, reached, waiting).await.0, "stored");
}
