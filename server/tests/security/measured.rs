//! What others notice of an attack, measured: `make attacks`, which writes the figures into `docs/security.md`. Tests
//! that run beside others would measure those.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use crate::{
    common::{House, client::send, house::PASSWORD},
    figures,
};

/// Puts a figure into its place in docs/security.md, when that is what is run for.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the one place that asks, and says what was measured"
)]
pub fn figure(name: &str, figure: &str) {
    println!("{name}: {figure}");
    if std::env::var_os("FRONTDESK_ATTACKS").is_some_and(|form| form == "long") {
        figures::write("security.md", name, figure);
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

#[tokio::test]
#[ignore = "make attacks"]
async fn measured_time_of_known_and_unknown_names() {
    let house = House::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let mut names = Vec::new();
    for number in 0..8 {
        house.staff(&format!("known{number}"), &["reception"]).await;
        names.extend([format!("known{number}"), format!("nobody{number}")]);
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the computer does concerns both; each from an address of its own.
    for round in 0..90_u32 {
        for (place, name) in names.iter().enumerate() {
            let request = house.anyone.request(Method::POST, "/auth/login/");
            let address = format!("10.{round}.{place}.1");
            let body = json!({"username": name, "password": "a wrong password"});
            let started = Instant::now();
            let answer = send(request.header("x-forwarded-for", address).json(&body)).await;
            let took = started.elapsed();
            answer.problem(401, "invalid_credentials");
            if name.starts_with("known") { known.push(took) } else { unknown.push(took) }
        }
    }
    let (a, b) = (percentile(&mut known, 50), percentile(&mut unknown, 50));
    let difference = (a.as_secs_f64() / b.as_secs_f64() - 1.0).abs() * 100.0;
    assert!(difference < 5.0, "known {a:?}, unknown {b:?}");
    let count = known.len();
    let text =
        format!("median of {count} each: {} and {}, {difference:.1} %", millis(a), millis(b));
    figure("names", &text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make attacks"]
async fn measured_chat_under_a_thousand_wrong_logins_a_second() {
    let house = House::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let ana = house.staff("ana", &["reception"]).await;
    let id = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    let body = json!({"username": "ana", "password": PASSWORD});
    let signed_in = house.anyone.post("/auth/login/", body.clone()).await.expect(200);
    let mut known = body;
    known["device_secret"] = signed_in["device_secret"].clone();
    let mut calm = Duration::ZERO;
    for flood in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let mut guessers = tokio::task::JoinSet::new();
        for guesser in 0..if flood { 24 } else { 0 } {
            let (stop, anyone) = (Arc::clone(&stop), house.anyone.clone());
            guessers.spawn(async move {
                let mut pace = tokio::time::interval(Duration::from_millis(20));
                let (mut count, mut looked_at) = (0_u32, 0_u32);
                while !stop.load(Ordering::Relaxed) {
                    pace.tick().await;
                    let body = json!({"username": "ana", "password": "a wrong password"});
                    let address = format!("10.9.{guesser}.{}", count % 250);
                    let request = anyone.request(Method::POST, "/auth/login/");
                    let answer = send(request.header("x-forwarded-for", address).json(&body)).await;
                    count += 1;
                    looked_at += u32::from(answer.status == 401);
                }
                (count, looked_at)
            });
        }
        let started = Instant::now();
        let (mut times, mut sign_ins) = (Vec::new(), Vec::new());
        for number in 0..600 {
            // On a device that signed Ana in before, in the middle of it.
            if number % 100 == 50 {
                let asked = Instant::now();
                house.anyone.post("/auth/login/", known.clone()).await.expect(200);
                sign_ins.push(asked.elapsed());
            }
            let sent = Instant::now();
            socket.send_text(id, &format!("Message {number}")).await;
            socket.acknowledged("received").await;
            times.push(sent.elapsed());
            socket.updated("new_message").await;
            tokio::time::sleep_until((sent + Duration::from_millis(50)).into()).await;
        }
        let took = started.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        let (count, looked_at) =
            guessers.join_all().await.into_iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        let p99 = percentile(&mut times, 99);
        if !flood {
            calm = p99;
            continue;
        }
        let rate = f64::from(count) / took;
        assert!(rate >= 1_000.0, "only {rate:.0} a second: this computer has too much else to do");
        assert!(p99 < Duration::from_millis(100), "p99 {p99:?}");
        let text = format!(
            "{rate:.0} a second, {looked_at} of {count} cost a hash; p99 {} ({} without them); a known device \
             signed in {} times meanwhile, at most {}",
            millis(p99),
            millis(calm),
            sign_ins.len(),
            millis(percentile(&mut sign_ins, 100)),
        );
        figure("guesses", &text);
    }
}

#[tokio::test]
#[ignore = "make attacks"]
async fn measured_time_until_an_ended_session_is_closed() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut times = Vec::new();
    for _ in 0..50 {
        for way in ["logout", "disable", "password", "departments"] {
            let path = format!("/staff/{}/", ana.id);
            let person = house.sign_in("ana").await;
            let mut socket = person.connect().await;
            let asked = Instant::now();
            match way {
                "logout" => drop(person.post("/auth/logout/", json!({})).await.expect(204)),
                "disable" => {
                    house.admin.patch(&path, json!({"is_disabled": true})).await.expect(200);
                }
                "password" => {
                    house.admin.patch(&path, json!({"password": PASSWORD})).await.expect(200);
                }
                _ => {
                    // Another one in the one round than in the other.
                    let departments = if times.len() % 8 < 4 { "restaurant" } else { "reception" };
                    let body = json!({"departments": [departments]});
                    house.admin.patch(&path, body).await.expect(200);
                }
            }
            assert!(matches!(socket.ended_at_once().await, 4401 | 4403));
            times.push(asked.elapsed());
            if way == "disable" {
                house.admin.patch(&path, json!({"is_disabled": false})).await.expect(200);
            }
        }
    }
    let slowest = percentile(&mut times, 100);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let median = millis(percentile(&mut times, 50));
    let text = format!(
        "{} times, from the call on: median {median}, at most {}",
        times.len(),
        millis(slowest)
    );
    figure("ended", &text);
}
