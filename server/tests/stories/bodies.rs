//! What every body of a request has in common: unknown members are refused by name, what is shown may be
//! sent back, and what changes nothing has no effect.

use frontdesk_server::{Config, region::TimeZoneName};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{House, client::send, house::PASSWORD};

/// The newest entry of the audit log.
async fn logged(house: &House) -> Value {
    house.admin.get("/audit/?limit=1").await.expect(200)["results"][0].clone()
}

/// An account as admins see it.
async fn account(house: &House, id: i64) -> Value {
    let list = house.admin.get("/staff/").await.expect(200);
    list["results"].as_array().unwrap().iter().find(|each| each["id"] == id).unwrap().clone()
}

#[tokio::test]
async fn an_unknown_member_is_refused_by_name() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let conversation = house.conversation_with(guest, "reception").await;
    house.admin.post("/chat/conversations/close/", json!({"conversation_id": conversation})).await;
    let before = logged(&house).await;
    let admin = &house.admin;
    let reopened = json!({"conversation_id": conversation});
    let transferred = json!({"conversation_id": conversation, "department": "restaurant"});
    let person = json!({
        "username": "new", "name": "New", "password": PASSWORD, "departments": ["reception"],
    });
    let setup = json!({
        "setup_token": "x", "property_name": "Other", "username": "x", "name": "X", "password": PASSWORD,
    });
    let staff = format!("/staff/{}/", ana.id);
    let guest_path = format!("/guests/{guest}/");
    let password = json!({"current_password": PASSWORD, "new_password": "two unrelated words 1"});
    for (method, path, mut body) in [
        ("POST", "/setup/", setup),
        ("POST", "/auth/login/", json!({"username": "ana", "password": PASSWORD})),
        ("POST", "/auth/password/", password),
        ("POST", "/auth/second-factor/", json!({"password": PASSWORD})),
        ("POST", "/auth/second-factor/confirm/", json!({"code": "123456"})),
        ("POST", "/auth/second-factor/recovery/", json!({"password": PASSWORD})),
        ("DELETE", "/auth/second-factor/", json!({"password": PASSWORD})),
        ("POST", "/chat/conversations/reopen/", reopened),
        ("POST", "/chat/conversations/transfer/", transferred),
        ("POST", "/guests/", json!({"name": "Jo"})),
        ("PATCH", &guest_path, json!({"name": "Jo"})),
        ("POST", "/rooms/", json!({"number": "999"})),
        ("POST", "/stays/", json!({"guest_id": guest, "room_number": "999"})),
        ("POST", "/staff/", person),
        ("PATCH", &staff, json!({"name": "Jo"})),
        ("POST", "/departments/", json!({"name": "Spa"})),
        ("PATCH", "/property/", json!({"name": "Other"})),
    ] {
        body["is_surprise"] = json!(true);
        let answer = match method {
            "POST" => admin.post(path, body).await,
            "PATCH" => admin.patch(path, body).await,
            _ => admin.delete_with(path, body).await,
        };
        let problem = answer.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "is_surprise", "{method} {path}: {problem}");
    }
    assert_eq!(logged(&house).await, before, "nothing was done");
}

#[tokio::test]
async fn gateways_and_the_calls_of_the_original_document_may_send_unknown_members() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let message = json!({
        "external_id": "a", "whatsapp_number": "+447700900123", "content": "Hi", "priority": 1,
    });
    gateway.message(message).await.expect(201);
    let guest = house.guest("204", "Amelia Hart").await;
    let new = json!({"guest_id": guest, "department": "reception", "source": "phone"});
    let created = house.admin.post("/chat/conversations/create/", new).await.expect(201);
    let close = json!({"conversation_id": created["id"], "reason": "done"});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);
}

#[tokio::test]
async fn an_account_that_is_sent_back_as_it_is_does_not_change() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception", "restaurant"]).await;
    let mut socket = ana.connect().await;
    let path = format!("/staff/{}/", ana.id);
    let whole = account(&house, ana.id).await;
    let before = logged(&house).await;
    for patch in [
        json!({}),
        json!({"is_disabled": false}),
        json!({"is_admin": false}),
        json!({"name": "  ".to_owned() + whole["name"].as_str().unwrap()}),
        json!({"departments": ["reception", "restaurant", "reception"]}),
        json!({"departments": ["Reception", "RESTAURANT"]}),
        whole.clone(),
    ] {
        let answer = house.admin.patch(&path, patch.clone()).await.expect(200);
        assert_eq!(answer, whole, "{patch}");
        assert_eq!(logged(&house).await, before, "{patch}");
    }
    // Neither connection nor session has ended.
    socket.nothing_more().await;
    ana.get("/auth/me/").await.expect(200);
}

#[tokio::test]
async fn a_guest_that_is_sent_back_as_it_is_does_not_change() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let id = house.guest("204", "Amelia Hart").await;
    house.conversation_with(id, "reception").await;
    let path = format!("/guests/{id}/");
    let known = json!({"whatsapp_number": "+44 7700 900123", "language": "en"});
    let whole = ana.patch(&path, known).await.expect(200);
    let mut socket = ana.connect().await;
    let before = logged(&house).await;
    for patch in [
        json!({}),
        whole.clone(),
        json!({"whatsapp_number": "0044 7700-900123"}),
        json!({"name": " Amelia Hart "}),
    ] {
        assert_eq!(ana.patch(&path, patch.clone()).await.expect(200), whole, "{patch}");
        assert_eq!(logged(&house).await, before, "{patch}");
    }
    socket.nothing_more().await;
    for (field, value) in [
        ("id", json!(id + 1)),
        ("room_number", json!("205")),
        ("room_number", Value::Null),
        ("name", Value::Null),
    ] {
        let problem = ana.patch(&path, json!({field: value})).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    // What may be missing is removed by `null`.
    let nobody = json!({"whatsapp_number": null, "language": null});
    let changed = ana.patch(&path, nobody.clone()).await.expect(200);
    assert_eq!((&changed["whatsapp_number"], &changed["language"]), (&Value::Null, &Value::Null));
    assert_eq!(logged(&house).await["detail"], "whatsapp_number,language");
    let before = logged(&house).await;
    ana.patch(&path, nobody).await.expect(200);
    assert_eq!(logged(&house).await, before);
}

#[tokio::test]
async fn a_call_that_changes_nothing_leaves_no_entry_and_causes_no_event() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let (open, closed) =
        (house.conversation_with(guest, "reception").await, house.conversation("reception").await);
    let by_id = |id: i64| json!({"conversation_id": id});
    ana.post("/chat/conversations/close/", by_id(closed)).await.expect(200);
    let gateway = house.gateway("sms", None).await;
    let message = |id: &str| {
        json!({
            "external_id": id, "whatsapp_number": "+447700900123", "name": "Ben Cole", "room_number": "310",
            "department": "housekeeping", "content": "Hi",
        })
    };
    gateway.message(message("a")).await.expect(201);
    ana.post("/rooms/", json!({"number": "999", "floor": "9"})).await.expect(201);
    let stays = ana.get("/stays/?active=true").await.expect(200);
    let leaving = house.guest("205", "Zoe Lind").await;
    let ended = ana.get(&format!("/stays/?guest_id={leaving}")).await.expect(200);
    let checkout = format!("/stays/{}/checkout/", ended["results"][0]["id"]);
    ana.post(&checkout, json!({})).await.expect(200);
    let mut socket = ana.connect().await;
    let before = logged(&house).await;
    let reception = json!({"conversation_id": open, "department": "Reception"});
    for (path, body) in [
        ("/chat/conversations/close/", by_id(closed)),
        ("/chat/conversations/reopen/", by_id(open)),
        ("/chat/conversations/transfer/", reception),
        ("/rooms/", json!({"number": "999", "floor": "9"})),
        ("/rooms/", json!({"number": " 999 "})),
        ("/stays/", json!({"guest_id": guest, "room_number": "204"})),
        ("/stays/", json!({"guest_id": guest, "room_number": " 204"})),
        (checkout.as_str(), json!({})),
    ] {
        let answer = ana.post(path, body.clone()).await;
        assert!(matches!(answer.status, 200 | 201 | 409), "{path} {body}: {}", answer.text);
        assert_eq!(logged(&house).await, before, "{path} {body}");
    }
    assert_eq!(
        ana.get("/stays/?active=true").await.expect(200)["results"].as_array().unwrap().len(),
        stays["results"].as_array().unwrap().len(),
        "no stay began"
    );
    // A gateway repeats what the server has of the guest already.
    gateway.message(message("a")).await.expect(200);
    gateway.message(message("b")).await.expect(201);
    assert_eq!(logged(&house).await, before, "a message");
    for line in [
        &["room", "add", "204"][..],
        &["property", "set", "--name", "Hotel Aurora", "--time-zone", "UTC"],
        &["property", "set", "--retention-days", "0"],
    ] {
        let output = house.cli(line).await;
        assert!(matches!(output.code, Some(0 | 2)), "{output:?}");
        assert_eq!(logged(&house).await, before, "{line:?}");
    }
    socket.command("mark_read", open).await;
    socket.acknowledged("marked_read").await;
    socket.nothing_more().await;
}

#[tokio::test]
async fn a_command_that_changes_nothing_leaves_no_entry() {
    let house = House::start().await;
    house.staff("ana", &["reception"]).await;
    for line in [["staff", "sign-out", "ana"], ["staff", "disable", "ana"]] {
        house.cli(&line).await.object();
        let before = logged(&house).await;
        house.cli(&line).await.object();
        assert_eq!(logged(&house).await, before, "{line:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_changed_or_removed_is_refused() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let path = format!("/staff/{}/", ana.id);
    for (field, value) in [
        ("id", json!(99)),
        ("username", json!("eve")),
        ("user_type", json!("hotel_admin")),
        ("name", Value::Null),
        ("password", Value::Null),
        ("departments", Value::Null),
        ("is_admin", Value::Null),
        ("is_disabled", Value::Null),
        ("is_disabled", json!("no")),
        ("departments", json!(["reception", "Spa"])),
    ] {
        let answer = house.admin.patch(&path, json!({field: value})).await;
        let problem = answer.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

#[tokio::test]
async fn a_department_is_named_by_its_name_too() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let message = |id: &str, department: &str| {
        json!({
            "external_id": id, "whatsapp_number": "+447700900123", "content": "Hi",
            "department": department,
        })
    };
    let written = gateway.message(message("a", "Room Service")).await.expect(201);
    let again = gateway.message(message("b", "room_service")).await.expect(201);
    assert_eq!(again["conversation_id"], written["conversation_id"]);
    let refused = gateway.message(message("c", "Spa")).await.problem(422, "invalid_input");
    assert_eq!(refused["errors"][0]["field"], "department");

    let found = house.admin.list("?department=Room%20Service").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["department"], "room_service");
    let id = &written["conversation_id"];
    let transfer = json!({"conversation_id": id, "department": "HOUSEKEEPING"});
    let moved = house.admin.post("/chat/conversations/transfer/", transfer).await.expect(200);
    assert_eq!(moved["department"], "housekeeping");
    let guest = house.guest("204", "Amelia Hart").await;
    let new = json!({"guest_id": guest, "department": " Restaurant "});
    let created = house.admin.post("/chat/conversations/create/", new).await.expect(201);
    assert_eq!(created["department"], "restaurant");
    let raj = house.staff("raj", &["Room service", "Reception"]).await;
    assert_eq!(account(&house, raj.id).await["departments"], json!(["room_service", "reception"]));
    let line =
        ["staff", "create", "--username", "eva", "--name", "Eva", "--department", "Room Service"];
    house.cli(&line).await.object();
}

#[tokio::test]
async fn a_hotel_is_set_up_in_its_own_time_zone_and_country() {
    for (region, zone, country) in [
        (json!({}), "Asia/Tokyo", json!("JP")),
        (json!({"time_zone": "europe/zurich"}), "Europe/Zurich", json!("CH")),
        (json!({"time_zone": "Europe/Zurich", "country": "li"}), "Europe/Zurich", json!("LI")),
        (json!({"time_zone": "UTC"}), "UTC", Value::Null),
        (json!({"time_zone": null, "country": null}), "Asia/Tokyo", json!("JP")),
    ] {
        let adjust = |config: &mut Config| {
            config.time_zone = TimeZoneName::read("Asia/Tokyo").unwrap();
        };
        let house = House::set_up(adjust, region).await;
        let property = house.admin.get("/property/").await.expect(200);
        assert_eq!((&property["time_zone"], &property["country"]), (&json!(zone), &country));
    }
}

#[tokio::test]
async fn a_hotel_is_not_set_up_in_a_place_that_does_not_exist() {
    let house = House::start().await;
    for (field, value) in [("time_zone", "Mars/Olympus"), ("country", "UK")] {
        let setup = json!({
            "setup_token": "x", "property_name": "Other", "username": "x", "name": "X",
            "password": PASSWORD, field: value,
        });
        let problem = house.anyone.post("/setup/", setup).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn a_body_that_is_compressed_is_refused_by_the_name_of_its_encoding() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    for (client, path) in [
        (&house.admin.client, "/guests/"),
        (&house.anyone, "/auth/login/"),
        (&gateway.client, "/gateway/messages/"),
    ] {
        for encoding in ["gzip", "BR", "identity, zstd"] {
            let call = client.request(reqwest::Method::POST, path).json(&json!({"name": "Jo"}));
            let answer = send(call.header("content-encoding", encoding)).await;
            assert_eq!(answer.header("accept-encoding"), "identity", "{path}");
            let problem = answer.problem(415, "unsupported_media_type");
            let name = encoding.rsplit(' ').next().unwrap().to_lowercase();
            assert!(problem["detail"].as_str().unwrap().contains(&name), "{problem}");
        }
    }
    let call = house.admin.request(reqwest::Method::POST, "/guests/").json(&json!({"name": "Jo"}));
    send(call.header("content-encoding", "identity")).await.expect(201);
}

#[tokio::test]
async fn a_byte_order_mark_before_the_json_is_skipped() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let marked = |body: Value| format!("\u{feff}{body}");
    let message = json!({"external_id": "1", "whatsapp_number": "+447700900123", "content": "Hi"});
    for (client, path, body, status) in [
        (&house.admin.client, "/guests/", json!({"name": "Jo"}), 201),
        (&house.anyone, "/auth/login/", json!({"username": "admin", "password": PASSWORD}), 200),
        (&gateway.client, "/gateway/messages/", message, 201),
    ] {
        let call = client.request(reqwest::Method::POST, path);
        let call = call.header("content-type", "application/json").body(marked(body));
        send(call).await.expect(status);
    }
    let mut socket = house.admin.connect().await;
    let conversation = house.conversation("reception").await;
    socket.frame("new_conversation").await;
    let command = json!({"type": "subscribe_conversation", "conversation_id": conversation});
    socket.send_raw(Message::text(marked(command))).await;
    socket.acknowledged("subscribed").await;
    // One alone is nothing.
    socket.send_raw(Message::text("\u{feff}")).await;
    socket.refused("invalid_json", "Invalid JSON format").await;
    let call = house.admin.request(reqwest::Method::POST, "/guests/");
    let call = call.header("content-type", "application/json").body("\u{feff}\u{feff}{}");
    send(call).await.problem(400, "invalid_json");
}
