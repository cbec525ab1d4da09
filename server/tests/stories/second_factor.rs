//! The second factor: what it asks for, what it takes, and what becomes of whoever must have one.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::common::{
    Answer, Authenticator, House, Person, authenticator::recovery_codes, house::PASSWORD,
};

/// The beginning of one of the half minutes that codes are made of.
const START: i64 = 1_790_000_010_000;

const HALF_MINUTE: i64 = 30_000;

/// A house whose clock stands still, and the clock's hands.
async fn house() -> (House, Arc<AtomicI64>) {
    assert_eq!(START % HALF_MINUTE, 0);
    let clock = Clock::standing_at(Timestamp::from_millis(START));
    let Clock::Manual(now) = clock.clone() else { unreachable!() };
    (House::start_with(|config| config.clock = clock).await, now)
}

fn passes(now: &AtomicI64, millis: i64) -> i64 {
    now.fetch_add(millis, Ordering::SeqCst) + millis
}

async fn with_code(house: &House, username: &str, code: &str) -> Answer {
    let body = json!({"username": username, "password": PASSWORD, "code": code});
    house.anyone.post("/auth/login/", body).await
}

async fn state(person: &Person) -> Value {
    person.get("/auth/second-factor/").await.expect(200)
}

/// Actions of the newest entries of the audit log, the newest first.
async fn log(house: &House, limit: u32) -> Vec<Value> {
    let page = house.admin.get(&format!("/audit/?limit={limit}")).await.expect(200);
    page["results"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_is_confirmed() {
    let (house, now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let elsewhere = house.sign_in("ana").await;
    let mut socket = elsewhere.connect().await;
    assert_eq!(state(&ana).await, json!({"confirmed_at": null, "recovery_codes_left": 0}));

    let path = "/auth/second-factor/";
    let wrong = json!({"password": "a guess at it"});
    let problem = ana.post(path, wrong).await.problem(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "password");
    let confirm = "/auth/second-factor/confirm/";
    let code = json!({"code": "123456"});
    ana.post(confirm, code).await.problem(409, "second_factor_not_begun");
    // What was begun and not confirmed asks for nothing, and is begun again.
    let again = json!({"password": PASSWORD});
    let first = ana.post(path, again.clone()).await.expect(200);
    house.sign_in("ana").await;
    let begun = ana.post(path, again.clone()).await.expect(200);
    assert_ne!(begun["secret"], first["secret"]);
    let uri = begun["uri"].as_str().unwrap();
    let names = "otpauth://totp/Frontdesk%20Hotel%20Aurora:ana?";
    assert!(uri.starts_with(names) && uri.contains(begun["secret"].as_str().unwrap()), "{uri}");
    assert!(begun["qr_svg"].as_str().unwrap().contains("<svg"), "{begun}");

    let code = json!({"code": Authenticator::scan(&first).code(START)});
    let problem = ana.post(confirm, code).await.problem(422, "invalid_input");
    assert_eq!(problem["errors"][0]["field"], "code");
    assert_eq!(state(&ana).await["confirmed_at"], Value::Null);
    let app = Authenticator::scan(&begun);
    let code = json!({"code": app.code(START)});
    let confirmed = ana.post(confirm, code.clone()).await.expect(200);
    assert_eq!(recovery_codes(&confirmed).len(), 10);
    let state = state(&ana).await;
    assert_eq!(state["recovery_codes_left"], 10);
    assert_eq!(state["confirmed_at"], json!(Timestamp::from_millis(START)));
    ana.post(confirm, code).await.problem(409, "second_factor_not_begun");
    ana.post(path, again).await.problem(409, "second_factor_exists");

    // Sessions that began without it are over; this one is not.
    assert_eq!(socket.ended_at_once().await, 4401);
    elsewhere.get("/auth/me/").await.problem(401, "unauthorized");
    let sessions = ana.get("/auth/sessions/").await.expect(200);
    assert_eq!(sessions["results"].as_array().unwrap().len(), 1);

    // The password alone begins none.
    let asked = house.try_sign_in("ana", PASSWORD).await;
    assert!(asked.headers.get("set-cookie").is_none());
    assert!(asked.problem(401, "second_factor_required").get("token").is_none());
    let sessions = ana.get("/auth/sessions/").await.expect(200);
    assert_eq!(sessions["results"].as_array().unwrap().len(), 1);
    // A wrong password is one, whatever else is right.
    let later = passes(&now, HALF_MINUTE);
    let wrong = json!({"username": "ana", "password": "not hers", "code": app.code(later)});
    house.anyone.post("/auth/login/", wrong).await.problem(401, "invalid_credentials");
    with_code(&house, "ana", &app.code(later)).await.expect(200);
    // Others' sign-ins are as they were, also with a code that nobody asked for.
    with_code(&house, "admin", "123456").await.expect(200);
}

/// How many second factors the database has, begun or confirmed.
async fn begun_rows(house: &House) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new();
    let options = options.filename(house.data_dir().join("frontdesk.db"));
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let sql = "select count(*) from second_factor";
    sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap()
}

#[tokio::test]
async fn what_was_begun_cannot_be_confirmed_by_guessing_nor_for_ever() {
    let (house, now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (path, confirm) = ("/auth/second-factor/", "/auth/second-factor/confirm/");
    let again = json!({"password": PASSWORD});
    let begun = ana.post(path, again.clone()).await.expect(200);
    let app = Authenticator::scan(&begun);
    // No code that the app shows in the time that this takes.
    let near: Vec<_> = (-2..70).map(|step| app.code(START + step * HALF_MINUTE)).collect();
    let mut wrong = (0..).map(|code| format!("{code:06}")).filter(|code| !near.contains(code));
    let mut guess = || json!({"code": wrong.next().unwrap()});
    let (mut waits, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let answer = ana.post(confirm, guess()).await;
        if answer.status == 422 {
            continue;
        }
        let wait: i64 = answer.header("retry-after").parse().unwrap();
        answer.problem(429, "too_many_attempts");
        waits.push(wait);
        passes(&now, wait * 1000);
        ana.post(confirm, guess()).await.problem(422, "invalid_input");
        rows.push(begun_rows(&house).await);
    }
    assert_eq!(waits, [15, 30, 60, 120, 240]);
    assert_eq!(rows, [1, 1, 1, 1, 0]);
    // It is gone with the tenth. Whoever shows the password begins another one, at once.
    let later = passes(&now, 900_000);
    let right = json!({"code": app.code(later)});
    ana.post(confirm, right).await.problem(409, "second_factor_not_begun");
    let begun = ana.post(path, again.clone()).await.expect(200);
    let app = Authenticator::scan(&begun);
    let later = passes(&now, 15 * 60 * 1000);
    let late = json!({"code": app.code(later)});
    ana.post(confirm, late).await.problem(409, "second_factor_not_begun");
    let begun = ana.post(path, again).await.expect(200);
    let code = json!({"code": Authenticator::scan(&begun).code(later)});
    ana.post(confirm, code).await.expect(200);
}

#[tokio::test]
async fn a_code_is_good_for_half_a_minute_around_its_own_and_only_once() {
    let (house, now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let app = Authenticator::add(&ana, START).await;
    // The one that confirmed is used up.
    with_code(&house, "ana", &app.code(START)).await.problem(401, "invalid_code");
    let later = passes(&now, 10 * HALF_MINUTE);
    for off in [-2, 2] {
        let code = app.code(later + off * HALF_MINUTE);
        with_code(&house, "ana", &code).await.problem(401, "invalid_code");
    }
    // The one before, the present one, the next one; written as some apps show it.
    for off in -1..=1 {
        let code = app.code(later + off * HALF_MINUTE);
        let (start, end) = code.split_at(3);
        with_code(&house, "ana", &format!("{start} {end}")).await.expect(200);
        with_code(&house, "ana", &code).await.problem(401, "invalid_code");
    }
    // With a later one the earlier ones are used up, too.
    let later = passes(&now, 10 * HALF_MINUTE);
    with_code(&house, "ana", &app.code(later)).await.expect(200);
    let earlier = app.code(later - HALF_MINUTE);
    with_code(&house, "ana", &earlier).await.problem(401, "invalid_code");

    let later = passes(&now, 10 * HALF_MINUTE);
    let code = app.code(later);
    let (one, other) =
        tokio::join!(with_code(&house, "ana", &code), with_code(&house, "ana", &code));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    // Nor is it forgotten over a restart.
    let house = house.restart().await;
    with_code(&house, "ana", &code).await.problem(401, "invalid_code");
}

#[tokio::test]
async fn a_clock_that_was_set_back_takes_codes_all_the_same_and_each_once() {
    let (house, now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let app = Authenticator::add(&ana, START).await;
    let ahead = passes(&now, 240 * HALF_MINUTE);
    with_code(&house, "ana", &app.code(ahead)).await.expect(200);
    let back = passes(&now, -240 * HALF_MINUTE + 10 * HALF_MINUTE);
    let code = app.code(back);
    with_code(&house, "ana", &code).await.expect(200);
    with_code(&house, "ana", &code).await.problem(401, "invalid_code");
    let house = house.restart().await;
    with_code(&house, "ana", &code).await.problem(401, "invalid_code");
    let back = passes(&now, -5 * HALF_MINUTE);
    with_code(&house, "ana", &app.code(back)).await.expect(200);
}

#[tokio::test]
async fn recovery_codes_are_good_once_each() {
    let (house, _now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let app = Authenticator::add(&ana, START).await;
    let bobs = Authenticator::add(&bob, START).await;
    let first = &app.recovery_codes[0];
    with_code(&house, "ana", &first.to_uppercase().replace('-', " ")).await.expect(200);
    assert_eq!(log(&house, 2).await[1]["action"], "recovery_code_used");
    with_code(&house, "ana", first).await.problem(401, "invalid_code");
    with_code(&house, "ana", &bobs.recovery_codes[0]).await.problem(401, "invalid_code");
    assert_eq!(state(&ana).await["recovery_codes_left"], 9);
    let house = house.restart().await;
    with_code(&house, "ana", first).await.problem(401, "invalid_code");
    with_code(&house, "ana", &app.recovery_codes[1]).await.expect(200);

    // New ones take the place of the old ones.
    let path = "/auth/second-factor/recovery/";
    ana.post(path, json!({"password": "a guess at it"})).await.problem(422, "invalid_input");
    let new = ana.post(path, json!({"password": PASSWORD})).await.expect(200);
    assert_eq!(state(&ana).await["recovery_codes_left"], 10);
    with_code(&house, "ana", &app.recovery_codes[2]).await.problem(401, "invalid_code");
    with_code(&house, "ana", &recovery_codes(&new)[9]).await.expect(200);
    with_code(&house, "bob", &bobs.recovery_codes[9]).await.expect(200);
    house
        .admin
        .post(path, json!({"password": PASSWORD}))
        .await
        .problem(404, "second_factor_not_found");
}

#[tokio::test]
async fn guessing_codes_takes_ever_longer_and_showing_the_password_does_not_help() {
    let (house, now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let app = Authenticator::add(&ana, START).await;
    let later = passes(&now, HALF_MINUTE);
    let right = app.code(later);
    let wrong = if right == "123456" { "123457" } else { "123456" };
    for _ in 0..5 {
        with_code(&house, "ana", wrong).await.problem(401, "invalid_code");
        let answer = house.try_sign_in("ana", PASSWORD).await;
        assert!(matches!(answer.status, 401 | 429), "{}", answer.text);
    }
    let answer = with_code(&house, "ana", &right).await;
    assert_eq!(answer.header("retry-after"), "15");
    answer.problem(429, "too_many_attempts");
    assert!(log(&house, 5).await.iter().any(|entry| entry["action"] == "sign_in_failed"));
    // When the wait is over, showing the password first does not begin another one.
    let later = passes(&now, 15_000);
    house.try_sign_in("ana", PASSWORD).await.problem(401, "second_factor_required");
    with_code(&house, "ana", &app.code(later)).await.expect(200);
}

#[tokio::test]
async fn whoever_knows_the_password_takes_it_away() {
    let (house, _now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let path = "/auth/second-factor/";
    let again = json!({"password": PASSWORD});
    ana.delete_with(path, again.clone()).await.problem(404, "second_factor_not_found");
    let app = Authenticator::add(&ana, START).await;
    assert_eq!(log(&house, 1).await[0]["action"], "second_factor_added");
    let wrong = json!({"password": "a guess at it"});
    ana.delete_with(path, wrong).await.problem(422, "invalid_input");
    house.try_sign_in("ana", PASSWORD).await.problem(401, "second_factor_required");
    ana.delete_with(path, again).await.expect(204);
    let entry = log(&house, 1).await.remove(0);
    assert_eq!(
        (&entry["action"], &entry["subject_id"]),
        (&json!("second_factor_removed"), &json!(ana.id))
    );
    house.sign_in("ana").await;
    // The next one has recovery codes of its own.
    Authenticator::add(&ana, START).await;
    with_code(&house, "ana", &app.recovery_codes[0]).await.problem(401, "invalid_code");
}

#[tokio::test]
async fn whoever_runs_the_server_takes_a_lost_one_away() {
    let (house, _now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    Authenticator::add(&ana, START).await;
    let mut socket = ana.connect().await;
    let removed = house.cli(&["staff", "remove-second-factor", "ana"]).await.object();
    assert_eq!(removed, json!({"id": ana.id, "username": "ana"}));
    assert_eq!(socket.ended_at_once().await, 4401);
    ana.get("/auth/me/").await.problem(401, "unauthorized");
    house.sign_in("ana").await;
    let none = house.cli(&["staff", "remove-second-factor", "ana"]).await;
    assert!(none.failure(1).contains("ana does not use two-step sign-in"), "{none:?}");
}

#[tokio::test]
async fn an_admin_does_nothing_without_one_where_the_property_asks_for_it() {
    let (house, _now) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let admin = &house.admin;
    let mut admins = admin.connect().await;
    let mut anas = ana.connect().await;
    let set = |rule: &'static str| {
        let house = &house;
        async move { house.cli(&["property", "set", "--second-factor", rule]).await.object() }
    };
    assert_eq!(set("admins").await["second_factor"], "admins");
    let listed = house.cli(&["property", "list"]).await.object();
    assert_eq!(listed["second_factor"], "admins");
    // At once, also for who is connected; and for nobody else.
    assert_eq!(admins.ended_at_once().await, 4403);
    assert_eq!(admin.try_connect().await.unwrap_err(), 403);
    for path in ["/chat/conversations/", "/staff/", "/audit/", "/guests/"] {
        admin.get(path).await.problem(403, "second_factor_missing");
    }
    anas.nothing_more().await;
    ana.get("/chat/conversations/").await.expect(200);
    assert!(ana.get("/auth/me/").await.expect(200).get("needs_second_factor").is_none());

    // Signing in leads to the own account, and to nothing else.
    let signed_in = house.try_sign_in("admin", PASSWORD).await.expect(200);
    assert_eq!(signed_in["user"]["needs_second_factor"], true);
    assert_eq!(admin.get("/auth/me/").await.expect(200)["needs_second_factor"], true);
    admin.get("/auth/sessions/").await.expect(200);
    let password = json!({"current_password": PASSWORD, "new_password": PASSWORD});
    admin.post("/auth/password/", password).await.expect(204);
    Authenticator::add(admin, START).await;
    admin.get("/chat/conversations/").await.expect(200);
    let mut admins = admin.connect().await;

    // Whoever becomes an admin is asked as well.
    let path = format!("/staff/{}/", ana.id);
    admin.patch(&path, json!({"is_admin": true})).await.expect(200);
    assert_eq!(anas.ended_at_once().await, 4403);
    ana.get("/chat/conversations/").await.problem(403, "second_factor_missing");
    admin.patch(&path, json!({"is_admin": false})).await.expect(200);
    ana.get("/chat/conversations/").await.expect(200);

    // Without it everything is closed again.
    let again = json!({"password": PASSWORD});
    admins.everything().await;
    admin.delete_with("/auth/second-factor/", again).await.expect(204);
    assert_eq!(admins.ended_at_once().await, 4403);
    admin.get("/audit/").await.problem(403, "second_factor_missing");
    assert_eq!(set("optional").await["second_factor"], "optional");
    assert_eq!(
        log(&house, 1).await[0]["detail"],
        "retention_days=0, retention=delete, second_factor=optional"
    );
    // Another choice leaves this one as it is.
    set("admins").await;
    let kept = house.cli(&["property", "set", "--retention-days", "30"]).await.object();
    assert_eq!((&kept["second_factor"], &kept["retention_days"]), (&json!("admins"), &json!(30)));
}
