//! Contract 4: the command line, while the server runs and while it does not.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tempfile::TempDir;

use crate::common::{
    Client, House, Program,
    house::PASSWORD,
    program::{self, cli},
};

/// A data directory that is not there yet.
fn nowhere() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    (folder, data_dir)
}

fn at(address: &str) -> Client {
    Client::new(std::sync::Arc::new(std::sync::RwLock::new(address.to_owned())))
}

async fn login(anyone: &Client, username: &str, password: &str) -> u16 {
    let body = json!({"username": username, "password": password});
    anyone.post("/auth/login/", body).await.status
}

fn object_has(object: &Value, members: &[&str]) {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut expected = members.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected, "{object}");
}

const CREATE_ANA: [&str; 8] =
    ["staff", "create", "--username", "ana", "--name", "Ana Silva", "--department", "reception"];

#[tokio::test]
async fn without_a_server_every_command_works_on_the_data_itself() {
    let (_folder, data_dir) = nowhere();
    let made = cli(&data_dir, &["property", "create", "--name", "Hotel Aurora"]).await.object();
    object_has(&made, &["id", "name"]);
    assert_eq!(made["name"], "Hotel Aurora");
    every_command(&data_dir).await;
    // What was made is there when the server comes.
    let server = Program::serve(&data_dir, &[]).await;
    assert_eq!(login(&at(&server.address), "bob", PASSWORD).await, 200);
    assert_eq!(server.terminate().await, (Some(0), String::new()));
}

#[tokio::test]
async fn with_a_server_every_command_works_and_takes_effect_at_once() {
    let (_folder, data_dir) = nowhere();
    let server = Program::serve(&data_dir, &[]).await;
    let made = cli(&data_dir, &["property", "create", "--name", "Hotel Aurora"]).await.object();
    assert_eq!(made["name"], "Hotel Aurora");
    every_command(&data_dir).await;
    assert_eq!(login(&at(&server.address), "bob", PASSWORD).await, 200);
    assert_eq!(server.terminate().await, (Some(0), String::new()));
}

async fn every_command(data_dir: &std::path::Path) {
    let account = cli(data_dir, &CREATE_ANA).await.object();
    object_has(&account, &["id", "password", "username"]);
    assert_eq!(account["username"], "ana");
    assert!(account["password"].as_str().unwrap().len() >= 12);
    let taken = cli(data_dir, &CREATE_ANA).await;
    assert!(taken.failure(1).contains("ana"), "{taken:?}");

    let mut command = program::command();
    command.arg("--json").arg("--data-dir").arg(data_dir).args([
        "staff",
        "create",
        "--username",
        "bob",
        "--name",
        "Bob",
        "--department",
        "reception",
        "--department",
        "restaurant",
        "--admin",
        "--password-stdin",
    ]);
    let account = program::run(command, &format!("{PASSWORD}\n")).await.object();
    object_has(&account, &["id", "username"]);
    let boss =
        ["staff", "create", "--username", "max", "--name", "Max", "--user-type", "hotel_admin"];
    cli(data_dir, &boss).await.object();

    let listed = cli(data_dir, &["staff", "list"]).await.objects();
    let names: Vec<_> = listed.iter().map(|row| row["username"].as_str().unwrap()).collect();
    for name in ["ana", "bob", "max"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let bob = listed.iter().find(|row| row["username"] == "bob").unwrap();
    assert_eq!(bob["departments"], json!(["reception", "restaurant"]));
    assert_eq!(bob["is_admin"], true);
    cli(data_dir, &["staff", "disable", "ana"]).await.objects();
    let again = cli(data_dir, &["staff", "set-password", "max"]).await.object();
    assert!(again["password"].as_str().unwrap().len() >= 12);
    cli(data_dir, &["staff", "sign-out", "bob"]).await.objects();
    for line in [
        ["staff", "disable", "eve"],
        ["staff", "sign-out", "eve"],
        ["staff", "set-password", "eve"],
    ] {
        assert!(cli(data_dir, &line).await.failure(1).contains("eve"));
    }

    let line = [
        "guest",
        "check-in",
        "--name",
        "Amelia Hart",
        "--room",
        "204",
        "--whatsapp",
        "+44 7700 900123",
    ];
    let stay = cli(data_dir, &line).await.object();
    object_has(&stay, &["guest_id", "room_number", "stay_id"]);
    assert_eq!(stay["room_number"], "204");
    // A known number is the same guest.
    let mut line = line.to_vec();
    line[5] = "305";
    let moved = cli(data_dir, &line).await.object();
    assert_eq!(moved["guest_id"], stay["guest_id"]);
    assert_ne!(moved["stay_id"], stay["stay_id"]);
    cli(data_dir, &["guest", "check-out", "--room", "305"]).await.objects();
    cli(data_dir, &["guest", "check-out", "--room", "305"]).await.failure(1);
    cli(data_dir, &["room", "add", "401", "402"]).await.objects();

    let line =
        ["gateway", "create", "--name", "sms", "--callback-url", "https://sms.example/replies"];
    let gateway = cli(data_dir, &line).await.object();
    object_has(&gateway, &["id", "key", "name", "signing_secret"]);
    cli(data_dir, &line).await.failure(1);
    let line = ["gateway", "create", "--name", "odd", "--callback-url", "ftp://sms.example/"];
    let odd = cli(data_dir, &line).await;
    assert!([Some(1), Some(2)].contains(&odd.code), "{odd:?}");
    // The demo is for a house that holds nothing else.
    cli(data_dir, &["demo", "load"]).await.failure(1);

    let check = cli(data_dir, &["check"]).await;
    assert_eq!(check.code, Some(0), "{check:?}");
    let backup = data_dir.with_extension("backup");
    let line = ["backup", backup.to_str().unwrap()];
    assert_eq!(cli(data_dir, &line).await.code, Some(0));
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o077, 0);
    // Never over something that is there.
    cli(data_dir, &line).await.failure(1);
}

#[tokio::test]
async fn the_first_property_is_made_by_the_first_command_that_needs_one() {
    let (_folder, data_dir) = nowhere();
    cli(&data_dir, &CREATE_ANA).await.object();
    let server = Program::serve(&data_dir, &[]).await;
    let listed = cli(&data_dir, &["staff", "list"]).await.objects();
    assert_eq!(listed.len(), 1);
    server.kill().await;
}

#[tokio::test]
async fn bad_usage_is_exit_code_2_and_says_what_to_do() {
    let (_folder, data_dir) = nowhere();
    for line in [
        &["sing"] as &[&str],
        &[],
        &["staff", "create"],
        &["staff", "create", "--username", "a", "--name", "A"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--commands-per-second", "-1"],
        &["serve", "--allowed-origin", "nonsense"],
        &["serve", "--allowed-origin", "*"],
        &["serve", "--allowed-origin", "https://desk.example/path"],
        &["serve", "--public-host", "https://desk.example"],
        &["serve", "--public-path", "/chat/"],
        &["serve", "--public-path", "/a b/"],
        &["serve", "--log", "nonsense"],
        &["serve", "--metrics-address", "desk.example"],
        &["serve", "--tls-cert", "chain.pem"],
        &["guest", "check-out"],
        &["room", "add"],
        &["backup"],
        &["--property", "x", "staff", "list"],
        &[
            "staff",
            "create",
            "--username",
            "a",
            "--name",
            "A",
            "--department",
            "reception",
            "--user-type",
            "guest",
        ],
    ] {
        let output = cli(&data_dir, line).await;
        output.failure(2);
    }
    // Nothing was made by any of them.
    assert!(!data_dir.join("frontdesk.db").exists());
}

#[tokio::test]
async fn options_are_environment_variables_too_and_help_names_them() {
    let (_folder, data_dir) = nowhere();
    let mut command = program::command();
    command.env("FRONTDESK_DATA_DIR", &data_dir).args(["staff", "list", "--json"]);
    assert_eq!(program::run(command, "").await.code, Some(0));
    assert!(data_dir.join("frontdesk.db").exists());
    let mut command = program::command();
    command.args(["serve", "--help"]);
    let help = program::run(command, "").await;
    assert_eq!(help.code, Some(0));
    for name in [
        "FRONTDESK_DATA_DIR",
        "FRONTDESK_LISTEN",
        "FRONTDESK_COMMANDS_PER_SECOND",
        "FRONTDESK_DEMO",
    ] {
        assert!(help.stdout.contains(name), "{name}: {}", help.stdout);
    }
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_is_not_set() {
    let (_folder, data_dir) = nowhere();
    let mut command = program::command();
    command.args(["--json", "guest", "check-in", "--name", "Amelia", "--room", "204"]);
    command.env("FRONTDESK_DATA_DIR", &data_dir);
    for name in ["FRONTDESK_PROPERTY", "FRONTDESK_WHATSAPP", "FRONTDESK_LANGUAGE"] {
        command.env(name, "");
    }
    program::run(command, "").await.object();
}

#[tokio::test]
async fn what_the_command_line_chooses_stands_above_the_environment() {
    let (_folder, data_dir) = nowhere();
    let line = ["guest", "check-in", "--name", "Amelia", "--room", "204"];
    let guest = cli(&data_dir, &line).await.object()["guest_id"].to_string();
    let check_out = |options: &[&str], variables: &[(&str, &str)]| {
        let mut command = program::command();
        command.arg("--data-dir").arg(&data_dir).args(["--json", "guest", "check-out"]);
        command.args(options).envs(variables.iter().copied());
        program::run(command, "")
    };
    let elsewhere = ("FRONTDESK_ROOM", "999");
    let chosen = check_out(&["--guest", &guest], &[elsewhere]).await;
    assert_eq!(chosen.code, Some(0), "{chosen:?}");
    // Alone, a variable chooses; two leave open which.
    cli(&data_dir, &line).await.object();
    let alone = check_out(&[], &[("FRONTDESK_ROOM", "204")]).await;
    assert_eq!(alone.code, Some(0), "{alone:?}");
    check_out(&[], &[("FRONTDESK_ROOM", "204"), ("FRONTDESK_GUEST", "1")]).await.failure(2);
    check_out(&["--guest", "1", "--room", "204"], &[]).await.failure(2);
    check_out(&[], &[]).await.failure(2);
}

#[tokio::test]
async fn an_origin_is_allowed_however_it_is_written() {
    let (_folder, data_dir) = nowhere();
    let made = cli(&data_dir, &CREATE_ANA).await.object();
    let options = ["--public-host", "desk.example", "--allowed-origin", "HTTPS://Desk.Example/"];
    let server = Program::serve(&data_dir, &options).await;
    let body = json!({"username": "ana", "password": made["password"], "cookie": true});
    for (origin, status) in [("https://desk.example", 200), ("https://other.example", 403)] {
        let call = at(&server.address).request(reqwest::Method::POST, "/auth/login/").json(&body);
        let answer = crate::common::client::send(call.header("origin", origin)).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.text);
    }
    server.kill().await;
}

#[tokio::test]
async fn a_page_of_another_site_is_refused_at_the_start_with_the_reason() {
    let (_folder, data_dir) = nowhere();
    for (options, reason) in [
        (&["--allowed-origin", "https://desk.example"][..], "name this server with --public-host"),
        (
            &["--allowed-origin", "https://other.example", "--public-host", "desk.example"],
            "neither another port nor a sub-domain of desk.example",
        ),
        (&["--allowed-origin", "http://192.168.0.2"], "does not have the address"),
    ] {
        let line = [&["serve", "--listen", "127.0.0.1:0"], options].concat();
        let output = cli(&data_dir, &line).await;
        let said = output.failure(2);
        assert!(said.contains(options[1]) && said.contains(reason), "{said}");
        assert!(said.contains("bearer token"), "{said}");
    }
}

#[tokio::test]
async fn what_the_command_line_does_ends_live_connections() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let carl = house.staff("carl", &["reception"]).await;
    let mut anas = ana.connect().await;
    let mut bobs = bob.connect().await;
    let mut carls = carl.connect().await;
    house.cli(&["staff", "sign-out", "ana"]).await.objects();
    assert_eq!(anas.ended_at_once().await, 4401);
    house.cli(&["staff", "disable", "bob"]).await.objects();
    assert_eq!(bobs.ended_at_once().await, 4401);
    house.try_sign_in("bob", PASSWORD).await.problem(403, "forbidden");
    // The person who was signed in gets the reason.
    bob.get("/auth/me/").await.problem(403, "forbidden");
    assert_eq!(bob.try_connect().await.unwrap_err(), 403);
    house.cli(&["staff", "set-password", "carl"]).await.object();
    assert_eq!(carls.ended_at_once().await, 4401);
    house.try_sign_in("carl", PASSWORD).await.problem(401, "invalid_credentials");
    // Signing out is not locking out.
    house.sign_in("ana").await.connect().await;
}

#[tokio::test]
async fn two_admins_cannot_leave_a_property_without_one() {
    let house = House::start().await;
    let eve = json!({"username": "eve", "departments": ["reception"], "is_admin": true});
    let eve = house.account(eve).await;
    let admin = house.sign_in("admin").await;
    let no_admin = json!({"is_admin": false});
    // Of two who do it to each other at the same time, one does.
    let (path, other) = (format!("/staff/{}/", admin.id), format!("/staff/{}/", eve.id));
    let both = tokio::join!(eve.patch(&path, no_admin.clone()), admin.patch(&other, no_admin));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [200, 403 | 409]), "{statuses:?}");
    assert!(
        house.cli(&["staff", "list"]).await.objects().iter().any(|row| row["is_admin"] == true)
    );
}

#[tokio::test]
async fn guests_that_the_command_line_checks_in_are_there_at_once() {
    let house = House::start().await;
    let line = ["guest", "check-in", "--name", "Amelia Hart", "--room", "204"];
    let stay = house.cli(&line).await.object();
    let path = format!("/guests/{}/", stay["guest_id"]);
    let guest = house.admin.get(&path).await.expect(200);
    assert_eq!(guest["name"], "Amelia Hart");
    assert_eq!(guest["room_number"], "204");
}

#[tokio::test]
async fn the_server_is_set_up_once_with_the_token_that_it_prints() {
    let (_folder, data_dir) = nowhere();
    let server = Program::serve(&data_dir, &[]).await;
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    let anyone = at(&server.address);
    let setup = |token: &str| {
        json!({
            "setup_token": token, "property_name": "Hotel Aurora", "username": "ana",
            "name": "Ana", "password": PASSWORD,
        })
    };
    anyone.post("/setup/", setup("wrong")).await.problem(403, "forbidden");
    let before = json!({
        "open": true, "version": env!("CARGO_PKG_VERSION"), "property": null, "demo": null,
    });
    assert_eq!(anyone.get("/setup/").await.expect(200), before);
    let mut done = 0;
    for token in log.split_whitespace().filter(|word| word.len() == 43) {
        done += i32::from(anyone.post("/setup/", setup(token)).await.status == 200);
    }
    assert_eq!(done, 1, "{log}");
    let after = anyone.get("/setup/").await.expect(200);
    assert_eq!(
        (&after["open"], &after["property"]),
        (&json!(false), &json!({"name": "Hotel Aurora"}))
    );
    assert_eq!(login(&anyone, "ana", PASSWORD).await, 200);
    server.terminate().await;
    // Where there is an account there is no token.
    std::fs::remove_file(data_dir.with_extension("log")).unwrap();
    let server = Program::serve(&data_dir, &[]).await;
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    assert!(log.split_whitespace().all(|word| word.len() != 43), "{log}");
    server.kill().await;
}

#[tokio::test]
async fn the_first_account_finds_what_came_before_it() {
    let (_folder, data_dir) = nowhere();
    let server = Program::serve(&data_dir, &[]).await;
    let anyone = at(&server.address);
    let gateway = cli(&data_dir, &["gateway", "create", "--name", "sms"]).await.object();
    let guest = json!({"external_id": "a", "whatsapp_number": "+44 1", "content": "Hello"});
    let gateway = anyone.with_token(gateway["key"].as_str().unwrap());
    gateway.post("/gateway/messages/", guest).await.expect(201);
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    let mut signed_in = None;
    for token in log.split_whitespace().filter(|word| word.len() == 43) {
        let setup = json!({
            "setup_token": token, "property_name": "Hotel Aurora", "username": "ana",
            "name": "Ana", "password": PASSWORD,
        });
        let answer = anyone.post("/setup/", setup).await;
        if answer.status == 200 {
            signed_in = Some(answer.expect(200));
        }
    }
    let ana = anyone.with_token(signed_in.unwrap()["token"].as_str().unwrap());
    let list = ana.get("/chat/conversations/").await.expect(200);
    assert_eq!(list["results"].as_array().unwrap().len(), 1);
    let properties = cli(&data_dir, &["property", "list"]).await.objects();
    let names: Vec<_> = properties.iter().map(|each| each["name"].clone()).collect();
    assert_eq!(names, ["Hotel Aurora"]);
    server.kill().await;
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_finishes_and_says_so() {
    let (_folder, data_dir) = nowhere();
    let account = cli(&data_dir, &CREATE_ANA).await.object();
    let server = Program::serve(&data_dir, &[]).await;
    let anyone = at(&server.address);
    let body = json!({"username": "ana", "password": account["password"]});
    let signed_in = anyone.post("/auth/login/", body).await.expect(200);
    let proof = format!("Bearer {}", signed_in["token"].as_str().unwrap());
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let request = crate::common::socket::request(
            &server.address,
            "/ws/chat/",
            &[("authorization", &proof)],
        );
        let mut socket = crate::common::Socket::open(request).await.unwrap();
        socket.everything().await;
        sockets.push(socket);
    }
    let (code, rest) = server.terminate().await;
    assert_eq!((code, rest.as_str()), (Some(0), ""));
    for mut socket in sockets {
        assert_eq!(socket.close_code().await, 1001);
    }
}

#[tokio::test]
async fn only_one_server_runs_on_a_data_directory_and_only_its_owner_enters_it() {
    let (_folder, data_dir) = nowhere();
    let server = Program::serve(&data_dir, &[]).await;
    let mode =
        |name: &str| std::fs::metadata(data_dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    let second = cli(&data_dir, &["serve", "--listen", "127.0.0.1:0"]).await;
    let sentence = second.failure(1);
    assert!(sentence.contains("another Frontdesk server"), "{sentence}");
    assert!(sentence.contains(data_dir.to_str().unwrap()), "{sentence}");
    // The first one did not notice.
    at(&server.address).get("/readyz").await.expect(200);
    server.kill().await;
    // One that was killed is not in the way.
    let server = Program::serve(&data_dir, &[]).await;
    cli(&data_dir, &["staff", "list"]).await.objects();
    assert_eq!(server.terminate().await.0, Some(0));
    // One that was open to others is closed to them.
    std::fs::set_permissions(&data_dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Program::serve(&data_dir, &[]).await;
    assert_eq!(mode(""), 0o700);
    assert_eq!(server.terminate().await.0, Some(0));
}

#[tokio::test]
async fn a_backup_taken_while_serving_comes_back_as_a_new_life_of_the_database() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    socket.send_text(conversation, "Before").await;
    let before = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
    let signed_out = house.sign_in("ana").await;
    let bob = house.staff("bob", &["reception"]).await;
    let backup = house.data_dir().with_extension("backup");
    let backup = backup.to_str().unwrap().to_owned();
    assert_eq!(house.cli(&["backup", &backup]).await.code, Some(0));
    socket.send_text(conversation, "After").await;
    socket.everything().await;
    signed_out.post("/auth/logout/", json!({})).await.expect(204);
    house.cli(&["staff", "disable", "bob"]).await.object();
    let page = ana.get("/chat/conversations/").await.expect(200);
    // Not while the server runs.
    house.cli(&["restore", &backup]).await.failure(1);
    assert_eq!(ana.texts(conversation).await, ["Before", "After"]);

    let stopped = house.stop().await;
    let restored = stopped.cli(&["restore", &backup]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let house = stopped.start().await;
    // A session that was ended since must not be good again; one that was good still is.
    signed_out.get("/auth/me/").await.problem(401, "unauthorized");
    bob.get("/auth/me/").await.problem(401, "unauthorized");
    assert_eq!(ana.texts(conversation).await, ["Before"]);
    let now = ana.get("/chat/conversations/").await.expect(200);
    assert_ne!(now["epoch"], page["epoch"]);
    // No id is given twice.
    let mut socket = ana.try_connect().await.unwrap();
    let command = json!({
        "type": "resume", "epoch": page["epoch"], "last_seq": page["seq"],
        "conversation_ids": [conversation],
    });
    socket.send(command).await;
    socket.acknowledged("resuming").await;
    let resync = socket.acknowledged("resync_required").await;
    assert_eq!(resync["epoch"], now["epoch"]);
    socket.send_text(conversation, "New life").await;
    let after = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
    assert!(after > before + 1_000_000, "{after}");
    let frame = socket.frame("message").await;
    assert!(frame["seq"].as_i64().unwrap() > 1_000_000);
    let admin = house.sign_in("admin").await;
    let guest = admin.post("/guests/", json!({"name": "Later"})).await.expect(201);
    let body = json!({"guest_id": guest["id"], "department": "reception"});
    let made = admin.post("/chat/conversations/create/", body).await.expect(201);
    assert!(made["id"].as_i64().unwrap() > 1_000_000);
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
    // A file that is not a backup is refused.
    let stopped = house.stop().await;
    let junk = stopped.data_dir().with_extension("junk");
    std::fs::write(&junk, "this is no database").unwrap();
    stopped.cli(&["restore", junk.to_str().unwrap()]).await.failure(1);
    stopped.cli(&["restore", "/nowhere/at/all"]).await.failure(1);
    let house = stopped.start().await;
    assert_eq!(house.sign_in("ana").await.texts(conversation).await, ["Before", "New life"]);
}

#[tokio::test]
async fn a_damaged_database_is_found() {
    let (_folder, data_dir) = nowhere();
    cli(&data_dir, &CREATE_ANA).await.object();
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    other.execute("pragma foreign_keys = off").await.unwrap();
    let wrong = "insert into read_mark (staff_id, conversation_id, message_id) values (1, 777, 5)";
    other.execute(wrong).await.unwrap();
    other.close().await.unwrap();
    let check = cli(&data_dir, &["check"]).await;
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.stderr.contains("restore"), "{check:?}");
}

#[tokio::test]
async fn the_demo_hotel_is_loaded_into_an_empty_house_only() {
    let (_folder, data_dir) = nowhere();
    cli(&data_dir, &["demo", "load"]).await.object();
    let staff = cli(&data_dir, &["staff", "list"]).await.objects();
    assert_eq!(staff.len(), 12);
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    let mut hotel = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for (count, things) in [
        (5, "select count(*) from department"),
        (60, "select count(*) from room"),
        (60, "select count(*) from room where floor is not null"),
        (40, "select count(*) from guest"),
    ] {
        let there: i64 = sqlx::query_scalar(things).fetch_one(&mut hotel).await.unwrap();
        assert_eq!(there, count, "{things}");
    }
    hotel.close().await.unwrap();
    assert_eq!(cli(&data_dir, &["check"]).await.code, Some(0));
    let (_folder, other) = nowhere();
    cli(&other, &CREATE_ANA).await.object();
    let mut command = program::command();
    command.arg("--data-dir").arg(&other).args(["serve", "--demo", "--listen", "127.0.0.1:0"]);
    let refused = program::run(command, "").await;
    refused.failure(1);
    assert_eq!(cli(&other, &["staff", "list"]).await.objects().len(), 1);
}
