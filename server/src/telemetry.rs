//! What is counted: without names, for Prometheus.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::chat::Refused;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// The server's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    queued: Gauge,
    commands: Family<CommandLabels, Counter>,
    commit_time: Histogram,
    commit_changes: Histogram,
    failed_commits: Counter,
    deliveries: Family<ResultLabel, Counter>,
    outbox: Family<ResultLabel, Gauge>,
    slow_readers: Counter,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("frontdesk");
        let metrics = Self {
            connections: Gauge::default(),
            queued: Gauge::default(),
            commands: Family::default(),
            commit_time: Histogram::new(exponential_buckets(0.000_25, 2.0, 14)),
            commit_changes: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            failed_commits: Counter::default(),
            deliveries: Family::default(),
            outbox: Family::default(),
            slow_readers: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("connections", "Open WebSocket connections", metrics.connections.clone());
        registry.register(
            "queued_changes",
            "Changes waiting for the writer",
            metrics.queued.clone(),
        );
        registry.register("commands", "Commands by type and result", metrics.commands.clone());
        registry.register_with_unit(
            "commit_time",
            "Time from the first check to the end of the commit",
            Unit::Seconds,
            metrics.commit_time.clone(),
        );
        registry.register(
            "commit_changes",
            "Changes in one transaction",
            metrics.commit_changes.clone(),
        );
        registry.register(
            "failed_commits",
            "Transactions that could not be stored",
            metrics.failed_commits.clone(),
        );
        registry.register(
            "deliveries",
            "Attempts to send a reply to its gateway, by result",
            metrics.deliveries.clone(),
        );
        registry.register(
            "outbox",
            "Replies that wait for their gateway, that wait until their guest can be \
             reached, and that have failed",
            metrics.outbox.clone(),
        );
        registry.register(
            "slow_readers",
            "Connections closed because they read too slowly",
            metrics.slow_readers.clone(),
        );
        Self { registry, ..metrics }
    }

    /// A command was answered.
    pub fn count_command(&self, command: &'static str, refused: Option<&Refused>) {
        let result = match refused {
            None => "accepted",
            Some(Refused::Command(crate::protocol::CommandError::Unavailable)) => "unavailable",
            Some(_) => "refused",
        };
        self.commands.get_or_create(&CommandLabels { command, result }).inc();
    }

    /// A batch of so many changes was committed in this time.
    #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52")]
    pub fn count_commit(&self, took: Duration, changes: usize) {
        self.commit_time.observe(took.as_secs_f64());
        self.commit_changes.observe(changes as f64);
    }

    /// A batch could not be stored.
    pub fn count_failed_commit(&self) {
        self.failed_commits.inc();
    }

    /// A reply was sent to a gateway, or could not be.
    pub fn count_delivery(&self, result: &'static str) {
        self.deliveries.get_or_create(&ResultLabel { result }).inc();
    }

    /// A connection was closed because it read too slowly.
    pub fn count_slow_reader(&self) {
        self.slow_readers.inc();
    }

    /// What can only be read off at the moment of asking.
    pub fn set_now(&self, connections: usize, queued: usize) {
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        self.queued.set(i64::try_from(queued).unwrap_or(i64::MAX));
    }

    /// How many replies wait for a gateway and for a way to their guest, and how many have failed.
    pub fn set_outbox(&self, pending: i64, no_way: i64, failed: i64) {
        self.outbox.get_or_create(&ResultLabel { result: "pending" }).set(pending);
        self.outbox.get_or_create(&ResultLabel { result: "no_way" }).set(no_way);
        self.outbox.get_or_create(&ResultLabel { result: "failed" }).set(failed);
    }

    /// All of it as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).ok()?;
        Some(text)
    }
}

/// OpenMetrics text as Prometheus's older plain text: there a counter is described under the name of
/// its samples, and units and the end are not marked.
#[must_use]
pub fn plain(openmetrics: &str) -> String {
    let kinds = openmetrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let counters: Vec<&str> = kinds.filter_map(|kind| kind.strip_suffix(" counter")).collect();
    openmetrics
        .lines()
        .filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF")
        .map(|line| {
            let mut words = line.splitn(4, ' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("#"), Some(word), Some(name), Some(rest)) if counters.contains(&name) => {
                    format!("# {word} {name}_total {rest}\n")
                }
                _ => format!("{line}\n"),
            }
        })
        .collect()
}
