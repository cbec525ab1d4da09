//! Backups: made while many write, made by the server itself, put back; and a check that names what
//! is wrong.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, path::Path};

use frontdesk_server::{
    backup::{self, daily},
    clock::Clock,
    protocol::Timestamp,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::{
    calls::{self, Tracer},
    common::{House, Program, Socket, program, until},
    desk::{Desk, End, Oracle, Sender, all_stopped},
    report,
};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_many_write_holds_what_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut server) = Desk::open(folder.path().join("data")).await;
    let oracle = Oracle::new();
    let mut senders = Sender::several(8, 8);
    let rounds = report::times(3, 20);
    for round in 0..rounds {
        let writing = desk.write(senders, &oracle).await;
        oracle.acknowledgments(oracle.acknowledged() + 50).await;
        // What is acknowledged by now must be in it; what comes later may be.
        let before = oracle.snapshot();
        let file = folder.path().join(format!("{round}.db"));
        let line = ["backup", file.to_str().unwrap()];
        program::cli(&desk.data_dir, &line).await.object();
        oracle.acknowledgments(oracle.acknowledged() + 50).await;
        server.kill().await;
        senders = all_stopped(writing, End::Gone).await;

        let elsewhere = folder.path().join(format!("restored-{round}"));
        let line = ["restore", file.to_str().unwrap()];
        assert_eq!(program::cli(&elsewhere, &line).await.code, Some(0));
        let restored;
        (restored, server) = desk.restored(elsewhere).await;
        before.nothing_is_lost_of(&restored.stored().await);
        server.kill().await;
        server = desk.reopen().await;
    }
    oracle.enough(true);
    all_stopped(desk.write(senders, &oracle).await, End::Answered).await;
    oracle.everything_is_there_once(&desk.stored().await);
    server.kill().await;
    let figure = format!("{rounds} backups at full speed, each whole and checked");
    report::figure("backup", &figure);
}

#[tokio::test]
async fn after_a_restore_no_client_takes_old_numbers_for_new() {
    let house = House::start().await;
    let bob = house.staff("bob", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let file = house.data_dir().with_extension("backup");
    let mut socket = bob.connect().await;
    written(&mut socket, conversation, "In the backup").await;
    house.cli(&["backup", file.to_str().unwrap()]).await.object();
    let lost = written(&mut socket, conversation, "After the backup").await;
    let list = bob.get("/chat/conversations/").await.expect(200);
    let (epoch, seq) = (list["epoch"].clone(), list["seq"].clone());
    let stopped = house.stop().await;
    let restored = stopped.cli(&["restore", file.to_str().unwrap()]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let house = stopped.start().await;
    let bob = house.sign_in("bob").await;
    let mut socket = bob.connect().await;
    socket
        .send(json!({
            "type": "resume", "epoch": epoch, "last_seq": seq, "conversation_ids": [conversation],
        }))
        .await;
    socket.acknowledged("resuming").await;
    let told = socket.acknowledged("resync_required").await;
    assert_ne!(told["epoch"], epoch);
    assert_eq!(bob.texts(conversation).await, ["In the backup"]);
    let new = written(&mut socket, conversation, "A new one").await;
    assert!(new > 1_000_000 && new > lost, "{new}");
    drop(house);
}

/// Writes a text and returns the id that is acknowledged for it.
async fn written(socket: &mut Socket, conversation: i64, text: &str) -> i64 {
    socket.send_text(conversation, text).await;
    loop {
        let frame = socket.next().await;
        if frame["status"] == "received" {
            return frame["message_id"].as_i64().unwrap();
        }
    }
}

#[tokio::test]
async fn a_server_backs_up_once_a_day_and_keeps_only_so_many() {
    // Noon, two days before the clocks change in most of Europe.
    let start = Timestamp::from_millis(1_774_612_800_000);
    let house = House::start_with(|config| {
        config.daily_backups = 3;
        config.clock = Clock::standing_at(start);
    })
    .await;
    let data_dir = house.data_dir().to_owned();
    let folder = data_dir.join(daily::FOLDER);
    // The server makes the first one by itself.
    let day = vec!["frontdesk-2026-03-27.db".to_owned()];
    until("the day's backup", || async { names(&folder) == day }).await;
    std::fs::write(folder.join("my own.db"), "not to be touched").unwrap();
    // What two kills left, one of them of somebody else's backup.
    for left in ["frontdesk-2026-03-20.db.partial", "frontdesk-2026-03-20.db.partial-journal"] {
        std::fs::write(folder.join(left), "half a guest").unwrap();
    }
    std::fs::write(folder.join("my own.db.partial"), "not to be touched").unwrap();
    let after = |millis: i64| start.plus_millis(millis);
    assert_eq!(daily::keep(&data_dir, after(60_000), 3, &[]).await.unwrap(), None);
    for day in 1..=4 {
        let made = daily::keep(&data_dir, after(day * DAY_MILLIS), 3, &[]).await.unwrap().unwrap();
        let mode = std::fs::metadata(&made.file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let kept = ["frontdesk-2026-03-29.db", "frontdesk-2026-03-30.db", "frontdesk-2026-03-31.db"];
    assert_eq!(names(&folder)[..3], kept);
    assert_eq!(names(&folder)[3..], ["my own.db", "my own.db.partial"]);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    // A clock that went back costs nothing that was just made.
    let made = daily::keep(&data_dir, after(-9 * DAY_MILLIS), 3, &[]).await.unwrap().unwrap();
    assert!(made.file.exists());
    let elsewhere = data_dir.with_extension("restored");
    let restored = backup::restore(&elsewhere, &made.file, &Clock::System).await.unwrap();
    assert_eq!(restored.kept, None);
    assert_eq!(program::cli(&elsewhere, &["check"]).await.code, Some(0));
}

#[tokio::test]
async fn what_a_killed_backup_left_is_gone_at_the_next_start() {
    if !Tracer::is_permitted().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    server.kill().await;
    let (backups, mut left) = (desk.data_dir.join(daily::FOLDER), BTreeSet::new());
    for n in 1..=3 {
        // Midnight may pass meanwhile.
        let now = Clock::System.now();
        let day = |time: Timestamp| time.to_string()[..10].to_owned();
        let partials = [now, now.plus_millis(DAY_MILLIS)]
            .map(|time| backups.join(format!("frontdesk-{}.db.partial", day(time))));
        let line = ["serve", "--listen", "127.0.0.1:0", "--daily-backups", "7"];
        assert!(!calls::killed_at_writing(&partials, &desk.data_dir, n, &line).await);
        left.extend(names(&backups));
        // Also by a server that makes no backups, or none today.
        let server = desk.reopen().await;
        assert_eq!(names(&backups), Vec::<String>::new());
        server.kill().await;
    }
    assert!(left.iter().all(|name| name.contains(".db.partial")) && !left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_daily_backup_that_fails_is_seen_and_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    // A file is where the folder should be.
    std::fs::write(data_dir.join(daily::FOLDER), "in the way").unwrap();
    let house = House::start_with(|config| {
        config.data_dir.clone_from(&data_dir);
        config.daily_backups = 7;
    })
    .await;
    until("the failure to be seen", || async {
        house.anyone.get("/readyz").await.expect(200)["backups"] == "failed"
    })
    .await;
    assert_eq!(std::fs::read_to_string(data_dir.join(daily::FOLDER)).unwrap(), "in the way");
}

#[tokio::test]
async fn before_the_set_up_no_backup_is_made_and_none_is_pushed_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::serve(folder.path(), &["--daily-backups", "7"]).await;
    let now = Clock::System.now();
    assert_eq!(daily::keep(folder.path(), now, 1, &[]).await.unwrap(), None);
    let backups = folder.path().join(daily::FOLDER);
    assert_eq!(names(&backups), Vec::<String>::new());
    let account =
        ["staff", "create", "--username", "ana", "--name", "A", "--department", "reception"];
    program::cli(folder.path(), &account).await.object();
    until("the first backup", || async { names(&backups).len() == 1 }).await;
    server.kill().await;
}

#[tokio::test]
async fn a_database_that_lost_what_its_backups_have_is_refused_until_somebody_accepts_that() {
    let house = House::start().await;
    let data_dir = house.data_dir().to_owned();
    let database = data_dir.join("frontdesk.db");
    let stopped = house.stop().await;
    let older = std::fs::read(&database).unwrap();
    let house = stopped.start().await;
    house.conversation("reception").await;
    let day = Timestamp::from_millis(1_795_867_200_000);
    daily::keep(&data_dir, day, 7, &[]).await.unwrap().unwrap();
    let stopped = house.stop().await;
    let backups = names(&data_dir.join(daily::FOLDER));
    let account =
        ["staff", "create", "--username", "eve", "--name", "E", "--department", "reception"];
    for (state, content) in
        [("is missing", None), ("is empty", Some(&[][..])), ("is older", Some(&*older))]
    {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(data_dir.join(format!("frontdesk.db{suffix}")));
        }
        if let Some(content) = content {
            std::fs::write(&database, content).unwrap();
        }
        for line in [&["serve", "--listen", "127.0.0.1:0"][..], &account] {
            let said = stopped.cli(line).await;
            let said = said.failure(1);
            let words = format!("the database {state}");
            assert!(said.contains(&words) && said.contains("up to 28 November 2026"), "{said}");
            assert!(said.contains("restore") && said.contains("--accept-lost-data"), "{said}");
        }
        let now = std::fs::read(&database).ok();
        assert_eq!(now.as_deref(), content, "nothing was changed");
        assert_eq!(names(&data_dir.join(daily::FOLDER)), backups);
        // Accepted, it goes on, and later starts ask no more once there is an account.
        Program::serve(&data_dir, &["--accept-lost-data"]).await.kill().await;
        if state == "is older" {
            Program::serve(&data_dir, &[]).await.kill().await;
            assert_eq!(program::cli(&data_dir, &["check"]).await.code, Some(0));
        }
    }
    // The other way out.
    let file = data_dir.join(daily::FOLDER).join(&backups[0]);
    program::cli(&data_dir, &["restore", file.to_str().unwrap()]).await.object();
    Program::serve(&data_dir, &[]).await.kill().await;
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// What breaks each invariant: its name, or the beginning of it, and the statements that do.
const VIOLATIONS: &[(&str, &str)] = &[
    (
        "the database file is intact",
        "pragma ignore_check_constraints = on; update guest set name = ''",
    ),
    ("all references point to existing rows", "update message set conversation_id = 999"),
    (
        "every property has departments",
        "insert into property (name, created_at) values ('Hotel Borealis', 0)",
    ),
    ("department staff belong to a department", "delete from staff_department"),
    (
        "a guest has at most one active conversation",
        "drop index conversation_active;
         insert into conversation (property_id, guest_id, department_id, conversation_type, status,
             active_at, created_at, updated_at)
         select property_id, guest_id, department_id, 'general', 'active', 0, 0, 0
         from conversation",
    ),
    (
        "each conversation refers to its newest message",
        "update conversation set last_message_id = 0",
    ),
    (
        "a conversation waits only while",
        "update conversation set waiting_since = 1, status = 'closed', closed_at = 1",
    ),
    ("read marks do not go beyond", "update conversation set staff_read_id = last_message_id + 1"),
    (
        "messages are from the conversation's guest",
        "insert into guest (property_id, name, created_at) select property_id, 'X', 0 from guest;
         update message set guest_id = (select max(id) from guest) where guest_id is not null",
    ),
    (
        "messages come from gateways of their own property",
        "insert into property (id, name, created_at) values (9, 'Hotel Borealis', 0);
         update gateway set property_id = 9",
    ),
    (
        "replies leave through gateways of their own property",
        "insert into delivery (message_id, id, conversation_id, gateway_id, channel, state, at)
         select id, 'd', conversation_id, gateway_id, 'gateway', 'sent', 0
         from message where guest_id is not null",
    ),
    (
        "replies leave through another gateway of their property",
        "update gateway set replies_through = id",
    ),
    (
        "only active conversations have replies that wait",
        "update conversation set status = 'closed', closed_at = 0;
         update message set no_way_channel = 'desk'",
    ),
    (
        "conversations with undelivered messages are marked",
        "update conversation set undelivered_since = 1",
    ),
    (
        "events refer to conversations of their own property",
        "insert into property (id, name, created_at) values (9, 'Hotel Borealis', 0);
         update event set property_id = 9",
    ),
    (
        "lines follow a message of their own conversation",
        "insert into line (property_id, conversation_id, kind, at, after_message_id)
         select property_id, id, 'closed', 0, 999 from conversation",
    ),
    ("events refer to lines of their own conversation", "update event set line_id = 999"),
    ("expired events are deleted", "update property set pruned_seq = 1000"),
    ("no id is above its sequence", "update sqlite_sequence set seq = 0 where name = 'message'"),
];

/// What `check` reports without calling it broken: rows of an older version that are compared alike now. The stories of
/// upgrading try these.
const REMARKS: &[&str] = &[
    "each room has its own number",
    "each account has its own username",
    "each guest has their own",
];

#[tokio::test]
async fn check_names_each_violation() {
    let house = House::start().await;
    let gateway = house.gateway("sms", None).await;
    house.staff("ana", &["reception"]).await;
    gateway.writes("1", "+4915112345678", "Is there a late check-out?").await;
    let stopped = house.stop().await;
    let whole = std::fs::read(stopped.data_dir().join("frontdesk.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (data_dir, file) = (folder.path(), folder.path().join("frontdesk.db"));
    let mut names = Vec::new();
    for (name, sql) in VIOLATIONS {
        std::fs::write(&file, &whole).unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).foreign_keys(false);
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(*sql)).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        let check = program::cli(data_dir, &["check"]).await;
        assert_eq!(check.code, Some(1), "{name}: {check:?}");
        let found = check.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        let found: Vec<serde_json::Value> = found.collect();
        names = found.iter().map(|finding| finding["check"].as_str().unwrap().to_owned()).collect();
        let named = found.iter().any(|finding| {
            finding["ok"] == false && finding["check"].as_str().unwrap().starts_with(name)
        });
        assert!(named, "{name}: {}", check.stdout);
    }
    // Bytes that are not as SQLite left them.
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..].fill(0x5A);
    std::fs::write(&file, &damaged).unwrap();
    let check = program::cli(data_dir, &["check"]).await;
    assert_eq!(check.code, Some(1), "{check:?}");
    let text = format!("{}{}", check.stdout, check.stderr);
    assert!(
        text.contains("intact") || text.contains("malformed") || text.contains("damaged"),
        "{text}"
    );
    // A new invariant comes with its violation.
    let tried: Vec<&str> =
        VIOLATIONS.iter().map(|(known, _)| *known).chain(REMARKS.iter().copied()).collect();
    for name in &names {
        assert!(tried.iter().any(|known| name.starts_with(known)), "{name} is not tried");
    }
}
