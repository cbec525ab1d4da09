//! What programs write oddly: halves of characters, other types, U+0000. Nothing of it is lost, and errors are written
//! for people.

use serde_json::json;

use crate::{
    common::{House, client::send, house::PASSWORD},
    identity::execute,
};

#[tokio::test]
async fn messages_of_gateways_with_unusual_json_are_stored() {
    let house = House::start().await;
    let gateway = house.gateway("pms", None).await;
    let post = async |body: &[u8]| {
        let request = gateway.client.request(reqwest::Method::POST, "/gateway/messages/");
        send(request.header("content-type", "application/json").body(body.to_vec())).await
    };
    let odd = br#"{"external_id": 123456789012345678901234567890, "whatsapp_number": 447700900123,
        "name": "Guest \ud83d", "room_number": 204, "content": 42, "department": null}"#;
    let stored = post(odd).await.expect(201);
    let again = post(odd).await.expect(200);
    assert_eq!(again["message_id"], stored["message_id"]);
    let near = String::from_utf8(odd.to_vec()).unwrap().replace("567890,", "567891,");
    assert_ne!(post(near.as_bytes()).await.expect(201)["message_id"], stored["message_id"]);
    let conversation = stored["conversation_id"].as_i64().unwrap();
    let guest = &house.admin.conversation(conversation).await["guest_info"];
    assert_eq!(guest["name"], "Guest \u{fffd}");
    assert_eq!(guest["room_number"], "204");
    assert_eq!(guest["whatsapp_number"], "+447700900123");
    // Half a character as bytes, U+0000, and control characters where a reference becomes a name.
    let cut = [
        &br#"{"external_id":"2","guest_ref":"a\u0007b","content":"Hi \u0000there "#[..],
        &[0xf0, 0x9f],
        b"\"}",
    ];
    let stored = post(&cut.concat()).await.expect(201);
    let conversation = stored["conversation_id"].as_i64().unwrap();
    assert_eq!(house.admin.texts(conversation).await, ["Hi there \u{fffd}"]);
    assert_eq!(house.admin.conversation(conversation).await["guest_info"]["name"], "a b");
    let address = json!({"external_id": "4", "whatsapp_number": "front\u{0}desk", "content": "Hi"});
    let stored = gateway.message(address).await.expect(201);
    let conversation = stored["conversation_id"].as_i64().unwrap();
    assert_eq!(house.admin.conversation(conversation).await["guest_info"]["name"], "frontdesk");
    let problem =
        gateway.message(json!({"external_id": "3", "guest_ref": ["a"], "content": "a"})).await;
    assert_eq!(problem.problem(422, "invalid_input")["errors"][0]["message"], "must be text");
}

#[tokio::test]
async fn errors_in_a_body_are_written_for_people() {
    let house = House::start().await;
    for (path, body, field, message) in [
        ("/guests/", json!({"name": 5}), "name", "must be text"),
        ("/guests/", json!({"name": ["A"]}), "name", "must be text"),
        (
            "/stays/",
            json!({"guest_id": "1", "room_number": "1"}),
            "guest_id",
            "must be a whole number",
        ),
        (
            "/stays/",
            json!({"guest_id": 1.5, "room_number": "1"}),
            "guest_id",
            "must be a whole number",
        ),
        ("/stays/", json!({"guest_id": 1}), "room_number", "is required"),
        (
            "/stays/",
            json!({"guest_id": 1, "room_number": "1", "checks_out_at": "tomorrow"}),
            "checks_out_at",
            "must be a time, such as 2026-11-29T07:27:00Z",
        ),
        (
            "/staff/",
            json!({"username": "b", "name": "B", "password": PASSWORD, "is_admin": "yes"}),
            "is_admin",
            "must be true or false",
        ),
        (
            "/staff/",
            json!({"username": "b", "name": "B", "password": PASSWORD, "departments": "reception"}),
            "departments",
            "must be a list",
        ),
        (
            "/staff/",
            json!({"username": "b", "name": "B", "password": PASSWORD, "user_type": 5}),
            "user_type",
            "has the wrong type",
        ),
    ] {
        let problem = house.admin.post(path, body.clone()).await.problem(422, "invalid_input");
        let error = &problem["errors"][0];
        assert_eq!(
            (&error["field"], &error["message"]),
            (&json!(field), &json!(message)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_text_with_nul_is_refused_but_a_stored_one_is_still_recognised() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let gateway = house.gateway("sms", None).await;
    let written = gateway.writes("plain", "+44 7700 900123", "Hello").await;
    let conversation = written["conversation_id"].as_i64().unwrap();
    let mut socket = ana.connect().await;
    for (text, field) in [
        (json!({"content": "a\u{0}b", "client_id": "1"}), "content"),
        (json!({"content": "a", "client_id": "1\u{0}"}), "client_id"),
        (json!({"content": " ", "client_id": "1\u{0}"}), "client_id"),
    ] {
        let mut command = text.clone();
        command["conversation_id"] = json!(conversation);
        socket.send(command).await;
        let error = socket.frame("error").await;
        assert_eq!(error["code"], "invalid_field", "{text}");
        assert_eq!(error["message"], format!("Invalid value for {field}"), "{text}");
        let mut body = text.clone();
        body["guest_id"] = house.admin.conversation(conversation).await["guest_info"]["id"].clone();
        body["department"] = json!("restaurant");
        if text["content"] != " " {
            let problem = ana.post("/chat/conversations/create/", body).await;
            assert_eq!(
                problem.problem(422, "invalid_input")["errors"][0]["field"],
                field,
                "{text}"
            );
        }
    }
    let body = json!({"guest_id": 1, "department": "restaurant", "client_id": "1\u{0}"});
    let problem = ana.post("/chat/conversations/create/", body).await;
    assert_eq!(problem.problem(422, "invalid_input")["errors"][0]["field"], "client_id");
    let message = |external_id: &str, guest_ref: &str, content: &str| json!({"external_id": external_id, "guest_ref": guest_ref, "content": content});
    for (body, field) in [
        (message("1\u{0}", "r", "a"), "external_id"),
        (message("1", "r\u{0}", "a"), "guest_ref"),
        (message("1", "r", "\u{0}"), "content"),
    ] {
        let problem = gateway.message(body.clone()).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    drop(socket);
    // What an older version stored.
    execute(
        house.data_dir(),
        &format!(
            "insert into message (conversation_id, staff_id, content, client_id, created_at)
                values ({conversation}, {ana}, 'old' || char(0) || 'text', 'c' || char(0), 1),
                       ({conversation}, {ana}, char(8203), 'invisible', 1);
             insert into message (conversation_id, guest_id, content, gateway_id, external_id, created_at)
                select conversation_id, guest_id, 'g' || char(0), gateway_id, 'e' || char(0), 1
                from message where external_id = 'plain';
             update conversation set last_message_id = (select max(id) from message);",
            ana = ana.id
        ),
    )
    .await;
    let house = house.restart().await;
    let ana = house.sign_in("ana").await;
    let texts = ana.texts(conversation).await;
    assert_eq!(texts, ["Hello", "old\u{0}text", "\u{200b}", "g\u{0}"]);
    let mut socket = ana.connect().await;
    for (content, client_id) in [("old\u{0}text", "c\u{0}"), ("\u{200b}", "invisible")] {
        let command =
            json!({"conversation_id": conversation, "content": content, "client_id": client_id});
        socket.send(command).await;
        assert_eq!(socket.acknowledged("received").await["duplicate"], true);
    }
    gateway.message(message("e\u{0}", "anybody", "g\u{0}")).await.expect(200);
}
