//! A disk that is full, or breaks, at the n-th write.

use std::{path::PathBuf, time::Instant};

use tempfile::TempDir;

use crate::{
    calls::Tracer,
    common::{Program, until},
    desk::{Desk, End, Oracle, Sender, all_stopped},
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

    async fn repair(&mut self) {
        match self {
            Self::Disk(disk) => disk.repair(),
            Self::Calls { tracer, .. } => tracer.take().unwrap().detach().await,
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

async fn survives(mut storage: Refusing, trouble: Trouble, name: &str) {
    let (desk, mut server) = Desk::open(storage.data_dir()).await;
    let oracle = Oracle::new();
    let mut senders = Sender::several(6, 8);
    let (mut red, mut green) = (Vec::new(), Vec::new());
    let places: Vec<u64> = if report::is_long() { (1..=20).collect() } else { vec![1, 2, 4, 9] };
    for n in &places {
        oracle.enough(false);
        let refused = oracle.unavailable();
        storage.fail_from(*n, trouble, &server).await;
        let writing = desk.write(senders, &oracle).await;
        // All of them: whoever was acknowledged before writes again.
        senders = all_stopped(writing, End::Answered).await;
        assert!(oracle.unavailable() >= refused + senders.len());
        let before = Instant::now();
        until("/readyz to be red", || async { desk.client.get("/readyz").await.status == 503 })
            .await;
        red.push(before.elapsed());
        // Reading goes on, and nothing is there that was refused and not acknowledged.
        oracle.nothing_is_lost(&desk.stored().await);
        desk.client.get("/healthz").await.expect(200);
        // It is no accident of one batch: as long as the disk refuses, so does the server.
        oracle.enough(true);
        let acknowledged = oracle.acknowledged();
        senders = all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
        assert_eq!(oracle.acknowledged(), acknowledged);
        let before = Instant::now();
        storage.repair().await;
        until("/readyz to be green", || async { desk.client.get("/readyz").await.status == 200 })
            .await;
        green.push(before.elapsed());
        senders = all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
        oracle.everything_is_there_once(&desk.stored().await);
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
