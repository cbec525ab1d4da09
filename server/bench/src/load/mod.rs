//! A busy evening: 5,500 connections of a hundred hotels, 200 messages a second, then a server that
//! is killed under all of them. Every connection hears its department, and must have every message
//! of it once and in order; `docs/reliability.md` has the figures.

mod chart;
mod measure;
mod seat;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{
    servers::{House, Server, note, resident_kib},
    settings::PATIENCE,
};
use measure::{Measured, Sample};
use seat::{Phase, Seat};

/// Hotels on the server: nobody hears another one's messages.
const HOTELS: usize = 100;
/// Connections of each hotel that write, subscribed to the conversation.
const ACTIVE: usize = 5;
/// Connections of each hotel that only listen, to their department.
const IDLE: usize = 50;
/// Messages a second, of all together.
const PER_SECOND: u32 = 200;
/// Time until the figures count: caches fill, threads start.
const WARM_UP: Duration = Duration::from_secs(20);

/// What all seats share.
#[derive(Debug)]
struct Shared {
    measured: Measured,
    /// Where the server is; `None`: nowhere.
    address: watch::Receiver<Option<std::net::SocketAddr>>,
    phase: watch::Receiver<Phase>,
}

/// Loads the server for some minutes, kills it, and waits until everyone has everything again.
///
/// # Errors
/// When the server fails, a command is refused, or a connection misses a message.
pub async fn run(minutes: u32) -> Result<()> {
    let count = HOTELS * (ACTIVE + IDLE);
    note(&format!("load: {HOTELS} hotels, {count} connections"));
    let house = House::with_properties(HOTELS)?;
    let server = Server::frontdesk(&house)?;
    let opened = house.open(&server).await?;
    let (at, address) = watch::channel(Some(server.address));
    let (tell, phase) = watch::channel(Phase::Listen);
    let shared = Arc::new(Shared { measured: Measured::new(HOTELS), address, phase });
    let mut seats = JoinSet::new();
    for (hotel, access) in opened.iter().enumerate() {
        let token = access.tokens.first().context("a hotel without staff")?;
        let conversation =
            *access.conversations.first().context("a hotel without a conversation")?;
        for place in 0..ACTIVE + IDLE {
            let seat = Seat::new(seat::Place {
                hotel,
                // Neighbours write at different times.
                number: place * HOTELS + hotel,
                token: token.clone(),
                conversation,
                writes: place < ACTIVE,
            });
            seats.spawn(seat.run(Arc::clone(&shared)));
        }
    }
    everyone_is_back(&shared, count, &mut seats).await?;

    let length = Duration::from_secs(u64::from(minutes) * 60);
    note(&format!("load: {PER_SECOND} messages a second for {minutes} minutes"));
    tell.send_replace(Phase::Write);
    let samples = sample(&server, &shared, length, &mut seats).await?;
    ensure!(shared.measured.disturbances() == 0, "{}", shared.measured.first_disturbance());

    note("load: the server is killed");
    shared.measured.forget_who_is_there();
    at.send_replace(None);
    let killed = Instant::now();
    // Those who wrote just then do not know whether they were heard; they ask again.
    drop(server);
    let server = Server::frontdesk(&house)?;
    let open_again = killed.elapsed();
    at.send_replace(Some(server.address));
    everyone_is_back(&shared, count, &mut seats).await?;
    let all_back = killed.elapsed();
    tell.send_replace(Phase::Listen);
    everything_has_arrived(&shared, &mut seats).await?;
    tell.send_replace(Phase::Leave);
    let mut messages = 0;
    while let Some(seat) = seats.join_next().await {
        messages += shared.measured.is_exact(&seat??)?;
    }
    let herd = measure::Herd { open_again, all_back, count };
    measure::report(&shared.measured, &samples, minutes, &herd, messages)
}

/// Waits until every connection has been told everything that it missed.
async fn everyone_is_back(
    shared: &Shared,
    count: usize,
    seats: &mut JoinSet<Result<Seat>>,
) -> Result<()> {
    let mut here = shared.measured.here();
    tokio::select! {
        all = tokio::time::timeout(PATIENCE * 6, here.wait_for(|here| *here == count)) => {
            all.context("not everyone came back")??;
            Ok(())
        }
        ended = seats.join_next() => failed(ended),
    }
}

/// Waits until every message that was acknowledged is with everyone who must have it.
async fn everything_has_arrived(shared: &Shared, seats: &mut JoinSet<Result<Seat>>) -> Result<()> {
    let mut finished = shared.measured.finished();
    tokio::time::timeout(PATIENCE, finished.wait_for(|count| *count == HOTELS * ACTIVE)).await??;
    let deadline = Instant::now() + PATIENCE;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            _ = look.tick() => {
                let missing = shared.measured.missing(ACTIVE + IDLE);
                if missing == 0 {
                    return Ok(());
                }
                ensure!(Instant::now() < deadline, "{missing} frames or acknowledgments are missing");
            }
            ended = seats.join_next() => return failed(ended),
        }
    }
}

fn failed(ended: Option<Result<Result<Seat>, tokio::task::JoinError>>) -> Result<()> {
    ended.context("nobody is there")???;
    bail!("a connection ended")
}

/// Looks once a second at the server's memory and time.
async fn sample(
    server: &Server,
    shared: &Shared,
    length: Duration,
    seats: &mut JoinSet<Result<Seat>>,
) -> Result<Vec<Sample>> {
    let started = Instant::now();
    let mut samples = Vec::new();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while started.elapsed() < WARM_UP + length {
        tokio::select! {
            _ = second.tick() => {}
            ended = seats.join_next() => failed(ended)?,
        }
        let latencies = shared.measured.take_latencies();
        if started.elapsed() < WARM_UP {
            continue;
        }
        samples.push(Sample {
            at: started.elapsed().saturating_sub(WARM_UP).as_secs_f64(),
            memory_mib: f64::from(resident_kib(server.pid())?) / 1024.0,
            cpu_seconds: measure::cpu_seconds(server.pid())?,
            latencies,
        });
    }
    Ok(samples)
}
