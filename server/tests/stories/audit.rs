//! The audit log: everything that is done leaves an entry, in the transaction of what it speaks of, and
//! nobody changes one without being seen.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::common::{House, Person, Program, house::PASSWORD, program::cli, until};

/// The newest entries of the property, as an admin sees them.
async fn entries(admin: &Person, query: &str) -> Vec<Value> {
    let page = admin.get(&format!("/audit/{query}")).await.expect(200);
    page["results"].as_array().unwrap().clone()
}

/// What the newest entry says: actor, action, subject, detail.
async fn newest(admin: &Person) -> (String, String, String, String) {
    let entry = entries(admin, "?limit=1").await.remove(0);
    let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let with_id = |name: &str| match entry[format!("{name}_id")].as_i64() {
        Some(id) => format!("{} {id}", word(name)),
        None => word(name),
    };
    (with_id("actor"), word("action"), with_id("subject"), word("detail"))
}

/// Opens the house's database beside the server.
async fn database(house: &House) -> SqliteConnection {
    let url = format!("sqlite://{}", house.data_dir().join("frontdesk.db").display());
    SqliteConnection::connect(&url).await.unwrap()
}

fn said(
    actor: &str,
    action: &str,
    subject: &str,
    detail: &str,
) -> (String, String, String, String) {
    (actor.to_owned(), action.to_owned(), subject.to_owned(), detail.to_owned())
}

#[tokio::test]
async fn everything_that_is_done_leaves_an_entry() {
    let house = House::start().await;
    let admin = &house.admin;
    let by_admin = format!("staff {}", admin.id);
    let expect = async |actor: &str, action: &str, subject: &str, detail: &str| {
        assert_eq!(newest(admin).await, said(actor, action, subject, detail));
    };

    let body = json!({"username": "ana", "name": "Ana Verysecret", "password": PASSWORD,
        "departments": ["reception"]});
    let ana = admin.post("/staff/", body).await.expect(201)["id"].as_i64().unwrap();
    let (by_ana, as_ana) = (format!("staff {ana}"), format!("staff {ana}"));
    expect(&by_admin, "created", &as_ana, "").await;
    let body = json!({"departments": ["reception", "restaurant"], "name": "Ana"});
    admin.patch(&format!("/staff/{ana}/"), body).await.expect(200);
    expect(&by_admin, "updated", &as_ana, "name,departments").await;
    admin.post("/departments/", json!({"name": "Secret Spa"})).await.expect(201);
    assert_eq!(newest(admin).await.1, "created");
    assert!(newest(admin).await.2.starts_with("department "));

    let person = house.sign_in("ana").await;
    let (actor, action, session, _) = newest(admin).await;
    assert_eq!((actor.as_str(), action.as_str()), (by_ana.as_str(), "signed_in"));
    assert!(session.starts_with("session "), "{session}");
    let body = json!({"current_password": PASSWORD, "new_password": "another horse battery"});
    person.post("/auth/password/", body).await.expect(204);
    expect(&by_ana, "password_changed", &as_ana, "").await;

    let body = json!({"name": "Amelia Verysecret", "whatsapp_number": "+447700900123"});
    let guest = admin.post("/guests/", body).await.expect(201)["id"].as_i64().unwrap();
    expect(&by_admin, "created", &format!("guest {guest}"), "").await;
    let body = json!({"name": "Amelia Stillsecret"});
    person.patch(&format!("/guests/{guest}/"), body).await.expect(200);
    expect(&by_ana, "updated", &format!("guest {guest}"), "name").await;
    let body = json!({"guest_id": guest, "room_number": "Secretroom"});
    let stay = admin.post("/stays/", body).await.expect(201)["id"].as_i64().unwrap();
    let (stay_subject, of_guest) = (format!("stay {stay}"), format!("guest {guest}"));
    expect(&by_admin, "checked_in", &stay_subject, &of_guest).await;
    admin.post(&format!("/stays/{stay}/checkout/"), json!({})).await.expect(200);
    expect(&by_admin, "checked_out", &stay_subject, "").await;

    let id = house.conversation_with(guest, "reception").await;
    let conversation = format!("conversation {id}");
    expect(&by_admin, "created", &conversation, "").await;
    let mut socket = person.connect().await;
    socket.send_text(id, "Averysecrettext").await;
    socket.acknowledged("received").await;
    socket.command("close_conversation", id).await;
    socket.everything().await;
    // The message left none.
    expect(&by_ana, "closed", &conversation, "").await;
    assert_eq!(entries(admin, "?limit=2").await[1]["action"], "created");
    socket.command("close_conversation", id).await;
    socket.everything().await;
    let of_it = entries(admin, &format!("?subject=conversation&subject_id={id}")).await;
    assert_eq!(of_it.len(), 2, "closing what is closed is nothing: {of_it:?}");
    let body = json!({"conversation_id": id});
    person.post("/chat/conversations/reopen/", body).await.expect(200);
    expect(&by_ana, "reopened", &conversation, "").await;
    let body = json!({"conversation_id": id, "department": "restaurant"});
    person.post("/chat/conversations/transfer/", body).await.expect(200);
    expect(&by_ana, "transferred", &conversation, "").await;

    let gateway = house.gateway("secretgateway", None).await;
    let (actor, action, subject, _) = newest(admin).await;
    assert_eq!((actor.as_str(), action.as_str()), ("command_line", "created"));
    assert!(subject.starts_with("gateway "), "{subject}");
    gateway.writes("verysecretref", "+4799900111", "Secretsecondtext").await;
    let (actor, action, subject, _) = newest(admin).await;
    assert!(actor.starts_with("gateway ") && subject.starts_with("guest "), "{actor} {subject}");
    assert_eq!(action, "created");
    let before = entries(admin, "?limit=1").await;
    gateway.writes("another", "+4799900111", "Secretthirdtext").await;
    assert_eq!(entries(admin, "?limit=1").await, before, "messages are not logged");

    let copy = house.data_dir().with_extension("backup");
    house.cli(&["backup", copy.to_str().unwrap()]).await.object();
    expect("command_line", "backed_up", "property 1", "").await;
    house.cli(&["staff", "sign-out", "ana"]).await.object();
    expect("command_line", "signed_out", &as_ana, "").await;
    house.cli(&["staff", "disable", "ana"]).await.object();
    expect("command_line", "disabled", &as_ana, "").await;

    // Ids only: nothing of all these names and texts is in it.
    let listed = house.cli(&["audit", "list"]).await;
    assert!(listed.objects().len() > 15, "{listed:?}");
    // Without the hashes: one of them may contain any digits.
    let mut shown = listed.objects();
    for entry in &mut shown {
        entry["hash"] = Value::Null;
    }
    let everything = json!(shown).to_string().to_lowercase();
    for secret in ["secret", "amelia", "ana", "aurora", "4477", "4799", "spa"] {
        assert!(!everything.contains(secret), "{secret}: {everything}");
    }
    let verified = house.cli(&["audit", "verify"]).await.object();
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["entries"].as_u64().unwrap(), listed.objects().len() as u64);
}

#[tokio::test]
async fn failed_sign_ins_are_logged_but_not_without_end() {
    let house = House::start().await;
    for name in ["admin", "nobody-has-this-name", "admin", "admin"] {
        house.try_sign_in(name, "wrong").await.problem(401, "invalid_credentials");
    }
    let failed = async || {
        let all = entries(&house.admin, "?limit=200").await;
        let failed = all.into_iter().filter(|entry| entry["action"] == "sign_in_failed");
        failed.collect::<Vec<_>>()
    };
    until("three failures in the log", async || failed().await.len() == 3).await;
    for entry in failed().await {
        assert_eq!(entry["subject_id"], house.admin.id);
        assert_eq!((&entry["actor"], &entry["actor_id"]), (&json!("server"), &Value::Null));
    }
}

#[tokio::test]
async fn admins_page_through_it_and_nobody_else_reads_it() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    ana.get("/audit/").await.problem(403, "forbidden");
    house.anyone.get("/audit/").await.problem(401, "unauthorized");
    for number in 0..7 {
        house.admin.post("/rooms/", json!({"number": format!("{number}")})).await.expect(201);
    }
    let all = entries(&house.admin, "").await;
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/audit/?limit=3{cursor}");
        let page = house.admin.get(&path).await.expect(200);
        paged.extend(page["results"].as_array().unwrap().clone());
        match page["next_cursor"].as_i64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let places: Vec<_> = all.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    let expected: Vec<_> = (1..=all.len() as i64).rev().collect();
    assert_eq!(places, expected);
}

#[tokio::test]
async fn another_property_has_a_log_of_its_own() {
    let house = House::start().await;
    house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let line =
        ["--property", "2", "staff", "create", "--username", "bo", "--name", "Bo", "--admin"];
    let line = [&line[..], &["--department", "reception", "--password-stdin"]].concat();
    let mut command = crate::common::program::command();
    command.arg("--data-dir").arg(house.data_dir()).args(line);
    let made = crate::common::program::run(command, PASSWORD).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let bo = house.sign_in("bo").await;
    let ours = entries(&house.admin, "").await;
    let theirs = entries(&bo, "").await;
    assert_eq!(theirs.len(), 3, "made, account, signed in: {theirs:?}");
    assert_eq!(theirs[2]["seq"], 1);
    assert!(ours.iter().all(|entry| entry["subject_id"] != bo.id || entry["subject"] != "staff"));
    assert_eq!(house.cli(&["audit", "verify"]).await.objects().len(), 2);
    assert_eq!(house.cli(&["--property", "2", "audit", "list"]).await.objects().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_logged_does_not_happen() {
    let house = House::start().await;
    let id = house.conversation("reception").await;
    let refuse =
        "create trigger no_more before insert on audit begin select raise(abort, 'no'); end";
    database(&house).await.execute(refuse).await.unwrap();
    let body = json!({"name": "Amelia"});
    house.admin.post("/guests/", body).await.problem(503, "unavailable");
    let body = json!({"conversation_id": id});
    house.admin.post("/chat/conversations/close/", body).await.problem(503, "unavailable");
    database(&house).await.execute("drop trigger no_more").await.unwrap();
    let guests = house.admin.get("/guests/?q=Amelia").await.expect(200);
    assert_eq!(guests["results"], json!([]));
    assert_eq!(house.admin.conversation(id).await["status"], "active");
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_an_entry() {
    let house = House::start().await;
    let mut database = database(&house).await;
    for statement in [
        "update audit set actor_id = 7 where seq = 1",
        "delete from audit where seq = 1",
        "delete from audit",
        "insert or replace into audit select * from audit where seq = 1",
        "insert into audit select property_id, 99, at, actor, actor_id, action, subject, subject_id,
            'Amelia Hart', hash from audit where seq = 1",
    ] {
        database.execute(statement).await.expect_err(statement);
    }
    assert_eq!(house.cli(&["audit", "verify"]).await.object()["ok"], true);
}

#[tokio::test]
async fn whoever_changes_it_all_the_same_is_seen() {
    let tampered = [
        ("update audit set actor_id = 7 where seq = 3", 3),
        ("update audit set at = at + 1 where seq = 2", 2),
        ("update audit set hash = replace(hash, substr(hash, 1, 1), 'x') where seq = 4", 4),
        ("delete from audit where seq = 2", 2),
        ("delete from audit where seq = 1", 1),
        ("delete from audit where seq = (select max(seq) from audit)", 6),
        (
            "update audit set seq = -seq where seq in (2, 3); update audit set seq = 5 + seq where seq < 0",
            2,
        ),
        ("delete from audit_head", 7),
    ];
    for (statements, place) in tampered {
        let house = House::start().await;
        for number in 0..3 {
            house.admin.post("/rooms/", json!({"number": format!("{number}")})).await.expect(201);
        }
        assert_eq!(house.cli(&["audit", "verify"]).await.object()["entries"], 6, "{statements}");
        let open = "drop trigger audit_is_never_changed; drop trigger audit_is_never_deleted;
            pragma ignore_check_constraints = on;";
        let mut database = database(&house).await;
        let all = AssertSqlSafe(format!("{open} {statements}"));
        sqlx::raw_sql(all).execute(&mut database).await.unwrap();
        let output = house.cli(&["audit", "verify"]).await;
        assert_eq!(output.code, Some(1), "{statements}: {output:?}");
        let verdict: Value = serde_json::from_str(output.stdout.trim()).unwrap();
        assert_eq!(verdict["ok"], false);
        assert_eq!(verdict["broken"]["entry"], place, "{statements}: {output:?}");
    }
}

#[tokio::test]
async fn an_end_that_was_cut_off_and_covered_up_shows_by_the_backups() {
    let house = House::start().await;
    let backups = house.data_dir().join("backups");
    std::fs::create_dir(&backups).unwrap();
    house.admin.post("/rooms/", json!({"number": "1"})).await.expect(201);
    let file = backups.join("frontdesk-2026-11-23.db");
    house.cli(&["backup", file.to_str().unwrap()]).await.object();
    std::fs::write(backups.join("frontdesk-2026-11-24.db"), "damaged").unwrap();
    let verified = house.cli(&["audit", "verify"]).await.object();
    let backed_up = verified["entries"].as_i64().unwrap() - 1;
    assert_eq!((&verified["ok"], &verified["backups"]), (&json!(true), &json!(1)));
    // The newest go, and the head is put where it would have been: the chain is whole in itself.
    let cut = "drop trigger audit_is_never_changed; drop trigger audit_is_never_deleted;
        delete from audit where seq >= (select max(seq) from audit) - 1;
        update audit_head set (seq, hash) = (select seq, hash from audit order by seq desc limit 1)";
    sqlx::raw_sql(cut).execute(&mut database(&house).await).await.unwrap();
    let output = house.cli(&["audit", "verify"]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    let verdict: Value = serde_json::from_str(output.stdout.trim()).unwrap();
    assert_eq!(verdict["broken"]["entry"], backed_up, "{output:?}");
    // Nor does it help that others have come since.
    for number in 2..5 {
        house.admin.post("/rooms/", json!({"number": format!("{number}")})).await.expect(201);
    }
    let output = house.cli(&["audit", "verify"]).await;
    let verdict: Value = serde_json::from_str(output.stdout.trim()).unwrap();
    assert_eq!(verdict["broken"]["entry"], backed_up, "{output:?}");
    // After a restore the log is another one: older backups say nothing of it.
    let stopped = house.stop().await;
    assert_eq!(stopped.cli(&["restore", file.to_str().unwrap()]).await.code, Some(0));
    let restored = stopped.cli(&["audit", "verify"]).await.object();
    assert_eq!((&restored["ok"], &restored["backups"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn the_log_says_where_the_audit_log_stands() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    cli(&data_dir, &["property", "create", "--name", "Hotel Aurora"]).await.object();
    let stands = cli(&data_dir, &["audit", "verify"]).await.object();
    let hash = stands["hash"].as_str().unwrap().to_owned();
    let server = Program::serve(&data_dir, &[]).await;
    let log = data_dir.with_extension("log");
    until("the log to say it", async || std::fs::read_to_string(&log).unwrap().contains(&hash))
        .await;
    drop(server.terminate().await);
}

/// What docs/operations.md says about an entry's hash.
fn documented_hash(before: &str, entry: &Value) -> String {
    use sha2::{Digest, Sha256};
    let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
    let members = json!([
        1,
        entry["seq"],
        at.as_millisecond(),
        entry["actor"],
        entry["actor_id"],
        entry["action"],
        entry["subject"],
        entry["subject_id"],
        entry["detail"],
    ]);
    let bytes = [hex::decode(before).unwrap(), members.to_string().into_bytes()].concat();
    hex::encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn an_entry_that_was_changed_with_its_hash_breaks_the_next() {
    let house = House::start().await;
    for number in 0..3 {
        house.admin.post("/rooms/", json!({"number": format!("{number}")})).await.expect(201);
    }
    let mut chain = entries(&house.admin, "").await;
    chain.reverse();
    let mut before = "0".repeat(64);
    for entry in &chain {
        assert_eq!(entry["hash"], documented_hash(&before, entry));
        before = entry["hash"].as_str().unwrap().to_owned();
    }
    chain[2]["subject_id"] = json!(4711);
    let forged = documented_hash(chain[1]["hash"].as_str().unwrap(), &chain[2]);
    let statements = format!(
        "drop trigger audit_is_never_changed;
         update audit set subject_id = 4711, hash = '{forged}' where seq = 3"
    );
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut database(&house).await).await.unwrap();
    let output = house.cli(&["audit", "verify"]).await;
    let verdict: Value = serde_json::from_str(output.stdout.trim()).unwrap();
    assert_eq!(verdict["broken"]["entry"], 4, "{output:?}");
}

#[tokio::test]
async fn a_hash_that_was_noted_shows_a_chain_that_was_made_anew() {
    let house = House::start().await;
    let noted = house.cli(&["audit", "verify"]).await.object()["hash"].clone();
    let noted = noted.as_str().unwrap();
    house.admin.post("/rooms/", json!({"number": "1"})).await.expect(201);
    house.cli(&["audit", "verify", "--known-hash", noted]).await.object();
    let other = House::start().await;
    let output = other.cli(&["audit", "verify", "--known-hash", noted]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
}

#[tokio::test]
async fn a_restored_backup_says_that_it_is_one() {
    let house = House::start().await;
    let copy = house.data_dir().with_extension("backup");
    house.cli(&["backup", copy.to_str().unwrap()]).await.object();
    let before = entries(&house.admin, "").await.len();
    let stopped = house.stop().await;
    assert_eq!(stopped.cli(&["restore", copy.to_str().unwrap()]).await.code, Some(0));
    let house = stopped.start().await;
    let admin = house.sign_in("admin").await;
    let log = entries(&admin, "").await;
    assert_eq!((&log[0]["action"], &log[1]["action"]), (&json!("signed_in"), &json!("restored")));
    assert_eq!(
        (&log[1]["actor"], &log[1]["subject"]),
        (&json!("command_line"), &json!("property"))
    );
    // The entry about the backup came after the copy, so it is not in it.
    assert_eq!(log.len(), before + 1);
    assert_eq!(house.cli(&["audit", "verify"]).await.object()["ok"], true);
}

#[tokio::test]
async fn a_call_that_changes_nothing_leaves_no_entry() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let gateway = house.gateway("sms", None).await;
    let number = "+4915112345678";
    // The number, as gateways write it that do not have a name.
    let write = async |id: &str, name: &str| {
        let body =
            json!({"external_id": id, "whatsapp_number": number, "name": name, "content": "Hello"});
        gateway.message(body).await.expect(201);
    };
    write("0", number).await;
    let guest = house.admin.get("/guests/?q=4915112345678").await.expect(200);
    let guest = guest["results"][0]["id"].as_i64().unwrap();
    let newest =
        async || house.admin.get("/audit/?limit=1").await.expect(200)["results"][0]["seq"].clone();
    for (round, name) in [number, "4915112345678", "00 49 151 12345678"].into_iter().enumerate() {
        write(&format!("first {round}"), name).await;
        let before = newest().await;
        for again in 0..3 {
            write(&format!("{round} {again}"), name).await;
        }
        assert_eq!(newest().await, before, "{name}");
    }
    // Replies leave through the gateway that the guest wrote through last: that is not logged.
    let other = house.gateway("mail", None).await;
    let by_turns = async |round: &str| {
        for gateway in [&gateway, &other] {
            let body = json!({"external_id": round, "whatsapp_number": number, "content": "Hello"});
            gateway.message(body).await.expect(201);
        }
    };
    by_turns("by turns").await;
    let before = newest().await;
    by_turns("by turns again").await;
    assert_eq!(newest().await, before);
    for path in
        [format!("/guests/{guest}/"), format!("/staff/{}/", ana.id), "/property/".to_owned()]
    {
        let shown = if path.starts_with("/staff") {
            json!({})
        } else {
            house.admin.get(&path).await.expect(200)
        };
        for body in [json!({}), shown] {
            house.admin.patch(&path, body).await.expect(200);
        }
    }
    assert_eq!(newest().await, before);
}
