//! Bytes of strangers, many of them: nothing stops, and nobody else notices.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    common::{House, Socket},
    measured::figure,
};

/// What the fuzzers start from, and what they found: on every run of the tests.
#[cfg(debug_assertions)]
#[test]
fn the_corpus_of_the_fuzzers_stops_nothing() {
    use std::path::Path;

    use frontdesk_server::hostile;

    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let targets = [
        ("frame", hostile::frame as fn(&[u8])),
        ("body", hostile::body),
        ("query", hostile::query),
        ("signature", hostile::signature),
    ];
    for (target, run) in targets {
        let mut count = 0;
        for entry in std::fs::read_dir(corpus.join(target)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            run(&bytes);
            // Broken off anywhere, and with a byte that does not belong there.
            for end in 0..bytes.len().min(300) {
                run(&bytes[..end]);
                let mut changed = bytes.clone();
                changed[end] ^= 0x20;
                run(&changed);
            }
            count += 1;
        }
        assert!(count > 5, "{target}");
    }
    let folders = std::fs::read_dir(&corpus).unwrap().count();
    assert_eq!(folders, targets.len(), "a fuzzer without a test");
}

/// Frames that are nearly right, one after the other.
fn hostile_frame(number: usize) -> String {
    let id = number % 7;
    match number % 16 {
        0 => format!(r#"{{"type":"text","conversation_id":{id},"content":"#),
        1 => "[".repeat(number % 300),
        2 => json!({"type": "text", "conversation_id": id, "content": {"a": number}}).to_string(),
        3 => json!({"type": "text", "conversation_id": -1, "content": "x"}).to_string(),
        4 => json!({"type": "drop table message", "conversation_id": id}).to_string(),
        5 => json!({"type": "text", "conversation_id": 9_007_199_254_740_993_u64}).to_string(),
        6 => json!({"type": "text", "content": "x".repeat(number % 6000)}).to_string(),
        7 => format!(r#"{{"type":"typing","conversation_id":{id},"is_typing":"{number}"}}"#),
        8 => json!({"type": "resume", "epoch": number, "last_seq": "x"}).to_string(),
        9 => json!({"type": "resume", "last_seq": -5, "conversation_ids": {}}).to_string(),
        10 => json!({"type": "close_conversation", "conversation_id": [id]}).to_string(),
        11 => json!({"type": "text", "conversation_id": 1, "content": " \u{0}\u{200b} "[..1]})
            .to_string(),
        12 => {
            json!({"type": "mark_read", "conversation_id": 999_999, "message_id": id}).to_string()
        }
        13 => "null".to_owned(),
        14 => format!(
            "{{\"type\":\"text\",\"conversation_id\":1,\"content\":\"\\ud8{:02x}\"}}",
            number % 100
        ),
        _ => String::new(),
    }
}

/// Throws so many frames from two connections, beside a third that goes on working. Returns how much that one wrote.
async fn barrage(frames: usize) -> usize {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let id = house.conversation("restaurant").await;
    let ana = house.staff("ana", &["restaurant"]).await;
    let mallory = house.staff("mallory", &["reception"]).await;
    let mut control = ana.connect().await;
    control.subscribe(id).await;
    let mut attackers = Vec::new();
    for _ in 0..2 {
        attackers.push(mallory.connect().await);
    }
    control.everything().await;
    let attack = attackers.into_iter().map(|socket| tokio::spawn(throw(socket, frames / 2)));
    let attack: Vec<_> = attack.collect();
    let mut sent = 0;
    while sent < 20 || !attack.iter().all(tokio::task::JoinHandle::is_finished) {
        sent += 1;
        control.send_text(id, &format!("Message {sent}")).await;
        control.acknowledged("received").await;
        control.frame("message").await;
    }
    for thrown in attack {
        assert_eq!(thrown.await.unwrap(), frames / 2);
    }
    control.nothing_more().await;
    assert_eq!(ana.get(&format!("/chat/conversations/{id}/")).await.expect(200)["id"], id);
    house.anyone.get("/readyz").await.expect(200);
    sent
}

/// Every hostile frame is answered with an error, and the connection stays.
async fn throw(mut socket: Socket, frames: usize) -> usize {
    let mut refused = 0;
    for first in (0..frames).step_by(100) {
        let until = (first + 100).min(frames);
        for number in first..until {
            socket.send_raw(Message::text(hostile_frame(number))).await;
        }
        for _ in first..until {
            let frame = socket.next().await;
            assert_eq!(frame["type"], "error", "{frame}");
            refused += 1;
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_hostile_frames_are_not_noticed_by_others() {
    barrage(5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make attacks"]
async fn a_hundred_thousand_hostile_frames_are_not_noticed_by_others() {
    let sent = barrage(100_000).await;
    let text = format!("so it was; the third wrote and read {sent} messages meanwhile, each once");
    figure("barrage", &text);
}

#[tokio::test]
async fn what_was_accepted_is_answered_before_the_door_closes() {
    let house = House::start().await;
    let id = house.conversation("reception").await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut socket = ana.connect().await;
    let before = ana.texts(id).await.len();
    for number in 0..200 {
        let text = json!({"type": "text", "conversation_id": id, "content": format!("{number}")});
        // The server may be fed up already.
        if !socket.try_send(Message::text(text.to_string())).await {
            break;
        }
    }
    let (frames, code) = socket.rest().await;
    assert_eq!(code, 1008);
    let acknowledged = frames.iter().filter(|frame| frame["status"] == "received").count();
    assert_eq!(acknowledged, ana.texts(id).await.len() - before);
    assert!(acknowledged >= 50, "{acknowledged}");
}

#[tokio::test]
async fn whoever_is_let_in_misses_nothing_from_then_on() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let id = house.conversation("reception").await;
    let mut bobs = bob.connect().await;
    for _ in 0..50 {
        let mut anas = ana.try_connect().await.unwrap();
        bobs.send_text(id, "Welcome").await;
        anas.updated("new_message").await;
        anas.leave().await;
        bobs.everything().await;
    }
}
