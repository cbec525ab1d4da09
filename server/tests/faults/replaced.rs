//! The data directory is removed, or the database replaced, under a running server; programs that take turns on
//! it; and what killed backups leave.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    common::{program, soon, until},
    desk::Desk,
};

async fn is_red(desk: &Desk) -> bool {
    let answer = desk.client.get("/readyz").await;
    if answer.status == 503 {
        answer.problem(503, "unavailable");
        return true;
    }
    false
}

/// The server says that it is not ready, and saves nothing.
async fn is_noticed(desk: &Desk, what: &str) {
    until(what, || is_red(desk)).await;
    let mut socket = desk.connect().await;
    socket.send_text(desk.conversation, "Good morning").await;
    let frame = socket.next().await;
    assert_eq!(
        (&frame["type"], &frame["code"]),
        (&json!("error"), &json!("unavailable")),
        "{frame}"
    );
    desk.client.post("/rooms/", json!({"number": "1"})).await.problem(503, "unavailable");
}

async fn works(desk: &Desk, number: &str) {
    until("the server to be ready", async || !is_red(desk).await).await;
    desk.client.post("/rooms/", json!({"number": number})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_or_another_one_is_noticed_and_nothing_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    let data_dir = desk.data_dir.clone();
    let (aside, database) = (folder.path().join("aside"), data_dir.join("frontdesk.db"));
    works(&desk, "101").await;
    // The whole directory.
    fs::rename(&data_dir, &aside).unwrap();
    is_noticed(&desk, "the directory to be missed").await;
    assert!(!data_dir.exists(), "nothing was made in its place");
    fs::rename(&aside, &data_dir).unwrap();
    works(&desk, "102").await;
    // Another database in its place.
    fs::rename(&database, &aside).unwrap();
    fs::copy(&aside, &database).unwrap();
    is_noticed(&desk, "another database to be noticed").await;
    fs::rename(&aside, &database).unwrap();
    works(&desk, "103").await;
    // The journal file, which has what was written last.
    fs::rename(data_dir.join("frontdesk.db-wal"), &aside).unwrap();
    is_noticed(&desk, "the journal file to be missed").await;
    fs::rename(&aside, data_dir.join("frontdesk.db-wal")).unwrap();
    works(&desk, "104").await;
    server.kill().await;
    desk.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_a_command_and_says_so_but_not_for_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    server.kill().await;
    let lock = File::options().write(true).open(desk.data_dir.join("frontdesk.lock")).unwrap();
    lock.lock().unwrap();
    fs::write(desk.data_dir.join("frontdesk.lock"), "command").unwrap();
    let starting = tokio::spawn({
        let desk = desk.clone();
        async move { desk.reopen().await }
    });
    let log = desk.data_dir.with_extension("log");
    until("the server to say what it waits for", async || {
        fs::read_to_string(&log).unwrap().contains("a command has the data directory open")
    })
    .await;
    assert!(!starting.is_finished());
    lock.unlock().unwrap();
    let server = soon("the server to start", starting).await.unwrap();
    works(&desk, "101").await;
    let second = ["serve", "--listen", "127.0.0.1:0"];
    let refused = program::cli(&desk.data_dir, &second).await;
    assert!(refused.failure(1).contains("another Frontdesk server is using"), "{refused:?}");
    server.kill().await;
}

#[tokio::test]
async fn a_backup_removes_what_killed_ones_have_left_in_its_folder_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    let backups = folder.path().join("backups");
    fs::create_dir(&backups).unwrap();
    let file = |name: &str| backups.join(name);
    // Killed in the middle, and before the first byte.
    fs::copy(desk.data_dir.join("frontdesk.db"), file("monday.db.partial")).unwrap();
    fs::write(file("monday.db.partial-journal"), "").unwrap();
    fs::write(file("tuesday.db.partial"), "").unwrap();
    // Another backup is writing this one; and this one is of another program.
    fs::copy(desk.data_dir.join("frontdesk.db"), file("now.db.partial")).unwrap();
    let now = File::options().write(true).open(file("now.db.partial")).unwrap();
    now.lock().unwrap();
    fs::write(file("film.partial"), "not a database").unwrap();
    let wednesday = file("wednesday.db");
    program::cli(&desk.data_dir, &["backup", wednesday.to_str().unwrap()]).await.object();
    let left = ["film.partial", "now.db.partial", "wednesday.db"].map(file);
    assert_eq!(names(&backups), left);
    server.kill().await;
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}
