//! What is acknowledged is on disk; what races, races to one end.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Client, House, Program, Socket, house::PASSWORD, program, socket};

/// The people of a server that runs as a program of its own.
async fn sign_in(address: &str, username: &str, password: &str) -> Client {
    let anyone = Client::new(std::sync::Arc::new(std::sync::RwLock::new(address.to_owned())));
    let body = json!({"username": username, "password": password});
    let signed_in = anyone.post("/auth/login/", body).await.expect(200);
    anyone.with_token(signed_in["token"].as_str().unwrap())
}

async fn connect(client: &Client) -> Socket {
    let proof = format!("Bearer {}", client.token.as_deref().unwrap());
    let request = socket::request(&client.host(), "/ws/chat/", &[("authorization", &proof)]);
    Socket::open(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let line =
        ["staff", "create", "--username", "ana", "--name", "Ana", "--department", "reception"];
    let account = program::cli(&data_dir, &line).await.object();
    let password = account["password"].as_str().unwrap().to_owned();
    let line = ["guest", "check-in", "--name", "Amelia Hart", "--room", "204"];
    let guest = program::cli(&data_dir, &line).await.object()["guest_id"].clone();

    let mut conversation = None;
    // By client id: the message id that was acknowledged.
    let mut acknowledged: HashMap<String, i64> = HashMap::new();
    let mut waiting: Vec<(String, String)> = Vec::new();
    let mut count = 0;
    for round in 0..4 {
        let server = Program::serve(&data_dir, &["--commands-per-second", "0"]).await;
        let ana = sign_in(&server.address, "ana", &password).await;
        if conversation.is_none() {
            let body = json!({"guest_id": guest, "department": "reception"});
            let made = ana.post("/chat/conversations/create/", body).await.expect(201);
            conversation = made["id"].as_i64();
        }
        let conversation = conversation.unwrap();
        let mut socket = connect(&ana).await;
        // First whatever was not answered, then new ones, all in one go.
        for _ in 0..300 {
            count += 1;
            waiting.push((format!("c{count}"), format!("text {count}")));
        }
        let last = round == 3;
        for (client_id, content) in &waiting {
            let command = json!({
                "type": "text", "conversation_id": conversation, "content": content,
                "client_id": client_id,
            });
            if !socket.try_send(Message::text(command.to_string())).await {
                break;
            }
        }
        let enough = if last { waiting.len() } else { 70 * (round + 1) };
        let mut answered = 0;
        let mut note = |frame: &Value| {
            if frame["status"] == "received" {
                let client_id = frame["client_id"].as_str().unwrap().to_owned();
                let id = frame["message_id"].as_i64().unwrap();
                let before = acknowledged.insert(client_id, id);
                assert!(before.is_none_or(|before| before == id));
                return true;
            }
            false
        };
        while answered < enough {
            answered += usize::from(note(&socket.next().await));
        }
        if last {
            assert_eq!(server.terminate().await.0, Some(0));
        } else {
            // Whatever had been sent before the end was acknowledged, read or not.
            server.kill().await;
            for frame in socket.rest().await.0 {
                note(&frame);
            }
        }
        waiting.retain(|(client_id, _)| !acknowledged.contains_key(client_id));
    }
    assert!(waiting.is_empty());

    let server = Program::serve(&data_dir, &[]).await;
    let ana = sign_in(&server.address, "ana", &password).await;
    let conversation = conversation.unwrap();
    let (mut stored, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/chat/conversations/{conversation}/messages/?after={after}&limit=200");
        let page = ana.get(&path).await.expect(200);
        stored.extend(page["results"].as_array().unwrap().clone());
        if page["has_more"] == false {
            break;
        }
        after = stored.last().unwrap()["id"].as_i64().unwrap();
    }
    assert_eq!(stored.len(), 1200);
    let distinct: HashSet<_> = stored.iter().map(|row| row["content"].as_str().unwrap()).collect();
    assert_eq!(distinct.len(), 1200);
    for row in &stored {
        let client_id = row["client_id"].as_str().unwrap();
        assert_eq!(acknowledged[client_id], row["id"].as_i64().unwrap());
        assert_eq!(format!("text {}", &client_id[1..]), row["content"].as_str().unwrap());
    }
    server.kill().await;
    let check = program::cli(&data_dir, &["check"]).await;
    assert_eq!(check.code, Some(0), "{check:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_races_with_closing_is_either_before_it_or_refused() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    for _ in 0..10 {
        let conversation = house.conversation("reception").await;
        let (mut anas, mut bobs) = (ana.connect().await, bob.connect().await);
        let mut witness = house.admin.connect().await;
        witness.subscribe(conversation).await;
        let texts = async {
            for number in 0..30 {
                anas.send_text(conversation, &format!("{number}")).await;
            }
            let frames = anas.everything().await;
            let received = frames.iter().filter(|frame| frame["status"] == "received").count();
            let refused =
                frames.iter().filter(|frame| frame["code"] == "conversation_closed").count();
            assert_eq!(received + refused, 30);
            received
        };
        let closing = async {
            bobs.command("close_conversation", conversation).await;
            bobs.everything().await
        };
        let (received, _) = tokio::join!(texts, closing);
        let told = witness.everything().await;
        let told: Vec<_> = told.iter().filter(|frame| frame["type"] != "user_status").collect();
        // Nothing reaches the guest: with the closing, each text's wait for a way has ended.
        assert_eq!(told.len(), received + 1 + received);
        assert_eq!(told[received]["data"]["type"], "closed");
        assert!(told[received + 1..].iter().all(|frame| frame["data"]["type"] == "delivery"));
        assert_eq!(house.admin.texts(conversation).await.len(), received);
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_numbers_go_on() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    socket.subscribe(conversation).await;
    socket.send_text(conversation, "Before").await;
    let before = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
    let seq = socket.frame("message").await["seq"].as_i64().unwrap();
    let shown = ana.conversation(conversation).await;
    // A connection that is open does not hold the data directory.
    let house = house.restart().await;
    assert_eq!(socket.close_code().await, 1001);
    assert_eq!(ana.conversation(conversation).await, shown);
    let mut socket = ana.connect().await;
    socket.subscribe(conversation).await;
    socket.send_text(conversation, "After").await;
    let after = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
    assert!(after > before);
    assert!(socket.frame("message").await["seq"].as_i64().unwrap() > seq);
    assert_eq!(ana.texts(conversation).await, ["Before", "After"]);
    house.try_sign_in("ana", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_own_read_mark_and_a_closed_conversation_survive_too() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = gateway.writes("1", "+1 2", "Hi").await["conversation_id"].as_i64().unwrap();
    let mut socket = ana.connect().await;
    socket.command("mark_read", conversation).await;
    socket.command("close_conversation", conversation).await;
    socket.everything().await;
    let house = house.restart().await;
    let shown = house.sign_in("ana").await.conversation(conversation).await;
    assert_eq!(shown["unread_count"], 0);
    assert_eq!(shown["status"], "closed");
}

#[tokio::test]
async fn another_program_that_locks_the_database_costs_only_what_it_locked_out() {
    use sqlx::{Connection, Executor};
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut witness = house.admin.connect().await;
    let mut socket = ana.connect().await;
    witness.everything().await;
    let file = house.data_dir().join("frontdesk.db");
    let url = format!("sqlite://{}", file.display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    other.execute("begin immediate").await.unwrap();
    let text = json!({
        "type": "text", "conversation_id": conversation, "content": "Locked out", "client_id": "c1",
    });
    socket.send(text.clone()).await;
    let error = socket.refused("unavailable", "Not saved, please try again").await;
    assert_eq!(error["client_id"], "c1");
    assert_eq!(error["conversation_id"], conversation);
    house.anyone.get("/readyz").await.problem(503, "unavailable");
    house.anyone.get("/healthz").await.expect(200);
    // Reading goes on.
    assert!(ana.texts(conversation).await.is_empty());
    other.execute("rollback").await.unwrap();
    other.close().await.unwrap();
    socket.send(text).await;
    let received = socket.acknowledged("received").await;
    assert!(received.get("duplicate").is_none(), "{received}");
    house.anyone.get("/readyz").await.expect(200);
    assert_eq!(witness.everything().await.len(), 1);
    assert_eq!(ana.texts(conversation).await, ["Locked out"]);
}

/// Restores the backup, and writes to the conversation: the message's id.
async fn restored(house: House, backup: &str, conversation: i64) -> (House, i64) {
    let stopped = house.stop().await;
    stopped.cli(&["restore", backup]).await.object();
    let house = stopped.start().await;
    let ana = house.sign_in("ana").await;
    let mut socket = ana.try_connect().await.unwrap();
    socket.send_text(conversation, "A new life").await;
    let id = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
    (house, id)
}

#[tokio::test]
async fn however_often_a_backup_is_restored_no_id_is_given_twice() {
    let house = House::start().await;
    house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let backup = house.data_dir().with_extension("backup");
    let backup = backup.to_str().unwrap();
    house.cli(&["backup", backup]).await.object();
    let (house, first) = restored(house, backup, conversation).await;
    let (house, second) = restored(house, backup, conversation).await;
    assert!(first > 1_000_000, "{first}");
    assert!(second > first + 1_000_000, "{first} {second}");

    // The ids of a database that cannot be read are unknown.
    let stopped = house.stop().await;
    std::fs::write(stopped.data_dir().join("frontdesk.db"), "no database".repeat(1000)).unwrap();
    let mut command = program::command();
    command.arg("--data-dir").arg(stopped.data_dir()).args(["restore", backup]);
    let told = program::run(command, "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("could not be read"), "{told:?}");
    let house = stopped.start().await;
    let (house, third) = restored(house, backup, conversation).await;
    assert!(third > 1_000_000_000_000, "{third}");
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}
