//! Erasing one guest: from lists, sockets and catching up, and from every byte of every file.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::common::{
    Callback, Client, House, Program, Socket,
    callback::Reply,
    program::{self, cli},
    socket, until,
};

/// What the guest that is erased is known by and what is said, unlike anything else in the house.
const NAME: &str = "Żółćęśl Ωmegakünštler";
const FORMER_NAME: &str = "Ξανθίππη Ψευδώνυμος";
const NUMBER: &str = "4915798602317";
const GUEST_REF: &str = "ref-qJx83kVwz";
const TEXTS: [&str; 4] = [
    "Überraschungspäckchen für Zimmer zwölf",
    "मुझे दो और तौलिये चाहिए",
    "هل يمكنني الحصول على منشفة",
    "Пожалуйста разбудите меня в шесть",
];
const ANSWER: &str = "Gerne, wir bringen die Schlüsselkärtchen";
const NOTE: &str = "Bitte die Bügelbrettgeschichte klären";

/// Bytes that are looked for: any eight in a row of what was planted.
const WINDOW: usize = 8;

fn planted() -> HashSet<Vec<u8>> {
    let long = long_text();
    let others = [NAME, FORMER_NAME, NUMBER, GUEST_REF, ANSWER, NOTE, long.as_str()];
    let all = TEXTS.iter().chain(&others);
    all.flat_map(|text| text.as_bytes().windows(WINDOW).map(<[u8]>::to_vec)).collect()
}

/// More than a page of the database holds.
fn long_text() -> String {
    (0..700).map(|number| format!("ß{:04x}", number * 37)).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Files that hold something of what was planted, and what.
fn found_in(folder: &Path) -> Vec<String> {
    let planted = planted();
    let mut found = Vec::new();
    for file in files(folder) {
        // A socket cannot be read like a file.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let hit = bytes.windows(WINDOW).find(|window| planted.contains(*window));
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        found.extend(hit.map(|hit| format!("{name}: {}", String::from_utf8_lossy(hit))));
    }
    found.sort();
    found
}

#[tokio::test]
async fn nothing_of_an_erased_guest_is_left_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let line = ["staff", "create", "--username", "ana", "--name", "Ana", "--admin"];
    let line = [&line[..], &["--department", "reception", "--department", "restaurant"]].concat();
    let account = cli(&data_dir, &line).await.object();
    let mut callback = Callback::start().await;
    let line = ["gateway", "create", "--name", "sms", "--callback-url", &callback.url];
    let key = cli(&data_dir, &line).await.object()["key"].as_str().unwrap().to_owned();
    let server = Program::serve(&data_dir, &["--log", "debug,frontdesk_server=trace"]).await;
    let address = std::sync::Arc::new(std::sync::RwLock::new(server.address.clone()));
    let anyone = Client::new(address);
    let body = json!({"username": "ana", "password": account["password"]});
    let signed_in = anyone.post("/auth/login/", body).await.expect(200);
    let token = signed_in["token"].as_str().unwrap();
    let (ana, gateway) = (anyone.with_token(token), anyone.with_token(&key));

    // The guest writes to two departments, is renamed, moves, and gets an answer that fails at first.
    let write = async |id: &str, name: &str, department: &str, content: &str| {
        let body = json!({
            "external_id": format!("{id}-{NUMBER}"), "whatsapp_number": format!("+{NUMBER}"),
            "name": name, "department": department, "content": content, "room_number": "12",
        });
        gateway.post("/gateway/messages/", body).await.expect(201)["conversation_id"].clone()
    };
    let first = write("1", FORMER_NAME, "reception", TEXTS[0]).await;
    write("2", FORMER_NAME, "restaurant", TEXTS[1]).await;
    crowd(&ana, "before").await;
    write("3", NAME, "reception", TEXTS[2]).await;
    write("4", NAME, "restaurant", &long_text()).await;
    callback.will_answer([Reply::Status(500)]);
    let request = socket::request(
        &server.address,
        "/ws/chat/",
        &[("authorization", &format!("Bearer {token}"))],
    );
    let mut socket = Socket::open(request).await.unwrap();
    socket.send_text(first.as_i64().unwrap(), ANSWER).await;
    socket.everything().await;
    assert_eq!(callback.next().await.content(), ANSWER);
    ana.post("/chat/conversations/close/", json!({"conversation_id": first})).await.expect(200);
    ana.post("/chat/conversations/reopen/", json!({"conversation_id": first})).await.expect(200);
    let transfer = json!({"conversation_id": first, "department": "management", "note": NOTE});
    ana.post("/chat/conversations/transfer/", transfer).await.expect(200);
    write("5", NAME, "reception", TEXTS[3]).await;
    let listed = ana.get(&format!("/guests/?q={NUMBER}")).await.expect(200);
    let guest = listed["results"][0]["id"].as_i64().unwrap();
    let body = json!({"external_id": "r", "guest_ref": GUEST_REF, "content": "Hello"});
    let by_ref = gateway.post("/gateway/messages/", body).await.expect(201);
    crowd(&ana, "after").await;
    assert!(!found_in(&data_dir).is_empty(), "it was there to be found");

    let other = by_ref["conversation_id"].as_i64().unwrap();
    let other = ana.get(&format!("/chat/conversations/{other}/")).await.expect(200);
    let other = other["guest_info"]["id"].to_string();
    let erased = cli(&data_dir, &["guest", "erase", &guest.to_string()]).await.object();
    assert_eq!((&erased["conversations"], &erased["messages"]), (&json!(3), &json!(6)), "{erased}");
    assert_eq!((&erased["cleared"], &erased["older_copies"]), (&json!(true), &json!([])));
    assert_eq!(ana.delete(&format!("/guests/{other}/")).await.status, 204);

    assert_eq!(found_in(&data_dir), Vec::<String>::new());
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy");
    cli(&data_dir, &["backup", copy.to_str().unwrap()]).await.object();
    assert_eq!(found_in(copies.path()), Vec::<String>::new());
    // The log lies beside the data directory.
    assert!(data_dir.with_extension("log").exists());
    assert_eq!(found_in(folder.path()), Vec::<String>::new());

    assert_eq!(program::cli(&data_dir, &["check"]).await.code, Some(0));
    let everybody = ana.get("/guests/?limit=200").await.expect(200);
    assert_eq!(everybody["results"].as_array().unwrap().len(), 160, "all others are there");
    server.terminate().await;
    assert_eq!(found_in(folder.path()), Vec::<String>::new());
}

/// Others come and go, so that rows move from page to page.
async fn crowd(ana: &Client, word: &str) {
    for number in 0..80_u64 {
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let name =
            format!("{} {word} {mixed:016x}", ["Żo", "Ξα", "Am", "Ωm"][(mixed % 4) as usize]);
        let body = json!({"name": name, "whatsapp_number": format!("+4477{}{:05}", word.len() * 1000 + usize::try_from(number).unwrap(), mixed % 90_000)});
        ana.post("/guests/", body).await.expect(201);
    }
}

#[tokio::test]
async fn clients_hear_that_a_conversation_is_gone() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let ben = house.staff("ben", &["reception"]).await;
    let eve = house.staff("eve", &["housekeeping"]).await;
    let guest = house.guest("101", "Amelia").await;
    let gone = house.conversation_with(guest, "reception").await;
    let stays = house.conversation("reception").await;
    let (mut at_ana, mut at_ben, mut at_eve) =
        (ana.connect().await, ben.connect().await, eve.connect().await);
    at_ana.everything().await;
    at_ana.command("subscribe_conversation", gone).await;
    at_ana.acknowledged("subscribed").await;
    at_ana.send_text(gone, "Hello").await;
    let seq = at_ben.next().await["seq"].as_i64().unwrap();
    at_ana.send_text(stays, "Good evening").await;
    at_ben.next().await;
    at_ana.everything().await;

    ana.delete(&format!("/guests/{guest}/")).await.problem(403, "forbidden");
    assert_eq!(house.admin.delete(&format!("/guests/{guest}/")).await.status, 204);
    house.admin.delete(&format!("/guests/{guest}/")).await.problem(404, "guest_not_found");
    let mut told = Vec::new();
    for socket in [&mut at_ana, &mut at_ben] {
        let frame = socket.next().await;
        told.push(frame.clone());
        assert_eq!(frame["type"], "conversation_update");
        assert!(frame["seq"].as_i64().unwrap() > seq, "{frame}");
        let mut data = frame["data"]["data"].clone();
        assert!(data["updated_at"].take().is_string(), "{frame}");
        // All that the original document promises, and nothing of the guest.
        assert_eq!(
            (&frame["data"]["type"], data),
            (
                &json!("closed"),
                json!({
                    "id": gone, "guest_name": "Erased guest", "department": "reception",
                    "status": "closed", "updated_at": null, "erased": true,
                })
            )
        );
    }
    assert_eq!(at_eve.everything().await, Vec::<Value>::new());
    at_ana.send_text(gone, "Still there?").await;
    at_ana.expect(|frame| frame["code"] == "conversation_not_found").await;
    ana.get(&format!("/chat/conversations/{gone}/")).await.problem(404, "conversation_not_found");
    let list: Vec<_> = ana.list("?status=all").await;
    assert_eq!(list.iter().map(|one| one["id"].as_i64().unwrap()).collect::<Vec<_>>(), [stays]);

    // A client that was offline gets this, too, and everything else that it missed; also after a restart.
    let page = ana.get("/chat/conversations/").await.expect(200);
    let (epoch, newest) = (page["epoch"].clone(), page["seq"].clone());
    let resume = |last_seq: i64| json!({"type": "resume", "epoch": epoch, "last_seq": last_seq, "conversation_ids": [gone, stays]});
    let told_again = async |socket: &mut Socket| {
        socket.send(resume(seq - 1)).await;
        socket.acknowledged("resuming").await;
        let mut events = Vec::new();
        loop {
            let frame = socket.next().await;
            if frame["type"] == "acknowledgment" {
                assert_eq!((&frame["status"], &frame["seq"]), (&json!("resumed"), &newest));
                assert_eq!(frame["denied"], json!([gone]));
                return events;
            }
            events.push(frame);
        }
    };
    let events = told_again(&mut at_ben).await;
    let [other, erased] = &events[..] else { panic!("{events:?}") };
    assert_eq!(other["data"]["content"], "Good evening");
    assert_eq!(erased, &told[0], "of the one that is gone, only that it is");
    let house = house.restart().await;
    let mut at_ben = ben.connect().await;
    assert_eq!(told_again(&mut at_ben).await, events);
    at_ben.send_text(stays, "Good morning").await;
    at_ben.acknowledged("received").await;
    let frame = at_ben.next().await;
    assert!(frame["seq"].as_i64() > newest.as_i64(), "{frame} after {newest}");
    house.cli(&["check"]).await.objects();
}

#[tokio::test]
async fn a_department_that_handed_the_conversation_on_hears_that_it_is_gone() {
    let house = House::start().await;
    let eve = house.staff("eve", &["housekeeping"]).await;
    let ben = house.staff("ben", &["reception"]).await;
    let guest = house.guest("101", "Amelia").await;
    let page = ben.get("/chat/conversations/").await.expect(200);
    let gone = house.conversation_with(guest, "reception").await;
    let body = json!({"conversation_id": gone, "department": "housekeeping"});
    house.admin.post("/chat/conversations/transfer/", body).await.expect(200);
    house.cli(&["guest", "erase", &guest.to_string()]).await.object();
    for (person, department) in [(&ben, "reception"), (&eve, "housekeeping")] {
        let mut socket = person.connect().await;
        socket
            .send(json!({"type": "resume", "epoch": page["epoch"], "last_seq": page["seq"], "conversation_ids": []}))
            .await;
        socket.acknowledged("resuming").await;
        let frame = socket.next().await;
        let data = &frame["data"]["data"];
        assert_eq!(
            (&data["id"], &data["erased"], &data["department"]),
            (&json!(gone), &json!(true), &json!(department)),
            "{frame}"
        );
        socket.acknowledged("resumed").await;
    }
}

#[tokio::test]
async fn an_erased_guest_who_writes_again_is_a_new_one() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let first = gateway.writes("1", "+47 900", "Hello").await;
    let conversation = house.admin.conversation(first["conversation_id"].as_i64().unwrap()).await;
    let guest = conversation["guest_info"]["id"].as_i64().unwrap();
    house.cli(&["guest", "erase", &guest.to_string()]).await.object();
    house.cli(&["guest", "erase", &guest.to_string()]).await.failure(1);
    let second = gateway.writes("2", "+47 900", "Hello again").await;
    assert!(second["conversation_id"].as_i64() > first["conversation_id"].as_i64());
    let conversation = house.admin.conversation(second["conversation_id"].as_i64().unwrap()).await;
    assert!(conversation["guest_info"]["id"].as_i64().unwrap() > guest);
    let audit = house.admin.get(&format!("/audit/?subject=guest&subject_id={guest}")).await;
    let audit = audit.expect(200);
    let actions: Vec<_> =
        audit["results"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["erased", "created"]);
    assert_eq!(audit["results"][0]["actor"], "command_line");
}

#[tokio::test]
async fn clearing_that_was_cut_short_is_finished_at_the_next_start() {
    let house = House::start().await.stop().await;
    let file = house.data_dir().join("frontdesk.db");
    {
        let url = format!("sqlite://{}", file.display());
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        let statements = "pragma secure_delete = off; create table junk (text text);
            insert into junk values (hex(zeroblob(9000)) || 'Überraschungspäckchen');
            drop table junk; insert into meta values ('clearing_wanted', 'yes')";
        sqlx::raw_sql(statements).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    }
    let holds = || {
        let planted = "Überraschungspäckchen".as_bytes();
        let bytes = std::fs::read(&file).unwrap();
        bytes.windows(planted.len()).any(|window| window == planted)
    };
    assert!(holds());
    let house = house.start().await;
    until("the file to be cleared", async || !holds()).await;
    drop(house);
}

#[tokio::test]
async fn clearing_that_a_reader_is_in_the_way_of_is_made_up_for() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let stored = gateway.writes("1", "+47 900", "Überraschungspäckchen").await;
    let id = stored["conversation_id"].as_i64().unwrap();
    let guest = house.admin.conversation(id).await["guest_info"]["id"].to_string();
    let data_dir = house.data_dir().to_owned();
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    let mut reader = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("begin; select count(*) from message").execute(&mut reader).await.unwrap();
    let erased = house.cli(&["guest", "erase", &guest]).await.object();
    assert_eq!((&erased["messages"], &erased["cleared"]), (&json!(1), &json!(false)));
    let other = house.guest("101", "Jo").await;
    let answer = house.admin.delete(&format!("/guests/{other}/")).await;
    assert_eq!(answer.expect(202), json!({"cleared": false}));
    house.admin.get(&format!("/guests/{guest}/")).await.problem(404, "guest_not_found");
    let holds = || {
        let planted = "Überraschungspäckchen".as_bytes();
        let all = files(&data_dir).into_iter().filter_map(|file| std::fs::read(file).ok());
        all.into_iter().any(|bytes| bytes.windows(planted.len()).any(|window| window == planted))
    };
    assert!(holds(), "the reader still sees it");
    sqlx::raw_sql("commit").execute(&mut reader).await.unwrap();
    let house = house.restart().await;
    until("the files to be cleared", async || !holds()).await;
    drop(house);
}

#[tokio::test]
async fn an_older_copy_in_the_data_directory_is_named() {
    let house = House::start().await;
    let guest = house.guest("101", "Amelia").await;
    let copy = house.data_dir().with_extension("backup");
    house.cli(&["backup", copy.to_str().unwrap()]).await.object();
    let stopped = house.stop().await;
    let restored = stopped.cli(&["restore", copy.to_str().unwrap()]).await.object();
    let house = stopped.start().await;
    // Whatever lies where backups are, also one that is being made.
    let backups = house.data_dir().join("backups");
    std::fs::create_dir(&backups).unwrap();
    let others = ["frontdesk-2026-11-23.db.partial", "last summer"].map(|name| backups.join(name));
    others.iter().for_each(|file| std::fs::write(file, "Amelia").unwrap());
    let erased = house.cli(&["guest", "erase", &guest.to_string()]).await.object();
    assert_eq!(erased["older_copies"], json!([others[0], others[1], restored["kept"]]));
}

#[tokio::test]
async fn guests_of_another_property_cannot_be_erased() {
    let house = House::start().await;
    let guest = house.guest("101", "Amelia").await;
    house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let id = guest.to_string();
    house.cli(&["guest", "erase", &id]).await.failure(2);
    house.cli(&["--property", "2", "guest", "erase", &id]).await.failure(1);
    house.admin.get(&format!("/guests/{guest}/")).await.expect(200);
    house.cli(&["--property", "1", "guest", "erase", &id]).await.object();
    house.admin.get(&format!("/guests/{guest}/")).await.problem(404, "guest_not_found");
}
