//! Two builds of the server under the same load, in turns: is this one slower than the other?
//!
//! A build is not slower when the median of its ratios is at least 0.97, or when their 90 % interval
//! reaches 1.0.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    client::{self, Hears, Pace},
    sections::crowd,
    servers::{House, Server, note, processor_ms, program},
    settings::{FANOUT_CONNECTIONS, STAFF, Settings},
};

/// The median ratio that counts as not slower.
const ENOUGH: f64 = 0.97;

/// How sure the interval of the median is.
const CONFIDENCE: f64 = 0.9;

/// Connections that write at the same time in the load of many writers, each in its own property.
const WRITERS: usize = 16;

/// What both builds are put under.
#[derive(Clone, Copy)]
enum Load {
    /// One sender that waits for its acknowledgment, and 500 receivers.
    Fanout,
    /// One connection that writes durable messages.
    OneWriter,
    /// Sixteen of them, which share the writer's transactions.
    Writers,
}

impl Load {
    const ALL: [Self; 3] = [Self::Fanout, Self::OneWriter, Self::Writers];

    const fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fan-out to 500",
            Self::OneWriter => "durable from 1",
            Self::Writers => "durable from 16",
        }
    }

    fn house(self, program: PathBuf) -> Result<House> {
        match self {
            Self::Fanout => House::of_program(program, 1, STAFF, 1),
            Self::OneWriter => House::of_program(program, 1, 1, 1),
            Self::Writers => House::of_program(program, WRITERS, 1, 1),
        }
    }

    /// Messages a second, and how many messages a second of processor time is enough for.
    async fn run(self, house: &House, settings: Settings) -> Result<(f64, f64)> {
        let server = Server::frontdesk(house)?;
        let opened = house.open(&server).await?;
        let mut participants = Vec::new();
        let (each, senders, hears) = match self {
            Self::Fanout => (FANOUT_CONNECTIONS, 1, Hears::Everyone),
            Self::OneWriter => (1, 1, Hears::Itself),
            Self::Writers => (1, WRITERS, Hears::Itself),
        };
        for access in &opened {
            participants.extend(crowd(&server, access, each).await?);
        }
        let before = processor_ms(server.pid())?;
        let (_, outcome) =
            client::run(participants, senders, Pace::ClosedLoop, hears, settings).await?;
        let used_ms = processor_ms(server.pid())? - before;
        ensure!(used_ms > 0.0, "the server used no processor time");
        Ok((outcome.acknowledged_per_second, outcome.acknowledged * 1000.0 / used_ms))
    }
}

/// One figure of both builds under one load.
pub struct Comparison {
    what: String,
    /// This build's figure divided by the other's, a pair each, in ascending order.
    ratios: Vec<f64>,
}

impl Comparison {
    fn new(what: String, mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        Self { what, ratios }
    }

    fn median(&self) -> f64 {
        let middle = self.ratios.len() / 2;
        let at = |index: usize| self.ratios.get(index).copied().unwrap_or(f64::NAN);
        if self.ratios.len().is_multiple_of(2) {
            f64::midpoint(at(middle - 1), at(middle))
        } else {
            at(middle)
        }
    }

    /// The interval in which the true median lies with at least 90 %, whatever the distribution: from
    /// the k-th smallest to the k-th largest ratio, by the binomial distribution.
    fn interval(&self) -> Option<(f64, f64)> {
        let count = self.ratios.len();
        let chance = 0.5_f64.powi(i32::try_from(count).ok()?);
        let (mut below, mut ways, mut cut) = (0.0, 1.0, 0);
        for k in 0..count / 2 {
            below += chance * ways;
            if 1.0 - 2.0 * below < CONFIDENCE {
                break;
            }
            cut = k + 1;
            ways *=
                f64::from(u32::try_from(count - k).ok()?) / f64::from(u32::try_from(k + 1).ok()?);
        }
        Some((*self.ratios.get(cut.checked_sub(1)?)?, *self.ratios.get(count - cut)?))
    }

    fn is_not_slower(&self) -> bool {
        self.median() >= ENOUGH || self.interval().is_some_and(|(_, high)| high >= 1.0)
    }
}

/// Runs every load on both builds, `pairs` times, and swaps which one goes first.
///
/// # Errors
/// When a server fails or a frame is lost.
pub async fn run(other: &Path, pairs: usize) -> Result<Vec<Comparison>> {
    let settings = Settings::QUICK;
    let mut comparisons = Vec::new();
    for load in Load::ALL {
        let this = load.house(program("frontdesk-server")?)?;
        let that = load.house(other.canonicalize().context("the other build is missing")?)?;
        let (mut rates, mut processor) = (Vec::new(), Vec::new());
        for pair in 0..pairs {
            note(&format!("{}: pair {} of {pairs}", load.name(), pair + 1));
            let (ours, theirs) = if pair.is_multiple_of(2) {
                let ours = load.run(&this, settings).await?;
                (ours, load.run(&that, settings).await?)
            } else {
                let theirs = load.run(&that, settings).await?;
                (load.run(&this, settings).await?, theirs)
            };
            rates.push(ours.0 / theirs.0);
            processor.push(ours.1 / theirs.1);
        }
        comparisons.push(Comparison::new(format!("{}: messages a second", load.name()), rates));
        let what = format!("{}: messages per second of processor time", load.name());
        comparisons.push(Comparison::new(what, processor));
    }
    Ok(comparisons)
}

/// The comparisons as a Markdown table; above 1.0, this build is the faster one.
#[must_use]
pub fn table(comparisons: &[Comparison]) -> String {
    let mut text = String::from(
        "| this build / the other | median | 90 % interval | least to most | not slower |\n| --- | ---: | ---: | ---: | --- |\n",
    );
    for each in comparisons {
        let spread = |(low, high): (f64, f64)| format!("{low:.3} to {high:.3}");
        let all = each.ratios.first().copied().zip(each.ratios.last().copied());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.3} | {} | {} | {} |",
            each.what,
            each.median(),
            each.interval().map_or_else(|| "too few pairs".to_owned(), spread),
            all.map_or_else(String::new, spread),
            if each.is_not_slower() { "✓" } else { "**slower**" },
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    fn of(ratios: &[f64]) -> Comparison {
        Comparison::new(String::new(), ratios.to_vec())
    }

    #[test]
    fn the_interval_of_15_pairs_goes_from_the_4th_to_the_12th() {
        let ratios: Vec<f64> = (1..=15).map(f64::from).collect();
        assert_eq!(of(&ratios).interval(), Some((4.0, 12.0)));
        assert_eq!(of(&[1.0, 2.0]).interval(), None);
    }

    #[test]
    fn slower_is_what_neither_the_median_nor_the_interval_excuses() {
        assert!(of(&[0.98; 15]).is_not_slower());
        assert!(!of(&[0.95; 15]).is_not_slower());
        let mut spread = [0.9; 15];
        spread[11..].fill(1.01);
        assert!(of(&spread).is_not_slower());
        spread[11] = 0.99;
        assert!(!of(&spread).is_not_slower());
    }
}
