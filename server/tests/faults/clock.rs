//! Clocks that jump: a day ahead, a day back, and an hour, as computers do whose clock shows local
//! time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};

use crate::common::{House, Person, Socket};

const SECOND: i64 = 1_000;
const HOUR: i64 = 60 * 60 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A moment before the clocks go back an hour in most of Europe, 2026-10-25 00:59 UTC.
const START: i64 = 1_792_889_940_000;

/// A day ahead and back again, an hour back and ahead, a day back.
const JUMPS: [i64; 6] = [DAY, -DAY, -HOUR, HOUR, -DAY, -DAY];

async fn resumed(person: &Person, from: &Value, conversation: i64) -> Vec<(i64, String)> {
    let mut socket = person.try_connect().await.unwrap();
    let resume = json!({
        "type": "resume", "epoch": from["epoch"], "last_seq": from["seq"],
        "conversation_ids": [conversation],
    });
    socket.send(resume).await;
    let mut told = Vec::new();
    loop {
        let frame = socket.next().await;
        match frame["status"].as_str() {
            Some("resumed") => return told,
            Some("resuming") => {}
            Some(other) => panic!("{other}: {frame}"),
            None => told.extend(text_of(&frame)),
        }
    }
}

fn text_of(frame: &Value) -> Option<(i64, String)> {
    let content = frame["data"]["content"].as_str()?;
    Some((frame["seq"].as_i64().unwrap(), content.to_owned()))
}

/// The list, page by page.
async fn listed(person: &Person) -> Vec<i64> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/chat/conversations/?limit=1{cursor}");
        let page = person.get(&path).await.expect(200);
        ids.extend(
            page["results"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

async fn written(socket: &mut Socket, conversation: i64, text: &str) -> i64 {
    socket.send_text(conversation, text).await;
    loop {
        let frame = socket.next().await;
        if frame["status"] == "received" {
            return frame["message_id"].as_i64().unwrap();
        }
    }
}

#[tokio::test]
async fn a_clock_that_jumps_changes_no_order_no_session_and_no_waiting() {
    let offset = Arc::new(AtomicI64::new(0));
    let clock = Clock::standing_at(Timestamp::from_millis(START)).with_offset(Arc::clone(&offset));
    let now = || Timestamp::from_millis(START + offset.load(Ordering::SeqCst)).to_string();
    let house = House::start_with(|config| config.clock = clock).await;
    let gateway = house.gateway("sms", None).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let other = house.conversation("reception").await;
    let before = ana.get("/chat/conversations/").await.expect(200);
    let asked = gateway.writes("0", "+4915112345678", "Is there a late check-out?").await;
    let conversation = asked["conversation_id"].as_i64().unwrap();
    let mut socket = ana.connect().await;
    let mut expected = vec!["Is there a late check-out?".to_owned()];
    let mut newest = asked["message_id"].as_i64().unwrap();
    let mut waiting_since = now();
    for (number, jump) in JUMPS.into_iter().enumerate() {
        offset.fetch_add(jump, Ordering::SeqCst);
        // Who waited still waits, since the same moment.
        let shown = ana.conversation(conversation).await;
        assert_eq!(shown["waiting_since"], waiting_since, "{shown}");
        // Whoever was signed in still is, and was not thrown out.
        bob.get("/auth/me/").await.expect(200);
        let text = format!("text {number}");
        let id = written(&mut socket, conversation, &text).await;
        assert!(id > newest);
        expected.push(text);
        assert_eq!(ana.conversation(conversation).await["waiting_since"], Value::Null);
        let text = format!("question {number}");
        let told = gateway.writes(&format!("q{number}"), "+4915112345678", &text).await;
        newest = told["message_id"].as_i64().unwrap();
        assert!(newest > id);
        expected.push(text);
        waiting_since = now();
        assert_eq!(ana.conversation(conversation).await["waiting_since"], waiting_since);
        // Everything once and in order: as texts, as events, as a list.
        assert_eq!(bob.texts(conversation).await, expected);
        let told = resumed(&bob, &before, conversation).await;
        assert!(told.is_sorted_by(|one, next| one.0 < next.0), "{told:?}");
        assert_eq!(told.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), expected);
        let mut ids = listed(&bob).await;
        ids.sort_unstable();
        assert_eq!(ids, [other, conversation]);
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_keeps_nobody_out_for_longer() {
    let hand = Arc::new(AtomicI64::new(START));
    let offset = Arc::new(AtomicI64::new(0));
    let clock = Clock::Manual(Arc::clone(&hand)).with_offset(Arc::clone(&offset));
    let house = House::start_with(|config| config.clock = clock).await;
    house.staff("ana", &["reception"]).await;
    for _ in 0..5 {
        house.try_sign_in("ana", "a wrong password").await.problem(401, "invalid_credentials");
    }
    offset.fetch_sub(DAY, Ordering::SeqCst);
    house.try_sign_in("ana", "a wrong password").await.problem(429, "too_many_attempts");
    hand.fetch_add(15 * SECOND, Ordering::SeqCst);
    house.sign_in("ana").await;
}
