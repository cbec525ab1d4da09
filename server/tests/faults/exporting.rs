//! A guest's data is handed out that is many times as large as what the server may take for it.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::{
    common::{Client, program::cli},
    desk::Desk,
    erasing::memory,
    report,
};

/// What the server may take, in KiB.
const MEMORY_KIB: u64 = 256 * 1024;

/// Guests with this many texts of this many characters each.
fn guests() -> [(u64, usize); 2] {
    [(report::times(40, 3_000), 4_000), (report::times(2_000, 200_000), 100)]
}

/// Writes the texts into the database of a guest's new conversation; returns the guest.
async fn fill(desk: &Desk, texts: u64, characters: usize) -> i64 {
    let url = format!("sqlite://{}", desk.data_dir.join("frontdesk.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let guest: i64 = sqlx::query_scalar(
        "insert into guest (property_id, name, created_at) select id, 'Amelia', 0 from property returning id",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    sqlx::query(
        "insert into conversation (property_id, guest_id, department_id, conversation_type, status,
            active_at, created_at, updated_at, closed_at)
         select property_id, id, (select min(id) from department), 'general', 'closed', 0, 0, 0, 0
         from guest where id = ?1",
    )
    .bind(guest)
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::query(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?2)
         insert into message (conversation_id, guest_id, content, created_at)
         select c.id, c.guest_id, substr(i || ?3, 1, ?4), 0 from n, conversation c where c.guest_id = ?1",
    )
    .bind(guest)
    .bind(i64::try_from(texts).unwrap())
    .bind(" Could we have two more towels, please?".repeat(characters / 30))
    .bind(i64::try_from(characters).unwrap())
    .execute(&mut database)
    .await
    .unwrap();
    let newest = "update conversation set last_message_id =
        (select max(id) from message where conversation_id = conversation.id) where guest_id = ?1";
    sqlx::query(newest).bind(guest).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    guest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_of_any_size_take_a_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, server) = Desk::open(folder.path().join("data")).await;
    server.kill().await;
    let line = ["staff", "create", "--username", "ada", "--name", "Ada", "--admin"];
    let line = [&line[..], &["--department", "reception"]].concat();
    let account = cli(&desk.data_dir, &line).await.object();
    let mut figures = Vec::new();
    for (texts, characters) in guests() {
        let guest = fill(&desk, texts, characters).await;
        for format in ["json", "pdf"] {
            let server = desk.reopen().await;
            let anyone = Client::new(Arc::new(RwLock::new(server.address.clone())));
            let body = json!({"username": "ada", "password": account["password"]});
            let signed_in = anyone.post("/auth/login/", body).await.expect(200);
            let ada = anyone.with_token(signed_in["token"].as_str().unwrap());
            let before = Instant::now();
            let mut path = format!("/guests/{guest}/export/?format={format}");
            let bytes = loop {
                let request = ada.request(Method::GET, &path).header("prefer", "respond-async");
                let answer = request.send().await.unwrap();
                match answer.status().as_u16() {
                    202 => {
                        let working: serde_json::Value = answer.json().await.unwrap();
                        path = format!("/exports/{}/", working["export_id"]);
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    status => {
                        assert_eq!(status, 200);
                        break answer.bytes().await.unwrap();
                    }
                }
            };
            let took = before.elapsed();
            let begins: &[u8] = if format == "pdf" { b"%PDF-" } else { b"{" };
            assert!(bytes.starts_with(begins) && bytes.len() > 10_000);
            if format == "json" {
                let export: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                let messages = export["conversations"][0]["messages"].as_array().unwrap();
                assert_eq!(u64::try_from(messages.len()).unwrap(), texts);
            }
            let (now, peak) = memory(server.id());
            assert!(peak <= MEMORY_KIB, "{peak} KiB for {texts} texts as {format}");
            figures.push(format!(
                "{texts} texts of {characters} characters as {format}: {} MB in {:.1} s, at most {} MiB, {} MiB afterwards",
                bytes.len() / 1_000_000,
                took.as_secs_f64(),
                peak / 1024,
                now / 1024
            ));
            server.kill().await;
        }
    }
    report::figure("export", &figures.join("; "));
}
