//! The cases that the browser's client runs, too. Their format is described in the file.

use frontdesk_server::protocol::Frame;
use serde_json::{Map, Value, json};

use super::*;

const FILE: &str = include_str!("../../../client-cases/attention.json");

/// 2026-11-29T12:00:00.000Z
const START: i64 = 1_795_953_600_000;

fn millis(seconds: f64) -> i64 {
    START + format!("{:.0}", seconds * 1_000.0).parse::<i64>().unwrap()
}

fn seconds(value: &Value) -> i64 {
    millis(value.as_f64().unwrap())
}

/// Strings of the form `@N` become the time N seconds after the start.
fn with_times(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(at) = text.strip_prefix('@') {
                let at = Timestamp::from_millis(millis(at.parse().unwrap()));
                *value = serde_json::to_value(at).unwrap();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(with_times),
        Value::Object(members) => members.values_mut().for_each(with_times),
        _ => {}
    }
}

/// Adds what the rule does not read and this program's types require.
fn filled(data: &Value, defaults: Value) -> Value {
    let (Value::Object(mut whole), Value::Object(given)) = (defaults, data.clone()) else {
        panic!("{data}")
    };
    whole.extend(given);
    Value::Object(whole)
}

fn frame(frame: &Value) -> Frame {
    let zero = "1970-01-01T00:00:00.000Z";
    let mut frame = frame.clone();
    match frame["type"].as_str().unwrap() {
        "message" => {
            let defaults = json!({ "is_read": false, "client_id": null });
            frame["data"] = filled(&frame["data"], defaults);
        }
        "new_conversation" => {
            let defaults = json!({ "conversation_type": "general", "status": "active" });
            frame["data"] = filled(&frame["data"], defaults);
        }
        "conversation_update" if frame["data"]["type"] == "new_message" => {
            let from = json!({ "message_from": "Somebody" });
            frame["data"]["data"] = filled(&frame["data"]["data"], from);
        }
        "acknowledgment" => frame = filled(&frame, json!({ "timestamp": zero })),
        _ => {}
    }
    serde_json::from_value(frame.clone()).unwrap_or_else(|error| panic!("{error}: {frame}"))
}

fn conversation(row: &Value) -> Conversation {
    let at = &row["waiting_since"];
    let defaults = json!({
        "conversation_type": "general", "created_at": at, "updated_at": at, "closed_at": null,
        "reply_channel": null, "reply_via": null, "reply_problem": null, "undelivered_since": null,
    });
    serde_json::from_value(filled(row, defaults)).unwrap()
}

fn not_delivered(answer: &Value) -> NotDelivered {
    let text = |member: &str| answer[member].as_str().map(str::to_owned);
    NotDelivered {
        about: About {
            conversation_id: answer["conversation_id"].as_i64().unwrap(),
            guest_name: text("guest_name").unwrap(),
            room_number: text("room_number"),
            department: text("department").unwrap(),
            preview: String::new(),
            waiting_since: None,
        },
        message_id: answer["message_id"].as_i64().unwrap(),
    }
}

fn preferences(before: Preferences, changes: &Value) -> Preferences {
    serde_json::from_value(filled(changes, serde_json::to_value(before).unwrap())).unwrap()
}

fn pause(value: &Value) -> Option<Pause> {
    let until = value.as_object()?.get("until").unwrap();
    Some(Pause { until: (!until.is_null()).then(|| seconds(until)) })
}

fn ids(value: &Value) -> BTreeSet<Id> {
    value.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

fn departments(value: &Value) -> BTreeSet<String> {
    serde_json::from_value(value.clone()).unwrap()
}

/// One signed-in person, and the time.
struct Run {
    attention: Attention,
    preferences: Preferences,
    now: i64,
}

impl Run {
    fn new(case: &Value) -> Self {
        let preferences = preferences(
            Preferences::default(),
            &case.get("preferences").cloned().unwrap_or(json!({})),
        );
        let me =
            case.get("me").cloned().unwrap_or(json!({ "id": 7, "departments": ["reception"] }));
        let of = departments(&me["departments"]);
        let mut attention = Attention::new(me["id"].as_i64().unwrap(), of, preferences, START);
        if case.get("bare").is_none() {
            attention.apply(Input::Connection(Connection::Connected), START);
            if case.get("list").is_none() {
                attention.apply(Input::List { seq: 10, conversations: &[] }, START);
            }
        }
        Self { attention, preferences, now: START }
    }

    /// Everything that is due on the way happens at its own time.
    fn pass(&mut self, to: i64) -> Vec<Signal> {
        let mut signals = Vec::new();
        for _ in 0..10_000 {
            let Some(due) = self.attention.next_due(self.now).filter(|due| *due <= to) else {
                self.now = to;
                return signals;
            };
            self.now = self.now.max(due);
            signals.extend(self.attention.apply(Input::Time, self.now));
        }
        panic!("what is due stays due");
    }

    fn step(&mut self, step: &Map<String, Value>) -> Vec<Signal> {
        let mut signals = self.pass(seconds(&step["at"]));
        let now = self.now;
        let input = step.iter().find(|(key, _)| {
            let checks =
                ["at", "signals", "alert", "count", "followed", "in_front", "status", "paused"];
            !checks.contains(&key.as_str())
        });
        let (kind, value) = input.unwrap_or_else(|| panic!("a step without an input: {step:?}"));
        let attention = &mut self.attention;
        signals.extend(match kind.as_str() {
            "frame" => attention.apply(Input::Frame(&frame(value)), now),
            "list" => {
                let rows: Vec<_> =
                    value["results"].as_array().unwrap().iter().map(conversation).collect();
                let seq = value["seq"].as_i64().unwrap();
                attention.apply(Input::List { seq, conversations: &rows }, now)
            }
            "not_delivered" => {
                let answers: Vec<_> =
                    value["answers"].as_array().unwrap().iter().map(not_delivered).collect();
                let seq = value["seq"].as_i64().unwrap();
                attention.apply(Input::NotDelivered { seq, answers: &answers }, now)
            }
            "presence" => {
                let presence = serde_json::from_value(value.clone()).unwrap();
                attention.apply(Input::Presence(presence), now)
            }
            "locked" => attention.apply(Input::Locked(value.as_bool().unwrap()), now),
            "open" => attention.apply(Input::Open(value.as_i64()), now),
            "preferences" => {
                self.preferences = preferences(self.preferences, value);
                attention.apply(Input::Preferences(self.preferences), now)
            }
            "pause" => attention.apply(Input::Pause(pause(value)), now),
            "silence" => attention.apply(Input::Silence, now),
            "own" => attention.apply(Input::Own(value.as_i64().unwrap()), now),
            "own_message" => attention.apply(Input::OwnMessage(value.as_i64().unwrap()), now),
            "departments" => attention.apply(Input::Departments(departments(value)), now),
            "connection" => {
                let connection = serde_json::from_value(value.clone()).unwrap();
                attention.apply(Input::Connection(connection), now)
            }
            "clock_back" => {
                attention.clock_went_back(seconds(value) - START);
                attention.apply(Input::Time, now)
            }
            "time" => attention.apply(Input::Time, now),
            other => panic!("{other} is not an input"),
        });
        signals
    }

    fn check(&self, step: &Map<String, Value>, what: &str) {
        let (attention, now) = (&self.attention, self.now);
        if let Some(expected) = step.get("alert") {
            let alert = attention.alert(now).map(|alert| {
                json!({
                    "conversation_ids": alert.conversation_ids, "count": alert.count,
                    "longest": alert.longest.unwrap().conversation_id,
                    "is_past_red": alert.is_past_red,
                })
            });
            assert_eq!(&alert.unwrap_or(Value::Null), expected, "{what}");
        }
        if let Some(expected) = step.get("count") {
            assert_eq!(json!(attention.count()), *expected, "{what}");
        }
        if let Some(expected) = step.get("followed") {
            assert_eq!(attention.followed(now), ids(expected), "{what}");
        }
        if let Some(expected) = step.get("in_front") {
            assert_eq!(attention.in_front(now), expected.as_i64(), "{what}");
        }
        if let Some(expected) = step.get("status") {
            assert_eq!(json!(attention.status()), *expected, "{what}");
        }
        if let Some(expected) = step.get("paused") {
            assert_eq!(attention.pause(now), pause(expected), "{what}");
        }
    }
}

fn shown(signal: &Signal) -> Value {
    let mut shown = json!({
        "kind": signal.kind, "count": signal.count, "urgent": signal.urgent, "notify": signal.notify,
        "sound": signal.sound,
    });
    if let Some(about) = &signal.about {
        shown["conversation_id"] = json!(about.conversation_id);
        shown["guest_name"] = json!(about.guest_name);
        shown["room_number"] = json!(about.room_number);
        shown["department"] = json!(about.department);
    }
    shown
}

#[test]
fn the_cases_of_both_clients() {
    let mut file: Value = serde_json::from_str(FILE).unwrap();
    with_times(&mut file["cases"]);
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() > 40);
    for case in cases {
        let mut run = Run::new(case);
        for step in case["steps"].as_array().unwrap() {
            let step = step.as_object().unwrap();
            let what = format!("{} at {} s", case["name"], step["at"]);
            let signals: Vec<_> = run.step(step).iter().map(shown).collect();
            let expected = step.get("signals").map_or(&[][..], |it| it.as_array().unwrap());
            assert_eq!(signals.len(), expected.len(), "{what}: {signals:#?}");
            for (signal, expected) in signals.iter().zip(expected) {
                for (member, value) in expected.as_object().unwrap() {
                    assert_eq!(&signal[member], value, "{what}: {member} of {signal:#}");
                }
            }
            run.check(step, &what);
        }
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut attention = Attention::new(7, BTreeSet::new(), Preferences::default(), START);
    attention.apply(Input::Connection(Connection::Connected), START);
    for id in 1..=5_100 {
        attention.apply(Input::OwnMessage(id), START);
        attention.apply(Input::Own(id), START);
    }
    for id in 1..=5_100 {
        let data = json!({
            "conversation_id": id, "guest_name": "Guest", "department": "reception",
            "last_message_preview": "Hello", "last_message_at": "2026-11-29T12:00:00.000Z",
            "message_from": "Guest", "message_id": id, "sender_type": "guest", "room_number": null,
        });
        let message = json!({
            "type": "conversation_update", "seq": id, "data": { "type": "new_message", "data": data },
        });
        attention.apply(Input::Frame(&frame(&message)), START);
    }
    assert_eq!(attention.count(), MAX_WAITS);
    assert_eq!(attention.own_messages.len(), MAX_OWN_MESSAGES);
    assert_eq!(attention.own_actions.len(), MAX_OTHERS);
    assert_eq!(attention.followed(START + AMBER).len(), MAX_FOLLOWED);
}
