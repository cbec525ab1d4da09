//! Who a guest is and which room: whatever people and programs write, one is one.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::common::{House, house::PASSWORD};

async fn guests(house: &House, query: &str) -> Vec<Value> {
    let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let found = house.admin.get(&format!("/guests/?q={query}")).await.expect(200);
    found["results"].as_array().unwrap().clone()
}

async fn database(data_dir: &std::path::Path) -> SqliteConnection {
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Changes the database file of a server directly.
pub async fn execute(data_dir: &std::path::Path, sql: &str) {
    let mut database = database(data_dir).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

/// Ways in which one number is written.
const SPELLINGS: [&str; 8] = [
    "\u{202a}+44 (0)7700 900302\u{202c}",
    "tel:+44-7700-900302",
    "447700900302:12@s.whatsapp.net",
    "+٤٤ ٧٧٠٠ ٩٠٠٣٠٢",
    "＋４４　７７００　９００３０２",
    "0044 7700 900302",
    "447700900302",
    "+44 07700 900302",
];

#[tokio::test]
async fn a_guest_is_one_guest_however_the_number_is_written() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let body = json!({"name": "Amelia Hart", "whatsapp_number": "+447700900302"});
    let amelia = house.admin.post("/guests/", body).await.expect(201)["id"].clone();
    let mut conversations = Vec::new();
    for (number, spelling) in SPELLINGS.iter().enumerate() {
        let body = json!({
            "external_id": format!("g{number}"), "whatsapp_number": spelling, "content": "Hello",
        });
        let stored = gateway.message(body).await;
        let stored = stored.body;
        conversations.push(stored["conversation_id"].clone());
        // Staff who give this number to somebody else are told, whichever way they write it.
        let other = json!({"name": "Ben", "whatsapp_number": spelling});
        house.admin.post("/guests/", other).await.problem(409, "number_taken");
        let found = guests(&house, spelling).await;
        assert_eq!(found.len(), 1, "{spelling}");
        assert_eq!(found[0]["id"], amelia, "{spelling}");
        let body = json!({"guest_whatsapp_number": spelling, "department": "reception"});
        let exists = house.admin.post("/chat/conversations/create/", body).await;
        assert_eq!(exists.problem(409, "conversation_exists")["conversation_id"], conversations[0]);
        let room = format!("20{number}");
        let line =
            ["guest", "check-in", "--name", "Amelia Hart", "--room", &room, "--whatsapp", spelling];
        assert_eq!(house.cli(&line).await.object()["guest_id"], amelia, "{spelling}");
        house.cli(&["guest", "check-out", "--whatsapp", spelling]).await.object();
    }
    conversations.dedup();
    assert_eq!(conversations.len(), 1);
}

#[tokio::test]
async fn a_number_without_a_country_code_is_read_in_the_propertys_country() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let national = "07700 900302";
    let body = json!({"name": "Amelia Hart", "whatsapp_number": national});
    house.admin.post("/guests/", body.clone()).await.problem(422, "invalid_input");
    house.admin.patch("/property/", json!({"country": "GB"})).await.expect(200);
    let amelia = house.admin.post("/guests/", body).await.expect(201);
    assert_eq!(amelia["whatsapp_number"], "+447700900302");
    gateway.writes("1", national, "Hello").await;
    let found = guests(&house, national).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], amelia["id"]);
    let line =
        ["guest", "check-in", "--name", "Amelia Hart", "--room", "1", "--whatsapp", national];
    assert_eq!(house.cli(&line).await.object()["guest_id"], amelia["id"]);
    let body = json!({"guest_whatsapp_number": national, "department": "restaurant"});
    let made = house.admin.post("/chat/conversations/create/", body).await.expect(201);
    assert_eq!(made["guest_info"]["id"], amelia["id"]);
}

#[tokio::test]
async fn leftover_characters_of_a_number_are_reported_to_staff_and_kept_for_gateways() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    for (number, (given, reason)) in [
        ("+44 7700 900306 ext. 12", "“ext. 12”"),
        ("+44 7700 900306 / +44 7700 900307", "“/ +44 7700 900307”"),
        ("+44 77OO 900306", "“OO”"),
        ("12345678901234@lid", "“@lid”"),
        ("00 0123 45678", "an existing country code"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"name": "Amelia", "whatsapp_number": given});
        let problem = house.admin.post("/guests/", body).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "whatsapp_number");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
        let body = json!({"guest_whatsapp_number": given, "department": "reception"});
        let problem = house.admin.post("/chat/conversations/create/", body).await;
        let problem = problem.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "guest_whatsapp_number");
        let line = ["guest", "check-in", "--name", "A", "--room", "1", "--whatsapp", given];
        let failure = house.cli(&line).await;
        assert!(failure.failure(1).contains(reason), "{failure:?}");
        // Twice: the second message is the same guest's.
        let mut ids = Vec::new();
        for again in 0..2 {
            let body = json!({
                "external_id": format!("{number}-{again}"), "whatsapp_number": given,
                "content": "Hello",
            });
            ids.push(gateway.message(body).await.expect(201)["conversation_id"].as_i64().unwrap());
        }
        assert_eq!(ids[0], ids[1], "{given}");
        let guest = &house.admin.conversation(ids[0]).await["guest_info"];
        assert_eq!(guest["name"], given);
        assert!(guest["whatsapp_number"].is_null(), "{guest}");
    }
}

#[tokio::test]
async fn a_room_is_one_room_however_it_is_written() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    for (first, others) in [
        ("12B", ["12b", "１２Ｂ", " 12\u{200b}B "]),
        ("Suite  1", ["suite 1", "SUITE\u{a0}1", "Ｓuite  １"]),
    ] {
        let room = house.admin.post("/rooms/", json!({"number": first})).await.expect(201);
        for (at, other) in others.into_iter().enumerate() {
            let again = house.admin.post("/rooms/", json!({"number": other})).await.expect(200);
            assert_eq!(again, room, "{other:?}");
            let added = house.cli(&["room", "add", other]).await.object();
            assert_eq!(added["id"], room["id"], "{other:?}");
            // Every way in finds it: three guests are in one room.
            let name = format!("Guest {at}");
            if at == 0 {
                house.guest(other, &name).await;
            } else if at == 1 {
                let line = ["guest", "check-in", "--name", &name, "--room", other];
                assert_eq!(house.cli(&line).await.object()["room_number"], first);
            } else {
                let body = json!({
                    "external_id": first, "guest_ref": first, "name": name, "room_number": other,
                    "content": "Hello",
                });
                gateway.message(body).await.expect(201);
            }
            let body = json!({"room_number": other, "department": "restaurant"});
            let answer = house.admin.post("/chat/conversations/create/", body).await;
            if at == 0 {
                let made = answer.expect(201);
                assert_eq!(made["guest_info"]["room_number"], first);
                let close = json!({"conversation_id": made["id"]});
                house.admin.post("/chat/conversations/close/", close).await.expect(200);
            } else {
                answer.problem(409, "several_guests");
            }
        }
        let rooms = house.admin.get("/rooms/").await.expect(200);
        let rooms = rooms["results"].as_array().unwrap().iter();
        assert_eq!(rooms.filter(|row| row["id"] == room["id"]).count(), 1);
        let key = first.split_whitespace().next().unwrap().to_lowercase();
        assert_eq!(guests(&house, &key).await.len(), 3, "{first}");
    }
    assert_eq!(
        house.admin.get("/rooms/").await.expect(200)["results"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn a_gateway_that_spells_a_room_differently_does_not_move_the_guest() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    for (id, room) in [("1", "12B"), ("2", "12b"), ("3", "１２ｂ")] {
        let body = json!({
            "external_id": id, "guest_ref": "a", "room_number": room, "content": "Hello",
        });
        gateway.message(body).await.expect(201);
    }
    let stays = house.admin.get("/stays/").await.expect(200);
    assert_eq!(stays["results"].as_array().unwrap().len(), 1, "{stays}");
    assert_eq!(stays["results"][0]["room_number"], "12B");
}

#[tokio::test]
async fn a_repeated_request_for_a_conversation_is_one_however_the_room_is_written() {
    let house = House::start().await;
    house.guest("12B", "Amelia Hart").await;
    let start = async |room: &str| {
        let body = json!({"room_number": room, "department": "restaurant", "client_id": "c-1"});
        house.admin.post("/chat/conversations/create/", body).await
    };
    let made = start("12B").await.expect(201);
    for spelling in ["12B", "12b", "１２Ｂ"] {
        assert_eq!(start(spelling).await.expect(200)["id"], made["id"], "{spelling}");
    }
}

#[tokio::test]
async fn a_gateways_message_that_changes_nothing_about_the_guest_leaves_no_entry() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let message = |id: &str, name: &str, room: &str| {
        json!({
            "external_id": id, "whatsapp_number": "+44 7700 900123", "name": name, "room_number": room,
            "content": "Hello",
        })
    };
    let entries = async || {
        let log = house.admin.get("/audit/?subject=guest").await.expect(200);
        log["results"].as_array().unwrap().len()
    };
    gateway.message(message("1", "Amelia Hart", "12B")).await.expect(201);
    let before = entries().await;
    // Who stays is called what the house calls them; a room in another spelling is the same room.
    for (id, name, room) in
        [("2", "Benny", "12B"), ("3", "Amelia Hart", "12b"), ("4", "+447700900123", "１２Ｂ")]
    {
        gateway.message(message(id, name, room)).await.expect(201);
        assert_eq!(entries().await, before, "{name} {room}");
    }
}

#[tokio::test]
async fn a_text_without_a_visible_character_is_refused_as_name_room_and_message() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let conversation = house.conversation("reception").await;
    let mut socket = house.admin.connect().await;
    let staff = |username: &str, name: &str| json!({"username": username, "name": name, "password": PASSWORD, "departments": ["reception"]});
    for (number, nothing) in
        ["\u{200b}", "\u{3164}", "\u{2800}", "\u{ad}", "\u{fe0f}", "\u{301}", "\u{2066}\u{2069}"]
            .into_iter()
            .enumerate()
    {
        for (path, body, field) in [
            ("/guests/", json!({"name": nothing}), "name"),
            ("/rooms/", json!({"number": nothing}), "number"),
            ("/departments/", json!({"name": nothing}), "name"),
            ("/staff/", staff("ben", nothing), "name"),
            ("/staff/", staff(nothing, "Ben"), "username"),
            ("/stays/", json!({"guest_id": 1, "room_number": nothing}), "room_number"),
        ] {
            let problem = house.admin.post(path, body).await.problem(422, "invalid_input");
            assert_eq!(problem["errors"][0]["field"], field, "{path} {}", nothing.escape_unicode());
        }
        house.cli(&["guest", "check-in", "--name", nothing, "--room", "1"]).await.failure(2);
        house.cli(&["room", "add", nothing]).await.failure(2);
        house.cli(&["property", "create", "--name", nothing]).await.failure(2);
        house.cli(&["gateway", "create", "--name", nothing]).await.failure(2);
        socket.send_text(conversation, nothing).await;
        assert_eq!(socket.frame("error").await["code"], "empty_content");
        let body = json!({"guest_id": 1, "department": "restaurant", "content": nothing});
        let problem = house.admin.post("/chat/conversations/create/", body).await;
        assert_eq!(problem.problem(422, "invalid_input")["errors"][0]["field"], "content");
        let message = |content: &str| {
            json!({
                "external_id": format!("{number}"), "whatsapp_number": format!("+4477009001{number}0"),
                "name": nothing, "room_number": nothing, "content": content,
            })
        };
        let problem = gateway.message(message(nothing)).await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "content");
        assert_eq!(problem["errors"][0]["message"], "Message content cannot be empty");
        let stored = gateway.message(message("Hello")).await.expect(201);
        let shown = house.admin.conversation(stored["conversation_id"].as_i64().unwrap()).await;
        assert_eq!(shown["guest_info"]["name"], format!("+4477009001{number}0"));
        assert!(shown["guest_info"]["room_number"].is_null());
        socket.everything().await;
    }
}

#[tokio::test]
async fn a_number_passes_to_another_person_only_when_staff_confirm_it() {
    let house = House::start().await;
    let gateway = house.gateway("sms", Some("http://127.0.0.1:9/")).await;
    let number = "+44 7700 900123";
    let body = json!({
        "external_id": "1", "whatsapp_number": number, "name": "Amelia Hart", "room_number": "204",
        "content": "Good night",
    });
    let old = gateway.message(body).await.expect(201)["conversation_id"].as_i64().unwrap();
    let amelia = house.admin.conversation(old).await["guest_info"]["id"].clone();
    let mut socket = house.admin.connect().await;
    socket.send_text(old, "Still waiting for the gateway").await;
    socket.acknowledged("received").await;
    // The same person, written alike, is not asked about.
    let stay = json!({"name": "amelia hart", "whatsapp_number": number, "room_number": "205"});
    assert_eq!(house.admin.post("/stays/", stay).await.expect(201)["guest_id"], amelia);
    house.cli(&["guest", "check-out", "--whatsapp", number]).await.object();

    let ben = json!({"name": "Ben Cole", "whatsapp_number": number});
    let mut arriving = ben.clone();
    arriving["room_number"] = json!("204");
    for (path, body) in [("/guests/", &ben), ("/stays/", &arriving)] {
        let taken = house.admin.post(path, body.clone()).await.problem(409, "number_taken");
        assert_eq!(taken["guest_id"], amelia, "{path}");
    }
    let line = ["guest", "check-in", "--name", "Ben Cole", "--room", "204", "--whatsapp", number];
    let asked = house.cli(&line).await;
    let asked = asked.failure(1);
    assert!(asked.contains("--same-guest") && asked.contains("--new-guest"), "{asked}");
    // Somebody else's id does not take it over.
    arriving["number_from"] = json!(amelia.as_i64().unwrap() + 1_000);
    house.admin.post("/stays/", arriving.clone()).await.problem(409, "number_taken");
    arriving["number_from"] = amelia.clone();
    let stay = house.admin.post("/stays/", arriving).await.expect(201);
    let ben = stay["guest_id"].clone();
    assert_ne!(ben, amelia);
    let guest = async |id: &Value| house.admin.get(&format!("/guests/{id}/")).await.expect(200);
    assert_eq!(guest(&ben).await["whatsapp_number"], "+447700900123");
    let former = guest(&amelia).await;
    assert_eq!(
        (&former["name"], &former["whatsapp_number"]),
        (&json!("Amelia Hart"), &Value::Null)
    );
    assert_eq!(house.admin.conversation(old).await["guest_info"]["name"], "Amelia Hart");
    let mut database = database(house.data_dir()).await;
    let waiting: i64 = sqlx::query_scalar("select count(*) from delivery where state = 'stored'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(waiting, 0, "what was written to the former owner must not reach the new one");
    database.close().await.unwrap();

    // A gateway's message is the present owner's, who keeps the name while staying.
    let message = |external_id: &str, name: &str| json!({"external_id": external_id, "whatsapp_number": number, "name": name, "content": "Hello"});
    let new = gateway.message(message("2", "Benny")).await.expect(201);
    assert_ne!(new["conversation_id"], old);
    assert_eq!(guest(&ben).await["name"], "Ben Cole");
    house.cli(&["guest", "check-out", "--whatsapp", number]).await.object();
    gateway.message(message("3", "Benny")).await.expect(201);
    assert_eq!(guest(&ben).await["name"], "Benny");

    // On the command line, and by changing a guest.
    let mut same = line.to_vec();
    same.push("--same-guest");
    assert_eq!(house.cli(&same).await.object()["guest_id"], ben);
    assert_eq!(guest(&ben).await["name"], "Ben Cole");
    let mut new = line.to_vec();
    new[3] = "Cara Dean";
    new.push("--new-guest");
    let cara = house.cli(&new).await.object()["guest_id"].clone();
    assert!(cara != ben && cara != amelia);
    let path = format!("/guests/{amelia}/");
    let wanted = json!({"whatsapp_number": number});
    let taken = house.admin.patch(&path, wanted).await.problem(409, "number_taken");
    assert_eq!(taken["guest_id"], cara);
    let wanted = json!({"whatsapp_number": number, "number_from": cara});
    let back = house.admin.patch(&path, wanted).await.expect(200);
    assert_eq!(back["whatsapp_number"], "+447700900123");
    assert!(guest(&cara).await["whatsapp_number"].is_null());
}
