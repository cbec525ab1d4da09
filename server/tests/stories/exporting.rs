//! Handing out everything that is known of one guest, and of nobody else.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;

use crate::common::{House, client::send, until};

/// A guest with a bit of everything; returns the id.
async fn guest(house: &House) -> i64 {
    let gateway = house.gateway("sms", None).await;
    let message = json!({
        "external_id": "1", "guest_ref": "G-77", "name": "Żółć Ωmega", "room_number": "204",
        "content": "هل يمكنني الحصول على منشفة؟",
    });
    let stored = gateway.message(message).await.expect(201);
    gateway.writes("2", "+47 900", "Somebody else's text").await;
    let conversation = stored["conversation_id"].as_i64().unwrap();
    let mut socket = house.admin.connect().await;
    socket.send_text(conversation, "Gerne, für größere Gäste").await;
    socket.acknowledged("received").await;
    let shown = house.admin.conversation(conversation).await;
    let guest = shown["guest_info"]["id"].as_i64().unwrap();
    let body = json!({"whatsapp_number": "+44 7700 900123", "language": "ar"});
    house.admin.patch(&format!("/guests/{guest}/"), body).await.expect(200);
    house.conversation_with(guest, "restaurant").await;
    guest
}

/// The exports in the audit log, the newest first.
async fn exports(house: &House, guest: i64) -> Vec<(Value, Value)> {
    let path = format!("/audit/?subject=guest&subject_id={guest}");
    let page = house.admin.get(&path).await.expect(200);
    let entries = page["results"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["action"] == "exported")
        .map(|entry| (entry["actor"].clone(), entry["detail"].clone()))
        .collect()
}

#[tokio::test]
async fn everything_that_is_known_of_a_guest_is_in_it() {
    let house = House::start().await;
    let guest = guest(&house).await;
    let answer = house.admin.get(&format!("/guests/{guest}/export/")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let name = format!("attachment; filename=\"guest-{guest}.json\"");
    assert_eq!(answer.header("content-disposition"), name);
    assert_eq!(answer.header("cache-control"), "no-store");
    let export = answer.expect(200);
    for (member, value) in [
        ("id", json!(guest)),
        ("property", json!("Hotel Aurora")),
        ("name", json!("Żółć Ωmega")),
        ("whatsapp_number", json!("+447700900123")),
        ("language", json!("ar")),
        ("gateway_names", json!([{"gateway": "sms", "guest_ref": "G-77"}])),
    ] {
        assert_eq!(export[member], value);
    }
    assert_eq!(export["stays"][0]["room_number"], "204");
    let conversations = export["conversations"].as_array().unwrap();
    let departments: Vec<_> = conversations.iter().map(|one| one["department"].clone()).collect();
    assert_eq!(departments, ["Reception", "Restaurant"]);
    let messages: Vec<_> = conversations[0]["messages"].as_array().unwrap().iter().collect();
    let said: Vec<_> = messages
        .iter()
        .map(|one| (one["sender_type"].clone(), one["sender_name"].clone(), one["content"].clone()))
        .collect();
    assert_eq!(
        said,
        [
            (json!("guest"), json!("Żółć Ωmega"), json!("هل يمكنني الحصول على منشفة؟")),
            (json!("staff"), json!("Ada Min"), json!("Gerne, für größere Gäste")),
        ]
    );
    assert!(!export.to_string().contains("Somebody else"), "{export}");
}

#[tokio::test]
async fn each_export_is_logged_and_only_admins_get_one() {
    let house = House::start().await;
    let guest = guest(&house).await;
    let ana = house.staff("ana", &["reception", "restaurant"]).await;
    let path = format!("/guests/{guest}/export/");
    ana.get(&path).await.problem(403, "forbidden");
    house.anyone.get(&path).await.problem(401, "unauthorized");
    house.admin.get(&format!("{path}?format=docx")).await.problem(422, "invalid_input");
    house.admin.get("/guests/4711/export/").await.problem(404, "guest_not_found");
    assert_eq!(exports(&house, guest).await, []);
    assert_eq!(exports(&house, 4711).await, []);

    house.admin.get(&path).await.expect(200);
    let pdf = house.admin.get(&format!("{path}?format=pdf")).await;
    assert_eq!((pdf.status, pdf.header("content-type")), (200, "application/pdf"));
    assert!(pdf.text.starts_with("%PDF-"));
    let (staff, json, pdf) = (json!("staff"), json!("json"), json!("pdf"));
    let expected = [(staff.clone(), pdf), (staff, json)];
    assert_eq!(exports(&house, guest).await, expected);
}

#[tokio::test]
async fn what_cannot_be_logged_is_not_handed_out() {
    use sqlx::Executor;
    let house = House::start().await;
    let guest = guest(&house).await;
    let url = format!("sqlite://{}", house.data_dir().join("frontdesk.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let refuse =
        "create trigger no_more before insert on audit begin select raise(abort, 'no'); end";
    database.execute(refuse).await.unwrap();
    let answer = house.admin.get(&format!("/guests/{guest}/export/")).await;
    answer.problem(503, "unavailable");
    let file = house.data_dir().with_extension("json");
    let id = guest.to_string();
    house.cli(&["guest", "export", &id, file.to_str().unwrap()]).await.failure(1);
    assert!(!file.exists());
}

#[tokio::test]
async fn the_command_line_writes_a_file_of_its_own() {
    let house = House::start().await;
    let guest = guest(&house).await;
    let id = guest.to_string();
    for format in ["json", "pdf"] {
        let file = house.data_dir().with_extension(format);
        let line = ["guest", "export", &id, "--format", format, file.to_str().unwrap()];
        let told = house.cli(&line).await.object();
        assert_eq!(told, json!({"guest_id": guest, "file": file.to_str().unwrap()}));
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A second time would overwrite it.
        let logged = exports(&house, guest).await.len();
        house.cli(&line).await.failure(1);
        assert_eq!(exports(&house, guest).await.len(), logged);
    }
    let bytes = std::fs::read(house.data_dir().with_extension("json")).unwrap();
    let over_http = house.admin.get(&format!("/guests/{guest}/export/")).await.expect(200);
    let mut from_file: Value = serde_json::from_slice(&bytes).unwrap();
    from_file["exported_at"] = over_http["exported_at"].clone();
    assert_eq!(from_file, over_http);
    let pdf = std::fs::read(house.data_dir().with_extension("pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let nobody = house.data_dir().with_extension("nobody");
    house.cli(&["guest", "export", "4711", nobody.to_str().unwrap()]).await.failure(1);
    assert!(!nobody.exists());
    let actors: Vec<_> = exports(&house, guest).await.into_iter().map(|(actor, _)| actor).collect();
    assert_eq!(actors, ["staff", "command_line", "command_line"]);
}

#[tokio::test]
async fn an_export_that_takes_long_is_fetched_later_by_whoever_asked_for_it() {
    let house = House::start().await;
    let guest = guest(&house).await;
    let cleo =
        house.account(json!({"username": "cleo", "departments": ["reception"], "is_admin": true}));
    let cleo = cleo.await;
    // More than the PDF of it can be laid out in ten seconds.
    fill(&house, guest, 3_000).await;
    let path = format!("/guests/{guest}/export/?format=pdf");
    let wait_for_it = house.admin.request(Method::GET, &path).header("prefer", "respond-async");
    let other = house.guest("105", "Jo").await;
    let asking = tokio::spawn(send(wait_for_it));
    let busy = format!("/guests/{other}/export/");
    until("the export to begin", async || exports(&house, guest).await.len() == 1).await;
    cleo.get(&busy).await.problem(503, "unavailable");
    let working = asking.await.unwrap();
    assert_eq!(working.header("preference-applied"), "respond-async");
    let working = working.expect(202);
    assert_eq!(working["status"], "working");
    let id = working["export_id"].as_i64().unwrap();
    let export = format!("/exports/{id}/");
    assert_eq!(house.admin.get(&export).await.expect(202), working);
    cleo.get(&export).await.problem(404, "export_not_found");
    house.admin.get(&format!("/exports/{}/", id - 1)).await.problem(404, "export_not_found");
    // Erasing the guest ends it.
    house.admin.delete(&format!("/guests/{guest}/")).await;
    house.admin.get(&export).await.problem(404, "export_not_found");
    house.admin.get(&busy).await.expect(200);
    assert_eq!(exports(&house, guest).await.len(), 1);
}

/// Long texts of a guest, in the database.
async fn fill(house: &House, guest: i64, texts: u32) {
    let url = format!("sqlite://{}", house.data_dir().join("frontdesk.db").display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?1)
        insert into message (conversation_id, guest_id, content, created_at)
        select min(c.id), ?2, n.i || replace(hex(zeroblob(2000)), '00', ' two'), 0
        from n, conversation c where c.guest_id = ?2 group by n.i";
    sqlx::query(sql).bind(texts).bind(guest).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}
