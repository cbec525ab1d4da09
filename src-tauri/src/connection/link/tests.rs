//! The protocol from the client's side, frame by frame.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;

const TIME: &str = "2026-11-23T17:00:00.000Z";

/// What became of one call: the frames that went out, and the kinds of what was pushed.
#[derive(Debug, Default)]
struct Done {
    sent: Vec<Value>,
    frames: Vec<Value>,
    pushed: Vec<Value>,
    events: usize,
    caught_up: bool,
    lost: bool,
    reconnect: bool,
    asked: bool,
}

fn done(link: &mut Link) -> Done {
    let mut done = Done::default();
    for effect in link.take_effects() {
        match effect {
            Effect::Send(frame) => done.sent.push(serde_json::from_str(&frame).unwrap()),
            Effect::Push(Push::Frame { frame }) => {
                done.frames.push(serde_json::from_str(frame.get()).unwrap());
            }
            Effect::Push(push) => done.pushed.push(serde_json::to_value(push).unwrap()),
            Effect::Event(_) => done.events += 1,
            Effect::CaughtUp(_) => done.caught_up = true,
            Effect::Lost(_) => done.lost = true,
            Effect::Reconnect => done.reconnect = true,
            Effect::Ask => done.asked = true,
        }
    }
    done
}

fn hear(link: &mut Link, frame: &Value) -> Done {
    link.frame(&frame.to_string(), Instant::now());
    done(link)
}

fn acknowledgment(status: &str, more: &Value) -> Value {
    let mut frame = json!({ "type": "acknowledgment", "status": status, "timestamp": TIME });
    for (member, value) in more.as_object().unwrap() {
        frame[member] = value.clone();
    }
    frame
}

fn resumed(seq: i64) -> Value {
    acknowledgment("resumed", &json!({ "epoch": "k3f", "seq": seq, "online": [], "denied": [] }))
}

fn resuming() -> Value {
    acknowledgment("resuming", &json!({}))
}

fn new_conversation(seq: i64) -> Value {
    json!({ "type": "new_conversation", "seq": seq, "data": {
        "id": seq, "guest_name": "Amelia", "department": "reception", "conversation_type": "general",
        "status": "active", "created_at": TIME, "last_message_preview": "Hello",
    }})
}

fn kinds(done: &Done) -> Vec<&str> {
    done.pushed.iter().map(|push| push["kind"].as_str().unwrap()).collect()
}

/// A link that has told what a window has to know before there is a connection.
fn fresh(from: Option<Position>) -> Link {
    let mut link = Link::new(Outbox::new(Vec::new(), Keeping::Disk), from, Instant::now());
    assert_eq!(kinds(&done(&mut link)), ["outbox"]);
    link
}

fn live() -> Link {
    let mut link = fresh(None);
    link.opened();
    for frame in [resuming(), resumed(10)] {
        hear(&mut link, &frame);
    }
    assert!(link.is_live());
    link
}

fn text(client_id: &str, conversation_id: Id) -> Text {
    let created_at = Timestamp::from_millis(0);
    Text::new(client_id.to_owned(), conversation_id, "Coming!".to_owned(), created_at)
}

type Answered = oneshot::Receiver<Result<Option<Acknowledgment>>>;

fn command(link: &mut Link, command: Command) -> Answered {
    let (answer, answered) = oneshot::channel();
    link.command(command, answer, Instant::now());
    answered
}

#[test]
fn a_first_connection_asks_for_no_past_and_has_the_lists_read() {
    let mut link = fresh(None);
    link.opened();
    let asked =
        json!({ "type": "resume", "epoch": null, "last_seq": null, "conversation_ids": [] });
    assert_eq!(done(&mut link).sent, [asked]);
    assert!(hear(&mut link, &resuming()).pushed.is_empty());
    let ready = hear(&mut link, &resumed(10));
    assert_eq!(kinds(&ready), ["connection", "resync"]);
    assert!(ready.caught_up);
}

#[test]
fn whoever_has_read_the_lists_is_told_what_happened_since_and_reads_nothing_again() {
    let mut link = fresh(Some(Position { epoch: "k3f".to_owned(), seq: 10 }));
    link.opened();
    let asked = json!({ "type": "resume", "epoch": "k3f", "last_seq": 10, "conversation_ids": [] });
    assert_eq!(done(&mut link).sent, [asked]);
    hear(&mut link, &resuming());
    assert_eq!(hear(&mut link, &new_conversation(11)).events, 1);
    assert_eq!(kinds(&hear(&mut link, &resumed(11))), ["connection"]);
}

#[test]
fn each_event_passes_once_over_a_reconnect() {
    let mut link = live();
    assert_eq!(hear(&mut link, &new_conversation(11)).events, 1);
    assert_eq!(hear(&mut link, &new_conversation(11)).events, 0);
    link.closed(false);
    link.opened();
    let asked = done(&mut link).sent;
    assert_eq!((&asked[0]["epoch"], &asked[0]["last_seq"]), (&json!("k3f"), &json!(11)));
    // It comes again in the replay.
    assert_eq!(hear(&mut link, &new_conversation(13)).events, 0);
    hear(&mut link, &resuming());
    for (seq, news) in [(11, 0), (12, 1), (13, 1), (13, 0)] {
        let heard = hear(&mut link, &new_conversation(seq));
        assert_eq!((heard.events, heard.frames.len()), (news, news), "{seq}");
    }
    assert_eq!(kinds(&hear(&mut link, &resumed(13))), ["connection"]);
    assert_eq!(hear(&mut link, &new_conversation(14)).events, 1);
}

#[test]
fn another_life_of_the_database_starts_over() {
    let mut link = live();
    link.closed(false);
    link.opened();
    hear(&mut link, &resuming());
    let mut other = resumed(3);
    other["status"] = json!("resync_required");
    other["epoch"] = json!("m2x");
    let ready = hear(&mut link, &other);
    assert_eq!(kinds(&ready), ["connection", "resync"]);
    assert!(ready.lost);
    assert_eq!(hear(&mut link, &new_conversation(4)).events, 1);
    link.closed(false);
    link.opened();
    assert_eq!(done(&mut link).sent[0]["epoch"], "m2x");
}

#[test]
fn other_departments_mean_reading_the_lists() {
    let mut link = live();
    link.closed(true);
    link.opened();
    hear(&mut link, &resuming());
    assert_eq!(kinds(&hear(&mut link, &resumed(10))), ["connection", "resync"]);
}

#[test]
fn a_text_waits_goes_and_leaves_after_its_acknowledgment() {
    let mut link = fresh(None);
    link.send_text(text("a", 1), Instant::now()).unwrap();
    let queued = done(&mut link);
    assert!(queued.sent.is_empty());
    assert_eq!(queued.pushed[0]["texts"][0]["state"], "waiting");
    link.opened();
    hear(&mut link, &resuming());
    let ready = hear(&mut link, &resumed(10));
    let sent = ready.sent.iter().find(|frame| frame["type"] == "text").unwrap();
    assert_eq!(sent["client_id"], "a");
    assert_eq!(ready.pushed.last().unwrap()["texts"][0]["state"], "sending");
    // The connection breaks before the answer: it goes again, with the same id.
    link.closed(false);
    assert_eq!(done(&mut link).pushed[0]["texts"][0]["state"], "waiting");
    link.opened();
    hear(&mut link, &resuming());
    let again = hear(&mut link, &resumed(10));
    assert_eq!(again.sent[0]["client_id"], "a");
    let received = json!({ "message_id": 5, "conversation_id": 1, "client_id": "a" });
    let answered = hear(&mut link, &acknowledgment("received", &received));
    assert_eq!(answered.frames[0]["status"], "received");
    assert_eq!(answered.pushed[0], json!({ "kind": "outbox", "texts": [], "kept": "disk" }));
}

#[test]
fn haste_is_forgiven_and_a_refusal_is_shown() {
    let mut link = live();
    link.send_text(text("a", 1), Instant::now()).unwrap();
    assert_eq!(done(&mut link).sent.len(), 1);
    let refusal =
        |code| json!({ "type": "error", "message": "No", "code": code, "client_id": "a" });
    let held = hear(&mut link, &refusal("rate_limited"));
    assert_eq!(held.pushed[0]["texts"][0]["state"], "waiting");
    link.tick(link.next_tick().unwrap());
    assert_eq!(done(&mut link).sent[0]["client_id"], "a");
    let refused = hear(&mut link, &refusal("conversation_closed"));
    assert_eq!(refused.pushed[0]["texts"][0]["state"], "not_sent");
    link.retry_text("a", Instant::now() + std::time::Duration::from_secs(5));
    assert_eq!(done(&mut link).sent[0]["client_id"], "a");
}

#[test]
fn commands_are_answered_by_their_own_acknowledgment() {
    let mut link = live();
    let mut read = command(&mut link, Command::MarkRead { conversation_id: 1, message_id: None });
    let mut subscribed = command(&mut link, Command::SubscribeConversation { conversation_id: 1 });
    assert_eq!(done(&mut link).sent[0]["type"], "mark_read");
    let next = hear(&mut link, &acknowledgment("marked_read", &json!({ "conversation_id": 1 })));
    assert!(read.try_recv().unwrap().unwrap().is_some());
    assert_eq!(next.sent[0]["type"], "subscribe_conversation");
    let denied = json!({ "type": "error", "message": "Access denied to this conversation",
        "code": "access_denied", "conversation_id": 1 });
    hear(&mut link, &denied);
    assert_eq!(subscribed.try_recv().unwrap().unwrap_err().code, "access_denied");
    link.closed(false);
    link.opened();
    assert_eq!(done(&mut link).sent[0]["conversation_ids"], json!([]));
}

#[test]
fn without_a_connection_the_next_resume_follows_what_is_on_the_screen() {
    let mut link = live();
    command(&mut link, Command::SubscribeConversation { conversation_id: 1 });
    link.closed(false);
    link.set_open(Some(2));
    let mut followed = command(&mut link, Command::SubscribeConversation { conversation_id: 2 });
    assert_eq!(followed.try_recv().unwrap(), Ok(None));
    done(&mut link);
    link.opened();
    assert_eq!(done(&mut link).sent[0]["conversation_ids"], json!([2]));
}

#[test]
fn a_reloaded_window_is_told_where_things_stand() {
    let mut link = live();
    hear(
        &mut link,
        &json!({ "type": "user_status", "data": { "type": "user_connected",
        "user_id": 4, "user_name": "Raj", "department": "reception" } }),
    );
    link.tell_all();
    let told = done(&mut link);
    assert_eq!(kinds(&told), ["connection", "resync", "outbox"]);
    assert_eq!(told.frames[0]["status"], "resumed");
    assert_eq!(told.frames[0]["online"][0]["user_name"], "Raj");
}

#[test]
fn a_refused_resume_means_another_socket() {
    let mut link = fresh(None);
    link.opened();
    let refused = json!({ "type": "error", "message": "Not saved, please try again",
        "code": "unavailable" });
    assert!(hear(&mut link, &refused).reconnect);
    // What this program cannot read is for the window to judge.
    let odd = hear(&mut link, &json!({ "type": "from_the_future" }));
    assert!(!odd.reconnect);
}

#[test]
fn a_window_that_was_reloaded_without_a_connection_reads_the_lists_after_the_next() {
    let mut link = live();
    link.closed(false);
    link.tell_all();
    assert_eq!(kinds(&done(&mut link)), ["outbox"]);
    link.opened();
    hear(&mut link, &resuming());
    assert_eq!(kinds(&hear(&mut link, &resumed(10))), ["connection", "resync"]);
}

#[test]
fn what_is_opened_while_resume_is_under_way_is_followed_after_it() {
    let mut link = live();
    command(&mut link, Command::SubscribeConversation { conversation_id: 1 });
    hear(&mut link, &acknowledgment("subscribed", &json!({ "conversation_id": 1 })));
    link.closed(false);
    link.opened();
    assert_eq!(done(&mut link).sent[0]["conversation_ids"], json!([1]));
    link.set_open(Some(2));
    let mut followed = command(&mut link, Command::SubscribeConversation { conversation_id: 2 });
    assert_eq!(followed.try_recv().unwrap(), Ok(None));
    hear(&mut link, &resuming());
    let live = hear(&mut link, &resumed(10));
    let sent: Vec<_> = live.sent.iter().map(|it| (&it["type"], &it["conversation_id"])).collect();
    let subscribe = (&json!("subscribe_conversation"), &json!(2));
    assert_eq!(sent, [subscribe, (&json!("unsubscribe_conversation"), &json!(1))]);
}

#[test]
fn what_waits_for_another_life_of_the_database_is_not_sent_there() {
    let mut link = live();
    link.closed(false);
    link.send_text(text("a", 1), Instant::now()).unwrap();
    let mut closing = command(&mut link, Command::CloseConversation { conversation_id: 1 });
    done(&mut link);
    link.opened();
    hear(&mut link, &resuming());
    let mut other = resumed(3);
    other["status"] = json!("resync_required");
    other["epoch"] = json!("m2x");
    let ready = hear(&mut link, &other);
    assert!(ready.sent.is_empty(), "{:?}", ready.sent);
    assert_eq!(kinds(&ready), ["notice", "connection", "resync", "outbox"]);
    assert_eq!(ready.pushed[3]["texts"][0]["state"], "not_sent");
    assert_eq!(closing.try_recv().unwrap().unwrap_err().code, "offline");
    link.retry_text("a", Instant::now());
    assert_eq!(done(&mut link).sent[0]["client_id"], "a", "the person has looked");
}

#[test]
fn an_overdue_text_asks_whether_the_server_is_there() {
    let mut link = live();
    link.send_text(text("a", 1), Instant::now()).unwrap();
    done(&mut link);
    link.tick(link.next_tick().unwrap());
    assert!(done(&mut link).asked);
}

#[test]
fn an_answer_that_is_owed_is_not_taken_for_the_next() {
    let mut link = live();
    let mut read = command(&mut link, Command::MarkRead { conversation_id: 1, message_id: None });
    done(&mut link);
    link.tick(link.next_tick().unwrap());
    assert_eq!(read.try_recv().unwrap().unwrap_err().code, "timeout");
    assert!(done(&mut link).reconnect);
}

#[test]
fn a_refused_typing_refuses_nothing_else() {
    let mut link = live();
    command(&mut link, Command::Typing { conversation_id: 1, is_typing: true });
    let mut read = command(&mut link, Command::MarkRead { conversation_id: 1, message_id: None });
    let haste = json!({ "type": "error", "message": "Too many messages, slow down",
        "code": "rate_limited", "conversation_id": 1 });
    hear(&mut link, &haste);
    assert!(read.try_recv().is_err(), "it has no answer yet");
    hear(&mut link, &acknowledgment("marked_read", &json!({ "conversation_id": 1 })));
    assert!(read.try_recv().unwrap().is_ok());
}

/// A message whose members a later version has given values that this one does not know.
fn later_message(seq: i64) -> Value {
    json!({ "type": "message", "seq": seq, "data": {
        "id": 5, "conversation_id": 1, "sender_type": "robot", "sender_id": null, "sender_name": "Mia",
        "message_type": "image", "content": "A photograph of the ceiling", "created_at": TIME,
        "is_read": false, "client_id": null, "department": "reception",
        "guest_info": { "id": 1, "name": "Amelia", "room_number": "204", "family_name": "Hart" },
        "channel": "pigeon", "delivery": { "state": "circling", "reason": null, "reason_code": "wind",
            "at": TIME },
    }})
}

#[test]
fn a_message_with_unknown_values_is_passed_on_whole_and_is_an_event() {
    let mut link = live();
    link.frame(&later_message(11).to_string(), Instant::now());
    let effects = link.take_effects();
    let event = effects.iter().find_map(|effect| match effect {
        Effect::Event(frame) => Some(frame),
        _ => None,
    });
    let Some(Frame::Message { data, .. }) = event.map(|event| &**event) else {
        panic!("no event in {effects:?}")
    };
    assert_eq!(data.content, "A photograph of the ceiling");
    assert_eq!(data.message_type.known(), None);
    let pushed = effects.iter().find_map(|effect| match effect {
        Effect::Push(Push::Frame { frame }) => Some(frame.get().to_owned()),
        _ => None,
    });
    assert_eq!(pushed, Some(later_message(11).to_string()), "every member is there");
}

#[test]
fn an_unknown_frame_or_update_is_passed_on_and_its_seq_counts() {
    let mut link = live();
    let task = json!({ "type": "task", "seq": 11, "data": { "id": 1 } });
    assert_eq!(hear(&mut link, &task).frames, std::slice::from_ref(&task));
    let update = json!({ "type": "conversation_update", "seq": 12, "data": { "type": "flagged", "data": {} } });
    assert_eq!(hear(&mut link, &update).frames, std::slice::from_ref(&update));
    assert!(hear(&mut link, &new_conversation(12)).frames.is_empty(), "it is older");
    // Told again by a replay, it is not passed on again.
    assert!(hear(&mut link, &task).frames.is_empty());
    link.closed(false);
    link.opened();
    assert_eq!(done(&mut link).sent[0]["last_seq"], 12);
    // One without a number is no durable event, and has no place in the order.
    let viewing = json!({ "type": "viewing", "data": { "conversation_id": 1 } });
    assert_eq!(hear(&mut link, &viewing).frames, [viewing]);
}

#[test]
fn a_text_refused_with_an_unknown_code_is_refused() {
    let mut link = live();
    link.send_text(text("a1", 1), Instant::now()).unwrap();
    done(&mut link);
    let refusal = json!({ "type": "error", "message": "The kitchen is closed", "code": "kitchen_closed",
        "conversation_id": 1, "client_id": "a1" });
    let refused = hear(&mut link, &refusal);
    let outbox = refused.pushed.iter().find(|push| push["kind"] == "outbox").unwrap();
    assert_eq!(outbox["texts"][0]["error"]["code"], "kitchen_closed", "as it came");
    assert_eq!(outbox["texts"][0]["error"]["message"], "The kitchen is closed");
}

#[test]
fn an_unknown_status_of_a_colleague_is_ignored() {
    let mut link = live();
    let status = |kind| {
        json!({ "type": "user_status", "data": { "type": kind, "user_id": 3, "user_name": "Jo",
            "department": "reception" } })
    };
    hear(&mut link, &status("user_connected"));
    assert_eq!(hear(&mut link, &status("user_resting")).frames.len(), 1);
    link.tell_all();
    let online = done(&mut link).frames[0]["online"].as_array().unwrap().len();
    assert_eq!(online, 1);
}

#[test]
fn an_unknown_acknowledgment_settles_nothing_and_is_passed_on() {
    let mut link = live();
    let mut read = command(&mut link, Command::MarkRead { conversation_id: 1, message_id: None });
    done(&mut link);
    let later = acknowledgment("marked_unread", &json!({ "conversation_id": 1 }));
    assert_eq!(hear(&mut link, &later).frames, [later]);
    assert!(read.try_recv().is_err());
    hear(&mut link, &acknowledgment("marked_read", &json!({ "conversation_id": 1 })));
    assert!(read.try_recv().unwrap().is_ok());
}

fn sent(done: &Done) -> Vec<(&str, i64)> {
    let of = |it: &Value| it["conversation_id"].as_i64().unwrap();
    done.sent.iter().map(|it| (it["type"].as_str().unwrap(), of(it))).collect()
}

#[test]
fn what_is_followed_is_subscribed_to_beside_what_the_window_opens() {
    let mut link = live();
    link.set_followed([1, 2].into(), Instant::now());
    let subscribed = [("subscribe_conversation", 1), ("subscribe_conversation", 2)];
    assert_eq!(sent(&done(&mut link)), subscribed);
    for id in [1, 2] {
        hear(&mut link, &acknowledgment("subscribed", &json!({ "conversation_id": id })));
    }
    // The window opens and leaves one of them: it goes on being followed.
    command(&mut link, Command::SubscribeConversation { conversation_id: 1 });
    hear(&mut link, &acknowledgment("subscribed", &json!({ "conversation_id": 1 })));
    let mut left = command(&mut link, Command::UnsubscribeConversation { conversation_id: 1 });
    assert_eq!(left.try_recv().unwrap(), Ok(None));
    assert_eq!(sent(&done(&mut link)), []);
    link.set_followed([2].into(), Instant::now());
    assert_eq!(sent(&done(&mut link)), [("unsubscribe_conversation", 1)]);
    hear(&mut link, &acknowledgment("unsubscribed", &json!({ "conversation_id": 1 })));
    // The next connection names it.
    link.closed(false);
    link.opened();
    assert_eq!(done(&mut link).sent[0]["conversation_ids"], json!([2]));
    hear(&mut link, &resuming());
    assert_eq!(sent(&hear(&mut link, &resumed(11))), []);
}

#[test]
fn a_conversation_that_the_window_has_open_stays_subscribed_when_it_is_followed_no_longer() {
    let mut link = live();
    link.set_followed([1].into(), Instant::now());
    command(&mut link, Command::SubscribeConversation { conversation_id: 1 });
    for _ in 0..2 {
        hear(&mut link, &acknowledgment("subscribed", &json!({ "conversation_id": 1 })));
    }
    done(&mut link);
    link.set_followed([].into(), Instant::now());
    assert_eq!(sent(&done(&mut link)), []);
}

#[test]
fn following_many_stays_below_the_servers_rate_limit() {
    let mut link = live();
    let now = Instant::now();
    link.set_followed((1..=200).collect(), now);
    let first = done(&mut link).sent.len();
    assert!((20..=40).contains(&first), "{first}");
    let mut all = first;
    let mut at = now;
    while all < 200 {
        let next = link.next_tick().unwrap();
        assert!(next > at, "it waits in between");
        at = next;
        link.tick(at);
        all += done(&mut link).sent.len();
    }
    assert!(at - now >= std::time::Duration::from_secs(10), "{:?}", at - now);
}
