//! A thousand connections of one department, a hundred of which stop reading: what the others notice,
//! how long the hundred are kept, and what they cost. `docs/reliability.md` has the figures.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    client::{self, Hears, Outcome, Pace},
    report::{Runs, into_reliability},
    sections::crowd,
    servers::{House, Server, note, resident_kib},
    settings::Settings,
};

const CONNECTIONS: usize = 1_000;
/// Of these, how many do not read.
const SILENT: usize = 100;
/// Messages a second; each reaches everybody.
const PER_SECOND: u32 = 100;
/// Longer than a silent connection may be kept.
const SETTINGS: Settings =
    Settings { runs: 3, warm_up: Duration::from_secs(2), measured: Duration::from_secs(30) };
/// How long a silent connection may be kept.
const KEPT_AT_MOST: Duration = Duration::from_secs(30);
/// Memory that one may cost: its queue (4 MiB), and something for the connection.
const COST_MIB: f64 = 4.25;

/// What the server did about those who do not read.
#[derive(Debug, Default)]
struct Watched {
    /// When the last one of them was given up.
    all_gone: Option<Duration>,
    most_mib: f64,
}

/// Everybody reads, then a hundred do not, in turns.
///
/// # Errors
/// When a reader misses a frame, or the figures do not hold.
pub async fn run() -> Result<()> {
    let (mut all_read, mut some_do_not) = (Vec::new(), Vec::new());
    let mut watched = Vec::new();
    let mut cost = 0.0_f64;
    for run in 0..SETTINGS.runs {
        note(&format!("slow readers: run {} of {}", run + 1, SETTINGS.runs));
        let (outcome, alone) = once(0).await?;
        all_read.push(outcome.delivery_p99_ms);
        let (outcome, beside) = once(SILENT).await?;
        some_do_not.push(outcome.delivery_p99_ms);
        cost = cost.max(beside.most_mib - alone.most_mib);
        watched.push(beside);
    }
    let kept: Option<Vec<Duration>> = watched.iter().map(|each| each.all_gone).collect();
    let kept = kept.context("a connection that does not read was kept to the end")?;
    let kept = kept.into_iter().max().context("no run")?;
    let (reference, ours) = (Runs(all_read).median(), Runs(some_do_not).median());
    let figure = format!(
        "{PER_SECOND} messages a second to all; delivery p99 of the {} others {ours:.1} ms, {reference:.1} ms when all \
         read; the last of the {SILENT} was given up {:.0} s after they stopped; {cost:+.0} MiB",
        CONNECTIONS - SILENT,
        kept.as_secs_f64(),
    );
    note(&figure);
    into_reliability(&[("slow", &figure)])?;
    ensure!(ours <= reference * 1.2, "the others wait: {ours:.1} ms instead of {reference:.1} ms");
    ensure!(kept <= KEPT_AT_MOST, "they were kept for {kept:?}");
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let most = SILENT as f64 * COST_MIB;
    ensure!(cost <= most, "they cost {cost:.0} MiB");
    Ok(())
}

/// One load with so many who do not read.
async fn once(silent: usize) -> Result<(Outcome, Watched)> {
    let house = House::with_one_property(1)?;
    let server = Server::frontdesk(&house)?;
    let access = house.open(&server).await?;
    let mut readers = crowd(&server, access.first().context("no property")?, CONNECTIONS).await?;
    // They stay open, and nobody looks at them any more.
    let held = readers.split_off(CONNECTIONS - silent);
    let pace = Pace::PerSecond(PER_SECOND);
    let mut watched = Watched::default();
    let outcome = tokio::select! {
        finished = client::run(readers, 1, pace, Hears::Everyone, SETTINGS) => finished?.1,
        failed = watch(&mut watched, &server, silent) => match failed? {},
    };
    drop(held);
    Ok((outcome, watched))
}

/// Looks ten times a second at the server's memory, and at how many it has given up.
async fn watch(watched: &mut Watched, server: &Server, silent: usize) -> Result<Infallible> {
    let started = Instant::now();
    let metrics = format!("http://{}/metrics", server.address);
    let mut look = tokio::time::interval(Duration::from_millis(100));
    loop {
        look.tick().await;
        let resident = f64::from(resident_kib(server.pid())?) / 1024.0;
        watched.most_mib = watched.most_mib.max(resident);
        if watched.all_gone.is_none() {
            let text = reqwest::get(&metrics).await?.error_for_status()?.text().await?;
            let given_up =
                text.lines().find_map(|line| line.strip_prefix("frontdesk_slow_readers_total "));
            let given_up: usize = given_up.context("no slow readers in the metrics")?.parse()?;
            watched.all_gone = (given_up == silent).then(|| started.elapsed());
        }
    }
}
