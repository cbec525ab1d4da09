//! Every JSON example of the original document is read out of it, and must be understood or made
//! by the types of the wire, member by member.

use frontdesk_server::protocol::{Command, Frame, Timestamp};
use serde_json::{Value, json};

/// The original document, which stands above everything.
const DOCUMENT: &str = include_str!("../../../docs/websocket-api.md");

/// One JSON example: the headings above it, outermost first, and what it says.
#[derive(Debug)]
pub struct Example {
    pub headings: Vec<String>,
    pub text: String,
}

impl Example {
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// The heading right above it, without its number.
    pub fn name(&self) -> &str {
        let heading = self.headings.last().unwrap();
        heading.split_once(". ").map_or(heading, |(_, name)| name)
    }

    fn is_below(&self, heading: &str) -> bool {
        self.headings.iter().any(|each| each == heading)
    }
}

/// All JSON examples of the document, in its order.
pub fn examples() -> Vec<Example> {
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut examples = Vec::new();
    let mut block: Option<(bool, String)> = None;
    for line in DOCUMENT.lines() {
        match &mut block {
            Some(_) if line.starts_with("```") => {
                if let Some((true, text)) = block.take() {
                    let headings = headings.iter().map(|(_, heading)| heading.clone()).collect();
                    examples.push(Example { headings, text });
                }
            }
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None if line.starts_with("```") => block = Some((line == "```json", String::new())),
            None if line.starts_with('#') => {
                let heading = line.trim_start_matches('#');
                let depth = line.len() - heading.len();
                headings.retain(|(above, _)| *above < depth);
                headings.push((depth, heading.trim().to_owned()));
            }
            None => {}
        }
    }
    examples
}

/// The examples of commands.
pub fn commands() -> Vec<Example> {
    let mut examples = examples();
    examples.retain(|example| example.is_below("Client → Server Commands"));
    examples
}

/// The examples of frames.
pub fn frames() -> Vec<Example> {
    let mut examples = examples();
    examples.retain(|example| example.is_below("Server → Client Notifications"));
    examples
}

/// Everything that the document says is in `made`, with the same value: more may be there. Times
/// are compared as instants, as the wire writes milliseconds and the document does not.
fn assert_contains(made: &Value, said: &Value, place: &str) {
    match (made, said) {
        (Value::Object(made), Value::Object(said)) => {
            for (member, said) in said {
                let place = format!("{place}.{member}");
                let made = made.get(member).unwrap_or_else(|| panic!("{place} is missing"));
                assert_contains(made, said, &place);
            }
        }
        (Value::String(made), Value::String(said)) if made != said => {
            let instant = |text: &str| {
                serde_json::from_value::<Timestamp>(json!(text)).map_err(|_| text.len())
            };
            assert_eq!(
                instant(made).unwrap_or_else(|_| panic!("{place}: {made} for {said}")),
                instant(said).unwrap_or_else(|_| panic!("{place}: {made} for {said}"))
            );
        }
        (made, said) => assert_eq!(made, said, "{place}"),
    }
}

/// Everything that the document shows is in a real frame, as the same type of JSON.
pub fn assert_shaped_as(made: &Value, said: &Value, place: &str) {
    match (made, said) {
        (Value::Object(made), Value::Object(said)) => {
            for (member, said) in said {
                let place = format!("{place}.{member}");
                let made = made.get(member).unwrap_or_else(|| panic!("{place} is missing"));
                assert_shaped_as(made, said, &place);
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Array(_), Value::Array(_)) => {}
        (Value::Number(made), Value::Number(said)) => {
            assert_eq!(made.is_i64(), said.is_i64(), "{place}");
        }
        (made, said) => panic!("{place}: {made} is not of the type of {said}"),
    }
}

#[test]
fn the_document_has_the_examples_that_it_had() {
    let names: Vec<_> = examples().iter().map(|example| example.name().to_owned()).collect();
    assert_eq!(
        names,
        [
            "Subscribe to Conversation",
            "Unsubscribe from Conversation",
            "Send Text Message",
            "Mark Messages as Read",
            "Typing Indicator",
            "Close Conversation",
            "New Message",
            "New Conversation Notification",
            "Conversation Update Notification",
            "Conversation Closed",
            "User Status Updates",
            "Typing Indicator",
            "Message Received Acknowledgment",
            "Mark as Read Acknowledgment",
            "Subscription Acknowledgment",
            "Unsubscription Acknowledgment",
            "Conversation Closed Acknowledgment",
            "Error Messages",
            "Error Messages",
            "Close Conversation",
        ]
    );
    assert_eq!(commands().len(), 6);
    assert_eq!(frames().len(), 13);
}

#[test]
fn every_command_of_the_document_is_understood_and_written_alike() {
    for example in commands() {
        let parsed = Command::parse(&example.text).1.unwrap_or_else(|error| {
            panic!("{}: {error:?}", example.name());
        });
        let decoded: Command = serde_json::from_str(&example.text).unwrap();
        assert_eq!(parsed, decoded, "{}", example.name());
        assert_eq!(parsed.name(), example.value()["type"], "{}", example.name());
        assert_eq!(serde_json::to_value(&parsed).unwrap(), example.value(), "{}", example.name());
    }
}

#[test]
fn every_frame_of_the_document_is_made_member_by_member() {
    for example in frames() {
        let said = example.value();
        // What the contract adds to a message, and a message is never without.
        let mut whole = said.clone();
        if example.name() == "New Message" {
            let data = whole["data"].as_object_mut().unwrap();
            for (member, value) in [
                ("message_type", json!("text")),
                ("is_read", json!(false)),
                ("department", json!("reception")),
            ] {
                assert!(data.insert(member.to_owned(), value).is_none());
            }
        }
        // Presence has `departments` beside the first one.
        if example.name() == "User Status Updates" {
            whole["data"]["departments"] = json!(["reception"]);
        }
        let frame: Frame = serde_json::from_value(whole)
            .unwrap_or_else(|error| panic!("{}: {error}", example.name()));
        let made = serde_json::to_value(&frame).unwrap();
        assert_contains(&made, &said, example.name());
        assert_shaped_as(&made, &said, example.name());
    }
}

#[test]
fn a_member_that_is_missing_renamed_or_of_another_type_would_be_seen() {
    let said = json!({"type": "typing", "data": {"conversation_id": 1, "is_typing": true}});
    for made in [
        json!({"type": "typing"}),
        json!({"type": "typing", "data": {"conversation": 1, "is_typing": true}}),
        json!({"type": "typing", "data": {"conversation_id": "1", "is_typing": true}}),
        json!({"type": "typing", "data": {"conversation_id": 1, "is_typing": null}}),
    ] {
        let failure = std::panic::catch_unwind(|| assert_shaped_as(&made, &said, "typing"));
        assert!(failure.is_err(), "{made}");
    }
}
