//! The power goes out: what was not synced is gone, or only half there.

use crate::{
    desk::{Desk, End, Oracle, Sender, all_stopped, stopped},
    dice::Dice,
    disk::{Disk, Trouble},
    report,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    let Some(disk) = Disk::mount() else { return };
    let (desk, mut server) = Desk::open(disk.data_dir()).await;
    let oracle = Oracle::new();
    let mut senders = Sender::several(8, 8);
    let (mut dice, rounds) = (Dice::new(3), report::times(8, 200));
    let mut dropped = 0;
    for round in 0..rounds {
        let more = usize::try_from(dice.below(300)).unwrap();
        let enough = oracle.acknowledged() + more;
        let writing = desk.write(senders, &oracle).await;
        oracle.acknowledgments(enough).await;
        // From here on nothing reaches the disk; what was acknowledged until now was on it.
        disk.fail_from(1 + dice.below(6), Trouble::Gone);
        disk.happened().await;
        server.kill().await;
        senders = stopped(writing).await.into_iter().map(|(sender, _)| sender).collect();
        // Every other time some of what was not synced had reached the disk, in no order.
        dropped += disk.cut_power(|| round % 2 == 1 && dice.below(2) == 0);
        disk.repair();
        desk.check().await;
        server = desk.reopen().await;
        oracle.nothing_is_lost(&desk.stored().await);
    }
    oracle.enough(true);
    all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
    let stored = desk.stored().await;
    oracle.everything_is_there_once(&stored);
    server.kill().await;
    assert!(dropped > 0, "no cut took anything: the disk forgets nothing");
    let figure = format!(
        "{rounds} cuts that took {dropped} unsynced writes, {} texts acknowledged, 0 lost",
        stored.len()
    );
    report::figure("power", &figure);
}
