//! A guest is erased from a large database, while others write and the server is killed again and again.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::task::JoinHandle;

use crate::{
    common::{program::cli, soon, until},
    desk::Desk,
    dice::Dice,
    report,
};

/// What only the erased guest's texts have in them.
const NEEDLE: &str = "Überraschungspäckchen-Ωmega-";

/// Messages of 1 KB: in the short form 12 MB, in the long one 1 GB.
fn messages() -> u64 {
    report::times(12_000, 1_000_000)
}

/// One message in so many is of the guest who is to be erased: more than one transaction takes.
fn share() -> u64 {
    report::times(10, 50)
}

/// What a step of clearing may cost the others, in the long form.
const P99: Duration = Duration::from_millis(100);

/// What the server may take, whatever the size of the database, in KiB.
const MEMORY_KIB: u64 = 256 * 1024;

async fn open(data_dir: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(data_dir.join("frontdesk.db"))
        .pragma("secure_delete", "on");
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Fills the database of a desk, and changes the lengths of texts, so that rows are moved between pages: that leaves
/// parts of them where they were. Returns the guest who is to be erased.
async fn fill(data_dir: &Path) -> i64 {
    let mut database = open(data_dir).await;
    let erased: i64 = sqlx::query_scalar(
        "insert into guest (property_id, name, created_at) select id, ?1, 0 from property returning id",
    )
    .bind(format!("{NEEDLE}guest"))
    .fetch_one(&mut database)
    .await
    .unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "begin;
         insert into gateway (property_id, name, key_hash, signing_secret, created_at)
            select id, 'sms', randomblob(32), 's', 0 from property;
         with recursive n(i) as (select 1 union all select i + 1 from n where i < 50)
         insert into guest (property_id, name, created_at) select p.id, 'Guest ' || i, 0 from n, property p;
         insert into conversation (property_id, guest_id, department_id, conversation_type, status,
                active_at, created_at, updated_at, closed_at)
            select g.property_id, g.id, (select min(id) from department), 'general', 'closed', 0, 0, 0, 0
            from guest g where g.id >= {erased};
         with recursive n(i) as (select 0 union all select i + 1 from n where i < {last})
         insert into message (conversation_id, guest_id, content, gateway_id, external_id, created_at)
            select c.id, c.guest_id,
                iif(c.guest_id = {erased}, '{NEEDLE}', '') || hex(randomblob(300 + abs(random()) % 400)),
                w.id, hex(randomblob(4)) || iif(c.guest_id = {erased}, '{NEEDLE}', '') || hex(randomblob(12)), i
            from n cross join gateway w
            cross join conversation c on c.guest_id = {erased} + iif(i % {share} = 0, 0, 1 + i % 49);
         update message set content = iif(guest_id = {erased}, '{NEEDLE}', '')
                || hex(randomblob(1 + abs(random()) % 700))
            where guest_id >= {erased} and random() % 2 = 0;
         update message set content = iif(guest_id = {erased}, '{NEEDLE}', '')
                || hex(randomblob(1 + abs(random()) % 700))
            where guest_id >= {erased} and random() % 2 = 0;
         update conversation set last_message_id =
            coalesce((select max(id) from message where conversation_id = conversation.id), 0)
            where guest_id >= {erased};
         commit",
        last = messages() - 1,
        share = share()
    )))
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
    erased
}

/// The files below a folder that have the needle in them. Reads a piece at a time.
fn files_with_needle(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with_needle(&path));
        } else if holds_needle(&path) {
            found.push(path);
        }
    }
    found
}

fn holds_needle(file: &Path) -> bool {
    // Any eight bytes of it, as in the story of an erased guest.
    let needle = &NEEDLE.as_bytes()[4..12];
    // A socket cannot be opened.
    let Ok(mut file) = std::fs::File::open(file) else { return false };
    let mut bytes = Vec::new();
    loop {
        let kept = bytes.len().min(needle.len() - 1);
        bytes.drain(..bytes.len() - kept);
        if file.by_ref().take(1 << 20).read_to_end(&mut bytes).unwrap() == 0 {
            return false;
        }
        let mut rest = bytes.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
            if rest[at..].starts_with(needle) {
                return true;
            }
            rest = &rest[at + 1..];
        }
    }
}

async fn is_cleared(data_dir: &Path) -> bool {
    let mut database = open(data_dir).await;
    let left: i64 = sqlx::query_scalar(
        "select count(*) from meta where key = 'clearing_wanted' or key glob 'erasing_guest_*'",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
    left == 0
}

/// Waits until the files are cleared. Asking must not keep the server from emptying its journal file.
async fn cleared(data_dir: &Path) {
    let waiting = async {
        while !is_cleared(data_dir).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(20), waiting).await.unwrap();
}

/// The memory that a process has now, and the most that it has had, in KiB.
pub fn memory(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (value("VmRSS:"), value("VmHWM:"))
}

/// A clerk who writes without a pause until told to stop; gives how long each acknowledgment took.
pub fn write_on(desk: &Desk, enough: Arc<AtomicBool>) -> JoinHandle<Vec<Duration>> {
    let desk = desk.clone();
    tokio::spawn(async move {
        let mut socket = desk.connect().await;
        let mut took = Vec::new();
        // At least one, however soon the rest is done.
        while took.is_empty() || !enough.load(Ordering::Relaxed) {
            let before = Instant::now();
            socket.send_text(desk.conversation, "Good morning").await;
            while socket.next().await["status"] != "received" {}
            took.push(before.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        took
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_is_erased_from_a_large_database_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    server.kill().await;
    let guest = fill(&desk.data_dir).await;
    assert!(!files_with_needle(&desk.data_dir).is_empty(), "it is there to be found");
    let server = desk.reopen().await;
    let enough = Arc::new(AtomicBool::new(false));
    let writing = write_on(&desk, Arc::clone(&enough));
    let before = Instant::now();
    let line = ["guest", "erase", &guest.to_string()];
    let erased = cli(&desk.data_dir, &line).await.object();
    let answered = before.elapsed();
    assert_eq!(erased["messages"], messages() / share());
    let data_dir = desk.data_dir.clone();
    cleared(&data_dir).await;
    let cleared = before.elapsed();
    enough.store(true, Ordering::Relaxed);
    let mut took = soon("the writer to stop", writing).await.unwrap();
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    let (_, memory) = memory(server.id());
    assert!(memory <= MEMORY_KIB, "{memory} KiB");
    if report::is_long() {
        assert!(p99 <= P99, "{p99:?}");
    }
    assert_eq!(files_with_needle(&desk.data_dir), Vec::<PathBuf>::new());
    server.kill().await;
    desk.check().await;
    let figure = format!(
        "a database of {} MB; answered after {:.1} s, the files cleared after {:.1} s; meanwhile {} texts of another clerk: \
         acknowledgment p99 {:.0} ms, at most {:.0} ms; memory at most {} MiB",
        std::fs::metadata(desk.data_dir.join("frontdesk.db")).unwrap().len() / 1_000_000,
        answered.as_secs_f64(),
        cleared.as_secs_f64(),
        took.len(),
        p99.as_secs_f64() * 1000.0,
        took.last().unwrap().as_secs_f64() * 1000.0,
        memory / 1024
    );
    report::figure("erase", &figure);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_is_killed_again_and_again_is_finished_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    server.kill().await;
    let guest = fill(&desk.data_dir).await;
    let mut server = desk.reopen().await;
    let line = ["guest".to_owned(), "erase".to_owned(), guest.to_string()];
    let data_dir = desk.data_dir.clone();
    // The command may lose its server.
    let asking = tokio::spawn(async move {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        cli(&data_dir, &line).await
    });
    let is_begun = async || {
        let mut database = open(&desk.data_dir).await;
        let left = "select count(*) from message where guest_id = ?1";
        let left: i64 =
            sqlx::query_scalar(left).bind(guest).fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        left < i64::try_from(messages() / share()).unwrap()
    };
    until("the erasure to begin", is_begun).await;
    let kills = report::times(5, 50);
    let mut dice = Dice::new(7);
    let mut openings = Vec::new();
    for _ in 0..kills {
        // A moment of chance: the whole takes longer than all of them.
        tokio::time::sleep(Duration::from_millis(dice.below(report::times(15, 300)))).await;
        server.kill().await;
        let before = Instant::now();
        server = desk.reopen().await;
        openings.push(before.elapsed());
    }
    asking.await.unwrap();
    cleared(&desk.data_dir).await;
    let listed = guest_count(&desk.data_dir, guest).await;
    assert_eq!(listed, 0);
    let (_, memory) = memory(server.id());
    assert!(memory <= MEMORY_KIB, "{memory} KiB");
    assert_eq!(files_with_needle(&desk.data_dir), Vec::<PathBuf>::new());
    server.kill().await;
    desk.check().await;
    let audit = cli(&desk.data_dir, &["audit", "list"]).await.objects();
    let erased = audit.iter().filter(|entry| entry["action"] == "erased").count();
    assert_eq!(erased, 1, "it is logged once");
    let figure = format!("{kills} kills; open again: {}; 0 bytes left", report::spread(openings));
    report::figure("erase-killed", &figure);
}

async fn guest_count(data_dir: &Path, guest: i64) -> i64 {
    let mut database = open(data_dir).await;
    let sql = "select count(*) from guest where id = ?1";
    let count = sqlx::query_scalar(sql).bind(guest).fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    count
}

#[tokio::test]
async fn several_erasures_share_the_clearing() {
    let house = crate::common::House::start().await;
    let mut erasures = tokio::task::JoinSet::new();
    for number in 0..8 {
        let guest = house.guest(&format!("{number}"), &format!("{NEEDLE}{number}")).await;
        let admin = house.admin.clone();
        erasures.spawn(async move { admin.delete(&format!("/guests/{guest}/")).await.status });
    }
    while let Some(status) = erasures.join_next().await {
        assert_eq!(status.unwrap(), 204);
    }
    assert_eq!(files_with_needle(house.data_dir()), Vec::<PathBuf>::new());
}
