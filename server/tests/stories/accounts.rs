//! Contract 2: who has an account, signs in and out, and administers the house.

use std::sync::atomic::Ordering;

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};

use crate::common::{House, house::PASSWORD};

#[tokio::test]
async fn departments_and_staff_are_the_admins() {
    let house = House::start().await;
    let admin = &house.admin;
    let spa = admin.post("/departments/", json!({"name": "Spa & Pool"})).await.expect(201);
    assert_eq!(spa["name"], "Spa & Pool");
    let slug = spa["slug"].as_str().unwrap();
    // Another way of writing it has the same slug.
    let same = json!({"name": slug.replace('_', " ").to_uppercase()});
    admin.post("/departments/", same).await.problem(409, "department_exists");
    let departments = admin.get("/departments/").await.expect(200);
    let slugs: Vec<_> = departments["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["slug"].as_str().unwrap())
        .collect();
    for expected in ["reception", "housekeeping", "room_service", "restaurant", "management", slug]
    {
        assert!(slugs.contains(&expected), "{slugs:?}");
    }
    let ana = house.staff("ana", &[slug, "reception"]).await;
    assert_eq!(ana.get("/auth/me/").await.expect(200)["departments"], json!([slug, "reception"]));
    for (body, status, code) in [
        (
            json!({"username": "ana", "name": "A", "password": PASSWORD, "departments": [slug]}),
            409,
            "username_taken",
        ),
        (
            json!({"username": "ANA", "name": "A", "password": PASSWORD, "departments": [slug]}),
            409,
            "username_taken",
        ),
        (
            json!({"username": "b", "name": "B", "password": PASSWORD, "departments": []}),
            422,
            "invalid_input",
        ),
        (
            json!({"username": "b", "name": "B", "password": PASSWORD, "departments": ["nowhere"]}),
            422,
            "invalid_input",
        ),
        (
            json!({"username": "b", "name": "B", "password": "short", "departments": [slug]}),
            422,
            "invalid_input",
        ),
        (
            json!({"username": "b", "name": "B", "password": PASSWORD, "departments": [slug], "user_type": "guest"}),
            422,
            "invalid_input",
        ),
    ] {
        admin.post("/staff/", body).await.problem(status, code);
    }
    // An admin's list walks every department: there are at most a hundred.
    for number in 0..100 - slugs.len() {
        admin.post("/departments/", json!({"name": format!("D {number}")})).await.expect(201);
    }
    let problem = admin.post("/departments/", json!({"name": "One more"})).await;
    problem.problem(409, "too_many_departments");
    admin.list("?status=all").await;
    // Nobody makes themselves an admin.
    let path = format!("/staff/{}/", ana.id);
    ana.patch(&path, json!({"is_admin": true})).await.problem(403, "forbidden");
    admin.patch(&path, json!({"is_admin": true})).await.expect(200);
    ana.get("/staff/").await.expect(200);
}

#[tokio::test]
async fn the_first_account_needs_the_token_and_there_is_only_one_first() {
    let house = House::start().await;
    let token = house.config.setup_token.clone().unwrap();
    let setup = |token: &str| {
        json!({
            "setup_token": token, "property_name": "Other", "username": "eve", "name": "Eve",
            "password": PASSWORD,
        })
    };
    house.anyone.post("/setup/", setup(token.reveal())).await.problem(409, "already_set_up");
    let shown = house.anyone.get("/setup/").await.expect(200);
    assert_eq!((&shown["open"], &shown["demo"]), (&json!(false), &Value::Null));
    let me = house.admin.get("/auth/me/").await.expect(200);
    assert_eq!(me["user_type"], "department_staff");
    assert_eq!(me["is_admin"], true);
    assert_eq!(me["property"]["name"], "Hotel Aurora");
    let departments = ["reception", "housekeeping", "room_service", "restaurant", "management"];
    assert_eq!(me["departments"].as_array().unwrap().len(), departments.len());
    for department in departments {
        assert!(me["departments"].as_array().unwrap().contains(&json!(department)), "{me}");
    }
}

#[tokio::test]
async fn wrong_passwords_make_the_next_try_wait() {
    let start = Timestamp::from_millis(1_790_000_000_000);
    let clock = Clock::standing_at(start);
    let Clock::Manual(now) = clock.clone() else { unreachable!() };
    let house = House::start_with(|config| config.clock = clock).await;
    house.staff("ana", &["reception"]).await;
    for name in ["ana", "nobody"] {
        for _ in 0..5 {
            house.try_sign_in(name, "wrong").await.problem(401, "invalid_credentials");
        }
        // The right password does not help either, nor does another way of writing the name.
        let mut waits = Vec::new();
        for password in [PASSWORD, "wrong"] {
            let answer = house.try_sign_in(&name.to_uppercase(), password).await;
            waits.push(answer.header("retry-after").parse::<i64>().unwrap());
            answer.problem(429, "too_many_attempts");
        }
        assert_eq!(waits[0], waits[1]);
    }
    // Others are not concerned.
    house.sign_in("admin").await;
    let mut last = 0;
    let mut longest = 0;
    for _ in 0..12 {
        let answer = house.try_sign_in("ana", "wrong").await;
        let wait: i64 = answer.header("retry-after").parse().unwrap();
        assert!(wait == last * 2 || last == 0 || wait == 900, "{wait} after {last}");
        last = wait;
        longest = longest.max(wait);
        now.fetch_add(wait * 1000, Ordering::SeqCst);
        house.try_sign_in("ana", "wrong").await.problem(401, "invalid_credentials");
    }
    assert_eq!(longest, 900);
    now.fetch_add(900 * 1000, Ordering::SeqCst);
    house.sign_in("ana").await;
    house.try_sign_in("ana", "wrong").await.problem(401, "invalid_credentials");
    house.sign_in("ana").await;
}

#[tokio::test]
async fn a_password_can_be_changed_by_whoever_knows_it() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let elsewhere = house.sign_in("ana").await;
    let change = async |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        ana.post("/auth/password/", body).await
    };
    change("wrong", "another good one").await.problem(422, "invalid_input");
    change(PASSWORD, "short").await.problem(422, "invalid_input");
    change(PASSWORD, "another good one").await.expect(204);
    ana.get("/auth/me/").await.expect(200);
    elsewhere.get("/auth/me/").await.problem(401, "unauthorized");
    house.try_sign_in("ana", "another good one").await.expect(200);
}

#[tokio::test]
async fn a_session_can_be_seen_and_ended_only_by_its_person() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let sessions = ana.get("/auth/sessions/").await.expect(200);
    let sessions = sessions["results"].as_array().unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["is_current"], true);
    let path = format!("/auth/sessions/{}/", sessions[0]["id"]);
    bob.delete(&path).await.problem(404, "session_not_found");
    ana.get("/auth/me/").await.expect(200);
    ana.delete(&path).await.expect(204);
    ana.get("/auth/me/").await.problem(401, "unauthorized");
}
