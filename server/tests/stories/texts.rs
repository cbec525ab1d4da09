//! The rules for names, rooms and numbers are the same at every input path, and errors explain them.

use serde_json::{Value, json};

use crate::common::{Client, House, Program, house::PASSWORD};

/// The names of the wrong members; each has an error text for people.
fn wrong(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    for error in errors {
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(' ') && !message.contains(['^', '\\']), "{problem}");
    }
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_name_that_says_nothing_is_refused_by_name() {
    let house = House::start().await;
    let admin = &house.admin;
    let staff = |username: &str, name: &str| json!({"username": username, "name": name, "password": PASSWORD, "departments": ["reception"]});
    for (path, body, expected) in [
        ("/staff/", staff(" ", "\u{a0}"), &["name", "username"] as &[&str]),
        ("/staff/", staff("ana silva", "Ana\nSilva"), &["name", "username"]),
        ("/departments/", json!({"name": "  "}), &["name"]),
        ("/guests/", json!({"name": "   "}), &["name"]),
        ("/guests/", json!({"name": "a\nb\u{7}"}), &["name"]),
        ("/guests/", json!({"name": "a".repeat(201)}), &["name"]),
        ("/guests/", json!({"name": "A", "whatsapp_number": "none"}), &["whatsapp_number"]),
        ("/guests/", json!({"name": "A", "whatsapp_number": "07700 900123"}), &["whatsapp_number"]),
        ("/rooms/", json!({"number": " "}), &["number"]),
        ("/rooms/", json!({"number": "a\tb", "floor": "1\t2"}), &["floor", "number"]),
        ("/stays/", json!({"guest_id": 1, "room_number": "  "}), &["room_number"]),
    ] {
        let problem = admin.post(path, body.clone()).await.problem(422, "invalid_input");
        assert_eq!(wrong(&problem), expected, "{path} {body}");
    }
    let path = format!("/staff/{}/", admin.id);
    let problem = admin.patch(&path, json!({"name": "   "})).await.problem(422, "invalid_input");
    assert_eq!(wrong(&problem), ["name"]);
    // What is around a text is not part of it, and what may be missing may be blank.
    house.account(json!({"username": "ben", "departments": ["reception"]})).await;
    house.try_sign_in(" ben ", PASSWORD).await.expect(200);
    let room = admin.post("/rooms/", json!({"number": " 7 ", "floor": " "})).await.expect(201);
    assert_eq!((&room["number"], &room["floor"]), (&json!("7"), &Value::Null));
}

#[tokio::test]
async fn the_command_line_refuses_and_takes_what_http_does() {
    let house = House::start().await;
    let room = "x".repeat(30);
    house.admin.post("/rooms/", json!({"number": room})).await.expect(201);
    let rooms = house.cli(&["room", "add", &room]).await.object();
    assert_eq!(rooms["number"], room.as_str());
    for line in [
        &["room", "add", "a\tb"] as &[&str],
        &["room", "add", &"x".repeat(41)],
        &["guest", "check-in", "--name", "a\nb\u{7}", "--room", "1"],
        &["guest", "check-in", "--name", " ", "--room", "1"],
        &["property", "create", "--name", " "],
    ] {
        house.cli(line).await.failure(2);
    }
    let line = ["guest", "check-in", "--name", "A", "--room", "1", "--whatsapp", "07700 900123"];
    assert!(house.cli(&line).await.failure(1).contains("must include the country code"));
}

#[tokio::test]
async fn no_message_of_a_guest_is_lost_for_how_a_gateway_writes() {
    let house = House::start().await;
    let gateway = house.gateway("pms", None).await;
    for (number, (name, shown), (room, in_room)) in [
        ("+44 (0)7700 900123", ("Amelia\nHart", "Amelia Hart"), ("2\u{7}04", json!("2 04"))),
        (
            "07700 900124",
            (&"ü".repeat(300), &"ü".repeat(200)),
            (&"9".repeat(60), json!("9".repeat(40))),
        ),
        ("0000", (" \t", "0000"), ("\n", Value::Null)),
        (&"7".repeat(200), ("A", "A"), ("", Value::Null)),
    ] {
        let body = json!({
            "external_id": number, "whatsapp_number": number, "name": name, "room_number": room,
            "content": "Hello",
        });
        let stored = gateway.message(body).await.expect(201);
        let conversation = stored["conversation_id"].as_i64().unwrap();
        let guest = &house.admin.conversation(conversation).await["guest_info"];
        assert_eq!(guest["name"], shown);
        assert_eq!(guest["room_number"], in_room);
    }
    // The country's own way of writing it is the same guest.
    let guests = house.admin.get("/guests/?q=447700900123").await.expect(200);
    assert_eq!(guests["results"][0]["name"], "Amelia Hart");
}

#[tokio::test]
async fn of_several_who_set_a_server_up_at_once_one_does_and_the_others_hear_so() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let server = Program::serve(&data_dir, &[]).await;
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    let token = log.split_whitespace().find(|word| word.len() == 43).unwrap().to_owned();
    let address = std::sync::RwLock::new(server.address.clone());
    let anyone = Client::new(std::sync::Arc::new(address));
    let setup = |property: &str, username: &str| {
        json!({
            "setup_token": token, "property_name": property, "username": username, "name": "Ana",
            "password": PASSWORD,
        })
    };
    let problem = anyone.post("/setup/", setup(" ", "ana")).await.problem(422, "invalid_input");
    assert_eq!(wrong(&problem), ["property_name"]);
    let calls = (0..3).map(|_| anyone.post("/setup/", setup("Hotel Aurora", "ana")));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "already_set_up");
    }
    server.kill().await;
}
