//! Contract 3: guests' messages come in through a gateway, and replies leave through it.

use serde_json::{Value, json};

use crate::common::{Callback, House, callback::Reply};

#[tokio::test]
async fn a_guest_nobody_knows_writes_and_the_desk_hears_of_both() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let gateway = house.gateway("sms", None).await;
    let mut socket = ana.connect().await;
    let stored = gateway
        .message(json!({
            "external_id": "sms-1", "whatsapp_number": "+44 7700 900123", "name": "Amelia Hart",
            "room_number": "204", "content": " Two more\ntowels, please ",
        }))
        .await
        .expect(201);
    assert_eq!(stored["conversation_created"], true);
    let new = socket.frame("new_conversation").await;
    assert_eq!(new["data"]["id"], stored["conversation_id"]);
    assert_eq!(new["data"]["guest_name"], "Amelia Hart");
    assert_eq!(new["data"]["department"], "reception");
    assert_eq!(new["data"]["room_number"], "204");
    assert_eq!(new["data"]["last_message_preview"], "Two more towels, please");
    let update = socket.updated("new_message").await;
    let data = &update["data"]["data"];
    assert_eq!(data["message_id"], stored["message_id"]);
    assert_eq!(data["message_from"], "Amelia Hart");
    assert_eq!(data["sender_type"], "guest");
    assert_eq!(data["last_message_preview"], "Two more towels, please");
    assert!(update["seq"].as_i64() > new["seq"].as_i64());
    socket.nothing_more().await;

    // The same again is known, whatever else is said.
    let again = gateway
        .message(json!({"external_id": "sms-1", "whatsapp_number": "+1 5", "content": "Other"}))
        .await
        .expect(200);
    assert_eq!(again["message_id"], stored["message_id"]);
    assert_eq!(again["conversation_id"], stored["conversation_id"]);
    assert_eq!(again["conversation_created"], false);
    socket.nothing_more().await;

    let conversation = stored["conversation_id"].as_i64().unwrap();
    let shown = ana.conversation(conversation).await;
    assert_eq!(shown["guest_info"]["whatsapp_number"], "+447700900123");
    assert_eq!(shown["guest_info"]["room_number"], "204");
    // The next one goes into the same conversation, and subscribers get the message itself.
    socket.subscribe(conversation).await;
    let next = gateway.writes("sms-2", "0044 7700 900123", "And soap").await;
    assert_eq!(next["conversation_id"], stored["conversation_id"]);
    assert_eq!(next["conversation_created"], false);
    let message = socket.frame("message").await;
    assert_eq!(message["data"]["content"], "And soap");
    assert_eq!(message["data"]["sender_type"], "guest");
    assert!(message["data"]["sender_id"].is_null());
    assert_eq!(message["data"]["sender_name"], "Amelia Hart");
    assert_eq!(message["data"]["guest_info"]["room_number"], "204");
    socket.nothing_more().await;
    assert_eq!(ana.texts(conversation).await, ["Two more\ntowels, please", "And soap"]);
}

#[tokio::test]
async fn a_message_to_another_department_is_another_conversation() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let mut body = json!({"external_id": "1", "whatsapp_number": "+47 1", "content": "Hi"});
    let reception = gateway.message(body.clone()).await.expect(201);
    body["external_id"] = json!("2");
    body["department"] = json!("room_service");
    let service = gateway.message(body.clone()).await.expect(201);
    assert_ne!(reception["conversation_id"], service["conversation_id"]);
    // After it was closed a new one begins.
    let close = json!({"conversation_id": service["conversation_id"]});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);
    body["external_id"] = json!("3");
    let third = gateway.message(body).await.expect(201);
    assert_eq!(third["conversation_created"], true);
    assert_ne!(third["conversation_id"], service["conversation_id"]);
    assert_eq!(
        house.admin.get("/guests/").await.expect(200)["results"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_guest_without_a_number_is_known_by_the_gateways_own_name_for_them() {
    let house = House::start().await;
    let (one, other) = (house.gateway("pms", None).await, house.gateway("tv", None).await);
    let body = |external_id: &str, guest_ref: &str| json!({"external_id": external_id, "guest_ref": guest_ref, "name": "Amelia", "content": "Hi"});
    let first = one.message(body("1", "room-tv-204")).await.expect(201);
    let second = one.message(body("2", "room-tv-204")).await.expect(201);
    assert_eq!(first["conversation_id"], second["conversation_id"]);
    let foreign = other.message(body("1", "room-tv-204")).await.expect(201);
    assert_ne!(foreign["conversation_id"], first["conversation_id"]);
    let guest = house.admin.conversation(first["conversation_id"].as_i64().unwrap()).await;
    assert!(guest["guest_info"]["whatsapp_number"].is_null());
    assert_eq!(guest["guest_info"]["name"], "Amelia");
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_nothing_is_stored() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let mut socket = house.admin.connect().await;
    for (body, field) in [
        (json!({"whatsapp_number": "+1 2", "content": "a"}), "external_id"),
        (json!({"external_id": "", "whatsapp_number": "+1 2", "content": "a"}), "external_id"),
        (json!({"external_id": "1", "content": "a"}), "whatsapp_number"),
        (json!({"external_id": "1", "whatsapp_number": " ", "content": "a"}), "whatsapp_number"),
        (json!({"external_id": "1", "whatsapp_number": "+1 2", "content": " "}), "content"),
        (json!({"external_id": "1", "whatsapp_number": "+1 2"}), "content"),
        (
            json!({"external_id": "1", "whatsapp_number": "+1 2", "content": "a".repeat(4097)}),
            "content",
        ),
        (
            json!({"external_id": "1", "whatsapp_number": "+1 2", "content": "a", "department": "x"}),
            "department",
        ),
    ] {
        let problem = gateway.message(body.clone()).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    // No number is refused because of how it looks.
    for (number, external_id) in
        [("+999", "n1"), ("12", "n2"), ("(030) 12-34 / 5", "n3"), ("none", "n4")]
    {
        gateway.writes(external_id, number, "a").await;
    }
    socket.everything().await;
    let body = json!({"external_id": "9", "whatsapp_number": "+1 2", "content": "a"});
    house.anyone.post("/gateway/messages/", body.clone()).await.problem(401, "unauthorized");
    house.admin.post("/gateway/messages/", body.clone()).await.problem(401, "unauthorized");
    house
        .anyone
        .with_token("nonsense")
        .post("/gateway/messages", body)
        .await
        .problem(401, "unauthorized");
    gateway.client.get("/chat/conversations/").await.problem(401, "unauthorized");
    socket.nothing_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_message_at_once_is_stored_once() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let body = json!({"external_id": "1", "whatsapp_number": "+1 2", "content": "Once"});
    let calls = (0..12).map(|_| gateway.message(body.clone()));
    let answers = futures_util::future::join_all(calls).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    for answer in &answers {
        assert_eq!(answer.body["message_id"], answers[0].body["message_id"]);
    }
    let conversation = answers[0].body["conversation_id"].as_i64().unwrap();
    assert_eq!(house.admin.texts(conversation).await, ["Once"]);
}

#[tokio::test]
async fn replies_leave_signed_in_order_and_once() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut callback = Callback::start().await;
    let gateway = house.gateway("sms", Some(&callback.url)).await;
    let body = json!({
        "external_id": "1", "whatsapp_number": "+44 7700 900123", "name": "Amelia Hart",
        "room_number": "204", "content": "Towels?",
    });
    let conversation = gateway.message(body).await.expect(201)["conversation_id"].as_i64().unwrap();
    assert_eq!(ana.conversation(conversation).await["reply_via"], "sms");
    let mut socket = ana.connect().await;
    let mut ids = Vec::new();
    for text in ["On their way!", "Zimmer 204 – ok?", "🛎"] {
        socket.send_text(conversation, text).await;
        let acknowledged = loop {
            // The states of the texts before come in between.
            let frame = socket.next().await;
            if frame["status"] == "received" {
                break frame;
            }
        };
        ids.push(acknowledged["message_id"].clone());
    }
    let mut seen = Vec::new();
    for (text, id) in ["On their way!", "Zimmer 204 – ok?", "🛎"].into_iter().zip(&ids) {
        let delivery = callback.next().await;
        assert!(delivery.is_signed_with(&gateway.signing_secret), "{delivery:?}");
        assert!(!delivery.is_signed_with("another"));
        assert_eq!(delivery.path, "/replies");
        assert!(delivery.headers["content-type"].to_str().unwrap().starts_with("application/json"));
        let timestamp = delivery.headers["x-frontdesk-timestamp"].to_str().unwrap();
        assert!(timestamp.parse::<i64>().is_ok(), "{timestamp}");
        let guest = ana.conversation(conversation).await["guest_info"]["id"].clone();
        let mut expected = json!({
            "message_id": id, "conversation_id": conversation,
            "guest": {
                "id": guest, "name": "Amelia Hart", "whatsapp_number": "+447700900123",
                "guest_ref": null, "address": "+44 7700 900123",
            },
            "room_number": "204", "department": "reception", "sender_name": "Ana", "content": text,
        });
        expected["delivery_id"] = delivery.body["delivery_id"].clone();
        expected["created_at"] = delivery.body["created_at"].clone();
        assert_eq!(delivery.body, expected);
        assert!(delivery.body["created_at"].as_str().unwrap().ends_with('Z'));
        seen.push(delivery.body["delivery_id"].as_str().unwrap().to_owned());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_in_its_order_with_the_same_id() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let gateway = house.gateway("sms", Some(&callback.url)).await;
    let mut elsewhere = Callback::start().await;
    callback.will_answer([Reply::Status(500), Reply::RedirectTo(elsewhere.url.clone())]);
    let conversation = gateway.writes("1", "+1 2", "Hi").await["conversation_id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    for text in ["first", "second"] {
        socket.send_text(conversation, text).await;
    }
    let first = callback.next().await;
    assert_eq!(first.content(), "first");
    for _ in 0..2 {
        let again = callback.next().await;
        assert_eq!(again.content(), "first");
        assert_eq!(again.body, first.body);
        assert!(again.is_signed_with(&gateway.signing_secret));
    }
    let second = callback.next().await;
    assert_eq!(second.content(), "second");
    assert_ne!(second.body["delivery_id"], first.body["delivery_id"]);
    // The redirect was not followed.
    elsewhere.got_nothing();
}

#[tokio::test]
async fn what_waits_is_sent_after_the_server_was_started_again() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let gateway = house.gateway("sms", Some(&callback.url)).await;
    callback.will_answer([Reply::Status(503)]);
    let conversation = gateway.writes("1", "+1 2", "Hi").await["conversation_id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    socket.send_text(conversation, "kept").await;
    socket.acknowledged("received").await;
    let refused = callback.next().await;
    let house = house.restart().await;
    let taken = callback.next().await;
    assert_eq!(taken.body, refused.body);
    assert!(taken.is_signed_with(&gateway.signing_secret));
    drop(house);
}

#[tokio::test]
async fn replies_leave_through_the_gateway_of_the_latest_message() {
    let house = House::start().await;
    let (mut sms_end, mut mail_end) = (Callback::start().await, Callback::start().await);
    let sms = house.gateway("sms", Some(&sms_end.url)).await;
    let mail = house.gateway("mail", Some(&mail_end.url)).await;
    let silent = house.gateway("silent", None).await;
    let conversation = sms.writes("1", "+1 2", "Hi").await["conversation_id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    let mut reply = async |text: &str| {
        socket.send_text(conversation, text).await;
        socket.everything().await;
    };
    reply("one").await;
    assert_eq!(sms_end.next().await.content(), "one");
    mail.writes("1", "+1 2", "Better by mail").await;
    assert_eq!(house.admin.conversation(conversation).await["reply_via"], "mail");
    reply("two").await;
    let delivery = mail_end.next().await;
    assert_eq!(delivery.content(), "two");
    assert!(delivery.is_signed_with(&mail.signing_secret));
    // One that takes no replies: what is written then waits until the guest writes through another.
    silent.writes("1", "+1 2", "Hello").await;
    assert!(house.admin.conversation(conversation).await["reply_via"].is_null());
    reply("three").await;
    sms.writes("2", "+1 2", "Back again").await;
    reply("four").await;
    assert_eq!(sms_end.next().await.content(), "three");
    assert_eq!(sms_end.next().await.content(), "four");
}

#[tokio::test]
async fn a_conversation_that_the_desk_began_is_delivered_too() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let gateway = house.gateway("sms", Some(&callback.url)).await;
    let body = json!({"external_id": "1", "guest_ref": "g-7", "name": "Zoe", "content": "Hi"});
    gateway.message(body).await.expect(201);
    let guest = house.admin.get("/guests/").await.expect(200)["results"][0]["id"].clone();
    let body =
        json!({"guest_id": guest, "department": "restaurant", "content": "Your table is ready"});
    let made = house.admin.post("/chat/conversations/create/", body).await.expect(201);
    let delivery = callback.next().await;
    assert_eq!(delivery.content(), "Your table is ready");
    assert_eq!(delivery.body["conversation_id"], made["id"]);
    assert_eq!(delivery.body["guest"]["guest_ref"], "g-7");
    assert_eq!(delivery.body["guest"]["whatsapp_number"], Value::Null);
    assert_eq!(delivery.body["room_number"], Value::Null);
}

#[tokio::test]
async fn a_guest_is_called_by_their_number_until_somebody_knows_their_name() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let message = |id: &str, name: Option<&str>| json!({"external_id": id, "whatsapp_number": "+44 1", "name": name, "content": "Hello"});
    let id = gateway.message(message("a", None)).await.expect(201)["conversation_id"].clone();
    let name = async || {
        let shown = house.admin.conversation(id.as_i64().unwrap()).await;
        shown["guest_info"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(name().await, "+441");
    gateway.message(message("b", Some("Amelia Hart"))).await.expect(201);
    assert_eq!(name().await, "Amelia Hart");
    // What they are called here stays, whatever the gateway calls them.
    gateway.message(message("c", Some("Mum"))).await.expect(201);
    assert_eq!(name().await, "Amelia Hart");
    assert_eq!(house.admin.list("?q=amelia").await.len(), 1);
}
