//! kill -9 while many write.

use std::time::{Duration, Instant};

use crate::{
    desk::{Desk, End, Oracle, Sender, all_stopped},
    dice::Dice,
    report,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_fifty_write_nothing_acknowledged_is_lost_or_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut server) = Desk::open(folder.path().join("data")).await;
    let oracle = Oracle::new();
    let mut senders = Sender::several(50, 2);
    let (mut dice, mut openings) = (Dice::new(1), Vec::new());
    let rounds = report::times(10, 200);
    for _ in 0..rounds {
        let more = usize::try_from(dice.below(report::times(100, 400))).unwrap();
        let enough = oracle.acknowledged() + more;
        let writing = desk.write(senders, &oracle).await;
        oracle.acknowledgments(enough).await;
        server.kill().await;
        senders = all_stopped(writing, End::Gone).await;
        let before = Instant::now();
        server = desk.reopen().await;
        openings.push(before.elapsed());
    }
    oracle.enough(true);
    all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
    let stored = desk.stored().await;
    oracle.everything_is_there_once(&stored);
    server.kill().await;
    desk.check().await;
    if report::is_long() {
        let longest = openings.iter().max().unwrap();
        assert!(*longest <= Duration::from_secs(1), "open again after {longest:?}");
    }
    let figure = format!(
        "{rounds} kills, {} texts acknowledged, 0 lost, 0 twice; open again: {}",
        stored.len(),
        report::spread(openings)
    );
    report::figure("kill", &figure);
}
