//! Lists and pages of a large house, while messages are written.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::MissedTickBehavior;

use crate::{
    client::{self, Hears, Pace, Participant, quantiles_ms},
    report::{Row, Runs, Target},
    servers::{Access, House, Server, note},
    settings::{LIST_CONVERSATIONS, LIST_MESSAGES, LIST_PER_SECOND, Settings},
};

/// The 99th hundredth that a read may take, in milliseconds.
const TARGET_MS: f64 = 5.0;

/// Fills a house: conversations of 10,000 guests over the departments, the last 1,500 of them
/// active, each with the same number of messages, guest and staff in turns.
async fn fill(file: &Path) -> Result<()> {
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await?;
    let each = LIST_MESSAGES / LIST_CONVERSATIONS;
    let script = format!(
        "begin;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)
         insert into guest (property_id, name, created_at) select 1, 'Guest ' || i, 0 from n;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < {LIST_CONVERSATIONS})
         insert into conversation (property_id, guest_id, department_id, conversation_type, status,
            active_at, created_at, updated_at, closed_at)
         select 1, (select min(id) from guest where name = 'Guest 1') + i % 10000,
            (select min(id) from department where property_id = 1) + (i / 10000) % 2,
            'general', case when i > {LIST_CONVERSATIONS} - 1500 then 'active' else 'closed' end,
            i * 1000, i * 1000, i * 1000,
            case when i > {LIST_CONVERSATIONS} - 1500 then null else i * 1000 end from n;
         with recursive n(i) as (select 0 union all select i + 1 from n where i < {LIST_MESSAGES} - 1)
         insert into message (conversation_id, staff_id, guest_id, content, created_at)
         select c.id, case when i / {LIST_CONVERSATIONS} % 2 then 1 end,
            case when i / {LIST_CONVERSATIONS} % 2 then null else c.guest_id end,
            'Could we have two more towels, please? This is message ' || i, i
         from n join conversation c
            on c.id = (select max(id) from conversation) - {LIST_CONVERSATIONS} + 1 + i % {LIST_CONVERSATIONS};
         update conversation set last_message_id =
            coalesce((select max(id) from message where conversation_id = conversation.id), 0);
         commit;
         analyze;"
    );
    note(&format!("lists: filling {LIST_CONVERSATIONS} conversations of {each} messages"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Reads one path at a steady pace; durations in microseconds.
async fn read(
    server: &Server,
    access: &Access,
    paths: Vec<String>,
    settings: Settings,
) -> Result<Vec<u32>> {
    let http = reqwest::Client::new();
    let token = access.tokens.first().context("nobody")?;
    let mut tick = tokio::time::interval(Duration::from_secs(1) / LIST_PER_SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    let mut micros = Vec::new();
    for path in paths.iter().cycle() {
        if started.elapsed() > settings.warm_up + settings.measured {
            break;
        }
        tick.tick().await;
        let asked = Instant::now();
        let answer =
            http.get(format!("http://{}{path}", server.address)).bearer_auth(token).send().await?;
        ensure!(answer.status().is_success(), "{path} answered {}", answer.status());
        answer.bytes().await?;
        if started.elapsed() > settings.warm_up {
            micros.push(u32::try_from(asked.elapsed().as_micros())?);
        }
    }
    Ok(micros)
}

/// Measures both reads.
///
/// # Errors
/// When a server fails.
pub async fn lists(settings: Settings) -> Result<Vec<Row>> {
    let house = House::with_one_property(1)?;
    // The server makes the schema when it starts, and its own conversation.
    let server = Server::frontdesk(&house)?;
    house.open(&server).await?;
    drop(server);
    fill(&house.directory().join("frontdesk.db")).await?;
    let server = Server::frontdesk(&house)?;
    let access = house.open(&server).await?;
    let access = access.first().context("no property")?;
    // Of the last 10,000, which are the reception's.
    let newest = LIST_CONVERSATIONS - 100;
    let reads = [
        (
            "GET /chat/conversations/",
            ["active", "all", "closed"]
                .iter()
                .map(|status| format!("/chat/conversations/?status={status}"))
                .collect::<Vec<_>>(),
        ),
        (
            "GET /chat/conversations/{id}/messages/",
            (0..40)
                .map(|i| format!("/chat/conversations/{}/messages/", newest - i * 200))
                .collect(),
        ),
    ];
    let mut rows = Vec::new();
    for (what, paths) in reads {
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        for run in 0..settings.runs {
            note(&format!("lists: {what}, run {} of {}", run + 1, settings.runs));
            let token = access.tokens.first().context("nobody")?;
            let socket = client::connect(server.address, "/ws/chat/", token).await?;
            let conversation_id = *access.conversations.first().context("no conversation")?;
            let writer = vec![Participant { socket, conversation_id }];
            let pace = Pace::PerSecond(LIST_PER_SECOND);
            let writing = client::run(writer, 1, pace, Hears::Itself, settings);
            let (_, micros) =
                tokio::try_join!(writing, read(&server, access, paths.clone(), settings))?;
            let (half, most) = quantiles_ms(micros);
            p50.push(half);
            p99.push(most);
        }
        for (quantile, runs, target) in
            [("p50", p50, None), ("p99", p99, Some(Target::Limit(TARGET_MS)))]
        {
            rows.push(Row {
                what: format!("{what} {quantile}"),
                unit: "ms".to_owned(),
                frontdesk: Runs(runs),
                reference: None,
                beside: None,
                target,
            });
        }
    }
    Ok(rows)
}
