//! "Sent" is true: how far a reply has come, and what becomes of one that reaches nobody.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};

use crate::common::{Answer, Callback, Gateway, House, Person, Socket, callback::Reply, until};

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;

/// A house whose clock the test turns.
pub async fn house() -> (House, impl Fn(i64)) {
    let clock = Clock::standing_at(Timestamp::from_millis(1_795_000_000_000));
    let Clock::Manual(hand) = clock.clone() else { panic!("it goes by itself") };
    let house = House::start_with(|config| config.clock = clock).await;
    let turn = move |millis: i64| {
        hand.fetch_add(millis, Ordering::SeqCst);
    };
    (house, turn)
}

/// Writes; returns the message's id. Only its acknowledgment and its own frame come meanwhile.
pub async fn says(socket: &mut Socket, conversation: i64, text: &str) -> i64 {
    socket.send_text(conversation, text).await;
    let id = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
    socket
        .expect(|frame| frame["type"] == "message" || frame["data"]["type"] == "new_message")
        .await;
    id
}

/// The next frame, which must tell that this message has come into this state.
pub async fn becomes(socket: &mut Socket, message: i64, state: &str) -> Value {
    let frame = loop {
        let frame = socket.next().await;
        if frame["type"] != "user_status" {
            break frame;
        }
    };
    assert_eq!(frame["data"]["type"], "delivery", "{frame}");
    let data = frame["data"]["data"].clone();
    assert!(frame["seq"].is_i64(), "{frame}");
    assert_eq!((&data["message_id"], &data["state"]), (&json!(message), &json!(state)), "{data}");
    data
}

/// No message has come into another state.
pub async fn no_delivery(socket: &mut Socket) {
    let frames = socket.everything().await;
    assert!(frames.iter().all(|frame| frame["data"]["type"] != "delivery"), "{frames:#?}");
}

/// A message as a page shows it.
pub async fn shown(person: &Person, conversation: i64, message: i64) -> Value {
    let path = format!("/chat/conversations/{conversation}/messages/");
    let page = person.get(&path).await.expect(200);
    let mut rows = page["results"].as_array().unwrap().iter();
    rows.find(|row| row["id"] == message).unwrap().clone()
}

pub async fn state(person: &Person, conversation: i64, message: i64) -> (Value, Value) {
    let delivery = shown(person, conversation, message).await["delivery"].clone();
    (delivery["state"].clone(), delivery["reason_code"].clone())
}

pub fn of(state: &str, reason_code: &str) -> (Value, Value) {
    (json!(state), json!(reason_code))
}

pub fn id(row: &Value) -> i64 {
    row["conversation_id"].as_i64().unwrap()
}

async fn reports(gateway: &Gateway, statuses: Value) -> Answer {
    gateway.client.post("/gateway/statuses/", json!({"statuses": statuses})).await
}

pub async fn retry(person: &Person, message: i64, body: Value) -> Answer {
    person.post(&format!("/chat/messages/{message}/retry/"), body).await
}

pub async fn close(person: &Person, conversation: i64) {
    let body = json!({"conversation_id": conversation});
    person.post("/chat/conversations/close/", body).await.expect(200);
}

/// This number of attempts was not accepted, and the next one is planned by the clock as it stands.
pub async fn retried(house: &House, count: usize) {
    let line = format!("deliveries_total{{result=\"retried\"}} {count}\n");
    let is_counted = async || house.anyone.get("/metrics").await.text.contains(&line);
    until("an attempt to be noted", is_counted).await;
}

#[tokio::test]
async fn a_reply_is_sent_delivered_and_read_and_never_goes_back() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let eve = house.staff("eve", &["restaurant"]).await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let other = house.gateway("other", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let (mut desk, mut subscribed) = (ana.connect().await, bob.connect().await);
    let mut restaurant = eve.connect().await;
    subscribed.subscribe(conversation).await;
    desk.everything().await;
    let answer = callback.hold();
    desk.send_text(conversation, "On their way!").await;
    let message = desk.acknowledged("received").await["message_id"].as_i64().unwrap();
    desk.updated("new_message").await;
    let live = subscribed.frame("message").await;
    assert_eq!(live["data"]["channel"], "gateway");
    assert_eq!(live["data"]["delivery"]["state"], "stored");
    let created_at = live["data"]["created_at"].clone();
    let row = ana.conversation(conversation).await;
    assert_eq!(row["undelivered_since"], created_at);
    assert_eq!((&row["reply_channel"], &row["reply_via"]), (&json!("gateway"), &json!("sms")));
    answer.release();
    let delivery_id = callback.next().await.body["delivery_id"].clone();
    for socket in [&mut desk, &mut subscribed] {
        let sent = becomes(socket, message, "sent").await;
        assert_eq!(sent["conversation_id"], conversation);
        assert_eq!(sent["department"], "reception");
        assert!(sent["undelivered_since"].is_null() && sent["reason"].is_null());
        assert!(sent["reason_code"].is_null());
    }
    assert!(ana.conversation(conversation).await["undelivered_since"].is_null());
    // Another gateway does not know it.
    let report = json!([{"delivery_id": delivery_id, "state": "read"}]);
    let answered = reports(&other, report).await.expect(200);
    assert_eq!(answered["unknown"], json!([delivery_id]));
    let report = json!([
        {"delivery_id": delivery_id, "state": "delivered", "at": "2099-01-01T00:00:00Z", "more": 1},
        {"delivery_id": "nothing", "state": "failed"},
    ]);
    assert_eq!(reports(&sms, report).await.expect(200)["unknown"], json!(["nothing"]));
    for socket in [&mut desk, &mut subscribed] {
        let delivered = becomes(socket, message, "delivered").await;
        assert!(delivered["at"].as_str().unwrap() < "2099", "{delivered}");
    }
    assert_eq!(shown(&ana, conversation, message).await["is_read"], false);
    let old = json!([{"delivery_id": delivery_id, "state": "read", "at": "1999-01-01T00:00:00Z"}]);
    reports(&sms, old).await.expect(200);
    for socket in [&mut desk, &mut subscribed] {
        assert_eq!(becomes(socket, message, "read").await["at"], created_at);
    }
    // What comes late changes nothing.
    for state in ["delivered", "read", "failed"] {
        let report = json!([{"delivery_id": delivery_id, "state": state}]);
        assert_eq!(reports(&sms, report).await.expect(200)["unknown"], json!([]));
    }
    for socket in [&mut desk, &mut subscribed, &mut restaurant] {
        socket.nothing_more().await;
    }
    let read = shown(&ana, conversation, message).await;
    assert_eq!(read["delivery"]["state"], "read");
    assert_eq!(read["is_read"], true);
    assert_eq!(read["channel"], "gateway");
    // Guests' messages have a channel, and no delivery.
    let path = format!("/chat/conversations/{conversation}/messages/");
    let page = ana.get(&path).await.expect(200);
    assert_eq!(page["results"][0]["channel"], "gateway");
    assert!(page["results"][0]["delivery"].is_null());
}

#[tokio::test]
async fn several_reports_of_one_reply_in_one_call_are_taken_in_their_order() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    let message = says(&mut desk, conversation, "Coming").await;
    let delivery_id = callback.next().await.body["delivery_id"].clone();
    becomes(&mut desk, message, "sent").await;
    let report = |state: &str| json!({"delivery_id": delivery_id, "state": state});
    reports(&sms, json!([report("delivered"), report("delivered"), report("read")]))
        .await
        .expect(200);
    becomes(&mut desk, message, "delivered").await;
    becomes(&mut desk, message, "read").await;
    desk.nothing_more().await;
    // A hundred at a time.
    let many = |count| (0..count).map(|_| report("read")).collect::<Vec<_>>();
    reports(&sms, json!(many(100))).await.expect(200);
    reports(&sms, json!(many(101))).await.problem(422, "invalid_input");
    reports(&sms, json!([report("sent")])).await.problem(422, "invalid_input");
    let body = json!({"statuses": [report("read")]});
    house.admin.post("/gateway/statuses/", body).await.problem(401, "unauthorized");
    desk.nothing_more().await;
}

#[tokio::test]
async fn a_reply_that_failed_later_says_so_with_the_gateways_reason() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    let since = {
        let message = says(&mut desk, conversation, "Coming").await;
        let delivery_id = callback.next().await.body["delivery_id"].clone();
        becomes(&mut desk, message, "sent").await;
        let report = json!([{"delivery_id": delivery_id, "state": "failed", "reason": "No such subscriber",
            "reason_code": "131026"}]);
        reports(&sms, report).await.expect(200);
        let failed = becomes(&mut desk, message, "failed").await;
        assert_eq!(failed["reason"], "No such subscriber");
        assert_eq!(failed["reason_code"], "reported");
        failed["undelivered_since"].clone()
    };
    assert!(since.is_string());
    assert_eq!(house.admin.conversation(conversation).await["undelivered_since"], since);
    // A failed message is listed at once; the guest's next message ends that.
    assert_eq!(house.admin.list("?not_reached=true").await.len(), 1);
    sms.writes("2", "+44 7700 900123", "Hello?").await;
    assert!(house.admin.conversation(conversation).await["undelivered_since"].is_null());
    assert!(house.admin.list("?not_reached=true").await.is_empty());
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_reply_that_is_refused_for_good_fails_at_once_and_the_next_ones_leave() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = ana.connect().await;
    for status in [400, 409, 413, 415, 422] {
        callback.will_answer([Reply::Status(status)]);
        let refused = says(&mut desk, conversation, &format!("refused with {status}")).await;
        let failed = becomes(&mut desk, refused, "failed").await;
        assert_eq!(failed["reason_code"], "refused");
        assert!(failed["reason"].as_str().unwrap().contains(&status.to_string()), "{failed}");
        assert!(failed["undelivered_since"].is_string());
        let next = says(&mut desk, conversation, "the next one").await;
        assert_eq!(callback.next().await.body["message_id"], refused);
        assert_eq!(callback.next().await.body["message_id"], next);
        becomes(&mut desk, next, "sent").await;
        let row = ana.conversation(conversation).await;
        assert!(row["reply_problem"].is_null(), "{row}");
    }
    assert_eq!(ana.list("?not_reached=true").await[0]["id"], conversation);
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_gateway_whose_address_is_wrong_is_shown_and_its_replies_wait() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = ana.connect().await;
    let problem = async || ana.conversation(conversation).await["reply_problem"].clone();
    for status in [401, 403, 404, 405, 410] {
        callback.will_answer([Reply::Status(status), Reply::Status(503)]);
        let message = says(&mut desk, conversation, &format!("refused with {status}")).await;
        callback.next().await;
        let said = json!(format!("refuses replies ({status})"));
        until("the problem to show", async || problem().await == said).await;
        assert_eq!(ana.list("").await[0]["reply_problem"], said);
        assert_eq!(state(&ana, conversation, message).await, (json!("stored"), Value::Null));
        // Another trouble is not that one.
        turn(5 * SECOND);
        callback.next().await;
        until("the problem to go", async || problem().await.is_null()).await;
        turn(5 * SECOND);
        assert_eq!(callback.next().await.body["message_id"], message);
        becomes(&mut desk, message, "sent").await;
    }
    // A success ends it, too.
    callback.will_answer([Reply::Status(404)]);
    let message = says(&mut desk, conversation, "again").await;
    callback.next().await;
    until("the problem to show", async || problem().await == "refuses replies (404)").await;
    turn(5 * SECOND);
    becomes(&mut desk, message, "sent").await;
    assert!(problem().await.is_null());
}

#[tokio::test]
async fn a_gateway_that_is_down_for_twenty_minutes_gets_everything_in_order() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = ana.connect().await;
    callback.will_answer((0..3).map(|_| Reply::Status(503)));
    let first = says(&mut desk, conversation, "first").await;
    let since = shown(&ana, conversation, first).await["created_at"].clone();
    callback.next().await;
    retried(&house, 1).await;
    turn(2 * MINUTE - SECOND);
    callback.next().await;
    retried(&house, 2).await;
    assert!(ana.list("?not_reached=true").await.is_empty());
    turn(SECOND);
    let listed = ana.list("?not_reached=true").await;
    assert_eq!((&listed[0]["id"], &listed[0]["undelivered_since"]), (&json!(conversation), &since));
    assert!(ana.list("?not_reached=true&department=reception&waiting=true").await.is_empty());
    turn(10 * MINUTE);
    let second = says(&mut desk, conversation, "second").await;
    callback.next().await;
    retried(&house, 3).await;
    desk.nothing_more().await;
    turn(8 * MINUTE);
    assert_eq!(callback.next().await.content(), "first");
    assert_eq!(callback.next().await.content(), "second");
    let sent = becomes(&mut desk, first, "sent").await;
    assert!(sent["undelivered_since"].is_string() && sent["undelivered_since"] != since, "{sent}");
    assert!(becomes(&mut desk, second, "sent").await["undelivered_since"].is_null());
    assert!(ana.list("?not_reached=true").await.is_empty());
}

#[tokio::test]
async fn a_reply_that_is_not_accepted_within_seven_days_fails_and_can_be_retried() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    callback.will_answer((0..2).map(|_| Reply::Status(503)));
    let message = says(&mut desk, conversation, "first").await;
    let first = callback.next().await;
    retried(&house, 1).await;
    turn(7 * 24 * HOUR);
    callback.next().await;
    let failed = becomes(&mut desk, message, "failed").await;
    assert_eq!(failed["reason_code"], "gave_up");
    let again = retry(&house.admin, message, json!({})).await.expect(200);
    assert_eq!(again["id"], message);
    assert_eq!(again["delivery"]["state"], "stored");
    let stored = becomes(&mut desk, message, "stored").await;
    assert!(stored["reason"].is_null() && stored["undelivered_since"].is_string(), "{stored}");
    // The gateway, which did not accept the last two attempts, has a pause; what a person sends again does not wait for it.
    assert_eq!(callback.next().await.body["delivery_id"], first.body["delivery_id"]);
    becomes(&mut desk, message, "sent").await;
}

#[tokio::test]
async fn what_a_silent_gateway_kept_waiting_is_given_up_although_it_was_never_tried() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let first = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let second = id(&sms.writes("2", "+44 7700 900124", "Soap?").await);
    let mut desk = house.admin.connect().await;
    callback.will_answer((0..50).map(|_| Reply::Status(503)));
    let tried = says(&mut desk, first, "first").await;
    let waits = says(&mut desk, second, "second").await;
    assert_eq!(callback.next().await.body["message_id"], tried);
    retried(&house, 1).await;
    turn((7 * 24 + 2) * HOUR);
    for message in [tried, waits] {
        assert_eq!(becomes(&mut desk, message, "failed").await["reason_code"], "gave_up");
    }
}

#[tokio::test]
async fn only_staff_who_may_write_in_the_conversation_retry_a_failed_message() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let eve = house.staff("eve", &["restaurant"]).await;
    let received = sms.writes("1", "+44 7700 900123", "Towels?").await;
    let conversation = id(&received);
    let mut desk = ana.connect().await;
    callback.will_answer([Reply::Status(422)]);
    let message = says(&mut desk, conversation, "Coming").await;
    callback.next().await;
    becomes(&mut desk, message, "failed").await;
    retry(&ana, 999_999, json!({})).await.problem(404, "message_not_found");
    retry(&eve, message, json!({})).await.problem(403, "access_denied");
    let of_guest = received["message_id"].as_i64().unwrap();
    retry(&ana, of_guest, json!({})).await.problem(409, "not_failed");
    retry(&ana, message, json!({"channel": "whatsapp"})).await.problem(409, "no_way");
    retry(&ana, message, json!({"channel": "pigeon"})).await.problem(422, "invalid_input");
    retry(&ana, message, json!({"chanel": "gateway"})).await.problem(422, "invalid_input");
    sms.client
        .post(&format!("/chat/messages/{message}/retry/"), json!({}))
        .await
        .problem(401, "unauthorized");
    close(&ana, conversation).await;
    retry(&ana, message, json!({})).await.problem(409, "conversation_closed");
    let body = json!({"conversation_id": conversation});
    ana.post("/chat/conversations/reopen/", body).await.expect(200);
    desk.everything().await;
    // The body may be missing.
    let path = format!("/chat/messages/{message}/retry/");
    let bare = ana.request(reqwest::Method::POST, &path);
    assert_eq!(crate::common::client::send(bare).await.expect(200)["delivery"]["state"], "stored");
    becomes(&mut desk, message, "stored").await;
    becomes(&mut desk, message, "sent").await;
    retry(&ana, message, json!({})).await.problem(409, "not_failed");
    // Another hotel's staff do not learn that it exists.
    let elsewhere = house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let property = elsewhere["id"].to_string();
    let line = [
        "--property",
        &property,
        "staff",
        "create",
        "--username",
        "zoe",
        "--name",
        "Zoe",
        "--department",
        "reception",
    ];
    let password = house.cli(&line).await.object()["password"].as_str().unwrap().to_owned();
    let token = house.try_sign_in("zoe", &password).await.expect(200)["token"].clone();
    let zoe = house.anyone.with_token(token.as_str().unwrap());
    zoe.post(&path, json!({})).await.problem(404, "message_not_found");
}

#[tokio::test]
async fn a_waiting_reply_can_be_moved_to_the_gateway_that_reaches_the_guest_now() {
    let house = House::start().await;
    let (mut dead, mut alive) = (Callback::start().await, Callback::start().await);
    let old = house.gateway("old", Some(&dead.url)).await;
    let new = house.gateway("new", Some(&alive.url)).await;
    let conversation = id(&old.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    dead.will_answer((0..50).map(|_| Reply::Status(503)));
    let message = says(&mut desk, conversation, "Coming").await;
    let tried = dead.next().await;
    new.writes("1", "+44 7700 900123", "Hello?").await;
    desk.updated("new_message").await;
    let moved = retry(&house.admin, message, json!({"channel": "gateway"})).await.expect(200);
    assert_eq!(moved["delivery"]["state"], "stored");
    becomes(&mut desk, message, "stored").await;
    let sent = alive.next().await;
    assert_eq!(sent.body["delivery_id"], tried.body["delivery_id"]);
    becomes(&mut desk, message, "sent").await;
}

#[tokio::test]
async fn a_gateway_gets_the_address_as_it_wrote_it_in_the_latest_message() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    let mut address = async |text: &str| {
        desk.send_text(conversation, text).await;
        callback.next().await.body["guest"].clone()
    };
    let guest = address("one").await;
    assert_eq!(guest["address"], "+44 7700 900123");
    assert_eq!(guest["whatsapp_number"], "+447700900123");
    sms.writes("2", "+447700-900123", "And soap").await;
    assert_eq!(address("two").await["address"], "+447700-900123");
    // Nothing else about the guest has changed, and this alone is not logged.
    let log = house.admin.get("/audit/?subject=guest").await.expect(200);
    assert_eq!(log["results"].as_array().unwrap().len(), 1, "{log}");
    let body = json!({"external_id": "3", "guest_ref": " TV 204 ", "content": "Hi"});
    let by_ref = id(&sms.message(body).await.expect(201));
    desk.send_text(by_ref, "three").await;
    assert_eq!(callback.next().await.body["guest"]["address"], " TV 204 ");
}

#[tokio::test]
async fn a_reply_set_back_by_a_clock_that_was_wrong_is_sent_after_the_start() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    turn(2 * HOUR);
    callback.will_answer([Reply::Status(503)]);
    let message = says(&mut desk, conversation, "Coming").await;
    callback.next().await;
    retried(&house, 1).await;
    turn(-2 * HOUR);
    let _house = house.restart().await;
    assert_eq!(callback.next().await.body["message_id"], message);
}

#[tokio::test]
async fn a_pause_between_attempts_is_as_long_as_it_is_however_the_clock_jumps() {
    let clock = Clock::standing_at(Timestamp::from_millis(1_795_000_000_000));
    let Clock::Manual(hand) = clock.clone() else { panic!("it goes by itself") };
    let jump = Arc::new(AtomicI64::new(0));
    let clock = clock.with_offset(Arc::clone(&jump));
    let house = House::start_with(|config| config.clock = clock).await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = house.admin.connect().await;
    jump.store(2 * HOUR, Ordering::SeqCst);
    callback.will_answer([Reply::Status(503)]);
    let message = says(&mut desk, conversation, "Coming").await;
    callback.next().await;
    retried(&house, 1).await;
    // By the clock, the next attempt is two hours away; by the time that passes, it is a second.
    jump.store(0, Ordering::SeqCst);
    hand.fetch_add(SECOND, Ordering::SeqCst);
    assert_eq!(callback.next().await.body["message_id"], message);
}

#[tokio::test]
async fn a_client_that_was_offline_gets_the_present_delivery_state() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let page = ana.get("/chat/conversations/").await.expect(200);
    let mut desk = house.admin.connect().await;
    callback.will_answer([Reply::Status(422)]);
    let failed = says(&mut desk, conversation, "first").await;
    becomes(&mut desk, failed, "failed").await;
    let sent = says(&mut desk, conversation, "second").await;
    callback.next().await;
    let delivery_id = callback.next().await.body["delivery_id"].clone();
    becomes(&mut desk, sent, "sent").await;
    reports(&sms, json!([{"delivery_id": delivery_id, "state": "read"}])).await.expect(200);
    becomes(&mut desk, sent, "read").await;
    let mut later = ana.connect().await;
    later
        .send(json!({"type": "resume", "epoch": page["epoch"], "last_seq": page["seq"],
            "conversation_ids": [conversation]}))
        .await;
    later.acknowledged("resuming").await;
    assert_eq!(later.frame("message").await["data"]["delivery"]["reason_code"], "refused");
    let since = becomes(&mut later, failed, "failed").await["undelivered_since"].clone();
    assert!(since.is_string());
    assert_eq!(later.frame("message").await["data"]["delivery"]["state"], "read");
    for _ in 0..2 {
        // Two events, each with the state of now.
        assert_eq!(becomes(&mut later, sent, "read").await["undelivered_since"], since);
    }
    later.acknowledged("resumed").await;
}

#[tokio::test]
async fn a_reply_that_fails_after_the_guest_wrote_again_does_not_mark_the_conversation() {
    let (house, turn) = house().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = id(&sms.writes("1", "+44 7700 900123", "Towels?").await);
    let mut desk = ana.connect().await;
    callback.will_answer([Reply::Status(503), Reply::Status(422)]);
    let message = says(&mut desk, conversation, "Coming").await;
    callback.next().await;
    retried(&house, 1).await;
    sms.writes("2", "+44 7700 900123", "Thank you, I found some").await;
    desk.updated("new_message").await;
    turn(5 * SECOND);
    let failed = becomes(&mut desk, message, "failed").await;
    assert!(failed["undelivered_since"].is_null(), "{failed}");
    assert!(ana.conversation(conversation).await["undelivered_since"].is_null());
    assert!(ana.list("?not_reached=true").await.is_empty());
}
