//! Any bytes may come: the server goes on and nobody else notices.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{House, Socket, soon};

/// Any JSON, with the protocol's names in it more often than chance would have them.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2_i64..6).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((prop_oneof![word(), ".{0,8}"], inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "type",
        "text",
        "mark_read",
        "typing",
        "subscribe_conversation",
        "unsubscribe_conversation",
        "close_conversation",
        "resume",
        "conversation_id",
        "content",
        "client_id",
        "message_id",
        "is_typing",
        "epoch",
        "last_seq",
        "conversation_ids",
        "data",
        "acknowledgment",
    ])
    .prop_map(str::to_owned)
}

/// A command with some of its members replaced by anything.
fn nearly_a_command() -> impl Strategy<Value = Value> {
    let names = proptest::sample::select(vec![
        "text",
        "mark_read",
        "typing",
        "subscribe_conversation",
        "unsubscribe_conversation",
        "resume",
    ]);
    (names, vec((word(), any_json()), 0..4)).prop_map(|(name, replaced)| {
        let mut command = json!({
            "type": name, "conversation_id": 1, "content": "Hello", "is_typing": true,
            "epoch": null, "last_seq": null, "conversation_ids": [1],
        });
        for (member, value) in replaced {
            command[member] = value;
        }
        command
    })
}

#[derive(Clone, Debug)]
enum Sent {
    Text(String),
    Bytes(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
}

fn any_frame() -> impl Strategy<Value = Sent> {
    prop_oneof![
        4 => nearly_a_command().prop_map(|value| Sent::Text(value.to_string())),
        3 => any_json().prop_map(|value| Sent::Text(value.to_string())),
        3 => "\\PC{0,200}".prop_map(Sent::Text),
        1 => vec(any::<u8>(), 0..300).prop_map(Sent::Bytes),
        1 => vec(any::<u8>(), 0..50).prop_map(Sent::Binary),
        1 => vec(any::<u8>(), 0..100).prop_map(Sent::Ping),
    ]
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// A conversation that there is not.
const NOWHERE: i64 = 4_000_000_007;

/// How many answers the contract has for a text frame, where conversation 1 is the only one: none for
/// a `typing` that is right, two for a `resume` that is (`resuming` and its end), one for all else.
fn answers_to(text: &str) -> usize {
    let Ok(Value::Object(frame)) = serde_json::from_str(text) else { return 1 };
    let is_id = |value: &Value| value.as_i64().is_some_and(|id| (1..1 << 53).contains(&id));
    let missing_or = |member: &str, is_right: &dyn Fn(&Value) -> bool| {
        frame.get(member).is_none_or(|value| value.is_null() || is_right(value))
    };
    match frame.get("type").and_then(Value::as_str) {
        Some("typing") => {
            let is_right = frame.get("conversation_id").and_then(Value::as_i64) == Some(1)
                && frame.get("is_typing").is_some_and(Value::is_boolean);
            usize::from(!is_right)
        }
        Some("resume") => {
            let is_right = missing_or("epoch", &Value::is_string)
                && missing_or("last_seq", &|seq| *seq == 0 || is_id(seq))
                && missing_or("conversation_ids", &|ids| {
                    ids.as_array().is_some_and(|ids| ids.iter().all(is_id))
                });
            1 + usize::from(is_right)
        }
        _ => 1,
    }
}

/// Sends the frames on a connection of its own; what became of it.
async fn send_all(house: &House, frames: Vec<Sent>) -> Result<(), TestCaseError> {
    let mut socket = house.admin.try_connect().await.unwrap();
    // All answers, and those that come before anything else of the same command.
    let (mut expected, mut answered, mut end) = (0, 0, None);
    for frame in frames {
        let message = match frame {
            Sent::Text(text) => {
                expected += answers_to(&text);
                answered += answers_to(&text).min(1);
                Message::text(text)
            }
            Sent::Bytes(bytes) => {
                match std::str::from_utf8(&bytes) {
                    Ok(text) => {
                        expected += answers_to(text);
                        answered += answers_to(text).min(1);
                    }
                    Err(_) => end = Some(1007),
                }
                Socket::text_frame(bytes)
            }
            Sent::Binary(bytes) => {
                end = Some(1003);
                Message::binary(bytes)
            }
            Sent::Ping(bytes) => Message::Ping(bytes.into()),
        };
        socket.send_raw(message).await;
        if end.is_some() {
            break;
        }
    }
    if let Some(code) = end {
        let (frames, closed) = socket.rest().await;
        prop_assert_eq!(closed, code);
        // What came before is answered before; a replay need not come to its end.
        let is_end =
            |frame: &Value| matches!(frame["status"].as_str(), Some("resumed" | "resync_required"));
        let is_answer = |frame: &&Value| {
            matches!(frame["type"].as_str(), Some("error" | "acknowledgment")) && !is_end(frame)
        };
        prop_assert_eq!(frames.iter().filter(is_answer).count(), answered, "{:#?}", frames);
        return Ok(());
    }
    // Its refusal goes the way of every command, so what is answered at all is answered before it.
    socket.command("close_conversation", NOWHERE).await;
    let mut answers = Vec::new();
    loop {
        let frame = socket.next().await;
        match frame["type"].as_str() {
            Some("error") if frame["conversation_id"] == NOWHERE => break,
            Some("error" | "acknowledgment") => answers.push(frame),
            kind => prop_assert!(kind.is_some(), "{frame}"),
        }
    }
    prop_assert_eq!(answers.len(), expected, "{:#?}", answers);
    Ok(())
}

#[test]
fn any_frame_is_answered_or_closes_its_own_connection_and_no_other() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (house, mut witness) = runtime.block_on(async {
        let house = House::start_with(|config| config.commands_per_second = 0).await;
        assert_eq!(house.conversation("reception").await, 1);
        let witness = house.staff("ana", &["restaurant"]).await.connect().await;
        (house, witness)
    });
    runner(192)
        .run(&vec(any_frame(), 1..10), |frames| {
            runtime.block_on(async {
                send_all(&house, frames).await?;
                // The witness is in another department: it must only still be there.
                witness_is_there(&house).await;
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(async {
        let frames = witness.everything().await;
        assert!(frames.iter().all(|frame| frame["type"] == "user_status"), "{frames:?}");
    });
}

async fn witness_is_there(house: &House) {
    house.anyone.get("/readyz").await.expect(200);
}

#[test]
fn any_bytes_on_the_wire_are_survived() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (house, mut witness) = runtime.block_on(async {
        let house = House::start().await;
        let witness = house.staff("ana", &["restaurant"]).await.connect().await;
        (house, witness)
    });
    let strategy = (any::<bool>(), vec(any::<u8>(), 0..400));
    runner(128)
        .run(&strategy, |(is_upgraded, bytes)| {
            runtime.block_on(async {
                let mut stream = tokio::net::TcpStream::connect(house.anyone.host()).await.unwrap();
                if is_upgraded {
                    upgrade(&house, &mut stream).await;
                }
                // The server may have hung up already.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                let mut rest = Vec::new();
                let _ = soon("the server to hang up", stream.read_to_end(&mut rest)).await;
                witness_is_there(&house).await;
                Ok(())
            })
        })
        .unwrap();
    runtime.block_on(async {
        let frames = witness.everything().await;
        assert!(frames.iter().all(|frame| frame["type"] == "user_status"), "{frames:?}");
    });
}

/// Opens a WebSocket by hand, so that anything can be written into it.
async fn upgrade(house: &House, stream: &mut tokio::net::TcpStream) {
    let request = format!(
        "GET /ws/chat/ HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {}\r\n\r\n",
        house.anyone.host(),
        house.admin.token.as_deref().unwrap()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon("the upgrade", stream.read_u8()).await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
}
