//! What one hotel notices while a person, a gateway or all gateways of another one do as much as they may.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Socket, connect, quantiles_ms},
    report::{Row, Runs, Target},
    servers::{Access, House, Server, note},
    settings::{PATIENCE, Settings},
};

/// Connections of the quiet hotel that write, each this often: below the limit of commands.
const WRITERS: usize = 4;
const EACH_PER_SECOND: u32 = 15;

/// Connections that one person may have.
const CONNECTIONS: usize = 64;

/// Conversations that a `resume` names, and how often one connection may do that: it counts as 51 commands, of which there
/// are 20 a second.
const NAMED: i64 = 5_000;
const RESUME_PERIOD: Duration = Duration::from_millis(2_550);

/// Requests of one person at the same time: as many are worked on, and the others would only wait.
const REQUESTS: usize = 16;

/// Gateways that bring messages, and how many each of them a second.
const BUSY_GATEWAYS: usize = 10;
const MESSAGES_PER_SECOND: u32 = 100;

/// What is done in the loud hotel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Quiet,
    Resumes,
    Searches,
    Exports,
    BusyGateways,
    DeadGateways,
}

/// The loads, and what they are called.
const LOADS: [(Load, &str); 5] = [
    (Load::Resumes, "one person resumes with 5,000 names on 64 connections"),
    (Load::Searches, "one person searches among 50,000 guests"),
    (Load::Exports, "an admin exports a guest of 3,000 texts as PDF, again and again"),
    (Load::BusyGateways, "ten gateways bring 100 messages a second each"),
    (Load::DeadGateways, "50 gateways do not answer, with 1,000 replies each"),
];

/// Measures the quiet hotel's acknowledgments under each load.
///
/// # Errors
/// When a server fails.
pub async fn fairness(settings: Settings) -> Result<Vec<Row>> {
    let house = House::with_properties(2)?;
    let dead = House::with_properties(2)?;
    for house in [&house, &dead] {
        // The server makes the schema and the conversations when it starts.
        let server = Server::as_installed(house)?;
        house.open(&server).await?;
    }
    let mut keys = Vec::new();
    for number in 0..BUSY_GATEWAYS {
        keys.push(house.gateway(&format!("Gateway {number}"))?);
    }
    fill(house.directory()).await?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    add_dead_gateways(dead.directory(), silent.local_addr()?).await?;
    let mut quiet = Runs::default();
    let mut loaded = vec![Runs::default(); LOADS.len()];
    for run in 0..settings.runs {
        note(&format!("fairness: run {} of {}", run + 1, settings.runs));
        let server = Server::as_installed(&house)?;
        let opened = house.open(&server).await?;
        quiet.0.push(measure(&server, &opened, (Load::Quiet, &keys), settings).await?);
        for ((load, what), runs) in LOADS.iter().zip(&mut loaded) {
            let p99 = if *load == Load::DeadGateways {
                let server = Server::as_installed(&dead)?;
                let opened = dead.open(&server).await?;
                measure(&server, &opened, (*load, &keys), settings).await?
            } else {
                measure(&server, &opened, (*load, &keys), settings).await?
            };
            note(&format!("  {what}: p99 {p99:.1} ms"));
            runs.0.push(p99);
        }
    }
    drop(silent);
    let rows = LOADS.iter().zip(loaded).map(|((_, what), runs)| Row {
        what: format!("{what}: another hotel's acknowledgments, p99"),
        unit: "ms".to_owned(),
        frontdesk: runs,
        reference: Some(("quiet".to_owned(), quiet.clone())),
        beside: None,
        target: Some(Target::MultipleOrLimit(2.0, 20.0)),
    });
    Ok(rows.collect())
}

/// The p99 of the quiet hotel's acknowledgments under a load, in milliseconds.
async fn measure(
    server: &Server,
    opened: &[Access],
    (load, keys): (Load, &[String]),
    settings: Settings,
) -> Result<f64> {
    let [loud, quiet] = opened else { bail!("there are two hotels") };
    let mut others = JoinSet::new();
    // On threads of its own: what is measured must not wait for the clients of the load.
    let threads = Threads::new()?;
    start((&mut others, threads.handle()?), server.address, loud, load, keys)?;
    let token = quiet.tokens.first().context("nobody")?;
    let conversation = *quiet.conversations.first().context("no conversation")?;
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let socket = connect(server.address, "/ws/chat/", token).await?;
        writers.spawn(write(socket, conversation, settings));
    }
    let mut micros = Vec::new();
    while let Some(written) = writers.join_next().await {
        micros.extend(written??);
    }
    // A load that ended before has not loaded anything.
    if let Some(ended) = others.try_join_next() {
        ended??;
        bail!("{load:?} ended early");
    }
    others.shutdown().await;
    Ok(quantiles_ms(micros).1)
}

/// Writes at an even pace, each text when the one before is acknowledged; the times of the acknowledgments in
/// microseconds.
async fn write(mut socket: Socket, conversation: i64, settings: Settings) -> Result<Vec<u32>> {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / EACH_PER_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    let mut micros = Vec::new();
    while started.elapsed() < settings.warm_up + settings.measured {
        tick.tick().await;
        let text = json!({"type": "text", "conversation_id": conversation, "content": "Two more towels, please"});
        let sent = Instant::now();
        socket.send(Message::text(text.to_string())).await?;
        let acknowledged = async {
            loop {
                let frame = socket.next().await.context("closed")??;
                let text = frame.to_text().unwrap_or_default();
                ensure!(!text.starts_with(r#"{"type":"error"#), "refused: {text}");
                if text.starts_with(r#"{"type":"acknowledgment"#) {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(PATIENCE, acknowledged).await.context("no acknowledgment")??;
        if started.elapsed() > settings.warm_up {
            micros.push(u32::try_from(sent.elapsed().as_micros())?);
        }
    }
    Ok(micros)
}

/// Threads for a load.
struct Threads(Option<Runtime>);

impl Threads {
    fn new() -> Result<Self> {
        let threads = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self(Some(threads)))
    }

    fn handle(&self) -> Result<&Handle> {
        Ok(self.0.as_ref().context("they have ended")?.handle())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another one.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

/// Starts a load.
fn start(
    (others, threads): (&mut JoinSet<Result<()>>, &Handle),
    address: SocketAddr,
    loud: &Access,
    load: Load,
    keys: &[String],
) -> Result<()> {
    let token = loud.tokens.first().context("nobody")?.clone();
    match load {
        Load::Quiet | Load::DeadGateways => {
            others.spawn_on(std::future::pending(), threads);
        }
        Load::Resumes => {
            for _ in 0..CONNECTIONS {
                others.spawn_on(resume(address, token.clone()), threads);
            }
        }
        Load::Searches => {
            for number in 0..REQUESTS {
                let path = format!("/guests/?q=est+{number}");
                others.spawn_on(get(address, token.clone(), path), threads);
            }
        }
        Load::Exports => {
            for _ in 0..2 {
                let path = "/guests/1/export/?format=pdf".to_owned();
                others.spawn_on(get(address, token.clone(), path), threads);
            }
        }
        Load::BusyGateways => {
            for key in keys {
                others.spawn_on(bring(address, key.clone()), threads);
            }
        }
    }
    Ok(())
}

/// Resumes from the beginning as often as one connection may.
async fn resume(address: SocketAddr, token: String) -> Result<()> {
    let http = reqwest::Client::new();
    let state: Value = http
        .get(format!("http://{address}/chat/conversations/?limit=1"))
        .bearer_auth(&token)
        .send()
        .await?
        .json()
        .await?;
    let command = json!({
        "type": "resume", "epoch": state.get("epoch"), "last_seq": 0,
        "conversation_ids": (1..=NAMED).collect::<Vec<_>>(),
    });
    let command = command.to_string();
    let mut socket = connect(address, "/ws/chat/", &token).await?;
    let mut tick = tokio::time::interval(RESUME_PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => socket.send(Message::text(command.clone())).await?,
            frame = socket.next() => {
                let frame = frame.context("closed")??;
                ensure!(!frame.is_close(), "closed: {frame:?}");
            }
        }
    }
}

/// Asks the same again and again.
async fn get(address: SocketAddr, token: String, path: String) -> Result<()> {
    let http = reqwest::Client::new();
    loop {
        let answer = http.get(format!("http://{address}{path}")).bearer_auth(&token).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        if status == 503 || status == 429 {
            // Another one is being put together.
            tokio::time::sleep(Duration::from_millis(100)).await;
        } else {
            ensure!(status.is_success(), "{path} answered {status}");
        }
    }
}

/// Brings as many guests' messages as a gateway may.
async fn bring(address: SocketAddr, key: String) -> Result<()> {
    let http = reqwest::Client::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / MESSAGES_PER_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0_u64.. {
        tick.tick().await;
        let body = json!({
            "external_id": format!("{number}-{:?}", Instant::now()), "guest_ref": format!("guest {}", number % 50),
            "content": "Could we have two more towels, please?",
        });
        let url = format!("http://{address}/gateway/messages/");
        let answer = http.post(url).bearer_auth(&key).json(&body).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        ensure!(status.is_success() || status == 429, "a message was answered with {status}");
    }
    Ok(())
}

async fn open(directory: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(directory.join("frontdesk.db"));
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Fills the loud hotel: 50,000 guests, 5,000 conversations, 200,000 past events, and a first guest with 3,000 texts.
async fn fill(directory: &Path) -> Result<()> {
    note("fairness: filling a hotel");
    let mut database = open(directory).await?;
    let script = "
        begin;
        update staff set is_admin = 1 where property_id = 1;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 50000)
        insert into guest (id, property_id, name, folded_name, created_at)
            select 100000 + i, 1, 'Guest ' || i, 'guest ' || i, 0 from n;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000)
        insert into conversation (property_id, guest_id, department_id, conversation_type, status, active_at,
            created_at, updated_at)
            select 1, 100000 + i, (select min(id) from department where property_id = 1), 'general', 'active', i, i, i
            from n;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 200000)
        insert into event (property_id, conversation_id, department_id, kind, at)
            select 1, (select min(id) from conversation where property_id = 1),
                (select min(id) + i % 2 from department where property_id = 1), 'closed',
                unixepoch() * 1000 from n;
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000)
        insert into message (conversation_id, guest_id, content, created_at)
            select (select min(id) from conversation where property_id = 1),
                (select guest_id from conversation where property_id = 1 order by id limit 1),
                'Message ' || i || replace(hex(zeroblob(200)), '00', ' and more'), i from n;
        commit;
        analyze;";
    sqlx::raw_sql(script).execute(&mut database).await?;
    Ok(database.close().await?)
}

/// Adds 50 gateways to the loud hotel that do not answer, with 1,000 replies each: every other one refuses connections,
/// the others take them and say nothing.
async fn add_dead_gateways(directory: &Path, silent: SocketAddr) -> Result<()> {
    let mut database = open(directory).await?;
    let script = format!(
        "begin;
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 50)
         insert into gateway (id, property_id, name, key_hash, signing_secret, callback_url, created_at)
            select 1000 + i, 1, 'Dead ' || i, randomblob(32), 'secret',
                iif(i % 2, 'http://127.0.0.1:1/', 'http://{silent}/'), 0 from n;
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000)
         insert into guest (id, property_id, name, folded_name, gateway_id, created_at)
            select 100000 + i, 1, 'Guest ' || i, 'guest ' || i, 1001 + i % 50, 0 from n;
         insert into conversation (id, property_id, guest_id, department_id, conversation_type, status, active_at,
            created_at, updated_at)
            select id, 1, id, (select min(id) from department where property_id = 1), 'general', 'active', 0, 0, 0
            from guest where id > 100000;
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 50000)
         insert into message (id, conversation_id, staff_id, content, created_at)
            select 1000000 + i, 100001 + i % 5000, (select min(id) from staff), 'On their way', unixepoch() * 1000
            from n;
         insert into delivery (message_id, id, conversation_id, gateway_id, channel, state, at, next_attempt_at)
            select m.id, 'reply ' || m.id, c.id, g.gateway_id, 'gateway', 'stored', m.created_at, m.created_at
            from message m join conversation c on c.id = m.conversation_id join guest g on g.id = c.guest_id
            where m.id > 1000000;
         commit;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut database).await?;
    Ok(database.close().await?)
}
