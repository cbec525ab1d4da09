//! Contract 2: what is unread and who waits.

use serde_json::Value;

use crate::common::{Gateway, House, Person, Socket};
use serde_json::json;

async fn desk() -> (House, Gateway) {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    (house, gateway)
}

async fn unread(person: &Person, conversation: i64) -> i64 {
    let shown = person.conversation(conversation).await;
    let listed = person.list("").await;
    let listed = listed.iter().find(|row| row["id"] == conversation).unwrap();
    assert_eq!(*listed, shown);
    shown["unread_count"].as_i64().unwrap()
}

#[tokio::test]
async fn each_person_has_read_what_they_have_read() {
    let (house, gateway) = desk().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let mut messages = Vec::new();
    for number in 0..3 {
        messages.push(gateway.writes(&format!("{number}"), "+1 2", "Hi").await);
    }
    let conversation = messages[0]["conversation_id"].as_i64().unwrap();
    assert_eq!(unread(&ana, conversation).await, 3);
    let mut socket = ana.connect().await;
    let read = json!({
        "type": "mark_read", "conversation_id": conversation, "message_id": messages[1]["message_id"],
    });
    socket.send(read).await;
    socket.everything().await;
    assert_eq!(unread(&ana, conversation).await, 1);
    assert_eq!(unread(&bob, conversation).await, 3);
    // A guest's message is read when any staff member has read it.
    let path = format!("/chat/conversations/{conversation}/messages/");
    let page = bob.get(&path).await.expect(200);
    let marks: Vec<_> =
        page["results"].as_array().unwrap().iter().map(|row| row["is_read"].clone()).collect();
    assert_eq!(marks, [json!(true), json!(true), json!(false)]);
    // Answering is not reading, and one's own texts are not unread.
    socket.send_text(conversation, "Yes?").await;
    socket.everything().await;
    assert_eq!(unread(&ana, conversation).await, 1);
    assert_eq!(unread(&bob, conversation).await, 3);
    socket.command("mark_read", conversation).await;
    socket.everything().await;
    assert_eq!(unread(&ana, conversation).await, 0);
    // An older mark does not bring back what was read.
    let read = json!({
        "type": "mark_read", "conversation_id": conversation, "message_id": messages[0]["message_id"],
    });
    socket.send(read).await;
    socket.everything().await;
    assert_eq!(unread(&ana, conversation).await, 0);
}

#[tokio::test]
async fn what_was_before_one_came_into_the_department_counts_as_read() {
    let (house, gateway) = desk().await;
    let first = gateway.writes("1", "+1 2", "Before").await;
    let conversation = first["conversation_id"].as_i64().unwrap();
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["restaurant"]).await;
    assert_eq!(unread(&ana, conversation).await, 0);
    gateway.writes("2", "+1 2", "After").await;
    assert_eq!(unread(&ana, conversation).await, 1);
    let departments = json!({"departments": ["restaurant", "reception"]});
    house.admin.patch(&format!("/staff/{}/", bob.id), departments).await.expect(200);
    assert_eq!(unread(&bob, conversation).await, 0);
    gateway.writes("3", "+1 2", "Later").await;
    assert_eq!(unread(&bob, conversation).await, 1);
    assert_eq!(unread(&ana, conversation).await, 2);
}

#[tokio::test]
async fn a_guest_waits_from_the_oldest_message_without_an_answer() {
    let (house, gateway) = desk().await;
    let ana = house.staff("ana", &["reception"]).await;
    let first = gateway.writes("1", "+1 2", "One").await;
    let conversation = first["conversation_id"].as_i64().unwrap();
    let created = |page: &Value, row: usize| page["results"][row]["created_at"].clone();
    let path = format!("/chat/conversations/{conversation}/messages/");
    gateway.writes("2", "+1 2", "Two").await;
    let since = ana.conversation(conversation).await["waiting_since"].clone();
    assert_eq!(since, created(&ana.get(&path).await.expect(200), 0));
    assert_eq!(ana.list("?waiting=true").await.len(), 1);
    // Reading is no answer.
    let mut socket = ana.connect().await;
    socket.command("mark_read", conversation).await;
    socket.everything().await;
    assert_eq!(ana.conversation(conversation).await["waiting_since"], since);
    socket.send_text(conversation, "Here I am").await;
    socket.everything().await;
    assert!(ana.conversation(conversation).await["waiting_since"].is_null());
    assert!(ana.list("?waiting=true").await.is_empty());
    gateway.writes("3", "+1 2", "Three").await;
    let since = ana.conversation(conversation).await["waiting_since"].clone();
    assert_eq!(since, created(&ana.get(&path).await.expect(200), 3));
    // Nobody waits in a closed one.
    socket.command("close_conversation", conversation).await;
    socket.everything().await;
    let closed = ana.conversation(conversation).await;
    assert!(closed["waiting_since"].is_null(), "{closed}");
    assert!(closed["closed_at"].is_string(), "{closed}");
    assert!(ana.list("?status=all&waiting=true").await.is_empty());
}

#[tokio::test]
async fn a_guest_who_was_not_answered_waits_again_when_the_conversation_is_opened_again() {
    let (house, gateway) = desk().await;
    let ana = house.staff("ana", &["reception"]).await;
    let first = gateway.writes("a", "+1 2", "Hi").await;
    gateway.writes("b", "+1 2", "Is somebody there?").await;
    let id = first["conversation_id"].as_i64().unwrap();
    let since = ana.conversation(id).await["waiting_since"].clone();
    assert!(since.is_string());
    let which = json!({"conversation_id": id});
    let closed = ana.post("/chat/conversations/close/", which.clone()).await.expect(200);
    assert_eq!(closed["waiting_since"], Value::Null);
    let reopened = ana.post("/chat/conversations/reopen/", which.clone()).await.expect(200);
    assert_eq!(reopened["waiting_since"], since);
    assert_eq!(ana.list("?waiting=true").await.len(), 1);
    // Who was answered does not.
    let mut socket = ana.connect().await;
    socket.send_text(id, "Yes").await;
    socket.everything().await;
    ana.post("/chat/conversations/close/", which.clone()).await.expect(200);
    let reopened = ana.post("/chat/conversations/reopen/", which).await.expect(200);
    assert_eq!(reopened["waiting_since"], Value::Null);
}

/// The member of the next frame, which must be of this type, or an update of this type. How far answers have
/// come is left out.
async fn waiting_in(socket: &mut Socket, kind: &str) -> Value {
    let frame = loop {
        let frame = socket.next().await;
        if frame["data"]["type"] != "delivery" {
            break frame;
        }
    };
    let (of_frame, of_update) = (&frame["type"], &frame["data"]["type"]);
    assert!(of_frame == kind || of_update == kind, "{kind}: {frame:#}");
    let is_update = of_frame == "conversation_update";
    let data = if is_update { &frame["data"]["data"] } else { &frame["data"] };
    assert!(data.get("waiting_since").is_some(), "{frame:#}");
    data["waiting_since"].clone()
}

#[tokio::test]
async fn frames_say_since_when_the_guest_waits() {
    let (house, gateway) = desk().await;
    let ana = house.staff("ana", &["reception", "restaurant"]).await;
    let (mut inside, mut beside) = (ana.connect().await, ana.connect().await);
    let written = gateway.writes("1", "+47 1", "Hello?").await;
    let id = written["conversation_id"].as_i64().unwrap();
    // It waits from the message on, not from the conversation.
    assert_eq!(waiting_in(&mut beside, "new_conversation").await, Value::Null);
    let since = waiting_in(&mut beside, "new_message").await;
    assert!(since.is_string());
    inside.everything().await;
    inside.subscribe(id).await;
    let mut told = async |kinds: [&str; 2], expected: &Value| {
        assert_eq!(waiting_in(&mut inside, kinds[0]).await, *expected, "{kinds:?}");
        assert_eq!(waiting_in(&mut beside, kinds[1]).await, *expected, "{kinds:?}");
    };
    // A second message prolongs it.
    gateway.writes("2", "+47 1", "Anybody?").await;
    told(["message", "new_message"], &since).await;
    // Handed on, closed and opened again, it still waits for the first.
    let transfer = |to: &str| json!({"conversation_id": id, "department": to});
    ana.post("/chat/conversations/transfer/", transfer("restaurant")).await.expect(200);
    told(["transferred", "transferred"], &since).await;
    told(["new_conversation", "new_conversation"], &since).await;
    let body = json!({"conversation_id": id});
    ana.post("/chat/conversations/close/", body.clone()).await.expect(200);
    ana.post("/chat/conversations/reopen/", body.clone()).await.expect(200);
    let mut third = ana.connect().await;
    for socket in [&mut inside, &mut beside] {
        let closed = socket.updated("closed").await;
        assert!(closed["data"]["data"].get("waiting_since").is_none());
        assert_eq!(waiting_in(socket, "reopened").await, since);
    }
    assert_eq!(ana.conversation(id).await["waiting_since"], since);
    // Answered, it waits no more: also when it is closed and opened again.
    third.send_text(id, "Here I am").await;
    third.acknowledged("received").await;
    assert_eq!(waiting_in(&mut inside, "message").await, Value::Null);
    assert_eq!(waiting_in(&mut beside, "new_message").await, Value::Null);
    ana.post("/chat/conversations/close/", body.clone()).await.expect(200);
    ana.post("/chat/conversations/reopen/", body).await.expect(200);
    inside.updated("closed").await;
    assert_eq!(waiting_in(&mut inside, "reopened").await, Value::Null);
    // In a replay, every event carries the present value.
    let resume = json!({"type": "resume", "epoch": ana.get("/chat/conversations/").await.expect(200)["epoch"],
        "last_seq": 0, "conversation_ids": [id]});
    let mut later = ana.connect().await;
    later.send(resume).await;
    later.acknowledged("resuming").await;
    for _ in 0..4 {
        let frame = later.next().await;
        let data = &frame["data"];
        let data = if data["data"].is_object() { &data["data"] } else { data };
        assert_eq!(data["waiting_since"], Value::Null, "{frame:#}");
        assert!(data.get("waiting_since").is_some(), "{frame:#}");
    }
}

#[tokio::test]
async fn a_reopened_conversation_says_whose_room_it_is() {
    let house = House::start().await;
    let guest = house.guest("12B", "Amelia Hart").await;
    let id = house.conversation_with(guest, "reception").await;
    let admin = &house.admin;
    let mut live = admin.connect().await;
    let epoch = admin.get("/chat/conversations/").await.expect(200)["epoch"].clone();
    let body = json!({"conversation_id": id});
    admin.post("/chat/conversations/close/", body.clone()).await.expect(200);
    admin.post("/chat/conversations/reopen/", body).await.expect(200);
    live.updated("closed").await;
    assert_eq!(live.updated("reopened").await["data"]["data"]["room_number"], "12B");
    let mut later = admin.connect().await;
    later
        .send(json!({"type": "resume", "epoch": epoch, "last_seq": 0, "conversation_ids": []}))
        .await;
    let replayed = loop {
        let frame = later.next().await;
        if frame["data"]["type"] == "reopened" {
            break frame;
        }
    };
    assert_eq!(replayed["data"]["data"]["room_number"], "12B");
}
