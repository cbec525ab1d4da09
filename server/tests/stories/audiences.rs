//! Contract 1.3: who gets what. One frame per connection and event; the acknowledgment first.

use serde_json::{Value, json};

use crate::common::{House, Person, Socket};

/// Reads the one frame that an event brings, and shows that it brings no second.
async fn one(socket: &mut Socket) -> Value {
    let mut frames = socket.everything().await;
    assert_eq!(frames.len(), 1, "{frames:#?}");
    frames.remove(0)
}

async fn post(person: &Person, call: &str, body: Value) -> Value {
    person.post(&format!("/chat/conversations/{call}/"), body).await.expect(200)
}

/// A conversation of reception, and who can be near it.
struct Desk {
    house: House,
    conversation: i64,
    ana: Person,
    /// Ana, subscribed.
    ana_in: Socket,
    /// Ana again, not subscribed.
    ana_by: Socket,
    /// Bob is in two departments of which the conversation's is one; subscribed.
    bob_in: Socket,
    /// Bob again, not subscribed.
    bob_by: Socket,
    /// Carl is in housekeeping only.
    carl: Socket,
}

impl Desk {
    async fn open() -> Self {
        let house = House::start().await;
        let ana = house.staff("ana", &["reception"]).await;
        let bob = house.staff("bob", &["housekeeping", "reception"]).await;
        let carl = house.staff("carl", &["housekeeping"]).await;
        let conversation = house.conversation("reception").await;
        let (mut ana_in, mut ana_by) = (ana.connect().await, ana.connect().await);
        let (mut bob_in, mut bob_by) = (bob.connect().await, bob.connect().await);
        let mut carl = carl.connect().await;
        for socket in [&mut ana_in, &mut ana_by, &mut bob_in, &mut bob_by, &mut carl] {
            // Who came is another story.
            socket.everything().await;
        }
        ana_in.subscribe(conversation).await;
        bob_in.subscribe(conversation).await;
        Self { house, conversation, ana, ana_in, ana_by, bob_in, bob_by, carl }
    }
}

#[tokio::test]
async fn a_message_is_a_message_for_subscribers_and_an_update_for_the_rest_of_the_department() {
    let mut desk = Desk::open().await;
    desk.ana_in.send_text(desk.conversation, "Good morning").await;
    let acknowledgment = desk.ana_in.acknowledged("received").await;
    let message = desk.ana_in.frame("message").await;
    desk.ana_in.nothing_more().await;
    assert_eq!(message["data"]["id"], acknowledgment["message_id"]);
    assert_eq!(message["data"]["created_at"], acknowledgment["timestamp"]);
    assert_eq!(message["data"]["sender_type"], "staff");
    assert_eq!(message["data"]["sender_id"], desk.ana.id);
    assert_eq!(message["data"]["sender_name"], "Ana");
    assert_eq!(message["data"]["client_id"], Value::Null);
    assert_eq!(message["data"]["is_read"], false);
    assert_eq!(message["data"]["department"], "reception");
    assert_eq!(message["data"]["guest_info"]["name"], "Guest 1");
    assert_eq!(message["data"]["guest_info"]["room_number"], "101");
    assert!(message["seq"].as_i64().unwrap() > 0);
    assert_eq!(one(&mut desk.bob_in).await, message);

    let update = one(&mut desk.ana_by).await;
    assert_eq!(update["type"], "conversation_update");
    assert_eq!(update["seq"], message["seq"]);
    let data = &update["data"];
    assert_eq!(data["type"], "new_message");
    assert_eq!(data["data"]["conversation_id"], desk.conversation);
    assert_eq!(data["data"]["message_id"], message["data"]["id"]);
    assert_eq!(data["data"]["message_from"], "Ana");
    assert_eq!(data["data"]["sender_type"], "staff");
    assert_eq!(data["data"]["last_message_preview"], "Good morning");
    assert_eq!(data["data"]["last_message_at"], message["data"]["created_at"]);
    assert_eq!(data["data"]["guest_name"], "Guest 1");
    assert_eq!(one(&mut desk.bob_by).await, update);
    desk.carl.nothing_more().await;
}

#[tokio::test]
async fn whoever_sends_without_being_subscribed_gets_the_departments_frame() {
    let mut desk = Desk::open().await;
    desk.ana_by.send_text(desk.conversation, "From the side").await;
    desk.ana_by.acknowledged("received").await;
    desk.ana_by.updated("new_message").await;
    desk.ana_by.nothing_more().await;
    assert_eq!(one(&mut desk.ana_in).await["type"], "message");
}

#[tokio::test]
async fn after_unsubscribing_the_department_frame_comes_again() {
    let mut desk = Desk::open().await;
    desk.bob_in.command("unsubscribe_conversation", desk.conversation).await;
    desk.bob_in.acknowledged("unsubscribed").await;
    desk.ana_in.send_text(desk.conversation, "Anyone?").await;
    desk.ana_in.acknowledged("received").await;
    let frame = one(&mut desk.bob_in).await;
    assert_eq!(frame["data"]["type"], "new_message");
}

#[tokio::test]
async fn a_new_conversation_is_told_to_the_whole_department_once() {
    let mut desk = Desk::open().await;
    let guest = desk.house.guest("501", "Amelia Hart").await;
    let body =
        json!({"guest_id": guest, "department": "reception", "content": "Welcome,\n Amelia!"});
    let made = desk.ana.post("/chat/conversations/create/", body).await.expect(201);
    // The first text is an event of its own.
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob_in, &mut desk.bob_by] {
        let frame = socket.frame("new_conversation").await;
        assert!(frame["seq"].is_i64());
        assert_eq!(frame["data"]["id"], made["id"]);
        assert_eq!(frame["data"]["guest_name"], "Amelia Hart");
        assert_eq!(frame["data"]["department"], "reception");
        assert_eq!(frame["data"]["conversation_type"], "general");
        assert_eq!(frame["data"]["status"], "active");
        assert_eq!(frame["data"]["last_message_preview"], "Welcome, Amelia!");
        assert_eq!(frame["data"]["room_number"], "501");
        let update = socket.updated("new_message").await;
        assert_eq!(update["data"]["data"]["conversation_id"], made["id"]);
        socket.nothing_more().await;
    }
    desk.carl.nothing_more().await;
}

#[tokio::test]
async fn closing_and_reopening_is_told_to_everyone_once() {
    let mut desk = Desk::open().await;
    desk.ana_in.command("close_conversation", desk.conversation).await;
    desk.ana_in.acknowledged("conversation_closed").await;
    let closed = desk.ana_in.updated("closed").await;
    desk.ana_in.nothing_more().await;
    let data = &closed["data"]["data"];
    assert_eq!(data["id"], desk.conversation);
    assert_eq!(data["status"], "closed");
    assert_eq!(data["department"], "reception");
    for socket in [&mut desk.ana_by, &mut desk.bob_in, &mut desk.bob_by] {
        assert_eq!(one(socket).await, closed);
    }
    // Over HTTP, too: closed already is said once, reopening is an event.
    let body = json!({"conversation_id": desk.conversation});
    assert_eq!(post(&desk.ana, "close", body.clone()).await["status"], "closed");
    desk.bob_in.nothing_more().await;
    assert_eq!(post(&desk.ana, "reopen", body.clone()).await["status"], "active");
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob_in, &mut desk.bob_by] {
        let frame = one(socket).await;
        assert_eq!(frame["data"]["type"], "reopened");
        assert_eq!(frame["data"]["data"]["status"], "active");
    }
    post(&desk.ana, "reopen", body.clone()).await;
    desk.bob_in.nothing_more().await;
    post(&desk.ana, "close", body).await;
    assert_eq!(one(&mut desk.bob_by).await["data"]["type"], "closed");
    desk.carl.nothing_more().await;
}

#[tokio::test]
async fn reading_is_told_to_everyone_once() {
    let mut desk = Desk::open().await;
    desk.ana_in.send_text(desk.conversation, "One").await;
    let first = desk.ana_in.acknowledged("received").await["message_id"].clone();
    desk.ana_in.send_text(desk.conversation, "Two").await;
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob_in, &mut desk.bob_by] {
        socket.everything().await;
    }
    let read =
        json!({"type": "mark_read", "conversation_id": desk.conversation, "message_id": first});
    desk.bob_by.send(read.clone()).await;
    desk.bob_by.acknowledged("marked_read").await;
    let frame = desk.bob_by.updated("read").await;
    let data = &frame["data"]["data"];
    assert_eq!(data["conversation_id"], desk.conversation);
    assert_eq!(data["reader_type"], "staff");
    assert_eq!(data["reader_name"], "Bob");
    assert_eq!(data["message_id"], first);
    assert!(data["read_at"].is_string());
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob_in] {
        assert_eq!(one(socket).await, frame);
    }
    // A mark never moves back, and setting the same mark again causes no event.
    desk.bob_by.send(read).await;
    desk.bob_by.acknowledged("marked_read").await;
    desk.bob_by.nothing_more().await;
    // The newest, when none is named.
    desk.bob_in.command("mark_read", desk.conversation).await;
    desk.bob_in.acknowledged("marked_read").await;
    let newest = desk.bob_in.updated("read").await["data"]["data"]["message_id"].as_i64().unwrap();
    assert!(newest > first.as_i64().unwrap());
    desk.carl.nothing_more().await;
}

#[tokio::test]
async fn typing_reaches_subscribers_but_not_the_typists_own_connections() {
    let mut desk = Desk::open().await;
    desk.ana_by.subscribe(desk.conversation).await;
    for is_typing in [true, false] {
        let typing = json!({
            "type": "typing", "conversation_id": desk.conversation, "is_typing": is_typing,
        });
        desk.ana_in.send(typing).await;
        // It has no acknowledgment, and the typist's own connections get no frame.
        desk.ana_in.nothing_more().await;
        let frame = one(&mut desk.bob_in).await;
        assert_eq!(
            frame,
            json!({"type": "typing", "data": {
                "conversation_id": desk.conversation, "user_id": desk.ana.id, "user_name": "Ana",
                "is_typing": is_typing, "sender_type": "staff",
            }})
        );
        desk.ana_by.nothing_more().await;
        desk.bob_by.nothing_more().await;
        desk.carl.nothing_more().await;
    }
}

#[tokio::test]
async fn a_transfer_is_told_to_those_who_had_it_and_arrives_as_new_where_it_goes() {
    let mut desk = Desk::open().await;
    desk.ana_in.send_text(desk.conversation, "Towels, please").await;
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob_in, &mut desk.bob_by] {
        socket.everything().await;
    }
    let body = json!({"conversation_id": desk.conversation, "department": "housekeeping"});
    let moved = post(&desk.ana, "transfer", body.clone()).await;
    assert_eq!(moved["department"], "housekeeping");

    // Ana is only in the department that gave it away: she sees it go, and nothing after it.
    let gone = one(&mut desk.ana_in).await;
    assert_eq!(gone["data"]["type"], "transferred");
    let data = &gone["data"]["data"];
    assert_eq!(data["id"], desk.conversation);
    assert_eq!(data["department"], "housekeeping");
    assert_eq!(data["from_department"], "reception");
    assert_eq!(data["status"], "active");
    assert_eq!(one(&mut desk.ana_by).await, gone);
    // Bob is in both: both events, in their order.
    for socket in [&mut desk.bob_in, &mut desk.bob_by] {
        assert_eq!(socket.next().await, gone);
        let new = socket.frame("new_conversation").await;
        assert!(new["seq"].as_i64() > gone["seq"].as_i64());
        assert_eq!(new["data"]["department"], "housekeeping");
        assert_eq!(new["data"]["last_message_preview"], "Towels, please");
        socket.nothing_more().await;
    }
    // Carl is only in the new one.
    let new = one(&mut desk.carl).await;
    assert_eq!(new["type"], "new_conversation");
    assert_eq!(new["data"]["id"], desk.conversation);

    // A subscriber outside the new department gets no more frames of it; one inside still does.
    desk.carl.send_text(desk.conversation, "On my way").await;
    desk.carl.acknowledged("received").await;
    desk.carl.updated("new_message").await;
    assert_eq!(one(&mut desk.bob_in).await["type"], "message");
    assert_eq!(one(&mut desk.bob_by).await["data"]["type"], "new_message");
    desk.ana_in.nothing_more().await;
    desk.ana_by.nothing_more().await;
    desk.ana_in.send_text(desk.conversation, "Still mine?").await;
    desk.ana_in.refused("access_denied", "Access denied to this conversation").await;
    // She may read it as it was when she transferred it.
    let foreign = desk.ana.conversation(desk.conversation).await;
    assert_eq!(foreign["read_only"], true);
    assert_eq!(foreign["last_message_preview"], "Towels, please");

    // To where it is already: the same conversation, nobody is told.
    post(&desk.house.admin, "transfer", body).await;
    desk.carl.nothing_more().await;
    desk.bob_in.nothing_more().await;
}

#[tokio::test]
async fn everyone_sees_the_events_of_a_conversation_in_the_same_order() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let conversation = house.conversation("reception").await;
    let mut sockets = Vec::new();
    for number in 0..6 {
        let person = house.staff(&format!("staff{number}"), &["reception"]).await;
        let mut socket = person.connect().await;
        socket.subscribe(conversation).await;
        sockets.push(socket);
    }
    for socket in &mut sockets {
        socket.everything().await;
    }
    // All send at once, and read afterwards.
    for round in 0..20 {
        for (number, socket) in sockets.iter_mut().enumerate() {
            socket.send_text(conversation, &format!("{number}/{round}")).await;
        }
    }
    let mut seen: Vec<Vec<(i64, i64)>> = Vec::new();
    for (number, socket) in sockets.iter_mut().enumerate() {
        let mut order = Vec::new();
        let mut acknowledged = 0;
        while order.len() < 120 || acknowledged < 20 {
            let frame = socket.next().await;
            if frame["type"] == "message" {
                let data = &frame["data"];
                if data["content"].as_str().unwrap().starts_with(&format!("{number}/")) {
                    // Its acknowledgment was before it.
                    let own =
                        order.iter().filter(|(_, sender)| *sender == data["sender_id"]).count();
                    assert!(acknowledged > own, "{frame}");
                }
                order.push((data["id"].as_i64().unwrap(), data["sender_id"].as_i64().unwrap()));
            } else {
                assert_eq!(frame["status"], "received", "{frame}");
                acknowledged += 1;
            }
        }
        seen.push(order);
    }
    assert!(seen[0].is_sorted_by(|one, next| one.0 < next.0), "{:?}", seen[0]);
    assert!(seen.iter().all(|order| *order == seen[0]));
}
