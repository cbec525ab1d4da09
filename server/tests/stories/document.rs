//! The original document's frames, as a real server sends them: each has all members of its example,
//! with the same types of JSON.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    common::House,
    fixtures::{assert_shaped_as, commands, frames},
};

#[tokio::test]
async fn every_frame_of_the_document_is_really_sent_in_its_shape() {
    let house = House::start_with(|config| config.presence_grace = Duration::ZERO).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let guest = house.guest("101", "Guest Name").await;
    let mut anas = ana.connect().await;
    let mut bobs = bob.connect().await;
    let mut sent: Vec<Value> = Vec::new();
    let body = json!({"guest_id": guest, "department": "reception", "content": "Hello!"});
    let made = ana.post("/chat/conversations/create/", body).await.expect(201);
    let conversation = made["id"].as_i64().unwrap();
    // The document's own commands, about a conversation that is there.
    for example in commands() {
        let mut command = example.value();
        command["conversation_id"] = json!(conversation);
        if command["type"] == "unsubscribe_conversation" {
            continue;
        }
        anas.send(command.clone()).await;
        if command["type"] == "typing" {
            bobs.everything().await;
            bobs.subscribe(conversation).await;
            bobs.send(command).await;
            bobs.everything().await;
        }
        sent.extend(anas.everything().await);
    }
    anas.command("unsubscribe_conversation", conversation).await;
    let body = json!({"conversation_id": conversation});
    ana.post("/chat/conversations/reopen/", body).await.expect(200);
    bobs.send_text(conversation, "Thank you!").await;
    bobs.everything().await;
    anas.command("no_such_command", conversation).await;
    bobs.leave().await;
    sent.extend(anas.everything().await);
    // The call that the document names beside the commands.
    let close = json!({"conversation_id": conversation});
    ana.post("/chat/conversations/close/", close).await.expect(200);
    sent.extend(anas.everything().await);

    let kind = |frame: &Value| {
        let inner = frame["data"]["type"].as_str().or(frame["status"].as_str()).unwrap_or_default();
        (frame["type"].as_str().unwrap().to_owned(), inner.to_owned())
    };
    let mut by_kind: HashMap<_, Vec<&Value>> = HashMap::new();
    for frame in &sent {
        by_kind.entry(kind(frame)).or_default().push(frame);
    }
    for example in frames() {
        let said = example.value();
        let real = by_kind
            .get(&kind(&said))
            .unwrap_or_else(|| panic!("{} was never sent: {:?}", example.name(), by_kind.keys()));
        for frame in real {
            assert_shaped_as(frame, &said, example.name());
        }
    }
}
