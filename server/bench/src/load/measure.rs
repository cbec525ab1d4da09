//! What the load showed.

use std::{
    fmt::Write as _,
    fs,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;

use crate::{
    client::quantiles_ms,
    report::{into_reliability, number, reliability},
    servers::note,
};

use super::{PER_SECOND, chart, seat::Seat};

/// Counters that all connections write to.
#[derive(Debug)]
pub struct Measured {
    here: watch::Sender<usize>,
    finished: watch::Sender<usize>,
    sent: AtomicU64,
    received: AtomicU64,
    /// The ids that were acknowledged, for each hotel.
    ids: Vec<Mutex<Vec<i64>>>,
    latencies: Mutex<Vec<u32>>,
    disturbances: Mutex<Vec<String>>,
}

/// One second.
#[derive(Debug)]
pub struct Sample {
    /// Seconds since the figures count.
    pub at: f64,
    pub memory_mib: f64,
    pub cpu_seconds: f64,
    /// From sending to acknowledgment, in microseconds.
    pub latencies: Vec<u32>,
}

/// A server that is started again under everyone.
#[derive(Debug)]
pub struct Herd {
    pub open_again: Duration,
    pub all_back: Duration,
    pub count: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Measured {
    pub fn new(hotels: usize) -> Self {
        Self {
            here: watch::Sender::new(0),
            finished: watch::Sender::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            ids: (0..hotels).map(|_| Mutex::default()).collect(),
            latencies: Mutex::default(),
            disturbances: Mutex::default(),
        }
    }

    /// How many are connected and have everything.
    pub fn here(&self) -> watch::Receiver<usize> {
        self.here.subscribe()
    }

    pub fn is_here(&self) {
        self.here.send_modify(|here| *here += 1);
    }

    pub fn forget_who_is_there(&self) {
        self.here.send_replace(0);
    }

    /// How many will write nothing more.
    pub fn finished(&self) -> watch::Receiver<usize> {
        self.finished.subscribe()
    }

    pub fn has_finished(&self) {
        self.finished.send_modify(|finished| *finished += 1);
    }

    pub fn sent(&self) {
        self.sent.fetch_add(1, Ordering::SeqCst);
    }

    pub fn received(&self) {
        self.received.fetch_add(1, Ordering::SeqCst);
    }

    pub fn acknowledged(&self, hotel: usize, id: i64, took: Duration) {
        if let Some(ids) = self.ids.get(hotel) {
            lock(ids).push(id);
        }
        lock(&self.latencies).push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn take_latencies(&self) -> Vec<u32> {
        std::mem::take(&mut lock(&self.latencies))
    }

    pub fn disturbed(&self, what: &str) {
        lock(&self.disturbances).push(what.to_owned());
    }

    pub fn disturbances(&self) -> usize {
        lock(&self.disturbances).len()
    }

    pub fn first_disturbance(&self) -> String {
        lock(&self.disturbances).first().cloned().unwrap_or_default()
    }

    /// Acknowledgments and frames that must still come, with so many listeners of each message.
    pub fn missing(&self, listeners: usize) -> u64 {
        let acknowledged: u64 = self.ids.iter().map(|ids| lock(ids).len() as u64).sum();
        let unanswered = self.sent.load(Ordering::SeqCst).saturating_sub(acknowledged);
        let received = self.received.load(Ordering::SeqCst);
        unanswered + (acknowledged * listeners as u64).abs_diff(received)
    }

    /// Whether a connection has exactly its hotel's messages, in order; returns how many.
    pub fn is_exact(&self, seat: &Seat) -> Result<usize> {
        let mut ids = lock(self.ids.get(seat.place.hotel).context("no such hotel")?).clone();
        ids.sort_unstable();
        ensure!(
            ids == seat.received,
            "hotel {}, place {} has {} of {} messages, or not in order",
            seat.place.hotel,
            seat.place.number,
            seat.received.len(),
            ids.len(),
        );
        Ok(ids.len())
    }
}

/// Processor time of a process so far.
///
/// # Errors
/// When `/proc` does not tell.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("no name")?;
    let mut times = rest.split_whitespace().skip(11);
    let mut next = || -> Result<f64> { Ok(times.next().context("no time")?.parse()?) };
    // Linux counts in hundredths of a second here, on every machine.
    Ok((next()? + next()?) / 100.0)
}

/// Growth in MiB a minute: the line that fits best.
fn slope(samples: &[Sample]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    let count = samples.len().max(1) as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (at, memory) = (mean(|each| each.at), mean(|each| each.memory_mib));
    let (mut above, mut below) = (0.0, 0.0);
    for each in samples {
        above += (each.at - at) * (each.memory_mib - memory);
        below += (each.at - at) * (each.at - at);
    }
    if below > 0.0 { above / below * 60.0 } else { 0.0 }
}

/// Says what was measured, and writes it into `docs/reliability.md`.
///
/// # Errors
/// When a file cannot be written, or something did not hold.
pub fn report(
    measured: &Measured,
    samples: &[Sample],
    minutes: u32,
    herd: &Herd,
    frames: usize,
) -> Result<()> {
    let latencies: Vec<u32> = samples.iter().flat_map(|each| each.latencies.clone()).collect();
    let count = latencies.len();
    let longest = latencies.iter().max().map_or(0.0, |micros| f64::from(*micros) / 1000.0);
    let (p50, p99) = quantiles_ms(latencies);
    let (first, last) = samples.first().zip(samples.last()).context("no samples")?;
    let cpu = (last.cpu_seconds - first.cpu_seconds) / (last.at - first.at).max(1.0) * 100.0;
    let slope = slope(samples);
    let mut load = format!(
        "{minutes} minutes, {count} messages at {PER_SECOND} a second, {} errors; acknowledgment p50 {p50:.1} ms, p99 \
         {p99:.1} ms, at most {longest:.0} ms; memory {:.0} MiB, {slope:+.2} MiB a minute; the server used {cpu:.0} % of a core",
        measured.disturbances(),
        last.memory_mib,
    );
    let again = format!(
        "open again after {:.1} s; all {} resumed {:.1} s after the kill; {} frames, every connection with exactly its own",
        herd.open_again.as_secs_f64(),
        number(f64::from(u32::try_from(herd.count)?)),
        herd.all_back.as_secs_f64(),
        number(f64::from(u32::try_from(frames)?)),
    );
    note(&format!("{load}\n{again}"));
    let folder = reliability().with_extension("");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("load.svg"), chart::draw(samples))?;
    // The line goes into a cell of a table.
    let _ = write!(load, " ([plot](reliability/load.svg))");
    into_reliability(&[("load", &load), ("herd", &again)])?;
    ensure!(p99 <= 50.0, "p99 is {p99:.1} ms");
    ensure!(slope < 1.0, "memory grows by {slope:.2} MiB a minute");
    ensure!(herd.all_back <= Duration::from_secs(10), "they took too long to come back");
    Ok(())
}
