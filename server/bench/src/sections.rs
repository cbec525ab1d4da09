//! What is measured, section by section. Reference and Frontdesk take turns; the median counts.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};

use crate::{
    bare::Writes,
    client::{self, Hears, Outcome, Pace, Participant, Socket},
    durable,
    report::{Row, Runs, Target},
    servers::{Access, House, Server, note, resident_kib},
    settings::{
        CROWD, FANOUT_CONNECTIONS, HANDSHAKES_AT_ONCE, IDLE_CONNECTIONS, STEADY_PER_SECOND,
        Settings, WRITERS,
    },
};

const CHAT: &str = "/ws/chat/";

fn row(what: &str, unit: &str, ours: Runs, reference: (&str, Runs), target: Option<Target>) -> Row {
    Row {
        what: what.to_owned(),
        unit: unit.to_owned(),
        frontdesk: ours,
        reference: Some((reference.0.to_owned(), reference.1)),
        beside: None,
        target,
    }
}

/// Opens `count` connections of one property, each subscribed to its first conversation.
///
/// # Errors
/// When the server does not let them in.
pub async fn crowd(server: &Server, access: &Access, count: usize) -> Result<Vec<Participant>> {
    let conversation_id = *access.conversations.first().context("no conversation")?;
    let mut participants = Vec::with_capacity(count);
    for token in access.tokens.iter().cycle().take(count) {
        let mut socket = client::connect(server.address, CHAT, token).await?;
        client::subscribe(&mut socket, conversation_id).await?;
        participants.push(Participant { socket, conversation_id });
    }
    Ok(participants)
}

/// Opens `count` connections of one group of the reference.
async fn bare_crowd(server: &Server, count: usize) -> Result<Vec<Participant>> {
    let mut participants = Vec::with_capacity(count);
    for _ in 0..count {
        let mut socket = client::connect(server.address, "/?everyone", "none").await?;
        client::subscribe(&mut socket, 1).await?;
        participants.push(Participant { socket, conversation_id: 1 });
    }
    Ok(participants)
}

/// What a load showed on each server, a run each.
#[derive(Default)]
struct Compared {
    bare: Vec<Outcome>,
    batched: Vec<Outcome>,
    ours: Vec<Outcome>,
}

impl Compared {
    /// One figure of all of them.
    fn row(
        &self,
        what: &str,
        unit: &str,
        figure: impl Fn(&Outcome) -> f64,
        target: Option<Target>,
    ) -> Row {
        let [bare, batched, ours] =
            [&self.bare, &self.batched, &self.ours].map(|each| runs(each, &figure));
        let mut row = row(what, unit, ours, ("bare broadcast", bare), target);
        row.beside = Some(("batched broadcast".to_owned(), batched));
        row
    }
}

/// One load on the references and on Frontdesk, in turns.
async fn compare(settings: Settings, count: usize, senders: usize, pace: Pace) -> Result<Compared> {
    let Compared { mut bare, mut batched, mut ours } = Compared::default();
    for run in 0..settings.runs {
        note(&format!("  run {} of {}", run + 1, settings.runs));
        for (writes, outcomes) in [(Writes::Single, &mut bare), (Writes::Batched, &mut batched)] {
            let server = Server::bare(writes)?;
            let everyone = bare_crowd(&server, count).await?;
            outcomes.push(client::run(everyone, senders, pace, Hears::Everyone, settings).await?.1);
        }
        let house = House::with_one_property(1)?;
        let server = Server::frontdesk(&house)?;
        let access = house.open(&server).await?;
        let everyone = crowd(&server, access.first().context("no property")?, count).await?;
        ours.push(client::run(everyone, senders, pace, Hears::Everyone, settings).await?.1);
    }
    Ok(Compared { bare, batched, ours })
}

fn runs(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> Runs {
    Runs(outcomes.iter().map(figure).collect())
}

/// One sender, 500 receivers.
///
/// # Errors
/// When a frame is lost or a server fails.
pub async fn fanout(settings: Settings) -> Result<Vec<Row>> {
    note("fan-out: one sender that waits for its acknowledgment");
    let closed = compare(settings, FANOUT_CONNECTIONS, 1, Pace::ClosedLoop).await?;
    note("fan-out: 20 messages a second");
    let pace = Pace::PerSecond(STEADY_PER_SECOND);
    let steady = compare(settings, FANOUT_CONNECTIONS, 1, pace).await?;
    let share = Some(Target::Share(0.75));
    let later = Some(Target::Margin(3.0));
    Ok(vec![
        closed.row("closed loop: deliveries", "/s", |each| each.delivered_per_second, share),
        closed.row(
            "closed loop: acknowledgment p50",
            "ms",
            |each| each.acknowledgment_p50_ms,
            None,
        ),
        closed.row("closed loop: delivery p50", "ms", |each| each.delivery_p50_ms, None),
        closed.row("closed loop: delivery p99", "ms", |each| each.delivery_p99_ms, later),
        steady.row("20 a second: deliveries", "/s", |each| each.delivered_per_second, share),
        steady.row("20 a second: delivery p50", "ms", |each| each.delivery_p50_ms, None),
        steady.row("20 a second: delivery p99", "ms", |each| each.delivery_p99_ms, later),
    ])
}

/// Acknowledged, durable messages.
///
/// # Errors
/// When a frame is lost or a server fails.
pub async fn durable(settings: Settings) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let most = WRITERS.iter().copied().max().unwrap_or(1);
    let house = House::with_properties(most)?;
    let file = house.directory().join("frontdesk.db");
    for writers in WRITERS {
        note(&format!("durable: {writers} connections, each alone in its property"));
        let (mut alone, mut plain, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..settings.runs {
            note(&format!("  run {} of {}", run + 1, settings.runs));
            {
                let server = Server::frontdesk(&house)?;
                let mut participants = Vec::new();
                for access in house.open(&server).await?.iter().take(writers) {
                    participants.extend(crowd(&server, access, 1).await?);
                }
                let load =
                    client::run(participants, writers, Pace::ClosedLoop, Hears::Itself, settings);
                ours.push(load.await?.1);
            }
            let places = durable::places(&file).await?;
            let places = places.get(..writers).context("too few conversations")?;
            let target = durable::Target { file: &file, places };
            alone.push(durable::sqlx_alone(target, writers, settings).await?);
            #[cfg(feature = "plain-sqlite")]
            plain.push(durable::plain_sqlite(target, writers, settings)?);
            #[cfg(not(feature = "plain-sqlite"))]
            plain.clear();
        }
        let mut stored = row(
            &format!("acknowledged from {writers}"),
            "/s",
            runs(&ours, |each| each.acknowledged_per_second),
            ("sqlx alone", Runs(alone)),
            Some(Target::Share(0.5)),
        );
        if !plain.is_empty() {
            stored.beside = Some(("SQLite alone".to_owned(), Runs(plain)));
        }
        rows.push(stored);
    }
    note("durable: 64 connections of one department, all heard by all");
    let crowd = compare(settings, CROWD, CROWD, Pace::ClosedLoop).await?;
    let what = "64 heard by all: deliveries";
    let share = Some(Target::Share(0.75));
    rows.push(crowd.row(what, "/s", |each| each.delivered_per_second, share));
    Ok(rows)
}

/// Opens many connections at once; returns them and how many came in a second.
async fn handshakes(
    address: SocketAddr,
    path: &'static str,
    tokens: &[String],
) -> Result<(Vec<Socket>, f64)> {
    let started = Instant::now();
    let sockets: Vec<Result<Socket>> =
        stream::iter(tokens.iter().cycle().take(IDLE_CONNECTIONS).cloned())
            .map(|token| async move { client::connect(address, path, &token).await })
            .buffer_unordered(HANDSHAKES_AT_ONCE)
            .collect()
            .await;
    let sockets = sockets.into_iter().collect::<Result<Vec<_>>>()?;
    let count = u32::try_from(sockets.len())?;
    Ok((sockets, f64::from(count) / started.elapsed().as_secs_f64()))
}

/// Memory of connections that do nothing, and how fast they come.
///
/// # Errors
/// When a server fails.
pub async fn idle(settings: Settings) -> Result<Vec<Row>> {
    let (mut memory, mut bare_memory) = (Vec::new(), Vec::new());
    let (mut rate, mut bare_rate) = (Vec::new(), Vec::new());
    let each = f64::from(u32::try_from(IDLE_CONNECTIONS)?);
    for run in 0..settings.runs {
        note(&format!("idle: run {} of {}", run + 1, settings.runs));
        let server = Server::bare(Writes::Single)?;
        let before = resident_kib(server.pid())?;
        let none = ["none".to_owned()];
        let (sockets, speed) = handshakes(server.address, "/?everyone", &none).await?;
        bare_memory.push(f64::from(resident_kib(server.pid())?.saturating_sub(before)) / each);
        bare_rate.push(speed);
        drop((sockets, server));
        let house = House::with_one_property(1)?;
        let server = Server::frontdesk(&house)?;
        let access = house.open(&server).await?;
        let tokens = &access.first().context("no property")?.tokens;
        let before = resident_kib(server.pid())?;
        let (sockets, speed) = handshakes(server.address, CHAT, tokens).await?;
        memory.push(f64::from(resident_kib(server.pid())?.saturating_sub(before)) / each);
        rate.push(speed);
        drop((sockets, server));
    }
    Ok(vec![
        row(
            "resident memory per idle connection",
            "KiB",
            Runs(memory),
            ("bare", Runs(bare_memory)),
            Some(Target::Multiple(1.5)),
        ),
        row("handshakes", "/s", Runs(rate), ("bare", Runs(bare_rate)), Some(Target::Share(0.5))),
    ])
}
