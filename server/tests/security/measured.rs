//! What is measured rather than asserted: `cargo test -p frontdesk-server --test security -- --ignored
//! --nocapture measured`. The figures stand in `docs/security.md`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use crate::common::{House, client::send};

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

#[tokio::test]
#[ignore = "measures"]
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
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    println!("median of {}: known {a:?}, unknown {b:?}, ratio {ratio:.4}", known.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn measured_chat_under_a_thousand_wrong_logins_a_second() {
    let house = House::start_with(|config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let ana = house.staff("ana", &["reception"]).await;
    let id = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    for flood in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let mut guessers = tokio::task::JoinSet::new();
        for guesser in 0..if flood { 20 } else { 0 } {
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
        let mut times = Vec::new();
        for number in 0..600 {
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
        println!(
            "{:.0} wrong logins/s ({looked_at} of {count} looked at): acknowledged p50 {:?}, p99 {:?}",
            f64::from(count) / took,
            percentile(&mut times, 50),
            percentile(&mut times, 99),
        );
    }
}
