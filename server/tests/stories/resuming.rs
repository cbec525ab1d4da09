//! Contract 1.6, `resume`: a client that was away is told everything once, in order, and nothing else.

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::common::{House, Person, Socket, until};

fn resume(epoch: &Value, last_seq: &Value, conversations: &[i64]) -> Value {
    json!({
        "type": "resume", "epoch": epoch, "last_seq": last_seq, "conversation_ids": conversations,
    })
}

/// Where a state stands: epoch and seq.
async fn state(person: &Person) -> (Value, Value) {
    let page = person.get("/chat/conversations/").await.expect(200);
    assert!(page["epoch"].as_str().is_some_and(|epoch| !epoch.is_empty()));
    assert!(page["seq"].is_i64());
    (page["epoch"].clone(), page["seq"].clone())
}

/// Resumes: what was missed, and the closing acknowledgment.
async fn catch_up(socket: &mut Socket, command: Value) -> (Vec<Value>, Value) {
    socket.send(command).await;
    let mut missed = Vec::new();
    // What is live before it will be told again: a client drops it.
    while socket.next().await["status"] != "resuming" {}
    loop {
        let frame = socket.next().await;
        if frame["status"] == "resumed" || frame["status"] == "resync_required" {
            return (missed, frame);
        }
        missed.push(frame);
    }
}

/// What Ana has missed: texts that Bob wrote in a conversation of her department while she was away.
struct Missed {
    _house: House,
    ana: Person,
    bob: Person,
    /// Bob's socket.
    desk: Socket,
    conversation: i64,
    epoch: Value,
    seq: Value,
}

impl Missed {
    async fn texts(count: usize) -> Self {
        let house = House::start_with(|config| config.commands_per_second = 0).await;
        let ana = house.staff("ana", &["reception"]).await;
        let bob = house.staff("bob", &["reception", "restaurant"]).await;
        let conversation = house.conversation("reception").await;
        let (epoch, seq) = state(&ana).await;
        let mut desk = bob.connect().await;
        for number in 0..count {
            desk.send_text(conversation, &format!("{number}")).await;
        }
        desk.everything().await;
        Self { _house: house, ana, bob, desk, conversation, epoch, seq }
    }

    /// Ana is back, and asks for it.
    async fn asked_for(&self, conversations: &[i64]) -> Socket {
        let mut socket = self.ana.try_connect().await.unwrap();
        socket.send(resume(&self.epoch, &self.seq, conversations)).await;
        socket
    }
}

fn seqs(frames: &[Value]) -> Vec<i64> {
    frames.iter().map(|frame| frame["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_first_connection_asks_for_nothing_and_learns_where_it_stands() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (mine, foreign) =
        (house.conversation("reception").await, house.conversation("restaurant").await);
    let (epoch, seq) = state(&ana).await;
    let mut socket = ana.try_connect().await.unwrap();
    for known in [Value::Null, json!("another"), epoch.clone()] {
        let command = resume(&known, &Value::Null, &[mine, foreign, 777]);
        let (missed, end) = catch_up(&mut socket, command).await;
        assert!(missed.is_empty(), "{missed:#?}");
        assert_eq!(end["type"], "acknowledgment");
        assert_eq!(end["status"], "resumed");
        assert_eq!(end["epoch"], epoch);
        assert_eq!(end["seq"], seq);
        assert!(end["timestamp"].is_string());
        assert_eq!(end["denied"], json!([foreign, 777]));
        let me = json!({"user_id": ana.id, "user_name": "Ana", "department": "reception"});
        assert_eq!(end["online"], json!([me]));
    }
    // The named one that is hers is subscribed.
    socket.send_text(mine, "Hello").await;
    socket.acknowledged("received").await;
    socket.frame("message").await;
    socket.nothing_more().await;
}

#[tokio::test]
async fn more_than_a_thousand_missed_events_come_in_order_each_once_then_live() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception", "restaurant"]).await;
    let (named, other, foreign) = (
        house.conversation("reception").await,
        house.conversation("reception").await,
        house.conversation("restaurant").await,
    );
    let (epoch, seq) = state(&ana).await;
    let mut bobs = bob.connect().await;
    // 1,200 that concern her, among others that do not.
    for number in 0..600 {
        bobs.send_text(named, &format!("named {number}")).await;
        bobs.send_text(foreign, &format!("foreign {number}")).await;
        bobs.send_text(other, &format!("other {number}")).await;
    }
    bobs.everything().await;

    let mut socket = ana.try_connect().await.unwrap();
    let (missed, end) = catch_up(&mut socket, resume(&epoch, &seq, &[named])).await;
    assert_eq!(end["status"], "resumed");
    assert_eq!(missed.len(), 1200);
    for (number, pair) in missed.chunks(2).enumerate() {
        assert_eq!(pair[0]["type"], "message");
        assert_eq!(pair[0]["data"]["conversation_id"], named);
        assert_eq!(pair[0]["data"]["content"], format!("named {number}"));
        assert_eq!(pair[1]["data"]["type"], "new_message");
        assert_eq!(pair[1]["data"]["data"]["conversation_id"], other);
        assert_eq!(pair[1]["data"]["data"]["last_message_preview"], format!("other {number}"));
    }
    let seen = seqs(&missed);
    assert!(seen.is_sorted_by(|one, next| one < next));
    assert!(seen[0] > seq.as_i64().unwrap());
    assert!(end["seq"].as_i64().unwrap() >= seen[1199]);
    bobs.send_text(named, "live").await;
    let live = socket.frame("message").await;
    assert_eq!(live["data"]["content"], "live");
    assert!(live["seq"].as_i64() > end["seq"].as_i64());
    socket.nothing_more().await;
}

#[tokio::test]
async fn what_is_told_again_is_what_was_told() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception", "restaurant"]).await;
    let conversation = house.conversation("reception").await;
    let (epoch, seq) = state(&ana).await;
    let mut bobs = bob.connect().await;
    bobs.subscribe(conversation).await;
    let mut anas = ana.connect().await;
    anas.subscribe(conversation).await;
    bobs.everything().await;

    let guest = bob.conversation(conversation).await["guest_info"]["id"].clone();
    let change = json!({"name": "Amelia Hart", "whatsapp_number": "+44 7700 900123"});
    bob.patch(&format!("/guests/{guest}/"), change).await.expect(200);
    bobs.send_text(conversation, "One").await;
    bobs.command("mark_read", conversation).await;
    bobs.command("close_conversation", conversation).await;
    bobs.everything().await;
    let body = json!({"conversation_id": conversation});
    bob.post("/chat/conversations/reopen/", body).await.expect(200);
    house.conversation("reception").await;
    let guest = house.guest("900", "Zoe").await;
    let body = json!({"guest_id": guest, "department": "reception", "content": "Welcome"});
    let gone = bob.post("/chat/conversations/create/", body).await.expect(201);
    let body = json!({"conversation_id": gone["id"], "department": "restaurant"});
    bob.post("/chat/conversations/transfer/", body.clone()).await.expect(200);
    let mut back = body;
    back["department"] = json!("reception");
    bob.post("/chat/conversations/transfer/", back).await.expect(200);

    let live = anas.everything().await;
    let kinds: Vec<_> = live
        .iter()
        .map(|frame| frame["data"]["type"].as_str().or(frame["type"].as_str()).unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "guest",
            "line",
            "message",
            "read",
            "closed",
            "delivery",
            "reopened",
            "new_conversation",
            "new_conversation",
            "new_message",
            "transferred",
            "new_conversation"
        ]
    );
    let mut socket = ana.try_connect().await.unwrap();
    let (missed, _) = catch_up(&mut socket, resume(&epoch, &seq, &[conversation])).await;
    assert_eq!(missed.len(), live.len(), "{missed:#?}");
    for (told, again) in live.iter().zip(&missed) {
        let (mut told, mut again) = (told.clone(), again.clone());
        // Names, rooms, read marks, departments, waiting times and how far texts have come are those of now.
        for frame in [&mut told, &mut again] {
            let is_update = frame["type"] == "conversation_update";
            let data = if is_update { &mut frame["data"]["data"] } else { &mut frame["data"] };
            let data = data.as_object_mut().unwrap();
            data.remove("is_read");
            data.remove("last_message_preview");
            data.remove("waiting_since");
            if !is_update {
                data.remove("delivery");
            }
        }
        assert_eq!(told, again);
    }
    // After a restart, too.
    anas.leave().await;
    bobs.leave().await;
    let house = house.restart().await;
    let mut socket = ana.try_connect().await.unwrap();
    let (after, end) = catch_up(&mut socket, resume(&epoch, &seq, &[conversation])).await;
    assert_eq!(end["status"], "resumed");
    assert_eq!(seqs(&after), seqs(&missed));
    drop(house);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_others_go_on_sending_nothing_is_lost_or_told_twice() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let (epoch, seq) = state(&ana).await;
    let mut bobs = bob.connect().await;
    let total = 1500;
    // A second sender, whose pace the reconnecting does not set.
    let sender = tokio::spawn(async move {
        for number in 0..total {
            bobs.send_text(conversation, &format!("{number}")).await;
            if number % 50 == 0 {
                // Not too far ahead of what is written.
                bobs.everything().await;
            }
        }
        bobs.everything().await;
        bobs
    });
    // Ana comes and goes, and says each time what she has.
    let (mut have, mut last) = (Vec::new(), seq);
    while have.len() < total {
        let mut socket = ana.try_connect().await.unwrap();
        let (missed, end) = catch_up(&mut socket, resume(&epoch, &last, &[conversation])).await;
        assert_eq!(end["status"], "resumed");
        have.extend(missed);
        last = end["seq"].clone();
        // And some that are live.
        for _ in 0..30 {
            if have.len() == total {
                break;
            }
            let frame = socket.frame("message").await;
            assert!(frame["seq"].as_i64() > last.as_i64(), "{frame}");
            last = frame["seq"].clone();
            have.push(frame);
        }
    }
    let texts: Vec<_> = have.iter().map(|frame| frame["data"]["content"].clone()).collect();
    let expected: Vec<_> = (0..total).map(|number| json!(number.to_string())).collect();
    assert_eq!(texts, expected);
    assert!(seqs(&have).is_sorted_by(|one, next| one < next));
    sender.await.unwrap();
}

#[tokio::test]
async fn commands_are_carried_out_while_the_past_is_told() {
    let missed = Missed::texts(1_000).await;
    let mut socket = missed.asked_for(&[missed.conversation]).await;
    socket.send_text(missed.conversation, "meanwhile").await;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Value| frame["status"] != "resumed") {
        frames.push(socket.next().await);
    }
    frames.extend(socket.everything().await);
    assert_eq!(frames[0]["status"], "resuming");
    let place = |is: &dyn Fn(&Value) -> bool| frames.iter().position(is).unwrap();
    let acknowledged = place(&|frame| frame["status"] == "received");
    let own = place(&|frame| frame["data"]["content"] == "meanwhile");
    assert!(acknowledged < own, "{acknowledged} {own}");
    let durable: Vec<_> = frames
        .iter()
        .filter(|frame| frame["seq"].is_i64() && frame["data"].is_object())
        .cloned()
        .collect();
    assert_eq!(durable.len(), 1001);
    assert!(seqs(&durable).is_sorted_by(|one, next| one < next));
}

#[tokio::test]
async fn a_later_resume_ends_the_telling_of_an_earlier_one() {
    let mut missed = Missed::texts(1_500).await;
    let mut socket = missed.asked_for(&[missed.conversation]).await;
    socket.send(resume(&missed.epoch, &Value::Null, &[])).await;
    socket.acknowledged("resuming").await;
    // Some of what was missed comes before the second is carried out.
    while socket.next().await["status"] != "resuming" {}
    socket.acknowledged("resumed").await;
    // It asked for no past events, so the connection is live.
    missed.desk.send_text(missed.conversation, "live").await;
    assert_eq!(socket.frame("message").await["data"]["content"], "live");
    socket.nothing_more().await;
}

#[tokio::test]
async fn resuming_again_on_the_same_connection_is_fine() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let (epoch, seq) = state(&ana).await;
    let mut socket = ana.connect().await;
    socket.send_text(conversation, "One").await;
    socket.acknowledged("received").await;
    socket.updated("new_message").await;
    for _ in 0..2 {
        let (missed, end) = catch_up(&mut socket, resume(&epoch, &seq, &[conversation])).await;
        assert_eq!(missed.len(), 1);
        assert_eq!(missed[0]["type"], "message");
        assert_eq!(end["seq"], missed[0]["seq"]);
    }
    // Two at once: the second ends it.
    socket.send(resume(&epoch, &seq, &[])).await;
    let missed = catch_up_all(&mut socket, resume(&epoch, &seq, &[])).await;
    assert!(!missed.is_empty());
    socket.send_text(conversation, "Two").await;
    socket.acknowledged("received").await;
    socket.frame("message").await;
    socket.nothing_more().await;
}

/// As `catch_up`, when another `resume` is on its way already: everything up to the last end.
async fn catch_up_all(socket: &mut Socket, command: Value) -> Vec<Value> {
    socket.send(command).await;
    let (mut begun, mut told) = (0, Vec::new());
    loop {
        let frame = socket.next().await;
        match frame["status"].as_str() {
            Some("resuming") => begun += 1,
            Some("resumed") if begun == 2 => return told,
            Some("resumed") => {}
            _ => told.push(frame),
        }
    }
}

#[tokio::test]
async fn a_past_that_cannot_be_told_asks_for_the_lists_and_subscribes_all_the_same() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let (mine, foreign) =
        (house.conversation("reception").await, house.conversation("restaurant").await);
    let (epoch, seq) = state(&ana).await;
    let future = json!(seq.as_i64().unwrap() + 1);
    let mut adas = house.admin.connect().await;
    for (epoch_said, seq_said) in
        [(json!("another"), &seq), (Value::Null, &seq), (epoch.clone(), &future)]
    {
        let mut socket = ana.try_connect().await.unwrap();
        let command = resume(&epoch_said, seq_said, &[mine, foreign]);
        let (missed, end) = catch_up(&mut socket, command).await;
        assert!(missed.is_empty());
        assert_eq!(end["status"], "resync_required", "{epoch_said} {seq_said}");
        assert_eq!((&end["epoch"], &end["seq"]), (&epoch, &seq));
        assert_eq!(end["denied"], json!([foreign]));
        assert_eq!(end["online"][0]["user_name"], "Ada Min");
        let typing = json!({"type": "typing", "conversation_id": mine, "is_typing": true});
        adas.send(typing).await;
        socket.frame("typing").await;
    }
}

#[tokio::test]
async fn after_seven_days_the_past_is_forgotten() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let start = Timestamp::from_millis(1_790_000_000_000);
    let clock = Clock::standing_at(start);
    let Clock::Manual(now) = clock.clone() else { unreachable!() };
    let turn = move |days: i64| {
        now.store(start.as_millis() + days * DAY, std::sync::atomic::Ordering::SeqCst);
    };
    let house = House::start_with(|config| config.clock = clock).await;
    let ana = house.staff("ana", &["reception"]).await;
    let (epoch, before) = state(&ana).await;
    let old = house.conversation("reception").await;
    let (_, between) = state(&ana).await;
    turn(6);
    house.conversation("reception").await;
    turn(8);
    // The house is kept once an hour, and when it opens.
    let house = house.restart().await;
    let end = crate::common::soon(
        "the old events to be forgotten",
        Box::pin(async {
            loop {
                let mut socket = ana.try_connect().await.unwrap();
                let (missed, end) = catch_up(&mut socket, resume(&epoch, &before, &[old])).await;
                if end["status"] == "resync_required" {
                    return end;
                }
                assert_eq!(missed.len(), 2);
            }
        }),
    )
    .await;
    assert_eq!(end["epoch"], epoch);
    let mut socket = ana.try_connect().await.unwrap();
    let (missed, end) = catch_up(&mut socket, resume(&epoch, &between, &[])).await;
    assert_eq!(end["status"], "resumed");
    assert_eq!(missed.len(), 1);
    // The messages and conversations themselves stay.
    assert_eq!(house.admin.list("").await.len(), 2);
}

#[tokio::test]
async fn a_resume_with_wrong_members_is_refused_and_does_nothing() {
    let house = House::start().await;
    let mut socket = house.staff("ana", &["reception"]).await.connect().await;
    let many: Vec<i64> = (1..=5_001).collect();
    for (command, field) in [
        (json!({"type": "resume", "epoch": 5, "last_seq": null}), "epoch"),
        (json!({"type": "resume", "epoch": "a", "last_seq": "812"}), "last_seq"),
        (json!({"type": "resume", "epoch": "a", "last_seq": -1}), "last_seq"),
        (json!({"type": "resume", "last_seq": 1, "conversation_ids": "1"}), "conversation_ids"),
        (
            json!({"type": "resume", "last_seq": 1, "conversation_ids": [1, "2"]}),
            "conversation_ids",
        ),
        (json!({"type": "resume", "last_seq": 1, "conversation_ids": many}), "conversation_ids"),
    ] {
        socket.send(command).await;
        socket.refused("invalid_field", &format!("Invalid value for {field}")).await;
    }
    socket.nothing_more().await;
}

#[tokio::test]
async fn what_is_handed_away_while_it_is_told_was_told_whole() {
    let missed = Missed::texts(300).await;
    let mut socket = missed.asked_for(&[missed.conversation]).await;
    socket.acknowledged("resuming").await;
    let away = json!({"conversation_id": missed.conversation, "department": "restaurant"});
    missed.bob.post("/chat/conversations/transfer/", away).await.expect(200);
    let mut texts = 0;
    loop {
        let frame = socket.next().await;
        match frame["type"].as_str().unwrap() {
            "message" => texts += 1,
            "conversation_update" => assert_eq!(frame["data"]["type"], "transferred", "{frame}"),
            _ => break assert_eq!(frame["status"], "resumed", "{frame}"),
        }
    }
    assert_eq!(texts, 300);
}

#[tokio::test]
async fn who_is_subscribed_while_much_is_told_hears_the_rest_as_a_subscriber() {
    let missed = Missed::texts(1_500).await;
    let mut socket = missed.asked_for(&[]).await;
    socket.command("subscribe_conversation", missed.conversation).await;
    let mut is_subscribed = false;
    loop {
        let frame = socket.next().await;
        match frame["status"].as_str() {
            Some("subscribed") => is_subscribed = true,
            Some("resumed") => break,
            Some(_) => {}
            None => assert_eq!(frame["type"] == "message", is_subscribed, "{frame}"),
        }
    }
}

#[tokio::test]
async fn conversations_that_are_named_twice_are_denied_once() {
    let house = House::start().await;
    let mut socket = house.staff("ana", &["reception"]).await.connect().await;
    let foreign = house.conversation("restaurant").await;
    let command = resume(&Value::Null, &Value::Null, &[foreign, 777, foreign]);
    let (_, end) = catch_up(&mut socket, command).await;
    assert_eq!(end["denied"], json!([foreign, 777]));
}

#[tokio::test]
async fn what_is_sent_meanwhile_is_carried_out_also_while_nothing_is_read() {
    let house = House::start_with(|config| config.commands_per_second = 0).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let (id, answered) =
        (house.conversation("reception").await, house.conversation("reception").await);
    let (epoch, seq) = state(&ana).await;
    let mut desk = bob.connect().await;
    // More than all buffers between the two hold.
    let long = "x".repeat(4_000);
    for _ in 0..8 {
        for _ in 0..500 {
            desk.send_text(id, &long).await;
        }
        desk.everything().await;
    }
    let mut socket = ana.try_connect().await.unwrap();
    socket.send(resume(&epoch, &seq, &[id])).await;
    socket.acknowledged("resuming").await;
    socket.send_text(answered, "Meanwhile").await;
    until("the text to be stored", || async { ana.texts(answered).await == ["Meanwhile"] }).await;
    let mut texts = 0;
    loop {
        let frame = socket.next().await;
        texts += i32::from(frame["data"]["conversation_id"] == id);
        if frame["status"] == "resumed" {
            break;
        }
    }
    assert_eq!(texts, 4_000);
}

#[tokio::test]
async fn a_replay_that_cannot_be_read_closes_the_connection_with_a_code_of_its_own() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let state = ana.get("/chat/conversations/").await.expect(200);
    house.conversation("reception").await;
    let mut socket = ana.connect().await;
    let file = house.data_dir().join("frontdesk.db");
    let mut database =
        SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let broken = "alter table event rename to event_gone";
    sqlx::raw_sql(broken).execute(&mut database).await.unwrap();
    let resume = json!({
        "type": "resume", "epoch": state["epoch"], "last_seq": state["seq"], "conversation_ids": [],
    });
    socket.send(resume).await;
    socket.acknowledged("resuming").await;
    assert_eq!(socket.close_code().await, 1011);
}
