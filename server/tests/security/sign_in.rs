//! Guessing passwords: it takes ever longer, and nobody can use that against the desk.

use std::sync::{Arc, atomic::Ordering};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::common::{Answer, Client, House, Program, client::send, house::PASSWORD, program};

/// A house that hears from a proxy on this machine who calls, and whose clock stands still.
async fn behind_proxy() -> House {
    House::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.clock = Clock::standing_at(Timestamp::from_millis(1_790_000_000_000));
    })
    .await
}

fn login(anyone: &Client, address: &str, username: &str, password: &str) -> RequestBuilder {
    login_with(anyone, address, &json!({"username": username, "password": password}))
}

fn login_with(anyone: &Client, address: &str, body: &Value) -> RequestBuilder {
    let request = anyone.request(Method::POST, "/auth/login/").header("x-forwarded-for", address);
    request.json(body)
}

async fn fail(house: &House, address: &str, username: &str) {
    let answer = send(login(&house.anyone, address, username, "a wrong password")).await;
    answer.problem(401, "invalid_credentials");
}

async fn try_right(house: &House, address: &str, username: &str) -> Answer {
    send(login(&house.anyone, address, username, PASSWORD)).await
}

#[tokio::test]
async fn counters_survive_a_restart() {
    let clock = Clock::standing_at(Timestamp::from_millis(1_790_000_000_000));
    let Clock::Manual(now) = clock.clone() else { unreachable!() };
    let house = House::start_with(|config| config.clock = clock).await;
    house.staff("ana", &["reception"]).await;
    for _ in 0..5 {
        house.try_sign_in("ana", "a wrong password").await.problem(401, "invalid_credentials");
    }
    house.try_sign_in("ana", PASSWORD).await.problem(429, "too_many_attempts");
    let house = house.restart().await;
    let answer = house.try_sign_in("ana", PASSWORD).await;
    assert_eq!(answer.header("retry-after"), "15");
    answer.problem(429, "too_many_attempts");
    now.fetch_add(15_000, Ordering::SeqCst);
    house.try_sign_in("ana", PASSWORD).await.expect(200);
    // And that it is forgiven survives too.
    let house = house.restart().await;
    house.try_sign_in("ana", "a wrong password").await.problem(401, "invalid_credentials");
    house.try_sign_in("ana", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_guest_at_the_same_address_cannot_lock_the_desk_out() {
    let house = behind_proxy().await;
    house.staff("ana", &["reception"]).await;
    let hotel = "203.0.113.7";
    // The desk has signed in before: as a browser, and as a program.
    let body = json!({"username": "ana", "password": PASSWORD, "cookie": true});
    let answer = send(login_with(&house.anyone, hotel, &body)).await;
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    let device = set.iter().map(|value| value.to_str().unwrap());
    let device = device.clone().find(|value| value.starts_with("frontdesk_device=")).unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/auth/", "Max-Age=34560000"] {
        assert!(device.contains(attribute), "{device}");
    }
    assert!(answer.body.get("device_secret").is_none(), "{}", answer.text);
    let device = device.split(';').next().unwrap();
    let program = try_right(&house, hotel, "ana").await.expect(200);
    let secret = program["device_secret"].as_str().unwrap();

    for _ in 0..5 {
        fail(&house, hotel, "ana").await;
    }
    // Without a proof the desk looks like the guest.
    try_right(&house, hotel, "ana").await.problem(429, "too_many_attempts");
    let browser = login_with(&house.anyone, hotel, &body).header("cookie", device);
    let answer = send(browser).await;
    assert!(!format!("{:?}", answer.headers).contains("frontdesk_device"), "{:?}", answer.headers);
    answer.expect(200);
    let body = json!({"username": "ana", "password": PASSWORD, "device_secret": secret});
    let again = send(login_with(&house.anyone, hotel, &body)).await.expect(200);
    assert!(again.get("device_secret").is_none(), "{again}");
    // Ana's device is nothing special for another account.
    for _ in 0..5 {
        fail(&house, hotel, "admin").await;
    }
    let body = json!({"username": "admin", "password": PASSWORD, "device_secret": secret});
    let other = send(login_with(&house.anyone, hotel, &body)).await;
    other.problem(429, "too_many_attempts");
    // Nor may whoever stole it guess with it.
    let guess = json!({"username": "ana", "password": "a wrong one", "device_secret": secret});
    for _ in 0..5 {
        let answer = send(login_with(&house.anyone, "192.0.2.1", &guess)).await;
        answer.problem(401, "invalid_credentials");
    }
    let answer = send(login_with(&house.anyone, "192.0.2.2", &guess)).await;
    answer.problem(429, "too_many_attempts");
}

/// Signs in with the secret that the device was given.
async fn on_device(house: &House, address: &str, username: &str, secret: &Value) -> Answer {
    let body = json!({"username": username, "password": PASSWORD, "device_secret": secret});
    send(login_with(&house.anyone, address, &body)).await
}

#[tokio::test]
async fn many_addresses_together_wait_too_and_known_devices_do_not() {
    let house = behind_proxy().await;
    house.staff("ana", &["reception"]).await;
    let desk = "203.0.113.7";
    let secret = try_right(&house, desk, "ana").await.expect(200)["device_secret"].clone();
    for host in 0..25 {
        for _ in 0..4 {
            fail(&house, &format!("10.0.0.{host}"), "ana").await;
        }
    }
    try_right(&house, "10.0.1.1", "ana").await.problem(429, "too_many_attempts");
    on_device(&house, desk, "ana", &secret).await.expect(200);
    // Others' names are not concerned; from there, others' names are.
    try_right(&house, "10.0.1.1", "admin").await.expect(200);
}

#[tokio::test]
async fn one_address_may_not_try_all_names() {
    let house = behind_proxy().await;
    house.staff("ana", &["reception"]).await;
    let desk = "203.0.113.7";
    let secret = try_right(&house, desk, "ana").await.expect(200)["device_secret"].clone();
    for name in 0..50 {
        fail(&house, desk, &format!("name{name}")).await;
    }
    try_right(&house, desk, "admin").await.problem(429, "too_many_attempts");
    // Ana's device has signed in before, and shows it.
    on_device(&house, desk, "ana", &secret).await.expect(200);
    try_right(&house, "203.0.113.8", "admin").await.expect(200);
}

#[tokio::test]
async fn an_address_that_somebody_signed_in_from_tells_nobody_that_they_have_an_account() {
    let house = behind_proxy().await;
    house.staff("ana", &["reception"]).await;
    let hotel = "203.0.113.7";
    try_right(&house, hotel, "ana").await.expect(200);
    for name in 0..50 {
        fail(&house, hotel, &format!("name{name}")).await;
    }
    for name in ["ana", "nobody"] {
        let answer = send(login(&house.anyone, hotel, name, "a wrong password")).await;
        answer.problem(429, "too_many_attempts");
    }
    // The same where many addresses have tried one name.
    for name in ["ana", "nobody"] {
        for host in 0..25 {
            for _ in 0..4 {
                fail(&house, &format!("10.0.0.{host}"), name).await;
            }
        }
    }
    try_right(&house, "203.0.113.8", "admin").await.expect(200);
    for name in ["ana", "nobody"] {
        let answer = send(login(&house.anyone, "203.0.113.8", name, "a wrong password")).await;
        answer.problem(429, "too_many_attempts");
    }
}

#[tokio::test]
async fn wrong_passwords_through_a_proxy_that_names_nobody_count_for_the_account_alone() {
    let house = behind_proxy().await;
    house.staff("ana", &["reception"]).await;
    for _ in 0..6 {
        house.try_sign_in("ana", "a wrong password").await.problem(401, "invalid_credentials");
    }
    house.try_sign_in("ana", PASSWORD).await.expect(200);
    // Whom the proxy names, counts as before.
    for _ in 0..5 {
        fail(&house, "203.0.113.9", "ana").await;
    }
    try_right(&house, "203.0.113.9", "ana").await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_forged_header_does_not_make_another_caller() {
    let house = House::start().await;
    house.staff("ana", &["reception"]).await;
    for host in 0..5 {
        fail(&house, &format!("10.0.0.{host}"), "ana").await;
    }
    try_right(&house, "10.0.0.99", "ana").await.problem(429, "too_many_attempts");
}

#[tokio::test]
async fn whoever_finds_a_desk_signed_in_cannot_guess_the_password_either() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let body =
        json!({"current_password": "a guess at it", "new_password": "the moon over the bay"});
    for _ in 0..5 {
        ana.post("/auth/password/", body.clone()).await.problem(422, "invalid_input");
    }
    ana.post("/auth/password/", body).await.problem(429, "too_many_attempts");
    // Nor is there another door, for an admin.
    let me = format!("/staff/{}/", house.admin.id);
    let answer = house.admin.patch(&me, json!({"password": "the moon over the bay"})).await;
    let problem = answer.problem(409, "own_account");
    assert!(problem["detail"].as_str().unwrap().contains("POST /auth/password/"), "{problem}");
    house.sign_in("admin").await;
    // It is a count of its own: Ana still signs in elsewhere.
    house.try_sign_in("ana", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_flood_of_guesses_is_refused_before_it_costs_anything_and_the_chat_goes_on() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let id = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    let anyone = Arc::new(house.anyone.clone());
    let mut guesses = JoinSet::new();
    for _ in 0..1000 {
        let anyone = Arc::clone(&anyone);
        guesses.spawn(async move {
            let body = json!({"username": "ana", "password": "a wrong password"});
            anyone.post("/auth/login/", body).await.status
        });
    }
    for number in 0..20 {
        socket.send_text(id, &format!("Message {number}")).await;
        socket.acknowledged("received").await;
        socket.updated("new_message").await;
    }
    let answers = guesses.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5);
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 995);
}

/// Passwords that every input path refuses, and a part of the error text.
const WEAK: [(&str, &str); 5] = [
    ("short one", "a password must have 10 to 200 characters"),
    ("1q2w3e4r5t", "this password is too easy to guess"),
    ("Password2026", "this password is too easy to guess"),
    ("HotelAurora1", "this password is too easy to guess"),
    ("evelyn-evelyn", "this password is too easy to guess"),
];

#[tokio::test]
async fn every_input_path_has_the_same_rule_for_passwords() {
    let house = House::start().await;
    let eve = json!({"username": "evelyn", "departments": ["reception"]});
    let eve = house.account(eve).await;
    for (weak, sentence) in WEAK {
        let new = json!({
            "username": "evelyn2", "name": "Evelyn", "password": weak, "departments": ["reception"],
        });
        let patch = json!({"password": weak});
        let change = json!({"current_password": PASSWORD, "new_password": weak});
        for answer in [
            house.admin.post("/staff/", new).await,
            house.admin.patch(&format!("/staff/{}/", eve.id), patch).await,
            eve.post("/auth/password/", change).await,
        ] {
            let problem = answer.problem(422, "invalid_input");
            assert!(problem.to_string().contains(sentence), "{problem}");
        }
        for words in [
            &["create", "--username", "evelyn2", "--name", "Evelyn", "--department", "reception"][..],
            &["set-password", "evelyn"],
        ] {
            let mut command = program::command();
            command.arg("--data-dir").arg(house.data_dir()).arg("staff").args(words);
            let output = program::run(
                {
                    command.arg("--password-stdin");
                    command
                },
                weak,
            )
            .await;
            assert!(output.failure(2).contains(sentence), "{output:?}");
        }
    }
    eve.get("/auth/me/").await.expect(200);
    house.try_sign_in("evelyn", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn the_first_account_has_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let program = Program::serve(&data_dir, &[]).await;
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    let token = log.lines().map(str::trim).find(|line| line.len() == 43 && !line.contains(' '));
    let anyone = Client::new(Arc::new(program.address.clone().into()));
    let setup = |password: &str| {
        json!({
            "setup_token": token.unwrap(), "property_name": "Hotel Aurora", "username": "evelyn",
            "name": "Evelyn", "password": password,
        })
    };
    for (weak, sentence) in WEAK {
        let problem = anyone.post("/setup/", setup(weak)).await.problem(422, "invalid_input");
        assert!(problem.to_string().contains(sentence), "{problem}");
    }
    anyone.post("/setup/", setup(PASSWORD)).await.expect(200);
    program.kill().await;
}
