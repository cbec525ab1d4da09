//! Whatever is sent in whatever order, each connection gets exactly one frame for each event.
//!
//! An observer who is in every department and subscribed to nothing hears each event once: that is
//! what happened, in its order. From it, from their departments and from their own acknowledgments
//! follows what every other connection must have got, frame by frame.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::common::{House, Person, Socket};

/// The connections: who, and in which departments.
const CONNECTIONS: [(&str, &[&str]); 5] = [
    ("ana", &["reception"]),
    ("ana", &["reception"]),
    ("bob", &["housekeeping", "reception"]),
    ("bob", &["housekeeping", "reception"]),
    ("carl", &["housekeeping"]),
];

#[derive(Clone, Copy, Debug)]
enum Action {
    /// A command on one of the connections.
    Command { connection: usize, name: &'static str },
    /// A call of the admin.
    Call { name: &'static str, department: &'static str },
    /// The guest of the conversation is changed.
    Guest { member: &'static str },
}

/// What is done, and to which of two conversations.
fn any_step() -> impl Strategy<Value = (Action, usize)> {
    let command = |name| {
        (0..CONNECTIONS.len()).prop_map(move |connection| Action::Command { connection, name })
    };
    let call = proptest::sample::select(vec![
        Action::Call { name: "reopen", department: "" },
        Action::Call { name: "close", department: "" },
        Action::Call { name: "transfer", department: "reception" },
        Action::Call { name: "transfer", department: "housekeeping" },
    ]);
    let guest = proptest::sample::select(vec![
        Action::Guest { member: "name" },
        Action::Guest { member: "whatsapp_number" },
        Action::Guest { member: "room_number" },
    ]);
    let action = prop_oneof![
        8 => command("text"),
        4 => command("subscribe_conversation"),
        2 => command("unsubscribe_conversation"),
        2 => command("mark_read"),
        2 => command("typing"),
        1 => command("close_conversation"),
        3 => call,
        2 => guest,
    ];
    (action, 0..2_usize)
}

struct Desk {
    house: House,
    people: BTreeMap<&'static str, Person>,
}

impl Desk {
    async fn open() -> Self {
        let house = House::start_with(|config| config.commands_per_second = 0).await;
        let mut people = BTreeMap::new();
        for (name, departments) in CONNECTIONS {
            if !people.contains_key(name) {
                people.insert(name, house.staff(name, departments).await);
            }
        }
        Self { house, people }
    }

    async fn play(&self, steps: Vec<(Action, usize)>) {
        let conversations = [
            self.house.conversation("reception").await,
            self.house.conversation("housekeeping").await,
        ];
        let mut guests = Vec::new();
        for id in conversations {
            guests.push(self.house.admin.conversation(id).await["guest_info"]["id"].clone());
        }
        let mut observer = self.house.admin.connect().await;
        let mut sockets = Vec::new();
        for (name, _) in CONNECTIONS {
            sockets.push(self.people[name].connect().await);
        }
        for socket in sockets.iter_mut().chain([&mut observer]) {
            socket.everything().await;
        }
        let mut sent = [0; CONNECTIONS.len()];
        for (step, (action, which)) in steps.into_iter().enumerate() {
            let conversation_id = conversations[which];
            match action {
                Action::Command { connection, name } => {
                    let command = json!({
                        "type": name, "conversation_id": conversation_id,
                        "content": format!("step {step}"), "is_typing": true,
                    });
                    // Nobody waits for an answer before others go on.
                    sockets[connection].send(command).await;
                    sent[connection] += usize::from(name != "typing");
                }
                Action::Guest { member: "room_number" } => {
                    let room = format!("{}", self.house.number());
                    let stay = json!({"guest_id": guests[which], "room_number": room});
                    self.house.admin.post("/stays/", stay).await.expect(201);
                }
                Action::Guest { member } => {
                    // The name may be the guest's present one: then no event is sent.
                    let value = match member {
                        "name" => format!("Guest {}", step % 3),
                        _ => format!("+44 7700 {:06}", self.house.number()),
                    };
                    let path = format!("/guests/{}/", guests[which]);
                    let body = json!({ member: value });
                    self.house.admin.patch(&path, body).await.expect(200);
                }
                Action::Call { name, department } => {
                    let mut body = json!({"conversation_id": conversation_id});
                    if name == "transfer" {
                        body["department"] = json!(department);
                    }
                    let path = format!("/chat/conversations/{name}/");
                    let answer = self.house.admin.post(&path, body).await;
                    assert!([200, 409].contains(&answer.status), "{}", answer.text);
                }
            }
        }
        // First all commands are carried out, then every connection receives the last event.
        let mut got: Vec<Vec<Value>> = Vec::new();
        for socket in &mut sockets {
            got.push(socket.everything().await);
        }
        for (socket, got) in sockets.iter_mut().zip(&mut got) {
            got.extend(socket.everything().await);
        }
        let happened = observer.everything().await;
        for ((got, (name, departments)), sent) in got.iter().zip(CONNECTIONS).zip(sent) {
            check(got, &happened, departments, self.people[name].id, sent);
        }
        for socket in sockets {
            close(socket).await;
        }
    }
}

async fn close(socket: Socket) {
    socket.leave().await;
}

/// The departments that an event concerns: where it was told.
fn told_to(event: &Value) -> &str {
    let data = &event["data"];
    let place = match data["type"].as_str() {
        Some("transferred") => &data["data"]["from_department"],
        Some(_) => &data["data"]["department"],
        None => &data["department"],
    };
    place.as_str().unwrap()
}

fn conversation_of(frame: &Value) -> i64 {
    let data = if frame["type"] == "conversation_update" {
        &frame["data"]["data"]
    } else {
        &frame["data"]
    };
    data["conversation_id"].as_i64().or_else(|| data["id"].as_i64()).unwrap()
}

/// Holds what one connection got against what happened.
fn check(got: &[Value], happened: &[Value], departments: &[&str], staff: i64, sent: usize) {
    let mut subscribed: BTreeSet<i64> = BTreeSet::new();
    let mut answers = 0;
    let mut acknowledged: BTreeSet<i64> = BTreeSet::new();
    let mut seqs = Vec::new();
    for frame in got {
        let kind = frame["type"].as_str().unwrap();
        if let Some(seq) = frame["seq"].as_i64() {
            seqs.push(seq);
        }
        match kind {
            "acknowledgment" => {
                answers += 1;
                let conversation = frame["conversation_id"].as_i64().unwrap();
                match frame["status"].as_str().unwrap() {
                    "subscribed" => {
                        subscribed.insert(conversation);
                    }
                    "unsubscribed" => {
                        subscribed.remove(&conversation);
                    }
                    "received" => {
                        acknowledged.insert(frame["message_id"].as_i64().unwrap());
                    }
                    "marked_read" | "conversation_closed" => {}
                    other => panic!("{other}"),
                }
            }
            "error" => {
                // Typing is answered only when it is refused.
                answers += 1;
                let code = frame["code"].as_str().unwrap();
                assert!(["access_denied", "conversation_closed"].contains(&code), "{frame}");
            }
            "message" => {
                assert!(subscribed.contains(&conversation_of(frame)), "{frame}");
                if frame["data"]["sender_id"] == staff {
                    let own = frame["data"]["id"].as_i64().unwrap();
                    // From this connection: acknowledged before. From the person's other one: not here.
                    acknowledged.remove(&own);
                }
            }
            "typing" => {
                assert!(subscribed.contains(&conversation_of(frame)), "{frame}");
                assert_ne!(frame["data"]["user_id"], staff, "{frame}");
            }
            "conversation_update" => {
                let data = &frame["data"];
                if data["type"] == "new_message" {
                    assert!(!subscribed.contains(&conversation_of(frame)), "{frame}");
                    acknowledged.remove(&data["data"]["message_id"].as_i64().unwrap());
                }
                let to = data["data"]["department"].as_str().unwrap();
                if data["type"] == "transferred" && !departments.contains(&to) {
                    subscribed.remove(&conversation_of(frame));
                }
            }
            "new_conversation" | "user_status" => {}
            other => panic!("{other}"),
        }
    }
    assert!(answers >= sent, "{answers} answers to {sent} commands: {got:#?}");
    // Every message that was acknowledged to it was also told to it: only people of the department
    // may write.
    assert!(acknowledged.is_empty(), "{acknowledged:?}");
    let expected: Vec<i64> = happened
        .iter()
        .filter(|event| event["seq"].is_i64() && departments.contains(&told_to(event)))
        .map(|event| event["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(seqs, expected, "{departments:?} got {got:#?}\nof {happened:#?}");
}

#[test]
fn exactly_one_frame_per_connection_and_event_whatever_is_sent() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let desk = runtime.block_on(Desk::open());
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&vec(any_step(), 1..80), |steps| {
            runtime.block_on(desk.play(steps));
            Ok(())
        })
        .unwrap();
}
