//! Contract 1.6, `client_id`: a text that is sent again is stored once, whatever happened between.

use serde_json::{Value, json};

use crate::common::{House, Socket};

fn text(conversation_id: i64, content: &str, client_id: &str) -> Value {
    json!({
        "type": "text", "conversation_id": conversation_id, "content": content, "client_id": client_id,
    })
}

/// Sends a text that is new: the acknowledgment, after which its frame came.
async fn fresh(socket: &mut Socket, command: &Value) -> Value {
    socket.send(command.clone()).await;
    let acknowledgment = socket.acknowledged("received").await;
    assert!(acknowledgment.get("duplicate").is_none(), "{acknowledgment}");
    assert_eq!(acknowledgment["client_id"], command["client_id"]);
    let frame = socket.next().await;
    assert!(frame["seq"].is_i64(), "{frame}");
    acknowledgment
}

/// Sends one that is known: acknowledged as before, and nothing else.
async fn again(socket: &mut Socket, command: &Value, first: &Value) {
    socket.send(command.clone()).await;
    let frame = socket.acknowledged("received").await;
    assert_eq!(frame["duplicate"], true);
    for member in ["message_id", "conversation_id", "client_id", "timestamp"] {
        assert_eq!(frame[member], first[member], "{frame}");
    }
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_text_sent_again_is_acknowledged_again_and_stored_once() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    socket.subscribe(conversation).await;
    let command = text(conversation, "  Good morning ", "c1");
    socket.send(command.clone()).await;
    let first = socket.acknowledged("received").await;
    let message = socket.frame("message").await;
    assert_eq!(message["data"]["client_id"], "c1");
    assert_eq!(message["data"]["sender_id"], ana.id);
    again(&mut socket, &command, &first).await;
    // What is stored is what counts: trimmed differently it is the same text.
    again(&mut socket, &text(conversation, "Good morning", "c1"), &first).await;
    // On another connection, and on another session of the same person.
    again(&mut ana.connect().await, &command, &first).await;
    again(&mut house.sign_in("ana").await.connect().await, &command, &first).await;
    // Somebody else's id is another.
    let other = fresh(&mut bob.connect().await, &command).await;
    assert_ne!(other["message_id"], first["message_id"]);
    assert_eq!(house.admin.texts(conversation).await, ["Good morning", "Good morning"]);
}

#[tokio::test]
async fn also_after_the_conversation_was_closed_or_went_elsewhere() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (closed, moved) =
        (house.conversation("reception").await, house.conversation("reception").await);
    let mut socket = ana.connect().await;
    let one = text(closed, "One", "c1");
    let two = text(moved, "Two", "c2");
    let first = fresh(&mut socket, &one).await;
    let second = fresh(&mut socket, &two).await;
    let body = json!({"conversation_id": closed});
    house.admin.post("/chat/conversations/close/", body).await.expect(200);
    let body = json!({"conversation_id": moved, "department": "restaurant"});
    house.admin.post("/chat/conversations/transfer/", body).await.expect(200);
    socket.everything().await;
    again(&mut socket, &one, &first).await;
    again(&mut socket, &two, &second).await;
    // A new one is refused as ever.
    socket.send(text(closed, "One", "c3")).await;
    let error = socket.refused("conversation_closed", "Conversation is closed").await;
    assert_eq!(error["client_id"], "c3");
    socket.send(text(moved, "Two", "c4")).await;
    socket.refused("access_denied", "Access denied to this conversation").await;
    // A refused id was not used up.
    let body = json!({"conversation_id": closed});
    house.admin.post("/chat/conversations/reopen/", body).await.expect(200);
    socket.everything().await;
    fresh(&mut socket, &text(closed, "One", "c3")).await;
}

#[tokio::test]
async fn also_after_the_server_was_started_again() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let command = text(conversation, "One", "c1");
    let first = fresh(&mut ana.connect().await, &command).await;
    let house = house.restart().await;
    again(&mut ana.connect().await, &command, &first).await;
    assert_eq!(house.admin.texts(conversation).await, ["One"]);
}

#[tokio::test]
async fn the_id_of_another_text_is_refused_and_nothing_stored() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (here, there) =
        (house.conversation("reception").await, house.conversation("reception").await);
    let mut socket = ana.connect().await;
    fresh(&mut socket, &text(here, "One", "c1")).await;
    let words = "Client ID was already used for another message";
    for (conversation, content) in [(here, "Two"), (there, "One"), (here, "one"), (999_999, "One")]
    {
        socket.send(text(conversation, content, "c1")).await;
        let error = socket.refused("client_id_reused", words).await;
        assert_eq!(error["client_id"], "c1");
        assert_eq!(error["conversation_id"], conversation);
    }
    socket.nothing_more().await;
    assert_eq!(house.admin.texts(here).await, ["One"]);
    assert!(house.admin.texts(there).await.is_empty());
}

#[tokio::test]
async fn sent_on_many_connections_at_once_it_is_stored_once() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(ana.connect().await);
    }
    let command = text(conversation, "Only once", "c1");
    for socket in &mut sockets {
        socket.send(command.clone()).await;
    }
    let (mut fresh, mut ids) = (0, Vec::new());
    for socket in &mut sockets {
        let frames = socket.everything().await;
        let received: Vec<_> =
            frames.iter().filter(|frame| frame["status"] == "received").collect();
        assert_eq!(received.len(), 1, "{frames:#?}");
        assert_eq!(frames.len(), 2, "{frames:#?}");
        fresh += i64::from(received[0].get("duplicate").is_none());
        ids.push(received[0]["message_id"].clone());
    }
    assert_eq!(fresh, 1);
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(house.admin.texts(conversation).await, ["Only once"]);
}

#[tokio::test]
async fn a_conversation_started_again_with_its_id_is_the_same() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let mut socket = ana.connect().await;
    let body = json!({
        "guest_id": guest, "department": "reception", "content": "Welcome", "client_id": "n1",
    });
    let path = "/chat/conversations/create/";
    let made = ana.post(path, body.clone()).await.expect(201);
    socket.frame("new_conversation").await;
    socket.updated("new_message").await;
    let same = ana.post(path, body.clone()).await.expect(200);
    assert_eq!(same["id"], made["id"]);
    socket.nothing_more().await;
    let id = made["id"].as_i64().unwrap();
    assert_eq!(ana.texts(id).await, ["Welcome"]);
    // Without the id it is another one, which there may not be.
    let mut other = body.clone();
    other["client_id"] = Value::Null;
    let problem = ana.post(path, other).await.problem(409, "conversation_exists");
    assert_eq!(problem["conversation_id"], made["id"]);
    // Closed since: still the same.
    let close = json!({"conversation_id": id});
    ana.post("/chat/conversations/close/", close).await.expect(200);
    assert_eq!(ana.post(path, body).await.expect(200)["id"], made["id"]);
}

#[tokio::test]
async fn another_conversation_under_a_known_id_is_refused_and_nothing_stored() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (amelia, zoe) = (house.guest("204", "Amelia Hart").await, house.guest("205", "Zoe").await);
    let mut socket = ana.connect().await;
    let path = "/chat/conversations/create/";
    let body = json!({
        "guest_id": amelia, "department": "reception", "content": "Welcome", "client_id": "n1",
    });
    let with = |member: &str, value: Value| {
        let mut other = body.clone();
        other[member] = value;
        other
    };
    let made = ana.post(path, body.clone()).await.expect(201);
    let id = made["id"].as_i64().unwrap();
    socket.everything().await;
    for other in [
        with("guest_id", json!(zoe)),
        with("department", json!("restaurant")),
        with("content", json!("Your taxi is here")),
        with("content", Value::Null),
        with("conversation_type", json!("request")),
    ] {
        let problem = ana.post(path, other).await.problem(409, "client_id_reused");
        assert_eq!(problem["detail"], "Client ID was already used for another message");
    }
    assert_eq!(house.admin.list("?status=all").await.len(), 1);
    assert_eq!(ana.texts(id).await, ["Welcome"]);
    socket.nothing_more().await;

    // The same request is a repeat, also when the guest has moved and a colleague has taken over.
    let mut by_room = with("room_number", json!("204"));
    by_room.as_object_mut().unwrap().remove("guest_id");
    let stay = json!({"guest_id": amelia, "room_number": "305"});
    house.admin.post("/stays/", stay).await.expect(201);
    let transfer = json!({"conversation_id": id, "department": "restaurant"});
    ana.post("/chat/conversations/transfer/", transfer).await.expect(200);
    for repeat in [body.clone(), with("content", json!(" Welcome ")), by_room.clone()] {
        assert_eq!(ana.post(path, repeat).await.expect(200)["id"], id);
    }
    by_room["room_number"] = json!("205");
    ana.post(path, by_room).await.problem(409, "client_id_reused");
}

#[tokio::test]
async fn a_conversation_started_without_a_text_is_repeated_without_one() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let path = "/chat/conversations/create/";
    let body = json!({"guest_id": guest, "department": "reception", "client_id": "n1"});
    let made = ana.post(path, body.clone()).await.expect(201);
    let mut other = body.clone();
    other["content"] = json!("Welcome");
    ana.post(path, other).await.problem(409, "client_id_reused");
    let id = made["id"].as_i64().unwrap();
    assert!(ana.texts(id).await.is_empty());
    // What was written there since changes nothing.
    let mut socket = ana.connect().await;
    fresh(&mut socket, &text(id, "Good morning", "c1")).await;
    assert_eq!(ana.post(path, body.clone()).await.expect(200)["id"], id);
    // The id of a text starts nothing.
    let mut other = body;
    other["client_id"] = json!("c1");
    other["department"] = json!("restaurant");
    ana.post(path, other).await.problem(409, "client_id_reused");
    assert_eq!(house.admin.list("?status=all").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_at_once_under_one_id_one_begins_and_each_is_answered_for_what_it_is() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let body = |number: usize| {
        let content = if number < 6 { "Welcome" } else { "Goodbye" };
        json!({
            "guest_id": guest, "department": "reception", "content": content, "client_id": "n1",
        })
    };
    let calls = (0..12).map(|number| ana.post("/chat/conversations/create/", body(number)));
    let answers = futures_util::future::join_all(calls).await;
    let first = answers.iter().position(|answer| answer.status == 201).unwrap();
    let id = &answers[first].body["id"];
    for (number, answer) in answers.iter().enumerate() {
        let status = match number {
            number if number == first => 201,
            number if body(number) == body(first) => 200,
            _ => 409,
        };
        assert_eq!(answer.status, status, "{number}, {first}: {}", answer.text);
        assert!(status == 409 || answer.body["id"] == *id);
    }
    let stored = ana.texts(id.as_i64().unwrap()).await;
    assert_eq!(stored, [body(first)["content"].as_str().unwrap()]);
}
