//! Contract 2: a transfer has a note, can be taken back for 10 s, and can be followed for 24 h.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use frontdesk_server::{clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};

use crate::{
    common::{Answer, Callback, House, Person},
    deliveries::{becomes, says, shown},
};

/// A conversation of reception, whose guest wrote once.
struct Desk {
    house: House,
    id: i64,
    first: Value,
    /// Ana is in reception only.
    ana: Person,
    /// Carl is in housekeeping only.
    carl: Person,
    hand: Arc<AtomicI64>,
}

impl Desk {
    async fn open() -> Self {
        let clock = Clock::standing_at(Timestamp::from_millis(1_795_000_000_000));
        let Clock::Manual(hand) = clock.clone() else { panic!("it goes by itself") };
        let house = House::start_with(|config| config.clock = clock).await;
        let ana = house.staff("ana", &["reception"]).await;
        let carl = house.staff("carl", &["housekeeping"]).await;
        let gateway = house.gateway("sms", None).await;
        let first = gateway.writes("1", "+47 900 11 111", "The tap drips").await;
        let id = first["conversation_id"].as_i64().unwrap();
        Self { house, id, first, ana, carl, hand }
    }

    fn turn(&self, millis: i64) {
        self.hand.fetch_add(millis, Ordering::SeqCst);
    }

    async fn transfer(&self, by: &Person, department: &str) -> Answer {
        let body = json!({"conversation_id": self.id, "department": department});
        by.post("/chat/conversations/transfer/", body).await
    }

    async fn department(&self) -> Value {
        self.house.admin.conversation(self.id).await["department"].clone()
    }

    async fn lines(&self) -> Vec<Value> {
        let path = format!("/chat/conversations/{}/messages/", self.id);
        self.house.admin.get(&path).await.expect(200)["lines"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_note_is_for_the_staff_of_the_new_department_and_may_be_missing() {
    let desk = Desk::open().await;
    let admin = &desk.house.admin;
    let with = async |note: Value, department: &str| {
        let body = json!({"conversation_id": desk.id, "department": department, "note": note});
        admin.post("/chat/conversations/transfer/", body).await
    };
    let longest = "ü".repeat(500);
    for (number, (note, kept)) in [
        (json!("  Please look at the tap \n"), json!("Please look at the tap")),
        (json!(longest), json!(longest)),
        (json!(""), Value::Null),
        (json!(" \n"), Value::Null),
        (json!("\u{200b}\u{3164}"), Value::Null),
        (Value::Null, Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let department = ["housekeeping", "reception"][number % 2];
        with(note.clone(), department).await.expect(200);
        let line = desk.lines().await.pop().unwrap();
        assert_eq!(line["detail"]["note"], kept, "{note:?}");
    }
    for bad in ["ü".repeat(501), "a\0b".to_owned()] {
        let problem = with(json!(bad), "restaurant").await.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "note");
    }
    assert_ne!(desk.department().await, "restaurant");
}

#[tokio::test]
async fn the_person_who_transferred_it_takes_it_back_within_ten_seconds() {
    let desk = Desk::open().await;
    let given = desk.transfer(&desk.ana, "housekeeping").await.expect(200);
    assert_eq!((&given["department"], &given["read_only"]), (&json!("housekeeping"), &json!(true)));
    desk.turn(10_000);
    // Nowhere else, and nobody else.
    desk.transfer(&desk.ana, "restaurant").await.problem(403, "access_denied");
    let bob = desk.house.staff("bob", &["reception"]).await;
    desk.transfer(&bob, "reception").await.problem(403, "access_denied");
    let back = desk.transfer(&desk.ana, "reception").await.expect(200);
    assert_eq!((&back["department"], &back["read_only"]), (&json!("reception"), &Value::Null));
    assert_eq!(desk.department().await, "reception");
    let kinds: Vec<_> = desk.lines().await.iter().map(|line| line["detail"].clone()).collect();
    assert_eq!(kinds[0]["department"], "housekeeping");
    assert_eq!(kinds[1]["department"], "reception");
    assert_eq!(kinds[1]["from_department"], "housekeeping");

    // A moment later it is too late.
    desk.transfer(&desk.ana, "housekeeping").await.expect(200);
    desk.turn(10_001);
    desk.transfer(&desk.ana, "reception").await.problem(403, "access_denied");
    assert_eq!(desk.department().await, "housekeeping");
}

#[tokio::test]
async fn a_transfer_cannot_be_taken_back_after_an_answer() {
    let desk = Desk::open().await;
    desk.transfer(&desk.ana, "housekeeping").await.expect(200);
    let mut socket = desk.carl.connect().await;
    socket.send_text(desk.id, "On my way").await;
    socket.acknowledged("received").await;
    desk.transfer(&desk.ana, "reception").await.problem(403, "access_denied");
    assert_eq!(desk.department().await, "housekeeping");
    // The guest's next message does not end it.
    desk.transfer(&desk.carl, "reception").await.expect(200);
    desk.house.gateway("more", None).await.writes("1", "+47 900 11 111", "Still dripping").await;
    desk.transfer(&desk.carl, "housekeeping").await.expect(200);
    assert_eq!(desk.department().await, "housekeeping");
    // What somebody else did with it meanwhile is not undone either.
    desk.transfer(&desk.carl, "reception").await.expect(200);
    desk.transfer(&desk.ana, "restaurant").await.expect(200);
    desk.transfer(&desk.carl, "housekeeping").await.problem(403, "access_denied");
    assert_eq!(desk.department().await, "restaurant");
}

#[tokio::test]
async fn of_an_answer_the_state_at_the_transfer_is_shown_or_none() {
    let desk = Desk::open().await;
    let mut callback = Callback::start().await;
    let sms = desk.house.gateway("with callback", Some(&callback.url)).await;
    sms.writes("1", "+47 900 11 111", "It gets worse").await;
    let mut socket = desk.ana.connect().await;
    let mut answers = Vec::new();
    for text in ["At once", "On our way"] {
        let message = says(&mut socket, desk.id, text).await;
        becomes(&mut socket, message, "sent").await;
        answers.push((message, callback.next().await.body["delivery_id"].clone()));
    }
    let report = async |delivery_id: &Value, state: &str| {
        let body = json!({"statuses": [{"delivery_id": delivery_id, "state": state}]});
        sms.client.post("/gateway/statuses/", body).await.expect(200)
    };
    let [(read, read_id), (failed, failed_id)] = &answers[..] else { panic!("{answers:?}") };
    report(read_id, "read").await;
    becomes(&mut socket, *read, "read").await;
    desk.turn(1_000);
    desk.transfer(&desk.ana, "housekeeping").await.expect(200);
    desk.turn(1_000);
    report(failed_id, "failed").await;

    let unchanged = shown(&desk.ana, desk.id, *read).await;
    assert_eq!(unchanged["delivery"]["state"], "read");
    assert_eq!((&unchanged["is_read"], &unchanged["channel"]), (&json!(true), &json!("gateway")));
    let changed = shown(&desk.ana, desk.id, *failed).await;
    assert_eq!((&changed["delivery"], &changed["channel"]), (&Value::Null, &Value::Null));
    assert_eq!(changed["is_read"], false);
    assert_eq!(shown(&desk.carl, desk.id, *failed).await["delivery"]["state"], "failed");
}

#[tokio::test]
async fn for_a_day_a_transferred_conversation_can_be_read_as_it_was() {
    let desk = Desk::open().await;
    let mut socket = desk.ana.connect().await;
    socket.send_text(desk.id, "We will see to it").await;
    socket.everything().await;
    let again = desk.house.gateway("again", None).await;
    let waits = again.writes("1", "+47 900 11 111", "It gets worse").await;
    let before = desk.ana.conversation(desk.id).await;
    let path = format!("/chat/conversations/{}/messages/", desk.id);
    let page_before = desk.ana.get(&path).await.expect(200);
    desk.turn(1_000);
    let body = json!({"conversation_id": desk.id, "department": "housekeeping", "note": "Room 12"});
    let given = desk.ana.post("/chat/conversations/transfer/", body).await.expect(200);

    // Much happens afterwards.
    desk.turn(60_000);
    let mut carls = desk.carl.connect().await;
    carls.command("mark_read", desk.id).await;
    carls.send_text(desk.id, "Done").await;
    carls.everything().await;
    let thanks = json!({"external_id": "2", "whatsapp_number": "+47 900 11 111", "content": "Thank you",
        "department": "housekeeping"});
    let thanks = again.message(thanks).await.expect(201);
    assert_eq!(thanks["conversation_id"], desk.id);
    let body = json!({"conversation_id": desk.id});
    desk.carl.post("/chat/conversations/close/", body).await.expect(200);

    let shown = desk.ana.conversation(desk.id).await;
    assert_eq!(shown, given);
    assert_eq!(shown["read_only"], true);
    for (member, expected) in [
        ("department", json!("housekeeping")),
        ("status", json!("active")),
        ("unread_count", json!(0)),
        ("last_message_preview", json!("It gets worse")),
        ("closed_at", Value::Null),
        ("reply_via", Value::Null),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    for member in ["waiting_since", "last_message_at", "created_at", "guest_info", "id"] {
        assert_eq!(shown[member], before[member], "{member}");
    }
    let page = desk.ana.get(&path).await.expect(200);
    let messages = page["results"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2]["id"], waits["message_id"]);
    for (now, then) in messages.iter().zip(page_before["results"].as_array().unwrap()) {
        let mut then = then.clone();
        then["department"] = json!("housekeeping");
        if then["sender_type"] == "staff" {
            // It was given up when the conversation was closed.
            (then["delivery"], then["channel"]) = (Value::Null, Value::Null);
        }
        assert_eq!(*now, then);
    }
    let lines = page["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "the closing is not hers to see");
    assert_eq!(lines[0]["detail"]["note"], "Room 12");

    // She finds it among what she transferred, and by searching; not in her lists.
    for query in
        ["?transferred=true", "?transferred=true&status=all", "?q=900%2011%20111", "?q=guest"]
    {
        assert_eq!(desk.ana.list(query).await, std::slice::from_ref(&shown), "{query}");
    }
    for query in [
        "",
        "?status=all",
        "?status=closed&q=900%2011%20111",
        "?q=nobody",
        "?transferred=true&status=closed",
    ] {
        assert_eq!(desk.ana.list(query).await, Vec::<Value>::new(), "{query}");
    }
    // Nobody else does.
    let bob = desk.house.staff("bob", &["reception"]).await;
    assert_eq!(bob.list("?q=900%2011%20111&status=all").await, Vec::<Value>::new());
    assert_eq!(bob.list("?transferred=true&status=all").await, Vec::<Value>::new());
    bob.get(&path).await.problem(403, "access_denied");

    // Everything else is refused.
    socket.everything().await;
    for command in ["subscribe_conversation", "mark_read", "close_conversation"] {
        socket.command(command, desk.id).await;
        socket.refused("access_denied", "Access denied to this conversation").await;
    }
    socket.send_text(desk.id, "And?").await;
    socket.refused("access_denied", "Access denied to this conversation").await;
    for call in ["close", "reopen"] {
        let body = json!({"conversation_id": desk.id});
        desk.ana
            .post(&format!("/chat/conversations/{call}/"), body)
            .await
            .problem(403, "access_denied");
    }
    socket
        .send(json!({"type": "resume", "epoch": null, "last_seq": null,
        "conversation_ids": [desk.id]}))
        .await;
    socket.acknowledged("resuming").await;
    assert_eq!(socket.acknowledged("resumed").await["denied"], json!([desk.id]));

    // A day after the transfer it is over.
    desk.turn(24 * 3_600_000 - 60_000 - 1);
    assert_eq!(desk.ana.list("?transferred=true").await.len(), 1);
    desk.turn(1);
    desk.ana.get(&path).await.problem(403, "access_denied");
    desk.ana.get(&format!("/chat/conversations/{}/", desk.id)).await.problem(403, "access_denied");
    assert_eq!(desk.ana.list("?transferred=true").await, Vec::<Value>::new());
    assert_eq!(desk.first["conversation_id"], desk.id);
}

#[tokio::test]
async fn transfers_that_can_be_read_anyway_are_listed_in_their_present_state() {
    let desk = Desk::open().await;
    let dora = desk.house.staff("dora", &["reception", "housekeeping"]).await;
    desk.transfer(&dora, "housekeeping").await.expect(200);
    let mut socket = desk.carl.connect().await;
    socket.send_text(desk.id, "Done").await;
    socket.everything().await;
    let shown = dora.conversation(desk.id).await;
    assert_eq!(shown["last_message_preview"], "Done");
    assert!(shown["read_only"].is_null());
    assert_eq!(dora.list("?transferred=true").await, std::slice::from_ref(&shown));
    assert_eq!(dora.list("?q=900%2011%20111").await, [shown]);
    // Back where it was, it is not transferred any more.
    desk.transfer(&desk.carl, "reception").await.expect(200);
    assert_eq!(dora.list("?transferred=true").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_long_list_of_transfers_comes_in_pages() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let id = house.conversation("reception").await;
        let body = json!({"conversation_id": id, "department": "restaurant"});
        ana.post("/chat/conversations/transfer/", body).await.expect(200);
        ids.push(id);
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut query = "?transferred=true&limit=2".to_owned();
    loop {
        let page = ana.get(&format!("/chat/conversations/{query}")).await.expect(200);
        let rows = page["results"].as_array().unwrap().clone();
        seen.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?transferred=true&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ids);
}
