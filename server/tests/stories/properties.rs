//! Contract 1.2: two properties on one server never see each other.

use serde_json::{Value, json};

use crate::common::{House, Person, house::PASSWORD, program};

/// A second property on the same server, and its admin.
async fn second(house: &House) -> (i64, Person) {
    let made = house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let id = made["id"].as_i64().unwrap();
    let mut command = program::command();
    command.arg("--data-dir").arg(house.data_dir()).args([
        "--json",
        "--property",
        &id.to_string(),
        "staff",
        "create",
        "--username",
        "bea",
        "--name",
        "Bea",
        "--department",
        "reception",
        "--admin",
        "--password-stdin",
    ]);
    let account = program::run(command, &format!("{PASSWORD}\n")).await.object();
    assert_eq!(account["username"], "bea");
    assert!(account.get("password").is_none_or(Value::is_null), "{account}");
    (id, house.sign_in("bea").await)
}

async fn conversation(person: &Person, name: &str, number: &str) -> (i64, i64) {
    let guest = json!({"name": name, "whatsapp_number": number});
    let guest = person.post("/guests/", guest).await.expect(201)["id"].as_i64().unwrap();
    let stay = json!({"guest_id": guest, "room_number": "204"});
    person.post("/stays/", stay).await.expect(201);
    let body = json!({"guest_id": guest, "department": "reception", "content": "Welcome"});
    let made = person.post("/chat/conversations/create/", body).await.expect(201);
    (guest, made["id"].as_i64().unwrap())
}

#[tokio::test]
async fn no_frame_crosses() {
    let house = House::start().await;
    let (_, bea) = second(&house).await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut anas = ana.connect().await;
    let mut beas = bea.connect().await;
    let (_, theirs) = conversation(&bea, "Borealis guest", "+47 1").await;
    beas.frame("new_conversation").await;
    beas.updated("new_message").await;
    let (_, ours) = conversation(&ana, "Aurora guest", "+47 1").await;
    anas.frame("new_conversation").await;
    anas.updated("new_message").await;

    beas.subscribe(theirs).await;
    beas.send_text(theirs, "Hello").await;
    beas.command("mark_read", theirs).await;
    beas.send(json!({"type": "typing", "conversation_id": theirs, "is_typing": true})).await;
    beas.command("close_conversation", theirs).await;
    assert!(beas.everything().await.len() > 3);
    anas.nothing_more().await;

    // A conversation of another property does not exist.
    let not_found = ("conversation_not_found", "Conversation not found");
    for command in [
        json!({"type": "text", "conversation_id": ours, "content": "Hi"}),
        json!({"type": "mark_read", "conversation_id": ours}),
        json!({"type": "typing", "conversation_id": ours, "is_typing": true}),
        json!({"type": "subscribe_conversation", "conversation_id": ours}),
        json!({"type": "unsubscribe_conversation", "conversation_id": ours}),
        json!({"type": "close_conversation", "conversation_id": ours}),
    ] {
        beas.send(command).await;
        beas.refused(not_found.0, not_found.1).await;
    }
    beas.send(json!({"type": "resume", "last_seq": null, "conversation_ids": [ours, theirs]}))
        .await;
    beas.acknowledged("resuming").await;
    let resumed = beas.acknowledged("resumed").await;
    assert_eq!(resumed["denied"], json!([ours]));
    let names: Vec<_> = resumed["online"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    anas.nothing_more().await;
    assert_eq!(ana.texts(ours).await, ["Welcome"]);
}

#[tokio::test]
async fn what_was_missed_is_only_ones_own() {
    let house = House::start().await;
    let (_, bea) = second(&house).await;
    let ana = house.staff("ana", &["reception"]).await;
    let (_, ours) = conversation(&ana, "Aurora guest", "+47 1").await;
    let (_, theirs) = conversation(&bea, "Borealis guest", "+47 1").await;
    for (person, mine, foreign) in [(&ana, ours, theirs), (&bea, theirs, ours)] {
        let page = person.get("/chat/conversations/").await.expect(200);
        let mut socket = person.try_connect().await.unwrap();
        let command = json!({
            "type": "resume", "epoch": page["epoch"], "last_seq": 0, "conversation_ids": [mine, foreign],
        });
        socket.send(command).await;
        socket.acknowledged("resuming").await;
        let new = socket.frame("new_conversation").await;
        assert_eq!(new["data"]["id"], mine);
        assert_eq!(socket.frame("message").await["data"]["conversation_id"], mine);
        let end = socket.acknowledged("resumed").await;
        assert_eq!(end["denied"], json!([foreign]));
    }
}

#[tokio::test]
async fn no_answer_crosses() {
    let house = House::start().await;
    let (_, bea) = second(&house).await;
    let ana = &house.admin;
    let (our_guest, ours) = conversation(ana, "Aurora guest", "+47 1").await;
    let (their_guest, theirs) = conversation(&bea, "Borealis guest", "+47 1").await;
    let body = |text: &Value| text.to_string();

    for (person, mine, my_guest, foreign, foreign_guest, foreign_name) in [
        (ana, ours, our_guest, theirs, their_guest, "Borealis guest"),
        (&bea, theirs, their_guest, ours, our_guest, "Aurora guest"),
    ] {
        for path in [
            "/chat/conversations/?status=all",
            "/chat/conversations/?status=all&q=guest",
            "/chat/conversations/?status=all&q=471",
            "/guests/",
            "/guests/?q=guest",
            "/stays/",
        ] {
            let page = person.get(path).await.expect(200);
            assert_eq!(page["results"].as_array().unwrap().len(), 1, "{path}: {page}");
            assert!(!body(&page).contains(foreign_name), "{path}: {page}");
        }
        assert_eq!(person.get("/rooms/").await.expect(200)["results"].as_array().unwrap().len(), 1);
        let staff = person.get("/staff/").await.expect(200);
        let names: Vec<_> =
            staff["results"].as_array().unwrap().iter().map(|row| &row["username"]).collect();
        assert_eq!(names, [&json!(person.username)]);

        let conversation = format!("/chat/conversations/{foreign}/");
        person.get(&conversation).await.problem(404, "conversation_not_found");
        let messages = format!("{conversation}messages/");
        person.get(&messages).await.problem(404, "conversation_not_found");
        for (call, body) in [
            ("close", json!({"conversation_id": foreign})),
            ("reopen", json!({"conversation_id": foreign})),
            ("transfer", json!({"conversation_id": foreign, "department": "restaurant"})),
        ] {
            let answer = person.post(&format!("/chat/conversations/{call}/"), body).await;
            answer.problem(404, "conversation_not_found");
        }
        let create = json!({"guest_id": foreign_guest, "department": "restaurant"});
        let answer = person.post("/chat/conversations/create/", create).await;
        answer.problem(404, "guest_not_found");
        person.get(&format!("/guests/{foreign_guest}/")).await.problem(404, "guest_not_found");
        let rename = person.patch(&format!("/guests/{foreign_guest}/"), json!({"name": "X"})).await;
        rename.problem(404, "guest_not_found");
        let stay = json!({"guest_id": foreign_guest, "room_number": "204"});
        person.post("/stays/", stay).await.problem(404, "guest_not_found");

        // The same number and room name one's own guest.
        let create = json!({"guest_whatsapp_number": "+47-1", "department": "restaurant"});
        let made = person.post("/chat/conversations/create/", create).await.expect(201);
        assert_eq!(made["guest_info"]["id"], my_guest);
        let create = json!({"room_number": "204", "department": "room_service"});
        let made = person.post("/chat/conversations/create/", create).await.expect(201);
        assert_eq!(made["guest_info"]["id"], my_guest);
        assert_eq!(
            person.get(&format!("/chat/conversations/{mine}/")).await.expect(200)["id"],
            mine
        );
    }
    // An account of the other property is nobody here.
    let path = format!("/staff/{}/", bea.id);
    let answer = ana.patch(&path, json!({"name": "Somebody"})).await;
    answer.problem(404, "staff_not_found");
    // A department of the other property, too.
    bea.post("/departments/", json!({"name": "Spa"})).await.expect(201);
    let departments = ana.get("/departments/").await.expect(200);
    assert!(!body(&departments).contains("spa"), "{departments}");
    let answer = ana.get("/chat/conversations/?department=spa").await;
    answer.problem(422, "invalid_input");
    // Usernames are unique on the server.
    let taken = json!({
        "username": "bea", "name": "B", "password": PASSWORD, "departments": ["reception"],
    });
    let refused = ana.post("/staff/", taken).await.problem(409, "username_taken");
    assert_eq!(refused["detail"], "This username is not available");
}

#[tokio::test]
async fn gateways_bring_guests_only_to_their_own_property() {
    let house = House::start().await;
    let (id, bea) = second(&house).await;
    let line = ["--property", &id.to_string(), "gateway", "create", "--name", "sms"];
    let made = house.cli(&line).await.object();
    let theirs = house.anyone.with_token(made["key"].as_str().unwrap());
    let body = json!({"external_id": "x1", "whatsapp_number": "+47 1", "content": "Hi"});
    let stored = theirs.post("/gateway/messages/", body.clone()).await.expect(201);
    assert_eq!(bea.list("").await.len(), 1);
    assert!(house.admin.list("").await.is_empty());
    // The same external id through another gateway is another message.
    let line = ["--property", "1", "gateway", "create", "--name", "sms"];
    let made = house.cli(&line).await.object();
    let ours = house.anyone.with_token(made["key"].as_str().unwrap());
    let other = ours.post("/gateway/messages/", body).await.expect(201);
    assert_ne!(stored["message_id"], other["message_id"]);
    assert_ne!(stored["conversation_id"], other["conversation_id"]);
}

#[tokio::test]
async fn with_several_properties_a_command_must_say_which() {
    let house = House::start().await;
    second(&house).await;
    let failure = house.cli(&["room", "add", "204"]).await;
    assert!(failure.failure(2).contains("--property"), "{failure:?}");
    house.cli(&["room", "add", "204", "--property", "2"]).await.objects();
    let failure = house.cli(&["room", "add", "204", "--property", "99"]).await;
    assert!([Some(1), Some(2)].contains(&failure.code), "{failure:?}");
}

#[tokio::test]
async fn the_sign_in_screen_names_the_hotel_only_where_there_is_one() {
    let house = House::start().await;
    let property = async || house.anyone.get("/setup/").await.expect(200)["property"].clone();
    assert_eq!(property().await, json!({"name": "Hotel Aurora"}));
    second(&house).await;
    assert_eq!(property().await, Value::Null);
}
