//! Contract 1.4: what each command is checked for, in which order and with which words, and what
//! limits there are.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{House, Socket};

/// What every other conversation in these stories is to the person who asks.
struct Places {
    mine: i64,
    closed: i64,
    foreign: i64,
    nowhere: i64,
}

async fn desk() -> (House, Socket, Places) {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let mine = house.conversation("reception").await;
    let closed = house.conversation("reception").await;
    let foreign = house.conversation("housekeeping").await;
    let close = json!({"conversation_id": closed});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);
    let socket = ana.connect().await;
    (house, socket, Places { mine, closed, foreign, nowhere: foreign + 1000 })
}

#[tokio::test]
async fn every_check_has_its_words_in_the_contracts_order() {
    let (_house, mut socket, at) = desk().await;
    let long = "ü".repeat(4097);
    let required = ("conversation_id_required", "Conversation ID is required");
    let field = |name: &str| ("invalid_field".to_owned(), format!("Invalid value for {name}"));
    let id = field("conversation_id");
    let id = (id.0.as_str(), id.1.as_str());
    let content = field("content");
    let content = (content.0.as_str(), content.1.as_str());
    let client = field("client_id");
    let client = (client.0.as_str(), client.1.as_str());
    let is_typing = field("is_typing");
    let is_typing = (is_typing.0.as_str(), is_typing.1.as_str());
    let message = field("message_id");
    let message = (message.0.as_str(), message.1.as_str());
    let empty = ("empty_content", "Message content cannot be empty");
    let too_long = ("content_too_long", "Message content is too long (max 4096 characters)");
    let not_found = ("conversation_not_found", "Conversation not found");
    let denied = ("access_denied", "Access denied to this conversation");
    let closed = ("conversation_closed", "Conversation is closed");
    let unknown = ("invalid_type", "Invalid message type");

    let mut cases: Vec<(Value, (&str, &str))> = vec![
        // Each breaks one check more than the contract's row allows, from the first to the last.
        (json!({"type": "text", "content": 5, "client_id": 5}), required),
        (json!({"type": "text", "conversation_id": null, "content": 5}), required),
        (json!({"type": "text", "conversation_id": "1", "content": 5}), id),
        (json!({"type": "text", "conversation_id": at.nowhere, "content": 5}), content),
        (
            json!({"type": "text", "conversation_id": at.nowhere, "content": "", "client_id": 5}),
            client,
        ),
        (
            json!({"type": "text", "conversation_id": at.nowhere, "content": "", "client_id": ""}),
            client,
        ),
        (
            json!({"type": "text", "conversation_id": at.nowhere, "content": "a", "client_id": "x".repeat(65)}),
            client,
        ),
        (json!({"type": "text", "conversation_id": at.nowhere, "content": " \n\t "}), empty),
        (json!({"type": "text", "conversation_id": at.nowhere}), empty),
        (json!({"type": "text", "conversation_id": at.nowhere, "content": null}), empty),
        (json!({"type": "text", "conversation_id": at.nowhere, "content": long}), too_long),
        (json!({"type": "text", "conversation_id": at.nowhere, "content": "a"}), not_found),
        (json!({"type": "text", "conversation_id": at.foreign, "content": "a"}), denied),
        (json!({"type": "text", "conversation_id": at.closed, "content": "a"}), closed),
        (json!({"type": "mark_read", "message_id": "x"}), required),
        (json!({"type": "mark_read", "conversation_id": true}), id),
        (json!({"type": "mark_read", "conversation_id": at.nowhere, "message_id": "1"}), message),
        (json!({"type": "mark_read", "conversation_id": at.nowhere}), not_found),
        (json!({"type": "mark_read", "conversation_id": at.foreign}), denied),
        (json!({"type": "typing", "is_typing": 1}), required),
        (json!({"type": "typing", "conversation_id": at.nowhere, "is_typing": 1}), is_typing),
        (json!({"type": "typing", "conversation_id": at.nowhere}), is_typing),
        (json!({"type": "typing", "conversation_id": at.nowhere, "is_typing": true}), not_found),
        (json!({"type": "typing", "conversation_id": at.foreign, "is_typing": true}), denied),
        (json!({"type": "dance", "conversation_id": "1"}), unknown),
        (json!({"type": null, "conversation_id": at.mine, "content": "a"}), unknown),
        // Without a type it is a text.
        (json!({"conversation_id": at.mine}), empty),
        (json!({}), required),
    ];
    for name in ["subscribe_conversation", "unsubscribe_conversation", "close_conversation"] {
        cases.extend([
            (json!({"type": name}), required),
            (json!({"type": name, "conversation_id": 1.5}), id),
            (json!({"type": name, "conversation_id": 0}), id),
            (json!({"type": name, "conversation_id": 9_007_199_254_740_992_i64}), id),
            (json!({"type": name, "conversation_id": at.nowhere}), not_found),
            (json!({"type": name, "conversation_id": at.foreign}), denied),
        ]);
    }
    for (command, (code, words)) in cases {
        socket.send(command.clone()).await;
        let frame = socket.next().await;
        assert_eq!(frame["type"], "error", "{command}: {frame}");
        assert_eq!((&frame["code"], &frame["message"]), (&json!(code), &json!(words)), "{command}");
        let named = command["conversation_id"].as_i64().filter(|id| (1..1 << 53).contains(id));
        assert_eq!(frame["conversation_id"].as_i64(), named, "{command}: {frame}");
    }
    for no_object in ["", "{", "[]", "[{}]", "7", "null", "\"text\"", "{\"type\":\"text\"}x"] {
        socket.send_raw(Message::text(no_object)).await;
        socket.refused("invalid_json", "Invalid JSON format").await;
    }
    socket.nothing_more().await;
}

#[tokio::test]
async fn an_error_repeats_what_the_command_named() {
    let (_house, mut socket, at) = desk().await;
    let text = json!({"type": "text", "conversation_id": at.closed, "content": "a", "client_id": "mine-1"});
    socket.send(text).await;
    let error = socket.frame("error").await;
    assert_eq!(
        error,
        json!({
            "type": "error",
            "message": "Conversation is closed",
            "code": "conversation_closed",
            "conversation_id": at.closed,
            "client_id": "mine-1",
        })
    );
}

#[tokio::test]
async fn a_text_is_stored_trimmed_and_up_to_4096_code_points_long() {
    let (house, mut socket, at) = desk().await;
    let longest = "🛎".repeat(4096);
    for (sent, stored) in
        [("  Good\nmorning \t", "Good\nmorning"), (longest.as_str(), longest.as_str())]
    {
        socket.send_text(at.mine, sent).await;
        socket.acknowledged("received").await;
        socket.updated("new_message").await;
        assert_eq!(house.admin.texts(at.mine).await.last().unwrap(), stored);
    }
    // What is only long because of what is trimmed is not too long.
    socket.send_text(at.mine, &format!("{}short{}", " ".repeat(5000), " ".repeat(5000))).await;
    socket.acknowledged("received").await;
}

#[tokio::test]
async fn repeating_is_fine_and_changes_nothing() {
    let (_house, mut socket, at) = desk().await;
    for _ in 0..2 {
        socket.command("subscribe_conversation", at.mine).await;
        let frame = socket.acknowledged("subscribed").await;
        assert_eq!(frame["conversation_id"], at.mine);
    }
    for _ in 0..2 {
        socket.command("unsubscribe_conversation", at.mine).await;
        socket.acknowledged("unsubscribed").await;
    }
    socket.command("close_conversation", at.closed).await;
    socket.acknowledged("conversation_closed").await;
    // Nothing to read: acknowledged, and nobody is told.
    socket.command("mark_read", at.mine).await;
    socket.acknowledged("marked_read").await;
    // A closed conversation can still be read and watched.
    socket.command("mark_read", at.closed).await;
    socket.acknowledged("marked_read").await;
    socket.subscribe(at.closed).await;
    socket.nothing_more().await;
}

#[tokio::test]
async fn members_that_a_command_does_not_know_are_ignored() {
    let (_house, mut socket, at) = desk().await;
    socket
        .send(json!({
            "type": "subscribe_conversation", "conversation_id": at.mine, "content": 5,
            "is_typing": "x", "message_id": [], "nonsense": {"deep": [1, 2, {"er": null}]},
        }))
        .await;
    socket.acknowledged("subscribed").await;
    // The original's clients leave the type out.
    socket.send(json!({"conversation_id": at.mine, "content": "Hello"})).await;
    socket.acknowledged("received").await;
    assert_eq!(socket.frame("message").await["data"]["content"], "Hello");
}

#[tokio::test]
async fn frames_that_break_the_socket_close_it_with_their_code_and_no_other() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut witness = house.staff("bob", &["reception"]).await.connect().await;
    let big = format!("{{\"type\":\"text\",\"content\":\"{}\"}}", "x".repeat(64 * 1024));
    for (frame, code) in [
        (Message::text(big), 1009),
        (Message::binary(b"{\"type\":\"text\"}".to_vec()), 1003),
        (Socket::text_frame(vec![b'"', 0xff, 0xfe, b'"']), 1007),
    ] {
        let mut socket = ana.connect().await;
        socket.send_raw(frame).await;
        assert_eq!(socket.rest().await, (vec![], code));
    }
    witness.everything().await;
    // The largest frame there may be.
    let mut socket = ana.connect().await;
    let start = "{\"type\":\"dance\",\"pad\":\"";
    let frame = format!("{start}{}\"}}", "x".repeat(64 * 1024 - start.len() - 2));
    assert_eq!(frame.len(), 64 * 1024);
    socket.send_raw(Message::text(frame)).await;
    socket.refused("invalid_type", "Invalid message type").await;
}

#[tokio::test]
async fn whoever_goes_on_too_fast_is_told_then_closed_and_nobody_else_is() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut witness = house.staff("bob", &["reception"]).await.connect().await;
    let mut socket = ana.try_connect().await.unwrap();
    witness.everything().await;
    // All in one go: at most a few more than the burst become free meanwhile.
    for number in 0..200 {
        let text = json!({
            "type": "text", "conversation_id": conversation, "content": "a",
            "client_id": format!("c{number}"),
        });
        socket.send(text).await;
    }
    let (frames, code) = socket.rest().await;
    assert_eq!(code, 1008);
    let refused: Vec<_> = frames.iter().filter(|frame| frame["type"] == "error").collect();
    let received = frames.iter().filter(|frame| frame["status"] == "received").count();
    assert_eq!(refused.len(), 11, "{refused:?}");
    for frame in refused {
        assert_eq!(frame["code"], "rate_limited");
        assert_eq!(frame["message"], "Too many messages, slow down");
        assert_eq!(frame["conversation_id"], conversation);
        assert!(frame["client_id"].is_string(), "{frame}");
    }
    // What was refused was not stored; what was not, was, answered in time or not.
    let stored = witness.everything().await.len();
    assert!((60..180).contains(&stored), "{stored}");
    assert!(received <= stored, "{received} of {stored}");
    assert_eq!(house.admin.texts(conversation).await.len(), stored);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_loses_its_connection_and_nobody_waits_for_it() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let state = ana.get("/chat/conversations/").await.expect(200);
    let (mut anas, mut bobs) = (ana.connect().await, bob.connect().await);
    bobs.subscribe(conversation).await;
    anas.everything().await;
    anas.subscribe(conversation).await;
    // More than a queue and what the system's buffers take: 16 KiB each.
    let long = "🛎".repeat(4096);
    let total = 2000;
    for _ in 0..total {
        anas.send_text(conversation, &long).await;
        anas.acknowledged("received").await;
        anas.frame("message").await;
    }
    let (told, code) = bobs.rest().await;
    // Where the network takes nothing any more, the close frame has no room either.
    assert!(code == 1013 || code == 1006, "{code}");
    assert!(told.len() < total, "{}", told.len());
    // Nothing is lost for it: it comes back and is told, at its own pace.
    let mut bobs = bob.try_connect().await.unwrap();
    let last = told.last().map_or(&state["seq"], |frame| &frame["seq"]);
    bobs.send(json!({
        "type": "resume", "epoch": state["epoch"], "last_seq": last,
        "conversation_ids": [conversation],
    }))
    .await;
    bobs.acknowledged("resuming").await;
    for _ in told.len()..total {
        bobs.frame("message").await;
    }
    bobs.acknowledged("resumed").await;
}

#[tokio::test]
async fn answers_come_in_the_order_of_what_was_sent() {
    let (_house, mut socket, at) = desk().await;
    for _ in 0..20 {
        socket.send_text(at.mine, "Hello").await;
        socket.send_text(at.mine, " ").await;
        socket.send_text(at.nowhere, "Hello").await;
        socket.send_raw(Message::text("{")).await;
        socket.command("subscribe_conversation", at.mine).await;
    }
    for round in 0..20 {
        socket.acknowledged("received").await;
        socket.expect(|frame| frame["seq"].is_i64()).await;
        for code in ["empty_content", "conversation_not_found", "invalid_json"] {
            socket.expect(|frame| frame["code"] == code).await;
        }
        let subscribed = socket.acknowledged("subscribed").await;
        assert_eq!(subscribed["conversation_id"], at.mine, "{round}");
    }
}

#[tokio::test]
async fn every_refusal_repeats_the_client_id() {
    let (_house, mut socket, at) = desk().await;
    for name in ["mark_read", "subscribe_conversation", "close_conversation", "typing"] {
        for conversation in [at.foreign, at.nowhere] {
            let command = json!({
                "type": name, "conversation_id": conversation, "is_typing": true, "client_id": "a",
            });
            socket.send(command).await;
            let error = socket.frame("error").await;
            assert_eq!(error["client_id"], "a", "{name}");
            assert_eq!(error["conversation_id"], conversation, "{name}");
        }
    }
}

#[tokio::test]
async fn reading_up_to_a_message_of_another_conversation_reads_up_to_the_one_before_it() {
    let (house, mut socket, at) = desk().await;
    let other = house.conversation("reception").await;
    socket.frame("new_conversation").await;
    let mut ids = Vec::new();
    for conversation in [at.mine, other, at.mine] {
        socket.send_text(conversation, "Hello").await;
        ids.push(socket.acknowledged("received").await["message_id"].clone());
        socket.updated("new_message").await;
    }
    let read = |conversation: i64, message: &Value| json!({"type": "mark_read", "conversation_id": conversation, "message_id": message});
    // Before its own first message there is nothing to read, and nothing to tell.
    socket.send(read(other, &ids[0])).await;
    socket.acknowledged("marked_read").await;
    socket.send(read(at.mine, &ids[1])).await;
    socket.acknowledged("marked_read").await;
    let told = socket.updated("read").await;
    assert_eq!(told["data"]["data"]["message_id"], ids[0]);
    socket.nothing_more().await;
}
