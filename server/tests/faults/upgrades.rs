//! Data directories of every released version, and what is left of an upgrade that was interrupted.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::{
    calls::{self, Tracer},
    common::{Client, Program, house::PASSWORD, program},
    disk::{Disk, Trouble},
    report,
};

const DATABASE: &str = "frontdesk.db";

fn folder_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder_of(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|is| is == extension));
    files.sort();
    files
}

async fn open(file: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Everything that stands in the schema but the table that counts migrations.
async fn schema(connection: &mut SqliteConnection) -> Vec<String> {
    let sql = "select sql from sqlite_schema where sql is not null and name <> '_sqlx_migrations'
               order by name";
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

/// The schema after each migration, the first one's first.
async fn schemas() -> Vec<Vec<String>> {
    let mut fresh = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let mut schemas = Vec::new();
    for file in files("../migrations/sqlite", "sql") {
        let sql = std::fs::read_to_string(file).unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut fresh).await.unwrap();
        schemas.push(schema(&mut fresh).await);
    }
    schemas
}

#[tokio::test]
async fn a_data_directory_of_every_released_version_opens() {
    let released = files("tests/fixtures", "db");
    assert!(!released.is_empty());
    for fixture in &released {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        std::fs::copy(fixture, data_dir.join(DATABASE)).unwrap();
        let server = Program::serve(&data_dir, &[]).await;
        let address = std::sync::Arc::new(std::sync::RwLock::new(server.address.clone()));
        let anyone = Client::new(address);
        let body = json!({"username": "ana", "password": PASSWORD});
        let signed_in = anyone.post("/auth/login/", body).await.expect(200);
        let ana = anyone.with_token(signed_in["token"].as_str().unwrap());
        let list = ana.get("/chat/conversations/").await.expect(200);
        let mut conversations = list["results"].as_array().unwrap().iter();
        let asked = "Is there a late check-out?";
        let conversation = conversations.find(|row| row["last_message_preview"] == asked).unwrap();
        assert_eq!(conversation["guest_info"]["name"], "Amelia Hart", "{list}");
        // Also what was stored before searches compared folded names.
        let found = ana.get("/chat/conversations/?q=AMELIA").await.expect(200);
        assert!(!found["results"].as_array().unwrap().is_empty(), "{found}");
        let body = json!({"conversation_id": conversation["id"]});
        ana.post("/chat/conversations/close/", body).await.expect(200);
        server.kill().await;
        let check = program::cli(&data_dir, &["check"]).await;
        assert_eq!(check.code, Some(0), "{check:?}");
        let mut upgraded = open(&data_dir.join(DATABASE)).await;
        assert_eq!(schema(&mut upgraded).await, *schemas().await.last().unwrap());
    }
}

/// How far upgrades that were interrupted had come.
#[derive(Default)]
struct Upgrades {
    schemas: Vec<Vec<String>>,
    interrupted: u64,
    stages: BTreeSet<usize>,
}

impl Upgrades {
    async fn new() -> Self {
        Self { schemas: schemas().await, ..Self::default() }
    }

    /// What an upgrade left that was interrupted, or not, at its n-th write: each migration is done
    /// or not done, and the rest of them is done by whoever opens it next.
    async fn left(&mut self, data_dir: &Path, n: u64, was_interrupted: bool) {
        self.interrupted += u64::from(was_interrupted);
        let mut between = open(&data_dir.join(DATABASE)).await;
        let done: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
            .fetch_one(&mut between)
            .await
            .unwrap();
        let done = usize::try_from(done).unwrap();
        assert_eq!(schema(&mut between).await, self.schemas[done - 1], "half an upgrade at {n}");
        between.close().await.unwrap();
        assert!(was_interrupted || done == self.schemas.len());
        self.stages.insert(done);
        assert_eq!(program::cli(data_dir, &["staff", "list"]).await.objects().len(), 1);
        let mut after = open(&data_dir.join(DATABASE)).await;
        assert_eq!(schema(&mut after).await, *self.schemas.last().unwrap());
        after.close().await.unwrap();
        let check = program::cli(data_dir, &["check"]).await;
        assert_eq!(check.code, Some(0), "{check:?}");
    }

    /// Some were interrupted before anything was done, and some came to the end.
    fn finish(&self, name: &str) {
        let Self { schemas, interrupted, stages } = self;
        let reached = stages.contains(&1) && stages.contains(&schemas.len());
        assert!(*interrupted > 1 && reached, "{interrupted} {stages:?}");
        let figure = format!("interrupted at each of {interrupted} writes, 0 half upgrades");
        report::figure(name, &figure);
    }
}

#[tokio::test]
async fn an_upgrade_that_loses_its_disk_at_any_write_is_done_or_not_done() {
    let mut upgrades = Upgrades::new().await;
    let oldest = files("tests/fixtures", "db").remove(0);
    let step = usize::try_from(report::times(9, 1)).unwrap();
    for n in (1..).step_by(step) {
        let Some(disk) = Disk::mount() else { return };
        let data_dir = disk.data_dir();
        std::fs::write(data_dir.join(DATABASE), std::fs::read(&oldest).unwrap()).unwrap();
        std::fs::File::open(data_dir.join(DATABASE)).unwrap().sync_all().unwrap();
        disk.fail_from(n, Trouble::Gone);
        let upgraded = program::cli(&data_dir, &["staff", "list"]).await;
        let was_interrupted = disk.has_happened();
        if !was_interrupted {
            assert_eq!(upgraded.objects().len(), 1);
        }
        // The program alone is gone, or every other time what was not synced, too.
        if upgrades.interrupted % 2 == 0 {
            disk.cut_power(|| false);
        }
        disk.repair();
        upgrades.left(&data_dir, n, was_interrupted).await;
        if !was_interrupted {
            break;
        }
    }
    upgrades.finish("upgrade");
}

#[tokio::test]
async fn an_upgrade_that_is_killed_at_any_write_is_done_or_not_done() {
    if !Tracer::is_permitted().await {
        return;
    }
    let mut upgrades = Upgrades::new().await;
    let oldest = files("tests/fixtures", "db").remove(0);
    let step = usize::try_from(report::times(9, 1)).unwrap();
    for n in (1..).step_by(step) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(&oldest, folder.path().join(DATABASE)).unwrap();
        let came_to_its_end = calls::killed_at(folder.path(), n, &["staff", "list"]).await;
        upgrades.left(folder.path(), n, !came_to_its_end).await;
        if came_to_its_end {
            break;
        }
    }
    upgrades.finish("upgrade-killed");
}
