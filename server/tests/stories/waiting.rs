//! Contract 2: what is unread and who waits.

use serde_json::Value;

use crate::common::{Gateway, House, Person};
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
