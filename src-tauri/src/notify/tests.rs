//! Which events raise a notification.

use frontdesk_server::protocol::{
    ConversationStatus, GuestInfo, Message, MessageGuest, MessageType, NewMessage,
};

use super::*;

const ME: Id = 7;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn new_conversation(id: Id, first_line: &str) -> Frame {
    Frame::NewConversation {
        seq: Some(id),
        data: NewConversation {
            id,
            guest_name: "Amelia Hart".to_owned(),
            department: "reception".to_owned(),
            conversation_type: "general".to_owned(),
            status: ConversationStatus::Active.into(),
            created_at: at(0),
            last_message_preview: first_line.to_owned(),
            room_number: Some("204".to_owned()),
            waiting_since: None,
        },
    }
}

fn new_message(conversation_id: Id, sender_type: PersonType) -> Frame {
    Frame::ConversationUpdate {
        seq: Some(100),
        data: ConversationUpdate::NewMessage(NewMessage {
            conversation_id,
            guest_name: "Amelia Hart".to_owned(),
            department: "reception".to_owned(),
            last_message_preview: "Two towels, please".to_owned(),
            last_message_at: at(0),
            message_from: "Amelia Hart".to_owned(),
            message_id: Some(1),
            sender_type: Some(sender_type.into()),
            room_number: None,
            waiting_since: None,
        }),
    }
}

fn message(conversation_id: Id, sender_id: Option<Id>) -> Frame {
    Frame::Message {
        seq: Some(100),
        data: Message {
            id: 1,
            conversation_id,
            sender_type: if sender_id.is_some() { PersonType::Staff } else { PersonType::Guest }
                .into(),
            sender_id,
            sender_name: "Somebody".to_owned(),
            message_type: MessageType::Text.into(),
            content: "Two towels,\nplease".to_owned(),
            created_at: at(0),
            is_read: false,
            client_id: None,
            department: "reception".to_owned(),
            guest_info: MessageGuest {
                id: 1,
                name: "Amelia Hart".to_owned(),
                room_number: Some("204".to_owned()),
            },
            channel: None,
            delivery: None,
            waiting_since: None,
        },
    }
}

fn conversation(id: Id, created_at: i64) -> Conversation {
    Conversation {
        id,
        guest_info: GuestInfo {
            id: 1,
            name: "Amelia Hart".to_owned(),
            whatsapp_number: None,
            room_number: None,
            language: None,
        },
        department: "reception".to_owned(),
        conversation_type: "general".to_owned(),
        status: ConversationStatus::Active.into(),
        unread_count: 1,
        waiting_since: None,
        last_message_preview: "Hello".to_owned(),
        last_message_at: Some(at(created_at)),
        created_at: at(created_at),
        updated_at: at(created_at),
        closed_at: None,
        reply_channel: None,
        reply_via: None,
        reply_problem: None,
        undelivered_since: None,
        read_only: false,
    }
}

fn expected(title: &str, body: &str) -> Option<Notification> {
    let (title, body) = (title.to_owned(), body.to_owned());
    Some(Notification { conversation_id: 1, title, body })
}

#[test]
fn a_new_conversation_is_told_once() {
    let mut notifier = Notifier::new(ME, Vec::new());
    let frame = new_conversation(1, "Two towels, please");
    let now = Instant::now();
    let told = notifier.event(&frame, false, false, now);
    assert_eq!(told, expected("204 · Amelia Hart", "Two towels, please"));
    assert_eq!(notifier.event(&frame, false, false, now), None);
}

#[test]
fn who_looks_or_wants_quiet_is_not_told_now_nor_later() {
    for (looking, quiet) in [(true, false), (false, true)] {
        let mut notifier = Notifier::new(ME, Vec::new());
        let frame = new_conversation(1, "Hello");
        assert_eq!(notifier.event(&frame, looking, quiet, Instant::now()), None);
        assert_eq!(notifier.event(&frame, false, false, Instant::now()), None);
    }
}

#[test]
fn the_first_message_gives_the_words() {
    let mut notifier = Notifier::new(ME, Vec::new());
    let now = Instant::now();
    assert_eq!(notifier.event(&new_conversation(1, ""), false, false, now), None);
    let told = notifier.event(&new_message(1, PersonType::Guest), false, false, now);
    assert_eq!(told, expected("204 · Amelia Hart", "Two towels, please"));
    assert_eq!(notifier.next_due(), None);
    assert_eq!(notifier.event(&new_message(1, PersonType::Guest), false, false, now), None);
}

#[test]
fn without_a_first_message_it_is_told_all_the_same() {
    let mut notifier = Notifier::new(ME, Vec::new());
    let now = Instant::now();
    notifier.event(&new_conversation(1, ""), false, false, now);
    let due = notifier.next_due().unwrap();
    assert!(notifier.due(now).is_empty());
    assert_eq!(notifier.due(due), [expected("204 · Amelia Hart", "").unwrap()]);
    assert!(notifier.due(due).is_empty());
}

#[test]
fn messages_are_told_where_i_take_part() {
    let mut notifier = Notifier::new(ME, Vec::new());
    let now = Instant::now();
    assert_eq!(notifier.event(&message(1, None), false, false, now), None);
    assert_eq!(notifier.event(&message(1, Some(ME)), false, false, now), None);
    let told = notifier.event(&message(1, None), false, false, now);
    assert_eq!(told, expected("204 · Amelia Hart", "Two towels, please"));
    assert_eq!(notifier.event(&message(1, None), true, false, now), None);
    let told = notifier.event(&new_message(1, PersonType::Guest), false, false, now);
    assert_eq!(told, expected("Amelia Hart", "Two towels, please"));
    assert_eq!(notifier.event(&new_message(1, PersonType::Staff), false, false, now), None);
    assert_eq!(notifier.event(&new_message(2, PersonType::Guest), false, false, now), None);
}

#[test]
fn what_began_while_events_were_lost_is_told_once() {
    let mut notifier = Notifier::new(ME, Vec::new());
    notifier.lost(at(10));
    assert_eq!(notifier.gap(), None, "a first connection has missed nothing");
    notifier.caught_up(at(100));
    notifier.event(&new_conversation(2, "seen"), true, false, Instant::now());
    notifier.lost(at(500));
    let since = notifier.gap().unwrap().since;
    assert_eq!(since, at(100));
    assert_eq!(notifier.missed(&conversation(3, 90), since, false, false), None);
    assert_eq!(notifier.missed(&conversation(2, 200), since, false, false), None);
    let missed = conversation(1, 300);
    let told = notifier.missed(&missed, since, false, false);
    assert_eq!(told, expected("Amelia Hart", "Hello"));
    assert_eq!(notifier.missed(&missed, since, false, false), None);
}

#[test]
fn a_gap_stays_until_all_of_it_is_filled() {
    let mut notifier = Notifier::new(ME, Vec::new());
    notifier.caught_up(at(100));
    notifier.lost(at(500));
    let first = notifier.gap().unwrap();
    notifier.caught_up(at(600));
    assert_eq!(notifier.gap(), Some(first), "nobody has looked yet");
    notifier.lost(at(700));
    notifier.filled(first);
    let both = notifier.gap().unwrap();
    assert_eq!(both.since, at(100));
    notifier.filled(both);
    assert_eq!(notifier.gap(), None);
}

#[test]
fn what_waits_where_i_take_part_is_told_after_a_loss() {
    let mut notifier = Notifier::new(ME, vec![1, 2]);
    let waiting = |id| Conversation {
        waiting_since: Some(at(300)),
        last_message_at: Some(at(300)),
        ..conversation(id, 50)
    };
    let told = notifier.missed(&waiting(1), at(100), false, false);
    assert_eq!(told, expected("Amelia Hart", "Hello"));
    let answered = Conversation { waiting_since: None, ..waiting(2) };
    assert_eq!(notifier.missed(&answered, at(100), false, false), None);
    assert_eq!(notifier.missed(&waiting(3), at(100), false, false), None, "a colleague's");
    assert_eq!(notifier.missed(&waiting(1), at(300), false, false), None, "from before");
}

#[test]
fn where_i_take_part_is_kept_and_bounded() {
    let mut notifier = Notifier::new(ME, vec![1]);
    assert_eq!(notifier.take_unsaved(), None);
    notifier.takes_part(2);
    notifier.event(&message(3, Some(ME)), false, false, Instant::now());
    notifier.takes_part(1);
    assert_eq!(notifier.take_unsaved(), Some(vec![2, 3, 1]));
    notifier.takes_part(1);
    assert_eq!(notifier.take_unsaved(), None);
    for id in 10..10 + 2 * Id::try_from(TAKEN_PART).unwrap() {
        notifier.takes_part(id);
    }
    assert_eq!(notifier.take_unsaved().unwrap().len(), TAKEN_PART);
}
