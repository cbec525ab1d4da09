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
    common::{House, Socket, socket, soon},
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

/// One who writes over connections that are cut, and sends again until it is answered.
struct Writer {
    token: String,
    conversation: i64,
    proxy: Proxy,
    socket: Option<Socket>,
    /// Texts that were stored although nobody had said so.
    unheard: u64,
}

impl Writer {
    /// Writes a text, over as many connections as it takes.
    async fn write(&mut self, text: &str) {
        loop {
            if let Some(is_repeated) = self.try_to(text).await {
                self.unheard += u64::from(is_repeated);
                return;
            }
            self.socket = None;
        }
    }

    /// Whether it had been stored before; `None` when the connection ended before it was answered.
    async fn try_to(&mut self, text: &str) -> Option<bool> {
        if self.socket.is_none() {
            let proof = format!("Bearer {}", self.token);
            let host = self.proxy.address.to_string();
            let request = socket::request(&host, "/ws/chat/", &[("authorization", &proof)]);
            let silence = self.proxy.silent.notified();
            self.socket = tokio::select! {
                opened = Socket::try_open(request) => opened.ok(),
                () = silence => None,
            };
        }
        let socket = self.socket.as_mut()?;
        let command = json!({
            "type": "text", "conversation_id": self.conversation, "content": text,
            "client_id": text,
        });
        if !socket.try_send(Message::text(command.to_string())).await {
            return None;
        }
        let answered = async {
            loop {
                let frame = socket.next_or_close().await.ok()?;
                if frame["client_id"] == text {
                    assert_eq!(frame["status"], "received", "{frame}");
                    return Some(frame["duplicate"] == true);
                }
            }
        };
        tokio::select! {
            answered = answered => answered,
            () = self.proxy.silent.notified() => None,
        }
    }
}

/// Everything else that happens to conversations, in turns.
async fn go_on(house: &House, conversation: i64, turn: u64) {
    let admin = &house.admin;
    if turn.is_multiple_of(4) {
        let mut socket = admin.connect().await;
        socket.command("mark_read", conversation).await;
        while socket.next().await["status"] != "marked_read" {}
        socket.leave().await;
        return;
    }
    let other = json!({"conversation_id": house.conversation("reception").await});
    let call = async |what: &str, body: &Value| {
        admin.post(&format!("/chat/conversations/{what}/"), body.clone()).await.expect(200);
    };
    call("close", &other).await;
    call("reopen", &other).await;
    let mut moved = other.clone();
    moved["department"] = json!("housekeeping");
    call("transfer", &moved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_at_any_byte_a_client_has_everything_once_and_in_order() {
    let house = Arc::new(House::start_with(|config| config.commands_per_second = 0).await);
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
        let mut writer = Writer {
            token: writer.token.clone().unwrap(),
            conversation,
            proxy: Proxy::start(house.anyone.host(), 5).await,
            socket: None,
            unheard: 0,
        };
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            let mut texts = Vec::new();
            while !enough.load(Ordering::SeqCst) {
                // As much as the reader can follow in spite of all.
                let count = texts.len() as u64;
                received.wait_for(|received| count < *received + 20).await.unwrap();
                let text = format!("text {count}");
                writer.write(&text).await;
                texts.push(text);
                if count.is_multiple_of(5) {
                    go_on(&house, conversation, count / 5).await;
                }
            }
            writer.write(LAST).await;
            texts.push(LAST.to_owned());
            let cuts = *writer.proxy.cuts.borrow();
            (texts, cuts, writer.unheard)
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
    let (texts, writers_cuts, unheard) = soon("the writer to stop", writing).await.unwrap();
    let over_cuts = reader.frames.len();
    soon("the rest", reader.read(&house.anyone.host(), None)).await;
    let expected = soon("the witness to have read all", witness).await.unwrap();
    assert_eq!(reader.frames, expected);
    let kinds = ["closed", "reopened", "transferred", "read"];
    for kind in ["\"message\"", "\"new_conversation\""].into_iter().chain(kinds) {
        assert!(expected.iter().any(|(_, told)| told.contains(kind)), "no {kind} was told");
    }
    // Every text is there once and in its order, however often it was sent.
    assert_eq!(stored(&house, conversation).await, texts);
    assert!(over_cuts > 0, "nothing got through: the cuts tested nothing");
    assert!(writers_cuts > 5, "the writer was hardly cut: {writers_cuts}");
    if report::is_long() {
        assert!(unheard > 0, "no acknowledgment was lost: the cuts tested nothing");
    }
    let figure = format!(
        "{wanted} connections of a reader cut: {} events, {over_cuts} of them over those connections: exact; \
         {writers_cuts} of a writer: {} texts, {unheard} of them stored although no answer came: each there once, in order",
        expected.len(),
        texts.len(),
    );
    report::figure("network", &figure);
}

/// The texts of a conversation, the oldest first.
async fn stored(house: &House, conversation: i64) -> Vec<String> {
    let (mut texts, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/chat/conversations/{conversation}/messages/?after={after}&limit=200");
        let page = house.admin.get(&path).await.expect(200);
        for row in page["results"].as_array().unwrap() {
            texts.push(row["content"].as_str().unwrap().to_owned());
            after = row["id"].as_i64().unwrap();
        }
        if page["has_more"] == false {
            return texts;
        }
    }
}
