//! Connections that are cut at any byte: the client resumes, and has everything once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    common::{House, socket, soon},
    proxy::Proxy,
    report,
};

/// What is written last.
const LAST: &str = "The last text";

/// What a client keeps over all its connections.
#[derive(Debug)]
struct Reader {
    token: String,
    epoch: Value,
    conversation: i64,
    last_seq: i64,
    frames: Vec<(i64, String)>,
    /// How many frames that are.
    received: watch::Sender<u64>,
}

impl Reader {
    /// Connects, resumes and reads, until the connection ends; without a proxy until it has
    /// caught up.
    async fn read(&mut self, host: &str, proxy: Option<&Proxy>) {
        let proof = format!("Bearer {}", self.token);
        let request = socket::request(host, "/ws/chat/", &[("authorization", &proof)]);
        let silence = async {
            match proxy {
                Some(proxy) => proxy.silent.notified().await,
                None => std::future::pending().await,
            }
        };
        let reading = async {
            let Ok((mut stream, _)) = tokio_tungstenite::connect_async(request).await else {
                return;
            };
            let resume = json!({
                "type": "resume", "epoch": self.epoch, "last_seq": self.last_seq,
                "conversation_ids": [self.conversation],
            });
            if stream.send(Message::text(resume.to_string())).await.is_err() {
                return;
            }
            let mut resumes = false;
            while let Some(Ok(message)) = stream.next().await {
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                match frame["status"].as_str() {
                    Some("resuming") => resumes = true,
                    Some("resumed") if proxy.is_none() => return,
                    Some("resumed") => {}
                    Some(other) => panic!("{other}: {frame}"),
                    // What came before `resuming` comes again.
                    None if resumes => self.take(&frame),
                    None => {}
                }
            }
        };
        tokio::select! {
            () = reading => {}
            () = silence => {}
        }
    }

    fn take(&mut self, frame: &Value) {
        if let Some(seq) = frame["seq"].as_i64() {
            assert!(seq > self.last_seq, "{seq} after {}", self.last_seq);
            self.last_seq = seq;
            self.frames.push((seq, told(frame)));
            self.received.send_modify(|count| *count += 1);
        }
    }
}

fn told(frame: &Value) -> String {
    format!("{} {}", frame["type"], frame["data"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_at_any_byte_a_client_has_everything_once_and_in_order() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let (witness, reader) =
        (house.staff("ana", &["reception"]).await, house.staff("bob", &["reception"]).await);
    let writer = house.staff("carla", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut witness = witness.connect().await;
    witness.subscribe(conversation).await;
    let list = reader.get("/chat/conversations/").await.expect(200);
    let mut reader = Reader {
        token: reader.token.clone().unwrap(),
        epoch: list["epoch"].clone(),
        conversation,
        last_seq: list["seq"].as_i64().unwrap(),
        frames: Vec::new(),
        received: watch::Sender::new(0),
    };

    let proxy = Proxy::start(house.anyone.host(), 4).await;
    let enough = Arc::new(AtomicBool::new(false));
    let writing = {
        let (enough, mut received) = (Arc::clone(&enough), reader.received.subscribe());
        let mut socket = writer.connect().await;
        tokio::spawn(async move {
            let mut count = 0_u64;
            while !enough.load(Ordering::SeqCst) {
                // As much as the reader can follow in spite of all.
                received.wait_for(|received| count < *received + 20).await.unwrap();
                count += 1;
                socket.send_text(conversation, &format!("text {count}")).await;
                while socket.next().await["status"] != "received" {}
            }
            socket.send_text(conversation, LAST).await;
            while socket.next().await["status"] != "received" {}
            count + 1
        })
    };
    let witness = tokio::spawn(async move {
        let mut expected = Vec::new();
        loop {
            let frame = witness.next().await;
            expected.extend(frame["seq"].as_i64().map(|seq| (seq, told(&frame))));
            if frame["data"]["content"] == LAST {
                return expected;
            }
        }
    });
    let wanted = report::times(100, 1000);
    let host = proxy.address.to_string();
    let mut cuts = proxy.cuts.clone();
    while *cuts.borrow_and_update() < wanted {
        soon("a connection to end", reader.read(&host, Some(&proxy))).await;
    }
    enough.store(true, Ordering::SeqCst);
    reader.received.send_replace(u64::MAX / 2);
    let count = soon("the writer to stop", writing).await.unwrap();
    let over_cuts = reader.frames.len();
    soon("the rest", reader.read(&house.anyone.host(), None)).await;
    let expected = soon("the witness to have read all", witness).await.unwrap();
    assert_eq!(expected.len() as u64, count);
    assert_eq!(reader.frames, expected);
    assert!(over_cuts > 0, "nothing got through: the cuts tested nothing");
    let figure = format!(
        "{wanted} connections cut, {count} events, {over_cuts} of them over those connections: exact"
    );
    report::figure("network", &figure);
}
