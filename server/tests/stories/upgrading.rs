//! A database from before rooms, usernames and numbers were compared by folded keys stays complete.

use std::{
    path::Path,
    sync::{Arc, RwLock},
};

use serde_json::{Value, json};

use crate::{
    common::{Client, Program, house::PASSWORD, program},
    identity::execute,
};

/// Of the gateway in the fixture.
const KEY: &str = "fdgk_2RsMH9RKxVMGZ8G0cy592sYXX-3EG0NEFAxM4ijGoDs";

struct Upgraded {
    anyone: Client,
    server: Program,
    folder: tempfile::TempDir,
}

impl Upgraded {
    async fn start() -> Self {
        Self::start_after("").await
    }

    /// Brings the database up to date after it was changed in the older version.
    async fn start_after(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/unreleased-2026-11.db");
        std::fs::copy(fixture, data_dir.join("frontdesk.db")).unwrap();
        execute(&data_dir, sql).await;
        let server = Program::serve(&data_dir, &[]).await;
        let anyone = Client::new(Arc::new(RwLock::new(server.address.clone())));
        Self { anyone, server, folder }
    }

    async fn sign_in(&self, username: &str) -> Client {
        let body = json!({"username": username, "password": PASSWORD});
        let signed_in = self.anyone.post("/auth/login/", body).await.expect(200);
        self.anyone.with_token(signed_in["token"].as_str().unwrap())
    }

    async fn end(self) {
        self.server.kill().await;
        drop(self.folder);
    }
}

async fn guest_of(client: &Client, conversation: i64) -> Value {
    client.get(&format!("/chat/conversations/{conversation}/")).await.expect(200)["guest_info"]
        .clone()
}

#[tokio::test]
async fn accounts_that_share_a_username_sign_in_with_exactly_their_own() {
    let upgraded = Upgraded::start().await;
    let ana = upgraded.sign_in("ANA").await;
    let mut ids = Vec::new();
    for username in ["Ünal", "ünal"] {
        let me = upgraded.sign_in(username).await.get("/auth/me/").await.expect(200);
        assert_eq!(me["username"], username);
        ids.push(me["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    for other in ["ÜNAL", "U\u{308}nal", "u\u{308}nal"] {
        let body = json!({"username": other, "password": PASSWORD});
        upgraded.anyone.post("/auth/login/", body).await.problem(401, "invalid_credentials");
    }
    let body = json!({"username": "ÜNAL", "name": "Ü", "password": PASSWORD, "departments": ["reception"]});
    ana.post("/staff/", body).await.problem(409, "username_taken");
    let people = ana.get("/staff/").await.expect(200);
    for person in people["results"].as_array().unwrap() {
        assert_eq!(person["shares_username"], person["username"] != "ana", "{person}");
    }
    upgraded.end().await;
}

#[tokio::test]
async fn an_account_whose_name_shows_nothing_is_called_by_its_username() {
    let nameless = "update staff set name = char(8203) where username = 'ünal'";
    let upgraded = Upgraded::start_after(nameless).await;
    let people = upgraded.sign_in("ana").await.get("/staff/").await.expect(200);
    let mut people = people["results"].as_array().unwrap().iter();
    assert_eq!(people.find(|person| person["username"] == "ünal").unwrap()["name"], "ünal");
    upgraded.end().await;
}

#[tokio::test]
async fn rooms_are_merged_unless_guests_stay_in_both() {
    let upgraded = Upgraded::start().await;
    let ana = upgraded.sign_in("ana").await;
    let rooms = ana.get("/rooms/").await.expect(200);
    let rooms = rooms["results"].as_array().unwrap();
    let mut numbers: Vec<_> = rooms.iter().map(|room| room["number"].as_str().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["12B", "12b", "204", "Suite  1"]);
    // The room that is left has what was known of both.
    let suite = rooms.iter().find(|room| room["number"] == "Suite  1").unwrap();
    assert_eq!(suite["floor"], "3");
    for (spelling, name, department) in [
        ("12B", "In 12B", "restaurant"),
        ("12b", "In 12b", "restaurant"),
        ("１２b", "In 12B", "housekeeping"),
        ("SUITE 1", "In Suite 1", "restaurant"),
    ] {
        let added = ana.post("/rooms/", json!({"number": spelling})).await.expect(200);
        let body = json!({"room_number": spelling, "department": department});
        let made = ana.post("/chat/conversations/create/", body).await.expect(201);
        assert_eq!(made["guest_info"]["name"], name, "{spelling}");
        assert_eq!(made["guest_info"]["room_number"], added["number"], "{spelling}");
    }
    upgraded.end().await;
}

#[tokio::test]
async fn guests_keep_apart_and_are_called_by_what_can_be_read() {
    let upgraded = Upgraded::start().await;
    let ana = upgraded.sign_in("ana").await;
    let gateway = upgraded.anyone.with_token(KEY);
    for (conversation, name, number) in [
        (1, "Amelia Hart", json!("+447700900123")),
        (2, "Ben", json!("+447700900316")),
        (3, "+447700900316", json!("+447700900316")),
        (4, "+447700900317", json!("+447700900317")),
        (5, "+447700900318", json!("+447700900318")),
        (6, "Guest", Value::Null),
    ] {
        let guest = guest_of(&ana, conversation).await;
        assert_eq!((guest["name"].as_str(), &guest["whatsapp_number"]), (Some(name), &number));
    }
    // Of two guests with one number, the message is from the one who wrote last.
    let message = |external_id: &str| json!({"external_id": external_id, "whatsapp_number": "+44 (0)7700 900316", "content": "Hello"});
    let stored = gateway.post("/gateway/messages/", message("new-1")).await.expect(201);
    assert_eq!(stored["conversation_id"], 3);
    let body = json!({"name": "Other", "whatsapp_number": "+447700900316"});
    let taken = ana.post("/guests/", body).await.problem(409, "number_taken");
    assert_eq!(taken["guest_id"], guest_of(&ana, 3).await["id"]);
    // Once one of them has another number, the other one has it alone.
    let ben = guest_of(&ana, 2).await["id"].clone();
    let changed = json!({"whatsapp_number": "+447700900999"});
    ana.patch(&format!("/guests/{ben}/"), changed).await.expect(200);
    let again = json!({"whatsapp_number": "+447700900316"});
    let taken = ana.patch(&format!("/guests/{ben}/"), again).await.problem(409, "number_taken");
    assert_eq!(taken["guest_id"], guest_of(&ana, 3).await["id"]);
    let check = program::cli(&upgraded.folder.path().join("data"), &["check"]).await;
    assert!(!check.stdout.contains("+447700900316"), "{check:?}");
    // What has U+0000 in it is read and known as before.
    let page = ana.get("/chat/conversations/7/messages/").await.expect(200);
    let texts: Vec<_> =
        page["results"].as_array().unwrap().iter().map(|row| &row["content"]).collect();
    assert_eq!(texts, ["a\u{0}b", "nul\u{0}text"]);
    let again = json!({"external_id": "7\u{0}", "guest_ref": "ref", "content": "a\u{0}b"});
    gateway.post("/gateway/messages/", again).await.expect(200);
    upgraded.end().await;
}

#[tokio::test]
async fn check_lists_rooms_accounts_and_guests_that_are_equal_now() {
    let upgraded = Upgraded::start().await;
    let check = program::cli(&upgraded.folder.path().join("data"), &["check"]).await;
    assert_eq!(check.code, Some(0), "{check:?}");
    for shared in [
        json!(["12B (room 2), 12b (room 3)"]),
        json!(["Ünal (staff 2), ünal (staff 3)"]),
        json!(["+447700900316: Ben (guest 2), +447700900316 (guest 3)"]),
    ] {
        let found = check.objects().iter().any(|finding| finding["problems"] == shared);
        assert!(found, "{shared}: {check:?}");
    }
    upgraded.end().await;
}
