//! One person, gateway or hotel that has the server do as much as it may: what that costs is bounded, and others are
//! served meanwhile.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    common::{
        Callback, Client, House, Program, Socket, client::send, program, socket::request, until,
    },
    measured::figure,
};

/// A handshake over HTTP, so that its refusal can be read.
fn handshake(client: &Client) -> reqwest::RequestBuilder {
    client
        .request(Method::GET, "/ws/chat/")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[tokio::test]
async fn one_person_has_so_many_connections_and_others_are_let_in() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let mut sockets = Vec::new();
    for _ in 0..64 {
        sockets.push(ana.connect().await);
    }
    let refused = send(handshake(&ana)).await;
    assert_eq!(refused.header("retry-after"), "60");
    refused.problem(429, "too_many_connections");
    assert_eq!(ana.try_connect().await.unwrap_err(), 429);
    bob.connect().await;
    sockets.pop().unwrap().leave().await;
    until("a place to be free", async || ana.try_connect().await.is_ok()).await;
}

/// Sends a `resume` with so many names. Returns how it is answered: the status of the acknowledgment, or the code of the
/// error.
async fn resume_with(socket: &mut Socket, names: i64) -> String {
    let names: Vec<i64> = (1..=names).collect();
    let resume =
        json!({"type": "resume", "epoch": "another", "last_seq": 0, "conversation_ids": names});
    socket.send(resume).await;
    loop {
        let frame = socket.next().await;
        if frame["status"] == "resuming" {
            continue;
        }
        let answer = frame["status"].as_str().or(frame["code"].as_str());
        return answer.unwrap_or_default().to_owned();
    }
}

#[tokio::test]
async fn a_resume_counts_as_one_more_command_for_each_hundred_conversations_that_it_names() {
    let house = House::start().await;
    let mut socket = house.admin.connect().await;
    // 51 of the 60 commands that are possible at once.
    assert_eq!(resume_with(&mut socket, 5_000).await, "resync_required");
    assert_eq!(resume_with(&mut socket, 5_000).await, "rate_limited");
    for _ in 0..4 {
        assert_eq!(resume_with(&mut socket, 199).await, "resync_required");
    }
    // Other connections of the same person have a limit of their own.
    let mut other = house.admin.connect().await;
    assert_eq!(resume_with(&mut other, 5_000).await, "resync_required");
}

/// Resident memory of a process now and at most so far, in MiB.
#[cfg(target_os = "linux")]
fn memory_mib(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    };
    (value("VmRSS:"), value("VmHWM:"))
}

/// A server as a process of its own, with one person; and that person.
async fn server(options: &[&str]) -> (tempfile::TempDir, Program, Client) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let line =
        ["staff", "create", "--username", "ana", "--name", "Ana", "--department", "reception"];
    let made = program::cli(&data_dir, &line).await.object();
    let program = Program::serve(&data_dir, options).await;
    let client = Client::new(Arc::new(RwLock::new(program.address.clone())));
    let body = json!({"username": "ana", "password": made["password"]});
    let signed_in = client.post("/auth/login/", body).await.expect(200);
    let client = client.with_token(signed_in["token"].as_str().unwrap());
    (folder, program, client)
}

async fn connect(client: &Client) -> Socket {
    let proof = format!("Bearer {}", client.token.as_deref().unwrap());
    let request = request(&client.host(), "/ws/chat/", &[("authorization", &proof)]);
    Socket::open(request).await.unwrap()
}

/// Resumes with 5,000 names on 16 connections for 8 s and reads nothing. Returns how often that was, and by how many MiB
/// the server grew.
#[cfg(target_os = "linux")]
async fn resume_and_read_nothing() -> (usize, u64) {
    // Without the limit of commands: what is kept must be bounded all the same.
    let (_folder, program, ana) = server(&["--commands-per-second", "0"]).await;
    let state = ana.get("/chat/conversations/").await.expect(200);
    let resume = json!({
        "type": "resume", "epoch": state["epoch"], "last_seq": 0,
        "conversation_ids": (1..=5_000).collect::<Vec<_>>(),
    })
    .to_string();
    let mut sockets = Vec::new();
    for _ in 0..16 {
        sockets.push(connect(&ana).await);
    }
    let (before, _) = memory_mib(program.id());
    let until_then = Instant::now() + Duration::from_secs(8);
    let floods = sockets.into_iter().map(|mut socket| {
        let resume = resume.clone();
        tokio::spawn(async move {
            let mut sent = 0;
            while Instant::now() < until_then
                && socket.try_send(Message::text(resume.clone())).await
            {
                sent += 1;
            }
            (socket, sent)
        })
    });
    let floods = futures_util::future::join_all(floods.collect::<Vec<_>>()).await;
    let sent: usize = floods.iter().map(|flood| flood.as_ref().unwrap().1).sum();
    assert!(sent > 160, "only {sent} were sent");
    let (_, most) = memory_mib(program.id());
    assert!(most < before + 120, "{before} MiB before, at most {most} MiB, {sent} commands");
    drop(floods);
    let is_given_back = async || memory_mib(program.id()).0 < before + 60;
    until("the memory to be given back", is_given_back).await;
    (sent, most - before)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_resumes_with_five_thousand_names_and_reads_nothing_uses_little_memory() {
    resume_and_read_nothing().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "make attacks"]
async fn measured_memory_of_a_person_who_resumes_and_reads_nothing() {
    let (sent, grew) = resume_and_read_nothing().await;
    figure("resumes", &format!("{sent} commands in 8 s: +{grew} MiB, and given back"));
}

/// Dead gateways with a thousand replies each, in a database whose server is not running: some refuse connections, the
/// others take them and never answer.
async fn add_dead_gateways(data_dir: &std::path::Path, silent: &str, gateways: i64) {
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let script = "
        with recursive n (i) as (select 1 union all select i + 1 from n where i < ?1)
        insert into gateway (id, property_id, name, key_hash, signing_secret, callback_url, created_at)
            select 1000 + i, 1, 'dead ' || i, randomblob(32), 'secret',
                iif(i % 2, 'http://127.0.0.1:1/', ?2), 0 from n;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 100 * ?1)
        insert into guest (id, property_id, name, folded_name, gateway_id, created_at)
            select 100000 + i, 1, 'Guest ' || i, 'guest ' || i, 1001 + i % ?1, 0 from n;
        insert into conversation (id, property_id, guest_id, department_id, conversation_type, status,
                active_at, created_at, updated_at)
            select id, 1, id, (select min(id) from department), 'general', 'active', 0, 0, 0 from guest where id > 100000;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000 * ?1)
        insert into message (id, conversation_id, staff_id, content, created_at)
            select 1000000 + i, 100001 + i % (100 * ?1), (select min(id) from staff), 'Coming', ?3 from n;
        insert into delivery (message_id, id, conversation_id, gateway_id, channel, state, at, next_attempt_at)
            select m.id, 'reply ' || m.id, c.id, g.gateway_id, 'gateway', 'stored', ?3, ?3
            from message m join conversation c on c.id = m.conversation_id join guest g on g.id = c.guest_id
            where m.id > 1000000;
        update conversation set undelivered_since = ?3 where id > 100000;
        update sqlite_sequence set seq = 2000000 where name in ('message', 'conversation', 'guest', 'gateway');";
    #[expect(clippy::disallowed_methods, reason = "the server's own clock goes by it")]
    let now = i64::try_from(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis(),
    );
    for statement in script.split(';').filter(|it| !it.trim().is_empty()) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
            .bind(gateways)
            .bind(silent.to_owned())
            .bind(now.unwrap())
            .execute(&mut database)
            .await
            .unwrap();
    }
    database.close().await.unwrap();
}

/// Processor time of a process so far.
#[cfg(target_os = "linux")]
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let times: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).map(|time| time.parse().unwrap()).collect();
    // Linux counts in hundredths of a second here.
    (times[0] + times[1]) / 100.0
}

/// Has replies leave through five gateways beside fifty dead ones. Returns the p99 from the send to the callback, and what
/// the waiting replies cost in hundredths of a core.
#[cfg(target_os = "linux")]
async fn reply_beside_dead_gateways() -> (Duration, f64) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let cli = async |line: &[&str]| program::cli(&data_dir, line).await.object();
    let made = cli(&[
        "staff",
        "create",
        "--username",
        "ana",
        "--name",
        "Ana",
        "--department",
        "reception",
    ])
    .await;
    let mut callbacks = Vec::new();
    let mut keys = Vec::new();
    for number in 0..5 {
        let callback = Callback::start().await;
        let name = format!("alive {number}");
        let line = ["gateway", "create", "--name", &name, "--callback-url", &callback.url];
        keys.push(cli(&line).await["key"].as_str().unwrap().to_owned());
        callbacks.push(callback);
    }
    // Connections wait in its queue, and nobody takes them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    add_dead_gateways(&data_dir, &url, 50).await;
    let program = Program::serve(&data_dir, &[]).await;
    let client = Client::new(Arc::new(RwLock::new(program.address.clone())));
    let body = json!({"username": "ana", "password": made["password"]});
    let signed_in = client.post("/auth/login/", body).await.expect(200);
    let ana = client.with_token(signed_in["token"].as_str().unwrap());
    let mut conversations = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let body = json!({"external_id": "1", "guest_ref": format!("guest {number}"), "content": "Towels?"});
        let received = client.with_token(key).post("/gateway/messages/", body).await.expect(201);
        conversations.push(received["conversation_id"].as_i64().unwrap());
    }
    let mut socket = connect(&ana).await;
    let mut times = Vec::new();
    for round in 0..40 {
        for (conversation, callback) in conversations.iter().zip(&mut callbacks) {
            let sent = Instant::now();
            socket.send_text(*conversation, &format!("Text {round}")).await;
            let delivery = callback.next().await;
            times.push(sent.elapsed());
            assert_eq!(delivery.content(), format!("Text {round}"));
        }
        // What comes back must be read, and paces this below the limit of commands.
        socket.everything().await;
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 <= Duration::from_secs(1), "p99 {p99:?}");
    // Nobody writes any more: what it costs is the replies that wait.
    let (before, began) = (cpu_seconds(program.id()), Instant::now());
    tokio::time::sleep(Duration::from_secs(15)).await;
    let share = (cpu_seconds(program.id()) - before) / began.elapsed().as_secs_f64() * 100.0;
    assert!(share <= 5.0, "{share:.1} % of a core");
    drop(silent);
    (p99, share)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn fifty_dead_gateways_with_a_thousand_replies_each_delay_no_other_and_use_little_time() {
    reply_beside_dead_gateways().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "make attacks"]
async fn measured_replies_beside_fifty_dead_gateways() {
    let (p99, share) = reply_beside_dead_gateways().await;
    let millis = p99.as_secs_f64() * 1000.0;
    let text = format!("p99 {millis:.1} ms; the 50,000 that wait cost {share:.1} % of a core");
    figure("dead-gateways", &text);
}
