//! A disk that is full, or breaks, at the n-th write.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    calls::Tracer,
    common::{Client, Program, soon, until},
    desk::{Desk, End, Oracle, Sender, Witness, all_stopped},
    disk::{Disk, Trouble},
    report,
};

/// Who refuses.
enum Refusing {
    /// A disk of the test's own: counts what the whole program writes.
    Disk(Disk),
    /// The system calls, by `strace`: counts what each thread writes.
    Calls { folder: TempDir, tracer: Option<Tracer> },
}

impl Refusing {
    fn data_dir(&self) -> PathBuf {
        match self {
            Self::Disk(disk) => disk.data_dir(),
            Self::Calls { folder, .. } => folder.path().join("data"),
        }
    }

    async fn fail_from(&mut self, n: u64, trouble: Trouble, server: &Program) {
        let data_dir = self.data_dir();
        match self {
            Self::Disk(disk) => disk.fail_from(n, trouble),
            Self::Calls { tracer, .. } => {
                *tracer = Some(Tracer::fail_from(server, &data_dir, n, trouble).await);
            }
        }
    }

    /// Refuses nothing more. When the first call was refused.
    async fn repair(&mut self) -> Timestamp {
        match self {
            Self::Disk(disk) => {
                disk.repair();
                disk.since()
            }
            Self::Calls { tracer, .. } => tracer.take().unwrap().detach().await.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_only_what_it_refuses() {
    let Some(disk) = Disk::mount() else { return };
    survives(Refusing::Disk(disk), Trouble::NoSpace, "full").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_disk_costs_only_what_it_refuses() {
    let Some(disk) = Disk::mount() else { return };
    survives(Refusing::Disk(disk), Trouble::Broken, "broken").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_find_no_room_cost_only_what_they_refuse() {
    if Tracer::is_permitted().await {
        let calls = Refusing::Calls { folder: tempfile::tempdir().unwrap(), tracer: None };
        survives(calls, Trouble::NoSpace, "full-calls").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_fail_cost_only_what_they_refuse() {
    if Tracer::is_permitted().await {
        let calls = Refusing::Calls { folder: tempfile::tempdir().unwrap(), tracer: None };
        survives(calls, Trouble::Broken, "broken-calls").await;
    }
}

/// When `/readyz` says for the first time that nothing can be stored.
async fn turns_red(client: Client) -> Timestamp {
    while client.get("/readyz").await.status != 503 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Clock::System.now()
}

/// While nothing can be written, `/readyz` stays red: for longer than the pause between two attempts of the server.
async fn stays_red(client: &Client) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        client.get("/readyz").await.problem(503, "unavailable");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn survives(mut storage: Refusing, trouble: Trouble, name: &str) {
    let (desk, mut server) = Desk::open(storage.data_dir()).await;
    let oracle = Oracle::new();
    let mut witness = Witness::of(&desk).await;
    let mut senders = Sender::several(6, 8);
    let (mut red, mut green) = (Vec::new(), Vec::new());
    let places: Vec<u64> = if report::is_long() { (1..=20).collect() } else { vec![1, 2, 4, 9] };
    for n in &places {
        oracle.enough(false);
        let refused = oracle.unavailable();
        storage.fail_from(*n, trouble, &server).await;
        // From before the first call fails, beside those who write.
        let turns_red = tokio::spawn(turns_red(desk.client.clone()));
        let writing = desk.write(senders, &oracle).await;
        // All of them: whoever was acknowledged before writes again.
        senders = all_stopped(writing, End::Answered).await;
        assert!(oracle.unavailable() >= refused + senders.len());
        let red_at = soon("/readyz to be red", turns_red).await.unwrap();
        // Reading goes on, and nothing is there, nor was heard, that was refused.
        oracle.nothing_is_lost(&desk.stored().await);
        oracle.nothing_else_was_heard(witness.heard().await);
        desk.client.get("/healthz").await.expect(200);
        // It is no accident of one batch: as long as the disk refuses, so does the server.
        oracle.enough(true);
        let acknowledged = oracle.acknowledged();
        senders = all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
        assert_eq!(oracle.acknowledged(), acknowledged);
        oracle.nothing_is_lost(&desk.stored().await);
        oracle.nothing_else_was_heard(witness.heard().await);
        if n == &1 {
            stays_red(&desk.client).await;
        }
        let before = Instant::now();
        let failed_at = storage.repair().await;
        let late = red_at.as_millis() - failed_at.as_millis();
        red.push(Duration::from_millis(late.try_into().unwrap_or_default()));
        until("/readyz to be green", || async { desk.client.get("/readyz").await.status == 200 })
            .await;
        green.push(before.elapsed());
        senders = all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
        let stored = desk.stored().await;
        oracle.everything_is_there_once(&stored);
        // Events follow their acknowledgments: this is answered after all of them.
        desk.client.post("/rooms/", json!({"number": format!("{n}")})).await.expect(201);
        assert_eq!(witness.heard().await.len(), stored.len(), "each was heard, once");
    }
    // What was acknowledged is on the disk, not in its memory.
    server.kill().await;
    if let Refusing::Disk(disk) = &storage {
        disk.cut_power(|| false);
    }
    server = desk.reopen().await;
    let stored = desk.stored().await;
    oracle.everything_is_there_once(&stored);
    server.kill().await;
    desk.check().await;
    if report::is_long() {
        let latest = red.iter().max().unwrap();
        assert!(latest.as_secs() < 1, "red after {latest:?}");
    }
    let figure = format!(
        "n = 1…{}, {} texts, {} refused, 0 lost; red: {}; green again: {}",
        places.last().unwrap(),
        stored.len(),
        oracle.unavailable(),
        report::spread(red),
        report::spread(green)
    );
    report::figure(name, &figure);
}
