//! Contract 2: conversations, their messages, and the guests they are with, over HTTP.

use serde_json::{Value, json};

use crate::common::House;

const CREATE: &str = "/chat/conversations/create/";

#[tokio::test]
async fn lists_go_from_the_newest_activity_page_by_page() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.insert(0, house.conversation("reception").await);
    }
    house.conversation("restaurant").await;
    // A message brings the oldest to the top.
    let oldest = expected.pop().unwrap();
    let mut socket = ana.connect().await;
    socket.send_text(oldest, "Up").await;
    socket.acknowledged("received").await;
    expected.insert(0, oldest);

    for limit in [1, 2, 3, 7, 50] {
        let (mut seen, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let after =
                cursor.as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let path = format!("/chat/conversations/?limit={limit}{after}");
            let page = ana.get(&path).await.expect(200);
            let rows = page["results"].as_array().unwrap();
            assert!(rows.len() <= limit);
            seen.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
            cursor = page["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
            assert_eq!(rows.len(), limit);
        }
        assert_eq!(seen, expected, "{limit}");
    }
}

#[tokio::test]
async fn lists_can_be_narrowed() {
    let house = House::start().await;
    let amelia = house.guest("204", "Amelia Hart").await;
    let zoe = house.guest("1204", "Zoë Núñez 100%").await;
    let number = json!({"whatsapp_number": "+44 7700 900123"});
    house.admin.patch(&format!("/guests/{zoe}/"), number).await.expect(200);
    let one = house.conversation_with(amelia, "reception").await;
    let two = house.conversation_with(zoe, "restaurant").await;
    let three = house.conversation_with(amelia, "restaurant").await;
    let close = json!({"conversation_id": three});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);

    for (query, expected) in [
        ("", vec![two, one]),
        ("?status=active", vec![two, one]),
        ("?status=closed", vec![three]),
        ("?status=all", vec![three, two, one]),
        ("?department=restaurant", vec![two]),
        ("?department=restaurant&status=all", vec![three, two]),
        ("?q=amelia", vec![one]),
        ("?q=AMELIA&status=all", vec![three, one]),
        ("?q=204", vec![one]),
        ("?q=12", vec![two]),
        ("?q=7700", vec![two]),
        ("?q=100%25", vec![two]),
        ("?q=%25%25", vec![]),
        ("?q=_melia", vec![]),
        ("?waiting=true", vec![]),
        (&format!("?guest_id={amelia}"), vec![one]),
        (&format!("?guest_id={amelia}&status=all"), vec![three, one]),
        (&format!("?guest_id={amelia}&status=all&department=restaurant"), vec![three]),
        (&format!("?guest_id={amelia}&status=all&q=zo"), vec![]),
        (&format!("?guest_id={amelia}&waiting=true"), vec![]),
        ("?guest_id=999", vec![]),
        // Longer than any name: no results, and no error.
        (&format!("?q={}", "x".repeat(1_000)), vec![]),
        ("?q=amelia%09hart", vec![one]),
    ] {
        let ids: Vec<_> =
            house.admin.list(query).await.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn names_are_found_in_any_case_and_numbers_however_they_are_written() {
    let house = House::start().await;
    let guest = json!({"name": "Özlem Müller", "whatsapp_number": "+447700900004"});
    let guest = house.admin.post("/guests/", guest).await.expect(201)["id"].as_i64().unwrap();
    let number = json!({"whatsapp_number": "+49 30 1234"});
    let other = house.guest("1", "İpek").await;
    house.admin.patch(&format!("/guests/{other}/"), number).await.expect(200);
    let id = house.conversation_with(guest, "reception").await;
    house.conversation_with(other, "reception").await;
    let gateway = house.gateway("sms", None).await;
    let message = json!({
        "external_id": "1", "guest_ref": "G", "name": "ÉMILE ŻÓŁĆ", "content": "Bonjour",
    });
    let brought = gateway.message(message).await.expect(201)["conversation_id"].as_i64().unwrap();
    for (query, expected) in [
        ("özlem mÜLLER", Some(id)),
        ("ÖZLEM", Some(id)),
        ("émile żółć", Some(brought)),
        ("+44 7700 900004", Some(id)),
        ("0044 (7700) 900-004", Some(id)),
        ("7700/900", Some(id)),
        ("+", None),
        ("-", None),
        ("4477x", None),
    ] {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let list = house.admin.list(&format!("?q={query}")).await;
        let ids: Vec<_> = list.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, Vec::from_iter(expected), "{query}");
        let found = house.admin.get(&format!("/guests/?q={query}")).await.expect(200);
        let found: Vec<_> = found["results"].as_array().unwrap().iter().collect();
        assert_eq!(found.len(), ids.len(), "{query}: {found:?}");
    }
    // A new name is found, the old one is not.
    let name = json!({"name": "Ümit Müller"});
    house.admin.patch(&format!("/guests/{guest}/"), name).await.expect(200);
    assert_eq!(house.admin.list("?q=%C3%9CMIT").await.len(), 1);
    assert_eq!(house.admin.list("?q=%C3%96ZLEM").await.len(), 0);
}

#[tokio::test]
async fn a_list_of_guests_shows_how_they_are_reached_and_what_is_open_with_them() {
    let house = House::start().await;
    let amelia = house.guest("204", "Amelia Hart").await;
    let gateway = house.gateway("Phones", Some("http://127.0.0.1:9/")).await;
    let message = json!({
        "external_id": "1", "guest_ref": "G", "name": "Jo Okafor", "room_number": "118",
        "department": "restaurant", "content": "Is breakfast included?",
    });
    let waiting = gateway.message(message).await.expect(201)["conversation_id"].as_i64().unwrap();
    let reception = house.conversation_with(amelia, "reception").await;
    let restaurant = house.conversation_with(amelia, "restaurant").await;
    let housekeeping = house.conversation_with(amelia, "housekeeping").await;
    let close = json!({"conversation_id": restaurant});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);

    // Also for somebody who is in none of these departments.
    let max = house.staff("max", &["management"]).await;
    let list = max.get("/guests/?q=204").await.expect(200);
    let [guest] = list["results"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&guest["name"], &guest["room_number"]), (&json!("Amelia Hart"), &json!("204")));
    assert_eq!((&guest["reply_via"], &guest["reply_problem"]), (&json!(null), &json!(null)));
    let open = json!([
        {"id": reception, "department": "reception", "waiting_since": null},
        {"id": housekeeping, "department": "housekeeping", "waiting_since": null},
    ]);
    assert_eq!(guest["conversations"], open);

    let list = max.get("/guests/?q=okafor").await.expect(200);
    let guest = &list["results"][0];
    assert_eq!(guest["reply_via"], "Phones");
    assert_eq!(guest["conversations"][0]["id"], waiting);
    assert!(guest["conversations"][0]["waiting_since"].is_string(), "{guest}");
}

#[tokio::test]
async fn message_pages_go_both_ways() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        socket.send_text(conversation, &format!("{number}")).await;
        let frame = socket.acknowledged("received").await;
        ids.push(frame["message_id"].as_i64().unwrap());
        socket.updated("new_message").await;
    }
    let path = format!("/chat/conversations/{conversation}/messages/");
    let page = async |query: &str| {
        let page = ana.get(&format!("{path}{query}")).await.expect(200);
        let rows = page["results"].as_array().unwrap().iter();
        let seen: Vec<_> = rows.map(|row| row["id"].as_i64().unwrap()).collect();
        assert!(page["epoch"].is_string() && page["seq"].is_i64(), "{page}");
        (seen, page["has_more"].as_bool().unwrap())
    };
    assert_eq!(page("").await, (ids[10..].to_vec(), true));
    assert_eq!(page("?limit=200").await, (ids.clone(), false));
    assert_eq!(page("?limit=60").await, (ids.clone(), false));
    let (tenth, last) = (ids[10], ids[59]);
    assert_eq!(page(&format!("?before={tenth}")).await, (ids[..10].to_vec(), false));
    assert_eq!(page(&format!("?before={tenth}&limit=4")).await, (ids[6..10].to_vec(), true));
    assert_eq!(page(&format!("?after={tenth}&limit=4")).await, (ids[11..15].to_vec(), true));
    assert_eq!(page(&format!("?after={}&limit=4", ids[55])).await, (ids[56..].to_vec(), false));
    assert_eq!(page(&format!("?after={last}")).await, (vec![], false));
    assert_eq!(page("?after=0&limit=2").await, (ids[..2].to_vec(), true));
    // A row is the data of its frame.
    socket.subscribe(conversation).await;
    socket.send_text(conversation, "Same").await;
    socket.acknowledged("received").await;
    let frame = socket.frame("message").await;
    let newest = ana.get(&format!("{path}?limit=1")).await.expect(200);
    assert_eq!(newest["results"][0], frame["data"]);
    assert_eq!(newest["seq"], frame["seq"]);
}

#[tokio::test]
async fn a_conversation_is_started_with_whoever_is_named() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let number = json!({"whatsapp_number": "+44 7700 900123", "language": "en"});
    house.admin.patch(&format!("/guests/{guest}/"), number).await.expect(200);
    // Any department of the property, also one that the person is not in.
    for (who, department) in [
        (json!({"guest_id": guest}), "reception"),
        (json!({"guest_whatsapp_number": "0044 7700-900123"}), "restaurant"),
        (json!({"room_number": "204"}), "housekeeping"),
    ] {
        let mut body = who.clone();
        body["department"] = json!(department);
        body["conversation_type"] = json!("request");
        let made = ana.post(CREATE, body.clone()).await.expect(201);
        assert_eq!(made["guest_info"]["id"], guest);
        assert_eq!(made["guest_info"]["name"], "Amelia Hart");
        assert_eq!(made["guest_info"]["room_number"], "204");
        assert_eq!(made["guest_info"]["language"], "en");
        assert_eq!(made["department"], department);
        assert_eq!(made["conversation_type"], "request");
        assert_eq!(made["status"], "active");
        assert_eq!(made["last_message_preview"], "");
        for member in ["last_message_at", "waiting_since", "closed_at"] {
            assert!(made[member].is_null(), "{member}: {made}");
        }
        let problem = ana.post(CREATE, body).await.problem(409, "conversation_exists");
        assert_eq!(problem["conversation_id"], made["id"]);
    }
    // Two in a room: which one?
    house.guest("204", "Bruno Hart").await;
    let body = json!({"room_number": "204", "department": "management"});
    ana.post(CREATE, body).await.problem(409, "several_guests");
    for who in [
        json!({"guest_id": 777}),
        json!({"guest_whatsapp_number": "+1 555"}),
        json!({"room_number": "999"}),
    ] {
        let mut body = who;
        body["department"] = json!("reception");
        ana.post(CREATE, body).await.problem(404, "guest_not_found");
    }
}

#[tokio::test]
async fn whoever_repeats_a_start_reads_no_further_than_they_may() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let body = json!({
        "guest_id": guest, "department": "restaurant", "client_id": "once", "content": "A table?",
    });
    let made = ana.post(CREATE, body.clone()).await.expect(201);
    let id = made["id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    socket.send_text(id, "The card ends in 1111").await;
    socket.acknowledged("received").await;
    ana.get(&format!("/chat/conversations/{id}/")).await.problem(403, "access_denied");
    let again = ana.post(CREATE, body.clone()).await.expect(200);
    for member in ["id", "guest_info", "department", "conversation_type", "status", "created_at"] {
        assert_eq!(again[member], made[member], "{member}");
    }
    assert_eq!((&again["last_message_preview"], &again["unread_count"]), (&json!(""), &json!(0)));
    for member in ["last_message_at", "waiting_since", "closed_at"] {
        assert!(again[member].is_null(), "{member}: {again}");
    }
    assert_eq!(again["updated_at"], made["created_at"]);
    // In the department they see it whole.
    let path = format!("/staff/{}/", ana.id);
    let both = json!({"departments": ["reception", "restaurant"]});
    house.admin.patch(&path, both).await.expect(200);
    let again = ana.post(CREATE, body).await.expect(200);
    assert_eq!(again["last_message_preview"], "The card ends in 1111");
}

#[tokio::test]
async fn one_active_conversation_per_guest_and_department_whatever_is_done() {
    let house = House::start().await;
    let guest = house.guest("204", "Amelia Hart").await;
    let first = house.conversation_with(guest, "reception").await;
    let body = json!({"conversation_id": first});
    house.admin.post("/chat/conversations/close/", body.clone()).await.expect(200);
    let second = house.conversation_with(guest, "reception").await;
    // The old one cannot come back, nor can another come in.
    let answer = house.admin.post("/chat/conversations/reopen/", body.clone()).await;
    assert_eq!(answer.problem(409, "conversation_exists")["conversation_id"], second);
    let third = house.conversation_with(guest, "restaurant").await;
    let transfer = json!({"conversation_id": third, "department": "reception"});
    let answer = house.admin.post("/chat/conversations/transfer/", transfer.clone()).await;
    assert_eq!(answer.problem(409, "conversation_exists")["conversation_id"], second);
    assert_eq!(house.admin.conversation(third).await["department"], "restaurant");

    let close = json!({"conversation_id": second});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);
    let reopened = house.admin.post("/chat/conversations/reopen/", body).await.expect(200);
    assert_eq!(reopened["status"], "active");
    assert!(reopened["closed_at"].is_null());
    let answer = house.admin.post("/chat/conversations/transfer/", transfer).await;
    assert_eq!(answer.problem(409, "conversation_exists")["conversation_id"], first);
    let nowhere = json!({"conversation_id": third, "department": "nowhere"});
    let answer = house.admin.post("/chat/conversations/transfer/", nowhere).await;
    answer.problem(422, "invalid_input");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_start_a_conversation_at_once_one_does() {
    let house = House::start().await;
    let guest = house.guest("204", "Amelia Hart").await;
    let body = json!({"guest_id": guest, "department": "reception"});
    let calls = (0..12).map(|_| house.admin.post(CREATE, body.clone()));
    let answers = futures_util::future::join_all(calls).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    for answer in &answers {
        if answer.status != 201 {
            let problem = answer.clone().problem(409, "conversation_exists");
            assert_eq!(problem["conversation_id"], made[0].body["id"]);
        }
    }
}

#[tokio::test]
async fn guests_rooms_and_stays() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest =
        json!({"name": " Amelia Hart ", "whatsapp_number": "+44 7700 900123", "language": "en"});
    let guest = ana.post("/guests/", guest).await.expect(201);
    assert_eq!(guest["name"], "Amelia Hart");
    assert_eq!(guest["whatsapp_number"], "+447700900123");
    assert!(guest["room_number"].is_null());
    let taken = json!({"name": "Other", "whatsapp_number": "0044 7700900123"});
    ana.post("/guests/", taken).await.problem(409, "number_taken");
    ana.post("/guests/", json!({"name": " "})).await.problem(422, "invalid_input");
    // No library decides which numbers there are.
    let odd = json!({"name": "Odd", "whatsapp_number": "+999 0"});
    ana.post("/guests/", odd).await.expect(201);
    let path = format!("/guests/{}/", guest["id"]);
    let changed = ana.patch(&path, json!({"name": "Amelia Stone"})).await.expect(200);
    assert_eq!(changed["whatsapp_number"], "+447700900123");
    assert_eq!(ana.get(&path).await.expect(200), changed);
    let found = ana.get("/guests/?q=stone").await.expect(200);
    assert_eq!(found["results"].as_array().unwrap().len(), 1);
    assert_eq!(found["results"][0]["id"], changed["id"]);

    let added = ana.post("/rooms/", json!({"number": "204", "floor": "2"})).await.expect(201);
    assert_eq!((&added["number"], &added["floor"]), (&json!("204"), &json!("2")));
    // What is there is shown as it is, and nothing was changed about it.
    let entries = house.cli(&["audit", "list"]).await.objects().len();
    for again in [json!({"number": "204"}), json!({"number": " 204 ", "floor": "2"})] {
        assert_eq!(ana.post("/rooms/", again).await.expect(200), added);
    }
    assert_eq!(house.cli(&["audit", "list"]).await.objects().len(), entries);
    let moved = ana.post("/rooms/", json!({"number": "204", "floor": "3"})).await.expect(200);
    assert_eq!((&moved["id"], &moved["floor"]), (&added["id"], &json!("3")));
    assert_eq!(house.cli(&["audit", "list"]).await.objects().len(), entries + 1);
    let stay = json!({"guest_id": guest["id"], "room_number": "204"});
    let stay = ana.post("/stays/", stay).await.expect(201);
    assert_eq!(ana.get(&path).await.expect(200)["room_number"], "204");
    // A guest who moves stays in one room; an unknown room is added.
    let moved = json!({"guest_id": guest["id"], "room_number": "305"});
    let moved = ana.post("/stays/", moved).await.expect(201);
    assert_eq!(ana.get(&path).await.expect(200)["room_number"], "305");
    let rooms = ana.get("/rooms/").await.expect(200);
    assert_eq!(rooms["results"].as_array().unwrap().len(), 2);
    let active = ana.get("/stays/?active=true").await.expect(200);
    assert_eq!(active["results"].as_array().unwrap().len(), 1);
    assert_eq!(active["results"][0]["id"], moved["id"]);
    for _ in 0..2 {
        let out =
            ana.post(&format!("/stays/{}/checkout/", moved["id"]), json!({})).await.expect(200);
        assert!(out["checked_out_at"].is_string(), "{out}");
    }
    assert!(ana.get(&path).await.expect(200)["room_number"].is_null());
    let all = ana.get("/stays/").await.expect(200);
    let ids: Vec<_> = all["results"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&moved["id"], &stay["id"]]);
}

#[tokio::test]
async fn frames_show_the_room_of_now() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let conversation = house.conversation_with(guest, "reception").await;
    let mut socket = ana.connect().await;
    socket.subscribe(conversation).await;
    let mut room = async || {
        socket.send_text(conversation, "Hello").await;
        // That the guest changed was told before it.
        let mut frames = socket.everything().await;
        frames.retain(|frame| frame["type"] == "message");
        frames[0]["data"]["guest_info"].clone()
    };
    assert_eq!(room().await, json!({"id": guest, "name": "Amelia Hart", "room_number": "204"}));
    let stay = json!({"guest_id": guest, "room_number": "305"});
    let stay = house.admin.post("/stays/", stay).await.expect(201);
    let rename = json!({"name": "Amelia Stone"});
    house.admin.patch(&format!("/guests/{guest}/"), rename).await.expect(200);
    assert_eq!(room().await, json!({"id": guest, "name": "Amelia Stone", "room_number": "305"}));
    let path = format!("/stays/{}/checkout/", stay["id"]);
    house.admin.post(&path, json!({})).await.expect(200);
    assert_eq!(room().await, json!({"id": guest, "name": "Amelia Stone", "room_number": null}));
}

#[tokio::test]
async fn an_admin_reads_every_conversation_and_others_their_departments() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let boss = json!({"username": "max", "user_type": "hotel_admin"});
    let boss = house.account(boss).await;
    let (here, there) =
        (house.conversation("reception").await, house.conversation("restaurant").await);
    assert_eq!(ana.list("").await.len(), 1);
    assert_eq!(boss.list("").await.len(), 2);
    boss.get(&format!("/chat/conversations/{there}/messages/")).await.expect(200);
    ana.get(&format!("/chat/conversations/{here}/messages/")).await.expect(200);
}
