//! What goes when, what stays, and what is written down.

use frontdesk_server::protocol::CommandError;

use super::*;

fn text(client_id: &str, conversation_id: Id) -> Text {
    let created_at = Timestamp::from_millis(0);
    Text::new(client_id.to_owned(), conversation_id, "Coming!".to_owned(), created_at)
}

fn outbox(texts: &[(&str, Id)]) -> Outbox {
    let mut outbox = Outbox::new(Vec::new(), Keeping::Disk);
    for (client_id, conversation_id) in texts {
        outbox.add(text(client_id, *conversation_id), Instant::now()).unwrap();
    }
    outbox
}

fn refusal() -> ErrorFrame {
    let error = CommandError::ConversationClosed;
    ErrorFrame {
        message: error.to_string(),
        code: Some(error.code().into()),
        conversation_id: None,
        client_id: None,
    }
}

fn next(outbox: &Outbox) -> Option<&str> {
    outbox.next().map(|text| text.client_id.as_str())
}

#[test]
fn a_conversation_has_one_text_under_way() {
    let mut outbox = outbox(&[("a1", 1), ("a2", 1), ("b1", 2)]);
    let now = Instant::now();
    assert_eq!(next(&outbox), Some("a1"));
    outbox.handed_over("a1", now);
    assert_eq!(next(&outbox), Some("b1"));
    outbox.handed_over("b1", now);
    assert_eq!(next(&outbox), None);
    outbox.acknowledged("a1");
    assert_eq!(next(&outbox), Some("a2"));
}

#[test]
fn everything_unanswered_goes_again_in_its_order() {
    let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
    outbox.handed_over("a1", Instant::now());
    outbox.connection_lost();
    assert_eq!(next(&outbox), Some("a1"));
    // Refused for haste: it stays before the other.
    outbox.handed_over("a1", Instant::now());
    outbox.put_back("a1");
    assert_eq!(next(&outbox), Some("a1"));
}

#[test]
fn a_refused_text_stays_out_of_the_others_way() {
    let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
    outbox.handed_over("a1", Instant::now());
    outbox.refused("a1", refusal());
    assert_eq!(next(&outbox), Some("a2"));
    assert_eq!(outbox.texts()[0].progress, Progress::NotSent { error: refusal() });
    outbox.retry("a1", Some("k3f"));
    assert_eq!(next(&outbox), Some("a1"));
    outbox.handed_over("a1", Instant::now());
    outbox.refused("a1", refusal());
    outbox.withdraw("a1").unwrap();
    assert_eq!(outbox.texts().len(), 1);
}

#[test]
fn the_queue_is_bounded() {
    let mut outbox = outbox(&[("a1", 1)]);
    let now = Instant::now();
    for number in 1..MAX_TEXTS {
        outbox.add(text(&format!("more{number}"), 1), now).unwrap();
    }
    assert_eq!(outbox.add(text("last", 1), now).unwrap_err().code, "outbox_full");
    outbox.acknowledged("a1");
    outbox.add(text("last", 1), now).unwrap();
}

#[test]
fn only_what_the_server_cannot_have_is_taken_back() {
    let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
    outbox.withdraw("a2").unwrap();
    outbox.handed_over("a1", Instant::now());
    assert_eq!(outbox.withdraw("a1").unwrap_err().code, "already_sent");
    outbox.connection_lost();
    assert_eq!(outbox.withdraw("a1").unwrap_err().code, "already_sent");
    assert_eq!(outbox.texts().len(), 1);
}

#[test]
fn a_missing_answer_is_told_once() {
    let mut outbox = outbox(&[("a1", 1)]);
    let start = Instant::now();
    assert_eq!(outbox.next_overdue(), None);
    outbox.handed_over("a1", start);
    let due = start + ANSWER_WITHIN;
    assert_eq!(outbox.next_overdue(), Some(due));
    assert!(!outbox.mark_overdue(due - Duration::from_millis(1)));
    assert!(outbox.mark_overdue(due));
    assert!(outbox.texts()[0].overdue);
    assert!(!outbox.mark_overdue(due));
    assert_eq!(outbox.next_overdue(), None);
}

#[test]
fn the_interface_gets_one_flat_object() {
    let mut outbox = outbox(&[("a1", 1)]);
    outbox.refused("a1", refusal());
    let wire = serde_json::to_value(&outbox.texts()[0]).unwrap();
    assert_eq!(wire["state"], "not_sent");
    assert_eq!(wire["error"]["code"], "conversation_closed");
    assert_eq!(wire["created_at"], "1970-01-01T00:00:00.000Z");
}

#[test]
fn the_bytes_are_bounded_too() {
    let mut outbox = outbox(&[]);
    let now = Instant::now();
    let half = || "é".repeat(MAX_BYTES / 4);
    for number in ["a1", "a2"] {
        outbox.add(Text { content: half(), ..text(number, 1) }, now).unwrap();
    }
    assert_eq!(outbox.add(text("a3", 1), now).unwrap_err().code, "outbox_full");
    assert_eq!(outbox.texts().len(), 2);
}

/// What a program that starts now would find.
fn restarted(kept: &[Kept]) -> Outbox {
    let json = serde_json::to_vec(kept).unwrap();
    Outbox::new(serde_json::from_slice(&json).unwrap(), Keeping::Disk)
}

#[test]
fn what_is_left_goes_on_where_it_was() {
    let mut before = outbox(&[("a1", 1), ("a2", 1), ("b1", 2), ("c1", 3)]);
    before.handed_over("a1", Instant::now());
    before.handed_over("b1", Instant::now());
    before.refused("b1", refusal());
    let mut after = restarted(&before.take_unsaved().unwrap());
    let ids: Vec<_> = after.texts().into_iter().map(|text| text.client_id).collect();
    assert_eq!(ids, ["a1", "a2", "b1", "c1"]);
    assert_eq!(next(&after), Some("a1"), "asked again, with its own id");
    assert_eq!(after.texts()[2].progress, Progress::NotSent { error: refusal() });
    assert_eq!(after.take_unsaved(), None);
    // The server may have the first one, and cannot have the others.
    assert_eq!(after.withdraw("a1").unwrap_err().code, "already_sent");
    for id in ["a2", "b1", "c1"] {
        after.withdraw(id).unwrap();
    }
    assert_eq!(after.texts().len(), 1);
}

#[test]
fn every_change_that_matters_after_a_restart_is_written_down() {
    let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
    let now = Instant::now();
    let kept = |outbox: &mut Outbox| outbox.take_unsaved().map(|kept| kept.len());
    assert_eq!(kept(&mut outbox), Some(2));
    assert_eq!(kept(&mut outbox), None);
    outbox.handed_over("a1", now);
    assert!(outbox.take_unsaved().unwrap()[0].may_have_arrived, "before it goes to the socket");
    outbox.connection_lost();
    outbox.handed_over("a1", now);
    assert_eq!(kept(&mut outbox), None, "known already");
    outbox.refused("a1", refusal());
    assert_eq!(outbox.take_unsaved().unwrap()[0].refused, Some(refusal()));
    outbox.retry("a1", Some("k3f"));
    assert_eq!(outbox.take_unsaved().unwrap()[0].refused, None);
    outbox.acknowledged("a1");
    assert_eq!(kept(&mut outbox), Some(1));
    outbox.acknowledged("a1");
    assert_eq!(kept(&mut outbox), None);
    outbox.withdraw("a2").unwrap();
    assert_eq!(kept(&mut outbox), Some(0));
}

#[test]
fn texts_for_another_life_of_the_database_wait_for_their_writer() {
    let mut before = outbox(&[("a1", 1), ("b1", 2)]);
    // Written before the first connection: they are for whatever it brings.
    assert!(!before.set_epoch("k3f"));
    before.handed_over("a1", Instant::now());
    before.refused("b1", refusal());
    let mut after = restarted(&before.take_unsaved().unwrap());
    assert!(!after.set_epoch("k3f"));
    assert_eq!(next(&after), Some("a1"));

    assert!(after.set_epoch("m2x"));
    assert_eq!(next(&after), None);
    let texts = after.texts();
    let Progress::NotSent { error } = &texts[0].progress else { panic!("{texts:?}") };
    assert!(error.message.contains("replaced"), "{error:?}");
    assert_eq!(texts[1].progress, Progress::NotSent { error: refusal() }, "refused before");
    assert!(after.take_unsaved().unwrap()[0].refused.is_some(), "also after the next restart");
    after.retry("a1", Some("m2x"));
    assert_eq!(next(&after), Some("a1"));
    assert!(!after.set_epoch("m2x"));

    // An older file does not say which.
    let mut kept = after.take_unsaved().unwrap();
    kept[0].epoch = String::new();
    assert!(restarted(&kept).set_epoch("m2x"));
}

#[test]
fn what_was_left_in_memory_is_taken_up() {
    let mut before = outbox(&[("a1", 1), ("a2", 1)]);
    let old = before.take_unsaved().unwrap();
    before.acknowledged("a1");
    before.handed_over("a2", Instant::now());
    before.add(text("b1", 2), Instant::now()).unwrap();
    let mut after = Outbox::new(old, Keeping::Disk);
    after.take_up(before.take_unsaved().unwrap());
    let kept = after.take_unsaved().unwrap();
    let ids: Vec<_> = kept.iter().map(|kept| (&*kept.client_id, kept.may_have_arrived)).collect();
    // What the disk still has of a text that arrived is answered as a repetition.
    assert_eq!(ids, [("a1", false), ("a2", true), ("b1", false)]);
}
